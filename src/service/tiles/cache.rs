//! Bodies that were read or compressed once, within a budget of bytes; the ones that nobody asked for longest leave first.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::OnceCell;

use super::encoding::Encoding;

/// What a body costs beyond its bytes: key, places in the two maps.
const OVERHEAD: usize = 256;

/// Which body.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// Of the package.
    pub version: String,
    /// In the package.
    pub name: String,
    /// `None` as the file is.
    pub encoding: Option<Encoding>,
}

/// What is known of a body.
#[derive(Debug, Clone)]
pub enum Body {
    /// Its bytes.
    Whole(Bytes),
    /// So many bytes, too many to be kept: they are read for each request.
    Large(u64),
    /// Compressed it is hardly smaller.
    NoGain,
}

/// A place that one request fills while the others wait for it.
pub type Cell = Arc<OnceCell<Body>>;

/// The bodies; at most `most_bytes` with what they cost beside.
pub struct BodyCache {
    most_bytes: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    entries: HashMap<Key, Entry>,
    /// By when it was last asked for.
    by_age: BTreeMap<u64, Key>,
    bytes: usize,
    clock: u64,
}

struct Entry {
    cell: Cell,
    age: u64,
    bytes: usize,
}

impl BodyCache {
    /// An empty cache.
    pub fn new(most_bytes: usize) -> Self {
        Self { most_bytes, held: Mutex::default() }
    }

    /// The place of a body, which may be empty yet.
    pub fn cell(&self, key: &Key) -> Cell {
        let mut held = self.held();
        held.clock += 1;
        let now = held.clock;
        let Held { entries, by_age, bytes, .. } = &mut *held;
        if let Some(entry) = entries.get_mut(key) {
            if let Some(key) = by_age.remove(&entry.age) {
                by_age.insert(now, key);
            }
            entry.age = now;
            return entry.cell.clone();
        }
        let cell = Cell::default();
        *bytes += OVERHEAD;
        entries.insert(key.clone(), Entry { cell: cell.clone(), age: now, bytes: OVERHEAD });
        by_age.insert(now, key.clone());
        held.shrink(self.most_bytes);
        cell
    }

    /// Counts what a place was filled with.
    pub fn filled(&self, key: &Key, body: &Body) {
        let mut held = self.held();
        let Held { entries, bytes, .. } = &mut *held;
        let Some(entry) = entries.get_mut(key) else { return };
        let now = OVERHEAD + if let Body::Whole(whole) = body { whole.len() } else { 0 };
        *bytes = bytes.saturating_sub(entry.bytes) + now;
        entry.bytes = now;
        held.shrink(self.most_bytes);
    }

    /// Drops a place that could not be filled.
    pub fn forget(&self, key: &Key) {
        let mut held = self.held();
        if held.entries.get(key).is_some_and(|entry| !entry.cell.initialized()) {
            held.remove(key);
        }
    }

    /// Bytes held now.
    pub fn bytes(&self) -> usize {
        self.held().bytes
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // Nothing panics while it is held.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn remove(&mut self, key: &Key) {
        if let Some(entry) = self.entries.remove(key) {
            self.by_age.remove(&entry.age);
            self.bytes = self.bytes.saturating_sub(entry.bytes);
        }
    }

    fn shrink(&mut self, most: usize) {
        while self.bytes > most {
            let Some((_, key)) = self.by_age.pop_first() else { return };
            self.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key { version: String::new(), name: name.to_owned(), encoding: None }
    }

    fn fill(cache: &BodyCache, name: &str, bytes: usize) {
        let body = Body::Whole(Bytes::from(vec![0; bytes]));
        assert!(cache.cell(&key(name)).set(body.clone()).is_ok());
        cache.filled(&key(name), &body);
    }

    #[test]
    fn what_was_asked_for_last_stays_within_the_budget() {
        let cache = BodyCache::new(3 * (1_000 + OVERHEAD));
        for name in ["a", "b", "c"] {
            fill(&cache, name, 1_000);
        }
        assert!(cache.cell(&key("a")).initialized());
        fill(&cache, "d", 1_000);
        assert!(cache.bytes() <= 3 * (1_000 + OVERHEAD), "{}", cache.bytes());
        assert!(cache.cell(&key("a")).initialized() && cache.cell(&key("d")).initialized());
        assert!(!cache.cell(&key("b")).initialized(), "the one that nobody asked for left");
    }

    #[test]
    fn a_body_beyond_the_budget_and_places_that_stay_empty_cost_nothing() {
        let cache = BodyCache::new(1_000);
        fill(&cache, "huge", 5_000);
        assert!(cache.bytes() <= 1_000, "{}", cache.bytes());
        for i in 0..1_000 {
            let missing = key(&i.to_string());
            cache.cell(&missing);
            cache.forget(&missing);
        }
        assert_eq!(cache.bytes(), 0);
    }
}
