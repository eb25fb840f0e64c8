# `make demo` and `make test` want Python >= 3.11 and nothing else; `make help` lists the rest.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet

.PHONY: help demo test check format coverage sim sim-report mutation test-peers test-sdks \
	test-postgres test-browser test-promtool demo-real bench soak lock clean

help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)

## make demo        providers that fail, and the calls that are answered all the same
demo: .venv/.run
	@$(BIN)/elizanet demo

## make test        the whole test suite, Python only
test: .venv/.dev
	$(BIN)/python -m pytest -q --hypothesis-profile=ci

## make check       formatting, lint, types, and that dependencies point down only
check: .venv/.bench
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python scripts/check_layers.py

## make format      let ruff put the source in order
format: .venv/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

## make coverage    the tests with branch coverage, and the bounds of the core
coverage: .venv/.dev
	$(BIN)/python -m pytest -q --cov --cov-report=term:skip-covered
	$(BIN)/coverage report --fail-under=95 --include='src/elizanet/engine.py,src/elizanet/stream.py,src/elizanet/sse.py,src/elizanet/classify/*,src/elizanet/policy/*'

## make sim         every scenario of the simulator with twenty seeds, ten minutes
sim: .venv/.dev
	$(BIN)/python -m benchmarks.resilience.sim

## make sim-report  the figures of benchmarks/resilience.md, written anew
sim-report: .venv/.dev
	$(BIN)/python -m benchmarks.resilience --write

## make mutation    change the policies one thing at a time, and see the tests fail
mutation: .venv/.dev
	$(BIN)/python -m scripts.mutate

## make test-sdks   the official clients, installed in places of their own, through the real gateway
test-sdks: .venv-sdks/.ready tests/sdks/node/node_modules/.package-lock.json
	scripts/install.sh curl curl
	.venv-sdks/bin/python -m pytest -q -m sdks tests/sdks

## make test-peers  against a real LiteLLM, installed in a venv of its own
test-peers: .venv/.dev .venv-litellm/.ready
	$(BIN)/python -m pytest -q -m peers tests/peers

## make demo-real   a real language model behind it all; compiles llama.cpp once, ten minutes
demo-real: .venv/.dev .venv-litellm/.ready .venv-real/.ready
	@$(BIN)/python examples/demo_real.py

## make test-postgres  against a PostgreSQL of the distribution's packages
test-postgres: .venv/.dev
	scripts/with_postgres.sh $(BIN)/python -m pytest -q -m postgres tests

## make test-promtool  metrics and alert rules by Prometheus' own checker
test-promtool: .venv/.dev
	scripts/with_promtool.sh $(BIN)/python -m pytest -q tests/metrics

## make test-browser  the dashboard in a real Chromium of the distribution's packages
test-browser: .venv-browser/.ready
	scripts/install.sh chromium chromium fonts-dejavu-core
	.venv-browser/bin/python -m pytest -q -m browser tests/dashboard

## make bench       the figures of benchmarks/, written anew
bench: .venv/.bench
	$(BIN)/python benchmarks/classify.py --write
	$(BIN)/python benchmarks/plugin.py --write
	$(BIN)/python -m benchmarks.http_clients --write
	$(BIN)/python -m benchmarks.tokens --write
	$(BIN)/python benchmarks/engine.py --write
	$(BIN)/python benchmarks/doors.py --write
	$(BIN)/python benchmarks/breaker_false_opens.py --write
	$(BIN)/python benchmarks/limiter.py --write
	$(BIN)/python benchmarks/observability.py --write
	$(BIN)/python -m benchmarks.records --write
	scripts/install.sh nginx nginx-light
	$(BIN)/python -m benchmarks.gateway --write

## make soak        twenty minutes at 70 % of capacity with faults that come and go
soak: .venv/.bench
	$(BIN)/python -m benchmarks.gateway.soak --write

## make lock        choose new versions; nothing else ever does
lock: .venv-lock/.ready
	sh scripts/lock.sh .venv-lock/bin/uv

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("elizanet needs Python 3.11 or newer, this is " + sys.version.split()[0] + ": make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv

.venv/.run: .venv/bin/python requirements/run.txt pyproject.toml
	$(PIP) --require-hashes -r requirements/run.txt -r requirements/build.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.dev: .venv/.run requirements/dev.txt
	$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

.venv/.bench: .venv/.dev requirements/bench.txt
	$(PIP) --require-hashes -r requirements/bench.txt
	@touch $@

.venv-lock/.ready: requirements/lock.txt
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes -r $<
	@touch $@

# The lock is complete, and LiteLLM asks for a certifi that was never published: --no-deps.
.venv-litellm/.ready: requirements/litellm.txt
	$(PYTHON) -m venv .venv-litellm
	.venv-litellm/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes --no-deps -r $<
	@touch $@

.venv-sdks/.ready: requirements/sdks.txt requirements/build.txt pyproject.toml
	$(PYTHON) -m venv .venv-sdks
	.venv-sdks/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes -r requirements/sdks.txt -r requirements/build.txt
	.venv-sdks/bin/python -m pip --disable-pip-version-check install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.venv-browser/.ready: requirements/browser.txt requirements/build.txt pyproject.toml
	$(PYTHON) -m venv .venv-browser
	.venv-browser/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes -r requirements/browser.txt -r requirements/build.txt
	.venv-browser/bin/python -m pip --disable-pip-version-check install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# Node.js is one of the packages of .venv-sdks. The lock names hashes and no registry.
tests/sdks/node/node_modules/.package-lock.json: tests/sdks/node/package-lock.json .venv-sdks/.ready
	cd tests/sdks/node && PATH="$(CURDIR)/.venv-sdks/bin:$$PATH" npm ci --silent

# llama-cpp-python is published as source only; a C++ compiler is all that it needs besides.
.venv-real/.ready: requirements/demo-real.txt requirements/demo-real-build.txt
	$(PYTHON) -m venv .venv-real
	.venv-real/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes -r requirements/demo-real-build.txt
	CMAKE_ARGS=-DLLAVA_BUILD=OFF nice -n 15 .venv-real/bin/python -m pip --disable-pip-version-check install --require-hashes --no-deps --no-build-isolation -r $<
	@touch $@

clean:
	rm -rf .venv .venv-lock .venv-litellm .venv-sdks .venv-browser .venv-real tests/sdks/node/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis
