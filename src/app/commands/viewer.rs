//! The commands that draw.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;

use super::{render, view};
use crate::app::cli::{DemoArgs, PlayArgs, RenderArgs, ViewArgs};
use crate::app::documents::Documents;
use crate::app::scene_picture::{ScenePainter, first_view};
use crate::app::stage::{SharedStage, Stage};
use crate::app::stage_view::{cue_view, view_of};
use crate::platform::{Interrupt, has_display};
use crate::quantity::Timestamp;

/// Played seconds a second of the demo: its day in twelve minutes.
const DEMO_SPEED: f64 = 90.0;
/// The moment of the demo's picture: the storm is over, its water still stands in the harbour.
const DEMO_TIME: &str = "2026-07-01T16:40:00+08:00";

pub fn render(arguments: &RenderArgs) -> Result<ExitCode> {
    render::run(arguments)
}

pub fn view(arguments: &ViewArgs) -> Result<ExitCode> {
    view::run(arguments)
}

/// Opens a window on a scenario.
pub fn play(arguments: &PlayArgs, stage: Stage) -> Result<()> {
    view::show(stage, false, arguments.scene.memory, arguments.speed.unwrap_or(1.0))
}

/// Draws the pictures of a play.
pub struct Painter(ScenePainter);

impl Painter {
    /// The picture of the stage now, a PNG file.
    pub fn picture(&mut self, stage: &SharedStage) -> Result<Option<Vec<u8>>> {
        let camera = cue_view(&stage.lock());
        Ok(Some(self.0.picture(camera)?.png()?))
    }
}

pub fn painter(stage: &SharedStage, size: (u32, u32), memory_mib: u64) -> Result<Painter> {
    let mut painter = ScenePainter::open(stage, size, memory_mib)?;
    if let Some(camera) = first_view(&stage.lock()) {
        painter.look(camera);
    }
    Ok(Painter(painter))
}

/// Opens the demo city in a window, or draws it where there is no display.
pub fn show_demo(arguments: &DemoArgs, documents: Documents) -> Result<()> {
    let mut stage = Stage::open(documents, None)?;
    if !arguments.headless && has_display() {
        return view::show(stage, false, 1024, DEMO_SPEED);
    }
    let folder = arguments.output.clone().unwrap_or_else(|| PathBuf::from("."));
    let picture = folder.join("veduta-demo.png");
    stage.seek(Timestamp::parse(DEMO_TIME)?);
    super::play::compute_runs(&mut stage, &Interrupt::default())?;
    let camera = stage.camera("overview").and_then(|camera| view_of(&stage, camera));
    let streams = stage.live().latest().slot_count();
    let raised = stage.live().alarms().raised().count() + stage.state().alarms.len();
    let stage = SharedStage::new(stage);
    let mut painter = ScenePainter::open(&stage, (1280, 720), 1024)?;
    painter.picture(camera)?.save(&picture)?;
    let stats = painter.stats();
    say!(
        "{}: {} tiles, {} triangles, {streams} live values, {raised} alarms, {:.1} s on {}",
        picture.display(),
        stats.tiles,
        stats.triangles,
        stats.seconds,
        stats.adapter
    );
    Ok(())
}
