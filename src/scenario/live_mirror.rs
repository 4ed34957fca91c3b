//! What a viewer knows of a scene that a server plays.

use std::collections::BTreeMap;

use super::wire::{Alarm, Figure, Hello, LiveMessage, LiveValueOf, Play, Staging, Told, Update};
use crate::quantity::Timestamp;

/// Happenings kept for the reader at most.
const MOST_HAPPENINGS: usize = 1024;

/// The state of a scene as told by a server. Equal to the server's after each update without `more`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LiveMirror {
    /// What numbers mean.
    pub hello: Hello,
    /// Number of the state.
    pub version: u64,
    /// The scene's instant.
    pub now: Timestamp,
    /// Whether a snapshot has come whole.
    pub complete: bool,
    /// By row and property.
    pub values: BTreeMap<(u32, u16), LiveValueOf>,
    /// By indicator and row.
    pub figures: BTreeMap<(u16, Option<u32>), Figure>,
    /// Those raised, by name and object.
    pub alarms: BTreeMap<(String, String), Alarm>,
    /// The play.
    pub play: Option<Play>,
    /// What events have made of the city.
    pub staging: Staging,
    /// Sends left out because the viewer reads too slowly.
    pub left_out: u64,
    happenings: Vec<Told>,
}

impl LiveMirror {
    /// Takes a message in. Tells the rows whose look may have changed, each once, in order; orders to screens are not for
    /// it.
    pub fn take(&mut self, message: LiveMessage) -> Vec<u32> {
        match message {
            LiveMessage::Hello(hello) => {
                let known = std::mem::take(self);
                self.hello = hello;
                known.rows()
            }
            LiveMessage::Update(update) => self.update(update),
            LiveMessage::Notice(notice) => {
                self.left_out = notice.left_out_in_all;
                Vec::new()
            }
            LiveMessage::Order(_) => Vec::new(),
        }
    }

    /// What happened since the last call.
    pub fn take_happenings(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.happenings)
    }

    fn rows(&self) -> Vec<u32> {
        let mut rows: Vec<u32> = self.values.keys().map(|(row, _)| *row).collect();
        rows.extend(self.alarms.values().filter_map(|alarm| alarm.row));
        rows.sort_unstable();
        rows.dedup();
        rows
    }

    fn update(&mut self, update: Update) -> Vec<u32> {
        let mut rows = Vec::new();
        if update.snapshot {
            rows = self.rows();
            let (hello, left_out) = (std::mem::take(&mut self.hello), self.left_out);
            *self = Self { hello, left_out, ..Self::default() };
        }
        (self.version, self.now) = (update.version, update.now);
        self.complete |= !update.more;
        for value in update.values {
            rows.push(value.row);
            self.values.insert((value.row, value.property), value);
        }
        for figure in update.figures {
            self.figures.insert((figure.indicator, figure.row), figure);
        }
        for alarm in update.alarms {
            rows.extend(alarm.row);
            let key = (alarm.name.clone(), alarm.object.clone());
            match alarm.raised {
                true => drop(self.alarms.insert(key, alarm)),
                false => drop(self.alarms.remove(&key)),
            }
        }
        self.play = update.play.or(self.play);
        if let Some(staging) = update.staging {
            self.staging = staging;
        }
        self.happenings.extend(update.happenings);
        let unread = self.happenings.len().saturating_sub(MOST_HAPPENINGS);
        self.happenings.drain(..unread);
        rows.sort_unstable();
        rows.dedup();
        rows
    }
}
