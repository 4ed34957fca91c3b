//! `/ogc`: OGC API Features, part 1 (17-069r4) and part 3 (19-079r2) with filters in CQL2 Text (21-065r2).
//!
//! A collection is one class of one city, `CITY.CLASS`; its items are the objects of that class. Objects have no times, so
//! that every `datetime` matches them (17-069r4, 7.15.4).

mod collections;
mod cql2;
mod items;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::description::OPENAPI;
use super::links::{Here, Link};
use super::parameters::{Asked, Nothing};
use super::published::Published;
use super::{Problem, ProblemKind, Service};

const JSON: &str = "application/json";

/// What is done as the standards say; only what is wholly so. The definition of the API is OpenAPI 3.1, for which part 1 has
/// no class.
const CONFORMS_TO: [&str; 9] = [
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/queryables",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/filter",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/features-filter",
    "http://www.opengis.net/spec/cql2/1.0/conf/cql2-text",
    "http://www.opengis.net/spec/cql2/1.0/conf/basic-cql2",
    "http://www.opengis.net/spec/cql2/1.0/conf/advanced-comparison-operators",
    "http://www.opengis.net/spec/cql2/1.0/conf/basic-spatial-functions",
];

pub(super) fn router() -> OpenApiRouter<Service> {
    OpenApiRouter::new()
        .routes(routes!(landing))
        .routes(routes!(conformance))
        .merge(collections::router())
        .merge(items::router())
}

/// Where everything begins.
#[derive(Serialize, ToSchema)]
struct Landing {
    title: &'static str,
    description: &'static str,
    links: Vec<Link>,
}

/// The conformance classes.
#[derive(Serialize, ToSchema)]
struct Conformance {
    #[serde(rename = "conformsTo")]
    conforms_to: &'static [&'static str],
}

/// The landing page.
#[utoipa::path(get, path = "/ogc", tag = "ogc", responses((status = 200, description = "Where to go on", body = Landing)))]
async fn landing(here: Here, _: Asked<Nothing>) -> Json<Landing> {
    Json(Landing {
        title: "Veduta",
        description: "The objects of cities: a collection for each class of each city.",
        links: vec![
            here.link("self", JSON, "/ogc"),
            here.link("service-desc", OPENAPI, "/api"),
            here.link("service-doc", "text/html", "/api"),
            here.link("conformance", JSON, "/ogc/conformance"),
            here.link("data", JSON, "/ogc/collections"),
        ],
    })
}

/// What is done as the standards say.
#[utoipa::path(
    get,
    path = "/ogc/conformance",
    tag = "ogc",
    responses((status = 200, description = "Conformance classes", body = Conformance))
)]
async fn conformance(_: Asked<Nothing>) -> Json<Conformance> {
    Json(Conformance { conforms_to: &CONFORMS_TO })
}

/// A collection by its name.
struct Named {
    published: Arc<Published>,
    class: String,
}

/// The city and class of a collection.
fn collection(State(service): &State<Service>, name: &str) -> Result<Named, Problem> {
    let missing = || Problem::new(ProblemKind::NotFound, "no collection has this id; /ogc/collections lists them");
    let (city, class) = name.split_once('.').ok_or_else(missing)?;
    let published = service.city(city).map_err(|_| missing())?;
    if !published.city.manifest().counts.contains_key(class) {
        return Err(missing());
    }
    Ok(Named { published, class: class.to_owned() })
}
