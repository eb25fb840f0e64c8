#!/bin/sh
# Install packages of the distribution, unless their command is there already.
#
#     scripts/install.sh COMMAND PACKAGE ...
set -eu
PATH=$PATH:/usr/sbin
command=$1
shift
command -v "$command" >/dev/null && exit 0
as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }
as_root apt-get update -qq
# RUNLEVEL: some packages start a server of their own, which nobody asked for.
as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "$@" >/dev/null
