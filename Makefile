# The two commands of a newcomer are `make demo` and `make test`; both set the machine up first.

.PHONY: demo test lint web goldens bench load frames

demo:
	scripts/setup.sh
	cargo run --release --locked -- demo

# All that `make lint` looks at, and more, without building anything twice: clippy's driver is the compiler of the tests (a
# check apart would type-check Bevy once more), and the program of the browser's workers is the core for the browser. The
# browser's programs are built beside the native tests: their linker uses one core.
test:
	scripts/setup.sh test
	cargo fmt --check
	cargo clippy --release --locked --all-targets --no-default-features
	scripts/build-web.sh & web=$$!; \
	RUSTC_WORKSPACE_WRAPPER=clippy-driver cargo test --release --locked; native=$$?; wait $$web && exit $$native
	cd tests/node && node --test --test-concurrency=1 types.test.mjs hands.test.mjs embed.test.mjs viewer.test.mjs cesium.test.mjs

# Formatting, lints as errors in every supported combination of features, and the core for the browser.
lint:
	scripts/setup.sh test
	cargo fmt --check
	cargo clippy --release --locked --all-targets
	cargo clippy --release --locked --all-targets --no-default-features
	scripts/check-wasm.sh

# The page and its programs for browsers with WebGPU and with WebGL 2, into web/dist; `veduta serve` shows it.
web:
	scripts/setup.sh web
	scripts/build-web.sh

# Draws the golden pictures anew. Look at each of them before you commit, and say in the commit why it changed.
goldens:
	VEDUTA_UPDATE_GOLDENS=1 cargo test --release --locked --test viewer

bench:
	cargo run --release --locked -- bench

# Many viewers of a busy scene, and a server that is killed in the middle (needs mosquitto); then tiles that are kept.
load:
	scripts/setup.sh test
	cargo build --release --locked --bin veduta --example serve_load
	cargo run --release --locked --example serve_load
	scripts/tile-load.sh

# Frames beside CesiumJS and three.js on the same city in the same browser (`make web` makes ours): a table, and all runs as JSON.
frames:
	scripts/setup.sh test
	cargo build --release --locked
	cd tests/node/frames && npm ci --no-audit --no-fund --loglevel=error
	node tests/node/frames.mjs --json "$${CARGO_TARGET_DIR:-target}/frames.json"
