//! What each column of a file is for, by the metadata of GeoParquet (1.0, 1.1) or Parquet's own geometry type.

use std::sync::Arc;

use glam::DVec3;
use serde_json::Value as Json;

use super::footer::{Footer, Leaf, Meaning};
use crate::geodesy::{CrsId, GeodesyError};
use crate::import::vector::Geometry;

/// Names of the groups in which writers put the elements of lists and maps.
const WRAPPERS: &[&str] = &["list", "element", "item", "array", "bag", "array_element", "key_value", "map"];

/// What a column is for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Role {
    /// An attribute of this name.
    Attribute(Arc<str>),
    /// The geometry as well-known binary.
    Binary,
    /// One coordinate of the geometry: the first, second or third.
    Coordinate(usize),
    /// Nothing: other geometries, boxes around them.
    None,
}

/// How geometries lie in columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Binary,
    Point,
    Line,
    Polygon,
    MultiPoint,
    MultiLine,
    MultiPolygon,
}

/// What is to be known before the rows.
#[derive(Debug)]
pub(super) struct Plan {
    pub roles: Vec<Role>,
    pub encoding: Encoding,
    /// `None` where the file says that it is not known.
    pub crs: Option<Result<CrsId, GeodesyError>>,
    pub stated_by: &'static str,
}

/// Reads the metadata. The error says what is missing.
pub(super) fn plan(footer: &Footer) -> Result<Plan, String> {
    match footer.said("geo") {
        Some(text) => {
            let geo: Json = serde_json::from_str(text).map_err(|error| format!("its 'geo' metadata: {error}"))?;
            of_metadata(footer, &geo)
        }
        None => of_type(footer),
    }
}

fn of_metadata(footer: &Footer, geo: &Json) -> Result<Plan, String> {
    let columns = geo.get("columns").and_then(Json::as_object).ok_or("its 'geo' metadata names no columns")?;
    let primary =
        geo.get("primary_column").and_then(Json::as_str).or_else(|| columns.keys().next().map(String::as_str));
    let name = primary.ok_or("its 'geo' metadata names no primary column")?;
    let about = columns.get(name).ok_or_else(|| format!("its 'geo' metadata does not describe the column {name}"))?;
    let encoding = encoding(about.get("encoding").and_then(Json::as_str).unwrap_or("WKB"))?;
    // The columns of a box around each row are an index, not something that is known about it.
    let boxes: Vec<&str> =
        columns.values().filter_map(|column| column.pointer("/covering/bbox/xmin/0")?.as_str()).collect();
    let role = |leaf: &Leaf| {
        let first = leaf.path.first().map_or("", String::as_str);
        if first == name {
            return geometry_role(leaf, encoding);
        }
        if columns.contains_key(first) || boxes.contains(&first) { Role::None } else { attribute(leaf) }
    };
    let roles: Vec<Role> = footer.leaves.iter().map(role).collect();
    let (crs, stated_by) = match about.get("crs") {
        None => (Some("OGC:CRS84".parse()), "GeoParquet's default"),
        Some(Json::Null) => (None, ""),
        Some(Json::String(name)) => (Some(name.parse()), "its 'geo' metadata"),
        Some(definition) => (Some(CrsId::from_projjson(&definition.to_string())), "its 'geo' metadata"),
    };
    complete(Plan { roles, encoding, crs, stated_by }, name)
}

/// Columns whose own type is a geometry (Parquet format 2.11).
fn of_type(footer: &Footer) -> Result<Plan, String> {
    let leaf = footer.leaves.iter().find(|leaf| leaf.meaning == Meaning::Geometry);
    let leaf = leaf.ok_or("it has neither 'geo' metadata nor a column of geometries: it is no GeoParquet")?;
    let said = leaf.crs.as_deref().unwrap_or("OGC:CRS84");
    let definition = said.strip_prefix("projjson:").and_then(|key| footer.said(key));
    let crs = match (definition, said.strip_prefix("srid:")) {
        (Some(text), _) => CrsId::from_projjson(text),
        (None, Some(code)) => format!("EPSG:{code}").parse(),
        (None, None) if said.trim_start().starts_with('{') => CrsId::from_projjson(said),
        (None, None) => said.parse(),
    };
    let role = |other: &Leaf| match other.meaning {
        Meaning::Geometry if other.path == leaf.path => Role::Binary,
        Meaning::Geometry => Role::None,
        _ => attribute(other),
    };
    let roles = footer.leaves.iter().map(role).collect();
    complete(Plan { roles, encoding: Encoding::Binary, crs: Some(crs), stated_by: "its column type" }, "geometry")
}

fn complete(plan: Plan, name: &str) -> Result<Plan, String> {
    let has = |role: Role| plan.roles.contains(&role);
    let whole = match plan.encoding {
        Encoding::Binary => has(Role::Binary),
        _ => has(Role::Coordinate(0)) && has(Role::Coordinate(1)),
    };
    if whole { Ok(plan) } else { Err(format!("its geometry column {name} is not there")) }
}

fn geometry_role(leaf: &Leaf, encoding: Encoding) -> Role {
    match (encoding, leaf.path.last().map_or("", String::as_str)) {
        (Encoding::Binary, _) => Role::Binary,
        (_, "x") => Role::Coordinate(0),
        (_, "y") => Role::Coordinate(1),
        (_, "z") => Role::Coordinate(2),
        _ => Role::None,
    }
}

fn attribute(leaf: &Leaf) -> Role {
    let shown = leaf.path.iter().filter(|part| leaf.repetition == 0 || !WRAPPERS.contains(&part.as_str()));
    Role::Attribute(shown.map(String::as_str).collect::<Vec<_>>().join(".").into())
}

fn encoding(name: &str) -> Result<Encoding, String> {
    Ok(match name.to_ascii_lowercase().as_str() {
        "wkb" => Encoding::Binary,
        "point" => Encoding::Point,
        "linestring" => Encoding::Line,
        "polygon" => Encoding::Polygon,
        "multipoint" => Encoding::MultiPoint,
        "multilinestring" => Encoding::MultiLine,
        "multipolygon" => Encoding::MultiPolygon,
        other => return Err(format!("its geometries are encoded as '{other}', which is not read")),
    })
}

impl Encoding {
    /// The geometry of points, each with the level at which it goes on: 0 begins the row, the highest adds to the same line.
    pub fn geometry(self, points: Vec<(u16, DVec3)>) -> Geometry {
        let mut found = Geometry::default();
        let depth = match self {
            Self::Point | Self::MultiPoint | Self::Binary => {
                found.points = points.into_iter().map(|(_, point)| point).filter(|p| !p.truncate().is_nan()).collect();
                return found;
            }
            Self::Line => 1,
            Self::MultiLine | Self::Polygon => 2,
            Self::MultiPolygon => 3,
        };
        for (level, point) in points {
            if self == Self::MultiPolygon && level <= 1 || self == Self::Polygon && level == 0 {
                found.polygons.push(Vec::new());
            }
            let rings = match self {
                Self::Line | Self::MultiLine => &mut found.lines,
                _ => match found.polygons.last_mut() {
                    Some(polygon) => polygon,
                    None => continue,
                },
            };
            if level < depth {
                rings.push(Vec::new());
            }
            if let Some(ring) = rings.last_mut() {
                ring.push(point);
            }
        }
        found
    }
}
