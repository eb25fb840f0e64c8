#!/bin/sh
# Install nginx from the distribution's packages, unless there is one: benchmarks/gateway needs it.
set -eu
PATH=$PATH:/usr/sbin
command -v nginx >/dev/null && exit 0
as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }
as_root apt-get update -qq
# The package starts a server of its own, which nobody asked for.
as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends nginx-light >/dev/null
