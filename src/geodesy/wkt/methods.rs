//! Projection methods under the names of OGC, ESRI and EPSG as words of PROJ.

use super::definition::Projected;

/// Words with their numbers.
type Values = Vec<(&'static str, f64)>;

/// Words of a PROJ string without their `+`; lengths in metres, angles in degrees.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Projection {
    pub method: &'static str,
    pub values: Values,
    pub flags: Vec<&'static str>,
}

const LATITUDE: &[&str] = &[
    "latitudeoforigin",
    "latitudeofnaturalorigin",
    "latitudeoffalseorigin",
    "latitudeofcenter",
    "latitudeofcentre",
    "latitudeofprojectioncentre",
];
const LONGITUDE: &[&str] = &[
    "centralmeridian",
    "longitudeofnaturalorigin",
    "longitudeoforigin",
    "longitudeoffalseorigin",
    "longitudeofcenter",
    "longitudeofcentre",
    "longitudeofprojectioncentre",
];
const SCALE: &[&str] = &[
    "scalefactor",
    "scalefactoratnaturalorigin",
    "scalefactoratprojectioncentre",
    "scalefactoroninitialline",
    "scalefactoronpseudostandardparallel",
];
const EASTING: &[&str] = &["falseeasting", "eastingatfalseorigin", "eastingatprojectioncentre"];
const NORTHING: &[&str] = &["falsenorthing", "northingatfalseorigin", "northingatprojectioncentre"];
const FIRST: &[&str] = &["standardparallel1", "latitudeof1ststandardparallel", "latitudeofstandardparallel"];
const SECOND: &[&str] = &["standardparallel2", "latitudeof2ndstandardparallel"];
const AZIMUTH: &[&str] = &["azimuth", "azimuthofinitialline", "azimuthatprojectioncentre"];
const SKEW: &[&str] = &["rectifiedgridangle", "anglefromrectifiedtoskewgrid"];

/// The projection; `None` for methods that are not known here.
pub(super) fn projection(crs: &Projected) -> Option<Projection> {
    let of = |names: &[&str]| crs.parameter(names);
    let (latitude, longitude) = (of(LATITUDE).unwrap_or_default(), of(LONGITUDE).unwrap_or_default());
    let scale = of(SCALE).unwrap_or(1.0);
    let origin = vec![("lat_0", latitude), ("lon_0", longitude)];
    let scaled = vec![("lat_0", latitude), ("lon_0", longitude), ("k_0", scale)];
    let meridian = vec![("lon_0", longitude)];
    let parallel = || vec![("lon_0", longitude), ("lat_ts", of(FIRST).unwrap_or_default())];
    let mut flags = Vec::new();
    let (method, mut values) = match crs.method.as_str() {
        "transversemercator" | "gausskruger" | "gaussschreibertransversemercator" => ("tmerc", scaled),
        "lambertconformalconic"
        | "lambertconformalconic1sp"
        | "lambertconformalconic2sp"
        | "lambertconicconformal1sp"
        | "lambertconicconformal2sp" => ("lcc", conic(crs, latitude, longitude, scale)),
        "albers" | "albersconicequalarea" | "albersequalarea" => ("aea", conic(crs, latitude, longitude, 1.0)),
        "equidistantconic" => ("eqdc", conic(crs, latitude, longitude, 1.0)),
        "mercator" | "mercator1sp" | "mercator2sp" | "mercatorvarianta" | "mercatorvariantb" => match of(FIRST) {
            Some(_) => ("merc", parallel()),
            None => ("merc", vec![("lon_0", longitude), ("k_0", scale)]),
        },
        "lambertazimuthalequalarea" => ("laea", origin),
        "azimuthalequidistant" | "modifiedazimuthalequidistant" => ("aeqd", origin),
        "obliquestereographic" | "doublestereographic" => ("sterea", scaled),
        "stereographic" => ("stere", scaled),
        "polarstereographic"
        | "polarstereographicvarianta"
        | "polarstereographicvariantb"
        | "stereographicnorthpole"
        | "stereographicsouthpole" => ("stere", polar(crs, latitude, longitude, scale)),
        "cassinisoldner" | "cassini" => ("cass", origin),
        "polyconic" | "americanpolyconic" => ("poly", origin),
        "newzealandmapgrid" => ("nzmg", origin),
        "equidistantcylindrical" | "equirectangular" | "platecarree" => ("eqc", parallel()),
        "cylindricalequalarea" | "lambertcylindricalequalarea" => ("cea", parallel()),
        "sinusoidal" => ("sinu", meridian),
        "mollweide" => ("moll", meridian),
        "robinson" => ("robin", meridian),
        "equalearth" => ("eqearth", meridian),
        "krovak" | "krovaknorthorientated" | "krovakeastnorth" => {
            let alpha = of(AZIMUTH).or(of(&["colatitudeofconeaxis"])).unwrap_or(30.288_139_722_222_22);
            ("krovak", vec![("lat_0", latitude), ("lon_0", longitude), ("alpha", alpha), ("k_0", scale)])
        }
        name => oblique_method(name, crs, scaled, &mut flags)?,
    };
    values.extend([("x_0", of(EASTING).unwrap_or_default()), ("y_0", of(NORTHING).unwrap_or_default())]);
    Some(Projection { method, values, flags })
}

/// Parallels of a cone, the northern one first as in the table of definitions: their order means nothing.
fn conic(crs: &Projected, latitude: f64, longitude: f64, scale: f64) -> Values {
    let first = crs.parameter(FIRST).unwrap_or(latitude);
    let mut values = vec![("lat_0", latitude), ("lon_0", longitude), ("lat_1", first)];
    if let Some(second) = crs.parameter(SECOND) {
        values.pop();
        values.extend([("lat_1", first.max(second)), ("lat_2", first.min(second))]);
    }
    values.push(("k_0", scale));
    values
}

fn polar(crs: &Projected, latitude: f64, longitude: f64, scale: f64) -> Values {
    let stated = crs.parameter(FIRST);
    let south = crs.method == "stereographicsouthpole" || stated.unwrap_or(latitude) < 0.0;
    let pole = if south { -90.0 } else { 90.0 };
    // In WKT 1 the origin of variant B is its standard parallel.
    match stated.or(Some(latitude).filter(|latitude| latitude.abs() < 90.0 && *latitude != 0.0)) {
        Some(true_scale) => vec![("lat_0", pole), ("lat_ts", true_scale), ("lon_0", longitude)],
        None => vec![("lat_0", pole), ("lon_0", longitude), ("k_0", scale)],
    }
}

/// The methods with an oblique cylinder; those whose azimuth is a right angle are the Swiss one.
fn oblique_method(
    name: &str,
    crs: &Projected,
    scaled: Values,
    flags: &mut Vec<&'static str>,
) -> Option<(&'static str, Values)> {
    let swiss = crs.parameter(AZIMUTH).is_some_and(|azimuth| (azimuth - 90.0).abs() < 1e-9);
    match name {
        "swissobliquecylindrical" | "swissobliquemercator" => Some(("somerc", scaled)),
        "hotineobliquemercator"
        | "hotineobliquemercatorvarianta"
        | "hotineobliquemercatorazimuthnaturalorigin"
        | "rectifiedskeworthomorphicnaturalorigin" => {
            flags.push("no_uoff");
            Some(("omerc", oblique(crs)?))
        }
        "hotineobliquemercatorvariantb"
        | "hotineobliquemercatorazimuthcenter"
        | "obliquemercator"
        | "rectifiedskeworthomorphiccenter" => Some(if swiss { ("somerc", scaled) } else { ("omerc", oblique(crs)?) }),
        _ => None,
    }
}

fn oblique(crs: &Projected) -> Option<Values> {
    let of = |names: &[&str]| crs.parameter(names);
    let azimuth = of(AZIMUTH)?;
    Some(vec![
        ("lat_0", of(LATITUDE).unwrap_or_default()),
        ("lonc", of(LONGITUDE).unwrap_or_default()),
        ("alpha", azimuth),
        ("gamma", of(SKEW).unwrap_or(azimuth)),
        ("k_0", of(SCALE).unwrap_or(1.0)),
    ])
}
