//! `/api/city/...`: what a city holds, and questions to it.
//!
//! ```text
//! parameters, polygon --asked--> Question --features--> page of GeoJSON
//! ```

mod asked;
mod objects;

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::links::{Here, Link, encoded};
use super::parameters::{Asked, Named, Nothing};
use super::{Problem, Service};

pub(super) fn router() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(city)).merge(objects::router())
}

/// What a city holds.
#[derive(Serialize, ToSchema)]
struct CityFacts {
    /// Its name in addresses.
    #[schema(example = "demo")]
    city: String,
    /// What people call it.
    name: String,
    /// Origin of the site frame: longitude, latitude (degrees), metres above the ellipsoid.
    #[schema(example = json!([139.75, 35.68, 40.0]), min_items = 3, max_items = 3)]
    anchor: Vec<f64>,
    /// West, south, east, north (degrees), lowest and highest metres above the ellipsoid; null where nothing is anywhere.
    #[schema(min_items = 6, max_items = 6)]
    extent: Option<Vec<f64>>,
    /// What heights inside of the package are above.
    height_reference: String,
    /// Objects in all.
    objects: u64,
    /// Triangles of the finest tiles.
    #[serde(skip_serializing_if = "Option::is_none")]
    triangles: Option<u64>,
    /// Levels of the tile tree.
    tile_levels: u32,
    /// Whether it has terrain.
    terrain: bool,
    /// Objects by class.
    classes: BTreeMap<String, u64>,
    /// Objects by CIM level, `CIM1` to `CIM7`.
    cim_levels: BTreeMap<String, u64>,
    /// Attributes by name.
    attributes: BTreeMap<String, AttributeFacts>,
    links: Vec<Link>,
}

/// What is known of an attribute.
#[derive(Serialize, ToSchema)]
struct AttributeFacts {
    /// `bool`, `int`, `float`, `text` or `mixed`.
    #[schema(example = "float")]
    kind: String,
    /// Objects that have it.
    filled: u64,
}

/// What a city holds: where it is, its classes, attributes and levels.
#[utoipa::path(
    get,
    path = "/api/city/{city}",
    tag = "city",
    params(("city" = String, Path, description = "Name of the city", example = "demo")),
    responses((status = 200, description = "What it holds", body = CityFacts))
)]
async fn city(
    State(service): State<Service>,
    Named(name): Named<String>,
    here: Here,
    _: Asked<Nothing>,
) -> Result<Json<CityFacts>, Problem> {
    let published = service.city(&name)?;
    let manifest = published.city.manifest();
    let facts = |(name, known): (&String, &crate::package::AttributeSummary)| {
        (name.clone(), AttributeFacts { kind: known.kind.clone(), filled: known.filled })
    };
    let path = format!("/api/city/{}", encoded(&name));
    Ok(Json(CityFacts {
        name: manifest.name.clone(),
        anchor: manifest.anchor.to_vec(),
        extent: manifest.extent.map(|extent| extent.to_vec()),
        height_reference: manifest.height_reference.clone(),
        objects: manifest.objects,
        triangles: published.selection.is_none().then_some(manifest.triangles),
        tile_levels: manifest.tile_levels,
        terrain: manifest.terrain,
        cim_levels: manifest.cim_levels.clone(),
        attributes: manifest.attributes.iter().map(facts).collect(),
        links: vec![
            here.link("self", "application/json", &path),
            here.link("items", super::features::GEOJSON, &format!("{path}/objects")),
        ],
        classes: manifest.counts.clone(),
        city: name,
    }))
}
