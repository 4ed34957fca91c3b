//! Several elevation models to one grid of the site.

use glam::{DVec2, DVec3};

use super::{Dem, TerrainError};
use crate::geodesy::{CoordinateOperation, CrsId, CrsRegistry, Ecef, SiteFrame, SitePoint};
use crate::geometry::HeightGrid;

/// What the grid covers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GridOptions {
    /// Between two nodes, metres; the finest pixel of the models where left out (not below 0.5 m).
    pub cell_m: Option<f64>,
    /// South-west and north-east corner in the site's plane, metres; the extent of all models where left out.
    pub within: Option<(DVec2, DVec2)>,
}

/// Nodes of the largest grid: 256 MiB.
const MOST_NODES: usize = 1 << 26;
const FINEST_CELL_M: f64 = 0.5;

/// Resamples the models, given in order of priority, into one grid: each node takes the height of the first model that knows
/// its place. Nodes that none knows are NaN.
pub fn merge(
    dems: &[Dem],
    registry: &CrsRegistry,
    site: &SiteFrame,
    options: &GridOptions,
) -> Result<HeightGrid, TerrainError> {
    let operations = dems.iter().map(|dem| dem.operation(registry)).collect::<Result<Vec<_>, _>>()?;
    let extents = dems.iter().map(|dem| extent_in_site(dem, registry, site)).collect::<Result<Vec<_>, _>>()?;
    let mut grid = layout(dems, &extents, options)?;
    let mut any = false;
    for row in 0..grid.rows {
        let north = grid.origin_in_site.y + row as f64 * grid.cell_m;
        let nodes = (0..grid.columns).map(|c| DVec3::new(grid.origin_in_site.x + c as f64 * grid.cell_m, north, 0.0));
        let heights = row_heights(dems, &operations, site, nodes.collect())?;
        any |= heights.iter().any(|h| !h.is_nan());
        grid.heights_m.extend(heights.into_iter().map(|h| h as f32));
    }
    if any { Ok(grid) } else { Err(TerrainError::NothingKnown { count: dems.len() }) }
}

/// South-west and north-east of a model in the site's plane.
fn extent_in_site(dem: &Dem, registry: &CrsRegistry, site: &SiteFrame) -> Result<(DVec2, DVec2), TerrainError> {
    let crs = |cause| TerrainError::Crs { cause, path: dem.path.clone() };
    let mut points: Vec<DVec3> = dem.outline().iter().map(|p| p.extend(0.0)).collect();
    registry.operation(&dem.crs, &CrsId::wgs84()).and_then(|o| o.convert(&mut points)).map_err(crs)?;
    let anchor = site.anchor();
    let places = points.into_iter().filter(|p| p.is_finite()).map(|p| {
        let place = crate::geodesy::Geodetic::from_degrees(p.x, p.y, anchor.ellipsoid_height_m);
        site.from_geodetic(place).0.truncate()
    });
    let (min, max) = places.fold((DVec2::INFINITY, DVec2::NEG_INFINITY), |(min, max), p| (min.min(p), max.max(p)));
    if min.cmple(max).all() { Ok((min, max)) } else { Err(TerrainError::NothingKnown { count: 1 }) }
}

/// The empty grid.
fn layout(dems: &[Dem], extents: &[(DVec2, DVec2)], options: &GridOptions) -> Result<HeightGrid, TerrainError> {
    let finest = dems.iter().zip(extents).map(|(dem, (min, max))| {
        let pixel = (*max - *min) / dem.size();
        pixel.min_element()
    });
    let finest = finest.fold(f64::INFINITY, f64::min);
    let cell_m = options.cell_m.unwrap_or(finest).max(FINEST_CELL_M);
    let whole =
        extents.iter().fold((DVec2::INFINITY, DVec2::NEG_INFINITY), |(min, max), (a, b)| (min.min(*a), max.max(*b)));
    let (min, max) = options.within.unwrap_or(whole);
    let size = ((max - min) / cell_m).floor() + 1.0;
    let sound = min.is_finite() && size.cmpge(DVec2::splat(2.0)).all() && cell_m.is_finite();
    if !sound || size.x * size.y > MOST_NODES as f64 {
        return Err(if sound {
            TerrainError::TooLarge { columns: size.x, rows: size.y, most: MOST_NODES }
        } else {
            TerrainError::NothingKnown { count: dems.len() }
        });
    }
    let (columns, rows) = (size.x as usize, size.y as usize);
    Ok(HeightGrid { origin_in_site: min, cell_m, columns, rows, heights_m: Vec::with_capacity(columns * rows) })
}

/// Heights at nodes of the site's plane. A place's longitude and latitude depend a little on its height (the site's up is not
/// the local up away from the anchor), so the heights found first are used to look again.
fn row_heights(
    dems: &[Dem],
    operations: &[Box<dyn CoordinateOperation>],
    site: &SiteFrame,
    mut nodes: Vec<DVec3>,
) -> Result<Vec<f64>, TerrainError> {
    let mut heights = vec![f64::NAN; nodes.len()];
    for _ in 0..2 {
        let degrees: Vec<DVec3> = nodes.iter().map(|node| degrees(site, *node)).collect();
        heights = vec![f64::NAN; nodes.len()];
        for (dem, operation) in dems.iter().zip(operations) {
            let missing: Vec<usize> = (0..nodes.len()).filter(|i| heights[*i].is_nan()).collect();
            if missing.is_empty() {
                break;
            }
            let mut places: Vec<DVec3> = missing.iter().map(|i| degrees[*i]).collect();
            let crs = |cause| TerrainError::Crs { cause, path: dem.path.clone() };
            operation.convert(&mut places).map_err(crs)?;
            for (index, place) in missing.into_iter().zip(places) {
                heights[index] = dem.height_m(place, degrees[index]).unwrap_or(f64::NAN);
            }
        }
        for ((node, height), place) in nodes.iter_mut().zip(&heights).zip(&degrees) {
            if !height.is_nan() {
                node.z += height - place.z;
            }
        }
    }
    Ok(heights)
}

/// Longitude, latitude in degrees and ellipsoid height of a place of the site.
fn degrees(site: &SiteFrame, point: DVec3) -> DVec3 {
    let Ecef(ecef) = site.to_ecef(SitePoint(point));
    let place = Ecef(ecef).to_geodetic();
    DVec3::new(place.longitude_rad.to_degrees(), place.latitude_rad.to_degrees(), place.ellipsoid_height_m)
}
