//! What a city remembers of its values, and streams of our own to single properties.

use std::collections::HashMap;
use std::sync::Arc;

use super::{FaultKind, LiveCity, MOST_STREAMS, SourceIndex, Stream};
use crate::city::Value;
use crate::live::{Binding, History, PastQuery};
use crate::quantity::Timestamp;

impl LiveCity {
    /// Remembers every value that is applied from now on, and what holds now, in so many bytes.
    pub fn keep_history(&mut self, budget: usize) {
        self.history = Some(History::new(budget));
        self.remember_latest();
    }

    /// Past values of a property of an object; none where no history is kept.
    pub fn past(&self, row: u32, property: u16, asked: &PastQuery) -> Vec<(Timestamp, Value)> {
        let found = self.history.as_ref().zip(self.slot_numbers.get(&(row, property)));
        found.map(|(history, slot)| history.past(*slot, asked)).unwrap_or_default()
    }

    /// About how much memory the history takes, bytes.
    pub fn history_bytes(&self) -> usize {
        self.history.as_ref().map_or(0, History::bytes)
    }

    /// After coming to a snapshot: what lies after it has not happened, and what holds in it is known. What lies between the
    /// newest that was known and a later snapshot is not: it was not seen.
    pub(super) fn rewind_history(&mut self) {
        if let Some(history) = &mut self.history {
            history.forget_after(self.now);
            self.remember_latest();
        }
    }

    fn remember_latest(&mut self) {
        let Some(history) = &mut self.history else { return };
        for (number, slot) in (0..).zip(&self.slots) {
            if let Some(latest) = &slot.latest {
                history.push(number, latest.time, &latest.value);
            }
        }
    }

    /// Makes a stream of our own that sets this one property, for whoever names a property and no stream. The binding by which
    /// its values are judged; `None` where the property is not bound, or there are too many streams.
    pub fn lead(&mut self, source: SourceIndex, name: &Arc<str>, row: u32, property: u16) -> Option<&Binding> {
        let slot_number = *self.slot_numbers.get(&(row, property))?;
        let binding = self.slots.get(slot_number as usize)?.binding;
        let at = usize::from(source.0);
        if self.numbers.len() <= at {
            self.numbers.resize_with(at + 1, HashMap::new);
        }
        let numbers = self.numbers.get_mut(at)?;
        if !numbers.contains_key(name) {
            if self.streams.len() >= MOST_STREAMS {
                return None;
            }
            numbers.insert(name.clone(), self.streams.len() as u32);
            let start = self.targets.len() as u32;
            self.targets.push((slot_number, binding));
            self.streams.push(Stream {
                start,
                count: 1,
                room: 1,
                by_place: false,
                place: None,
                why: FaultKind::NoBinding,
            });
        }
        self.bindings.bindings().get(usize::from(binding))
    }
}
