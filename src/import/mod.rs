//! Sources of every kind to one city package: importers, footprints to solids, the tiler.
//!
//! The platform opens what the user named as [`SourceFiles`]; [`recognise`] finds its [`Importer`], which streams
//! [`SourceObject`]s, still in the source's CRS, into an [`ObjectSink`] and tells in a [`SourceReport`] what it left out.
//! Rasters come the same way, as elevation models and pictures of the ground that `terrain` makes tiles of.
//! Placing turns them into city objects in the site frame; the tiler makes tiles of those.

mod archive;
mod attributes;
pub mod check;
mod citygml;
mod cityjson;
mod database;
pub mod demo;
mod diagnostic;
mod flatgeobuf;
mod geoid;
mod geojson;
mod geopackage;
mod geoparquet;
mod kml;
mod mvt;
mod network;
mod osm;
mod paint;
mod placement;
pub mod raster;
mod recipe;
mod shapefile;
mod source;
pub mod terrain;
pub mod tiler;
pub mod tree;
mod vector;

pub use database::{Cell, Database, RowSink};
pub use diagnostic::{Diagnostic, EXAMPLES, Place, Severity, SourceReport, Tally};
pub use geoid::read_geoid;
pub use placement::{Placement, UNUSABLE_FOOTPRINT, anchor, extent};
pub use recipe::{Recipe, RecipeError, RecipeSource, city_crs, read_recipe};
pub use source::{
    Gathered, HeightsAbove, ImportOptions, Importer, LineSection, MemoryFiles, ObjectSink, SourceFiles, SourceForm,
    SourceFrame, SourceMesh, SourceObject, SourcePolygon, SourceShape, SourceSurface,
};

/// Every importer, in the order in which help lists them.
pub const IMPORTERS: &[&dyn Importer] = &[
    &cityjson::CityJsonImporter,
    &citygml::CityGmlImporter,
    &geojson::GeoJsonImporter,
    &mvt::MvtImporter,
    &shapefile::ShapefileImporter,
    &geopackage::GeoPackageImporter,
    &flatgeobuf::FlatGeobufImporter,
    &geoparquet::GeoParquetImporter,
    &kml::KmlImporter,
    &archive::ArchiveImporter,
    &osm::OsmImporter,
    &network::EpanetImporter,
    &network::SwmmImporter,
    &raster::geotiff::GeoTiffImporter,
    &raster::height_grids::HeightGridsImporter,
    &raster::map_services::MapServicesImporter,
    &raster::map_tiles::MapTilesImporter,
    &raster::quantized_mesh::QuantizedMeshImporter,
];

/// How sure an importer is that it can read some files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Confidence {
    /// Not mine.
    #[default]
    No,
    /// The name fits, or the content could be mine.
    Maybe,
    /// Name and content fit.
    Yes,
}

/// Why a source cannot be imported. Bad records do not come here: they are counted in the [`SourceReport`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// The bytes did not come.
    #[error("cannot read: {cause}: {path}")]
    Read {
        /// What the store said.
        cause: String,
        /// Which file.
        path: String,
    },
    /// The file is not what its name or first bytes claim.
    #[error("not {expected}: {cause}: {path}")]
    Invalid {
        /// What it should have been.
        expected: &'static str,
        /// What is wrong with it, with the line or object.
        cause: String,
        /// Which file.
        path: String,
    },
    /// No importer knows these files.
    #[error("no importer knows this source (there are {known}): {path}")]
    Unknown {
        /// What could have been read.
        known: String,
        /// What the user named.
        path: String,
    },
    /// Coordinates without a coordinate reference system.
    #[error("the source does not say its coordinate reference system; give it with --crs EPSG:N{hint}: {path}")]
    NoCrs {
        /// What was found instead, as words that go on after the sentence.
        hint: String,
        /// Which file.
        path: String,
    },
    /// Coordinates that cannot be brought to the site.
    #[error("{cause}: {path}")]
    Crs {
        /// Which CRS, and what is wrong.
        cause: String,
        /// Which source.
        path: String,
    },
    /// An option that does not fit the source.
    #[error("{what}: {path}")]
    Option {
        /// What does not fit, and what would.
        what: String,
        /// Which source.
        path: String,
    },
    /// The user stopped it.
    #[error("stopped")]
    Cancelled,
}

/// The importer that is surest of these files; the first of equals.
pub fn recognise(files: &dyn SourceFiles) -> Result<&'static dyn Importer, ImportError> {
    let mut best: Option<(Confidence, &'static dyn Importer)> = None;
    for importer in IMPORTERS {
        let confidence = importer.probe(files);
        if confidence > best.map_or(Confidence::No, |(most, _)| most) {
            best = Some((confidence, *importer));
        }
    }
    best.map(|(_, importer)| importer).ok_or_else(|| ImportError::Unknown {
        known: IMPORTERS.iter().map(|i| i.title()).collect::<Vec<_>>().join(", "),
        path: files.path().to_owned(),
    })
}

/// The importer of a name (`cityjson`).
pub fn importer(name: &str) -> Option<&'static dyn Importer> {
    IMPORTERS.iter().copied().find(|importer| importer.name() == name)
}
