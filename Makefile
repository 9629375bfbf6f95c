# Needs a Python of 3.11 or newer, make and git; everything else is installed from locks, once.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
export CHROMIUM ?= /usr/bin/chromium

BIN := .venv/bin
NEEDED := 3, 11

# Nothing here talks to AWS: an engineer's profile must neither be used nor get in the way.
export AWS_CONFIG_FILE := /dev/null
export AWS_SHARED_CREDENTIALS_FILE := /dev/null
unexport AWS_PROFILE AWS_DEFAULT_PROFILE AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_ENDPOINT_URL

# Without it, every start would compile Pulumi's SDK again.
unexport PYTHONDONTWRITEBYTECODE

# pytest's workers. One that runs out of tests takes some of another's, so that all end at the same time.
WORKERS ?= logical
PARALLEL := -n $(WORKERS) --dist worksteal

.PHONY: help demo up down status install hooks lint browser docs check test bench policy

help:
	@echo "make demo     set everything up, start the platform, send on all channels, show the timelines, stop"
	@echo "make up       start the platform in the background; make status, make down"
	@echo "make check    style, types, layers and the unit tests, under a minute: for while you work"
	@echo "make test     style, types, layers and every test, with what they cover: before a change lands"
	@echo "make lint     style, types and layers alone"
	@echo "make bench    time from POST to sent, on the platform that is up; also while another channel is out"
	@echo "make policy   what the policies hold against STACK=dev, prod or local, with a report to keep"
	@echo "make docs     the documentation as a site, to be opened in a browser"
	@echo "make install  the virtual environment alone, with everything in it"
	@echo "make hooks    let git check style and layers before each commit"

demo up down status: .venv/.runtime
	@$(BIN)/python -m local $@

bench: .venv/.runtime
	@$(BIN)/python -m bench.post_to_sent
	@$(BIN)/python -m bench.outage

install: .venv/.development

hooks: .venv/.development
	$(BIN)/pre-commit install

lint: .venv/.development
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

# A table here, and .carillon/policy/<stack>.html and .sarif to keep; fails if a mandatory rule is violated.
STACK ?= dev
policy: .venv/.runtime
	@$(BIN)/python -m local.policy_report $(STACK)

# A page for each reader, the API and the decisions: .carillon/site/index.html
docs: .venv/.development
	$(BIN)/mkdocs build --quiet
	@echo "file://$(CURDIR)/.carillon/site/index.html"

check: lint
	$(BIN)/pytest --quiet $(PARALLEL) tests/unit

test: lint browser
	$(BIN)/pytest --quiet $(PARALLEL) --cov --cov-report=term --durations=10

# Debian's Chromium, the library that Playwright's own Node.js wants of the system, and curl, which the README's reader has.
browser: .venv/.development
	@{ test -x $(CHROMIUM) && curl --version && $(BIN)/playwright --version; } >/dev/null 2>&1 || \
	    local/apt-install.sh "the tests of the inbox page and of the README" chromium libatomic1 curl

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
