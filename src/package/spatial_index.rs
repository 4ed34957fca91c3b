//! A packed R-tree: rows along a Z-order curve (Morton 1966), a box around each 16 of them, a box around each 16 boxes.
//! Only the order is stored; the boxes are one pass over the bounds.

use crate::geometry::Bounds;

const FAN: usize = 16;

#[derive(Debug)]
pub(super) struct SpatialIndex {
    order: Vec<u32>,
    /// Boxes of groups, finest level first.
    levels: Vec<Vec<Bounds>>,
}

/// Rows that are somewhere, along the curve.
pub(super) fn curve_order(bounds: &[Bounds]) -> Vec<u32> {
    let all = bounds.iter().fold(Bounds::EMPTY, |all, b| all.union(*b));
    let size = all.size().max_element().max(1e-9);
    let spread = |x: u64| (0..24).fold(0_u64, |code, bit| code | ((x >> bit) & 1) << (2 * bit));
    let mut coded: Vec<(u64, u32)> = (0_u32..)
        .zip(bounds)
        .filter(|(_, b)| !b.is_empty())
        .map(|(row, b)| {
            let cell = (b.center() - all.min) / size * 16_777_215.0;
            (spread(cell.x as u64) | spread(cell.y as u64) << 1, row)
        })
        .collect();
    coded.sort_unstable();
    coded.into_iter().map(|(_, row)| row).collect()
}

impl SpatialIndex {
    /// The tree over rows in curve order; `order` names rows of `bounds` only.
    pub fn new(order: Vec<u32>, bounds: &[Bounds]) -> Self {
        let around = |boxes: &[Bounds]| boxes.iter().fold(Bounds::EMPTY, |all, b| all.union(*b));
        let leaves: Vec<Bounds> = order.iter().map(|row| bounds[*row as usize]).collect();
        let mut levels: Vec<Vec<Bounds>> = vec![leaves.chunks(FAN).map(around).collect()];
        while let Some(last) = levels.last().filter(|l| l.len() > 1) {
            let next = last.chunks(FAN).map(around).collect();
            levels.push(next);
        }
        Self { order, levels }
    }

    /// Rows in groups whose box passes `test`: a superset of the rows whose own box does, in no order.
    pub fn candidates(&self, test: &dyn Fn(Bounds) -> bool) -> Vec<u32> {
        let top = self.levels.len() - 1;
        let mut found = Vec::new();
        let mut open: Vec<(usize, usize)> = (0..self.levels[top].len()).map(|group| (top, group)).collect();
        while let Some((level, group)) = open.pop() {
            if !test(self.levels[level][group]) {
                continue;
            }
            let below = if level == 0 { self.order.len() } else { self.levels[level - 1].len() };
            let children = group * FAN..(group * FAN + FAN).min(below);
            if level == 0 {
                found.extend_from_slice(&self.order[children]);
            } else {
                open.extend(children.map(|child| (level - 1, child)));
            }
        }
        found
    }
}
