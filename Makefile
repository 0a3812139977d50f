# Works without anything installed but Python 3.11 or newer and make.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
# More than cores: many a test waits, in real time, for a server of its own and for what polls it.
WORKERS ?= 4
# More words for the tool behind a target: make test ARGS="-k rules".
ARGS   ?=

# Tests and benches start many processes: Python keeps what it has compiled, whatever the machine prefers.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup system-parts demo recording screenshots test compiled lint messages bench mutants soak

help:
	@echo "make setup     put everything Reseal needs into $(VENV)"
	@echo "make demo      a server, a sample tenant, a virtual laptop, both flows; ARGS=--headless ends after them"
	@echo "make recording play the demo once more, and draw the pictures in docs/pictures"
	@echo "make screenshots  a picture of every page, in build/screenshots   ARGS=--docs for those of the documentation"
	@echo "make test      run all tests               ARGS=\"-k rules\" narrows them"
	@echo "make lint      style, types, floors, tables of tests"
	@echo "make messages  bring the translations up to date with the texts; ARGS=it begins another language"
	@echo "make bench     measure against the budgets"
	@echo "make mutants   do the tests of the rules notice a mistake?   ARGS=\"--sample 50\""
	@echo "make soak      all tests, those that can go on for longer do"

setup: $(READY)

$(READY): pyproject.toml uv.lock tools/setup.sh
	@sh tools/setup.sh "$(PYTHON)" "$(VENV)"
	@touch $@

system-parts:
	@sh tools/system-parts.sh

demo: $(READY)
	@$(BIN)/reseal demo $(ARGS)

screenshots: $(READY) system-parts
	@$(BIN)/python -m tools.screenshots $(ARGS)

recording: $(READY)
	@$(BIN)/python -m tools.record_demo

test: $(READY) system-parts
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -q $(ARGS)

# Python compiles each test once, and does it here: in a fresh clone every worker of `make test` would do it, at once.
compiled: $(READY) system-parts
	@$(BIN)/python -m pytest --collect-only -qq >$(VENV)/collected.txt || { cat $(VENV)/collected.txt; exit 1; }

lint: $(READY)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check . || { echo "run: $(BIN)/ruff format ." >&2; exit 1; }
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo >$(VENV)/floors.txt || { cat $(VENV)/floors.txt; exit 1; }
	@$(BIN)/python tools/conformance.py --check
	@echo "lint: fine"

messages: $(READY)
	@$(BIN)/python tools/messages.py $(ARGS)

bench: $(READY)
	@$(BIN)/python -m tools.bench $(ARGS)

mutants: $(READY)
	@$(BIN)/python -m tools.mutants $(ARGS)

soak: $(READY) system-parts
	@RESEAL_SOAK=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -q $(ARGS)
