//! One thing that several sources know under different names becomes one object: the one of the source that was named first,
//! with the attributes and levels of detail that the others add.

use std::collections::BTreeMap;
use std::sync::Arc;

use glam::DVec2;
use rstar::{AABB, RTree, primitives::GeomWithData, primitives::Rectangle};

use super::{EXAMPLES, TreeOptions, TreeReport, ground_plan};
use crate::city::{CityObject, Value};
use crate::geometry::{Bounds, area_m2, shared_area_m2};
use crate::package::{ObjectsBuilder, SinkError};

/// The attribute that names what was joined.
const JOINED: &str = "joinedIds";

type Leaf = GeomWithData<Rectangle<[f64; 2]>, u32>;

/// Joins buildings by overlap and things without extent by distance.
pub(super) fn join(
    objects: &mut ObjectsBuilder,
    options: &TreeOptions,
    report: &mut TreeReport,
) -> Result<(), SinkError> {
    let boxes = boxes(objects)?;
    let leaf = |(number, bounds): (&usize, &Bounds)| {
        let corner = |p: glam::DVec3| p.truncate().to_array();
        Leaf::new(Rectangle::from_corners(corner(bounds.min), corner(bounds.max)), *number as u32)
    };
    let tree = RTree::bulk_load(boxes.iter().map(leaf).collect());
    for (number, bounds) in &boxes {
        if !objects.is_there(*number) {
            continue;
        }
        let reach = options.nearest_m.unwrap_or(0.0);
        let (low, high) = (bounds.min.truncate() - reach, bounds.max.truncate() + reach);
        let around = AABB::from_corners(low.to_array(), high.to_array());
        let near = tree.locate_in_envelope_intersecting(around).map(|leaf| leaf.data as usize);
        // Those of sources that were named later.
        let mut near: Vec<usize> = near.filter(|other| objects.source(*other) > objects.source(*number)).collect();
        near.sort_unstable();
        if near.is_empty() {
            continue;
        }
        let own = objects.load(*number)?;
        for other in near {
            if objects.is_there(other) && objects.class(other) == objects.class(*number) {
                let object = objects.load(other)?;
                let boxes = (*bounds, boxes.get(&other).copied().unwrap_or(Bounds::EMPTY));
                if is_same(&own, &object, boxes, options) {
                    one(objects, *number, object, other, report)?;
                }
            }
        }
    }
    Ok(())
}

/// What may be joined, with its box: buildings that are no part of others, and things without extent. A building that has no
/// shape of its own is as large as its parts together.
fn boxes(objects: &ObjectsBuilder) -> Result<BTreeMap<usize, Bounds>, SinkError> {
    let mut boxes = BTreeMap::new();
    let mut of_parts: BTreeMap<usize, Bounds> = BTreeMap::new();
    for number in (0..objects.count()).filter(|number| objects.is_there(*number)) {
        let bounds = objects.bounds(number);
        if objects.class(number) == "Building" || (!bounds.is_empty() && bounds.size().max_element() < 1e-6) {
            boxes.insert(number, bounds);
        }
        let mut up = objects.load_head(number)?.parent;
        // A circle of parents ends somewhere.
        for _ in 0..16 {
            let Some(parent) = up.as_deref().and_then(|id| objects.number(id)) else { break };
            if objects.class(parent) == "Building" && objects.bounds(parent).is_empty() {
                let all = of_parts.entry(parent).or_insert(Bounds::EMPTY);
                *all = all.union(bounds);
            }
            up = objects.load_head(parent)?.parent;
        }
    }
    boxes.extend(of_parts);
    boxes.retain(|_, bounds| !bounds.is_empty());
    Ok(boxes)
}

fn is_same(a: &CityObject, b: &CityObject, boxes: (Bounds, Bounds), options: &TreeOptions) -> bool {
    if a.class == "Building" {
        let Some(least) = options.overlap else { return false };
        let (a, b) = (plan(a, boxes.0), plan(b, boxes.1));
        let smaller = area_m2(&a).min(area_m2(&b));
        return smaller > 0.0 && shared_area_m2(&a, &b) >= least * smaller;
    }
    let apart = boxes.0.center().truncate().distance(boxes.1.center().truncate());
    options.nearest_m.is_some_and(|most| apart <= most)
}

/// Its footprint, or its box where all of it is in its parts.
fn plan(object: &CityObject, bounds: Bounds) -> Vec<Vec<DVec2>> {
    let known = ground_plan(object);
    if !known.is_empty() {
        return known;
    }
    let (low, high) = (bounds.min.truncate(), bounds.max.truncate());
    vec![vec![low, DVec2::new(high.x, low.y), high, DVec2::new(low.x, high.y)]]
}

fn one(
    objects: &mut ObjectsBuilder,
    kept: usize,
    other: CityObject,
    number: usize,
    report: &mut TreeReport,
) -> Result<(), SinkError> {
    let mut object = objects.load(kept)?;
    let (id, joined) = (object.id.clone(), other.id.clone());
    let known = object.attribute(JOINED).text().map(|known| format!("{known}, {joined}"));
    object.attributes.retain(|(name, _)| **name != *JOINED);
    object.attributes.push((Arc::from(JOINED), Value::Text(known.unwrap_or_else(|| joined.clone()))));
    object.join(other);
    objects.replace(kept, object)?;
    objects.remove(number, Some(&id))?;
    report.joined += 1;
    if report.examples.len() < EXAMPLES {
        report.examples.push((id, joined));
    }
    Ok(())
}
