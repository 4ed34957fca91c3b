//! What a CRS is, from its definition: names, kind, units, the order of its axes, and the PROJ string.

use super::{CrsId, GeodesyError};

/// The order in which the authority defines the axes. Files that honour it (GML, CityGML, CityJSON, WMS 1.3, SensorThings'
/// are longitude first) hold coordinates in this order; the operations here always take east first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AxisOrder {
    /// Easting, northing; longitude, latitude.
    EastFirst,
    /// Latitude, longitude (EPSG:4326, 4490, 6697); northing, easting (EPSG:4547, 6677).
    NorthFirst,
}

/// What a CRS is.
#[derive(Debug, Clone, PartialEq)]
pub struct CrsInfo {
    /// Its name in the registry: `Amersfoort / RD New + NAP height`.
    pub name: String,
    /// Whether coordinates are degrees.
    pub is_geographic: bool,
    /// Whether coordinates are metres from the earth's centre.
    pub is_geocentric: bool,
    /// Metres in one unit of the plane coordinates; 1 for geographic CRS, whose unit is the degree.
    pub metres_per_unit: f64,
    /// The order of the axes as defined.
    pub axis_order: AxisOrder,
    /// The CRS of the heights, where the CRS is compound: `NAP height`.
    pub vertical: Option<String>,
}

/// Datum shifts that replace those of the table of definitions, which are older or rounded otherwise than the EPSG dataset's
/// preferred ones (v12, as PROJ 9.6 has them), so that a browser puts a city where the desktop does. Codes and `+towgs84`.
const DATUM_SHIFTS: &[(&[u32], &str)] = &[
    // EPSG:4833, Amersfoort to WGS 84 (4).
    (
        &[4289, 7415, 28991, 28992],
        "+towgs84=565.4171,50.3319,465.5524,-0.398957388243134,0.343987817378283,-1.87740163998045,4.0725",
    ),
    // Luxembourg 1930 to WGS 84, Molodensky-Badekas, its pivot folded into the translation.
    (
        &[2169, 4181],
        "+towgs84=-189.67965993052348,18.34729213139508,-42.76908858679235,-0.33746,-3.09264,2.53861,0.4598",
    ),
    // EPSG:1314, OSGB36 to WGS 84 (6).
    (&[4277, 27700], "+ellps=airy +towgs84=446.448,-125.157,542.06,0.15,0.247,0.842,-20.489"),
    // EPSG:5239, S-JTSK to WGS 84 (5).
    (&[4156, 5514], "+towgs84=572.213,85.334,461.94,4.9732,1.529,5.2484,3.5378"),
];

/// What the table of definitions says of an EPSG code, or a PROJ string of itself.
pub(super) fn info(crs: &CrsId) -> Result<CrsInfo, GeodesyError> {
    if let Some(proj4) = crs.proj_string() {
        let is_geographic = is_geographic(proj4);
        return Ok(CrsInfo {
            name: proj4.to_owned(),
            is_geographic,
            is_geocentric: proj4.contains("+proj=geocent"),
            metres_per_unit: if is_geographic { 1.0 } else { metres_per_unit(proj4) },
            axis_order: AxisOrder::EastFirst,
            vertical: None,
        });
    }
    let unknown = || GeodesyError::UnknownCrs { crs: crs.to_string(), known: String::new() };
    let code = crs.epsg_code().ok_or_else(unknown)?;
    let definition = definition(code).ok_or_else(unknown)?;
    let (proj4, wkt) = (definition.proj4, definition.wkt);
    let is_geographic = is_geographic(proj4);
    let is_geocentric = proj4.contains("+proj=geocent");
    let vertical = wkt.split_once("VERT_CS[\"").and_then(|(_, rest)| rest.split('"').next()).map(str::to_owned);
    let vertical = vertical.or_else(|| crs.vertical_epsg_code().map(|code| format!("EPSG:{code}")));
    Ok(CrsInfo {
        name: name(wkt),
        is_geographic,
        is_geocentric,
        metres_per_unit: if is_geographic { 1.0 } else { metres_per_unit(proj4) },
        axis_order: if is_geographic || (!is_geocentric && !east_first(wkt)) {
            AxisOrder::NorthFirst
        } else {
            AxisOrder::EastFirst
        },
        vertical,
    })
}

/// The PROJ string of an EPSG code, its datum shift brought up to date, east first; a PROJ string as it is.
pub(super) fn proj_string(crs: &CrsId) -> Option<String> {
    if let Some(itself) = crs.proj_string() {
        return Some(itself.to_owned());
    }
    let code = crs.epsg_code()?;
    let plain = definition(code)?.proj4;
    let Some((_, shift)) = DATUM_SHIFTS.iter().find(|(codes, _)| codes.contains(&code)) else {
        return Some(plain.to_owned());
    };
    let kept = plain
        .split_whitespace()
        .filter(|word| !["+towgs84=", "+datum=", "+no_defs"].iter().any(|key| word.starts_with(key)));
    Some(kept.chain([*shift, "+no_defs"]).collect::<Vec<_>>().join(" "))
}

fn definition(code: u32) -> Option<crs_definitions::Def> {
    crs_definitions::from_code(u16::try_from(code).ok()?)
}

fn is_geographic(proj4: &str) -> bool {
    ["+proj=longlat", "+proj=latlong", "+proj=lonlat", "+proj=latlon"].iter().any(|key| proj4.starts_with(key))
}

/// The first quoted text of a WKT definition, in a `BOUNDCRS` too.
fn name(wkt: &str) -> String {
    wkt.split('"').nth(1).unwrap_or_default().to_owned()
}

/// Whether the first axis of the plane CRS points east or west. A projected CRS without `AXIS` in the table's WKT 1 has the
/// authority's order, northing first: the table's maker leaves out those axes that GIS do not honour.
fn east_first(wkt: &str) -> bool {
    let plane = wkt.split("VERT_CS[").next().unwrap_or(wkt);
    let Some((_, axis)) = plane.split_once("AXIS[\"") else { return false };
    let direction = axis.split_once(',').map_or("", |(_, rest)| rest).trim_start().to_ascii_lowercase();
    direction.starts_with("east") || direction.starts_with("west")
}

fn metres_per_unit(proj4: &str) -> f64 {
    let value = |key: &str| proj4.split_whitespace().find_map(|word| word.strip_prefix(key));
    match (value("+to_meter="), value("+units=")) {
        (Some(number), _) => number.parse().unwrap_or(1.0),
        (None, Some("us-ft")) => 1200.0 / 3937.0,
        (None, Some("ft")) => 0.3048,
        (None, Some("km")) => 1000.0,
        (None, Some("link")) => 0.201_168,
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_units_and_names() {
        let of = |code| info(&CrsId::epsg(code)).unwrap();
        let rd = of(7415);
        assert_eq!(
            (rd.name.as_str(), rd.vertical.as_deref()),
            ("Amersfoort / RD New + NAP height", Some("NAP height"))
        );
        assert_eq!((rd.axis_order, rd.is_geographic), (AxisOrder::EastFirst, false));
        for code in [4326, 4490, 6697, 4979, 4547, 6677] {
            assert_eq!(of(code).axis_order, AxisOrder::NorthFirst, "EPSG:{code}");
        }
        for code in [3857, 28992, 2056, 32654, 25832] {
            assert_eq!(of(code).axis_order, AxisOrder::EastFirst, "EPSG:{code}");
        }
        assert!(of(6697).is_geographic && of(6697).vertical.is_some());
        assert!((of(2263).metres_per_unit - 0.304_800_609_601_219_2).abs() < 1e-15);
        assert!(of(4978).is_geocentric);
        let error = info(&CrsId::epsg(9_999_999)).unwrap_err().to_string();
        assert!(error.contains("EPSG:9999999") && error.contains("--crs"), "{error}");
    }
}
