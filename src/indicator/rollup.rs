//! Values up the tree: device, storey, building, zone, campus, city.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Aggregate, AggregateTree, Hierarchy};
use crate::quantity::Timestamp;
use crate::scene::RollupRule;

/// The values of properties by object, and what they amount to for every object from what is in it.
///
/// An object's own value takes part together with those of what is in it: where a building has a meter and its storeys
/// too, bind them to different properties.
///
/// What is rolled up depends on the values that are set alone, bit for bit: setting what held at an instant, `None` where
/// there was nothing, is coming back to it.
#[derive(Debug, Clone)]
pub struct Rollup {
    hierarchy: Arc<Hierarchy>,
    properties: BTreeMap<u16, (RollupRule, AggregateTree)>,
    changed: BTreeSet<(u32, u16)>,
}

impl Rollup {
    /// A roll-up without values. `rules` by the number of the property; of several for one property the first holds.
    pub fn new(hierarchy: Arc<Hierarchy>, rules: impl IntoIterator<Item = (u16, RollupRule)>) -> Self {
        let mut properties = BTreeMap::new();
        for (property, rule) in rules {
            properties.entry(property).or_insert((rule, AggregateTree::default()));
        }
        Self { hierarchy, properties, changed: BTreeSet::new() }
    }

    /// Sets the value of an object itself; `None` where it has none worth counting.
    pub fn set(&mut self, row: u32, property: u16, value: Option<(f64, Timestamp)>) {
        let Some((_, tree)) = self.properties.get_mut(&property) else { return };
        let span = self.hierarchy.span(row);
        if span.is_empty() {
            return;
        }
        tree.set(span.start, value);
        // Where an ancestor is noted already, so are those above it.
        for row in self.hierarchy.with_ancestors(row) {
            if !self.changed.insert((row, property)) {
                break;
            }
        }
    }

    /// What a property of an object and of all that is in it amounts to.
    pub fn aggregate(&mut self, row: u32, property: u16) -> Aggregate {
        let span = self.hierarchy.span(row);
        self.properties.get_mut(&property).map_or(Aggregate::NONE, |(_, tree)| tree.aggregate(span))
    }

    /// The same by the property's rule; `None` where there is no value.
    pub fn value(&mut self, row: u32, property: u16) -> Option<f64> {
        let rule = self.properties.get(&property)?.0;
        let aggregate = self.aggregate(row, property);
        let value = match rule {
            RollupRule::Mean => aggregate.mean()?,
            RollupRule::Sum => aggregate.sum,
            RollupRule::Min => aggregate.min,
            RollupRule::Max => aggregate.max,
            RollupRule::Last => aggregate.last.1,
        };
        (aggregate.count > 0).then_some(value)
    }

    /// The objects and properties whose rolled-up value may have changed since the last call, by row: those set and all
    /// that they are part of.
    pub fn take_changes(&mut self) -> BTreeSet<(u32, u16)> {
        std::mem::take(&mut self.changed)
    }

    /// About how much memory it takes, bytes.
    pub fn bytes(&self) -> usize {
        let trees: usize = self.properties.values().map(|(_, tree)| tree.bytes()).sum();
        trees + self.changed.len() * size_of::<(u32, u16)>() * 3 / 2
    }
}
