//! What the objects of one document share.

use glam::DVec3;

use crate::formats::cityjson::geometry::{self, Geometry, GeometryError};
use crate::formats::cityjson::{Document, Transform};

/// No place on earth has a coordinate beyond this in metres, feet or degrees; what is beyond is a mistake.
const MAX_COORDINATE: f64 = 1e9;

/// The coordinates and templates that the objects of a document refer to.
pub(super) struct Scope {
    /// In the CRS; NaN where a vertex is no coordinate.
    pub(super) vertices: Vec<DVec3>,
    pub(super) templates: Vec<Result<Geometry, GeometryError>>,
    pub(super) template_vertices: Vec<DVec3>,
}

impl Scope {
    /// Of a document, with the transform and the templates of the document that its sequence begins with.
    pub(super) fn new(head: &Document<'_>, document: &Document<'_>) -> Self {
        let transform = document.transform.or(head.transform);
        let vertices = document.vertices.iter().map(|vertex| transformed(*vertex, transform)).collect();
        let own = document.templates.as_ref().or(head.templates.as_ref());
        let templates = own.iter().flat_map(|t| &t.templates).map(|raw| geometry::parse(raw)).collect();
        let template_vertices = own.iter().flat_map(|t| &t.vertices).map(|vertex| transformed(*vertex, None)).collect();
        Self { vertices, templates, template_vertices }
    }
}

fn transformed(vertex: [f64; 3], transform: Option<Transform>) -> DVec3 {
    let vertex = DVec3::from_array(vertex);
    let place = transform.map_or(vertex, |t| vertex * DVec3::from_array(t.scale) + DVec3::from_array(t.translate));
    if place.is_finite() && place.abs().max_element() <= MAX_COORDINATE { place } else { DVec3::NAN }
}
