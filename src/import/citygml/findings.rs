//! What reading a member gave besides its objects.

use crate::import::{Diagnostic, EXAMPLES, Place, Severity, SourceReport};

/// Diagnostics of one member and what was left out of it.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// Counted like those of the whole source, so that they stay few whatever the member holds.
    report: SourceReport,
    path: String,
    /// Identifier of the object that is being read.
    pub(super) object: String,
}

impl Findings {
    pub(super) fn new(path: &str) -> Self {
        Self { path: path.to_owned(), ..Self::default() }
    }

    fn add(&mut self, severity: Severity, code: &'static str, message: String, detail: Option<String>) {
        let mut place = Place::file(self.path.clone());
        place.object = Some(self.object.clone()).filter(|id| !id.is_empty());
        place.detail = detail;
        self.report.note(Diagnostic { severity, code, message, place });
    }

    /// Adds everything to the report of the source.
    pub(super) fn hand_to(self, report: &mut SourceReport) {
        report.surfaces_left_out += self.report.surfaces_left_out;
        for (code, mut tally) in self.report.tallies {
            let Some(known) = report.tallies.get_mut(code) else {
                report.tallies.insert(code, tally);
                continue;
            };
            known.count += tally.count;
            known.severity = known.severity.max(tally.severity);
            tally.examples.truncate(EXAMPLES.saturating_sub(known.examples.len()));
            known.examples.append(&mut tally.examples);
        }
    }

    /// Something left out.
    pub(super) fn skip(&mut self, code: &'static str, message: impl Into<String>) {
        self.add(Severity::Error, code, message.into(), None);
    }

    /// Something left out, with its place in the file or object.
    pub(super) fn skip_at(&mut self, code: &'static str, message: impl Into<String>, detail: String) {
        self.add(Severity::Error, code, message.into(), Some(detail));
    }

    /// Something mended or assumed.
    pub(super) fn warn(&mut self, code: &'static str, message: impl Into<String>) {
        self.add(Severity::Warning, code, message.into(), None);
    }

    /// Something worth knowing.
    pub(super) fn note(&mut self, code: &'static str, message: impl Into<String>) {
        self.add(Severity::Note, code, message.into(), None);
    }

    /// A surface left out; one that covers nothing is no loss.
    pub(super) fn drop_surface(&mut self, problem: SurfaceProblem, id: Option<&str>) {
        self.report.surfaces_left_out += 1;
        let detail = id.map(|id| format!("surface {id}"));
        match problem {
            SurfaceProblem::Degenerate(message) => {
                self.add(Severity::Warning, "surface-degenerate", message.to_owned(), detail);
            }
            SurfaceProblem::Unreadable(message) => {
                self.add(Severity::Error, "coordinates-unreadable", message, detail);
            }
        }
    }
}

/// Why a surface is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SurfaceProblem {
    /// It covers nothing.
    Degenerate(&'static str),
    /// Its coordinates are none.
    Unreadable(String),
}
