//! Parents of what has none, by where it stands.

use glam::DVec3;
use rstar::{RTree, primitives::GeomWithData, primitives::Rectangle};

use super::{TreeReport, ground_plan, level};
use crate::geometry::Bounds;
use crate::package::{Area, ObjectsBuilder, SinkError};

type Leaf = GeomWithData<Rectangle<[f64; 2]>, u32>;

/// How far above and below a building, storey or room something may be to be in it, metres.
const SLACK_M: f64 = 0.5;
/// The first level that has a floor and a ceiling.
const FIRST_WITH_HEIGHT: u8 = 6;

/// Gives each object of a known level that has no parent the lowest one of the levels above in whose footprint its middle lies.
pub(super) fn attach(objects: &mut ObjectsBuilder, report: &mut TreeReport) -> Result<(), SinkError> {
    let mut leaves = Vec::new();
    let mut due = Vec::new();
    for number in (0..objects.count()).filter(|number| objects.is_there(*number)) {
        let (Some(level), bounds) = (level(objects.class(number)), objects.bounds(number)) else { continue };
        if bounds.is_empty() {
            continue;
        }
        if bounds.size().truncate().min_element() > 0.0 {
            let corner = |p: DVec3| p.truncate().to_array();
            leaves.push(Leaf::new(Rectangle::from_corners(corner(bounds.min), corner(bounds.max)), number as u32));
        }
        if level > 0 && objects.load_head(number)?.parent.is_none() {
            due.push((number, level, bounds));
        }
    }
    let tree = RTree::bulk_load(leaves);
    for (number, own_level, bounds) in due {
        let mut candidates: Vec<(u8, f64, usize)> = tree
            .locate_all_at_point(bounds.center().truncate().to_array())
            .map(|leaf| leaf.data as usize)
            .filter_map(|other| Some((level(objects.class(other))?, objects.bounds(other), other)))
            .filter(|(level, around, _)| *level < own_level && holds_in_height(*level, *around, bounds))
            .map(|(level, around, other)| (level, around.size().truncate().element_product(), other))
            .collect();
        // The lowest level first, and the smallest of a level.
        candidates.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2)));
        for (_, _, other) in candidates {
            let around = objects.load(other)?;
            let rings = ground_plan(&around);
            if rings.is_empty() || Area::Point(bounds.center().truncate()).touches(&rings) {
                let object = objects.load(number)?;
                objects.replace(number, crate::city::CityObject { parent: Some(around.id), ..object })?;
                report.placed += 1;
                break;
            }
        }
    }
    Ok(())
}

/// Areas have no height; what has one holds what is between its floor and its ceiling.
fn holds_in_height(level: u8, around: Bounds, bounds: Bounds) -> bool {
    let middle = bounds.center().z;
    level < FIRST_WITH_HEIGHT || (around.min.z - SLACK_M..=around.max.z + SLACK_M).contains(&middle)
}
