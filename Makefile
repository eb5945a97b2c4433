# Every target sets up what it needs: a virtual environment in .venv, from Python 3.11 or newer.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# A file's tests share what they start, so that they stay together; files are taken in the order of `testpaths`.
PARALLEL := -q -n auto --dist loadfile --no-loadscope-reorder
# The versions that CI was seen to pass with, so that a release of somebody else's changes nothing unasked.
CONSTRAINTS := .ci/constraints.txt
PIP_INSTALL := pip install --quiet --disable-pip-version-check --constraint $(CONSTRAINTS)

.PHONY: demo docs test check soak format bench bench-peers bench-scale constraints clean

$(VENV)/.installed: pyproject.toml $(CONSTRAINTS)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/$(PIP_INSTALL) --editable '.[dev]'
	touch $@

demo: $(VENV)/.installed  ## share a model between two separate homes and watch an alias move
	$(BIN)/python examples/demo.py

test: $(VENV)/.installed  ## the whole suite
	$(BIN)/pytest $(PARALLEL)

docs: $(VENV)/.installed  ## the documentation, into build/docs; warnings are errors
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going docs build/docs
	@echo "open build/docs/index.html"

check: $(VENV)/.installed docs  ## what CI runs: documentation, format, lint, types, import contracts, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest $(PARALLEL)

soak: $(VENV)/.installed  ## stories of minutes that CI runs after `check`: hundreds of kills, long loads
	$(BIN)/pytest $(PARALLEL) tests/soak

format: $(VENV)/.installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: bench-peers  ## us and the peers side by side; prints ratios and the machine
	$(BIN)/python tests/benchmarks/run.py

bench-peers: $(VENV)/.installed  ## what the README's plot shows, and the plot
	$(BIN)/python tests/benchmarks/peers.py --save docs/benchmarks.json
	$(BIN)/python tests/benchmarks/siblings.py --save docs/benchmarks.json
	$(BIN)/$(PIP_INSTALL) --editable '.[bench]'
	$(BIN)/python tests/benchmarks/plot.py docs/benchmarks.json docs/benchmarks.png

bench-scale: $(VENV)/.installed  ## what docs/concepts/scaling.md shows: 1,000,000 versions, and 200 recipients at two servers
	$(BIN)/python tests/benchmarks/scale.py
	$(BIN)/python tests/benchmarks/load.py

constraints:  ## take the newest allowed versions of everything; look at the difference, then `make check`
	rm -rf $(VENV)-newest
	$(PYTHON) -m venv $(VENV)-newest
	$(VENV)-newest/bin/pip install --quiet --disable-pip-version-check --editable '.[dev,bench]'
	$(VENV)-newest/bin/pip freeze --exclude-editable > $(CONSTRAINTS)
	rm -rf $(VENV)-newest

clean:
	rm -rf $(VENV) .venvs .demo
