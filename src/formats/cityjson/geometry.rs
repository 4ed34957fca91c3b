//! Geometries of CityJSON (2.0, section 3): every kind as solids of shells of surfaces of rings of vertex indices.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::formats::json_documents::without_line;
use crate::geometry::SurfaceKind;

/// A geometry, with vertices by index.
#[derive(Debug, Clone, PartialEq)]
pub struct Geometry {
    /// The level of detail, `1.2` -> 1.2; `None` where it is missing or no number.
    pub lod: Option<f32>,
    /// What it is made of.
    pub form: Form,
    /// Why its semantics cannot be read; the geometry stands without them.
    pub semantics_problem: Option<String>,
}

/// What a geometry is made of.
#[derive(Debug, Clone, PartialEq)]
pub enum Form {
    /// `MultiPoint`: vertices.
    Points(Vec<u64>),
    /// `MultiLineString`: lines of vertices.
    Lines(Vec<Vec<u64>>),
    /// `MultiSurface` and `CompositeSurface` (as one shell), `Solid`, `MultiSolid`, `CompositeSolid` (shells of all solids).
    Shells(Vec<Vec<Surface>>),
    /// `GeometryInstance`: a template put at a vertex by a row-major 4x4 matrix.
    Instance {
        /// Index of the template.
        template: u64,
        /// Index of the vertex.
        vertex: u64,
        /// The matrix.
        matrix: [f64; 16],
    },
}

/// One surface of a shell.
#[derive(Debug, Clone, PartialEq)]
pub struct Surface {
    /// Rings of vertex indices, the outer one first.
    pub rings: Vec<Vec<u64>>,
    /// What its semantics say.
    pub kind: SurfaceKind,
}

/// Why a geometry cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum GeometryError {
    /// Not JSON of the form that its type asks for.
    #[error("{0}")]
    Json(String),
    /// A type that CityJSON does not have.
    #[error("unknown geometry type '{0}'")]
    Kind(String),
    /// An instance without what it needs.
    #[error("a GeometryInstance needs a template, one vertex and a matrix of 16 numbers")]
    Instance,
}

impl From<serde_json::Error> for GeometryError {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(without_line(&error))
    }
}

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default, borrow)]
    lod: Option<&'a RawValue>,
    #[serde(borrow)]
    boundaries: &'a RawValue,
    #[serde(default, borrow)]
    semantics: Option<&'a RawValue>,
    #[serde(default)]
    template: Option<u64>,
    #[serde(rename = "transformationMatrix", default)]
    matrix: Option<Vec<f64>>,
}

#[derive(Deserialize)]
struct Semantics<'a> {
    #[serde(default, borrow)]
    surfaces: Vec<Semantic<'a>>,
    #[serde(default, borrow)]
    values: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Semantic<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
}

type Rings = Vec<Vec<u64>>;
type Shell = Vec<Rings>;
type Indices = Option<Vec<Option<u64>>>;

/// Reads a geometry.
pub fn parse(raw: &RawValue) -> Result<Geometry, GeometryError> {
    let raw: Raw<'_> = serde_json::from_str(raw.get())?;
    let lod = raw.lod.and_then(|lod| lod.get().trim_matches('"').parse().ok()).filter(|lod: &f32| lod.is_finite());
    let boundaries = raw.boundaries.get();
    let mut semantics_problem = None;
    let mut shells = |solids: Vec<Vec<Shell>>, depth| {
        let semantics = raw.semantics.map(|semantics| Kinds::parse(semantics, depth)).transpose();
        let kinds = semantics.unwrap_or_else(|error| {
            semantics_problem = Some(without_line(&error));
            None
        });
        Form::Shells(kinds.unwrap_or_default().put_on(solids))
    };
    let form = match raw.kind.as_ref() {
        "MultiPoint" => Form::Points(serde_json::from_str(boundaries)?),
        "MultiLineString" => Form::Lines(serde_json::from_str(boundaries)?),
        "MultiSurface" | "CompositeSurface" => shells(vec![vec![serde_json::from_str(boundaries)?]], 1),
        "Solid" => shells(vec![serde_json::from_str(boundaries)?], 2),
        "MultiSolid" | "CompositeSolid" => shells(serde_json::from_str(boundaries)?, 3),
        "GeometryInstance" => {
            let vertices: Vec<u64> = serde_json::from_str(boundaries)?;
            let matrix = raw.matrix.and_then(|matrix| <[f64; 16]>::try_from(matrix).ok());
            let (Some(template), Some(&vertex), Some(matrix)) = (raw.template, vertices.first(), matrix) else {
                return Err(GeometryError::Instance);
            };
            Form::Instance { template, vertex, matrix }
        }
        other => return Err(GeometryError::Kind(other.to_owned())),
    };
    Ok(Geometry { lod, form, semantics_problem })
}

/// What the surfaces of a geometry are, by solid, shell and surface; nulls may stand at every level.
#[derive(Default)]
struct Kinds {
    kinds: Vec<SurfaceKind>,
    values: Vec<Option<Vec<Indices>>>,
}

impl Kinds {
    /// `depth` is how deep the lists of values are: 1 for surfaces, 2 for the shells of a solid, 3 for solids.
    fn parse(raw: &RawValue, depth: usize) -> Result<Self, serde_json::Error> {
        let semantics: Option<Semantics<'_>> = serde_json::from_str(raw.get())?;
        let Some(semantics) = semantics else { return Ok(Self::default()) };
        let kinds = semantics.surfaces.iter().map(|surface| surface_kind(&surface.kind)).collect();
        let Some(values) = semantics.values else { return Ok(Self { kinds, values: Vec::new() }) };
        let values = match depth {
            1 => vec![Some(vec![serde_json::from_str(values.get())?])],
            2 => vec![serde_json::from_str(values.get())?],
            _ => serde_json::from_str::<Option<_>>(values.get())?.unwrap_or_default(),
        };
        Ok(Self { kinds, values })
    }

    fn put_on(&self, solids: Vec<Vec<Shell>>) -> Vec<Vec<Surface>> {
        let mut all = Vec::with_capacity(solids.iter().map(Vec::len).sum());
        for (solid, shells) in solids.into_iter().enumerate() {
            for (shell, surfaces) in shells.into_iter().enumerate() {
                let surface =
                    |(index, rings)| Surface { rings, kind: self.at(solid, shell, index).unwrap_or_default() };
                all.push(surfaces.into_iter().enumerate().map(surface).collect());
            }
        }
        all
    }

    fn at(&self, solid: usize, shell: usize, surface: usize) -> Option<SurfaceKind> {
        let shells = self.values.get(solid)?.as_ref()?;
        let value = (*shells.get(shell)?.as_ref()?.get(surface)?)?;
        self.kinds.get(usize::try_from(value).ok()?).copied()
    }
}

/// The kind of a semantic surface (CityJSON 2.0, section 3.3); those of extensions are unknown.
pub fn surface_kind(name: &str) -> SurfaceKind {
    match name {
        "RoofSurface" | "OuterCeilingSurface" => SurfaceKind::Roof,
        "WallSurface" => SurfaceKind::Wall,
        "GroundSurface" | "OuterFloorSurface" => SurfaceKind::Ground,
        "Window" => SurfaceKind::Window,
        "Door" => SurfaceKind::Door,
        "ClosureSurface" => SurfaceKind::Closure,
        "InteriorWallSurface" | "CeilingSurface" | "FloorSurface" => SurfaceKind::Interior,
        "WaterSurface" | "WaterGroundSurface" | "WaterClosureSurface" => SurfaceKind::Water,
        "TrafficArea" | "AuxiliaryTrafficArea" | "TransportationMarking" | "TransportationHole" => SurfaceKind::Traffic,
        _ => SurfaceKind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Geometry, GeometryError> {
        parse(&RawValue::from_string(json.to_owned()).unwrap())
    }

    #[test]
    fn nulls_in_semantics_mean_nothing_is_known() {
        let geometry = read(
            r#"{"type": "Solid", "lod": "2.2", "boundaries": [[[[0, 1, 2]], [[0, 1, 3]]], [[[4, 5, 6]]]],
                "semantics": {"surfaces": [{"type": "RoofSurface"}, {"type": "+Canopy"}], "values": [[0, null], null]}}"#,
        )
        .unwrap();
        assert_eq!(geometry.lod, Some(2.2));
        let Form::Shells(shells) = geometry.form else { panic!("no shells") };
        let kinds: Vec<Vec<SurfaceKind>> = shells.iter().map(|s| s.iter().map(|s| s.kind).collect()).collect();
        assert_eq!(kinds, [vec![SurfaceKind::Roof, SurfaceKind::Unknown], vec![SurfaceKind::Unknown]]);
    }

    #[test]
    fn wrong_types_say_what_they_are() {
        for (json, part) in [
            (r#"{"type": "MultiSurface", "boundaries": [[[0, -1, 2]]]}"#, "invalid value: integer `-1`"),
            (r#"{"type": "MultiSurface", "boundaries": [[0, 1, 2]]}"#, "invalid type: integer `0`"),
            (r#"{"type": "MultiSurface"}"#, "missing field `boundaries`"),
            (r#"{"type": "Cube", "boundaries": []}"#, "unknown geometry type 'Cube'"),
            (r#"{"type": "GeometryInstance", "boundaries": [0], "template": 0}"#, "a matrix of 16 numbers"),
        ] {
            let words = read(json).unwrap_err().to_string();
            assert!(words.contains(part), "{words}");
        }
    }

    #[test]
    fn a_level_of_detail_may_be_a_number() {
        assert_eq!(read(r#"{"type": "MultiPoint", "lod": 2, "boundaries": [1]}"#).unwrap().lod, Some(2.0));
        assert_eq!(read(r#"{"type": "MultiPoint", "lod": "high", "boundaries": [1]}"#).unwrap().lod, None);
    }
}
