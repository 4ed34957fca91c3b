//! A tree whose tiles are listed one by one, as in `tileset.json`.

use std::collections::BTreeMap;

use super::{Graft, Refine, TileId, TileShape, TileTree, TreeError, Volume};

/// Bytes of one node besides its names: node, map entry and child handle, rounded up.
const NODE_BYTES: u64 = 320;

/// One tile as a parser reads it. Volumes are already in the site frame.
#[derive(Debug, Clone, PartialEq)]
pub struct ExplicitTile {
    /// Bounding volume in the site frame.
    pub volume: Volume,
    /// Geometric error, metres, 0 or more.
    pub geometric_error_m: f64,
    /// How the children are drawn.
    pub refine: Refine,
    /// Names of its contents, relative to the source.
    pub contents: Vec<String>,
    /// Name of an external tileset that continues here.
    pub external: Option<String>,
    /// Child tiles.
    pub children: Vec<ExplicitTile>,
}

impl ExplicitTile {
    /// A tile without children.
    pub fn new(
        volume: Volume,
        geometric_error_m: f64,
        refine: Refine,
        contents: impl IntoIterator<Item = String>,
    ) -> Self {
        let contents = contents.into_iter().collect();
        Self { volume, geometric_error_m, refine, contents, external: None, children: Vec::new() }
    }

    /// Bytes the tile and its descendants take in a tree.
    pub fn bytes(&self) -> u64 {
        let names: usize = self.contents.iter().chain(&self.external).map(|name| name.len() + 24).sum();
        NODE_BYTES + names as u64 + self.children.iter().map(Self::bytes).sum::<u64>()
    }
}

#[derive(Debug, Clone)]
struct Node {
    shape: TileShape,
    contents: Vec<String>,
    external: Option<String>,
    grafted: bool,
    children: Vec<TileId>,
}

/// A tree of listed tiles; external tilesets are grafted in when they are loaded.
#[derive(Debug, Clone)]
pub struct ExplicitTree {
    nodes: BTreeMap<TileId, Node>,
    root: TileId,
    next: u64,
    base_bytes: u64,
}

impl ExplicitTree {
    /// The tree below `root`.
    pub fn new(root: ExplicitTile) -> Self {
        let base_bytes = root.bytes();
        let mut tree = Self { nodes: BTreeMap::new(), root: TileId(0), next: 0, base_bytes };
        tree.root = tree.insert(root);
        tree
    }

    fn insert(&mut self, tile: ExplicitTile) -> TileId {
        let id = TileId(self.next);
        self.next += 1;
        let children = tile.children.into_iter().map(|child| self.insert(child)).collect();
        let shape = TileShape {
            volume: tile.volume,
            geometric_error_m: tile.geometric_error_m,
            refine: tile.refine,
            contents: u16::try_from(tile.contents.len()).unwrap_or(u16::MAX),
        };
        self.nodes
            .insert(id, Node { shape, contents: tile.contents, external: tile.external, grafted: false, children });
        id
    }

    fn remove(&mut self, tile: TileId) {
        if let Some(node) = self.nodes.remove(&tile) {
            node.children.into_iter().for_each(|child| self.remove(child));
        }
    }
}

impl TileTree for ExplicitTree {
    fn root(&self) -> TileId {
        self.root
    }

    fn shape(&self, tile: TileId) -> Option<TileShape> {
        self.nodes.get(&tile).map(|node| node.shape)
    }

    fn content_name(&self, tile: TileId, number: u16) -> Option<String> {
        self.nodes.get(&tile)?.contents.get(usize::from(number)).cloned()
    }

    fn awaited(&self, tile: TileId) -> Option<String> {
        self.nodes.get(&tile).filter(|node| !node.grafted)?.external.clone()
    }

    fn children(&self, tile: TileId, into: &mut Vec<TileId>) {
        if let Some(node) = self.nodes.get(&tile) {
            into.extend_from_slice(&node.children);
        }
    }

    fn graft(&mut self, tile: TileId, graft: Graft) -> Result<(), TreeError> {
        if self.awaited(tile).is_none() {
            return Err(TreeError::NotAwaited(tile.0));
        }
        let Graft::Explicit(external) = graft else { return Err(TreeError::WrongKind(tile.0)) };
        let root = self.insert(external);
        if let Some(node) = self.nodes.get_mut(&tile) {
            node.grafted = true;
            node.children.push(root);
        }
        Ok(())
    }

    fn prune(&mut self, tile: TileId) {
        let grafted = self.nodes.get_mut(&tile).filter(|node| node.grafted).and_then(|node| {
            node.grafted = false;
            node.children.pop()
        });
        if let Some(root) = grafted {
            self.remove(root);
        }
    }

    fn base_bytes(&self) -> u64 {
        self.base_bytes
    }
}
