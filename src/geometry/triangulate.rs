//! Planar polygons in space to triangles.

use earcut::Earcut;
use glam::{DMat3, DVec2, DVec3};

use super::Mesh;

/// Largest part of a polygon's area by which its triangles may miss it before it counts as degenerate.
const AREA_TOLERANCE: f64 = 0.01;

/// The normal of a ring by Newell's method, as long as twice the ring's area; the ring is seen counter-clockwise from where it
/// points to. It is the least-squares one where the ring is not planar (Newell 1974; Sutherland, Sproull and Schumacker).
pub fn newell_normal(ring: &[DVec3]) -> DVec3 {
    let Some(&origin) = ring.first() else { return DVec3::ZERO };
    let pairs = ring.iter().zip(ring.iter().cycle().skip(1));
    pairs.map(|(a, b)| (*a - origin).cross(*b - origin)).sum()
}

/// Collects the triangles of many polygons; keeps its working memory between them.
#[derive(Default)]
pub struct Triangulator {
    earcut: Earcut<f64>,
    flat: Vec<[f64; 2]>,
    holes: Vec<u32>,
    triangles: Vec<u32>,
    degenerate: usize,
}

impl Triangulator {
    /// Adds the polygon (outer ring first) to a mesh around `center`, all vertices with its normal and `feature_id`. The front is
    /// where the outer ring is seen counter-clockwise, or the other side where `flip` is set. A polygon without area adds nothing.
    pub fn add(&mut self, rings: &[Vec<DVec3>], center: DVec3, feature_id: u32, flip: bool, mesh: &mut Mesh) {
        let normal = rings.first().map_or(DVec3::ZERO, |ring| newell_normal(ring));
        let Some(up) = normal.try_normalize() else {
            self.degenerate += 1;
            return;
        };
        let base = mesh.positions.len() as u32;
        let facing = if flip { -up } else { up }.as_vec3();
        for point in rings.iter().flatten() {
            mesh.positions.push((*point - center).as_vec3());
            mesh.normals.push(facing);
            mesh.feature_ids.push(feature_id);
        }
        self.cut(rings, up);
        for triangle in self.triangles.as_chunks::<3>().0 {
            let [a, b, c] = triangle.map(|i| base + i);
            mesh.indices.extend(if flip { [a, c, b] } else { [a, b, c] });
        }
    }

    /// How many polygons so far had no area or could not be covered by triangles.
    pub fn degenerate(&self) -> usize {
        self.degenerate
    }

    /// Leaves counter-clockwise triangles of the rings, seen against `up`, in `self.triangles`.
    fn cut(&mut self, rings: &[Vec<DVec3>], up: DVec3) {
        let plane_from_space = plane(up);
        let origin = rings.first().and_then(|ring| ring.first()).copied().unwrap_or_default();
        self.flat.clear();
        self.holes.clear();
        for ring in rings {
            if !self.flat.is_empty() {
                self.holes.push(self.flat.len() as u32);
            }
            self.flat.extend(ring.iter().map(|p| (plane_from_space * (*p - origin)).truncate().to_array()));
        }
        self.triangles.clear();
        match self.flat.len() {
            0..3 => {}
            3 => self.triangles.extend([0, 1, 2]),
            4 if self.holes.is_empty() && self.is_convex() => self.triangles.extend([0, 1, 2, 0, 2, 3]),
            _ => self.earcut.earcut(self.flat.iter().copied(), &self.holes, &mut self.triangles),
        }
        let mut covered = 0.0;
        for triangle in self.triangles.as_chunks_mut::<3>().0 {
            let [a, b, c] = triangle.map(|i| self.flat.get(i as usize).copied().map_or(DVec2::ZERO, DVec2::from_array));
            let twice = (b - a).perp_dot(c - a);
            covered += twice.abs();
            if twice < 0.0 {
                triangle.swap(1, 2);
            }
        }
        let area: f64 = rings.iter().enumerate().fold(0.0, |area, (i, ring)| {
            let part = newell_normal(ring).dot(up).abs();
            if i == 0 { part } else { area - part }
        });
        if (covered - area).abs() > AREA_TOLERANCE * area.abs() {
            self.degenerate += 1;
        }
    }

    fn is_convex(&self) -> bool {
        let corner = |i: usize| self.flat.get(i % 4).copied().map_or(DVec2::ZERO, DVec2::from_array);
        (0..4).all(|i| (corner(i + 1) - corner(i)).perp_dot(corner(i + 2) - corner(i + 1)) > 0.0)
    }
}

/// A rotation that lays planes of this normal flat.
fn plane(up: DVec3) -> DMat3 {
    let east = up.any_orthonormal_vector();
    DMat3::from_cols(east, up.cross(east), up).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn area(mesh: &Mesh) -> f64 {
        let corner = |i: u32| mesh.positions[i as usize].as_dvec3();
        let triangles = mesh.indices.chunks(3);
        triangles.map(|t| (corner(t[1]) - corner(t[0])).cross(corner(t[2]) - corner(t[0])).length() * 0.5).sum()
    }

    fn square(side: f64, at: f64) -> Vec<DVec3> {
        [(0., 0.), (1., 0.), (1., 1.), (0., 1.)].map(|(x, y)| DVec3::new(at + x * side, at + y * side, 7.0)).to_vec()
    }

    #[test]
    fn polygons_without_area_are_counted() {
        let mut triangulator = Triangulator::default();
        let mut mesh = Mesh::default();
        triangulator.add(&[], DVec3::ZERO, 0, false, &mut mesh);
        triangulator.add(&[vec![DVec3::ONE; 5]], DVec3::ZERO, 0, false, &mut mesh);
        triangulator.add(&[vec![DVec3::ZERO, DVec3::X, DVec3::X * 2.0]], DVec3::ZERO, 0, false, &mut mesh);
        assert_eq!((triangulator.degenerate(), mesh.indices.len()), (3, 0));
    }

    proptest! {
        /// A holed polygon in any plane keeps its area, and every triangle faces as the polygon does.
        #[test]
        fn triangles_cover_the_polygon(
            axis in (-1.0..1.0_f64, -1.0..1.0_f64, -1.0..1.0_f64), angle in 0.0..6.0_f64,
            notch in 0.5..4.0_f64, flip in any::<bool>(),
        ) {
            let axis = DVec3::new(axis.0, axis.1, axis.2 + 2.0).normalize();
            let turn = DMat3::from_axis_angle(axis, angle);
            let mut outer = square(10.0, 0.0);
            outer.insert(2, DVec3::new(10.0 - notch, 5.0, 7.0));
            let mut hole = square(1.0, 1.0);
            hole.reverse();
            let place = |ring: Vec<DVec3>| ring.into_iter().map(|p| turn * p + DVec3::splat(1e5)).collect::<Vec<_>>();
            let rings = [place(outer), place(hole)];
            let (mut triangulator, mut mesh) = (Triangulator::default(), Mesh::default());
            triangulator.add(&rings, DVec3::splat(1e5), 5, flip, &mut mesh);
            prop_assert_eq!(triangulator.degenerate(), 0);
            prop_assert!((area(&mesh) - (100.0 - 5.0 * notch - 1.0)).abs() < 1e-3);
            let up = (turn * if flip { DVec3::NEG_Z } else { DVec3::Z }).as_vec3();
            prop_assert!(mesh.normals.iter().all(|n| n.dot(up) > 0.999));
            for t in mesh.indices.chunks(3) {
                let corner = |i: usize| mesh.positions[t[i] as usize];
                prop_assert!((corner(1) - corner(0)).cross(corner(2) - corner(0)).dot(up) > 0.0);
            }
        }
    }
}
