//! The table of EPSG definitions, searched the other way: for the code of what a text defines.

use super::definition::{Geographic, Projected, datum_key, folded};
use super::methods::Projection;

/// Degrees by which angles of one definition differ in print.
const ANGLE_DEG: f64 = 5e-8;
/// Metres by which its lengths do.
const LENGTH_M: f64 = 2e-3;

/// The code of the geographic CRS of a datum; `None` where the table has no such datum.
pub(super) fn geographic(crs: &Geographic) -> Option<u32> {
    let found = codes(|proj4| proj4.starts_with("+proj=longlat")).filter(|(_, proj4, wkt)| {
        wkt.starts_with("GEOGCS") && (meridian(proj4) - crs.prime_meridian_deg).abs() < 1e-6 && datum(wkt) == crs.datum
    });
    best(found, &crs.name)
}

/// The code of the projected CRS of the same datum, projection and unit.
pub(super) fn projected(crs: &Projected, projection: &Projection) -> Option<u32> {
    let found = codes(|proj4| method(proj4) == projection.method).filter(|(_, proj4, wkt)| {
        same_projection(proj4, projection, crs.metres_per_unit)
            && (meridian(proj4) - crs.base.prime_meridian_deg).abs() < 1e-6
            && datum(wkt) == crs.base.datum
    });
    best(found, &crs.name)
}

/// The words of a datum's geographic CRS that say ellipsoid and shift: `+ellps=krass +towgs84=...`.
pub(super) fn datum_words(crs: &Geographic) -> Option<String> {
    let definition = crs_definitions::from_code(u16::try_from(geographic(crs)?).ok()?)?;
    let kept = definition.proj4.split_whitespace().filter(|word| {
        ["+ellps=", "+datum=", "+towgs84=", "+a=", "+b=", "+rf="].iter().any(|key| word.starts_with(key))
    });
    Some(kept.collect::<Vec<_>>().join(" "))
}

/// Definitions whose PROJ string the filter wants: code, PROJ string and text.
fn codes(wanted: impl Fn(&str) -> bool) -> impl Iterator<Item = (u32, &'static str, &'static str)> {
    (0..=u16::MAX)
        .filter_map(crs_definitions::from_code)
        .filter(move |definition| wanted(definition.proj4) && !definition.proj4.contains("+axis="))
        .map(|definition| (u32::from(definition.code), definition.proj4, definition.wkt))
}

/// The one of the same name, else one that is not withdrawn, else the first.
fn best(found: impl Iterator<Item = (u32, &'static str, &'static str)>, name: &str) -> Option<u32> {
    let rank = |wkt: &str| {
        let own = wkt.split('"').nth(1).unwrap_or_default();
        (folded(own) != name, own.contains("deprecated"))
    };
    found.min_by_key(|(code, _, wkt)| (rank(wkt), *code)).map(|(code, ..)| code)
}

fn datum(wkt: &str) -> String {
    let Some((_, rest)) = wkt.split_once("DATUM[\"") else { return String::new() };
    datum_key(rest.split('"').next().unwrap_or_default())
}

fn value<'a>(proj4: &'a str, key: &str) -> Option<&'a str> {
    proj4.split_whitespace().find_map(|word| word.strip_prefix('+')?.strip_prefix(key)?.strip_prefix('='))
}

fn method(proj4: &str) -> &str {
    match value(proj4, "proj") {
        Some("utm") => "tmerc",
        other => other.unwrap_or_default(),
    }
}

/// Meridians that PROJ knows by name, degrees east of Greenwich.
fn meridian(proj4: &str) -> f64 {
    match value(proj4, "pm") {
        None => 0.0,
        Some("paris") => 2.337_229_17,
        Some("ferro") => -17.666_666_666_666_67,
        Some("jakarta") => 106.807_719_444_444_4,
        Some("oslo") => 10.722_916_666_666_67,
        Some("lisbon") => -9.131_906_111_111_11,
        Some("rome") => 12.452_333_333_333_33,
        Some("madrid") => -3.687_938_888_888_89,
        Some("bern") => 7.439_583_333_333_33,
        Some("brussels") => 4.367_975,
        Some(degrees) => degrees.parse().unwrap_or(f64::NAN),
    }
}

fn same_projection(proj4: &str, projection: &Projection, metres_per_unit: f64) -> bool {
    let number = |key: &str| value(proj4, key).and_then(|text| text.parse::<f64>().ok());
    let flag = |name: &str| proj4.split_whitespace().any(|word| word.trim_start_matches('+') == name);
    let utm = number("zone").filter(|_| value(proj4, "proj") == Some("utm"));
    let own = |key: &str| match (utm, key) {
        (Some(zone), "lon_0") => Some(zone * 6.0 - 183.0),
        (Some(_), "k_0") => Some(0.9996),
        (Some(_), "x_0") => Some(500_000.0),
        (Some(_), "y_0") => Some(if flag("south") { 10_000_000.0 } else { 0.0 }),
        (_, "k_0") => number("k_0").or_else(|| number("k")),
        _ => number(key),
    };
    let same = |(key, wanted): &(&str, f64)| {
        let default = if *key == "k_0" { 1.0 } else { 0.0 };
        let within = match *key {
            "x_0" | "y_0" => LENGTH_M,
            "k_0" => 1e-9,
            _ => ANGLE_DEG,
        };
        (own(key).unwrap_or(default) - wanted).abs() <= within
    };
    // What only the table's definition has: a second parallel, a true scale, an offset that is left out.
    let more = ["lat_1", "lat_2", "lat_ts", "alpha", "gamma"].iter().any(|key| {
        !projection.values.iter().any(|(own, _)| own == key) && number(key).is_some_and(|value| value != 0.0)
    });
    let unit = match (number("to_meter"), value(proj4, "units")) {
        (Some(metres), _) => metres,
        (None, Some("us-ft")) => 1200.0 / 3937.0,
        (None, Some("ft")) => 0.3048,
        (None, Some("km")) => 1000.0,
        (None, Some("link")) => 0.201_168,
        _ => 1.0,
    };
    projection.values.iter().all(same)
        && !more
        && flag("no_uoff") == projection.flags.contains(&"no_uoff")
        && value(proj4, "nadgrids") != Some("@null")
        && (unit / metres_per_unit - 1.0).abs() < 1e-7
}
