//! Which attribute identifies a building across tiles.

use std::collections::{BTreeMap, BTreeSet};

use super::tiles::{LayerContent, Piece};
use super::{ImportError, ImportOptions};
use crate::city::Value;
use crate::import::attributes::ID_NAMES;

/// Layers of tiles that are looked into.
const SAMPLE: usize = 64;
/// Share of the features that an identifier must be on, and be alone with in its tile.
const ENOUGH: f64 = 0.95;

/// How the pieces of one building are recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Identity {
    /// By this attribute.
    Attribute(String),
    /// By the feature id and all attributes: ids alone are often numbered anew in every tile.
    FeatureId,
    /// Not at all: every feature is an object.
    None,
}

#[derive(Default)]
struct Candidate {
    features: usize,
    distinct: usize,
}

/// The attribute that the user named; else the best known name, then the commonest, of those that are on nearly all
/// features and nearly always once in a tile; else the feature id; else nothing.
pub(super) fn choose(contents: &[LayerContent], options: &ImportOptions, path: &str) -> Result<Identity, ImportError> {
    if let Some(name) = &options.id_attribute {
        let known = contents.iter().any(|content| content.keys.iter().any(|key| **key == **name));
        return if known || contents.is_empty() {
            Ok(Identity::Attribute(name.clone()))
        } else {
            Err(ImportError::Option {
                what: format!("no feature has the id attribute '{name}'"),
                path: path.to_owned(),
            })
        };
    }
    let mut candidates: BTreeMap<&str, Candidate> = BTreeMap::new();
    let mut total = 0;
    for content in contents.iter().take(SAMPLE) {
        total += content.pieces.len();
        for (index, key) in content.keys.iter().enumerate() {
            let values: Vec<u32> =
                content.pieces.iter().filter_map(|piece| identifying(content, piece, index)).collect();
            let candidate = candidates.entry(key).or_default();
            candidate.features += values.len();
            candidate.distinct += values.into_iter().collect::<BTreeSet<_>>().len();
        }
    }
    let enough = |part: usize, whole: usize| part > 0 && part as f64 >= ENOUGH * whole as f64;
    let rank = |name: &str| ID_NAMES.iter().position(|known| *known == name).unwrap_or(ID_NAMES.len());
    let best = candidates
        .iter()
        .filter(|(_, c)| enough(c.features, total) && enough(c.distinct, c.features))
        .min_by_key(|(name, c)| (rank(name), usize::MAX - c.distinct));
    Ok(match best {
        Some((name, _)) => Identity::Attribute((*name).to_owned()),
        None if contents.iter().flat_map(|c| &c.pieces).all(|piece| piece.feature_id.is_some()) => Identity::FeatureId,
        None => Identity::None,
    })
}

/// The index of the value of a key that could identify: words or whole numbers, not measures.
fn identifying(content: &LayerContent, piece: &Piece, key: usize) -> Option<u32> {
    let (_, value) = piece.tags.iter().find(|(k, _)| *k as usize == key)?;
    matches!(content.values.get(*value as usize), Some(Value::Text(_) | Value::Int(_))).then_some(*value)
}
