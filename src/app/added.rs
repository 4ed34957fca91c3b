//! What the variant of a stage adds to its city: blocks as they are, models from their files.

use std::path::Path;

use anyhow::{Context, Result};

use super::stage::Stage;
use crate::formats::gltf_model::read_model;
use crate::scenario::AddedContent;

/// All objects that the variant adds, in the order of their rows.
pub fn added_contents(stage: &Stage) -> Result<Vec<AddedContent>> {
    let first = stage.city.table().rows();
    let mut added: Vec<AddedContent> =
        stage.edits.blocks.iter().zip(first..).map(|(block, row)| AddedContent::block(block, row)).collect();
    for model in &stage.edits.models {
        let row = first + added.len() as u32;
        let path = stage.scenario_folder.join(&model.path);
        let shown = || path.display().to_string();
        let bytes = std::fs::read(&path).with_context(shown)?;
        let beside = |name: &str| std::fs::read(path.parent().unwrap_or(Path::new("")).join(name)).ok();
        let content = read_model(&bytes, &beside).with_context(shown)?;
        let Some(object) = stage.objects.added(row) else { continue };
        added.push(AddedContent::model(model, object, row, content));
    }
    Ok(added)
}
