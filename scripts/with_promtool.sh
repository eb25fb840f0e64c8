#!/usr/bin/env bash
# Run a command with Prometheus' promtool, from the distribution's package.
#
#     scripts/with_promtool.sh COMMAND [ARGUMENT ...]
#
# The package is unpacked into a temporary folder and not installed: it would start a server.
set -euo pipefail

if ! command -v promtool >/dev/null; then
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    chmod 755 "$folder"
    fetch() { (cd "$folder" && apt-get download -qq prometheus); }
    fetch 2>/dev/null || {
        if [ "$(id -u)" -eq 0 ]; then apt-get update -qq; else sudo apt-get update -qq; fi
        fetch
    }
    dpkg -x "$folder"/prometheus_*.deb "$folder"
    PATH="$folder/usr/bin:$PATH"
fi

"$@"
