//! Tests that draw: one binary, because linking Bevy is what costs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on should stop")]

mod blocks;
mod city;
mod golden;
mod light;
mod origin;
mod overlay;
mod scenes;
#[path = "../core/shared_data.rs"]
mod shared_data;
mod window;
