//! `tileset.json` of one implicit quadtree (3D Tiles 1.1 sections 6 and 7).

use glam::{DAffine3, DVec3};
use serde_json::json;

use crate::geometry::Bounds;

/// What the tileset says of its quadtree.
#[derive(Debug, Clone, PartialEq)]
pub struct ImplicitTileset {
    /// Root transform: for a site, `ecef_from_site`.
    pub ecef_from_root: DAffine3,
    /// Box of the root tile in the root's frame; a tile's cell is a half of its parent's along x and y.
    pub root: Bounds,
    /// Geometric error of the root tile, metres; halved from level to level.
    pub root_error_m: f64,
    /// Geometric error of drawing nothing at all, metres.
    pub error_m: f64,
    /// Levels that there are.
    pub levels: u32,
    /// Levels of one subtree file.
    pub subtree_levels: u32,
}

/// A 3D Tiles `box` of an axis-aligned one: centre and half axes.
pub fn box_of(bounds: Bounds) -> [f64; 12] {
    let (center, half) = (bounds.center(), bounds.size() * 0.5);
    let axes = [DVec3::X * half.x, DVec3::Y * half.y, DVec3::Z * half.z];
    let mut numbers = [0.0; 12];
    let all = std::iter::once(center).chain(axes).flat_map(|v| v.to_array());
    numbers.iter_mut().zip(all).for_each(|(number, value)| *number = value);
    numbers
}

impl ImplicitTileset {
    /// The file. Tiles replace their parents; contents are `content/LEVEL/X/Y.glb`, subtrees `subtrees/LEVEL/X/Y.subtree`,
    /// whose tiles give their own boxes (class `tile`, semantic `TILE_BOUNDING_BOX`).
    pub fn encode(&self) -> Vec<u8> {
        let matrix = glam::DMat4::from(self.ecef_from_root).to_cols_array();
        let document = json!({
            "asset": { "version": "1.1", "generator": concat!("veduta ", env!("CARGO_PKG_VERSION")) },
            "geometricError": self.error_m,
            "schema": {
                "id": "veduta_tiles",
                "classes": { "tile": { "properties": { "boundingBox": {
                    "type": "SCALAR", "componentType": "FLOAT64", "array": true, "count": 12,
                    "semantic": "TILE_BOUNDING_BOX",
                }}}},
            },
            "root": {
                "transform": matrix,
                "boundingVolume": { "box": box_of(self.root) },
                "geometricError": self.root_error_m,
                "refine": "REPLACE",
                "content": { "uri": "content/{level}/{x}/{y}.glb" },
                "implicitTiling": {
                    "subdivisionScheme": "QUADTREE",
                    "subtreeLevels": self.subtree_levels,
                    "availableLevels": self.levels,
                    "subtrees": { "uri": "subtrees/{level}/{x}/{y}.subtree" },
                },
            },
        });
        let mut text = serde_json::to_vec_pretty(&document).unwrap_or_default();
        text.push(b'\n');
        text
    }
}
