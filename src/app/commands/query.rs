//! `veduta query`: objects by id, place, attribute and words.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use glam::DVec3;
use serde_json::{Map, json};

use super::places::{longitude_latitude, numbers, west_south_east_north};
use crate::app::cli::{QueryArgs, QueryFormat};
use crate::city::{Expression, Value, did_you_mean};
use crate::geodesy::{Geodetic, SitePoint};
use crate::package::{Area, City, Query, Ray, StoredObject};

pub fn run(arguments: &QueryArgs) -> Result<ExitCode> {
    let city = super::open_city(&arguments.city)?;
    let rows = city.query(&question(&city, arguments)?).with_context(|| arguments.city.display().to_string())?;
    if let Some(class) = arguments.class.as_deref().filter(|_| rows.is_empty())
        && !city.manifest().counts.contains_key(class)
    {
        let known: Vec<&str> = city.manifest().counts.keys().map(String::as_str).collect();
        let hint = match did_you_mean(class, &known) {
            hint if hint.is_empty() => format!("; there are {}", known.join(", ")),
            hint => hint,
        };
        eprintln!("veduta: the city has no class '{class}'{hint}: {}", arguments.city.display());
    }
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    match arguments.format {
        QueryFormat::Json => write_json(&city, &rows, &mut out)?,
        QueryFormat::Geojson => write_geojson(&city, &rows, &mut out)?,
        QueryFormat::Csv => write_csv(&city, &rows, &mut out)?,
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn question(city: &City, arguments: &QueryArgs) -> Result<Query> {
    let filter =
        arguments.filter.as_deref().map(|text| Expression::parse(text).with_context(|| text.to_owned())).transpose()?;
    let plane = |[longitude, latitude]: [f64; 2]| city.plane_from_degrees(longitude, latitude);
    let area = match arguments {
        QueryArgs { at: Some(text), .. } => Some(Area::Point(plane(longitude_latitude(text)?))),
        QueryArgs { bbox: Some(text), .. } => {
            let [west, south, east, north] = west_south_east_north(text)?;
            Some(city.area_from_degrees(west, south, east, north))
        }
        QueryArgs { near: Some(text), radius: Some(radius_m), .. } => {
            Some(Area::Circle { center: plane(longitude_latitude(text)?), radius_m: *radius_m })
        }
        QueryArgs { within: Some(path), .. } => Some(Area::Polygon(ring(path)?.into_iter().map(plane).collect())),
        _ => None,
    };
    Ok(Query {
        ids: (!arguments.id.is_empty()).then(|| arguments.id.clone()),
        area,
        ray: arguments.ray.as_deref().map(|text| ray(city, text)).transpose()?,
        filter,
        text: arguments.text.clone(),
        class: arguments.class.clone(),
        limit: arguments.limit,
        offset: 0,
    })
}

/// A ray from degrees, its direction taken at its start.
fn ray(city: &City, text: &str) -> Result<Ray> {
    let [longitude, latitude, height, heading, pitch] = numbers(text, "LON,LAT,H,HEADING,PITCH")?;
    let site = city.manifest().site();
    let start = Geodetic::from_degrees(longitude, latitude, height);
    let up = site.up_at(start);
    // The earth's axis, as the site sees it, points north of everywhere.
    let axis = site.ecef_from_site().inverse().transform_vector3(DVec3::Z);
    let east = axis.cross(up).try_normalize().unwrap_or(DVec3::X);
    let (heading, pitch) = (heading.to_radians(), pitch.to_radians());
    let level = east * heading.sin() + up.cross(east) * heading.cos();
    Ok(Ray { origin_in_site: site.from_geodetic(start).0, direction_in_site: level * pitch.cos() + up * pitch.sin() })
}

/// The outer ring of the first polygon in a GeoJSON file.
fn ring(path: &Path) -> Result<Vec<[f64; 2]>> {
    let shown = || path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(shown)?;
    let document: serde_json::Value = serde_json::from_str(&text).with_context(shown)?;
    let polygon = [&document["features"][0]["geometry"], &document["geometry"], &document];
    let polygon = polygon.into_iter().find(|geometry| geometry["type"] == "Polygon");
    let polygon = polygon.with_context(|| format!("there is no polygon in it: {}", path.display()))?;
    let ring: Vec<Vec<f64>> = serde_json::from_value(polygon["coordinates"][0].clone()).with_context(shown)?;
    let point = |p: &Vec<f64>| Some([*p.first()?, *p.get(1)?]);
    ring.iter().map(point).collect::<Option<_>>().with_context(shown)
}

fn attributes(object: &StoredObject) -> Map<String, serde_json::Value> {
    object.attributes.iter().map(|(name, value)| (name.clone(), json_value(value))).collect()
}

fn json_value(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(truth) => json!(truth),
        Value::Int(number) => json!(number),
        Value::Float(number) => json!(number),
        Value::Text(text) => json!(text),
    }
}

/// Longitude and latitude in degrees to a centimetre, height in metres, of a place in the site frame.
fn degrees(city: &City, place: glam::DVec3) -> [f64; 3] {
    let point = city.manifest().site().to_geodetic(SitePoint(place));
    let round = |value: f64, digits: f64| (value * digits).round() / digits;
    let (longitude, latitude) = (point.longitude_rad.to_degrees(), point.latitude_rad.to_degrees());
    [round(longitude, 1e7), round(latitude, 1e7), round(point.ellipsoid_height_m, 1e2)]
}

fn write_json(city: &City, rows: &[u32], out: &mut dyn Write) -> Result<()> {
    writeln!(out, "{{\"count\":{},\"objects\":[", rows.len())?;
    for (n, row) in rows.iter().enumerate() {
        let Some(object) = city.object(*row)? else { continue };
        let center = (!object.bounds.is_empty()).then(|| degrees(city, object.bounds.center()));
        let line = json!({
            "id": object.id, "class": object.class, "name": object.name, "parent": object.parent, "center": center,
            "attributes": attributes(&object),
        });
        writeln!(out, "{line}{}", if n + 1 < rows.len() { "," } else { "" })?;
    }
    Ok(writeln!(out, "]}}")?)
}

fn write_geojson(city: &City, rows: &[u32], out: &mut dyn Write) -> Result<()> {
    writeln!(out, "{{\"type\":\"FeatureCollection\",\"features\":[")?;
    for (n, row) in rows.iter().enumerate() {
        let Some(object) = city.object(*row)? else { continue };
        let mut properties = attributes(&object);
        properties.insert("class".to_owned(), json!(object.class));
        properties.insert("name".to_owned(), json!(object.name));
        properties.insert("parent".to_owned(), json!(object.parent));
        let geometry = geometry(city, *row, &object)?;
        let feature = json!({ "type": "Feature", "id": object.id, "geometry": geometry, "properties": properties });
        writeln!(out, "{feature}{}", if n + 1 < rows.len() { "," } else { "" })?;
    }
    Ok(writeln!(out, "]}}")?)
}

/// The footprint, else the box, as a polygon at the object's foot.
fn geometry(city: &City, row: u32, object: &StoredObject) -> Result<serde_json::Value> {
    if object.bounds.is_empty() {
        return Ok(serde_json::Value::Null);
    }
    let (min, max) = (object.bounds.min, object.bounds.max);
    let mut rings = city.table().footprint(row)?;
    if rings.is_empty() {
        let corner = glam::DVec2::new;
        rings = vec![vec![corner(min.x, min.y), corner(max.x, min.y), corner(max.x, max.y), corner(min.x, max.y)]];
    }
    let closed = |ring: &Vec<glam::DVec2>| -> Vec<[f64; 2]> {
        let points = ring.iter().chain(ring.first()).map(|p| degrees(city, p.extend(min.z)));
        points.map(|[longitude, latitude, _]| [longitude, latitude]).collect()
    };
    Ok(json!({ "type": "Polygon", "coordinates": rings.iter().map(closed).collect::<Vec<_>>() }))
}

fn write_csv(city: &City, rows: &[u32], out: &mut dyn Write) -> Result<()> {
    let quoted = |text: &str| {
        if text.contains([',', '"', '\n', '\r']) {
            format!("\"{}\"", text.replace('"', "\"\""))
        } else {
            text.to_owned()
        }
    };
    let columns: Vec<&String> = city.table().columns().iter().skip(3).collect();
    let names: Vec<String> = columns.iter().map(|name| quoted(name)).collect();
    writeln!(
        out,
        "id,class,name,parent,longitude,latitude{}{}",
        if names.is_empty() { "" } else { "," },
        names.join(",")
    )?;
    for row in rows {
        let Some(object) = city.object(*row)? else { continue };
        let place = if object.bounds.is_empty() { None } else { Some(degrees(city, object.bounds.center())) };
        let mut fields = vec![quoted(&object.id), quoted(&object.class)];
        fields.push(quoted(object.name.as_deref().unwrap_or("")));
        fields.push(quoted(object.parent.as_deref().unwrap_or("")));
        fields.extend([0, 1].map(|axis| place.map_or_else(String::new, |p| p[axis].to_string())));
        for column in &columns {
            let value = object.attributes.iter().find(|(name, _)| name == *column).map(|(_, value)| value.to_string());
            fields.push(quoted(&value.unwrap_or_default()));
        }
        writeln!(out, "{}", fields.join(","))?;
    }
    Ok(())
}
