//! Storeys of buildings of which only the number or the height is known, marked as made up.

use std::collections::BTreeSet;
use std::sync::Arc;

use glam::DVec3;

use super::TreeReport;
use crate::city::{CimLevel, CityObject, Value};
use crate::geometry::Bounds;
use crate::package::{ObjectsBuilder, SinkError};

/// Metres of a storey where only the height is known.
const STOREY_M: f64 = 3.2;
/// More than any building has.
const MOST: f64 = 200.0;
const AT_ONCE: usize = 4096;

/// Storeys, from the ground up, for each building without any.
pub(super) fn make(objects: &mut ObjectsBuilder, report: &mut TreeReport) -> Result<(), SinkError> {
    let mut with_storeys = BTreeSet::new();
    for number in (0..objects.count()).filter(|number| objects.is_there(*number)) {
        if matches!(objects.class(number), "BuildingStorey" | "BuildingRoom" | "BuildingUnit") {
            let parent = objects.load_head(number)?.parent;
            with_storeys.extend(parent.and_then(|parent| objects.number(&parent)));
        }
    }
    let mut made = Vec::new();
    for number in 0..objects.count() {
        if !objects.is_there(number) || objects.class(number) != "Building" || with_storeys.contains(&number) {
            continue;
        }
        let (building, bounds) = (objects.load_head(number)?, objects.bounds(number));
        let source = objects.source(number);
        let storeys = of_building(&building, bounds);
        report.storeys += storeys.len() as u64;
        made.extend(storeys);
        if made.len() >= AT_ONCE {
            objects.add(source, std::mem::take(&mut made))?;
        }
    }
    objects.add(0, made)
}

fn of_building(building: &CityObject, bounds: Bounds) -> Vec<CityObject> {
    if bounds.is_empty() {
        return Vec::new();
    }
    let number = |name: &str| building.attribute(name).number();
    let said = number("storeysAboveGround").or_else(|| number("building:levels"));
    let height_m = bounds.size().z;
    let count = said.unwrap_or(height_m / STOREY_M).round().clamp(1.0, MOST);
    let storey_m = height_m / count;
    let source = if said.is_some() { "number of storeys" } else { "height of the building" };
    let storey = |number: usize| {
        let from = bounds.min.z + storey_m * number as f64;
        let attributes = [
            ("storeyNumber", Value::Int(number as i64)),
            ("storeyHeight", Value::Float((storey_m * 100.0).round() / 100.0)),
            ("synthesizedFrom", Value::from(source)),
        ];
        CityObject {
            id: format!("{}#storey-{number}", building.id),
            class: "BuildingStorey".to_owned(),
            parent: Some(building.id.clone()),
            level: CimLevel::Functional,
            attributes: attributes.into_iter().map(|(name, value)| (Arc::from(name), value)).collect(),
            place: Some(Bounds {
                min: bounds.min.with_z(from),
                max: DVec3::new(bounds.max.x, bounds.max.y, from + storey_m),
            }),
            ..CityObject::default()
        }
    };
    (0..count as usize).map(storey).collect()
}
