"""`make run`: sandbox, worker and web server as one group of processes, for a person who tries or develops this.

    PORT=8010 python -m backoffice.supervise

Everything that it keeps lives in `var/` (for ports other than 8000 in `var/<port>/`, so that several run side by side).
The settings in force are written to `demo.env` there, for commands by hand; the environment and `.env` win over ours.

A remote that is not ours gets no demo data: only the sandbox that is started here does. No process stays behind,
however this one ends. Production has a service manager of its own and does not use this module.
"""

import argparse
import ctypes
import http.client
import os
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

from backoffice.environment import read_file

BASE_DIR = Path(__file__).resolve().parent.parent
DEFAULT_PORT = 8000
LOOPBACK = ("127.0.0.1", "localhost", "::1")
TICK = 0.1  # seconds between two looks at the children
GRACE = 10.0  # seconds from TERM to KILL
START_TIMEOUT = 60.0  # seconds until a server must answer
LONGEST_PAUSE = 30.0  # seconds before a child that keeps dying is started again
PR_SET_PDEATHSIG = 1  # Linux, prctl(2)
HELP = """\
Everything is said by variables of the environment or of .env (ENV_FILE names another file):
  PORT            where it serves; the sandbox takes the port after it (default: 8000)
  PUBLIC_URL      our own address, if it is another
  DATABASE_URL    another database than a new one in var/
  IRECA_URL       another iRECA than a sandbox that is started here: it gets no demo data
README.md lists all settings. DEBUG=0 is refused: that is a production, which this does not start.
"""
SANDBOX_SPEED = "60"  # its couriers work a minute in each second
GUNICORN = [
    *(sys.executable, "-m", "gunicorn", "backoffice.wsgi"),
    *("--worker-class", "gthread", "--threads", "8", "--no-control-socket", "--log-level", "warning"),
]


class Stop(Exception):
    """Someone asked us to end."""


class Failure(Exception):
    """We cannot go on; the text tells a person why and what to do."""


# The demo's environment


@dataclass(frozen=True)
class Demo:
    """What one `make run` works with.

    `sandbox_port` is None when IRECA_URL leads to something that we did not start, which must not get demo data.
    """

    port: int
    home: Path
    values: Mapping[str, str]
    sandbox_port: int | None

    @property
    def env_file(self) -> Path:
        return self.home / "demo.env"


def prepare(given: Mapping[str, str], base: Path = BASE_DIR) -> Demo:
    """Settle the settings from the given ones, and write them to `demo.env`. Secrets made up here survive restarts.

    Raises Failure when the given settings are those of a production, or a port is taken.
    """
    port = _port(given.get("PORT") or str(DEFAULT_PORT))
    if given.get("DEBUG", "1").lower() in ("0", "false", "no", "off"):
        raise Failure(
            "DEBUG is off, so these are settings of a production: `make run` does not touch it. See README.md."
        )
    if not _is_free(port):
        raise Failure(f"Port {port} is taken by another program. Choose another one: PORT={port + 10} make run")
    home = base / "var" if port == DEFAULT_PORT else base / "var" / str(port)
    home.mkdir(parents=True, exist_ok=True)
    env_file = home / "demo.env"
    kept = read_file(env_file)

    def secret(name: str) -> str:
        return given.get(name) or kept.get(name) or secrets.token_urlsafe(32)

    values = {
        "DEBUG": "1",
        "PORT": str(port),
        "PUBLIC_URL": given.get("PUBLIC_URL") or f"http://127.0.0.1:{port}",
        "DATABASE_URL": given.get("DATABASE_URL") or f"sqlite:///{(home / 'db.sqlite3').relative_to(base)}",
        "SECRET_KEY": secret("SECRET_KEY"),
        "IRECA_URL": given.get("IRECA_URL") or f"http://127.0.0.1:{port + 1}/api/v1",
        "IRECA_TOKEN": secret("IRECA_TOKEN"),
        "CALLBACK_SECRET": secret("CALLBACK_SECRET"),
        "DEMO_TOKEN": secret("DEMO_TOKEN"),
        "BIFIT_PASSWORD": secret("BIFIT_PASSWORD"),
        # Mails of the demo are files that one can read.
        "EMAIL_URL": given.get("EMAIL_URL") or f"filemail:///{home / 'mail'}",
        "DEFAULT_FROM_EMAIL": given.get("DEFAULT_FROM_EMAIL") or "office@example.com",
    }
    sandbox_port = _sandbox_port(values["IRECA_URL"])
    if sandbox_port is not None:
        # The sandbox has no cabinet, so what partners create through the API is created through iRECA's API as well.
        values["IRECA_MODE"] = given.get("IRECA_MODE") or "api"
        values |= _registers(given, values["IRECA_URL"])
    if sandbox_port is None and not given.get("IRECA_URL"):
        raise Failure(f"Port {port + 1}, for the sandbox, is taken by another program. Try: PORT={port + 10} make run")
    env_file.touch(mode=0o600)
    env_file.write_text("".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items()))
    return Demo(port, home, values, sandbox_port)


def _registers(given: Mapping[str, str], ireca_url: str) -> dict[str, str]:
    """The register services of the sandbox, on the server that emulates iRECA."""
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(ireca_url))
    demo = {
        "BIFIT_URL": f"{origin}/cashdesk-api/v1",
        "BIFIT_USERNAME": "79775553322",
        "BIFIT_ORGANIZATION_ID": "demo-organization",
        "BIFIT_TRADE_OBJECT_ID": "demo-shop",
        "VIRTPOS_URL": f"{origin}/api",
        "VIRTPOS_API_KEY": "MySecret",
    }
    return {name: given.get(name) or value for name, value in demo.items()}


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65535:
        raise Failure(f"PORT is {text!r}, but must be a number from 1 to 65534 (the sandbox takes the one after it).")
    return int(text)


def _sandbox_port(ireca_url: str) -> int | None:
    """Where the sandbox has to listen, or None when the address leads elsewhere or to a server that runs already."""
    address = urlsplit(ireca_url)
    if address.hostname not in LOOPBACK or address.port is None or not _is_free(address.port):
        return None
    return address.port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


# The processes


def _die_with_parent(parent: int) -> Callable[[], None] | None:
    """What a new child does so that the kernel ends it when we are killed; None where the kernel cannot."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)

    def arrange() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # we died before the line above could work
            os._exit(1)

    return arrange


def say(name: str, text: str) -> None:
    """Print a line of a process. A terminal that went away is no reason to fail: its hang-up ends us in good order."""
    try:
        print(f"{name:>8} | {text}", flush=True)
    except OSError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # stays open until the end


@dataclass
class Child:
    """One process that we started, with a thread that prints its output line by line.

    It is the head of a process group of its own: Ctrl-C in the terminal reaches us alone, and we end all in good order.
    """

    name: str
    command: list[str]
    env: Mapping[str, str]
    keep_lines: bool = False
    lines: list[str] = field(default_factory=list)
    pause: float = 1.0
    due: float | None = None

    def start(self) -> None:
        """From the main thread only: the kernel's death signal comes when the starting thread ends, not the process."""
        self.due = None
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603  # our own commands, without a shell
            self.command,
            cwd=BASE_DIR,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            process_group=0,
            preexec_fn=_die_with_parent(os.getpid()),
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
                if self.keep_lines:
                    self.lines.append(line.rstrip())
                else:
                    say(self.name, line.rstrip())

    def signal(self, number: int) -> None:
        """To the whole group, as long as anything of it is alive."""
        try:
            os.killpg(self.process.pid, number)
        except (ProcessLookupError, PermissionError):  # macOS says the latter of a group that has just ended
            return

    def restart_when_due(self) -> None:
        """Start a process again that ended by itself, later and later if it keeps ending at once."""
        now = time.monotonic()
        if self.due is None:
            if now - self.started_at > 2 * LONGEST_PAUSE:
                self.pause = 1.0
            say("run", f"{self.name} ended ({_status(self.process.returncode)}), starts again in {self.pause:.0f} s")
            self.due = now + self.pause
            self.pause = min(2 * self.pause, LONGEST_PAUSE)
        elif now >= self.due:
            self.start()


def _status(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"


class Supervisor:
    """Starts everything in order, watches it, and ends it."""

    def __init__(self, demo: Demo, environment: Mapping[str, str]) -> None:
        self.demo = demo
        # ENV_FILE is emptied because everything that `.env` says is in the environment already.
        self.env = {**environment, **demo.values, "ENV_FILE": "", "PYTHONUNBUFFERED": "1"}
        self.parent = os.getppid()
        self.children: list[Child] = []
        self.signals: list[int] = []

    def run(self) -> None:
        """Raises Stop when someone asks to end, Failure when it cannot go on; all processes are gone by then."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
                continue  # nohup
            signal.signal(number, self._on_signal)
        try:
            self._start_all()
            self._watch()
        finally:
            self._end_all()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.signals.append(number)

    def _tick(self) -> None:
        if self.signals:
            raise Stop(signal.Signals(self.signals[0]).name)
        if os.getppid() != self.parent:
            raise Stop("the process that started this one is gone")
        time.sleep(TICK)

    def _start_all(self) -> None:
        demo = self.demo
        self._do("migrate", "migrate", "--verbosity=1")
        users: list[str] = []
        if demo.sandbox_port is not None:
            state = str(demo.home / "sandbox.sqlite3")
            sandbox = self._start(
                "sandbox", "sandbox", "--port", str(demo.sandbox_port), "--state", state, "--speed", SANDBOX_SPEED
            )
            self._wait_for(sandbox, demo.sandbox_port, "/")
            users = self._do("demo", "demo", keep_lines=True)
        self._start("worker", "worker")
        web = self._start("web", command=[*GUNICORN, "--bind", f"127.0.0.1:{demo.port}"])
        self._wait_for(web, demo.port, "/healthz", status=200)
        for line in self._welcome(users):
            say("run", line)

    def _welcome(self, users: list[str]) -> list[str]:
        demo = self.demo
        hint = f"By hand: ENV_FILE={demo.env_file.relative_to(BASE_DIR)} .venv/bin/python manage.py …"
        if demo.sandbox_port is None:
            users = [
                f"IRECA_URL is {demo.values['IRECA_URL']}, which was not started here: no sandbox, and no demo data.",
                "For a user: manage.py createsuperuser",
            ]
        return ["", f"Ready: http://127.0.0.1:{demo.port}/admin/", *users, hint, "Ctrl-C ends it.", ""]

    def _start(self, name: str, *arguments: str, command: list[str] | None = None, keep_lines: bool = False) -> Child:
        child = Child(name, command or [sys.executable, "manage.py", *arguments], self.env, keep_lines)
        self.children.append(child)
        child.start()
        return child

    def _do(self, name: str, *arguments: str, keep_lines: bool = False) -> list[str]:
        """Run a command to its end. Returns its output if that is to be kept, else it was printed."""
        child = self._start(name, *arguments, keep_lines=keep_lines)
        while child.process.poll() is None:
            self._tick()
        child.reader.join(timeout=GRACE)
        self.children.remove(child)
        if code := child.process.returncode:
            for line in child.lines:
                say(name, line)
            raise Failure(f"`manage.py {arguments[0]}` failed ({_status(code)}); its own words are above.")
        return child.lines

    def _wait_for(self, child: Child, port: int, path: str, status: int | None = None) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while not _answers(port, path, status):
            self._tick()
            if child.process.poll() is not None:
                raise Failure(f"{child.name} ended ({_status(child.process.returncode)}); its own words are above.")
            if time.monotonic() > deadline:
                raise Failure(f"{child.name} does not answer on port {port} after {START_TIMEOUT:.0f} s.")

    def _watch(self) -> None:
        while True:
            self._tick()
            for child in self.children:
                if child.process.poll() is None:
                    continue
                if child.name == "web":
                    raise Failure(f"web ended ({_status(child.process.returncode)}); its own words are above.")
                child.restart_when_due()

    def _end_all(self) -> None:
        """TERM to all, KILL to those that are left after GRACE, or at once on a second signal."""
        asked = len(self.signals)
        deadline = time.monotonic() + GRACE
        for child in self.children:
            child.signal(signal.SIGTERM)
        while any(child.process.poll() is None for child in self.children):
            if time.monotonic() > deadline or len(self.signals) > max(asked, 1):
                break
            time.sleep(TICK)
        for child in self.children:
            child.signal(signal.SIGKILL)
            child.process.wait()
            child.reader.join(timeout=1)


def _answers(port: int, path: str, status: int | None) -> bool:
    """Whether a web server on this port answers a GET (with this status, if one is given)."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return status in (None, connection.getresponse().status)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def main(arguments: list[str] | None = None) -> int:
    """Exit status 0 when someone asked to end, 1 when something failed, 2 for arguments: it takes none."""
    argparse.ArgumentParser(
        prog="python -m backoffice.supervise",
        description="Start a demo: sandbox, worker and web server, with data in var/, until Ctrl-C.",
        epilog=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args(arguments)
    env_file = Path(os.environ.get("ENV_FILE", str(BASE_DIR / ".env")))
    environment = {**read_file(env_file), **os.environ}
    try:
        Supervisor(prepare(environment), environment).run()
    except Stop as reason:
        say("run", f"Ended ({reason}).")
    except KeyboardInterrupt:
        say("run", "Ended before anything was started.")
    except Failure as error:
        say("run", str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
