//! A quadtree or octree told by availability bits (3D Tiles 1.1, section "Implicit Tiling").

use std::collections::BTreeMap;

use glam::{DMat3, DVec3};

use super::{Graft, Refine, TileId, TileShape, TileTree, TreeError, Volume};

/// How a box is cut into an implicit tree.
#[derive(Debug, Clone)]
pub struct ImplicitTiling {
    /// Middle of the root box, site frame, metres.
    pub center_in_site: DVec3,
    /// Half edges of the root box as columns, site frame, metres.
    pub half_axes_in_site: DMat3,
    /// Geometric error of the root, metres; it halves at each level.
    pub geometric_error_m: f64,
    /// How children are drawn.
    pub refine: Refine,
    /// Eight children (also cut along the third axis) instead of four.
    pub octree: bool,
    /// Levels in one subtree, 1 to 9.
    pub subtree_levels: u32,
    /// Levels in the tree, 1 to 20.
    pub available_levels: u32,
    /// Content names with `{level}`, `{x}`, `{y}`, `{z}`.
    pub contents: Vec<String>,
    /// Name of a subtree file with the same places to fill.
    pub subtrees: String,
}

/// Which of a run of tiles there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Availability {
    /// All of them or none.
    Constant(bool),
    /// A bit each, least significant first in each byte.
    Bits(Vec<u8>),
}

impl Availability {
    fn get(&self, index: u64) -> bool {
        match self {
            Self::Constant(value) => *value,
            Self::Bits(bytes) => bytes.get((index / 8) as usize).is_some_and(|byte| byte >> (index % 8) & 1 == 1),
        }
    }

    fn bits(&self) -> u64 {
        match self {
            Self::Constant(_) => u64::MAX,
            Self::Bits(bytes) => bytes.len() as u64 * 8,
        }
    }

    fn bytes(&self) -> u64 {
        match self {
            Self::Constant(_) => 32,
            Self::Bits(bytes) => bytes.len() as u64 + 32,
        }
    }
}

/// One subtree file. Tiles are in level order, Morton order within a level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubtreeAvailability {
    /// Tiles of the subtree.
    pub tiles: Availability,
    /// Contents of those tiles, one entry for each content name.
    pub contents: Vec<Availability>,
    /// Subtrees below the last level.
    pub child_subtrees: Availability,
}

impl SubtreeAvailability {
    /// Bytes it takes in a tree.
    pub fn bytes(&self) -> u64 {
        let contents: u64 = self.contents.iter().map(Availability::bytes).sum();
        128 + self.tiles.bytes() + contents + self.child_subtrees.bytes()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cell {
    level: u32,
    at: [u64; 3],
}

/// Twenty levels at most: 6 bits of level, 19 bits a coordinate.
const COORDINATE_BITS: u32 = 19;

impl Cell {
    fn id(self) -> TileId {
        let [x, y, z] = self.at;
        TileId(u64::from(self.level) << 57 | x << (2 * COORDINATE_BITS) | y << COORDINATE_BITS | z)
    }

    fn of(id: TileId) -> Self {
        let mask = (1 << COORDINATE_BITS) - 1;
        let at = [id.0 >> (2 * COORDINATE_BITS) & mask, id.0 >> COORDINATE_BITS & mask, id.0 & mask];
        Self { level: (id.0 >> 57) as u32, at }
    }

    fn ancestor(self, level: u32) -> Self {
        let up = self.level - level;
        Self { level, at: self.at.map(|c| c >> up) }
    }

    /// Morton number among the descendants of the ancestor `depth` levels up.
    fn morton(self, depth: u32, axes: u32) -> u64 {
        let mut code = 0;
        for bit in (0..depth).rev() {
            for axis in (0..axes).rev() {
                code = code << 1 | (self.at[axis as usize] >> bit & 1);
            }
        }
        code
    }
}

/// An implicit quadtree or octree whose subtrees come and go.
#[derive(Debug, Clone)]
pub struct ImplicitTree {
    tiling: ImplicitTiling,
    subtrees: BTreeMap<TileId, SubtreeAvailability>,
}

impl ImplicitTree {
    /// A tree of which no subtree is loaded yet.
    pub fn new(tiling: ImplicitTiling) -> Result<Self, TreeError> {
        if !(1..=9).contains(&tiling.subtree_levels) {
            return Err(TreeError::OutOfRange("subtree levels"));
        }
        if !(1..=COORDINATE_BITS + 1).contains(&tiling.available_levels) {
            return Err(TreeError::OutOfRange("available levels"));
        }
        Ok(Self { tiling, subtrees: BTreeMap::new() })
    }

    fn axes(&self) -> u32 {
        if self.tiling.octree { 3 } else { 2 }
    }

    /// Number of tiles in the levels above `depth`.
    fn tiles_above(&self, depth: u32) -> u64 {
        ((1_u64 << (self.axes() * depth)) - 1) / ((1 << self.axes()) - 1)
    }

    fn subtree_root(&self, cell: Cell) -> Cell {
        cell.ancestor(cell.level - cell.level % self.tiling.subtree_levels)
    }

    fn loaded(&self, cell: Cell) -> Option<(&SubtreeAvailability, u64)> {
        let root = self.subtree_root(cell);
        let depth = cell.level - root.level;
        let index = self.tiles_above(depth) + cell.morton(depth, self.axes());
        self.subtrees.get(&root.id()).map(|subtree| (subtree, index))
    }

    fn exists(&self, cell: Cell) -> bool {
        if cell.level >= self.tiling.available_levels || cell.at.iter().any(|c| c >> cell.level != 0) {
            return false;
        }
        if let Some((subtree, index)) = self.loaded(cell) {
            return subtree.tiles.get(index);
        }
        // The root of a subtree that is not loaded is announced by the subtree above it.
        let levels = self.tiling.subtree_levels;
        if cell.level == 0 || !cell.level.is_multiple_of(levels) {
            return cell.level == 0;
        }
        let above = cell.ancestor(cell.level - levels).id();
        self.subtrees.get(&above).is_some_and(|s| s.child_subtrees.get(cell.morton(levels, self.axes())))
    }

    fn fill(template: &str, cell: Cell) -> String {
        let [x, y, z] = cell.at.map(|c| c.to_string());
        template.replace("{level}", &cell.level.to_string()).replace("{x}", &x).replace("{y}", &y).replace("{z}", &z)
    }

    fn content_indices(&self, cell: Cell) -> impl Iterator<Item = usize> + '_ {
        let loaded = self.loaded(cell);
        (0..self.tiling.contents.len())
            .filter(move |i| loaded.is_some_and(|(s, index)| s.contents.get(*i).is_some_and(|c| c.get(index))))
    }
}

impl TileTree for ImplicitTree {
    fn root(&self) -> TileId {
        Cell { level: 0, at: [0; 3] }.id()
    }

    fn shape(&self, tile: TileId) -> Option<TileShape> {
        let cell = Cell::of(tile);
        if !self.exists(cell) {
            return None;
        }
        let scale = 0.5_f64.powi(cell.level as i32);
        let h = self.tiling.half_axes_in_site;
        let place = |axis: usize| (2.0 * cell.at[axis] as f64 + 1.0) * scale - 1.0;
        let mut center_in_site = self.tiling.center_in_site + h.x_axis * place(0) + h.y_axis * place(1);
        let mut up = h.z_axis;
        if self.tiling.octree {
            center_in_site += h.z_axis * place(2);
            up *= scale;
        }
        Some(TileShape {
            volume: Volume::Box {
                center_in_site,
                half_axes_in_site: DMat3::from_cols(h.x_axis * scale, h.y_axis * scale, up),
            },
            geometric_error_m: self.tiling.geometric_error_m * scale,
            refine: self.tiling.refine,
            contents: u16::try_from(self.content_indices(cell).count()).unwrap_or(u16::MAX),
        })
    }

    fn content_name(&self, tile: TileId, number: u16) -> Option<String> {
        let cell = Cell::of(tile);
        let index = self.content_indices(cell).nth(usize::from(number))?;
        self.tiling.contents.get(index).map(|template| Self::fill(template, cell))
    }

    fn awaited(&self, tile: TileId) -> Option<String> {
        let cell = Cell::of(tile);
        (self.exists(cell) && self.loaded(cell).is_none()).then(|| Self::fill(&self.tiling.subtrees, cell))
    }

    fn children(&self, tile: TileId, into: &mut Vec<TileId>) {
        let cell = Cell::of(tile);
        if cell.level + 1 >= self.tiling.available_levels {
            return;
        }
        for child in 0..1_u64 << self.axes() {
            let at = [0, 1, 2].map(|axis| cell.at[axis] << 1 | (child >> axis & 1));
            let child = Cell { level: cell.level + 1, at };
            if self.exists(child) {
                into.push(child.id());
            }
        }
    }

    fn graft(&mut self, tile: TileId, graft: Graft) -> Result<(), TreeError> {
        if self.awaited(tile).is_none() {
            return Err(TreeError::NotAwaited(tile.0));
        }
        let Graft::Implicit(subtree) = graft else { return Err(TreeError::WrongKind(tile.0)) };
        let levels = self.tiling.subtree_levels;
        let tiles = self.tiles_above(levels);
        let below = 1_u64 << (self.axes() * levels);
        let arrays = subtree.contents.iter().chain([&subtree.tiles]).map(|a| (a, tiles));
        for (array, needed) in arrays.chain([(&subtree.child_subtrees, below)]) {
            if array.bits() < needed {
                return Err(TreeError::TooShort { bits: array.bits(), needed, tile: tile.0 });
            }
        }
        self.subtrees.insert(tile, subtree);
        Ok(())
    }

    fn prune(&mut self, tile: TileId) {
        let top = Cell::of(tile);
        self.subtrees.retain(|id, _| {
            let cell = Cell::of(*id);
            cell.level < top.level || cell.ancestor(top.level) != top
        });
    }

    fn base_bytes(&self) -> u64 {
        let names: usize = self.tiling.contents.iter().map(String::len).sum();
        512 + (names + self.tiling.subtrees.len()) as u64
    }
}
