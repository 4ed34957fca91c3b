//! CRS without an EPSG code: the parameters of user-defined GeoKeys as a PROJ string (OGC 19-008r4, annexes C.3 and G).

use super::keys::{GEOGRAPHIC, GeoKeys, PROJECTED, unit_m};
use crate::geodesy::CrsId;

/// `ProjMethodGeoKey`, `ProjLinearUnitsGeoKey`, its size, `ProjectionGeoKey`.
const METHOD: u16 = 3075;
const LINEAR_UNITS: u16 = 3076;
const LINEAR_UNIT_SIZE: u16 = 3077;
const PROJECTION: u16 = 3074;

/// The PROJ string of the keys; `None` where they name a method that is not known here, or none at all.
pub fn proj_string(keys: &GeoKeys) -> Option<String> {
    let base = base(keys)?;
    if keys.short(PROJECTED).is_none() && keys.short(METHOD).is_none() && keys.short(PROJECTION).is_none() {
        // A geographic CRS of its own datum, where the keys say that it is geographic.
        let is_geographic = keys.short(1024) == Some(2) && keys.short(GEOGRAPHIC).is_some();
        return is_geographic.then(|| format!("+proj=longlat {base} +no_defs"));
    }
    let unit = match keys.short(LINEAR_UNITS) {
        Some(code) if unit_m(code).is_some() => unit_m(code)?,
        _ => keys.float(LINEAR_UNIT_SIZE).filter(|size| *size > 0.0).unwrap_or(1.0),
    };
    let projection = match keys.code(PROJECTION) {
        Some(code) => by_code(code)?,
        None => method(keys, unit)?,
    };
    let unit = if unit == 1.0 { "+units=m".to_owned() } else { format!("+to_meter={unit}") };
    Some(format!("{projection} {base} {unit} +no_defs"))
}

/// The WKT in a citation (`ESRI PE String = PROJCS[...`), where GDAL and ArcGIS put what has no keys.
pub fn cited(words: &str) -> Option<CrsId> {
    let wkt = words.get(words.find("PROJCS[").or_else(|| words.find("GEOGCS["))?..)?;
    // GDAL has the whole in a PROJ string beside it, where WKT has no name for the method.
    let extension = || {
        let (_, rest) = wkt.split_once("EXTENSION[\"PROJ4\",\"")?;
        rest.split('"').next()?.parse().ok()
    };
    extension().or_else(|| CrsId::from_wkt(wkt).ok())
}

/// Ellipsoid, datum and prime meridian.
fn base(keys: &GeoKeys) -> Option<String> {
    if let Some(code) = keys.code(GEOGRAPHIC) {
        let definition = CrsId::epsg(code.into()).definition()?;
        let kept = |word: &&str| !["+proj=", "+no_defs", "+type="].iter().any(|key| word.starts_with(key));
        return Some(definition.split_whitespace().filter(kept).collect::<Vec<_>>().join(" "));
    }
    let mut words = match keys.code(2050) {
        Some(6326) => "+datum=WGS84".to_owned(),
        Some(6269) => "+datum=NAD83".to_owned(),
        Some(6267) => "+datum=NAD27".to_owned(),
        _ => ellipsoid(keys)?,
    };
    if let Some(meridian) = keys.float(2061).filter(|meridian| *meridian != 0.0) {
        words += &format!(" +pm={meridian}");
    }
    Some(words)
}

fn ellipsoid(keys: &GeoKeys) -> Option<String> {
    let named = match keys.code(2056) {
        Some(7019) => Some("GRS80"),
        Some(7030) => Some("WGS84"),
        Some(7004) => Some("bessel"),
        Some(7022) => Some("intl"),
        Some(7024) => Some("krass"),
        Some(7001) => Some("airy"),
        Some(7008) => Some("clrk66"),
        _ => None,
    };
    if let Some(name) = named {
        return Some(format!("+ellps={name}"));
    }
    let major = keys.float(2057).filter(|major| *major > 1e6 && *major < 1e8)?;
    match (keys.float(2059), keys.float(2058)) {
        (Some(inverse), _) if inverse > 1.0 => Some(format!("+a={major} +rf={inverse}")),
        (_, Some(minor)) if minor > 1e6 && minor < 1e8 => Some(format!("+a={major} +b={minor}")),
        _ => Some(format!("+a={major} +b={major}")),
    }
}

/// EPSG codes of conversions: the zones of UTM.
fn by_code(code: u16) -> Option<String> {
    match code {
        16_001..=16_060 => Some(format!("+proj=utm +zone={}", code - 16_000)),
        16_101..=16_160 => Some(format!("+proj=utm +zone={} +south", code - 16_100)),
        _ => None,
    }
}

/// The projection by its method and parameters; lengths become metres, as PROJ has them.
fn method(keys: &GeoKeys, unit_m: f64) -> Option<String> {
    let first = |candidates: &[u16]| candidates.iter().find_map(|key| keys.float(*key)).unwrap_or_default();
    let scale = || [3092, 3093].iter().find_map(|key| keys.float(*key)).unwrap_or(1.0);
    let longitude = first(&[3080, 3088, 3084, 3095]);
    let latitude = first(&[3081, 3089, 3085]);
    let (east, north) = (first(&[3082, 3086, 3090]) * unit_m, first(&[3083, 3087, 3091]) * unit_m);
    let (parallel_1, parallel_2) = (first(&[3078]), first(&[3079]));
    let projection = match keys.short(METHOD)? {
        1 => format!("+proj=tmerc +lat_0={latitude} +lon_0={longitude} +k={}", scale()),
        3 | 9815 => format!("+proj=omerc +lat_0={latitude} +lonc={longitude} +alpha={} +k={}", first(&[3094]), scale()),
        7 => match keys.float(3078) {
            Some(true_at) => format!("+proj=merc +lat_ts={true_at} +lon_0={longitude}"),
            None => format!("+proj=merc +lon_0={longitude} +k={}", scale()),
        },
        8 => format!("+proj=lcc +lat_0={latitude} +lon_0={longitude} +lat_1={parallel_1} +lat_2={parallel_2}"),
        9 => format!("+proj=lcc +lat_1={latitude} +lat_0={latitude} +lon_0={longitude} +k_0={}", scale()),
        10 => format!("+proj=laea +lat_0={latitude} +lon_0={longitude}"),
        11 => format!("+proj=aea +lat_0={latitude} +lon_0={longitude} +lat_1={parallel_1} +lat_2={parallel_2}"),
        12 => format!("+proj=aeqd +lat_0={latitude} +lon_0={longitude}"),
        14 => format!("+proj=stere +lat_0={latitude} +lon_0={longitude} +k={}", scale()),
        15 => {
            // The latitude is that of the true scale; the pole is the one on its side.
            let pole = if latitude < 0.0 { -90 } else { 90 };
            format!("+proj=stere +lat_0={pole} +lat_ts={latitude} +lon_0={longitude} +k={}", scale())
        }
        16 => format!("+proj=sterea +lat_0={latitude} +lon_0={longitude} +k={}", scale()),
        17 => format!("+proj=eqc +lat_ts={parallel_1} +lat_0={latitude} +lon_0={longitude}"),
        18 => format!("+proj=cass +lat_0={latitude} +lon_0={longitude}"),
        24 => format!("+proj=sinu +lon_0={longitude}"),
        28 => format!("+proj=cea +lat_ts={parallel_1} +lon_0={longitude}"),
        _ => return None,
    };
    Some(format!("{projection} +x_0={east} +y_0={north}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(shorts: &[(u64, u64)], floats: &[(u64, f64)]) -> GeoKeys {
        let mut directory = vec![1, 1, 0, 0];
        directory.extend(shorts.iter().flat_map(|(key, value)| [*key, 0, 1, *value]));
        directory.extend(floats.iter().enumerate().flat_map(|(at, (key, _))| [*key, 34736, 1, at as u64]));
        GeoKeys::read(&directory, &floats.iter().map(|(_, value)| *value).collect::<Vec<_>>(), "")
    }

    #[test]
    fn methods_and_ellipsoids_are_projs() {
        let laea = keys(
            &[(1024, 1), (2048, 32767), (2056, 7019), (3072, 32767), (3075, 10), (3076, 9001)],
            &[(3082, 4_321_000.0), (3083, 3_210_000.0), (3088, 10.0), (3089, 52.0)],
        );
        assert_eq!(
            laea.crs().unwrap().to_string(),
            "+proj=laea +lat_0=52 +lon_0=10 +x_0=4321000 +y_0=3210000 +ellps=GRS80 +units=m +no_defs"
        );
        let feet = keys(
            &[(1024, 1), (2048, 4269), (3072, 32767), (3075, 1), (3076, 9003)],
            &[(3080, -75.0), (3081, 40.0), (3092, 0.9999), (3082, 1000.0)],
        );
        let words = feet.crs().unwrap().to_string();
        assert!(words.contains("+x_0=304.8006096012192 ") && words.contains("+to_meter=0.3048006"), "{words}");
        assert!(words.contains("NAD83") || words.contains("GRS80"), "{words}");
        let utm = keys(&[(1024, 1), (2048, 4326), (3072, 32767), (3074, 16011)], &[]);
        assert!(utm.crs().unwrap().to_string().starts_with("+proj=utm +zone=11 "));
        let own = keys(&[(1024, 2), (2048, 32767)], &[(2057, 6_378_137.0), (2059, 298.257_222_1)]);
        assert_eq!(own.crs().unwrap().to_string(), "+proj=longlat +a=6378137 +rf=298.2572221 +no_defs");
        assert_eq!(keys(&[(1024, 1), (2048, 4326), (3072, 32767), (3075, 99)], &[]).crs(), None);
    }

    #[test]
    fn a_citation_may_hold_the_definition() {
        let crs = |words: &str| {
            let keys = GeoKeys::read(&[1, 1, 0, 1, 3073, 34737, words.len() as u64, 0], &[], words);
            keys.crs().map(|crs| crs.to_string())
        };
        let words = "ESRI PE String = PROJCS[\"x\",EXTENSION[\"PROJ4\",\"+proj=geos +h=35786023 +ellps=GRS80\"]]";
        assert_eq!(crs(words).as_deref(), Some("+proj=geos +h=35786023 +ellps=GRS80"));
        let words = "ESRI PE String = GEOGCS[\"GCS_WGS_1984\",DATUM[\"D_WGS_1984\",SPHEROID[\"WGS_1984\",6378137.0,\
            298.257223563]],PRIMEM[\"Greenwich\",0.0],UNIT[\"Degree\",0.0174532925199433]]";
        assert_eq!(crs(words).as_deref(), Some("EPSG:4326"));
        assert_eq!(crs("WGS 84 / UTM zone 12N"), None);
    }
}
