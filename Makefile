# Thin names for what the lab command does. `make` alone explains them.
.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Stamps: the environment is installed again when the pinned requirements change.
NATIVE := $(VENV)/.native-installed
DEV := $(VENV)/.dev-installed

.PHONY: help up down clean status doctor check key load drill logs test-fast test test-compose prove lint bench

help: ## Say what each name does
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  \033[1mmake %-12s\033[0m %s\n", $$1, $$2}' Makefile

up: $(NATIVE) ## Start the whole lab and wait until it is ready
	@$(BIN)/lab up

down: $(NATIVE) ## Stop the lab; its data stays
	@$(BIN)/lab down

clean: $(NATIVE) ## Stop the lab and delete its data (asks before it does)
	@$(BIN)/lab clean $(ARGS)

status: $(NATIVE) ## Show which services run, from where, at which version
	@$(BIN)/lab status

doctor: $(NATIVE) ## Send one request, find it in every signal, name what is broken
	@$(BIN)/lab doctor

check: $(NATIVE) ## Look for faults in the lab's files, by file and line: make check ARGS=--reload
	@$(BIN)/lab check $(ARGS)

key: $(NATIVE) ## Give the assistant the key of your own model provider
	@$(BIN)/lab key

load: $(NATIVE) ## Run a load scenario: make load SCENARIO=provider-outage
	@$(BIN)/lab scenario run $(or $(SCENARIO),provider-outage) $(ARGS)

drill: $(NATIVE) ## Run all scenarios and say which effects came: make drill ARGS=--quick
	@$(BIN)/lab drill $(or $(SCENARIO),--all) $(ARGS)

logs: $(NATIVE) ## Follow what the services write: make logs SERVICE=assistant
	@$(BIN)/lab logs --follow $(SERVICE)

# Files of tests are shared out (tests/support/parallel.py).
SHARED_OUT = --numprocesses=$(WORKERS) --dist=loadfile --no-loadscope-reorder

# They compute and wait for short-lived processes by turns: more of them at once than there are cores.
test-fast: WORKERS ?= 4
test-fast: $(DEV) ## Tests that need no server
	@$(BIN)/python -m pytest tests/unit tests/config -q $(SHARED_OUT)

# Servers mostly wait, for real windows and time-outs: one process tests whole labs, the other all else.
test: WORKERS ?= 2
test: $(DEV) ## All tests, against real servers that the tests start
	@$(BIN)/python -m pytest $(SHARED_OUT)

# The same tests as native mode, one option apart, and what only containers have.
ON_BOTH_ENGINES := tests/integration/signals/test_signals.py tests/integration/signals/test_conversations.py \
  tests/integration/commands/test_scenarios.py tests/integration/commands/test_scenario_commands.py \
  tests/integration/signals/test_assistant_faults.py \
  tests/integration/alerting/test_grafana_links.py tests/prove/test_exercises.py

test-compose: $(DEV) ## The lab on a real container engine (starts one where none answers)
	@$(BIN)/python -m pytest --engine=compose tests/compose $(ON_BOTH_ENGINES)

prove: $(DEV) ## Fire every alert with its scenario, and prove every exercise
	@$(BIN)/python -m pytest tests/prove

lint: $(DEV) ## Style, types and import rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(DEV) ## Measure the cost of instrumentation, time to visible, start time, memory
	@$(BIN)/python -m tests.bench

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "The lab needs Python 3.11 or later; this is " + sys.version.split()[0] + ". Name another one: make up PYTHON=python3.12")'
	@$(PYTHON) -m venv $(VENV)

$(NATIVE): requirements/native.txt pyproject.toml | $(BIN)/python
	@test -f $(DEV) && touch $@ || { echo "Installing Python packages (once, about a minute) ..."; \
	  $(BIN)/pip install --quiet --require-hashes -r requirements/native.txt && \
	  $(BIN)/pip install --quiet --no-build-isolation --no-deps --editable . && touch $@; }

$(DEV): requirements/dev.txt pyproject.toml | $(BIN)/python
	@echo "Installing Python packages for tests (once, about a minute) ..."
	@$(BIN)/pip install --quiet --require-hashes -r requirements/dev.txt
	@$(BIN)/pip install --quiet --no-build-isolation --no-deps --editable .
	@touch $@ $(NATIVE)
