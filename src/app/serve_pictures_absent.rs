//! A server without an engine draws no pictures.

use anyhow::Result;

use super::commands::serve_stages::Stages;
use crate::service::live::Live;

/// Draws nothing: whoever asks is told.
pub fn start(_stages: Stages, _live: &Live) -> Result<()> {
    Ok(())
}
