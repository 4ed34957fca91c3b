//! Geoid models: how high the level of the sea is above the ellipsoid, in the files that they come in.

use glam::DVec2;

use super::raster::geotiff::{GeoTiff, Heights};
use super::raster::{PixelBox, RasterReader, RasterTiles, TileCache};
use super::{ImportError, SourceFiles};
use crate::geodesy::{GeodesyError, GeoidModel};

/// Bytes of the largest model that is read: twice EGM2008 at 2.5 minutes.
const MOST_BYTES: u64 = 300 << 20;
/// Its nodes.
const MOST_NODES: u64 = 1 << 26;

/// Reads a geoid model: a `.gtx` grid of NOAA and PROJ, a GeoTIFF of PROJ (its band `geoid_undulation`, or the first), or
/// `WW15MGH.DAC` of NGA. Which of them it is shows in the file.
pub fn read_geoid(files: &dyn SourceFiles) -> Result<GeoidModel, ImportError> {
    let name = files.names().first().cloned().unwrap_or_default();
    let size = files.size(&name)?;
    let path = files.path_of(&name);
    let failed = |error: GeodesyError| ImportError::Option { what: error.to_string(), path: path.clone() };
    if matches!(files.head(&name, 4)?.as_slice(), [b'I', b'I', 42 | 43, 0] | [b'M', b'M', 0, 42 | 43]) {
        return of_geotiff(files, &name);
    }
    if size > MOST_BYTES {
        let what =
            format!("this geoid model of {size} bytes is too large; cut it to the city (gdal_translate -projwin)");
        return Err(ImportError::Option { what, path });
    }
    let bytes = files.read(&name)?;
    if name.to_ascii_lowercase().ends_with(".dac") {
        return GeoidModel::from_egm96(&bytes).map_err(failed);
    }
    GeoidModel::from_gtx(&bytes).map_err(failed)
}

fn of_geotiff(files: &dyn SourceFiles, name: &str) -> Result<GeoidModel, ImportError> {
    let tiff = GeoTiff::open(files.shared(), name)?;
    let layout = tiff.layout();
    let (width, height) = (layout.width, layout.height);
    let Some(transform) = tiff.transform else {
        return Err(tiff.failed("this geoid model does not say where it lies"));
    };
    if width.saturating_mul(height) > MOST_NODES {
        let what = "this geoid model is too large; cut it to the city (gdal_translate -projwin)";
        return Err(tiff.failed(what));
    }
    let is_geographic = tiff
        .keys
        .crs()
        .is_none_or(|crs| crs.definition().is_none_or(|definition| definition.starts_with("+proj=longlat")));
    if !is_geographic {
        return Err(tiff.failed("this geoid model is not in longitude and latitude"));
    }
    let bands = layout.bands;
    let undulation = tiff.metadata.descriptions.iter().find(|(_, words)| words.contains("geoid_undulation"));
    let band = undulation.map(|(band, _)| *band).filter(|band| *band < bands).unwrap_or(0);
    let heights = Heights::new(tiff, band);
    let cache = TileCache::new(16 << 20);
    let all = RasterReader::new(&heights, &cache, 0).window(0, PixelBox::of_size(width, height))?;
    if let Some(damage) = heights.damage().first {
        return Err(ImportError::Read { cause: damage, path: files.path_of(name) });
    }
    // Nodes are the middles of pixels; rows may go either way.
    let place = |x: f64, y: f64| transform.crs_from_pixel.transform_point2(DVec2::new(x + 0.5, y + 0.5));
    let (first, step) = (place(0.0, 0.0), place(1.0, 1.0) - place(0.0, 0.0));
    let turned = (place(1.0, 0.0).y - first.y).abs() > step.y.abs() * 1e-6;
    let mut rows: Vec<Vec<f32>> = (0..all.height).map(|row| all.row(row).to_vec()).collect();
    let mut south_west = first;
    if step.y < 0.0 {
        rows.reverse();
        south_west = place(0.0, (all.height - 1) as f64);
    }
    let model = GeoidModel::new(south_west, DVec2::new(step.x, step.y.abs()), rows);
    let model = model.map_err(|error| error.to_string()).and_then(|model| match turned {
        true => Err("its rows do not run along parallels".to_owned()),
        false => Ok(model),
    });
    model.map_err(|cause| ImportError::Read { cause, path: files.path_of(name) })
}
