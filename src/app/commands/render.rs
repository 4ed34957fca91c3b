//! `veduta render`: a picture of a package or scene without a window.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};

use super::places::numbers;
use super::{is_package, open_city};
use crate::app::city_picture::{CityView, RenderStats, draw_city};
use crate::app::cli::RenderArgs;
use crate::app::offscreen::OffscreenSettings;
use crate::engine::CameraView;
use crate::geodesy::Geodetic;
use crate::package::City;
use crate::platform::FolderSource;
use crate::quantity::Timestamp;
use crate::streaming::SessionSettings;

pub fn run(arguments: &RenderArgs) -> Result<ExitCode> {
    if !is_package(&arguments.path) {
        bail!("no city package is there: {}", arguments.path.display());
    }
    let city = open_city(&arguments.path)?;
    let time = arguments.at.as_deref().map(Timestamp::parse).transpose()?;
    let camera = arguments.camera.as_deref().map(|text| camera(&city, text)).transpose()?;
    let session = SessionSettings { budget_bytes: arguments.memory << 20, ..SessionSettings::default() };
    let stats = draw(&arguments.path, &arguments.output, arguments.size, &CityView { camera, time, session })?;
    if let Some(path) = &arguments.stats {
        let text = serde_json::to_string_pretty(&stats)?;
        std::fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))?;
    }
    println!(
        "{}: {} tiles, {} triangles, at most {:.0} MiB, {:.1} s on {}",
        arguments.output.display(),
        stats.tiles,
        stats.triangles,
        stats.peak_bytes as f64 / f64::from(1 << 20),
        stats.seconds,
        stats.adapter
    );
    Ok(ExitCode::SUCCESS)
}

/// Draws a package into a PNG file.
pub fn draw(package: &Path, output: &Path, (width, height): (u32, u32), view: &CityView) -> Result<RenderStats> {
    let source = FolderSource::new(package).with_context(|| package.display().to_string())?;
    let settings = OffscreenSettings { width, height, oversampling: 2, ..OffscreenSettings::default() };
    let (picture, stats) = draw_city(Arc::new(source), settings, view)?;
    picture.save(output)?;
    Ok(stats)
}

/// `LON,LAT,H,HEADING,PITCH` in degrees and metres above the ellipsoid.
fn camera(city: &City, text: &str) -> Result<CameraView> {
    let [longitude, latitude, height, heading, pitch] = numbers(text, "LON,LAT,H,HEADING,PITCH")?;
    let place = city.manifest().site().from_geodetic(Geodetic::from_degrees(longitude, latitude, height));
    Ok(CameraView {
        place_in_site: place.0,
        heading_rad: heading.to_radians(),
        pitch_rad: pitch.clamp(-89.0, 89.0).to_radians(),
        ..CameraView::default()
    })
}

/// A view of an object from a distance, heading and pitch in degrees.
pub fn towards(city: &City, id: &str, distance_m: f64, heading: f64, pitch: f64) -> Option<CameraView> {
    let bounds = city.table().bounds().get(city.table().row(id)? as usize).copied().filter(|b| !b.is_empty())?;
    let (heading, pitch) = (heading.to_radians(), pitch.to_radians());
    let forward = glam::DVec3::new(heading.sin() * pitch.cos(), heading.cos() * pitch.cos(), pitch.sin());
    Some(CameraView::looking_at(bounds.center() - forward * distance_m, bounds.center()))
}
