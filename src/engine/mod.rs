//! The Bevy engine: draws the city, the same in a window, offscreen and in the browser.
//!
//! A shell adds [`EnginePlugins`] to an app, inserts [`Quality`] and [`Environment`], and spawns a [`SiteCamera`]. Content
//! comes from `tiles` (a streamed package) or is spawned by hand as [`city_material::CityPart`]s. Everything stands in the
//! site frame in double precision; `origin` alone turns it into what the graphics card sees.

use bevy::light::cluster::GlobalClusterSettings;
use bevy::prelude::*;
use bevy::render::render_resource::TextureFormat;

mod bindings;
pub mod camera;
pub mod city_material;
pub mod environment;
pub mod faces;
pub mod flood;
pub mod origin;
pub mod overlay;
pub mod picking;
pub mod shader_table;
mod sky;
pub mod tiles;

pub use camera::{CameraView, Flight, SiteCamera};
pub use city_material::{CityPart, ObjectLook};
pub use environment::Environment;
pub use origin::{OriginMoved, RenderOrigin, SiteTransform};
pub use tiles::{CityStream, DrawnObject, ObjectChange, ObjectChanges, ObjectLooks, StreamError};

/// The order of a frame.
#[derive(SystemSet, Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EngineSystems {
    /// Cameras move (`Update`).
    Camera,
    /// Tiles are asked for, decoded, shown and hidden (`Update`, after the cameras).
    Stream,
    /// The render origin follows and transforms are derived (`PostUpdate`).
    Origin,
}

/// What a graphics card can do, asked once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// A browser without WebGPU: no storage buffers, no compute.
    WebGl2,
    /// A browser with WebGPU.
    WebGpu,
    /// A desktop or a server.
    Native,
}

/// How much the picture may cost.
#[derive(Resource, Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// What the card can do.
    pub tier: Tier,
    /// Whether the sun casts shadows.
    pub shadows: bool,
    /// Shadow maps in a row from near to far, 1 to 4.
    pub shadow_cascades: usize,
    /// Edge of a shadow map, pixels; a power of two.
    pub shadow_map_px: usize,
    /// Samples a pixel at the edges of triangles: 1, 2, 4 or 8.
    pub samples: u32,
    /// Whether light is worked out for each vertex instead of each pixel, and clouds and ripples are left away.
    pub plain: bool,
    /// Whether colours are encoded (sRGB) by the programs that draw them, instead of at every copy of the picture.
    pub encoded: bool,
}

impl Quality {
    /// For a tier, and for a card that is really the processor (`software`).
    pub fn of(tier: Tier, software: bool) -> Self {
        match (tier, software) {
            (Tier::WebGl2, plain) | (Tier::WebGpu, plain @ true) => Self {
                tier,
                shadows: false,
                shadow_cascades: 1,
                shadow_map_px: 1024,
                samples: 1,
                plain,
                encoded: false,
            },
            (_, true) => Self {
                tier,
                shadows: true,
                shadow_cascades: 1,
                shadow_map_px: 2048,
                samples: 1,
                plain: false,
                encoded: false,
            },
            (_, false) => Self {
                tier,
                shadows: true,
                shadow_cascades: 3,
                shadow_map_px: 4096,
                samples: 4,
                plain: false,
                encoded: false,
            },
        }
    }

    /// The format of pictures that a shell has drawn into.
    pub fn target_format(&self) -> TextureFormat {
        if self.encoded { TextureFormat::Rgba8Unorm } else { TextureFormat::Rgba8UnormSrgb }
    }

    /// The component for a camera.
    pub fn msaa(&self) -> Msaa {
        match self.samples {
            0 | 1 => Msaa::Off,
            2 => Msaa::Sample2,
            3..=7 => Msaa::Sample4,
            _ => Msaa::Sample8,
        }
    }
}

/// Everything that draws; a shell adds only its window, its loop and its input.
pub struct EnginePlugins;

impl Plugin for EnginePlugins {
    fn build(&self, app: &mut App) {
        if !app.world().contains_resource::<Quality>() {
            app.insert_resource(Quality::of(Tier::Native, false));
        }
        let shadow_map = app.world().resource::<Quality>().shadow_map_px;
        app.insert_resource(bevy::light::DirectionalLightShadowMap { size: shadow_map })
            .add_systems(Startup, sort_no_lights)
            .configure_sets(Update, (EngineSystems::Camera, EngineSystems::Stream).chain())
            .add_plugins((
                shader_table::ShaderTablePlugin,
                origin::OriginPlugin,
                camera::CameraPlugin,
                environment::EnvironmentPlugin,
                sky::SkyPlugin,
                city_material::CityMaterialPlugin,
                tiles::TilesPlugin,
                flood::FloodPlugin,
                faces::FacesPlugin,
                overlay::OverlayPlugin,
            ));
    }
}

/// A city has one sun and no lamps that the card would have to sort: it is spared five passes a frame.
fn sort_no_lights(settings: Option<ResMut<GlobalClusterSettings>>) {
    settings.into_iter().for_each(|mut settings| settings.gpu_clustering = None);
}

/// What a camera of ours is made of, besides its target: no HDR and no tone mapping pass, because our materials map tones
/// themselves, which saves two passes over the screen.
pub fn camera_bundle(view: CameraView, quality: &Quality) -> impl Bundle {
    (
        SiteCamera { view },
        IsDefaultUiCamera,
        Camera3d::default(),
        Camera { clear_color: ClearColorConfig::Custom(Color::BLACK), ..default() },
        Projection::Perspective(PerspectiveProjection { near: 0.5, far: 400_000.0, ..default() }),
        bevy::core_pipeline::tonemapping::Tonemapping::None,
        bevy::core_pipeline::tonemapping::DebandDither::Disabled,
        bevy::light::cluster::ClusterConfig::Single,
        if quality.samples > 1 {
            bevy::light::ShadowFilteringMethod::Gaussian
        } else {
            bevy::light::ShadowFilteringMethod::Hardware2x2
        },
        quality.msaa(),
    )
}
