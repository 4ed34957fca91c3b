//! Plain grids of heights: SRTM tiles (`N42E001.hgt`) and ESRI ASCII grids (`*.asc`), one file or a folder of them.

mod ascii;
mod hgt;

use std::sync::Arc;

use glam::DVec2;

use super::{RasterFacts, RasterKind, RasterTiles, RasterTransform};
use crate::geodesy::CrsId;
use crate::import::terrain::Dem;
use crate::import::{
    Confidence, HeightsAbove, ImportError, ImportOptions, Importer, ObjectSink, Place, SourceFiles, SourceFrame,
    SourceReport,
};

/// Reads grids of heights.
#[derive(Debug, Clone, Copy)]
pub struct HeightGridsImporter;

/// A grid that was opened.
struct Grid {
    raster: Arc<dyn RasterTiles<f32>>,
    transform: RasterTransform,
    size: [u64; 2],
    nodata: Option<f64>,
    /// The CRS, where the kind of file says it, and how.
    stated: Option<(CrsId, &'static str)>,
}

impl Importer for HeightGridsImporter {
    fn name(&self) -> &'static str {
        "height-grid"
    }

    fn title(&self) -> &'static str {
        "SRTM tiles and ESRI ASCII grids"
    }

    fn patterns(&self) -> &'static [&'static str] {
        &["*.hgt", "*.asc"]
    }

    fn probe(&self, files: &dyn SourceFiles) -> Confidence {
        let is_grid = |name: &&String| hgt::corner(name).is_some() || ascii::is_grid(files, name);
        if files.names().iter().any(|name| is_grid(&name)) { Confidence::Yes } else { Confidence::No }
    }

    fn read(
        &self,
        files: &dyn SourceFiles,
        options: &ImportOptions,
        sink: &mut dyn ObjectSink,
    ) -> Result<SourceReport, ImportError> {
        let mut report = SourceReport::new(files.path(), self.name());
        let mut unreadable = None;
        for (index, name) in files.names().iter().enumerate() {
            sink.progress(index as u64, files.names().len() as u64)?;
            let opened = match () {
                () if hgt::corner(name).is_some() => hgt::open(files, name),
                () if ascii::is_grid(files, name) => ascii::open(files, name),
                () => continue,
            };
            match opened.and_then(|grid| ground(grid, files, name, options, &mut report)) {
                Ok(dem) => sink.elevation(dem)?,
                Err(error) => {
                    report.skip("raster-unreadable", error.to_string(), Place::file(files.path_of(name)));
                    unreadable.get_or_insert(error);
                }
            }
        }
        match unreadable {
            Some(error) if report.rasters.is_empty() => Err(error),
            _ => Ok(report),
        }
    }
}

fn ground(
    grid: Grid,
    files: &dyn SourceFiles,
    name: &str,
    options: &ImportOptions,
    report: &mut SourceReport,
) -> Result<Dem, ImportError> {
    let path = files.path_of(name);
    let settled = options.settle_crs(grid.stated, &path)?;
    let (crs, stated_by) = settled.ok_or_else(|| ImportError::NoCrs { hint: String::new(), path: path.clone() })?;
    let (heights_above, height) = options.heights_of_raster(HeightsAbove::of_crs(&crs), &path)?;
    let Grid { raster, transform, size: [width, height_pixels], nodata, .. } = grid;
    let extent = Some(transform.extent(DVec2::ZERO, DVec2::new(width as f64, height_pixels as f64)));
    let (kind, bands, levels) = (RasterKind::Elevation, 1, 1);
    report.files += 1;
    report.records += 1;
    report.rasters.push(RasterFacts { kind, width, height: height_pixels, bands, levels, nodata, extent });
    report.frame.get_or_insert(SourceFrame { crs: crs.clone(), heights_above, stated_by });
    Ok(Dem { path, crs, height, raster, transform, unit_m: 1.0 })
}
