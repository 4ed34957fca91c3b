//! What a tree of well-known text defines: a datum, a projection with its parameters in degrees and metres.

use super::tree::Node;

const DEGREE: f64 = std::f64::consts::PI / 180.0;

/// A geographic CRS.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Geographic {
    pub name: String,
    /// The datum's name as [`datum_key`] folds it.
    pub datum: String,
    pub semi_major_axis_m: f64,
    /// 0 for a sphere.
    pub inverse_flattening: f64,
    /// East of Greenwich.
    pub prime_meridian_deg: f64,
    /// Helmert parameters to WGS 84 as PROJ has them (position vector), where the text says them.
    pub to_wgs84: Option<Vec<f64>>,
}

/// A projected CRS.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Projected {
    pub name: String,
    pub base: Geographic,
    /// The method's name, folded.
    pub method: String,
    /// Names, folded, and values: degrees, metres, or plain numbers.
    pub parameters: Vec<(String, f64)>,
    pub metres_per_unit: f64,
}

/// Spellings of datums that differ from the EPSG dataset's by more than [`datum_key`] folds away.
const DATUMS: &[(&[&str], &str)] = &[
    (&["wgs84", "worldsystem1984"], "wgs1984"),
    (&["nad83", "nad1983"], "northamerican1983"),
    (&["nad27", "nad1927"], "northamerican1927"),
    (&["etrs89", "etrs1989"], "europeanterrestrialreferencesystem1989"),
    (&["cgcs2000", "chinacoordinatesystem2000"], "china2000"),
    (&["gda94", "gda1994"], "geocentricofaustralia1994"),
    (&["gda2020"], "geocentricofaustralia2020"),
    (&["nzgd2000"], "newzealand2000"),
    (&["nzgd1949"], "newzealand1949"),
    (&["jgd2000"], "japanese2000"),
    (&["jgd2011"], "japanese2011"),
    (&["northamerican1983csrs", "nad1983csrs"], "nad83canadianspatialreferencesystem"),
    (&["northamerican1983harn", "nad1983harn"], "nad83highaccuracyreferencenetwork"),
    (&["nad19832011"], "nad83nationalspatialreferencesystem2011"),
    (&["nad1983nsrs2007"], "nad83nationalspatialreferencesystem2007"),
    (&["rgf1993", "rgf93"], "reseaugeodesiquefrancais1993"),
    (&["sirgas2000"], "sistemadereferenciageocentricoparalaamericas2000"),
    (&["ed50"], "european1950"),
    (&["ordnancesurveyofgreatbritain1936"], "osgb1936"),
    (&["korea2000", "korean2000"], "geocentricofkorea"),
    (&["sjtsk"], "systemjednotnetrigonometrickesitekatastralni"),
    (&["belge1972"], "reseaunationalbelge1972"),
    (&["mgi"], "militargeographischeinstitute"),
];

/// Letters and digits of a name, small, and the plus by which CH1903+ differs.
pub(super) fn folded(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric() || *c == '+').flat_map(char::to_lowercase).collect()
}

/// One key for the spellings of a datum: `D_North_American_1983`, `North_American_Datum_1983`, `NAD83`.
pub(super) fn datum_key(name: &str) -> String {
    let plain = name.strip_prefix("D_").unwrap_or(name);
    let key = ["datum", "geodetic", "ensemble"].iter().fold(folded(plain), |key, word| key.replace(word, ""));
    DATUMS.iter().find(|(names, _)| names.contains(&key.as_str())).map_or(key, |(_, known)| (*known).to_owned())
}

impl Geographic {
    /// Of `GEOGCS`, `GEOGCRS`, `BASEGEOGCRS` and their kin; `None` without a datum.
    pub fn of(node: &Node) -> Option<Self> {
        let datum = node.child(&["DATUM", "GEODETICDATUM", "TRF", "ENSEMBLE"])?;
        let ellipsoid = datum.child(&["SPHEROID", "ELLIPSOID"])?;
        let unit = ellipsoid.child(&["LENGTHUNIT", "UNIT"]).and_then(|unit| unit.number(1)).unwrap_or(1.0);
        let semi_major_axis_m = ellipsoid.number(1)? * unit;
        let meridian = node.child(&["PRIMEM", "PRIMEMERIDIAN"]).or_else(|| datum.child(&["PRIMEM"]));
        let prime_meridian_deg = meridian.and_then(|meridian| {
            // Without a unit of its own it is in degrees, whatever the other angles are in: so all writers of WKT 1.
            let unit = meridian.child(&["ANGLEUNIT", "UNIT"]).and_then(|unit| unit.number(1)).unwrap_or(DEGREE);
            Some(meridian.number(1)? * degrees(unit))
        });
        let to_wgs84 = datum.child(&["TOWGS84"]).map(|shift| (0..7).map_while(|place| shift.number(place)).collect());
        (semi_major_axis_m > 6.0e6 && semi_major_axis_m < 6.6e6).then(|| Self {
            name: folded(node.name().strip_prefix("GCS_").unwrap_or(node.name())),
            datum: datum_key(datum.name()),
            semi_major_axis_m,
            inverse_flattening: ellipsoid.number(2).unwrap_or_default(),
            prime_meridian_deg: prime_meridian_deg.unwrap_or_default(),
            to_wgs84: to_wgs84.filter(|shift: &Vec<f64>| shift.len() == 3 || shift.len() == 7),
        })
    }
}

impl Projected {
    /// Of `PROJCS` and `PROJCRS`; `None` where the base, the method or the unit is missing.
    pub fn of(node: &Node) -> Option<Self> {
        let base = node.child(&["GEOGCS", "BASEGEOGCRS", "BASEGEODCRS", "GEOGCRS", "GEODCRS"])?;
        let conversion = node.child(&["CONVERSION", "DERIVINGCONVERSION"]).unwrap_or(node);
        let method = conversion.child(&["PROJECTION", "METHOD"])?.name();
        let unit = |node: &Node| node.child(&["UNIT", "LENGTHUNIT"]).and_then(|unit| unit.number(1));
        let axis_unit = || node.children().filter(|child| child.keyword == "AXIS").find_map(unit);
        let metres_per_unit = unit(node).or_else(axis_unit).filter(|metres| *metres > 0.0)?;
        let angle = base.child(&["UNIT", "ANGLEUNIT"]).and_then(|unit| unit.number(1)).unwrap_or(DEGREE);
        let parameters = conversion
            .children()
            .filter(|child| child.keyword == "PARAMETER")
            .filter_map(|child| {
                let name = folded(child.name());
                let own = child.child(&["ANGLEUNIT", "LENGTHUNIT", "SCALEUNIT", "UNIT"]).and_then(|u| u.number(1));
                let scaled = match kind(&name) {
                    Kind::Angle => degrees(own.unwrap_or(angle)),
                    Kind::Length => own.unwrap_or(metres_per_unit),
                    Kind::Number => 1.0,
                };
                Some((name, child.number(1)? * scaled))
            })
            .collect();
        let base = Geographic::of(base)?;
        Some(Self { name: folded(node.name()), base, method: folded(method), parameters, metres_per_unit })
    }

    /// The first parameter of these names.
    pub fn parameter(&self, names: &[&str]) -> Option<f64> {
        names.iter().find_map(|name| Some(self.parameters.iter().find(|(key, _)| key == name)?.1))
    }
}

/// Degrees in a unit of so many radians; degrees are printed with more or fewer digits.
fn degrees(unit: f64) -> f64 {
    let degrees = unit / DEGREE;
    if (degrees - 1.0).abs() < 1e-9 { 1.0 } else { degrees }
}

enum Kind {
    Angle,
    Length,
    Number,
}

fn kind(parameter: &str) -> Kind {
    let has = |words: &[&str]| words.iter().any(|word| parameter.contains(word));
    if has(&["easting", "northing", "height"]) {
        Kind::Length
    } else if has(&["scale", "xscale", "yscale"]) {
        Kind::Number
    } else if has(&["latitude", "longitude", "meridian", "parallel", "azimuth", "angle", "rotation"]) {
        Kind::Angle
    } else {
        Kind::Number
    }
}
