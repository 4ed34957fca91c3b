//! One elevation model in its own CRS.

use std::fmt;
use std::sync::Arc;

use glam::{DVec2, DVec3};

use super::TerrainError;
use crate::geodesy::{CoordinateOperation, CrsId, CrsRegistry, HeightReference};
use crate::import::raster::{Held, PixelBox, Pixels, RasterTiles, RasterTransform};

/// A raster of heights.
#[derive(Clone)]
pub struct Dem {
    /// Its name in messages.
    pub path: String,
    /// CRS of the raster's plane.
    pub crs: CrsId,
    /// What the heights are above.
    pub height: HeightReference,
    /// The heights, NaN where not known.
    pub raster: Arc<dyn RasterTiles<f32>>,
    /// Where the pixels of the finest level lie.
    pub transform: RasterTransform,
    /// Metres in one unit of the heights.
    pub unit_m: f64,
}

impl fmt::Debug for Dem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dem").field("path", &self.path).field("crs", &self.crs).finish_non_exhaustive()
    }
}

impl Dem {
    /// From samples in memory: upper left first, row by row, metres above `height`, NaN where not known.
    pub fn from_samples(crs: CrsId, height: HeightReference, samples: Pixels<f32>, transform: RasterTransform) -> Self {
        let raster = Arc::new(Held::new(samples));
        Self { path: "memory".to_owned(), crs, height, raster, transform, unit_m: 1.0 }
    }

    /// Where the finest level has pixels.
    pub(super) fn known(&self) -> PixelBox {
        self.raster.levels().first().map(|level| level.known).unwrap_or_default()
    }

    /// The middle of the raster, in its CRS.
    pub fn middle(&self) -> DVec3 {
        let (low, high) = self.known().corners();
        self.transform.crs_from_pixel.transform_point2((low + high) * 0.5).extend(0.0)
    }

    /// The operation from WGS 84 degrees to the raster's CRS.
    pub(super) fn operation(&self, registry: &CrsRegistry) -> Result<Box<dyn CoordinateOperation>, TerrainError> {
        let crs = |cause| TerrainError::Crs { cause, path: self.path.clone() };
        registry.operation(&CrsId::wgs84(), &self.crs).map_err(crs)
    }

    /// Places on the raster's border, and its middle, as CRS coordinates: enough to know its extent in another CRS.
    pub(super) fn outline(&self) -> Vec<DVec2> {
        let (low, high) = self.known().corners();
        let steps = 16;
        let mut places = vec![(low + high) * 0.5];
        for step in 0..=steps {
            let t = f64::from(step) / f64::from(steps);
            places.extend([(t, 0.0), (t, 1.0), (0.0, t), (1.0, t)].map(|(x, y)| low + DVec2::new(x, y) * (high - low)));
        }
        places.into_iter().map(|pixel| self.transform.crs_from_pixel.transform_point2(pixel)).collect()
    }

    /// How many pixels the raster has, across and down.
    pub(super) fn size(&self) -> DVec2 {
        let (low, high) = self.known().corners();
        high - low
    }

    /// Metres above the ellipsoid of a height of the raster at a place in degrees.
    pub(super) fn ellipsoid_height_m(&self, height: f32, degrees: DVec3) -> f64 {
        let separation_m = match &self.height {
            HeightReference::Orthometric(separation) => separation.at(degrees.x, degrees.y),
            HeightReference::Ellipsoidal | HeightReference::AboveGround => 0.0,
        };
        f64::from(height) * self.unit_m + separation_m
    }
}
