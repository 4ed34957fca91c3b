//! The canvas of a page: the device that draws on it, when the picture is in it, and how the picture is stored there.
//!
//! A card that is slow at every pixel draws pictures that are encoded (sRGB) by the programs that draw them
//! ([`Quality::encoded`](crate::engine::Quality)), straight into the canvas: Bevy would draw into a picture of its own and
//! copy that, and decode and encode every pixel at each copy. So the canvas is configured once more after Bevy has done so,
//! with a texture that does not encode; cameras put nothing out by themselves, which spares Bevy its pictures and passes; and
//! the phases that Bevy has sorted are drawn here into the texture of the frame. All the rest is Bevy's.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bevy::camera::CameraOutputMode;
use bevy::core_pipeline::core_3d::{AlphaMask3d, Opaque3d, Transparent3d};
use bevy::core_pipeline::schedule::{Core3d, Core3dSystems};
use bevy::prelude::*;
use bevy::render::camera::extract_cameras;
use bevy::render::render_phase::{DrawError, ViewBinnedRenderPhases, ViewSortedRenderPhases};
use bevy::render::render_resource::{StoreOp, SurfaceTexture, TextureView};
use bevy::render::renderer::{
    RenderAdapter, RenderAdapterInfo, RenderContext, RenderDevice, RenderInstance, RenderQueue, ViewQuery, WgpuWrapper,
};
use bevy::render::settings::RenderResources;
use bevy::render::view::window::{create_surfaces, prepare_windows};
use bevy::render::view::{ExtractedView, ExtractedWindows, ViewDepthTexture};
use bevy::render::{ExtractSchedule, Render, RenderApp, RenderSystems};
use bevy::ui_render::{TransparentUi, UiCameraView};
use wasm_bindgen::JsCast;
use wgpu::rwh::{DisplayHandle, HandleError, HasDisplayHandle};
use wgpu::{
    CurrentSurfaceTexture, LoadOp, Operations, RenderPassColorAttachment, RenderPassDescriptor, Surface,
    SurfaceConfiguration, SurfaceTarget, TextureFormat, TextureUsages,
};

use super::page::Listener;

/// The page as wgpu wants to know it: OpenGL makes surfaces only where it does.
#[derive(Debug)]
struct Page;

impl HasDisplayHandle for Page {
    fn display_handle(&self) -> Result<DisplayHandle<'_>, HandleError> {
        Ok(DisplayHandle::web())
    }
}

/// The device that draws on the canvas of a selector, for Bevy, and the surface that it draws on. Bevy's own way makes the
/// same device, and panics where there is none.
pub(super) async fn open(selector: &str) -> Result<(RenderResources, Surface<'static>), String> {
    let document = web_sys::window().and_then(|window| window.document());
    let element = document.and_then(|document| document.query_selector(selector).ok().flatten());
    let canvas = element.and_then(|element| element.dyn_into().ok()).ok_or("there is no canvas")?;
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_with_display_handle(Box::new(Page)));
    let told = |error: &dyn std::fmt::Display| format!("the browser gives no device to draw with: {error}");
    let surface = instance.create_surface(SurfaceTarget::Canvas(canvas)).map_err(|error| told(&error))?;
    let wanted = wgpu::RequestAdapterOptions { compatible_surface: Some(&surface), ..default() };
    let adapter = instance.request_adapter(&wanted).await.map_err(|error| told(&error))?;
    let descriptor = wgpu::DeviceDescriptor {
        required_features: adapter.features(),
        required_limits: adapter.limits(),
        ..default()
    };
    let (device, queue) = adapter.request_device(&descriptor).await.map_err(|error| told(&error))?;
    let resources = RenderResources(
        RenderDevice::from(device),
        RenderQueue(Arc::new(WgpuWrapper::new(queue))),
        RenderAdapterInfo(WgpuWrapper::new(adapter.get_info())),
        RenderAdapter(Arc::new(WgpuWrapper::new(adapter))),
        RenderInstance(Arc::new(WgpuWrapper::new(instance))),
    );
    Ok((resources, surface))
}

/// Whether the page wants the picture. It can read it out of the canvas only from when it is drawn until the browser shows
/// it, which is after the frame: so it is told between the two.
#[derive(Resource, Clone, Default)]
pub(super) struct PictureWanted(Arc<AtomicBool>);

impl PictureWanted {
    /// The page wants the next one.
    pub(super) fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Tells the listener in the world of [`RenderApp`] of pictures that were wanted.
pub(super) struct PicturePlugin;

impl Plugin for PicturePlugin {
    fn build(&self, app: &mut App) {
        let wanted = PictureWanted::default();
        app.insert_resource(wanted.clone());
        let Some(render) = app.get_sub_app_mut(RenderApp) else { return };
        render.insert_resource(wanted).add_systems(Render, tell_drawn.in_set(RenderSystems::Cleanup));
    }
}

fn tell_drawn(wanted: Res<PictureWanted>, listener: NonSend<Listener>) {
    if wanted.0.swap(false, Ordering::Relaxed) {
        listener.tell("drawn", &serde_json::Value::Null);
    }
}

/// Draws the pictures of the only window straight into this surface, without encoding.
pub(super) fn draw_directly(app: &mut App, surface: Surface<'static>) {
    app.add_systems(PreUpdate, put_nothing_out);
    let Some(render) = app.get_sub_app_mut(RenderApp) else { return };
    render
        .insert_resource(EncodedCanvas { surface, configuration: None })
        .add_systems(ExtractSchedule, announce.before(extract_cameras))
        .add_systems(Render, acquire.after(create_surfaces).before(prepare_windows))
        .add_systems(Core3d, draw.in_set(Core3dSystems::MainPass));
}

fn put_nothing_out(mut cameras: Query<&mut Camera, Added<Camera>>) {
    cameras.iter_mut().for_each(|mut camera| camera.output_mode = CameraOutputMode::Skip);
}

#[derive(Resource)]
struct EncodedCanvas {
    surface: Surface<'static>,
    configuration: Option<SurfaceConfiguration>,
}

/// Of the canvas, and of all programs that draw into it.
const FORMAT: TextureFormat = TextureFormat::Rgba8Unorm;

/// Cameras take the format that the window seems to have.
fn announce(mut windows: ResMut<ExtractedWindows>) {
    for window in windows.windows.values_mut() {
        window.swap_chain_texture_view_format = Some(FORMAT);
    }
}

fn acquire(
    mut canvas: ResMut<EncodedCanvas>,
    mut windows: ResMut<ExtractedWindows>,
    adapter: Res<RenderAdapter>,
    device: Res<RenderDevice>,
) {
    let Some(window) = windows.windows.values_mut().next() else { return };
    let EncodedCanvas { surface, configuration } = &mut *canvas;
    let (width, height) = (window.physical_width, window.physical_height);
    let fits = |now: &SurfaceConfiguration| (now.width, now.height) == (width, height);
    if !configuration.as_ref().is_some_and(fits) || window.size_changed || window.present_mode_changed {
        let Some(usual) = surface.get_default_config(&adapter, width, height) else { return };
        let usage = TextureUsages::RENDER_ATTACHMENT;
        let new = SurfaceConfiguration { format: FORMAT, usage, view_formats: Vec::new(), ..usual };
        drop(window.swap_chain_texture.take());
        surface.configure(device.wgpu_device(), &new);
        *configuration = Some(new);
    }
    // This is done here, and Bevy keeps to the texture that the window has.
    (window.size_changed, window.present_mode_changed) = (false, false);
    window.swap_chain_texture_view_format = Some(FORMAT);
    // Bevy shows what its cameras have put out, and every window once before that.
    window.needs_initial_present = true;
    if window.swap_chain_texture.is_some() {
        return;
    }
    match surface.get_current_texture() {
        CurrentSurfaceTexture::Success(texture) | CurrentSurfaceTexture::Suboptimal(texture) => {
            window.swap_chain_texture_view = Some(TextureView::from(texture.texture.create_view(&default())));
            window.swap_chain_texture_format = Some(FORMAT);
            window.swap_chain_texture = Some(SurfaceTexture::from(texture));
        }
        // The next frame tries again.
        _ => *configuration = None,
    }
}

/// Everything that Bevy has sorted for a camera, and what is written over it.
fn draw(
    world: &World,
    camera: ViewQuery<(&ExtractedView, &ViewDepthTexture, Option<&UiCameraView>)>,
    views: Query<&ExtractedView>,
    (opaque, masked): (Res<ViewBinnedRenderPhases<Opaque3d>>, Res<ViewBinnedRenderPhases<AlphaMask3d>>),
    (transparent, written): (Res<ViewSortedRenderPhases<Transparent3d>>, Res<ViewSortedRenderPhases<TransparentUi>>),
    windows: Res<ExtractedWindows>,
    mut context: RenderContext,
) {
    let canvas = windows.windows.values().next().and_then(|window| window.swap_chain_texture_view.as_ref());
    let Some(canvas) = canvas else { return };
    let entity = camera.entity();
    let (view, depth, screen) = camera.into_inner();
    let onto = |load| {
        let ops = Operations { load, store: StoreOp::Store };
        Some(RenderPassColorAttachment { view: canvas, depth_slice: None, resolve_target: None, ops })
    };
    let told = |drawn: Result<(), DrawError>| {
        if let Err(error) = drawn {
            tracing::error!("a phase is not drawn: {error}");
        }
    };
    let mut pass = context.begin_tracked_render_pass(RenderPassDescriptor {
        label: Some("city"),
        color_attachments: &[onto(LoadOp::Clear(wgpu::Color::BLACK))],
        depth_stencil_attachment: Some(depth.get_attachment(StoreOp::Discard)),
        ..default()
    });
    let drawn = view.retained_view_entity;
    opaque.get(&drawn).into_iter().for_each(|phase| told(phase.render(&mut pass, world, entity)));
    masked.get(&drawn).into_iter().for_each(|phase| told(phase.render(&mut pass, world, entity)));
    transparent.get(&drawn).into_iter().for_each(|phase| told(phase.render(&mut pass, world, entity)));
    drop(pass);
    let Some(UiCameraView(screen)) = screen else { return };
    let Some(phase) = views.get(*screen).ok().and_then(|view| written.get(&view.retained_view_entity)) else { return };
    if phase.items.is_empty() {
        return;
    }
    let mut pass = context.begin_tracked_render_pass(RenderPassDescriptor {
        label: Some("words"),
        color_attachments: &[onto(LoadOp::Load)],
        ..default()
    });
    told(phase.render(&mut pass, world, *screen));
}
