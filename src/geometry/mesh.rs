//! Triangles ready for a graphics card.

use glam::{Vec2, Vec3};
use serde::{Deserialize, Serialize};

/// Indexed triangles in single precision, relative to a content centre kept beside them in double precision.
/// Axes: east, north, up, metres. All vertex arrays are as long as `positions`, or empty where the mesh has none.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Mesh {
    /// Vertex places, metres from the content centre.
    pub positions: Vec<Vec3>,
    /// Unit normals.
    pub normals: Vec<Vec3>,
    /// Which object a vertex belongs to: a row of the content's property table (EXT_mesh_features `_FEATURE_ID_0`).
    pub feature_ids: Vec<u32>,
    /// Linear RGBA, where the source has colours.
    pub colors: Vec<[u8; 4]>,
    /// Texture coordinates, origin at the upper left, where there is a texture.
    pub texture_coordinates: Vec<Vec2>,
    /// Three a triangle, counter-clockwise seen from the front.
    pub indices: Vec<u32>,
}

impl Mesh {
    /// How many triangles.
    pub fn triangles(&self) -> usize {
        self.indices.len() / 3
    }

    /// Bytes that the arrays take, which is what a budget counts.
    pub fn bytes(&self) -> usize {
        size_of_val(self.positions.as_slice())
            + size_of_val(self.normals.as_slice())
            + size_of_val(self.feature_ids.as_slice())
            + size_of_val(self.colors.as_slice())
            + size_of_val(self.texture_coordinates.as_slice())
            + size_of_val(self.indices.as_slice())
    }
}
