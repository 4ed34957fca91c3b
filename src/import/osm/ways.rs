//! Ways and polygons to objects: lines cut into pieces, surfaces, buildings.

use glam::{DVec2, DVec3};

use super::buildings::{BuildingMaker, Polygon, surface};
use super::classify::{Feature, Form, is_not_there, lift_m, of_way};
use super::element::{Key, Kind, Place, Tags};
use super::graph::{Crossings, Network, layer};
use super::lines::{LAYER_M, Layers, pieces, with_heights};
use super::nodes::{Budget, NodeTable};
use super::output::Output;
use super::parts::Parts;
use super::relations::Relations;
use crate::city::Value;
use crate::geometry::SurfaceKind;
use crate::import::attributes::{HeightRule, metres, number};
use crate::import::{
    Diagnostic, ImportError, LineSection, Place as Where, Severity, SourceForm, SourceObject, SourceReport, SourceShape,
};

/// Width of the line that a limit is drawn as, metres.
pub(super) const BOUNDARY_WIDTH_M: f64 = 2.0;
/// Width of a lane, metres.
const LANE_M: f64 = 3.25;

/// Objects that wait until all buildings and their parts are known.
#[derive(Default)]
pub(super) struct Held {
    pub(super) buildings: Vec<(Key, SourceObject, Vec<Polygon>)>,
    pub(super) parts: Vec<(Key, SourceObject)>,
}

/// Makes objects of ways and polygons while the file is read.
pub(super) struct Ways<'e> {
    pub(super) path: &'e str,
    pub(super) heights: &'e HeightRule,
    pub(super) relations: &'e Relations,
    pub(super) nodes: &'e NodeTable,
    pub(super) crossings: &'e Crossings,
    pub(super) parts: &'e mut Parts,
    pub(super) held: &'e mut Held,
    pub(super) steps: &'e mut Budget,
}

impl Ways<'_> {
    pub(super) fn way(
        &mut self,
        id: i64,
        tags: &Tags<'_>,
        nodes: &[i64],
        out: &mut Output<'_>,
        report: &mut SourceReport,
    ) -> Result<(), ImportError> {
        let key = Key::new(Kind::Way, id);
        if tags.is_empty() || self.relations.drawn.contains(&id) {
            return Ok(());
        }
        let Some(feature) = of_way(tags, is_ring(nodes)) else {
            if !self.relations.has_member(id) {
                note_other(key, tags, self.path, report);
            }
            return Ok(());
        };
        match feature.form {
            Form::Line { network, width_m } => {
                let section = LineSection::Band(width(tags, width_m));
                self.line(key, &feature, tags, nodes, (network, section), out, report)
            }
            Form::Tube { diameter_m } => {
                let section = LineSection::Tube(diameter(tags).unwrap_or(diameter_m));
                self.line(key, &feature, tags, nodes, (None, section), out, report)
            }
            _ if !is_ring(nodes) => {
                // Members of multipolygons often say what the whole is.
                if !self.relations.has_member(id) {
                    let place = Where::file(self.path).object(key.to_string());
                    report.skip(
                        "way-open",
                        format!("its outline does not close, so it is no {}", feature.class),
                        place,
                    );
                }
                Ok(())
            }
            _ => {
                let Some(ring) = self.nodes.all(open(nodes)) else {
                    let place = Where::file(self.path).object(key.to_string());
                    report.skip("node-missing", "not all of its nodes are in the file", place);
                    return Ok(());
                };
                if !out.is_new(key, self.path, report) {
                    return Ok(());
                }
                let mut object = out.object(key.to_string(), &feature, tags);
                let polygons = vec![vec![ring]];
                self.polygons(&mut object, &feature, tags, &polygons, report);
                self.hand_on(key, object, &feature, polygons, out, report)
            }
        }
    }

    /// Gives an object its polygons as a shape.
    pub(super) fn polygons(
        &mut self,
        object: &mut SourceObject,
        feature: &Feature,
        tags: &Tags<'_>,
        polygons: &[Polygon],
        report: &mut SourceReport,
    ) {
        let lift_m = lift_m(feature.class);
        match feature.form {
            Form::Building | Form::BuildingPart => {
                BuildingMaker { heights: self.heights, path: self.path, report }.shape(object, polygons);
            }
            Form::Boundary => {
                let ring = |ring: &Vec<Place>| {
                    let closed = ring.iter().chain(ring.first());
                    closed.map(|place| place.degrees().extend(lift_m)).collect()
                };
                let lines = polygons.iter().flatten().map(ring).collect();
                let section = LineSection::Band(BOUNDARY_WIDTH_M);
                object.geometry.push(SourceShape { lod: 0.0, form: SourceForm::Lines { lines, section } });
            }
            _ if feature.class == "OtherConstruction" && self.heights.find(&object.object).is_some() => {
                BuildingMaker { heights: self.heights, path: self.path, report }.shape(object, polygons);
            }
            _ => {
                let (kind, height_m) = match feature.class {
                    "WaterBody" => (SurfaceKind::Water, lift_m),
                    "Square" | "AuxiliaryTrafficSpace" => (SurfaceKind::Traffic, lift_m),
                    // Under the deck of what is on it.
                    "Bridge" => (SurfaceKind::Unknown, deck_m(tags)),
                    _ => (SurfaceKind::Unknown, lift_m),
                };
                object.geometry.push(surface(polygons, kind, height_m));
            }
        }
    }

    /// Hands an object on; parts, and buildings that may have some, wait for each other.
    pub(super) fn hand_on(
        &mut self,
        key: Key,
        object: SourceObject,
        feature: &Feature,
        polygons: Vec<Polygon>,
        out: &mut Output<'_>,
        report: &mut SourceReport,
    ) -> Result<(), ImportError> {
        match feature.form {
            Form::BuildingPart => {
                self.held.parts.push((key, object));
                Ok(())
            }
            Form::Building if self.parts.offer(key, &polygons, self.steps)? => {
                self.held.buildings.push((key, object, polygons));
                Ok(())
            }
            _ => out.push(object, report),
        }
    }

    /// A line, in pieces where it meets others of its network: `way/1#0`, `way/1#1`.
    fn line(
        &mut self,
        key: Key,
        feature: &Feature,
        tags: &Tags<'_>,
        nodes: &[i64],
        (network, section): (Option<Network>, LineSection),
        out: &mut Output<'_>,
        report: &mut SourceReport,
    ) -> Result<(), ImportError> {
        let nodes = without_repeats(nodes.to_vec());
        let places: Vec<Option<Place>> = nodes.iter().map(|id| self.nodes.get(*id)).collect();
        let is_shared = |index: usize| {
            let (node, network) = (nodes.get(index), network);
            node.zip(network).is_some_and(|(node, network)| self.crossings.get(*node).is_shared_in(network))
        };
        let pieces = pieces(&places, |index| index + 1 < nodes.len() && is_shared(index));
        let place = Where::file(self.path).object(key.to_string());
        if pieces.is_empty() {
            report.skip("way-degenerate", "fewer than two of its nodes are in the file", place);
            return Ok(());
        }
        if places.iter().any(Option::is_none) {
            report.warn("line-cut", "not all of its nodes are in the file; it was cut there", place);
        }
        if !out.is_new(key, self.path, report) {
            return Ok(());
        }
        let is_cut = pieces.len() > 1;
        let own = if matches!(network, Some(Network::Roads | Network::Rails)) { layer(tags) } else { 0 };
        for (number, piece) in pieces.into_iter().enumerate() {
            let (Some(&from), Some(&to)) = (nodes.get(piece.start), nodes.get(piece.end - 1)) else { continue };
            let id = if is_cut { format!("{key}#{number}") } else { key.to_string() };
            let mut object = out.object(id, feature, tags);
            if network.is_some() {
                let ends = [("from", Key::new(Kind::Node, from)), ("to", Key::new(Kind::Node, to)), ("way", key)];
                ends.into_iter().for_each(|(name, end)| out.set(&mut object, name, Value::Text(end.to_string())));
            }
            let at = |node: i64| if own == 0 { 0 } else { self.crossings.get(node).layer };
            let layers = Layers { first: at(from), own, last: at(to) };
            let base_m = if matches!(section, LineSection::Tube(_)) { tube_m(tags) } else { lift_m(feature.class) };
            let lines = vec![line(&places[piece], layers, base_m)];
            object.geometry.push(SourceShape { lod: 1.0, form: SourceForm::Lines { lines, section } });
            out.push(object, report)?;
        }
        Ok(())
    }
}

/// Counts what has tags and is nothing of a city.
pub(super) fn note_other(key: Key, tags: &Tags<'_>, path: &str, report: &mut SourceReport) {
    let Some((first, words)) = tags.iter().find(|(key, _)| !matches!(*key, "created_by" | "source" | "note" | "fixme"))
    else {
        return;
    };
    let (code, message) = if is_not_there(tags) {
        ("not-there", "what it tells of is planned or gone".to_owned())
    } else {
        ("other-feature", format!("nothing is made of {first}={words}"))
    };
    let place = Where::file(path).object(key.to_string());
    report.note(Diagnostic { severity: Severity::Note, code, message, place });
}

/// Whether a way is a ring: at least three nodes, and the first again.
pub(super) fn is_ring(nodes: &[i64]) -> bool {
    nodes.len() > 3 && nodes.first() == nodes.last()
}

/// The nodes of a ring without the first again.
pub(super) fn open(nodes: &[i64]) -> &[i64] {
    nodes.split_last().map_or(nodes, |(_, rest)| rest)
}

/// The nodes without those that repeat the one before.
pub(super) fn without_repeats(mut nodes: Vec<i64>) -> Vec<i64> {
    nodes.dedup();
    nodes
}

/// The points of a piece of a way with heights.
pub(super) fn line(places: &[Option<Place>], layers: Layers, lift_m: f64) -> Vec<DVec3> {
    let degrees: Vec<DVec2> = places.iter().flatten().map(|place| place.degrees()).collect();
    with_heights(&degrees, layers, lift_m)
}

/// Width of a line, metres: as it says, by its lanes, or that of its class.
fn width(tags: &Tags<'_>, usual_m: f64) -> f64 {
    let value = |key: &str| tags.get(key).map(Value::from);
    let stated = ["width", "est_width"].iter().find_map(|key| metres(&value(key)?));
    let lanes = || number(&value("lanes")?).filter(|lanes| (1.0..=16.0).contains(lanes)).map(|lanes| lanes * LANE_M);
    stated.filter(|width| (0.2..=1000.0).contains(width)).or_else(lanes).unwrap_or(usual_m)
}

/// Diameter of a pipeline, metres; plain numbers are millimetres.
fn diameter(tags: &Tags<'_>) -> Option<f64> {
    let words = tags.get("diameter")?;
    let plain = words.trim().strip_suffix("mm").unwrap_or(words).trim();
    let metres = plain.parse::<f64>().ok().map(|mm| mm / 1000.0).or_else(|| metres(&Value::from(words)));
    metres.filter(|diameter| *diameter > 0.0 && *diameter < 20.0)
}

/// Height of the axis of a pipeline, metres: most lie underground, and all that do not say where.
fn tube_m(tags: &Tags<'_>) -> f64 {
    if matches!(tags.get("location"), Some("overground" | "overhead" | "surface" | "bridge")) { 0.5 } else { -1.5 }
}

/// Height of the deck of a bridge that is given as an area, metres.
fn deck_m(tags: &Tags<'_>) -> f64 {
    let layer = tags.get("layer").and_then(|words| words.trim().parse::<f64>().ok()).unwrap_or(1.0);
    layer.clamp(0.0, 5.0) * LAYER_M - 0.2
}
