//! A placemark to a feature: its geometry by altitude modes, its data by schemas.

use std::collections::BTreeMap;
use std::sync::Arc;

use glam::DVec3;

use super::element::Element;
use crate::city::Value;
use crate::import::HeightsAbove;
use crate::import::vector::{Feature, Geometry};

/// Geometries in geometries.
const DEEPEST: usize = 16;

/// Types of the fields of each schema, by its identifier.
pub(super) type Schemas = BTreeMap<String, BTreeMap<String, String>>;

/// Children of a placemark that say something about it, and what the attribute is called.
const SAID: &[(&str, &str)] = &[
    ("name", "name"),
    ("description", "description"),
    ("address", "address"),
    ("phoneNumber", "phoneNumber"),
    ("Snippet", "snippet"),
    ("styleUrl", "styleUrl"),
];

/// What a placemark gave, and what was not as it should be.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub feature: Feature,
    pub doubts: Vec<(&'static str, String)>,
}

/// Reads a placemark. Heights of the file are above the sea or the ground; what has others loses them.
pub(super) fn placemark(element: &Element, folder: &str, schemas: &Schemas, heights: HeightsAbove) -> Read {
    let mut shapes = Shapes { heights, ..Shapes::default() };
    for child in &element.children {
        shapes.add(child, 0);
    }
    let height_m = shapes.height_m.filter(|height| *height > 0.0);
    let id = element.attribute("id").map(Value::from);
    let attributes = attributes(element, folder, schemas);
    Read { feature: Feature { id, attributes, geometry: shapes.found, height_m }, doubts: shapes.doubts }
}

/// The types of a schema's fields.
pub(super) fn schema(element: &Element) -> Option<(String, BTreeMap<String, String>)> {
    let fields = element.children("SimpleField");
    let named =
        fields.filter_map(|field| Some((field.attribute("name")?.to_owned(), field.attribute("type")?.to_owned())));
    Some((element.attribute("id")?.to_owned(), named.collect()))
}

fn attributes(element: &Element, folder: &str, schemas: &Schemas) -> Vec<(Arc<str>, Value)> {
    let mut found: Vec<(Arc<str>, Value)> = Vec::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() && !found.iter().any(|(own, _)| **own == *name) {
            found.push((name.into(), value));
        }
    };
    for (child, name) in SAID {
        put(name, element.word(child).map_or(Value::Null, Value::from));
    }
    put("folder", if folder.is_empty() { Value::Null } else { folder.into() });
    for (parent, child) in [("TimeStamp", "when"), ("TimeSpan", "begin"), ("TimeSpan", "end")] {
        put(child, element.child(parent).and_then(|time| time.word(child)).map_or(Value::Null, Value::from));
    }
    for child in element.child("ExtendedData").into_iter().flat_map(|data| &data.children) {
        match child.name.as_str() {
            "Data" => {
                put(child.attribute("name").unwrap_or_default(), child.word("value").map_or(Value::Null, Value::from))
            }
            "SchemaData" => {
                let schema = child.attribute("schemaUrl").unwrap_or_default().rsplit('#').next().unwrap_or_default();
                for simple in child.children("SimpleData") {
                    let name = simple.attribute("name").unwrap_or_default();
                    let kind = schemas.get(schema).and_then(|fields| fields.get(name)).map_or("string", String::as_str);
                    put(name, typed(simple.text.trim(), kind));
                }
            }
            // Data in elements of other namespaces.
            name => put(name, if child.text.trim().is_empty() { Value::Null } else { child.text.trim().into() }),
        }
    }
    found
}

fn typed(text: &str, kind: &str) -> Value {
    let read = match kind {
        "int" | "uint" | "short" | "ushort" => text.parse().ok().map(Value::Int),
        "float" | "double" => text.parse().ok().map(|number: f64| Value::from(number)),
        "bool" => match text {
            "1" | "true" => Some(Value::Bool(true)),
            "0" | "false" => Some(Value::Bool(false)),
            _ => None,
        },
        _ => None,
    };
    read.unwrap_or(if text.is_empty() { Value::Null } else { text.into() })
}

/// Collects the geometries of a placemark.
#[derive(Default)]
struct Shapes {
    heights: HeightsAbove,
    found: Geometry,
    height_m: Option<f64>,
    doubts: Vec<(&'static str, String)>,
}

impl Shapes {
    fn add(&mut self, element: &Element, depth: usize) {
        match element.name.as_str() {
            "Point" => {
                let points = self.points(element, element);
                self.found.points.extend(points);
            }
            "LineString" | "LinearRing" => {
                let line = self.points(element, element);
                self.add_line(element, line);
            }
            "Polygon" => self.add_polygon(element),
            "MultiGeometry" | "MultiTrack" if depth < DEEPEST => {
                element.children.iter().for_each(|child| self.add(child, depth + 1));
            }
            "Track" => {
                let read = |coord: &Element| coordinates(&coord.text.split_whitespace().collect::<Vec<_>>().join(","));
                let line: Vec<DVec3> = element.children("coord").flat_map(read).collect();
                let line = self.by_mode(element, line);
                self.found.lines.extend(Some(line).filter(|line| !line.is_empty()));
            }
            "Model" => {
                let at = |name: &str| element.child("Location").and_then(|place| place.word(name)?.parse::<f64>().ok());
                if let (Some(x), Some(y)) = (at("longitude"), at("latitude")) {
                    let place = vec![DVec3::new(x, y, at("altitude").unwrap_or_default())];
                    let place = self.by_mode(element, place);
                    self.found.points.extend(place);
                    self.doubt("model-left-out", "its model in another file is not read; its place is");
                }
            }
            _ => {}
        }
    }

    fn doubt(&mut self, code: &'static str, message: &str) {
        if !self.doubts.iter().any(|(own, _)| *own == code) {
            self.doubts.push((code, message.to_owned()));
        }
    }

    /// The coordinates of an element, with the heights that the altitude mode of `moded` gives them.
    fn points(&mut self, element: &Element, moded: &Element) -> Vec<DVec3> {
        let points = element.child("coordinates").map(|child| coordinates(&child.text)).unwrap_or_default();
        self.by_mode(moded, points)
    }

    /// Points without the heights that the mode does not mean, or that are above something else than those of the file.
    fn by_mode(&mut self, moded: &Element, mut points: Vec<DVec3>) -> Vec<DVec3> {
        let fits = match (mode(moded), self.heights) {
            ("absolute", heights) => {
                if heights == HeightsAbove::Ground {
                    self.doubt(
                        "altitude-left-out",
                        "its altitude is above the sea, and most of the file's above the ground",
                    );
                }
                heights != HeightsAbove::Ground
            }
            ("relativeToGround", heights) => {
                if heights != HeightsAbove::Ground {
                    self.doubt(
                        "altitude-left-out",
                        "its altitude is above the ground, and most of the file's above the sea",
                    );
                }
                heights == HeightsAbove::Ground
            }
            _ => false,
        };
        if !fits {
            points.iter_mut().for_each(|point| point.z = f64::NAN);
        }
        points
    }

    fn add_line(&mut self, element: &Element, line: Vec<DVec3>) {
        if line.is_empty() {
            return;
        }
        if !(is_extruded(element) && self.heights == HeightsAbove::Ground) {
            self.found.lines.push(line);
            return;
        }
        // A wall from the ground to the line.
        let foot = |p: &DVec3| p.truncate().extend(0.0);
        let raised = |p: &DVec3| p.z.is_finite() && p.z > 0.0;
        for leg in line.windows(2) {
            if let [a, b] = leg
                && raised(a)
                && raised(b)
            {
                self.found.faces.push(vec![vec![foot(a), foot(b), *b, *a, foot(a)]]);
            }
        }
        if self.found.faces.is_empty() {
            self.found.lines.push(line);
        }
    }

    fn add_polygon(&mut self, element: &Element) {
        let boundaries = element.children("outerBoundaryIs").chain(element.children("innerBoundaryIs"));
        let rings: Vec<&Element> = boundaries.flat_map(|boundary| boundary.children("LinearRing")).collect();
        let mut polygon: Vec<Vec<DVec3>> = rings.into_iter().map(|ring| self.points(ring, element)).collect();
        if element.child("outerBoundaryIs").is_none() || polygon.is_empty() {
            return;
        }
        if is_extruded(element) {
            let highest = polygon.iter().flatten().map(|p| p.z).fold(f64::NEG_INFINITY, f64::max);
            match self.heights {
                HeightsAbove::Ground if highest > 0.0 => {
                    if self.height_m.is_some_and(|height| height != highest) {
                        self.doubt(
                            "heights-of-parts-differ",
                            "its parts are not equally high; all are taken as the highest",
                        );
                    }
                    self.height_m = Some(self.height_m.unwrap_or_default().max(highest));
                    polygon.iter_mut().flatten().for_each(|point| point.z = f64::NAN);
                }
                HeightsAbove::Ground => {}
                _ if highest.is_finite() => {
                    self.doubt(
                        "extrude-left-out",
                        "it reaches down to the ground, which is not known here: only its top is taken",
                    );
                }
                _ => {}
            }
        }
        self.found.polygons.push(polygon);
    }
}

/// The altitude mode of a geometry, that of Google's extension as the nearest of KML's.
pub(super) fn mode(element: &Element) -> &str {
    match element.word("altitudeMode") {
        Some("absolute") => "absolute",
        Some("relativeToGround") => "relativeToGround",
        _ => "clampToGround",
    }
}

fn is_extruded(element: &Element) -> bool {
    matches!(element.word("extrude"), Some("1" | "true"))
}

/// Tuples of longitude, latitude and altitude, parted by blanks; blanks around commas are a common mistake and no parting.
fn coordinates(text: &str) -> Vec<DVec3> {
    let mut tuples: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match tuples.last_mut() {
            Some(last) if last.ends_with(',') || word.starts_with(',') => last.push_str(word),
            _ => tuples.push(word.to_owned()),
        }
    }
    let number = |word: Option<&str>| word.and_then(|word| word.parse::<f64>().ok());
    let point = |tuple: &String| {
        let mut numbers = tuple.split(',');
        let (x, y) = (number(numbers.next())?, number(numbers.next())?);
        Some(DVec3::new(x, y, number(numbers.next()).unwrap_or_default()))
    };
    tuples.iter().filter_map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tuples_with_and_without_altitude() {
        let expected = [DVec3::new(1.0, 2.0, 3.0), DVec3::new(4.0, 5.0, 0.0)];
        for text in ["1,2,3 4,5", "\n 1, 2, 3\n\t4 ,5 ", "1,2,3\n4,5,\n"] {
            assert_eq!(coordinates(text), expected, "{text}");
        }
        assert!(coordinates("a,b 1 ,").is_empty());
    }
}
