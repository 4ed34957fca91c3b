//! `/ogc/collections/{collection}/items`: the objects of a collection.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::cql2::{self, Place};
use super::{JSON, collection};
use crate::package::{Area, City, Query};
use crate::quantity::Timestamp;
use crate::service::features::{Feature, FeatureCollection, GEOJSON, Question, find, geojson_response};
use crate::service::links::{Here, Link, encoded};
use crate::service::parameters::{Asked, AskedBox, Named, Nothing, count, from_one, from_zero};
use crate::service::{Problem, ProblemKind, Service};

/// Items in an answer where no limit is asked for (17-069r4, 7.15.2).
const USUAL: usize = 10;

/// Farthest that a point may be from the city's anchor to meet anything, metres.
const FARTHEST_M: f64 = 200_000.0;

const CRS84: [&str; 2] = ["http://www.opengis.net/def/crs/OGC/1.3/CRS84", "[OGC:CRS84]"];

pub(super) fn router() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(items)).routes(routes!(item))
}

/// Every parameter that is given must hold.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ItemsAsked {
    /// Touching this box: west, south, east, north in degrees (west greater than east: over the antimeridian), or west, south,
    /// lowest, east, north, highest with metres above the ellipsoid.
    #[param(value_type = Option<Vec<f64>>, style = Form, explode = false, min_items = 4, max_items = 6, example = json!([139.74, 35.67, 139.76, 35.69]))]
    bbox: Option<String>,
    /// A time or an interval (RFC 3339, `..` for open ends). Objects have no times: every one matches.
    #[param(example = "2018-02-12T00:00:00Z/..")]
    datetime: Option<String>,
    /// Items in the answer, 10 where it is not given, never more than 10 000.
    #[serde(default, deserialize_with = "count")]
    #[param(schema_with = from_one)]
    limit: Option<usize>,
    /// Items to pass over.
    #[serde(default, deserialize_with = "count")]
    #[param(schema_with = from_zero)]
    offset: Option<usize>,
    /// A filter in CQL2 Text: comparisons, AND, OR, NOT, BETWEEN, IN, LIKE, IS NULL, CASEI, DATE, TIMESTAMP, and S_INTERSECTS of
    /// `geometry` with POINT, POLYGON, BBOX.
    #[param(example = "measuredHeight > 30 AND S_INTERSECTS(geometry, BBOX(139.74,35.67,139.76,35.69))")]
    filter: Option<String>,
    /// The language of the filter: `cql2-text`.
    #[serde(rename = "filter-lang")]
    #[param(rename = "filter-lang", example = "cql2-text", pattern = "^cql2-text$")]
    filter_lang: Option<String>,
    /// The coordinate reference system of places in the filter: CRS84.
    #[serde(rename = "filter-crs")]
    #[param(rename = "filter-crs", example = "http://www.opengis.net/def/crs/OGC/1.3/CRS84")]
    filter_crs: Option<String>,
}

/// An item with its links.
#[derive(Serialize, ToSchema)]
struct Item {
    #[serde(flatten)]
    #[schema(inline)]
    feature: Feature,
    links: Vec<Link>,
}

fn wrong(cause: impl Into<String>) -> Problem {
    Problem::new(ProblemKind::BadRequest, cause)
}

impl ItemsAsked {
    fn question(&self, city: &City, class: String) -> Result<Question, Problem> {
        if self.limit == Some(0) {
            return Err(wrong("limit: at least 1"));
        }
        if self.filter_lang.as_deref().is_some_and(|lang| lang != "cql2-text") {
            return Err(wrong("filter-lang: only cql2-text is known"));
        }
        if self.filter_crs.as_deref().is_some_and(|crs| !CRS84.contains(&crs)) {
            return Err(wrong(format!("filter-crs: only {} is known", CRS84[0])));
        }
        if !self.datetime.as_deref().is_none_or(is_time) {
            return Err(wrong(
                "datetime: not a time (2018-02-12T23:20:50Z) or an interval of two, '..' for an open end",
            ));
        }
        let bbox = self.bbox.as_deref().map(AskedBox::parse).transpose()?;
        let mut query = Query { class: Some(class), ..Query::default() };
        if let Some([west, south, east, north]) = bbox.as_ref().map(|bbox| bbox.degrees) {
            query.area = city.area_of_box(west, south, east, north);
            // A box that is nowhere near the city: none of its objects.
            query.ids = query.area.is_none().then(Vec::new);
        }
        if let Some(filter) = &self.filter {
            let filter = cql2::parse(filter).map_err(|cause| wrong(format!("filter: {cause}")))?;
            query.filter = Some(filter.expression);
            query.areas = filter.places.into_iter().map(|(name, place)| (name, area(city, &place))).collect();
        }
        Ok(Question {
            query,
            heights: bbox.and_then(|bbox| bbox.heights),
            limit: self.limit.unwrap_or(USUAL),
            offset: self.offset.unwrap_or(0),
        })
    }
}

fn area(city: &City, place: &Place) -> Option<Area> {
    match place {
        Place::Point([longitude, latitude]) => city.plane_near(*longitude, *latitude, FARTHEST_M).map(Area::Point),
        Place::Ring(ring) => city.area_of_ring(ring),
        Place::Box([west, south, east, north]) => city.area_of_box(*west, *south, *east, *north),
    }
}

/// Whether text is a `datetime` (17-069r4, 7.15.4): a time, or two with one of them perhaps open and the first not later.
fn is_time(text: &str) -> bool {
    let time = |text: &str| Timestamp::parse(text).ok().filter(|_| text.contains(['T', 't']));
    let Some((from, until)) = text.split_once('/') else { return time(text).is_some() };
    let open = |end: &str| end.is_empty() || end == "..";
    match (open(from), open(until)) {
        (true, true) => false,
        (true, false) => time(until).is_some(),
        (false, true) => time(from).is_some(),
        (false, false) => time(from).zip(time(until)).is_some_and(|(from, until)| from <= until),
    }
}

/// The objects of a collection.
#[utoipa::path(
    get,
    path = "/ogc/collections/{collection}/items",
    tag = "ogc",
    params(("collection" = String, Path, description = "City and class", example = "demo.Building"), ItemsAsked),
    responses((status = 200, description = "Those that match", body = FeatureCollection, content_type = "application/geo+json"))
)]
async fn items(
    service: State<Service>,
    Named(name): Named<String>,
    here: Here,
    Asked(asked): Asked<ItemsAsked>,
) -> Result<Response, Problem> {
    let found = collection(&service, &name)?;
    let question = asked.question(&found.published.city, found.class)?;
    let (limit, offset) = (question.limit, question.offset);
    let page = service.readers.read(move |stop| find(&found.published.city, &question, stop)).await?;
    let mut links = vec![here.itself(GEOJSON)];
    links.push(here.link("collection", JSON, &format!("/ogc/collections/{}", encoded(&name))));
    links.extend(here.pages(GEOJSON, offset, page.returned(), limit, page.matched));
    page.into_response(links)
}

/// One object of a collection.
#[utoipa::path(
    get,
    path = "/ogc/collections/{collection}/items/{item}",
    tag = "ogc",
    params(
        ("collection" = String, Path, description = "City and class", example = "demo.Building"),
        ("item" = String, Path, description = "The source's identifier", example = "building-0001")
    ),
    responses((status = 200, description = "The object", body = Item, content_type = "application/geo+json"))
)]
async fn item(
    service: State<Service>,
    Named((name, id)): Named<(String, String)>,
    here: Here,
    _: Asked<Nothing>,
) -> Result<Response, Problem> {
    let found = collection(&service, &name)?;
    let read = service.readers.read(move |_| {
        let city = &found.published.city;
        let Some(row) = city.table().row(&id) else { return Ok(None) };
        let object = city.object(row).map_err(|fault| Problem::internal(&fault))?;
        let object = object.filter(|object| object.class == found.class);
        let feature = object.map(|object| Feature::of(city, row, &object)).transpose();
        feature.map_err(|fault| Problem::internal(&fault))
    });
    let feature = read.await?.ok_or_else(|| Problem::new(ProblemKind::NotFound, "no item has this id"))?;
    let collection = here.link("collection", JSON, &format!("/ogc/collections/{}", encoded(&name)));
    geojson_response(&Item { feature, links: vec![here.itself(GEOJSON), collection] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_instants_or_intervals() {
        for right in [
            "2018-02-12T23:20:50Z",
            "../2018-02-12T23:20:50Z",
            "2018-02-12T00:00:00Z/..",
            "2018-02-12T00:00:00Z/2018-03-18T12:31:12Z",
        ] {
            assert!(is_time(right), "{right}");
        }
        for wrong in [
            "",
            "..",
            "../..",
            "/",
            "yesterday",
            "2018-02-30T00:00:00Z",
            "2018-03-18T00:00:00Z/2018-02-12T00:00:00Z",
            "a/b/c",
        ] {
            assert!(!is_time(wrong), "{wrong}");
        }
    }
}
