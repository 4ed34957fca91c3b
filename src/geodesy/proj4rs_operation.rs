//! The pure-Rust backend: `proj4rs` on the definitions of the EPSG codes. Serves the browser and builds without PROJ.

use glam::DVec3;
use proj4rs::Proj;
use proj4rs::transform::{Transform, TransformClosure};

use super::{CoordinateOperation, CrsId, GeodesyError, crs_info};

/// An operation by `proj4rs`: projections and Helmert datum shifts, no grids. Heights stay as they are, as between
/// two-dimensional CRS.
pub struct Proj4rsOperation {
    from: Proj,
    to: Proj,
}

/// Parameters that `proj4rs` reads over, and with them would put a city kilometres away.
const PASSED_OVER: &[&str] = &["+R_lat_", "+R_C", "+lon_wrap"];

impl Proj4rsOperation {
    /// Between two CRS of the EPSG dataset or PROJ strings.
    pub fn new(source: &CrsId, target: &CrsId) -> Result<Self, GeodesyError> {
        let string = |crs: &CrsId| {
            let unknown = || GeodesyError::UnknownCrs { crs: crs.to_string(), known: String::new() };
            crs_info::proj_string(crs).ok_or_else(unknown)
        };
        Self::from_proj_strings(&string(source)?, &string(target)?)
    }

    /// Between two CRS as PROJ strings (`+proj=utm +zone=54 +datum=WGS84`), geographic ones in degrees.
    pub fn from_proj_strings(source: &str, target: &str) -> Result<Self, GeodesyError> {
        let refused =
            |cause: String| GeodesyError::NoOperation { from: source.to_owned(), to: target.to_owned(), cause };
        let parse = |text: &str| {
            if let Some(word) = text.split_whitespace().find(|word| PASSED_OVER.iter().any(|key| word.starts_with(key)))
            {
                return Err(refused(format!("proj4rs does not know {word}")));
            }
            Proj::from_proj_string(text).map_err(|cause| refused(cause.to_string()))
        };
        Ok(Self { from: parse(source)?, to: parse(target)? })
    }
}

/// One point, in radians where the CRS is geographic; its height is not shown to the operation.
struct Place(f64, f64);

impl Transform for Place {
    fn transform_coordinates<F: TransformClosure>(&mut self, f: &mut F) -> proj4rs::errors::Result<()> {
        let (x, y, _) = f(self.0, self.1, 0.0)?;
        (self.0, self.1) = (x, y);
        Ok(())
    }
}

impl CoordinateOperation for Proj4rsOperation {
    fn convert(&self, points: &mut [DVec3]) -> Result<(), GeodesyError> {
        let (from_degrees, to_degrees) = (self.from.is_latlong(), self.to.is_latlong());
        for point in points {
            let mut place = Place(point.x, point.y);
            if from_degrees {
                place = Place(point.x.to_radians(), point.y.to_radians());
            }
            let done = point.is_finite() && proj4rs::transform::transform(&self.from, &self.to, &mut place).is_ok();
            if to_degrees {
                place = Place(place.0.to_degrees(), place.1.to_degrees());
            }
            let converted = DVec3::new(place.0, place.1, point.z);
            *point = if done && converted.is_finite() { converted } else { DVec3::NAN };
        }
        Ok(())
    }
}
