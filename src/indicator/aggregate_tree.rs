//! Aggregates over any run of members, each change costing a logarithm.

use std::ops::Range;

use crate::quantity::Timestamp;

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

/// A segment tree over members in the order of their places: pairwise sums (error grows with the logarithm of the number
/// of members, Higham 1993), recomputed upwards from the changed member, so the aggregate is a function of the values alone.
#[derive(Debug, Clone, Default)]
pub struct AggregateTree {
    /// Places of the members, rising.
    places: Vec<u32>,
    /// Node 1 is the root, node `n` has the children `2n` and `2n + 1`; the members are the last half.
    nodes: Vec<Aggregate>,
    /// Members to come, with their values: put in order together when somebody asks.
    added: Vec<(u32, Aggregate)>,
}

impl AggregateTree {
    /// Sets the value of the member at a place; `None` takes the value out. An unknown place becomes a member.
    pub fn set(&mut self, place: u32, value: Option<(f64, Timestamp)>) {
        let aggregate = value.map_or(Aggregate::NONE, |(value, time)| Aggregate::of(value, time));
        let Ok(at) = self.places.binary_search(&place) else {
            self.added.push((place, aggregate));
            return;
        };
        let half = self.nodes.len() / 2;
        let mut node = half + at;
        if let Some(leaf) = self.nodes.get_mut(node) {
            *leaf = aggregate;
        }
        while node > 1 {
            node /= 2;
            self.nodes[node] = self.nodes[2 * node].with(self.nodes[2 * node + 1]);
        }
    }

    /// The aggregate of the members whose places lie in `places`.
    pub fn aggregate(&mut self, places: Range<u32>) -> Aggregate {
        self.settle();
        let half = self.nodes.len() / 2;
        let mut low = half + self.places.partition_point(|place| *place < places.start);
        let mut high = half + self.places.partition_point(|place| *place < places.end);
        let (mut left, mut right) = (Aggregate::NONE, Aggregate::NONE);
        while low < high {
            if low % 2 == 1 {
                left = left.with(self.nodes[low]);
                low += 1;
            }
            if high % 2 == 1 {
                high -= 1;
                right = self.nodes[high].with(right);
            }
            low /= 2;
            high /= 2;
        }
        left.with(right)
    }

    /// Takes every value out; the members stay.
    pub fn clear(&mut self) {
        self.settle();
        self.nodes.fill(Aggregate::NONE);
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
        let half = self.nodes.len() / 2;
        let old = self.places.iter().enumerate().map(|(at, place)| (*place, self.nodes[half + at]));
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
        let half = members.len().next_power_of_two();
        self.places = members.iter().map(|(place, _)| *place).collect();
        self.nodes = vec![Aggregate::NONE; 2 * half];
        for (at, (_, aggregate)) in members.into_iter().enumerate() {
            self.nodes[half + at] = aggregate;
        }
        for node in (1..half).rev() {
            self.nodes[node] = self.nodes[2 * node].with(self.nodes[2 * node + 1]);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    proptest::proptest! {
        #[test]
        fn any_run_is_what_its_members_amount_to(
            steps in proptest::collection::vec((0_u32..50, proptest::option::of(-100_i32..100), 0_u32..60, 0_u32..60), 1..120),
        ) {
            let mut tree = AggregateTree::default();
            let mut model: BTreeMap<u32, f64> = BTreeMap::new();
            for (i, (place, value, from, to)) in steps.into_iter().enumerate() {
                let time = Timestamp(i as i64);
                tree.set(place, value.map(|v| (f64::from(v), time)));
                match value {
                    Some(value) => drop(model.insert(place, f64::from(value))),
                    None => drop(model.remove(&place)),
                }
                let range = from.min(to)..from.max(to);
                let values: Vec<f64> = model.range(range.clone()).map(|(_, v)| *v).collect();
                let aggregate = tree.aggregate(range);
                proptest::prop_assert_eq!(aggregate.count as usize, values.len());
                proptest::prop_assert_eq!(aggregate.sum, values.iter().sum::<f64>());
                proptest::prop_assert_eq!(aggregate.min, values.iter().copied().fold(f64::INFINITY, f64::min));
                proptest::prop_assert_eq!(aggregate.max, values.iter().copied().fold(f64::NEG_INFINITY, f64::max));
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
