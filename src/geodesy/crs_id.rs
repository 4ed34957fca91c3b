//! Names of coordinate reference systems, in one form whatever the file calls them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::{GeodesyError, Geodetic};

/// How the name of a topocentric CRS begins.
const TOPOCENTRIC: &str = "+proj=topocentric +ellps=WGS84";

/// A coordinate reference system by name, normalised: `EPSG:28992`, `EPSG:28992+5709` (horizontal and vertical), `OGC:CRS84`,
/// `GCJ02`, `BD09`, their maps `GCJ02MC`, `BD09MC`, a PROJ string (`+proj=tmerc +lon_0=114 +x_0=500000 +ellps=GRS80`), or the name of a city CRS. Cheap to
/// clone; equal names are equal CRS.
///
/// Read from what files hold: `EPSG:7415`, `urn:ogc:def:crs:EPSG::28992`, `urn:ogc:def:crs,crs:EPSG::28992,crs:EPSG::5709`,
/// `http(s)://www.opengis.net/def/crs/EPSG/0/7415`, `http://www.opengis.net/gml/srs/epsg.xml#4326`,
/// `urn:ogc:def:crs:OGC:1.3:CRS84` (OGC 07-092r3 clause 7, OGC 09-048r5), plain `28992` is *not* read: a number is no name.
///
/// ```
/// use veduta::geodesy::CrsId;
/// let crs: CrsId = "urn:ogc:def:crs:EPSG::28992".parse().unwrap();
/// assert_eq!(crs.to_string(), "EPSG:28992");
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CrsId(Arc<str>);

impl CrsId {
    /// WGS 84, longitude and latitude in degrees and ellipsoid height: the hub of all conversions.
    pub fn wgs84() -> Self {
        Self::epsg(4979)
    }

    /// A CRS of the EPSG dataset.
    pub fn epsg(code: u32) -> Self {
        Self(format!("EPSG:{code}").into())
    }

    /// East, north and up in metres at a place, as PROJ calls it (EPSG method 9837): what a model has that knows where it
    /// stands, and no map.
    pub fn topocentric(origin: Geodetic) -> Self {
        let (longitude, latitude) = (origin.longitude_rad.to_degrees(), origin.latitude_rad.to_degrees());
        let height = origin.ellipsoid_height_m;
        Self(format!("{TOPOCENTRIC} +lon_0={longitude} +lat_0={latitude} +h_0={height}").into())
    }

    /// Web Mercator of GCJ-02 places, metres: the tiles of Amap, Tencent and Google in China lie in it.
    pub fn gcj02_mercator() -> Self {
        Self("GCJ02MC".into())
    }

    /// Baidu's Mercator of BD-09 places, metres: Baidu's tiles lie in it.
    pub fn bd09_mercator() -> Self {
        Self("BD09MC".into())
    }

    /// The origin of a [`Self::topocentric`] CRS.
    pub(super) fn topocentric_origin(&self) -> Option<Geodetic> {
        let rest = self.0.strip_prefix(TOPOCENTRIC)?;
        let value = |key: &str| rest.split_whitespace().find_map(|word| word.strip_prefix(key)?.parse::<f64>().ok());
        let origin = Geodetic::from_degrees(value("+lon_0=")?, value("+lat_0=")?, value("+h_0=").unwrap_or_default());
        (origin.longitude_rad.is_finite()
            && origin.latitude_rad.abs() <= std::f64::consts::FRAC_PI_2
            && origin.ellipsoid_height_m.is_finite())
        .then_some(origin)
    }

    /// Of a definition as files carry it: WKT 1 or 2, or a projection file of ARC/INFO. Its EPSG code where it has one or the
    /// table of definitions knows it, else a PROJ string of its parameters.
    ///
    /// ```
    /// use veduta::geodesy::CrsId;
    /// let text = r#"GEOGCS["GCS_WGS_1984",DATUM["D_WGS_1984",SPHEROID["WGS_1984",6378137,298.257223563]],
    ///     PRIMEM["Greenwich",0],UNIT["Degree",0.0174532925199433]]"#;
    /// assert_eq!(CrsId::from_wkt(text).unwrap().to_string(), "EPSG:4326");
    /// ```
    pub fn from_wkt(text: &str) -> Result<Self, GeodesyError> {
        super::wkt::from_text(text)
    }

    /// The same of PROJJSON, which GeoParquet carries.
    pub fn from_projjson(text: &str) -> Result<Self, GeodesyError> {
        super::wkt::from_projjson(text)
    }

    /// The normalised name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The EPSG code of the CRS, or of its horizontal part where the name joins two; `None` for everything else.
    pub fn epsg_code(&self) -> Option<u32> {
        let code = self.0.strip_prefix("EPSG:")?;
        code.split('+').next()?.parse().ok()
    }

    /// The EPSG code of the vertical part of a name that joins two.
    pub fn vertical_epsg_code(&self) -> Option<u32> {
        self.0.strip_prefix("EPSG:")?.split_once('+')?.1.parse().ok()
    }

    /// The name itself where it is a PROJ string: one projection (or `longlat`, `geocent`) with its ellipsoid and shift.
    pub fn proj_string(&self) -> Option<&str> {
        self.0.starts_with("+proj=").then_some(&*self.0)
    }

    /// The PROJ string of the CRS, east first: of EPSG codes by the table of definitions, where they are in it.
    ///
    /// ```
    /// use veduta::geodesy::CrsId;
    /// assert!(CrsId::epsg(32654).definition().unwrap().starts_with("+proj=utm +zone=54"));
    /// ```
    pub fn definition(&self) -> Option<String> {
        super::crs_info::proj_string(self)
    }

    /// Whether the name is `AUTHORITY:CODE` or a PROJ string, and not one of ours.
    pub fn is_for_backend(&self) -> bool {
        self.0.contains(':') || self.proj_string().is_some()
    }
}

impl fmt::Display for CrsId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for CrsId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for CrsId {
    type Err = GeodesyError;

    fn from_str(text: &str) -> Result<Self, GeodesyError> {
        let name = text.trim();
        let refused = || GeodesyError::NotACrs { text: text.chars().take(200).collect() };
        if name.len() > 400 {
            return Err(refused());
        }
        let lower = name.to_ascii_lowercase();
        let parsed = if name.starts_with("+") || name.starts_with("proj=") {
            proj_string(name)
        } else if lower.starts_with("urn:") {
            urn(&lower)
        } else if let Some(path) = lower.strip_prefix("http://").or_else(|| lower.strip_prefix("https://")) {
            url(path)
        } else if let Some((authority, code)) = name.split_once(':') {
            authority_code(authority, code)
        } else {
            plain_name(name)
        };
        parsed.map(|name| Self(name.into())).ok_or_else(refused)
    }
}

/// `urn:ogc:def:crs:AUTHORITY:VERSION:CODE` and the compound `urn:ogc:def:crs,crs:...,crs:...`.
fn urn(lower: &str) -> Option<String> {
    let rest = lower.strip_prefix("urn:ogc:def:crs").or_else(|| lower.strip_prefix("urn:x-ogc:def:crs"))?;
    if let Some(single) = rest.strip_prefix(':') {
        return authority_version_code(&single.split(':').collect::<Vec<_>>());
    }
    let parts: Option<Vec<String>> = rest
        .strip_prefix(',')?
        .split(',')
        .map(|part| authority_version_code(&part.strip_prefix("crs:")?.split(':').collect::<Vec<_>>()))
        .collect();
    joined(&parts?)
}

/// `www.opengis.net/def/crs/EPSG/0/7415`, `www.opengis.net/def/crs-compound?1=...&2=...`, `www.opengis.net/gml/srs/epsg.xml#4326`.
fn url(path: &str) -> Option<String> {
    let path = path.strip_prefix("www.").unwrap_or(path).strip_prefix("opengis.net/")?;
    if let Some(code) = path.strip_prefix("gml/srs/epsg.xml#") {
        return authority_code("epsg", code);
    }
    if let Some(query) = path.strip_prefix("def/crs-compound?") {
        let mut parts: Vec<(u32, String)> = Vec::new();
        for (number, part) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let part = part.strip_prefix("http://").or_else(|| part.strip_prefix("https://"))?;
            parts.push((number.parse().ok()?, url(part)?));
        }
        parts.sort();
        return joined(&parts.into_iter().map(|(_, part)| part).collect::<Vec<_>>());
    }
    let rest = path.strip_prefix("def/crs/")?;
    authority_version_code(&rest.trim_end_matches('/').split('/').collect::<Vec<_>>())
}

fn authority_version_code(parts: &[&str]) -> Option<String> {
    match parts {
        [authority, _, code] | [authority, code] => authority_code(authority, code),
        _ => None,
    }
}

fn authority_code(authority: &str, code: &str) -> Option<String> {
    let (authority, code) = (authority.trim().to_ascii_uppercase(), code.trim());
    match authority.as_str() {
        "EPSG" => {
            // A leading zero or sign would make two names of one CRS.
            let codes: Option<Vec<u32>> = code
                .split('+')
                .map(|c| c.bytes().all(|b| b.is_ascii_digit()).then(|| c.parse().ok()).flatten())
                .collect();
            let codes = codes.filter(|codes| codes.len() <= 2)?;
            Some(format!("EPSG:{}", codes.iter().map(u32::to_string).collect::<Vec<_>>().join("+")))
        }
        "OGC" | "CRS" => match code.to_ascii_uppercase().as_str() {
            "CRS84" | "84" => Some("OGC:CRS84".to_owned()),
            "CRS84H" => Some("OGC:CRS84h".to_owned()),
            _ => None,
        },
        _ => {
            let word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            (word(&authority) && word(code)).then(|| format!("{authority}:{code}"))
        }
    }
}

/// Horizontal and vertical EPSG codes as one name.
fn joined(parts: &[String]) -> Option<String> {
    match parts {
        [horizontal, vertical] => {
            let (h, v) = (horizontal.strip_prefix("EPSG:")?, vertical.strip_prefix("EPSG:")?);
            Some(format!("EPSG:{h}+{v}"))
        }
        _ => None,
    }
}

/// A PROJ string as `+key=value` parted by single blanks, `+proj` first. Pipelines and files of definitions are no CRS.
fn proj_string(name: &str) -> Option<String> {
    let mut words: Vec<&str> = name.split_whitespace().map(|word| word.trim_start_matches('+')).collect();
    let first = words.iter().position(|word| word.starts_with("proj="))?;
    words[..=first].rotate_right(1);
    let crs = |word: &&str| {
        !word.is_empty() && !["proj=pipeline", "step", "inv", "init="].iter().any(|w| word.starts_with(w))
    };
    words.iter().all(crs).then(|| words.iter().map(|word| format!("+{word}")).collect::<Vec<_>>().join(" "))
}

/// The Chinese map offsets under their usual spellings, or the name of a city CRS.
fn plain_name(name: &str) -> Option<String> {
    let folded: String =
        name.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).collect::<String>().to_ascii_uppercase();
    match folded.as_str() {
        "GCJ02" => Some("GCJ02".to_owned()),
        "BD09" | "BD09LL" => Some("BD09".to_owned()),
        "GCJ02MC" => Some("GCJ02MC".to_owned()),
        "BD09MC" => Some("BD09MC".to_owned()),
        "CRS84" => Some("OGC:CRS84".to_owned()),
        _ => {
            let number = name.bytes().all(|b| b.is_ascii_digit());
            let printable = name.chars().all(|c| !c.is_control() && !matches!(c, '/' | '+' | '='));
            (!name.is_empty() && !number && printable).then(|| name.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_for_all_spellings() {
        for (text, expected) in [
            ("EPSG:28992", "EPSG:28992"),
            (" epsg:4326 ", "EPSG:4326"),
            ("urn:ogc:def:crs:EPSG::28992", "EPSG:28992"),
            ("urn:ogc:def:crs:EPSG:6.9:7415", "EPSG:7415"),
            ("urn:ogc:def:crs,crs:EPSG::28992,crs:EPSG::5709", "EPSG:28992+5709"),
            ("http://www.opengis.net/def/crs/EPSG/0/7415", "EPSG:7415"),
            ("https://www.opengis.net/def/crs/EPSG/0/7415", "EPSG:7415"),
            ("http://www.opengis.net/gml/srs/epsg.xml#4326", "EPSG:4326"),
            (
                "http://www.opengis.net/def/crs-compound?1=http://www.opengis.net/def/crs/EPSG/0/28992&2=http://www.opengis.net/def/crs/EPSG/0/5709",
                "EPSG:28992+5709",
            ),
            ("urn:ogc:def:crs:OGC:1.3:CRS84", "OGC:CRS84"),
            ("http://www.opengis.net/def/crs/OGC/1.3/CRS84", "OGC:CRS84"),
            ("OGC:CRS84", "OGC:CRS84"),
            ("gcj-02", "GCJ02"),
            ("GCJ02", "GCJ02"),
            ("BD-09", "BD09"),
            ("bd09_mc", "BD09MC"),
            ("ESRI:102100", "ESRI:102100"),
            ("深圳独立坐标系", "深圳独立坐标系"),
            ("+lon_0=114  +proj=tmerc +ellps=GRS80", "+proj=tmerc +lon_0=114 +ellps=GRS80"),
            ("proj=longlat datum=WGS84", "+proj=longlat +datum=WGS84"),
        ] {
            assert_eq!(text.parse::<CrsId>().map(|c| c.to_string()).as_deref(), Ok(expected), "{text}");
        }
        assert_eq!(CrsId::epsg(28992).epsg_code(), Some(28992));
        let compound: CrsId = "EPSG:28992+5709".parse().unwrap();
        assert_eq!((compound.epsg_code(), compound.vertical_epsg_code()), (Some(28992), Some(5709)));
    }

    #[test]
    fn a_topocentric_name_holds_its_origin() {
        let origin = Geodetic::from_degrees(8.436_539, 49.100_435, 110.25);
        let crs = CrsId::topocentric(origin);
        assert_eq!(crs.to_string().parse(), Ok(crs.clone()));
        let back = crs.topocentric_origin().unwrap();
        assert!((back.longitude_rad - origin.longitude_rad).abs() < 1e-15, "{crs}");
        assert_eq!(back.ellipsoid_height_m, 110.25);
        let nowhere: CrsId = "+proj=topocentric +ellps=WGS84 +lon_0=8 +lat_0=99".parse().unwrap();
        assert_eq!(nowhere.topocentric_origin(), None);
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "28992",
            "EPSG:",
            "EPSG:-1",
            "EPSG:12ab",
            "EPSG:1+2+3",
            "urn:ogc:def:crs",
            "http://example.org/4326",
            "OGC:X",
            "+lon_0=114",
            "+proj=pipeline +step +proj=utm +zone=32",
            "+init=epsg:4326",
        ] {
            assert!(matches!(text.parse::<CrsId>(), Err(GeodesyError::NotACrs { .. })), "{text}");
        }
        assert!("x".repeat(401).parse::<CrsId>().is_err());
    }
}
