//! `veduta query`: objects by id, place, attribute and words.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::json;

use super::places::{longitude_latitude, numbers, west_south_east_north};
use crate::app::cli::{QueryArgs, QueryFormat};
use crate::city::{Expression, Value, did_you_mean};
use crate::formats::geojson;
use crate::package::{Area, City, Query, Ray};

pub fn run(arguments: &QueryArgs) -> Result<ExitCode> {
    let city = super::open_city(&arguments.city)?;
    let mut question = question(&city, arguments)?;
    // One more than is shown tells whether that is all.
    question.limit = arguments.limit.map(|most| most.saturating_add(1));
    let mut rows = city.query(&question).with_context(|| arguments.city.display().to_string())?;
    if let Some(most) = arguments.limit.filter(|most| rows.len() > *most) {
        rows.truncate(most);
        eprintln!(
            "veduta: the first {most} are shown, more match; --limit says how many: {}",
            arguments.city.display()
        );
    }
    for text in misunderstandings(&city, &question) {
        eprintln!("veduta: {text}: {}", arguments.city.display());
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

/// What of a question no object can answer, whatever the city holds: it may be meant otherwise.
fn misunderstandings(city: &City, question: &Query) -> Vec<String> {
    let manifest = city.manifest();
    let unknown = |id: &&String| city.table().row(id).is_none();
    let mut told: Vec<String> =
        question.ids.iter().flatten().filter(unknown).map(|id| format!("no object is called '{id}'")).collect();
    if let Some(class) = question.class.as_deref().filter(|class| !manifest.counts.contains_key(*class)) {
        let known: Vec<&str> = manifest.counts.keys().map(String::as_str).collect();
        let hint = match did_you_mean(class, &known) {
            hint if hint.is_empty() => format!("; there are {}", known.join(", ")),
            hint => hint,
        };
        told.push(format!("the city has no class '{class}'{hint}"));
    }
    for (name, value) in question.filter.iter().flat_map(Expression::compared) {
        let kind = manifest.attributes.get(name).map_or("", |about| about.kind.as_str());
        match (kind, value) {
            ("text", Value::Int(_) | Value::Float(_)) => {
                told.push(format!("'{name}' is text and never equals, exceeds or falls below the number {value}"));
            }
            ("int" | "float", Value::Text(_)) => {
                told.push(format!("'{name}' is a number and never equals, exceeds or falls below the text '{value}'"));
            }
            ("text", Value::Text(class)) if name == "class" && manifest.counts.contains_key(class) => {
                told.push(format!(
                    "'class' is an attribute here, which goes before the class of an object: --class {class}"
                ));
            }
            _ => {}
        }
    }
    if let (Some([west, south, east, north, ..]), Some(area)) = (manifest.extent, &question.area)
        && !area.bounds().intersects(city.area_from_degrees(west, south, east, north).bounds())
    {
        let lies = format!("{west:.5},{south:.5} to {east:.5},{north:.5}");
        told.push(format!("that place is outside of the city, which lies at {lies} (longitude comes first)"));
    }
    told
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
        ..Query::default()
    })
}

fn ray(city: &City, text: &str) -> Result<Ray> {
    Ok(city.ray_from_degrees(numbers(text, "LON,LAT,H,HEADING,PITCH")?))
}

/// The outer ring of the first polygon in a GeoJSON file.
fn ring(path: &Path) -> Result<Vec<[f64; 2]>> {
    let shown = || path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(shown)?;
    let no_json = || format!("this is no GeoJSON: {}", path.display());
    let document: serde_json::Value = serde_json::from_str(&text).with_context(no_json)?;
    let polygon = [&document["features"][0]["geometry"], &document["geometry"], &document];
    let polygon = polygon.into_iter().find(|geometry| geometry["type"] == "Polygon");
    let polygon = polygon.with_context(|| format!("there is no polygon in it: {}", path.display()))?;
    let ring: Vec<Vec<f64>> = serde_json::from_value(polygon["coordinates"][0].clone()).with_context(shown)?;
    let point = |p: &Vec<f64>| Some([*p.first()?, *p.get(1)?]);
    ring.iter().map(point).collect::<Option<_>>().with_context(shown)
}

fn write_json(city: &City, rows: &[u32], out: &mut dyn Write) -> Result<()> {
    writeln!(out, "{{\"count\":{},\"objects\":[", rows.len())?;
    for (n, row) in rows.iter().enumerate() {
        let Some(object) = city.object(*row)? else { continue };
        let center = (!object.bounds.is_empty()).then(|| geojson::degrees(city, object.bounds.center()));
        let line = json!({
            "id": object.id, "class": object.class, "name": object.name, "parent": object.parent, "center": center,
            "attributes": geojson::attributes(&object),
        });
        writeln!(out, "{line}{}", if n + 1 < rows.len() { "," } else { "" })?;
    }
    Ok(writeln!(out, "]}}")?)
}

fn write_geojson(city: &City, rows: &[u32], out: &mut dyn Write) -> Result<()> {
    writeln!(out, "{{\"type\":\"FeatureCollection\",\"features\":[")?;
    for (n, row) in rows.iter().enumerate() {
        let Some(object) = city.object(*row)? else { continue };
        let feature = geojson::feature(city, *row, &object)?;
        writeln!(out, "{feature}{}", if n + 1 < rows.len() { "," } else { "" })?;
    }
    Ok(writeln!(out, "]}}")?)
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
        let place = if object.bounds.is_empty() { None } else { Some(geojson::degrees(city, object.bounds.center())) };
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
