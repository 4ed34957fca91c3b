//! What has become of a city's objects from one package to another, by their ids.
//!
//! Both packages have their objects in the order of their ids, so that one walk over both finds everything. Geometry is
//! compared by its fingerprint, which is of what the source says: a city that is set on other ground has not changed.

use std::collections::BTreeMap;

use super::{City, PackageError, StoredObject};
use crate::city::Value;

/// An object that is not the same in both.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Its identifier.
    pub id: String,
    /// Its class, in the new package where it is there.
    pub class: String,
    /// What has become of it.
    pub change: Change,
}

/// What has become of an object.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Only the new package has it.
    Added,
    /// Only the old package has it.
    Removed,
    /// Both have it.
    Changed {
        /// Whether its geometry is another.
        geometry: bool,
        /// Names of other attributes (`class`, `name`, `parent` and `level` among them) with their old and new values, `Null`
        /// where there is none.
        attributes: Vec<(String, Value, Value)>,
    },
}

/// How many objects became what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DiffCounts {
    /// Only in the new package.
    pub added: u64,
    /// Only in the old one.
    pub removed: u64,
    /// In both, with other geometry.
    pub geometry: u64,
    /// In both, with other attributes; some of them with other geometry, too.
    pub attributes: u64,
    /// In both, and not the same.
    pub changed: u64,
    /// In both, and the same.
    pub same: u64,
}

/// Tells of every object that is not the same, in the order of the ids.
pub fn diff(
    old: &City,
    new: &City,
    tell: &mut dyn FnMut(Difference) -> Result<(), PackageError>,
) -> Result<DiffCounts, PackageError> {
    let (mut before, mut after) = (0, 0);
    let mut counts = DiffCounts::default();
    loop {
        let left = (before < old.table().rows()).then(|| old.table().id(before));
        let right = (after < new.table().rows()).then(|| new.table().id(after));
        let order = match (left, right) {
            (None, None) => return Ok(counts),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(left), Some(right)) => left.cmp(right),
        };
        if order.is_lt() {
            counts.removed += 1;
            tell(alone(old, before, Change::Removed)?)?;
        } else if order.is_gt() {
            counts.added += 1;
            tell(alone(new, after, Change::Added)?)?;
        } else if let Some(difference) = of_both(old, before, new, after)? {
            counts.count(&difference.change);
            tell(difference)?;
        } else {
            counts.same += 1;
        }
        before += u32::from(order.is_le());
        after += u32::from(order.is_ge());
    }
}

impl DiffCounts {
    fn count(&mut self, change: &Change) {
        let Change::Changed { geometry, attributes } = change else { return };
        self.changed += 1;
        self.geometry += u64::from(*geometry);
        self.attributes += u64::from(!attributes.is_empty());
    }
}

fn alone(city: &City, row: u32, change: Change) -> Result<Difference, PackageError> {
    let table = city.table();
    Ok(Difference { id: table.id(row).to_owned(), class: table.class(row)?.to_owned(), change })
}

fn of_both(old: &City, before: u32, new: &City, after: u32) -> Result<Option<Difference>, PackageError> {
    let geometry = old.table().fingerprint(before)? != new.table().fingerprint(after)?;
    let mut values: BTreeMap<String, (Value, Value)> = BTreeMap::new();
    for (name, value) in old.object(before)?.into_iter().flat_map(said) {
        values.entry(name).or_default().0 = value;
    }
    for (name, value) in new.object(after)?.into_iter().flat_map(said) {
        values.entry(name).or_default().1 = value;
    }
    values.retain(|_, (old, new)| old != new);
    if !geometry && values.is_empty() {
        return Ok(None);
    }
    let attributes = values.into_iter().map(|(name, (old, new))| (name, old, new)).collect();
    alone(new, after, Change::Changed { geometry, attributes }).map(Some)
}

/// Everything that is said of an object.
fn said(object: StoredObject) -> impl Iterator<Item = (String, Value)> {
    let text = |text: Option<String>| text.map_or(Value::Null, Value::Text);
    let own = [
        ("class", Value::Text(object.class)),
        ("name", text(object.name)),
        ("parent", text(object.parent)),
        ("level", Value::Text(format!("CIM{}", object.level as u8))),
    ];
    let own = own.into_iter().map(|(name, value)| (name.to_owned(), value));
    object.attributes.into_iter().chain(own)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use glam::DVec3;

    use super::*;
    use crate::city::CityObject;
    use crate::geometry::Bounds;
    use crate::package::{Manifest, Objects, PackageSink, write_objects};
    use crate::streaming::MemorySource;

    fn city(objects: Vec<CityObject>) -> City {
        let mut files = BTreeMap::new();
        let manifest = Manifest { format_version: Manifest::FORMAT_VERSION, ..Manifest::default() };
        files.write(Manifest::NAME, manifest.write().unwrap().as_bytes()).unwrap();
        write_objects(&Objects::in_memory(objects).unwrap(), &mut files).unwrap();
        City::open(Arc::new(MemorySource::from_iter(files))).unwrap()
    }

    fn object(id: &str, height: f64, geometry: u64) -> CityObject {
        CityObject {
            id: id.into(),
            class: "Building".into(),
            attributes: vec![("height".into(), Value::Float(height))],
            geometry,
            ..CityObject::default()
        }
    }

    #[test]
    fn every_difference_is_told_once_and_nothing_else() {
        let old = city(vec![object("a", 1.0, 1), object("b", 2.0, 2), object("c", 3.0, 3), object("e", 5.0, 5)]);
        let moved = CityObject { place: Some(Bounds::around([DVec3::ONE])), ..object("e", 5.0, 5) };
        let new = city(vec![object("b", 2.5, 2), object("c", 3.0, 4), object("d", 4.0, 9), moved]);
        let mut told = Vec::new();
        let counts = diff(&old, &new, &mut |difference| {
            told.push((difference.id, difference.change));
            Ok(())
        });
        let height = vec![("height".to_owned(), Value::Float(2.0), Value::Float(2.5))];
        let expected = [
            ("a", Change::Removed),
            ("b", Change::Changed { geometry: false, attributes: height }),
            ("c", Change::Changed { geometry: true, attributes: Vec::new() }),
            ("d", Change::Added),
        ];
        assert_eq!(told, expected.map(|(id, change)| (id.to_owned(), change)));
        let counts = counts.unwrap();
        assert_eq!((counts.added, counts.removed, counts.changed, counts.same), (1, 1, 2, 1));
        assert_eq!((counts.geometry, counts.attributes), (1, 1));
        let none = diff(&old, &old, &mut |difference| panic!("{difference:?}")).unwrap();
        assert_eq!(none, DiffCounts { same: 4, ..DiffCounts::default() });
    }
}
