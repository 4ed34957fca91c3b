//! The backend of builds without PROJ.

use super::{CoordinateOperation, CrsId, GeodesyError, Proj4rsOperation};

/// The library that does what has no closed form.
pub const NAME: &str = "proj4rs";

/// See [`super::CrsRegistry::area_of_use`]: there is no table of it here.
pub fn area_of_use(_: &CrsId) -> Option<[f64; 4]> {
    None
}

/// An operation between two CRS of an authority.
pub fn operation(source: &CrsId, target: &CrsId) -> Result<Box<dyn CoordinateOperation>, GeodesyError> {
    Ok(Box::new(Proj4rsOperation::new(source, target)?))
}
