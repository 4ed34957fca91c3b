//! Objects to a city package: rows, tiles, columns, index and manifest, in the one order in which they depend on each other.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use crate::city::{CityObject, Value};
use crate::geodesy::{CrsRegistry, SiteFrame, SitePoint};
use crate::geometry::{Bounds, HeightGrid};
use crate::import::terrain::{Imagery, TerrainReport, write_terrain};
use crate::import::tiler::{TilerOptions, TilingReport, tile_city};
use crate::package::{
    AttributeSummary, HEIGHT_GRID_FILE, HashedSink, Manifest, PackageSink, SourceSummary, encode_height_grid,
    sort_objects, write_objects,
};

/// What is known of a city before it is written.
pub struct CityDraft {
    /// What people call it.
    pub name: String,
    /// Frame of all objects.
    pub site: SiteFrame,
    /// All objects.
    pub objects: Vec<CityObject>,
    /// See [`Manifest::settings`].
    pub settings: String,
    /// What they came from.
    pub sources: Vec<SourceSummary>,
    /// The ground, if it is known.
    pub ground: Option<HeightGrid>,
    /// The image that lies on it.
    pub imagery: Option<Imagery>,
}

/// What was written.
pub struct Written {
    /// The package's manifest.
    pub manifest: Manifest,
    /// What the tiler made of the objects.
    pub tiling: TilingReport,
    /// What was made of the ground.
    pub terrain: Option<TerrainReport>,
    /// Identifiers that were there before; their objects are left out.
    pub twice: Vec<String>,
}

/// Writes the package; of objects with the same id the first is kept.
pub fn write_city(mut draft: CityDraft, registry: &CrsRegistry, sink: &mut dyn PackageSink) -> Result<Written> {
    sort_objects(&mut draft.objects);
    let mut twice = Vec::new();
    draft.objects.dedup_by(|next, kept| {
        let same = next.id == kept.id;
        if same {
            twice.push(next.id.clone());
        }
        same
    });
    let row = |index: usize| index as u32;
    let sink = &mut HashedSink::new(sink);
    let tiling = tile_city(&draft.objects, &row, &draft.site, &TilerOptions::default(), sink)?;
    write_objects(&draft.objects, sink).context("cannot write the object table")?;
    let mut terrain = None;
    if let Some(ground) = &draft.ground {
        let report = write_terrain(ground, &draft.site, registry, draft.imagery.as_ref(), sink);
        terrain = Some(report.context("cannot write the terrain")?);
        sink.write(HEIGHT_GRID_FILE, &encode_height_grid(ground)?)?;
    }
    let manifest = Manifest { content: sink.content(), ..manifest(&draft, &tiling) };
    sink.write(Manifest::NAME, manifest.write()?.as_bytes())?;
    Ok(Written { manifest, tiling, terrain, twice })
}

fn manifest(draft: &CityDraft, tiling: &TilingReport) -> Manifest {
    let anchor = draft.site.anchor();
    let mut manifest = Manifest {
        format_version: Manifest::FORMAT_VERSION,
        name: draft.name.clone(),
        anchor: [anchor.longitude_rad.to_degrees(), anchor.latitude_rad.to_degrees(), anchor.ellipsoid_height_m],
        crs: "EPSG:4979".to_owned(),
        height_reference: "ellipsoid".to_owned(),
        objects: draft.objects.len() as u64,
        triangles: tiling.triangles,
        tile_levels: tiling.levels,
        terrain: draft.ground.is_some(),
        settings: draft.settings.clone(),
        sources: draft.sources.clone(),
        ..Manifest::default()
    };
    let mut extent = Extent::default();
    for object in &draft.objects {
        extent.add(&draft.site, object.bounds());
        *manifest.counts.entry(object.class.clone()).or_default() += 1;
        *manifest.cim_levels.entry(format!("CIM{}", object.level as u8)).or_default() += 1;
    }
    manifest.attributes = attributes(&draft.objects);
    manifest.extent = extent.rounded();
    manifest.focus = focus(&draft.site, &draft.objects);
    manifest.ground = draft.ground.as_ref().and_then(|ground| ground_extent(&draft.site, ground));
    manifest
}

fn attributes(objects: &[CityObject]) -> BTreeMap<String, AttributeSummary> {
    let mut found: BTreeMap<&str, (u64, &str)> = BTreeMap::new();
    for (name, value) in objects.iter().flat_map(|object| &object.attributes) {
        let kind = match value {
            Value::Null => continue,
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Float(_) => "float",
            Value::Text(_) => "text",
        };
        let (filled, known) = found.entry(name).or_insert((0, kind));
        *filled += 1;
        *known = match (*known, kind) {
            (a, b) if a == b => a,
            ("int", "float") | ("float", "int") => "float",
            _ => "mixed",
        };
    }
    let summary = |(filled, kind): (u64, &str)| AttributeSummary { filled, kind: kind.to_owned() };
    found.into_iter().map(|(name, about)| (name.to_owned(), summary(about))).collect()
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
fn focus(site: &SiteFrame, objects: &[CityObject]) -> Option<[f64; 6]> {
    let mut sides: [Vec<f64>; 6] = Default::default();
    for bounds in objects.iter().map(CityObject::bounds).filter(|bounds| !bounds.is_empty()) {
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
            let place = Some(Bounds { min: foot - glam::DVec3::X, max: foot + glam::DVec3::new(1.0, 1.0, 20.0) });
            CityObject { place, ..CityObject::default() }
        };
        let mut objects: Vec<CityObject> = (0..100).map(|i| object(f64::from(i) * 120.0, f64::from(i % 10))).collect();
        objects.push(object(0.0, -60_000.0));
        let [west, south, east, north, foot, top] = focus(&site, &objects).unwrap();
        assert!(foot.abs() < 0.02 && (top - 20.0).abs() < 0.02, "{foot} {top}");
        assert!(south > 35.5999 && north < 35.6011 && west >= 139.7 && east < 139.84, "{west} {south} {east} {north}");
        // Nor does one of few.
        let few: Vec<CityObject> = objects.iter().skip(94).cloned().collect();
        let [_, south, ..] = focus(&site, &few).unwrap();
        assert!(south > 35.5999, "{south}");
        let mut all = Extent::default();
        objects.iter().for_each(|object| all.add(&site, object.bounds()));
        let [_, south, .., low, _] = all.rounded().unwrap();
        assert!(south < 35.1 && low.abs() < 0.02, "{south} {low}");
    }
}
