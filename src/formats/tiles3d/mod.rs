//! 3D Tiles 1.1 (OGC 22-025r4): what stands around the tiles' contents.
//!
//! `tileset` writes a `tileset.json` of one implicit quadtree; `subtree` writes and reads the binary files that say which
//! of its tiles there are and how far each reaches.

mod subtree;
mod tileset;

pub use subtree::{Availability, Subtree, SubtreeError, cells, morton_index};
pub use tileset::{ImplicitTileset, box_of};
