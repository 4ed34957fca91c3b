//! The machine's clock and the process's memory, for what measures.

use std::time::Instant;

/// An instant of the clock that never goes back.
pub fn monotonic_now() -> Instant {
    Instant::now()
}

/// Bytes of this process that are in memory; `None` where the system does not tell as Linux does (proc(5), `statm`).
pub fn resident_bytes() -> Option<u64> {
    // Linux has pages of 4 KiB on the machines that servers run on; the file does not tell.
    const PAGE: u64 = 4096;
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    text.split(' ').nth(1)?.parse::<u64>().ok().map(|pages| pages * PAGE)
}
