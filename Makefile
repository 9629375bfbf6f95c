# Needs a Python of 3.11 or newer, make and git; everything else is installed from locks, once.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
export CHROMIUM ?= /usr/bin/chromium

BIN := .venv/bin
NEEDED := 3, 11

# A package index that does not answer once is asked again, more often than uv would by itself.
export UV_HTTP_RETRIES := 10

# Nothing here talks to AWS: an engineer's profile must neither be used nor get in the way.
export AWS_CONFIG_FILE := /dev/null
export AWS_SHARED_CREDENTIALS_FILE := /dev/null
unexport AWS_PROFILE AWS_DEFAULT_PROFILE AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_ENDPOINT_URL

# Without it, every start would compile Pulumi's SDK again.
unexport PYTHONDONTWRITEBYTECODE

# pytest's workers: one has the platform (tests/conftest.py) and often waits for it, so there is one more than cores.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(os.cpu_count() + 1)')
PARALLEL := -n $(WORKERS) --dist loadscope --no-loadscope-reorder

.PHONY: help demo up down status install hooks lint types style layers budget unit everything browser docs check test bench chaos soak soak-broadcasts policy proof audit fuzz

help:
	@echo "make demo     set everything up, start the platform, send on all channels, show the timelines, a click, an outage, stop"
	@echo "make up       start the platform in the background; make status, make down"
	@echo "make check    style, types, layers and the unit tests, under a minute: for while you work"
	@echo "make test     style, types, layers and every test, with what they cover: before a change lands"
	@echo "make lint     style, types, layers and the price of a delivery alone"
	@echo "make bench    time from POST to sent, on the platform that is up; also while another channel is out"
	@echo "make chaos    every call of every function fails or kills it, in turn: is anything lost? ONLY=redrive for some"
	@echo "make soak     COUNT=10000 deliveries while calls fail and processes die by chance, which SEED repeats"
	@echo "make soak-broadcasts  in the same weather one broadcast is paused and resumed, and another one canceled"
	@echo "make policy   what the policies hold against STACK=dev, prod or local, with a report to keep"
	@echo "make proof    per role what is granted against what it used, with a page to keep; a few minutes"
	@echo "make fuzz     over 2,000 requests made from the API's document: no 5xx, no answer that is not in it"
	@echo "make audit    hashes of the locks, licences, known vulnerabilities"
	@echo "make docs     the documentation as a site, to be opened in a browser"
	@echo "make install  the virtual environment alone, with everything in it"
	@echo "make hooks    let git check style and layers before each commit"

demo up down status: .venv/.runtime
	@$(BIN)/python -m local $@

# PARTS="floor calls" measures these alone; FULL=1 fills the log up to 50,000 deliveries.
bench: .venv/.runtime
	@$(BIN)/uv sync --quiet --frozen --no-default-groups --group handlers --group bench --inexact
	@$(BIN)/python -m bench $(PARTS)

# On the platform that is up, or on one of its own. ONLY="send email" tries the flows of such a name alone.
ONLY ?=
chaos: .venv/.development
	@$(BIN)/python -m tests.chaos matrix --only "$(ONLY)"

COUNT ?= 10000
SEED ?= 1
soak: .venv/.development
	@$(BIN)/python -m tests.chaos soak --count $(COUNT) --seed $(SEED)

# Two broadcasts, each to COUNT recipients (1000 unless said), in the same weather: one is paused and resumed, one canceled.
soak-broadcasts: .venv/.development
	@$(BIN)/python -m tests.chaos broadcasts --count $(if $(filter command line environment,$(origin COUNT)),$(COUNT),1000) --seed $(SEED)

install: .venv/.development

hooks: .venv/.development
	$(BIN)/pre-commit install

lint: types style layers budget

types: .venv/.development
	$(BIN)/mypy

style: .venv/.development
	$(BIN)/ruff check
	$(BIN)/ruff format --check

layers: .venv/.development
	$(BIN)/lint-imports

# US dollars for a million deliveries, a little more than it is: docs/cost.md says when to change them.
BUDGETS := --budget templated=12.4 --budget reusing=12.1 --budget inline=12.3 --budget large=12.3 --budget hundred=6.0 --budget campaign=8.4
budget: .venv/.development
	$(BIN)/carillon cost --quiet $(BUDGETS)

# A table here, and .carillon/policy/<stack>.html, .sarif and .junit.xml to keep; fails if a mandatory rule is violated.
STACK ?= dev
policy: .venv/.runtime
	@$(BIN)/python -m local.policy_report $(STACK)

# A platform of its own, all of its use, and .carillon/proof/proof.html; fails for a grant that is unused or missing.
proof: .venv/.development
	@$(BIN)/python -m tests.proof

fuzz: .venv/.development
	@$(BIN)/python -m tests.fuzz

# Where the service of advisories cannot be reached it says so; CARILLON_AUDIT=required makes that a failure.
audit: .venv/.development
	@$(BIN)/python -m local.audit

# A page for each reader, the API and the decisions: .carillon/site/index.html
docs: .venv/.development
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build
	@echo "file://$(CURDIR)/.carillon/site/index.html"

# Side by side, so that mypy, which has one core's work, leaves none idle. Each that fails is named at the end.
SIDE_BY_SIDE := --jobs --keep-going --no-print-directory types style layers budget

check: .venv/.development
	@$(MAKE) $(SIDE_BY_SIDE) unit

test: browser
	@$(MAKE) $(SIDE_BY_SIDE) audit everything

unit: .venv/.development
	$(BIN)/pytest --quiet $(PARALLEL) tests/unit

everything: .venv/.development
	$(BIN)/pytest --quiet $(PARALLEL) --cov --cov-report=term --durations=10

# Debian's Chromium, the library that Playwright's own Node.js wants of the system, and curl, which the README's reader has;
# a font of Chinese, for pictures of the settings page.
browser: .venv/.development
	@{ test -x $(CHROMIUM) && curl --version && $(BIN)/playwright --version; } >/dev/null 2>&1 || \
	    local/apt-install.sh "the tests of the inbox page and of the README" chromium libatomic1 curl fonts-wqy-microhei

.venv/.uv: local/uv-requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < ($(NEEDED)) and "error: Carillon needs Python 3.11 or newer, and %s is %d.%d. Name another: make PYTHON=python3.13 demo" % ((sys.executable,) + sys.version_info[:2]))'
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || local/apt-install.sh "a virtual environment" python3-venv
	@echo "Installing the platform's environment (once, under a minute)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

# What runs the platform, without the tools to test it: half the download.
.venv/.runtime: .venv/.uv uv.lock pyproject.toml
	@$(BIN)/uv sync --quiet --frozen --no-default-groups --inexact
	@touch $@

.venv/.development: .venv/.uv uv.lock pyproject.toml
	@echo "Installing the tools to test it"
	@$(BIN)/uv sync --quiet --frozen
	@touch .venv/.runtime $@
