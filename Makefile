# Each target sets up what it needs in .venv and is quick the second time.
PYTHON ?= python3
TORCH ?= torch==2.13.0
BIN := .venv/bin
# A second thread makes the times of small products jump on a busy machine.
ONE_THREAD := OPENBLAS_NUM_THREADS=1

# What is run more than once is compiled once, whatever the environment says.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: verify verify-large test docs nightly bench bench-peers mutants test-all clean

verify: .venv/dev
	$(BIN)/zoo verify --accept-sampled

# The sizes that take minutes: all pairs of ten digits, a thousand tokens. It shows how far it is.
verify-large: .venv/dev
	$(BIN)/zoo verify --large --check rule margin float32 lemmas

test: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest --benchmark-disable -n 2 --dist loadfile

# The pages that follow from the code: docs/api.md and docs/command.md.
docs: .venv/dev
	$(BIN)/python -m properties.selftest.documents

nightly: .venv/dev
	$(ONE_THREAD) HYPOTHESIS_PROFILE=soundness $(BIN)/pytest -m soundness --benchmark-disable -n 2

bench: .venv/dev
	$(ONE_THREAD) $(BIN)/pytest benchmarks

bench-peers: .venv/peers
	$(ONE_THREAD) $(BIN)/pytest benchmarks/test_peers.py

# Takes hours; goes on where it was stopped. ONLY=properties/proof, or a module, for a part; SAMPLE=100 for as many of
# a folder, drawn at random, always the same ones, others with DRAW=2; SECONDS=600 for what survived the tests that come
# first.
mutants: .venv/mutants
	SAMPLE=$(SAMPLE) DRAW=$(DRAW) SECONDS=$(SECONDS) $(BIN)/python -m properties.selftest.mutants $(ONLY)

test-all: .venv/peers test

.venv/dev: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/pip install --quiet --editable . --group dev
	touch $@

.venv/peers: .venv/dev
	$(BIN)/pip install --quiet "$(TORCH)"  # first, so that no other package chooses a larger build
	$(BIN)/pip install --quiet --editable ".[peers,emulator,notebook,dask]"
	touch $@

.venv/mutants: .venv/dev
	$(BIN)/pip install --quiet --group mutants
	touch $@

clean:
	rm -rf .venv .mutants
