//! All tiles, in a fixed order, and the tileset around them.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::atlas::Pictures;
use super::attributes::Schema;
use super::content::{Encoded, Source};
use super::pyramid::Pyramid;
use super::{TileAddress, TilerError, TilerOptions, TilingReport};
use crate::formats::tiles3d::{ImplicitTileset, Subtree, box_of, morton_index};
use crate::geodesy::SiteFrame;
use crate::geometry::{Bounds, parallel};
use crate::package::{Objects, PackageSink};

/// Tiles that are encoded together and held until they are written.
const BATCH: usize = 96;
/// Pictures of which it is told why they are left out; all are counted.
const MOST_PROBLEMS: usize = 5;

/// A city that is being cut into tiles. Its tiles are numbered, parents before their children, and may be made in any order and
/// by several programs; [`TilePlan::finish`] puts the tileset around them.
pub struct Tiler<'a> {
    objects: &'a Objects,
    rows: &'a (dyn Fn(usize) -> u32 + Sync),
    schema: Schema,
    pyramid: Pyramid,
    pictures: &'a dyn Pictures,
    subtree_levels: u32,
}

/// Which tiles there are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TilePlan {
    tiles: Vec<PlannedTile>,
    root: Bounds,
    root_error_m: f64,
    levels: u32,
    subtree_levels: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct PlannedTile {
    address: TileAddress,
    is_leaf: bool,
    parent: Option<u32>,
}

/// What is known of a tile that was written.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct WrittenTile {
    /// Box of what it draws, site frame; `None` where it draws nothing and has no content.
    bounds: Option<Bounds>,
    bytes: u64,
    triangles: u64,
    degenerate: u64,
    objects: u64,
    problems: Vec<String>,
}

impl<'a> Tiler<'a> {
    /// Sorts objects of the site frame into tiles. `rows` gives the number of an object in the object table, which its tiles
    /// carry as `object`.
    pub fn new(
        objects: &'a Objects,
        rows: &'a (dyn Fn(usize) -> u32 + Sync),
        pictures: &'a dyn Pictures,
        options: &TilerOptions,
    ) -> Result<Self, TilerError> {
        let pyramid = Pyramid::build(objects, options)?;
        let (schema, subtree_levels) = (Schema::of(objects), options.subtree_levels);
        Ok(Self { objects, rows, schema, pyramid, pictures, subtree_levels })
    }

    /// Which tiles there are.
    pub fn plan(&self) -> TilePlan {
        let planned = |node: &super::pyramid::Node| PlannedTile {
            address: node.address,
            is_leaf: node.is_leaf,
            parent: node.parent.map(|parent| parent as u32),
        };
        TilePlan {
            tiles: self.pyramid.nodes.iter().map(planned).collect(),
            root: self.pyramid.root,
            root_error_m: self.pyramid.error_m(0),
            levels: self.pyramid.levels,
            subtree_levels: self.subtree_levels,
        }
    }

    /// How many tiles there are.
    pub fn tiles(&self) -> usize {
        self.pyramid.nodes.len()
    }

    /// Makes and writes some of the tiles. The same input gives the same bytes.
    pub fn write(&self, tiles: Range<usize>, sink: &mut dyn PackageSink) -> Result<Vec<WrittenTile>, TilerError> {
        let Self { objects, rows, schema, pyramid, pictures, .. } = self;
        let source = Source { objects, rows: *rows, schema, pyramid, pictures: *pictures };
        let nodes = pyramid.nodes.get(tiles).unwrap_or_default();
        let mut written = Vec::with_capacity(nodes.len());
        for batch in nodes.chunks(BATCH) {
            let encoded = parallel::map(batch.iter().collect(), |node| source.encode(node));
            for (node, encoded) in batch.iter().zip(encoded) {
                let encoded = encoded?;
                if let Some(encoded) = &encoded {
                    sink.write(&node.address.content_name(), &encoded.bytes)?;
                }
                let objects = if node.is_leaf { node.items.len() as u64 } else { 0 };
                let nothing = WrittenTile { objects, ..WrittenTile::default() };
                written.push(encoded.map_or(nothing, |encoded| WrittenTile::of(encoded, objects)));
            }
        }
        Ok(written)
    }

    /// For each object the tile that shows it in full; `None` for objects without a shape.
    pub fn tile_of(&self) -> Vec<Option<TileAddress>> {
        let mut tile_of = vec![None; self.objects.rows()];
        for node in self.pyramid.nodes.iter().filter(|node| node.is_leaf) {
            for item in self.pyramid.items.get(node.items.clone()).unwrap_or_default() {
                if let Some(slot) = tile_of.get_mut(item.object) {
                    *slot = Some(node.address);
                }
            }
        }
        tile_of
    }
}

impl WrittenTile {
    fn of(encoded: Encoded, objects: u64) -> Self {
        Self {
            bounds: Some(encoded.bounds),
            bytes: encoded.bytes.len() as u64,
            triangles: encoded.triangles,
            degenerate: encoded.degenerate as u64,
            objects,
            problems: encoded.problems,
        }
    }
}

/// Writes objects of the site frame as a tileset: `tileset.json`, `subtrees/` and `content/`, see [`Tiler`].
pub fn tile_city(
    objects: &Objects,
    rows: &(dyn Fn(usize) -> u32 + Sync),
    site: &SiteFrame,
    pictures: &dyn Pictures,
    options: &TilerOptions,
    sink: &mut dyn PackageSink,
) -> Result<TilingReport, TilerError> {
    let tiler = Tiler::new(objects, rows, pictures, options)?;
    let written = tiler.write(0..tiler.tiles(), sink)?;
    let report = tiler.plan().finish(&written, site, sink)?;
    Ok(TilingReport { tile_of: tiler.tile_of(), ..report })
}

impl TilePlan {
    /// How many tiles there are.
    pub fn tiles(&self) -> usize {
        self.tiles.len()
    }

    /// Levels of the quadtree.
    pub fn levels(&self) -> u32 {
        self.levels
    }

    /// Writes the tileset around tiles that were all written.
    pub fn finish(
        &self,
        written: &[WrittenTile],
        site: &SiteFrame,
        sink: &mut dyn PackageSink,
    ) -> Result<TilingReport, TilerError> {
        let mut report = TilingReport { levels: self.levels, ..TilingReport::default() };
        self.tiles.iter().zip(written).for_each(|(tile, written)| report.count(tile, written));
        let boxes = self.boxes(written);
        report.bounds_in_site = boxes.first().copied().filter(|bounds| !bounds.is_empty());
        self.write_subtrees(written, &boxes, sink)?;
        let root = boxes.first().map_or(self.root, |bounds| self.root.union(*bounds));
        let tileset = ImplicitTileset {
            ecef_from_root: site.ecef_from_site(),
            root: Bounds { min: self.root.min.with_z(root.min.z), max: self.root.max.with_z(root.max.z) },
            root_error_m: self.root_error_m,
            error_m: self.root_error_m * 2.0,
            levels: self.levels,
            subtree_levels: self.subtree_levels,
        };
        sink.write("tileset.json", &tileset.encode())?;
        Ok(report)
    }

    /// The box of each tile: around what it draws and what its children do.
    fn boxes(&self, written: &[WrittenTile]) -> Vec<Bounds> {
        let mut boxes: Vec<Bounds> = written.iter().map(|tile| tile.bounds.map_or(Bounds::EMPTY, snap)).collect();
        boxes.resize(self.tiles.len(), Bounds::EMPTY);
        // Children come after their parents, so going backwards each box is whole before it is added to its parent's.
        for (index, tile) in self.tiles.iter().enumerate().rev() {
            let own = boxes.get(index).copied().unwrap_or(Bounds::EMPTY);
            if let Some(parent) = tile.parent.and_then(|parent| boxes.get_mut(parent as usize)) {
                *parent = parent.union(own);
            }
        }
        boxes
    }

    fn write_subtrees(
        &self,
        written: &[WrittenTile],
        boxes: &[Bounds],
        sink: &mut dyn PackageSink,
    ) -> Result<(), TilerError> {
        /// A subtree with its boxes by number until all are known.
        type Open = (Subtree, BTreeMap<usize, [f64; 12]>);
        let levels = self.subtree_levels;
        let mut subtrees: BTreeMap<TileAddress, Open> = BTreeMap::new();
        let open = || (Subtree::empty(levels), BTreeMap::new());
        subtrees.insert(TileAddress::default(), open());
        for ((tile, written), bounds) in self.tiles.iter().zip(written).zip(boxes) {
            let address = tile.address;
            if bounds.is_empty() && tile.parent.is_some() {
                continue;
            }
            let root = ancestor(address, address.level / levels * levels);
            let (level, x, y) = within(address, root);
            let (subtree, boxes) = subtrees.entry(root).or_insert_with(open);
            let index = morton_index(level, x, y);
            subtree.tiles.set(index);
            boxes.insert(index, box_of(if bounds.is_empty() { self.root } else { *bounds }));
            if written.bounds.is_some() {
                subtree.contents.set(index);
            }
            if address == root && address.level > 0 {
                let above = ancestor(address, address.level - levels);
                let (level, x, y) = within(address, above);
                let first = morton_index(level, 0, 0);
                let (above, _) = subtrees.entry(above).or_insert_with(open);
                above.children.set(morton_index(level, x, y) - first);
            }
        }
        for (address, (mut subtree, boxes)) in subtrees {
            subtree.boxes = boxes.into_values().collect();
            let name = format!("subtrees/{}/{}/{}.subtree", address.level, address.x, address.y);
            sink.write(&name, &subtree.encode())?;
        }
        Ok(())
    }
}

impl TilingReport {
    fn count(&mut self, tile: &PlannedTile, written: &WrittenTile) {
        self.pictures_left_out += written.problems.len() as u64;
        let room = MOST_PROBLEMS.saturating_sub(self.problems.len());
        self.problems.extend(written.problems.iter().take(room).cloned());
        self.objects += written.objects as usize;
        if written.bounds.is_none() {
            return;
        }
        if tile.is_leaf {
            self.leaves += 1;
            self.leaf_bytes += written.bytes;
            self.triangles += written.triangles;
            self.degenerate += written.degenerate as usize;
        } else {
            self.inner += 1;
            self.inner_bytes += written.bytes;
        }
    }
}

/// The box grown to steps that binary fractions hold exactly, so that centre and half axes give the same corners again and
/// no child reaches out of its parent by a rounding.
fn snap(bounds: Bounds) -> Bounds {
    const STEPS_A_METRE: f64 = 64.0;
    Bounds {
        min: (bounds.min * STEPS_A_METRE).floor() / STEPS_A_METRE,
        max: (bounds.max * STEPS_A_METRE).ceil() / STEPS_A_METRE,
    }
}

fn ancestor(address: TileAddress, level: u32) -> TileAddress {
    let up = address.level - level;
    TileAddress { level, x: address.x >> up, y: address.y >> up }
}

/// Level and place of a tile below one of its ancestors.
fn within(address: TileAddress, root: TileAddress) -> (u32, u32, u32) {
    let level = address.level - root.level;
    (level, address.x - (root.x << level), address.y - (root.y << level))
}
