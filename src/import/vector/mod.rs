//! Features: what GIS call so becomes an object of the city here, whatever file it came from.
//!
//! An importer decodes each record into a [`Feature`]: attributes, and a [`Geometry`] of points, lines and polygons ([`wkb`]
//! does that for several). [`FeatureMaker`] makes a [`SourceObject`](super::SourceObject) of it: the table in `class` says what
//! it is and how wide a line is, [`HeightRule`](super::attributes::HeightRule) how high a footprint. [`HandOver`] gives batches
//! to the sink: the frame once, identifiers made unique, layers in other CRS brought into the first one's.

mod class;
mod geometry;
mod hand_over;
mod maker;
mod reading;
pub(super) mod wkb;

use std::sync::Arc;

use super::{HeightsAbove, ImportError, Place, SourceReport};
use crate::city::Value;
use crate::geodesy::CrsId;
pub(super) use geometry::{Geometry, arc_points};
pub(super) use hand_over::HandOver;
pub(super) use maker::{FeatureMaker, MadeFeature};
pub(super) use reading::SourceReader;

/// Features decoded and handed on at one time.
pub(super) const FEATURES_AT_ONCE: usize = 4096;

/// One record, before it is an object.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Feature {
    /// The source's own identifier, where it has one apart from the attributes.
    pub id: Option<Value>,
    /// Attributes by name, in the order of the source.
    pub attributes: Vec<(Arc<str>, Value)>,
    /// Where it is, in the CRS of its layer.
    pub geometry: Geometry,
    /// How high its polygons are pushed up, metres, where the geometry itself says so.
    pub height_m: Option<f64>,
}

/// What all features of one file or table share.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Layer {
    /// The file, as the user can find it.
    pub path: String,
    /// Its name, which may tell what its features are: `gis_osm_roads`, `districts/区县界`.
    pub name: String,
    /// Whether the source has other layers: numbers identify features only within theirs then.
    pub among_others: bool,
    /// The CRS of the coordinates.
    pub crs: CrsId,
    /// How that is known.
    pub stated_by: String,
    /// What heights are above, where coordinates have them.
    pub heights_above: HeightsAbove,
}

/// Reads the layers of a source. One of several that cannot be read, or has no CRS, is told and left out; an error if none is
/// left.
pub(super) fn each_layer<L>(
    layers: impl IntoIterator<Item = L>,
    report: &mut SourceReport,
    mut read: impl FnMut(L, &mut SourceReport) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    let (mut first, mut any) = (None, false);
    for layer in layers {
        match read(layer, report) {
            Ok(()) => any = true,
            Err(error @ (ImportError::Invalid { .. } | ImportError::NoCrs { .. } | ImportError::Crs { .. })) => {
                report.skip("layer-left-out", error.to_string(), Place::file(report.path.clone()));
                first.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    match first {
        Some(error) if !any => Err(error),
        _ => Ok(()),
    }
}

/// A name without its ending: `a/roads.shp` -> `a/roads`.
pub(super) fn unending(name: &str) -> &str {
    let start = name.rfind('/').map_or(0, |slash| slash + 1);
    name.get(start..).and_then(|file| file.rfind('.')).map_or(name, |dot| name.get(..start + dot).unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_without_their_endings() {
        for (name, expected) in
            [("a/roads.shp", "a/roads"), ("v1.2/x", "v1.2/x"), ("x.y.fgb", "x.y"), ("区县界.shp", "区县界")]
        {
            assert_eq!(unending(name), expected);
        }
    }
}
