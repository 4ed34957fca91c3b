//! Heights of the ground on a regular grid.

use glam::DVec2;

/// Heights above the ellipsoid at the nodes of a grid that is square in the site's east-north plane. Heights, not site
/// `z`: water runs along local up, and over 10 km the two differ by 8 m.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HeightGrid {
    /// The south-west node, site frame, metres.
    pub origin_in_site: DVec2,
    /// Between two nodes, metres.
    pub cell_m: f64,
    /// Nodes from west to east.
    pub columns: usize,
    /// Nodes from south to north.
    pub rows: usize,
    /// `rows * columns` heights in metres, southernmost row first, west to east; NaN where not known.
    pub heights_m: Vec<f32>,
}

impl HeightGrid {
    /// Height at a node; `None` outside and where not known.
    pub fn node(&self, column: usize, row: usize) -> Option<f32> {
        if column >= self.columns || row >= self.rows {
            return None;
        }
        self.heights_m.get(row * self.columns + column).copied().filter(|h| !h.is_nan())
    }

    /// Height at a place by bilinear interpolation over the nodes that are known; `None` outside and where none is.
    pub fn sample(&self, place_in_site: DVec2) -> Option<f64> {
        let at = (place_in_site - self.origin_in_site) / self.cell_m;
        let inside = at.x >= 0.0 && at.y >= 0.0 && at.x + 1.0 <= self.columns as f64 && at.y + 1.0 <= self.rows as f64;
        if !inside {
            return None;
        }
        let (column, row) = (at.x.floor(), at.y.floor());
        let (fx, fy) = (at.x - column, at.y - row);
        let corners =
            [(0, 0, (1.0 - fx) * (1.0 - fy)), (1, 0, fx * (1.0 - fy)), (0, 1, (1.0 - fx) * fy), (1, 1, fx * fy)];
        let (sum, weight) = corners.iter().fold((0.0, 0.0), |(sum, weight), &(dx, dy, w)| {
            match self.node(column as usize + dx, row as usize + dy) {
                Some(h) if w > 0.0 => (sum + w * f64::from(h), weight + w),
                _ => (sum, weight),
            }
        });
        (weight > 0.0).then(|| sum / weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_a_plane_exactly_and_leaves_holes_out() {
        let mut grid =
            HeightGrid { origin_in_site: DVec2::new(-10.0, 5.0), cell_m: 2.0, columns: 3, rows: 2, heights_m: vec![] };
        grid.heights_m = (0..6).map(|i| (i % 3) as f32 * 2.0 + (i / 3) as f32 * 10.0).collect();
        assert_eq!(grid.sample(DVec2::new(-9.0, 6.0)), Some(6.0));
        assert_eq!(grid.sample(DVec2::new(-6.0, 7.0)), Some(14.0));
        assert_eq!(grid.sample(DVec2::new(-6.0, 7.1)), None);
        grid.heights_m[0] = f32::NAN;
        assert_eq!(grid.sample(DVec2::new(-10.0, 5.0)), None);
        assert_eq!(grid.sample(DVec2::new(-9.0, 5.0)), Some(2.0));
    }
}
