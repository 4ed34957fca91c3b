//! The quadtree of terrain tiles as a 3D Tiles 1.1 tileset.

use std::sync::Arc;

use serde_json::{Value, json};

use super::drape::Pictures;
use super::mesh::{self, Patch, TILE_CELLS};
use super::{Imagery, TerrainError};
use crate::formats::glb::{EncodeOptions, encode};
use crate::formats::{EncodedImage, TileContent, TilePart};
use crate::geodesy::{CrsRegistry, SiteFrame};
use crate::geometry::{Bounds, HeightGrid, parallel};
use crate::package::PackageSink;

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct TerrainReport {
    /// Tiles with content.
    pub tiles: usize,
    /// Triangles in all of them.
    pub triangles: usize,
    /// Bytes of content.
    pub bytes: usize,
    /// Levels of the tree.
    pub levels: u32,
    /// Tiles with a picture.
    pub textured: usize,
}

/// Linear colour of ground without a picture.
const GROUND: [f32; 4] = [0.30, 0.31, 0.25, 1.0];
/// Tiles made at once, which bounds memory.
const TILES_AT_ONCE: usize = 64;

struct Node {
    level: u32,
    x: usize,
    y: usize,
    patch: Patch,
    error_m: f64,
    /// Places in the list of tiles; always behind this one.
    children: Vec<usize>,
    /// Known once the content is written.
    bounds: Option<Bounds>,
}

struct Made {
    bytes: Vec<u8>,
    bounds: Bounds,
    triangles: usize,
    textured: bool,
}

/// Writes `terrain/tileset.json` and its content: explicit tiles, REPLACE refinement, geometric error measured as the largest
/// vertical deviation from the grid, pictures draped where there are some, the last on top. The same input gives the same bytes.
pub fn write_terrain(
    grid: &HeightGrid,
    site: &SiteFrame,
    registry: &CrsRegistry,
    images: &[Imagery],
    sink: &mut dyn PackageSink,
) -> Result<TerrainReport, TerrainError> {
    let cells = grid.columns.max(grid.rows).saturating_sub(1).div_ceil(TILE_CELLS).max(1);
    let depth = cells.next_power_of_two().trailing_zeros();
    let mut nodes = Vec::new();
    tree(grid, depth, (0, 0, 0), &mut nodes).ok_or(TerrainError::NothingKnown { count: 1 })?;
    measure(grid, &mut nodes);
    let pictures = Pictures::new(images, registry)?;
    let mut report = TerrainReport { levels: depth + 1, ..TerrainReport::default() };
    for chunk in nodes.chunks_mut(TILES_AT_ONCE) {
        let mut work = Vec::with_capacity(chunk.len());
        for node in chunk.iter() {
            work.push((node.patch, node.error_m, pictures.drapes(grid, site, node.patch)?));
        }
        let layers = pictures.layers();
        let made = parallel::map(work, |(patch, error_m, drapes)| {
            make(grid, site, patch, error_m, || layers.texture(&drapes))
        });
        for (node, made) in chunk.iter_mut().zip(made) {
            let Some(made) = made? else { continue };
            sink.write(&format!("terrain/{}", content_name(node)), &made.bytes)?;
            node.bounds = Some(made.bounds);
            report.tiles += 1;
            report.triangles += made.triangles;
            report.bytes += made.bytes.len();
            report.textured += usize::from(made.textured);
        }
    }
    sink.write("terrain/tileset.json", &document(&nodes, site)?)?;
    Ok(report)
}

fn content_name(node: &Node) -> String {
    format!("content/{}/{}/{}.glb", node.level, node.x, node.y)
}

/// Lists the tile and those below it; `None` where the grid has nothing there.
fn tree(grid: &HeightGrid, depth: u32, at: (u32, usize, usize), nodes: &mut Vec<Node>) -> Option<usize> {
    let (level, x, y) = at;
    let stride = 1_usize << (depth - level);
    let patch = Patch { column: x * TILE_CELLS * stride, row: y * TILE_CELLS * stride, stride };
    if patch.column + 1 >= grid.columns || patch.row + 1 >= grid.rows {
        return None;
    }
    let index = nodes.len();
    nodes.push(Node { level, x, y, patch, error_m: 0.0, children: vec![], bounds: None });
    let known = if level == depth {
        let (east, north) = patch.node(grid, TILE_CELLS, TILE_CELLS);
        (patch.row..=north).any(|r| (patch.column..=east).any(|c| grid.node(c, r).is_some()))
    } else {
        let quarters = [(0, 0), (1, 0), (0, 1), (1, 1)];
        let below =
            quarters.into_iter().filter_map(|(dx, dy)| tree(grid, depth, (level + 1, x * 2 + dx, y * 2 + dy), nodes));
        let below: Vec<usize> = below.collect();
        let any = !below.is_empty();
        if let Some(node) = nodes.get_mut(index) {
            node.children = below;
        }
        any
    };
    if !known {
        nodes.truncate(index);
    }
    known.then_some(index)
}

/// Tilesets of buildings ask for their children at sixteen pixels of an error that nobody sees as such; ground that is off by
/// as much would hide rivers and the feet of buildings. Four pixels of it count as sixteen.
const ERROR_SCALE: f64 = 4.0;

/// Measures the error of each tile; a parent's is never below its children's.
fn measure(grid: &HeightGrid, nodes: &mut [Node]) {
    let errors = parallel::map(nodes.iter().map(|node| node.patch).collect(), |patch: Patch| patch.error_m(grid));
    for (node, error_m) in nodes.iter_mut().zip(errors) {
        node.error_m = error_m;
    }
    for index in (0..nodes.len()).rev() {
        let below = nodes[index].children.iter().map(|child| nodes[*child].error_m).fold(0.0, f64::max);
        nodes[index].error_m = nodes[index].error_m.max(below);
    }
}

/// The content of one tile; `None` where it has no whole cell at its resolution.
fn make(
    grid: &HeightGrid,
    site: &SiteFrame,
    patch: Patch,
    error_m: f64,
    picture: impl FnOnce() -> Result<Option<EncodedImage>, TerrainError>,
) -> Result<Option<Made>, TerrainError> {
    // A neighbour may be drawn one or two levels coarser: its surface is off by its own error, which is of this order.
    let skirt_m = error_m.max(grid.cell_m * patch.stride as f64 * 0.25) * 2.0;
    let Some((center, bounds, mut mesh)) = mesh::build(grid, site, patch, skirt_m) else { return Ok(None) };
    let texture = picture()?;
    if texture.is_none() {
        mesh.texture_coordinates.clear();
    }
    let (triangles, textured) = (mesh.triangles(), texture.is_some());
    let base_color = if textured { [1.0; 4] } else { GROUND };
    let part = TilePart { base_color, texture: texture.map(Arc::new), ..TilePart::of(mesh) };
    let content = TileContent { center, parts: vec![part], ..TileContent::default() };
    let options = EncodeOptions { largest_step_m: (error_m * 0.1).max(0.05), ..EncodeOptions::default() };
    let bytes = encode(&content, &options).map_err(|error| TerrainError::Tile { cause: error.to_string() })?;
    Ok(Some(Made { bytes, bounds, triangles, textured }))
}

/// `tileset.json`. The root's transform puts the site frame into ECEF.
fn document(nodes: &[Node], site: &SiteFrame) -> Result<Vec<u8>, TerrainError> {
    let mut tiles: Vec<Option<(Value, Bounds)>> = Vec::with_capacity(nodes.len());
    tiles.resize_with(nodes.len(), || None);
    for index in (0..nodes.len()).rev() {
        let node = &nodes[index];
        let below: Vec<(Value, Bounds)> = node.children.iter().filter_map(|child| tiles[*child].take()).collect();
        let bounds = below.iter().fold(node.bounds.unwrap_or(Bounds::EMPTY), |all, (_, b)| all.union(*b));
        if bounds.is_empty() {
            continue;
        }
        let (center, half) = (bounds.center(), bounds.size() * 0.5);
        let volume = json!([center.x, center.y, center.z, half.x, 0.0, 0.0, 0.0, half.y, 0.0, 0.0, 0.0, half.z]);
        let mut tile = json!({ "boundingVolume": { "box": volume }, "geometricError": node.error_m * ERROR_SCALE, "refine": "REPLACE" });
        if node.bounds.is_some() {
            tile["content"] = json!({ "uri": content_name(node) });
        }
        if !below.is_empty() {
            tile["children"] = below.into_iter().map(|(tile, _)| tile).collect();
        }
        if index == 0 {
            tile["transform"] = json!(glam::DMat4::from(site.ecef_from_site()).to_cols_array());
        }
        tiles[index] = Some((tile, bounds));
    }
    let Some((root, bounds)) = tiles.first_mut().and_then(Option::take) else {
        return Err(TerrainError::NothingKnown { count: 1 });
    };
    // Without the whole tileset nothing is drawn: the error is as large as the relief.
    let error = nodes.first().map_or(0.0, |node| node.error_m * ERROR_SCALE).max(bounds.size().z);
    let tileset = json!({ "asset": { "version": "1.1" }, "geometricError": error, "root": root });
    serde_json::to_vec(&tileset).map_err(|error| TerrainError::Tile { cause: error.to_string() })
}
