//! Pyramids of map tiles: pictures, and heights written as colours, in folders and archives.
//!
//! A `store` gives the bytes of a tile by zoom, column and row, a `matrix` tells where it lies, a [`Pyramid`] is both as a
//! raster of as many resolutions as there are zooms. Whether the colours are heights is said in a recipe (`raster`), by the
//! archive, or seen in the tiles.

mod matrix;
mod mbtiles;
mod pmtiles;
mod pyramid;
mod store;

use std::sync::Arc;

pub use matrix::{MatrixSet, Numbering, TileMatrix, WellKnown};
pub use mbtiles::MbTiles;
pub use pmtiles::Archive;
pub use pyramid::{Pyramid, TileDecoder, decode_picture};
pub use store::{Address, FolderStore, TileRange, TileStore};

use super::colored::{ColoredHeights, encoding_of};
use super::{RasterFacts, RasterKind, RasterTiles, RasterTransform};
use crate::geodesy::CrsId;
use crate::import::terrain::{Dem, Imagery};
use crate::import::{
    Confidence, HeightsAbove, ImportError, ImportOptions, Importer, ObjectSink, SourceFiles, SourceFrame, SourceReport,
};

/// Reads pyramids of pictures.
#[derive(Debug, Clone, Copy)]
pub struct MapTilesImporter;

impl Importer for MapTilesImporter {
    fn name(&self) -> &'static str {
        "map-tiles"
    }

    fn title(&self) -> &'static str {
        "map tiles of images, Terrarium or Terrain-RGB heights"
    }

    fn patterns(&self) -> &'static [&'static str] {
        &["Z/X/Y.png", "Z/X/Y.jpg", "Z/X/Y.webp", "*.pmtiles", "*.mbtiles"]
    }

    fn probe(&self, files: &dyn SourceFiles) -> Confidence {
        if let [only] = files.names()
            && let Ok(head) = files.head(only, pmtiles::HEADER_BYTES)
            && head.starts_with(b"PMTiles")
        {
            return if pmtiles::holds_pictures(&head) { Confidence::Yes } else { Confidence::No };
        }
        if let [only] = files.names()
            && let Some(format) = mbtiles::format(files, only)
        {
            // Databases that do not say it hold what their name says of them: pictures, before vector tiles were.
            return if ["png", "jpg", "jpeg", "webp", ""].contains(&&*format) {
                Confidence::Yes
            } else {
                Confidence::No
            };
        }
        let is_tile = |name: &String| store::picture_address(name).is_some();
        if files.names().iter().any(is_tile) { Confidence::Yes } else { Confidence::No }
    }

    fn read(
        &self,
        files: &dyn SourceFiles,
        options: &ImportOptions,
        sink: &mut dyn ObjectSink,
    ) -> Result<SourceReport, ImportError> {
        let mut report = SourceReport::new(files.path(), self.name());
        let found = match files.names() {
            [only] if files.head(only, 7)? == b"PMTiles" => of_archive(files, only, options)?,
            [only] if files.head(only, mbtiles::MAGIC.len())? == mbtiles::MAGIC => of_database(files, only, options)?,
            _ => of_folder(files, options)?,
        };
        report.files = files.names().len() as u64;
        hand_on(found, files, options, sink, &mut report)?;
        Ok(report)
    }
}

/// A pyramid that was opened.
pub struct Found {
    /// Its tiles.
    pub pyramid: Pyramid<[u8; 4]>,
    /// Where the pixels of its finest zoom lie.
    pub transform: RasterTransform,
    /// The matrices, with the CRS.
    pub set: MatrixSet,
    /// What it says its colours are.
    pub kind: Option<RasterKind>,
    /// Whether its tiles hold the very colours that were put in.
    pub is_exact: bool,
}

/// Hands a pyramid on as what it is: heights or a picture.
pub fn hand_on(
    found: Found,
    files: &dyn SourceFiles,
    options: &ImportOptions,
    sink: &mut dyn ObjectSink,
    report: &mut SourceReport,
) -> Result<(), ImportError> {
    let Found { pyramid, transform, set, kind, is_exact } = found;
    let path = files.path().to_owned();
    let seen = || -> Result<RasterKind, ImportError> {
        let samples = if is_exact { pyramid.samples(4)? } else { Vec::new() };
        Ok(encoding_of(&samples).unwrap_or(RasterKind::Image))
    };
    let kind = match options.raster.or(kind) {
        Some(kind) => kind,
        None => seen()?,
    };
    let level = pyramid.levels().first().copied();
    let known = level.map(|level| level.known).unwrap_or_default();
    let (low, high) = known.corners();
    let (levels, extent) = (pyramid.levels().len(), Some(transform.extent(low, high)));
    let (width, height) = (known.width, known.height);
    report.records += 1;
    report.rasters.push(RasterFacts { kind, width, height, bands: 4, levels, nodata: None, extent });
    let MatrixSet { crs, stated_by, .. } = set;
    let frame = |heights_above| SourceFrame { crs: crs.clone(), heights_above, stated_by };
    match kind {
        RasterKind::Terrarium | RasterKind::TerrainRgb => {
            let (above, reference) = options.heights_of_raster(HeightsAbove::Geoid, &path)?;
            report.frame = Some(frame(above));
            let raster: Arc<dyn RasterTiles<f32>> = Arc::new(ColoredHeights::new(pyramid, kind));
            sink.elevation(Dem { path, crs, height: reference, raster, transform, unit_m: 1.0 })
        }
        RasterKind::Image => {
            report.frame = Some(frame(HeightsAbove::Ground));
            sink.image(Imagery { path, crs, raster: Arc::new(pyramid), transform })
        }
        RasterKind::Elevation => {
            let what =
                "map tiles are images or heights as colours: raster is image, terrarium or terrain-rgb".to_owned();
            Err(ImportError::Option { what, path })
        }
    }
}

/// The CRS of a pyramid that does not say its matrices, and how it numbers its tiles there.
fn customary(options: &ImportOptions, path: &str) -> Result<(WellKnown, CrsId, String), ImportError> {
    // `--crs` is of those that do not say theirs, which map tiles do by being map tiles.
    let (crs, stated_by) = match options.crs.clone() {
        Some(crs) => (crs, "the recipe"),
        None => (CrsId::epsg(3857), "map tiles"),
    };
    let known = WellKnown::of_crs(&crs).ok_or_else(|| {
        let what = format!(
            "map tiles in {crs} need a WMTS capabilities document that says their matrices; without one they are in \
             EPSG:3857, GCJ02, BD09, EPSG:4326 or EPSG:4490"
        );
        ImportError::Option { what, path: path.to_owned() }
    })?;
    // The projection of the shifted places, which is what the tiles lie in.
    let crs = match known {
        WellKnown::WebMercator if crs.as_str() == "GCJ02" => CrsId::gcj02_mercator(),
        WellKnown::Baidu => CrsId::bd09_mercator(),
        _ => crs,
    };
    Ok((known, crs, stated_by.to_owned()))
}

fn of_folder(files: &dyn SourceFiles, options: &ImportOptions) -> Result<Found, ImportError> {
    let path = files.path();
    let (mut known, crs, stated_by) = customary(options, path)?;
    let names = || files.names().iter().filter_map(|name| Some((store::picture_address(name)?, name)));
    let finest = names().map(|((zoom, _), _)| zoom).max();
    let Some((_, first)) = names().find(|((zoom, _), _)| Some(*zoom) == finest) else {
        return Err(ImportError::Invalid {
            expected: "a pyramid of map tiles",
            cause: "no file is called ZOOM/COLUMN/ROW.png, .jpg or .webp".to_owned(),
            path: path.to_owned(),
        });
    };
    let (tile, is_exact) = first_size(names().map(|(_, name)| files.read(name)), first, files)?;
    // Columns that are too many for Tianditu's numbering are those of the plain one.
    let is_wide = |((zoom, [column, _]), _): ((u8, [i64; 2]), &String)| column >= 1 << zoom;
    if known == WellKnown::Tianditu && names().any(is_wide) {
        known = WellKnown::WorldCrs84Quad;
    }
    let is_tms = files.names().iter().any(|name| name.rsplit('/').next() == Some("tilemapresource.xml"));
    let numbering = match known {
        WellKnown::Baidu => Numbering::Baidu,
        _ => options.tile_numbering.unwrap_or(if is_tms { Numbering::Tms } else { Numbering::Xyz }),
    };
    let set = known.set(crs, stated_by, tile);
    let store = FolderStore::new(files.shared(), &set, numbering, store::picture_address);
    opened(Box::new(store), set, options, None, is_exact, path)
}

/// The size of the tiles: of the first that is a picture.
fn first_size(
    tiles: impl Iterator<Item = Result<Vec<u8>, ImportError>>,
    first: &str,
    files: &dyn SourceFiles,
) -> Result<([u32; 2], bool), ImportError> {
    /// Tiles that are tried.
    const TRIED: usize = 64;
    for bytes in tiles.take(TRIED) {
        if let Some(found) = pyramid::picture_size(&bytes?) {
            return Ok(found);
        }
    }
    let cause = "neither it nor those after it are PNG, JPEG or WebP".to_owned();
    Err(ImportError::Invalid { expected: "a map tile", cause, path: files.path_of(first) })
}

fn of_archive(files: &dyn SourceFiles, name: &str, options: &ImportOptions) -> Result<Found, ImportError> {
    let path = files.path();
    let archive = Archive::open(files.shared(), name)?;
    let (known, crs, stated_by) = customary(options, path)?;
    let (first, kind) = (archive.some_tile()?, archive.kind());
    let Some((tile, is_exact)) = first.as_deref().and_then(pyramid::picture_size) else {
        let cause = "its first tile is no PNG, JPEG or WebP".to_owned();
        return Err(ImportError::Invalid { expected: "a PMTiles archive of pictures", cause, path: path.to_owned() });
    };
    opened(Box::new(archive), known.set(crs, stated_by, tile), options, kind, is_exact, path)
}

fn of_database(files: &dyn SourceFiles, name: &str, options: &ImportOptions) -> Result<Found, ImportError> {
    let path = files.path();
    let tiles = MbTiles::open(files, name)?;
    let (known, crs, stated_by) = customary(options, path)?;
    let (first, kind) = (tiles.some_tile()?, tiles.kind());
    let Some((tile, is_exact)) = first.as_deref().and_then(pyramid::picture_size) else {
        let cause = "its first tile is no PNG, JPEG or WebP".to_owned();
        return Err(ImportError::Invalid { expected: "MBTiles of pictures", cause, path: path.to_owned() });
    };
    opened(Box::new(tiles), known.set(crs, stated_by, tile), options, kind, is_exact, path)
}

/// What `encoding` in the metadata of tiles says, as TileJSON and MapLibre have it.
fn encoding(words: &str) -> Option<RasterKind> {
    match words {
        "terrarium" => Some(RasterKind::Terrarium),
        "mapbox" | "terrain-rgb" | "terrainrgb" => Some(RasterKind::TerrainRgb),
        _ => None,
    }
}

/// A pyramid of a store, at the zoom that is asked for.
fn opened(
    store: Box<dyn TileStore>,
    set: MatrixSet,
    options: &ImportOptions,
    kind: Option<RasterKind>,
    is_exact: bool,
    path: &str,
) -> Result<Found, ImportError> {
    let zooms: Vec<String> =
        set.matrices.keys().filter(|zoom| store.range(**zoom).is_some()).map(u8::to_string).collect();
    let nothing = || {
        let what = match options.zoom {
            Some(zoom) => format!("there are no tiles of zoom {zoom} or coarser, only of {}", zooms.join(", ")),
            None => "there are no tiles".to_owned(),
        };
        ImportError::Option { what, path: path.to_owned() }
    };
    let (pyramid, transform) = Pyramid::new(store, pyramid::decode_picture, &set, options.zoom).ok_or_else(nothing)?;
    Ok(Found { pyramid, transform, set, kind, is_exact })
}
