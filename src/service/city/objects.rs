//! `/api/city/{city}/objects`: questions to a city, and one object.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::asked::{ObjectsAsked, ring};
use crate::formats::geojson;
use crate::package::{City, PackageError};
use crate::service::features::{Feature, FeatureCollection, GEOJSON, find, geojson_response};
use crate::service::links::{Here, Link, encoded};
use crate::service::parameters::{Asked, Named, Nothing};
use crate::service::{Problem, ProblemKind, Service};

/// Children that are named in an answer.
const MOST_CHILDREN: usize = 1_000;

pub(super) fn router() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(objects, objects_within)).routes(routes!(object))
}

/// An object with where it stands in the city.
#[derive(Serialize, ToSchema)]
struct ObjectFeature {
    #[serde(flatten)]
    #[schema(inline)]
    feature: Feature,
    /// West, south, lowest, east, north, highest: degrees, metres above the ellipsoid; absent for what is nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 6, max_items = 6)]
    bbox: Option<Vec<f64>>,
    /// Its box in the site frame: least and greatest east, north, up in metres; absent for what is nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    site_box: Option<[Vec<f64>; 2]>,
    /// Level of the finest thing known about it, `CIM1` to `CIM7`.
    #[schema(example = "CIM2")]
    level: String,
    /// Id of what it is part of.
    parent: Option<String>,
    /// Ids of its parts, at most 1000.
    children: Vec<String>,
    links: Vec<Link>,
}

/// Objects by id, place, attributes and words.
#[utoipa::path(
    get,
    path = "/api/city/{city}/objects",
    tag = "city",
    params(("city" = String, Path, description = "Name of the city", example = "demo"), ObjectsAsked),
    responses((status = 200, description = "Those that match", body = FeatureCollection, content_type = "application/geo+json"))
)]
async fn objects(
    State(service): State<Service>,
    Named(name): Named<String>,
    here: Here,
    Asked(asked): Asked<ObjectsAsked>,
) -> Result<Response, Problem> {
    answer(&service, &name, here, asked, None).await
}

/// Objects that touch a polygon, by the same parameters.
#[utoipa::path(
    post,
    path = "/api/city/{city}/objects",
    tag = "city",
    params(("city" = String, Path, description = "Name of the city", example = "demo"), ObjectsAsked),
    request_body(
        content = Object,
        content_type = "application/geo+json",
        description = "A polygon without holes (RFC 7946, 3.1.6), or a feature of one; at most 1000 points",
        example = json!({"type": "Polygon", "coordinates": [[[139.74, 35.67], [139.76, 35.67], [139.75, 35.69], [139.74, 35.67]]]})
    ),
    responses((status = 200, description = "Those that match", body = FeatureCollection, content_type = "application/geo+json"))
)]
async fn objects_within(
    State(service): State<Service>,
    Named(name): Named<String>,
    here: Here,
    Asked(asked): Asked<ObjectsAsked>,
    request: Request,
) -> Result<Response, Problem> {
    let body = Bytes::from_request(request, &()).await;
    let body = body.map_err(|_| Problem::new(ProblemKind::TooLarge, "the body is too large, or ends too early"))?;
    answer(&service, &name, here, asked, Some(ring(&body)?)).await
}

async fn answer(
    service: &Service,
    name: &str,
    here: Here,
    asked: ObjectsAsked,
    within: Option<Vec<[f64; 2]>>,
) -> Result<Response, Problem> {
    let published = service.city(name)?;
    let question = asked.question(&published.city, within.as_deref())?;
    let (limit, offset) = (question.limit, question.offset);
    let page = service.readers.read(move |stop| find(&published.city, &question, stop)).await?;
    let mut links = vec![here.itself(GEOJSON)];
    links.extend(here.pages(GEOJSON, offset, page.returned(), limit, page.matched));
    // A link cannot carry the polygon: it says that it is to be posted again.
    let method = within.is_some().then_some("POST");
    links.iter_mut().for_each(|link| link.method = method);
    page.into_response(links)
}

/// One object: attributes, level, box, what it is part of and what its parts are.
#[utoipa::path(
    get,
    path = "/api/city/{city}/objects/{id}",
    tag = "city",
    params(
        ("city" = String, Path, description = "Name of the city", example = "demo"),
        ("id" = String, Path, description = "The source's identifier", example = "building-0001")
    ),
    responses((status = 200, description = "The object", body = ObjectFeature, content_type = "application/geo+json"))
)]
async fn object(
    State(service): State<Service>,
    Named((name, id)): Named<(String, String)>,
    here: Here,
    _: Asked<Nothing>,
) -> Result<Response, Problem> {
    let published = service.city(&name)?;
    let found = service.readers.read(move |_| {
        let found = published.city.table().row(&id).map(|row| whole(&published.city, row));
        found.transpose().map(Option::flatten).map_err(|fault| Problem::internal(&fault))
    });
    let mut found = found.await?.ok_or_else(|| Problem::new(ProblemKind::NotFound, "no object has this id"))?;
    let objects = format!("/api/city/{}/objects", encoded(&name));
    found.links.push(here.itself(GEOJSON));
    found.links.push(here.link("collection", GEOJSON, &objects));
    found.links.extend(found.parent.iter().map(|id| here.link("up", GEOJSON, &format!("{objects}/{}", encoded(id)))));
    geojson_response(&found)
}

fn whole(city: &City, row: u32) -> Result<Option<ObjectFeature>, PackageError> {
    let Some(object) = city.object(row)? else { return Ok(None) };
    let children =
        city.children(row)?.into_iter().take(MOST_CHILDREN).map(|row| city.table().id(row).to_owned()).collect();
    let corner = |corner: glam::DVec3| corner.to_array().to_vec();
    let bounds = (!object.bounds.is_empty()).then_some(object.bounds);
    Ok(Some(ObjectFeature {
        feature: Feature::of(city, row, &object)?,
        bbox: geojson::bbox(city, &object).map(|bbox| bbox.to_vec()),
        site_box: bounds.map(|bounds| [corner(bounds.min), corner(bounds.max)]),
        level: format!("CIM{}", object.level as u8),
        parent: object.parent,
        children,
        links: Vec::new(),
    }))
}
