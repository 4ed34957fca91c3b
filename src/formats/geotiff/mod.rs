//! GeoTIFF (OGC 19-008r4): rasters with a place on the earth.
//!
//! [`GeoTiff::open`] reads the header only: size, bands, sample type, CRS by EPSG keys, the transform from pixels to the CRS,
//! nodata. [`GeoTiff::read_band`] and [`GeoTiff::read_rgba`] then decode the pixels, strip by strip or tile by tile, so that
//! memory is what the result takes. Only the first image of a file is read; overviews are left out.

mod georeference;
mod pixels;
mod reader;

pub use georeference::{GeoKeys, PixelMeaning, RasterTransform};
pub use pixels::{Band, RgbaImage};
pub use reader::{GeoTiff, GeoTiffError, SampleKind};
