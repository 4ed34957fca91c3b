//! What became of everything that a source sent.

use super::{Diagnostics, FaultKind, Outcome};

/// What became of a source's observations, and of its messages and records that were none. Counts everything that was
/// ever handed in, also again after a seek; bounded, whatever comes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourceTally {
    /// Became the latest of a property.
    pub bound: u64,
    /// Known already.
    pub duplicate: u64,
    /// Older than the latest.
    pub late: u64,
    /// Everything else, by reason, with examples.
    pub faults: Diagnostics,
}

impl SourceTally {
    /// Everything that came. A message that cannot be read counts as one, whatever was meant to be in it.
    pub fn received(&self) -> u64 {
        self.bound + self.duplicate + self.late + self.faults.lost()
    }

    /// What is shown nowhere, by reason in words, with an example where one was kept.
    pub fn not_bound(&self) -> impl Iterator<Item = (&'static str, u64, Option<&str>)> {
        let kept = [("known already", self.duplicate, None), ("older than what is known", self.late, None)];
        let lost = self.faults.iter().filter(|(kind, _)| kind.loses());
        let lost = lost.map(|(kind, fault)| (kind.words(), fault.count, fault.examples.first().map(String::as_str)));
        kept.into_iter().filter(|(_, count, _)| *count > 0).chain(lost)
    }

    pub(super) fn count(&mut self, outcome: Outcome, reason: FaultKind, example: impl FnOnce() -> String) {
        match outcome {
            Outcome::Applied => self.bound += 1,
            Outcome::Duplicate => self.duplicate += 1,
            Outcome::Late => self.late += 1,
            Outcome::Unbound | Outcome::Ahead | Outcome::NotANumber => self.faults.add(reason, example),
        }
    }
}
