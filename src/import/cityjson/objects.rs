//! One city object: class, attributes, geometry.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use glam::{DMat4, DVec3, Vec2};
use serde_json::value::RawValue;

use super::attributes::{addresses, attributes};
use super::materials::{GeometryPaint, Materials};
use super::scope::Scope;
use super::{Diagnostic, ImportOptions, Place, Severity};
use crate::city::{CimLevel, CityObject, Value};
use crate::formats::cityjson::Object;
use crate::formats::cityjson::geometry::{self, Form, Geometry, Surface};
use crate::formats::json_documents::without_line;
use crate::geometry::{Paint, PaintedPicture};
use crate::import::attributes::describe;
use crate::import::paint::{WHITE, opened};
use crate::import::{SourceForm, SourceObject, SourcePolygon, SourceShape, SourceSurface};

/// The level of detail of a geometry that does not say a valid one.
const UNSAID_LOD: f32 = 1.0;
/// A surface that covers nothing; nothing is lost with it.
const DEGENERATE: &str = "surface-degenerate";

/// A place in a picture for each point of each ring.
type Places = Vec<Vec<Vec2>>;

/// Reads objects of one document; shared by the threads that do so.
pub(super) struct ObjectReader<'a> {
    pub(super) scope: &'a Scope,
    pub(super) options: &'a ImportOptions,
    pub(super) path: &'a str,
    /// Identifiers of all objects of the document.
    pub(super) known: &'a BTreeSet<&'a str>,
    /// Parents by the identifiers of those that they call their children.
    pub(super) parents: &'a BTreeMap<String, &'a str>,
    pub(super) materials: &'a Materials,
}

/// What reading one object gave.
pub(super) struct ReadObject<'a> {
    pub(super) id: &'a str,
    pub(super) object: Option<SourceObject>,
    pub(super) surfaces_left_out: u64,
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// Where vertices are taken from: the document, or a template and how it is put into the world.
struct Vertices<'a> {
    all: &'a [DVec3],
    placed: Option<DMat4>,
}

impl Vertices<'_> {
    fn at(&self, index: u64) -> Result<DVec3, (&'static str, String)> {
        let Some(&vertex) = usize::try_from(index).ok().and_then(|index| self.all.get(index)) else {
            return Err(("vertex-out-of-range", format!("vertex {index} of {}", self.all.len())));
        };
        let placed = self.placed.map_or(vertex, |matrix| matrix.transform_point3(vertex));
        if placed.is_finite() {
            Ok(placed)
        } else {
            Err(("coordinate-out-of-range", format!("vertex {index} has no valid coordinates")))
        }
    }
}

impl<'a> ObjectReader<'a> {
    pub(super) fn read(&self, id: &'a str, raw: &RawValue) -> ReadObject<'a> {
        let mut read = ReadObject { id, object: None, surfaces_left_out: 0, diagnostics: Vec::new() };
        let object = match Object::parse(raw) {
            Ok(object) => object,
            Err(error) => {
                read.note(Severity::Error, "object-unreadable", without_line(&error), self.place(id));
                return read;
            }
        };
        let Some(class) = object.kind.as_deref().or(self.options.class.as_deref()) else {
            read.note(Severity::Error, "object-without-type", "it has no 'type'".to_owned(), self.place(id));
            return read;
        };
        let mut made = SourceObject::default();
        made.object.id = id.to_owned();
        made.object.class = class.to_owned();
        self.read_attributes(&object, &mut made.object, &mut read);
        made.object.parent = self.parent(&object, &mut read);
        for (index, raw) in object.geometry.iter().flatten().enumerate() {
            let place = self.place(id).detail(format!("geometry {index}"));
            let paint = self.materials.paint(raw);
            if let Some(color) = paint.as_ref().and_then(GeometryPaint::commonest) {
                made.derive_attribute(&Arc::from("materialColor"), Value::Text(color));
            }
            match geometry::parse(raw) {
                Ok(geometry) => made.geometry.extend(self.shape(geometry, paint.as_ref(), &place, &mut read)),
                Err(error) => read.note(Severity::Error, "geometry-unreadable", error.to_string(), place),
            }
        }
        made.geometry.sort_by(|a, b| a.lod.total_cmp(&b.lod));
        made.object.level = level(class, made.geometry.last().map_or(0.0, |shape| shape.lod));
        read.object = Some(made);
        read
    }

    fn place(&self, id: &str) -> Place {
        Place::file(self.path).object(id)
    }

    fn read_attributes(&self, object: &Object<'_>, made: &mut CityObject, read: &mut ReadObject<'_>) {
        if let Some(entries) = &object.attributes {
            let (found, bad) = attributes(entries);
            made.attributes = found;
            for message in bad {
                read.note(Severity::Error, "attribute-unreadable", message, self.place(read.id));
            }
        }
        if let Some(raw) = object.address {
            made.attributes.extend(addresses(raw.get()));
        }
        describe(made, self.options);
    }

    /// The first parent that is there; else the object that calls this one its child.
    fn parent(&self, object: &Object<'_>, read: &mut ReadObject<'_>) -> Option<String> {
        let parents = object.parents.as_deref().unwrap_or_default();
        for missing in parents.iter().filter(|parent| !self.known.contains(parent.as_ref())) {
            let message = format!("its parent '{missing}' is not there");
            read.note(Severity::Warning, "parent-missing", message, self.place(read.id));
        }
        let own = parents.iter().find(|parent| self.known.contains(parent.as_ref()));
        own.map(|parent| parent.clone().into_owned()).or_else(|| self.parents.get(read.id).map(|id| (*id).to_owned()))
    }

    fn shape(
        &self,
        geometry: Geometry,
        paint: Option<&GeometryPaint<'_>>,
        place: &Place,
        read: &mut ReadObject<'_>,
    ) -> Option<SourceShape> {
        let Form::Instance { template, vertex, matrix } = &geometry.form else {
            let vertices = Vertices { all: &self.scope.vertices, placed: None };
            return self.plain_shape(&geometry, paint, &vertices, place, read);
        };
        let index = usize::try_from(*template).ok();
        let found = match index.and_then(|index| self.scope.templates.get(index)) {
            Some(Ok(found)) => found,
            Some(Err(error)) => {
                let message = format!("template {template}: {error}");
                read.note(Severity::Error, "geometry-unreadable", message, place.clone());
                return None;
            }
            None => {
                let message = format!("template {template} of {}", self.scope.templates.len());
                read.note(Severity::Error, "template-out-of-range", message, place.clone());
                return None;
            }
        };
        let origin = match (Vertices { all: &self.scope.vertices, placed: None }).at(*vertex) {
            Ok(origin) => origin,
            Err((code, message)) => {
                read.note(Severity::Error, code, message, place.clone());
                return None;
            }
        };
        // Row-major in CityJSON, column-major in memory.
        let placed = DMat4::from_translation(origin) * DMat4::from_cols_array(matrix).transpose();
        let vertices = Vertices { all: &self.scope.template_vertices, placed: Some(placed) };
        self.plain_shape(found, None, &vertices, place, read)
    }

    fn plain_shape(
        &self,
        geometry: &Geometry,
        paint: Option<&GeometryPaint<'_>>,
        vertices: &Vertices<'_>,
        place: &Place,
        read: &mut ReadObject<'_>,
    ) -> Option<SourceShape> {
        if geometry.lod.is_none() {
            let message = "the level of detail is missing or no number; taken as 1".to_owned();
            read.note(Severity::Warning, "lod-unknown", message, place.clone());
        }
        if let Some(problem) = &geometry.semantics_problem {
            read.note(Severity::Warning, "semantics-unreadable", problem.clone(), place.clone());
        }
        let lod = geometry.lod.unwrap_or(UNSAID_LOD);
        let form = match &geometry.form {
            Form::Points(points) => SourceForm::Points(self.points(points, vertices, place, read)),
            Form::Lines(lines) => {
                let points: Vec<u64> = lines.iter().flatten().copied().collect();
                let message = "lines are kept as a place and not drawn".to_owned();
                read.note(Severity::Note, "lines-not-drawn", message, place.clone());
                SourceForm::Points(self.points(&points, vertices, place, read))
            }
            Form::Shells(shells) => SourceForm::Surfaces(surfaces(shells, paint, vertices, place, read)),
            Form::Instance { .. } => {
                let message = "a template may not be an instance itself".to_owned();
                read.note(Severity::Error, "geometry-unreadable", message, place.clone());
                return None;
            }
        };
        Some(SourceShape { lod, form })
    }

    fn points(&self, points: &[u64], vertices: &Vertices<'_>, place: &Place, read: &mut ReadObject<'_>) -> Vec<DVec3> {
        let mut found = Vec::with_capacity(points.len());
        for (number, &index) in points.iter().enumerate() {
            match vertices.at(index) {
                Ok(point) => found.push(point),
                Err((code, message)) => {
                    read.note(Severity::Error, code, message, inside(place, &format!("point {number}")));
                }
            }
        }
        found
    }
}

impl ReadObject<'_> {
    fn note(&mut self, severity: Severity, code: &'static str, message: String, place: Place) {
        self.diagnostics.push(Diagnostic { severity, code, message, place });
    }
}

fn inside(place: &Place, detail: &str) -> Place {
    let outer = place.detail.as_deref().unwrap_or_default();
    place.clone().detail(format!("{outer}, {detail}"))
}

fn surfaces(
    shells: &[Vec<Surface>],
    paint: Option<&GeometryPaint<'_>>,
    vertices: &Vertices<'_>,
    place: &Place,
    read: &mut ReadObject<'_>,
) -> Vec<SourceSurface> {
    let mirrored = vertices.placed.is_some_and(|matrix| matrix.determinant() < 0.0);
    let mut found = Vec::with_capacity(shells.iter().map(Vec::len).sum());
    for (shell_number, shell) in shells.iter().enumerate() {
        for (number, surface) in shell.iter().enumerate() {
            let paint = paint.map(|paint| paint.of(shell_number, number)).unwrap_or_default();
            let (picture, all_places) = paint.picture.unzip();
            match polygon(surface, all_places.as_deref().unwrap_or_default(), vertices) {
                Ok((mut polygon, rings)) => {
                    if mirrored {
                        polygon.iter_mut().for_each(|ring| ring.reverse());
                    }
                    let fits = rings.iter().map(Vec::len).eq(polygon.iter().map(Vec::len));
                    let paint = match picture.filter(|_| fits && !mirrored) {
                        Some(name) => Some(Paint { color: WHITE, picture: Some(PaintedPicture { name, rings }) }),
                        None => paint.color.map(|color| Paint { color, picture: None }),
                    };
                    found.push(SourceSurface { polygon, kind: surface.kind, paint });
                }
                Err((code, message)) => {
                    let place = inside(place, &format!("shell {shell_number}, surface {number}"));
                    let severity = if code == DEGENERATE { Severity::Warning } else { Severity::Error };
                    read.surfaces_left_out += 1;
                    read.note(severity, code, message, place);
                }
            }
        }
    }
    found
}

/// The rings of a surface, and the places of their points in its picture; holes of fewer than three points are nothing and
/// left out.
fn polygon(
    surface: &Surface,
    places: &[Vec<Vec2>],
    vertices: &Vertices<'_>,
) -> Result<(SourcePolygon, Places), (&'static str, String)> {
    let mut rings: SourcePolygon = Vec::with_capacity(surface.rings.len());
    let mut ring_places = Vec::with_capacity(places.len());
    for (number, indices) in surface.rings.iter().enumerate() {
        let mut ring: Vec<DVec3> = Vec::with_capacity(indices.len());
        for &index in indices {
            let point = vertices.at(index).map_err(|(code, message)| (code, format!("ring {number}: {message}")))?;
            ring.push(point);
        }
        let (ring, places) = opened(ring, places.get(number).map_or(&[], Vec::as_slice));
        match (ring.len() >= 3, number) {
            (true, _) => {
                rings.push(ring);
                ring_places.push(places);
            }
            (false, 0) => return Err((DEGENERATE, "fewer than three different points".to_owned())),
            (false, _) => {}
        }
    }
    if rings.is_empty() { Err((DEGENERATE, "no ring".to_owned())) } else { Ok((rings, ring_places)) }
}

/// CIM level by class and level of detail (CJJ/T 315-2022, table of levels).
pub(in crate::import) fn level(class: &str, lod: f32) -> CimLevel {
    match class {
        "LandUse" | "TINRelief" | "WaterBody" | "PlantCover" | "ReliefFeature" | "Zone" => CimLevel::Surface,
        "BuildingRoom" | "BuildingStorey" | "BuildingUnit" | "BridgeRoom" | "HollowSpace" => CimLevel::Functional,
        _ if lod >= 3.0 => CimLevel::Fine,
        _ if lod >= 2.0 => CimLevel::Standard,
        _ => CimLevel::Frame,
    }
}
