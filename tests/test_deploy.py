"""What the files under deploy/ promise: nobody is root, nothing but `var/` is written, secrets are files."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from backoffice.settings import BASE_DIR
from tests.broker import free_port

DEPLOY = BASE_DIR / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yml").read_text())
OURS = ("migrate", "web", "worker", "celery", "beat")


@pytest.mark.parametrize("name", sorted(COMPOSE["services"]))
def test_a_service_can_write_nothing_and_has_no_rights(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert "privileged" not in service
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"])


@pytest.mark.parametrize("name", OURS)
def test_our_services_run_one_image_and_have_their_secrets_in_files(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["image"] == "backoffice"
    assert service["volumes"] == ["var:/srv/backoffice/var"]
    assert service["environment"]["SECRETS_DIR"] == "/run/secrets"
    assert not set(COMPOSE["secrets"]) & set(service["environment"])


def test_nobody_works_before_the_migrations_are_there() -> None:
    for name in set(OURS) - {"migrate"}:
        assert COMPOSE["services"][name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_migrations_that_fail_end() -> None:
    """Tried again without an end they would keep `up` waiting for ever, and nobody would see why."""
    assert re.fullmatch(r"on-failure:\d+", COMPOSE["services"]["migrate"]["restart"])


def test_the_image_is_built_by_nothing_that_is_fetched_besides() -> None:
    assert "# syntax" not in (DEPLOY / "Dockerfile").read_text()


def test_the_image_is_not_roots_and_has_only_what_runs() -> None:
    lines = [line.strip() for line in (DEPLOY / "Dockerfile").read_text().splitlines() if line[:1] not in ("#", "")]
    last = max(number for number, line in enumerate(lines) if line.startswith("FROM "))
    final = lines[last:]
    assert sum(line.startswith("FROM ") for line in lines) == 2
    assert "USER 10001:10001" in final
    assert not any(line.startswith(("RUN", "COPY", "ADD")) for line in final[final.index("USER 10001:10001") :])
    assert any(line.startswith("HEALTHCHECK") for line in final)
    assert "--require-hashes" in "".join(lines)
    ignored = (BASE_DIR / ".dockerignore").read_text().splitlines()
    assert ignored[0] == "*"  # what is not named is not sent: neither .env nor var/
    copied = [line.split()[1:-1] for line in lines[:last] if line.startswith("COPY")]
    assert {f"!{name}" for names in copied for name in names} <= set(ignored)
    assert all((BASE_DIR / name).exists() for names in copied for name in names)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_is_hardened(unit: Path) -> None:
    said = dict(line.split("=", 1) for line in unit.read_text().splitlines() if "=" in line)
    assert said["User"] == "backoffice"
    assert said["ProtectSystem"] == "strict"
    assert said["NoNewPrivileges"] == "yes"
    assert said["CapabilityBoundingSet"] == ""
    assert said["UMask"] == "0077"


# What systemd does: the socket is descriptor 3, and the process is told that it is to have it.
HAND_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.executable, [sys.executable, "-m", "gunicorn", *sys.argv[2:]])
"""


def test_gunicorn_takes_the_socket_that_systemd_listens_on(tmp_path: Path) -> None:
    """As with backoffice-web.socket: who asks while nobody is there to answer waits, and is not refused."""
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as listening:
        environment = {
            "PATH": os.environ["PATH"],
            "BIND": "127.0.0.1:1",
            "WEB_CONCURRENCY": "1",
            "PYTHONPATH": str(tmp_path),
        }
        (tmp_path / "answer.py").write_text("def application(e, start):\n start('200 OK', [])\n return [b'here']\n")
        conf = [
            "-c",
            str(DEPLOY / "gunicorn.conf.py"),
            "--logger-class",
            "gunicorn.glogging.Logger",
            "answer:application",
        ]
        for _ in range(2):
            with socket.create_connection(("127.0.0.1", port), timeout=60) as early:
                early.sendall(b"GET / HTTP/1.0\r\n\r\n")
                process = subprocess.Popen(
                    [sys.executable, "-c", HAND_OVER, str(listening.fileno()), *conf],
                    cwd=tmp_path,
                    env=environment,
                    pass_fds=[listening.fileno()],
                )
                try:
                    assert early.makefile("rb").read().endswith(b"here")
                    process.send_signal(signal.SIGTERM)
                    assert process.wait(timeout=60) == 0
                finally:
                    process.kill()


def test_web_listens_on_the_same_address_with_the_socket_and_without() -> None:
    unit = (DEPLOY / "systemd" / "backoffice-web.socket").read_text()
    assert "ListenStream=127.0.0.1:8000\n" in unit
    assert '"BIND", "127.0.0.1:8000"' in (DEPLOY / "gunicorn.conf.py").read_text()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_systemd_reads_the_units(tmp_path: Path) -> None:
    for file in (DEPLOY / "systemd").iterdir():
        text = file.read_text().replace("/srv/backoffice/.venv/bin/", "/bin/")
        for program in ("gunicorn", "python", "celery"):
            text = text.replace(f"ExecStart=/bin/{program} ", "ExecStart=/bin/true ")
        (tmp_path / file.name.replace("@.", "@1.")).write_text(text)
    result = subprocess.run(
        ["systemd-analyze", "verify", *map(str, sorted(tmp_path.iterdir()))], capture_output=True, text=True, timeout=60
    )
    wrong = ("Unknown", "Invalid", "Failed to parse", "lacks")
    assert [line for line in result.stderr.splitlines() if any(word in line for word in wrong)] == []


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Path]:
    """A copy of what the image holds, of which all but `var/` is made read-only."""
    copy = tmp_path / "backoffice"
    copy.mkdir()
    for name in ("manage.py", "backoffice", "catalog", "couriers", "fiscal", "orders", "templates", "deploy"):
        source = BASE_DIR / name
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, copy / name, ignore=ignore) if source.is_dir() else shutil.copy(source, copy / name)
    (copy / "var").mkdir()
    yield copy
    for path in (copy, *copy.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


@pytest.mark.slow
def test_a_page_is_served_from_a_checkout_that_nobody_may_write(checkout: Path, tmp_path: Path) -> None:
    """The steps of the Dockerfile, then gunicorn as compose.yml starts it."""
    port, secrets = free_port(), tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "SECRET_KEY").write_text("k" * 30 + "V3qX9fQmT0aW7vLr2bN8yHc5dJ1gPs6uEi4oKxBw\n")
    (secrets / "FIELD_KEYS").write_text("one\n")
    environment = {
        "PATH": os.environ["PATH"],
        "ENV_FILE": "",
        "SECRETS_DIR": str(secrets),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "BIND": f"127.0.0.1:{port}",
        "WEB_CONCURRENCY": "1",
        "SSL_REDIRECT": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
    }

    def manage(*arguments: str) -> None:
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr

    manage("collectstatic", "--noinput", "-v0")
    manage("migrate", "-v0")
    before = sorted(checkout.rglob("*"))
    gunicorn = [sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py"]
    process = subprocess.Popen([*_read_only(checkout), *gunicorn], cwd=checkout, env=environment)
    try:
        assert _get(f"http://127.0.0.1:{port}/readyz").startswith("ok")
        assert "csrfmiddlewaretoken" in _get(f"http://127.0.0.1:{port}/admin/login/")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
    after = {path for path in checkout.rglob("*") if not path.is_relative_to(checkout / "var")}
    assert after <= set(before)


MOUNT = """
mount --bind "$0/var" /mnt && mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && mount --bind /mnt "$0/var" &&
cd "$0" && ! touch manage.py 2>/dev/null && exec "$@"
"""


def _read_only(checkout: Path) -> list[str]:
    """What starts a command in a checkout that is read-only but for `var/`. Rights do not stop root: a mount does."""
    if os.getuid() == 0:
        if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
            pytest.skip("root may not mount here")
        return ["unshare", "--mount", "sh", "-c", MOUNT, str(checkout)]
    for path in (checkout, *checkout.rglob("*")):
        if not path.is_relative_to(checkout / "var"):
            path.chmod(0o555 if path.is_dir() else 0o444)
    return []


def _get(url: str) -> str:
    end = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return answer.read().decode()
        except OSError:
            assert time.monotonic() < end, "it does not answer"
            time.sleep(0.3)
