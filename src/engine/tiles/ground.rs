//! A plain ground for cities that come without terrain: a disc that follows the curve of the earth.

use glam::{DAffine3, DVec2, DVec3, Vec3};

use crate::engine::city_material::{ObjectFlags, ObjectLook};
use crate::geodesy::{SiteFrame, SitePoint};
use crate::geometry::Mesh;

const RINGS: u32 = 32;
const SECTORS: u32 = 64;
const RADIUS_M: f64 = 120_000.0;
/// Below the lowest object, so that footprints do not flicker on it.
const BELOW_M: f64 = 0.4;

/// The disc, its look, and where it stands: around a place on the site's plane, `height_m` above the ellipsoid everywhere.
pub fn plain_ground(site: &SiteFrame, center_in_site: DVec2, height_m: f64) -> (Mesh, Vec<ObjectLook>, DAffine3) {
    let mut mesh = Mesh::default();
    // Up and the site's z differ by the angle to the anchor, a degree at the rim: the second step is exact to a millimetre.
    let level = |place: DVec2| {
        let nearer = |place: DVec3| {
            place + DVec3::Z * (height_m - BELOW_M - site.to_geodetic(SitePoint(place)).ellipsoid_height_m)
        };
        nearer(nearer(place.extend(0.0)))
    };
    let center = level(center_in_site);
    let mut add = |place: DVec3| {
        mesh.positions.push((place - center).as_vec3());
        mesh.normals.push(Vec3::Z);
        mesh.feature_ids.push(0);
    };
    add(center);
    for ring in 1..=RINGS {
        let share = f64::from(ring) / f64::from(RINGS);
        let radius = RADIUS_M * share * share * share;
        for sector in 0..SECTORS {
            let turn = std::f64::consts::TAU * f64::from(sector) / f64::from(SECTORS);
            add(level(center_in_site + DVec2::from_angle(turn) * radius));
        }
    }
    for sector in 0..SECTORS {
        let next = (sector + 1) % SECTORS;
        mesh.indices.extend([0, 1 + sector, 1 + next]);
        for ring in 1..RINGS {
            let (inner, outer) = (1 + (ring - 1) * SECTORS, 1 + ring * SECTORS);
            mesh.indices.extend([
                inner + sector,
                outer + sector,
                outer + next,
                inner + sector,
                outer + next,
                inner + next,
            ]);
        }
    }
    let look = ObjectLook {
        // As terrain without an image, so that one goes over into the other.
        color: [149, 151, 137, 255],
        flags: ObjectFlags::GROUND,
        base_m: -1000.0,
        ..ObjectLook::default()
    };
    (mesh, vec![look], DAffine3::from_translation(center))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geodesy::Geodetic;

    /// Everywhere as high above the ellipsoid, also where the middle is not the anchor.
    #[test]
    fn it_follows_the_curve_and_faces_up() {
        let site = SiteFrame::new(Geodetic::from_degrees(139.75, 35.68, 40.0));
        let (mesh, _, site_from_mesh) = plain_ground(&site, DVec2::new(9_000.0, -14_000.0), 3.0);
        for position in &mesh.positions {
            let place = site_from_mesh.transform_point3(position.as_dvec3());
            let height = site.to_geodetic(SitePoint(place)).ellipsoid_height_m;
            assert!((height - 3.0 + BELOW_M).abs() < 0.05, "{place}: {height}");
        }
        for t in mesh.indices.chunks_exact(3) {
            let [a, b, c] = [t[0], t[1], t[2]].map(|i| mesh.positions[i as usize]);
            assert!((b - a).cross(c - a).z > 0.0);
        }
    }
}
