#!/bin/sh
# A backup into DIR, named by its moment; those older than KEEP_DAYS go once the new one is there.
#     deploy/backup.sh DIR
set -eu
umask 077
cd "$(dirname "$0")/.."
dir=${1:?where to}
keep=${KEEP_DAYS:-14}
mkdir -p "$dir"
.venv/bin/python manage.py backup "$dir/backoffice-$(date -u +%Y%m%dT%H%M%SZ).backup"
find "$dir" -maxdepth 1 -name 'backoffice-*.backup' -mtime "+$keep" -delete
