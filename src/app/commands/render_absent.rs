//! Builds without the feature `viewer` cannot draw.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::app::cli::RenderArgs;

pub fn run(arguments: &RenderArgs) -> Result<ExitCode> {
    bail!("this build has no viewer (feature 'viewer'): {}", arguments.output.display())
}
