//! Areas said in degrees: from anywhere on the earth to the part that is near the city.

use glam::{DVec2, DVec3};

use super::{Area, City, Ray};
use crate::geodesy::Geodetic;

/// What lies farther outside of the city's extent touches nothing in it, degrees.
const MARGIN_DEG: f64 = 0.01;

/// Whole turns by which longitudes may be off: an area over the antimeridian has longitudes above 180.
const TURNS_DEG: [f64; 3] = [0.0, 360.0, -360.0];

impl City {
    /// The part of a polygon near the city, and `None` where no part of it is. The ring's points are longitude and
    /// latitude in degrees; it may go once over the antimeridian with longitudes beyond 180, and around the whole earth.
    /// Its sides are straight in degrees as far as the city's edge, and in the site frame from there.
    pub fn area_of_ring(&self, ring: &[[f64; 2]]) -> Option<Area> {
        let [west, south, east, north, ..] = self.manifest().extent?;
        let low = DVec2::new(west - MARGIN_DEG, south - MARGIN_DEG);
        let high = DVec2::new(east + MARGIN_DEG, north + MARGIN_DEG);
        let near = |turn_deg: f64| {
            let turned = ring.iter().map(|[longitude, latitude]| DVec2::new(longitude + turn_deg, *latitude)).collect();
            let clipped = clip(turned, low, high);
            (clipped.len() > 2).then_some(clipped)
        };
        let clipped = TURNS_DEG.into_iter().find_map(near)?;
        Some(Area::Polygon(clipped.into_iter().map(|p| self.plane_from_degrees(p.x, p.y)).collect()))
    }

    /// The part near the city of the area between two meridians and two parallels, degrees; over the antimeridian where
    /// `west` is greater than `east` (RFC 7946, 5.2). `None` where no part of it is near.
    pub fn area_of_box(&self, west: f64, south: f64, east: f64, north: f64) -> Option<Area> {
        let east = if west > east { east + 360.0 } else { east };
        self.area_of_ring(&[[west, south], [east, south], [east, north], [west, north]])
    }

    /// Where a place is on the plane of the site frame; `None` where it is farther than `within_m` from the anchor, so that
    /// the plane would be something else there.
    pub fn plane_near(&self, longitude: f64, latitude: f64, within_m: f64) -> Option<DVec2> {
        let site = self.manifest().site();
        let point = Geodetic::from_degrees(longitude, latitude, site.anchor().ellipsoid_height_m);
        let place = site.from_geodetic(point).0;
        (place.length() <= within_m).then(|| place.truncate())
    }

    /// A ray from longitude, latitude (degrees) and metres above the ellipsoid, towards heading (degrees clockwise from
    /// north) and pitch (degrees above the horizon), both taken at its start.
    pub fn ray_from_degrees(&self, [longitude, latitude, height, heading, pitch]: [f64; 5]) -> Ray {
        let site = self.manifest().site();
        let start = Geodetic::from_degrees(longitude, latitude, height);
        let up = site.up_at(start);
        // The earth's axis, as the site sees it, points north of everywhere.
        let axis = site.ecef_from_site().inverse().transform_vector3(DVec3::Z);
        let east = axis.cross(up).try_normalize().unwrap_or(DVec3::X);
        let (heading, pitch) = (heading.to_radians(), pitch.to_radians());
        let level = east * heading.sin() + up.cross(east) * heading.cos();
        Ray { origin_in_site: site.from_geodetic(start).0, direction_in_site: level * pitch.cos() + up * pitch.sin() }
    }
}

/// The part of a ring in a rectangle (Sutherland and Hodgman 1974). Where a ring leaves and comes back its parts stay joined
/// along the rectangle's sides.
fn clip(ring: Vec<DVec2>, low: DVec2, high: DVec2) -> Vec<DVec2> {
    let sides = [(0, low.x, 1.0), (1, low.y, 1.0), (0, high.x, -1.0), (1, high.y, -1.0)];
    sides.into_iter().fold(ring, |ring, (axis, limit, sign)| {
        let depth = |p: DVec2| sign * (p[axis] - limit);
        let mut kept = Vec::with_capacity(ring.len() + 4);
        for (a, b) in ring.iter().zip(ring.iter().cycle().skip(1)) {
            let (from, to) = (depth(*a), depth(*b));
            if from >= 0.0 {
                kept.push(*a);
            }
            if (from >= 0.0) != (to >= 0.0) {
                kept.push(a.lerp(*b, from / (from - to)));
            }
        }
        kept
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clipped_ring_is_the_common_part() {
        let (low, high) = (DVec2::ZERO, DVec2::ONE);
        let ring = |points: &[(f64, f64)]| points.iter().map(|p| DVec2::from(*p)).collect::<Vec<_>>();
        let earth = ring(&[(-180.0, -90.0), (180.0, -90.0), (180.0, 90.0), (-180.0, 90.0)]);
        let clipped = clip(earth, low, high);
        let area = |ring: &[DVec2]| -> f64 {
            ring.iter().zip(ring.iter().cycle().skip(1)).map(|(a, b)| a.perp_dot(*b) / 2.0).sum()
        };
        assert!((area(&clipped) - 1.0).abs() < 1e-9, "{clipped:?}");
        assert!(clip(ring(&[(2.0, 0.0), (3.0, 0.0), (3.0, 1.0)]), low, high).is_empty());
        let half = clip(ring(&[(0.5, -1.0), (2.0, -1.0), (2.0, 2.0), (0.5, 2.0)]), low, high);
        assert!((area(&half) - 0.5).abs() < 1e-9, "{half:?}");
    }
}
