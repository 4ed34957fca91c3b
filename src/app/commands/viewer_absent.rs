//! Builds without the feature `viewer` cannot draw.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::app::cli::{DemoArgs, PlayArgs, RenderArgs, ViewArgs};
use crate::app::documents::Documents;
use crate::app::stage::{SharedStage, Stage};

pub fn render(arguments: &RenderArgs) -> Result<ExitCode> {
    bail!("this build has no viewer (feature 'viewer'): {}", arguments.output.display())
}

pub fn view(arguments: &ViewArgs) -> Result<ExitCode> {
    bail!("this build has no viewer (feature 'viewer'): {}", arguments.path.display())
}

pub fn play(arguments: &PlayArgs, _stage: Stage) -> Result<()> {
    bail!("this build has no viewer (feature 'viewer'), only --headless: {}", arguments.path.display())
}

/// The package is there; nothing shows it.
pub fn show_demo(_arguments: &DemoArgs, documents: Documents) -> Result<()> {
    say!("this build has no viewer (feature 'viewer'); the package is {}", documents.package()?.display());
    Ok(())
}

/// Draws nothing: a play without pictures.
pub struct Painter;

impl Painter {
    pub fn picture(&mut self, _stage: &SharedStage) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }
}

pub fn painter(_stage: &SharedStage, _size: (u32, u32), _memory_mib: u64) -> Result<Painter> {
    Ok(Painter)
}
