//! Which attributes of a source mean what: identifiers, heights, storeys.

use std::sync::Arc;

use super::{ImportOptions, SourceObject};
use crate::city::{CityObject, Value};

/// Metres of a storey where only their number is known.
const STOREY_HEIGHT_M: f64 = 3.0;
/// Taller than any building; a height beyond it is a mistake of units.
const MAX_HEIGHT_M: f64 = 2000.0;
/// More storeys than any building.
const MAX_STOREYS: f64 = 400.0;

/// Names of heights above ground in metres, best first (CityGML, OpenStreetMap, OpenMapTiles, common exports).
const HEIGHT_NAMES: &[&str] = &[
    "measuredHeight",
    "measuredheight",
    "bldg:measuredHeight",
    "計測高さ",
    "height",
    "building:height",
    "render_height",
    "building_height",
    "Height",
    "HEIGHT",
    "height_m",
    "bldg_height",
    "h_mean",
    "h",
    "H",
];

/// Names of numbers of storeys above ground, best first.
const STOREY_NAMES: &[&str] = &[
    "storeysAboveGround",
    "building:levels",
    "levels",
    "storeys",
    "stories",
    "num_floors",
    "floors",
    "Floor",
    "floor",
    "NUMFLOORS",
    "NumFloors",
    "numfloors",
    "地上階数",
    "层数",
    "story",
    "story_ht_",
    "stories_ab",
];

/// Names of identifiers, best first.
pub(super) const ID_NAMES: &[&str] = &[
    "建物ID",
    "gml_id",
    "gml:id",
    "gmlid",
    "identificatie",
    "uuid",
    "UUID",
    "GlobalId",
    "building_id",
    "globalid",
    "bin",
    "BIN",
    "osm_id",
    "@id",
    "id",
    "ID",
    "fid",
    "FID",
    "objectid",
    "OBJECTID",
];

/// Names of names, best first.
const NAME_NAMES: &[&str] = &["name", "NAME", "Name", "名称", "names.primary"];

/// How the height of an object is found among its attributes.
#[derive(Debug, Clone)]
pub(super) struct HeightRule {
    heights: Vec<String>,
    storeys: Vec<String>,
    storey_height_m: f64,
    measured_height: Arc<str>,
    height_source: Arc<str>,
}

impl HeightRule {
    /// The names that the user gave, or the known ones.
    pub(super) fn new(options: &ImportOptions) -> Self {
        let names = |given: &Option<String>, known: &[&str]| {
            given.as_ref().map_or_else(|| known.iter().map(|&n| n.to_owned()).collect(), |name| vec![name.clone()])
        };
        Self {
            heights: names(&options.height_attribute, HEIGHT_NAMES),
            storeys: names(&options.storey_attribute, STOREY_NAMES),
            storey_height_m: options.storey_height_m.unwrap_or(STOREY_HEIGHT_M),
            measured_height: Arc::from("measuredHeight"),
            height_source: Arc::from("heightSource"),
        }
    }

    /// Height of one storey, metres.
    pub(super) fn storey_height_m(&self) -> f64 {
        self.storey_height_m
    }

    /// The height of an object in metres, and the name of the storeys that it was computed from if it was.
    pub(super) fn find(&self, object: &CityObject) -> Option<(f64, Option<&str>)> {
        let measured = self
            .heights
            .iter()
            .find_map(|name| metres(object.attribute(name)).filter(|height| *height > 0.0 && *height <= MAX_HEIGHT_M));
        if let Some(height) = measured {
            return Some((height, None));
        }
        self.storeys.iter().find_map(|name| {
            let storeys = number(object.attribute(name)).filter(|n| *n > 0.0 && *n <= MAX_STOREYS)?;
            Some((storeys * self.storey_height_m, Some(name.as_str())))
        })
    }

    /// The height of an object in metres; sets its `measuredHeight`, and `heightSource` where that is not the source's own
    /// measure.
    pub(super) fn apply(&self, object: &mut SourceObject) -> Option<f64> {
        let (height, storeys) = self.find(&object.object)?;
        let attributes = &mut object.object.attributes;
        match attributes.iter_mut().find(|(key, _)| *key == self.measured_height) {
            Some((_, value)) => *value = Value::Float(height),
            None => attributes.push((Arc::clone(&self.measured_height), Value::Float(height))),
        }
        if let Some(name) = storeys {
            let words = format!("{name} x {} m", self.storey_height_m);
            object.derive_attribute(&self.height_source, Value::Text(words));
        }
        Some(height)
    }
}

/// Names and classes an object by the attributes that the user named; its name else by what is called like one.
pub(super) fn describe(object: &mut CityObject, options: &ImportOptions) {
    let words = |object: &CityObject, attribute: &str| match object.attribute(attribute) {
        Value::Null => None,
        value => Some(value.to_string()).filter(|words| !words.is_empty()),
    };
    object.name = match &options.name_attribute {
        Some(attribute) => words(object, attribute),
        None => {
            let said = NAME_NAMES.iter().filter_map(|name| object.attribute(name).text());
            said.map(str::to_owned).find(|words| !words.is_empty())
        }
    };
    if let Some(class) = options.class_attribute.as_ref().and_then(|attribute| words(object, attribute)) {
        object.class = class;
    }
}

/// A number, or words that are one.
pub(super) fn number(value: &Value) -> Option<f64> {
    value.number().or_else(|| value.text()?.trim().parse().ok()).filter(|n: &f64| n.is_finite())
}

/// A length in metres: a number, or words with a unit (`12`, `12 m`, `12,5m`, `40 ft`, `40'`, `7'6"`).
pub(super) fn metres(value: &Value) -> Option<f64> {
    if let Some(number) = value.number() {
        return Some(number).filter(|n| n.is_finite());
    }
    let words = value.text()?.trim();
    if let Some((feet, inches)) = words.strip_suffix('"').and_then(|words| words.split_once('\'')) {
        let (feet, inches): (f64, f64) = (feet.trim().parse().ok()?, inches.trim().parse().ok()?);
        return Some((feet + inches / 12.0) * 0.3048).filter(|n| n.is_finite());
    }
    let end = words.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ',' | '-' | '+'))).unwrap_or(words.len());
    let (digits, unit) = words.split_at(end);
    let number: f64 = digits.replace(',', ".").parse().ok()?;
    let factor = match unit.trim() {
        "" | "m" | "metre" | "metres" | "meter" | "meters" | "米" => 1.0,
        "ft" | "feet" | "foot" | "'" => 0.3048,
        "cm" => 0.01,
        "km" => 1000.0,
        _ => return None,
    };
    Some(number * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_with_units() {
        for (words, expected) in [
            ("12", Some(12.0)),
            (" 12.5 m", Some(12.5)),
            ("12,5m", Some(12.5)),
            ("10 ft", Some(3.048)),
            ("10'", Some(3.048)),
            ("7'6\"", Some(2.286)),
            ("tall", None),
            ("", None),
            ("12 furlongs", None),
            ("NaN", None),
        ] {
            assert_eq!(metres(&Value::from(words)), expected, "{words}");
        }
    }

    #[test]
    fn storeys_serve_where_no_height_is_known_and_say_so() {
        let rule = HeightRule::new(&ImportOptions::default());
        let mut object = SourceObject::default();
        object.object.attributes =
            vec![("height".into(), Value::from("unknown")), ("building:levels".into(), Value::from("4"))];
        assert_eq!(rule.apply(&mut object), Some(12.0));
        assert_eq!(object.object.attribute("measuredHeight"), &Value::Float(12.0));
        assert_eq!(object.object.attribute("heightSource"), &Value::from("building:levels x 3 m"));
    }
}
