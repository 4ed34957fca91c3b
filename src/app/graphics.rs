//! The graphics card: whether there is one, and an app of the engine without a loop of its own.

use bevy::app::{PluginsState, TerminalCtrlCHandlerPlugin};
use bevy::prelude::*;
use bevy::render::RenderPlugin;
use bevy::render::pipelined_rendering::PipelinedRenderingPlugin;
use bevy::render::settings::WgpuSettings;
use bevy::window::ExitCondition;
use bevy::winit::WinitPlugin;

use crate::engine::{EnginePlugins, Quality, Tier};

/// Why nothing can be drawn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphicsError {
    /// No driver was found.
    #[error(
        "no graphics adapter found; install a driver (on Debian without a graphics card: apt-get install mesa-vulkan-drivers)"
    )]
    NoAdapter,
    /// The user forbade drawing.
    #[error("drawing is switched off by VEDUTA_GPU=off")]
    SwitchedOff,
    /// The user asked for a real card.
    #[error("VEDUTA_GPU=required, but the only adapter is a processor: {0}")]
    OnlySoftware(String),
    /// A shader or a pipeline is wrong.
    #[error("the graphics card refused a pipeline: {0}")]
    Pipeline(String),
    /// The driver gave up: the log says why.
    #[error("the graphics card stopped drawing (the log tells why)")]
    Stopped,
    /// The picture did not come back.
    #[error("the picture could not be read back from the graphics card: {0}")]
    ReadBack(String),
    /// Loading did not end.
    #[error("not everything was loaded after {frames} frames; pipelines that wait: [{pipelines}]")]
    NotReady {
        /// Frames drawn.
        frames: usize,
        /// Their names.
        pipelines: String,
    },
    /// The picture could not be written.
    #[error("cannot write the picture: {cause}: {path}")]
    Write {
        /// What the system said.
        cause: String,
        /// Where to.
        path: String,
    },
}

/// An adapter that can draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adapter {
    /// As the driver calls it.
    pub name: String,
    /// Whether it is the processor.
    pub software: bool,
    /// The interfaces among which it was found.
    pub backends: wgpu::Backends,
}

impl Adapter {
    /// Asks the system, and the environment variable `VEDUTA_GPU`: `required` (no software), `off`, else what there is.
    pub fn find() -> Result<Self, GraphicsError> {
        let wish = std::env::var("VEDUTA_GPU").unwrap_or_default();
        if wish == "off" {
            return Err(GraphicsError::SwitchedOff);
        }
        // OpenGL only where there is nothing better: its libraries look for displays and complain where there is none.
        let orders = match wgpu::Backends::from_env() {
            Some(asked) => vec![asked],
            None => vec![wgpu::Backends::PRIMARY, wgpu::Backends::all()],
        };
        let found = orders.into_iter().find_map(Self::among).ok_or(GraphicsError::NoAdapter)?;
        if wish == "required" && found.software {
            return Err(GraphicsError::OnlySoftware(found.name));
        }
        Ok(found)
    }

    fn among(backends: wgpu::Backends) -> Option<Self> {
        let descriptor =
            wgpu::InstanceDescriptor { backends, ..wgpu::InstanceDescriptor::new_without_display_handle() };
        let instance = wgpu::Instance::new(descriptor);
        let options = wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            ..Default::default()
        };
        let info = bevy::tasks::block_on(instance.request_adapter(&options)).ok()?.get_info();
        Some(Self { name: info.name, software: info.device_type == wgpu::DeviceType::Cpu, backends })
    }

    /// The same for Bevy's renderer.
    pub fn render_plugin(&self, synchronous_pipeline_compilation: bool) -> RenderPlugin {
        let settings = WgpuSettings { backends: Some(self.backends), ..default() };
        RenderPlugin { render_creation: settings.into(), synchronous_pipeline_compilation, ..default() }
    }

    /// What drawing may cost on this adapter.
    pub fn quality(&self) -> Quality {
        Quality::of(Tier::Native, self.software)
    }
}

/// An app of the engine without window and loop: whoever holds it calls `update`. Nothing depends on the clock.
pub(super) fn windowless_app(adapter: &Adapter, quality: Quality) -> App {
    let mut app = App::new();
    app.insert_resource(quality)
        .insert_resource(bevy::time::TimeUpdateStrategy::ManualDuration(std::time::Duration::from_millis(40)))
        .add_plugins(
            DefaultPlugins
                .set(WindowPlugin { primary_window: None, exit_condition: ExitCondition::DontExit, ..default() })
                .set(adapter.render_plugin(true))
                .disable::<WinitPlugin>()
                .disable::<PipelinedRenderingPlugin>()
                .disable::<TerminalCtrlCHandlerPlugin>(),
        )
        .add_plugins(EnginePlugins);
    while app.plugins_state() == PluginsState::Adding {
        bevy::tasks::tick_global_task_pools_on_main_thread();
    }
    app.finish();
    app.cleanup();
    app
}
