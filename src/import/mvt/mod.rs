//! Vector tile pyramids of buildings.
//!
//! `address` finds the tiles of the finest zoom among the files, `tiles` decodes them (in parallel, a few at a time) into
//! pieces that still hold tile units, `identity` finds the attribute that identifies a building, `join` makes one object of
//! the pieces that tile borders cut. The CRS is implied by the pyramid: EPSG:3857; there are no heights of places.

mod address;
mod identity;
mod join;
mod tiles;

use super::attributes::HeightRule;
use super::{
    Confidence, HeightsAbove, ImportError, ImportOptions, Importer, ObjectSink, Place, SourceFiles, SourceFrame,
    SourceReport,
};
use crate::formats::mvt;
use crate::geodesy::CrsId;
use crate::geometry::parallel;
use address::TileAddress;

/// Tiles that are read and decoded at one time.
const TILES_AT_ONCE: usize = 32;
/// Objects handed on at one time.
const OBJECTS_AT_ONCE: usize = 8192;

/// Reads `ZOOM/COLUMN/ROW.pbf` pyramids (`.mvt` and `.gz` too) of buildings.
#[derive(Debug, Clone, Copy)]
pub struct MvtImporter;

impl Importer for MvtImporter {
    fn name(&self) -> &'static str {
        "mvt"
    }

    fn title(&self) -> &'static str {
        "Mapbox Vector Tiles of buildings"
    }

    fn patterns(&self) -> &'static [&'static str] {
        &["Z/X/Y.pbf", "Z/X/Y.mvt"]
    }

    fn probe(&self, files: &dyn SourceFiles) -> Confidence {
        match address::tiles(files).first() {
            Some(_) => Confidence::Yes,
            None if files.names().iter().any(|name| address::is_tile_name(name)) => Confidence::Maybe,
            None => Confidence::No,
        }
    }

    fn read(
        &self,
        files: &dyn SourceFiles,
        options: &ImportOptions,
        sink: &mut dyn ObjectSink,
    ) -> Result<SourceReport, ImportError> {
        let mut report = SourceReport::new(files.path(), self.name());
        let tiles = finest(files, options)?;
        let implied = (CrsId::epsg(3857), "implied by the tile pyramid");
        let settled = options.settle_crs(Some(implied), files.path())?;
        let (crs, stated_by) =
            settled.ok_or_else(|| ImportError::NoCrs { hint: String::new(), path: files.path().to_owned() })?;
        let heights_above = options.heights_above.unwrap_or(HeightsAbove::Ground);
        let frame = SourceFrame { crs, heights_above, stated_by };
        sink.describe(&frame)?;
        report.frame = Some(frame);
        let layers = tiles::choose_layers(files, &tiles, options)?;
        let contents = decode_all(files, &tiles, &layers, sink, &mut report)?;
        let identity = identity::choose(&contents, options, files.path())?;
        let groups = join::group(&contents, &identity, &HeightRule::new(options), files, &mut report);
        emit(&contents, &groups, options, sink, &mut report)?;
        Ok(report)
    }
}

/// The tiles of the zoom that is asked for, or of the finest there is, by column and row.
fn finest(files: &dyn SourceFiles, options: &ImportOptions) -> Result<Vec<(TileAddress, String)>, ImportError> {
    let mut tiles = address::tiles(files);
    let zooms: std::collections::BTreeSet<u8> = tiles.iter().map(|(tile, _)| tile.zoom).collect();
    let found = zooms.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
    let Some(zoom) = options.zoom.or(zooms.last().copied()) else {
        return Err(ImportError::Invalid {
            expected: "a vector tile pyramid",
            cause: "no file is named ZOOM/COLUMN/ROW.pbf or .mvt, which is where a tile's place is said".to_owned(),
            path: files.path().to_owned(),
        });
    };
    if !zooms.contains(&zoom) {
        let what = format!("there are no tiles of zoom {zoom}, only of {found}");
        return Err(ImportError::Option { what, path: files.path().to_owned() });
    }
    tiles.retain(|(tile, _)| tile.zoom == zoom);
    tiles.sort();
    Ok(tiles)
}

fn decode_all(
    files: &dyn SourceFiles,
    tiles: &[(TileAddress, String)],
    layers: &[String],
    sink: &mut dyn ObjectSink,
    report: &mut SourceReport,
) -> Result<Vec<tiles::LayerContent>, ImportError> {
    let mut contents = Vec::new();
    let mut damaged = None;
    for (index, chunk) in tiles.chunks(TILES_AT_ONCE).enumerate() {
        let read = parallel::map(chunk.iter().collect(), |(address, name)| {
            tiles::read_tile(files, *address, name, layers).map_err(|cause| (name, cause))
        });
        for result in read {
            report.files += 1;
            match result {
                Ok(tile) => {
                    report.records += tile.records;
                    tile.problems.into_iter().for_each(|problem| report.note(problem));
                    contents.extend(tile.layers);
                }
                Err((_, tiles::TileError::Read(error))) => return Err(error),
                Err((name, tiles::TileError::Damaged(error))) => {
                    report.skip("tile-unreadable", error.to_string(), Place::file(files.path_of(name)));
                    damaged.get_or_insert((error, files.path_of(name)));
                }
            }
        }
        sink.progress(((index + 1) * TILES_AT_ONCE).min(tiles.len()) as u64, tiles.len() as u64)?;
    }
    match damaged {
        Some((error, path)) if contents.is_empty() => Err(invalid(error, path)),
        _ => Ok(contents),
    }
}

fn invalid(error: mvt::MvtError, path: String) -> ImportError {
    ImportError::Invalid { expected: "a vector tile", cause: error.to_string(), path }
}

fn emit(
    contents: &[tiles::LayerContent],
    groups: &[join::Group],
    options: &ImportOptions,
    sink: &mut dyn ObjectSink,
    report: &mut SourceReport,
) -> Result<(), ImportError> {
    let maker = join::ObjectMaker::new(contents, options);
    for chunk in groups.chunks(OBJECTS_AT_ONCE) {
        let batch = parallel::map(chunk.iter().collect(), |group| maker.object(group));
        report.count(&batch);
        for object in batch.iter().filter(|object| object.geometry.is_empty()) {
            let place = Place::file(report.path.clone()).object(object.object.id.clone());
            report.warn("no-geometry", "the object has no polygon with an area; kept without a shape", place);
        }
        sink.take(batch)?;
    }
    Ok(())
}
