//! One file in four passes.

use std::collections::HashMap;

use super::buildings::surface;
use super::classify::{Feature, Form, lift_m, of_node, of_way};
use super::element::{Body, Element, Event, Key, Kind, Place, Visit};
use super::graph::{Crossings, Network, Uses, layer};
use super::lines::{Layers, pieces};
use super::nodes::{Budget, NeededNodes, NodeTable};
use super::output::Output;
use super::parts::Parts;
use super::pbf::PbfFile;
use super::relations::{Area, Relations};
use super::ways::{BOUNDARY_WIDTH_M, Held, Ways, is_ring, line, note_other, open, without_repeats};
use super::xml::XmlFile;
use super::{Encoding, invalid};
use crate::geometry::SurfaceKind;
use crate::import::attributes::HeightRule;
use crate::import::{
    Diagnostic, ImportError, ImportOptions, LineSection, Place as Where, Severity, SourceFiles, SourceForm,
    SourceReport, SourceShape,
};

/// Passes over a file.
const PASSES: u64 = 4;

enum File<'a> {
    Pbf(PbfFile<'a>),
    Xml(XmlFile<'a>),
}

impl File<'_> {
    fn each(&mut self, kind: Kind, report: &mut SourceReport, visit: &mut Visit<'_>) -> Result<(), ImportError> {
        match self {
            Self::Pbf(file) => file.each(kind, report, visit),
            Self::Xml(file) => file.each(kind, report, visit),
        }
    }
}

/// A file and what the passes find in it.
pub(super) struct Extract<'a> {
    file: File<'a>,
    path: String,
    size: u64,
    heights: HeightRule,
    budget: Budget,
    steps: Budget,
    relations: Relations,
    nodes: NodeTable,
    /// Whether ways say where their nodes are: such files need not have the nodes at all.
    places_on_ways: bool,
    crossings: Crossings,
    parts: Parts,
    held: Held,
}

impl<'a> Extract<'a> {
    pub(super) fn open(
        files: &'a dyn SourceFiles,
        name: &'a str,
        encoding: Encoding,
        options: &ImportOptions,
        report: &mut SourceReport,
    ) -> Result<Self, ImportError> {
        let path = files.path_of(name);
        let file = match encoding {
            Encoding::Pbf => File::Pbf(PbfFile::open(files, name, report)?),
            Encoding::Xml => File::Xml(XmlFile::open(files, name)?),
            Encoding::Bzip2 => {
                return Err(invalid(
                    &path,
                    "it is packed with bzip2, which is not read; unpack it (bunzip2) or take the .osm.pbf",
                ));
            }
        };
        let size = files.size(name)?;
        Ok(Self {
            file,
            size,
            heights: HeightRule::new(options),
            budget: Budget::new(size, &path),
            steps: Budget::of_steps(&path),
            path,
            relations: Relations::default(),
            nodes: NodeTable::default(),
            places_on_ways: false,
            crossings: Crossings::default(),
            parts: Parts::default(),
            held: Held::default(),
        })
    }

    pub(super) fn read(mut self, out: &mut Output<'_>, report: &mut SourceReport) -> Result<(), ImportError> {
        let part_ways = self.gather(out, report)?;
        self.read_nodes(out, report)?;
        self.find_parts(&part_ways)?;
        let areas = std::mem::take(&mut self.relations.areas);
        for area in &areas {
            self.area(area, out, report)?;
        }
        self.read_ways(out, report)?;
        self.release(out, report)
    }

    /// The first two passes: what is needed of ways and nodes. The ways that are parts of buildings are given back.
    fn gather(&mut self, out: &mut Output<'_>, report: &mut SourceReport) -> Result<Vec<i64>, ImportError> {
        let Self { file, relations, budget, size, places_on_ways, .. } = self;
        let size = *size;
        file.each(Kind::Relation, report, &mut |event, report| match event {
            Event::Read(bytes) => out.progress(bytes, size * PASSES),
            Event::Element(mut element) => {
                report.records += 1;
                let Body::Relation(members) = &mut element.body else { return Ok(()) };
                let members = std::mem::take(members);
                relations.add(element, &members, budget)
            }
        })?;
        let (mut needed, mut uses, mut part_ways) = (NeededNodes::default(), Uses::default(), Vec::new());
        file.each(Kind::Way, report, &mut |event, report| {
            let (id, tags, nodes, places) = match event {
                Event::Read(bytes) => return out.progress(size + bytes, size * PASSES),
                Event::Element(Element { id, tags, body: Body::Way { nodes, places } }) => (id, tags, nodes, places),
                Event::Element(_) => return Ok(()),
            };
            report.records += 1;
            *places_on_ways |= !places.is_empty();
            let feature = of_way(&tags, is_ring(&nodes));
            let is_part = feature.is_some_and(|feature| feature.form == Form::BuildingPart);
            part_ways.extend(is_part.then_some(id));
            relations.take_way(id, &tags, &nodes, is_part, budget)?;
            if feature.is_some() || relations.has_member(id) {
                needed.add(&nodes, budget)?;
            }
            if let Some(Form::Line { network: Some(network), .. }) = feature.map(|feature| feature.form) {
                let layer = if network == Network::Waters { 0 } else { layer(&tags) };
                uses.add(&without_repeats(nodes), network, layer, budget)?;
            }
            Ok(())
        })?;
        self.crossings = uses.into_crossings();
        self.nodes = needed.into_table();
        Ok(part_ways)
    }

    /// The third pass: where nodes are, and the objects that are nodes.
    fn read_nodes(&mut self, out: &mut Output<'_>, report: &mut SourceReport) -> Result<(), ImportError> {
        let Self { file, nodes, path, size, .. } = self;
        let size = *size;
        file.each(Kind::Node, report, &mut |event, report| {
            let (id, tags, place) = match event {
                Event::Read(bytes) => return out.progress(size * 2 + bytes, size * PASSES),
                Event::Element(Element { id, tags, body: Body::Node(place) }) => (id, tags, place),
                Event::Element(_) => return Ok(()),
            };
            report.records += 1;
            let key = Key::new(Kind::Node, id);
            let Some(place) = place else {
                let at = Where::file(&*path).object(key.to_string());
                report.skip("coordinate-out-of-range", "its coordinates are no place on the earth", at);
                return Ok(());
            };
            nodes.set(id, place);
            if tags.is_empty() {
                return Ok(());
            }
            let Some(feature) = of_node(&tags) else {
                note_other(key, &tags, path, report);
                return Ok(());
            };
            if out.is_new(key, path, report) {
                let mut object = out.object(key.to_string(), &feature, &tags);
                let point = place.degrees().extend(0.0);
                object.geometry.push(SourceShape { lod: 0.0, form: SourceForm::Points(vec![point]) });
                out.push(object, report)?;
            }
            Ok(())
        })?;
        if !self.places_on_ways {
            return Ok(());
        }
        let Self { file, nodes, .. } = self;
        file.each(Kind::Way, report, &mut |event, _| {
            if let Event::Element(Element { body: Body::Way { nodes: ids, places }, .. }) = event {
                ids.iter().zip(places).for_each(|(id, place)| nodes.set(*id, place));
            }
            Ok(())
        })
    }

    fn find_parts(&mut self, part_ways: &[i64]) -> Result<(), ImportError> {
        let of_ways = part_ways.iter().filter_map(|id| {
            let ring = self.nodes.all(open(self.relations.nodes(*id)?))?;
            Some((Key::new(Kind::Way, *id), vec![vec![ring]]))
        });
        let is_part = |area: &&Area| area.feature.is_some_and(|feature| feature.form == Form::BuildingPart);
        let mut of_relations = Vec::new();
        for area in self.relations.areas.iter().filter(is_part) {
            let (assembled, _) = self.relations.polygons(area, &self.nodes, &mut self.steps)?;
            of_relations.push((Key::new(Kind::Relation, area.id), assembled.polygons));
        }
        self.parts = Parts::new(of_ways.chain(of_relations), self.relations.building_parts.clone());
        Ok(())
    }

    /// The fourth pass: the objects that are ways.
    fn read_ways(&mut self, out: &mut Output<'_>, report: &mut SourceReport) -> Result<(), ImportError> {
        let size = self.size;
        let (file, mut ways) = self.apart();
        file.each(Kind::Way, report, &mut |event, report| match event {
            Event::Read(bytes) => out.progress(size * 3 + bytes, size * PASSES),
            Event::Element(Element { id, tags, body: Body::Way { nodes, .. } }) => {
                ways.way(id, &tags, &nodes, out, report)
            }
            Event::Element(_) => Ok(()),
        })
    }

    /// The file, and apart from it what makes objects while it is read.
    fn apart(&mut self) -> (&mut File<'a>, Ways<'_>) {
        let Self { file, path, heights, relations, nodes, crossings, parts, held, steps, .. } = self;
        (file, Ways { path, heights, relations, nodes, crossings, parts, held, steps })
    }

    /// An object that is a relation.
    fn area(&mut self, area: &Area, out: &mut Output<'_>, report: &mut SourceReport) -> Result<(), ImportError> {
        let key = Key::new(Kind::Relation, area.id);
        let Some(feature) = area.feature else { return Ok(()) };
        if feature.form == Form::Boundary {
            return self.boundary(key, &feature, area, out, report);
        }
        let (assembled, missing) = self.relations.polygons(area, &self.nodes, &mut self.steps)?;
        if assembled.open_rings > 0 || missing > 0 {
            let place = Where::file(&self.path).object(key.to_string());
            let open = assembled.open_rings;
            let message = format!("{missing} of its members are not in the file, and {open} of its rings do not close");
            if assembled.polygons.is_empty() {
                // Ways that would have been drawn with it are drawn by themselves.
                area.members.iter().for_each(|member| _ = self.relations.drawn.remove(&member.key.id));
                report.skip("multipolygon-broken", message, place);
                return Ok(());
            }
            report.warn("multipolygon-incomplete", format!("{message}; what closes was taken"), place);
        } else if assembled.polygons.is_empty() {
            let place = Where::file(&self.path).object(key.to_string());
            report.skip("multipolygon-broken", "it has no members that make a ring", place);
            return Ok(());
        }
        if !out.is_new(key, &self.path, report) {
            return Ok(());
        }
        let mut object = out.object(key.to_string(), &feature, &area.tags);
        let (_, mut ways) = self.apart();
        ways.polygons(&mut object, &feature, &area.tags, &assembled.polygons, report);
        ways.hand_on(key, object, &feature, assembled.polygons, out, report)
    }

    /// A limit as lines: those of its ways that are there, for extracts nearly always cut it.
    fn boundary(
        &mut self,
        key: Key,
        feature: &Feature,
        area: &Area,
        out: &mut Output<'_>,
        report: &mut SourceReport,
    ) -> Result<(), ImportError> {
        let mut lines = Vec::new();
        let mut missing = 0;
        for member in &area.members {
            let Some(ids) = self.relations.nodes(member.key.id) else {
                missing += 1;
                continue;
            };
            self.steps.take(ids.len())?;
            let places: Vec<Option<Place>> = ids.iter().map(|id| self.nodes.get(*id)).collect();
            let found = pieces(&places, |_| false).into_iter();
            lines.extend(found.map(|piece| line(&places[piece], Layers::default(), lift_m("Zone"))));
        }
        if missing > 0 {
            let message =
                format!("{missing} of its {} ways are not in the file; the others were taken", area.members.len());
            let place = Where::file(&self.path).object(key.to_string());
            report.note(Diagnostic { severity: Severity::Note, code: "boundary-incomplete", message, place });
        }
        if lines.is_empty() || !out.is_new(key, &self.path, report) {
            return Ok(());
        }
        let mut object = out.object(key.to_string(), feature, &area.tags);
        let section = LineSection::Band(BOUNDARY_WIDTH_M);
        object.geometry.push(SourceShape { lod: 0.0, form: SourceForm::Lines { lines, section } });
        out.push(object, report)
    }

    /// Hands on what waited: buildings that have parts are outlines only, and the parts are theirs.
    fn release(self, out: &mut Output<'_>, report: &mut SourceReport) -> Result<(), ImportError> {
        let Held { buildings, parts } = self.held;
        let mut joined: HashMap<Key, u32> = HashMap::new();
        let parents: Vec<Option<Key>> =
            parts.iter().map(|(key, _)| self.parts.parent(*key, |outline| out.knows(outline))).collect();
        parents.iter().flatten().for_each(|parent| *joined.entry(*parent).or_default() += 1);
        for (key, mut object, polygons) in buildings {
            if joined.contains_key(&key) {
                object.geometry = vec![surface(&polygons, SurfaceKind::Ground, 0.0)];
            }
            out.push(object, report)?;
        }
        let mut relations: Vec<Key> =
            joined.into_keys().filter(|key| key.kind == Kind::Relation && !out.knows(*key)).collect();
        relations.sort_unstable();
        for key in relations {
            let feature = Feature { class: "Building", form: Form::Building };
            let tags = self.relations.buildings.get(&key.id).cloned().unwrap_or_default();
            let object = out.object(key.to_string(), &feature, &tags);
            out.push(object, report)?;
        }
        for ((key, mut object), parent) in parts.into_iter().zip(parents) {
            if parent.is_none() {
                let message = "it lies in no building and no relation names one; it stands alone".to_owned();
                let place = Where::file(&self.path).object(key.to_string());
                report.note(Diagnostic { severity: Severity::Note, code: "part-without-building", message, place });
            }
            object.object.parent = parent.map(|parent| parent.to_string());
            out.push(object, report)?;
        }
        Ok(())
    }
}
