//! `veduta render`: a picture of a package, scene or scenario without a window.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::places::numbers;
use super::play::{compute_runs, tell_warnings};
use crate::app::cli::RenderArgs;
use crate::app::documents::Documents;
use crate::app::scene_picture::{ScenePainter, around, first_view};
use crate::app::stage::{SharedStage, Stage};
use crate::app::stage_view::view_of;
use crate::engine::CameraView;
use crate::geodesy::Geodetic;
use crate::live::ObjectDirectory;
use crate::platform::Interrupt;
use crate::platform::transport::wall_clock;
use crate::quantity::Timestamp;
use crate::scenario::VariantCity;

/// How long a picture of a scene with live connections waits for first values.
const LIVE_WAIT: Duration = Duration::from_secs(2);

pub fn run(arguments: &RenderArgs) -> Result<ExitCode> {
    let mut stage = Stage::open(Documents::open(&arguments.path)?, arguments.scene.variant.as_deref())?;
    tell_warnings(&stage);
    let time = arguments.at.as_deref().map(Timestamp::parse).transpose()?;
    if let Some(time) = time {
        stage.seek(time);
        tell_where_it_ends(&mut stage, time);
    }
    stage.settle(LIVE_WAIT, &wall_clock);
    stage.troubles().iter().for_each(|trouble| eprintln!("veduta: {trouble}"));
    compute_runs(&mut stage, &Interrupt::default())?;
    let selected = arguments.select.as_deref().map(|id| row_of(&stage.objects, id)).transpose()?;
    if let Some(row) = selected.filter(|row| !stage.style(*row).visible) {
        let id = stage.objects.id(row);
        eprintln!("veduta: '{id}' is selected but not drawn: a layer, an event or the variant hides it");
    }
    let camera = camera_of(&stage, arguments.camera.as_deref(), selected)?;
    let stage = SharedStage::new(stage);
    let mut painter = ScenePainter::open(&stage, arguments.size, arguments.scene.memory)?;
    painter.select(selected);
    let picture = painter.picture(camera)?;
    picture.save(&arguments.output)?;
    let stats = painter.stats();
    if let Some(path) = &arguments.stats {
        let text = serde_json::to_string_pretty(&stats)?;
        std::fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))?;
    }
    say!(
        "{}: {} tiles, {} triangles, at most {:.0} MiB, {:.1} s on {}",
        arguments.output.display(),
        stats.tiles,
        stats.triangles,
        stats.peak_bytes as f64 / f64::from(1 << 20),
        stats.seconds,
        stats.adapter
    );
    if stats.tiles == 0 && stats.failures == 0 {
        let path = arguments.path.display();
        eprintln!("veduta: nothing of the city is in this picture; 'veduta info' says where it lies: {path}");
    }
    for problem in stats.problems.iter().take(3) {
        eprintln!("veduta: {problem}: {}", stage.lock().package.display());
    }
    if stats.failures > 0 {
        let (output, package) = (arguments.output.display(), stage.lock().package.display().to_string());
        bail!(
            "{} tiles cannot be read and are missing in {output}; 'veduta check' tells what is wrong: {package}",
            stats.failures
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// A picture of an instant that a play does not have is one of its first or last.
fn tell_where_it_ends(stage: &mut Stage, time: Timestamp) {
    let Some(play) = stage.play() else { return };
    let (start, end, shown) = (play.timeline().start(), play.timeline().end(), play.time());
    if time < start || time > end {
        eprintln!("veduta: {time} is outside the play, which goes from {start} to {end}: the picture is of {shown}");
    }
}

fn row_of(objects: &VariantCity, id: &str) -> Result<u32> {
    objects.row_of(id).with_context(|| format!("no object is called '{id}'"))
}

/// What a picture looks at: what the user says, the selected object, the play's camera, the scene's first camera.
pub fn camera_of(stage: &Stage, text: Option<&str>, selected: Option<u32>) -> Result<Option<CameraView>> {
    let Some(text) = text else {
        let object = selected.and_then(|row| around(stage, row));
        return Ok(object.or_else(|| first_view(stage)));
    };
    if let Some(camera) = stage.camera(text) {
        return view_of(stage, camera)
            .with_context(|| format!("the camera '{text}' looks at what is nowhere"))
            .map(Some);
    }
    if !text.contains(',') {
        let known: Vec<&str> = stage.scene.cameras.iter().map(|camera| camera.name.as_str()).collect();
        let known =
            if known.is_empty() { "there is none".to_owned() } else { format!("there are: {}", known.join(", ")) };
        bail!("no camera is named '{text}'; {known}; a place is written LON,LAT,H,HEADING,PITCH");
    }
    let [longitude, latitude, height, heading, pitch] = numbers(text, "LON,LAT,H,HEADING,PITCH")?;
    let place = stage.site().from_geodetic(Geodetic::from_degrees(longitude, latitude, height));
    Ok(Some(CameraView {
        place_in_site: place.0,
        heading_rad: heading.to_radians(),
        pitch_rad: pitch.clamp(-89.0, 89.0).to_radians(),
        ..CameraView::default()
    }))
}
