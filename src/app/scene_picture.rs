//! A picture of a stage: its city streamed, styled and written over as the stage says.

use std::sync::Arc;

use anyhow::{Context, Result};

use super::city_picture::{CityPainter, CityView, RenderStats};
use super::offscreen::{OffscreenSettings, Picture};
use super::stage::{SharedStage, Stage};
use super::stage_view::{cue_view, put_on, select, show_stage, view_of};
use crate::engine::CameraView;
use crate::engine::overlay::Overlay;
use crate::platform::FolderSource;
use crate::streaming::SessionSettings;

/// Draws a stage.
pub struct ScenePainter {
    city: CityPainter,
    stage: SharedStage,
}

impl ScenePainter {
    /// An engine with the stage's city.
    pub fn open(stage: &SharedStage, (width, height): (u32, u32), memory_mib: u64) -> Result<Self> {
        let package = stage.lock().package.clone();
        let source = FolderSource::new(&package).with_context(|| package.display().to_string())?;
        let settings = OffscreenSettings { width, height, oversampling: 2, ..OffscreenSettings::default() };
        let session = SessionSettings { budget_bytes: memory_mib << 20, ..SessionSettings::default() };
        let mut city = CityPainter::open(Arc::new(source), settings, CityView { session, ..CityView::default() })?;
        put_on(city.shell().world_mut(), stage)?;
        Ok(Self { city, stage: stage.clone() })
    }

    /// Highlights an object.
    pub fn select(&mut self, row: Option<u32>) {
        if row.is_some() {
            select(self.city.shell().world_mut(), &self.stage.lock(), row);
        }
    }

    /// Where the camera stands from now on.
    pub fn look(&mut self, camera: CameraView) {
        self.city.shell().look(camera);
    }

    /// The picture from a camera; from where the last one was taken where none is given.
    pub fn picture(&mut self, camera: Option<CameraView>) -> Result<Picture> {
        if let Some(camera) = camera {
            self.city.shell().look(camera);
        }
        let world = self.city.shell().world_mut();
        show_stage(world);
        // A still picture has no pace.
        if let Some(bar) = &mut world.resource_mut::<Overlay>().time_bar {
            bar.pace.clear();
        }
        Ok(self.city.picture()?)
    }

    /// What drawing took until now.
    pub fn stats(&mut self) -> RenderStats {
        self.city.stats()
    }
}

/// Where a stage is looked at from at first: the play's camera, or the scene's first one.
pub fn first_view(stage: &Stage) -> Option<CameraView> {
    cue_view(stage).or_else(|| view_of(stage, stage.scene.cameras.first()?))
}

/// A view of an object among its neighbours.
pub fn around(stage: &Stage, row: u32) -> Option<CameraView> {
    let bounds = stage.objects.bounds(row);
    if bounds.is_empty() {
        return None;
    }
    let distance = (bounds.size().length() * 2.2).max(180.0);
    let forward = glam::DVec3::new(0.35, 0.75, -0.56).normalize();
    Some(CameraView::looking_at(bounds.center() - forward * distance, bounds.center()))
}
