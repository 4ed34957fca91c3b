//! Points, lines and polygons of a feature.

use std::f64::consts::TAU;

use glam::{DVec2, DVec3};

use crate::import::SourcePolygon;

/// Chords of a full circle.
const CHORDS: f64 = 72.0;

/// What a feature consists of, collections taken apart. Heights are NaN where the source has none.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in crate::import) struct Geometry {
    /// Places.
    pub points: Vec<DVec3>,
    /// Lines, each from its beginning to its end.
    pub lines: Vec<Vec<DVec3>>,
    /// Areas: the outer ring first; closed or not, as the source has them.
    pub polygons: Vec<SourcePolygon>,
    /// Polygons of a surface in space, which nothing pushes up.
    pub faces: Vec<SourcePolygon>,
}

impl Geometry {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty() && self.lines.is_empty() && self.polygons.is_empty() && self.faces.is_empty()
    }

    /// All points, in no particular order.
    pub fn all(&self) -> impl Iterator<Item = &DVec3> {
        let areas = self.polygons.iter().chain(&self.faces).flatten();
        self.points.iter().chain(self.lines.iter().chain(areas).flatten())
    }

    /// Adds what another one has.
    pub fn append(&mut self, other: Self) {
        self.points.extend(other.points);
        self.lines.extend(other.lines);
        self.polygons.extend(other.polygons);
        self.faces.extend(other.faces);
    }
}

/// Circular arcs as chords of five degrees: three points an arc, the last of one being the first of the next (ISO 19125,
/// ISO/IEC 13249-3 `ST_CircularString`).
pub(in crate::import) fn arc_points(control: &[DVec3]) -> Vec<DVec3> {
    let mut points: Vec<DVec3> = control.first().copied().into_iter().collect();
    for arc in control.windows(3).step_by(2) {
        if let [start, through, end] = arc {
            push_arc(*start, *through, *end, &mut points);
        }
    }
    // Points that make no whole arc are joined by straight lines.
    if control.len().is_multiple_of(2) {
        points.extend(control.last());
    }
    points
}

fn push_arc(start: DVec3, through: DVec3, end: DVec3, points: &mut Vec<DVec3>) {
    let (a, b, c) = (start.truncate(), through.truncate(), end.truncate());
    // A whole circle has its ends in one point and its middle opposite.
    let center = if a == c { Some((a + b) / 2.0) } else { center(a, b, c) };
    let Some(center) = center else {
        points.extend([through, end]);
        return;
    };
    let angle = |p: DVec2| (p - center).to_angle();
    let turn = |from: f64, to: f64| (to - from).rem_euclid(TAU);
    let (first, middle, last) = (angle(a), angle(b), angle(c));
    let whole = if a == c { TAU } else { turn(first, last) };
    let sweep = if turn(first, middle) <= whole { whole } else { whole - TAU };
    let steps = (sweep.abs() / TAU * CHORDS).ceil().clamp(2.0, CHORDS) as usize;
    let radius = a.distance(center);
    for step in 1..steps {
        let part = step as f64 / steps as f64;
        let place = center + DVec2::from_angle(first + sweep * part) * radius;
        points.push(place.extend(start.z + (end.z - start.z) * part));
    }
    points.push(end);
}

/// The centre of the circle through three points; `None` where they are on a line.
fn center(a: DVec2, b: DVec2, c: DVec2) -> Option<DVec2> {
    let (u, v) = (b - a, c - a);
    let doubled = 2.0 * u.perp_dot(v);
    let at = a + DVec2::new(
        v.y * u.length_squared() - u.y * v.length_squared(),
        u.x * v.length_squared() - v.x * u.length_squared(),
    ) / doubled;
    (doubled.abs() > 1e-12 * u.length() * v.length() && at.is_finite()).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arcs_stay_on_their_circle() {
        let control = [DVec3::new(1.0, 0.0, 0.0), DVec3::new(0.0, 1.0, 0.0), DVec3::new(-1.0, 0.0, 4.0)];
        let half = arc_points(&control);
        assert_eq!((half.len(), half[18].z), (37, 2.0));
        assert!(half.iter().all(|p| (p.truncate().length() - 1.0).abs() < 1e-12 && p.y > -1e-12));
        let below = arc_points(&[control[0], DVec3::new(0.0, -1.0, 0.0), control[2]]);
        assert!(below.iter().all(|p| p.y < 1e-12));
        let circle = arc_points(&[control[0], DVec3::new(-1.0, 0.0, 0.0), control[0]]);
        assert_eq!(circle.len(), 73);
        let straight = [DVec3::ZERO, DVec3::X, DVec3::X * 2.0, DVec3::X * 3.0];
        assert_eq!(arc_points(&straight), straight);
        assert!(arc_points(&[]).is_empty());
    }
}
