//! GML geometry to surfaces, lines and points: every aggregate and composite is walked the same way, links are followed.

use std::collections::{HashMap, HashSet};

use glam::{DMat4, DVec3};

use super::appearance::key;
use super::coordinates::{Written, numbers, points};
use super::findings::Findings;
use super::polygon::{Looks, ReadPolygon, polygon, turn};
use super::reference::{Reference, same_plane};
use super::scope::Scope;
use super::tree::{Element, Tree};
use crate::geodesy::CoordinateOperation;
use crate::geometry::SurfaceKind;
use crate::import::SourceSurface;

/// Links inside links inside links.
const MAX_LINKS_DEEP: usize = 8;
/// Points that links of one member may lead to, all together: what keeps links to links from multiplying.
const MAX_LINKED: usize = 2_000_000;
/// What following a link costs, in points.
const LINK_COST: usize = 8;
/// Equatorial radius and flattening of GRS 80 and, as far as this matters, of WGS 84.
const RADIUS_M: f64 = 6_378_137.0;
const FLATTENING: f64 = 1.0 / 298.257_222_101;

/// What the geometries of a property are made of.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) surfaces: Vec<SourceSurface>,
    pub(super) lines: Vec<Vec<DVec3>>,
    pub(super) points: Vec<DVec3>,
}

impl Found {
    pub(super) fn is_empty(&self) -> bool {
        self.surfaces.is_empty() && self.lines.is_empty() && self.points.is_empty()
    }
}

/// What an element has from those around it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Around {
    written: Written,
    /// Number of the operation that leads to the source's CRS.
    operation: Option<usize>,
    /// Whether coordinates are those of a library object, on no map.
    is_relative: bool,
    is_turned: bool,
    color: Option<[u8; 4]>,
    kind: SurfaceKind,
}

impl Around {
    /// The same for surfaces of a kind; what is unknown stays as it is.
    pub(super) fn of_kind(self, kind: SurfaceKind) -> Self {
        Self { kind: if kind == SurfaceKind::Unknown { self.kind } else { kind }, ..self }
    }
}

/// Whether north is written first in a CRS, and the number of the operation that leads from it, where one is needed.
type OtherCrs = (bool, Option<usize>);

/// Reads the geometries of one member.
pub(super) struct GeometryReader<'s, 't> {
    pub(super) scope: &'s Scope<'s>,
    tree: &'t Tree<'t>,
    looks: Looks<'s>,
    /// Elements of the tree by identifier; made when the first link asks.
    ids: Option<HashMap<u64, Element<'t>>>,
    references: Vec<(String, Option<OtherCrs>)>,
    operations: Vec<Box<dyn CoordinateOperation>>,
    /// The links that lead here.
    trail: Vec<u64>,
    linked: usize,
    /// Whether links led to too much: no more are followed.
    is_spent: bool,
    /// Polygons of the tree that are not read again, by number, and those read so far.
    pub(super) known: HashSet<usize>,
    pub(super) visited: Vec<usize>,
    pub(super) findings: Findings,
}

impl<'s, 't> GeometryReader<'s, 't> {
    pub(super) fn new(scope: &'s Scope<'s>, tree: &'t Tree<'t>, looks: Looks<'s>) -> Self {
        // That there is one was tried before.
        let elsewhere = scope.is_elsewhere.then(|| scope.registry.operation(&scope.reference.crs, &scope.frame).ok());
        Self {
            scope,
            tree,
            looks,
            ids: None,
            references: Vec::new(),
            operations: elsewhere.flatten().into_iter().collect(),
            trail: Vec::new(),
            linked: 0,
            is_spent: false,
            known: HashSet::new(),
            visited: Vec::new(),
            findings: Findings::new(&scope.path),
        }
    }

    /// What holds where nothing else is said.
    pub(super) fn around(&self) -> Around {
        Around {
            written: Written { north_first: self.scope.reference.north_first, dimension: self.scope.dimension },
            operation: self.scope.is_elsewhere.then_some(0),
            is_relative: false,
            is_turned: false,
            color: None,
            kind: SurfaceKind::Unknown,
        }
    }

    /// The same inside an element that may say its own CRS.
    pub(super) fn inside(&mut self, element: Element<'_>, mut around: Around) -> Around {
        if !element.has_attributes() {
            return around;
        }
        if let Some(dimension) = element.attribute("srsDimension").and_then(|words| words.parse().ok()) {
            around.written.dimension = Some(dimension);
        }
        if let Some(name) = element.attribute("srsName").filter(|_| !self.scope.insists && !around.is_relative)
            && let Some((north_first, operation)) = self.reference(&name)
        {
            around.written.north_first = north_first;
            around.operation = operation;
        }
        if !self.looks.are_none() {
            around.color = self.looks.color(element).or(around.color);
        }
        around
    }

    /// The order of axes of a CRS, and the operation from it; `None` (told once) where nobody knows it.
    fn reference(&mut self, name: &str) -> Option<OtherCrs> {
        if name == self.scope.said {
            return Some((self.scope.reference.north_first, self.scope.is_elsewhere.then_some(0)));
        }
        if let Some((_, known)) = self.references.iter().find(|(known, _)| known == name) {
            return *known;
        }
        let found = self.new_reference(name);
        if found.is_none() {
            let frame = &self.scope.frame;
            self.findings.warn("crs-unknown", format!("the CRS '{name:.80}' is not known; taken as {frame}"));
        }
        self.references.push((name.to_owned(), found));
        found
    }

    fn new_reference(&mut self, name: &str) -> Option<OtherCrs> {
        let reference = Reference::parse(name, self.scope.registry)?;
        if same_plane(&reference.crs, &self.scope.frame, self.scope.registry) {
            let is_doubtful = reference.is_doubtful && self.scope.reference.is_doubtful;
            let own = self.scope.reference.north_first;
            return Some((if is_doubtful { own } else { reference.north_first }, None));
        }
        let operation = self.scope.registry.operation(&reference.crs, &self.scope.frame).ok()?;
        self.operations.push(operation);
        Some((reference.north_first, Some(self.operations.len() - 1)))
    }

    /// Everything inside a property, or a geometry itself.
    pub(super) fn walk(&mut self, element: Element<'_>, around: Around, found: &mut Found) {
        let around = self.inside(element, around);
        match element.name() {
            "Polygon" | "PolygonPatch" | "Triangle" | "Rectangle" => self.polygon(element, around, found),
            "LineString" | "LineStringSegment" => {
                if let Some(line) = self.points(element, around).filter(|line| line.len() >= 2) {
                    found.lines.push(line);
                }
            }
            "Point" => found.points.extend(self.points(element, around).into_iter().flatten()),
            "ImplicitGeometry" => self.implicit(element, around, found),
            "Arc" | "ArcString" | "ArcByCenterPoint" | "Circle" | "CircleByCenterPoint" | "CubicSpline" | "BSpline" => {
                self.findings.note("curve-left-out", format!("a curve of kind {} is left out", element.name()));
            }
            "boundedBy" | "metaDataProperty" | "description" | "name" | "controlPoint" | "appearance" => {}
            name => {
                let is_turned = matches!(name, "OrientableSurface" | "TexturedSurface")
                    && element.attribute("orientation").as_deref() == Some("-");
                let around = Around { is_turned: around.is_turned ^ is_turned, ..around };
                if element.is_leaf()
                    && let Some(href) = element.attribute("href")
                {
                    self.follow(&href, around, found);
                }
                for child in element.children() {
                    self.walk(child, around, found);
                }
            }
        }
    }

    fn polygon(&mut self, element: Element<'_>, around: Around, found: &mut Found) {
        let is_own = std::ptr::eq(element.tree(), self.tree);
        if is_own && self.known.contains(&element.number()) {
            return;
        }
        match polygon(element, around.written, around.kind, around.color, self.looks) {
            Ok(ReadPolygon { mut surface, picture_lost }) => {
                if picture_lost {
                    let message = "the places in a picture are not as many as the points of their ring";
                    self.findings.note("texture-mismatch", message);
                }
                surface.polygon.iter_mut().for_each(|ring| self.bring(ring, around));
                self.spend(surface.polygon.iter().map(Vec::len).sum());
                if around.is_turned {
                    turn(&mut surface);
                }
                found.surfaces.push(surface);
                if is_own {
                    self.visited.push(element.number());
                }
            }
            Err(problem) => self.findings.drop_surface(problem, element.id().as_deref()),
        }
    }

    fn points(&mut self, element: Element<'_>, around: Around) -> Option<Vec<DVec3>> {
        match points(element, around.written) {
            Ok(mut points) => {
                self.bring(&mut points, around);
                self.spend(points.len());
                Some(points)
            }
            Err(message) => {
                self.findings.skip("coordinates-unreadable", message);
                None
            }
        }
    }

    /// Brings points to the source's CRS.
    fn bring(&self, points: &mut [DVec3], around: Around) {
        if around.is_relative {
            return;
        }
        if self.scope.origin != DVec3::ZERO {
            points.iter_mut().for_each(|point| *point += self.scope.origin);
        }
        if let Some(operation) = around.operation.and_then(|number| self.operations.get(number))
            && operation.convert(points).is_err()
        {
            points.fill(DVec3::NAN);
        }
    }

    /// Counts what links lead to.
    fn spend(&mut self, count: usize) {
        if !self.trail.is_empty() {
            self.linked = self.linked.saturating_add(count);
        }
    }

    /// Follows a link to a geometry of the same member or another one of the file.
    fn follow(&mut self, href: &str, around: Around, found: &mut Found) {
        let id = key(href);
        let in_file = href.starts_with('#');
        if self.linked > MAX_LINKED {
            if !std::mem::replace(&mut self.is_spent, true) {
                self.findings.skip("link-too-much", "the links of the object lead to too much; the rest is left out");
            }
            return;
        }
        if self.trail.contains(&id) || self.trail.len() >= MAX_LINKS_DEEP {
            self.findings.skip("link-cycle", format!("the link to '{href:.80}' leads back to itself, or too far"));
            return;
        }
        self.trail.push(id);
        self.spend(LINK_COST);
        let own = self.ids.get_or_insert_with(|| by_id(self.tree)).get(&id).copied();
        if let Some(target) = own.filter(|_| in_file) {
            self.walk(target, around, found);
        } else if let Some(text) = self.scope.linked(href).filter(|_| in_file) {
            self.spend(text.len() / 64);
            match Tree::parse(&text, &self.scope.spaces) {
                Ok(tree) => self.walk(tree.root(), around, found),
                Err(error) => self.findings.skip("link-unreadable", error.message),
            }
        } else {
            self.findings.skip("link-unresolved", format!("there is no geometry '{href:.80}' in the file"));
        }
        self.trail.pop();
    }

    /// A library object put at its place by a matrix (CityGML 2.0, 8.2).
    fn implicit(&mut self, element: Element<'_>, around: Around, found: &mut Found) {
        let anchor = element.child("referencePoint").and_then(|point| {
            let around = point.children().next().map_or(around, |child| self.inside(child, around));
            self.points(point, around)?.first().copied()
        });
        let Some(anchor) = anchor else {
            self.findings.skip("implicit-unplaced", "an ImplicitGeometry has no reference point");
            return;
        };
        let matrix = element.child("transformationMatrix").map(Element::text);
        let matrix: Option<Vec<f64>> = matrix.map(|text| numbers(&text).collect::<Result<_, _>>().unwrap_or_default());
        let matrix = match matrix.map(<[f64; 16]>::try_from) {
            None => DMat4::IDENTITY,
            // Row-major in CityGML, column-major in memory.
            Some(Ok(matrix)) => DMat4::from_cols_array(&matrix).transpose(),
            Some(Err(_)) => {
                self.findings.skip("implicit-unplaced", "the matrix of an ImplicitGeometry has not 16 numbers");
                return;
            }
        };
        let mut shape = Found::default();
        let written = Written { north_first: false, dimension: Some(3) };
        let relative = Around { is_relative: true, operation: None, written, ..around };
        for name in ["relativeGMLGeometry", "relativeGeometry"] {
            if let Some(property) = element.child(name) {
                self.walk(property, relative, &mut shape);
            }
        }
        if shape.is_empty() && element.child("libraryObject").is_some() {
            let message = "an ImplicitGeometry whose form is in another file is kept as a place";
            self.findings.note("library-object-left-out", message);
            found.points.push(anchor);
            return;
        }
        let placed = |point: &mut DVec3| *point = self.beside(anchor, matrix.transform_point3(*point));
        shape.surfaces.iter_mut().flat_map(|surface| surface.polygon.iter_mut().flatten()).for_each(placed);
        shape.lines.iter_mut().flatten().for_each(placed);
        shape.points.iter_mut().for_each(placed);
        if matrix.determinant() < 0.0 {
            shape.surfaces.iter_mut().for_each(turn);
        }
        found.surfaces.append(&mut shape.surfaces);
        found.lines.append(&mut shape.lines);
        found.points.append(&mut shape.points);
    }

    /// A place so many metres east, north and above another one.
    fn beside(&self, place: DVec3, offset_m: DVec3) -> DVec3 {
        if !self.scope.frame_is_geographic {
            return place + offset_m;
        }
        let latitude = place.y.to_radians();
        let squared = FLATTENING * (2.0 - FLATTENING);
        let curved = 1.0 - squared * latitude.sin().powi(2);
        let (normal_m, meridian_m) = (RADIUS_M / curved.sqrt(), RADIUS_M * (1.0 - squared) / curved.powf(1.5));
        let east = offset_m.x / (normal_m * latitude.cos().max(1e-9));
        place + DVec3::new(east.to_degrees(), (offset_m.y / meridian_m).to_degrees(), offset_m.z)
    }
}

fn by_id<'t>(tree: &'t Tree<'t>) -> HashMap<u64, Element<'t>> {
    let mut ids = HashMap::new();
    for element in tree.all() {
        if let Some(id) = element.id() {
            ids.entry(key(&id)).or_insert(element);
        }
    }
    ids
}
