"""`make run`: what environment it settles on, and that no process outlives it, however it ends."""

import os
import signal
import socket
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backoffice import supervise
from backoffice.environment import read_file
from backoffice.supervise import Demo, Failure, Supervisor, prepare

REAL_REMOTE = "https://ireca.example.com/api/v1"


def free_pair(first: int) -> int:
    """A port that is free, and whose next one is; below those that the system hands out to other tests meanwhile."""
    for number in range(first + os.getpid() % 5000, first + 10_000):
        try:
            for neighbour in (number, number + 1):
                socket.create_server(("127.0.0.1", neighbour)).close()
        except OSError:
            continue
        return number
    raise AssertionError("no free ports")


@pytest.fixture
def port() -> int:
    return free_pair(11_000)


@pytest.fixture
def listener() -> Iterator[int]:
    """A taken port whose lower neighbour is free."""
    with socket.create_server(("127.0.0.1", free_pair(21_000) + 1)) as server:
        yield int(server.getsockname()[1])


def test_a_demo_stands_on_loopback_and_keeps_its_secrets(tmp_path: Path, port: int) -> None:
    first = prepare({"PORT": str(port)}, tmp_path)
    second = prepare({"PORT": str(port)}, tmp_path)

    assert first.values["IRECA_URL"] == f"http://127.0.0.1:{port + 1}/api/v1"
    assert first.sandbox_port == port + 1
    assert first.values["DATABASE_URL"] == f"sqlite:///var/{port}/db.sqlite3"
    assert first.values["IRECA_MODE"] == "api"
    assert len(first.values["DEMO_TOKEN"]) > 40
    assert first.values == second.values == read_file(first.env_file)
    assert stat.S_IMODE(first.env_file.stat().st_mode) == 0o600


def test_given_values_win(tmp_path: Path, port: int) -> None:
    demo = prepare({"PORT": str(port), "IRECA_TOKEN": "mine # and 'only' mine", "IRECA_MODE": "cabinet"}, tmp_path)

    assert demo.values["IRECA_MODE"] == "cabinet"
    assert demo.values["IRECA_TOKEN"] == "mine # and 'only' mine"
    assert read_file(demo.env_file)["SECRET_KEY"] == demo.values["SECRET_KEY"]


def test_a_remote_that_is_not_ours_gets_no_sandbox(tmp_path: Path, port: int, listener: int) -> None:
    for url in (REAL_REMOTE, f"http://127.0.0.1:{listener}/api/v1"):
        demo = prepare({"PORT": str(port), "IRECA_URL": url}, tmp_path)
        assert demo.sandbox_port is None
        assert "IRECA_MODE" not in demo.values


def test_a_remote_that_is_not_ours_gets_no_demo_data(
    monkeypatch: pytest.MonkeyPatch, port: int, tmp_path: Path
) -> None:
    demo = Demo(port, tmp_path, {"IRECA_URL": REAL_REMOTE}, sandbox_port=None)
    supervisor = Supervisor(demo, os.environ)
    monkeypatch.setattr(supervise, "BASE_DIR", tmp_path)
    (tmp_path / "manage.py").write_text("import sys; print(sys.argv[1:], file=open('ran', 'a'))")
    monkeypatch.setattr(supervise, "GUNICORN", [sys.executable, "-m", "http.server"])

    with pytest.raises(Failure, match="web ended"):  # http.server does not know --bind's form, so it ends at once
        supervisor.run()

    assert "migrate" in (tmp_path / "ran").read_text()
    assert "demo" not in (tmp_path / "ran").read_text()


@pytest.mark.parametrize(
    ("given", "message"),
    [({"DEBUG": "0"}, "production"), ({"PORT": "http"}, "PORT is 'http'"), ({"PORT": "65535"}, "PORT is '65535'")],
)
def test_what_it_does_not_start_with(tmp_path: Path, given: dict[str, str], message: str) -> None:
    with pytest.raises(Failure, match=message):
        prepare(given, tmp_path)
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize(("argument", "status"), [("--help", 0), ("--port=8010", 2), ("8010", 2)])
def test_arguments_start_nothing(
    argument: str, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(supervise, "prepare", lambda given: pytest.fail("it was started"))

    with pytest.raises(SystemExit) as end:
        supervise.main([argument])
    assert end.value.code == status
    told = capsys.readouterr()
    assert ("PORT " in told.out) is (status == 0)
    assert ("unrecognized arguments" in told.err) is (status == 2)


def test_a_taken_port_is_said_to_be_taken(tmp_path: Path, listener: int) -> None:
    with pytest.raises(Failure, match=f"Port {listener} is taken"):
        prepare({"PORT": str(listener)}, tmp_path)
    with pytest.raises(Failure, match=f"Port {listener}, for the sandbox, is taken"):
        prepare({"PORT": str(listener - 1)}, tmp_path)


# A supervisor whose only child ignores TERM and has a child of its own, as stubborn as a process can be.
STUBBORN = """
    import os, sys
    import signal
    from pathlib import Path
    from backoffice import supervise

    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever runs the tests may ignore it, and we would too
    supervise.GRACE = 0.5
    demo = supervise.Demo(8000, Path(), {}, None)
    supervisor = supervise.Supervisor(demo, os.environ)
    def start():
        code = "import signal, subprocess, sys, os, time;"
        code += "signal.signal(signal.SIGTERM, signal.%s);" % sys.argv[1]
        code += "p = subprocess.Popen(['sleep', '60']);"
        code += "print(os.getpid(), p.pid, flush=True);"
        code += "time.sleep(60)"
        supervisor._start("worker", command=[sys.executable, "-c", code])
    supervisor._start_all = start
    try:
        supervisor.run()
    except supervise.Stop as stop:
        print("stopped by", stop, flush=True)
"""


def start_stubborn(term: str) -> tuple["subprocess.Popen[str]", list[int]]:
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(STUBBORN), term],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    return process, [int(pid) for pid in process.stdout.readline().split("|")[1].split()]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_gone(pids: list[int]) -> list[int]:
    deadline = time.monotonic() + 5
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return [pid for pid in pids if alive(pid)]


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at /proc")


@linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_all_even_those_that_ignore_it(number: signal.Signals) -> None:
    process, pids = start_stubborn("SIG_IGN")

    process.send_signal(number)
    output, _ = process.communicate(timeout=10)

    assert wait_until_gone(pids) == []
    assert output == f"stopped by {number.name}\n"
    assert process.returncode == 0


@linux
def test_killing_it_ends_its_children() -> None:
    process, (child, grandchild) = start_stubborn("SIG_DFL")

    process.kill()
    process.communicate(timeout=10)

    assert wait_until_gone([child]) == []
    os.kill(grandchild, signal.SIGKILL)  # a worker of ours looks after its own; `sleep` does not


@linux
def test_it_ends_when_its_parent_is_gone() -> None:
    shell = subprocess.Popen(
        ["sh", "-c", '"$0" -c "$1" SIG_DFL & wait', sys.executable, textwrap.dedent(STUBBORN)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert shell.stdout is not None
    pids = [int(pid) for pid in shell.stdout.readline().split("|")[1].split()]

    shell.kill()

    assert wait_until_gone(pids) == []
    shell.communicate(timeout=10)


def test_a_process_that_ended_starts_again_later_and_later(monkeypatch: pytest.MonkeyPatch) -> None:
    child = supervise.Child("worker", [sys.executable, "-c", ""], os.environ)
    child.start()
    child.process.wait()
    child.reader.join()
    first = child.process.pid

    child.restart_when_due()
    assert child.process.pid == first
    now = time.monotonic()
    monkeypatch.setattr(supervise.time, "monotonic", lambda: now + 1.1)
    child.restart_when_due()

    assert child.process.pid != first
    assert child.pause == 2.0
    child.process.wait()
    child.reader.join()
