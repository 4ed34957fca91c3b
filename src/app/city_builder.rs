//! Objects to a city package: rows, tiles, columns, index and manifest, in the one order in which they depend on each other.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use crate::city::{CityObject, Value};
use crate::geodesy::{CrsRegistry, SiteFrame, SitePoint};
use crate::geometry::{Bounds, HeightGrid};
use crate::import::terrain::{Imagery, TerrainReport, write_terrain};
use crate::import::tiler::{TilerOptions, TilingReport, tile_city};
use crate::package::{
    AttributeSummary, HEIGHT_GRID_FILE, Manifest, PackageSink, SourceSummary, encode_height_grid, sort_objects,
    write_objects,
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
    let tiling = tile_city(&draft.objects, &row, &draft.site, &TilerOptions::default(), sink)?;
    write_objects(&draft.objects, sink).context("cannot write the object table")?;
    let mut terrain = None;
    if let Some(ground) = &draft.ground {
        let report = write_terrain(ground, &draft.site, registry, draft.imagery.as_ref(), sink);
        terrain = Some(report.context("cannot write the terrain")?);
        sink.write(HEIGHT_GRID_FILE, &encode_height_grid(ground)?)?;
    }
    let manifest = manifest(&draft, &tiling);
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
    let mut bounds = Bounds::EMPTY;
    for object in &draft.objects {
        bounds = bounds.union(object.bounds());
        *manifest.counts.entry(object.class.clone()).or_default() += 1;
        *manifest.cim_levels.entry(format!("CIM{}", object.level as u8)).or_default() += 1;
    }
    manifest.attributes = attributes(&draft.objects);
    manifest.extent = (!bounds.is_empty()).then(|| extent(&draft.site, bounds));
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

/// West, south, east, north in degrees, lowest and highest in metres, to the centimetre.
fn extent(site: &SiteFrame, bounds: Bounds) -> [f64; 6] {
    let corner = |i: usize| {
        let pick = |bit: usize, axis: usize| if i >> bit & 1 == 0 { bounds.min[axis] } else { bounds.max[axis] };
        site.to_geodetic(SitePoint(glam::DVec3::new(pick(0, 0), pick(1, 1), pick(2, 2))))
    };
    let mut all =
        [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY, f64::INFINITY, f64::NEG_INFINITY];
    for point in (0..8).map(corner) {
        let (lon, lat) = (point.longitude_rad.to_degrees(), point.latitude_rad.to_degrees());
        let height = point.ellipsoid_height_m;
        all = [
            all[0].min(lon),
            all[1].min(lat),
            all[2].max(lon),
            all[3].max(lat),
            all[4].min(height),
            all[5].max(height),
        ];
    }
    let round = |value: f64, digits: f64| (value * digits).round() / digits;
    [
        round(all[0], 1e7),
        round(all[1], 1e7),
        round(all[2], 1e7),
        round(all[3], 1e7),
        round(all[4], 1e2),
        round(all[5], 1e2),
    ]
}
