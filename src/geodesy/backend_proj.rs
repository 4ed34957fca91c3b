//! The backend of builds with PROJ.

use super::proj_operation::ProjOperation;
use super::{CoordinateOperation, CrsId, GeodesyError};

/// The library that does what has no closed form.
pub const NAME: &str = "PROJ";

/// An operation between two CRS of an authority.
pub fn operation(source: &CrsId, target: &CrsId) -> Result<Box<dyn CoordinateOperation>, GeodesyError> {
    Ok(Box::new(ProjOperation::new(source, target)?))
}
