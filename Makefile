# Everything starts from here: `make demo`, `make test`. Needs Python 3.11+ and a package registry, nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile
# uv reads no configuration of pip: it is told where the packages are.
UV = $(BIN)/uv pip install --quiet --python $(BIN)/python \
	$$(printf '%s' "$${PIP_INDEX_URL:-$$($(BIN)/python -m pip config get global.index-url 2>/dev/null)}" | sed 's/^/--default-index /')

# Tests start Python hundreds of times: compiling what it imports each time would take longer than they do.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test lint lock clean

demo: $(STAMP)
	$(BIN)/llminfra plan stacks/prod.py
	$(BIN)/llminfra synth stacks/prod.py stacks/dev.py
	$(BIN)/llminfra check stacks/prod.py stacks/dev.py --fail-on info

test: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The lock is for every Python from 3.11 on; hashes are checked at install.
lock: $(STAMP)
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --all-extras --group dev \
		--no-header --no-annotate pyproject.toml -o requirements.lock

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("llminfra needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Run: make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	@awk '/^[^ ]/ {wanted = /^uv==/} wanted' requirements.lock > $(VENV)/uv.txt
	$(PIP) --require-hashes --no-deps -r $(VENV)/uv.txt
	@# A tenth of pip's time; where uv cannot reach what pip's configuration names, pip does it.
	$(UV) --require-hashes --no-deps -r requirements.lock || $(PIP) --require-hashes --no-deps -r requirements.lock
	$(UV) --no-deps --editable . || $(PIP) --no-deps --editable .
	@$(BIN)/python -m compileall -q llminfra stacks
	@touch $@

clean:
	rm -rf $(VENV) cdktf.out dist
