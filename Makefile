# Nexus. `make up` starts it, `make test` checks it, `make help` lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup up test lint fmt bench bench-logs bench-metrics bench-traces soak demo wheel docs lock clean tools test-fast test-e2e test-ui test-rust

PY     := .venv/bin/python
STAMPS := .stamps
RUST   := Cargo.toml Cargo.lock $(shell find crates -name '*.rs' -not -path '*/fuzz/*' 2>/dev/null) $(wildcard crates/*/Cargo.toml)
UI     := ui/package-lock.json ui/index.html ui/vite.config.ts $(shell find ui/src -type f 2>/dev/null)

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

tools:
	@scripts/check-tools

$(STAMPS)/python: requirements/runtime.txt requirements/build.txt | tools
	@mkdir -p $(STAMPS)
	@test -x $(PY) || $${PYTHON:-python3} -m venv .venv
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/runtime.txt -r requirements/build.txt
	@touch $@

$(STAMPS)/dev: requirements/dev.txt $(STAMPS)/python
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/dev.txt
	@touch $@

$(STAMPS)/native: $(RUST) pyproject.toml $(STAMPS)/python
	PATH="$(CURDIR)/.venv/bin:$$PATH" $(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(STAMPS)/ui-deps: ui/package-lock.json | tools
	@mkdir -p $(STAMPS)
	cd ui && npm ci --silent --no-audit --no-fund
	@touch $@

$(STAMPS)/ui: $(STAMPS)/ui-deps $(UI)
	cd ui && npm run --silent build
	@touch $@

setup: $(STAMPS)/python $(STAMPS)/native $(STAMPS)/ui ## build everything: .venv, native module, web UI

up: setup ## start Nexus and print its address and first login
	.venv/bin/nexus up

fmt: $(STAMPS)/dev ## format Python, Rust and TypeScript
	.venv/bin/ruff format src tests benchmarks scripts demo
	.venv/bin/ruff check --fix-only --quiet src tests benchmarks scripts demo
	cargo fmt --all
	cd ui/tools && npm install --no-package-lock --silent --no-audit --no-fund && cd .. && npm run --silent fmt

lint: $(STAMPS)/dev $(STAMPS)/native $(STAMPS)/ui-deps ## types, style and import rules of all three languages
	.venv/bin/ruff format --check --quiet src tests benchmarks scripts demo
	.venv/bin/ruff check --quiet src tests benchmarks scripts demo
	.venv/bin/mypy --no-error-summary
	.venv/bin/lint-imports --no-cache
	$(PY) scripts/generate_reference.py --check
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --release --quiet -- -D warnings
	cd ui/tools && npm install --no-package-lock --silent --no-audit --no-fund && cd .. && npm run --silent lint

test: lint test-fast test-rust test-ui test-e2e ## lint, then every test

test-fast: $(STAMPS)/dev $(STAMPS)/native
	$(PY) -m pytest -n 2 --dist loadfile tests/unit tests/golden tests/conformance

test-rust:
	cargo test --workspace --release --quiet

test-ui: $(STAMPS)/ui
	cd ui && npm run --silent typecheck && npm test --silent && npm run --silent size

$(STAMPS)/javascript: tests/e2e/javascript/package-lock.json | tools
	cd tests/e2e/javascript && npm ci --silent --no-audit --no-fund
	@touch $@

test-e2e: $(STAMPS)/dev $(STAMPS)/native $(STAMPS)/ui $(STAMPS)/javascript
	$(PY) -m pytest -n 2 --dist loadfile tests/e2e

bench: bench-logs bench-metrics bench-traces ## every benchmark, side by side with the rivals found

bench-logs: setup $(STAMPS)/dev ## logs: ingest, size, queries, start, memory against VictoriaLogs
	$(PY) benchmarks/bench_logs.py

bench-metrics: setup $(STAMPS)/dev ## metrics: remote write, size, PromQL against VictoriaMetrics, scraping against Prometheus
	$(PY) benchmarks/bench_metrics.py
	$(PY) benchmarks/bench_scrape.py

bench-traces: setup $(STAMPS)/dev ## traces: ingest, size, questions against VictoriaTraces and Jaeger
	$(PY) benchmarks/bench_traces.py

soak: setup $(STAMPS)/dev $(STAMPS)/javascript ## long runs: kill -9, fuzzers, every door, every test on PostgreSQL, random PromQL, an hour of ingest
	NEXUS_TEST_METADATA=postgresql $(PY) -m pytest -n 2 --dist loadfile tests/e2e
	$(PY) benchmarks/soak_kill.py --rounds $${ROUNDS:-100}
	$(PY) benchmarks/soak_traces.py --rounds $${ROUNDS:-100}
	$(PY) benchmarks/soak_scrape.py --rounds $${ROUNDS:-100}
	$(PY) benchmarks/soak_scrape.py --rounds $${ROUNDS:-100} --fsync
	$(PY) benchmarks/soak_erase.py --rounds $${ROUNDS:-100}
	cd crates/nexus-core/fuzz && cargo run --profile fuzz --quiet --bin fuzz -- --seconds $${FUZZ_SECONDS:-600}
	NEXUS_SOAK_SECONDS=$${DOORS_SECONDS:-900} $(PY) -m pytest tests/e2e/test_schemathesis.py
	NEXUS_RANDOM_QUERIES=$${QUERIES:-10000} $(PY) -m pytest tests/conformance/promql/test_reference.py
	$(PY) benchmarks/soak_memory.py --minutes $${MINUTES:-60}

demo: setup $(STAMPS)/dev ## believable traces, logs and metrics of a small shop into a running Nexus
	$(PY) -m demo.shop

wheel: $(STAMPS)/python $(STAMPS)/ui ## one wheel with the UI and the native module inside, in dist/
	VIRTUAL_ENV=$(CURDIR)/.venv .venv/bin/maturin build --release --quiet --out dist
	@ls dist/*.whl

docs: $(STAMPS)/dev $(STAMPS)/native $(STAMPS)/ui-deps ## regenerate the references and the shapes of the UI
	$(PY) scripts/generate_reference.py
	cd ui/tools && npm install --no-package-lock --silent --no-audit --no-fund && cd .. && npm run --silent api

clean: ## remove everything that was built, keep ./nexus-data
	rm -rf .venv $(STAMPS) target dist ui/node_modules ui/tools/node_modules src/nexus/server/static src/nexus/_native*.so

lock: ## resolve requirements/*.in again, with hashes (needs pip-tools in .venv)
	cd requirements && for f in build runtime dev; do ../.venv/bin/pip-compile --quiet --generate-hashes --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-header --strip-extras --allow-unsafe --no-annotate $$f.in -o $$f.txt; done
