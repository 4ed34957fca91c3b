//! A server without an engine draws no pictures.

use std::collections::BTreeMap;

use anyhow::Result;

use super::documents::Documents;
use super::serve_stage::ServedStage;
use crate::service::live::Live;

/// Draws nothing: whoever asks is told.
pub fn start(_stages: &BTreeMap<String, (ServedStage, Documents)>, _live: &Live) -> Result<()> {
    Ok(())
}
