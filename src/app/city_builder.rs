//! Objects to a city package: rows, tiles, columns, index and manifest, in the one order in which they depend on each other.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::geodesy::{CrsRegistry, SiteFrame, SitePoint};
use crate::geometry::{Bounds, HeightGrid};
use crate::import::terrain::{Imagery, TerrainReport, write_terrain};
use crate::import::tiler::{Pictures, TilePlan, Tiler, TilerOptions, TilingReport, WrittenTile};
use crate::package::{
    AttributeSummary, HEIGHT_GRID_FILE, HashedSink, Manifest, Objects, PackageSink, SourceSummary, encode_height_grid,
    write_objects,
};

/// What is known of a city before it is written.
pub struct CityDraft {
    /// What people call it.
    pub name: String,
    /// Frame of all objects.
    pub site: SiteFrame,
    /// All objects.
    pub objects: Objects,
    /// The pictures on them.
    pub pictures: Box<dyn Pictures>,
    /// See [`Manifest::settings`].
    pub settings: String,
    /// What they came from.
    pub sources: Vec<SourceSummary>,
    /// The ground, if it is known.
    pub ground: Option<HeightGrid>,
    /// The images that lie on it, the last on top.
    pub images: Vec<Imagery>,
}

/// What was written.
pub struct Written {
    /// The package's manifest.
    pub manifest: Manifest,
    /// What the tiler made of the objects.
    pub tiling: TilingReport,
    /// What was made of the ground.
    pub terrain: Option<TerrainReport>,
}

/// Writes the package.
pub fn write_city(draft: &CityDraft, registry: &CrsRegistry, sink: &mut dyn PackageSink) -> Result<Written> {
    let row = |index: usize| index as u32;
    let sink = &mut HashedSink::new(sink);
    let tiler = Tiler::new(&draft.objects, &row, &*draft.pictures, &TilerOptions::default())?;
    let written = tiler.write(0..tiler.tiles(), sink)?;
    let tiling = tiler.plan().finish(&written, &draft.site, sink)?;
    drop(tiler);
    let terrain = write_beside_tiles(draft, registry, sink)?;
    let manifest = manifest(draft, tiling.levels);
    let manifest = Manifest { triangles: tiling.triangles, content: sink.content(), ..manifest };
    sink.write(Manifest::NAME, manifest.write()?.as_bytes())?;
    Ok(Written { manifest, tiling, terrain })
}

/// Everything of a package but its tiles and its manifest.
fn write_beside_tiles(
    draft: &CityDraft,
    registry: &CrsRegistry,
    sink: &mut dyn PackageSink,
) -> Result<Option<TerrainReport>> {
    write_objects(&draft.objects, sink).context("cannot write the object table")?;
    let Some(ground) = &draft.ground else { return Ok(None) };
    let report = write_terrain(ground, &draft.site, registry, &draft.images, sink);
    let report = report.context("cannot write the terrain")?;
    sink.write(HEIGHT_GRID_FILE, &encode_height_grid(ground)?)?;
    Ok(Some(report))
}

/// A part of a package: some of its tiles, and in the first part all that is no tile.
#[derive(Serialize, Deserialize)]
pub struct Part {
    /// Its number, from 0.
    pub number: u32,
    /// How many parts there are.
    pub of: u32,
    /// The manifest, but for what only all parts together know.
    pub manifest: String,
    plan: TilePlan,
    written: Vec<WrittenTile>,
}

impl Part {
    /// Its description, in its folder.
    pub const NAME: &str = "part.bin";

    /// Writes a part. Parts of the same input join to the same bytes as [`write_city`] gives.
    pub fn write(
        (number, of): (u32, u32),
        draft: &CityDraft,
        registry: &CrsRegistry,
        sink: &mut dyn PackageSink,
    ) -> Result<Self> {
        let row = |index: usize| index as u32;
        let tiler = Tiler::new(&draft.objects, &row, &*draft.pictures, &TilerOptions::default())?;
        let plan = tiler.plan();
        let written = tiler.write(tiles_of(number, of, plan.tiles()), sink)?;
        drop(tiler);
        if number == 0 {
            write_beside_tiles(draft, registry, sink)?;
        }
        let manifest = manifest(draft, plan.levels()).write()?;
        let part = Self { number, of, manifest, plan, written };
        sink.write(Self::NAME, &postcard::to_allocvec(&part)?)?;
        Ok(part)
    }

    /// Reads a part's description.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        postcard::from_bytes(bytes).context("this is no part of an import")
    }
}

/// Joins all parts in their order; `copy` hands all files of a part but its description to the sink.
pub fn merge_parts(
    parts: &[Part],
    copy: &mut dyn FnMut(usize, &mut dyn PackageSink) -> Result<()>,
    sink: &mut dyn PackageSink,
) -> Result<Written> {
    let first = parts.first().context("there is no part")?;
    let sink = &mut HashedSink::new(sink);
    for number in 0..parts.len() {
        copy(number, sink)?;
    }
    let written: Vec<WrittenTile> = parts.iter().flat_map(|part| part.written.iter().cloned()).collect();
    let manifest = Manifest::read(&first.manifest).context("the manifest of a part")?;
    let tiling = first.plan.finish(&written, &manifest.site(), sink)?;
    let manifest = Manifest { triangles: tiling.triangles, content: sink.content(), ..manifest };
    sink.write(Manifest::NAME, manifest.write()?.as_bytes())?;
    Ok(Written { manifest, tiling, terrain: None })
}

/// The tiles of a part.
fn tiles_of(number: u32, of: u32, tiles: usize) -> std::ops::Range<usize> {
    let from = |number: u32| (tiles as u64 * u64::from(number) / u64::from(of.max(1))) as usize;
    from(number)..from(number + 1)
}

/// What the package says of itself, but for its triangles and the hash of its files.
fn manifest(draft: &CityDraft, levels: u32) -> Manifest {
    let anchor = draft.site.anchor();
    let objects = &draft.objects;
    let boxes = || (0..objects.rows()).map(|row| objects.bounds(row));
    let mut extent = Extent::default();
    boxes().for_each(|bounds| extent.add(&draft.site, bounds));
    let attributes = objects.attributes().iter().filter(|about| about.filled() > 0).map(|about| {
        let summary = AttributeSummary { filled: about.filled(), kind: about.kind().to_owned() };
        (about.name.to_string(), summary)
    });
    Manifest {
        format_version: Manifest::FORMAT_VERSION,
        name: draft.name.clone(),
        anchor: [anchor.longitude_rad.to_degrees(), anchor.latitude_rad.to_degrees(), anchor.ellipsoid_height_m],
        crs: "EPSG:4979".to_owned(),
        height_reference: "ellipsoid".to_owned(),
        objects: objects.rows() as u64,
        tile_levels: levels,
        terrain: draft.ground.is_some(),
        settings: draft.settings.clone(),
        sources: draft.sources.clone(),
        counts: objects.classes().cloned().collect(),
        cim_levels: objects.levels().iter().map(|(level, count)| (format!("CIM{}", *level as u8), *count)).collect(),
        attributes: attributes.collect(),
        extent: extent.rounded(),
        focus: focus(&draft.site, boxes()),
        ground: draft.ground.as_ref().and_then(|ground| ground_extent(&draft.site, ground)),
        ..Manifest::default()
    }
}

/// West, south, east, north in degrees, lowest and highest in metres above the ellipsoid.
#[derive(Default)]
struct Extent(Option<[f64; 6]>);

impl Extent {
    /// Takes in a box of the site frame. Box by box, since the site's plane leaves the ellipsoid: 10 km away by 8 m.
    fn add(&mut self, site: &SiteFrame, bounds: Bounds) {
        if bounds.is_empty() {
            return;
        }
        let (low, high) = (bounds.min, bounds.max);
        for corner in [low, high.with_z(low.z), high.with_x(low.x).with_z(low.z), low.with_x(high.x)] {
            self.take(site, corner);
        }
        self.take(site, bounds.center().with_z(high.z));
    }

    fn take(&mut self, site: &SiteFrame, place_in_site: glam::DVec3) {
        let place = site.to_geodetic(SitePoint(place_in_site));
        let (lon, lat) = (place.longitude_rad.to_degrees(), place.latitude_rad.to_degrees());
        let height = place.ellipsoid_height_m;
        let all = self.0.get_or_insert([lon, lat, lon, lat, height, height]);
        *all = [
            all[0].min(lon),
            all[1].min(lat),
            all[2].max(lon),
            all[3].max(lat),
            all[4].min(height),
            all[5].max(height),
        ];
    }

    /// To the centimetre.
    fn rounded(&self) -> Option<[f64; 6]> {
        let round = |value: f64, digits: f64| (value * digits).round() / digits;
        let [west, south, east, north, low, high] = self.0?;
        let degrees = [west, south, east, north].map(|value| round(value, 1e7));
        Some([degrees[0], degrees[1], degrees[2], degrees[3], round(low, 1e2), round(high, 1e2)])
    }
}

/// See [`Manifest::focus`].
fn focus(site: &SiteFrame, boxes: impl Iterator<Item = Bounds>) -> Option<[f64; 6]> {
    let mut sides: [Vec<f64>; 6] = Default::default();
    for bounds in boxes.filter(|bounds| !bounds.is_empty()) {
        let place = site.to_geodetic(SitePoint(bounds.center().with_z(bounds.min.z)));
        let (lon, lat) = (place.longitude_rad.to_degrees(), place.latitude_rad.to_degrees());
        let foot = place.ellipsoid_height_m;
        let values = [lon, lat, lon, lat, foot, foot + bounds.size().z];
        sides.iter_mut().zip(values).for_each(|(side, value)| side.push(value));
    }
    let mut found = [0.0; 6];
    for (number, (side, found)) in sides.iter_mut().zip(&mut found).enumerate() {
        let (digits, least) = if number < 4 { (1e7, FENCE_DEG) } else { (1e2, f64::INFINITY) };
        let [low, high] = most_of(side, least)?;
        let is_low = matches!(number, 0 | 1 | 4);
        *found = ((if is_low { low } else { high }) * digits).round() / digits;
    }
    Some(found)
}

/// Objects nearer than this to the middle half of all are never far off, degrees.
const FENCE_DEG: f64 = 0.002;

/// The least and the greatest value of all but a fiftieth at either end, and but those beyond Tukey's outer fences (three
/// times the range of the middle half from it, and `least` away from it): a few far off, however few there are in all.
fn most_of(values: &mut [f64], least: f64) -> Option<[f64; 2]> {
    values.sort_unstable_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    let nth = |part: usize| Some([*values.get(last / part)?, *values.get(last - last / part)?]);
    let ([q1, q3], [low, high]) = (nth(4)?, nth(50)?);
    let reach = (3.0 * (q3 - q1)).max(least);
    let near = || values.iter().copied().filter(|value| (q1 - reach..=q3 + reach).contains(value));
    Some([low.max(near().next()?), high.min(near().next_back()?)])
}

/// The extent of known heights.
fn ground_extent(site: &SiteFrame, ground: &HeightGrid) -> Option<[f64; 6]> {
    let mut extent = Extent::default();
    let size = glam::DVec2::new(ground.columns as f64 - 1.0, ground.rows as f64 - 1.0) * ground.cell_m;
    for corner in [glam::DVec2::ZERO, size, size.with_x(0.0), size.with_y(0.0)] {
        extent.take(site, (ground.origin_in_site + corner).extend(0.0));
    }
    let known = ground.heights_m.iter().copied().filter(|height| height.is_finite());
    let (low, high) = known.fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), height| (l.min(height), h.max(height)));
    let all = extent.0.as_mut()?;
    (all[4], all[5]) = (f64::from(low), f64::from(high));
    if low <= high { extent.rounded() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geodesy::Geodetic;

    /// Boxes on the ellipsoid up to 12 km away stand at height 0, and one far out at sea does not draw the eye.
    #[test]
    fn most_of_a_city_is_found_where_it_stands() {
        let site = SiteFrame::new(Geodetic::from_degrees(139.7, 35.6, 50.0));
        let object = |east: f64, north: f64| {
            let plane = site.to_geodetic(SitePoint(glam::DVec3::new(east, north, 0.0)));
            let foot = glam::DVec3::new(east, north, -plane.ellipsoid_height_m);
            Bounds { min: foot - glam::DVec3::X, max: foot + glam::DVec3::new(1.0, 1.0, 20.0) }
        };
        let mut objects: Vec<Bounds> = (0..100).map(|i| object(f64::from(i) * 120.0, f64::from(i % 10))).collect();
        objects.push(object(0.0, -60_000.0));
        let [west, south, east, north, foot, top] = focus(&site, objects.iter().copied()).unwrap();
        assert!(foot.abs() < 0.02 && (top - 20.0).abs() < 0.02, "{foot} {top}");
        assert!(south > 35.5999 && north < 35.6011 && west >= 139.7 && east < 139.84, "{west} {south} {east} {north}");
        // Nor does one of few.
        let [_, south, ..] = focus(&site, objects.iter().skip(94).copied()).unwrap();
        assert!(south > 35.5999, "{south}");
        let mut all = Extent::default();
        objects.iter().for_each(|bounds| all.add(&site, *bounds));
        let [_, south, .., low, _] = all.rounded().unwrap();
        assert!(south < 35.1 && low.abs() < 0.02, "{south} {low}");
    }
}
