//! Lines to surfaces: flat bands for roads and rails, round tubes for pipes.

use std::f64::consts::TAU;

use glam::DVec3;

use super::{Mesh, PlacedMesh};

/// How much wider a band may get at a sharp corner before the corner is cut.
const MITER_LIMIT: f64 = 2.0;
/// Sides of a tube: round enough at the distance at which a pipe is more than a line.
const SIDES: usize = 8;

/// A band of `width_m` along a line of the site frame, level across; empty where the line has no length.
pub fn band(line: &[DVec3], width_m: f64) -> PlacedMesh {
    let line = distinct(line);
    let Some(&center) = line.first().filter(|_| line.len() > 1) else { return PlacedMesh::default() };
    let mut mesh = Mesh::default();
    let corners = (0..line.len()).map(|i| {
        let across = across(&line, i) * (width_m * 0.5);
        [line[i] - across - center, line[i] + across - center].map(|p| p.as_vec3())
    });
    // Left and right of each point, from the beginning to the end.
    mesh.positions = corners.flatten().collect();
    for quad in 0..line.len() as u32 - 1 {
        let first = quad * 2;
        mesh.indices.extend([first, first + 1, first + 3, first, first + 3, first + 2]);
    }
    PlacedMesh::plain(center, mesh)
}

/// A closed tube of `diameter_m` along a line of the site frame; empty where the line has no length.
pub fn tube(line: &[DVec3], diameter_m: f64) -> PlacedMesh {
    let line = distinct(line);
    let Some(&center) = line.first().filter(|_| line.len() > 1) else { return PlacedMesh::default() };
    let mut mesh = Mesh::default();
    let mut side = DVec3::ZERO;
    for (i, point) in line.iter().enumerate() {
        let along = along(&line, i);
        // The side of the point before, turned as little as can be: the tube does not twist.
        side = (side - along * side.dot(along)).try_normalize().unwrap_or_else(|| along.any_orthonormal_vector());
        let other = along.cross(side);
        // At a corner the section leans, and is wider across the corner so that the straights keep their diameter.
        for step in 0..SIDES {
            let (sin, cos) = (TAU * step as f64 / SIDES as f64).sin_cos();
            let out = side * cos + other * sin;
            mesh.positions.push((*point + out * (diameter_m * 0.5) - center).as_vec3());
            mesh.normals.push(out.as_vec3());
        }
    }
    let sides = SIDES as u32;
    for ring in 0..line.len() as u32 - 1 {
        for step in 0..sides {
            let [a, b] = [step, (step + 1) % sides].map(|s| ring * sides + s);
            mesh.indices.extend([a, b, b + sides, a, b + sides, a + sides]);
        }
    }
    cap(&mut mesh, &line, 0, true);
    cap(&mut mesh, &line, line.len() - 1, false);
    PlacedMesh::plain(center, mesh)
}

/// Closes a tube at a ring.
fn cap(mesh: &mut Mesh, line: &[DVec3], ring: usize, is_first: bool) {
    let outward = if is_first { -along(line, ring) } else { along(line, ring) }.as_vec3();
    let base = mesh.positions.len() as u32;
    let rim: Vec<_> = mesh.positions.iter().skip(ring * SIDES).take(SIDES).copied().collect();
    mesh.positions.extend(rim);
    mesh.normals.extend([outward; SIDES]);
    for step in 1..SIDES as u32 - 1 {
        let [a, b] = if is_first { [step + 1, step] } else { [step, step + 1] };
        mesh.indices.extend([base, base + a, base + b]);
    }
}

/// The line without points that repeat the one before or are nowhere.
fn distinct(line: &[DVec3]) -> Vec<DVec3> {
    let mut points: Vec<DVec3> = line.iter().copied().filter(|p| p.is_finite()).collect();
    points.dedup_by(|next, kept| next.distance_squared(*kept) < 1e-8);
    points
}

/// The direction of the line at one of its points, between those before and after it.
fn along(line: &[DVec3], i: usize) -> DVec3 {
    let leg = |i: usize| Some((*line.get(i + 1)? - line[i]).normalize_or_zero());
    let (before, after) = (i.checked_sub(1).and_then(leg), leg(i));
    let both = before.unwrap_or_default() + after.unwrap_or_default();
    both.try_normalize().or(after).or(before).unwrap_or(DVec3::X)
}

/// To the right of the line at one of its points, level, as long as makes the band keep its width along both legs.
fn across(line: &[DVec3], i: usize) -> DVec3 {
    let leg = |i: usize| (*line.get(i + 1)? - line[i]).with_z(0.0).try_normalize();
    let (before, after) = (i.checked_sub(1).and_then(leg), leg(i));
    let Some(one) = after.or(before) else { return DVec3::ZERO };
    let both = (before.unwrap_or(one) + one).try_normalize().unwrap_or(one);
    DVec3::new(both.y, -both.x, 0.0) / both.dot(one).max(1.0 / MITER_LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Bounds;

    #[test]
    fn a_band_looks_up_and_keeps_its_width_around_a_corner() {
        let line = [DVec3::ZERO, DVec3::X * 10.0, DVec3::X * 10.0, DVec3::new(10.0, 10.0, 1.0)];
        let band = band(&line, 2.0);
        let bounds = band.bounds();
        assert!(bounds.min.abs_diff_eq(DVec3::new(0.0, -1.0, 0.0), 1e-6), "{bounds:?}");
        assert!(bounds.max.abs_diff_eq(DVec3::new(11.0, 10.0, 1.0), 1e-6), "{bounds:?}");
        assert_eq!(band.mesh.triangles(), 4);
        for t in band.mesh.indices.as_chunks::<3>().0 {
            let [a, b, c] = t.map(|i| band.mesh.positions[i as usize]);
            assert!((b - a).cross(c - a).z > 0.0);
        }
    }

    #[test]
    fn a_tube_is_closed_and_faces_outward() {
        let line = [DVec3::new(5.0, 5.0, -3.0), DVec3::new(15.0, 5.0, -3.0), DVec3::new(15.0, 5.0, -9.0)];
        let tube = tube(&line, 0.6);
        let mut edges = std::collections::BTreeMap::<[[i64; 3]; 2], i32>::new();
        let key = |i: u32| (tube.mesh.positions[i as usize].as_dvec3() * 1e4).round().to_array().map(|v| v as i64);
        let mut volume = 0.0;
        for t in tube.mesh.indices.as_chunks::<3>().0 {
            for (a, b) in [(t[0], t[1]), (t[1], t[2]), (t[2], t[0])] {
                *edges.entry([key(a), key(b)]).or_default() += 1;
                *edges.entry([key(b), key(a)]).or_default() -= 1;
            }
            let [a, b, c] = t.map(|i| tube.mesh.positions[i as usize].as_dvec3());
            volume += a.dot(b.cross(c)) / 6.0;
        }
        assert!(edges.values().all(|balance| *balance == 0), "an edge has one side only");
        assert!(volume > 3.0 && volume < 16.0 * 0.09 * std::f64::consts::PI, "{volume}");
    }

    #[test]
    fn a_line_without_length_is_nothing() {
        for line in [&[][..], &[DVec3::ONE], &[DVec3::ONE, DVec3::ONE], &[DVec3::NAN, DVec3::ONE]] {
            assert_eq!(band(line, 1.0).bounds(), Bounds::EMPTY);
            assert_eq!(tube(line, 1.0).mesh.triangles(), 0);
        }
    }
}
