//! `/ogc/collections`: which collections there are, and what filters can ask of them.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{JSON, cql2};
use crate::package::Manifest;
use crate::service::features::GEOJSON;
use crate::service::links::{Here, Link, encoded};
use crate::service::parameters::{Asked, Named, Nothing};
use crate::service::{Problem, Service};

const SCHEMA: &str = "application/schema+json";
const CRS84: &str = "http://www.opengis.net/def/crs/OGC/1.3/CRS84";
const QUERYABLES: &str = "http://www.opengis.net/def/rel/ogc/1.0/queryables";

pub(super) fn router() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(collections)).routes(routes!(collection)).routes(routes!(queryables))
}

/// All collections.
#[derive(Serialize, ToSchema)]
struct Collections {
    links: Vec<Link>,
    collections: Vec<Collection>,
}

/// One class of one city.
#[derive(Serialize, ToSchema)]
struct Collection {
    /// City and class.
    #[schema(example = "demo.Building")]
    id: String,
    /// The same for people.
    title: String,
    #[serde(rename = "itemType")]
    item_type: &'static str,
    /// Coordinate reference systems of the answers.
    crs: [&'static str; 1],
    /// Where the city is; absent where nothing is anywhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    extent: Option<Extent>,
    links: Vec<Link>,
}

#[derive(Serialize, ToSchema)]
struct Extent {
    spatial: SpatialExtent,
}

#[derive(Serialize, ToSchema)]
struct SpatialExtent {
    /// West, south, east, north of the whole city, degrees.
    #[schema(example = json!([[139.74, 35.67, 139.76, 35.69]]))]
    bbox: [Vec<f64>; 1],
    crs: &'static str,
}

impl Collection {
    fn of(here: &Here, city: &str, class: &str, manifest: &Manifest) -> Self {
        let id = format!("{city}.{class}");
        let path = format!("/ogc/collections/{}", encoded(&id));
        let extent = manifest.extent.map(|[west, south, east, north, ..]| Extent {
            spatial: SpatialExtent { bbox: [vec![west, south, east, north]], crs: CRS84 },
        });
        Self {
            id,
            title: format!("{class}, {}", manifest.name),
            item_type: "feature",
            crs: [CRS84],
            extent,
            links: vec![
                here.link("self", JSON, &path),
                here.link("items", GEOJSON, &format!("{path}/items")),
                here.link(QUERYABLES, SCHEMA, &format!("{path}/queryables")),
            ],
        }
    }
}

/// All collections: one for each class of each city.
#[utoipa::path(
    get,
    path = "/ogc/collections",
    tag = "ogc",
    responses((status = 200, description = "The collections", body = Collections))
)]
async fn collections(State(service): State<Service>, here: Here, _: Asked<Nothing>) -> Json<Collections> {
    let mut collections = Vec::new();
    for (city, published) in &service.catalogue().cities {
        let manifest = published.city.manifest();
        collections.extend(manifest.counts.keys().map(|class| Collection::of(&here, city, class, manifest)));
    }
    Json(Collections { links: vec![here.link("self", JSON, "/ogc/collections")], collections })
}

/// One collection.
#[utoipa::path(
    get,
    path = "/ogc/collections/{collection}",
    tag = "ogc",
    params(("collection" = String, Path, description = "City and class", example = "demo.Building")),
    responses((status = 200, description = "The collection", body = Collection))
)]
async fn collection(
    service: State<Service>,
    Named(name): Named<String>,
    here: Here,
    _: Asked<Nothing>,
) -> Result<Json<Collection>, Problem> {
    let found = super::collection(&service, &name)?;
    Ok(Json(Collection::of(&here, &found.published.name, &found.class, found.published.city.manifest())))
}

/// What filters can ask of a collection, as a JSON Schema (19-079r2, 6.2).
#[utoipa::path(
    get,
    path = "/ogc/collections/{collection}/queryables",
    tag = "ogc",
    params(("collection" = String, Path, description = "City and class", example = "demo.Building")),
    responses((status = 200, description = "A JSON Schema", body = Object, content_type = "application/schema+json"))
)]
async fn queryables(
    service: State<Service>,
    Named(name): Named<String>,
    here: Here,
    _: Asked<Nothing>,
) -> Result<Response, Problem> {
    let found = super::collection(&service, &name)?;
    let manifest = found.published.city.manifest();
    let mut properties: BTreeMap<&str, Value> =
        ["id", "class", "name", "parent"].into_iter().map(|own| (own, json!({ "type": "string" }))).collect();
    for (name, known) in &manifest.attributes {
        properties.insert(name, kind(&known.kind));
    }
    properties.insert(cql2::GEOMETRY, json!({ "format": "geometry-polygon" }));
    let document = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": here.itself(SCHEMA).href,
        "type": "object",
        "title": format!("{}, {}", found.class, manifest.name),
        "properties": properties,
        "additionalProperties": false,
    });
    Ok(([(header::CONTENT_TYPE, SCHEMA)], document.to_string()).into_response())
}

/// The schema of an attribute; one of more than one kind has none.
fn kind(kind: &str) -> Value {
    match kind {
        "bool" => json!({ "type": "boolean" }),
        "int" => json!({ "type": "integer" }),
        "float" => json!({ "type": "number" }),
        "text" => json!({ "type": "string" }),
        _ => json!({}),
    }
}
