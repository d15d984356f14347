# Everything a contributor types. `make` alone lists it.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.quadrat-setup
DEMO_STORE := demo-runs
SLURM := slurmctld slurmd slurm-client munge
BROWSER := chromium fonts-dejavu-core

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help setup demo test lint slurm browser format bench docs constraints clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

setup: $(STAMP) ## make .venv with everything pinned (about a minute; again only when the pins change)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Quadrat needs Python 3.11 or newer: make setup PYTHON=python3.11")'
	@echo "── setup: .venv (about a minute)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[torch,lightning,jax,wwdc,dev]'
	@touch $@

demo: $(STAMP) ## train and attack on real digits; a second time nothing is left to run
	@$(BIN)/quadrat run mnist_fgsm --store $(DEMO_STORE)
	@$(BIN)/quadrat results mnist_fgsm attack --over seed --store $(DEMO_STORE)

test: lint slurm browser ## lint, types, import rules, then every test; PYTEST_ARGS='-k plan' for some
	@echo "── pytest"
	@$(BIN)/python -m pytest -n 3 --dist worksteal $(PYTEST_ARGS)

lint: $(STAMP) ## style, types, and who may import whom
	@echo "── ruff check"
	@$(BIN)/ruff check
	@echo "── ruff format --check"
	@$(BIN)/ruff format --check
	@echo "── mypy"
	@$(BIN)/mypy
	@echo "── lint-imports"
	@NO_COLOR=1 $(BIN)/lint-imports > .venv/lint-imports.log 2>&1 || { cat .venv/lint-imports.log; exit 1; }
	@tail -n 3 .venv/lint-imports.log | grep Contracts

# $(call debian,TARGET,PACKAGES,WHO NEEDS THEM): Debian packages, where this user may install them and the shell function
# `there` does not find them. The tests that need them skip without; in CI nothing may be skipped.
define debian
there > /dev/null && exit; \
[ "$$(id -u)" = 0 ] && root= || root='sudo -n'; \
if command -v apt-get > /dev/null && $$root true 2> /dev/null; then \
  echo "── $(1): apt-get install $(2)"; \
  get() { $$root env DEBIAN_FRONTEND=noninteractive apt-get -qq "$$@" > /dev/null; }; \
  install() { get install -y --no-install-recommends $(2); }; \
  install 2> /dev/null || { get update && install; }; \
fi; \
there > /dev/null && exit; \
echo "$(1): $(3) need these Debian packages: $(2)"; \
[ -z "$$CI" ]
endef

# They start a SLURM of their own.
slurm: ## install the Debian packages for the tests of the cluster, if this user may
	@there() { for each in munged slurmctld slurmd sbatch; do PATH="$$PATH:/usr/sbin" command -v $$each || return; done; }; \
	$(call debian,slurm,$(SLURM),the tests of the cluster)

# They open pages in Chromium, which also prints the report as PDF.
browser: ## install Chromium for the tests of pages, if this user may
	@there() { [ -n "$$QUADRAT_CHROMIUM" ] || command -v chromium || command -v chromium-browser || command -v google-chrome; }; \
	$(call debian,browser,$(BROWSER),the tests of pages)

format: $(STAMP) ## mend what can be mended by itself
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

bench: $(STAMP) slurm ## every benchmark, one table each, beside the systems that are there now
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	@set -e; for file in benchmarks/bench_*.py; do \
	  [ -e "$$file" ] || { echo "no benchmarks/bench_*.py yet"; exit 0; }; \
	  echo "── $$file"; $(BIN)/python "$$file"; \
	done

docs: $(STAMP) ## the documentation as a web site in site/
	@$(BIN)/sphinx-build -q -W --keep-going -d build/doctrees docs site
	@echo "docs: site/index.html"

constraints: $(STAMP) ## resolve constraints.txt anew from pyproject.toml
	@$(BIN)/python tools/pin.py

clean: ## remove caches, built docs and the demo's store; .venv stays
	rm -rf build dist site $(DEMO_STORE) .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name .venv -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
