//! An R-tree (Guttman 1984) over the boxes of objects in plan, bulk-loaded when a package is written (overlap-minimizing
//! top-down, Lee and Lee 2003) and kept in it as it is: opening reads it and builds nothing.
//!
//! In plan, since a city is flat: heights in the tree would split it where areas and rays do not part objects.

use glam::{DVec2, DVec3};
use rstar::{AABB, PointDistance, RTree, RTreeObject, SelectionFunction};
use serde::{Deserialize, Serialize};

use crate::geometry::Bounds;

/// Levels of the tree that are read: `rstar` reads nodes recursively, and six children a node reach a billion boxes in
/// less than half of this.
const MAX_DEPTH: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Leaf {
    low: [f64; 2],
    high: [f64; 2],
    row: u32,
}

impl RTreeObject for Leaf {
    type Envelope = AABB<[f64; 2]>;

    fn envelope(&self) -> Self::Envelope {
        AABB::from_corners(self.low, self.high)
    }
}

impl PointDistance for Leaf {
    fn distance_2(&self, point: &[f64; 2]) -> f64 {
        let point = DVec2::from(*point);
        point.distance_squared(point.max(self.low.into()).min(self.high.into()))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct SpatialIndex(RTree<Leaf>);

struct Touching<F>(F);

impl<F: Fn(Bounds) -> bool> SelectionFunction<Leaf> for Touching<F> {
    fn should_unpack_parent(&self, envelope: &AABB<[f64; 2]>) -> bool {
        let (low, high) = (DVec2::from(envelope.lower()), DVec2::from(envelope.upper()));
        (self.0)(Bounds { min: low.extend(f64::NEG_INFINITY), max: high.extend(f64::INFINITY) })
    }
}

impl SpatialIndex {
    /// The tree over the boxes that are somewhere.
    pub fn over(bounds: &[Bounds]) -> Self {
        let somewhere = (0..).zip(bounds).filter(|(_, b)| !b.is_empty() && b.min.is_finite() && b.max.is_finite());
        let leaf = |(row, b): (u32, &Bounds)| Leaf {
            low: b.min.truncate().to_array(),
            high: b.max.truncate().to_array(),
            row,
        };
        Self(RTree::bulk_load(somewhere.map(leaf).collect()))
    }

    /// The tree as it was written, over rows below `rows`; else what is wrong with the bytes.
    pub fn read(bytes: &[u8], rows: u32) -> Result<Self, String> {
        Check { rest: bytes, rows }.tree()?;
        postcard::from_bytes(bytes).map_err(|e| e.to_string())
    }

    /// Rows whose box in plan passes `test` (asked with heights without limits), in no order.
    pub fn candidates(&self, test: impl Fn(Bounds) -> bool) -> Vec<u32> {
        self.0.locate_with_selection_function(Touching(test)).map(|leaf| leaf.row).collect()
    }

    /// Rows and the distance in plan between their box and `point`, metres, nearest first.
    pub fn nearest(&self, point: DVec3) -> impl Iterator<Item = (u32, f64)> {
        let found = self.0.nearest_neighbor_iter_with_distance_2([point.x, point.y]);
        found.map(|(leaf, squared)| (leaf.row, squared.sqrt()))
    }
}

/// Walks over the bytes of a tree before they are read: no deeper than [`MAX_DEPTH`], no numbers that cannot be compared,
/// no rows that the table does not have.
struct Check<'b> {
    rest: &'b [u8],
    rows: u32,
}

impl Check<'_> {
    fn tree(&mut self) -> Result<(), String> {
        // Nodes that are still to come, a count a level.
        let mut open = vec![self.take::<usize>()?];
        while let Some(left) = open.last_mut() {
            if *left == 0 {
                self.corners()?;
                open.pop();
                continue;
            }
            *left -= 1;
            match self.take::<u32>()? {
                0 => {
                    self.corners()?;
                    if self.take::<u32>()? >= self.rows {
                        return Err("rows that the table does not have".to_owned());
                    }
                }
                1 if open.len() < MAX_DEPTH => open.push(self.take::<usize>()?),
                1 => return Err("a tree too deep".to_owned()),
                _ => return Err("no node of a tree".to_owned()),
            }
        }
        Ok(())
    }

    fn take<T: for<'b> Deserialize<'b>>(&mut self) -> Result<T, String> {
        let (value, rest) = postcard::take_from_bytes(self.rest).map_err(|e| e.to_string())?;
        self.rest = rest;
        Ok(value)
    }

    fn corners(&mut self) -> Result<(), String> {
        let finite = self.take::<[f64; 4]>()?.iter().all(|x| x.is_finite());
        finite.then_some(()).ok_or_else(|| "a box without limits".to_owned())
    }
}
