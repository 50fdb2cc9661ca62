# interimspec: `make report` does everything, from a fresh machine to the page.

BUILD := build
VENV := $(BUILD)/venv
SERVER := $(BUILD)/mockserver/release/mockserver
SUPERVISE := $(BUILD)/supervise
RUN_FLAGS ?=
TEST_FLAGS ?=
KILLS_FLAGS ?=

CFLAGS ?= -O2 -g
C_WARNINGS := -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wswitch-enum -Wstrict-prototypes

.DELETE_ON_ERROR:
.PHONY: help report setup clients server test test-server test-harness mutants lint bench clean

help:
	@echo "make report   run every client that this machine has, then write and show the report"
	@echo "make setup    packages, server, Python environment; nothing is done twice"
	@echo "make clients  get every client at every version; make report needs none of them"
	@echo "make test     all tests"
	@echo "make mutants  which faulty clients each scenario catches"
	@echo "make lint     formatting, linters, types"
	@echo "make bench    speed and memory of the server beside a bare libev program"
	@echo "make clean    remove what was built and generated"
	@echo ""
	@echo "RUN_FLAGS='--client curl --family single'  narrows a report; build/venv/bin/interimspec has more"

# Findings are what the report is about: 1 (new findings) and 6 (better than known) are no failure.
report: setup
	$(VENV)/bin/interimspec run $(RUN_FLAGS) || test $$? -eq 1 || test $$? -eq 6
	$(VENV)/bin/interimspec report

# All clients at all versions: takes an hour and some gigabytes the first time, and goes on where it
# was interrupted. What could not be had is said with the reason, and is no failure of make.
clients: setup
	$(VENV)/bin/interimspec clients install || test $$? -eq 1

setup: $(BUILD)/packages.stamp server $(SUPERVISE) $(VENV)/ready.stamp

$(BUILD)/packages.stamp: harness/setup/packages harness/setup/python
	@mkdir -p $(@D)
	harness/setup/packages
	@touch $@

server: $(BUILD)/packages.stamp
	@$(MAKE) --no-print-directory -C mockserver release

$(SUPERVISE): harness/supervisor/supervise.c | $(BUILD)/packages.stamp
	@mkdir -p $(@D)
	$(CC) $(C_WARNINGS) $(CFLAGS) -o $@ $<

$(VENV)/ready.stamp: harness/requirements.txt pyproject.toml | $(BUILD)/packages.stamp
	test -x $(VENV)/bin/python || "$$(harness/setup/python)" -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r harness/requirements.txt
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

test: test-server test-harness

test-server: $(BUILD)/packages.stamp
	@$(MAKE) --no-print-directory -C mockserver test

test-harness: setup
	$(VENV)/bin/python -m pytest $(TEST_FLAGS)

# Who grades the grader: the reference client with one fault each, through the whole catalogue.
mutants: setup
	$(VENV)/bin/interimspec kills $(KILLS_FLAGS)

lint: setup
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(CC) $(C_WARNINGS) -Werror -O2 -fsyntax-only harness/supervisor/supervise.c
	@$(MAKE) --no-print-directory -C mockserver lint

bench: $(BUILD)/packages.stamp
	@$(MAKE) --no-print-directory -C mockserver bench

clean:
	rm -rf $(BUILD) reports/site
