//! Builds without the feature `viewer` cannot draw.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::app::cli::{DemoArgs, RenderArgs, ViewArgs};

pub fn render(arguments: &RenderArgs) -> Result<ExitCode> {
    bail!("this build has no viewer (feature 'viewer'): {}", arguments.output.display())
}

pub fn view(arguments: &ViewArgs) -> Result<ExitCode> {
    bail!("this build has no viewer (feature 'viewer'): {}", arguments.path.display())
}

/// The package is there; nothing shows it.
pub fn show_demo(_arguments: &DemoArgs, package: &Path) -> Result<()> {
    println!("this build has no viewer (feature 'viewer'); the package is {}", package.display());
    Ok(())
}
