use geo::{Area, BooleanOps, MultiPolygon, Rect};
use proptest::prelude::*;

use super::*;

const TILE: f64 = 256.0;

/// A star around a point: simple, often concave.
fn star(center: DVec2, radii: &[f64]) -> Polygon<f64> {
    let step = std::f64::consts::TAU / radii.len() as f64;
    let corner = |(i, r): (usize, &f64)| {
        let p = (center + DVec2::from_angle(i as f64 * step) * *r).round();
        (p.x, p.y)
    };
    Polygon::new(LineString::from(radii.iter().enumerate().map(corner).collect::<Vec<_>>()), vec![])
}

/// What tilers do: the polygon cut to each tile and its margin, rounded to whole units.
fn cut(polygon: &Polygon<f64>, margin: f64) -> Vec<Vec<TilePolygon>> {
    let mut pieces = Vec::new();
    for (x, y) in (-3..3).flat_map(|x| (-3..3).map(move |y| (f64::from(x) * TILE, f64::from(y) * TILE))) {
        let tile = Rect::new((x - margin, y - margin), (x + TILE + margin, y + TILE + margin)).to_polygon();
        let part: MultiPolygon<f64> = polygon.intersection(&tile);
        let ring = |line: &LineString<f64>| -> Vec<I64Vec2> {
            line.coords().skip(1).map(|c| DVec2::new(c.x, c.y).round().as_i64vec2()).collect()
        };
        let polygons: Vec<TilePolygon> = part.iter().map(|p| vec![ring(p.exterior())]).collect();
        if !polygons.is_empty() {
            pieces.push(polygons);
        }
    }
    pieces
}

fn area(polygons: &[Vec<Vec<DVec2>>]) -> f64 {
    let ring_area = |ring: &Vec<DVec2>| {
        let next = ring.iter().cycle().skip(1);
        ring.iter().zip(next).map(|(a, b)| a.perp_dot(*b)).sum::<f64>().abs() / 2.0
    };
    let polygon_area = |rings: &Vec<Vec<DVec2>>| {
        rings.iter().enumerate().map(|(i, r)| if i == 0 { ring_area(r) } else { -ring_area(r) }).sum::<f64>()
    };
    polygons.iter().map(polygon_area).sum()
}

fn length(polygon: &Polygon<f64>) -> f64 {
    polygon.exterior().lines().map(|l| l.dx().hypot(l.dy())).sum()
}

proptest! {
    #[test]
    fn a_polygon_cut_at_tile_borders_is_one_again(
        x in -100.0..100.0, y in -100.0..100.0, margin in prop::sample::select(vec![0.0, 1.0, 5.0, 64.0]),
        radii in proptest::collection::vec(120.0_f64..380.0, 3..14),
    ) {
        let whole = star(DVec2::new(x, y), &radii);
        let pieces = cut(&whole, margin);
        prop_assert!(pieces.len() > 1);
        let joined = join(&pieces);
        prop_assert_eq!(joined.len(), 1, "one polygon");
        // Each edge may be off by the rounding of its cuts and by the tolerance, and no more.
        let off = (area(&joined) - whole.unsigned_area()).abs();
        prop_assert!(off <= 1.5 * length(&whole) * 0.5, "area off by {}", off);
    }

    #[test]
    fn cuts_on_the_lattice_lose_nothing(
        w in 10_i64..600, h in 10_i64..600, x in -300_i64..0, y in -300_i64..0,
    ) {
        let corners = [(x, y), (x + w, y), (x + w, y + h), (x, y + h)].map(|(a, b)| (a as f64, b as f64));
        let pieces = cut(&Polygon::new(LineString::from(corners.to_vec()), vec![]), 0.0);
        let joined = join(&pieces);
        prop_assert_eq!(joined.len(), 1);
        prop_assert!((area(&joined) - (w * h) as f64).abs() < 1e-3);
        prop_assert!(joined[0].len() == 1 && joined[0][0].len() <= 5, "{:?}", joined);
    }
}

#[test]
fn a_courtyard_across_a_border_stays_a_hole() {
    let rect = |x0: i64, y0: i64, x1: i64, y1: i64| vec![(x0, y0), (x1, y0), (x1, y1), (x0, y1)];
    let ring = |points: Vec<(i64, i64)>| points.into_iter().map(|(x, y)| I64Vec2::new(x, y)).collect::<Vec<_>>();
    // A U and its mirror image, as a border at x = 256 cuts a square with a courtyard.
    let left = ring(vec![(200, 0), (256, 0), (256, 20), (220, 20), (220, 80), (256, 80), (256, 100), (200, 100)]);
    let right = ring(vec![(300, 0), (256, 0), (256, 20), (280, 20), (280, 80), (256, 80), (256, 100), (300, 100)]);
    let joined = join(&[vec![vec![left]], vec![vec![right]]]);
    assert_eq!((joined.len(), joined[0].len()), (1, 2));
    assert!((area(&joined) - (100.0 * 100.0 - 60.0 * 60.0)).abs() < 1e-6);
    // Parts that really lie apart stay apart, in one object.
    let apart = join(&[vec![vec![ring(rect(0, 0, 10, 10))]], vec![vec![ring(rect(50, 0, 60, 10))]]]);
    assert_eq!(apart.len(), 2);
}
