//! A picture of the ground in its own CRS.

use std::fmt;
use std::sync::Arc;

use glam::{DVec2, DVec3};

use super::TerrainError;
use crate::geodesy::{CoordinateOperation, CrsId, CrsRegistry};
use crate::import::raster::{Held, Pixels, RasterTiles, RasterTransform};

/// A georeferenced image.
#[derive(Clone)]
pub struct Imagery {
    /// Its name in messages.
    pub path: String,
    /// CRS of the image's plane.
    pub crs: CrsId,
    /// The colours, alpha 0 where there is no picture.
    pub raster: Arc<dyn RasterTiles<[u8; 4]>>,
    /// Where the pixels of the finest level lie.
    pub transform: RasterTransform,
}

impl fmt::Debug for Imagery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Imagery").field("path", &self.path).field("crs", &self.crs).finish_non_exhaustive()
    }
}

impl Imagery {
    /// From pixels in memory.
    pub fn from_pixels(crs: CrsId, pixels: Pixels<[u8; 4]>, transform: RasterTransform) -> Self {
        Self { path: "memory".to_owned(), crs, raster: Arc::new(Held::new(pixels)), transform }
    }

    pub(super) fn operation(&self, registry: &CrsRegistry) -> Result<Box<dyn CoordinateOperation>, TerrainError> {
        let crs = |cause| TerrainError::Crs { cause, path: self.path.clone() };
        registry.operation(&CrsId::wgs84(), &self.crs).map_err(crs)
    }

    /// Pixel coordinates of a place in the image's CRS.
    pub(super) fn pixel(&self, in_crs: DVec3) -> DVec2 {
        self.transform.pixel_from_crs.transform_point2(in_crs.truncate())
    }

    /// Whether a box of pixel coordinates touches the image.
    pub(super) fn touches(&self, low: DVec2, high: DVec2) -> bool {
        let Some(level) = self.raster.levels().first() else { return false };
        let (least, greatest) = level.known.corners();
        high.cmpge(least).all() && low.cmple(greatest).all()
    }
}
