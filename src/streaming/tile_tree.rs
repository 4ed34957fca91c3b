//! What a tile is, whoever stores the tree.

use glam::{DMat3, DVec3};

use super::{ExplicitTile, SubtreeAvailability};

/// A tile of one tree: a packed handle whose bits only that tree reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId(pub u64);

/// How children relate to their parent (3D Tiles 1.1, `tile.refine`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refine {
    /// Children are drawn with the parent.
    Add,
    /// Children are drawn instead of the parent.
    Replace,
}

/// Space that holds a tile and all its descendants, in the site frame, metres.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Volume {
    /// An oriented box (3D Tiles 1.1, `boundingVolume.box`).
    Box {
        /// Middle of the box.
        center_in_site: DVec3,
        /// Half edges as columns, at right angles to each other.
        half_axes_in_site: DMat3,
    },
    /// A sphere (3D Tiles 1.1, `boundingVolume.sphere`).
    Sphere {
        /// Middle of the sphere.
        center_in_site: DVec3,
        /// Radius, 0 or more.
        radius_m: f64,
    },
}

impl Volume {
    /// Middle of the volume.
    pub fn center_in_site(&self) -> DVec3 {
        match *self {
            Self::Box { center_in_site, .. } | Self::Sphere { center_in_site, .. } => center_in_site,
        }
    }

    /// How far the volume reaches from its middle along a unit direction, metres.
    pub fn reach_m(&self, direction: DVec3) -> f64 {
        match *self {
            Self::Box { half_axes_in_site: h, .. } => {
                h.x_axis.dot(direction).abs() + h.y_axis.dot(direction).abs() + h.z_axis.dot(direction).abs()
            }
            Self::Sphere { radius_m, .. } => radius_m,
        }
    }

    /// Distance from a point to the volume, 0 inside, metres.
    pub fn distance_m(&self, point_in_site: DVec3) -> f64 {
        let offset = point_in_site - self.center_in_site();
        match *self {
            Self::Sphere { radius_m, .. } => (offset.length() - radius_m).max(0.0),
            Self::Box { half_axes_in_site: h, .. } => {
                // What lies beyond each face, axis by axis; a flat axis contributes through its missing direction.
                let mut inside = DVec3::ZERO;
                for axis in [h.x_axis, h.y_axis, h.z_axis] {
                    let squared = axis.length_squared();
                    if squared > 0.0 {
                        inside += axis * (offset.dot(axis) / squared).clamp(-1.0, 1.0);
                    }
                }
                (offset - inside).length()
            }
        }
    }
}

/// What selection needs of a tile at each visit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TileShape {
    /// Bounding volume.
    pub volume: Volume,
    /// Error when this tile is drawn and its children are not, metres, 0 or more.
    pub geometric_error_m: f64,
    /// How its children are drawn.
    pub refine: Refine,
    /// How many contents it has.
    pub contents: u16,
}

/// What a loaded subtree file brings.
#[derive(Debug, Clone)]
pub enum Graft {
    /// The root of an external tileset.
    Explicit(ExplicitTile),
    /// Availability of an implicit subtree.
    Implicit(SubtreeAvailability),
}

impl Graft {
    /// Bytes it takes once grafted: the number the host compares with the allowance of its `Decode` command.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Explicit(tile) => tile.bytes(),
            Self::Implicit(subtree) => subtree.bytes(),
        }
    }
}

/// Why a subtree was not grafted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// The tile is not there or waits for nothing.
    #[error("no subtree is awaited at tile {0:#x}")]
    NotAwaited(u64),
    /// An implicit subtree came to an explicit tree or the other way round.
    #[error("a subtree of the wrong kind at tile {0:#x}")]
    WrongKind(u64),
    /// A bit array is shorter than the tiling says.
    #[error("availability holds {bits} bits, {needed} needed, at tile {tile:#x}")]
    TooShort {
        /// Bits there are.
        bits: u64,
        /// Bits there must be.
        needed: u64,
        /// Root of the subtree.
        tile: u64,
    },
    /// Level, depth or count beyond what an identifier can name.
    #[error("the tiling is out of range: {0}")]
    OutOfRange(&'static str),
}

/// A tree of tiles, wholly or partly known.
///
/// ```
/// use veduta::streaming::*;
/// let volume = Volume::Sphere { center_in_site: glam::DVec3::ZERO, radius_m: 10.0 };
/// let leaf = ExplicitTile::new(volume, 0.0, Refine::Replace, ["a.glb".to_owned()]);
/// let tree = ExplicitTree::new(leaf);
/// assert_eq!(tree.content_name(tree.root(), 0).unwrap(), "a.glb");
/// ```
pub trait TileTree: Send + Sync {
    /// The topmost tile.
    fn root(&self) -> TileId;
    /// The tile's shape; `None` when there is no such tile (any more).
    fn shape(&self, tile: TileId) -> Option<TileShape>;
    /// Name of a tile's content, by its number below `TileShape::contents`.
    fn content_name(&self, tile: TileId, number: u16) -> Option<String>;
    /// The file that must be loaded before the tile's contents and children are known; `None` when they are.
    fn awaited(&self, tile: TileId) -> Option<String>;
    /// Adds the known children to `into`, in a fixed order.
    fn children(&self, tile: TileId, into: &mut Vec<TileId>);
    /// Takes what the awaited file held.
    fn graft(&mut self, tile: TileId, graft: Graft) -> Result<(), TreeError>;
    /// Forgets what was grafted at `tile` and everything below it; the tile awaits its file again.
    fn prune(&mut self, tile: TileId);
    /// Bytes of the tree's own tables without grafts, for the budget.
    fn base_bytes(&self) -> u64;
}
