//! One tree of what several sources say of one city: region, city, district, grid cell, park, zone, building, storey, room,
//! component, device.
//!
//! ```text
//! objects of all sources -> same (one building from several sources becomes one object)
//!                        -> storeys (of buildings that only have a number of them)
//!                        -> by_place (parents of what has none: the area, building, storey or room that it stands in)
//! ```
//!
//! Objects of several sources with the same id are one already when they are taken; the rest happens where a recipe asks.

mod by_place;
mod same;
mod storeys;

use serde::Deserialize;

use crate::city::CityObject;
use crate::geometry::{Shape, convex_hull};
use crate::package::{ObjectsBuilder, SinkError, footprint};

/// What a recipe asks of the tree, `[tree]`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreeOptions {
    /// Buildings of different sources are one where they share so much of the smaller footprint, 0 to 1.
    #[serde(default)]
    pub overlap: Option<f64>,
    /// Objects of one class without extent and of different sources are one where they are no further apart, metres.
    #[serde(default)]
    pub nearest_m: Option<f64>,
    /// What has no parent gets the one that it stands in.
    #[serde(default)]
    pub by_place: bool,
    /// Buildings get storeys from their number or their height.
    #[serde(default)]
    pub storeys: bool,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TreeReport {
    /// Objects that are another one of another source, and are part of that now.
    pub joined: u64,
    /// The first of them: what stayed, and what went into it.
    pub examples: Vec<(String, String)>,
    /// Storeys that were made.
    pub storeys: u64,
    /// Objects that got a parent by where they are.
    pub placed: u64,
}

/// Pairs that are kept as examples.
const EXAMPLES: usize = 5;

/// Makes the tree.
pub fn build(objects: &mut ObjectsBuilder, options: &TreeOptions) -> Result<TreeReport, SinkError> {
    let mut report = TreeReport::default();
    if options.overlap.is_some() || options.nearest_m.is_some() {
        same::join(objects, options, &mut report)?;
    }
    if options.storeys {
        storeys::make(objects, &mut report)?;
    }
    if options.by_place {
        by_place::attach(objects, &mut report)?;
    }
    Ok(report)
}

/// What stands on a level of the tree, from the top; the level of what is none of these is not known.
const LEVELS: &[(&str, u8)] = &[
    ("Region", 0),
    ("City", 1),
    ("District", 2),
    ("AdministrativeArea", 2),
    ("GridCell", 3),
    ("Campus", 4),
    ("Park", 4),
    ("Zone", 5),
    ("Building", 6),
    ("BuildingPart", 7),
    ("BuildingUnit", 7),
    ("BuildingStorey", 8),
    ("BuildingRoom", 9),
    ("BuildingInstallation", 10),
    ("BuildingConstructiveElement", 10),
    ("BuildingFurniture", 10),
    ("Device", 11),
];

fn level(class: &str) -> Option<u8> {
    LEVELS.iter().find(|(known, _)| *known == class).map(|(_, level)| *level)
}

/// The footprint of an object; the hull of what is seen of it from above where its shapes have none.
fn ground_plan(object: &CityObject) -> Vec<Vec<glam::DVec2>> {
    let known = footprint(object);
    if !known.is_empty() {
        return known;
    }
    let corners = object.shapes.iter().flat_map(|lod| -> Box<dyn Iterator<Item = glam::DVec3>> {
        match &lod.shape {
            Shape::Prisms(prisms) => Box::new(prisms.iter().flat_map(|prism| prism.rings.iter().flatten().copied())),
            Shape::Surfaces(all) => Box::new(all.iter().flat_map(|surface| surface.rings.iter().flatten().copied())),
            Shape::Meshes(meshes) => Box::new(meshes.iter().flat_map(|placed| placed.places())),
        }
    });
    let hull = convex_hull(corners.map(|p| p.truncate()));
    if hull.is_empty() { Vec::new() } else { vec![hull] }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use glam::{DVec2, DVec3};

    use super::*;
    use crate::city::{LodShape, Value};
    use crate::geometry::{Bounds, Prism, Surface, SurfaceKind};
    use crate::package::MemoryScratch;

    fn ring(at: DVec2, size: f64) -> Vec<DVec3> {
        [(0., 0.), (1., 0.), (1., 1.), (0., 1.)].map(|(x, y)| (at + DVec2::new(x, y) * size).extend(0.0)).to_vec()
    }

    fn building(id: &str, at: DVec2, attributes: &[(&str, Value)]) -> CityObject {
        let prism = Prism { rings: vec![ring(at, 10.0)], extrusion: DVec3::Z * 12.0 };
        CityObject {
            id: id.into(),
            class: "Building".into(),
            attributes: attributes.iter().map(|(name, value)| (Arc::from(*name), value.clone())).collect(),
            shapes: vec![LodShape { lod: 1.0, shape: Shape::Prisms(vec![prism]) }],
            ..CityObject::default()
        }
    }

    fn builder(sources: Vec<Vec<CityObject>>) -> ObjectsBuilder {
        let mut builder = ObjectsBuilder::new(Box::new(MemoryScratch::default()));
        for (number, objects) in sources.into_iter().enumerate() {
            builder.add(number as u16, objects).unwrap();
        }
        builder
    }

    #[test]
    fn a_footprint_and_its_model_are_one_building_and_its_neighbour_is_not() {
        let roof = Surface::plain(vec![ring(DVec2::new(1.0, 0.0), 9.0)], SurfaceKind::Roof);
        let model = CityObject {
            shapes: vec![LodShape { lod: 2.0, shape: Shape::Surfaces(vec![roof]) }],
            ..building("model", DVec2::ZERO, &[("owner", Value::from("city"))])
        };
        let part = CityObject { id: "part".into(), parent: Some("model".into()), ..CityObject::default() };
        let first = vec![building("plan", DVec2::ZERO, &[]), building("next", DVec2::X * 10.5, &[])];
        let mut objects = builder(vec![first, vec![model, part]]);
        let options = TreeOptions { overlap: Some(0.6), ..TreeOptions::default() };
        let report = build(&mut objects, &options).unwrap();
        assert_eq!((report.joined, &report.examples[..]), (1, &[("plan".to_owned(), "model".to_owned())][..]));
        let objects = objects.finish();
        assert_eq!((objects.rows(), objects.row("model")), (3, None));
        let plan = objects.load(objects.row("plan").unwrap()).unwrap();
        assert_eq!(plan.shapes.len(), 2);
        assert_eq!(
            (plan.attribute("owner"), plan.attribute("joinedIds")),
            (&Value::from("city"), &Value::from("model"))
        );
        assert_eq!(objects.load_head(objects.row("part").unwrap()).unwrap().parent.as_deref(), Some("plan"));
    }

    #[test]
    fn things_get_the_room_or_storey_they_are_in_and_buildings_their_district() {
        let area = |id: &str, class: &str, at: DVec2, size: f64| {
            let surface = Surface::plain(vec![ring(at, size)], SurfaceKind::Ground);
            let shapes = vec![LodShape { lod: 0.0, shape: Shape::Surfaces(vec![surface]) }];
            CityObject { id: id.into(), class: class.into(), shapes, ..CityObject::default() }
        };
        let device = |id: &str, at: DVec3| {
            let place = Some(Bounds::around([at]));
            CityObject { id: id.into(), class: "Device".into(), place, ..CityObject::default() }
        };
        let objects = vec![
            area("old-town", "District", DVec2::ZERO, 100.0),
            area("harbour", "District", DVec2::X * 100.0, 100.0),
            building("house", DVec2::new(20.0, 20.0), &[("storeysAboveGround", Value::Int(3))]),
            device("meter", DVec3::new(25.0, 25.0, 5.0)),
            device("buoy", DVec3::new(150.0, 25.0, 0.0)),
            device("lost", DVec3::new(-150.0, 25.0, 0.0)),
        ];
        let mut objects = builder(vec![objects]);
        let options = TreeOptions { by_place: true, storeys: true, ..TreeOptions::default() };
        let report = build(&mut objects, &options).unwrap();
        assert_eq!((report.storeys, report.placed), (3, 3));
        let objects = objects.finish();
        let parent = |id: &str| objects.load_head(objects.row(id).unwrap()).unwrap().parent;
        assert_eq!(parent("house").as_deref(), Some("old-town"));
        // The second storey reaches from 4 m to 8 m.
        assert_eq!(parent("meter").as_deref(), Some("house#storey-1"));
        assert_eq!((parent("buoy").as_deref(), parent("lost")), (Some("harbour"), None));
        let storey = objects.load_head(objects.row("house#storey-1").unwrap()).unwrap();
        assert_eq!(storey.attribute("synthesizedFrom"), &Value::from("number of storeys"));
    }

    #[test]
    fn the_same_sensor_of_two_sources_is_one() {
        let device = |id: &str, x: f64| {
            let place = Some(Bounds::around([DVec3::X * x]));
            CityObject { id: id.into(), class: "Device".into(), place, ..CityObject::default() }
        };
        let mut objects =
            builder(vec![vec![device("a", 0.0), device("b", 3.0)], vec![device("c", 0.5), device("d", 9.0)]]);
        let options = TreeOptions { nearest_m: Some(1.0), ..TreeOptions::default() };
        assert_eq!(build(&mut objects, &options).unwrap().joined, 1);
        let objects = objects.finish();
        assert_eq!((0..objects.rows()).map(|row| objects.id(row)).collect::<Vec<_>>(), ["a", "b", "d"]);
    }
}
