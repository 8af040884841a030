"""gunicorn, for systemd and containers alike: `gunicorn -c deploy/gunicorn.conf.py backoffice.wsgi`."""

import os
import sys


def _count(name: str, usual: int) -> int:
    text = os.environ.get(name, str(usual))
    if not text.isdecimal() or text == "0":
        sys.exit(f"Settings: {name} is {text!r}, but must be a whole number of 1 or more.")
    return int(text)


wsgi_app = "backoffice.wsgi"
bind = os.environ.get("BIND", "127.0.0.1:8000")
workers = _count("WEB_CONCURRENCY", 2)
worker_class = "gthread"
threads = _count("WEB_THREADS", 8)
timeout = 60  # a process that says nothing for so long is replaced
graceful_timeout = 30  # for what is under way when it is told to stop
keepalive = 5
max_requests, max_requests_jitter = 5000, 500  # memory that leaked is given back, not by all at once
worker_tmp_dir = "/dev/shm"  # noqa: S108  # heartbeats are files: on a disk that is slow they would kill processes
control_socket_disable = True
secure_scheme_headers: dict[str, str] = {}  # who asked by HTTPS is told to Django, where TRUST_FORWARDED_PROTO says so
preload_app = False  # each process reads settings and code for itself, so a reload (HUP) reads them anew
errorlog = "-"
logger_class = "backoffice.gunicorn_log.Log"  # a record for each request, secrets in addresses masked
