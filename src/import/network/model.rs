//! What both programs describe: nodes at a place and height, links between them, in metres.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use glam::{DVec2, DVec3};

use super::inp::{Inp, Row};
use crate::city::{CimLevel, CityObject, Value};
use crate::import::{LineSection, Place as Where, SourceForm, SourceObject, SourceReport, SourceShape, SourceSurface};

/// A foot, metres.
pub(super) const FOOT_M: f64 = 0.3048;
/// An inch, metres.
pub(super) const INCH_M: f64 = 0.0254;
/// The thinnest thing that is drawn, and what is drawn where no size is known, metres.
pub(super) const LEAST_M: f64 = 0.05;
/// How much thicker valves, pumps and fittings are drawn than the pipe they are in, so that they are seen.
pub(super) const STANDS_OUT: f64 = 1.5;

/// Raw columns, by the names that the manuals give them.
pub(super) type Attributes = Vec<(&'static str, Value)>;

/// A node of a network.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// As the file writes it.
    pub(super) id: String,
    pub(super) class: &'static str,
    pub(super) place: Option<DVec2>,
    /// Height of the ground or rim, metres above the datum.
    pub(super) ground_m: f64,
    /// Where links begin: EPANET the axis of pipes, SWMM the invert; metres above the datum.
    pub(super) level_m: f64,
    /// What is drawn: a standing tube of this diameter from bottom to top; `None` for what the links make of it.
    pub(super) body: Option<Tube>,
    pub(super) attributes: Attributes,
}

/// A standing tube, metres.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Tube {
    pub(super) bottom_m: f64,
    pub(super) top_m: f64,
    pub(super) diameter_m: f64,
}

/// A link from a node to a node.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) id: String,
    pub(super) class: &'static str,
    pub(super) from: String,
    pub(super) to: String,
    /// What is drawn along it.
    pub(super) section: LineSection,
    /// Where its line begins and ends over the levels of its nodes, metres.
    pub(super) offsets_m: [f64; 2],
    /// Line of the file.
    pub(super) line: usize,
    pub(super) attributes: Attributes,
}

/// Nodes, places and bends of a network by folded id.
pub(super) struct Network<'t> {
    pub(super) nodes: Vec<Node>,
    pub(super) links: Vec<Link>,
    pub(super) bends: HashMap<String, Vec<DVec2>>,
    by_id: HashMap<String, usize>,
    link_ids: HashSet<String>,
    tags: HashMap<(String, String), &'t str>,
    places: HashMap<String, DVec2>,
    fold: fn(&str) -> String,
}

impl<'t> Network<'t> {
    /// Reads what both programs write alike: coordinates, bends, tags. `fold` makes ids that are the same equal.
    pub(super) fn new(inp: &Inp<'t>, fold: fn(&str) -> String, path: &str, report: &mut SourceReport) -> Self {
        let mut places = HashMap::new();
        for row in inp.rows("COORDINATES") {
            match point(row) {
                Some(place) => _ = places.insert(fold(row.word(0)), place),
                None => unreadable(row, "COORDINATES", path, report),
            }
        }
        let mut bends: HashMap<String, Vec<DVec2>> = HashMap::new();
        for row in inp.rows("VERTICES") {
            match point(row) {
                Some(place) => bends.entry(fold(row.word(0))).or_default().push(place),
                None => unreadable(row, "VERTICES", path, report),
            }
        }
        let tags = inp.rows("TAGS").map(|row| ((row.word(0).to_ascii_uppercase(), fold(row.word(1))), row.word(2)));
        let tags = tags.collect();
        let (by_id, link_ids) = (HashMap::new(), HashSet::new());
        Self { nodes: Vec::new(), links: Vec::new(), bends, by_id, link_ids, tags, places, fold }
    }

    /// All coordinates.
    pub(super) fn places(&self) -> impl Iterator<Item = DVec2> {
        self.places.values().chain(self.bends.values().flatten()).copied()
    }

    /// The place of a node or gauge.
    pub(super) fn place(&self, id: &str) -> Option<DVec2> {
        self.places.get(&(self.fold)(id)).copied()
    }

    /// What somebody noted about a thing; `kind` is `NODE`, `LINK` or `SUBCATCH`.
    pub(super) fn tag(&self, kind: &str, id: &str) -> Option<&'t str> {
        self.tags.get(&(kind.to_owned(), (self.fold)(id))).copied()
    }

    pub(super) fn node(&self, id: &str) -> Option<&Node> {
        self.by_id.get(&(self.fold)(id)).and_then(|index| self.nodes.get(*index))
    }

    pub(super) fn add_node(&mut self, mut node: Node, line: usize, path: &str, report: &mut SourceReport) {
        node.place = self.place(&node.id);
        node.attributes.extend(self.tag("NODE", &node.id).map(|tag| ("Tag", Value::from(tag))));
        let key = (self.fold)(&node.id);
        if self.by_id.contains_key(&key) {
            duplicate(&format!("node/{}", node.id), line, path, report);
            return;
        }
        self.by_id.insert(key, self.nodes.len());
        self.nodes.push(node);
    }

    pub(super) fn add_link(&mut self, mut link: Link, path: &str, report: &mut SourceReport) {
        link.attributes.extend(self.tag("LINK", &link.id).map(|tag| ("Tag", Value::from(tag))));
        if !self.link_ids.insert((self.fold)(&link.id)) {
            duplicate(&format!("link/{}", link.id), link.line, path, report);
            return;
        }
        self.links.push(link);
    }

    /// The largest diameter of the links at each node, by the nodes' order; for nodes without any the least that is drawn.
    pub(super) fn diameters_at_nodes(&self) -> Vec<f64> {
        let mut diameters = vec![LEAST_M; self.nodes.len()];
        for link in &self.links {
            let LineSection::Tube(diameter) = link.section else { continue };
            for end in [&link.from, &link.to] {
                let slot = self.by_id.get(&(self.fold)(end)).and_then(|index| diameters.get_mut(*index));
                slot.into_iter().for_each(|slot| *slot = slot.max(diameter));
            }
        }
        diameters
    }

    /// Heights as depths below the ground at each node, for sources whose heights are above it.
    pub(super) fn set_on_ground(&mut self) {
        for node in &mut self.nodes {
            node.level_m -= node.ground_m;
            if let Some(body) = &mut node.body {
                body.bottom_m -= node.ground_m;
                body.top_m -= node.ground_m;
            }
            node.ground_m = 0.0;
        }
    }
}

/// Makes objects of a network.
pub(super) struct Maker<'a> {
    /// Before every identifier, where a source has several files.
    pub(super) prefix: &'a str,
    /// `water` or `drainage`.
    pub(super) network: &'static str,
    pub(super) path: &'a str,
    names: HashMap<&'static str, Arc<str>>,
}

impl<'a> Maker<'a> {
    pub(super) fn new(prefix: &'a str, network: &'static str, path: &'a str) -> Self {
        Self { prefix, network, path, names: HashMap::new() }
    }

    /// An object without geometry; `kind` is `node`, `link` or `subcatchment`.
    pub(super) fn object(&mut self, kind: &str, id: &str, class: &str, attributes: Attributes) -> SourceObject {
        let network = [("network", Value::from(self.network))];
        let attributes = attributes.into_iter().chain(network).map(|(name, value)| (self.name(name), value)).collect();
        let object = CityObject {
            id: self.id(kind, id),
            class: class.to_owned(),
            name: Some(id.to_owned()),
            level: CimLevel::Component,
            attributes,
            ..CityObject::default()
        };
        SourceObject { object, geometry: Vec::new() }
    }

    fn id(&self, kind: &str, id: &str) -> String {
        format!("{}{kind}/{id}", self.prefix)
    }

    fn name(&mut self, name: &'static str) -> Arc<str> {
        Arc::clone(self.names.entry(name).or_insert_with(|| Arc::from(name)))
    }

    /// A node as a standing tube: its own, or a fitting as thick as its pipes.
    pub(super) fn node(&mut self, node: &Node, pipe_m: f64, report: &mut SourceReport) -> SourceObject {
        let mut attributes = node.attributes.clone();
        attributes.extend([("ground_m", Value::from(node.ground_m)), ("level_m", Value::from(node.level_m))]);
        let mut object = self.object("node", &node.id, node.class, attributes);
        let Some(place) = node.place else {
            let message = "it has no coordinates; it is kept without a place";
            report.warn("no-coordinates", message, Where::file(self.path).object(object.object.id.clone()));
            return object;
        };
        let fitting_m = pipe_m * STANDS_OUT;
        let (bottom_m, top_m) = (node.level_m - fitting_m * 0.5, node.level_m + fitting_m * 0.5);
        let body = node.body.unwrap_or(Tube { bottom_m, top_m, diameter_m: fitting_m });
        let line = vec![place.extend(body.bottom_m), place.extend(body.top_m.max(body.bottom_m + LEAST_M))];
        object.geometry.push(lines(line, LineSection::Tube(body.diameter_m.max(LEAST_M))));
        object
    }

    /// A link along its bends, as deep as its ends and evenly between.
    pub(super) fn link(&mut self, link: &Link, network: &Network<'_>, report: &mut SourceReport) -> SourceObject {
        let ends = [network.node(&link.from), network.node(&link.to)];
        let written = [&link.from, &link.to];
        let [from, to] = [0, 1].map(|end| self.id("node", ends[end].map_or(written[end].as_str(), |node| &node.id)));
        let mut attributes = link.attributes.clone();
        attributes.extend([("from_node", Value::Text(from)), ("to_node", Value::Text(to))]);
        let mut object = self.object("link", &link.id, link.class, attributes);
        let place = Where::file(self.path).object(object.object.id.clone()).detail(format!("line {}", link.line));
        let [Some(first), Some(last)] = ends else {
            let missing = if ends[0].is_none() { &link.from } else { &link.to };
            report.warn("node-unknown", format!("there is no node {missing}; it is kept without a line"), place);
            return object;
        };
        let bends = network.bends.get(&(network.fold)(&link.id)).map_or(&[][..], Vec::as_slice);
        let points: Vec<DVec2> = first.place.into_iter().chain(bends.iter().copied()).chain(last.place).collect();
        let levels = [first.level_m + link.offsets_m[0], last.level_m + link.offsets_m[1]];
        match along(&points, levels) {
            Some(line) => object.geometry.push(lines(line, link.section)),
            None => report.warn("no-coordinates", "its ends have no coordinates; it is kept without a line", place),
        }
        object
    }

    /// A polygon at a height.
    pub(super) fn polygon(&self, ring: &[DVec2], height_m: f64) -> SourceShape {
        let ring = ring.iter().map(|p| p.extend(height_m)).collect();
        let surface = SourceSurface::plain(vec![ring], crate::geometry::SurfaceKind::Unknown);
        SourceShape { lod: 0.0, form: SourceForm::Surfaces(vec![surface]) }
    }
}

fn lines(line: Vec<DVec3>, section: LineSection) -> SourceShape {
    SourceShape { lod: 2.0, form: SourceForm::Lines { lines: vec![line], section } }
}

/// The line with heights that go evenly from one end to the other; standing where it has no length on the map. `None`
/// without a point.
fn along(points: &[DVec2], [first_m, last_m]: [f64; 2]) -> Option<Vec<DVec3>> {
    let total: f64 = points.iter().zip(points.iter().skip(1)).map(|(a, b)| a.distance(*b)).sum();
    let start = points.first()?;
    if total < 1e-9 {
        let (low, high) = (first_m.min(last_m), first_m.max(last_m));
        return Some(vec![start.extend(low), start.extend(high.max(low + 2.0 * LEAST_M))]);
    }
    let mut done = 0.0;
    let mut before = *start;
    let line = points.iter().map(|point| {
        done += point.distance(before);
        before = *point;
        point.extend(first_m + (last_m - first_m) * (done / total))
    });
    Some(line.collect())
}

/// The coordinates of a row: `id x y`.
pub(super) fn point(row: &Row<'_>) -> Option<DVec2> {
    Some(DVec2::new(row.number(1)?, row.number(2)?))
}

/// Counts a row that is not as it should be.
pub(super) fn unreadable(row: &Row<'_>, section: &str, path: &str, report: &mut SourceReport) {
    let message = format!("[{section}] '{}' has no numbers where they should be", row.rest(0));
    report.skip("row-unreadable", message, Where::file(path).detail(format!("line {}", row.line)));
}

fn duplicate(id: &str, line: usize, path: &str, report: &mut SourceReport) {
    let place = Where::file(path).object(id).detail(format!("line {line}"));
    report.skip("duplicate-id", "it comes again, and only the first one is taken", place);
}
