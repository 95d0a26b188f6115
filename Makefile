# Two commands matter: make run, make test. `make help` lists all.
PYTHON ?= python3
DATA ?= data
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help run install test check bench torture clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  PORT=8000 and DATA=data can be set, for example: make run PORT=9000"

run: $(VENV)/run.stamp ## Rehearse an action day on the example letters, then serve form, console and mailroom
	DISPATCHER_MODE=rehearsal DISPATCHER_DATA="$(DATA)" $(BIN)/dispatcher rehearse
	@DISPATCHER_MODE=rehearsal DISPATCHER_DATA="$(DATA)/rehearsal" DISPATCHER_WEB__PORT="$(PORT)" $(BIN)/dispatcher serve

install: $(VENV)/run.stamp ## Install into .venv, from the lock; quick when nothing has changed

# Tests start the command line dozens of times: each start would compile it anew where bytecode may not be kept.
test: $(VENV)/test.stamp ## Run the tests
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest -n 3 --dist worksteal $(ARGS)

check: $(VENV)/check.stamp ## Lint, types, import arrows
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache > $(VENV)/imports.log || { cat $(VENV)/imports.log; exit 1; }
	@echo "Lint, types and import arrows are in order."

bench: $(VENV)/test.stamp ## Benchmarks beside other senders; ARGS="send peers" for some of them
	$(BIN)/python -m bench $(ARGS)

torture: $(VENV)/test.stamp ## 200 rounds of kill -9 under load on each database, and databases that go away
	$(BIN)/python -m tests.torture $(ARGS)

lock: $(VENV)/check.stamp ## Resolve the locks anew from pyproject.toml (needs uv)
	uv pip compile -q pyproject.toml --group build $(LOCKED) -o requirements/run.lock
	uv pip compile -q pyproject.toml --group build --group test $(LOCKED) -o requirements/test.lock
	uv pip compile -q pyproject.toml --group build --group test --group check $(LOCKED) -o requirements/check.lock
LOCKED := --extra coach --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate --upgrade

clean: ## Remove the installation and the caches, not the data
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build

# One stamp for each lock: what is newer than its stamp is installed again, nothing else is.
$(VENV)/%.stamp: requirements/%.lock pyproject.toml | $(BIN)/python
	@echo "Installing what requirements/$*.lock names (the first time takes a minute) ..."
	@$(PIP) install --require-hashes --no-deps -r $<
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "The venv module is missing; on Debian: apt install python3-venv"; exit 1; }
