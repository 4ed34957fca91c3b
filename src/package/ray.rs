//! Rays through the city.

use glam::DVec3;

use crate::geometry::Bounds;

/// A half-line in the site frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ray {
    /// Where it starts, metres.
    pub origin_in_site: DVec3,
    /// Where it goes, of any length but zero.
    pub direction_in_site: DVec3,
}

impl Ray {
    /// Metres from the start to the box, 0 inside of it; `None` where it passes by (slabs, Kay and Kajiya 1986).
    pub fn distance(&self, bounds: Bounds) -> Option<f64> {
        let (origin, direction) = (self.origin_in_site, self.direction_in_site.try_normalize()?);
        let (mut near, mut far) = (0.0_f64, f64::INFINITY);
        for axis in 0..3 {
            let (low, high) = (bounds.min[axis] - origin[axis], bounds.max[axis] - origin[axis]);
            if direction[axis] == 0.0 {
                if low > 0.0 || high < 0.0 {
                    return None;
                }
                continue;
            }
            let (a, b) = (low / direction[axis], high / direction[axis]);
            near = near.max(a.min(b));
            far = far.min(a.max(b));
        }
        (near <= far).then_some(near)
    }
}
