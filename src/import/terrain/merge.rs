//! Several elevation models to one grid of the site.

use glam::{DVec2, DVec3};

use super::{Dem, TerrainError, blend};
use crate::geodesy::{CoordinateOperation, CrsId, CrsRegistry, Ecef, Geodetic, SiteFrame, SitePoint};
use crate::geometry::{HeightGrid, parallel};
use crate::import::raster::{Pixel, RasterReader, TileCache};

/// What the grid covers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GridOptions {
    /// Between two nodes, metres; the finest pixel of the models where left out (not below 0.5 m).
    pub cell_m: Option<f64>,
    /// South-west and north-east corner in the site's plane, metres; the extent of all models where left out.
    pub within: Option<(DVec2, DVec2)>,
    /// Where the objects of the city are, in the site's plane: where all models are too much for one grid, it is cut to this
    /// and what is around it.
    pub city: Option<(DVec2, DVec2)>,
}

/// The ground of a city.
#[derive(Debug, Clone, PartialEq)]
pub struct Ground {
    /// Its heights.
    pub grid: HeightGrid,
    /// What of the models is not in it, for people; nothing where all is.
    pub told: Vec<String>,
}

/// Nodes of the largest grid: 256 MiB.
const MOST_NODES: usize = 1 << 26;
const FINEST_CELL_M: f64 = 0.5;
/// Nodes along an edge of what is made at one time.
const BLOCK: usize = 256;
/// Blocks that are made at one time.
const BLOCKS_AT_ONCE: usize = 32;
/// Bytes of decoded tiles that are kept.
const CACHE_BYTES: usize = 256 << 20;
/// Ground around the objects of a city that is kept where not all can be: this share of their extent, and at least so much.
const AROUND_CITY: (f64, f64) = (0.5, 2000.0);
/// How far outside of its outline a model may reach: the outline is of places at the anchor's height.
const OUTLINE_SLACK_M: f64 = 100.0;

/// Resamples the models, given in order of priority, into one grid: each node takes the height of the first model that knows
/// its place, and towards the edges of what that knows more and more of the next, so that there is no step. Nodes that none
/// knows are NaN. Of each model only what lies in the grid is read, as coarsely as the grid is.
pub fn merge(
    dems: &[Dem],
    registry: &CrsRegistry,
    site: &SiteFrame,
    options: &GridOptions,
) -> Result<Ground, TerrainError> {
    let extents = dems.iter().map(|dem| extent_in_site(dem, registry, site)).collect::<Result<Vec<_>, _>>()?;
    let (mut grid, told) = layout(dems, &extents, options)?;
    let models = Models { dems, extents: &extents, registry, site, cache: TileCache::new(CACHE_BYTES) };
    grid.heights_m = vec![f32::NAN; grid.columns * grid.rows];
    let rows = (0..grid.rows).step_by(BLOCK);
    let blocks: Vec<(usize, usize)> =
        rows.flat_map(|row| (0..grid.columns).step_by(BLOCK).map(move |column| (column, row))).collect();
    for some in blocks.chunks(BLOCKS_AT_ONCE) {
        let made = parallel::map(some.to_vec(), |(column, row)| models.block(&grid, column, row));
        for ((column, row), heights) in some.iter().zip(made) {
            let (heights, width) = (heights?, BLOCK.min(grid.columns - column));
            for (index, line) in heights.chunks_exact(width).enumerate() {
                let start = (row + index) * grid.columns + column;
                if let Some(target) = grid.heights_m.get_mut(start..start + width) {
                    target.copy_from_slice(line);
                }
            }
        }
    }
    let any = grid.heights_m.iter().any(|height| !height.is_nan());
    if any { Ok(Ground { grid, told }) } else { Err(TerrainError::NothingKnown { count: dems.len() }) }
}

/// South-west and north-east of a model in the site's plane.
fn extent_in_site(dem: &Dem, registry: &CrsRegistry, site: &SiteFrame) -> Result<(DVec2, DVec2), TerrainError> {
    let crs = |cause| TerrainError::Crs { cause, path: dem.path.clone() };
    let mut points: Vec<DVec3> = dem.outline().iter().map(|p| p.extend(0.0)).collect();
    registry.operation(&dem.crs, &CrsId::wgs84()).and_then(|o| o.convert(&mut points)).map_err(crs)?;
    let anchor = site.anchor();
    let places = points.into_iter().filter(|p| p.is_finite()).map(|p| {
        let place = Geodetic::from_degrees(p.x, p.y, anchor.ellipsoid_height_m);
        site.from_geodetic(place).0.truncate()
    });
    let (min, max) = places.fold((DVec2::INFINITY, DVec2::NEG_INFINITY), |(min, max), p| (min.min(p), max.max(p)));
    if min.cmple(max).all() { Ok((min, max)) } else { Err(TerrainError::NothingKnown { count: 1 }) }
}

/// The empty grid, and what of the models it leaves out.
fn layout(
    dems: &[Dem],
    extents: &[(DVec2, DVec2)],
    options: &GridOptions,
) -> Result<(HeightGrid, Vec<String>), TerrainError> {
    let finest = dems.iter().zip(extents).map(|(dem, (min, max))| ((*max - *min) / dem.size()).min_element());
    let mut cell_m = options.cell_m.unwrap_or_else(|| finest.fold(f64::INFINITY, f64::min)).max(FINEST_CELL_M);
    let whole =
        extents.iter().fold((DVec2::INFINITY, DVec2::NEG_INFINITY), |(min, max), (a, b)| (min.min(*a), max.max(*b)));
    let (mut min, mut max) = options.within.unwrap_or(whole);
    let nodes = |min: DVec2, max: DVec2, cell_m: f64| ((max - min) / cell_m).floor() + 1.0;
    let is_much = |size: DVec2| size.x * size.y > MOST_NODES as f64;
    let mut told = Vec::new();
    let may_cut = options.within.is_none();
    if let Some((low, high)) = options.city.filter(|_| may_cut && is_much(nodes(min, max, cell_m))) {
        let around = ((high - low) * AROUND_CITY.0).max(DVec2::splat(AROUND_CITY.1));
        (min, max) = (min.max(low - around), max.min(high + around));
        let km = (max - min) / 1000.0;
        told.push(format!(
            "the ground is cut to {:.1} x {:.1} km around the objects: the elevation models reach further than fits",
            km.x, km.y
        ));
    }
    let mut size = nodes(min, max, cell_m);
    if options.cell_m.is_none() && may_cut && is_much(size) && size.is_finite() {
        let finest_m = cell_m;
        while is_much(size) {
            cell_m *= 1.05;
            size = nodes(min, max, cell_m);
        }
        told.push(format!("the ground has a height every {cell_m:.1} m: the elevation models have {finest_m:.1} m, which is more than fits"));
    }
    let sound = min.is_finite() && size.cmpge(DVec2::splat(2.0)).all() && cell_m.is_finite();
    if !sound || is_much(size) {
        return Err(if sound {
            TerrainError::TooLarge { columns: size.x, rows: size.y, most: MOST_NODES }
        } else {
            TerrainError::NothingKnown { count: dems.len() }
        });
    }
    let (columns, rows) = (size.x as usize, size.y as usize);
    Ok((HeightGrid { origin_in_site: min, cell_m, columns, rows, heights_m: Vec::new() }, told))
}

struct Models<'a> {
    dems: &'a [Dem],
    extents: &'a [(DVec2, DVec2)],
    registry: &'a CrsRegistry,
    site: &'a SiteFrame,
    cache: TileCache<f32>,
}

/// A model that reaches a block, and the way to its CRS.
type Reaching<'a> = (usize, &'a Dem, Box<dyn CoordinateOperation>);

impl Models<'_> {
    /// Heights of the nodes of a block. A place's longitude and latitude depend a little on its height (the site's up is not
    /// the local up away from the anchor), so the heights found first are used to look again.
    fn block(&self, grid: &HeightGrid, column: usize, row: usize) -> Result<Vec<f32>, TerrainError> {
        let (width, height) = (BLOCK.min(grid.columns - column), BLOCK.min(grid.rows - row));
        let corner = grid.origin_in_site + DVec2::new(column as f64, row as f64) * grid.cell_m;
        let size = DVec2::new(width as f64, height as f64) * grid.cell_m;
        let slack = DVec2::splat(blend::CELLS as f64 * grid.cell_m + OUTLINE_SLACK_M);
        let models = self.reaching(corner - slack, corner + size + slack)?;
        // Where only one model is, nothing is blended, and what lies around does not matter.
        let halo = if models.len() > 1 { blend::CELLS } else { 0 };
        let (wide, high) = (width + 2 * halo, height + 2 * halo);
        let place = |index: usize| {
            let at = DVec2::new((index % wide) as f64, (index / wide) as f64) - halo as f64;
            (corner + at * grid.cell_m).extend(0.0)
        };
        let mut nodes: Vec<DVec3> = (0..wide * high).map(place).collect();
        let mut heights = vec![f64::NAN; nodes.len()];
        if models.is_empty() {
            return Ok(vec![f32::NAN; width * height]);
        }
        for _ in 0..2 {
            let degrees: Vec<DVec3> = nodes.iter().map(|node| degrees(self.site, *node)).collect();
            let mut layers: Vec<Vec<f64>> = Vec::new();
            for (number, dem, way) in &models {
                let layer = self.layer(*number, dem, &**way, &degrees, wide)?;
                let is_whole = layer.iter().all(|height| !height.is_nan());
                layers.push(layer);
                if is_whole {
                    break;
                }
            }
            heights = blend::over_each_other(&layers, wide);
            for ((node, height), place) in nodes.iter_mut().zip(&heights).zip(&degrees) {
                if !height.is_nan() {
                    node.z += height - place.z;
                }
            }
        }
        let inner = (0..height).flat_map(|y| (0..width).map(move |x| (y + halo) * wide + x + halo));
        Ok(inner.map(|index| heights.get(index).map_or(f32::NAN, |height| *height as f32)).collect())
    }

    /// The models that reach a box of the site's plane.
    fn reaching(&self, low: DVec2, high: DVec2) -> Result<Vec<Reaching<'_>>, TerrainError> {
        let touches = |(min, max): &(DVec2, DVec2)| max.cmpge(low).all() && min.cmple(high).all();
        let near = self.dems.iter().zip(self.extents).enumerate().filter(|(_, (_, extent))| touches(extent));
        near.map(|(number, (dem, _))| Ok((number, dem, dem.operation(self.registry)?))).collect()
    }

    /// Heights above the ellipsoid of one model at some places, NaN where it knows none.
    fn layer(
        &self,
        number: usize,
        dem: &Dem,
        way: &dyn CoordinateOperation,
        degrees: &[DVec3],
        wide: usize,
    ) -> Result<Vec<f64>, TerrainError> {
        let mut places = degrees.to_vec();
        way.convert(&mut places).map_err(|cause| TerrainError::Crs { cause, path: dem.path.clone() })?;
        let pixel = |place: &DVec3| dem.transform.pixel_from_crs.transform_point2(place.truncate());
        let pixels: Vec<DVec2> = places.iter().map(pixel).collect();
        let (least, greatest) = dem.known().corners();
        let inside = |pixel: &DVec2| pixel.is_finite() && pixel.cmpge(least).all() && pixel.cmple(greatest).all();
        let within = pixels.iter().copied().filter(inside);
        let (low, high) = within.fold((DVec2::INFINITY, DVec2::NEG_INFINITY), |(l, h), p| (l.min(p), h.max(p)));
        let mut heights = vec![f64::NAN; degrees.len()];
        if low.cmpgt(high).any() {
            return Ok(heights);
        }
        let reader = RasterReader::new(&*dem.raster, &self.cache, number);
        // A height belongs to a place: only where there are four pixels and more between nodes are they put together.
        let Some(part) = reader.part(low, high, footprint(&pixels, wide) * 0.5)? else { return Ok(heights) };
        for ((height, pixel), place) in heights.iter_mut().zip(&pixels).zip(degrees) {
            if inside(pixel) {
                let found = part.between(*pixel);
                if found.is_known() {
                    *height = dem.ellipsoid_height_m(found, *place);
                }
            }
        }
        Ok(heights)
    }
}

/// Pixels between two nodes: the least of those along the middle row that are numbers.
fn footprint(pixels: &[DVec2], wide: usize) -> f64 {
    let middle = pixels.chunks_exact(wide.max(1)).nth(pixels.len() / wide.max(1) / 2).unwrap_or(pixels);
    let steps = middle.windows(2).map(|pair| (pair[1] - pair[0]).length()).filter(|step| step.is_finite());
    let least = steps.fold(f64::INFINITY, f64::min);
    if least.is_finite() { least } else { 1.0 }
}

/// Longitude, latitude in degrees and ellipsoid height of a place of the site.
fn degrees(site: &SiteFrame, point: DVec3) -> DVec3 {
    let Ecef(ecef) = site.to_ecef(SitePoint(point));
    let place = Ecef(ecef).to_geodetic();
    DVec3::new(place.longitude_rad.to_degrees(), place.latitude_rad.to_degrees(), place.ellipsoid_height_m)
}
