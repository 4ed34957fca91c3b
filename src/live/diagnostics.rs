//! What could not be used, counted, with a few examples of each kind.

use std::collections::BTreeMap;

/// Kinds of fault in messages and records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultKind {
    /// The payload is larger than allowed.
    TooLarge,
    /// The payload is not of the format.
    Syntax,
    /// A mapped field is not there.
    MissingField,
    /// A field has a type that cannot be a value.
    WrongType,
    /// NaN or infinite.
    NotFinite,
    /// A text that is no time.
    BadTime,
    /// A stream name that is empty or too long.
    BadStream,
    /// A place that is not on the earth.
    BadPlace,
    /// The mapped time is not there: the instant of receipt was taken, nothing is lost.
    NoTime,
    /// No binding matches the stream.
    NoBinding,
    /// The binding names an object that the city does not have.
    NoObject,
    /// The binding asks for the nearest object, and nothing says where the stream is.
    NoPlace,
    /// No object of the binding's class is near enough.
    TooFar,
    /// More streams than are remembered.
    TooManyStreams,
    /// More than five minutes ahead of the clock.
    Ahead,
    /// The binding has a unit or a range, and the value is no number.
    NotANumber,
}

impl FaultKind {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::TooLarge => "payload too large",
            Self::Syntax => "not readable",
            Self::MissingField => "field missing",
            Self::WrongType => "wrong type",
            Self::NotFinite => "not a finite number",
            Self::BadTime => "not a time",
            Self::BadStream => "no usable stream name",
            Self::BadPlace => "not a place on the earth",
            Self::NoTime => "no time in it, the instant of receipt is taken",
            Self::NoBinding => "no binding matches the stream",
            Self::NoObject => "no such object",
            Self::NoPlace => "no place is known to find the nearest object of",
            Self::TooFar => "no object near enough",
            Self::TooManyStreams => "too many streams",
            Self::Ahead => "from the future",
            Self::NotANumber => "no number",
        }
    }

    /// Whether it is met in reading, before anything is bound.
    pub fn is_of_reading(self) -> bool {
        self <= Self::NoTime
    }

    /// Whether what was met is lost by it.
    pub fn loses(self) -> bool {
        self != Self::NoTime
    }
}

/// How often one kind of fault was met.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fault {
    /// How often.
    pub count: u64,
    /// The first few, each short.
    pub examples: Vec<String>,
}

/// Faults by kind; memory is bounded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Diagnostics {
    faults: BTreeMap<FaultKind, Fault>,
}

/// Examples kept of each kind.
pub(super) const MOST_EXAMPLES: usize = 5;
const EXAMPLE_CHARACTERS: usize = 160;

impl Diagnostics {
    /// Counts a fault; `example` is only asked for while examples are still wanted.
    pub fn add(&mut self, kind: FaultKind, example: impl FnOnce() -> String) {
        let fault = self.faults.entry(kind).or_default();
        fault.count += 1;
        if fault.examples.len() < MOST_EXAMPLES {
            fault.examples.push(shortened(&example()));
        }
    }

    /// Adds another's counts, and its examples where there is room.
    pub fn merge(&mut self, other: &Self) {
        for (kind, theirs) in &other.faults {
            let ours = self.faults.entry(*kind).or_default();
            ours.count += theirs.count;
            let room = MOST_EXAMPLES.saturating_sub(ours.examples.len());
            ours.examples.extend(theirs.examples.iter().take(room).cloned());
        }
    }

    /// All faults, in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = (FaultKind, &Fault)> {
        self.faults.iter().map(|(kind, fault)| (*kind, fault))
    }

    /// How often this kind was met.
    pub fn count(&self, kind: FaultKind) -> u64 {
        self.faults.get(&kind).map_or(0, |fault| fault.count)
    }

    /// How many observations (or messages) were lost.
    pub fn lost(&self) -> u64 {
        self.faults.iter().filter(|(kind, _)| kind.loses()).map(|(_, fault)| fault.count).sum()
    }

    /// All faults together.
    pub fn total(&self) -> u64 {
        self.faults.values().map(|fault| fault.count).sum()
    }
}

/// At most [`EXAMPLE_CHARACTERS`] of a text, with what is cut marked.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(EXAMPLE_CHARACTERS) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
