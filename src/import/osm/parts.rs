//! Which building a `building:part` belongs to: what a relation of type `building` says, else the smallest one around it.

use std::collections::{HashMap, HashSet};

use rstar::primitives::GeomWithData;
use rstar::{AABB, RTree};

use super::buildings::Polygon;
use super::element::Key;
use super::nodes::Budget;
use super::rings::{area, bounds, contains, interior_point};
use crate::import::ImportError;

/// All parts of a file.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// A place inside of each part that no relation names, units east and north.
    places: RTree<GeomWithData<[f64; 2], Key>>,
    /// For each part its building and how large that is.
    around: HashMap<Key, (Key, f64)>,
    /// What relations say: for each part the outline where they name one, and the relation.
    told: HashMap<Key, (Option<Key>, Key)>,
    outlines: HashSet<Key>,
}

impl Parts {
    /// Parts with their polygons, and what relations say of them.
    pub(super) fn new(
        parts: impl Iterator<Item = (Key, Vec<Polygon>)>,
        told: HashMap<Key, (Option<Key>, Key)>,
    ) -> Self {
        let outlines = told.values().filter_map(|(outline, _)| *outline).collect();
        let places = parts.filter(|(key, _)| !told.contains_key(key)).filter_map(|(key, polygons)| {
            let place = interior_point(polygons.first()?)?;
            Some(GeomWithData::new(place.to_array(), key))
        });
        Self { places: RTree::bulk_load(places.collect()), around: HashMap::new(), told, outlines }
    }

    /// Tells of a building; whether it may have parts.
    pub(super) fn offer(
        &mut self,
        building: Key,
        polygons: &[Polygon],
        steps: &mut Budget,
    ) -> Result<bool, ImportError> {
        let mut has = self.outlines.contains(&building);
        for polygon in polygons {
            let Some(outer) = polygon.first() else { continue };
            let [west, south, east, north] = bounds(outer).map(f64::from);
            let size = area(outer);
            for part in self.places.locate_in_envelope(AABB::from_corners([west, south], [east, north])) {
                steps.take(polygon.iter().map(Vec::len).sum())?;
                let place = glam::DVec2::from_array(*part.geom());
                let rings = polygon.iter().filter(|ring| contains(ring, place)).count();
                if rings % 2 == 0 {
                    continue;
                }
                has = true;
                let found = self.around.entry(part.data).or_insert((building, size));
                if size < found.1 {
                    *found = (building, size);
                }
            }
        }
        Ok(has)
    }

    /// The building of a part: its outline if `is_there`, else the relation that joins them.
    pub(super) fn parent(&self, part: Key, is_there: impl Fn(Key) -> bool) -> Option<Key> {
        match self.told.get(&part) {
            Some((outline, relation)) => Some(outline.filter(|outline| is_there(*outline)).unwrap_or(*relation)),
            None => self.around.get(&part).map(|(building, _)| *building),
        }
    }
}
