#!/bin/sh
# Write the lock files: exact versions with hashes, and no address of an index.
set -eu
uv=$1
compile() {
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command "make lock" \
        "$@"
}
compile pyproject.toml -o requirements/run.txt
compile requirements/build.in -o requirements/build.txt
compile pyproject.toml --group dev -c requirements/run.txt -o requirements/dev.txt
compile pyproject.toml --group bench -c requirements/run.txt -o requirements/bench.txt
compile pyproject.toml requirements/sdks.in -c requirements/run.txt -c requirements/dev.txt -o requirements/sdks.txt
compile pyproject.toml requirements/browser.in -c requirements/run.txt -c requirements/dev.txt -o requirements/browser.txt
compile pyproject.toml --extra postgres --extra otel -c requirements/run.txt -c requirements/dev.txt -o requirements/container.txt
compile requirements/lock.in -o requirements/lock.txt
compile requirements/litellm.in --override requirements/litellm-overrides.in -o requirements/litellm.txt
compile requirements/demo-real-build.in -o requirements/demo-real-build.txt
compile requirements/demo-real.in --override requirements/demo-real-overrides.in -o requirements/demo-real.txt
