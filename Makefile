# Targets that need the environment make it first; `make demo` and `make test` are all a newcomer needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
UV = $(shell command -v uv || echo $(VENV)/bootstrap/bin/uv)

.DEFAULT_GOAL := help
.PHONY: help setup fmt lint type test test-all demo table docs wheel-smoke constraints clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

setup: $(STAMP) ## make .venv with the pinned dependencies

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "error: bgr needs Python >= 3.11, $(PYTHON) is $$($(PYTHON) --version 2>&1); try make PYTHON=python3.12 setup"; exit 1; }
	@command -v uv >/dev/null || test -x $(VENV)/bootstrap/bin/uv \
	  || { $(PYTHON) -m venv $(VENV)/bootstrap && $(VENV)/bootstrap/bin/pip install -q uv; }
	$(UV) venv -q --allow-existing --python $(PYTHON) $(VENV)
	$(UV) pip install -q --python $(BIN)/python -c constraints.txt -e '.[dev]'
	@touch $@

fmt: setup ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: setup ## check format and style
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

type: setup ## check types
	$(BIN)/mypy

test: setup ## run the tests (minutes, no network)
	$(BIN)/pytest

test-all: setup ## run the slow tests too
	$(BIN)/pytest -m ''

demo: setup ## train a small network, look at its numbers, replace backgrounds
	$(BIN)/bgr train experiment=demo
	$(BIN)/python -m data_tools synthetic runs/demo_photos --count 4 --seed 7
	run=$$(ls -d runs/*_demo | tail -n 1) && \
	$(BIN)/bgr predict run=$$run input=runs/demo_photos/image target_background='#f4c542' output=$$run/predictions && \
	echo "open $$run/report.html; your own photo: $(BIN)/bgr predict run=$$run input=photo.jpg target_background=beach.jpg output=out"

table: setup ## print the tables of the papers that need no data set
	$(BIN)/bgr table paper=portrait

docs: setup ## build the documentation into site/
	$(UV) pip install -q --python $(BIN)/python -c constraints.txt -e '.[docs]'
	$(BIN)/mkdocs build --strict

wheel-smoke: setup ## build the wheel and try it in a clean environment
	$(BIN)/pytest tests/test_wheel.py

constraints: ## resolve the newest allowed versions into constraints.txt
	$(UV) pip compile -q --upgrade --all-extras --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-annotate pyproject.toml -o constraints.txt

clean: ## remove the environment, caches and built files; runs/ stays
	rm -rf $(VENV) build dist site *.egg-info .mypy_cache .ruff_cache .pytest_cache
