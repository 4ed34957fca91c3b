//! Where nodes are: a sorted table of those that something is drawn through, and no others.

use super::element::Place;
use super::invalid;
use crate::import::ImportError;

/// How many things a file may make this importer remember, for each of its bytes and for all files. An extract has one node
/// in eight bytes or so: more than this says a file that was made to fill the memory.
const THINGS_PER_BYTE: u64 = 4;
const THINGS_IN_ALL: u64 = 1 << 20;
/// How many steps putting members and parts together may take: a second or two.
const STEPS_IN_ALL: u64 = 1 << 28;

/// A node that is in the table and was not met.
const UNKNOWN: Place = Place { longitude: i32::MAX, latitude: i32::MAX };

/// What may still be remembered of a file.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    limit: u64,
    left: u64,
    path: String,
}

impl Budget {
    pub(super) fn new(file_bytes: u64, path: &str) -> Self {
        let limit = file_bytes.saturating_mul(THINGS_PER_BYTE).saturating_add(THINGS_IN_ALL);
        Self { limit, left: limit, path: path.to_owned() }
    }

    /// What may be done with the same members again and again: relations that all have the same ways do not fill a file.
    pub(super) fn of_steps(path: &str) -> Self {
        Self { limit: STEPS_IN_ALL, left: STEPS_IN_ALL, path: path.to_owned() }
    }

    /// Takes room for some things, or time for some steps.
    pub(super) fn take(&mut self, things: usize) -> Result<(), ImportError> {
        match self.left.checked_sub(things as u64) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => self.refuse(),
        }
    }

    /// Checks a number of things that all are held at one time.
    fn check(&self, things: usize) -> Result<(), ImportError> {
        if things as u64 > self.limit { self.refuse() } else { Ok(()) }
    }

    fn refuse(&self) -> Result<(), ImportError> {
        Err(invalid(
            &self.path,
            "it has more nodes and members than an extract of its size; it was made to fill the memory",
        ))
    }
}

/// Ids gathered one way at a time; the same ones do not add up.
#[derive(Debug, Default)]
pub(super) struct NeededNodes {
    ids: Vec<i64>,
    distinct: usize,
}

impl NeededNodes {
    pub(super) fn add(&mut self, ids: &[i64], budget: &Budget) -> Result<(), ImportError> {
        self.ids.extend_from_slice(ids);
        if self.ids.len() < self.distinct * 2 + (1 << 20) {
            return Ok(());
        }
        self.compact();
        budget.check(self.distinct)
    }

    fn compact(&mut self) {
        self.ids.sort_unstable();
        self.ids.dedup();
        self.distinct = self.ids.len();
    }

    pub(super) fn into_table(mut self) -> NodeTable {
        self.compact();
        self.ids.shrink_to_fit();
        let places = vec![UNKNOWN; self.ids.len()];
        NodeTable { ids: self.ids, places }
    }
}

/// Places by id: 16 bytes a node.
#[derive(Debug, Default)]
pub(super) struct NodeTable {
    ids: Vec<i64>,
    places: Vec<Place>,
}

impl NodeTable {
    /// Remembers where a node is if it is needed.
    pub(super) fn set(&mut self, id: i64, place: Place) {
        if let Some(slot) = self.ids.binary_search(&id).ok().and_then(|index| self.places.get_mut(index)) {
            *slot = place;
        }
    }

    /// Where a node is; `None` where the file does not say it.
    pub(super) fn get(&self, id: i64) -> Option<Place> {
        let index = self.ids.binary_search(&id).ok()?;
        self.places.get(index).copied().filter(|place| *place != UNKNOWN)
    }

    /// The places of a way's nodes; `None` where one is not known.
    pub(super) fn all(&self, ids: &[i64]) -> Option<Vec<Place>> {
        ids.iter().map(|id| self.get(*id)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_needed_nodes_are_kept() {
        let mut needed = NeededNodes::default();
        let budget = Budget::new(100, "a");
        needed.add(&[5, 3, 5], &budget).unwrap();
        needed.add(&[-7, 3], &budget).unwrap();
        let mut table = needed.into_table();
        let place = Place { longitude: 1, latitude: 2 };
        [3, 4, -7].into_iter().for_each(|id| table.set(id, place));
        assert_eq!((table.ids.len(), table.get(3), table.get(4), table.get(5)), (3, Some(place), None, None));
        assert_eq!((table.all(&[3, -7]), table.all(&[3, 5])), (Some(vec![place; 2]), None));
    }

    #[test]
    fn a_small_file_cannot_name_many_nodes() {
        let mut needed = NeededNodes::default();
        let budget = Budget::new(10, "a.osm.pbf");
        let mut outcome = Ok(());
        for start in 0..100_i64 {
            let ids: Vec<i64> = (start * 100_000..(start + 1) * 100_000).collect();
            outcome = outcome.and_then(|()| needed.add(&ids, &budget));
        }
        assert!(outcome.unwrap_err().to_string().contains("fill the memory"));
        assert!(needed.ids.len() < 4 << 20);
    }
}
