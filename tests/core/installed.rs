//! Programs that the tests use.

use std::path::PathBuf;

/// A program that `scripts/setup.sh test` installs into the user's cache. `None` (after a line on the terminal) where it is absent
/// and not required.
pub fn installed(path: &str) -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let program = cache.or_else(home)?.join("veduta").join(path);
    let required = std::env::var("VEDUTA_SHARED_DATA").as_deref() == Ok("required");
    assert!(program.is_file() || !required, "{path} is missing: scripts/setup.sh test");
    if !program.is_file() {
        println!("skipped: no {path}");
    }
    Some(program).filter(|program| program.is_file())
}
