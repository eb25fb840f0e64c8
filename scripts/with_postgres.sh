#!/usr/bin/env bash
# Run a command with a PostgreSQL of its own, from the distribution's packages.
#
#     scripts/with_postgres.sh COMMAND [ARGUMENT ...]
#
# The command finds its database in ELIZANET_TEST_POSTGRES. The server listens on loopback on
# a free port, keeps its data in a temporary folder, and is gone when the command has ended.
set -euo pipefail

programs() { ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1; }

bin=$(programs)
if [ -z "$bin" ]; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >/dev/null
    bin=$(programs)
fi

# PostgreSQL refuses to run as root.
as_owner() { if [ "$(id -u)" -eq 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }

folder=$(mktemp -d)
trap 'as_owner "$bin/pg_ctl" --pgdata="$folder/data" --mode=immediate --silent stop || true; rm -rf "$folder"' EXIT
if [ "$(id -u)" -eq 0 ]; then chown postgres "$folder"; fi

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cd "$folder"
as_owner "$bin/initdb" --pgdata=data --username=elizanet --auth=trust --encoding=UTF8 --no-sync >/dev/null
as_owner "$bin/pg_ctl" --pgdata=data --silent --wait --timeout=60 --log=log \
    --options="-h 127.0.0.1 -p $port -k $folder -c fsync=off" start
as_owner "$bin/createdb" --host=127.0.0.1 --port="$port" --username=elizanet elizanet
cd - >/dev/null

export ELIZANET_TEST_POSTGRES="postgresql+asyncpg://elizanet@127.0.0.1:$port/elizanet"
"$@"
