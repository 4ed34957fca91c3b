//! The backend of builds without PROJ.

use super::{CoordinateOperation, CrsId, GeodesyError, Proj4rsOperation};

/// The library that does what has no closed form.
pub const NAME: &str = "proj4rs";

/// An operation between two CRS of an authority.
pub fn operation(source: &CrsId, target: &CrsId) -> Result<Box<dyn CoordinateOperation>, GeodesyError> {
    Ok(Box::new(Proj4rsOperation::new(source, target)?))
}
