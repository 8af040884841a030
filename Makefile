# The two that everyone needs: `make run` and `make test`. `make help` lists the rest.

.DEFAULT_GOAL := help
SHELL := /bin/sh
.SUFFIXES:
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev
CODE := manage.py backoffice catalog couriers fiscal orders tests benchmarks
TEMPLATES = $(shell find templates -name '*.html')
# As many as there are processors, of which more than four gain little
WORKERS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2); echo $$((n < 4 ? n + 1 : 4)))
# Side by side: who is through takes from who has most left, and the longest come last
ASIDE := -n $(WORKERS) --dist worksteal
MINUTES ?= 60
# What touches no database, or only asks it whether it is there: once is enough.
NO_DATABASE := remotes test_deploy.py test_supervise.py test_spreadsheets.py test_translations.py test_house.py \
	test_secrets.py fiscal/test_qr.py partners/test_descriptions.py partners/webhooks/test_addresses.py \
	$(addprefix security/test_,addresses.py bombs.py code.py dependencies.py hostile_remote.py)
# What reads and writes rows as other tests do on both engines: forms, words, rights and documents, what services say and
# what is made of it. Single tests of this kind are marked `one_engine`.
PAGES := $(addprefix partners/,test_openapi.py test_sources_admin.py webhooks/test_admin.py) fiscal/test_atol.py \
	$(addprefix orders/,test_bulk_pages.py test_fiscal_pages.py test_form.py test_form_assist.py) \
	$(addprefix orders/,test_returns_page.py test_routing.py bifit/test_pages.py) \
	orders/virtpos/test_admin.py couriers/test_permissions.py $(addprefix reports/test_,mails.py rights.py) \
	$(addprefix accounts/test_,answers.py blind.py personal.py) $(addprefix sync/test_admin_,pages.py tables.py) \
	test_endpoints.py bad_days/test_remote.py \
	$(addprefix security/test_,every_address.py headers.py)
# Minutes of requests, workers that only a company has, and what others wrote about orders: once is enough, where the
# database is stricter.
ON_POSTGRES := partners/test_schemathesis.py sync/test_celery.py bad_days/test_fleet.py couriers/test_sessions.py \
	sync/test_throttle.py $(addprefix orders/,test_together.py test_traces.py) \
	$(addprefix orders/bifit/test_,creating.py reading.py statuses.py) \
	$(addprefix orders/virtpos/test_,cards.py customers.py orders.py) \
	$(addprefix partners/,test_isolation.py test_merged_clients.py test_replay.py webhooks/test_crash.py)

# The first Python on the PATH that is new enough and works; the plain name goes first.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$python && break; done)

# Tests and checks see neither the developer's .env nor a real remote.
HERMETIC := env DJANGO_SETTINGS_MODULE=tests.settings

.PHONY: help install run test lint audit types checks test-sqlite test-postgres bench soak rehearsal format messages lock clean

help: ## Show this list
	@echo "Usage: make TARGET"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'

install: $(STAMP) ## Create .venv with everything that is needed to run

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed, and none is on the PATH." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(STAMP): requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

$(DEV_STAMP): requirements-dev.txt $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

run: $(STAMP) ## Start sandbox, worker and web with demo data (PORT=8000; Ctrl-C ends all)
	@exec $(BIN)/python -m backoffice.supervise

test: lint types checks test-sqlite test-postgres ## Everything that must pass: lint, types, checks, tests on both databases

lint: $(DEV_STAMP) ## Style, security rules, import contracts, templates, dependencies
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(if $(TEMPLATES),$(BIN)/djade --check --target-version 5.2 $(TEMPLATES))
	$(HERMETIC) $(BIN)/lint-imports
	$(BIN)/python -m tests.dependencies

audit: $(DEV_STAMP) ## Ask for known holes in the dependencies; needs the internet
	$(BIN)/uv tool run pip-audit --strict --disable-pip --no-deps --require-hashes -r requirements-celery.txt

types: $(DEV_STAMP) ## Type annotations
	$(HERMETIC) $(BIN)/mypy $(CODE)

checks: $(DEV_STAMP) ## Django's own checks, and models that have no migration yet
	$(HERMETIC) $(BIN)/python manage.py check --fail-level WARNING
	$(HERMETIC) $(BIN)/python manage.py makemigrations --check --dry-run

test-sqlite: $(DEV_STAMP) ## Tests on SQLite
	$(BIN)/python -m pytest $(ASIDE) $(addprefix --ignore=tests/,$(ON_POSTGRES))

test-postgres: $(DEV_STAMP) ## Tests on PostgreSQL, which comes as a wheel
	$(BIN)/python -m pytest $(ASIDE) -p tests.postgres -m "not browser and not one_engine" \
		$(addprefix --ignore=tests/,$(NO_DATABASE) $(PAGES))

bench: $(DEV_STAMP) ## Measure everything and renew docs/benchmarks.md (MINUTES=60 of load on a worker; hours, on an idle machine)
	$(BIN)/python -m benchmarks.bench --minutes $(MINUTES) --write docs/benchmarks.md

soak: $(DEV_STAMP) ## Bad days for MINUTES (60), after a death at every single step; SOAK="--postgres --seed 7"
	EVERY_STEP=1 $(BIN)/python -m pytest -q tests/bad_days/test_deaths.py
	$(BIN)/python -m benchmarks.soak --minutes $(MINUTES) $(SOAK)

rehearsal: $(DEV_STAMP) ## Each machine of a company goes while everybody works; with nginx, pgbouncer, RabbitMQ where installed
	$(BIN)/python -m benchmarks.fleet.rehearsal

format: $(DEV_STAMP) ## Format code and templates
	$(BIN)/ruff check --fix-only $(CODE)
	$(BIN)/ruff format $(CODE)
	$(if $(TEMPLATES),$(BIN)/djade --target-version 5.2 $(TEMPLATES))

messages: $(DEV_STAMP) ## Collect texts to translate and compile the catalogue; fails while a text waits
	$(HERMETIC) $(BIN)/python -m backoffice.locale.collect

lock: $(DEV_STAMP) ## Renew requirements*.txt from pyproject.toml
	$(BIN)/uv pip compile --quiet --generate-hashes --no-header --python-version 3.11 --universal \
		pyproject.toml -o requirements.txt
	$(BIN)/uv pip compile --quiet --generate-hashes --no-header --python-version 3.11 --universal \
		--extra celery -c requirements.txt pyproject.toml -o requirements-celery.txt
	$(BIN)/uv pip compile --quiet --generate-hashes --no-header --python-version 3.11 --universal \
		--group dev pyproject.toml -o requirements-dev.txt

clean: ## Remove .venv, caches and everything that was generated (var/ with the demo's database too)
	rm -rf $(VENV) var staticfiles .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
