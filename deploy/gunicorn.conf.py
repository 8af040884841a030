"""gunicorn, for systemd and containers alike: `gunicorn -c deploy/gunicorn.conf.py backoffice.wsgi`."""

import os

wsgi_app = "backoffice.wsgi"
bind = os.environ.get("BIND", "127.0.0.1:8000")
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
worker_class = "gthread"
threads = int(os.environ.get("WEB_THREADS", "8"))
timeout = 60  # a process that says nothing for so long is replaced
graceful_timeout = 30  # for what is under way when it is told to stop
keepalive = 5
max_requests, max_requests_jitter = 5000, 500  # memory that leaked is given back, not by all at once
worker_tmp_dir = "/dev/shm"  # noqa: S108  # heartbeats are files: on a disk that is slow they would kill processes
control_socket_disable = True
preload_app = False  # a new release is read by new processes: `systemctl reload` starts them one by one
accesslog = None  # the proxy writes one
errorlog = "-"
logger_class = "backoffice.gunicorn_log.Log"  # secrets in addresses are masked
