# Two commands on a machine with only Python and make: each makes its own environment, installs, and runs.
#   make train    a network learns real handwritten digits
#   make test     all tests but the slow ones
PYTHON ?= python3
BIN = .venv/$(1)/bin
STAMP = .venv/$(1)/.installed

.PHONY: train test test-slow lint check benchmarks notebooks clean

train: $(call STAMP,train)
	$(call BIN,train)/chainrule train mnist

test: $(call STAMP,test)
	$(call BIN,test)/python -m pytest -n 2 --dist worksteal -m "not slow" -q

test-slow: $(call STAMP,test)
	$(call BIN,test)/python -m pytest -n 2 --dist worksteal -m slow -q

lint: $(call STAMP,dev)
	$(call BIN,dev)/ruff check .
	$(call BIN,dev)/ruff format --check .
	$(call BIN,dev)/mypy

check: $(call STAMP,test)
	$(call BIN,test)/chainrule check

benchmarks: $(call STAMP,benchmarks)
	$(call BIN,benchmarks)/python -m benchmarks

notebooks: $(call STAMP,test)
	$(call BIN,test)/python notebooks/tools/execute.py

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

EXTRA_train = data
EXTRA_test = test
EXTRA_dev = dev
EXTRA_benchmarks = benchmarks

.venv/%/.installed: pyproject.toml
	$(PYTHON) -m venv .venv/$*
	.venv/$*/bin/python -m pip install --quiet --disable-pip-version-check --editable ".[$(EXTRA_$*)]"
	@touch $@
