//! A picture of a city package: opened, streamed until nothing is missing, drawn, counted.

use std::sync::Arc;

use bevy::prelude::*;
use serde::Serialize;

use super::graphics::GraphicsError;
use super::offscreen::{Offscreen, OffscreenSettings, Picture};
use super::shell::surroundings::{overview, show_city};
use crate::engine::{CameraView, CityPart, CityStream, StreamError};
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
