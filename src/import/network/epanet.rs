//! Water supply networks of EPANET 2 (user's manual, appendix C): pipes, pumps and valves between junctions, tanks and
//! reservoirs.
//!
//! Elevations are taken for those of the ground, and pipes lie below it. A reservoir is only a head: it is drawn on the
//! ground of its neighbour.

use std::collections::HashMap;

use super::inp::{Inp, Row};
use super::model::{Attributes, FOOT_M, INCH_M, LEAST_M, Link, Network, Node, STANDS_OUT, Tube, unreadable};
use crate::city::Value;
use crate::import::{LineSection, SourceReport};

/// How deep pipes lie where nobody says it, metres.
const COVER_M: f64 = 1.0;
/// How large a reservoir is drawn, metres across and deep.
const RESERVOIR_M: [f64; 2] = [4.0, 3.0];
/// Units of flow that go with feet and inches; all others go with metres and millimetres.
const US_FLOWS: &[&str] = &["CFS", "GPM", "MGD", "IMGD", "AFD"];
/// The units of flow of files that do not say them.
const USUAL_FLOW: &str = "GPM";

/// Sections that become objects or their attributes, or that say nothing about the network.
pub(super) const SECTIONS: &[&str] = &[
    "TITLE",
    "JUNCTIONS",
    "RESERVOIRS",
    "TANKS",
    "PIPES",
    "PUMPS",
    "VALVES",
    "TAGS",
    "STATUS",
    "EMITTERS",
    "COORDINATES",
    "VERTICES",
    "OPTIONS",
    "TIMES",
    "REPORT",
    "BACKDROP",
    "END",
];

const PIPE_COLUMNS: &[&str] = &["Node1", "Node2", "Length", "Diameter", "Roughness", "MinorLoss", "Status"];
const VALVE_COLUMNS: &[&str] = &["Node1", "Node2", "Diameter", "Type", "Setting", "MinorLoss"];
const TANK_COLUMNS: &[&str] =
    &["Elevation", "InitLevel", "MinLevel", "MaxLevel", "Diameter", "MinVol", "VolCurve", "Overflow"];

/// Reads a network while its file is in memory.
struct Reader<'a, 't> {
    inp: &'a Inp<'t>,
    emitters: HashMap<&'t str, &'a Row<'t>>,
    statuses: HashMap<&'t str, &'a Row<'t>>,
    network: Network<'t>,
    /// Of one foot or metre, and of one inch or millimetre.
    length_m: f64,
    diameter_m: f64,
    cover_m: f64,
    path: &'a str,
}

/// The network of a file.
pub(super) fn network<'t>(inp: &Inp<'t>, cover_m: Option<f64>, path: &str, report: &mut SourceReport) -> Network<'t> {
    let flow = inp.option("OPTIONS", "UNITS").unwrap_or(USUAL_FLOW).to_ascii_uppercase();
    let is_us = US_FLOWS.contains(&flow.as_str());
    let (length_m, diameter_m) = if is_us { (FOOT_M, INCH_M) } else { (1.0, 0.001) };
    let network = Network::new(inp, str::to_owned, path, report);
    let (emitters, statuses) = (inp.by_id("EMITTERS"), inp.by_id("STATUS"));
    let cover_m = cover_m.unwrap_or(COVER_M);
    let mut reader = Reader { inp, emitters, statuses, network, length_m, diameter_m, cover_m, path };
    reader.junctions(report);
    reader.tanks(report);
    reader.reservoirs(report);
    reader.pipes(report);
    reader.valves(report);
    reader.pumps(report);
    reader.network
}

impl Reader<'_, '_> {
    fn add(&mut self, row: &Row<'_>, mut node: Node, report: &mut SourceReport) {
        let emitter = self.emitters.get(row.word(0));
        node.attributes.extend(emitter.and_then(|row| row.number(1)).map(|c| ("EmitterCoefficient", Value::Float(c))));
        self.network.add_node(node, row.line, self.path, report);
    }

    fn junctions(&mut self, report: &mut SourceReport) {
        for row in self.inp.rows("JUNCTIONS") {
            // A junction without elevation is at zero, as the program reads it.
            let ground_m = row.number(1).unwrap_or_default() * self.length_m;
            let mut attributes = row.attributes(1, &["Elev", "Demand", "Pattern"]);
            attributes.push(("elevation_m", Value::Float(ground_m)));
            let is_hydrant = self
                .network
                .tag("NODE", row.word(0))
                .is_some_and(|tag| tag.to_ascii_lowercase().contains("hydrant") || tag.contains("消火栓"));
            let level_m = ground_m - self.cover_m;
            // A hydrant stands on its pipe and rises above the ground.
            let body = is_hydrant.then_some(Tube { bottom_m: level_m, top_m: ground_m + 0.8, diameter_m: 0.3 });
            let class = if is_hydrant { "Hydrant" } else { "Junction" };
            let id = row.word(0).to_owned();
            self.add(row, Node { id, class, place: None, ground_m, level_m, body, attributes }, report);
        }
    }

    fn tanks(&mut self, report: &mut SourceReport) {
        for row in self.inp.rows("TANKS") {
            let Some(ground_m) = row.number(1).map(|elevation| elevation * self.length_m) else {
                unreadable(row, "TANKS", self.path, report);
                continue;
            };
            let size = |index| row.number(index).unwrap_or_default() * self.length_m;
            let (height_m, diameter_m) = (size(4), size(5));
            let mut attributes = row.attributes(1, TANK_COLUMNS);
            attributes.extend([
                ("elevation_m", Value::Float(ground_m)),
                ("height_m", Value::Float(height_m)),
                ("diameter_m", Value::Float(diameter_m)),
            ]);
            let body =
                Some(Tube { bottom_m: ground_m, top_m: ground_m + height_m.max(1.0), diameter_m: diameter_m.max(1.0) });
            let (id, level_m) = (row.word(0).to_owned(), ground_m);
            self.add(row, Node { id, class: "Tank", place: None, ground_m, level_m, body, attributes }, report);
        }
    }

    fn reservoirs(&mut self, report: &mut SourceReport) {
        let beside = self.grounds_beside();
        for row in self.inp.rows("RESERVOIRS") {
            let Some(head_m) = row.number(1).map(|head| head * self.length_m) else {
                unreadable(row, "RESERVOIRS", self.path, report);
                continue;
            };
            let id = row.word(0).to_owned();
            let ground_m = beside.get(row.word(0)).map_or(head_m, |ground_m| ground_m.min(head_m));
            let mut attributes = row.attributes(1, &["Head", "Pattern"]);
            attributes.push(("head_m", Value::Float(head_m)));
            let [diameter_m, depth_m] = RESERVOIR_M;
            let body = Some(Tube { bottom_m: ground_m - depth_m, top_m: ground_m, diameter_m });
            let level_m = ground_m - self.cover_m.min(depth_m);
            self.add(row, Node { id, class: "Reservoir", place: None, ground_m, level_m, body, attributes }, report);
        }
    }

    /// For each node the ground at the first other one that a link joins with it.
    fn grounds_beside(&self) -> HashMap<String, f64> {
        let links = ["PIPES", "PUMPS", "VALVES"].into_iter().flat_map(|section| self.inp.rows(section));
        let mut grounds = HashMap::new();
        for (one, other) in links.flat_map(|row| [(row.word(1), row.word(2)), (row.word(2), row.word(1))]) {
            if let Some(node) = self.network.node(other) {
                grounds.entry(one.to_owned()).or_insert(node.ground_m);
            }
        }
        grounds
    }

    fn link(
        &mut self,
        row: &Row<'_>,
        class: &'static str,
        diameter_m: f64,
        mut attributes: Attributes,
        report: &mut SourceReport,
    ) {
        let status = self.statuses.get(row.word(0)).map(|status| ("InitialStatus", super::inp::value(status.word(1))));
        attributes.extend(status);
        let link = Link {
            id: row.word(0).to_owned(),
            class,
            from: row.word(1).to_owned(),
            to: row.word(2).to_owned(),
            section: LineSection::Tube(diameter_m.max(LEAST_M)),
            offsets_m: [0.0; 2],
            line: row.line,
            attributes,
        };
        self.network.add_link(link, self.path, report);
    }

    fn pipes(&mut self, report: &mut SourceReport) {
        for row in self.inp.rows("PIPES") {
            let (Some(length), Some(diameter)) = (row.number(3), row.number(4)) else {
                unreadable(row, "PIPES", self.path, report);
                continue;
            };
            let diameter_m = diameter * self.diameter_m;
            let mut attributes = row.attributes(1, PIPE_COLUMNS);
            attributes
                .extend([("length_m", Value::from(length * self.length_m)), ("diameter_m", Value::from(diameter_m))]);
            self.link(row, "Pipe", diameter_m, attributes, report);
        }
    }

    fn valves(&mut self, report: &mut SourceReport) {
        for row in self.inp.rows("VALVES") {
            let Some(diameter_m) = row.number(3).map(|diameter| diameter * self.diameter_m) else {
                unreadable(row, "VALVES", self.path, report);
                continue;
            };
            let mut attributes = row.attributes(1, VALVE_COLUMNS);
            attributes.push(("diameter_m", Value::from(diameter_m)));
            self.link(row, "Valve", diameter_m * STANDS_OUT, attributes, report);
        }
    }

    /// Pumps have no size: they are drawn by the largest pipe at their ends.
    fn pumps(&mut self, report: &mut SourceReport) {
        let diameters = self.network.diameters_at_nodes();
        let at: HashMap<String, f64> =
            self.network.nodes.iter().zip(diameters).map(|(node, diameter)| (node.id.clone(), diameter)).collect();
        for row in self.inp.rows("PUMPS") {
            if row.words.len() < 3 {
                unreadable(row, "PUMPS", self.path, report);
                continue;
            }
            let mut attributes = row.attributes(1, &["Node1", "Node2"]);
            attributes.push(("Parameters", super::inp::value(&row.rest(3))));
            for pair in row.words.get(3..).unwrap_or_default().chunks(2) {
                let [key, word] = pair else { continue };
                let name =
                    ["Power", "Head", "Speed", "Pattern"].into_iter().find(|name| name.eq_ignore_ascii_case(key));
                attributes.extend(name.map(|name| (name, super::inp::value(word))));
            }
            let diameter = |index| at.get(row.word(index)).copied().unwrap_or(LEAST_M);
            let diameter_m = diameter(1).max(diameter(2)).max(0.1) * STANDS_OUT;
            self.link(row, "Pump", diameter_m, attributes, report);
        }
    }
}
