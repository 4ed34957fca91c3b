//! From a `[[simulation]]` of a document to what is computed.

use glam::{DVec2, DVec3};

use crate::geodesy::{Geodetic, SiteFrame};
use crate::geometry::HeightGrid;
use crate::scene::SimulationDocument;
use crate::sim::flood::{Flood, FloodSetup, FloodTerrain, Hyetograph, MOST_CELLS};
use crate::sim::{Simulation, SimulationError};

/// Manning's n where the document says nothing: asphalt and grass mixed, s/m^(1/3).
const MANNING: f64 = 0.03;
/// Weight of a face's own discharge: calm on smooth ground, and nearest to the peers' levels in a valley.
const THETA: f64 = 0.9;

/// The simulation of a document at its start, in a site. `buildings` are footprints in the site frame, outer rings first.
/// Water falls off all edges of the box.
pub fn simulation(
    document: &SimulationDocument,
    site: &SiteFrame,
    ground: &HeightGrid,
    buildings: impl IntoIterator<Item = Vec<Vec<DVec3>>>,
) -> Result<Box<dyn Simulation>, SimulationError> {
    if document.kind != "flood" {
        return Err(SimulationError::Input(format!("no simulation is called '{}'", document.kind)));
    }
    check_size(document, site)?;
    let terrain = FloodTerrain::cut(ground, corners(document, site), document.cell_m, buildings);
    let mut setup = FloodSetup {
        terrain,
        rain: Hyetograph::from_mm_h(&document.rain_mm_h),
        manning: document.manning.unwrap_or(MANNING),
        theta: THETA,
        open_edges: [true; 4],
        output_s: document.output_s,
        ..FloodSetup::default()
    };
    if let Some(level) = document.water_level_m {
        setup.fill_to(level);
    }
    Ok(Box::new(Flood::new(setup)?))
}

/// Refuses a box of more cells than are computed.
pub fn check_size(document: &SimulationDocument, site: &SiteFrame) -> Result<(), SimulationError> {
    let [low, high] = corners(document, site);
    let size = ((high - low).abs() / document.cell_m).ceil();
    if size.x * size.y <= MOST_CELLS as f64 {
        return Ok(());
    }
    let cell_m = document.cell_m;
    let most =
        format!("its 'bbox' is {} x {} cells of {cell_m} m, and at most {MOST_CELLS} are computed", size.x, size.y);
    Err(SimulationError::Input(format!("{most}: choose a larger 'cell_m' or a smaller box")))
}

/// South-west and north-east corner of a simulation's box, site frame.
fn corners(document: &SimulationDocument, site: &SiteFrame) -> [DVec2; 2] {
    let [west, south, east, north] = document.bbox;
    [(west, south), (east, north)]
        .map(|(longitude, latitude)| site.from_geodetic(Geodetic::from_degrees(longitude, latitude, 0.0)).0.truncate())
}

/// Places along an edge of a box at which its ground is looked for.
const PROBES: usize = 64;

/// What part of a simulation's box has ground under it, 0 to 1: of the places of a lattice.
pub fn ground_share(document: &SimulationDocument, site: &SiteFrame, ground: &HeightGrid) -> f64 {
    let [low, high] = corners(document, site);
    let place = |i: usize| {
        let part = (DVec2::new((i % PROBES) as f64, (i / PROBES) as f64) + 0.5) / PROBES as f64;
        low + (high - low) * part
    };
    let known = (0..PROBES * PROBES).filter(|i| ground.sample(place(*i)).is_some()).count();
    known as f64 / (PROBES * PROBES) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_rains_on_its_box() {
        let site = SiteFrame::new(Geodetic::from_degrees(121.9, 30.9, 0.0));
        let ground = HeightGrid {
            origin_in_site: DVec2::splat(-500.0),
            cell_m: 100.0,
            columns: 21,
            rows: 21,
            heights_m: vec![3.0; 441],
        };
        let document = SimulationDocument {
            kind: "flood".into(),
            bbox: [121.9, 30.9, 121.905, 30.904],
            cell_m: 20.0,
            output_s: 60.0,
            rain_mm_h: vec![[0.0, 36.0]],
            ..SimulationDocument::default()
        };
        let mut flood = simulation(&document, &site, &ground, []).unwrap();
        flood.advance_to(60.0).unwrap();
        let statistics = flood.publish().statistics;
        let area = flood.grid().cells() as f64 * 400.0;
        assert!((statistics.inflow_m3 / (area * 1e-5 * 60.0) - 1.0).abs() < 1e-9, "{statistics:?}");
        assert!(simulation(&SimulationDocument::default(), &site, &ground, []).is_err());
        assert_eq!(ground_share(&document, &site, &ground), 1.0);
        let half = SimulationDocument { bbox: [121.91, 30.9, 121.93, 30.904], ..document.clone() };
        let share = ground_share(&half, &site, &ground);
        assert!((0.25..0.35).contains(&share), "the ground ends 1 500 m east of 121.9: {share}");
        let beside = SimulationDocument { bbox: [122.0, 30.9, 122.1, 30.904], ..document };
        assert_eq!(ground_share(&beside, &site, &ground), 0.0);
    }
}
