//! The rasters among the sources of an import: elevation models, and images to lay on them.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use anyhow::{Context, Result};
use glam::{DVec2, DVec3};
use serde::Serialize;

use super::import_plan::{Job, hash};
use crate::formats::geotiff::GeoTiff;
use crate::geodesy::{CrsId, CrsRegistry, Geodetic, SiteFrame};
use crate::geometry::HeightGrid;
use crate::import::SourceFiles;
use crate::import::terrain::{Dem, DemOptions, GridOptions, Imagery, merge};
use crate::package::SourceSummary;
use crate::platform::{Interrupt, LocalFiles};

/// Pixels of a map tile along an edge.
const TILE_PIXELS: u32 = 256;

/// Whether a source is a GeoTIFF by its name.
pub fn is_geotiff(path: &Path) -> bool {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    extension.is_some_and(|extension| extension == "tif" || extension == "tiff")
}

/// What a GeoTIFF says of itself; all of its pixels are read.
#[derive(Debug, Serialize)]
pub struct RasterFacts {
    pub path: String,
    pub importer: &'static str,
    pub crs: Option<String>,
    pub width: u32,
    pub height: u32,
    pub bands: u16,
    pub nodata: Option<f64>,
    /// Least east and north, greatest east and north, in the CRS.
    pub extent: Option<[f64; 4]>,
}

/// Reads a GeoTIFF for `info` and `check`.
pub fn describe(path: &Path) -> Result<RasterFacts> {
    let shown = path.display().to_string();
    let bytes = fs::read(path).with_context(|| format!("cannot read {shown}"))?;
    let mut tiff = GeoTiff::open(Cursor::new(&bytes)).with_context(|| shown.clone())?;
    let importer = if tiff.bands < 3 { "elevation" } else { "image" };
    match tiff.bands < 3 {
        true => drop(tiff.read_band(0).with_context(|| shown.clone())?),
        false => drop(tiff.read_rgba().with_context(|| shown.clone())?),
    }
    let size = DVec2::new(f64::from(tiff.width), f64::from(tiff.height));
    let extent = tiff.transform.map(|transform| {
        let corners = [DVec2::ZERO, DVec2::new(size.x, 0.0), size, DVec2::new(0.0, size.y)];
        let corners = corners.map(|corner| transform.crs_from_pixel.transform_point2(corner));
        let low = corners.iter().copied().reduce(DVec2::min).unwrap_or_default();
        let high = corners.iter().copied().reduce(DVec2::max).unwrap_or_default();
        [low.x, low.y, high.x, high.y]
    });
    let crs = tiff.keys.crs().map(|crs| crs.to_string());
    let (width, height, bands, nodata) = (tiff.width, tiff.height, tiff.bands, tiff.nodata);
    Ok(RasterFacts { path: shown, importer, crs, width, height, bands, nodata, extent })
}

/// Rasters in the order in which they were named: the first elevation model that knows a place wins, the last image lies on top.
#[derive(Default)]
pub struct Rasters {
    dems: Vec<Dem>,
    imagery: Option<Imagery>,
    /// What was taken for the image.
    pictured: Vec<String>,
    summaries: Vec<SourceSummary>,
}

impl Rasters {
    /// Takes a source if it is a raster: a GeoTIFF of one band is elevation, of three or four an image; a folder of
    /// `Z/X/Y.png` or `.jpg` is an image.
    pub fn take(&mut self, job: &Job, interrupt: &Interrupt) -> Result<bool> {
        let path = job.path.as_path();
        let shown = path.display().to_string();
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        if path.is_dir() {
            return self.take_tiles(path, &shown, &name, interrupt);
        }
        if !is_geotiff(path) {
            return Ok(false);
        }
        let bytes = fs::read(path).with_context(|| format!("cannot read {shown}"))?;
        let tiff = GeoTiff::open(Cursor::new(&bytes)).with_context(|| shown.clone())?;
        let stated = tiff.keys.crs().map(|crs| (crs, "its GeoTIFF keys"));
        let settled = job.options.settle_crs(stated, &shown)?;
        let in_words = settled.as_ref().map(|(crs, by)| format!("{crs} ({by})")).unwrap_or_default();
        let (bands, crs) = (tiff.bands, settled.map(|(crs, _)| crs));
        let importer = if bands < 3 {
            let options = DemOptions { crs, height: Some(job.height_reference()?), vertical_unit_m: None };
            self.dems.push(Dem::from_geotiff(&bytes, &shown, &options)?);
            "elevation"
        } else {
            self.imagery = Some(Imagery::from_geotiff(&bytes, &shown, crs)?);
            self.pictured.push(shown.clone());
            "image"
        };
        let hash = hash(&LocalFiles::open(path)?, interrupt)?;
        let (importer, crs) = (importer.to_owned(), in_words);
        self.summaries.push(SourceSummary { name, importer, crs, hash, ..SourceSummary::default() });
        Ok(true)
    }

    /// The finest zoom of a folder of map tiles.
    fn take_tiles(&mut self, path: &Path, shown: &str, name: &str, interrupt: &Interrupt) -> Result<bool> {
        let files = LocalFiles::open(path)?;
        let address = |name: &String| {
            let (stem, kind) = name.rsplit_once('.')?;
            let parts: Vec<u32> = stem.split('/').map(str::parse).collect::<Result<_, _>>().ok()?;
            let [zoom, x, y] = parts.as_slice() else { return None };
            ["png", "jpg", "jpeg"].contains(&kind).then_some((*zoom, *x, *y))
        };
        let finest = files.names().iter().filter_map(address).map(|(zoom, ..)| zoom).max();
        let Some(zoom) = finest.and_then(|zoom| u8::try_from(zoom).ok()) else { return Ok(false) };
        let mut tiles = Vec::new();
        for name in files.names() {
            if let Some((_, x, y)) = address(name).filter(|(z, ..)| *z == u32::from(zoom)) {
                tiles.push((x, y, files.read(name)?));
            }
        }
        self.imagery = Some(Imagery::from_xyz(zoom, &tiles, TILE_PIXELS, shown)?.0);
        self.pictured.push(shown.to_owned());
        self.summaries.push(SourceSummary {
            name: name.to_owned(),
            importer: "image".to_owned(),
            crs: "EPSG:3857 (map tiles)".to_owned(),
            hash: hash(&files, interrupt)?,
            ..SourceSummary::default()
        });
        Ok(true)
    }

    /// The middle of the first elevation model, on its ground.
    pub fn middle(&self, registry: &CrsRegistry) -> Result<Option<Geodetic>> {
        let Some(dem) = self.dems.first() else { return Ok(None) };
        let mut place = [dem.middle()];
        registry.operation(&dem.crs, &CrsId::wgs84())?.convert(&mut place)?;
        let [DVec3 { x, y, .. }] = place;
        Ok((x.is_finite() && y.is_finite()).then(|| Geodetic::from_degrees(x, y, 0.0)))
    }

    /// All elevation models as one grid.
    pub fn ground(&self, registry: &CrsRegistry, site: &SiteFrame) -> Result<Option<HeightGrid>> {
        if self.dems.is_empty() {
            return Ok(None);
        }
        let where_to_look = || {
            let Geodetic { longitude_rad, latitude_rad, .. } = site.anchor();
            let (longitude, latitude) = (longitude_rad.to_degrees(), latitude_rad.to_degrees());
            let dems: Vec<String> = self.dems.iter().map(|dem| format!("{} ({})", dem.path, dem.crs)).collect();
            format!("{}, for a city at {longitude:.4}, {latitude:.4}", dems.join(", "))
        };
        Ok(Some(merge(&self.dems, registry, site, &GridOptions::default()).with_context(where_to_look)?))
    }

    /// The image to lay on the ground.
    pub fn imagery(&self) -> Option<Imagery> {
        self.imagery.clone()
    }

    /// Images that are not in the city, and why.
    pub fn left_out(&self) -> Vec<String> {
        let (pictured, why) = match self.dems.is_empty() {
            true => (&self.pictured[..], "there is no ground to lay it on; import an elevation model with it"),
            false => (
                self.pictured.split_last().map_or(&[][..], |(_, others)| others),
                "only the last image is laid on the ground",
            ),
        };
        pictured.iter().map(|name| format!("this image is left out, {why}: {name}")).collect()
    }

    /// What the manifest says about them.
    pub fn summaries(&self) -> impl Iterator<Item = SourceSummary> {
        self.summaries.iter().cloned()
    }
}
