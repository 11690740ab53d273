# Everything a newcomer types. The environment is made once, from the lock.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TORCH := .venv-torch
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test test-torch lint bench clean lock

demo: $(VENV)/.ready  ## real photographs and videos to features, a search, a contact sheet
	$(BIN)/python scripts/demo.py

test: lint  ## everything: format, lint, types, import floors, tests
	$(BIN)/python -m pytest -n 2 -m "not alone"
	$(BIN)/python -m pytest -m alone

test-torch: $(TORCH)/.ready  ## the tests of networks that are code, in an environment of their own
	VIFEX_TEST_TORCH=1 $(TORCH)/bin/python -m pytest tests/torch

lint: $(VENV)/.ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.ready  ## the benchmarks, in hours; writes benchmarks/records/*.json and their page
	$(BIN)/python benchmarks/run.py

lock: $(VENV)/.ready  ## write what is installed now into the lock
	$(BIN)/python scripts/write_lock.py > requirements.lock.new
	mv requirements.lock.new requirements.lock

clean:
	rm -rf $(VENV) $(TORCH) demo build dist

$(VENV)/.ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

$(TORCH)/.ready: requirements-torch.lock pyproject.toml
	$(PYTHON) -m venv $(TORCH)
	$(TORCH)/bin/python -m pip install --quiet --requirement requirements-torch.lock
	$(TORCH)/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@
