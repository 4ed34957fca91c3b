//! The sky: colours by the height of the sun, drawn as one triangle behind everything.

use bevy::asset::RenderAssetUsages;
use bevy::camera::visibility::NoFrustumCulling;
use bevy::ecs::system::SystemParamItem;
use bevy::ecs::system::lifetimeless::SRes;
use bevy::light::{NotShadowCaster, NotShadowReceiver};
use bevy::mesh::{Indices, MeshVertexBufferLayoutRef, PrimitiveTopology};
use bevy::pbr::{MaterialPipeline, MaterialPipelineKey};
use bevy::prelude::*;
use bevy::render::render_resource::{
    AsBindGroup, AsBindGroupError, BindGroupLayout, BindGroupLayoutEntry, BindingResources, OwnedBindingResource,
    RenderPipelineDescriptor, SpecializedMeshPipelineError, UnpreparedBindGroup,
};
use bevy::render::renderer::RenderDevice;
use bevy::shader::ShaderRef;

use super::Quality;
use super::bindings::{encode_for_target, environment_binding, environment_layout};
use super::environment::EnvironmentBuffer;
use super::shader_table::SKY_SHADER;

/// What the air does to light at one height of the sun. Linear RGB, exposed so that a white roof at noon is just below 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct SkyColors {
    /// Straight up.
    pub zenith: Vec3,
    /// The horizon away from the sun.
    pub horizon: Vec3,
    /// The horizon under the sun.
    pub glow: Vec3,
    /// Irradiance of the sun, or of the moon in the night.
    pub light: Vec3,
    /// Light on a roof from the sky.
    pub sky_ambient: Vec3,
    /// Light on a soffit from the ground.
    pub ground_ambient: Vec3,
    /// Brightness of the sun's disc.
    pub disc: f32,
    /// 0 by day, 1 when the stars are out.
    pub night: f32,
}

struct Key {
    elevation_deg: f32,
    colors: [[f32; 3]; 6],
    disc: f32,
    night: f32,
}

/// Keyed by eye on photographs of clear skies from a tower; between two keys the colours are mixed.
const KEYS: [Key; 8] = [
    Key {
        elevation_deg: -14.0,
        colors: [
            [0.006, 0.010, 0.024],
            [0.020, 0.026, 0.046],
            [0.024, 0.030, 0.052],
            [0.060, 0.076, 0.120],
            [0.052, 0.066, 0.110],
            [0.042, 0.038, 0.040],
        ],
        disc: 0.0,
        night: 1.0,
    },
    Key {
        elevation_deg: -7.0,
        colors: [
            [0.020, 0.034, 0.085],
            [0.075, 0.085, 0.135],
            [0.32, 0.16, 0.12],
            [0.052, 0.064, 0.100],
            [0.085, 0.105, 0.170],
            [0.050, 0.045, 0.048],
        ],
        disc: 0.0,
        night: 0.85,
    },
    Key {
        elevation_deg: -3.0,
        colors: [
            [0.055, 0.090, 0.19],
            [0.20, 0.18, 0.23],
            [0.80, 0.36, 0.17],
            [0.05, 0.04, 0.05],
            [0.15, 0.17, 0.25],
            [0.07, 0.06, 0.06],
        ],
        disc: 0.2,
        night: 0.55,
    },
    Key {
        elevation_deg: 1.0,
        colors: [
            [0.10, 0.17, 0.33],
            [0.42, 0.36, 0.37],
            [1.15, 0.58, 0.26],
            [0.85, 0.36, 0.12],
            [0.24, 0.27, 0.36],
            [0.13, 0.10, 0.09],
        ],
        disc: 5.0,
        night: 0.18,
    },
    Key {
        elevation_deg: 7.0,
        colors: [
            [0.13, 0.25, 0.48],
            [0.56, 0.58, 0.62],
            [1.02, 0.76, 0.50],
            [1.75, 1.12, 0.60],
            [0.33, 0.38, 0.46],
            [0.18, 0.15, 0.12],
        ],
        disc: 9.0,
        night: 0.0,
    },
    Key {
        elevation_deg: 18.0,
        colors: [
            [0.13, 0.29, 0.58],
            [0.58, 0.68, 0.78],
            [0.90, 0.83, 0.72],
            [2.05, 1.62, 1.12],
            [0.39, 0.46, 0.55],
            [0.22, 0.20, 0.17],
        ],
        disc: 14.0,
        night: 0.0,
    },
    Key {
        elevation_deg: 40.0,
        colors: [
            [0.11, 0.28, 0.62],
            [0.56, 0.70, 0.84],
            [0.74, 0.79, 0.84],
            [2.10, 1.86, 1.54],
            [0.42, 0.50, 0.60],
            [0.25, 0.23, 0.20],
        ],
        disc: 18.0,
        night: 0.0,
    },
    Key {
        elevation_deg: 70.0,
        colors: [
            [0.09, 0.26, 0.62],
            [0.55, 0.70, 0.86],
            [0.62, 0.74, 0.86],
            [2.12, 1.96, 1.70],
            [0.44, 0.53, 0.64],
            [0.28, 0.26, 0.23],
        ],
        disc: 20.0,
        night: 0.0,
    },
];

impl SkyColors {
    /// The colours for an elevation of the sun.
    pub fn at(sun_elevation_rad: f64) -> Self {
        let degrees = sun_elevation_rad.to_degrees() as f32;
        let upper = KEYS.iter().position(|k| k.elevation_deg > degrees).unwrap_or(KEYS.len());
        let (a, b) = (&KEYS[upper.saturating_sub(1)], &KEYS[upper.min(KEYS.len() - 1)]);
        let span = b.elevation_deg - a.elevation_deg;
        let t = if span > 0.0 { ((degrees - a.elevation_deg) / span).clamp(0.0, 1.0) } else { 0.0 };
        let color = |i: usize| Vec3::from(a.colors[i]).lerp(Vec3::from(b.colors[i]), t);
        Self {
            zenith: color(0),
            horizon: color(1),
            glow: color(2),
            light: color(3),
            sky_ambient: color(4),
            ground_ambient: color(5),
            disc: a.disc + (b.disc - a.disc) * t,
            night: a.night + (b.night - a.night) * t,
        }
    }
}

/// Draws the sky where nothing else was drawn.
#[derive(Asset, TypePath, Debug, Clone)]
struct SkyMaterial {
    /// Without clouds and stars.
    plain: bool,
}

impl AsBindGroup for SkyMaterial {
    type Data = bool;
    type Param = SRes<EnvironmentBuffer>;

    fn label() -> &'static str {
        "sky"
    }

    fn bind_group_data(&self) -> Self::Data {
        self.plain
    }

    fn unprepared_bind_group(
        &self,
        _: &BindGroupLayout,
        _: &RenderDevice,
        environment: &mut SystemParamItem<'_, '_, Self::Param>,
        _: bool,
    ) -> Result<UnpreparedBindGroup, AsBindGroupError> {
        let bindings: Vec<(u32, OwnedBindingResource)> = vec![(0, environment_binding(environment)?)];
        Ok(UnpreparedBindGroup { bindings: BindingResources(bindings) })
    }

    fn bind_group_layout_entries(_: &RenderDevice, _: bool) -> Vec<BindGroupLayoutEntry> {
        vec![environment_layout(0)]
    }
}

impl Material for SkyMaterial {
    fn vertex_shader() -> ShaderRef {
        SKY_SHADER.into()
    }

    fn fragment_shader() -> ShaderRef {
        SKY_SHADER.into()
    }

    /// Transparent things are drawn after all others: a pixel of sky that something covers then costs nothing.
    fn alpha_mode(&self) -> AlphaMode {
        AlphaMode::Blend
    }

    fn enable_prepass() -> bool {
        false
    }

    fn enable_shadows() -> bool {
        false
    }

    fn specialize(
        _: &MaterialPipeline,
        descriptor: &mut RenderPipelineDescriptor,
        layout: &MeshVertexBufferLayoutRef,
        key: MaterialPipelineKey<Self>,
    ) -> Result<(), SpecializedMeshPipelineError> {
        if let Some(fragment) = &mut descriptor.fragment {
            // Nothing shines through it: mixing with what is there would only cost.
            fragment.targets.iter_mut().flatten().for_each(|target| target.blend = None);
            if key.bind_group_data {
                fragment.shader_defs.push("PLAIN".into());
            }
        }
        encode_for_target(descriptor);
        descriptor.vertex.buffers = vec![layout.0.get_layout(&[Mesh::ATTRIBUTE_POSITION.at_shader_location(0)])?];
        descriptor.primitive.cull_mode = None;
        Ok(())
    }
}

pub(super) struct SkyPlugin;

impl Plugin for SkyPlugin {
    fn build(&self, app: &mut App) {
        app.add_plugins(MaterialPlugin::<SkyMaterial>::default()).add_systems(Startup, spawn_sky);
    }
}

fn spawn_sky(
    quality: Res<Quality>,
    mut commands: Commands,
    mut meshes: ResMut<Assets<Mesh>>,
    mut materials: ResMut<Assets<SkyMaterial>>,
) {
    let triangle = Mesh::new(PrimitiveTopology::TriangleList, RenderAssetUsages::RENDER_WORLD)
        .with_inserted_attribute(Mesh::ATTRIBUTE_POSITION, vec![[-1.0, -1.0, 0.0], [3.0, -1.0, 0.0], [-1.0, 3.0, 0.0]])
        .with_inserted_indices(Indices::U32(vec![0, 1, 2]));
    commands.spawn((
        Mesh3d(meshes.add(triangle)),
        MeshMaterial3d(materials.add(SkyMaterial { plain: quality.plain })),
        NoFrustumCulling,
        NotShadowCaster,
        NotShadowReceiver,
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noon_is_brighter_than_dusk_and_dusk_than_night() {
        let light = |degrees: f64| SkyColors::at(degrees.to_radians()).sky_ambient.element_sum();
        assert!(light(60.0) > light(5.0) && light(5.0) > light(-4.0) && light(-4.0) > light(-30.0));
        assert_eq!(SkyColors::at(-1.5).night, 1.0);
        assert_eq!(SkyColors::at(1.5).night, 0.0);
    }
}
