//! The shell without a window: draws into a picture. Also the harness of the golden-image tests.

use std::path::Path;

use bevy::camera::RenderTarget;
use bevy::prelude::*;
use bevy::render::RenderApp;
use bevy::render::render_asset::RenderAssets;
use bevy::render::render_resource::{
    BufferDescriptor, BufferUsages, CachedPipelineState, CommandEncoderDescriptor, Extent3d, MapMode, PipelineCache,
    PipelineDescriptor, PollType, TexelCopyBufferInfo, TexelCopyBufferLayout, TextureUsages,
};
use bevy::render::renderer::{RenderDevice, RenderQueue};
use bevy::render::texture::GpuImage;
use bevy::shader::ShaderCacheError;

use super::graphics::{Adapter, GraphicsError, windowless_app};
use crate::engine::{CameraView, Quality, SiteCamera, camera_bundle};

/// What a picture shall be like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OffscreenSettings {
    /// Width of the picture, pixels.
    pub width: u32,
    /// Height of the picture, pixels.
    pub height: u32,
    /// Pixels drawn for one of the picture along each axis: 2 draws four times as much and has smooth edges.
    pub oversampling: u32,
    /// Overrides what the adapter's quality says about shadows.
    pub shadows: Option<bool>,
    /// As a card draws that is slow at every pixel, see [`Quality::plain`].
    pub plain: bool,
}

impl Default for OffscreenSettings {
    fn default() -> Self {
        Self { width: 1280, height: 720, oversampling: 1, shadows: None, plain: false }
    }
}

/// An engine that draws into memory.
pub struct Offscreen {
    app: App,
    target: Handle<Image>,
    camera: Entity,
    settings: OffscreenSettings,
    adapter: Adapter,
    frames: usize,
}

/// Frames that pass before a picture is taken, so that what was spawned is on the card.
const SETTLING_FRAMES: usize = 3;
/// Between two frames that only load.
const WAIT: std::time::Duration = std::time::Duration::from_millis(2);
/// Shaders come within a few frames of the start; more means that one is missing.
const MOST_STARTING_FRAMES: usize = 200;

impl Offscreen {
    /// Starts the engine on the best adapter; the error says what is missing.
    pub fn new(settings: OffscreenSettings) -> Result<Self, GraphicsError> {
        let adapter = Adapter::find()?;
        let mut quality = adapter.quality();
        quality.shadows = settings.shadows.unwrap_or(quality.shadows && !settings.plain);
        quality.plain |= settings.plain;
        quality.encoded = quality.plain;
        Ok(Self::with_quality(settings, adapter, quality))
    }

    fn with_quality(settings: OffscreenSettings, adapter: Adapter, quality: Quality) -> Self {
        let mut app = windowless_app(&adapter, quality);
        let (width, height) = (settings.width * settings.oversampling, settings.height * settings.oversampling);
        let mut image = Image::new_target_texture(width, height, quality.target_format(), None);
        image.texture_descriptor.usage |= TextureUsages::COPY_SRC;
        let target = app.world_mut().resource_mut::<Assets<Image>>().add(image);
        let into_image =
            bevy::camera::ImageRenderTarget { handle: target.clone(), scale_factor: settings.oversampling as f32 };
        let camera = app
            .world_mut()
            .spawn((camera_bundle(CameraView::default(), &quality), RenderTarget::Image(into_image)))
            .id();
        Self { app, target, camera, settings, adapter, frames: 0 }
    }

    /// The adapter that draws.
    pub fn adapter(&self) -> &Adapter {
        &self.adapter
    }

    /// The engine's world, to put things in and to change resources.
    pub fn world_mut(&mut self) -> &mut World {
        self.app.world_mut()
    }

    /// The engine's world, to read.
    pub fn world(&self) -> &World {
        self.app.world()
    }

    /// Frames drawn since the start.
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// The camera's entity: UI roots name it, flights are put on it.
    pub fn camera(&self) -> Entity {
        self.camera
    }

    /// Where the camera stands from the next frame on.
    pub fn look(&mut self, view: CameraView) {
        if let Some(mut camera) = self.app.world_mut().get_mut::<SiteCamera>(self.camera) {
            camera.view = view;
        }
    }

    /// Draws one frame and waits for it.
    pub fn frame(&mut self) -> Result<(), GraphicsError> {
        self.app.update();
        self.frames += 1;
        let device = self.app.world().resource::<RenderDevice>();
        device.poll(PollType::wait_indefinitely()).map_err(|e| GraphicsError::ReadBack(e.to_string()))?;
        if self.app.should_exit().is_some() {
            return Err(GraphicsError::Stopped);
        }
        Ok(())
    }

    /// Draws frames until `ready` holds and what it loaded is on the card, then takes the picture.
    pub fn picture_when(
        &mut self,
        ready: impl Fn(&World) -> bool,
        most_frames: usize,
    ) -> Result<Picture, GraphicsError> {
        // While things load nothing need be drawn: only the first frame, which makes the pipelines.
        let mut settled = 0;
        for frame in 0..most_frames {
            let drawn = frame == 0 || settled > 0 || ready(self.app.world());
            self.set_drawing(drawn);
            self.frame()?;
            if !drawn {
                std::thread::sleep(WAIT);
            }
            settled =
                if drawn && self.waiting_pipelines()?.is_empty() && ready(self.app.world()) { settled + 1 } else { 0 };
            if settled >= SETTLING_FRAMES {
                return self.read_back();
            }
        }
        Err(GraphicsError::NotReady { frames: most_frames, pipelines: self.waiting_pipelines()?.join(", ") })
    }

    fn set_drawing(&mut self, drawing: bool) {
        if let Some(mut camera) = self.app.world_mut().get_mut::<Camera>(self.camera)
            && camera.is_active != drawing
        {
            camera.is_active = drawing;
        }
    }

    /// The picture of what is in the world, where nothing is streamed.
    pub fn picture(&mut self) -> Result<Picture, GraphicsError> {
        self.picture_when(|_| true, MOST_STARTING_FRAMES)
    }

    /// Names of the pipelines that are not there yet; an error where one can never be.
    fn waiting_pipelines(&self) -> Result<Vec<String>, GraphicsError> {
        let Some(cache) = self.app.get_sub_app(RenderApp).and_then(|r| r.world().get_resource::<PipelineCache>())
        else {
            return Ok(Vec::new());
        };
        let mut waiting = Vec::new();
        for pipeline in cache.pipelines() {
            let name = match &pipeline.descriptor {
                PipelineDescriptor::RenderPipelineDescriptor(d) => d.label.clone(),
                PipelineDescriptor::ComputePipelineDescriptor(d) => d.label.clone(),
            };
            let name = name.map_or_else(String::new, |label| label.to_string());
            match &pipeline.state {
                CachedPipelineState::Ok(_) => {}
                CachedPipelineState::Queued | CachedPipelineState::Creating(_) => waiting.push(name),
                CachedPipelineState::Err(
                    ShaderCacheError::ShaderNotLoaded(_) | ShaderCacheError::ShaderImportNotYetAvailable,
                ) => waiting.push(name),
                CachedPipelineState::Err(error) => return Err(GraphicsError::Pipeline(format!("{name}: {error}"))),
            }
        }
        Ok(waiting)
    }

    fn read_back(&self) -> Result<Picture, GraphicsError> {
        let failed = |why: &str| GraphicsError::ReadBack(why.to_owned());
        let world = self.app.world();
        let (device, queue) = (world.resource::<RenderDevice>(), world.resource::<RenderQueue>());
        let render_app = self.app.get_sub_app(RenderApp).ok_or_else(|| failed("no renderer"))?;
        let images = render_app.world().resource::<RenderAssets<GpuImage>>();
        let image = images.get(&self.target).ok_or_else(|| failed("no picture"))?;
        let (width, height) =
            (self.settings.width * self.settings.oversampling, self.settings.height * self.settings.oversampling);
        let row_bytes = RenderDevice::align_copy_bytes_per_row(width as usize * 4);
        let buffer = device.create_buffer(&BufferDescriptor {
            label: Some("picture"),
            size: (row_bytes * height as usize) as u64,
            usage: BufferUsages::MAP_READ | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let mut encoder = device.create_command_encoder(&CommandEncoderDescriptor::default());
        encoder.copy_texture_to_buffer(
            image.texture.as_image_copy(),
            TexelCopyBufferInfo {
                buffer: &buffer,
                layout: TexelCopyBufferLayout {
                    offset: 0,
                    bytes_per_row: Some(row_bytes as u32),
                    rows_per_image: None,
                },
            },
            Extent3d { width, height, depth_or_array_layers: 1 },
        );
        queue.submit([encoder.finish()]);
        buffer.slice(..).map_async(MapMode::Read, |_| {});
        device.poll(PollType::wait_indefinitely()).map_err(|e| failed(&e.to_string()))?;
        let padded = buffer.slice(..).get_mapped_range().to_vec();
        let rgba = padded.chunks(row_bytes).flat_map(|row| &row[..width as usize * 4]).copied().collect();
        Ok(Picture { width, height, rgba }.reduced(self.settings.oversampling))
    }
}

/// A picture: sRGB, 8 bits, rows from above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Four bytes a pixel.
    pub rgba: Vec<u8>,
}

impl Picture {
    /// Writes a PNG.
    pub fn save(&self, path: &Path) -> Result<(), GraphicsError> {
        image::save_buffer(path, &self.rgba, self.width, self.height, image::ExtendedColorType::Rgba8)
            .map_err(|e| GraphicsError::Write { cause: e.to_string(), path: path.display().to_string() })
    }

    /// The bytes of a PNG file.
    pub fn png(&self) -> Result<Vec<u8>, GraphicsError> {
        let mut bytes = std::io::Cursor::new(Vec::new());
        let image = image::RgbaImage::from_raw(self.width, self.height, self.rgba.clone());
        let image = image.ok_or_else(|| GraphicsError::ReadBack("the picture is not whole".to_owned()))?;
        image
            .write_to(&mut bytes, image::ImageFormat::Png)
            .map_err(|e| GraphicsError::Write { cause: e.to_string(), path: "a picture".to_owned() })?;
        Ok(bytes.into_inner())
    }

    /// The mean of `factor` by `factor` pixels each, taken of light and not of its coding.
    fn reduced(self, factor: u32) -> Self {
        if factor <= 1 {
            return self;
        }
        let (width, height) = (self.width / factor, self.height / factor);
        let linear: Vec<f32> = (0..256).map(|v| (v as f32 / 255.0).powf(2.2)).collect();
        let mut rgba = Vec::with_capacity((width * height * 4) as usize);
        for y in 0..height {
            for x in 0..width {
                for channel in 0..3 {
                    let mut sum = 0.0;
                    for (dx, dy) in (0..factor).flat_map(|dy| (0..factor).map(move |dx| (dx, dy))) {
                        let at = ((y * factor + dy) * self.width + x * factor + dx) * 4 + channel;
                        sum += linear[usize::from(self.rgba[at as usize])];
                    }
                    rgba.push(((sum / (factor * factor) as f32).powf(1.0 / 2.2) * 255.0).round() as u8);
                }
                rgba.push(255);
            }
        }
        Self { width, height, rgba }
    }
}
