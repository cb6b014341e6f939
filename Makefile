# Two commands are enough: `make run` and `make test`. Both set up everything they need in .venv.
.DEFAULT_GOAL := help
.PHONY: help run test check format fuzz chaos bench lock bundle sbom audit clean
BIN := .venv/bin
ARGS ?=
WORKERS ?= 3

help: ## what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

run: .venv/.run ## the whole simulated city: broker, sensors, agents, hub; ARGS="--for 30s --report run.json"
	@$(BIN)/halong up $(ARGS)

test: .venv/.dev ## all of the quick tier: linters, types, architecture, tests with real servers; WORKERS=3
	@scripts/servers.sh
	@$(MAKE) --no-print-directory check
	@$(BIN)/pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

check: .venv/.dev ## linters, types, import arrows, generated files
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check -q .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m grafana --check

format: .venv/.dev ## lay the code out
	@$(BIN)/ruff check --fix -q .
	@$(BIN)/ruff format -q .

fuzz: .venv/.dev ## what is drawn by chance, twenty times as much of it; WORKERS=3
	@scripts/servers.sh
	@HALONG_HYPOTHESIS=fuzz $(BIN)/pytest -q -m "hypothesis or fuzz" -n $(WORKERS) --timeout=3600 $(ARGS)

chaos: .venv/.dev ## 1,000 faults on each store and broker, about an hour; ARGS="--faults 100 --seed 3"
	@scripts/servers.sh
	@for run in "embedded mosquitto" "influx mosquitto" "embedded amqtt" "influx amqtt"; do set -- $$run; \
	 $(BIN)/halong chaos --faults 1000 --store $$1 --broker $$2 $(ARGS) || exit 1; done

bench: .venv/.dev ## figures, as ratios inside one run
	@$(BIN)/python -m bench $(ARGS)

lock: .venv/.dev ## pin the dependencies anew, with hashes
	@scripts/lock.sh

bundle: .venv/.dev ## dist/halong-….tar.gz: wheels and installer for a site without internet
	@scripts/bundle.sh

audit: .venv/.dev ## known vulnerabilities of the lock, from a dump of advisories: ARGS=all.zip
	@$(BIN)/python scripts/audit.py $(ARGS)

sbom: .venv/.dev ## dist/sbom.cdx.json: what it is made of (CycloneDX), from the hashed requirements
	@mkdir -p dist && $(BIN)/python scripts/sbom.py > dist/sbom.cdx.json && echo dist/sbom.cdx.json

clean: ## everything that can be made again; halong-data stays
	@rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.run: requirements.txt pyproject.toml scripts/venv.sh
	@scripts/venv.sh requirements.txt
	@touch $@

.venv/.dev: requirements-dev.txt pyproject.toml scripts/venv.sh
	@scripts/venv.sh requirements-dev.txt
	@touch $@ .venv/.run
