//! From a question to a page of features: what `/api/city` and `/ogc` share.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::links::Link;
use super::reading::{Stop, too_slow};
use super::{Problem, ProblemKind};
use crate::formats::geojson;
use crate::package::{City, PackageError, Query, QueryError, StoredObject};

pub(super) const GEOJSON: &str = "application/geo+json";

/// Features in one answer; who asks for more gets this many and a link to the next.
pub(super) const MOST_FEATURES: usize = 10_000;

/// Bytes of features in one answer, after which it ends with a link to the next.
const MOST_BYTES: usize = 16 << 20;

/// Points of a ring to look within: each object's footprint is compared with each side.
pub(super) const MOST_POINTS: usize = 1_000;

/// What is asked, and which page of the answer.
pub(super) struct Question {
    pub query: Query,
    /// Touching these heights too, metres above the ellipsoid.
    pub heights: Option<[f64; 2]>,
    pub limit: usize,
    pub offset: usize,
}

/// A page of an answer.
pub(super) struct Page {
    features: Vec<Box<RawValue>>,
    /// Objects that match in all.
    pub matched: usize,
}

/// A page of features (RFC 7946; OGC 17-069r4, 7.16).
#[derive(Serialize, ToSchema)]
pub struct FeatureCollection {
    #[serde(rename = "type")]
    #[schema(example = "FeatureCollection", pattern = "^FeatureCollection$")]
    kind: &'static str,
    /// How many match in all.
    #[serde(rename = "numberMatched")]
    matched: usize,
    /// How many are in this answer.
    #[serde(rename = "numberReturned")]
    returned: usize,
    /// This page, and the next and the one before where there are such.
    links: Vec<Link>,
    /// The objects.
    #[schema(value_type = Vec<Feature>)]
    features: Vec<Box<RawValue>>,
}

/// An object of the city (RFC 7946, 3.2).
#[derive(Serialize, ToSchema)]
pub struct Feature {
    #[serde(rename = "type")]
    #[schema(example = "Feature", pattern = "^Feature$")]
    kind: &'static str,
    /// The source's identifier.
    #[schema(example = "building-0001")]
    id: String,
    /// The footprint as a polygon; null for what is nowhere.
    #[schema(value_type = Option<Object>)]
    geometry: serde_json::Value,
    /// Attributes by name, and `class`, `name` and `parent`.
    #[schema(value_type = Object)]
    properties: serde_json::Map<String, serde_json::Value>,
}

impl Feature {
    /// An object as it may be shown.
    pub(super) fn of(city: &City, row: u32, object: &StoredObject) -> Result<Self, PackageError> {
        let (geometry, properties) = (geojson::geometry(city, row, object)?, geojson::properties(object));
        Ok(Self { kind: "Feature", id: object.id.clone(), geometry, properties })
    }
}

/// Rows that answer a question, on the page that is asked for, and how many do in all.
pub(super) fn find(city: &City, question: &Question, stop: &Stop) -> Result<Page, Problem> {
    let mut rows = city.query_until(&question.query, &|| stop.is_set()).map_err(|error| match error {
        QueryError::Stopped => too_slow(),
        QueryError::UnknownName { .. } => Problem::new(ProblemKind::BadRequest, error.to_string()),
        QueryError::Package(fault) => Problem::internal(&fault),
    })?;
    if let Some(heights) = question.heights {
        rows.retain(|row| touches_heights(city, *row, heights));
    }
    let mut page = Page { features: Vec::new(), matched: rows.len() };
    let mut bytes = 0;
    for row in rows.into_iter().skip(question.offset).take(question.limit.min(MOST_FEATURES)) {
        if stop.is_set() {
            return Err(too_slow());
        }
        let Some(feature) = feature(city, row)? else { continue };
        bytes += feature.get().len();
        page.features.push(feature);
        if bytes > MOST_BYTES {
            break;
        }
    }
    Ok(page)
}

fn feature(city: &City, row: u32) -> Result<Option<Box<RawValue>>, Problem> {
    let fault = |fault: PackageError| Problem::internal(&fault);
    let Some(object) = city.object(row).map_err(fault)? else { return Ok(None) };
    let feature = Feature::of(city, row, &object).map_err(fault)?;
    serde_json::value::to_raw_value(&feature).map(Some).map_err(|fault| Problem::internal(&fault))
}

/// Whether the box of an object is between two heights above the ellipsoid somewhere, metres.
fn touches_heights(city: &City, row: u32, [low, high]: [f64; 2]) -> bool {
    let Some(bounds) = city.table().bounds().get(row as usize).filter(|bounds| !bounds.is_empty()) else {
        return false;
    };
    // Over the length of an object the earth's curve does not count; over that of the city it does.
    let middle = geojson::degrees(city, bounds.center())[2];
    let half = bounds.size().z / 2.0;
    middle + half >= low && middle - half <= high
}

impl Page {
    /// Features on it.
    pub fn returned(&self) -> usize {
        self.features.len()
    }

    /// The answer.
    pub fn into_response(self, links: Vec<Link>) -> Result<Response, Problem> {
        geojson_response(&FeatureCollection {
            kind: "FeatureCollection",
            matched: self.matched,
            returned: self.features.len(),
            links,
            features: self.features,
        })
    }
}

/// Anything as GeoJSON.
pub(super) fn geojson_response(document: &impl Serialize) -> Result<Response, Problem> {
    let body = serde_json::to_vec(document).map_err(|fault| Problem::internal(&fault))?;
    Ok(([(header::CONTENT_TYPE, GEOJSON)], body).into_response())
}
