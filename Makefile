PYTHON ?= python3
VENV ?= .venv
ARGS ?=
BIN = $(VENV)/bin
MKDOCS = NO_MKDOCS_2_WARNING=1 PYTHONPATH=docs/tooling:. PYTHONDONTWRITEBYTECODE=1 $(BIN)/mkdocs

.PHONY: train test test-slow lint bench docs docs-check docs-test docs-scores serve clean
.DELETE_ON_ERROR:

train: $(VENV)/.dev
	$(BIN)/mlpjax train digits $(ARGS)

test: $(VENV)/.dev
	$(BIN)/python -m pytest --numprocesses auto -m "not slow" $(ARGS)

test-slow: $(VENV)/.dev
	$(BIN)/python -m pytest --numprocesses auto -m slow $(ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks $(ARGS)

docs: $(VENV)/.docs docs/tooling/node_modules
	$(MKDOCS) build --strict $(ARGS)

docs-test: $(VENV)/.docs docs/tooling/node_modules
	$(BIN)/python -m pytest --numprocesses auto tests/site $(ARGS)

docs-check: site/index.html docs/tooling/node_modules
	node docs/tooling/browser.mjs site $(ARGS)
	node docs/tooling/interactions.mjs site

site/index.html:
	@echo "there is no site/ to look at: run make docs first"; exit 1

docs-scores: site/index.html docs/tooling/node_modules
	node docs/tooling/lighthouse.mjs site $(ARGS)

serve: $(VENV)/.docs docs/tooling/node_modules
	KEEP_NOTEBOOKS=true $(MKDOCS) serve --no-strict $(ARGS)

clean:
	rm -rf $(VENV) site docs/tooling/node_modules

docs/tooling/node_modules: docs/tooling/package-lock.json
	@command -v npm >/dev/null || { echo "the site needs Node.js 20 or newer, with npm, for its formulas"; exit 1; }
	cd docs/tooling && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

$(VENV)/.%: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"mlpjax needs Python 3.11 or newer, and $(PYTHON) is {sys.version.split()[0]}: try make PYTHON=python3.13 …")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	@touch $@
