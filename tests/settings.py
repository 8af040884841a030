"""Settings for tests and checks: the product's own, on a fixed environment, whatever a shell or `.env` says.

`TEST_DATABASE_URL` is the only thing from outside (see tests/postgres.py). Without it the tests run on SQLite.
"""

import os

_OUTSIDE = (
    "ALLOWED_HOSTS CACHE_URL CALLBACK_SECRET EXCHANGE_DAYS HSTS_SECONDS HTTP_TIMEOUT IRECA_MODE IRECA_TOKEN IRECA_URL "
    "LOG_FORMAT LOG_LEVEL METRICS_TOKEN PORT PUBLIC_URL PUSH_BATCH SSL_REDIRECT TIME_ZONE TRUST_FORWARDED_PROTO "
    "BIFIT_ORGANIZATION_ID BIFIT_PASSWORD BIFIT_TRADE_OBJECT_ID BIFIT_URL BIFIT_USERNAME VIRTPOS_API_KEY VIRTPOS_URL "
    "CELERY_BROKER_URL MAP_TILES_URL WEBHOOK_ALLOWED_NETWORKS WEBHOOK_FIRST_WAIT WEBHOOK_PAUSE_AFTER WEBHOOK_RETRY_FOR "
    "DEFAULT_FROM_EMAIL EMAIL_URL ROUTES_DETOUR ROUTES_SECONDS ROUTES_SERVICE ROUTES_SPEED WEBHOOK_TIMEOUT "
    "TRUSTED_PROXIES PUSH_DAYS CALLBACK_DAYS PULL_DAYS LOCATION_DAYS JOURNAL_DAYS HISTORY_DAYS "
    "PUSH_SENDERS DATABASE_POOL DATABASE_PGBOUNCER REPLICA_URL REPLICA_MAX_LAG MIGRATE_LOCK_TIMEOUT "
    "PASSWORD_LINK_HOURS AUDIT_DAYS LOGIN_ADDRESS_FAILURES LOGIN_FAILURES LOGIN_LOCK_MINUTES REQUIRE_TOTP "
    "SESSION_HOURS SESSION_IDLE_HOURS TOTP_ISSUER "
    "SECRET_KEY_FALLBACKS CALLBACK_SECRET_FALLBACKS METRICS_TOKEN_FALLBACKS"
)
for _name in _OUTSIDE.split():
    os.environ.pop(_name, None)
os.environ.update(
    ENV_FILE="",
    DEBUG="1",
    SECRET_KEY="secret-key-for-tests",
    FIELD_KEYS="field-key-for-tests",
    IRECA_RATE="0",
    DATABASE_URL=os.environ.get("TEST_DATABASE_URL", "sqlite:///var/test.sqlite3"),
)

from backoffice.settings import *  # noqa: E402, F403  # after the environment is settled

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):  # noqa: F405
    DATABASES["default"]["NAME"].parent.mkdir(exist_ok=True)  # noqa: F405  # makemigrations looks into it

# The same rows under a second name, for the tests that read from a replica (REPLICA_URL stays empty for the others).
DATABASES["replica"] = {**DATABASES["default"], "TEST": {"MIRROR": "default"}}  # noqa: F405
DATABASE_ROUTERS = ["backoffice.replica.Router"]

# Hashing a password well takes longer than most tests.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# A file is looked for when it is asked for. Each client of a test has middleware of its own, which would go through
# some 800 files before the first page.
WHITENOISE_AUTOREFRESH = True
