//! Light and air: where the sun stands, what colour the sky has, how far one sees. One uniform buffer, shared by all
//! materials and written once a frame, so that a change of the hour touches no material and no tile.

use bevy::prelude::*;
use bevy::render::extract_resource::{ExtractResource, ExtractResourcePlugin};
use bevy::render::render_resource::{ShaderType, UniformBuffer};
use bevy::render::renderer::{RenderDevice, RenderQueue};
use bevy::render::{Render, RenderApp, RenderStartup, RenderSystems};
use glam::DVec3;

use crate::geodesy::{Geodetic, SunPosition};
use crate::quantity::Timestamp;

use super::camera::SiteCamera;
use super::origin::{RenderOrigin, render_from_site_direction};
use super::sky::SkyColors;
use super::{EngineSystems, Quality};

/// What the scene says about light and air.
#[derive(Resource, Debug, Clone, Copy, PartialEq)]
pub struct Environment {
    /// The anchor of the site: where on earth the sun is seen from.
    pub anchor: Geodetic,
    /// The moment that is shown.
    pub time: Timestamp,
    /// Distance at which a dark hill just vanishes (meteorological visibility), metres.
    pub visibility_m: f64,
    /// Runs on for effects that move (pulses, ripples), seconds; stands still in a still picture.
    pub effect_seconds: f64,
    /// Share of windows that are lit in the night, 0 to 1.
    pub lit_windows: f32,
}

impl Default for Environment {
    fn default() -> Self {
        Self {
            anchor: Geodetic::from_degrees(121.47, 31.23, 0.0),
            // The afternoon of a clear September day in Shanghai.
            time: Timestamp::from_seconds(1_788_246_000.0),
            visibility_m: 110_000.0,
            effect_seconds: 0.0,
            lit_windows: 0.42,
        }
    }
}

impl Environment {
    /// The sun at the anchor.
    pub fn sun(&self) -> SunPosition {
        SunPosition::at(self.anchor, self.time.seconds())
    }
}

/// `Environment` of `shaders/lib/environment.wgsl`; directions and places in site axes, colours linear.
#[derive(Resource, ExtractResource, ShaderType, Debug, Clone, Copy, Default)]
pub(super) struct EnvironmentUniform {
    /// Unit vector to the sun (to the moon in the night); w: 1 where shadows are drawn.
    light_direction: Vec4,
    /// Irradiance of that light; w: night, 0 by day to 1.
    light_color: Vec4,
    /// Unit vector to the sun itself, also below the horizon; w: share of lit windows.
    sun_direction: Vec4,
    /// w: `x` of the unit vector towards the sun on the level.
    zenith_color: Vec4,
    /// The horizon away from the sun; w: haze, 1/m.
    horizon_color: Vec4,
    /// The horizon under the sun; w: brightness of the disc.
    glow_color: Vec4,
    /// Light from above for a roof; w: effect seconds.
    sky_ambient: Vec4,
    /// Light from below for a soffit; w: height of the camera above the site's zero, metres.
    ground_ambient: Vec4,
    /// Camera in render space; w: `y` of the unit vector towards the sun on the level.
    camera_in_render: Vec4,
    /// Render origin modulo 4096 m, so that patterns on the ground stay where they are.
    pattern_origin: Vec4,
}

impl EnvironmentUniform {
    /// Whether lamps are on. Twin of `lamps` in `shaders/lib/facade.wgsl`.
    pub(super) fn is_night(&self) -> bool {
        self.light_color.w > 0.01
    }
}

/// The buffer that materials bind.
#[derive(Resource, Default)]
pub struct EnvironmentBuffer(pub(super) UniformBuffer<EnvironmentUniform>);

/// The light that casts shadows.
#[derive(Component)]
struct SunLight;

pub(super) struct EnvironmentPlugin;

impl Plugin for EnvironmentPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Environment>()
            .init_resource::<EnvironmentUniform>()
            .insert_resource(GlobalAmbientLight::NONE)
            .add_plugins(ExtractResourcePlugin::<EnvironmentUniform>::default())
            .add_systems(Startup, spawn_sun)
            .add_systems(
                PostUpdate,
                (light_site, turn_sun)
                    .after(EngineSystems::Origin)
                    .before(bevy::transform::TransformSystems::Propagate),
            );
        if let Some(render_app) = app.get_sub_app_mut(RenderApp) {
            render_app
                .init_resource::<EnvironmentBuffer>()
                .add_systems(RenderStartup, write_environment)
                .add_systems(Render, write_environment.in_set(RenderSystems::PrepareResources));
        }
    }
}

/// Koschmieder (1924): contrast falls to 2 % at the meteorological visibility.
const KOSCHMIEDER: f64 = 3.912;

fn light_site(
    environment: Res<Environment>,
    quality: Res<Quality>,
    origin: Res<RenderOrigin>,
    cameras: Query<&SiteCamera>,
    mut uniform: ResMut<EnvironmentUniform>,
) {
    let sun = environment.sun();
    let colors = SkyColors::at(sun.elevation_rad);
    let camera = cameras.iter().next().map_or(DVec3::ZERO, |c| c.view.place_in_site);
    let pattern =
        DVec3::new(origin.in_site().x.rem_euclid(4096.0), origin.in_site().y.rem_euclid(4096.0), origin.in_site().z);
    // A sun overhead is nowhere on the level; any direction will do.
    let level = (sun.direction_in_site().truncate().as_vec2() + Vec2::X * 1e-5).normalize();
    *uniform = EnvironmentUniform {
        light_direction: light_direction(&sun).as_vec3().extend(f32::from(u8::from(quality.shadows))),
        light_color: colors.light.extend(colors.night),
        sun_direction: sun.direction_in_site().as_vec3().extend(environment.lit_windows),
        zenith_color: colors.zenith.extend(level.x),
        horizon_color: colors.horizon.extend((KOSCHMIEDER / environment.visibility_m.max(100.0)) as f32),
        glow_color: colors.glow.extend(colors.disc),
        sky_ambient: colors.sky_ambient.extend(environment.effect_seconds as f32),
        ground_ambient: colors.ground_ambient.extend(camera.z as f32),
        camera_in_render: origin.render_from_site(camera).extend(level.y),
        pattern_origin: pattern.as_vec3().extend(0.0),
    };
}

/// The sun while it is up; in the night a moon that stands opposite and high enough to model roofs.
fn light_direction(sun: &SunPosition) -> DVec3 {
    let direction = sun.direction_in_site();
    if direction.z > -0.02 {
        return DVec3::new(direction.x, direction.y, direction.z.max(0.03)).normalize();
    }
    DVec3::new(-direction.x, -direction.y, direction.z.abs().max(0.5)).normalize()
}

fn spawn_sun(mut commands: Commands, quality: Res<Quality>) {
    commands.spawn((
        SunLight,
        DirectionalLight {
            shadow_maps_enabled: quality.shadows,
            shadow_depth_bias: 0.3,
            shadow_normal_bias: 1.2,
            ..default()
        },
        Transform::default(),
    ));
}

fn turn_sun(
    environment: Res<Environment>,
    quality: Res<Quality>,
    cameras: Query<&SiteCamera>,
    mut lights: Query<(&mut Transform, &mut DirectionalLight, &mut bevy::light::CascadeShadowConfig), With<SunLight>>,
) {
    let Some(camera) = cameras.iter().next() else { return };
    let towards = render_from_site_direction(light_direction(&environment.sun()));
    // Shadows reach as far as the eye can tell them apart: with the height of the camera, from the street to the overview.
    let reach = (camera.view.place_in_site.z.abs() * 5.0).clamp(600.0, 12_000.0) as f32;
    let reach = 2_f32.powf(reach.log2().ceil());
    for (mut transform, mut light, mut cascades) in &mut lights {
        transform.set_if_neq(Transform::IDENTITY.looking_to(-towards, Vec3::Y));
        if light.shadow_maps_enabled != quality.shadows {
            light.shadow_maps_enabled = quality.shadows;
        }
        let wanted = quality.shadow_cascades;
        if cascades.bounds.len() != wanted || cascades.bounds.last() != Some(&reach) {
            *cascades = bevy::light::CascadeShadowConfigBuilder {
                num_cascades: wanted,
                minimum_distance: 1.0,
                maximum_distance: reach,
                first_cascade_far_bound: reach * if wanted > 1 { 0.18 } else { 1.0 },
                overlap_proportion: 0.1,
            }
            .build();
        }
    }
}

fn write_environment(
    uniform: Option<Res<EnvironmentUniform>>,
    mut buffer: ResMut<EnvironmentBuffer>,
    device: Res<RenderDevice>,
    queue: Res<RenderQueue>,
) {
    buffer.0.set(uniform.map_or_else(EnvironmentUniform::default, |u| *u));
    buffer.0.write_buffer(&device, &queue);
}
