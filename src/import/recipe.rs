//! `import.toml`: what a user tells about sources that do not tell it themselves.
//!
//! ```toml
//! format_version = 1
//! [[source]]
//! path = "buildings"             # as on the command line, or below it
//! kind = "geojson"               # an importer's name; found out where left out
//! crs = "shenzhen"               # EPSG:4547, or a city CRS of this file
//! heights = "ground"             # ellipsoid, geoid or ground
//! geoid_separation_m = 36.7      # of the geoid above the ellipsoid, for heights above the geoid
//! geoid = "egm96_15.gtx"         # or a model of it, beside the recipe
//! height_attribute = "H"
//! [crs.shenzhen]
//! base = "EPSG:4547"
//! four_parameter = [391.2, -1802.7, 12.1, 3.4]
//! [tree]
//! overlap = 0.6                  # buildings of two sources are one where they share 60 % of the smaller footprint
//! nearest_m = 2.0                # things without extent, where they are this near
//! by_place = true                # parents of what has none
//! storeys = true                 # made of their number or the height
//! ```

use std::collections::BTreeMap;

use serde::Deserialize;

use super::raster::RasterKind;
use super::raster::map_tiles::Numbering;
use super::tree::TreeOptions;
use super::{HeightsAbove, IMPORTERS, ImportOptions, importer};
use crate::city::did_you_mean;
use crate::geodesy::{CityCrs, CityRelation, CrsRegistry, GeodesyError, Separation};
use crate::scene::{CrsDocument, DocumentError, Environment, read_document};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecipeDocument {
    #[serde(rename = "format_version")]
    _format_version: u32,
    #[serde(default, rename = "source")]
    sources: Vec<SourceDocument>,
    #[serde(default)]
    crs: BTreeMap<String, CrsDocument>,
    #[serde(default)]
    tree: TreeOptions,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceDocument {
    path: String,
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    crs: Option<String>,
    #[serde(default)]
    heights: Option<Heights>,
    #[serde(default)]
    height_attribute: Option<String>,
    #[serde(default)]
    storey_attribute: Option<String>,
    #[serde(default)]
    storey_height_m: Option<f64>,
    #[serde(default)]
    id_attribute: Option<String>,
    #[serde(default)]
    name_attribute: Option<String>,
    #[serde(default)]
    class_attribute: Option<String>,
    #[serde(default)]
    class: Option<String>,
    #[serde(default)]
    geoid_separation_m: Option<f64>,
    #[serde(default)]
    geoid: Option<String>,
    #[serde(default)]
    raster: Option<String>,
    #[serde(default)]
    scheme: Option<Scheme>,
    #[serde(default)]
    layers: Vec<String>,
    #[serde(default)]
    zoom: Option<u8>,
    #[serde(default)]
    cover_m: Option<f64>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Heights {
    Ellipsoid,
    Geoid,
    Ground,
}

/// How map tiles are numbered, in the words of TileJSON.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Scheme {
    Xyz,
    Tms,
}

/// A recipe that was read.
#[derive(Debug, Clone, Default)]
pub struct Recipe {
    /// What is said about sources, in the order of the file.
    pub sources: Vec<RecipeSource>,
    /// How the objects of all sources become one tree.
    pub tree: TreeOptions,
    /// Knows the city CRS of the recipe besides those of the authorities.
    pub registry: CrsRegistry,
}

/// What a recipe says about one source.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RecipeSource {
    /// The path as the recipe has it.
    pub path: String,
    /// The name of its importer.
    pub kind: Option<String>,
    /// A file with a geoid model, relative to the recipe.
    pub geoid: Option<String>,
    /// The rest.
    pub options: ImportOptions,
}

/// Why a recipe cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RecipeError {
    /// Unknown keys, wrong types: each with its line.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// A value that means nothing.
    #[error("{key}: {cause}: {path}")]
    Value {
        /// Which: `source 2, crs`.
        key: String,
        /// What is wrong with it.
        cause: String,
        /// The recipe.
        path: String,
    },
}

/// Reads a recipe (TOML 1.0). `file_name` is only for messages; `${VAR}` is filled in from `environment`.
pub fn read_recipe(text: &str, file_name: &str, environment: &Environment) -> Result<Recipe, RecipeError> {
    let document: RecipeDocument = read_document(text, file_name, environment)?;
    let value = |key: String, cause: String| RecipeError::Value { key, cause, path: file_name.to_owned() };
    let cities = document
        .crs
        .iter()
        .map(|(name, crs)| city_crs(name, crs).map_err(|error| value(format!("crs.{name}"), error.to_string())))
        .collect::<Result<Vec<_>, _>>()?;
    let registry = CrsRegistry::new(cities).map_err(|error| value("crs".to_owned(), error.to_string()))?;
    let mut sources = Vec::with_capacity(document.sources.len());
    for (index, source) in document.sources.into_iter().enumerate() {
        let key = |name: &str| format!("source {}, {name}", index + 1);
        check(&source).map_err(|(name, cause)| value(key(name), cause))?;
        let crs = source.crs.map(|name| name.parse()).transpose();
        let crs = crs.map_err(|error: GeodesyError| value(key("crs"), error.to_string()))?;
        if let Some(crs) = &crs {
            registry.crs_info(crs).map_err(|error| value(key("crs"), error.to_string()))?;
        }
        let heights_above = source.heights.map(|heights| match heights {
            Heights::Ellipsoid => HeightsAbove::Ellipsoid,
            Heights::Geoid => HeightsAbove::Geoid,
            Heights::Ground => HeightsAbove::Ground,
        });
        let options = ImportOptions {
            crs,
            crs_where_unsaid: None,
            heights_above,
            separation: source.geoid_separation_m.map(Separation::Constant),
            height_attribute: source.height_attribute,
            storey_attribute: source.storey_attribute,
            storey_height_m: source.storey_height_m,
            id_attribute: source.id_attribute,
            name_attribute: source.name_attribute,
            class_attribute: source.class_attribute,
            class: source.class,
            layers: source.layers,
            zoom: source.zoom,
            cover_m: source.cover_m,
            raster: source.raster.as_deref().and_then(RasterKind::of_name),
            tile_numbering: source.scheme.map(|scheme| match scheme {
                Scheme::Xyz => Numbering::Xyz,
                Scheme::Tms => Numbering::Tms,
            }),
        };
        sources.push(RecipeSource { path: source.path, kind: source.kind, geoid: source.geoid, options });
    }
    Ok(Recipe { sources, tree: document.tree, registry })
}

/// Refuses values that mean nothing: the key and why.
fn check(source: &SourceDocument) -> Result<(), (&'static str, String)> {
    if let Some(kind) = source.kind.as_deref().filter(|kind| importer(kind).is_none()) {
        let names: Vec<&str> = IMPORTERS.iter().map(|importer| importer.name()).collect();
        let guess = did_you_mean(kind, &names);
        return Err(("kind", format!("there is no importer '{kind}'{guess}; there are {}", names.join(", "))));
    }
    if let Some(name) = source.raster.as_deref().filter(|name| RasterKind::of_name(name).is_none()) {
        let names: Vec<&str> = RasterKind::NAMES.iter().map(|(name, _)| *name).collect();
        return Err(("raster", format!("'{name}' is none of {}{}", names.join(", "), did_you_mean(name, &names))));
    }
    if source.geoid_separation_m.is_some_and(|metres| !(-120.0..=120.0).contains(&metres)) {
        return Err(("geoid_separation_m", "no geoid is more than 120 m from its ellipsoid".to_owned()));
    }
    if source.geoid_separation_m.is_some() && source.geoid.is_some() {
        return Err(("geoid", "geoid_separation_m says it already; leave one of them out".to_owned()));
    }
    if source.storey_height_m.is_some_and(|height| !(height > 0.0 && height <= 100.0)) {
        return Err(("storey_height_m", "it is not between 0 and 100 metres".to_owned()));
    }
    if source.cover_m.is_some_and(|cover| !(0.0..=100.0).contains(&cover)) {
        return Err(("cover_m", "it is not between 0 and 100 metres".to_owned()));
    }
    Ok(())
}

impl Recipe {
    /// What the recipe says about a source that a user named: the same path, or one that ends with the recipe's.
    pub fn source(&self, path: &str) -> Option<&RecipeSource> {
        let path = path.trim_end_matches('/');
        let ends = |source: &&RecipeSource| {
            let own = source.path.trim_start_matches("./").trim_end_matches('/');
            path == own || path.strip_suffix(own).is_some_and(|before| before.ends_with('/'))
        };
        self.sources.iter().find(ends)
    }
}

/// A city CRS of a recipe or scene.
pub fn city_crs(name: &str, document: &CrsDocument) -> Result<CityCrs, GeodesyError> {
    let bad = |cause: &str| GeodesyError::BadCityCrs { name: name.to_owned(), cause: cause.to_owned() };
    let relation = match (document.four_parameter, document.seven_parameter) {
        (Some([dx_m, dy_m, rotation_arcsec, scale_ppm]), None) => {
            CityRelation::FourParameter { dx_m, dy_m, rotation_arcsec, scale_ppm }
        }
        (None, Some([tx, ty, tz, rx, ry, rz, scale_ppm])) => {
            CityRelation::SevenParameter { translation_m: [tx, ty, tz], rotation_arcsec: [rx, ry, rz], scale_ppm }
        }
        _ => return Err(bad("it needs exactly one of four_parameter and seven_parameter")),
    };
    Ok(CityCrs { name: name.to_owned(), base: document.base.parse()?, relation })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Recipe, RecipeError> {
        read_recipe(&format!("format_version = 1\n{text}"), "import.toml", &Environment::new())
    }

    #[test]
    fn sources_are_found_by_their_path() {
        let recipe = read(
            "[[source]]\npath = 'roofs'\nkind = 'mvt'\ncrs = 'shenzhen'\nheights = 'ground'\nzoom = 16\n\
             [[source]]\npath = 'b.geojson'\nstorey_attribute = 'lv'\n\
             [crs.shenzhen]\nbase = 'EPSG:4547'\nfour_parameter = [1.0, 2.0, 3.0, 4.0]\n",
        )
        .unwrap();
        let roofs = recipe.source("/data/roofs/").unwrap();
        assert_eq!((roofs.kind.as_deref(), roofs.options.zoom), (Some("mvt"), Some(16)));
        assert_eq!(roofs.options.heights_above, Some(HeightsAbove::Ground));
        assert_eq!(roofs.options.crs.as_ref().map(|crs| crs.to_string()).as_deref(), Some("shenzhen"));
        assert_eq!(recipe.source("b.geojson").unwrap().options.storey_attribute.as_deref(), Some("lv"));
        assert!(recipe.source("ab.geojson").is_none());
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        for (text, words) in [
            ("[[source]]\npath = 'a'\nheigt_attribute = 'H'\n", "import.toml:4:1: "),
            ("[[source]]\npath = 'a'\nheigt_attribute = 'H'\n", "did you mean 'height_attribute'"),
            ("[[source]]\npath = 'a'\nheights = 'sea'\n", "import.toml:4"),
            ("[[source]]\npath = 'a'\ncrs = '4547'\n", "source 1, crs: '4547' is no coordinate reference system"),
            ("[[source]]\npath = 'a'\ncrs = 'nowhere'\n", "source 1, crs: "),
            ("[[source]]\npath = 'a'\nstorey_height_m = -1.0\n", "source 1, storey_height_m: "),
            ("[[source]]\npath = 'a'\ncover_m = -1.0\n", "source 1, cover_m: "),
            ("[[source]]\npath = 'a'\nkind = 'geojsn'\n", "did you mean 'geojson'"),
            ("[[source]]\npath = 'a'\ngeoid_separation_m = 1e3\n", "source 1, geoid_separation_m: "),
            ("[[source]]\npath = 'a'\ngeoid_separation_m = 1.0\ngeoid = 'g.gtx'\n", "source 1, geoid: "),
            ("[[source]]\npath = 'a'\nraster = 'elevaton'\n", "did you mean 'elevation'"),
            ("[crs.x]\nbase = 'EPSG:4547'\n", "crs.x: "),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
