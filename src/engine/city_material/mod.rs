//! The city's own lean material: one sun, sky light, procedural facades, haze. Much cheaper than the standard material.
//!
//! A tile part is one mesh and one *object table*: a small texture with one texel of four 32-bit words an object, read by
//! the vertex shader. Colour, flags, height factor and visibility of an object are a texel, so styling a city writes a few
//! bytes and never touches a mesh. A part may be draped with a picture: terrain with its image, a model with its texture. The texture works on WebGL2, which has no storage buffers.

mod corners;
mod material;
mod object_table;
mod part;

pub use material::CityMaterial;
pub use object_table::{ObjectFlags, ObjectLook, ObjectTable, TABLE_WIDTH};
pub(super) use part::mesh_box;
pub use part::{CityAssets, CityPart, mesh_gpu_bytes};

use bevy::prelude::*;

pub(super) struct CityMaterialPlugin;

impl Plugin for CityMaterialPlugin {
    fn build(&self, app: &mut App) {
        app.add_plugins((MaterialPlugin::<CityMaterial>::default(), object_table::ObjectTablePlugin))
            .add_systems(PostUpdate, part::fit_programs);
    }
}
