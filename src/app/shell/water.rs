//! The water of a play's simulations: the frame that holds now, as a surface over the ground.

use std::sync::Arc;

use glam::DVec2;

use crate::engine::flood::{FloodLayer, WaterSurface};
use crate::geodesy::{SiteFrame, SitePoint};
use crate::quantity::Timestamp;
use crate::scenario::Run;

/// A run that is drawn.
pub struct Water {
    run: Run,
    bed_in_site: Arc<Vec<f32>>,
    /// Number of the frame that is drawn.
    drawn: Option<usize>,
}

impl Water {
    /// Nothing is drawn of it yet.
    pub fn new(run: Run, site: &SiteFrame) -> Self {
        let bed_in_site = bed_in_site(&run, site);
        Self { run, bed_in_site, drawn: None }
    }

    /// Draws what holds at an instant, as the water of this number.
    pub fn show(&mut self, number: usize, time: Timestamp, layer: &mut FloodLayer) {
        let frame = self.run.frame_at(time);
        if self.drawn != frame {
            layer.set(number, frame.and_then(|frame| self.surface(frame)));
            self.drawn = frame;
        }
    }

    fn surface(&self, number: usize) -> Option<WaterSurface> {
        let grid = self.run.recording.grid();
        // A damaged frame draws no water; the recording was checked when it was opened.
        let frame = self.run.recording.frame(number).ok()?;
        Some(WaterSurface {
            origin_in_site: grid.origin_in_site,
            cell_m: grid.cell_m,
            columns: grid.columns,
            bed_in_site: self.bed_in_site.clone(),
            depth_m: frame.depth_m,
        })
    }
}

/// The ground of a run's grid in the site frame: the grid keeps heights above the ellipsoid.
fn bed_in_site(run: &Run, site: &SiteFrame) -> Arc<Vec<f32>> {
    let grid = run.recording.grid();
    let sag = Sag::of(site, grid.origin_in_site, DVec2::new(grid.columns as f64, grid.rows as f64) * grid.cell_m);
    let place = |i: usize| {
        let (x, y) = (i % grid.columns.max(1), i / grid.columns.max(1));
        grid.origin_in_site + DVec2::new(x as f64, y as f64) * grid.cell_m
    };
    let beds = grid.bed_m.iter().enumerate().map(|(i, bed)| (f64::from(*bed) + sag.at(place(i))) as f32);
    Arc::new(beds.collect())
}

/// What the site's z of a point on the ellipsoid is, over a rectangle: exact on a lattice, mixed between.
struct Sag {
    origin: DVec2,
    step: DVec2,
    heights: Vec<f64>,
}

/// Lattice points along an edge: over 10 km the mix is off by less than 5 mm (a parabola over 312 m, twice).
const LATTICE: usize = 33;

impl Sag {
    fn of(site: &SiteFrame, origin: DVec2, size: DVec2) -> Self {
        let step = size / (LATTICE - 1) as f64;
        let on_ellipsoid = |i: usize| {
            let at = origin + DVec2::new((i % LATTICE) as f64, (i / LATTICE) as f64) * step;
            let anchor_height = site.anchor().ellipsoid_height_m;
            let near = site.to_geodetic(SitePoint(at.extend(-anchor_height)));
            -anchor_height - near.ellipsoid_height_m
        };
        Self { origin, step, heights: (0..LATTICE * LATTICE).map(on_ellipsoid).collect() }
    }

    fn at(&self, place: DVec2) -> f64 {
        let at = ((place - self.origin) / self.step.max(DVec2::splat(1e-9)))
            .clamp(DVec2::ZERO, DVec2::splat((LATTICE - 1) as f64 - 1e-9));
        let (cell, part) = (at.floor(), at.fract());
        let height = |x: usize, y: usize| {
            let i = (cell.y as usize + y) * LATTICE + cell.x as usize + x;
            self.heights.get(i).copied().unwrap_or_default()
        };
        let south = height(0, 0) + (height(1, 0) - height(0, 0)) * part.x;
        let north = height(0, 1) + (height(1, 1) - height(0, 1)) * part.x;
        south + (north - south) * part.y
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geodesy::Geodetic;

    #[test]
    fn the_ellipsoid_sags_below_the_site() {
        let anchor = Geodetic::from_degrees(121.9, 30.9, 40.0);
        let site = SiteFrame::new(anchor);
        let sag = Sag::of(&site, DVec2::splat(-5_000.0), DVec2::splat(10_000.0));
        for place in [DVec2::ZERO, DVec2::new(4_900.0, -3_210.0), DVec2::new(-2_222.0, 1_111.0)] {
            let z = sag.at(place) + 12.0;
            let height = site.to_geodetic(SitePoint(place.extend(z))).ellipsoid_height_m;
            assert!((height - 12.0).abs() < 0.01, "{place}: {height}");
        }
    }
}
