.DEFAULT_GOAL := help
CHECKS := check-types check-component check-template check-rights check-code
.PHONY: help run test outside unit check $(CHECKS) format bench generate pictures audit
export PATH := $(CURDIR)/.venvs/uv/bin:$(PATH)
export SAM_CLI_TELEMETRY := 0
PORT ?= 8080
# Values go to programs as they were typed: make expands nothing in them, and the shell reads them from the environment.
VALUES := PORT ORIGINS WEBHOOK KEY ARGS
$(foreach name,$(VALUES),$(eval override $(name) := $$(value $(name))))
export $(VALUES)

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  .venv/bin/extending --help    the operator's program: load, explain, redrive, report, watch and more"

run: .venv/.done .venvs/sam/.done .venvs/ministack/.done ## Run everything at http://127.0.0.1:8080 (PORT=8081; ORIGINS=https://page,… for CORS; WEBHOOK=URL KEY=…)
	@.venv/bin/python -m local --port "$$PORT" --origins "$$ORIGINS" --webhook "$$WEBHOOK" --webhook-key "$$KEY"

test: system browsers strangers bytecode check .venvs/ministack/.done tests/browser/three/node_modules/.package-lock.json ## Run the checks and all tests: rules, moto, DynamoDB Local, local cloud, browsers
	.venv/bin/python -m pytest --numprocesses auto --cov --cov-report=term --cov-report=json:.coverage.json
	@.venv/bin/python -c "import json; t = json.load(open('.coverage.json'))['totals']; \
		share = 100 * t['covered_branches'] / t['num_branches']; \
		print(f'branches covered: {share:.1f} %'); raise SystemExit(share < 95)"

outside: strangers .venv/.done .venvs/sam/.done .venvs/ministack/.done ## Run the tests with parts of others: tokens, generated clients, caches
	.venv/bin/python -m pytest tests/outside

unit: .venv/.done ## Run the tests of the rules, without servers
	.venv/bin/python -m pytest --quiet tests/unit

format: .venv/.done ## Format the code
	.venv/bin/ruff check --fix --exit-zero .
	.venv/bin/ruff format .

check: npm .venv/.done .venvs/sam/.done .venvs/checkov/.done tests/openapi/node_modules/.package-lock.json cabinet/node_modules/.package-lock.json ## Check form, types, imports, template, API description and component
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target $(CHECKS)

check-code:
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/lint-imports
	.venv/bin/python -m cogapp --check README.md

check-types:
	.venv/bin/mypy

check-template:
	.venvs/sam/bin/sam validate --lint --region eu-central-1

check-rights:
	.venvs/checkov/bin/checkov --config-file .checkov.yaml

check-component:
	npm run --silent --prefix cabinet check
	REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true \
		tests/openapi/node_modules/.bin/redocly lint --config tests/openapi/redocly.yaml openapi.yaml

bench: system .venv/.done .venvs/sam/.done ## Measure speed and cost as ratios, into bench/results (ARGS="--quick warm")
	.venv/bin/python -m bench $$ARGS

generate: npm .venv/.done .venvs/sam/.done cabinet/node_modules/.package-lock.json ## Write the generated files: schemas, API description, licences, component
	.venv/bin/python -W ignore -m generate
	npm run --silent --prefix cabinet build
	.venv/bin/python -m cogapp -r README.md

pictures: system .venv/.done ## Take the pictures of docs/images from a running make run
	.venv/bin/python -m tests.browser.pictures "$$PORT"

audit: .venv/.done ## Look up the locked libraries in the vulnerability database
	uv export --quiet --frozen --only-group layer | .venv/bin/pip-audit --disable-pip --requirement /dev/stdin

# What is needed of the system, then environments: one for the project, one for each tool that pins an SDK of its own.
.PHONY: system browsers strangers npm bytecode
system:
	@sh local/setup.sh system java npm chromium-headless-shell

# Two more browsers for one test, which is skipped where they are not.
browsers:
	@sh local/setup.sh system firefox-esr WebKitWebDriver xvfb-run || echo "Without them the story in three browsers is skipped." >&2

# Parts of others for the tests that try them; where a registry is out of reach these are skipped and say so.
strangers: system
	@$(MAKE) --no-print-directory .venvs/outside/.done tests/outside/node_modules/.package-lock.json || \
		echo "Without them the tests of tests/outside are skipped." >&2

# Of what the tests import, once for all their workers, beside the checks.
bytecode: .venv/.done
	@.venv/bin/python -m pytest --collect-only --quiet >/dev/null 2>&1 &

npm:
	@sh local/setup.sh system npm

.venvs/uv/.done:
	@sh local/setup.sh bootstrap

.venv/.done: uv.lock pyproject.toml | .venvs/uv/.done
	@sh local/setup.sh environment .venv

.venvs/%/.done: uv.lock pyproject.toml | .venvs/uv/.done
	@sh local/setup.sh environment .venvs/$* --only-group $*

%/node_modules/.package-lock.json: %/package-lock.json
	@echo "Setting up $(@D) …" >&2
	@npm ci --silent --no-audit --no-fund --ignore-scripts --prefix $*
	@touch $@
