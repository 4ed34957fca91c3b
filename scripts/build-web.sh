#!/usr/bin/env bash
# Builds the page and its programs into web/dist: that of the workers, and `scripts/build-web.sh [webgpu|webgl2]...` (both
# where none is named). Uses rustup's wasm32 target where it is installed, else Debian's rustc-web with its own standard
# library, and wasm-bindgen of the version in Cargo.lock. Each program is told with its size; one that is larger than
# MOST_BYTES in brotli fails.
set -euo pipefail
cd "$(dirname "$0")/.."
MOST_BYTES=6000000
target=wasm32-unknown-unknown
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/web"

version=$(grep -A1 '^name = "wasm-bindgen"$' Cargo.lock | sed -n 's/^version = "\(.*\)"/\1/p')
bindgen=$(command -v wasm-bindgen || true)
if [ "$("${bindgen:-false}" --version 2>/dev/null)" != "wasm-bindgen $version" ]; then
  bindgen="$CARGO_TARGET_DIR/tools/bin/wasm-bindgen"
  if [ "$("$bindgen" --version 2>/dev/null)" != "wasm-bindgen $version" ]; then
    cargo install --quiet wasm-bindgen-cli --version "$version" --root "$CARGO_TARGET_DIR/tools"
  fi
fi

build=(cargo build)
if ! rustup target list --installed 2>/dev/null | grep -q "$target"; then
  linker=$(find "$(rustc --print sysroot)" -name rust-lld 2>/dev/null | head -1)
  export RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER="${linker:-lld-22}"
  build=(/usr/bin/cargo build -Z build-std=std,panic_abort)
fi

mkdir -p web/dist
find web -maxdepth 1 -type f -exec cp {} web/dist/ \;
scripts/web-fonts.py web/dist
for kind in worker ${@:-webgpu webgl2}; do
  features=("--features" "$kind")
  [ "$kind" != worker ] || features=()
  "${build[@]}" --locked --target "$target" --profile web --no-default-features "${features[@]}" --bin veduta
  out="web/dist/$kind"
  "$bindgen" --target web --no-typescript --remove-name-section --out-dir "$out" "$CARGO_TARGET_DIR/$target/web/veduta.wasm"
  # A module is never collected, so it must be able to let go of what it holds: what is still called then (by finalizers)
  # does nothing. And who fetches a program wants to know how large it is, which an answer that is compressed does not tell.
  held=$(sed -n 's/^let \(.*\);$/\1/p' "$out/veduta.js" | grep -o 'cached[A-Za-z0-9]*Memory0\|wasm[A-Za-z]*' | sort -u | tr '\n' '=' | sed 's/=/ = /g')
  echo "export function release() { ${held}__wbg_init_promise = undefined; wasm = new Proxy({}, { get: () => () => 0 }); }" >> "$out/veduta.js"
  echo "export const programBytes = $(stat -c %s "$out/veduta_bg.wasm");" >> "$out/veduta.js"
  brotli -f -q 10 -w 24 "$out/veduta_bg.wasm" "$out/veduta.js"
  bytes=$(stat -c %s "$out/veduta_bg.wasm.br")
  echo "$kind: $(stat -c %s "$out/veduta_bg.wasm") bytes, $bytes in brotli, $(stat -c %s "$out/veduta.js.br") of its glue"
  if [ "$bytes" -gt "$MOST_BYTES" ]; then
    echo "$kind is larger than $MOST_BYTES bytes: scripts/web-size.py tells which crates are" >&2
    exit 1
  fi
done
