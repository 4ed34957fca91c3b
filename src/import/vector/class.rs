//! What a feature is, in CityGML 3.0's words, and what follows from that.
//!
//! First its attributes tell (OpenStreetMap's and those of like schemas), then the name of its layer, then its geometry: an
//! area is a building, as footprints without a word about themselves are; lines and places without one are generic.

use std::sync::Arc;

use super::Geometry;
use crate::city::{CimLevel, Value};

/// What follows from a class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Class {
    pub name: &'static str,
    pub level: CimLevel,
    /// Width of its lines where none is known, metres.
    pub width_m: f64,
    /// Whether it stands on the ground with a height, and is not only an area of it.
    pub rises: bool,
}

const fn class(name: &'static str, level: CimLevel, width_m: f64, rises: bool) -> Class {
    Class { name, level, width_m, rises }
}

const CLASSES: &[Class] = &[
    class("Building", CimLevel::Frame, 1.0, true),
    class("BuildingPart", CimLevel::Frame, 1.0, true),
    class("Bridge", CimLevel::Frame, 8.0, true),
    class("Tunnel", CimLevel::Frame, 8.0, false),
    class("Road", CimLevel::Frame, 6.0, false),
    class("Square", CimLevel::Frame, 6.0, false),
    class("Railway", CimLevel::Frame, 3.0, false),
    class("WaterBody", CimLevel::Surface, 6.0, false),
    class("LandUse", CimLevel::Surface, 2.0, false),
    class("PlantCover", CimLevel::Surface, 2.0, true),
    class("SolitaryVegetationObject", CimLevel::Standard, 1.0, true),
    class("CityFurniture", CimLevel::Fine, 0.5, true),
    class("Zone", CimLevel::Surface, 2.0, false),
    class("Pipe", CimLevel::Component, 0.5, false),
    class("OtherConstruction", CimLevel::Frame, 1.0, true),
    class("GenericOccupiedSpace", CimLevel::Frame, 2.0, true),
];

/// Attributes with the values that tell a class; without values, any but "no". The first that holds is taken.
const ATTRIBUTES: &[(&str, &[&str], &str)] = &[
    ("building:part", &[], "BuildingPart"),
    ("building", &[], "Building"),
    ("man_made", &["bridge"], "Bridge"),
    ("highway", &["street_lamp", "traffic_signals", "bus_stop"], "CityFurniture"),
    ("highway", &[], "Road"),
    ("railway", &[], "Railway"),
    ("waterway", &[], "WaterBody"),
    ("water", &[], "WaterBody"),
    ("natural", &["water", "bay", "strait", "coastline"], "WaterBody"),
    ("natural", &["tree", "shrub"], "SolitaryVegetationObject"),
    ("natural", &["wood", "scrub", "heath", "grassland", "tree_row"], "PlantCover"),
    ("landuse", &["forest"], "PlantCover"),
    ("landuse", &[], "LandUse"),
    ("leisure", &["park", "garden", "pitch", "playground", "golf_course", "nature_reserve"], "LandUse"),
    ("amenity", &["parking"], "Square"),
    ("amenity", &["bench", "waste_basket", "drinking_water", "fountain"], "CityFurniture"),
    ("man_made", &["pipeline"], "Pipe"),
    ("man_made", &["tower", "mast", "chimney", "storage_tank", "silo", "crane"], "OtherConstruction"),
    ("boundary", &[], "Zone"),
    ("admin_level", &[], "Zone"),
    // Districts of Chinese maps, and the land of Overture.
    ("adcode", &[], "Zone"),
    ("ADCODE", &[], "Zone"),
    ("class", &["tree", "shrub"], "SolitaryVegetationObject"),
    ("subtype", &["forest", "grass", "shrub", "wetland"], "PlantCover"),
];

/// Words in the name of a layer. A word of five letters or more may go on ("water" in "waterways"), a shorter one only into
/// its plural; Chinese words stand anywhere.
const NAMES: &[(&[&str], &str)] = &[
    (&["building", "bldg", "house", "footprint", "建筑", "房屋", "楼"], "Building"),
    (&["bridge", "桥梁"], "Bridge"),
    (&["streetlight", "lamp", "hydrant", "bench", "路灯", "消防栓"], "CityFurniture"),
    (&["road", "street", "highway", "roadway", "道路", "公路", "路网", "路段"], "Road"),
    (&["rail", "railway", "railroad", "metro", "subway", "tram", "铁路", "地铁", "轨道"], "Railway"),
    (&["pipe", "pipeline", "管线", "管网", "管道"], "Pipe"),
    (&["water", "river", "lake", "stream", "canal", "hydro", "水系", "水体", "水域", "河流", "湖泊"], "WaterBody"),
    (&["tree", "行道树", "古树"], "SolitaryVegetationObject"),
    (&["forest", "vegetation", "green", "绿地", "绿化", "植被", "林地"], "PlantCover"),
    (&["infrastructure", "设施"], "OtherConstruction"),
    (&["landuse", "landcover", "land", "park", "parcel", "用地", "地块", "公园", "宗地"], "LandUse"),
    (
        &[
            "country",
            "countries",
            "county",
            "counties",
            "district",
            "boundary",
            "boundaries",
            "admin",
            "province",
            "state",
            "municipality",
            "municipalities",
            "borough",
            "grid",
            "zone",
            "zoning",
            "行政",
            "区划",
            "界",
            "网格",
            "社区",
            "街区",
        ],
        "Zone",
    ),
];

/// Attributes that say what kind of a road, water or railway a line is.
const KINDS: &[&str] = &["highway", "waterway", "railway", "fclass", "class", "subclass", "type"];

/// Widths of lines by kind, metres.
const WIDTHS: &[(&[&str], f64)] = &[
    (&["motorway"], 14.0),
    (&["trunk"], 12.0),
    (&["primary"], 10.0),
    (&["secondary"], 9.0),
    (&["tertiary"], 7.5),
    (&["motorway_link", "trunk_link", "primary_link", "secondary_link", "tertiary_link"], 5.0),
    (&["residential", "unclassified", "living_street"], 6.0),
    (&["service"], 4.0),
    (&["pedestrian"], 5.0),
    (&["track"], 3.0),
    (&["footway", "path", "cycleway", "steps", "bridleway"], 2.0),
    (&["river"], 20.0),
    (&["canal"], 10.0),
    (&["stream", "ditch", "drain"], 2.0),
    (&["tram", "light_rail"], 2.5),
];

/// Names of widths in metres.
const WIDTH_NAMES: &[&str] = &["width", "WIDTH", "Width", "road_width", "est_width", "宽度", "路宽", "道路宽度"];
/// Names of numbers of lanes.
const LANE_NAMES: &[&str] = &["lanes", "LANES", "Lanes", "num_lanes", "车道数"];
/// Metres of one lane.
const LANE_M: f64 = 3.5;
/// Nothing drawn as a line is wider, metres.
const WIDEST_M: f64 = 500.0;

/// What follows from a class, also from one that is not in the table.
pub(super) fn known(name: &str) -> Class {
    let generic = class("", CimLevel::Frame, 2.0, true);
    CLASSES.iter().copied().find(|class| class.name == name).unwrap_or(generic)
}

/// The class of a feature that nobody has said.
pub(super) fn infer(layer: &str, attributes: &[(Arc<str>, Value)], geometry: &Geometry) -> &'static str {
    let areas = !(geometry.polygons.is_empty() && geometry.faces.is_empty());
    let fallback = if areas { "Building" } else { "GenericOccupiedSpace" };
    // The folder tells where the file does not.
    let named = || by_name(layer.rsplit('/').next().unwrap_or_default()).or_else(|| by_name(layer));
    by_attributes(attributes).or_else(named).unwrap_or(fallback)
}

fn by_attributes(attributes: &[(Arc<str>, Value)]) -> Option<&'static str> {
    let said = |name: &str, values: &[&str]| match word(attributes, name) {
        Some(word) if values.is_empty() => !["", "no", "0", "false"].contains(&word.as_str()),
        Some(word) => values.contains(&word.as_str()),
        None => false,
    };
    ATTRIBUTES.iter().find(|(name, values, _)| said(name, values)).map(|(.., class)| *class)
}

fn by_name(layer: &str) -> Option<&'static str> {
    let lower = layer.to_lowercase();
    let tokens: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).collect();
    let latin = |token: &str, word: &str| {
        let rest = token.strip_prefix(word);
        rest.is_some_and(|rest| rest.is_empty() || rest == "s" || word.len() >= 5)
    };
    let told = |word: &str| {
        if word.is_ascii() { tokens.iter().any(|token| latin(token, word)) } else { lower.contains(word) }
    };
    NAMES.iter().find(|(words, _)| words.iter().any(|word| told(word))).map(|(_, class)| *class)
}

fn word(attributes: &[(Arc<str>, Value)], name: &str) -> Option<String> {
    let (_, value) = attributes.iter().find(|(key, _)| **key == *name)?;
    (!value.is_null()).then(|| value.to_string().trim().to_lowercase())
}

/// How wide the lines of a feature are, metres: as it says, by its lanes, by its kind, by its class.
pub(super) fn line_width_m(class: &Class, attributes: &[(Arc<str>, Value)]) -> f64 {
    let number = |name: &&str| {
        let text = word(attributes, name)?;
        let digits = text.trim_end_matches(['m', '米', ' ']).replace(',', ".");
        digits.parse::<f64>().ok().filter(|n| *n > 0.0 && *n <= WIDEST_M)
    };
    let lanes = || LANE_NAMES.iter().find_map(number).map(|lanes| lanes * LANE_M);
    let of_kind = || {
        let kinds: Vec<String> = KINDS.iter().filter_map(|name| word(attributes, name)).collect();
        let known = |names: &[&str]| names.iter().any(|name| kinds.iter().any(|kind| kind == name));
        WIDTHS.iter().find(|(names, _)| known(names)).map(|(_, width)| *width)
    };
    WIDTH_NAMES.iter().find_map(number).or_else(lanes).or_else(of_kind).unwrap_or(class.width_m)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes(pairs: &[(&str, &str)]) -> Vec<(Arc<str>, Value)> {
        pairs.iter().map(|(name, value)| (Arc::from(*name), Value::from(*value))).collect()
    }

    #[test]
    fn attributes_then_names_then_geometry_tell() {
        let area = Geometry { polygons: vec![vec![]], ..Geometry::default() };
        let none = Geometry::default();
        for (layer, pairs, geometry, expected) in [
            ("x", &[("building", "yes")][..], &area, "Building"),
            ("roads", &[("building", "no"), ("highway", "residential")], &none, "Road"),
            ("x", &[("natural", "tree")], &none, "SolitaryVegetationObject"),
            ("x", &[("natural", "stone"), ("landuse", "grass")], &area, "LandUse"),
            ("gis_osm_waterways_free_1", &[], &none, "WaterBody"),
            ("gis_osm_buildings_a_free_1", &[], &area, "Building"),
            ("区县界_area", &[("NAME", "浦东新区")], &area, "Zone"),
            ("metroline2", &[], &none, "Railway"),
            ("boston-parks", &[], &area, "LandUse"),
            ("parking", &[], &area, "Building"),
            ("population_grid_2020", &[], &area, "Zone"),
            ("landmarks", &[], &none, "GenericOccupiedSpace"),
            ("", &[], &area, "Building"),
            ("roads/part-1", &[], &none, "Road"),
            ("buildings/roads", &[], &none, "Road"),
            ("nanjing", &[("adcode", "320102")], &area, "Zone"),
        ] {
            assert_eq!(infer(layer, &attributes(pairs), geometry), expected, "{layer} {pairs:?}");
        }
        assert!(ATTRIBUTES.iter().all(|(.., class)| known(class).name == *class));
        assert!(NAMES.iter().all(|(_, class)| known(class).name == *class));
    }

    #[test]
    fn widths_are_said_counted_or_usual() {
        for (pairs, expected) in [
            (&[("width", "7,5 m"), ("lanes", "2")][..], 7.5),
            (&[("width", "wide"), ("lanes", "2")], 7.0),
            (&[("highway", "motorway")], 14.0),
            (&[("fclass", "footway")], 2.0),
            (&[("width", "-3")], 6.0),
            (&[], 6.0),
        ] {
            assert_eq!(line_width_m(&known("Road"), &attributes(pairs)), expected, "{pairs:?}");
        }
    }
}
