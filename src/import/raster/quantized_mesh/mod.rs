//! Terrain tiles of Cesium: quantized-mesh 1.0 and heightmap 1.0, in folders with their `layer.json`.
//!
//! A tile is a mesh over its square; `tile` draws its triangles into a raster of heights, so that it merges with all other
//! elevation models. Heights are above the ellipsoid, as the format has them. Normals, water masks and metadata are read over:
//! the ground's normals come of its heights, and which tiles there are shows in the folder.

mod heightmap;
mod tile;

use std::sync::Arc;

use serde::Deserialize;

use super::map_tiles::{Address, FolderStore, MatrixSet, Numbering, Pyramid, TileDecoder, TileStore, WellKnown};
use super::{RasterFacts, RasterKind, RasterTiles};
use crate::geodesy::CrsId;
use crate::import::terrain::Dem;
use crate::import::{
    Confidence, HeightsAbove, ImportError, ImportOptions, Importer, ObjectSink, Place, SourceFiles, SourceFrame,
    SourceReport,
};

/// Pixels along the edge of a tile: twice those of the regular grids that most meshes were made of.
const TILE_PIXELS: u32 = 128;
const LAYER: &str = "layer.json";

/// Reads `.terrain` tiles.
#[derive(Debug, Clone, Copy)]
pub struct QuantizedMeshImporter;

/// What of `layer.json` is needed (TileJSON 2.1 with Cesium's additions).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct LayerDocument {
    format: String,
    scheme: String,
    projection: String,
}

impl Importer for QuantizedMeshImporter {
    fn name(&self) -> &'static str {
        "quantized-mesh"
    }

    fn title(&self) -> &'static str {
        "quantized-mesh terrain"
    }

    fn patterns(&self) -> &'static [&'static str] {
        &["Z/X/Y.terrain with layer.json"]
    }

    fn probe(&self, files: &dyn SourceFiles) -> Confidence {
        let has_tiles = files.names().iter().any(|name| address(name).is_some());
        let has_layer = layer_name(files).is_some();
        match (has_tiles, has_layer) {
            (true, true) => Confidence::Yes,
            (true, false) => Confidence::Maybe,
            _ => Confidence::No,
        }
    }

    fn read(
        &self,
        files: &dyn SourceFiles,
        options: &ImportOptions,
        sink: &mut dyn ObjectSink,
    ) -> Result<SourceReport, ImportError> {
        let mut report = SourceReport::new(files.path(), self.name());
        let layer = layer(files, &mut report)?;
        let said = (!layer.projection.is_empty()).then_some(layer.projection.as_str());
        let said: Option<CrsId> = said.map(str::parse).transpose().map_err(|error: crate::geodesy::GeodesyError| {
            ImportError::Crs { cause: error.to_string(), path: files.path_of(LAYER) }
        })?;
        let default = (CrsId::epsg(4326), "quantized-mesh without a projection");
        let stated = said.map_or(default, |crs| (crs, LAYER));
        let (crs, stated_by) = options.crs.clone().map_or(stated, |crs| (crs, "the recipe"));
        let known = match WellKnown::of_crs(&crs) {
            Some(known @ (WellKnown::WebMercator | WellKnown::WorldCrs84Quad)) => known,
            Some(WellKnown::Tianditu) => WellKnown::WorldCrs84Quad,
            _ => {
                let what = format!("terrain tiles are in EPSG:4326 or EPSG:3857, not in {crs}");
                return Err(ImportError::Option { what, path: files.path().to_owned() });
            }
        };
        let is_slippy = layer.scheme.eq_ignore_ascii_case("slippyMap") || layer.scheme.eq_ignore_ascii_case("xyz");
        let numbering = options.tile_numbering.unwrap_or(if is_slippy { Numbering::Xyz } else { Numbering::Tms });
        let set = known.set(crs, stated_by.to_owned(), [TILE_PIXELS; 2]);
        let decode: TileDecoder<f32> =
            if layer.format.starts_with("heightmap") { heightmap::decode } else { tile::decode };
        report.files = files.names().len() as u64;
        ground(files, set, numbering, decode, options, sink, &mut report)?;
        Ok(report)
    }
}

/// Hands the tiles on as one elevation model.
fn ground(
    files: &dyn SourceFiles,
    set: MatrixSet,
    numbering: Numbering,
    decode: TileDecoder<f32>,
    options: &ImportOptions,
    sink: &mut dyn ObjectSink,
    report: &mut SourceReport,
) -> Result<(), ImportError> {
    let path = files.path().to_owned();
    let (above, height) = options.heights_of_raster(HeightsAbove::Ellipsoid, &path)?;
    let store: Box<dyn TileStore> = Box::new(FolderStore::new(files.shared(), &set, numbering, address as Address));
    let nothing = || ImportError::Option { what: "there are no tiles of the zoom".to_owned(), path: path.clone() };
    let (pyramid, transform) = Pyramid::new(store, decode, &set, options.zoom).ok_or_else(nothing)?;
    let known = pyramid.levels().first().map(|level| level.known).unwrap_or_default();
    let (low, high) = known.corners();
    report.records += 1;
    report.rasters.push(RasterFacts {
        kind: RasterKind::Elevation,
        width: known.width,
        height: known.height,
        bands: 1,
        levels: pyramid.levels().len(),
        nodata: None,
        extent: Some(transform.extent(low, high)),
    });
    let MatrixSet { crs, stated_by, .. } = set;
    report.frame = Some(SourceFrame { crs: crs.clone(), heights_above: above, stated_by });
    let raster: Arc<dyn RasterTiles<f32>> = Arc::new(pyramid);
    sink.elevation(Dem { path, crs, height, raster, transform, unit_m: 1.0 })
}

/// Zoom, column and row of `Z/X/Y.terrain`, or of a name that ends with `Z_X_Y.terrain`.
fn address(name: &str) -> Option<(u8, [i64; 2])> {
    let stem = name.strip_suffix(".terrain")?;
    let of = |words: &str, separator: char| {
        let mut parts = words.rsplit(separator);
        let (row, column, zoom) = (parts.next()?, parts.next()?, parts.next()?);
        let zoom: u8 = zoom.parse().ok().filter(|zoom| *zoom <= 30)?;
        Some((zoom, [column.parse().ok()?, row.parse().ok()?]))
    };
    of(stem, '/').or_else(|| of(stem.rsplit('/').next()?, '_'))
}

fn layer_name(files: &dyn SourceFiles) -> Option<&String> {
    files.names().iter().find(|name| *name == LAYER || name.ends_with("/layer.json"))
}

/// The layer's document; the usual one where there is none or it cannot be read, which is told.
fn layer(files: &dyn SourceFiles, report: &mut SourceReport) -> Result<LayerDocument, ImportError> {
    let Some(name) = layer_name(files) else { return Ok(LayerDocument::default()) };
    let text = files.read(name)?;
    Ok(serde_json::from_slice(&text).unwrap_or_else(|error| {
        let message =
            format!("this layer.json is left out, and the tiles are taken for quantized-mesh in EPSG:4326: {error}");
        report.warn("layer-unreadable", message, Place::file(files.path_of(name)));
        LayerDocument::default()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_addresses() {
        assert_eq!(address("terrain/13/8800/6485.terrain"), Some((13, [8800, 6485])));
        assert_eq!(address("maptiler_10_1070_778.terrain"), Some((10, [1070, 778])));
        assert_eq!(address("9_759_335/9_759_335.terrain"), Some((9, [759, 335])));
        for name in ["tile.terrain", "a_b.terrain", "13/8800/6485.png", "tile.octvertexnormals.watermask.terrain"] {
            assert_eq!(address(name), None, "{name}");
        }
    }
}
