//! How long work shows itself: a bar with rate and time left on a terminal, elsewhere a line every half a minute.

use std::cell::Cell;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Where there is no terminal, work that takes longer tells so often how far it is.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// Progress of one piece of work.
pub struct Bar {
    bar: Option<ProgressBar>,
    name: &'static str,
    total: u64,
    begin: Instant,
    told: Cell<Instant>,
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
        let begin = Instant::now();
        Self { bar, name, total, begin, told: Cell::new(begin) }
    }

    /// Units done by now.
    pub fn set(&self, done: u64) {
        match &self.bar {
            Some(bar) => bar.set_position(done),
            None if self.told.get().elapsed() >= LINE_EVERY => {
                self.told.set(Instant::now());
                eprintln!("veduta: {}", self.line(done, self.begin.elapsed()));
            }
            None => {}
        }
    }

    fn line(&self, done: u64, elapsed: Duration) -> String {
        let part = done as f64 / self.total.max(1) as f64;
        let left = (part > 0.0).then(|| elapsed.as_secs_f64() * (1.0 / part - 1.0));
        let left = left.map_or_else(String::new, |seconds| format!(", about {:.0} min left", (seconds / 60.0).ceil()));
        format!("{}: {:.0} %{left}", self.name, part * 100.0)
    }

    /// Done.
    pub fn finish(&self) {
        match &self.bar {
            Some(bar) => bar.finish_and_clear(),
            None => tracing::info!("{}: {:.1} s", self.name, self.begin.elapsed().as_secs_f64()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_and_how_long() {
        let bar = Bar::new("playing", 67);
        assert_eq!(bar.line(0, Duration::from_secs(30)), "playing: 0 %");
        assert_eq!(bar.line(17, Duration::from_secs(340)), "playing: 25 %, about 17 min left");
    }
}
