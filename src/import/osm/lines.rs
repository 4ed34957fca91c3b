//! Roads, railways and waterways: pieces between shared nodes, and the height of bridges and tunnels.

use std::ops::Range;

use glam::{DVec2, DVec3};

use super::element::Place;

/// From one layer to the next, metres: a lorry fits under, with the deck.
pub(super) const LAYER_M: f64 = 5.0;
/// How steeply a deck rises from the ground, metres a metre. Roads are flatter; but bridges are often cut short where they
/// cross, and must be above what they cross.
const SLOPE: f64 = 1.0 / 8.0;
const METRES_PER_DEGREE: f64 = 111_320.0;

/// The pieces of a way: from one node at which it is cut to the next, both in it. Nodes without a place cut it, too, and are
/// in none.
pub(super) fn pieces(places: &[Option<Place>], is_cut: impl Fn(usize) -> bool) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    for (index, place) in places.iter().enumerate() {
        if place.is_none() {
            pieces.push(start..index);
            start = index + 1;
        } else if index > start && is_cut(index) {
            pieces.push(start..index + 1);
            start = index;
        }
    }
    pieces.push(start..places.len());
    pieces.retain(|piece| piece.len() > 1);
    pieces
}

/// Metres east and north of an origin, near it.
pub(super) fn metres_from(origin: DVec2, degrees: DVec2) -> DVec2 {
    (degrees - origin) * scale(origin)
}

/// The way back.
pub(super) fn degrees_from(origin: DVec2, metres: DVec2) -> DVec2 {
    origin + metres / scale(origin)
}

fn scale(origin: DVec2) -> DVec2 {
    // At the poles a degree of longitude has no length.
    DVec2::new(METRES_PER_DEGREE * origin.y.to_radians().cos().max(1e-6), METRES_PER_DEGREE)
}

/// The layers of a piece: at its beginning, between, and at its end.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Layers {
    pub(super) first: i8,
    pub(super) own: i8,
    pub(super) last: i8,
}

/// A line in degrees with heights above the ground: `lift_m`, and where the layers leave the ground a deck or a tube that
/// begins and ends at those of its ends, with points where it bends.
pub(super) fn with_heights(line: &[DVec2], layers: Layers, lift_m: f64) -> Vec<DVec3> {
    if layers == Layers::default() {
        return line.iter().map(|p| p.extend(lift_m)).collect();
    }
    let [first, own, last] = [layers.first, layers.own, layers.last].map(|layer| f64::from(layer) * LAYER_M);
    let origin = line.first().copied().unwrap_or_default();
    let mut distances = Vec::with_capacity(line.len());
    let mut length = 0.0;
    for (index, point) in line.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| line.get(before)).unwrap_or(point);
        length += metres_from(origin, *point).distance(metres_from(origin, *before));
        distances.push(length);
    }
    let towards = |end: f64, distance: f64| end + (own - end).clamp(-SLOPE * distance, SLOPE * distance);
    let height = |at: f64| {
        let (rising, falling) = (towards(first, at), towards(last, length - at));
        if own >= 0.0 { rising.min(falling) } else { rising.max(falling) }
    };
    let up = (own - first).abs() / SLOPE;
    let down = length - (own - last).abs() / SLOPE;
    let side = if own >= 0.0 { 1.0 } else { -1.0 };
    let meet = ((last - first) * side + SLOPE * length) / (2.0 * SLOPE);
    let mut bends = if up < down { vec![up, down] } else { vec![meet] };
    bends.retain(|bend| *bend > 0.0 && *bend < length);
    let mut bends = bends.into_iter().peekable();
    let mut out: Vec<DVec3> = Vec::with_capacity(line.len() + 2);
    for (index, (point, distance)) in line.iter().zip(&distances).enumerate() {
        if let Some((before, start)) = index.checked_sub(1).and_then(|i| line.get(i).zip(distances.get(i))) {
            while let Some(bend) = bends.next_if(|bend| bend < distance) {
                let at = before.lerp(*point, ((bend - start) / (distance - start)).clamp(0.0, 1.0));
                out.push(at.extend(height(bend) + lift_m));
            }
        }
        out.push(point.extend(height(*distance) + lift_m));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Option<Place> = Some(Place { longitude: 1, latitude: 1 });

    #[test]
    fn ways_are_cut_at_shared_nodes_and_at_gaps() {
        let cut = |places: &[Option<Place>], cuts: &[usize]| pieces(places, |index| cuts.contains(&index));
        assert_eq!(cut(&[HERE; 5], &[]), std::slice::from_ref(&(0..5)));
        assert_eq!(cut(&[HERE; 5], &[0, 2, 4]), [0..3, 2..5]);
        assert_eq!(cut(&[HERE, HERE, None, HERE, HERE, HERE], &[4]), [0..2, 3..5, 4..6]);
        assert!(cut(&[None, HERE, None], &[1]).is_empty());
        assert!(cut(&[], &[]).is_empty());
    }

    fn heights(metres: &[f64], layers: (i8, i8, i8)) -> Vec<(f64, f64)> {
        let origin = DVec2::new(9.0, 47.0);
        let line: Vec<DVec2> = metres.iter().map(|x| degrees_from(origin, DVec2::new(*x, 0.0))).collect();
        let layers = Layers { first: layers.0, own: layers.1, last: layers.2 };
        let round = |value: f64| (value * 100.0).round() / 100.0;
        let made = with_heights(&line, layers, 0.0);
        made.iter().map(|p| (round(metres_from(origin, p.truncate()).x), round(p.z))).collect()
    }

    #[test]
    fn decks_begin_and_end_where_their_ends_are() {
        assert_eq!(heights(&[0., 200.], (0, 1, 0)), [(0., 0.), (40., 5.), (160., 5.), (200., 0.)]);
        assert_eq!(heights(&[0., 20.], (0, 1, 0)), [(0., 0.), (10., 1.25), (20., 0.)]);
        assert_eq!(heights(&[0., 20., 100.], (1, 1, 0)), [(0., 5.), (20., 5.), (60., 5.), (100., 0.)]);
        assert_eq!(heights(&[0., 100.], (0, -1, -1)), [(0., 0.), (40., -5.), (100., -5.)]);
        assert_eq!(heights(&[0., 50., 100.], (0, 0, 0)), [(0., 0.), (50., 0.), (100., 0.)]);
        assert_eq!(heights(&[0., 60.], (1, 2, 0)), [(0., 5.), (10., 6.25), (60., 0.)]);
    }
}
