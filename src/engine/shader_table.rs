//! Every shader of the engine in one table, compiled into the program: no file is looked for at run time.

use bevy::asset::{Handle, uuid_handle};
use bevy::prelude::*;
use bevy::shader::Shader;

/// The city's own lean material.
pub const CITY_SHADER: Handle<Shader> = uuid_handle!("3c1f1f6c-4c3c-4b0e-9f0b-7c1e0a6f2a01");
/// The same for cards that are slow at every pixel.
pub const CITY_PLAIN_SHADER: Handle<Shader> = uuid_handle!("3c1f1f6c-4c3c-4b0e-9f0b-7c1e0a6f2a03");
/// The city's depth-only pass, for shadows.
pub const CITY_DEPTH_SHADER: Handle<Shader> = uuid_handle!("3c1f1f6c-4c3c-4b0e-9f0b-7c1e0a6f2a02");
/// The sky.
pub const SKY_SHADER: Handle<Shader> = uuid_handle!("3c1f1f6c-4c3c-4b0e-9f0b-7c1e0a6f2a04");
/// The water of simulations.
pub const FLOOD_SHADER: Handle<Shader> = uuid_handle!("3c1f1f6c-4c3c-4b0e-9f0b-7c1e0a6f2a05");
const ENVIRONMENT_LIBRARY: Handle<Shader> = uuid_handle!("3c1f1f6c-4c3c-4b0e-9f0b-7c1e0a6f2a10");
const FACADE_LIBRARY: Handle<Shader> = uuid_handle!("3c1f1f6c-4c3c-4b0e-9f0b-7c1e0a6f2a11");
const OBJECT_LIBRARY: Handle<Shader> = uuid_handle!("3c1f1f6c-4c3c-4b0e-9f0b-7c1e0a6f2a12");
const WATER_LIBRARY: Handle<Shader> = uuid_handle!("3c1f1f6c-4c3c-4b0e-9f0b-7c1e0a6f2a13");

macro_rules! shaders {
    ($(($handle:expr, $path:literal)),* $(,)?) => {
        &[$(($handle, $path, include_str!(concat!("../../shaders/", $path)))),*]
    };
}

/// Handle, path under `shaders/` and source of every shader.
pub const SHADERS: &[(Handle<Shader>, &str, &str)] = shaders![
    (ENVIRONMENT_LIBRARY, "lib/environment.wgsl"),
    (FACADE_LIBRARY, "lib/facade.wgsl"),
    (OBJECT_LIBRARY, "lib/object.wgsl"),
    (WATER_LIBRARY, "lib/water.wgsl"),
    (CITY_SHADER, "material/city.wgsl"),
    (CITY_PLAIN_SHADER, "material/city_plain.wgsl"),
    (CITY_DEPTH_SHADER, "material/city_depth.wgsl"),
    (SKY_SHADER, "material/sky.wgsl"),
    (FLOOD_SHADER, "material/flood.wgsl"),
];

pub(super) struct ShaderTablePlugin;

impl Plugin for ShaderTablePlugin {
    fn build(&self, app: &mut App) {
        let mut shaders = app.world_mut().resource_mut::<Assets<Shader>>();
        for (handle, path, source) in SHADERS {
            // The only error is a handle that was freed, and constant handles never are.
            let _ = shaders.insert(handle, Shader::from_wgsl(*source, format!("shaders/{path}")));
        }
    }
}
