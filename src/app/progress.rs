//! How long work shows itself: a bar with rate and time left on a terminal, a line when it is done elsewhere.

use std::io::IsTerminal;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

/// Progress of one piece of work.
pub struct Bar {
    bar: Option<ProgressBar>,
    name: &'static str,
    begin: Instant,
}

impl Bar {
    /// Work of `total` units.
    pub fn new(name: &'static str, total: u64) -> Self {
        let style = ProgressStyle::with_template("{msg:12} [{bar:30}] {percent}% {per_sec}, {eta} left");
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(total).with_message(name);
            // The template is a constant that is known to be right; the default bar does otherwise.
            if let Ok(style) = style { bar.with_style(style) } else { bar }
        });
        Self { bar, name, begin: Instant::now() }
    }

    /// Units done by now.
    pub fn set(&self, done: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(done);
        }
    }

    /// Done.
    pub fn finish(&self) {
        match &self.bar {
            Some(bar) => bar.finish_and_clear(),
            None => tracing::info!("{}: {:.1} s", self.name, self.begin.elapsed().as_secs_f64()),
        }
    }
}
