# Everything a person or CI does here. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -eo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
START ?= 2017-01-01
END ?= 2018-12-31
# A server of our own, if nothing is configured; otherwise the command as it is.
SIMULATE := $(BIN)/python -m simulator --unless-configured --
# One more than two cores: a test often waits for a process of its own.
WORKERS ?= 3

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  %-16s %s\n", $$1, $$2}'

.PHONY: setup
setup: $(READY) ## Make the virtual environment .venv with everything in it

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed: make setup PYTHON=python3.12" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements.lock
# After dbt-core, on purpose: our `dbt` replaces its script of the same name and sees .env.
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

.PHONY: run
run: $(READY) ## The main job: extract 2017-2018, dbt build, CSV, summary (simulated without a key)
	@$(SIMULATE) $(BIN)/esios run --start $(START) --end $(END)

.PHONY: extract
extract: $(READY) ## Land the raw responses; START= and END= are Madrid days
	@$(SIMULATE) $(BIN)/esios extract --start $(START) --end $(END)

.PHONY: build
build: $(READY) ## Staging, marts and their tests (dbt build)
	@$(BIN)/dbt build --exclude-resource-type unit_test

.PHONY: freshness
freshness: $(READY) ## Is the last extraction recent enough? (dbt source freshness)
	@$(BIN)/dbt source freshness

.PHONY: export
export: $(READY) ## The table as exports/demand_forecast_esios.csv
	@$(BIN)/esios export

.PHONY: docs
docs: $(READY) ## The lineage page, one static file: exports/docs/index.html
	@$(BIN)/dbt docs generate --static
	@mkdir -p exports/docs && cp dbt_project/target/static_index.html exports/docs/index.html
	@echo "docs: exports/docs/index.html"

.PHONY: lint
lint: $(READY) ## ruff, mypy, sqlfluff, side by side
	@$(MAKE) --no-print-directory --jobs $(WORKERS) --output-sync lint-sql lint-types lint-python

.PHONY: lint-python
lint-python: $(READY) ## ruff alone
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: lint-types
lint-types: $(READY) ## mypy alone
	$(BIN)/mypy

.PHONY: lint-sql
lint-sql: $(READY) ## sqlfluff alone
	ESIOS_TARGET=duckdb ESIOS_DUCKDB_PATH=:memory: $(BIN)/sqlfluff lint --disable-progress-bar dbt_project/models dbt_project/analyses

.PHONY: test
# loadfile: what a file's fixtures build is built once (loadgroup has no effect with pytest 9.2: xdist 3.8 renames in vain).
# In the order of their names: by default the files with the fewest tests come last, and those are the longest.
# What is imported is kept compiled, also where the machine says otherwise: each worker and command would compile it again.
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder
test: lint ## Lint, then every test
	$(PYTEST)

.PHONY: lock
lock: $(READY) ## Renew requirements.lock from pyproject.toml
	$(BIN)/pip install --quiet --upgrade --upgrade-strategy eager '.[azure,optimization,dask,dev]'
	{ echo '# Every package of .venv, pinned; renew with `make lock`.'; $(BIN)/pip freeze --exclude-editable --exclude esios-elt | sort -f; } > requirements.lock

.PHONY: clean
clean: ## Remove what was built (the warehouse stays)
	rm -rf dbt_project/target dbt_project/logs exports logs

-include mk/*.mk
