# Everything is installed into this folder (.uv, .venv); a bare `make` lists the targets.

PYTHON ?= python3
ARGS ?=

# uv installs in seconds what pip takes half a minute for. It trusts the system's certificates
# only if told to, and must not bring a Python of its own.
UV_VERSION := 0.13.9
UV := .uv/bin/uv
UV_READY := .uv/ready-$(UV_VERSION)
export UV_SYSTEM_CERTS := 1
export UV_PYTHON_DOWNLOADS := never
export PIP_ROOT_USER_ACTION := ignore

BIN := .venv/bin
INSTALL := $(UV) pip install -q --python $(BIN)/python
LOCK := $(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url --no-emit-find-links $(if $(UPGRADE),--upgrade)
SQL := ledger/sql ledger/migrations billing/sql deploy/local/sql

.DEFAULT_GOAL := help
.PHONY: help run test check bench seed screenshots lock clean
# A file that was not made to its end must not be taken for made.
.DELETE_ON_ERROR:

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*##/make \1\t/p' Makefile | expand -t 18

run: .venv/ready  ## start Tollgate with local engines; Ctrl-C stops it
	@exec $(BIN)/tollgate up

test: .venv/ready-dev  ## run all tests on real engines (ARGS="-k word" for some)
	@$(BIN)/pytest -n 4 --dist loadfile $(ARGS)

check: .venv/ready-dev  ## lint, formatting, types, imports between packages, SQL
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/sqlfluff lint $(SQL)

bench: .venv/ready-dev  ## measure the CPU time of a metered call
	@$(BIN)/python -m tests.bench $(ARGS)

seed: .venv/ready-dev  ## fill the database with made-up books (ARGS="--rows 1000000 --accounts 50")
	@$(BIN)/python -m tests.bench.seed $(ARGS)

screenshots: .venv/ready-dev  ## take the pictures of the Credits page in docs/images again
	@$(BIN)/python -m tests.screenshots

lock: $(UV_READY)  ## pin the dependencies of pyproject.toml (UPGRADE=1 for newer versions)
	@$(LOCK) pyproject.toml --extra local --group build -o requirements.lock
	@$(LOCK) --group dev -c requirements.lock -o requirements-dev.lock

clean:  ## remove what is installed and cached; never data (.tollgate stays)
	@rm -rf .uv .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(UV_READY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Tollgate needs Python 3.11 or newer: make PYTHON=python3.12 …" >&2; exit 1; }
	@echo "Installing Tollgate into this folder …"
	@$(PYTHON) -m pip install -q --disable-pip-version-check --upgrade --target .uv uv==$(UV_VERSION)
	@touch $@

.venv/ready: requirements.lock pyproject.toml $(UV_READY)
	@$(UV) venv -q --allow-existing --python $(PYTHON) .venv
	@$(INSTALL) --require-hashes -r requirements.lock
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

.venv/ready-dev: requirements-dev.lock .venv/ready
	@$(INSTALL) --require-hashes -r requirements-dev.lock
	@touch $@
