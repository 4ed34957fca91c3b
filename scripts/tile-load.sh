#!/usr/bin/env bash
# Serves the small demo city on a free port and asks for its tiles over CONNECTIONS (64) for SECONDS_OF_LOAD (10). PROFILE=dev takes
# the build of the tests.
set -euo pipefail
cd "$(dirname "$0")/.."
profile=${PROFILE:-release}
flags=(--locked --profile "$profile")
cargo build "${flags[@]}" --bin veduta --example tile_load
built=${CARGO_TARGET_DIR:-target}/${profile/dev/debug}
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$work"' EXIT
"$built/veduta" demo --headless -o "$work"
printf 'format_version = 1\n[limits]\nrequests_per_s = 0.0\n' >"$work/serve.toml"
"$built/veduta" serve "$work/demo-small-1.city" --config "$work/serve.toml" --listen 127.0.0.1:0 >"$work/address" &
server=$!
until [ -s "$work/address" ]; do sleep 0.1; done
address=$(sed 's|http://||; s|/$||' "$work/address")
"$built/examples/tile_load" "$address" "${CONNECTIONS:-64}" "${SECONDS_OF_LOAD:-10}"
