.DEFAULT_GOAL := help
.PHONY: help run test
export PATH := $(CURDIR)/.venvs/uv/bin:$(PATH)
export SAM_CLI_TELEMETRY := 0
PORT ?= 8080

help: ## What can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/.done .venvs/sam/.done .venvs/ministack/.done ## Serve everything at http://127.0.0.1:8080 (PORT=…)
	@.venv/bin/python -m local --port $(PORT)

# Environments: one for the project, one for each tool that pins an SDK of its own.
.venvs/uv/bin/uv:
	@command -v uv >/dev/null && mkdir -p $(@D) && ln -sf "$$(command -v uv)" $@ || \
		(python3 -m venv .venvs/uv && .venvs/uv/bin/pip install --quiet 'uv>=0.9')

.venv/.done: uv.lock pyproject.toml | .venvs/uv/bin/uv
	uv sync --quiet --frozen && touch $@

.venvs/%/.done: uv.lock pyproject.toml | .venvs/uv/bin/uv
	UV_PROJECT_ENVIRONMENT=.venvs/$* uv sync --quiet --frozen --only-group $* && touch $@
