//! What is asked of a city, from parameters and a polygon to a question.

use serde::{Deserialize, Deserializer};
use utoipa::IntoParams;

use crate::city::Expression;
use crate::formats::geojson::{Collection, Feature, polygons};
use crate::formats::json_documents::Text;
use crate::package::{Area, City, Query};
use crate::service::features::{MOST_POINTS, Question};
use crate::service::parameters::{AskedBox, count, from_one, from_zero, numbers, on_earth};
use crate::service::{Problem, ProblemKind};

/// Objects in an answer where no limit is asked for.
const USUAL: usize = 100;

/// Farthest from a place that can be asked for, metres, and as far from the city's anchor as its plane is taken for one.
const FARTHEST_M: f64 = 200_000.0;

/// Every parameter that is given must hold.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ObjectsAsked {
    /// Any of these ids, by commas.
    #[serde(default, deserialize_with = "by_commas")]
    #[param(style = Form, explode = false)]
    pub id: Option<Vec<String>>,
    /// At this place: longitude, latitude in degrees.
    #[param(example = "139.7501,35.6801")]
    at: Option<String>,
    /// Touching this box: west, south, east, north in degrees (west greater than east: over the antimeridian), or west, south,
    /// lowest, east, north, highest with metres above the ellipsoid.
    #[param(example = "139.74,35.67,139.76,35.69")]
    bbox: Option<String>,
    /// With `radius`: around this place, longitude, latitude in degrees.
    #[param(example = "139.75,35.68")]
    near: Option<String>,
    /// Metres around `near`, more than 0 and at most 200 000.
    #[param(example = "150")]
    radius: Option<String>,
    /// Met by a ray, nearest first: longitude, latitude (degrees), metres above the ellipsoid, heading (degrees clockwise from
    /// north), pitch (degrees above the horizon).
    #[param(example = "139.75,35.68,120,45,-30")]
    ray: Option<String>,
    /// An expression over `id`, `class`, `name`, `parent` and attributes.
    #[serde(rename = "where")]
    #[param(rename = "where", example = "measuredHeight > 30 and class = 'Building'")]
    filter: Option<String>,
    /// Words that all stand in id, name, class or text attributes.
    #[param(example = "harbour")]
    text: Option<String>,
    /// Of this class.
    #[param(example = "Building")]
    class: Option<String>,
    /// Objects in the answer, 100 where it is not given, never more than 10 000.
    #[serde(default, deserialize_with = "count")]
    #[param(schema_with = from_one)]
    limit: Option<usize>,
    /// Objects to pass over.
    #[serde(default, deserialize_with = "count")]
    #[param(schema_with = from_zero)]
    offset: Option<usize>,
}

fn by_commas<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok(Some(text.split(',').map(str::to_owned).collect()))
}

fn wrong(cause: impl Into<String>) -> Problem {
    Problem::new(ProblemKind::BadRequest, cause)
}

impl ObjectsAsked {
    /// The question, with a ring of degrees to look within.
    pub fn question(&self, city: &City, within: Option<&[[f64; 2]]>) -> Result<Question, Problem> {
        if self.limit == Some(0) {
            return Err(wrong("limit: at least 1"));
        }
        let filter = self.filter.as_deref().map(Expression::parse).transpose();
        let mut query = Query {
            ids: self.id.clone(),
            ray: self.ray.as_deref().map(|text| ray(city, text)).transpose()?,
            filter: filter.map_err(|error| wrong(format!("where: {error}")))?,
            text: self.text.clone(),
            class: self.class.clone(),
            ..Query::default()
        };
        let bbox = self.bbox.as_deref().map(AskedBox::parse).transpose()?;
        let areas = self.areas(city, bbox.as_ref(), within)?;
        if areas.len() > 1 {
            return Err(wrong("one of at, bbox, near and a polygon, not several"));
        }
        match areas.into_iter().next() {
            // An area that is nowhere near the city: none of its objects.
            Some(None) => query.ids = Some(Vec::new()),
            Some(area) => query.area = area,
            None => {}
        }
        Ok(Question {
            query,
            heights: bbox.and_then(|bbox| bbox.heights),
            limit: self.limit.unwrap_or(USUAL),
            offset: self.offset.unwrap_or(0),
        })
    }

    fn areas(
        &self,
        city: &City,
        bbox: Option<&AskedBox>,
        within: Option<&[[f64; 2]]>,
    ) -> Result<Vec<Option<Area>>, Problem> {
        let mut areas = Vec::new();
        if let Some(text) = &self.at {
            let [longitude, latitude] = place("at", text)?;
            areas.push(city.plane_near(longitude, latitude, FARTHEST_M).map(Area::Point));
        }
        if let Some([west, south, east, north]) = bbox.map(|bbox| bbox.degrees) {
            areas.push(city.area_of_box(west, south, east, north));
        }
        match (&self.near, &self.radius) {
            (Some(text), Some(radius)) => {
                let [longitude, latitude] = place("near", text)?;
                let [radius_m] = numbers("radius", radius, "a number of metres")?;
                if !(radius_m > 0.0 && radius_m <= FARTHEST_M) {
                    return Err(wrong(format!("radius: more than 0 and at most {FARTHEST_M} m")));
                }
                let center = city.plane_near(longitude, latitude, FARTHEST_M + radius_m);
                areas.push(center.map(|center| Area::Circle { center, radius_m }));
            }
            (None, None) => {}
            _ => return Err(wrong("near and radius belong together")),
        }
        areas.extend(within.map(|ring| city.area_of_ring(ring)));
        Ok(areas)
    }
}

fn place(name: &str, text: &str) -> Result<[f64; 2], Problem> {
    let [longitude, latitude] = numbers(name, text, "longitude, latitude in degrees")?;
    on_earth(name, longitude, latitude)?;
    Ok([longitude, latitude])
}

fn ray(city: &City, text: &str) -> Result<crate::package::Ray, Problem> {
    let numbers: [f64; 5] = numbers("ray", text, "longitude, latitude, height, heading, pitch")?;
    let [longitude, latitude, height, heading, pitch] = numbers;
    on_earth("ray", longitude, latitude)?;
    if height.abs() > 1e6 || heading.abs() > 360.0 || pitch.abs() > 90.0 {
        return Err(wrong("ray: height within 1000 km, heading within 360 degrees, pitch within 90 degrees"));
    }
    Ok(city.ray_from_degrees(numbers))
}

/// The ring of a GeoJSON polygon, or of the one feature that has it: longitude and latitude, degrees.
pub(super) fn ring(body: &[u8]) -> Result<Vec<[f64; 2]>, Problem> {
    let not_one = || wrong("the body is not one GeoJSON polygon without holes, or a feature of one");
    let text = std::str::from_utf8(body).map_err(|_| wrong("the body is not UTF-8"))?;
    let found = ring_of(text).ok_or_else(not_one)?;
    if found.len() > MOST_POINTS {
        return Err(Problem::new(ProblemKind::TooCostly, format!("a polygon has at most {MOST_POINTS} points here")));
    }
    for [longitude, latitude] in &found {
        if !longitude.is_finite() || !latitude.is_finite() {
            return Err(not_one());
        }
        // Rings over the antimeridian have longitudes beyond it.
        on_earth("polygon", longitude / 2.0, *latitude)?;
    }
    if found.len() < 3 { Err(not_one()) } else { Ok(found) }
}

fn ring_of(text: &str) -> Option<Vec<[f64; 2]>> {
    let document = Text { json: text, line: 1 };
    let collection = Collection::parse(&document).ok()?;
    let feature = match collection.features.as_deref() {
        Some([feature]) => Feature::parse(feature.get()).ok()?,
        Some(_) => return None,
        None => Feature::parse(text).ok()?,
    };
    let geometry = match feature.geometry {
        Some(geometry) => geometry.to_owned(),
        None => serde_json::value::RawValue::from_string(text.to_owned()).ok()?,
    };
    match polygons(&geometry).ok()?.as_slice() {
        [polygon] => match polygon.as_slice() {
            [ring] => Some(ring.iter().map(|p| [p.x, p.y]).collect()),
            _ => None,
        },
        _ => None,
    }
}
