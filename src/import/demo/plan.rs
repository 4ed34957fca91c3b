//! The plan of the demo city: coast, river, hills, centre, and where what may stand. Functions of place, not lists, so a
//! million buildings need no more memory than two thousand.
//!
//! Plan coordinates are metres east and north of the anchor; heights are above the ellipsoid, with the sea at
//! [`SEA_LEVEL_M`].

use glam::{DVec2, DVec3};

use super::DemoSize;
use super::random::{noise, smoothstep};
use crate::geodesy::{Geodetic, SiteFrame, SitePoint};
use crate::geometry::HeightGrid;

/// Height of still water in sea, harbour and river.
pub(super) const SEA_LEVEL_M: f64 = 0.0;
/// Blocks between two streets, centre line to centre line, along and across the grid.
pub(super) const BLOCK_M: DVec2 = DVec2::new(116.0, 92.0);
/// The street grid is turned by this, radians.
const GRID_TURN: f64 = 0.14;
/// Every so many streets one is an avenue.
pub(super) const AVENUE_EVERY: i64 = 5;

/// A rectangle in the plan that something else than blocks fills.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reserve {
    pub center: DVec2,
    pub half: DVec2,
}

impl Reserve {
    /// Whether a place is inside, with a margin around.
    pub fn holds(&self, place: DVec2, margin: f64) -> bool {
        ((place - self.center).abs() - self.half).max_element() < margin
    }
}

/// What the city is made from.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub seed: u64,
    /// Half the edge of the square that the city lies in, metres.
    pub half_m: f64,
    pub site: SiteFrame,
}

impl Plan {
    pub fn new(seed: u64, size: DemoSize) -> Self {
        let half_m = match size {
            DemoSize::Small => 1_380.0,
            DemoSize::City => 6_170.0,
            DemoSize::Metro => 25_700.0,
        };
        Self { seed, half_m, site: SiteFrame::new(Geodetic::from_degrees(121.9, 30.9, SEA_LEVEL_M)) }
    }

    /// Where the towers stand.
    pub fn center(&self) -> DVec2 {
        DVec2::new(0.10, -0.22) * self.half_m
    }

    /// Radius of the ring road around the centre.
    pub fn ring_radius(&self) -> f64 {
        0.40 * self.half_m
    }

    /// How dense the city is, 1 in the centre, 0 at the edge.
    pub fn density(&self, place: DVec2) -> f64 {
        let distance = place.distance(self.center()) / (0.85 * self.half_m.min(9_000.0));
        let second = place.distance(self.center() + DVec2::new(0.45, 0.55) * self.half_m) / (0.35 * self.half_m);
        (-2.2 * distance * distance).exp().max(0.55 * (-3.0 * second * second).exp())
    }

    /// Northing of the coast line at an easting; the sea is south of it.
    fn coast(&self, x: f64) -> f64 {
        let h = self.half_m;
        -0.60 * h + 0.035 * h * (x / (0.31 * h)).sin() + 18.0 * noise(self.seed ^ 1, x / 220.0, 0.5)
    }

    /// Easting of the river's middle at a northing.
    pub fn river_x(&self, y: f64) -> f64 {
        let h = self.half_m;
        -0.27 * h + 0.11 * h * (y / (0.33 * h)).sin() + 0.03 * h * (y / (0.11 * h)).sin()
    }

    /// Full width of the river.
    pub fn river_width(&self) -> f64 {
        54.0 + 0.012 * self.half_m
    }

    /// Distance from the river's bank (negative in the river), across its course.
    pub fn river_distance(&self, place: DVec2) -> f64 {
        let slope = (self.river_x(place.y + 1.0) - self.river_x(place.y - 1.0)) * 0.5;
        (place.x - self.river_x(place.y)).abs() / (1.0 + slope * slope).sqrt() - self.river_width() * 0.5
    }

    /// Distance from the sea (negative in it), along the meridian; the harbour basin counts as sea.
    pub fn sea_distance(&self, place: DVec2) -> f64 {
        let coast = place.y - self.coast(place.x);
        let basin = self.basin();
        let outside = (place - basin.center).abs() - basin.half;
        coast.min(outside.max(DVec2::ZERO).length() + outside.max_element().min(0.0))
    }

    /// The harbour's basin, cut into the coast.
    pub fn basin(&self) -> Reserve {
        let x = self.center().x + 330.0;
        Reserve { center: DVec2::new(x, self.coast(x) + 60.0), half: DVec2::new(210.0, 130.0) }
    }

    /// Land kept for the harbour's sheds, cranes and containers.
    pub fn harbour(&self) -> Reserve {
        let basin = self.basin();
        Reserve { center: basin.center + DVec2::new(0.0, 70.0), half: basin.half + DVec2::new(150.0, 110.0) }
    }

    /// The park with its lake.
    pub fn park(&self) -> Reserve {
        Reserve { center: self.center() + DVec2::new(-190.0, 330.0), half: DVec2::new(170.0, 130.0) }
    }

    /// The campus.
    pub fn campus(&self) -> Reserve {
        Reserve { center: self.center() + DVec2::new(430.0, 420.0), half: DVec2::new(180.0, 130.0) }
    }

    /// The park's lake: an ellipse.
    pub fn in_lake(&self, place: DVec2, margin: f64) -> bool {
        let park = self.park();
        ((place - park.center - DVec2::new(20.0, -10.0)) / DVec2::new(88.0 + margin, 56.0 + margin)).length() < 1.0
    }

    /// Whether a place is in water.
    pub fn in_water(&self, place: DVec2) -> bool {
        self.sea_distance(place) < 0.0 || self.river_distance(place) < 0.0 || self.in_lake(place, 0.0)
    }

    /// Height of the ground (of the bed, in water).
    pub fn ground(&self, place: DVec2) -> f64 {
        let h = self.half_m;
        let (x, y) = (place.x, place.y);
        let inland = (place.y - self.coast(place.x)).max(0.0);
        let plain = 3.2 + 0.004 * inland.min(4_000.0) + 1.3 * noise(self.seed ^ 2, x / 600.0, y / 600.0);
        let range = smoothstep(
            0.48 * h,
            1.02 * h,
            y + 0.25 * x + 0.10 * h * noise(self.seed ^ 3, x / (0.4 * h), y / (0.4 * h)),
        );
        let relief = 0.62
            + 0.30 * noise(self.seed ^ 4, x / 420.0, y / 420.0)
            + 0.08 * noise(self.seed ^ 5, x / 110.0, y / 110.0);
        let land = plain + range * relief * (90.0 + 0.012 * h);
        let valley = smoothstep(10.0, 14.0 + 2.2 * self.river_width(), self.river_distance(place));
        let land = land.min(3.4) * (1.0 - valley) + land * valley - self.yard_depth(place);
        let bank =
            smoothstep(-16.0, 3.0, self.river_distance(place)) * smoothstep(-26.0, 2.0, self.sea_distance(place));
        let lake = if self.in_lake(place, 6.0) { smoothstep(0.86, 1.04, self.lake_radius(place)) } else { 1.0 };
        let bed = -6.5;
        bed * (1.0 - bank) + (land * lake + (1.0 - lake) * (land - 3.5)) * bank
    }

    /// How far the harbour's yard lies below the land around it, metres: it keeps a storm's rain behind the quay.
    fn yard_depth(&self, place: DVec2) -> f64 {
        let basin = self.basin();
        let from_quay = place.y - basin.center.y - basin.half.y;
        let beside = (place.x - basin.center.x).abs() - basin.half.x;
        let along = smoothstep(16.0, 34.0, from_quay) * (1.0 - smoothstep(96.0, 124.0, from_quay));
        1.6 * along * (1.0 - smoothstep(0.0, 30.0, beside))
    }

    fn lake_radius(&self, place: DVec2) -> f64 {
        ((place - self.park().center - DVec2::new(20.0, -10.0)) / DVec2::new(88.0, 56.0)).length()
    }

    /// Steepness of the ground, rise over run.
    pub fn slope(&self, place: DVec2) -> f64 {
        let step = 12.0;
        let dx = self.ground(place + DVec2::X * step) - self.ground(place - DVec2::X * step);
        let dy = self.ground(place + DVec2::Y * step) - self.ground(place - DVec2::Y * step);
        DVec2::new(dx, dy).length() / (2.0 * step)
    }

    /// Whether an ordinary building may stand here.
    pub fn buildable(&self, place: DVec2) -> bool {
        self.inside(place)
            && self.river_distance(place) > 26.0
            && self.sea_distance(place) > 34.0
            && (place.distance(self.center()) - self.ring_radius()).abs() > 24.0
            && [self.park(), self.campus(), self.harbour()].iter().all(|reserve| !reserve.holds(place, 14.0))
            && self.slope(place) < 0.16
    }

    /// Whether a place is in the city's square.
    pub fn inside(&self, place: DVec2) -> bool {
        place.abs().max_element() < self.half_m - 40.0
    }

    /// From grid coordinates (along and across the streets) to the plan.
    pub fn grid_to_plan(&self, grid: DVec2) -> DVec2 {
        DVec2::from_angle(GRID_TURN).rotate(grid)
    }

    /// The ranges of block numbers that cover the city's square.
    pub fn blocks(&self) -> (i64, i64) {
        let reach = self.half_m * (GRID_TURN.cos() + GRID_TURN.sin());
        ((reach / BLOCK_M.x).ceil() as i64, (reach / BLOCK_M.y).ceil() as i64)
    }

    /// A place of the plan at a height above the ellipsoid, in the site frame: the earth's curvature is in it.
    pub fn at(&self, place: DVec2, height_m: f64) -> DVec3 {
        let flat = SitePoint(place.extend(0.0));
        let mut geodetic = self.site.to_geodetic(flat);
        let curved = geodetic.ellipsoid_height_m;
        geodetic.ellipsoid_height_m = height_m;
        flat.0 + self.site.up_at(geodetic) * (height_m - curved)
    }

    /// A place on the ground, lifted by some metres.
    pub fn on_ground(&self, place: DVec2, lift_m: f64) -> DVec3 {
        self.at(place, self.ground(place) + lift_m)
    }

    /// Local up times `height_m`.
    pub fn up(&self, place: DVec2, height_m: f64) -> DVec3 {
        self.site.up_at(self.site.to_geodetic(SitePoint(place.extend(0.0)))) * height_m
    }

    /// The ground as a grid that reaches beyond the city on all sides.
    pub fn height_grid(&self) -> HeightGrid {
        let reach = self.half_m * 1.25;
        let cell_m = (self.half_m / 190.0).clamp(8.0, 60.0);
        let nodes = (2.0 * reach / cell_m).round() as usize + 1;
        let origin_in_site = DVec2::splat(-reach);
        let node = |row: usize, column: usize| DVec2::new(column as f64, row as f64) * cell_m + origin_in_site;
        let heights_m = (0..nodes * nodes).map(|i| self.ground(node(i / nodes, i % nodes)) as f32).collect();
        HeightGrid { origin_in_site, cell_m, columns: nodes, rows: nodes, heights_m }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_centre_is_dry_flat_and_the_sea_is_wet() {
        for size in [DemoSize::Small, DemoSize::City, DemoSize::Metro] {
            let plan = Plan::new(1, size);
            assert!(plan.ground(plan.center()) > 2.0 && plan.slope(plan.center()) < 0.05);
            assert!(plan.ground(DVec2::new(0.0, -0.9 * plan.half_m)) < -4.0);
            assert!(plan.in_water(DVec2::new(plan.river_x(0.0), 0.0)));
            assert!(!plan.in_water(plan.campus().center) && !plan.in_water(plan.park().center + plan.park().half));
        }
    }

    #[test]
    fn heights_are_above_the_ellipsoid_wherever_they_are() {
        let plan = Plan::new(1, DemoSize::Metro);
        let point = plan.at(DVec2::new(20_000.0, -15_000.0), 12.5);
        let height = plan.site.to_geodetic(SitePoint(point)).ellipsoid_height_m;
        assert!((height - 12.5).abs() < 1e-3, "{height}");
        assert!(point.z < -30.0);
    }
}
