# Everything a newcomer types. The environment is made once, from the lock.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TORCH := .venv-torch
NEWEST := .venv-newest
DOCS := .venv-docs
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Tests start some thousand processes. Where no byte code may be written, each compiles all of Vifex once more.
unexport PYTHONDONTWRITEBYTECODE
# One more than there are cores: tests wait for disks, servers and processes that they kill.
WORKERS ?= $(shell $(PYTHON) -c "import os; print(len(os.sched_getaffinity(0)) + 1)")
PYTEST := -m pytest -n $(WORKERS) --dist loadfile

.PHONY: demo test test-torch test-newest lint docs release-check bench clean lock lock-docs

demo: $(VENV)/.ready  ## real photographs and videos to features, a search, a contact sheet
	$(BIN)/python scripts/demo.py

test: lint  ## everything: format, lint, types, import layers, tests
	$(BIN)/python $(PYTEST) -m "not alone"
	$(BIN)/python -m pytest -m alone

test-torch: $(TORCH)/.ready  ## the tests of networks that are code, in an environment of their own
	VIFEX_TEST_TORCH=1 $(TORCH)/bin/python $(PYTEST) tests/torch

# What depends on the versions of libraries: decoding, networks, tables, exports, and the commands of the pages.
NEWEST_TESTS := tests/oracle tests/contract tests/unit/media tests/end_to_end/test_demo.py \
	tests/end_to_end/test_readmes.py tests/end_to_end/test_shared_media.py tests/end_to_end/test_sound.py \
	tests/end_to_end/test_pages.py tests/end_to_end/test_derived.py tests/end_to_end/test_output_encodings.py

test-newest: $(NEWEST)/.ready  ## the newest Python here, the newest versions that the bounds allow
	@$(NEWEST)/bin/python -c "import sys; print('Python', sys.version)"
	@$(NEWEST)/bin/python -m pip list --format freeze
	$(NEWEST)/bin/python $(PYTEST) -m "not alone" $(NEWEST_TESTS)

lint: $(VENV)/.ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy --strict tests/support/api_usage.py
	$(BIN)/lint-imports

docs: $(DOCS)/.ready  ## the documentation as a site in build/docs; a warning or a broken link is an error
	$(BIN)/python scripts/write_adr_index.py
	$(DOCS)/bin/python -m sphinx --builder html --fail-on-warning --keep-going --nitpicky --quiet docs build/docs
	$(BIN)/python scripts/check_site.py build/docs

release-check: $(DOCS)/.ready  ## build wheel and sdist, check their metadata, test the wheel in a fresh environment
	$(DOCS)/bin/python scripts/release_check.py

bench: $(VENV)/.ready  ## the benchmarks, in hours; writes benchmarks/records/*.json and their page
	$(BIN)/python benchmarks/run.py

lock: $(VENV)/.ready  ## write what is installed now into the lock
	$(BIN)/python scripts/write_lock.py > requirements.lock.new
	mv requirements.lock.new requirements.lock

lock-docs: $(DOCS)/.ready  ## the same for the environment of the documentation
	$(DOCS)/bin/python -m pip list --local --format freeze --exclude pip --exclude setuptools --exclude vifex \
		> requirements-docs.lock.new
	mv requirements-docs.lock.new requirements-docs.lock

clean:
	rm -rf $(VENV) $(TORCH) $(NEWEST) $(DOCS) demo build dist

$(VENV)/.ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable . --editable plugins/vifex-jpeg
	# Only its axe.min.js is wanted, which tests run in the pages: not Playwright, on which it depends.
	$(BIN)/python -m pip install --quiet --no-deps axe-playwright-python==0.1.8
	touch $@

# What tests do not import is not compiled here either, nor in the newest environment.
$(TORCH)/.ready: requirements-torch.lock pyproject.toml
	$(PYTHON) -m venv $(TORCH)
	$(TORCH)/bin/python -m pip install --quiet --no-compile --requirement requirements-torch.lock
	$(TORCH)/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	$(TORCH)/bin/python -m pip install --quiet --no-deps axe-playwright-python==0.1.8
	touch $@

# Only the generator and the tools of a release. The packages that Vifex imports are those of the main environment.
$(DOCS)/.ready: requirements-docs.lock $(VENV)/.ready
	$(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/python -m pip install --quiet --requirement requirements-docs.lock
	$(BIN)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))" \
		> "$$($(DOCS)/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/main.pth"
	touch $@

# Without the lock. Nothing is cached: what the registries give today is what is tested.
$(NEWEST)/.ready: pyproject.toml
	$$($(PYTHON) scripts/newest_python.py) -m venv --clear $(NEWEST)
	$(NEWEST)/bin/python -m pip install --quiet --no-compile --upgrade --upgrade-strategy eager --editable '.[dev]' \
		--editable plugins/vifex-jpeg
	touch $@
