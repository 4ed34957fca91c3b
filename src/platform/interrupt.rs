//! Ctrl-C as a flag that long work polls.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Set by Ctrl-C, SIGTERM or whoever cancels; clones share the flag.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// A flag set by the process's signals; once a process, the cause otherwise.
    pub fn on_signals() -> Result<Self, String> {
        let interrupt = Self::default();
        let set = interrupt.clone();
        ctrlc::set_handler(move || set.set()).map_err(|e| e.to_string())?;
        Ok(interrupt)
    }

    /// Asks the work to stop.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the work shall stop.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
