//! A part of a city as a package of its own: for those who may not see all of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use glam::DVec3;

use super::object_table::write_with_footprints;
use super::{City, Manifest, Objects, PackageError, PackageSink, StoredObject};
use crate::city::{CityObject, Value};
use crate::geodesy::SitePoint;
use crate::geometry::Bounds;

/// Objects and attributes that are left of a city.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Rows that stay, rising.
    pub rows: Vec<u32>,
    /// Attributes that go; `name` is what people call an object.
    pub hidden: BTreeSet<String>,
}

impl Selection {
    /// The row that the object in `row` of the whole city has in the selection; `None` where it is left out.
    pub fn row(&self, row: u32) -> Option<u32> {
        self.rows.binary_search(&row).ok().map(|row| row as u32)
    }

    /// Whether the attribute stays. Tiles call attributes that are named like a column of theirs `source_NAME`.
    pub fn shows(&self, attribute: &str) -> bool {
        !self.hidden.contains(attribute) && attribute.strip_prefix("source_").is_none_or(|n| !self.hidden.contains(n))
    }
}

/// Writes manifest, object table and index of the selected objects, numbered anew; tiles and terrain are left to the host.
/// Nothing of what is left out is in any file: no id, no value, no count, no word, no extent. What an object is part of is
/// not said where that is left out.
pub fn write_selection(city: &City, selection: &Selection, sink: &mut dyn PackageSink) -> Result<(), PackageError> {
    let mut objects = Vec::with_capacity(selection.rows.len());
    for row in selection.rows.iter().copied() {
        let Some(object) = city.object(row)? else { continue };
        objects.push(selected(city, selection, object));
    }
    let manifest = manifest(city.manifest(), &objects);
    sink.write(Manifest::NAME, manifest.write()?.as_bytes())?;
    // Rows rise and so do their ids: those of the selection are in the same order.
    let footprint = |row: usize, _: &CityObject| match selection.rows.get(row) {
        Some(row) => city.table().footprint(*row),
        None => Ok(Vec::new()),
    };
    write_with_footprints(&Objects::in_memory(objects)?, &footprint, sink)
}

fn selected(city: &City, selection: &Selection, object: StoredObject) -> CityObject {
    let stays = |parent: &String| city.table().row(parent).is_some_and(|row| selection.row(row).is_some());
    let shown = object.attributes.into_iter().filter(|(name, _)| selection.shows(name));
    CityObject {
        id: object.id,
        class: object.class,
        name: object.name.filter(|_| selection.shows("name")),
        parent: object.parent.filter(stays),
        level: object.level,
        attributes: shown.map(|(name, value)| (Arc::from(name), value)).collect(),
        shapes: Vec::new(),
        geometry: 0,
        place: Some(object.bounds),
    }
}

/// What the whole city's manifest says of the place and the sources (without their counts), and of the objects only what is
/// left. Levels are those of the whole city's tiles; how many triangles are left is not known, and said as 0.
fn manifest(whole: &Manifest, objects: &[CityObject]) -> Manifest {
    let mut manifest =
        Manifest { objects: objects.len() as u64, triangles: 0, extent: None, content: String::new(), ..whole.clone() };
    manifest.counts = BTreeMap::new();
    manifest.cim_levels = BTreeMap::new();
    manifest.attributes = BTreeMap::new();
    for source in &mut manifest.sources {
        (source.objects, source.skipped) = (0, 0);
    }
    let mut bounds = Bounds::EMPTY;
    for object in objects {
        bounds = bounds.union(object.bounds());
        *manifest.counts.entry(object.class.clone()).or_default() += 1;
        *manifest.cim_levels.entry(format!("CIM{}", object.level as u8)).or_default() += 1;
        for (name, value) in object.attributes.iter().filter(|(_, value)| !value.is_null()) {
            let about = manifest.attributes.entry(name.to_string()).or_default();
            about.filled += 1;
            about.kind = kind(value, whole.attributes.get(&**name).map_or("", |known| &known.kind));
        }
    }
    manifest.extent = (!bounds.is_empty()).then(|| extent(whole, bounds));
    manifest
}

/// The kind of an attribute as the whole city has it: a client that learned it once need not learn it again.
fn kind(value: &Value, known: &str) -> String {
    match value {
        _ if !known.is_empty() => known,
        Value::Null => "",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int",
        Value::Float(_) => "float",
        Value::Text(_) => "text",
    }
    .to_owned()
}

/// West, south, east, north in degrees, lowest and highest in metres.
fn extent(whole: &Manifest, bounds: Bounds) -> [f64; 6] {
    let site = whole.site();
    let start = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY, f64::INFINITY, f64::NEG_INFINITY];
    (0..8).fold(start, |all, corner| {
        let axis = |axis: usize| if corner >> axis & 1 == 0 { bounds.min[axis] } else { bounds.max[axis] };
        let point = site.to_geodetic(SitePoint(DVec3::new(axis(0), axis(1), axis(2))));
        let (lon, lat) = (point.longitude_rad.to_degrees(), point.latitude_rad.to_degrees());
        let height = point.ellipsoid_height_m;
        [all[0].min(lon), all[1].min(lat), all[2].max(lon), all[3].max(lat), all[4].min(height), all[5].max(height)]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::{Query, write_objects};
    use crate::streaming::MemorySource;

    fn city(files: BTreeMap<String, Vec<u8>>) -> City {
        City::open(Arc::new(MemorySource::from_iter(files))).unwrap()
    }

    #[test]
    fn leaves_nothing_of_what_is_left_out() {
        let object = |id: &str, parent: Option<&str>, owner: &str, x: f64| CityObject {
            id: id.into(),
            class: if id == "secret-b" { "Bunker".into() } else { "Building".into() },
            parent: parent.map(str::to_owned),
            attributes: vec![("owner".into(), Value::from(owner)), ("floors".into(), Value::Int(3))],
            place: Some(Bounds::around([DVec3::new(x, 0.0, 0.0), DVec3::new(x + 5.0, 5.0, 5.0)])),
            ..CityObject::default()
        };
        let objects = [
            object("a", None, "quiet-owner", 0.0),
            object("c", Some("secret-b"), "quiet-owner", 20.0),
            object("secret-b", None, "loud-owner", 9000.0),
        ];
        let mut files = BTreeMap::new();
        let manifest =
            Manifest { format_version: Manifest::FORMAT_VERSION, anchor: [139.0, 35.0, 0.0], ..Manifest::default() };
        files.write(Manifest::NAME, manifest.write().unwrap().as_bytes()).unwrap();
        write_objects(&Objects::in_memory(objects.to_vec()).unwrap(), &mut files).unwrap();
        let whole = city(files);
        let selection = Selection { rows: vec![0, 1], hidden: ["owner".to_owned()].into() };
        let mut files = BTreeMap::new();
        write_selection(&whole, &selection, &mut files).unwrap();
        for (name, bytes) in &files {
            for secret in ["secret", "Bunker", "loud", "quiet", "owner"] {
                assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()), "{secret} in {name}");
            }
        }
        let part = city(files);
        assert_eq!(part.table().rows(), 2);
        assert_eq!((selection.row(1), selection.row(2)), (Some(1), None));
        let child = part.object(1).unwrap().unwrap();
        assert_eq!((child.id.as_str(), child.parent), ("c", None));
        assert_eq!(child.attributes, [("floors".to_owned(), Value::Int(3))]);
        assert!(part.manifest().extent.unwrap()[2] < 139.001);
        assert_eq!(part.manifest().counts, [("Building".to_owned(), 2)].into());
        let words = |text: &str| part.query(&Query { text: Some(text.into()), ..Query::default() }).unwrap();
        assert_eq!((words("quiet").len(), words("building").len()), (0, 2));
    }
}
