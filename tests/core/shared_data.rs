//! Where the shared test data lie, if they are here.
#![allow(dead_code, reason = "not every test binary uses every path")]

use std::path::{Path, PathBuf};

/// The path of a shared file or folder. `None` (after a line on the terminal) where the data are absent and not required:
/// return from the test then. CI sets `VEDUTA_SHARED_DATA=required`.
pub fn shared(path: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let full = root.join(path);
    if full.exists() {
        return Some(full);
    }
    assert!(
        std::env::var("VEDUTA_SHARED_DATA").as_deref() != Ok("required"),
        "shared data required but {} is missing",
        full.display()
    );
    println!("skipped: no shared data ({path})");
    None
}
