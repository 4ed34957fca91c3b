//! `veduta view`: a package in a window.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};

use super::is_package;
use crate::app::cli::ViewArgs;
use crate::app::desktop::{self, DesktopSettings};
use crate::engine::{CameraView, CityStream};
use crate::platform::FolderSource;
use crate::streaming::SessionSettings;

pub fn run(arguments: &ViewArgs) -> Result<ExitCode> {
    if !is_package(&arguments.path) {
        bail!("no city package is there: {}", arguments.path.display());
    }
    show(&arguments.path, arguments.kiosk, arguments.memory, None)?;
    Ok(ExitCode::SUCCESS)
}

/// Whether there is a display to open a window on.
pub fn has_display() -> bool {
    ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// Opens a window on a package and runs until it is closed.
pub fn show(package: &Path, kiosk: bool, memory_mib: u64, camera: Option<CameraView>) -> Result<()> {
    if !has_display() {
        bail!("there is no display (DISPLAY is not set); draw a picture with 'veduta render' instead");
    }
    let source = FolderSource::new(package).with_context(|| package.display().to_string())?;
    let settings = SessionSettings { budget_bytes: memory_mib << 20, ..SessionSettings::default() };
    let stream = CityStream::open(Arc::new(source), settings)?;
    let title = format!("{} - Veduta", stream.manifest().name);
    desktop::run(stream, DesktopSettings { title, kiosk, camera, time: None }, |_| {})?;
    Ok(())
}
