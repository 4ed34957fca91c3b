//! A picture of a city package: opened, streamed until nothing is missing, drawn, counted.

use std::sync::Arc;

use bevy::prelude::*;
use glam::DVec3;
use serde::Serialize;

use super::graphics::GraphicsError;
use super::offscreen::{Offscreen, OffscreenSettings, Picture};
use crate::engine::city_material::{CityAssets, mesh_gpu_bytes};
use crate::engine::tiles::{HeldBytes, plain_ground};
use crate::engine::{CameraView, CityPart, CityStream, Environment, StreamError};
use crate::quantity::Timestamp;
use crate::streaming::{ByteSource, SessionSettings};

/// What to draw of a city.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CityView {
    /// From where; the whole city from the south-west where nothing is said.
    pub camera: Option<CameraView>,
    /// When; a clear afternoon where nothing is said.
    pub time: Option<Timestamp>,
    /// Limits of the streaming.
    pub session: SessionSettings,
}

/// What drawing took: the `--stats` document.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RenderStats {
    /// What drew.
    pub adapter: String,
    /// Tiles in the picture.
    pub tiles: usize,
    /// Triangles of those tiles.
    pub triangles: usize,
    /// Bytes held in processor and graphics memory at the end.
    pub used_bytes: u64,
    /// The most that were ever held.
    pub peak_bytes: u64,
    /// What was allowed.
    pub budget_bytes: u64,
    /// Factor by which the budget made the picture coarser.
    pub coarsening: f64,
    /// Reads or decodes that failed.
    pub failures: u64,
    /// What they said.
    pub problems: Vec<String>,
    /// Frames until everything was there.
    pub frames: usize,
    /// Seconds from opening to the picture.
    pub seconds: f64,
}

/// Why there is no picture of a city.
#[derive(Debug, thiserror::Error)]
pub enum CityPictureError {
    /// The package.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// The graphics.
    #[error(transparent)]
    Graphics(#[from] GraphicsError),
}

/// Frames after which loading is given up; each waits two milliseconds at least.
const MOST_FRAMES: usize = 60_000;

/// An engine with a city in it, to draw pictures of.
pub struct CityPainter {
    shell: Offscreen,
    view: CityView,
    started: std::time::Instant,
}

impl CityPainter {
    /// Opens a package. Nothing is loaded before the first picture.
    pub fn open(
        source: Arc<dyn ByteSource>,
        settings: OffscreenSettings,
        view: CityView,
    ) -> Result<Self, CityPictureError> {
        let started = std::time::Instant::now();
        let stream = CityStream::open(source, view.session)?;
        let mut shell = Offscreen::new(settings)?;
        show_city(shell.world_mut(), stream, view.time);
        shell.look(view.camera.unwrap_or_else(|| overview(shell.world())));
        Ok(Self { shell, view, started })
    }

    /// The engine.
    pub fn shell(&mut self) -> &mut Offscreen {
        &mut self.shell
    }

    /// The picture of what is in the world now, once everything is loaded that it shows.
    pub fn picture(&mut self) -> Result<Picture, CityPictureError> {
        // What was loaded for the last picture says nothing of this one.
        self.shell.world_mut().resource_mut::<CityStream>().begin_anew();
        Ok(self.shell.picture_when(|world| world.resource::<CityStream>().is_complete(), MOST_FRAMES)?)
    }

    /// What drawing took until now.
    pub fn stats(&mut self) -> RenderStats {
        stats(&mut self.shell, &self.view, self.started.elapsed().as_secs_f64())
    }
}

/// Draws a package once.
pub fn draw_city(
    source: Arc<dyn ByteSource>,
    settings: OffscreenSettings,
    view: &CityView,
) -> Result<(Picture, RenderStats), CityPictureError> {
    let mut painter = CityPainter::open(source, settings, *view)?;
    let picture = painter.picture()?;
    Ok((picture, painter.stats()))
}

/// Puts a city into an engine's world: its stream, the place and the time of its sun, and a plain ground: under a city
/// without terrain, and around a terrain, so that the world does not end where the terrain does.
pub fn show_city(world: &mut World, stream: CityStream, time: Option<Timestamp>) {
    let anchor = stream.site().anchor();
    let bounds = stream.bounds_in_site();
    let time = time.unwrap_or_else(|| afternoon(anchor.longitude_rad));
    if let Some(mut environment) = world.get_resource_mut::<Environment>() {
        environment.anchor = anchor;
        environment.time = time;
    }
    if !bounds.is_empty() {
        let center = bounds.center().truncate().extend(stream.lowest_ground_m().unwrap_or(bounds.min.z));
        // The system takes nothing that could be missing.
        let _ = world.run_system_cached_with(spawn_ground, plain_ground(center));
    }
    world.insert_resource(stream);
}

/// Half past three in the afternoon of the 10th of June 2026 by the sun of the place.
fn afternoon(longitude_rad: f64) -> Timestamp {
    let midnight_utc = 1_781_049_600.0;
    Timestamp::from_seconds(midnight_utc + 15.5 * 3600.0 - longitude_rad.to_degrees() * 240.0)
}

/// The whole city from the south-west.
pub fn overview(world: &World) -> CameraView {
    let bounds = world.get_resource::<CityStream>().map(CityStream::bounds_in_site).filter(|b| !b.is_empty());
    let Some(bounds) = bounds else { return CameraView::default() };
    let wide = bounds.size().truncate().max_element();
    let target = bounds.center().truncate().extend(bounds.min.z);
    let eye = target + DVec3::new(-0.23, -0.36, 0.17) * wide.max(300.0);
    CameraView::looking_at(eye, target)
}

type Ground = (crate::geometry::Mesh, Vec<crate::engine::ObjectLook>, glam::DAffine3);

fn spawn_ground(In((mesh, looks, site_from_content)): In<Ground>, mut assets: CityAssets) {
    let ground = assets.spawn(&mesh, looks, None, site_from_content);
    let held = HeldBytes(mesh_gpu_bytes(&mesh));
    assets.commands.entity(ground).insert((bevy::light::NotShadowCaster, held)).remove::<CityPart>();
}

fn stats(shell: &mut Offscreen, view: &CityView, seconds: f64) -> RenderStats {
    let (frames, adapter) = (shell.frames(), shell.adapter().name.clone());
    let world = shell.world_mut();
    let mut parts = world.query::<(&CityPart, &Visibility)>();
    let triangles = parts.iter(world).filter(|(_, v)| **v != Visibility::Hidden).map(|(part, _)| part.triangles).sum();
    let stream = world.resource::<CityStream>();
    let session = stream.stats();
    RenderStats {
        adapter,
        tiles: session.shown,
        triangles,
        used_bytes: session.used_bytes,
        peak_bytes: session.peak_bytes,
        budget_bytes: view.session.budget_bytes,
        coarsening: session.coarsening,
        failures: session.failures,
        problems: stream.problems().to_vec(),
        frames,
        seconds,
    }
}
