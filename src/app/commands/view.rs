//! `veduta view`: a package or scene in a window.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};

use super::play::{compute_runs, tell_warnings};
use crate::app::cli::ViewArgs;
use crate::app::desktop::{self, DesktopSettings};
use crate::app::documents::Documents;
use crate::app::scene_picture::first_view;
use crate::app::shell::tour::Tour;
use crate::app::stage::{SharedStage, Stage};
use crate::app::stage_view::{cue_view, view_of};
use crate::engine::CityStream;
use crate::platform::{FolderSource, Interrupt, has_display};
use crate::streaming::SessionSettings;

pub fn run(arguments: &ViewArgs) -> Result<ExitCode> {
    let stage = Stage::open(Documents::open(&arguments.path)?, arguments.scene.variant.as_deref())?;
    tell_warnings(&stage);
    show(stage, arguments.kiosk, arguments.scene.memory, 1.0)?;
    Ok(ExitCode::SUCCESS)
}

/// Opens a window on a stage and runs until it is closed. A play runs at once.
pub fn show(mut stage: Stage, kiosk: bool, memory_mib: u64, speed: f64) -> Result<()> {
    if !has_display() {
        let why = match std::env::var("DISPLAY") {
            Ok(name) if !name.is_empty() => format!("nothing answers at DISPLAY={name}"),
            _ => "DISPLAY is not set".to_owned(),
        };
        bail!("there is no display ({why}); draw pictures with 'veduta render' or 'veduta play --headless'");
    }
    compute_runs(&mut stage, &Interrupt::default())?;
    if let Some(play) = stage.play() {
        play.set_speed(speed);
        play.play();
    }
    let source = FolderSource::new(&stage.package).with_context(|| stage.package.display().to_string())?;
    let settings = SessionSettings { budget_bytes: memory_mib << 20, ..SessionSettings::default() };
    let stream = CityStream::open(Arc::new(source), settings)?;
    let title = format!("{} - Veduta", stage.scene.name);
    let view_of = |name: &str| view_of(&stage, stage.camera(name)?);
    let tour = stage.scene.tour.as_ref().and_then(|tour| Tour::new(tour, view_of));
    let camera = cue_view(&stage).or(tour.as_ref().map(Tour::first_view)).or_else(|| first_view(&stage));
    desktop::run(stream, DesktopSettings { title, kiosk, camera, tour }, &SharedStage::new(stage))?;
    Ok(())
}
