//! Why a package cannot be read or written.

use super::SinkError;
use crate::streaming::ByteSourceError;

/// Why a package, or a part of it, cannot be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PackageError {
    /// The bytes did not come.
    #[error(transparent)]
    Read(#[from] ByteSourceError),
    /// The bytes are not what they should be.
    #[error("not a city package: {cause}: {name}")]
    Invalid {
        /// What is wrong.
        cause: String,
        /// Which file of the package.
        name: String,
    },
    /// The bytes were not taken.
    #[error(transparent)]
    Write(#[from] SinkError),
}
