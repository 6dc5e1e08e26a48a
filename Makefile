# demo · test · check · fix · bench · conformance · docs: each sets up what it needs, inside the checkout.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test check types-linux types-darwin types-win32 fix bench conformance bench-peers fuzz soak docs parity lock clean

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## the virtual environment: .venv/bin/skerry with all extras

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("skerry needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; try: make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "setting up $(VENV) (once, about a minute)"
	@PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet --require-hashes -r constraints.txt -c constraints.txt
	@PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

demo: $(STAMP) ## start the local stack and hold a conversation over the whole road
	@$(BIN)/skerry demo

test: $(STAMP) ## run the tests
	@$(BIN)/python -m pytest

check: $(STAMP) ## format, lint, types (also as macOS and Windows have them), import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	@$(MAKE) --no-print-directory -j3 types-linux types-darwin types-win32
	$(BIN)/lint-imports

types-linux:
	$(BIN)/mypy

types-darwin types-win32: types-%:
	$(BIN)/mypy --platform $* --no-warn-unreachable --cache-dir .mypy_cache/$*

fix: $(STAMP) ## format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP) ## side-by-side measurements, printed as ratios
	@$(BIN)/python -m bench

bench-peers: $(STAMP) ## install the tools that bench compares with, in build/bench-peers
	@$(BIN)/python -m bench.proxy.peers

fuzz: $(STAMP) ## hostile input for FUZZ_MINUTES (5)
	@$(BIN)/python -m tests.fuzz

soak: $(STAMP) ## SOAK_MINUTES (10) of load while sessions, servers and the stack are killed (Linux)
	@$(BIN)/python -m tests.soak --minutes $(or $(SOAK_MINUTES),10)

conformance: $(STAMP) ## the official MCP suite, directly, through proxy, runtime and bridge, and through a gateway (installs Node)
	@$(BIN)/python -m tests.conformance

docs: $(STAMP) ## write the generated pages: docs/parity.md
	@$(BIN)/python -m tests.contracts.parity

parity: $(STAMP) ## how much of AgentCore's published contract is kept, section by section
	@$(BIN)/python -m tests.contracts.coverage

lock: $(STAMP) ## resolve constraints.txt anew (needs uv)
	uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --no-emit-index-url \
	  --all-extras --group dev --python-version 3.11 pyproject.toml --output-file constraints.txt

clean: ## remove the environment and the caches
	rm -rf $(VENV) .conformance .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
