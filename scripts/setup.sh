#!/usr/bin/env bash
# Installs the system packages that Veduta needs on Debian 12 and newer: `scripts/setup.sh` for building and drawing,
# `scripts/setup.sh web` for the browser's programs, `scripts/setup.sh test` for those and the tests' real parts. Quick when nothing is missing. Installs with apt when root;
# otherwise prints the command to run and stops.
set -euo pipefail
cd "$(dirname "$0")/.."

# What is looked for (a command, or a file by glob) and the package that brings it.
needs=(
  "cc gcc"
  "c++ g++"
  "make make"
  "cmake cmake"
  "pkg-config pkg-config"
  "sqlite3 sqlite3"
  "/usr/include/sqlite3.h libsqlite3-dev"
  "/usr/include/*/tiff.h libtiff-dev"
  "/usr/lib/*/libclang*.so* libclang-dev"
  "/usr/lib/*/libvulkan.so.1 libvulkan1"
  "/usr/share/vulkan/icd.d/lvp_icd* mesa-vulkan-drivers"
  "/usr/lib/*/libX11-xcb.so.1 libx11-xcb1"
  "/usr/lib/*/libXcursor.so.1 libxcursor1"
  "/usr/lib/*/libXi.so.6 libxi6"
  "/usr/lib/*/libxkbcommon-x11.so.0 libxkbcommon-x11-0"
)
if [ "${1:-}" = test ]; then
  needs+=(
    "/usr/sbin/mosquitto mosquitto"
    "mosquitto_pub mosquitto-clients"
    "openssl openssl"
    "Xvfb xvfb"
    "xdotool xdotool"
    "import imagemagick"
    "node nodejs"
    "npm npm"
    "python3 python3"
    "/usr/lib/python3*/ensurepip python3-venv"
    "/usr/bin/chromium chromium"
  )
fi
if [ "${1:-}" = test ] || [ "${1:-}" = web ]; then
  needs+=(
    "brotli brotli"
    "/usr/lib/python3/dist-packages/fontTools/subset python3-fonttools"
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc fonts-noto-cjk"
  )
  # For the browser: rustup's target where it is installed, else Debian's toolchain.
  if ! rustup target list --installed 2>/dev/null | grep -q wasm32-unknown-unknown; then
    needs+=("/usr/bin/rustc rustc-web" "/usr/bin/cargo cargo-web" "/usr/src/rustc-*/library/std/Cargo.toml rust-web-src")
  fi
fi

missing=()
for need in "${needs[@]}"; do
  read -r probe package <<<"$need"
  case "$probe" in
    /*) compgen -G "$probe" >/dev/null || missing+=("$package") ;;
    *) command -v "$probe" >/dev/null || missing+=("$package") ;;
  esac
done

if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ]; then
    echo "setup: installing ${missing[*]}"
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
  else
    echo "setup: packages are missing. Run this, then try again:" >&2
    echo "  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
fi

command -v cargo >/dev/null || {
  echo "setup: Rust is missing. Install Rust 1.95 with rustup, then try again." >&2
  exit 1
}

if [ "${1:-}" = test ] && ! (cd tests/node && npm ls --silent >/dev/null); then
  (cd tests/node && npm ci --no-audit --no-fund --loglevel=error)
fi

# What asks the running server everything that its description says: in a place of its own, outside of the checkout.
if [ "${1:-}" = test ]; then
  version=$(sed -n 's/^schemathesis==//p' tests/python/requirements.txt)
  place="${XDG_CACHE_HOME:-$HOME/.cache}/veduta/schemathesis-$version"
  if [ ! -x "$place/bin/schemathesis" ]; then
    python3 -m venv "$place"
    "$place/bin/pip" install -q --disable-pip-version-check -r tests/python/requirements.txt
  fi
fi

# The engine under which an import on several machines is tried.
if [ "${1:-}" = test ]; then
  place="${XDG_CACHE_HOME:-$HOME/.cache}/veduta/ray-$(sed -n 's/^ray==//p' tests/python/ray.txt)"
  if [ ! -x "$place/bin/ray" ]; then
    python3 -m venv "$place"
    "$place/bin/pip" install -q --disable-pip-version-check -r tests/python/ray.txt
  fi
fi

# A server that speaks S3, for the test of cities in object stores; goes where cargo installs programs.
if [ "${1:-}" = test ] && ! command -v s3s-fs >/dev/null && [ -z "${VEDUTA_S3S_FS:-}" ]; then
  cargo install --locked --debug s3s-fs --version 0.14.1 --features binary
fi
