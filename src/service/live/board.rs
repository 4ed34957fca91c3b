//! The state of a scene for its clients: what holds now, each thing with the number of the state that last changed it.
//!
//! A client is a number: the last state that it was sent. What it lacks is everything changed since, with its latest
//! value, so a slow client costs no more than a fast one, and nothing waits for anybody. No clock, no socket: a function
//! of what is put in.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::audience::Audience;
use super::sight::hash_of;
use crate::live::ValueState;
use crate::quantity::Timestamp;
use crate::scenario::wire::{Alarm, Figure, Hello, LiveValueOf, OwnValue, Play, Staging, Told, Update};

/// Happenings kept for clients at most.
const MOST_HAPPENINGS: usize = 1024;

/// What a client may have to be told of an object before it can be said whether it may.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct About {
    /// Identifier.
    pub id: String,
    /// Class.
    pub class: String,
    /// Numbers of the layers that it is in, see [`Board::layers`].
    pub layers: Vec<u16>,
    /// Longitude and latitude of its centre, degrees; `None` where it is nowhere.
    pub place: Option<[f64; 2]>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Value(u32, u16),
    Figure(u16, Option<u32>),
    Alarm(String, String),
    Play,
    Staging,
}

/// One thing that holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// A live property of an object.
    Value(LiveValueOf),
    /// A figure.
    Figure(Figure),
    /// An alarm, raised or cleared.
    Alarm(Alarm),
    /// Where the play is.
    Play(Play),
    /// What events have made of the city.
    Staging(Staging),
}

impl Fact {
    fn key(&self) -> Key {
        match self {
            Self::Value(value) => Key::Value(value.row, value.property),
            Self::Figure(figure) => Key::Figure(figure.indicator, figure.row),
            Self::Alarm(alarm) => Key::Alarm(alarm.name.clone(), alarm.object.clone()),
            Self::Play(_) => Key::Play,
            Self::Staging(_) => Key::Staging,
        }
    }

    /// Whether it says nothing to who has never heard of its key.
    fn is_void(&self) -> bool {
        matches!(self, Self::Value(LiveValueOf { own: None, rolled_up: None, .. }))
    }

    /// The object's own value; `None` where it is no value.
    fn own(&self) -> Option<Option<&OwnValue>> {
        match self {
            Self::Value(value) => Some(value.own.as_ref()),
            _ => None,
        }
    }

    /// The object that it is about; `None` for the whole city.
    pub fn row(&self) -> Option<u32> {
        match self {
            Self::Value(value) => Some(value.row),
            Self::Figure(figure) => figure.row,
            Self::Alarm(alarm) => alarm.row,
            Self::Play(_) | Self::Staging(_) => None,
        }
    }
}

/// A fact with the number of the state that changed it last.
#[derive(Debug)]
struct Kept {
    version: u64,
    /// The same, where of a value only the object's own counts; 0 where it never had one.
    own_version: u64,
    fact: Fact,
}

/// All that holds in a scene.
#[derive(Debug, Default)]
pub struct Board {
    hello: Hello,
    layers: Vec<String>,
    now: Timestamp,
    version: u64,
    facts: BTreeMap<Key, Kept>,
    /// Each fact once, under the number of the state that changed it last.
    order: BTreeMap<u64, Key>,
    objects: BTreeMap<u32, Arc<About>>,
    happenings: VecDeque<Told>,
    /// How many there have been in all.
    happened: u64,
}

/// What a client has been sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    /// The first part of a snapshot was sent.
    begun: bool,
    /// A snapshot was sent whole.
    whole: bool,
    /// Number of the state that was sent last.
    seen: u64,
    /// Number of the state that was sent whole last.
    settled: u64,
    /// How many updates were sent: what a client is told instead of the number of a state of which it sees a part.
    updates: u64,
    /// What was told of the staging to a client that sees a part of it.
    staging: u64,
    /// How many happenings had been by then.
    told: u64,
    /// Happenings that were no longer kept when their turn came.
    pub lost: u64,
}

impl Board {
    /// An empty board. `layers` are the names of the scene's layers, in its order.
    pub fn new(hello: Hello, layers: Vec<String>) -> Self {
        Self { hello, layers, ..Self::default() }
    }

    /// What numbers mean.
    pub fn hello(&self) -> &Hello {
        &self.hello
    }

    /// Names of layers by their numbers.
    pub fn layers(&self) -> &[String] {
        &self.layers
    }

    /// The scene's instant.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Number of the state; rises with every change.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// How many facts are kept.
    pub fn len(&self) -> usize {
        self.facts.len()
    }

    /// Whether nothing is known yet.
    pub fn is_empty(&self) -> bool {
        self.facts.is_empty()
    }

    /// Sets the scene's instant.
    pub fn set_now(&mut self, now: Timestamp) {
        self.now = now;
    }

    /// Makes an object known, the first time that something is said of it.
    pub fn introduce(&mut self, row: u32, about: impl FnOnce() -> About) {
        self.objects.entry(row).or_insert_with(|| Arc::new(about()));
    }

    /// What is known of an object.
    pub fn about(&self, row: u32) -> Option<&Arc<About>> {
        self.objects.get(&row)
    }

    /// Puts a fact in the place of what was known under its key; nothing changes where it was known already.
    pub fn put(&mut self, fact: Fact) {
        let (key, version) = (fact.key(), self.version + 1);
        let mut own_version = if fact.own() == Some(None) { 0 } else { version };
        if let Some(known) = self.facts.get(&key) {
            if known.fact == fact {
                return;
            }
            own_version = if known.fact.own() == fact.own() { known.own_version } else { version };
            self.order.remove(&known.version);
        } else if fact.is_void() {
            return;
        }
        self.version = version;
        self.order.insert(version, key.clone());
        self.facts.insert(key, Kept { version, own_version, fact });
    }

    /// Clears every raised alarm that is not among these (by name and object).
    pub fn clear_alarms_but(&mut self, raised: &std::collections::BTreeSet<(String, String)>) {
        let is_over = |alarm: &&Alarm| alarm.raised && !raised.contains(&(alarm.name.clone(), alarm.object.clone()));
        let over: Vec<Alarm> = self.alarms().filter(is_over).cloned().collect();
        for alarm in over {
            self.put(Fact::Alarm(Alarm { raised: false, ..alarm }));
        }
    }

    /// Adds what happened.
    pub fn tell(&mut self, told: Told) {
        self.version += 1;
        if self.happenings.len() >= MOST_HAPPENINGS {
            self.happenings.pop_front();
        }
        self.happened += 1;
        self.happenings.push_back(told);
    }

    /// All values, by row and property.
    pub fn values(&self) -> impl Iterator<Item = &Fact> {
        self.facts.range(Key::Value(0, 0)..Key::Figure(0, None)).map(|(_, kept)| &kept.fact)
    }

    /// An object's own value; `None` where nothing was observed.
    pub fn own(&self, row: u32, property: u16) -> Option<&OwnValue> {
        self.facts.get(&Key::Value(row, property))?.fact.own()?.filter(|own| own.state != ValueState::Missing)
    }

    /// All alarms, raised and cleared.
    pub fn alarms(&self) -> impl Iterator<Item = &Alarm> {
        let from = Key::Alarm(String::new(), String::new());
        let facts = self.facts.range(from..Key::Play).map(|(_, kept)| &kept.fact);
        facts.filter_map(|fact| if let Fact::Alarm(alarm) = fact { Some(alarm) } else { None })
    }

    /// All figures.
    pub fn figures(&self) -> impl Iterator<Item = &Figure> {
        let facts = self.facts.range(Key::Figure(0, None)..Key::Alarm(String::new(), String::new()));
        facts.filter_map(|(_, kept)| if let Fact::Figure(figure) = &kept.fact { Some(figure) } else { None })
    }

    /// Where the play is; `None` in the present.
    pub fn play(&self) -> Option<Play> {
        match self.facts.get(&Key::Play) {
            Some(Kept { fact: Fact::Play(play), .. }) => Some(*play),
            _ => None,
        }
    }

    /// What a client lacks, at most so many facts; `None` where nothing. Moves the client's position there. This is the one
    /// way on which facts leave for a client.
    pub fn update(&self, audience: &Audience, position: &mut Position, most: usize) -> Option<Update> {
        if position.whole && position.seen >= self.version {
            return None;
        }
        let first = !position.begun;
        let mut update = Update { snapshot: first, now: self.now, version: self.version, ..Update::default() };
        let mut room = most.max(1);
        for (version, key) in self.order.range(position.seen + 1..) {
            let Some(kept) = self.facts.get(key) else { continue };
            if !audience.admits(&kept.fact, self) || says_nothing_new(kept, audience, position) {
                continue;
            }
            if room == 0 {
                update.more = true;
                break;
            }
            room -= 1;
            update.version = *version;
            put(&mut update, audience, position, &kept.fact);
        }
        if !update.more {
            update.version = self.version;
            update.happenings = self.happenings_for(audience, position);
        }
        (position.begun, position.seen) = (true, update.version);
        let completes = !position.whole && !update.more;
        position.whole |= !update.more;
        if !update.more {
            position.settled = position.seen;
        }
        let says_nothing = update.values.is_empty() && update.figures.is_empty() && update.alarms.is_empty();
        let says_nothing = says_nothing && update.play.is_none() && update.staging.is_none();
        let silent = says_nothing && update.happenings.is_empty() && !first && !completes;
        if audience.is_restricted() && !silent {
            position.updates += 1;
            update.version = position.updates;
        }
        (!silent).then_some(update)
    }

    /// What happened since a client's position. A snapshot tells what holds, not what led there.
    fn happenings_for(&self, audience: &Audience, position: &mut Position) -> Vec<Told> {
        let kept_from = self.happened - self.happenings.len() as u64;
        let from = if position.whole { position.told } else { self.happened };
        // Nobody knows any more whether one who sees a part would have been told of them.
        if !audience.is_restricted() {
            position.lost += kept_from.saturating_sub(from);
        }
        position.told = self.happened;
        let new = self.happenings.iter().skip(from.saturating_sub(kept_from) as usize);
        new.filter(|told| audience.admits_told(told)).cloned().collect()
    }
}

/// Whether a fact has changed only in what this audience may not know: that alone would tell that something happened there.
fn says_nothing_new(kept: &Kept, audience: &Audience, position: &Position) -> bool {
    match &kept.fact {
        Fact::Value(_) => audience.sees_own_only(&kept.fact) && kept.own_version <= position.settled,
        Fact::Staging(staging) => audience.is_restricted() && hash_of(&audience.staging(staging)) == position.staging,
        _ => false,
    }
}

fn put(update: &mut Update, audience: &Audience, position: &mut Position, fact: &Fact) {
    match fact {
        Fact::Value(value) => update.values.extend(audience.value(value)),
        Fact::Figure(figure) => update.figures.extend(audience.figure(figure)),
        // Who knows of nothing need not hear that an alarm is over.
        Fact::Alarm(alarm) if update.snapshot && !alarm.raised => {}
        Fact::Alarm(alarm) => update.alarms.extend(audience.alarm(alarm)),
        Fact::Play(play) => update.play = Some(*play),
        Fact::Staging(staging) => {
            let staging = audience.staging(staging);
            if audience.is_restricted() {
                position.staging = hash_of(&staging);
            }
            update.staging = Some(staging);
        }
    }
}
