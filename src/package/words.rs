//! Words of ids, names, classes and text attributes: sorted terms, and the rows that have each.
//!
//! Scripts written with spaces give whole words, found by their beginnings; Chinese and Japanese give every two
//! neighbouring characters. Capitals do not matter.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::column::Words;
use crate::city::CityObject;

/// Letters and digits without anything between them, of scripts written with spaces or of those without.
#[derive(Debug, PartialEq)]
enum Run {
    Spaced(String),
    Unspaced(Vec<char>),
}

/// Kana and Han characters, which stand without spaces between words (Unicode blocks).
fn unspaced(c: char) -> bool {
    matches!(c, '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

fn runs(text: &str) -> Vec<Run> {
    let mut runs = Vec::new();
    for part in text.to_lowercase().split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()) {
        let chars: Vec<char> = part.chars().collect();
        for same in chars.chunk_by(|a, b| unspaced(*a) == unspaced(*b)) {
            let spaced = !same.iter().any(|c| unspaced(*c));
            runs.push(if spaced { Run::Spaced(same.iter().collect()) } else { Run::Unspaced(same.to_vec()) });
        }
    }
    runs
}

impl Run {
    /// What a text with this run is found by; the last character of an unspaced run alone, too.
    fn terms(&self) -> Vec<String> {
        match self {
            Self::Spaced(word) => vec![word.clone()],
            Self::Unspaced(chars) => (0..chars.len()).map(|i| chars.iter().skip(i).take(2).collect()).collect(),
        }
    }

    /// Beginnings of terms that a text must all have to match this run of a question.
    fn beginnings(&self) -> Vec<String> {
        match self {
            Self::Unspaced(chars) if chars.len() > 1 => chars.windows(2).map(|pair| pair.iter().collect()).collect(),
            _ => self.terms(),
        }
    }

    /// Whether a text with this run matches `asked`.
    fn matches(&self, asked: &Self) -> bool {
        match (self, asked) {
            (Self::Spaced(own), Self::Spaced(asked)) => own.starts_with(asked),
            (Self::Unspaced(own), Self::Unspaced(asked)) => own.windows(asked.len()).any(|part| part == asked),
            _ => false,
        }
    }
}

/// Terms in order and, by term, rows as steps from the row before.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct WordIndex {
    terms: Words,
    ends: Vec<u32>,
    steps: Vec<u32>,
}

/// What an object is found by, each term once.
pub(super) fn terms(object: &CityObject) -> Vec<String> {
    let own = [Some(object.id.as_str()), Some(object.class.as_str()), object.name.as_deref()];
    let texts = own.into_iter().flatten().chain(object.attributes.iter().filter_map(|(_, value)| value.text()));
    let mut terms: Vec<String> = texts.flat_map(runs).flat_map(|run| run.terms()).collect();
    terms.sort_unstable();
    terms.dedup();
    terms
}

/// Gathers terms row by row.
#[derive(Default)]
pub(super) struct WordIndexBuilder {
    rows_of: HashMap<Box<str>, Vec<u32>>,
}

impl WordIndexBuilder {
    /// The terms of the next row, see [`terms`].
    pub fn add(&mut self, row: u32, terms: Vec<String>) {
        for term in terms {
            self.rows_of.entry(term.into()).or_default().push(row);
        }
    }

    /// The index.
    pub fn finish(self) -> WordIndex {
        let mut rows_of: Vec<_> = self.rows_of.into_iter().collect();
        rows_of.sort_unstable();
        let mut index = WordIndex::default();
        for (term, rows) in rows_of {
            index.terms.push(&term);
            let before = std::iter::once(0).chain(rows.iter().copied());
            index.steps.extend(rows.iter().zip(before).map(|(row, before)| row - before));
            index.ends.push(index.steps.len() as u32);
        }
        index
    }
}

impl WordIndex {
    /// Rows that match every run of `question`, rising. `texts` are a row's own words, looked at where pairs of characters
    /// do not tell: 東京 and 京都 apart have every pair of 東京都.
    pub fn rows<E>(&self, question: &str, texts: impl Fn(u32) -> Result<Vec<String>, E>) -> Result<Vec<u32>, E> {
        let asked = runs(question);
        let mut found: Option<Vec<u32>> = None;
        for beginning in asked.iter().flat_map(Run::beginnings) {
            let mut rows = self.beginning_with(&beginning);
            if let Some(found) = found {
                rows.retain(|row| found.binary_search(row).is_ok());
            }
            found = Some(rows);
        }
        let mut found = found.unwrap_or_default();
        let long: Vec<&Run> = asked.iter().filter(|run| matches!(run, Run::Unspaced(c) if c.len() > 2)).collect();
        if !long.is_empty() {
            let mut kept = Vec::new();
            for row in found {
                let own: Vec<Run> = texts(row)?.iter().flat_map(|text| runs(text)).collect();
                if long.iter().all(|asked| own.iter().any(|own| own.matches(asked))) {
                    kept.push(row);
                }
            }
            found = kept;
        }
        Ok(found)
    }

    fn beginning_with(&self, beginning: &str) -> Vec<u32> {
        let (mut low, mut high) = (0, self.terms.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.terms.get(middle) < beginning { low = middle + 1 } else { high = middle }
        }
        let mut rows = Vec::new();
        for term in (low..self.terms.len()).take_while(|term| self.terms.get(*term).starts_with(beginning)) {
            let end = |term: usize| self.ends.get(term).map_or(0, |end| *end as usize);
            let start = term.checked_sub(1).map_or(0, end);
            let mut row = 0_u32;
            rows.extend(self.steps.get(start..end(term)).unwrap_or_default().iter().map(|step| {
                row = row.wrapping_add(*step);
                row
            }));
        }
        rows.sort_unstable();
        rows.dedup();
        rows
    }
}
