//! `/api/tiles` and the list of cities: the files of packages for whoever streams 3D Tiles.
//!
//! ```text
//! address -> store::file (may it be seen? read once) -> 304 | a range | compressed once, where that gains | whole
//! ```
//!
//! The version in an address is a hash of the package, so that what lies there never changes and is kept for ever.

mod cache;
mod encoding;
mod range;
mod store;

use std::collections::BTreeMap;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, body::Body as Answer};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use xxhash_rust::xxh3::Xxh3;

use self::encoding::Encoding;
use self::range::Asked;
pub use self::store::{TileFile, TileStore};
use super::{Problem, ProblemKind, Published, Service};

/// What lies at an address with a version never changes.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// The description calls the rest of an address `{file}`, which the router must call `{*file}`.
#[derive(OpenApi)]
#[openapi(paths(file))]
struct FileDescription;

pub(super) fn router() -> OpenApiRouter<Service> {
    OpenApiRouter::with_openapi(FileDescription::openapi())
        .routes(routes!(cities))
        .routes(routes!(current))
        .route("/api/tiles/{city}/{version}/{*file}", get(file))
}

/// A city in the list.
#[derive(Debug, Serialize, ToSchema)]
struct CitySummary {
    /// In addresses.
    name: String,
    /// For people.
    title: String,
    /// Part of the addresses of its files; another one as soon as the city is another.
    version: String,
    /// West, south, east, north in degrees, lowest and highest in metres above the ellipsoid.
    extent: Option<[f64; 6]>,
    /// Longitude and latitude in degrees, metres above the ellipsoid: where its coordinates begin.
    anchor: [f64; 3],
    /// How many objects.
    objects: u64,
    /// How many triangles in the finest level; not told where something is withheld from who asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    triangles: Option<u64>,
    /// How many objects of each class.
    counts: BTreeMap<String, u64>,
    /// Address of its buildings.
    tileset: String,
    /// Address of its ground, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    terrain: Option<String>,
}

/// The cities that are served.
#[utoipa::path(get, path = "/api/city", tag = "city", responses(
    (status = 200, description = "By name", body = [CitySummary])
))]
async fn cities(State(service): State<Service>) -> Json<Vec<CitySummary>> {
    let catalogue = service.catalogue();
    Json(catalogue.cities.values().map(|city| summary(city)).collect())
}

fn summary(city: &Published) -> CitySummary {
    let manifest = city.city.manifest();
    let address = |file: &str| format!("/api/tiles/{}/{}/{file}", city.name, city.version);
    CitySummary {
        name: city.name.clone(),
        title: manifest.name.clone(),
        version: city.version.clone(),
        extent: manifest.extent,
        anchor: manifest.anchor,
        objects: manifest.objects,
        triangles: city.selection.is_none().then_some(manifest.triangles),
        counts: manifest.counts.clone(),
        tileset: address("tileset.json"),
        terrain: manifest.terrain.then(|| address("terrain/tileset.json")),
    }
}

/// Leads to the tileset as it is now.
#[utoipa::path(get, path = "/api/tiles/{city}/tileset.json", tag = "tiles",
    params(("city" = String, Path, description = "Name of the city")),
    responses(
        (status = 307, description = "Where the tileset is, until the city changes"),
        (status = 404, description = "No such city", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn current(
    State(service): State<Service>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let Path(city) = path.map_err(unreadable)?;
    let city = service.city(&city)?;
    // Relative: it holds behind a proxy that puts the server under a path of its own.
    let place = format!("{}/tileset.json", city.version);
    Ok((StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, place), (header::CACHE_CONTROL, "no-cache".to_owned())])
        .into_response())
}

/// A file of a city's package.
#[utoipa::path(get, path = "/api/tiles/{city}/{version}/{file}", tag = "tiles",
    params(
        ("city" = String, Path, description = "Name of the city"),
        ("version" = String, Path, description = "Its version"),
        ("file" = String, Path, description = "Name in the package, with its slashes"),
    ),
    responses(
        (status = 200, description = "The file", content_type = "application/octet-stream"),
        (status = 206, description = "The part that was asked for", content_type = "application/octet-stream"),
        (status = 304, description = "The client has it"),
        (status = 400, description = "An address that is not UTF-8", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such city, version or file", body = Problem, content_type = "application/problem+json"),
        (status = 416, description = "The range lies beyond the file", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn file(
    State(service): State<Service>,
    path: Result<Path<(String, String, String)>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Path((city, version, name)) = path.map_err(unreadable)?;
    let city = service.city(&city)?;
    if version != city.version {
        return Err(Problem::new(ProblemKind::NotFound, "the city has another version now; /api/city tells it"));
    }
    let file = service.tiles.file(&city, &name).await?;
    answer(&service.tiles, &file, &headers).await
}

fn unreadable(_: PathRejection) -> Problem {
    Problem::new(ProblemKind::BadRequest, "the address is not UTF-8")
}

async fn answer(store: &TileStore, file: &TileFile, headers: &HeaderMap) -> Result<Response, Problem> {
    let plain_tag = tag(file, None);
    let accepted = Encoding::accepted(headers);
    let known = text(headers, header::IF_NONE_MATCH);
    for tag in [Some(plain_tag.clone()), accepted.map(|encoding| tag(file, Some(encoding)))].into_iter().flatten() {
        if known.is_some_and(|known| names(known, &tag)) {
            return Ok(finished(StatusCode::NOT_MODIFIED, file, &tag, None, Answer::empty()));
        }
    }
    let size = file.size();
    let unchanged = text(headers, header::IF_RANGE).is_none_or(|known| known == plain_tag);
    match range::asked(text(headers, header::RANGE).filter(|_| unchanged), size) {
        Asked::Part(part) => {
            let place = format!("bytes {}-{}/{size}", part.start, part.end - 1);
            let length = part.end - part.start;
            let body = store.part(file, part);
            let mut response = finished(StatusCode::PARTIAL_CONTENT, file, &plain_tag, Some(length), body);
            put(&mut response, header::CONTENT_RANGE, &place);
            return Ok(response);
        }
        Asked::Beyond => {
            let problem = Problem::new(ProblemKind::RangeNotSatisfiable, format!("the file has {size} bytes"));
            let mut response = problem.into_response();
            put(&mut response, header::CONTENT_RANGE, &format!("bytes */{size}"));
            return Ok(response);
        }
        Asked::Whole => {}
    }
    if let Some(encoding) = accepted
        && let Some(bytes) = store.compressed(file, encoding).await?
    {
        let (tag, length) = (tag(file, Some(encoding)), bytes.len() as u64);
        let mut response = finished(StatusCode::OK, file, &tag, Some(length), Answer::from(bytes));
        put(&mut response, header::CONTENT_ENCODING, encoding.name());
        return Ok(response);
    }
    Ok(finished(StatusCode::OK, file, &plain_tag, Some(size), store.part(file, 0..size)))
}

fn finished(status: StatusCode, file: &TileFile, tag: &str, length: Option<u64>, body: Answer) -> Response {
    let mut response = (status, body).into_response();
    if let Some(length) = length {
        put(&mut response, header::CONTENT_LENGTH, &length.to_string());
        put(&mut response, header::CONTENT_TYPE, content_type(&file.name));
    }
    put(&mut response, header::ETAG, tag);
    put(&mut response, header::CACHE_CONTROL, FOR_EVER);
    put(&mut response, header::ACCEPT_RANGES, "bytes");
    put(&mut response, header::VARY, "accept-encoding");
    response
}

fn put(response: &mut Response, name: header::HeaderName, value: &str) {
    // What is put here are words, numbers and hexadecimal digits of ours.
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// A strong validator (RFC 9110 section 8.8.3): another one for each version, file and encoding.
fn tag(file: &TileFile, encoding: Option<Encoding>) -> String {
    let mut hash = Xxh3::new();
    hash.update(file.city.version.as_bytes());
    hash.update(file.name.as_bytes());
    let end = encoding.map_or(String::new(), |encoding| format!("-{}", encoding.name()));
    format!("\"{:032x}{end}\"", hash.digest128())
}

/// Whether an `If-None-Match` names a tag; the weak comparison, as the standard asks for.
fn names(known: &str, tag: &str) -> bool {
    let strong = |name: &str| name.trim().trim_start_matches("W/") == tag;
    known.trim() == "*" || known.split(',').any(strong)
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("json") => "application/json",
        Some("glb") => "model/gltf-binary",
        Some("toml") => "application/toml",
        _ => "application/octet-stream",
    }
}
