//! One elevation model in its own CRS.

use std::io::Cursor;

use glam::{DVec2, DVec3};

use super::TerrainError;
use crate::formats::geotiff::{Band, GeoTiff, RasterTransform};
use crate::geodesy::{CoordinateOperation, CrsId, CrsRegistry, HeightReference, Separation};

/// What a user may say about an elevation model.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DemOptions {
    /// The CRS, over what the file says.
    pub crs: Option<CrsId>,
    /// What its heights are above. Elevation models are orthometric unless said otherwise, so a separation of the geoid is
    /// needed for true ellipsoid heights; without it 0 is taken and everything stands on the same, shifted ground.
    pub height: Option<HeightReference>,
    /// Metres in one unit of the samples, over what the file says.
    pub vertical_unit_m: Option<f64>,
}

/// A raster of heights.
#[derive(Debug, Clone, PartialEq)]
pub struct Dem {
    /// Its name in messages.
    pub path: String,
    /// CRS of the raster's plane.
    pub crs: CrsId,
    /// What the heights are above.
    pub height: HeightReference,
    band: Band,
    transform: RasterTransform,
    unit_m: f64,
}

impl Dem {
    /// Reads a GeoTIFF; the first band holds the heights.
    pub fn from_geotiff(bytes: &[u8], path: &str, options: &DemOptions) -> Result<Self, TerrainError> {
        let raster = |cause| TerrainError::Raster { cause, path: path.to_owned() };
        let mut tiff = GeoTiff::open(Cursor::new(bytes)).map_err(raster)?;
        let missing = |what, hint: &str| TerrainError::NoPlace { what, hint: hint.to_owned(), path: path.to_owned() };
        let transform = tiff.transform.ok_or_else(|| missing("where it lies", " (no georeference)"))?;
        let named = tiff.keys.citation.as_ref().map(|name| format!(" (it calls it '{name}')")).unwrap_or_default();
        let hint = format!("{named}; give it with --crs EPSG:CODE");
        let crs =
            options.crs.clone().or_else(|| tiff.keys.crs()).ok_or_else(|| missing("its CRS by EPSG code", &hint))?;
        let unit_m = options.vertical_unit_m.or(tiff.keys.vertical_unit_m).unwrap_or(1.0);
        let height = options.height.clone().unwrap_or(HeightReference::Orthometric(Separation::Constant(0.0)));
        let band = tiff.read_band(0).map_err(raster)?;
        Ok(Self { path: path.to_owned(), crs, height, band, transform, unit_m })
    }

    /// From samples in memory: upper left first, row by row, metres above `height`, NaN where not known.
    pub fn from_samples(crs: CrsId, height: HeightReference, band: Band, transform: RasterTransform) -> Self {
        Self { path: "memory".to_owned(), crs, height, band, transform, unit_m: 1.0 }
    }

    /// The middle of the raster, in its CRS.
    pub fn middle(&self) -> DVec3 {
        let size = DVec2::new(self.band.width as f64, self.band.height as f64);
        self.transform.crs_from_pixel.transform_point2(size * 0.5).extend(0.0)
    }

    /// The operation from WGS 84 degrees to the raster's CRS.
    pub(super) fn operation(&self, registry: &CrsRegistry) -> Result<Box<dyn CoordinateOperation>, TerrainError> {
        let crs = |cause| TerrainError::Crs { cause, path: self.path.clone() };
        registry.operation(&CrsId::wgs84(), &self.crs).map_err(crs)
    }

    /// Places on the raster's border, and its middle, as CRS coordinates: enough to know its extent in another CRS.
    pub(super) fn outline(&self) -> Vec<DVec2> {
        let size = DVec2::new(self.band.width as f64, self.band.height as f64);
        let steps = 16;
        let mut places = vec![size * 0.5];
        for step in 0..=steps {
            let t = f64::from(step) / f64::from(steps);
            places.extend([(t, 0.0), (t, 1.0), (0.0, t), (1.0, t)].map(|(x, y)| DVec2::new(x, y) * size));
        }
        places.into_iter().map(|pixel| self.transform.crs_from_pixel.transform_point2(pixel)).collect()
    }

    /// How many pixels the raster has, across and down.
    pub(super) fn size(&self) -> DVec2 {
        DVec2::new(self.band.width as f64, self.band.height as f64)
    }

    /// Height above the ellipsoid at a place: `in_crs` of the raster's CRS, `degrees` the same in longitude and latitude.
    /// Bilinear between the four pixels around it; those that are not known are left out while the known ones weigh at least
    /// half, otherwise `None`.
    pub(super) fn height_m(&self, in_crs: DVec3, degrees: DVec3) -> Option<f64> {
        let pixel = self.transform.pixel_from_crs.transform_point2(in_crs.truncate());
        let size = self.size();
        let inside = pixel.is_finite() && pixel.cmpge(DVec2::ZERO).all() && pixel.cmple(size).all();
        if !inside {
            return None;
        }
        let at = (pixel - 0.5).clamp(DVec2::ZERO, size - 1.0);
        let (column, row) = (at.x.floor(), at.y.floor());
        let (fx, fy) = (at.x - column, at.y - row);
        let (mut sum, mut weight) = (0.0, 0.0);
        for (dx, dy, share) in
            [(0, 0, (1.0 - fx) * (1.0 - fy)), (1, 0, fx * (1.0 - fy)), (0, 1, (1.0 - fx) * fy), (1, 1, fx * fy)]
        {
            if let Some(value) = self.band.at(column as usize + dx, row as usize + dy) {
                sum += share * f64::from(value);
                weight += share;
            }
        }
        if weight < 0.5 {
            return None;
        }
        let separation_m = match &self.height {
            HeightReference::Orthometric(separation) => separation.at(degrees.x, degrees.y),
            HeightReference::Ellipsoidal | HeightReference::AboveGround => 0.0,
        };
        Some(sum / weight * self.unit_m + separation_m).filter(|height| height.is_finite())
    }
}
