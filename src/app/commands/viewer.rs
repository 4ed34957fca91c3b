//! The commands that draw.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;

use super::{open_city, render, view};
use crate::app::city_picture::CityView;
use crate::app::cli::{DemoArgs, RenderArgs, ViewArgs};
use crate::quantity::Timestamp;

pub fn render(arguments: &RenderArgs) -> Result<ExitCode> {
    render::run(arguments)
}

pub fn view(arguments: &ViewArgs) -> Result<ExitCode> {
    view::run(arguments)
}

/// Opens the demo city in a window, or draws it where there is no display.
pub fn show_demo(arguments: &DemoArgs, package: &Path) -> Result<()> {
    let camera = render::towards(&open_city(package)?, "bldg-veduta-tower", 1250.0, 332.0, -17.0);
    if !arguments.headless && view::has_display() {
        return view::show(package, false, 1024, camera);
    }
    let folder = arguments.output.clone().unwrap_or_else(|| PathBuf::from("."));
    let picture = folder.join("veduta-demo.png");
    let time = Timestamp::parse("2026-07-01T16:40:00+08:00")?;
    let stats =
        render::draw(package, &picture, (1280, 720), &CityView { camera, time: Some(time), ..CityView::default() })?;
    println!(
        "{}: {} tiles, {} triangles, {:.1} s on {}",
        picture.display(),
        stats.tiles,
        stats.triangles,
        stats.seconds,
        stats.adapter
    );
    Ok(())
}
