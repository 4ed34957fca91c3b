//! `/sta/v1.1`: OGC SensorThings API (18-088), sensing: everything is read, Observations are created.
//!
//! ```text
//! path --Target (streams that who asks may know)--> entities --options--> answer
//! ```

mod answer;
mod create;
mod entity;
mod filter;
mod id;
mod observations;
mod options;
mod path;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::create::{NewObservation, created};
use self::entity::Kind;
use self::options::OptionsAsked;
use self::path::{Part, Target, missing};
use super::links::Here;
use super::parameters::{Asked, Named, Nothing};
use super::{Problem, ProblemKind, Service};

const ROOT: &str = "/sta/v1.1";
const JSON: &str = "application/json";

/// What is done as the standard says (18-088, 9.2.1); only what is wholly so. HistoricalLocations are not there, filters and
/// orders know some properties, `$expand` goes one level.
const CONFORMANCE: [&str; 18] = [
    "http://www.opengis.net/spec/iot_sensing/1.1/req/datamodel/entity-control-information/common-control-information",
    "http://www.opengis.net/spec/iot_sensing/1.1/req/datamodel/thing/properties",
    "http://www.opengis.net/spec/iot_sensing/1.1/req/datamodel/location/properties",
    "http://www.opengis.net/spec/iot_sensing/1.1/req/datamodel/datastream/properties",
    "http://www.opengis.net/spec/iot_sensing/1.1/req/datamodel/datastream/relations",
    "http://www.opengis.net/spec/iot_sensing/1.1/req/datamodel/sensor/properties",
    "http://www.opengis.net/spec/iot_sensing/1.1/req/datamodel/sensor/relations",
    "http://www.opengis.net/spec/iot_sensing/1.1/req/datamodel/observed-property/properties",
    "http://www.opengis.net/spec/iot_sensing/1.1/req/datamodel/observed-property/relations",
    "http://www.opengis.net/spec/iot_sensing/1.1/req/datamodel/observation/properties",
    "http://www.opengis.net/spec/iot_sensing/1.1/req/datamodel/observation/relations",
    "http://www.opengis.net/spec/iot_sensing/1.1/req/datamodel/feature-of-interest/properties",
    "http://www.opengis.net/spec/iot_sensing/1.1/req/datamodel/feature-of-interest/relations",
    "http://www.opengis.net/spec/iot_sensing/1.1/req/request-data/select",
    "http://www.opengis.net/spec/iot_sensing/1.1/req/request-data/top",
    "http://www.opengis.net/spec/iot_sensing/1.1/req/request-data/skip",
    "http://www.opengis.net/spec/iot_sensing/1.1/req/request-data/count",
    "http://www.opengis.net/spec/iot_sensing/1.1/req/request-data/pagination",
];

pub(super) fn router() -> OpenApiRouter<Service> {
    OpenApiRouter::new()
        .routes(routes!(root))
        .routes(routes!(resource, create))
        .routes(routes!(related, create_related))
        .routes(routes!(further))
}

/// The entity sets, and what is done as the standard says.
#[derive(Serialize, ToSchema)]
struct Root {
    value: Vec<EntitySet>,
    #[serde(rename = "serverSettings")]
    settings: Settings,
}

/// An entity set.
#[derive(Serialize, ToSchema)]
struct EntitySet {
    /// Its name.
    #[schema(example = "Things")]
    name: &'static str,
    /// Where it is.
    url: String,
}

#[derive(Serialize, ToSchema)]
struct Settings {
    /// Requirements that are met.
    conformance: &'static [&'static str],
}

/// The entity sets of SensorThings.
#[utoipa::path(get, path = "/sta/v1.1", tag = "sta", responses((status = 200, description = "The entity sets", body = Root)))]
async fn root(here: Here, _: Asked<Nothing>) -> Json<Root> {
    let set = |kind: Kind| EntitySet { name: kind.set(), url: here.address(&format!("{ROOT}/{}", kind.set())) };
    Json(Root { value: Kind::ALL.map(set).into(), settings: Settings { conformance: &CONFORMANCE } })
}

/// An entity set, or one of its entities.
#[utoipa::path(
    get,
    path = "/sta/v1.1/{resource}",
    tag = "sta",
    params(("resource" = String, Path, description = "`Things`, `Things('ID')` and so on", example = "Things"), OptionsAsked),
    responses((status = 200, description = "Entities", body = Object))
)]
async fn resource(
    service: State<Service>,
    Named(resource): Named<String>,
    here: Here,
    Asked(asked): Asked<OptionsAsked>,
) -> Result<Response, Problem> {
    answer(service, here, vec![resource], asked).await
}

/// What an entity is linked to, or a property of it.
#[utoipa::path(
    get,
    path = "/sta/v1.1/{resource}/{related}",
    tag = "sta",
    params(
        ("resource" = String, Path, description = "`Things('ID')` and so on", example = "Things"),
        ("related" = String, Path, description = "A link, a link to several with a key, a property, `$ref`", example = "$ref"),
        OptionsAsked
    ),
    responses(
        (status = 200, description = "Entities, or the property", body = Object),
        (status = 204, description = "The property is null")
    )
)]
async fn related(
    service: State<Service>,
    Named((resource, related)): Named<(String, String)>,
    here: Here,
    Asked(asked): Asked<OptionsAsked>,
) -> Result<Response, Problem> {
    answer(service, here, vec![resource, related], asked).await
}

/// One link further, or the value of a property as it is.
#[utoipa::path(
    get,
    path = "/sta/v1.1/{resource}/{related}/{further}",
    tag = "sta",
    params(
        ("resource" = String, Path, description = "`Things('ID')` and so on", example = "Things"),
        ("related" = String, Path, description = "A link or a property", example = "Datastreams"),
        ("further" = String, Path, description = "A link, a property, `$ref`, `$value`", example = "$ref"),
        OptionsAsked
    ),
    responses(
        (status = 200, description = "Entities, or the property", content((Object = "application/json"), (String = "text/plain"))),
        (status = 204, description = "The property is null")
    )
)]
async fn further(
    service: State<Service>,
    Named((resource, related, further)): Named<(String, String, String)>,
    here: Here,
    Asked(asked): Asked<OptionsAsked>,
) -> Result<Response, Problem> {
    answer(service, here, vec![resource, related, further], asked).await
}

async fn answer(
    State(service): State<Service>,
    here: Here,
    segments: Vec<String>,
    asked: OptionsAsked,
) -> Result<Response, Problem> {
    let base = here.address(ROOT);
    let seen = service.clone();
    let read = service.readers.read(move |stop| {
        let target = Target::of(&seen, &segments)?;
        if let Part::Property(name) | Part::Value(name) = &target.part {
            asked.none()?;
            return Ok(match (answer::property(&target, name, &base)?, &target.part) {
                (None, _) => StatusCode::NO_CONTENT.into_response(),
                (Some(serde_json::Value::String(text)), Part::Value(_)) => text.into_response(),
                (Some(value), Part::Value(_)) => value.to_string().into_response(),
                (Some(value), _) => Json(answer::named(name, &value)).into_response(),
            });
        }
        if let Some(entity) = target.entity() {
            let options = asked.for_one(target.kind)?;
            return Ok(Json(answer::one(&entity, &target.streams, &options, &base).0).into_response());
        }
        let options = asked.for_many(target.kind)?;
        let mut page = answer::many(&target, &options, &base, stop)?;
        if let Some(skip) = page.next {
            let next = here.with("next", JSON, "$skip", &skip.to_string());
            page.body.insert("@iot.nextLink".to_owned(), next.href.into());
        }
        Ok(Json(page.body).into_response())
    });
    read.await
}

/// Creates an Observation of the Datastream that it names.
#[utoipa::path(
    post,
    path = "/sta/v1.1/{resource}",
    tag = "sta",
    params(("resource" = String, Path, description = "`Observations`", example = "Observations")),
    request_body = NewObservation,
    responses((status = 201, description = "The Observation; `Location` is its address", body = Object))
)]
async fn create(
    State(service): State<Service>,
    Named(resource): Named<String>,
    here: Here,
    _: Asked<Nothing>,
    request: Request,
) -> Result<Response, Problem> {
    if resource != Kind::Observations.set() {
        return Err(not_created(Kind::called(&resource).is_some()));
    }
    let (stream, observation) = NewObservation::read(request).await?.create(&service, None).await?;
    Ok(told(created(&stream, observation), &here))
}

/// Creates an Observation of the Datastream of the address.
#[utoipa::path(
    post,
    path = "/sta/v1.1/{resource}/{related}",
    tag = "sta",
    params(
        ("resource" = String, Path, description = "`Datastreams('ID')`", example = "Datastreams('demo:air-01:pm25')"),
        ("related" = String, Path, description = "`Observations`", example = "Observations")
    ),
    request_body = NewObservation,
    responses((status = 201, description = "The Observation; `Location` is its address", body = Object))
)]
async fn create_related(
    State(service): State<Service>,
    Named((resource, related)): Named<(String, String)>,
    here: Here,
    _: Asked<Nothing>,
    request: Request,
) -> Result<Response, Problem> {
    let seen = service.clone();
    let target = service.readers.read(move |_| Target::of(&seen, &[resource])).await?;
    let of_datastream = target.kind == Kind::Datastreams && target.entity().is_some();
    let is_link = target.kind.link(&related).is_some_and(|link| link.many) && target.entity().is_some();
    if !of_datastream || related != Kind::Observations.set() {
        return Err(not_created(is_link));
    }
    let stream = target.streams.first().cloned();
    let (stream, observation) = NewObservation::read(request).await?.create(&service, stream).await?;
    Ok(told(created(&stream, observation), &here))
}

/// Only Observations are created: everything else is the city's.
fn not_created(is_there: bool) -> Problem {
    match is_there {
        true => Problem::new(ProblemKind::MethodNotAllowed, "only Observations are created here"),
        false => missing(),
    }
}

fn told(entity: entity::Entity<'_>, here: &Here) -> Response {
    let base = here.address(ROOT);
    (StatusCode::CREATED, [(header::LOCATION, entity.address(&base))], Json(entity.json(&base))).into_response()
}
