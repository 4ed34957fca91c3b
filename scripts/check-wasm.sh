#!/usr/bin/env bash
# Type-checks the pure layers for the browser (wasm32-unknown-unknown, no features). Uses rustup's target where it is
# installed, else Debian's rustc-web with its own standard library built from rust-web-src.
set -euo pipefail
cd "$(dirname "$0")/.."
target=wasm32-unknown-unknown
if rustup target list --installed 2>/dev/null | grep -q "$target"; then
  exec cargo check --quiet --lib --no-default-features --target "$target"
fi
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/wasm-check"
RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 exec /usr/bin/cargo check --quiet -Z build-std=std,panic_abort \
  --lib --no-default-features --target "$target"
