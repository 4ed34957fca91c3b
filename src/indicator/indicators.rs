//! `[[indicator]]`: expressions over the members of an object, an area or the city, kept up to date.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::{AggregateTree, Hierarchy, IndicatorError, ObjectTree};
use crate::city::{AggregateExpression, AggregateKind, Expression, Value};
use crate::quantity::Timestamp;
use crate::scene::IndicatorDocument;

/// Where a value stands against its thresholds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub enum IndicatorState {
    /// No value: no member has one.
    #[default]
    Unknown,
    /// Beyond no threshold.
    Normal,
    /// At the warning threshold or beyond.
    Warning,
    /// At the critical threshold or beyond.
    Critical,
}

impl IndicatorState {
    /// The word for it in answers and logs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Normal => "normal",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// One figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IndicatorValue<'i> {
    /// The indicator's document: name, title, unit, target.
    pub indicator: &'i IndicatorDocument,
    /// The object it is for; `None` for the city or an area.
    pub row: Option<u32>,
    /// The value.
    pub value: Option<f64>,
    /// Where it stands against the thresholds.
    pub state: IndicatorState,
}

#[derive(Debug, Clone)]
struct Group {
    row: Option<u32>,
    /// Places in the hierarchy's order.
    span: Range<u32>,
    value: Option<f64>,
}

#[derive(Debug, Clone)]
struct Indicator {
    document: IndicatorDocument,
    expression: AggregateExpression,
    /// By aggregate of the expression.
    terms: Vec<Term>,
    /// By row: whether it is a member; all are where `None`.
    members: Option<Vec<bool>>,
    groups: Vec<Group>,
    /// The group of an object, where there is one for each object of a class.
    group_of_row: BTreeMap<u32, u32>,
    /// By name that is no member's in the expression: which indicator.
    references: Vec<usize>,
}

/// One aggregate, kept up to date.
#[derive(Debug, Clone)]
struct Term {
    kind: AggregateKind,
    /// What of each member.
    expression: Expression,
    tree: AggregateTree,
    /// By object: the values of the expression's names; empty where it has but one, which comes with each change.
    inputs: BTreeMap<u32, Vec<Option<(Value, Timestamp)>>>,
}

impl Term {
    /// A term over members at these places: a member without values may count too, as in `count()` or `coalesce(p, 0)`.
    fn new(kind: AggregateKind, expression: &Expression, members: impl Iterator<Item = u32>) -> Self {
        let mut term =
            Self { kind, expression: expression.clone(), tree: AggregateTree::default(), inputs: BTreeMap::new() };
        let absent = term.contribution(&[]);
        if absent.is_some() {
            members.for_each(|place| term.tree.set(place, absent));
        }
        term
    }

    /// What a member adds whose names have these values.
    fn contribution(&self, values: &[Option<(Value, Timestamp)>]) -> Option<(f64, Timestamp)> {
        let known = |name: usize| values.get(name).and_then(Option::as_ref);
        let value = self.expression.evaluate_slots(&|name| known(name).map_or(Value::Null, |(value, _)| value.clone()));
        let time = values.iter().flatten().map(|(_, time)| *time).max();
        Some((self.kind.contribution(&value)?, time.unwrap_or(Timestamp(i64::MIN))))
    }

    /// Sets a name of the object at a place.
    fn set(&mut self, row: u32, place: u32, name: usize, value: Option<(Value, Timestamp)>) {
        let contribution = match self.expression.names().len() {
            1 => self.contribution(&[value]),
            count => {
                let mut values = self.inputs.remove(&row).unwrap_or_else(|| vec![None; count]);
                values[name] = value;
                let contribution = self.contribution(&values);
                if values.iter().any(Option::is_some) {
                    self.inputs.insert(row, values);
                }
                contribution
            }
        };
        self.tree.set(place, contribution);
    }

    fn value(&mut self, places: Range<u32>) -> Value {
        let all = self.tree.aggregate(places);
        let known = |value: f64| if all.count > 0 { Value::from(value) } else { Value::Null };
        match self.kind {
            AggregateKind::Count => Value::Int(i64::from(all.count)),
            AggregateKind::Sum => known(all.sum),
            AggregateKind::Mean | AggregateKind::Share => all.mean().map_or(Value::Null, Value::from),
            AggregateKind::Min => known(all.min),
            AggregateKind::Max => known(all.max),
            AggregateKind::Last => known(all.last.1),
        }
    }
}

/// All indicators of a scene. A changed value marks the figures above it, [`Indicators::update`] computes as many of them
/// as it may; each costs the logarithm of the number of members. Indicators that others need come first.
#[derive(Debug, Clone)]
pub struct Indicators {
    hierarchy: Arc<Hierarchy>,
    indicators: Vec<Indicator>,
    /// By property: indicator, term and which of its names.
    listeners: BTreeMap<String, Vec<[usize; 3]>>,
    /// By indicator: those whose expressions name it.
    dependents: Vec<Vec<usize>>,
    /// By indicator: its place in an order in which what is needed comes first.
    ranks: Vec<usize>,
    /// Rank, indicator, group.
    due: BTreeSet<(usize, usize, u32)>,
}

impl Indicators {
    /// Compiles the indicators of a scene for a city.
    pub fn compile(
        documents: &[IndicatorDocument],
        hierarchy: Arc<Hierarchy>,
        tree: &dyn ObjectTree,
    ) -> Result<Self, IndicatorError> {
        let names: Vec<&str> = documents.iter().map(|d| d.name.as_str()).collect();
        let indicators: Vec<Indicator> =
            documents.iter().map(|d| compile(d, &names, &hierarchy, tree)).collect::<Result<_, _>>()?;
        let ranks = ranks(&indicators)?;
        let mut listeners: BTreeMap<String, Vec<[usize; 3]>> = BTreeMap::new();
        let mut dependents = vec![Vec::new(); indicators.len()];
        let mut due = BTreeSet::new();
        for (i, indicator) in indicators.iter().enumerate() {
            for (t, term) in indicator.terms.iter().enumerate() {
                for (n, name) in term.expression.names().iter().enumerate() {
                    listeners.entry(name.clone()).or_default().push([i, t, n]);
                }
            }
            indicator.references.iter().for_each(|needed| dependents[*needed].push(i));
            due.extend((0..indicator.groups.len() as u32).map(|group| (ranks[i], i, group)));
        }
        Ok(Self { hierarchy, indicators, listeners, dependents, ranks, due })
    }

    /// Whether any indicator uses this property.
    pub fn uses(&self, property: &str) -> bool {
        self.listeners.contains_key(property)
    }

    /// The properties that the indicators use, in order: attributes among them are set once.
    pub fn properties(&self) -> impl Iterator<Item = &str> {
        self.listeners.keys().map(String::as_str)
    }

    /// Sets a property of an object; `None` where it has no value worth counting.
    pub fn set(&mut self, row: u32, property: &str, value: Option<(Value, Timestamp)>) {
        let place = self.hierarchy.span(row);
        let Some(listeners) = self.listeners.get(property).filter(|_| !place.is_empty()) else { return };
        for &[i, term, name] in listeners {
            let indicator = &mut self.indicators[i];
            if indicator.members.as_ref().is_some_and(|members| !members.get(row as usize).is_some_and(|m| *m)) {
                continue;
            }
            indicator.terms[term].set(row, place.start, name, value.clone());
            let rank = self.ranks[i];
            if indicator.document.per.is_none() {
                self.due.insert((rank, i, 0));
            } else {
                let groups = self.hierarchy.with_ancestors(row).filter_map(|row| indicator.group_of_row.get(&row));
                self.due.extend(groups.map(|group| (rank, i, *group)));
            }
        }
    }

    /// Computes up to `most` figures that are due. Tells those that changed: numbers for [`Indicators::value`]. What is
    /// left stays due.
    pub fn update(&mut self, most: usize) -> Vec<(usize, u32)> {
        let mut changed = Vec::new();
        for _ in 0..most {
            let Some((_, i, group)) = self.due.pop_first() else { break };
            let value = self.compute(i, group);
            let Some(old) = self.indicators[i].groups.get_mut(group as usize) else { continue };
            if old.value.map(f64::to_bits) == value.map(f64::to_bits) {
                continue;
            }
            let row = old.row;
            old.value = value;
            changed.push((i, group));
            for dependent in self.dependents[i].clone() {
                self.mark(dependent, row);
            }
        }
        changed
    }

    /// A hash over all figures as they stand: with none due it depends on the values that are set alone, bit for bit, not
    /// on the way to them. So one comes back to an instant by setting what held then, `None` where there was nothing, and
    /// computing what is due by that.
    pub fn state_hash(&self) -> u64 {
        let mut bytes = Vec::new();
        for (i, indicator) in self.indicators.iter().enumerate() {
            for group in &indicator.groups {
                bytes.extend((i as u32).to_le_bytes());
                bytes.extend(group.row.map_or(u64::MAX, u64::from).to_le_bytes());
                bytes.push(u8::from(group.value.is_some()));
                bytes.extend(group.value.unwrap_or_default().to_bits().to_le_bytes());
            }
        }
        xxh3_64(&bytes)
    }

    /// About how much memory it takes, bytes.
    pub fn bytes(&self) -> usize {
        let term = |term: &Term| {
            let entry = size_of::<(u32, Vec<Option<(Value, Timestamp)>>)>();
            let values = term.expression.names().len() * size_of::<Option<(Value, Timestamp)>>();
            term.tree.bytes() + term.inputs.len() * (entry + values) * 3 / 2
        };
        let indicator = |indicator: &Indicator| {
            let terms: usize = indicator.terms.iter().map(term).sum();
            let groups = indicator.groups.len() * (size_of::<Group>() + size_of::<(u32, u32)>() * 3 / 2);
            terms + groups + indicator.members.as_ref().map_or(0, Vec::len)
        };
        self.indicators.iter().map(indicator).sum::<usize>() + self.due.len() * size_of::<(usize, usize, u32)>() * 3 / 2
    }

    /// How many figures are due.
    pub fn due(&self) -> usize {
        self.due.len()
    }

    /// Marks what follows from a figure of another indicator: the figure of the same object, or all.
    fn mark(&mut self, i: usize, row: Option<u32>) {
        let indicator = &self.indicators[i];
        match row.and_then(|row| indicator.group_of_row.get(&row)) {
            Some(group) => drop(self.due.insert((self.ranks[i], i, *group))),
            None => {
                let all = 0..indicator.groups.len() as u32;
                self.due.extend(all.map(|group| (self.ranks[i], i, group)));
            }
        }
    }

    fn compute(&mut self, i: usize, group: u32) -> Option<f64> {
        let indicator = self.indicators.get(i)?;
        let group = indicator.groups.get(group as usize)?;
        let (row, span) = (group.row, group.span.clone());
        let needed: Vec<Option<f64>> = indicator.references.iter().map(|needed| self.needed(*needed, row)).collect();
        let Indicator { expression, terms, .. } = self.indicators.get_mut(i)?;
        let aggregates: Vec<Value> = terms.iter_mut().map(|term| term.value(span.clone())).collect();
        let other = |name: &str| {
            let at = expression.names().iter().position(|known| known == name);
            at.and_then(|at| *needed.get(at)?).map_or(Value::Null, Value::from)
        };
        let aggregate = |at: usize| aggregates.get(at).cloned().unwrap_or_default();
        match expression.evaluate_aggregated(&aggregate, &other) {
            // A condition over the whole is 1 or 0.
            Value::Bool(truth) => Some(f64::from(u8::from(truth))),
            value => value.number().filter(|number| number.is_finite()),
        }
    }

    /// The figure of another indicator for the same object, or its only one.
    fn needed(&self, i: usize, row: Option<u32>) -> Option<f64> {
        let other = &self.indicators[i];
        let group = match other.document.per {
            Some(_) => *other.group_of_row.get(&row?)?,
            None => 0,
        };
        other.groups.get(group as usize)?.value
    }

    /// A figure by the number of the indicator in the scene and that of its group.
    pub fn value(&self, indicator: usize, group: u32) -> Option<IndicatorValue<'_>> {
        let indicator = self.indicators.get(indicator)?;
        let group = indicator.groups.get(group as usize)?;
        let state = judge(group.value, indicator.document.warning, indicator.document.critical);
        Some(IndicatorValue { indicator: &indicator.document, row: group.row, value: group.value, state })
    }

    /// All figures: indicators in the order of the scene, objects in that of their rows.
    pub fn values(&self) -> impl Iterator<Item = IndicatorValue<'_>> {
        let numbers = self.indicators.iter().enumerate();
        numbers.flat_map(move |(i, n)| (0..n.groups.len() as u32).filter_map(move |group| self.value(i, group)))
    }
}

fn judge(value: Option<f64>, warning: Option<f64>, critical: Option<f64>) -> IndicatorState {
    let Some(value) = value else { return IndicatorState::Unknown };
    let low_is_bad = matches!((warning, critical), (Some(warning), Some(critical)) if critical < warning);
    let beyond = |threshold: Option<f64>| threshold.is_some_and(|t| if low_is_bad { value <= t } else { value >= t });
    match (beyond(critical), beyond(warning)) {
        (true, _) => IndicatorState::Critical,
        (_, true) => IndicatorState::Warning,
        _ => IndicatorState::Normal,
    }
}

fn compile(
    document: &IndicatorDocument,
    names: &[&str],
    hierarchy: &Hierarchy,
    tree: &dyn ObjectTree,
) -> Result<Indicator, IndicatorError> {
    let name = || document.name.clone();
    let refuse = |column: usize, cause: String| IndicatorError::Expression { cause, column, indicator: name() };
    let expression =
        AggregateExpression::parse(&document.expression).map_err(|error| refuse(error.column, error.message))?;
    let mut references = Vec::new();
    for needed in expression.names() {
        let index = names.iter().position(|known| known == needed);
        references.push(index.ok_or_else(|| {
            let at = document.expression.find(needed.as_str()).unwrap_or(0);
            let column = document.expression.get(..at).map_or(0, |before| before.chars().count()) + 1;
            let cause =
                format!("no indicator is named '{needed}'; a property stands in an aggregate, like sum({needed})");
            refuse(column, cause)
        })?);
    }
    let count = tree.row_count() as usize;
    let only = |rows: Vec<u32>| {
        let mut members = vec![false; count];
        rows.into_iter().for_each(|row| {
            if let Some(member) = members.get_mut(row as usize) {
                *member = true;
            }
        });
        members
    };
    let matching = document.filter.as_ref().map(|filter| tree.matching(filter)).transpose();
    let matching = matching.map_err(|cause| IndicatorError::Members { cause, indicator: name() })?.map(only);
    let inside = document.area.as_ref().map(|area| only(tree.rows_in(area)));
    let there: Vec<u32> = (0..tree.row_count()).filter(|row| tree.is_there(*row)).collect();
    let there = (there.len() < count).then(|| only(there));
    let both = |a: Vec<bool>, b: Vec<bool>| a.into_iter().zip(b).map(|(a, b)| a && b).collect();
    let members = [matching, inside, there].into_iter().flatten().reduce(both);
    let (mut groups, mut group_of_row) = (Vec::new(), BTreeMap::new());
    match &document.per {
        None => groups.push(Group { row: None, span: 0..u32::MAX, value: None }),
        Some(class) => {
            for row in (0..tree.row_count()).filter(|row| tree.class(*row) == class && tree.is_there(*row)) {
                group_of_row.insert(row, groups.len() as u32);
                groups.push(Group { row: Some(row), span: hierarchy.span(row), value: None });
            }
        }
    }
    let is_member = |row: &u32| members.as_ref().is_none_or(|m: &Vec<bool>| m.get(*row as usize) == Some(&true));
    let places = || (0..tree.row_count()).filter(is_member).map(|row| hierarchy.span(row).start);
    let terms = expression.aggregates().map(|(kind, inner)| Term::new(kind, inner, places())).collect();
    Ok(Indicator { document: document.clone(), expression, terms, members, groups, group_of_row, references })
}

/// An order in which what is needed comes first (Kahn 1962); an error where indicators need each other.
fn ranks(indicators: &[Indicator]) -> Result<Vec<usize>, IndicatorError> {
    let mut ranks = vec![None; indicators.len()];
    for rank in 0..indicators.len() {
        let ready = (0..indicators.len())
            .find(|i| ranks[*i].is_none() && indicators[*i].references.iter().all(|needed| ranks[*needed].is_some()));
        let Some(ready) = ready else {
            let stuck = (0..indicators.len()).find(|i| ranks[*i].is_none()).unwrap_or(0);
            let name = |i: usize| indicators[i].document.name.clone();
            let through = indicators[stuck].references.iter().find(|needed| ranks[**needed].is_none());
            return Err(IndicatorError::Circle {
                through: through.map(|needed| name(*needed)).unwrap_or_default(),
                indicator: name(stuck),
            });
        };
        ranks[ready] = Some(rank);
    }
    Ok(ranks.into_iter().flatten().collect())
}
