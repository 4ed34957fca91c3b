//! Aggregates over any run of members, each change costing a logarithm.

use std::ops::Range;

use crate::quantity::Timestamp;

/// New members wait for company up to this many and as many as there are already.
const MOST_ADDED: usize = 1024;

/// Places of a bucket.
const PLACES: u32 = 16;

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

/// Members by their places, in buckets of 16 places, and over the buckets a binary radix tree (Morrison 1968, PATRICIA): two
/// buckets meet in the node of their longest common prefix. A member without a value is as good as none, so an aggregate is
/// a function of the values there are and of their places alone, bit for bit, whatever became members on the way. A change
/// marks the nodes above it; an aggregate computes what is marked below it.
#[derive(Debug, Clone, Default)]
pub struct AggregateTree {
    /// By key, rising.
    buckets: Vec<Bucket>,
    /// The members' values, by place.
    values: Vec<Option<(f64, Timestamp)>>,
    /// What the buckets amount to, then the inner nodes, the root first.
    nodes: Vec<Aggregate>,
    /// By node: whether it is to be computed again; if so, those above it too.
    stale: Vec<bool>,
    /// By node; the root is its own.
    parents: Vec<u32>,
    /// By inner node.
    forks: Vec<Fork>,
    /// Members to come, with their values: put in order together when somebody asks.
    added: Vec<(u32, Option<(f64, Timestamp)>)>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// The places' higher bits.
    key: u32,
    /// Its first member in the list of values.
    start: u32,
    /// A bit for each of its 16 places that has a member.
    members: u16,
}

#[derive(Debug, Clone, Copy)]
struct Fork {
    /// Nodes of the lower and of the higher keys.
    children: [u32; 2],
    /// The first bucket of the higher ones.
    split: u32,
}

impl AggregateTree {
    /// Sets the value of the member at a place; `None` takes the value out. An unknown place becomes a member.
    pub fn set(&mut self, place: u32, value: Option<(f64, Timestamp)>) {
        let bucket = self.buckets.binary_search_by_key(&(place / PLACES), |bucket| bucket.key);
        let Some((node, at)) = bucket.ok().and_then(|at| Some((at, self.buckets.get(at)?.member(place)?))) else {
            self.added.push((place, value));
            if self.added.len() > self.values.len() + MOST_ADDED {
                self.settle();
            }
            return;
        };
        if let Some(old) = self.values.get_mut(at) {
            *old = value;
        }
        let mut node = node;
        while let Some(stale) = self.stale.get_mut(node).filter(|stale| !**stale) {
            *stale = true;
            node = self.parents.get(node).map_or(0, |parent| *parent as usize);
        }
    }

    /// The aggregate of the members whose places lie in `places`.
    pub fn aggregate(&mut self, places: Range<u32>) -> Aggregate {
        self.settle();
        if places.is_empty() {
            return Aggregate::NONE;
        }
        let (first, last) = (places.start / PLACES, (places.end - 1) / PLACES);
        if first == last {
            return self.within(first, &places);
        }
        // Buckets that are wanted in part, and those between them.
        let cut_first = !places.start.is_multiple_of(PLACES);
        let cut_last = !places.end.is_multiple_of(PLACES);
        let whole = first + u32::from(cut_first)..last + u32::from(!cut_last);
        let low = self.buckets.partition_point(|bucket| bucket.key < whole.start);
        let high = self.buckets.partition_point(|bucket| bucket.key < whole.end);
        let root = if self.forks.is_empty() { 0 } else { self.buckets.len() };
        let middle = self.part(root, 0..self.buckets.len(), &(low..high));
        let before = if cut_first { self.within(first, &places) } else { Aggregate::NONE };
        let after = if cut_last { self.within(last, &places) } else { Aggregate::NONE };
        before.with(middle).with(after)
    }

    /// What of the bucket with this key lies in `places`.
    fn within(&self, key: u32, places: &Range<u32>) -> Aggregate {
        let found = self.buckets.binary_search_by_key(&key, |bucket| bucket.key);
        let Some(bucket) = found.ok().and_then(|at| self.buckets.get(at)) else { return Aggregate::NONE };
        let start = bucket.rank(places.start.saturating_sub(key * PLACES).min(PLACES));
        let end = bucket.rank((places.end - key * PLACES).min(PLACES));
        self.run(start..end)
    }

    /// What a run of values amounts to, added one after the other.
    fn run(&self, members: Range<usize>) -> Aggregate {
        let values = self.values.get(members).unwrap_or_default().iter().flatten();
        values.fold(Aggregate::NONE, |sum, (value, time)| sum.with(Aggregate::of(*value, *time)))
    }

    /// What of a node's `buckets` is `wanted`.
    fn part(&mut self, node: usize, buckets: Range<usize>, wanted: &Range<usize>) -> Aggregate {
        if wanted.start >= buckets.end || wanted.end <= buckets.start {
            return Aggregate::NONE;
        }
        if wanted.start <= buckets.start && buckets.end <= wanted.end {
            return self.fresh(node);
        }
        // A bucket alone is either wanted or not: this node is a fork.
        let Some(fork) = node.checked_sub(self.buckets.len()).and_then(|at| self.forks.get(at)) else {
            return Aggregate::NONE;
        };
        let [low, high] = fork.children.map(|child| child as usize);
        let split = fork.split as usize;
        self.part(low, buckets.start..split, wanted).with(self.part(high, split..buckets.end, wanted))
    }

    /// What a node amounts to, computed again where it is stale; as deep as keys have bits.
    fn fresh(&mut self, node: usize) -> Aggregate {
        let old = self.nodes.get(node).copied().unwrap_or(Aggregate::NONE);
        if !self.stale.get_mut(node).is_some_and(std::mem::take) {
            return old;
        }
        let aggregate = match self.buckets.get(node) {
            Some(bucket) => self.run(bucket.rank(0)..bucket.rank(PLACES)),
            None => {
                let [low, high] = self.forks[node - self.buckets.len()].children;
                self.fresh(low as usize).with(self.fresh(high as usize))
            }
        };
        self.nodes[node] = aggregate;
        aggregate
    }

    /// How much memory it takes, bytes.
    pub fn bytes(&self) -> usize {
        self.buckets.capacity() * size_of::<Bucket>()
            + (self.values.capacity() + self.added.capacity()) * size_of::<(u32, Option<(f64, Timestamp)>)>()
            + self.nodes.capacity() * (size_of::<Aggregate>() + size_of::<bool>() + size_of::<u32>())
            + self.forks.capacity() * size_of::<Fork>()
    }

    /// How many members there are, with and without a value.
    pub fn len(&mut self) -> usize {
        self.settle();
        self.values.len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty() && self.added.is_empty()
    }

    /// Puts new members in their order: one sort however many came.
    fn settle(&mut self) {
        if self.added.is_empty() {
            return;
        }
        let places = self.buckets.iter().flat_map(|bucket| {
            let has = |place: &u32| bucket.members & (1 << place) != 0;
            (0..PLACES).filter(has).map(|place| bucket.key * PLACES + place)
        });
        let mut members: Vec<(u32, Option<(f64, Timestamp)>)> = places.zip(self.values.drain(..)).collect();
        members.append(&mut self.added);
        members.sort_by_key(|(place, _)| *place);
        // Of one place set several times before now the last holds; the sort is stable.
        members.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                kept.1 = later.1;
            }
            same
        });
        self.buckets.clear();
        for together in members.chunk_by(|a, b| a.0 / PLACES == b.0 / PLACES) {
            let start = self.values.len() as u32;
            let key = together.first().map_or(0, |(place, _)| place / PLACES);
            let members = together.iter().fold(0, |mask, (place, _)| mask | 1 << (place % PLACES));
            self.values.extend(together.iter().map(|(_, value)| *value));
            self.buckets.push(Bucket { key, start, members });
        }
        let nodes = 2 * self.buckets.len() - 1;
        self.nodes = vec![Aggregate::NONE; nodes];
        self.stale = vec![true; nodes];
        self.parents = vec![0; nodes];
        self.forks = Vec::with_capacity(nodes - self.buckets.len());
        let root = self.grow(0..self.buckets.len());
        self.parents[root] = root as u32;
    }

    /// Makes the nodes over a run of buckets; as deep as keys have bits.
    fn grow(&mut self, buckets: Range<usize>) -> usize {
        let (first, last) = (self.buckets[buckets.start].key, self.buckets[buckets.end - 1].key);
        if first == last {
            return buckets.start;
        }
        let bit = 1 << (first ^ last).ilog2();
        let split = buckets.start + self.buckets[buckets.clone()].partition_point(|bucket| bucket.key & bit == 0);
        let node = self.buckets.len() + self.forks.len();
        self.forks.push(Fork { children: [0; 2], split: split as u32 });
        let children = [self.grow(buckets.start..split), self.grow(split..buckets.end)];
        self.forks[node - self.buckets.len()].children = children.map(|child| child as u32);
        for child in children {
            self.parents[child] = node as u32;
        }
        node
    }
}

impl Bucket {
    /// Where the member of a place of this bucket is in the list of values.
    fn member(&self, place: u32) -> Option<usize> {
        let place = place % PLACES;
        (self.members & (1 << place) != 0).then(|| self.rank(place))
    }

    /// Where the members begin that are at this place or later, 0 to 16.
    fn rank(&self, place: u32) -> usize {
        let before = u32::from(self.members) & ((1 << place) - 1);
        self.start as usize + before.count_ones() as usize
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
            apart in proptest::sample::select(vec![1_u32, 3, 16, 1000]),
        ) {
            let mut tree = AggregateTree::default();
            let mut model: BTreeMap<u32, (f64, Timestamp)> = BTreeMap::new();
            for (i, (place, value, from, to)) in steps.into_iter().enumerate() {
                let time = Timestamp(i as i64 / 3);
                let (place, from, to) = (place * apart, from * apart, to * apart);
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
