.DEFAULT_GOAL := help
.PHONY: help run test unit check format bench invoke start-lambda load logs redrive explain repair announce \
	forget report watch move-members generate pictures audit
export PATH := $(CURDIR)/.venvs/uv/bin:$(PATH)
export SAM_CLI_TELEMETRY := 0
PORT ?= 8080
# What the operator's tools have in common.
AT = --stage "$(or $(STAGE),local)"
TOOL = $(AT) $(if $(JSON),--json)
SURE = $(if $(YES),--yes)

help: ## What can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/.done .venvs/sam/.done .venvs/ministack/.done ## Serve everything at http://127.0.0.1:8080 (PORT=…, ORIGINS=… for CORS, WEBHOOK=URL KEY=…)
	@.venv/bin/python -m local --port "$(PORT)" --origins "$(ORIGINS)" $(if $(WEBHOOK),--webhook "$(WEBHOOK)") \
		$(if $(KEY),--webhook-key "$(KEY)")

test: system browsers bytecode check .venvs/ministack/.done tests/browser/three/node_modules/.package-lock.json ## All tests, in moto, on DynamoDB Local, on the local cloud and in a browser
	.venv/bin/python -m pytest --numprocesses auto --cov --cov-report=term --cov-report=json:.coverage.json
	@.venv/bin/python -c "import json; t = json.load(open('.coverage.json'))['totals']; \
		share = 100 * t['covered_branches'] / t['num_branches']; \
		print(f'branches covered: {share:.1f} %'); raise SystemExit(share < 95)"

unit: .venv/.done ## The rules alone: no servers, some seconds
	.venv/bin/python -m pytest --quiet tests/unit

format: .venv/.done ## Bring the code into its form
	.venv/bin/ruff check --fix --exit-zero .
	.venv/bin/ruff format .

check: npm .venv/.done .venvs/sam/.done .venvs/checkov/.done tests/openapi/node_modules/.package-lock.json cabinet/node_modules/.package-lock.json ## Linters, types, template, API description, component
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/python -m cogapp --check README.md
	.venvs/sam/bin/sam validate --lint --region eu-central-1
	.venvs/checkov/bin/checkov --config-file .checkov.yaml
	REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true \
		tests/openapi/node_modules/.bin/redocly lint --config tests/openapi/redocly.yaml openapi.yaml
	npm run --silent --prefix cabinet check

bench: system .venv/.done .venvs/sam/.done ## Measure: ratios to bare handlers, into bench/results
	.venv/bin/python -m bench $(ARGS)

invoke: .venv/.done .venvs/sam/.done ## Call one function with its sample event (fn=list event=FILE)
	@PORT=$(PORT) .venv/bin/python -m local.invoke "$(fn)" "$(event)"

start-lambda: .venv/.done .venvs/sam/.done ## Serve the functions to SDK clients, in Docker (sam local start-lambda)
	@PORT=$(PORT) .venv/bin/python -m local.sam_local $(ARGS)

load: .venv/.done ## Tell events from JSON Lines (FILE=… STAGE=…; over HTTPS with URL=… and the token in TOKEN)
	@PORT=$(PORT) .venv/bin/python -m ops.load "$(FILE)" $(AT) $(if $(URL),--url "$(URL)")

logs: .venv/.done ## Follow the functions' logs (STAGE=…, fn=… ID=… SINCE=10m)
	@PORT=$(PORT) .venv/bin/python -m ops.logs $(AT) --function "$(fn)" --id "$(ID)" \
		$(if $(SINCE),--since "$(SINCE)") $(if $(ONCE),--once)

redrive: .venv/.done ## Show the failure queues and put back (DRY=1 only shows, SINCE=… announces again, DROP=id deletes one; STAGE=… YES=1)
	@PORT=$(PORT) .venv/bin/python -m ops.redrive $(TOOL) $(SURE) $(if $(DRY),--dry) $(if $(SINCE),--since "$(SINCE)") \
		$(if $(DROP),--drop "$(DROP)")

move-members: .venv/.done ## Bring members of version 0.1 to where they stand now (DELETE=1 after the upgrade; STAGE=… YES=1)
	@PORT=$(PORT) .venv/bin/python -m ops.members $(TOOL) $(SURE) $(if $(DELETE),--delete)

# USER is in every shell's environment: it counts only where it stands behind `make explain`.
explain: .venv/.done ## Explain an account: what may be extended, by whom, why not (ACCOUNT=… USER=… STAGE=… JSON=1)
	@PORT=$(PORT) .venv/bin/python -m ops.explain $(TOOL) --account "$(ACCOUNT)" \
		$(if $(filter command,$(origin USER)),--user "$(USER)")

repair: .venv/.done ## Let the next change about a frozen record in (ACCOUNT=… RECORD=member:U-1 STAGE=… YES=1)
	@PORT=$(PORT) .venv/bin/python -m ops.repair $(TOOL) $(SURE) --account "$(ACCOUNT)" --record "$(RECORD)"

announce: .venv/.done ## Announce again what was written to extensions (FROM=… TO=… STAGE=… YES=1)
	@PORT=$(PORT) .venv/bin/python -m ops.announce $(TOOL) $(SURE) --from "$(FROM)" $(if $(TO),--to "$(TO)")

forget: .venv/.done ## Remove an account with all it has, as AccountRemoved does (ACCOUNT=… STAGE=… YES=1)
	@PORT=$(PORT) .venv/bin/python -m ops.forget $(TOOL) $(SURE) --account "$(ACCOUNT)"

report: .venv/.done ## How extensions are used, and whom to call (OUT=report.html CSV=… STAGE=… or EXPORT=… RATE=… YES=1)
	@PORT=$(PORT) .venv/bin/python -m ops.report $(TOOL) $(SURE) $(if $(OUT),--out "$(OUT)") $(if $(CSV),--csv "$(CSV)") \
		$(if $(EXPORT),--export "$(EXPORT)") $(if $(RATE),--rate "$(RATE)")

watch: .venv/.done ## Watch a stage live: grants, refusals, lag, queues, alarms (STAGE=… EVERY=10 ONCE=1)
	@PORT=$(PORT) .venv/bin/python -m ops.watch $(TOOL) $(if $(EVERY),--every "$(EVERY)") $(if $(ONCE),--once)

generate: npm .venv/.done cabinet/node_modules/.package-lock.json ## Write what is made from the code: schemas, API description, licences, component
	.venv/bin/python -m generate.schemas
	.venv/bin/python -m generate.licences
	.venv/bin/python -W ignore -m generate.openapi
	npm run --silent --prefix cabinet build
	.venv/bin/python -m cogapp -r README.md

pictures: system .venv/.done ## Take the pictures of docs/images anew, of a running make run
	.venv/bin/python -m tests.browser.pictures $(PORT)

audit: .venv/.done ## Look the locked libraries up in the vulnerability databases
	uv export --quiet --frozen --only-group layer | .venv/bin/pip-audit --disable-pip --strict --requirement /dev/stdin

# What is needed of the system, then environments: one for the project, one for each tool that pins an SDK of its own.
.PHONY: system browsers npm bytecode
system:
	@sh local/setup.sh system java npm chromium-headless-shell

# Two more browsers for one test, which is skipped where they are not.
browsers:
	@sh local/setup.sh system firefox-esr WebKitWebDriver xvfb-run || echo "Without them the story in three browsers is skipped." >&2

# Of what the tests import, once for all their workers, on the core that `check` leaves idle.
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
