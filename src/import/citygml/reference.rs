//! Coordinate reference systems as GML names them, and which of their axes is written first.

use crate::geodesy::{AxisOrder, CrsId, CrsRegistry};

/// Names of the German surveying authorities' registry (AdV-Online, `urn:adv:crs:...`) and the EPSG codes of the same CRS.
/// Coordinates under these names are east first.
const ADV_PLANE: &[(&str, u32)] = &[
    ("DE_DHDN_3GK2", 31466),
    ("DE_DHDN_3GK3", 31467),
    ("DE_DHDN_3GK4", 31468),
    ("DE_DHDN_3GK5", 31469),
    ("ETRS89_UTM31", 25831),
    ("ETRS89_UTM32", 25832),
    ("ETRS89_UTM33", 25833),
];
const ADV_HEIGHT: &[(&str, u32)] = &[("DE_DHHN85_NH", 5784), ("DE_DHHN92_NH", 5783), ("DE_DHHN2016_NH", 7837)];

/// A CRS and how coordinates in it are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) crs: CrsId,
    /// Whether north (latitude) is written before east.
    pub(super) north_first: bool,
    /// Whether that is so by definition of a plane CRS, which many files do not heed.
    pub(super) is_doubtful: bool,
}

impl Reference {
    /// What an `srsName` says. URNs and URLs of OGC have the axes as the authority defines them; `EPSG:4326` and the old
    /// `epsg.xml#4326` are older than that rule and have east first (OGC 09-048r5, 8; GML 3.2.1, 9.10; as GDAL reads them).
    pub(super) fn parse(name: &str, registry: &CrsRegistry) -> Option<Self> {
        if let Some(crs) = name.strip_prefix("urn:adv:crs:").and_then(adv) {
            return Some(Self { crs, north_first: false, is_doubtful: false });
        }
        // Any other word could be the name of a city CRS, which no GML file means.
        let crs = name.parse().ok().filter(|crs: &CrsId| crs.is_for_backend() || registry.crs_info(crs).is_ok())?;
        let lower = name.trim().to_ascii_lowercase();
        let by_authority = (lower.starts_with("urn:") || lower.contains("/def/crs")) && !lower.contains("epsg.xml#");
        if by_authority { Some(Self::by_authority(crs, registry)) } else { Some(Self::east_first(crs)) }
    }

    /// A CRS whose coordinates are written as its authority defines: what GML asks for.
    pub(super) fn by_authority(crs: CrsId, registry: &CrsRegistry) -> Self {
        let info = registry.crs_info(&crs).ok();
        let north_first = info.as_ref().is_some_and(|info| info.axis_order == AxisOrder::NorthFirst);
        let is_doubtful = north_first && info.is_some_and(|info| !info.is_geographic);
        Self { crs, north_first, is_doubtful }
    }

    fn east_first(crs: CrsId) -> Self {
        Self { crs, north_first: false, is_doubtful: false }
    }
}

/// `ETRS89_UTM32*DE_DHHN2016_NH`: the plane CRS, and that of heights.
fn adv(name: &str) -> Option<CrsId> {
    let code =
        |list: &[(&str, u32)], name: &str| list.iter().find(|(known, _)| *known == name.trim()).map(|(_, code)| *code);
    let (plane, height) = name.split_once('*').unwrap_or((name, ""));
    let plane = code(ADV_PLANE, plane)?;
    match code(ADV_HEIGHT, height) {
        Some(height) => format!("EPSG:{plane}+{height}").parse().ok(),
        None => Some(CrsId::epsg(plane)),
    }
}

/// Whether two CRS are the same in the plane, so that only their heights differ: `EPSG:6668` and `EPSG:6697`.
pub(super) fn same_plane(a: &CrsId, b: &CrsId, registry: &CrsRegistry) -> bool {
    let plane = |crs: &CrsId| {
        let info = registry.crs_info(crs).ok()?;
        info.name.split(" + ").next().map(str::to_owned)
    };
    a == b
        || (a.epsg_code().is_some() && a.epsg_code() == b.epsg_code())
        || plane(a).is_some_and(|name| plane(b) == Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_tells_the_order_of_axes() {
        let registry = CrsRegistry::default();
        for (name, crs, north_first, is_doubtful) in [
            ("http://www.opengis.net/def/crs/EPSG/0/6697", "EPSG:6697", true, false),
            ("urn:ogc:def:crs:EPSG::4326", "EPSG:4326", true, false),
            ("EPSG:4979", "EPSG:4979", false, false),
            ("http://www.opengis.net/gml/srs/epsg.xml#4326", "EPSG:4326", false, false),
            ("urn:ogc:def:crs,crs:EPSG::25832,crs:EPSG::5783", "EPSG:25832+5783", false, false),
            ("urn:ogc:def:crs,crs:EPSG:6.12:3068,crs:EPSG:6.12:5783", "EPSG:3068+5783", true, true),
            ("urn:ogc:def:crs:OGC:1.3:CRS84", "OGC:CRS84", false, false),
            ("urn:adv:crs:ETRS89_UTM32*DE_DHHN2016_NH", "EPSG:25832+7837", false, false),
            ("urn:adv:crs:DE_DHDN_3GK4", "EPSG:31468", false, false),
        ] {
            let expected = Reference { crs: crs.parse().unwrap(), north_first, is_doubtful };
            assert_eq!(Reference::parse(name, &registry), Some(expected), "{name}");
        }
        for name in ["#local-CRS-1", "urn:adv:crs:DE_42-83_3GK4", "", "somewhere/else"] {
            assert_eq!(Reference::parse(name, &registry), None, "{name}");
        }
    }

    #[test]
    fn heights_make_no_other_plane() {
        let registry = CrsRegistry::default();
        let same = |a: &str, b: &str| same_plane(&a.parse().unwrap(), &b.parse().unwrap(), &registry);
        assert!(same("EPSG:6668", "EPSG:6697") && same("EPSG:25832", "EPSG:25832+5783"));
        assert!(same("EPSG:28992", "EPSG:7415"));
        assert!(!same("EPSG:4326", "EPSG:6697") && !same("EPSG:25832", "EPSG:25833"));
    }
}
