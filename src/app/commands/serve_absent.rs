//! Serving in a build without the server.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::app::cli::ServeArgs;

pub fn run(_: &ServeArgs) -> Result<ExitCode> {
    bail!("this build has no server (feature 'server')")
}
