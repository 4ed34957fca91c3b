//! GeoJSON (RFC 7946, and the `crs` member of its 2008 forerunner): bytes to features and polygons.
//!
//! [`Collection::parse`] reads a document's top and leaves features as text; [`Feature::parse`] reads one, [`parts`] its
//! geometry. So a bad feature costs only itself. The other way, [`feature`] writes an object of a city.

mod write;

use std::borrow::Cow;

use glam::DVec3;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::json_documents::{Entries, Text};
pub use write::{attributes, bbox, degrees, feature, geometry, properties};

/// What a document holds at its top: a collection, or one feature or geometry.
#[derive(Debug, Default, Deserialize)]
pub struct Collection<'a> {
    /// `FeatureCollection`, `Feature`, a geometry type, or something else that this is not.
    #[serde(rename = "type", default, borrow)]
    pub kind: Option<Cow<'a, str>>,
    /// The features, unread.
    #[serde(default, borrow)]
    pub features: Option<Vec<&'a RawValue>>,
    #[serde(default, borrow)]
    crs: Option<&'a RawValue>,
}

/// A feature.
#[derive(Debug, Default, Deserialize)]
pub struct Feature<'a> {
    /// Identifier: words or a number, as JSON.
    #[serde(default, borrow)]
    pub id: Option<&'a RawValue>,
    /// Attributes, in the order of the file.
    #[serde(default, borrow)]
    pub properties: Option<Entries<'a>>,
    /// The geometry, for [`parts`].
    #[serde(default, borrow)]
    pub geometry: Option<&'a RawValue>,
}

/// The geometry types (RFC 7946, 1.4).
pub const GEOMETRIES: &[&str] =
    &["Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection"];

/// Rings of positions; the height is NaN where a position has none.
pub type Polygon = Vec<Vec<DVec3>>;

/// What a geometry consists of, collections taken apart.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Parts {
    /// Points of all point geometries.
    pub points: Vec<DVec3>,
    /// Lines of all line geometries.
    pub lines: Vec<Vec<DVec3>>,
    /// Polygons of all polygon geometries.
    pub polygons: Vec<Polygon>,
}

/// Why a geometry cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GeometryError {
    /// Not JSON of the form that its type asks for.
    #[error("{0}")]
    Json(String),
    /// A type that GeoJSON does not have.
    #[error("there is no geometry type '{0}'")]
    Unknown(String),
    /// A geometry that encloses nothing.
    #[error("the geometry encloses nothing")]
    NotPolygons,
}

impl<'a> Collection<'a> {
    /// Reads the top of a document.
    pub fn parse(text: &Text<'a>) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text.json)
    }

    /// The name in the `crs` member of the 2008 specification; `None` where there is none, which means longitude and latitude.
    pub fn crs_name(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Crs {
            properties: Named,
        }
        #[derive(Deserialize)]
        struct Named {
            name: String,
        }
        serde_json::from_str::<Crs>(self.crs?.get()).ok().map(|crs| crs.properties.name)
    }
}

impl<'a> Feature<'a> {
    /// Reads a feature.
    pub fn parse(json: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }
}

/// The polygons of a geometry, those inside collections too; an error where it has none.
pub fn polygons(raw: &RawValue) -> Result<Vec<Polygon>, GeometryError> {
    let found = parts(raw)?.polygons;
    if found.is_empty() { Err(GeometryError::NotPolygons) } else { Ok(found) }
}

/// Points, lines and polygons of a geometry. What cannot be read in a collection is left out as long as something can.
pub fn parts(raw: &RawValue) -> Result<Parts, GeometryError> {
    #[derive(Deserialize)]
    struct Geometry<'a> {
        #[serde(rename = "type", borrow)]
        kind: Cow<'a, str>,
        #[serde(default, borrow)]
        coordinates: Option<&'a RawValue>,
        #[serde(default, borrow)]
        geometries: Vec<&'a RawValue>,
    }
    let json = |error: serde_json::Error| GeometryError::Json(super::json_documents::without_line(&error));
    let geometry: Geometry<'_> = serde_json::from_str(raw.get()).map_err(json)?;
    let coordinates = || {
        let missing = GeometryError::Json("no coordinates".to_owned());
        geometry.coordinates.map(RawValue::get).ok_or(missing)
    };
    let mut found = Parts::default();
    let line = |line: Vec<Position>| line.into_iter().map(|Position(p)| p).collect::<Vec<DVec3>>();
    let polygon = |rings: Vec<Vec<Position>>| rings.into_iter().map(line).collect::<Polygon>();
    match geometry.kind.as_ref() {
        "Point" => found.points.push(serde_json::from_str::<Position>(coordinates()?).map_err(json)?.0),
        "MultiPoint" => found.points = line(serde_json::from_str(coordinates()?).map_err(json)?),
        "LineString" => found.lines.push(line(serde_json::from_str(coordinates()?).map_err(json)?)),
        "MultiLineString" => found.lines = polygon(serde_json::from_str(coordinates()?).map_err(json)?),
        "Polygon" => found.polygons.push(polygon(serde_json::from_str(coordinates()?).map_err(json)?)),
        "MultiPolygon" => {
            let all: Vec<Vec<Vec<Position>>> = serde_json::from_str(coordinates()?).map_err(json)?;
            found.polygons = all.into_iter().map(polygon).collect();
        }
        "GeometryCollection" => return collected(&geometry.geometries),
        other => return Err(GeometryError::Unknown(other.to_owned())),
    }
    Ok(found)
}

/// The members of a collection. Collections in collections are allowed and meaningless (RFC 7946, 3.1.8): only the first level
/// is read.
fn collected(members: &[&RawValue]) -> Result<Parts, GeometryError> {
    let mut found = Parts::default();
    let mut failed = None;
    for member in members.iter().filter(|raw| !raw.get().contains("\"GeometryCollection\"")) {
        match parts(member) {
            Ok(member) => {
                found.points.extend(member.points);
                found.lines.extend(member.lines);
                found.polygons.extend(member.polygons);
            }
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    match failed {
        Some(error) if found == Parts::default() => Err(error),
        _ => Ok(found),
    }
}

/// Two or three numbers, and what some writers put after them.
struct Position(DVec3);

impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Numbers;
        impl<'de> Visitor<'de> for Numbers {
            type Value = Position;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a position of two or three numbers")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut numbers: A) -> Result<Position, A::Error> {
                let missing = |at| serde::de::Error::invalid_length(at, &Numbers);
                let x = numbers.next_element()?.ok_or_else(|| missing(0))?;
                let y = numbers.next_element()?.ok_or_else(|| missing(1))?;
                let z = numbers.next_element()?.unwrap_or(f64::NAN);
                while numbers.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Position(DVec3::new(x, y, z)))
            }
        }
        deserializer.deserialize_seq(Numbers)
    }
}
