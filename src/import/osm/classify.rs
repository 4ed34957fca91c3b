//! What elements are: tags to classes in CityGML 3.0 words, and how they are drawn.

use super::element::Tags;
use super::graph::Network;
use crate::city::CimLevel;

/// A kind of thing in the city.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Feature {
    pub(super) class: &'static str,
    pub(super) form: Form,
}

/// How a thing is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Form {
    Building,
    BuildingPart,
    /// A polygon on the ground, pushed up where it has a height.
    Area,
    /// A line of this width, metres, where it says no other; part of a network that is traced.
    Line {
        network: Option<Network>,
        width_m: f64,
    },
    /// A round line of this diameter, metres.
    Tube {
        diameter_m: f64,
    },
    /// A polygon of which only the outline is drawn, so that it hides nothing.
    Boundary,
    Point,
}

/// A key, its values (all where there are none), and what they are.
type Rule = (&'static str, &'static [&'static str], &'static str);

/// Things that are not there yet, or no more.
const NOT_THERE: &[&str] = &["proposed", "planned", "no", "none", "razed", "abandoned", "dismantled", "demolished"];

/// Widths of roads that say none, metres, by `highway`; others have [`OTHER_WIDTH_M`].
const ROAD_WIDTHS_M: &[(&str, f64)] = &[
    ("motorway", 11.0),
    ("trunk", 10.0),
    ("primary", 9.0),
    ("secondary", 8.0),
    ("tertiary", 7.0),
    ("unclassified", 6.0),
    ("residential", 6.0),
    ("motorway_link", 5.5),
    ("trunk_link", 5.5),
    ("primary_link", 5.5),
    ("secondary_link", 5.0),
    ("tertiary_link", 5.0),
    ("living_street", 5.0),
    ("pedestrian", 5.0),
    ("service", 4.0),
    ("track", 3.0),
    ("cycleway", 2.0),
    ("footway", 2.0),
    ("steps", 2.0),
    ("path", 1.5),
    ("bridleway", 1.5),
];
const OTHER_WIDTH_M: f64 = 4.0;

/// Ways for people on foot, cycles and horses, which CityGML calls tracks (CityGML 3.0, Transportation).
const TRACKS: &[&str] =
    &["track", "cycleway", "footway", "steps", "path", "bridleway", "corridor", "via_ferrata", "trail"];
const RAILS: &[&str] = &[
    "rail",
    "light_rail",
    "subway",
    "tram",
    "narrow_gauge",
    "monorail",
    "funicular",
    "miniature",
    "preserved",
    "disused",
    "construction",
];
const WATERWAYS_M: &[(&str, f64)] = &[
    ("river", 12.0),
    ("canal", 8.0),
    ("tidal_channel", 8.0),
    ("fairway", 8.0),
    ("stream", 2.0),
    ("drain", 1.5),
    ("ditch", 1.5),
    ("brook", 1.5),
];
/// Other lines: key, value, class, width in metres.
const LINES_M: &[(&str, &str, &str, f64)] = &[
    ("highway", "platform", "AuxiliaryTrafficSpace", 3.0),
    ("railway", "platform", "AuxiliaryTrafficSpace", 3.0),
    ("public_transport", "platform", "AuxiliaryTrafficSpace", 3.0),
    ("aeroway", "runway", "Square", 45.0),
    ("aeroway", "taxiway", "Square", 15.0),
    ("waterway", "dam", "OtherConstruction", 5.0),
    ("waterway", "weir", "OtherConstruction", 2.0),
    ("man_made", "pier", "OtherConstruction", 3.0),
    ("man_made", "breakwater", "OtherConstruction", 5.0),
    ("man_made", "groyne", "OtherConstruction", 3.0),
    ("man_made", "dyke", "OtherConstruction", 4.0),
    ("leisure", "track", "LandUse", 3.0),
    ("barrier", "city_wall", "OtherConstruction", 1.5),
    ("barrier", "retaining_wall", "OtherConstruction", 0.5),
    ("barrier", "wall", "OtherConstruction", 0.3),
    ("barrier", "fence", "CityFurniture", 0.1),
    ("barrier", "guard_rail", "CityFurniture", 0.2),
    ("barrier", "hedge", "PlantCover", 1.0),
    ("natural", "tree_row", "PlantCover", 4.0),
];

/// Areas, the surest first.
const AREAS: &[Rule] = &[
    ("man_made", &["bridge"], "Bridge"),
    ("man_made", &["tunnel"], "Tunnel"),
    ("highway", &["platform"], "AuxiliaryTrafficSpace"),
    ("railway", &["platform"], "AuxiliaryTrafficSpace"),
    ("public_transport", &["platform"], "AuxiliaryTrafficSpace"),
    ("highway", &["rest_area", "services"], "LandUse"),
    ("highway", &[], "Square"),
    ("area:highway", &[], "Square"),
    ("natural", &["water", "bay", "strait"], "WaterBody"),
    ("water", &[], "WaterBody"),
    ("waterway", &["riverbank", "dock", "river", "canal", "stream"], "WaterBody"),
    ("landuse", &["reservoir", "basin", "salt_pond"], "WaterBody"),
    ("leisure", &["swimming_pool"], "WaterBody"),
    (
        "natural",
        &["wood", "scrub", "heath", "grassland", "fell", "tundra", "shrubbery", "wetland", "moor", "tree_group"],
        "PlantCover",
    ),
    (
        "landuse",
        &["forest", "grass", "meadow", "orchard", "vineyard", "village_green", "flowerbed", "plant_nursery"],
        "PlantCover",
    ),
    ("landcover", &["trees", "grass", "scrub", "bushes", "flowerbed"], "PlantCover"),
    ("barrier", &["hedge"], "PlantCover"),
    ("place", &["square"], "Square"),
    ("amenity", &["parking", "motorcycle_parking", "bus_station", "taxi"], "Square"),
    ("aeroway", &["apron", "helipad", "runway", "taxiway"], "Square"),
    (
        "man_made",
        &[
            "pier",
            "breakwater",
            "groyne",
            "storage_tank",
            "silo",
            "chimney",
            "tower",
            "water_tower",
            "mast",
            "gasometer",
            "cooling_tower",
            "bunker_silo",
            "wastewater_plant_basin",
            "reservoir_covered",
        ],
        "OtherConstruction",
    ),
    ("waterway", &["dam", "weir", "lock_gate"], "OtherConstruction"),
    ("power", &["generator", "transformer"], "OtherConstruction"),
    ("barrier", &[], "OtherConstruction"),
    ("landuse", &[], "LandUse"),
    ("leisure", &[], "LandUse"),
    ("natural", &["bare_rock", "sand", "beach", "scree", "shingle", "glacier", "mud", "shoal", "rock"], "LandUse"),
    ("amenity", &[], "LandUse"),
    ("aeroway", &["aerodrome", "terminal", "heliport"], "LandUse"),
    ("railway", &["station", "yard", "depot"], "LandUse"),
    ("public_transport", &["station"], "LandUse"),
    ("power", &["plant", "substation"], "LandUse"),
    ("tourism", &[], "LandUse"),
    ("historic", &[], "LandUse"),
    ("military", &[], "LandUse"),
    ("shop", &[], "LandUse"),
    ("office", &[], "LandUse"),
    ("healthcare", &[], "LandUse"),
    ("man_made", &["works", "wastewater_plant", "water_works", "bridge_approach"], "LandUse"),
];

/// Polygons that are limits and no surfaces.
const BOUNDARIES: &[&str] = &["boundary", "place"];

/// Nodes, the surest first.
const POINTS: &[Rule] = &[
    ("building", &[], "Building"),
    ("natural", &["tree", "shrub"], "SolitaryVegetationObject"),
    ("emergency", &["fire_hydrant"], "Hydrant"),
    ("man_made", &["manhole"], "Manhole"),
    ("manhole", &[], "Manhole"),
    (
        "amenity",
        &[
            "bench",
            "waste_basket",
            "waste_disposal",
            "recycling",
            "post_box",
            "vending_machine",
            "telephone",
            "drinking_water",
            "bicycle_parking",
            "clock",
            "fountain",
            "shelter",
            "parking_meter",
            "grit_bin",
            "charging_station",
            "lounger",
        ],
        "CityFurniture",
    ),
    (
        "highway",
        &[
            "bus_stop",
            "street_lamp",
            "traffic_signals",
            "stop",
            "give_way",
            "speed_camera",
            "milestone",
            "traffic_mirror",
            "toll_gantry",
        ],
        "CityFurniture",
    ),
    ("emergency", &[], "CityFurniture"),
    ("man_made", &["surveillance", "street_cabinet", "flagpole", "monitoring_station", "cross"], "CityFurniture"),
    ("leisure", &["picnic_table"], "CityFurniture"),
    ("advertising", &[], "CityFurniture"),
    ("barrier", &[], "CityFurniture"),
    ("traffic_sign", &[], "CityFurniture"),
    ("man_made", &[], "OtherConstruction"),
    ("power", &[], "OtherConstruction"),
    ("amenity", &[], POINT_OF_INTEREST),
    ("shop", &[], POINT_OF_INTEREST),
    ("tourism", &[], POINT_OF_INTEREST),
    ("office", &[], POINT_OF_INTEREST),
    ("craft", &[], POINT_OF_INTEREST),
    ("healthcare", &[], POINT_OF_INTEREST),
    ("leisure", &[], POINT_OF_INTEREST),
    ("historic", &[], POINT_OF_INTEREST),
    ("military", &[], POINT_OF_INTEREST),
    ("railway", &["station", "halt", "tram_stop", "subway_entrance", "train_station_entrance"], POINT_OF_INTEREST),
    ("public_transport", &["station", "platform"], POINT_OF_INTEREST),
    ("aeroway", &[], POINT_OF_INTEREST),
    ("natural", &[], POINT_OF_INTEREST),
    ("place", &[], POINT_OF_INTEREST),
    ("club", &[], POINT_OF_INTEREST),
    ("sport", &[], POINT_OF_INTEREST),
    ("entrance", &[], "Door"),
    ("addr:housenumber", &[], "Address"),
];

/// What CityGML has no word for: shops, offices, stops, peaks, towns.
const POINT_OF_INTEREST: &str = "PointOfInterest";

/// What a way is; `is_ring` where it ends where it begins.
pub(super) fn of_way(tags: &Tags<'_>, is_ring: bool) -> Option<Feature> {
    if let Some(building) = building(tags) {
        return Some(building);
    }
    let area = tags.get("area");
    if !(is_ring && area == Some("yes"))
        && let Some(line) = line(tags)
    {
        // A platform or a pier that is a ring is one seen from above; a fence that is a ring stands around something.
        let as_area = is_ring && area != Some("no") && matches!(line.form, Form::Line { network: None, .. });
        let around = |rule: &&Rule| rule.0 != "barrier";
        let area = as_area.then(|| first(AREAS.iter().filter(around), tags)).flatten();
        return Some(area.map_or(line, |class| Feature { class, form: Form::Area }));
    }
    if area == Some("no") {
        return None;
    }
    area_feature(tags).or_else(|| boundary(tags).filter(|_| is_ring))
}

/// What a multipolygon is.
pub(super) fn of_multipolygon(tags: &Tags<'_>) -> Option<Feature> {
    building(tags).or_else(|| area_feature(tags)).or_else(|| boundary(tags))
}

/// What a relation of type `boundary` is.
pub(super) fn boundary(tags: &Tags<'_>) -> Option<Feature> {
    let is = BOUNDARIES.iter().any(|key| tags.is(key));
    is.then_some(Feature { class: "Zone", form: Form::Boundary })
}

/// What a node is.
pub(super) fn of_node(tags: &Tags<'_>) -> Option<Feature> {
    first(POINTS.iter(), tags).map(|class| Feature { class, form: Form::Point })
}

/// Whether what the tags tell is planned, or gone.
pub(super) fn is_not_there(tags: &Tags<'_>) -> bool {
    ["highway", "railway", "building"].iter().any(|key| tags.get(key).is_some_and(|value| NOT_THERE.contains(&value)))
}

/// How fine the things of a class are.
pub(super) fn level(class: &str) -> CimLevel {
    match class {
        "LandUse" | "PlantCover" | "WaterBody" | "Zone" => CimLevel::Surface,
        "SolitaryVegetationObject" => CimLevel::Standard,
        "CityFurniture" | "Hydrant" | "Manhole" | "Door" => CimLevel::Fine,
        POINT_OF_INTEREST => CimLevel::Functional,
        _ => CimLevel::Frame,
    }
}

/// How far above the ground things of a class are drawn, metres: a few centimetres, so that what lies on what is seen.
pub(super) fn lift_m(class: &str) -> f64 {
    match class {
        "LandUse" => 0.02,
        "PlantCover" => 0.05,
        "WaterBody" | "Waterway" => 0.08,
        "Square" | "AuxiliaryTrafficSpace" => 0.11,
        "Track" => 0.14,
        "Road" => 0.17,
        "Railway" => 0.20,
        "Zone" => 0.23,
        _ => 0.0,
    }
}

fn building(tags: &Tags<'_>) -> Option<Feature> {
    let stands = |key: &str| tags.get(key).is_some_and(|value| !NOT_THERE.contains(&value));
    match (stands("building"), stands("building:part")) {
        (true, _) => Some(Feature { class: "Building", form: Form::Building }),
        (false, true) => Some(Feature { class: "BuildingPart", form: Form::BuildingPart }),
        (false, false) => None,
    }
}

fn line(tags: &Tags<'_>) -> Option<Feature> {
    let band = |class, network, width_m| Some(Feature { class, form: Form::Line { network, width_m } });
    let width = |widths: &[(&str, f64)], value: &str| widths.iter().find(|(name, _)| *name == value).map(|(_, w)| *w);
    let other = LINES_M.iter().find(|(key, value, ..)| tags.get(key) == Some(value));
    if let Some((_, _, class, width_m)) = other {
        return band(class, None, *width_m);
    }
    if let Some(value) = tags.get("highway").filter(|value| !NOT_THERE.contains(value))
        && !matches!(value, "rest_area" | "services")
    {
        let class = if TRACKS.contains(&value) { "Track" } else { "Road" };
        return band(class, Some(Network::Roads), width(ROAD_WIDTHS_M, value).unwrap_or(OTHER_WIDTH_M));
    }
    if tags.get("railway").is_some_and(|value| RAILS.contains(&value)) {
        return band("Railway", Some(Network::Rails), 3.0);
    }
    if let Some(width_m) = tags.get("waterway").and_then(|value| width(WATERWAYS_M, value)) {
        return band("Waterway", Some(Network::Waters), width_m);
    }
    if tags.get("man_made") == Some("pipeline") {
        return Some(Feature { class: "Pipe", form: Form::Tube { diameter_m: 0.5 } });
    }
    // Kerbs, chains, rails and whatever else keeps people off.
    if tags.is("barrier") { band("CityFurniture", None, 0.2) } else { None }
}

fn area_feature(tags: &Tags<'_>) -> Option<Feature> {
    first(AREAS.iter(), tags).map(|class| Feature { class, form: Form::Area })
}

fn first(mut rules: impl Iterator<Item = &'static Rule>, tags: &Tags<'_>) -> Option<&'static str> {
    let fits =
        |(key, values, _): &&Rule| {
            tags.get(key).is_some_and(|value| {
                if values.is_empty() { !NOT_THERE.contains(&value) } else { values.contains(&value) }
            })
        };
    rules.find(fits).map(|(.., class)| *class)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class_of(tags: &[(&'static str, &'static str)], is_ring: bool) -> Option<&'static str> {
        of_way(&tags.iter().copied().collect(), is_ring).map(|feature| feature.class)
    }

    #[test]
    fn ways_are_what_their_tags_and_their_shape_say() {
        for (tags, is_ring, expected) in [
            (&[("building", "yes"), ("amenity", "school")][..], true, Some("Building")),
            (&[("building", "no"), ("landuse", "retail")], true, Some("LandUse")),
            (&[("building:part", "yes"), ("height", "3")], true, Some("BuildingPart")),
            (&[("highway", "primary")], false, Some("Road")),
            (&[("highway", "footway")], true, Some("Track")),
            (&[("highway", "pedestrian"), ("area", "yes")], true, Some("Square")),
            (&[("highway", "proposed")], false, None),
            (&[("railway", "tram"), ("highway", "residential")], false, Some("Road")),
            (&[("railway", "abandoned")], false, None),
            (&[("railway", "platform")], true, Some("AuxiliaryTrafficSpace")),
            (&[("waterway", "stream")], false, Some("Waterway")),
            (&[("waterway", "riverbank")], true, Some("WaterBody")),
            (&[("natural", "water"), ("water", "lake")], true, Some("WaterBody")),
            (&[("landuse", "forest")], true, Some("PlantCover")),
            (&[("leisure", "park")], true, Some("LandUse")),
            (&[("amenity", "parking")], true, Some("Square")),
            (&[("natural", "coastline")], false, None),
            (&[("barrier", "hedge")], false, Some("PlantCover")),
            (&[("barrier", "fence")], true, Some("CityFurniture")),
            (&[("barrier", "fence"), ("amenity", "school")], true, Some("LandUse")),
            (&[("barrier", "hedge"), ("area", "yes")], true, Some("PlantCover")),
            (&[("barrier", "kerb")], false, Some("CityFurniture")),
            (&[("boundary", "administrative")], false, None),
            (&[("boundary", "national_park")], true, Some("Zone")),
            (&[("power", "line")], false, None),
            (&[("note", "?")], true, None),
        ] {
            assert_eq!(class_of(tags, is_ring), expected, "{tags:?}");
        }
    }
}
