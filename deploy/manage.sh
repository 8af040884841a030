#!/bin/sh
# manage.py by hand beside the units of systemd/: started by root, with their settings, as their user, and nothing of root's
# own environment. Static files and the file of settings are root's, so what writes those stays root.
#     /srv/backoffice/deploy/manage.sh COMMAND …
set -eu
cd "$(dirname "$0")/.."
case "$*" in
    collectstatic* | "rotate_secrets "*) umask 022 ;;
    *) umask 077; as="--reuid=backoffice --regid=backoffice --init-groups" ;;
esac
exec setpriv ${as-} --reset-env env ENV_FILE="${ENV_FILE-/etc/backoffice/env}" PYTHONDONTWRITEBYTECODE=1 \
    .venv/bin/python manage.py "$@"
