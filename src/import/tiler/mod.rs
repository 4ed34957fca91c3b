//! City objects to 3D Tiles 1.1: an implicit quadtree over the site frame.
//!
//! `pyramid` sorts the objects into tiles and says which of them a coarse tile keeps; `attributes` makes columns of what the
//! source says; `content` builds and encodes one tile, its pictures in `atlas`es; `write` runs over all tiles and writes the tileset around them.
//!
//! An object lies in the leaf that holds the middle of its box. An inner tile replaces its children in the distance: it
//! keeps the largest objects of its area, simplified, as many as the level's share of the bytes allows; for the others stand
//! blocks (`blocks`), each as a feature of the largest object that it stands for.

mod atlas;
mod attributes;
mod bench;
mod blocks;
mod content;
mod pyramid;
mod write;

pub use atlas::{NoPictures, Pictures};
pub use bench::{BenchError, TilerBench, bench_tiler};
pub use write::{TilePlan, Tiler, WrittenTile, tile_city};

use serde::{Deserialize, Serialize};

use crate::formats::glb::GlbError;
use crate::geometry::Bounds;
use crate::package::SinkError;

/// How a city is cut into tiles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TilerOptions {
    /// A tile with more objects is divided.
    pub leaf_objects: usize,
    /// A tile with more vertices is divided.
    pub leaf_vertices: usize,
    /// Cost of all inner tiles together, as a part of that of the leaves.
    pub pyramid_share: f64,
    /// Levels of a subtree file.
    pub subtree_levels: u32,
}

impl Default for TilerOptions {
    fn default() -> Self {
        Self { leaf_objects: 700, leaf_vertices: 120_000, pyramid_share: 0.5, subtree_levels: 5 }
    }
}

/// Place of a tile in the quadtree: x to the east, y to the north, from the root's south-western corner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct TileAddress {
    /// 0 is the root.
    pub level: u32,
    /// Column, below 2^level.
    pub x: u32,
    /// Row, below 2^level.
    pub y: u32,
}

impl TileAddress {
    /// Name of the tile's content in a package.
    pub fn content_name(self) -> String {
        format!("content/{}/{}/{}.glb", self.level, self.x, self.y)
    }
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TilingReport {
    /// For each object the tile that shows it in full; `None` for objects without a shape.
    pub tile_of: Vec<Option<TileAddress>>,
    /// Objects in leaves.
    pub objects: usize,
    /// Leaves.
    pub leaves: usize,
    /// Inner tiles that have content.
    pub inner: usize,
    /// Levels of the quadtree.
    pub levels: u32,
    /// Triangles of the leaves.
    pub triangles: u64,
    /// Bytes of the leaves' contents.
    pub leaf_bytes: u64,
    /// Bytes of the inner tiles' contents.
    pub inner_bytes: u64,
    /// Polygons of the leaves without area or that triangles could not cover.
    pub degenerate: usize,
    /// Times that a picture could not be laid on a tile's objects.
    pub pictures_left_out: u64,
    /// Why, of the first.
    pub problems: Vec<String>,
    /// Box around everything drawn, site frame; `None` where there is nothing.
    pub bounds_in_site: Option<Bounds>,
}

/// Why a city could not be tiled.
#[derive(Debug, thiserror::Error)]
pub enum TilerError {
    /// The package could not be written.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// A tile could not be encoded.
    #[error("cannot encode a tile: {cause}: {name}")]
    Encode {
        /// What the encoder said.
        cause: GlbError,
        /// The content's name.
        name: String,
    },
}
