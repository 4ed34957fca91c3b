//! One tile: its objects to a mesh and a table, and those to bytes.

use super::atlas::{self, Pictures};
use super::attributes::Schema;
use super::blocks::blocks;
use super::pyramid::{Node, Pyramid, distant, finest};
use super::{TileAddress, TilerError};
use crate::city::CityObject;
use crate::formats::glb::{EncodeOptions, encode};
use crate::formats::{TileContent, TilePart};
use crate::geometry::{Bounds, Shape, Tessellator, coarser};
use crate::package::{Objects, SinkError};

/// Details that a coarse tile leaves out, as a part of its geometric error.
const DETAIL_PART: f64 = 0.1;
/// Step of quantized positions, as a part of the geometric error; leaves have the finer one.
const STEP_PART: f64 = 0.01;
const LEAF_STEP_M: f64 = 0.05;
/// Size of a picture's pixels in leaves, metres, and in coarse tiles as a part of the geometric error.
const LEAF_TEXEL_M: f64 = 0.03;
const TEXEL_PART: f64 = 0.02;
/// Edge of the cells whose small objects one block stands for, as a part of the geometric error: about eight pixels.
const CELL_PART: f64 = 0.5;
/// A tile's bytes and what is in them.
pub struct Encoded {
    pub bytes: Vec<u8>,
    /// Box of the drawn vertices, site frame.
    pub bounds: Bounds,
    pub triangles: u64,
    pub degenerate: usize,
    /// Pictures that could not be laid on, and why.
    pub problems: Vec<String>,
}

/// What a builder needs of the whole city.
pub struct Source<'a> {
    pub objects: &'a Objects,
    pub rows: &'a (dyn Fn(usize) -> u32 + Sync),
    pub schema: &'a Schema,
    pub pyramid: &'a Pyramid,
    pub pictures: &'a dyn Pictures,
}

impl Source<'_> {
    /// Builds and encodes a tile; `None` where it shows nothing.
    pub fn encode(&self, node: &Node) -> Result<Option<Encoded>, TilerError> {
        let error_m = self.pyramid.error_m(node.address.level);
        let load = |row: usize| Ok::<_, SinkError>((self.objects.load(row)?, (self.rows)(row)));
        let mut objects: Vec<(CityObject, u32)> =
            self.pyramid.shown(node).map(|item| load(item.object)).collect::<Result<_, _>>()?;
        if objects.is_empty() {
            return Ok(None);
        }
        let around = self.pyramid.shown(node).fold(Bounds::EMPTY, |all, item| all.union(item.bounds));
        let mut tessellator = Tessellator::new(around.center());
        for (id, (object, _)) in objects.iter().enumerate() {
            let lod = if node.is_leaf { finest(object) } else { distant(object) };
            let Some(lod) = lod else { continue };
            let stand_in =
                if node.is_leaf { None } else { coarser(&lod.shape, lod.shape.bounds(), error_m * DETAIL_PART) };
            tessellator.add(stand_in.as_ref().unwrap_or(&lod.shape), id as u32);
        }
        for (object, prism) in blocks(self.pyramid.left_out(node), error_m * CELL_PART) {
            tessellator.add(&Shape::Prisms(vec![prism]), objects.len() as u32);
            objects.push((self.objects.load_head(object)?, (self.rows)(object)));
        }
        let degenerate = tessellator.degenerate();
        let (mesh, pictured) = tessellator.finish();
        let features = self.schema.table(&objects);
        let step = if node.is_leaf { LEAF_STEP_M } else { (error_m * STEP_PART).max(LEAF_STEP_M) };
        let center = around.center();
        let texel_m = if node.is_leaf { LEAF_TEXEL_M } else { error_m * TEXEL_PART };
        let mut problems = Vec::new();
        let mut parts = atlas::parts(pictured, texel_m, self.pictures, &mut problems);
        if !mesh.indices.is_empty() {
            parts.insert(0, TilePart::of(mesh));
        }
        let vertices = parts.iter().flat_map(|part| &part.mesh.positions);
        let drawn = Bounds::around(vertices.map(|p| center + p.as_dvec3()));
        if drawn.is_empty() {
            return Ok(None);
        }
        let content = TileContent { center, parts, features };
        let options = EncodeOptions { largest_step_m: step, compress: true };
        let bytes = encode(&content, &options).map_err(|cause| named(cause, node.address))?;
        // Quantizing moves a vertex by half a step at most.
        let bounds = Bounds { min: drawn.min - step, max: drawn.max + step };
        Ok(Some(Encoded { bytes, bounds, triangles: content.triangles() as u64, degenerate, problems }))
    }
}

fn named(cause: crate::formats::glb::GlbError, address: TileAddress) -> TilerError {
    TilerError::Encode { cause, name: address.content_name() }
}
