//! Bytes to data and back, one file format a folder or file. Pure: a thread, a worker, a test and a fuzzer run the same code.
//!
//! Tile formats turn bytes into [`TileContent`] through the [`ContentDecoder`] seam; the tiler turns it into bytes again.

pub mod cityjson;
pub mod geojson;
pub mod glb;
pub mod gltf_model;
pub mod json_documents;
pub mod mvt;
pub(crate) mod protobuf;
mod tile_content;
pub mod tiles3d;

pub use tile_content::{
    AlphaMode, Column, ContentDecoder, EncodedImage, FeatureTable, FormatError, TextColumn, TileContent, TilePart,
};
