//! The quadtree: which tiles there are, which objects lie in them, and which a coarse tile keeps.

use std::collections::BTreeMap;
use std::ops::Range;

use glam::{DVec2, DVec3};

use super::{TileAddress, TilerOptions};
use crate::city::{CityObject, LodShape};
use crate::geometry::{Bounds, Shape, parallel};
use crate::package::{Objects, SinkError};

/// Least width of a tile, metres: objects piled on one place are not divided for ever.
const LEAST_TILE_M: f64 = 30.0;
const MAX_LEVEL: u32 = 16;
/// A tile's geometric error as a part of its width. A tile of 400 m has 25 m: at 16 pixels and 720 lines of 60 degrees its
/// children are drawn from 1 km on.
const ERROR_PART: f64 = 1.0 / 16.0;
/// What an object costs beside its vertices: its row of attributes, in vertices.
const ROW_COST: f64 = 14.0;
/// Vertices of the box or simple prism that stands for an object in the distance.
const STAND_IN_COST: f64 = 24.0;

/// One object that is drawn.
pub struct Item {
    /// Its number among the city's objects.
    pub object: usize,
    /// Box of its finest shape, site frame.
    pub bounds: Bounds,
    /// Longest edge of the box, metres: what the eye loses when it is left out.
    pub size_m: f64,
    /// Its parts are finer and stand in its place: it is drawn in the distance only.
    pub stands_in: bool,
    cost: f64,
    stand_in_cost: f64,
    vertices: usize,
    morton: u64,
}

/// One tile.
pub struct Node {
    pub address: TileAddress,
    /// Its objects, as a range of the items.
    pub items: Range<usize>,
    /// Whether it shows them all, in full.
    pub is_leaf: bool,
    /// The tile that it is a part of.
    pub parent: Option<usize>,
}

/// Objects in tiles.
pub struct Pyramid {
    /// Sorted along the Morton curve, so that a tile's objects are neighbours.
    pub items: Vec<Item>,
    /// Parents before their children.
    pub nodes: Vec<Node>,
    /// Square and upright, around everything; site frame.
    pub root: Bounds,
    /// Levels that there are.
    pub levels: u32,
    /// Per level, the size below which an inner tile leaves objects out, metres.
    thresholds_m: Vec<f64>,
}

/// The finest shape of an object that has any geometry.
pub fn finest(object: &CityObject) -> Option<&LodShape> {
    object.shapes.iter().filter(|lod| vertices(&lod.shape) > 0).max_by(|a, b| a.lod.total_cmp(&b.lod))
}

/// The shape that stands for an object in the distance before it is simplified: LoD1 where there is one.
pub fn distant(object: &CityObject) -> Option<&LodShape> {
    let blocks = object.shapes.iter().filter(|lod| (1.0..2.0).contains(&lod.lod) && vertices(&lod.shape) > 0);
    blocks.max_by(|a, b| a.lod.total_cmp(&b.lod)).or_else(|| finest(object))
}

/// Vertices that a shape gets when tessellated.
fn vertices(shape: &Shape) -> usize {
    match shape {
        Shape::Prisms(prisms) => prisms.iter().flat_map(|p| &p.rings).map(|ring| 5 * ring.len()).sum(),
        Shape::Surfaces(surfaces) => surfaces.iter().flat_map(|s| &s.rings).map(Vec::len).sum(),
        Shape::Meshes(meshes) => meshes.iter().map(|placed| placed.mesh.positions.len()).sum(),
    }
}

fn item(object: usize, city_object: &CityObject) -> Option<Item> {
    let lod = finest(city_object)?;
    let bounds = lod.shape.bounds();
    if bounds.is_empty() || !bounds.size().is_finite() {
        return None;
    }
    let vertices = vertices(&lod.shape);
    let flat = !matches!(lod.shape, Shape::Prisms(_)) && bounds.size().z < 2.0;
    let cost = vertices as f64 + ROW_COST;
    let stand_in_cost = if flat { cost } else { cost.min(STAND_IN_COST + ROW_COST) };
    let size_m = bounds.size().max_element();
    Some(Item { object, bounds, size_m, stands_in: false, cost, stand_in_cost, vertices, morton: 0 })
}

/// Part of a block's plan that finer parts must cover to stand in its place.
const COVERED: f64 = 0.5;
/// Levels of the tree between a block and its parts at most.
const MOST_LEVELS_UP: usize = 8;

/// Blocks (LoD1 and coarser) whose parts are finer: a footprint of which a BIM or LoD2 model is known, too.
fn mark_stand_ins(items: &mut [Item], parents: &[Option<usize>], objects: &Objects) {
    let mut finer: BTreeMap<usize, Bounds> = BTreeMap::new();
    for item in items.iter().filter(|item| objects.lod(item.object) >= 2.0) {
        let mut up = parents.get(item.object).copied().flatten();
        for _ in 0..MOST_LEVELS_UP {
            let Some(parent) = up else { break };
            if (0.0..2.0).contains(&objects.lod(parent)) {
                let all = finer.entry(parent).or_insert(Bounds::EMPTY);
                *all = all.union(item.bounds);
            }
            up = parents.get(parent).copied().flatten();
        }
    }
    let area = |bounds: Bounds| bounds.size().x * bounds.size().y;
    for item in items {
        item.stands_in = finer.get(&item.object).is_some_and(|parts| area(*parts) >= COVERED * area(item.bounds));
    }
}

impl Pyramid {
    /// Sorts the objects that have a shape into tiles.
    pub fn build(objects: &Objects, options: &TilerOptions) -> Result<Self, SinkError> {
        let read =
            |row| objects.load(row).map(|object| (item(row, &object), object.parent.and_then(|id| objects.row(&id))));
        let found = parallel::map((0..objects.rows()).collect(), read);
        let found: Vec<(Option<Item>, Option<usize>)> = found.into_iter().collect::<Result<_, SinkError>>()?;
        let parents: Vec<Option<usize>> = found.iter().map(|(_, parent)| *parent).collect();
        let mut items: Vec<Item> = found.into_iter().filter_map(|(item, _)| item).collect();
        mark_stand_ins(&mut items, &parents, objects);
        let root = root_box(&items);
        for item in &mut items {
            let place = (item.bounds.center() - root.min).truncate() / root.size().x.max(f64::MIN_POSITIVE);
            item.morton = morton(place);
        }
        items.sort_by_key(|item| (item.morton, item.object));
        let mut pyramid = Self { items, nodes: Vec::new(), root, levels: 1, thresholds_m: Vec::new() };
        pyramid.divide(options);
        pyramid.levels = pyramid.nodes.iter().map(|node| node.address.level + 1).max().unwrap_or(1);
        pyramid.thresholds_m = pyramid.thresholds(options.pyramid_share);
        Ok(pyramid)
    }

    /// Geometric error of a level's tiles, metres.
    pub fn error_m(&self, level: u32) -> f64 {
        self.root.size().x * ERROR_PART / f64::from(1_u32 << level.min(31))
    }

    /// The objects that a tile shows.
    pub fn shown<'a>(&'a self, node: &'a Node) -> impl Iterator<Item = &'a Item> {
        let least = self.least_m(node);
        let drawn = move |item: &&Item| item.size_m >= least && !(node.is_leaf && item.stands_in);
        self.items.get(node.items.clone()).unwrap_or_default().iter().filter(drawn)
    }

    /// The objects of a tile that are too small for it.
    pub fn left_out<'a>(&'a self, node: &'a Node) -> impl Iterator<Item = &'a Item> {
        let least = self.least_m(node);
        self.items.get(node.items.clone()).unwrap_or_default().iter().filter(move |item| item.size_m < least)
    }

    fn least_m(&self, node: &Node) -> f64 {
        let level = node.address.level as usize;
        if node.is_leaf { 0.0 } else { self.thresholds_m.get(level).copied().unwrap_or(0.0) }
    }

    fn divide(&mut self, options: &TilerOptions) {
        let deepest = (self.root.size().x / LEAST_TILE_M).max(1.0).log2().floor().min(f64::from(MAX_LEVEL)) as u32;
        let mut stack = vec![(TileAddress::default(), 0..self.items.len(), None)];
        while let Some((address, range, parent)) = stack.pop() {
            let items = self.items.get(range.clone()).unwrap_or_default();
            if items.is_empty() && parent.is_some() {
                continue;
            }
            let vertices: usize = items.iter().map(|item| item.vertices).sum();
            let small = items.len() <= options.leaf_objects && vertices <= options.leaf_vertices;
            let is_leaf = small || items.len() < 2 || address.level >= deepest;
            let index = self.nodes.len();
            if !is_leaf {
                stack.extend(quarters(items, address, range.start).map(|(a, r)| (a, r, Some(index))));
            }
            self.nodes.push(Node { address, items: range, is_leaf, parent });
        }
    }

    /// Sizes from which on each inner level keeps objects, so that the level just above the deepest leaves costs half of
    /// the share and each one above it half of the one below: all together less than the share.
    fn thresholds(&self, share: f64) -> Vec<f64> {
        let total: f64 = self.items.iter().map(|item| item.cost).sum();
        let mut sizes: Vec<(f64, f64)> = self.items.iter().map(|item| (item.size_m, item.stand_in_cost)).collect();
        sizes.sort_by(|a, b| b.0.total_cmp(&a.0));
        let inner = self.levels.saturating_sub(1);
        let threshold = |level: u32| {
            let mut left = total * share / f64::from(1_u32 << (inner - level).min(31));
            let mut last = f64::INFINITY;
            for (size, cost) in &sizes {
                left -= cost;
                if left < 0.0 {
                    // The largest object is always there: a city does not vanish in the distance. Things of one size go
                    // together: the sheets of a river, but for rounding.
                    return if last.is_finite() { last } else { *size } * 0.999;
                }
                last = *size;
            }
            0.0
        };
        (0..inner).map(threshold).collect()
    }
}

/// The quarters of a tile with their ranges: its items are sorted by them already.
fn quarters(items: &[Item], address: TileAddress, start: usize) -> impl Iterator<Item = (TileAddress, Range<usize>)> {
    let shift = 2 * (MORTON_BITS - address.level - 1);
    let quarter = move |item: &Item| (item.morton >> shift & 3) as u32;
    (0..4).rev().map(move |q| {
        let from = items.partition_point(|item| quarter(item) < q);
        let to = items.partition_point(|item| quarter(item) <= q);
        let child = TileAddress { level: address.level + 1, x: address.x * 2 + (q & 1), y: address.y * 2 + (q >> 1) };
        (child, start + from..start + to)
    })
}

const MORTON_BITS: u32 = 20;

/// Place in the unit square as interleaved bits, x lowest.
fn morton(place: DVec2) -> u64 {
    let side = f64::from(1_u32 << MORTON_BITS);
    let cell = (place * side).floor().clamp(DVec2::ZERO, DVec2::splat(side - 1.0));
    let spread = |v: f64| (0..MORTON_BITS).fold(0, |all, bit| all | ((v as u64 >> bit & 1) << (2 * bit)));
    spread(cell.x) | spread(cell.y) << 1
}

fn root_box(items: &[Item]) -> Bounds {
    let all = items.iter().fold(Bounds::EMPTY, |all, item| all.union(item.bounds));
    if all.is_empty() {
        return Bounds { min: DVec3::ZERO, max: DVec3::ONE };
    }
    // Boxes that stand for objects in the distance may reach a little beyond the objects.
    let side = all.size().x.max(all.size().y) * 1.01 + 2.0;
    let (low, high) = (all.center() - DVec3::splat(side * 0.5), all.center() + DVec3::splat(side * 0.5));
    Bounds { min: low.with_z(all.min.z), max: high.with_z(all.max.z.max(all.min.z + 0.1)) }
}
