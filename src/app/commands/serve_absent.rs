//! Serving in a build without the server.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};

use super::check::Problem;
use crate::app::cli::ServeArgs;

/// The problems of an audit log.
pub fn check_audit(_: &Path) -> Result<Vec<Problem>> {
    bail!("this build knows no audit logs (feature 'server')")
}

/// Whether a document is a server's configuration.
pub fn is_config(_: &Path) -> bool {
    false
}

/// The problems of a server's configuration.
pub fn check_config(_: &Path) -> Result<Vec<Problem>> {
    bail!("this build has no server (feature 'server')")
}

pub fn run(_: &ServeArgs) -> Result<ExitCode> {
    bail!("this build has no server (feature 'server')")
}
