# The commands of this repository. `make` alone lists them.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := UV_PYTHON_DOWNLOADS=never $(BIN)/uv pip
UV_COMPILE := $(UV) compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url

.DEFAULT_GOAL := help
.PHONY: help
help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

# --- set-up: each stamp is made again only when its lock changed -------------
$(VENV)/.bootstrap: requirements/bootstrap.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed, this is " + sys.version)'
	@echo "setting up $(VENV) …"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.lock
	@touch $@

$(VENV)/.local: $(VENV)/.bootstrap requirements/local.lock pyproject.toml
	@echo "installing what the local stack needs (hash-checked) …"
	@$(UV) install --python $(BIN)/python --require-hashes -r requirements/local.lock
	@$(UV) install --python $(BIN)/python --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.local requirements/dev.lock
	@echo "installing what the tests need (hash-checked) …"
	@$(UV) install --python $(BIN)/python --require-hashes -r requirements/dev.lock
	@touch $@

.PHONY: lock
lock: $(VENV)/.bootstrap ## write requirements/*.lock again from pyproject.toml
	$(UV_COMPILE) requirements/bootstrap.in -o requirements/bootstrap.lock
	$(UV_COMPILE) pyproject.toml -o requirements/runtime.lock
	$(UV_COMPILE) pyproject.toml --extra ops -c requirements/runtime.lock -o requirements/ops.lock
	$(UV_COMPILE) pyproject.toml --extra local -c requirements/ops.lock -o requirements/local.lock
	$(UV_COMPILE) pyproject.toml --extra dev -c requirements/local.lock -o requirements/dev.lock

# --- what a person runs ------------------------------------------------------
.PHONY: demo up down status
demo: $(VENV)/.local ## play the true stories of Irpin and Borodianka on real Kafka and a real store
	@$(BIN)/alliance demo

up: $(VENV)/.local ## start the local stack and leave it running
	@$(BIN)/alliance up

down: $(VENV)/.local ## stop the local stack
	@$(BIN)/alliance down

status: $(VENV)/.local ## what runs, lag per consumer, relay backlog
	@$(BIN)/alliance status

# --- what a developer runs ---------------------------------------------------
.PHONY: test compose-test lint schemas mails dashboards pictures fuzz bench-spine bench-matching table-matching docs-matching bench-notices docs-settings clean
test: $(VENV)/.dev ## every test but the benchmarks, JOBS (2) files at a time; sets up what it needs and cleans up
	@$(BIN)/python -m pytest -n $(or $(JOBS),2) --dist loadfile --no-loadscope-reorder

compose-test: $(VENV)/.dev ## the deployment on containers (COMPOSE="cold_start backup": these files only); where no registry is, deploy/images/engine and `deploy/images/build --all` come first
	@ALLIANCE_COMPOSE=1 $(BIN)/python -m pytest -s $(if $(COMPOSE),$(patsubst %,tests/compose/test_%.py,$(COMPOSE)),tests/compose)

lint: $(VENV)/.dev ## ruff, mypy --strict, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

schemas: $(VENV)/.dev ## write shared/schemas/ again from the event classes
	@$(BIN)/python -m shared.events.schemas

mails: $(VENV)/.dev ## write tests/notify/approved/ again: look at the difference
	@$(BIN)/python -m tests.notify.approved

dashboards: $(VENV)/.dev ## write Grafana's dashboards again from deploy/observability/dashboards/
	@$(BIN)/python -m deploy.observability.panels

pictures: $(VENV)/.dev ## write docs/pictures/ again, with Chromium
	@$(BIN)/python -m tests.notify.pictures

fuzz: $(VENV)/.dev ## 10,000 random requests to each service: no 5xx, no answer that is not stated
	@ALLIANCE_FUZZ_CASES=$${CASES:-10000} $(BIN)/python -m pytest -s tests/fuzz

bench-spine: $(VENV)/.dev ## our spine beside bare Motor and aiokafka, on the same broker and store
	@$(BIN)/python -m tests.bench.spine

bench-notices: $(VENV)/.dev ## 10,000 notices drained to a local mail server, beside bare aiosmtplib
	@$(BIN)/python -m tests.bench.notices

bench-matching: $(VENV)/.dev ## rounds of 1k to 30k needs, stage by stage, beside bare OR-Tools (SIZES="1000 3000")
	@$(BIN)/python -m tests.bench.matching $(if $(SIZES),--sizes $(SIZES))

table-matching: $(VENV)/.dev ## our rule beside first come, greedy and largest first, on real needs and cities
	@$(BIN)/python -m tests.bench.policies

docs-matching: $(VENV)/.dev ## write the tables of docs/matching.md again (MEASURE=1: the figures too)
	@$(BIN)/python -m tests.bench.docs $(if $(MEASURE),--measure)

docs-settings: $(VENV)/.dev ## write docs/settings.md again from the settings classes
	@$(BIN)/python -m deploy.settings_table

clean: ## remove the virtual environment and the local stack's files
	rm -rf $(VENV) .local
