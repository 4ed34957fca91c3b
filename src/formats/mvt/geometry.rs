//! Drawing commands to polygons (specification 4.3).

use glam::I64Vec2;

use super::{Feature, MvtError};
use crate::formats::protobuf::zigzag;

/// What a feature is drawn as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GeometryKind {
    /// Not said.
    #[default]
    Unknown,
    /// One or more points.
    Points,
    /// One or more lines.
    Lines,
    /// One or more polygons.
    Polygons,
}

impl GeometryKind {
    pub(super) fn from_number(number: u64) -> Self {
        match number {
            1 => Self::Points,
            2 => Self::Lines,
            3 => Self::Polygons,
            _ => Self::Unknown,
        }
    }
}

/// Rings in tile units, x right and y down, none closed by repetition: the outer one first.
pub type TilePolygon = Vec<Vec<I64Vec2>>;

const MOVE_TO: u32 = 1;
const LINE_TO: u32 = 2;
const CLOSE_PATH: u32 = 7;

impl Feature {
    /// The polygons of the feature. Rings without area are dropped (they carry nothing; zero-size holes are common where
    /// coordinates were rounded). The first ring's direction is taken as that of outer rings, which reads version 2 tiles
    /// as specified and version 1 tiles of either habit.
    pub fn polygons(&self) -> Result<Vec<TilePolygon>, MvtError> {
        let mut polygons: Vec<TilePolygon> = Vec::new();
        let mut outer_is_positive = None;
        for ring in self.rings()? {
            let area = doubled_area(&ring);
            if area == 0 {
                continue;
            }
            let outer = *outer_is_positive.get_or_insert(area > 0) == (area > 0);
            match polygons.last_mut() {
                Some(polygon) if !outer => polygon.push(ring),
                _ => polygons.push(vec![ring]),
            }
        }
        Ok(polygons)
    }

    fn rings(&self) -> Result<Vec<Vec<I64Vec2>>, MvtError> {
        let mut rings = Vec::new();
        let mut ring = Vec::new();
        let mut pen = I64Vec2::ZERO;
        let mut words = self.commands.iter().copied();
        while let Some(command) = words.next() {
            let count = command >> 3;
            match command & 7 {
                id @ (MOVE_TO | LINE_TO) => {
                    for _ in 0..count {
                        let (Some(dx), Some(dy)) = (words.next(), words.next()) else {
                            return Err(MvtError::Truncated);
                        };
                        // At most 2^30 words of at most 2^31 each: no overflow in 64 bits.
                        pen += I64Vec2::new(zigzag(u64::from(dx)), zigzag(u64::from(dy)));
                        if id == MOVE_TO {
                            ring.clear();
                        }
                        if ring.last() != Some(&pen) {
                            ring.push(pen);
                        }
                    }
                }
                CLOSE_PATH => {
                    if ring.len() > 1 && ring.first() == ring.last() {
                        ring.pop();
                    }
                    rings.push(std::mem::take(&mut ring));
                }
                _ => return Err(MvtError::Command(command)),
            }
        }
        Ok(rings)
    }
}

/// Twice the signed area by the surveyor's formula, relative to the first point; saturates for absurd coordinates.
fn doubled_area(ring: &[I64Vec2]) -> i128 {
    let Some(&first) = ring.first() else { return 0 };
    ring.windows(2)
        .map(|pair| {
            let (a, b) = (pair[0] - first, pair[1] - first);
            i128::from(a.x) * i128::from(b.y) - i128::from(b.x) * i128::from(a.y)
        })
        .sum()
}
