//! glTF 2.0 binary as the content of 3D Tiles.
//!
//! [`encode`]: [`TileContent`](super::TileContent) to bytes: positions quantized (KHR_mesh_quantization), streams compressed
//! (EXT_meshopt_compression), features and attributes (EXT_mesh_features, EXT_structural_metadata).
//! [`decode`]: `container` splits the file, `document` reads its JSON, `accessor` its numbers (through `meshopt` where
//! compressed), `scene` walks the nodes, `property_table` reads the attributes.
//!
//! glTF is y-up; a reader of 3D Tiles turns it to z-up: (x, y, z) -> (x, -z, y) (3D Tiles 1.1, "glTF transforms"). The
//! encoder writes (east, up, -north), so what a reader gets is east, north, up again.

mod accessor;
mod container;
mod document;
mod encode;
mod encode_properties;
mod meshopt;
mod property_table;
mod scene;

pub use encode::{EncodeOptions, encode};
pub use scene::decode;

use super::{ContentDecoder, FormatError, TileContent};

/// Why a glb cannot be read or written.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GlbError {
    /// The container: magic, version, chunk lengths.
    #[error("not a glTF 2.0 binary: {0}")]
    Container(&'static str),
    /// The JSON chunk.
    #[error("JSON: {0}")]
    Json(String),
    /// An extension that the file requires and this reader lacks.
    #[error("required extension is not supported: {0}")]
    Extension(String),
    /// Something valid that this reader does not do.
    #[error("not supported: {0}")]
    Unsupported(&'static str),
    /// An index that leads nowhere, a range beyond its buffer, a wrong type.
    #[error("{what} of {place}")]
    Invalid {
        /// What is wrong.
        what: &'static str,
        /// Where: `accessor 3`.
        place: String,
    },
    /// The data would take more memory than a tile may.
    #[error("the content is larger than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
}

/// [`decode`] behind the seam.
#[derive(Debug, Clone, Copy, Default)]
pub struct GlbDecoder;

impl ContentDecoder for GlbDecoder {
    fn decode(&self, bytes: &[u8]) -> Result<TileContent, FormatError> {
        Ok(decode(bytes)?)
    }
}
