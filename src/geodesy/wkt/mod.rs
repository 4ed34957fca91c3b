//! Definitions of coordinate reference systems as files carry them: WKT 1 of OGC and ESRI (OGC 01-009), WKT 2 (ISO 19162:2019),
//! PROJJSON, and the projection files of ARC/INFO.
//!
//! A text becomes a tree (`tree`, `projjson`), the tree a definition (`definition`). Its name is the EPSG code that it carries;
//! else the code under which the table of EPSG definitions has the same datum, projection, parameters and unit (`table`), which
//! is how `CGCS2000_3_Degree_GK_CM_114E` of ESRI is EPSG:4547; else a PROJ string of its parameters (`methods`). The order of
//! axes is not looked at: files that carry these texts hold east first.

mod definition;
mod methods;
mod projjson;
mod table;
mod tree;

use std::fmt::Write;

use super::{CrsId, GeodesyError};
use definition::{Geographic, Projected};
use methods::{Projection, projection};
use tree::{Node, parse};

/// Reads WKT of either version, or an ARC/INFO projection file.
pub(super) fn from_text(text: &str) -> Result<CrsId, GeodesyError> {
    let refused = |cause: String| GeodesyError::BadDefinition { cause, text: text.trim().chars().take(80).collect() };
    match parse(text) {
        Ok(node) => crs(&node, 0).map_err(refused),
        Err(cause) => arc_info(text).ok_or_else(|| refused(cause)),
    }
}

/// Reads PROJJSON.
pub(super) fn from_projjson(text: &str) -> Result<CrsId, GeodesyError> {
    let refused = |cause: &str| GeodesyError::BadDefinition {
        cause: cause.to_owned(),
        text: text.trim().chars().take(80).collect(),
    };
    let json = serde_json::from_str(text).map_err(|_| refused("it is not JSON"))?;
    let node = projjson::tree(&json).ok_or_else(|| refused("it is not PROJJSON"))?;
    crs(&node, 0).map_err(|cause| refused(&cause))
}

fn crs(node: &Node, depth: usize) -> Result<CrsId, String> {
    if depth > 4 {
        return Err("CRS are nested too deeply".to_owned());
    }
    if let Some(named) = named(node) {
        return Ok(named);
    }
    match node.keyword.as_str() {
        "PROJCS" | "PROJCRS" | "PROJECTEDCRS" => of_projected(node),
        "GEOGCS" | "GEOGCRS" | "GEOGRAPHICCRS" => of_geographic(node),
        "GEODCRS" | "GEODETICCRS" => match node.child(&["CS"]).and_then(|cs| cs.items.first()) {
            Some(tree::Item::Word(kind)) if kind.eq_ignore_ascii_case("cartesian") => geocentric(node),
            _ => of_geographic(node),
        },
        "GEOCCS" => geocentric(node),
        "COMPD_CS" | "COMPOUNDCRS" => compound(node, depth),
        "BOUNDCRS" => bound(node, depth),
        "LOCAL_CS" | "ENGCRS" | "ENGINEERINGCRS" | "FITTED_CS" => {
            Err(format!("'{}' is a local coordinate system", node.name()))
        }
        other => Err(format!("{other} is no CRS that places can be in")),
    }
}

/// The CRS whose code the definition carries.
fn named(node: &Node) -> Option<CrsId> {
    let id = node.child(&["AUTHORITY", "ID"])?;
    let code = id.items.get(1).and_then(|item| match item {
        tree::Item::Text(code) | tree::Item::Word(code) => Some(code.trim().to_owned()),
        tree::Item::Number(code) if *code > 0.0 && code.fract() == 0.0 => Some(format!("{code}")),
        _ => None,
    })?;
    match (id.name().to_ascii_uppercase().as_str(), code.as_str()) {
        ("EPSG", code) => code.parse::<u32>().ok().filter(|code| *code > 0).map(CrsId::epsg),
        ("OGC", _) => format!("OGC:{code}").parse().ok(),
        ("ESRI", "102100" | "102113") => Some(CrsId::epsg(3857)),
        _ => None,
    }
}

fn of_geographic(node: &Node) -> Result<CrsId, String> {
    let crs = Geographic::of(node).ok_or_else(|| format!("'{}' says no datum with an ellipsoid", node.name()))?;
    match table::geographic(&crs) {
        Some(code) => Ok(CrsId::epsg(code)),
        None => proj_string(format!("+proj=longlat {}", datum_words(&crs))),
    }
}

fn of_projected(node: &Node) -> Result<CrsId, String> {
    let wanting = || format!("'{}' says no base, method or unit", node.name());
    let crs = Projected::of(node).ok_or_else(wanting)?;
    // The sphere of web maps under its many names.
    let extension = node.child(&["EXTENSION"]).is_some_and(|node| format!("{node:?}").contains("nadgrids=@null"));
    let spherical = ["mercatorauxiliarysphere", "popularvisualisationpseudomercator"].contains(&crs.method.as_str());
    if extension || spherical {
        return Ok(CrsId::epsg(3857));
    }
    let Some(projection) = projection(&crs) else {
        return Err(format!("the projection method of '{}' is not known", node.name()));
    };
    match table::projected(&crs, &projection) {
        Some(code) => Ok(CrsId::epsg(code)),
        None => proj_string(projected_words(&crs, &projection)),
    }
}

fn projected_words(crs: &Projected, projection: &Projection) -> String {
    let mut words = format!("+proj={}", projection.method);
    for (key, value) in &projection.values {
        let _ = write!(words, " +{key}={value}");
    }
    projection.flags.iter().for_each(|flag| words.extend([" +", flag]));
    words.extend([" ", &datum_words(&crs.base)]);
    match crs.metres_per_unit {
        metre if (metre - 1.0).abs() < 1e-9 => words.push_str(" +units=m"),
        foot if (foot * 3937.0 / 1200.0 - 1.0).abs() < 1e-7 => words.push_str(" +units=us-ft"),
        foot if (foot / 0.3048 - 1.0).abs() < 1e-7 => words.push_str(" +units=ft"),
        other => {
            let _ = write!(words, " +to_meter={other}");
        }
    }
    words
}

/// Ellipsoid, shift to WGS 84 and prime meridian.
fn datum_words(crs: &Geographic) -> String {
    let ellipsoid = match crs.inverse_flattening {
        flat if flat > 0.0 => format!("+a={} +rf={flat}", crs.semi_major_axis_m),
        _ => format!("+a={0} +b={0}", crs.semi_major_axis_m),
    };
    let said = crs.to_wgs84.as_ref().map(|shift| {
        let numbers: Vec<String> = shift.iter().map(f64::to_string).collect();
        format!("{ellipsoid} +towgs84={}", numbers.join(","))
    });
    let mut words = said.or_else(|| table::datum_words(crs)).unwrap_or(ellipsoid);
    if crs.prime_meridian_deg != 0.0 {
        let _ = write!(words, " +pm={}", crs.prime_meridian_deg);
    }
    words
}

fn proj_string(words: String) -> Result<CrsId, String> {
    format!("{words} +no_defs").parse().map_err(|_| format!("its parameters make no CRS: {words}"))
}

fn geocentric(node: &Node) -> Result<CrsId, String> {
    match Geographic::of(node) {
        Some(crs) if crs.datum == "wgs1984" => Ok(CrsId::epsg(4978)),
        _ => Err(format!("'{}' is geocentric and not on WGS 84", node.name())),
    }
}

/// Horizontal and vertical together where both have codes; else the horizontal one.
fn compound(node: &Node, depth: usize) -> Result<CrsId, String> {
    let mut parts = node.children().filter(|child| !["AUTHORITY", "ID"].contains(&child.keyword.as_str()));
    let horizontal = parts.next().ok_or("a compound CRS without parts")?;
    let plane = crs(horizontal, depth + 1)?;
    let vertical = parts.find_map(named).and_then(|crs| crs.epsg_code());
    match (plane.epsg_code().filter(|_| plane.vertical_epsg_code().is_none()), vertical) {
        (Some(plane), Some(vertical)) => format!("EPSG:{plane}+{vertical}").parse().map_err(|_| String::new()),
        _ => Ok(plane),
    }
}

/// The source of a CRS that is bound to a shift. The shift holds where nothing else is known of the datum.
fn bound(node: &Node, depth: usize) -> Result<CrsId, String> {
    let source = node.child(&["SOURCECRS"]).and_then(|source| source.children().next());
    let found = crs(source.ok_or("a bound CRS without source")?, depth + 1)?;
    let shifted = ["+towgs84=", "+datum=", "+nadgrids="].iter().any(|key| found.as_str().contains(key));
    match node.child(&["ABRIDGEDTRANSFORMATION"]).and_then(shift) {
        Some(shift) if found.proj_string().is_some() && !shifted => {
            proj_string(format!("{} +towgs84={shift}", found.as_str().trim_end_matches(" +no_defs")))
        }
        _ => Ok(found),
    }
}

/// The three or seven parameters of a transformation to WGS 84 as PROJ has them: metres, arc-seconds of a position vector, ppm.
fn shift(node: &Node) -> Option<String> {
    let names = [
        "xaxistranslation",
        "yaxistranslation",
        "zaxistranslation",
        "xaxisrotation",
        "yaxisrotation",
        "zaxisrotation",
        "scaledifference",
    ];
    let method = definition::folded(node.child(&["METHOD"])?.name());
    let frame = method.contains("coordinateframe");
    let value = |(place, name): (usize, &&str)| {
        let parameter =
            node.children().find(|child| child.keyword == "PARAMETER" && definition::folded(child.name()) == **name)?;
        let own = parameter.child(&["ANGLEUNIT", "LENGTHUNIT", "SCALEUNIT"]).and_then(|unit| unit.number(1));
        let unit = match place {
            0..=2 => own.unwrap_or(1.0),
            3..=5 => own.map_or(1.0, |radians| radians.to_degrees() * 3600.0) * if frame { -1.0 } else { 1.0 },
            _ => own.map_or(1.0, |part| part * 1e6),
        };
        Some((parameter.number(1)? * unit).to_string())
    };
    let values: Vec<String> = names.iter().enumerate().map_while(value).collect();
    matches!(values.len(), 3 | 7).then(|| values.join(","))
}

/// A projection file of ARC/INFO: lines of `Projection UTM`, `Zone 55`, `Datum WGS84`, `Yshift 10000000`.
fn arc_info(text: &str) -> Option<CrsId> {
    let value = |key: &str| {
        text.lines().take(64).find_map(|line| {
            let mut words = line.split_whitespace();
            words.next().filter(|word| word.eq_ignore_ascii_case(key)).and_then(|_| words.next())
        })
    };
    let datum = definition::datum_key(value("Datum")?);
    let ellipsoid = format!("SPHEROID[\"\",6378137,298.257223563]],UNIT[\"degree\",{}]", 1_f64.to_radians());
    let base = format!("GEOGCS[\"\",DATUM[\"{datum}\",{ellipsoid}]");
    if value("Projection")?.eq_ignore_ascii_case("geographic") {
        return crs(&parse(&base).ok()?, 0).ok();
    }
    let zone: i32 =
        value("Zone").filter(|_| value("Projection").is_some_and(|p| p.eq_ignore_ascii_case("utm")))?.parse().ok()?;
    let metres = value("Units").is_none_or(|unit| unit.to_ascii_lowercase().starts_with("met"));
    let zone_is_one = zone.unsigned_abs() >= 1 && zone.unsigned_abs() <= 60;
    let south = zone < 0 || value("Yshift").and_then(|y| y.parse::<f64>().ok()).is_some_and(|y| y > 0.0);
    let (meridian, northing) = (zone.abs() * 6 - 183, if south { 10_000_000 } else { 0 });
    let projected = format!(
        "PROJCS[\"\",{base},PROJECTION[\"Transverse_Mercator\"],PARAMETER[\"central_meridian\",{meridian}],\
         PARAMETER[\"scale_factor\",0.9996],PARAMETER[\"false_easting\",500000],\
         PARAMETER[\"false_northing\",{northing}],UNIT[\"metre\",1]]"
    );
    (zone_is_one && metres).then(|| crs(&parse(&projected).ok()?, 0).ok()).flatten()
}

#[cfg(test)]
mod tests;
