//! A plain ground for cities that come without terrain: a disc that follows the curve of the earth.

use glam::{DAffine3, DVec3, Vec3};

use crate::engine::city_material::{ObjectFlags, ObjectLook};
use crate::geodesy::WGS84_SEMI_MAJOR_AXIS_M;
use crate::geometry::Mesh;

const RINGS: u32 = 24;
const SECTORS: u32 = 96;
const RADIUS_M: f32 = 120_000.0;
/// Below the lowest object, so that footprints do not flicker on it.
const BELOW_M: f64 = 0.4;

/// The disc, its look, and where it stands: around `center_in_site`, whose z is the lowest point of the city.
pub fn plain_ground(center_in_site: DVec3) -> (Mesh, Vec<ObjectLook>, DAffine3) {
    let mut mesh = Mesh::default();
    let mut add = |place: Vec3| {
        mesh.positions.push(place);
        mesh.normals.push(Vec3::Z);
        mesh.feature_ids.push(0);
    };
    add(Vec3::ZERO);
    for ring in 1..=RINGS {
        let share = ring as f32 / RINGS as f32;
        let radius = RADIUS_M * share * share * share;
        let drop = radius * radius / (2.0 * WGS84_SEMI_MAJOR_AXIS_M as f32);
        for sector in 0..SECTORS {
            let (sin, cos) = (std::f32::consts::TAU * sector as f32 / SECTORS as f32).sin_cos();
            add(Vec3::new(radius * cos, radius * sin, -drop));
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
        color: [112, 116, 106, 255],
        flags: ObjectFlags::GROUND,
        base_m: -1000.0,
        ..ObjectLook::default()
    };
    (mesh, vec![look], DAffine3::from_translation(center_in_site - DVec3::Z * BELOW_M))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_triangles_face_up() {
        let (mesh, _, _) = plain_ground(DVec3::ZERO);
        for t in mesh.indices.chunks_exact(3) {
            let [a, b, c] = [t[0], t[1], t[2]].map(|i| mesh.positions[i as usize]);
            assert!((b - a).cross(c - a).z > 0.0);
        }
    }
}
