//! Tiles to pieces.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::address::TileAddress;
use super::{ImportError, ImportOptions, Place, SourceFiles};
use crate::city::Value;
use crate::formats::mvt::{self, GeometryKind, Layer, MvtError, TilePolygon};
use crate::import::{Diagnostic, Severity};

/// Tiles that are looked into for the names of layers.
const SAMPLE: usize = 16;
/// Parts of names that layers of buildings have.
const BUILDING_LAYERS: &[&str] = &["building", "bldg", "建物", "建筑"];

/// One layer of one tile, with its polygons still in tile units.
#[derive(Debug)]
pub(super) struct LayerContent {
    pub(super) address: TileAddress,
    pub(super) layer: Arc<str>,
    pub(super) extent: u32,
    pub(super) keys: Vec<Arc<str>>,
    pub(super) values: Vec<Value>,
    pub(super) pieces: Vec<Piece>,
}

/// One feature of one tile: a building, or the part of it that the tile and its margin hold.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) feature_id: Option<u64>,
    /// Indices into the layer's keys and values.
    pub(super) tags: Vec<(u32, u32)>,
    pub(super) polygons: Vec<TilePolygon>,
}

/// What one tile gave.
#[derive(Debug, Default)]
pub(super) struct TileContent {
    pub(super) layers: Vec<LayerContent>,
    pub(super) records: u64,
    pub(super) problems: Vec<Diagnostic>,
}

/// Why a whole tile gave nothing.
#[derive(Debug)]
pub(super) enum TileError {
    Read(ImportError),
    Damaged(MvtError),
}

impl LayerContent {
    /// The value of an attribute of a piece.
    pub(super) fn value<'a>(&'a self, piece: &Piece, key: &str) -> Option<&'a Value> {
        let (_, value) =
            piece.tags.iter().find(|(k, _)| self.keys.get(*k as usize).is_some_and(|name| **name == *key))?;
        self.values.get(*value as usize)
    }

    /// All attributes of a piece.
    pub(super) fn attributes<'a>(&'a self, piece: &'a Piece) -> impl Iterator<Item = (&'a Arc<str>, &'a Value)> {
        piece.tags.iter().filter_map(|(k, v)| Some((self.keys.get(*k as usize)?, self.values.get(*v as usize)?)))
    }
}

/// The layers to read: those that the user named, those named like buildings, or the only one there is.
pub(super) fn choose_layers(
    files: &dyn SourceFiles,
    tiles: &[(TileAddress, String)],
    options: &ImportOptions,
) -> Result<Vec<String>, ImportError> {
    let mut found = BTreeSet::new();
    for (_, name) in tiles.iter().take(SAMPLE) {
        let bytes = files.read(name)?;
        // Damaged tiles are reported when they are read for good.
        let Ok(plain) = mvt::unpack(&bytes) else { continue };
        found.extend(mvt::decode(&plain).unwrap_or_default().iter().map(|layer| layer.name.to_owned()));
    }
    if !options.layers.is_empty() {
        return Ok(options.layers.clone());
    }
    let is_building = |name: &&String| {
        let name = name.to_lowercase();
        BUILDING_LAYERS.iter().any(|part| name.contains(part))
    };
    let buildings: Vec<String> = found.iter().filter(is_building).cloned().collect();
    if !buildings.is_empty() || found.len() <= 1 {
        return Ok(if buildings.is_empty() { found.into_iter().collect() } else { buildings });
    }
    let layers = found.into_iter().collect::<Vec<_>>().join(", ");
    let what = format!("no layer is named like buildings; name the layers to read in a recipe (there are {layers})");
    Err(ImportError::Option { what, path: files.path().to_owned() })
}

/// Reads one tile's pieces of the chosen layers.
pub(super) fn read_tile(
    files: &dyn SourceFiles,
    address: TileAddress,
    name: &str,
    layers: &[String],
) -> Result<TileContent, TileError> {
    let bytes = files.read(name).map_err(TileError::Read)?;
    let mut content = TileContent::default();
    if bytes.is_empty() {
        let place = Place::file(files.path_of(name));
        let message = "the tile has 0 bytes: nothing is known of its area".to_owned();
        content.problems.push(Diagnostic { severity: Severity::Warning, code: "tile-empty", message, place });
        return Ok(content);
    }
    let plain = mvt::unpack(&bytes).map_err(TileError::Damaged)?;
    for layer in mvt::decode(&plain).map_err(TileError::Damaged)? {
        if layers.iter().any(|wanted| wanted == layer.name) {
            read_layer(files, address, name, layer, &mut content);
        }
    }
    Ok(content)
}

fn read_layer(files: &dyn SourceFiles, address: TileAddress, name: &str, layer: Layer<'_>, content: &mut TileContent) {
    let mut pieces = Vec::with_capacity(layer.len());
    content.records += layer.len() as u64;
    for index in 0..layer.len() {
        let mut problem = |code, message| {
            let place = Place::file(files.path_of(name)).detail(format!("layer {}, feature {index}", layer.name));
            content.problems.push(Diagnostic { severity: Severity::Error, code, message, place });
        };
        let feature = match layer.feature(index) {
            Ok(feature) => feature,
            Err(error) => {
                problem("feature-unreadable", error.to_string());
                continue;
            }
        };
        if feature.kind != GeometryKind::Polygons {
            problem("not-a-polygon", "only polygons make buildings".to_owned());
            continue;
        }
        match feature.polygons() {
            Ok(polygons) => pieces.push(Piece { feature_id: feature.id, tags: feature.tags, polygons }),
            Err(error) => problem("feature-unreadable", error.to_string()),
        }
    }
    content.layers.push(LayerContent {
        address,
        layer: Arc::from(layer.name),
        extent: layer.extent,
        keys: layer.keys.iter().map(|&key| Arc::from(key)).collect(),
        values: layer.values,
        pieces,
    });
}
