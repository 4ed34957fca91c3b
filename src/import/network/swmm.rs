//! Drainage networks of SWMM 5 (user's manual, appendix D): conduits between manholes, outfalls and storage, with
//! pumps, orifices, weirs and outlets, and the areas that drain into them.
//!
//! Nodes have an invert and a rim, links begin at the invert plus their offset, so everything is as deep as the model says.

use std::collections::HashMap;

use glam::DVec2;

use super::inp::{Inp, Row, value};
use super::model::{Attributes, FOOT_M, LEAST_M, Link, Maker, Network, Node, STANDS_OUT, Tube, point, unreadable};
use super::sections::{CrossSection, Profiles, cross_section, profiles};
use crate::city::Value;
use crate::import::{LineSection, Place as Where, SourceForm, SourceObject, SourceReport, SourceShape};

/// Units of flow that go with feet; all others go with metres.
const US_FLOWS: &[&str] = &["CFS", "GPM", "MGD"];
/// The units of flow of files that do not say them.
const USUAL_FLOW: &str = "CFS";
/// How wide manholes are drawn, for the model does not say it, metres.
const MANHOLE_M: f64 = 1.0;
/// How thick links without a section are drawn, metres.
const USUAL_M: f64 = 0.3;

/// Sections that become objects or their attributes, or that say nothing about the network.
pub(super) const SECTIONS: &[&str] = &[
    "TITLE",
    "OPTIONS",
    "RAINGAGES",
    "SUBCATCHMENTS",
    "SUBAREAS",
    "INFILTRATION",
    "JUNCTIONS",
    "OUTFALLS",
    "STORAGE",
    "DIVIDERS",
    "CONDUITS",
    "PUMPS",
    "ORIFICES",
    "WEIRS",
    "OUTLETS",
    "XSECTIONS",
    "TRANSECTS",
    "STREETS",
    "LOSSES",
    "TAGS",
    "MAP",
    "COORDINATES",
    "VERTICES",
    "POLYGONS",
    "SYMBOLS",
    "REPORT",
    "BACKDROP",
];

const JUNCTION_COLUMNS: &[&str] = &["Elevation", "MaxDepth", "InitDepth", "SurDepth", "Aponded"];
const STORAGE_COLUMNS: &[&str] = &["Elevation", "MaxDepth", "InitDepth", "Shape"];
const SUBCATCHMENT_COLUMNS: &[&str] =
    &["RainGage", "Outlet", "Area", "PctImperv", "Width", "PctSlope", "CurbLen", "SnowPack"];
/// Sections that tell more about subcatchments.
const SUBCATCHMENT_MORE: &[(&str, &[&str])] = &[
    ("SUBAREAS", &["NImperv", "NPerv", "SImperv", "SPerv", "PctZero", "RouteTo", "PctRouted"]),
    ("INFILTRATION", &["Infiltration1", "Infiltration2", "Infiltration3", "Infiltration4", "Infiltration5"]),
];
/// Kinds of links: section, class, columns, and the column of the offset of the first end (from one), and of the second.
const LINKS: &[(&str, &str, &[&str], [usize; 2])] = &[
    (
        "CONDUITS",
        "Pipe",
        &["FromNode", "ToNode", "Length", "Roughness", "InOffset", "OutOffset", "InitFlow", "MaxFlow"],
        [5, 6],
    ),
    ("PUMPS", "Pump", &["FromNode", "ToNode", "PumpCurve", "Status", "Startup", "Shutoff"], [0, 0]),
    ("ORIFICES", "Orifice", &["FromNode", "ToNode", "Type", "Offset", "Qcoeff", "Gated", "CloseTime"], [4, 4]),
    (
        "WEIRS",
        "Weir",
        &["FromNode", "ToNode", "Type", "CrestHt", "Qcoeff", "Gated", "EndCon", "EndCoeff", "Surcharge", "RoadWidth"],
        [4, 4],
    ),
    ("OUTLETS", "Outlet", &["FromNode", "ToNode", "Offset", "Type", "QTable", "Qexpon", "Gated"], [3, 3]),
];
const SECTION_COLUMNS: &[&str] = &["Shape", "Geom1", "Geom2", "Geom3", "Geom4", "Barrels", "Culvert"];
const LOSS_COLUMNS: &[&str] = &["Kentry", "Kexit", "Kavg", "FlapGate", "Seepage"];

/// Reads a network while its file is in memory.
struct Reader<'a, 't> {
    inp: &'a Inp<'t>,
    network: Network<'t>,
    length_m: f64,
    /// Whether offsets of links are elevations and not depths.
    offsets_are_elevations: bool,
    path: &'a str,
}

/// Ids are the same whatever their case, as in the program.
pub(super) fn fold(id: &str) -> String {
    id.to_ascii_lowercase()
}

/// The network of a file.
pub(super) fn network<'t>(inp: &Inp<'t>, path: &str, report: &mut SourceReport) -> Network<'t> {
    let length_m = length_m(inp);
    let offsets = inp.option("OPTIONS", "LINK_OFFSETS").unwrap_or_default();
    let offsets_are_elevations = offsets.eq_ignore_ascii_case("ELEVATION");
    let network = Network::new(inp, fold, path, report);
    let mut reader = Reader { inp, network, length_m, offsets_are_elevations, path };
    reader.manholes(report);
    reader.outfalls(report);
    reader.storage(report);
    reader.links(report);
    reader.raise_rims();
    reader.network
}

fn length_m(inp: &Inp<'_>) -> f64 {
    let flow = inp.option("OPTIONS", "FLOW_UNITS").unwrap_or(USUAL_FLOW).to_ascii_uppercase();
    if US_FLOWS.contains(&flow.as_str()) { FOOT_M } else { 1.0 }
}

impl Reader<'_, '_> {
    fn add(
        &mut self,
        row: &Row<'_>,
        class: &'static str,
        (depth_m, diameter_m): (f64, f64),
        mut attributes: Attributes,
        report: &mut SourceReport,
    ) {
        let invert_m = row.number(1).unwrap_or_default() * self.length_m;
        let rim_m = invert_m + depth_m.max(0.0);
        attributes.push(("invert_m", Value::Float(invert_m)));
        let node = Node {
            id: row.word(0).to_owned(),
            class,
            place: None,
            ground_m: rim_m,
            level_m: invert_m,
            body: Some(Tube { bottom_m: invert_m, top_m: rim_m, diameter_m }),
            attributes,
        };
        self.network.add_node(node, row.line, self.path, report);
    }

    fn size(&self, row: &Row<'_>, index: usize) -> f64 {
        row.number(index).unwrap_or_default() * self.length_m
    }

    fn manholes(&mut self, report: &mut SourceReport) {
        for row in self.inp.rows("JUNCTIONS") {
            let attributes = row.attributes(1, JUNCTION_COLUMNS);
            self.add(row, "Manhole", (self.size(row, 2), MANHOLE_M), attributes, report);
        }
        for row in self.inp.rows("DIVIDERS") {
            let mut attributes = row.attributes(1, &["Elevation", "DivertedLink", "Type"]);
            attributes.push(("Parameters", value(&row.rest(4))));
            // The parameters of the kind come before the depth.
            let depth = match row.word(3).to_ascii_uppercase().as_str() {
                "CUTOFF" | "TABULAR" => 5,
                "WEIR" => 7,
                _ => 4,
            };
            self.add(row, "Manhole", (self.size(row, depth), MANHOLE_M), attributes, report);
        }
    }

    fn outfalls(&mut self, report: &mut SourceReport) {
        for row in self.inp.rows("OUTFALLS") {
            let has_stage = matches!(row.word(2).to_ascii_uppercase().as_str(), "FIXED" | "TIDAL" | "TIMESERIES");
            let columns: &[&str] = match has_stage {
                true => &["Elevation", "Type", "StageData", "Gated", "RouteTo"],
                false => &["Elevation", "Type", "Gated", "RouteTo"],
            };
            self.add(row, "Outfall", (0.0, MANHOLE_M), row.attributes(1, columns), report);
        }
    }

    /// Storage is as wide as a round tank of its largest area.
    fn storage(&mut self, report: &mut SourceReport) {
        let mut largest: HashMap<String, f64> = HashMap::new();
        for row in self.inp.rows("CURVES") {
            // Only the first row of a curve says what it is of, so it has a word more.
            let pairs = row.words.iter().filter_map(|word| super::inp::number(word));
            let area = pairs.skip(usize::from(super::inp::number(row.word(0)).is_some())).skip(1).step_by(2);
            let area = area.fold(0.0, f64::max);
            let slot = largest.entry(fold(row.word(0))).or_default();
            *slot = slot.max(area);
        }
        for row in self.inp.rows("STORAGE") {
            let depth = row.number(2).unwrap_or_default();
            let parameter = |index: usize| row.number(5 + index).unwrap_or_default();
            let area = match row.word(4).to_ascii_uppercase().as_str() {
                "TABULAR" => largest.get(&fold(row.word(5))).copied().unwrap_or_default(),
                "FUNCTIONAL" => parameter(0) * depth.max(0.0).powf(parameter(1)) + parameter(2),
                // Length and width: the axes of an ellipse, or the sides of a base.
                "CYLINDRICAL" | "CONICAL" | "PARABOLOID" => parameter(0) * parameter(1) * std::f64::consts::FRAC_PI_4,
                "PYRAMIDAL" => parameter(0) * parameter(1),
                _ => 0.0,
            };
            let diameter = (area.max(0.0) * 4.0 / std::f64::consts::PI).sqrt();
            let diameter_m =
                if diameter.is_finite() { (diameter * self.length_m).clamp(MANHOLE_M, 2000.0) } else { MANHOLE_M };
            let mut attributes = row.attributes(1, STORAGE_COLUMNS);
            attributes.push(("Parameters", value(&row.rest(5))));
            self.add(row, "Tank", (depth * self.length_m, diameter_m), attributes, report);
        }
    }

    fn links(&mut self, report: &mut SourceReport) {
        let profiles = profiles(self.inp, self.length_m);
        let mut shapes: HashMap<String, &Row<'_>> = HashMap::new();
        self.inp.rows("XSECTIONS").for_each(|row| _ = shapes.entry(fold(row.word(0))).or_insert(row));
        let mut losses: HashMap<String, &Row<'_>> = HashMap::new();
        self.inp.rows("LOSSES").for_each(|row| _ = losses.entry(fold(row.word(0))).or_insert(row));
        for (section, class, columns, offsets) in LINKS {
            for row in self.inp.rows(section) {
                if row.words.len() < 3 {
                    unreadable(row, section, self.path, report);
                    continue;
                }
                let mut attributes = row.attributes(1, columns);
                let key = fold(row.word(0));
                let shape = shapes.get(&key).copied();
                attributes.extend(shape.into_iter().flat_map(|row| row.attributes(1, SECTION_COLUMNS)));
                attributes.extend(losses.get(&key).into_iter().flat_map(|row| row.attributes(1, LOSS_COLUMNS)));
                if *section == "CONDUITS" {
                    attributes.push(("length_m", Value::from(self.size(row, 3))));
                }
                self.link(row, class, *offsets, shape, &profiles, attributes, report);
            }
        }
    }

    fn link(
        &mut self,
        row: &Row<'_>,
        class: &'static str,
        offsets: [usize; 2],
        shape: Option<&Row<'_>>,
        profiles: &Profiles,
        mut attributes: Attributes,
        report: &mut SourceReport,
    ) {
        let found = shape.and_then(|row| cross_section(row, profiles, self.length_m));
        let cross = found.unwrap_or(CrossSection { height_m: USUAL_M, width_m: USUAL_M, is_open: false });
        if found.is_some() {
            attributes.extend([
                ("height_m", Value::from(cross.height_m)),
                ("width_m", Value::from(cross.width_m)),
                ("diameter_m", Value::from(cross.diameter_m())),
            ]);
        }
        let is_conduit = class == "Pipe";
        let is_channel = is_conduit && cross.is_open;
        let section = match (is_conduit, is_channel) {
            (true, true) => LineSection::Band(cross.width_m),
            (true, false) => LineSection::Tube(cross.diameter_m().max(LEAST_M)),
            // What stands in a weir's or an orifice's frame may be as wide as a river.
            (false, _) => LineSection::Tube((cross.diameter_m() * STANDS_OUT).clamp(USUAL_M, 2.0)),
        };
        // The line is the axis of a pipe, and the surface of a channel that is full.
        let axis_m = if is_channel { cross.height_m } else { cross.height_m * 0.5 };
        let ends = [self.network.node(row.word(1)), self.network.node(row.word(2))].map(|node| node.map(|n| n.level_m));
        let offset = |end: usize| {
            let stated = row.number(offsets[end]).filter(|_| offsets[end] > 0).map(|offset| offset * self.length_m);
            match (stated, self.offsets_are_elevations) {
                (Some(elevation), true) => elevation - ends[end].unwrap_or(elevation),
                (Some(depth), false) => depth,
                (None, _) => 0.0,
            }
        };
        // A weir's one offset is over its first node; its other end is as high.
        let mut offsets_m = [offset(0) + axis_m, offset(1) + axis_m];
        if !is_conduit && offsets[0] > 0 {
            let level = ends[0].unwrap_or_default() + offsets_m[0];
            offsets_m[1] = level - ends[1].unwrap_or(level);
        }
        let link = Link {
            id: row.word(0).to_owned(),
            class: if is_channel { "Channel" } else { class },
            from: row.word(1).to_owned(),
            to: row.word(2).to_owned(),
            section,
            offsets_m,
            line: row.line,
            attributes,
        };
        self.network.add_link(link, self.path, report);
    }

    /// Nodes without depth reach to the top of their highest link, as the program takes them.
    fn raise_rims(&mut self) {
        let mut tops: HashMap<String, f64> = HashMap::new();
        for link in &self.network.links {
            for (end, offset_m) in [&link.from, &link.to].into_iter().zip(link.offsets_m) {
                let half_m = match link.section {
                    LineSection::Tube(diameter) => diameter * 0.5,
                    LineSection::Band(_) => 0.0,
                };
                let top = tops.entry(fold(end)).or_default();
                *top = top.max(offset_m + half_m);
            }
        }
        for node in &mut self.network.nodes {
            let top_m = tops.get(&fold(&node.id)).copied().unwrap_or_default().max(LEAST_M);
            if node.ground_m <= node.level_m {
                node.ground_m = node.level_m + top_m;
            }
            if let Some(body) = &mut node.body {
                body.top_m = body.top_m.max(node.ground_m);
            }
            node.attributes.push(("rim_m", Value::Float(node.ground_m)));
            node.attributes.push(("depth_m", Value::Float(node.ground_m - node.level_m)));
        }
    }
}

/// Areas that drain, flat at the rim of the node that they drain into, and rain gauges as places.
pub(super) fn surroundings(
    inp: &Inp<'_>,
    network: &Network<'_>,
    maker: &mut Maker<'_>,
    report: &mut SourceReport,
) -> Vec<SourceObject> {
    let mut polygons: HashMap<String, Vec<DVec2>> = HashMap::new();
    for row in inp.rows("POLYGONS") {
        match point(row) {
            Some(place) => polygons.entry(fold(row.word(0))).or_default().push(place),
            None => unreadable(row, "POLYGONS", maker.path, report),
        }
    }
    let more: Vec<_> =
        SUBCATCHMENT_MORE.iter().map(|(section, columns)| (by_folded_id(inp, section), *columns)).collect();
    let outlets: HashMap<String, &str> =
        inp.rows("SUBCATCHMENTS").map(|row| (fold(row.word(0)), row.word(2))).collect();
    let acre_m2 = if length_m(inp) == FOOT_M { 4_046.856_422_4 } else { 10_000.0 };
    let mut objects = Vec::new();
    for row in inp.rows("SUBCATCHMENTS") {
        let key = fold(row.word(0));
        let mut attributes = row.attributes(1, SUBCATCHMENT_COLUMNS);
        let found = more.iter().filter_map(|(rows, columns)| Some(rows.get(&key)?.attributes(1, columns)));
        attributes.extend(found.flatten());
        attributes.extend(row.number(3).map(|area| ("area_m2", Value::from(area * acre_m2))));
        attributes.extend(network.tag("SUBCATCH", row.word(0)).map(|tag| ("Tag", Value::from(tag))));
        let outlet = network.node(row.word(2)).map(|node| format!("{}node/{}", maker.prefix, node.id));
        let outlet = outlet.unwrap_or_else(|| format!("{}subcatchment/{}", maker.prefix, row.word(2)));
        attributes.push(("to_node", Value::Text(outlet)));
        let mut object = maker.object("subcatchment", row.word(0), "Subcatchment", attributes);
        let mut ring = polygons.remove(&key).unwrap_or_default();
        if ring.first() == ring.last() {
            ring.pop();
        }
        if ring.len() >= 3 {
            object.geometry.push(maker.polygon(&ring, drained_m(row.word(2), &outlets, network)));
        } else {
            let place = Where::file(maker.path).object(object.object.id.clone());
            report.warn("no-polygon", "it has no polygon; it is kept without a place", place);
        }
        objects.push(object);
    }
    objects.extend(gauges(inp, maker));
    objects
}

fn by_folded_id<'r, 't>(inp: &'r Inp<'t>, section: &str) -> HashMap<String, &'r Row<'t>> {
    inp.rows(section).map(|row| (fold(row.word(0)), row)).collect()
}

/// The rim of the node into which an area drains, over other areas or not, metres.
fn drained_m(outlet: &str, outlets: &HashMap<String, &str>, network: &Network<'_>) -> f64 {
    let mut outlet = outlet;
    // Areas that drain into each other in a circle have no node.
    for _ in 0..64 {
        match (network.node(outlet), outlets.get(&fold(outlet))) {
            (Some(node), _) => return node.ground_m,
            (None, Some(next)) => outlet = next,
            (None, None) => break,
        }
    }
    network.nodes.first().map_or(0.0, |node| node.ground_m)
}

fn gauges(inp: &Inp<'_>, maker: &mut Maker<'_>) -> Vec<SourceObject> {
    let places = by_folded_id(inp, "SYMBOLS");
    let mut objects = Vec::new();
    for row in inp.rows("RAINGAGES") {
        let attributes = row.attributes(1, &["Format", "Interval", "SCF", "Source", "SourceName"]);
        let mut object = maker.object("raingage", row.word(0), "Device", attributes);
        if let Some(place) = places.get(&fold(row.word(0))).and_then(|row| point(row)) {
            let form = SourceForm::Points(vec![place.extend(0.0)]);
            object.geometry.push(SourceShape { lod: 0.0, form });
        }
        objects.push(object);
    }
    objects
}
