//! `tileset.json` to a tile tree: one implicit quadtree, or tiles listed one by one under one root transform.

use glam::{DAffine3, DMat3, DMat4, DVec3};
use serde_json::Value as Json;

use super::StreamError;
use crate::geodesy::SiteFrame;
use crate::streaming::{ExplicitTile, ExplicitTree, ImplicitTiling, ImplicitTree, Refine, TileTree, Volume};

/// Deepest nesting followed.
const MOST_LEVELS: usize = 64;

/// A tree and where its contents stand.
pub(super) struct Tileset {
    pub tree: Box<dyn TileTree>,
    pub site_from_tile: DAffine3,
    pub subtree_levels: u32,
}

/// Reads a tileset whose files lie under `folder` of its source.
pub(super) fn read(bytes: &[u8], folder: &str, site: &SiteFrame) -> Result<Tileset, StreamError> {
    let wrong = |cause: String| StreamError::Tileset { cause, name: format!("{folder}tileset.json") };
    let document: Json = serde_json::from_slice(bytes).map_err(|e| wrong(e.to_string()))?;
    let root = &document["root"];
    let site_from_tile = match numbers::<16>(&root["transform"]) {
        Some(matrix) => {
            let ecef_from_tile = DAffine3::from_mat4(DMat4::from_cols_array(&matrix));
            if ecef_from_tile == site.ecef_from_site() {
                DAffine3::IDENTITY
            } else {
                site.ecef_from_site().inverse() * ecef_from_tile
            }
        }
        None => site.ecef_from_site().inverse(),
    };
    let tiling = &root["implicitTiling"];
    if tiling.is_null() {
        let tile = explicit(root, folder, &site_from_tile, 0).map_err(wrong)?;
        return Ok(Tileset { tree: Box::new(ExplicitTree::new(tile)), site_from_tile, subtree_levels: 0 });
    }
    let Volume::Box { center_in_site, half_axes_in_site } = volume(root, &site_from_tile).map_err(wrong)? else {
        return Err(wrong("an implicit root needs a box".to_owned()));
    };
    let whole = |key: &str| tiling[key].as_u64().and_then(|v| u32::try_from(v).ok()).unwrap_or(0);
    let subtree_levels = whole("subtreeLevels");
    let tree = ImplicitTree::new(ImplicitTiling {
        center_in_site,
        half_axes_in_site,
        geometric_error_m: root["geometricError"].as_f64().unwrap_or(0.0),
        refine: refine(root),
        octree: tiling["subdivisionScheme"] == "OCTREE",
        subtree_levels,
        available_levels: whole("availableLevels"),
        contents: contents(root).map(|uri| format!("{folder}{uri}")).collect(),
        subtrees: format!("{folder}{}", tiling["subtrees"]["uri"].as_str().unwrap_or_default()),
    })
    .map_err(|e| wrong(e.to_string()))?;
    Ok(Tileset { tree: Box::new(tree), site_from_tile, subtree_levels })
}

fn explicit(tile: &Json, folder: &str, site_from_tile: &DAffine3, level: usize) -> Result<ExplicitTile, String> {
    if level > MOST_LEVELS {
        return Err(format!("more than {MOST_LEVELS} levels"));
    }
    if level > 0 && !tile["transform"].is_null() {
        return Err("a transform below the root is not supported".to_owned());
    }
    let names = contents(tile).map(|uri| format!("{folder}{uri}"));
    let error = tile["geometricError"].as_f64().unwrap_or(0.0);
    let mut read = ExplicitTile::new(volume(tile, site_from_tile)?, error, refine(tile), names);
    for child in tile["children"].as_array().into_iter().flatten() {
        read.children.push(explicit(child, folder, site_from_tile, level + 1)?);
    }
    Ok(read)
}

fn contents(tile: &Json) -> impl Iterator<Item = &str> {
    let one = tile["content"]["uri"].as_str();
    one.into_iter().chain(tile["contents"].as_array().into_iter().flatten().filter_map(|c| c["uri"].as_str()))
}

fn refine(tile: &Json) -> Refine {
    if tile["refine"] == "ADD" { Refine::Add } else { Refine::Replace }
}

fn volume(tile: &Json, site_from_tile: &DAffine3) -> Result<Volume, String> {
    let bounds = &tile["boundingVolume"];
    if let Some(b) = numbers::<12>(&bounds["box"]) {
        let axes = DMat3::from_cols_slice(&b[3..]);
        return Ok(Volume::Box {
            center_in_site: site_from_tile.transform_point3(DVec3::new(b[0], b[1], b[2])),
            half_axes_in_site: site_from_tile.matrix3 * axes,
        });
    }
    if let Some(s) = numbers::<4>(&bounds["sphere"]) {
        let center = site_from_tile.transform_point3(DVec3::new(s[0], s[1], s[2]));
        return Ok(Volume::Sphere { center_in_site: center, radius_m: s[3] });
    }
    Err("a bounding volume is neither box nor sphere".to_owned())
}

fn numbers<const N: usize>(value: &Json) -> Option<[f64; N]> {
    let list: Vec<f64> = value.as_array()?.iter().filter_map(Json::as_f64).filter(|v| v.is_finite()).collect();
    list.try_into().ok()
}
