# The two commands of a newcomer are `make demo` and `make test`; both set the machine up first.

.PHONY: demo test lint goldens bench load

demo:
	scripts/setup.sh
	cargo run --release --locked -- demo

test: lint
	cargo test --release --locked
	cargo test --release --locked --no-default-features --features server --lib --test core

# Formatting, lints as errors in every supported combination of features, and the core for the browser.
lint:
	scripts/setup.sh test
	cargo fmt --check
	cargo clippy --release --locked --all-targets
	cargo clippy --release --locked --all-targets --no-default-features
	cargo clippy --release --locked --all-targets --no-default-features --features server
	scripts/check-wasm.sh

# Draws the golden pictures anew. Look at each of them before you commit, and say in the commit why it changed.
goldens:
	VEDUTA_UPDATE_GOLDENS=1 cargo test --release --locked --test viewer

bench:
	cargo run --release --locked -- bench

# Many viewers of a busy scene, and a server that is killed in the middle (needs mosquitto); then tiles that are kept.
load:
	scripts/setup.sh test
	cargo build --release --locked --no-default-features --features server --bin veduta --example serve_load
	cargo run --release --locked --no-default-features --features server --example serve_load
	scripts/tile-load.sh
