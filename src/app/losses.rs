//! What came in and is shown nowhere: told in the log while it happens, and summed up at the end of a play.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::live::{FaultKind, SourceTally};
use crate::scene::{ScenarioDocument, SceneDocument, SourceKind};

/// Told again when it has grown this much.
const GROWTH: u64 = 10;

/// What was told of the losses of each source so far.
#[derive(Debug, Default)]
pub struct Losses {
    /// Names of the sources, in their order; a simulated one tells of devices that no binding asks for, which is no fault.
    sources: Vec<(String, SourceKind)>,
    told: BTreeMap<(usize, FaultKind), u64>,
}

/// What became of a source's observations, for `play.json`.
#[derive(Debug, Serialize)]
pub struct SourceSummary {
    name: String,
    received: u64,
    bound: u64,
    /// By reason.
    not_bound: BTreeMap<&'static str, u64>,
    /// One of each reason.
    examples: BTreeMap<&'static str, String>,
}

impl Losses {
    /// Of the sources of a scene, then the recordings of its scenario: the order of their numbers.
    pub fn of(scene: &SceneDocument, scenario: Option<&ScenarioDocument>) -> Self {
        let sources = scene.sources.iter().map(|source| (source.name.clone(), source.kind));
        let recordings = scenario.iter().flat_map(|scenario| &scenario.recordings);
        let recordings = recordings.map(|recording| (recording.name.clone(), SourceKind::Csv));
        Self { sources: sources.chain(recordings).collect(), told: BTreeMap::new() }
    }

    /// Warns of every reason of every source, with an example: when it is first met, and each time it has grown tenfold.
    pub fn tell(&mut self, tallies: &[SourceTally]) {
        for (number, (tally, (name, kind))) in tallies.iter().zip(&self.sources).enumerate() {
            for (reason, fault) in tally.faults.iter().filter(|_| *kind != SourceKind::Simulated) {
                let told = self.told.entry((number, reason)).or_default();
                if !is_due(*told, fault.count) {
                    continue;
                }
                *told = fault.count;
                let times = if fault.count == 1 { String::new() } else { format!(", {} times", fault.count) };
                let example = fault.examples.first().map(String::as_str).unwrap_or_default();
                let what = if reason.loses() { "observation not shown" } else { "observation" };
                tracing::warn!("source '{name}': {what}, {}{times}: {example}", reason.words());
            }
        }
    }

    /// What became of everything, source by source.
    pub fn summary(&self, tallies: &[SourceTally]) -> Vec<SourceSummary> {
        let of_source = |(tally, (name, _)): (&SourceTally, &(String, SourceKind))| SourceSummary {
            name: name.clone(),
            received: tally.received(),
            bound: tally.bound,
            not_bound: tally.not_bound().map(|(reason, count, _)| (reason, count)).collect(),
            examples: tally.not_bound().filter_map(|(reason, _, one)| Some((reason, one?.to_owned()))).collect(),
        };
        tallies.iter().zip(&self.sources).map(of_source).collect()
    }
}

/// Whether a count is told again after it was told once.
fn is_due(told: u64, count: u64) -> bool {
    count >= told.saturating_mul(GROWTH).max(1)
}

/// One line about all sources: how much was received and bound, and what was not, by reason.
pub fn in_words(sources: &[SourceSummary]) -> String {
    let sum = |of: fn(&SourceSummary) -> u64| sources.iter().map(of).sum::<u64>();
    let mut reasons: BTreeMap<&str, (u64, Option<&str>)> = BTreeMap::new();
    for source in sources {
        for (reason, count) in &source.not_bound {
            let entry = reasons.entry(reason).or_default();
            entry.0 += count;
            entry.1 = entry.1.or(source.examples.get(reason).map(String::as_str));
        }
    }
    let such_as = |example: Option<&str>| example.map_or_else(String::new, |example| format!(" (such as {example})"));
    let parts: Vec<String> =
        reasons.iter().map(|(reason, (count, one))| format!("{count} {reason}{}", such_as(*one))).collect();
    let lost = if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") };
    format!("observations: {} received, {} bound; not bound: {lost}", sum(|s| s.received), sum(|s| s.bound))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_told_at_once_and_then_when_it_has_grown_tenfold() {
        let mut told = 0;
        let at: Vec<u64> = (0..=1000)
            .filter(|count| {
                let due = is_due(told, *count);
                told = if due { *count } else { told };
                due
            })
            .collect();
        assert_eq!(at, [1, 10, 100, 1000]);
    }
}
