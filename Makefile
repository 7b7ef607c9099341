.DEFAULT_GOAL := help
.PHONY: help run test check bench invoke load redrive generate audit
export PATH := $(CURDIR)/.venvs/uv/bin:$(PATH)
export SAM_CLI_TELEMETRY := 0
export PYTHONPYCACHEPREFIX := $(CURDIR)/.venv/pycache
PORT ?= 8080

help: ## What can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/.done .venvs/sam/.done .venvs/ministack/.done ## Serve everything at http://127.0.0.1:8080 (PORT=…)
	@.venv/bin/python -m local --port $(PORT)

test: check .venvs/ministack/.done system ## All tests, in moto, on DynamoDB Local, on the local cloud and in a browser
	.venv/bin/python -m pytest --numprocesses 2 --dist loadgroup --cov --cov-report=term --cov-report=json:.coverage.json
	@.venv/bin/python -c "import json; t = json.load(open('.coverage.json'))['totals']; \
		share = 100 * t['covered_branches'] / t['num_branches']; \
		print(f'branches covered: {share:.1f} %'); raise SystemExit(share < 95)"

check: .venv/.done .venvs/sam/.done .venvs/checkov/.done system ## Linters, types, template, API description
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venvs/sam/bin/sam validate --lint --region eu-central-1
	.venvs/checkov/bin/checkov --config-file .checkov.yaml
	npm ci --silent --prefix tests/openapi
	REDOCLY_TELEMETRY=off tests/openapi/node_modules/.bin/redocly lint --config tests/openapi/redocly.yaml openapi.yaml

bench: .venv/.done .venvs/sam/.done system ## Measure: ratios to bare handlers, into bench/results
	.venv/bin/python -m bench $(ARGS)

invoke: .venv/.done .venvs/sam/.done ## Call one function with its sample event (fn=list)
	@PORT=$(PORT) .venv/bin/python -m local.invoke "$(fn)"

load: .venv/.done ## Put events from JSON Lines on the bus (FILE=… STAGE=…)
	@PORT=$(PORT) .venv/bin/python -m ops.load "$(FILE)" --stage "$(STAGE)"

redrive: .venv/.done ## Show the failure queues and put back (STAGE=…, DRY=1 only shows)
	@PORT=$(PORT) .venv/bin/python -m ops.redrive --stage "$(STAGE)" $(if $(DRY),--dry)

generate: .venv/.done ## Write what is made from the code: schemas, API description, licences
	.venv/bin/python -m ops.schemas
	.venv/bin/python -m local.licences
	.venv/bin/python -W ignore -m tests.describe

audit: .venv/.done ## Look the locked libraries up in the vulnerability databases
	uv export --quiet --frozen --only-group layer | .venv/bin/pip-audit --disable-pip --strict --requirement /dev/stdin

# Debian packages that the tests need, where they are missing and we may install them.
.PHONY: system
system:
	@missing=""; \
	command -v java >/dev/null || missing="$$missing openjdk-17-jre-headless"; \
	command -v npm >/dev/null || missing="$$missing npm"; \
	command -v chromium >/dev/null || missing="$$missing chromium"; \
	if [ -n "$$missing" ]; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "installing$$missing"; apt-get update -qq && apt-get install -qq -y --no-install-recommends $$missing; \
		else echo "The tests need these Debian packages:$$missing. Install them and run again." >&2; exit 1; fi; \
	fi

# Environments: one for the project, one for each tool that pins an SDK of its own.
.venvs/uv/bin/uv:
	@mkdir -p $(@D); if command -v uv >/dev/null; then ln -sf "$$(command -v uv)" $@; else \
		rm -rf .venvs/uv && python3 -m venv .venvs/uv && .venvs/uv/bin/pip install --quiet 'uv>=0.9'; fi

.venv/.done: uv.lock pyproject.toml | .venvs/uv/bin/uv
	uv sync --quiet --frozen && touch $@

.venvs/%/.done: uv.lock pyproject.toml | .venvs/uv/bin/uv
	UV_PROJECT_ENVIRONMENT=.venvs/$* uv sync --quiet --frozen --only-group $* && touch $@
