//! Where things stand in a document: the parsed tree with its spans, and the problems found in it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue, Deserializer};

use super::read::DocumentProblem;
use super::variables::{self, Environment};
use crate::city::did_you_mean;

/// Errors of syntax that are told at most.
const MOST_SYNTAX: usize = 3;

/// One step down the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

/// A way down the tree: `[[layer]]` number 3, its `where`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Spot(Vec<Step>);

impl Spot {
    /// Table number `index` of the array of tables `[[section]]`.
    pub fn of(section: &str, index: usize) -> Self {
        Self(vec![Step::Key(section.to_owned()), Step::Index(index)])
    }

    /// A key of the document.
    pub fn top(key: &str) -> Self {
        Self::default().key(key)
    }

    /// A key in the table here.
    pub fn key(&self, key: &str) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Key(key.to_owned()));
        Self(steps)
    }

    /// An element of the array here.
    pub fn index(&self, index: usize) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Index(index));
        Self(steps)
    }
}

/// A parsed document that knows where everything stands.
pub(super) struct SourceTree<'t> {
    root: Spanned<DeValue<'t>>,
    lines: Lines<'t>,
    /// The `name`s written in each `[[section]]`, also in those tables that are refused for other reasons.
    names: BTreeMap<String, Vec<String>>,
}

impl<'t> SourceTree<'t> {
    /// Parses as much as can be; the first errors of syntax are handed back, one of a line: others are mostly their echoes.
    pub fn parse(text: &'t str) -> (Self, Vec<DocumentProblem>) {
        let (table, errors) = DeTable::parse_recoverable(text);
        let lines = Lines::new(text);
        let problem = |e: &toml::de::Error| lines.problem(e.span().unwrap_or(0..0), e.message().to_owned());
        let mut problems: Vec<DocumentProblem> = errors.iter().map(problem).collect();
        problems.dedup_by_key(|problem| problem.line);
        problems.truncate(MOST_SYNTAX);
        let span = table.span();
        let root = Spanned::new(span, DeValue::Table(table.into_inner()));
        (Self { root, lines, names: BTreeMap::new() }, problems)
    }

    /// Fills in `${VAR}` in every string. Problems are those strings that cannot be filled in.
    pub fn fill_in(&mut self, environment: &Environment) -> Vec<DocumentProblem> {
        let mut problems = Vec::new();
        let lines = &self.lines;
        each_string(&mut self.root, &mut |text, span| match variables::fill_in(text, environment) {
            Ok(filled) => Some(filled),
            Err(message) => {
                problems.push(lines.problem(span, message));
                None
            }
        });
        self.names = written_names(self.root.get_ref());
        problems
    }

    /// Refuses versions of the format that this program does not know. A missing one is a missing key, found elsewhere.
    pub fn check_version(&self, known: u32) -> Option<DocumentProblem> {
        let version = self.root.get_ref().as_table()?.get("format_version")?;
        let number = version.get_ref().as_integer()?;
        (number.as_str() != known.to_string()).then(|| {
            let message = format!("format_version {} is not known; this program reads {known}", number.as_str());
            self.lines.problem(version.span(), message)
        })
    }

    /// The document in this tree. What does not fit is noted in `found` and taken out of the tree; `None` where what is
    /// left is no document.
    pub fn document<D: DeserializeOwned>(&mut self, most: usize, found: &mut Vec<DocumentProblem>) -> Option<D> {
        let mut removed = BTreeSet::new();
        for _ in 0..=most {
            let DeValue::Table(table) = self.root.get_ref() else { return None };
            let deserializer = Deserializer::from(Spanned::new(self.root.span(), table.clone()));
            let error = match D::deserialize(deserializer) {
                Ok(document) => return Some(document),
                Err(error) => error,
            };
            let span = error.span().unwrap_or(self.root.span());
            self.take_out(error.message(), span, &mut removed, found)?;
        }
        None
    }

    /// Notes one error of serde and takes its cause away. `None` where nothing can be taken away.
    fn take_out(
        &mut self,
        message: &str,
        span: Range<usize>,
        removed: &mut BTreeSet<(usize, String)>,
        found: &mut Vec<DocumentProblem>,
    ) -> Option<()> {
        let root = self.root.get_ref();
        let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
        let first = quoted.first().copied().unwrap_or_default();
        let known = quoted.get(1..).unwrap_or_default();
        if message.starts_with("missing field") {
            let spot = find(root, &|_, value| value.get_ref().is_table() && value.span() == span);
            if !removed.contains(&(span.start, first.to_owned())) {
                found.push(self.lines.problem(span, format!("'{first}' is missing")));
            }
            return self.remove(&spot?, removed);
        }
        if message.starts_with("unknown field") {
            let by_key = find(root, &|key, _| key.is_some_and(|k| *k == span));
            let spot = by_key.or_else(|| {
                let has = |value: &DeValue<'_>| value.as_table().is_some_and(|table| table.contains_key(first));
                find(root, &|_, value| value.span() == span && has(value.get_ref())).map(|spot| spot.key(first))
            });
            let place = spot.as_ref().map_or(span, |spot| self.key_span(spot));
            let text = format!("unknown key '{first}'{}", did_you_mean(first, known));
            found.push(self.lines.problem(place, text));
            return self.remove(&spot?, removed);
        }
        let spot = find(root, &|_, value| value.span() == span);
        let text = match message.starts_with("unknown variant") {
            true => format!("'{first}' is not one of {}{}", known.join(", "), did_you_mean(first, known)),
            false => of_another_type(message).unwrap_or_else(|| message.replace('`', "'")),
        };
        found.push(self.lines.problem(span, text));
        self.remove(&spot?, removed)
    }

    /// Takes away what is at `spot`: a key, or a table of an array of tables; for a plain array's element the array's key.
    fn remove(&mut self, spot: &Spot, removed: &mut BTreeSet<(usize, String)>) -> Option<()> {
        let mut steps = spot.0.clone();
        loop {
            let last = steps.pop()?;
            let holder = get_mut(&mut self.root, &steps)?;
            let start = holder.span().start;
            match (last, holder.get_mut()) {
                (Step::Key(key), DeValue::Table(table)) => {
                    table.remove(key.as_str())?;
                    removed.insert((start, key));
                    return Some(());
                }
                (Step::Index(index), DeValue::Array(array)) if array.get(index)?.get_ref().is_table() => {
                    let rest =
                        std::mem::replace(array, DeArray::new()).into_iter().enumerate().filter(|(i, _)| *i != index);
                    *array = rest.map(|(_, value)| value).collect();
                    return Some(());
                }
                _ => {}
            }
        }
    }

    /// Where the key at the end of `spot` is written; the value where there is no key.
    fn key_span(&self, spot: &Spot) -> Range<usize> {
        let Some((Step::Key(name), above)) = spot.0.split_last() else { return self.span(spot) };
        let holder = get(&self.root, above).and_then(|value| value.get_ref().as_table());
        let key = holder.and_then(|table| table.get_key_value(name.as_str()));
        key.map_or_else(|| self.span(spot), |(key, _)| key.span())
    }

    /// Where the value at `spot` is written, or as far down as there is anything.
    fn span(&self, spot: &Spot) -> Range<usize> {
        (0..=spot.0.len()).rev().find_map(|n| get(&self.root, spot.0.get(..n)?)).map_or(0..0, Spanned::span)
    }
}

/// Collects what a check finds.
pub(super) struct Problems<'a> {
    tree: &'a SourceTree<'a>,
    found: Vec<DocumentProblem>,
}

impl<'a> Problems<'a> {
    /// For a document that came out of `tree`.
    pub fn new(tree: &'a SourceTree<'a>) -> Self {
        Self { tree, found: Vec::new() }
    }

    /// Notes a problem with what is at `spot`.
    pub fn add(&mut self, spot: &Spot, message: impl Into<String>) {
        self.found.push(self.tree.lines.problem(self.tree.span(spot), message.into()));
    }

    /// The names written in `[[section]]`.
    pub fn names(&self, section: &str) -> &'a [String] {
        self.tree.names.get(section).map_or(&[], Vec::as_slice)
    }

    /// What was found.
    pub fn found(self) -> Vec<DocumentProblem> {
        self.found
    }
}

/// Turns byte offsets into lines and columns.
struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    fn new(text: &'t str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, starts }
    }

    fn problem(&self, span: Range<usize>, message: String) -> DocumentProblem {
        let at = span.start.min(self.text.len());
        let line = self.starts.partition_point(|start| *start <= at);
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let column = self.text.get(start..at).map_or(0, |before| before.chars().count()) + 1;
        DocumentProblem { line, column, message }
    }
}

fn get<'v, 't>(root: &'v Spanned<DeValue<'t>>, steps: &[Step]) -> Option<&'v Spanned<DeValue<'t>>> {
    steps.iter().try_fold(root, |value, step| match step {
        Step::Key(key) => value.get_ref().as_table()?.get(key.as_str()),
        Step::Index(index) => value.get_ref().as_array()?.get(*index),
    })
}

fn get_mut<'v, 't>(root: &'v mut Spanned<DeValue<'t>>, steps: &[Step]) -> Option<&'v mut Spanned<DeValue<'t>>> {
    steps.iter().try_fold(root, |value, step| match (step, value.get_mut()) {
        (Step::Key(key), DeValue::Table(table)) => table.get_mut(key.as_str()),
        (Step::Index(index), DeValue::Array(array)) => array.get_mut(*index),
        _ => None,
    })
}

/// serde's words for a value of another type than the key wants, in those of somebody who writes TOML.
fn of_another_type(message: &str) -> Option<String> {
    let (found, wanted) = message.strip_prefix("invalid type: ")?.split_once(", expected ")?;
    let found = found.strip_prefix("floating ").unwrap_or(found);
    let found = match found {
        "sequence" => "a list",
        "map" => "a table",
        other => other.split_once(' ').map_or(other, |(_, value)| value),
    };
    let wanted = match wanted.trim() {
        "a string" => "text in quotes",
        "a boolean" => "true or false",
        "a sequence" => "a list, [...],",
        "a map" => "a table",
        "f32" | "f64" => "a number",
        "u8" | "u16" | "u32" | "u64" | "usize" | "i32" | "i64" => "a whole number",
        array if array.starts_with("an array of length ") => return Some(listed(array, found)),
        structure if structure.starts_with("struct ") => "a table",
        other => other,
    };
    Some(format!("{wanted} belongs here, not {}", found.replace('`', "")))
}

fn listed(array: &str, found: &str) -> String {
    let length = array.trim_start_matches("an array of length ");
    format!("a list of {length} belongs here, not {}", found.replace('`', ""))
}

/// A question about a value and the place of its key.
type Test<'a> = &'a dyn Fn(Option<&Range<usize>>, &Spanned<DeValue<'_>>) -> bool;

/// The first value that passes, children before their parents: tables made by a dotted header share its span.
fn find(value: &DeValue<'_>, test: Test<'_>) -> Option<Spot> {
    let mut steps = Vec::new();
    search(value, test, &mut steps).then_some(Spot(steps))
}

/// Leaves the way to the value that passes in `steps`.
fn search(value: &DeValue<'_>, test: Test<'_>, steps: &mut Vec<Step>) -> bool {
    let mut child = |step: Step, key: Option<&Range<usize>>, value: &Spanned<DeValue<'_>>| {
        steps.push(step);
        let hit = search(value.get_ref(), test, steps) || test(key, value);
        if !hit {
            steps.pop();
        }
        hit
    };
    match value {
        DeValue::Table(table) => {
            table.iter().any(|(key, value)| child(Step::Key(key.get_ref().to_string()), Some(&key.span()), value))
        }
        DeValue::Array(array) => array.iter().enumerate().any(|(index, value)| child(Step::Index(index), None, value)),
        _ => false,
    }
}

fn each_string(value: &mut Spanned<DeValue<'_>>, change: &mut dyn FnMut(&str, Range<usize>) -> Option<String>) {
    let span = value.span();
    match value.get_mut() {
        DeValue::String(text) => {
            if text.contains("${")
                && let Some(changed) = change(text, span)
            {
                *text = changed.into();
            }
        }
        DeValue::Array(array) => array.iter_mut().for_each(|value| each_string(value, change)),
        DeValue::Table(table) => table.iter_mut().for_each(|(_, value)| each_string(value, change)),
        _ => {}
    }
}

fn written_names(root: &DeValue<'_>) -> BTreeMap<String, Vec<String>> {
    let tables = root.as_table().into_iter().flat_map(|table| table.iter());
    let of = |value: &DeValue<'_>| -> Vec<String> {
        let elements = value.as_array().into_iter().flat_map(|array| array.iter());
        elements.filter_map(|e| Some(e.get_ref().as_table()?.get("name")?.get_ref().as_str()?.to_owned())).collect()
    };
    tables.map(|(key, value)| (key.get_ref().to_string(), of(value.get_ref()))).collect()
}
