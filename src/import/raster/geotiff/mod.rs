//! GeoTIFF and Cloud Optimized GeoTIFF (OGC 19-008r4, OGC 21-026): elevation models and pictures, in one file or a folder of
//! sheets.
//!
//! `directory` reads the tags, `layout` checks what they claim of the pixels, `keys` and `user_crs` find where they lie,
//! `codec` decodes strips and tiles, `raster` makes tiles of heights or colours of them when they are asked for. Nothing but
//! tags is read at import, so that a file of any size costs what of it the city needs.
//!
//! An own reader of the tags over well-kept decoders instead of the crate `tiff`: that has neither palettes nor masks, nor tiles
//! that are left out, and holds its place in the file, so that threads cannot read side by side.

mod codec;
mod directory;
mod keys;
mod layout;
mod metadata;
mod raster;
mod user_crs;

use std::sync::Arc;

use glam::{DAffine2, DMat2, DVec2};

pub use keys::{GeoKeys, PixelMeaning};
pub use layout::{Layout, SampleKind};
pub use metadata::BandMetadata;
pub use raster::{GeoTiff, Heights, Picture};

use super::{RasterFacts, RasterKind, RasterTiles, RasterTransform, beside, crs_beside};
use crate::import::terrain::{Dem, Imagery};
use crate::import::{
    Confidence, HeightsAbove, ImportError, ImportOptions, Importer, ObjectSink, Place, SourceFiles, SourceFrame,
    SourceReport,
};

/// Reads GeoTIFFs.
#[derive(Debug, Clone, Copy)]
pub struct GeoTiffImporter;

impl Importer for GeoTiffImporter {
    fn name(&self) -> &'static str {
        "geotiff"
    }

    fn title(&self) -> &'static str {
        "GeoTIFF and COG: elevation, images"
    }

    fn patterns(&self) -> &'static [&'static str] {
        &["*.tif", "*.tiff"]
    }

    fn probe(&self, files: &dyn SourceFiles) -> Confidence {
        let Some(name) = sheets(files).next() else { return Confidence::No };
        match files.head(name, 4).as_deref() {
            Ok([b'I', b'I', 42 | 43, 0] | [b'M', b'M', 0, 42 | 43]) => Confidence::Yes,
            _ => Confidence::Maybe,
        }
    }

    fn read(
        &self,
        files: &dyn SourceFiles,
        options: &ImportOptions,
        sink: &mut dyn ObjectSink,
    ) -> Result<SourceReport, ImportError> {
        let mut report = SourceReport::new(files.path(), self.name());
        let names: Vec<&String> = sheets(files).collect();
        let mut unreadable = None;
        for (index, name) in names.iter().enumerate() {
            sink.progress(index as u64, names.len() as u64)?;
            match sheet(files.shared(), name, options, &mut report) {
                Ok(Sheet::Ground(dem)) => sink.elevation(dem)?,
                Ok(Sheet::Picture(image)) => sink.image(image)?,
                Err(error) => {
                    report.skip("raster-unreadable", error.to_string(), Place::file(files.path_of(name)));
                    unreadable.get_or_insert(error);
                    continue;
                }
            }
            report.files += 1;
            report.records += 1;
        }
        // A folder goes on without a bad sheet; a file does not without itself.
        match unreadable {
            Some(error) if report.rasters.is_empty() => Err(error),
            _ => Ok(report),
        }
    }
}

fn sheets(files: &dyn SourceFiles) -> impl Iterator<Item = &String> {
    let is_tiff = |name: &&String| {
        let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
        extension.is_some_and(|extension| extension == "tif" || extension == "tiff")
    };
    files.names().iter().filter(is_tiff)
}

enum Sheet {
    Ground(Dem),
    Picture(Imagery),
}

fn sheet(
    files: Arc<dyn SourceFiles>,
    name: &str,
    options: &ImportOptions,
    report: &mut SourceReport,
) -> Result<Sheet, ImportError> {
    let path = files.path_of(name);
    let mut tiff = GeoTiff::open(Arc::clone(&files), name)?;
    if tiff.transform.is_none() {
        tiff.transform = world_file(&*files, name);
    }
    let kind = options.raster.unwrap_or_else(|| tiff.kind());
    let layout = tiff.layout();
    let (width, height, bands, levels) = (layout.width, layout.height, layout.bands, tiff.resolutions());
    let transform = tiff.transform.ok_or_else(|| {
        let what = "it does not say where it lies: there are no georeference tags, and no .tfw is beside it";
        ImportError::Option { what: what.to_owned(), path: path.clone() }
    })?;
    let extent = Some(transform.extent(DVec2::ZERO, DVec2::new(width as f64, height as f64)));
    let nodata = tiff.nodata;
    let stated = tiff.keys.crs().map(|crs| (crs, "its GeoTIFF keys"));
    let stated = stated.or_else(|| crs_beside(&*files, name).map(|crs| (crs, "its .prj")));
    let named =
        tiff.keys.citation().map(|words| format!(" (it calls it '{}')", words.chars().take(80).collect::<String>()));
    let no_crs = || ImportError::NoCrs { hint: named.unwrap_or_default(), path: path.clone() };
    let (crs, stated_by) = options.settle_crs(stated, &path)?.ok_or_else(no_crs)?;
    let (found, heights_above) = match kind {
        RasterKind::Elevation => {
            let stated = match tiff.keys.heights_above_ellipsoid() {
                Some(true) => HeightsAbove::Ellipsoid,
                _ => HeightsAbove::of_crs(&crs),
            };
            let (above, height) = options.heights_of_raster(stated, &path)?;
            let unit_m = tiff.metadata.units_m.get(&0).copied().or(tiff.keys.vertical_unit_m()).unwrap_or(1.0);
            let raster = Arc::new(Heights::new(tiff, 0)) as Arc<dyn RasterTiles<f32>>;
            (Sheet::Ground(Dem { path: path.clone(), crs: crs.clone(), height, raster, transform, unit_m }), above)
        }
        RasterKind::Image => {
            let raster = Arc::new(Picture::new(tiff)?) as Arc<dyn RasterTiles<[u8; 4]>>;
            (Sheet::Picture(Imagery { path: path.clone(), crs: crs.clone(), raster, transform }), HeightsAbove::Ground)
        }
        RasterKind::Terrarium | RasterKind::TerrainRgb => {
            let above = options.heights_of_raster(HeightsAbove::Geoid, &path)?;
            let raster =
                Arc::new(super::colored::ColoredHeights::new(Picture::new(tiff)?, kind)) as Arc<dyn RasterTiles<f32>>;
            let dem = Dem { path: path.clone(), crs: crs.clone(), height: above.1, raster, transform, unit_m: 1.0 };
            (Sheet::Ground(dem), above.0)
        }
    };
    report.rasters.push(RasterFacts { kind, width, height, bands, levels, nodata, extent });
    report.frame.get_or_insert(SourceFrame { crs, heights_above, stated_by });
    Ok(found)
}

/// The six numbers of a world file beside a picture: steps in x and y along a row, along a column, the middle of the first pixel.
fn world_file(files: &dyn SourceFiles, name: &str) -> Option<RasterTransform> {
    let text = beside(files, name, &["tfw", "TFW", "tifw", "wld"])?;
    let text = String::from_utf8(text).ok()?;
    let numbers: Vec<f64> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>().ok()?;
    let &[a, d, b, e, x, y, ..] = numbers.as_slice() else { return None };
    let matrix2 = DMat2::from_cols(DVec2::new(a, d), DVec2::new(b, e));
    RasterTransform::new(DAffine2 { matrix2, translation: DVec2::new(x, y) - matrix2 * DVec2::splat(0.5) })
}
