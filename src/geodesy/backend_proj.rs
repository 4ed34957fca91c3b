//! The backend of builds with PROJ.

use super::proj_operation::{self, ProjOperation};
use super::{CoordinateOperation, CrsId, GeodesyError};

/// The library that does what has no closed form.
pub const NAME: &str = "PROJ";

/// See [`super::CrsRegistry::area_of_use`].
pub fn area_of_use(crs: &CrsId) -> Option<[f64; 4]> {
    proj_operation::area_of_use(crs)
}

/// An operation between two CRS of an authority.
pub fn operation(source: &CrsId, target: &CrsId) -> Result<Box<dyn CoordinateOperation>, GeodesyError> {
    Ok(Box::new(ProjOperation::new(source, target)?))
}
