//! Objects of a city as features (RFC 7946): WGS 84 longitude and latitude, degrees, to a centimetre.

use glam::{DVec2, DVec3};
use serde_json::{Map, Value as Json, json};

use crate::geodesy::SitePoint;
use crate::package::{City, PackageError, StoredObject};

/// Longitude and latitude in degrees to a centimetre, metres above the ellipsoid to a centimetre, of a place in the site
/// frame.
pub fn degrees(city: &City, place_in_site: DVec3) -> [f64; 3] {
    let point = city.manifest().site().to_geodetic(SitePoint(place_in_site));
    let round = |value: f64, digits: f64| (value * digits).round() / digits;
    let (longitude, latitude) = (point.longitude_rad.to_degrees(), point.latitude_rad.to_degrees());
    [round(longitude, 1e7), round(latitude, 1e7), round(point.ellipsoid_height_m, 1e2)]
}

/// The attributes that an object has, by name.
pub fn attributes(object: &StoredObject) -> Map<String, Json> {
    object.attributes.iter().map(|(name, value)| (name.clone(), value.into())).collect()
}

/// The attributes, and `class`, `name` and `parent`.
pub fn properties(object: &StoredObject) -> Map<String, Json> {
    let mut properties = attributes(object);
    properties.insert("class".to_owned(), json!(object.class));
    properties.insert("name".to_owned(), json!(object.name));
    properties.insert("parent".to_owned(), json!(object.parent));
    properties
}

/// A feature of [`geometry`] and [`properties`].
pub fn feature(city: &City, row: u32, object: &StoredObject) -> Result<Json, PackageError> {
    let geometry = geometry(city, row, object)?;
    Ok(json!({ "type": "Feature", "id": object.id, "geometry": geometry, "properties": properties(object) }))
}

/// The footprint, else the box, as a polygon at the object's foot; null for what is nowhere.
pub fn geometry(city: &City, row: u32, object: &StoredObject) -> Result<Json, PackageError> {
    if object.bounds.is_empty() {
        return Ok(Json::Null);
    }
    let (min, max) = (object.bounds.min, object.bounds.max);
    let mut rings = city.table().footprint(row)?;
    if rings.is_empty() {
        let corner = DVec2::new;
        rings = vec![vec![corner(min.x, min.y), corner(max.x, min.y), corner(max.x, max.y), corner(min.x, max.y)]];
    }
    let closed = |ring: &Vec<DVec2>| -> Vec<[f64; 2]> {
        let points = ring.iter().chain(ring.first()).map(|p| degrees(city, p.extend(min.z)));
        points.map(|[longitude, latitude, _]| [longitude, latitude]).collect()
    };
    Ok(json!({ "type": "Polygon", "coordinates": rings.iter().map(closed).collect::<Vec<_>>() }))
}

/// West, south, lowest, east, north, highest (RFC 7946, 5) of a box, degrees and metres; `None` for what is nowhere.
pub fn bbox(city: &City, object: &StoredObject) -> Option<[f64; 6]> {
    let (min, max) = (object.bounds.min, object.bounds.max);
    if object.bounds.is_empty() {
        return None;
    }
    let corners = [0, 1, 2, 3, 4, 5, 6, 7].map(|corner| {
        let pick = |bit: u32, low: f64, high: f64| if corner & bit == 0 { low } else { high };
        degrees(city, DVec3::new(pick(1, min.x, max.x), pick(2, min.y, max.y), pick(4, min.z, max.z)))
    });
    let least = |axis: usize| corners.iter().map(|c| c[axis]).fold(f64::INFINITY, f64::min);
    let most = |axis: usize| corners.iter().map(|c| c[axis]).fold(f64::NEG_INFINITY, f64::max);
    Some([least(0), least(1), least(2), most(0), most(1), most(2)])
}
