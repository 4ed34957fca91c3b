//! The quadtree of terrain tiles as a 3D Tiles 1.1 tileset.

use std::sync::Arc;

use glam::{DVec2, DVec3};
use serde_json::{Value, json};

use super::mesh::{self, Patch, TILE_CELLS};
use super::{Imagery, TerrainError};
use crate::formats::glb::{EncodeOptions, encode};
use crate::formats::{EncodedImage, TileContent, TilePart};
use crate::geodesy::{CoordinateOperation, CrsRegistry, SiteFrame, SitePoint};
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

/// Linear colour of ground without a picture, and where a picture ends.
const GROUND: [f32; 4] = [0.30, 0.31, 0.25, 1.0];
const GROUND_SRGB: [f64; 3] = [149.0, 151.0, 137.0];
const TEXTURE_PIXELS: usize = 512;
const JPEG_QUALITY: u8 = 85;
/// Places where the way from the site to the picture is computed exactly, along a tile's edge; between them it is bilinear.
const LATTICE: usize = 17;
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
/// vertical deviation from the grid, a picture draped where there is one. The same input gives the same bytes.
pub fn write_terrain(
    grid: &HeightGrid,
    site: &SiteFrame,
    registry: &CrsRegistry,
    imagery: Option<&Imagery>,
    sink: &mut dyn PackageSink,
) -> Result<TerrainReport, TerrainError> {
    let cells = grid.columns.max(grid.rows).saturating_sub(1).div_ceil(TILE_CELLS).max(1);
    let depth = cells.next_power_of_two().trailing_zeros();
    let mut nodes = Vec::new();
    tree(grid, depth, (0, 0, 0), &mut nodes).ok_or(TerrainError::NothingKnown { count: 1 })?;
    measure(grid, &mut nodes);
    let operation = imagery.map(|image| image.operation(registry)).transpose()?;
    let picture = imagery.zip(operation.as_deref());
    let mut report = TerrainReport { levels: depth + 1, ..TerrainReport::default() };
    for chunk in nodes.chunks_mut(TILES_AT_ONCE) {
        let mut work = Vec::with_capacity(chunk.len());
        for node in chunk.iter() {
            let drape = match picture {
                Some((image, way)) => Drape::new(grid, site, node.patch, image, way)?,
                None => None,
            };
            work.push((node.patch, node.error_m, drape));
        }
        let made = parallel::map(work, |(patch, error_m, drape)| make(grid, site, patch, error_m, imagery.zip(drape)));
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

/// Where the vertices of a lattice over a tile lie in the picture, in pixels.
struct Drape {
    pixels: Vec<DVec2>,
    /// Pixels of the picture along one texel.
    footprint: f64,
    texels: usize,
}

impl Drape {
    /// `None` where the picture does not reach the tile.
    fn new(
        grid: &HeightGrid,
        site: &SiteFrame,
        patch: Patch,
        image: &Imagery,
        way: &dyn CoordinateOperation,
    ) -> Result<Option<Self>, TerrainError> {
        let (min, max) = patch.extent(grid);
        let step = (max - min) / (LATTICE - 1) as f64;
        let mut points: Vec<DVec3> = (0..LATTICE * LATTICE)
            .map(|index| {
                let plane = min + DVec2::new((index % LATTICE) as f64, (index / LATTICE) as f64) * step;
                let height_m = grid.sample(plane).unwrap_or(site.anchor().ellipsoid_height_m);
                let on_ground = SitePoint(mesh::place(site, plane, height_m));
                let found = site.to_geodetic(on_ground);
                DVec3::new(found.longitude_rad.to_degrees(), found.latitude_rad.to_degrees(), 0.0)
            })
            .collect();
        way.convert(&mut points).map_err(|cause| TerrainError::Crs { cause, path: image.path.clone() })?;
        let pixels: Vec<DVec2> = points.into_iter().map(|point| image.pixel(point)).collect();
        let known = || pixels.iter().copied().filter(|p| p.is_finite());
        let low = known().fold(DVec2::INFINITY, DVec2::min);
        let high = known().fold(DVec2::NEG_INFINITY, DVec2::max);
        if known().count() < pixels.len() || !image.touches(low, high) {
            return Ok(None);
        }
        let across = (high - low).max_element();
        let texels = (across.ceil() as usize).next_power_of_two().clamp(64, TEXTURE_PIXELS);
        Ok(Some(Self { pixels, footprint: across / texels as f64, texels }))
    }

    /// The pixel for a place in the tile, both coordinates 0 to 1 from the south-west.
    fn pixel(&self, at: DVec2) -> DVec2 {
        let at = at * (LATTICE - 1) as f64;
        let cell = at.floor().clamp(DVec2::ZERO, DVec2::splat((LATTICE - 2) as f64));
        let f = at - cell;
        let corner = |dx: usize, dy: usize| {
            let index = (cell.y as usize + dy) * LATTICE + cell.x as usize + dx;
            self.pixels.get(index).copied().unwrap_or(DVec2::ZERO)
        };
        let south = corner(0, 0).lerp(corner(1, 0), f.x);
        south.lerp(corner(0, 1).lerp(corner(1, 1), f.x), f.y)
    }

    /// The tile's picture as JPEG.
    fn texture(&self, image: &Imagery) -> Result<EncodedImage, TerrainError> {
        let mut rgb = Vec::with_capacity(self.texels * self.texels * 3);
        for row in 0..self.texels {
            for column in 0..self.texels {
                let at = DVec2::new(column as f64 + 0.5, self.texels as f64 - row as f64 - 0.5) / self.texels as f64;
                let color = image.color(self.pixel(at), self.footprint);
                let cover = color[3] / 255.0;
                let mixed = (0..3).map(|i| (color[i] * cover + GROUND_SRGB[i] * (1.0 - cover)).round() as u8);
                rgb.extend(mixed);
            }
        }
        let mut bytes = Vec::new();
        let edge = self.texels as u32;
        image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY)
            .encode(&rgb, edge, edge, image::ExtendedColorType::Rgb8)
            .map_err(|error| TerrainError::Tile { cause: error.to_string() })?;
        Ok(EncodedImage { mime: "image/jpeg".to_owned(), bytes })
    }
}

/// The content of one tile; `None` where it has no whole cell at its resolution.
fn make(
    grid: &HeightGrid,
    site: &SiteFrame,
    patch: Patch,
    error_m: f64,
    picture: Option<(&Imagery, Drape)>,
) -> Result<Option<Made>, TerrainError> {
    // A neighbour may be drawn one or two levels coarser: its surface is off by its own error, which is of this order.
    let skirt_m = error_m.max(grid.cell_m * patch.stride as f64 * 0.25) * 2.0;
    let Some((center, bounds, mut mesh)) = mesh::build(grid, site, patch, skirt_m) else { return Ok(None) };
    let texture = picture.map(|(image, drape)| drape.texture(image)).transpose()?;
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
