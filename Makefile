# Every target sets up what it needs: a virtual environment in .venv, from Python 3.11 or newer.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Tests wait for servers and processes a third of the time, so one worker more than cores keeps them all busy.
WORKERS := $(shell echo $$(($$(nproc 2> /dev/null || echo 2) + 1)))
# A file's tests share what they start, so that they stay together; files are taken in the order of `testpaths`.
PARALLEL := -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder
# All tests but those with clients of others: pytest ignores no path that is named, as `testpaths` are.
OUR_TESTS := tests/end_to_end tests/provider tests/recipient tests/protocol tests/compatibility protocol/conformance/tests
# The versions that CI was seen to pass with, so that a release of somebody else's changes nothing unasked.
CONSTRAINTS := .ci/constraints.txt
PIP_INSTALL := pip install --quiet --disable-pip-version-check --constraint $(CONSTRAINTS)

.PHONY: help demo demo-two-regions docs test types check clients conformance browsers soak format bench bench-quick bench-peers bench-scale plot constraints clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(VENV)/.installed: pyproject.toml $(CONSTRAINTS)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/$(PIP_INSTALL) --editable '.[dev]'
	touch $@

demo: $(VENV)/.installed  ## share a model between two companies on this machine
	$(BIN)/python examples/demo.py

demo-two-regions: $(VENV)/.installed  ## make a share a catalog of another metastore, and measure what crosses
	$(BIN)/python examples/two_regions/story.py

test: $(VENV)/.installed  ## run the tests
	$(BIN)/pytest $(PARALLEL)

docs: $(VENV)/.installed  ## build the documentation into build/docs; warnings are errors
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --fresh-env docs build/docs
	@echo "open build/docs/index.html"

types: $(VENV)/.installed  ## check types and import contracts
	$(BIN)/mypy
	$(BIN)/lint-imports

check: $(VENV)/.installed  ## run what CI runs first: documentation, format, lint, types, contracts, all tests but those below
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(MAKE) --no-print-directory --jobs 2 --output-sync docs types
	$(BIN)/pytest $(PARALLEL) $(OUR_TESTS)

clients: $(VENV)/.installed  ## run the tests with clients that others wrote, such as MLflow and the Databricks SDK
	$(BIN)/pytest $(PARALLEL) tests/conformance

conformance: $(VENV)/.installed  ## run the protocol's conformance suite, built and installed apart, against a provider here
	rm -rf build/conformance
	$(BIN)/pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir build/conformance protocol/conformance
	$(BIN)/python -m venv build/conformance/venv
	build/conformance/venv/bin/$(PIP_INSTALL) build/conformance/*.whl
	$(BIN)/python examples/conformance.py build/conformance/venv/bin/opensharing-conformance build/conformance

browsers: $(VENV)/.installed  ## run the explorer's stories in Chromium, which must be on the PATH
	MODEL_SHARING_TESTS_NEED_BROWSER=1 $(BIN)/pytest $(PARALLEL) tests/browser

screenshots: $(VENV)/.installed  ## picture each page into build/screenshots, and renew the README's
	MODEL_SHARING_TESTS_NEED_BROWSER=1 $(BIN)/pytest -q tests/browser/test_screenshots.py
	cp build/screenshots/explorer-*.png docs/

soak: $(VENV)/.installed  ## run the tests that take minutes, such as hundreds of kills; CI runs them last
	$(BIN)/pytest $(PARALLEL) tests/soak

format: $(VENV)/.installed  ## format and fix the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.installed  ## measure all beside others, keep it in docs/benchmarks.json, and draw the README's plot
	$(BIN)/python tests/benchmarks/run.py
	$(MAKE) --no-print-directory plot

bench-quick: $(VENV)/.installed  ## print the most telling ratios in a minute, beside those that were committed
	$(BIN)/python tests/benchmarks/quick.py

bench-peers: $(VENV)/.installed  ## measure what the README's plot shows, and draw it
	$(BIN)/python tests/benchmarks/peers.py --save
	$(BIN)/python tests/benchmarks/siblings.py --rounds 3 --save
	$(MAKE) --no-print-directory plot

plot: $(VENV)/.installed  ## draw the README's plot of docs/benchmarks.json
	$(BIN)/$(PIP_INSTALL) --editable '.[bench]'
	$(BIN)/python tests/benchmarks/plot.py docs/benchmarks.json docs/benchmarks.png

bench-scale: $(VENV)/.installed  ## measure 200 recipients and a large shared catalog, simulate 10,000: docs/concepts/scaling.md
	$(BIN)/python tests/benchmarks/load.py
	$(BIN)/python tests/benchmarks/simulate.py --calibrate --check
	$(BIN)/python tests/benchmarks/mirror.py
	$(BIN)/python tests/benchmarks/explorer.py

constraints:  ## renew .ci/constraints.txt with the newest allowed versions
	rm -rf $(VENV)-newest
	$(PYTHON) -m venv $(VENV)-newest
	$(VENV)-newest/bin/pip install --quiet --disable-pip-version-check --editable '.[dev,bench]'
	$(VENV)-newest/bin/pip freeze --exclude-editable > $(CONSTRAINTS)
	rm -rf $(VENV)-newest

clean:  ## delete virtual environments and what the demo left
	rm -rf $(VENV) .venvs .demo
