//! All tiles, in a fixed order, and the tileset around them.

use std::collections::BTreeMap;

use super::attributes::Schema;
use super::content::{Encoded, Source};
use super::pyramid::Pyramid;
use super::{TileAddress, TilerError, TilerOptions, TilingReport};
use crate::city::CityObject;
use crate::formats::tiles3d::{ImplicitTileset, Subtree, box_of, morton_index};
use crate::geodesy::SiteFrame;
use crate::geometry::{Bounds, parallel};
use crate::package::PackageSink;

/// Tiles that are encoded together and held until they are written.
const BATCH: usize = 96;

/// Writes objects of the site frame as a tileset: `tileset.json`, `subtrees/` and `content/`. `rows` gives the number of an
/// object in the object table, which its tiles carry as `object`. The same input gives the same bytes.
pub fn tile_city(
    objects: &[CityObject],
    rows: &(dyn Fn(usize) -> u32 + Sync),
    site: &SiteFrame,
    options: &TilerOptions,
    sink: &mut dyn PackageSink,
) -> Result<TilingReport, TilerError> {
    let schema = Schema::of(objects);
    let pyramid = Pyramid::build(objects, options);
    let source = Source { objects, rows, schema: &schema, pyramid: &pyramid };
    let mut report =
        TilingReport { tile_of: vec![None; objects.len()], levels: pyramid.levels, ..TilingReport::default() };
    let mut drawn: Vec<Option<Bounds>> = Vec::with_capacity(pyramid.nodes.len());
    for batch in pyramid.nodes.chunks(BATCH) {
        let encoded = parallel::map(batch.iter().collect(), |node| source.encode(node));
        for (node, encoded) in batch.iter().zip(encoded) {
            let encoded = encoded?;
            if let Some(encoded) = &encoded {
                sink.write(&node.address.content_name(), &encoded.bytes)?;
                report.count(encoded, node.is_leaf);
            }
            if node.is_leaf {
                let items = pyramid.items.get(node.items.clone()).unwrap_or_default();
                items.iter().for_each(|item| report.place(item.object, node.address));
            }
            drawn.push(encoded.map(|encoded| encoded.bounds));
        }
    }
    let boxes = tile_boxes(&pyramid, &drawn);
    report.bounds_in_site = boxes.first().copied().filter(|bounds| !bounds.is_empty());
    write_subtrees(&pyramid, &drawn, &boxes, options.subtree_levels, sink)?;
    let root = boxes.first().map_or(pyramid.root, |bounds| pyramid.root.union(*bounds));
    let tileset = ImplicitTileset {
        ecef_from_root: site.ecef_from_site(),
        root: Bounds { min: pyramid.root.min.with_z(root.min.z), max: pyramid.root.max.with_z(root.max.z) },
        root_error_m: pyramid.error_m(0),
        error_m: pyramid.error_m(0) * 2.0,
        levels: pyramid.levels,
        subtree_levels: options.subtree_levels,
    };
    sink.write("tileset.json", &tileset.encode())?;
    Ok(report)
}

impl TilingReport {
    fn count(&mut self, encoded: &Encoded, is_leaf: bool) {
        let bytes = encoded.bytes.len() as u64;
        if is_leaf {
            self.leaves += 1;
            self.leaf_bytes += bytes;
            self.triangles += encoded.triangles;
            self.degenerate += encoded.degenerate;
        } else {
            self.inner += 1;
            self.inner_bytes += bytes;
        }
    }

    fn place(&mut self, object: usize, address: TileAddress) {
        if let Some(slot) = self.tile_of.get_mut(object) {
            *slot = Some(address);
            self.objects += 1;
        }
    }
}

/// The box of each tile: around what it draws and what its children do.
fn tile_boxes(pyramid: &Pyramid, drawn: &[Option<Bounds>]) -> Vec<Bounds> {
    let mut boxes: Vec<Bounds> = drawn.iter().map(|bounds| bounds.map_or(Bounds::EMPTY, snap)).collect();
    // Children come after their parents, so going backwards each box is whole before it is added to its parent's.
    for (index, node) in pyramid.nodes.iter().enumerate().rev() {
        let own = boxes.get(index).copied().unwrap_or(Bounds::EMPTY);
        if let Some(parent) = node.parent.and_then(|parent| boxes.get_mut(parent)) {
            *parent = parent.union(own);
        }
    }
    boxes
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

fn write_subtrees(
    pyramid: &Pyramid,
    drawn: &[Option<Bounds>],
    boxes: &[Bounds],
    levels: u32,
    sink: &mut dyn PackageSink,
) -> Result<(), TilerError> {
    /// A subtree with its boxes by number until all are known.
    type Open = (Subtree, BTreeMap<usize, [f64; 12]>);
    let mut subtrees: BTreeMap<TileAddress, Open> = BTreeMap::new();
    let open = || (Subtree::empty(levels), BTreeMap::new());
    subtrees.insert(TileAddress::default(), open());
    for ((node, drawn), bounds) in pyramid.nodes.iter().zip(drawn).zip(boxes) {
        let address = node.address;
        if bounds.is_empty() && node.parent.is_some() {
            continue;
        }
        let root = ancestor(address, address.level / levels * levels);
        let (level, x, y) = within(address, root);
        let (subtree, boxes) = subtrees.entry(root).or_insert_with(open);
        let index = morton_index(level, x, y);
        subtree.tiles.set(index);
        boxes.insert(index, box_of(if bounds.is_empty() { pyramid.root } else { *bounds }));
        if drawn.is_some() {
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

fn ancestor(address: TileAddress, level: u32) -> TileAddress {
    let up = address.level - level;
    TileAddress { level, x: address.x >> up, y: address.y >> up }
}

/// Level and place of a tile below one of its ancestors.
fn within(address: TileAddress, root: TileAddress) -> (u32, u32, u32) {
    let level = address.level - root.level;
    (level, address.x - (root.x << level), address.y - (root.y << level))
}
