//! Aggregates over any run of members, each change costing a logarithm.

use std::ops::Range;

use crate::quantity::Timestamp;

/// New members wait for company up to this many and as many as there are already.
const MOST_ADDED: usize = 1024;

/// What a set of values amounts to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Aggregate {
    /// How many values.
    pub count: u32,
    /// Their sum.
    pub sum: f64,
    /// The least; infinite where there is none.
    pub min: f64,
    /// The greatest; minus infinite where there is none.
    pub max: f64,
    /// The latest and its instant; of several of one instant that of the later place.
    pub last: (Timestamp, f64),
}

impl Aggregate {
    /// Of no values.
    pub const NONE: Self =
        Self { count: 0, sum: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY, last: (Timestamp(i64::MIN), 0.0) };

    fn of(value: f64, time: Timestamp) -> Self {
        Self { count: 1, sum: value, min: value, max: value, last: (time, value) }
    }

    /// Both together; `other` stands after this.
    fn with(self, other: Self) -> Self {
        if self.count == 0 {
            return other;
        }
        if other.count == 0 {
            return self;
        }
        Self {
            count: self.count + other.count,
            sum: self.sum + other.sum,
            min: self.min.min(other.min),
            max: self.max.max(other.max),
            last: if other.last.0 >= self.last.0 { other.last } else { self.last },
        }
    }

    /// The arithmetic mean; `None` of no values.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / f64::from(self.count))
    }
}

/// A binary radix tree over members by their places (Morrison 1968, PATRICIA): two members meet in the node of their
/// longest common prefix. A member without a value is as good as none, so an aggregate is a function of the values there
/// are and of their places alone, bit for bit, whatever became members on the way. Sums are pairwise: at most 32 roundings.
#[derive(Debug, Clone, Default)]
pub struct AggregateTree {
    /// Places of the members, rising.
    places: Vec<u32>,
    /// The members' own, then those of the inner nodes, the root first.
    nodes: Vec<Aggregate>,
    /// By node; the root is its own.
    parents: Vec<u32>,
    /// By inner node.
    forks: Vec<Fork>,
    /// Members to come, with their values: put in order together when somebody asks.
    added: Vec<(u32, Aggregate)>,
}

#[derive(Debug, Clone, Copy)]
struct Fork {
    /// Nodes of the lower and of the higher places.
    children: [u32; 2],
    /// The first member of the higher ones.
    split: u32,
}

impl AggregateTree {
    /// Sets the value of the member at a place; `None` takes the value out. An unknown place becomes a member.
    pub fn set(&mut self, place: u32, value: Option<(f64, Timestamp)>) {
        let aggregate = value.map_or(Aggregate::NONE, |(value, time)| Aggregate::of(value, time));
        let Ok(at) = self.places.binary_search(&place) else {
            self.added.push((place, aggregate));
            if self.added.len() > self.places.len() + MOST_ADDED {
                self.settle();
            }
            return;
        };
        let mut node = at;
        if let Some(leaf) = self.nodes.get_mut(node) {
            *leaf = aggregate;
        }
        while let Some(parent) = self.parents.get(node).map(|parent| *parent as usize).filter(|parent| *parent != node)
        {
            self.join(parent);
            node = parent;
        }
    }

    /// The aggregate of the members whose places lie in `places`.
    pub fn aggregate(&mut self, places: Range<u32>) -> Aggregate {
        self.settle();
        let low = self.places.partition_point(|place| *place < places.start);
        let high = self.places.partition_point(|place| *place < places.end);
        let root = if self.forks.is_empty() { 0 } else { self.places.len() };
        self.part(root, 0..self.places.len(), &(low..high))
    }

    /// What of a node's `members` is `wanted`.
    fn part(&self, node: usize, members: Range<usize>, wanted: &Range<usize>) -> Aggregate {
        if wanted.start >= members.end || wanted.end <= members.start {
            return Aggregate::NONE;
        }
        if wanted.start <= members.start && members.end <= wanted.end {
            return self.nodes.get(node).copied().unwrap_or(Aggregate::NONE);
        }
        // A member alone is either wanted or not: this node is a fork.
        let Some(fork) = node.checked_sub(self.places.len()).and_then(|at| self.forks.get(at)) else {
            return Aggregate::NONE;
        };
        let [low, high] = fork.children.map(|child| child as usize);
        let split = fork.split as usize;
        self.part(low, members.start..split, wanted).with(self.part(high, split..members.end, wanted))
    }

    /// How many members there are, with and without a value.
    pub fn len(&mut self) -> usize {
        self.settle();
        self.places.len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty() && self.added.is_empty()
    }

    /// Puts new members in their order: one sort however many came.
    fn settle(&mut self) {
        if self.added.is_empty() {
            return;
        }
        let old = self.places.iter().copied().zip(self.nodes.iter().copied());
        let mut members: Vec<(u32, Aggregate)> = old.chain(self.added.drain(..)).collect();
        members.sort_by_key(|(place, _)| *place);
        // Of one place set several times before now the last holds; the sort is stable.
        members.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                kept.1 = later.1;
            }
            same
        });
        let nodes = 2 * members.len() - 1;
        self.places = members.iter().map(|(place, _)| *place).collect();
        self.nodes = members.into_iter().map(|(_, aggregate)| aggregate).collect();
        self.nodes.resize(nodes, Aggregate::NONE);
        self.parents = vec![0; nodes];
        self.forks = Vec::with_capacity(nodes - self.places.len());
        let root = self.grow(0..self.places.len());
        self.parents[root] = root as u32;
    }

    /// Makes the nodes over a run of members; its depth is that of the places' bits.
    fn grow(&mut self, members: Range<usize>) -> usize {
        let (first, last) = (self.places[members.start], self.places[members.end - 1]);
        if first == last {
            return members.start;
        }
        let bit = 1 << (first ^ last).ilog2();
        let split = members.start + self.places[members.clone()].partition_point(|place| place & bit == 0);
        let node = self.places.len() + self.forks.len();
        self.forks.push(Fork { children: [0; 2], split: split as u32 });
        let children = [self.grow(members.start..split), self.grow(split..members.end)];
        self.forks[node - self.places.len()].children = children.map(|child| child as u32);
        for child in children {
            self.parents[child] = node as u32;
        }
        self.join(node);
        node
    }

    /// Computes an inner node from its children.
    fn join(&mut self, node: usize) {
        let [low, high] = self.forks[node - self.places.len()].children.map(|child| self.nodes[child as usize]);
        self.nodes[node] = low.with(high);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// A number with a last bit that rounding shows in.
    fn rough(number: i32) -> f64 {
        f64::from(number) * 0.1
    }

    proptest::proptest! {
        #[test]
        fn any_run_is_what_its_members_amount_to(
            steps in proptest::collection::vec((0_u32..50, proptest::option::of(-100_i32..100), 0_u32..60, 0_u32..60), 1..120),
        ) {
            let mut tree = AggregateTree::default();
            let mut model: BTreeMap<u32, (f64, Timestamp)> = BTreeMap::new();
            for (i, (place, value, from, to)) in steps.into_iter().enumerate() {
                let time = Timestamp(i as i64 / 3);
                tree.set(place, value.map(|v| (rough(v), time)));
                match value {
                    Some(value) => drop(model.insert(place, (rough(value), time))),
                    None => drop(model.remove(&place)),
                }
                let range = from.min(to)..from.max(to);
                let values: Vec<f64> = model.range(range.clone()).map(|(_, (v, _))| *v).collect();
                let aggregate = tree.aggregate(range.clone());
                proptest::prop_assert_eq!(aggregate.count as usize, values.len());
                proptest::prop_assert!((aggregate.sum - values.iter().sum::<f64>()).abs() < 1e-10);
                proptest::prop_assert_eq!(aggregate.min, values.iter().copied().fold(f64::INFINITY, f64::min));
                proptest::prop_assert_eq!(aggregate.max, values.iter().copied().fold(f64::NEG_INFINITY, f64::max));
                let last = model.range(range.clone()).max_by_key(|(place, (_, time))| (*time, **place));
                proptest::prop_assert_eq!(last.map(|(_, (v, t))| (*t, *v)), (aggregate.count > 0).then_some(aggregate.last));
                // To the last bit the same as in a tree that never knew anything else, whatever its members were.
                let mut fresh = AggregateTree::default();
                model.iter().rev().for_each(|(place, value)| fresh.set(*place, Some(*value)));
                proptest::prop_assert_eq!(aggregate.sum.to_bits(), fresh.aggregate(range).sum.to_bits());
            }
        }
    }

    /// A month of a change a second on 1 000 members: the sum is that of the values that are there, to the last bit
    /// of a tree built fresh from them.
    #[test]
    fn a_month_of_changes_does_not_drift() {
        let mut tree = AggregateTree::default();
        let mut values = vec![0.0; 1000];
        for second in 0..2_592_000_u64 {
            let place = (second * 7919 % 1000) as usize;
            values[place] = (second as f64 * 0.1).sin() * 1e6 + 0.1;
            tree.set(place as u32, Some((values[place], Timestamp(0))));
        }
        let mut fresh = AggregateTree::default();
        values.iter().enumerate().for_each(|(at, value)| fresh.set(at as u32, Some((*value, Timestamp(0)))));
        assert_eq!(tree.aggregate(0..1000).sum.to_bits(), fresh.aggregate(0..1000).sum.to_bits());
    }
}
