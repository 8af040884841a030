"""Django settings, read from the environment: a variable wins over the `.env` file, which wins over the default here.

`ENV_FILE` names the file (default `.env` beside `manage.py`; empty reads none). README.md lists the variables.
A remote without its settings is off. How settings become a client: `backoffice/sync/connection.py`.
"""

import os
from datetime import timedelta
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _

from backoffice.environment import Environment, load, load_directory

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"

env = Environment()
ENV_FILE: Path | None = None
if _env_file := os.environ.get("ENV_FILE", str(BASE_DIR / ".env")):
    ENV_FILE = load(Path(_env_file), must_exist="ENV_FILE" in os.environ)
if SECRETS_DIR := env.str("SECRETS_DIR", default=""):
    load_directory(Path(SECRETS_DIR))


# Who we are

DEBUG = env.bool("DEBUG", default=False)
PORT = env.int("PORT", default=8000, least=1, most=65535)
PUBLIC_URL = env.str("PUBLIC_URL", default="").rstrip("/") or f"http://127.0.0.1:{PORT}"

SECRET_KEY = env.str("SECRET_KEY", default="")
if not SECRET_KEY:
    if not DEBUG:
        raise ImproperlyConfigured(
            "SECRET_KEY is not set. Put a long random text into the environment or into .env (see .env.example)."
        )
    SECRET_KEY = "insecure-and-for-debugging-only"  # noqa: S105


# Of what is rotated, the values before: they are still taken, and taken away when nobody uses them any more
# (`manage.py rotate_secrets NAME`, docs/security.md).
def _before(name: str) -> list[str]:
    return env.list(f"{name}_FALLBACKS")


SECRET_KEY_FALLBACKS = _before("SECRET_KEY")

# Secrets that encrypt fields: the first one encrypts, all of them decrypt (see backoffice/secrets.py).
FIELD_KEYS = env.list("FIELD_KEYS")
if not FIELD_KEYS:
    if not DEBUG:
        raise ImproperlyConfigured(
            "FIELD_KEYS is not set. Put a long random text into the environment or into .env (see .env.example)."
        )
    FIELD_KEYS = [SECRET_KEY]

ALLOWED_HOSTS = env.list("ALLOWED_HOSTS") or [
    host for host in {urlsplit(PUBLIC_URL).hostname, "localhost", "127.0.0.1"} if host
]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]


# The remotes

IRECA_URL = env.str("IRECA_URL", default="").rstrip("/")
IRECA_TOKEN = env.str("IRECA_TOKEN", default="")
# cabinet: couriers, taxes, payment types and the like are created in iRECA's own cabinet only (seed 002, line 22).
IRECA_MODE = env.choice("IRECA_MODE", default="cabinet", choices=("cabinet", "api"))

# Requests a second that all workers together send; 0: no limit. iRECA documents none but for locations (seed 002:33).
IRECA_RATE = env.float("IRECA_RATE", default=20.0, least=0)

BIFIT_URL = env.str("BIFIT_URL", default="").rstrip("/")
BIFIT_USERNAME = env.str("BIFIT_USERNAME", default="")
BIFIT_PASSWORD = env.str("BIFIT_PASSWORD", default="")
BIFIT_ORGANIZATION_ID = env.str("BIFIT_ORGANIZATION_ID", default="")
BIFIT_TRADE_OBJECT_ID = env.str("BIFIT_TRADE_OBJECT_ID", default="")

# What no document says for sure, with what is assumed; the page of the service in the admin shows it.
BIFIT_STATUS_PATH = env.str("BIFIT_STATUS_PATH", default="protected/online_orders/{id}")  # PUT here changes a state
BIFIT_STATUS_KEY = env.str("BIFIT_STATUS_KEY", default="")  # under which the order stands there; empty: as it is
BIFIT_ITEMS_KEY = env.str("BIFIT_ITEMS_KEY", default="items")  # of the goods of a new order
BIFIT_RATE = env.float("BIFIT_RATE", default=10.0, least=0)  # requests a second of all workers; 0: no limit

VIRTPOS_URL = env.str("VIRTPOS_URL", default="").rstrip("/")
VIRTPOS_API_KEY = env.str("VIRTPOS_API_KEY", default="")
VIRTPOS_RATE = env.float("VIRTPOS_RATE", default=10.0, least=0)  # requests a second of all workers; 0: no limit
# What no document says for sure, with what is assumed; the page of the service in the admin shows it.
VIRTPOS_FORMAT: Literal["xml", "json"] = env.choice("VIRTPOS_FORMAT", default="xml", choices=("xml", "json"))
VIRTPOS_WRITE_METHOD = env.str("VIRTPOS_WRITE_METHOD", default="GET")  # the document's examples write so
VIRTPOS_TIME_ZONE = env.str("VIRTPOS_TIME_ZONE", default="")  # of its times; empty: ours
VIRTPOS_DAYS = env.int("VIRTPOS_DAYS", default=7, least=0)  # scheduled runs ask for orders so old; 0: for all of them
VIRTPOS_CUSTOMERS_PATH = env.str("VIRTPOS_CUSTOMERS_PATH", default="customer")
VIRTPOS_CARDS_PATH = env.str("VIRTPOS_CARDS_PATH", default="customer")  # before /updateCard, /insertCard, /deleteCard

# Part of the address at which callbacks reach us. Empty: callbacks are off.
CALLBACK_SECRET = env.str("CALLBACK_SECRET", default="")
CALLBACK_SECRET_FALLBACKS = _before("CALLBACK_SECRET")

PUSH_BATCH = env.int("PUSH_BATCH", default=500, least=1)  # objects in one request, at most
PUSH_SENDERS = env.int("PUSH_SENDERS", default=2, least=1)  # requests that one worker has before a remote at a time
HTTP_TIMEOUT = env.float("HTTP_TIMEOUT", default=30.0, above=0)  # seconds to wait for a remote's next byte
# For how many days what is over is kept (backoffice/sync/retention.py); 0: for ever. `manage.py archive` writes files.
EXCHANGE_DAYS = env.int("EXCHANGE_DAYS", default=30, least=0)  # the log of exchanges and webhooks, closed notices
PUSH_DAYS = env.int("PUSH_DAYS", default=EXCHANGE_DAYS, least=0)  # changes that were sent
CALLBACK_DAYS = env.int("CALLBACK_DAYS", default=EXCHANGE_DAYS, least=0)  # callbacks that were processed
PULL_DAYS = env.int("PULL_DAYS", default=EXCHANGE_DAYS, least=0)  # runs of readers
LOCATION_DAYS = env.int("LOCATION_DAYS", default=0, least=0)  # where couriers were
JOURNAL_DAYS = env.int("JOURNAL_DAYS", default=0, least=0)  # iRECA's journal of orders
HISTORY_DAYS = env.int("HISTORY_DAYS", default=0, least=0)  # who changed what here

# Webhooks of partners
WEBHOOK_ALLOWED_NETWORKS = env.networks("WEBHOOK_ALLOWED_NETWORKS")  # though not public, as CIDR
WEBHOOK_TIMEOUT = env.float("WEBHOOK_TIMEOUT", default=10.0, above=0)  # seconds for a request with its answer
WEBHOOK_FIRST_WAIT = env.float(
    "WEBHOOK_FIRST_WAIT", default=2.0, least=0
)  # seconds after a failure; doubles up to 15 minutes
WEBHOOK_RETRY_FOR = env.float("WEBHOOK_RETRY_FOR", default=24 * 3600.0, least=0)  # seconds until an event is given up
WEBHOOK_PAUSE_AFTER = env.int("WEBHOOK_PAUSE_AFTER", default=40, least=1)  # failures in a row

# Mail of notices (backoffice/sync/notices/mail.py): a server such as smtp+tls://user:password@mail.example.com:587, and
# whom it is from. Without both it is off.
EMAIL_URL = env.str("EMAIL_URL", default="")
_mail = env.mail("EMAIL_URL")
EMAIL_BACKEND, EMAIL_FILE_PATH = _mail["EMAIL_BACKEND"], _mail["EMAIL_FILE_PATH"]
EMAIL_HOST, EMAIL_PORT = _mail["EMAIL_HOST"] or "", _mail["EMAIL_PORT"] or 0  # 0: the usual one
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail["EMAIL_HOST_USER"] or "", _mail["EMAIL_HOST_PASSWORD"] or ""
EMAIL_USE_TLS, EMAIL_USE_SSL = _mail.get("EMAIL_USE_TLS", False), _mail.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 20  # seconds for each step; a reader's lease is longer
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="")
MAIL_IS_ON = bool(EMAIL_URL and DEFAULT_FROM_EMAIL)

CASH_LIMIT = env.int("CASH_LIMIT", default=50_000, least=0)  # roubles a courier may have in hand; his own limit wins

CELERY_BROKER_URL = env.broker("CELERY_BROKER_URL")
MAP_TILES_URL = env.str("MAP_TILES_URL", default="")

# Routes that are proposed (orders/routing.py, docs/decisions/007-routes.md)
ROUTES_SPEED = env.float("ROUTES_SPEED", default=22.0, above=0)  # km/h of a courier in traffic
ROUTES_DETOUR = env.float("ROUTES_DETOUR", default=1.4, above=0)  # how much longer streets are than the crow's flight
ROUTES_SERVICE = env.int("ROUTES_SERVICE", default=5, least=0)  # minutes at a door, unless a plan says otherwise
ROUTES_SECONDS = env.float("ROUTES_SECONDS", default=4.0, above=0)  # for which VROOM may think


# Applications

INSTALLED_APPS = [
    # unfold overrides templates of django.contrib.admin and of simple_history, so it goes before them
    "unfold.apps.BasicAppConfig",  # without a site: ours is in site.py
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.simple_history",
    "backoffice.site.SiteConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.forms",  # templates of widgets, for FORM_RENDERER
    "simple_history",
    "axes",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "backoffice.sync",
    "backoffice.transfer",
    "backoffice.partners",
    "backoffice.accounts",
    "fiscal",
    "couriers",
    "catalog",
    "orders",
    "backoffice.reports",
    "backoffice.doctor",
]

MIDDLEWARE = [
    "backoffice.trace.TraceMiddleware",
    "backoffice.limits.RequestLimitMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "backoffice.headers.HeadersMiddleware",
    "backoffice.csp.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    # it names the request to whoever notes an event, so it goes before those who may end a session
    "simple_history.middleware.HistoryRequestMiddleware",
    "backoffice.accounts.visits.VisitMiddleware",
    "backoffice.accounts.gate.SecondStepMiddleware",
    "backoffice.sync.personal.PersonalMiddleware",
    "axes.middleware.AxesMiddleware",  # last, as its checks ask
]

ROOT_URLCONF = "backoffice.urls"
WSGI_APPLICATION = "backoffice.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

FORM_RENDERER = "django.forms.renderers.TemplatesSetting"  # widgets may have templates of ours

UNFOLD = {
    "SITE_TITLE": _("Courier back office"),
    "SITE_HEADER": _("Courier back office"),
    "SITE_URL": None,
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("backoffice/favicon.svg")}
    ],
    "SITE_SYMBOL": "local_shipping",
    "STYLES": [
        lambda request: static("backoffice/admin.css"),
        lambda request: static("backoffice/bell.css"),
        lambda request: static("backoffice/accounts.css"),
    ],
    "SCRIPTS": [
        lambda request: static("backoffice/names.js"),
        lambda request: static("backoffice/passwords.js"),
        lambda request: static("backoffice/sidebar.js"),
    ],
    "LOGIN": {"form": "backoffice.accounts.passwords.LoginForm"},
    "ACCOUNT": {"navigation": "backoffice.navigation.account_links"},
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "DASHBOARD_CALLBACK": "orders.dashboard.start_page",
    "GLOBAL_CALLBACK": "backoffice.navigation.every_page",
    "SIDEBAR": {"show_search": True, "navigation": "backoffice.navigation.sidebar"},
}


# Database

# A server whose machine has lost its power says nothing: after how many seconds (ms) that is taken for an end.
SILENCE = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
DATABASES = {"default": env.database("DATABASE_URL", default="sqlite:///var/db.sqlite3")}
# Connections of one process, "least:most", kept by psycopg; a thread has one only while it needs it.
_pool = env.pool("DATABASE_POOL")
# pgbouncer that pools by transaction: a cursor of the server would be on another connection at its next rows.
_has_pgbouncer = env.bool("DATABASE_PGBOUNCER", default=False)
_database = DATABASES["default"]
if _database["ENGINE"] == "django.db.backends.sqlite3":
    if _database["NAME"] != ":memory:":
        # A relative path means the checkout, not whatever directory a command was started in.
        _database["NAME"] = BASE_DIR / _database["NAME"]  # `migrate` makes the file and its directory
    # Opening it, with its switches, costs more than most queries; a worker would do that twice a second.
    _database["CONN_MAX_AGE"] = 60
    _database["OPTIONS"] = {
        # A transaction that begins as a reader cannot wait for the write lock later: it fails at once.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
    }
else:
    _database.setdefault("CONN_MAX_AGE", 60)
    _database["CONN_HEALTH_CHECKS"] = True
    _database["OPTIONS"] = {**SILENCE, **_database.get("OPTIONS", {})}
    if _pool is not None:
        _database["CONN_MAX_AGE"] = 0
        _database["OPTIONS"]["pool"] = {"min_size": _pool[0], "max_size": _pool[1], "timeout": 10}
    _database["DISABLE_SERVER_SIDE_CURSORS"] = _has_pgbouncer

# A copy that reports and exports are read from (backoffice/replica.py), and how many seconds it may be behind.
if REPLICA_URL := env.str("REPLICA_URL", default=""):
    DATABASES["replica"] = {**env.database("REPLICA_URL", default=""), "CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
    DATABASES["replica"]["OPTIONS"] = {**SILENCE, **DATABASES["replica"].get("OPTIONS", {})}
    DATABASES["replica"]["DISABLE_SERVER_SIDE_CURSORS"] = _has_pgbouncer
    DATABASE_ROUTERS = ["backoffice.replica.Router"]
REPLICA_MAX_LAG = env.float("REPLICA_MAX_LAG", default=60.0, least=0)

# For how long `migrate` waits for a lock, in PostgreSQL's words, before it gives up (management/commands/migrate.py).
MIGRATE_LOCK_TIMEOUT = env.duration("MIGRATE_LOCK_TIMEOUT", default="5s")


# Languages and time

LANGUAGE_CODE = "ru"
LANGUAGES = [("ru", "Русский"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "backoffice" / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = env.zone("TIME_ZONE", default="Europe/Moscow")


# Static files

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [path for path in [BASE_DIR / "backoffice" / "static"] if path.is_dir()]
if DEBUG:
    WHITENOISE_USE_FINDERS = True  # no collectstatic needed
    STATIC_ROOT.mkdir(exist_ok=True)  # whitenoise warns of a missing one
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}


# Security

LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
MIN_PASSWORD = 12  # letters
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in {
        "UserAttributeSimilarityValidator": {},
        "MinimumLengthValidator": {"min_length": MIN_PASSWORD},
        "CommonPasswordValidator": {},
        "NumericPasswordValidator": {},
    }.items()
]

AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]

# Failed logins (backoffice/accounts/throttle.py): counted in the database, for all web processes together.
LOGIN_FAILURES = env.int("LOGIN_FAILURES", default=5, least=1)  # of one person at one address
LOGIN_ADDRESS_FAILURES = env.int("LOGIN_ADDRESS_FAILURES", default=50, least=1)  # of whoever is at one address
LOGIN_LOCK_MINUTES = env.int("LOGIN_LOCK_MINUTES", default=15, least=1)
AXES_HANDLER = "backoffice.accounts.throttle.Handler"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = LOGIN_FAILURES
AXES_COOLOFF_TIME = timedelta(minutes=LOGIN_LOCK_MINUTES)
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # who is locked is not locked for longer by trying
AXES_CLIENT_IP_CALLABLE = "backoffice.accounts.throttle.client_address"
AXES_LOCKOUT_CALLABLE = "backoffice.accounts.throttle.locked_out"
AXES_HTTP_RESPONSE_CODE = 429
AXES_DISABLE_ACCESS_LOG = True  # the audit trail has it
AXES_ENABLE_ADMIN = False  # ours is backoffice/accounts/admin
AXES_VERBOSE = False

# Sessions of people (backoffice/accounts/visits.py), in hours: how long one lasts, and how long unused.
SESSION_HOURS = env.float("SESSION_HOURS", default=16.0, above=0)  # from eight to ten at night, with some to spare
SESSION_IDLE_HOURS = env.float("SESSION_IDLE_HOURS", default=2.0, above=0)
SESSION_COOKIE_AGE = int(SESSION_HOURS * 3600)
PASSWORD_LINK_HOURS = env.float("PASSWORD_LINK_HOURS", default=24.0, above=0)  # by which a person chooses a password
PASSWORD_RESET_TIMEOUT = int(PASSWORD_LINK_HOURS * 3600)

# Who must sign in with a code of an app: all, superusers, or names of groups. Empty: who wants to.
REQUIRE_TOTP = env.list("REQUIRE_TOTP")
TOTP_ISSUER = env.str("TOTP_ISSUER", default="Courier back office")  # what the app of codes calls us

AUDIT_DAYS = env.int("AUDIT_DAYS", default=1095, least=0)  # how long the audit trail is kept; 0: for ever

# HTTPS is the rule in production; SSL_REDIRECT=0 is for a proxy that redirects by itself.
SECURE_SSL_REDIRECT = env.bool("SSL_REDIRECT", default=not DEBUG)
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", default=0 if DEBUG else 365 * 24 * 3600)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE_HSTS_SECONDS > 0
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = not DEBUG
CSRF_FAILURE_VIEW = "backoffice.failures.csrf_failure"
CSRF_COOKIE_HTTPONLY = LANGUAGE_COOKIE_HTTPONLY = True  # no script of ours reads a cookie
LANGUAGE_COOKIE_SAMESITE = "Lax"
if SESSION_COOKIE_SECURE:
    # A browser takes such a name only over HTTPS and from this very host: no neighbour under the domain can set it.
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-session", "__Host-csrf"
if env.bool("TRUST_FORWARDED_PROTO", default=False):
    # Only behind a proxy that always sets this header itself: otherwise anyone may claim HTTPS.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# backoffice/csp.py loosens this under /admin/.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# Where requests of partners are counted. Several web processes need one cache: rediscache://… or dbcache://…
CACHES = {
    "default": env.cache("CACHE_URL", default="locmemcache://"),
    "process": {  # known by heart
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "process",
        "OPTIONS": {"MAX_ENTRIES": 10_000},  # of Django's 300, the couriers of one board would put each other out
    },
}
if CACHES["default"]["BACKEND"].endswith(".RedisCache"):
    CACHES["default"]["BACKEND"] = "backoffice.forgetful.Forgetful"

# How many proxies of ours stand before us: the address of a partner is what the outermost of them has seen.
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0, least=0)

# The admin posts one field for each selected row, and an action may take thousands of orders.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024  # bytes; a callback brings many orders with their lines
DATA_UPLOAD_MAX_NUMBER_FILES = 3
MAX_REQUEST_BYTES = 21 * 1024 * 1024  # with a file (backoffice/transfer/reading.py); said to be more, it is not read

# For whoever writes a file with import-export itself; ours are written by backoffice/spreadsheets.py.
IMPORT_EXPORT_ESCAPE_FORMULAE_ON_EXPORT = True


# The API for partners: how its document is made (backoffice/partners/openapi)

REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": "backoffice.partners.openapi.inspector.ContractSchema"}
SPECTACULAR_SETTINGS = {"OAS_VERSION": "3.1.1", "SCHEMA_PATH_PREFIX": "/api/v1", "POSTPROCESSING_HOOKS": []}


# Logging

# line: for people; json: an object a line, for whatever collects logs
LOG_FORMAT = env.choice("LOG_FORMAT", default="line", choices=("line", "json"))

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "backoffice.logs.LineFormatter",
            "format": "{asctime} {levelname} {name}{mark}: {message}",
            "style": "{",
        },
        "json": {"()": "backoffice.logs.JsonFormatter"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT}},
    "root": {"handlers": ["stderr"], "level": env.level("LOG_LEVEL", default="INFO")},
    # Django's own handlers would write each line twice, and mail tracebacks with settings in them.
    "loggers": {
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        "axes": {"level": "WARNING"},  # it tells of each login what the audit trail has
        "pyBarcode": {"level": "WARNING"},  # it tells every start that it can draw no bitmaps
    },
}

# Who may read `/metrics` besides staff who may see Sync health: whoever sends this as a bearer token.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
METRICS_TOKEN_FALLBACKS = _before("METRICS_TOKEN")

SETTING_NAMES = frozenset(env.names)  # of all variables above, for whoever looks for misspelled ones
