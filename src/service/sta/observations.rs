//! The observations of many streams in one order, read as far as somebody looks.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::entity::{Entity, Kind};
use super::options::Order;
use crate::city::Value;
use crate::live::PastQuery;
use crate::quantity::Timestamp;
use crate::service::live::Stream;

/// Observations of a stream that are read at once, after the first.
const AT_ONCE: usize = 64;

/// A stream on the way through its observations.
struct Reader<'s> {
    stream: &'s Stream,
    /// What is still to be read of it.
    rest: PastQuery,
    read: VecDeque<(Timestamp, Value)>,
}

impl Reader<'_> {
    /// The next one, which stays.
    fn peek(&mut self) -> Option<Timestamp> {
        if self.read.is_empty() {
            self.read = self.stream.observations(&self.rest).into();
            let (last, _) = self.read.back()?;
            match self.rest.newest_first {
                true => self.rest.before = *last,
                false => self.rest.from = Timestamp(last.0.saturating_add(1)),
            }
            self.rest.most = AT_ONCE;
        }
        self.read.front().map(|(time, _)| *time)
    }
}

/// All of them, from the first that is asked for.
pub(super) struct Observations<'s> {
    readers: Vec<Reader<'s>>,
    /// The rank of each reader's next observation, the number of the reader.
    next: BinaryHeap<(i64, Reverse<usize>)>,
    order: Order,
}

impl<'s> Observations<'s> {
    /// Observations of streams from an instant, and before another.
    pub fn of(streams: impl Iterator<Item = &'s Stream>, order: Order, (from, before): (Timestamp, Timestamp)) -> Self {
        let newest_first = matches!(order, Order::Time { newest_first: true } | Order::Id { descending: true });
        // The latest of a stream costs nothing, those before it a look into the scene's memory.
        let rest = PastQuery { from, before, most: 1, newest_first };
        let readers = streams.map(|stream| Reader { stream, rest, read: VecDeque::new() }).collect();
        let mut all = Self { readers, next: BinaryHeap::new(), order };
        (0..all.readers.len()).for_each(|number| all.line_up(number));
        all
    }

    /// Puts a reader in its place by its next observation.
    fn line_up(&mut self, number: usize) {
        let Some(time) = self.readers.get_mut(number).and_then(Reader::peek) else { return };
        let place = i64::try_from(number).unwrap_or(i64::MAX);
        let rank = match self.order {
            Order::Time { newest_first: true } => time.0,
            // The greatest comes first: `!` turns the order around and cannot overflow.
            Order::Time { newest_first: false } => !time.0,
            Order::Id { descending: true } => place,
            Order::Id { descending: false } => !place,
        };
        self.next.push((rank, Reverse(number)));
    }
}

impl<'s> Iterator for Observations<'s> {
    type Item = Entity<'s>;

    fn next(&mut self) -> Option<Entity<'s>> {
        let (_, Reverse(number)) = self.next.pop()?;
        let reader = self.readers.get_mut(number)?;
        let (stream, observation) = (reader.stream, reader.read.pop_front());
        self.line_up(number);
        Some(Entity { kind: Kind::Observations, stream, observation })
    }
}
