# Bare `make` lists the targets. uv is taken from PATH, or else installed into .uv.
UV := $(shell command -v uv || echo .uv/bin/uv)
PYTEST := $(UV) run pytest --numprocesses=auto

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

.PHONY: try
try: $(UV) ## Make a service into build/my-service, start it and talk to it
	@$(UV) run --quiet --no-default-groups python tests/try.py

.PHONY: test
test: $(UV) ## Prove everything: make test ARGS=--require-services skips nothing
	$(PYTEST) $(ARGS)

.PHONY: test-quick
test-quick: $(UV) ## Prove the source, the renders and the services of the presets
	$(PYTEST) -m "not slow" $(ARGS)

.PHONY: docs
docs: $(UV) ## Write the pages that repeat code
	$(UV) run python tests/reference.py

.PHONY: site
site: $(UV) ## Build the site of docs/ into build/site, to be opened from there
	@rm -rf build/site
	@$(UV) run --quiet --no-default-groups --group site sphinx-build --quiet --fail-on-warning --keep-going --conf-dir docs . build/site

.PHONY: bench
bench: $(UV) ## Measure a service beside bare Flask
	$(UV) run python benchmarks/requests.py $(ARGS)

.PHONY: bench-database
bench-database: $(UV) ## Measure what a service asks of its database
	$(UV) run python benchmarks/database.py $(ARGS)

.PHONY: bench-accounts
bench-accounts: $(UV) ## Measure what accounts cost, and what their times tell
	$(UV) run python benchmarks/accounts.py $(ARGS)

.PHONY: bench-jobs
bench-jobs: $(UV) ## Measure what a job costs beside a bare task
	$(UV) run python benchmarks/jobs.py $(ARGS)

.PHONY: bench-peers
bench-peers: $(UV) ## Measure a service beside those of others
	$(UV) run python benchmarks/peers.py $(ARGS)

.PHONY: bench-start
bench-start: $(UV) ## Measure what it takes to copy, start, keep and prove a service
	$(UV) run python benchmarks/start.py $(ARGS)

.PHONY: lint
lint: $(UV) ## Check the code of this project
	$(UV) run ruff check
	$(UV) run ruff format --check

.uv/bin/uv:
	python3 -m venv .uv
	.uv/bin/pip install --quiet uv
