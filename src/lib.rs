//! Veduta: a digital-twin engine for City Information Modelling (CIM).
//!
//! Data flows upwards: `formats` turns bytes into data, `import` turns data into a city `package`, `streaming` chooses
//! which tiles of it matter now, `live`, `indicator` and `scenario` say what its objects do over time, and `engine` draws
//! it. `ARCHITECTURE.md` tells the layers; `tests/tidy.rs` holds them.

// Pure layers, lowest first: no Bevy, no threads, no clock, no files.
pub mod city;
pub mod formats;
pub mod geodesy;
pub mod geometry;
pub mod indicator;
pub mod live;
pub mod package;
pub mod quantity;
pub mod scenario;
pub mod scene;
pub mod sim;
pub mod streaming;

// Pure too, but with decoders that no browser needs.
#[cfg(not(target_arch = "wasm32"))]
pub mod import;

// The outside world.
#[cfg(not(target_arch = "wasm32"))]
pub mod app;
#[cfg(target_arch = "wasm32")]
#[path = "app/browser/mod.rs"]
pub mod app;
#[cfg(feature = "viewer")]
pub mod engine;
pub mod platform;
#[cfg(feature = "server")]
pub mod service;
