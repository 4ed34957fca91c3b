//! One member to its city objects: the top-level one, then those that are part of it.

use std::sync::Arc;

use super::appearance::{Appearances, Remark};
use super::attributes::{AttributeList, Reading};
use super::classes;
use super::findings::Findings;
use super::geometry::{Around, GeometryReader};
use super::levels::Levels;
use super::members::Member;
use super::polygon::Looks;
use super::scope::Scope;
use super::surface_attributes::SurfaceAttributes;
use super::tree::{Element, Space, Tree};
use crate::city::Value;
use crate::import::SourceObject;
use crate::import::attributes::describe;
use crate::import::cityjson::level;

/// What reading one member gave.
pub(super) struct ReadMember {
    /// The top-level object first, parts behind what they are part of.
    pub(super) objects: Vec<SourceObject>,
    pub(super) findings: Findings,
}

/// Reads a member. One that is no XML costs only itself.
pub(super) fn read(scope: &Scope<'_>, member: &Member<'_>) -> ReadMember {
    let refused = |message: String, at: usize| {
        let mut findings = Findings::new(&scope.path);
        findings.skip_at("member-unreadable", message, format!("line {}", member.line_of(at)));
        ReadMember { objects: Vec::new(), findings }
    };
    let text = match std::str::from_utf8(member.text) {
        Ok(text) => text,
        Err(error) => return refused("it is not UTF-8".to_owned(), error.valid_up_to()),
    };
    let tree = match Tree::parse(text, &scope.spaces) {
        Ok(tree) => tree,
        Err(error) => return refused(error.message, error.at),
    };
    let mut remarks = Vec::new();
    let own = own_appearances(scope, text, &tree, &mut remarks);
    let looks = Looks { own: &own, file: &scope.appearances };
    let mut geometry = GeometryReader::new(scope, &tree, looks);
    for (code, message) in remarks {
        geometry.findings.note(code, message);
    }
    let mut reader = MemberReader { scope, geometry, objects: Vec::new(), number: member.number, nameless: 0 };
    let around = reader.geometry.around();
    for child in tree.root().children() {
        reader.top(child, around);
    }
    let mut findings = reader.geometry.findings;
    if own.unused() > 0 {
        let message = format!("{} pictures are for rings that are not in their object", own.unused());
        findings.note("texture-target-missing", message);
    }
    ReadMember { objects: reader.objects, findings }
}

/// The appearances inside a member.
fn own_appearances(scope: &Scope<'_>, text: &str, tree: &Tree<'_>, remarks: &mut Vec<Remark>) -> Appearances {
    let mut own = Appearances::of_theme_of(&scope.appearances);
    if memchr::memmem::find(text.as_bytes(), b"Appearance").is_some() {
        for element in tree.all().filter(|element| element.name() == "Appearance") {
            own.add(element, scope.files, scope.name, remarks);
        }
    }
    own
}

struct MemberReader<'s, 't> {
    scope: &'s Scope<'s>,
    geometry: GeometryReader<'s, 't>,
    objects: Vec<SourceObject>,
    /// Of the member in its file.
    number: usize,
    nameless: usize,
}

/// The properties of an object, sorted by what they hold.
#[derive(Default)]
struct Contents<'t> {
    boundaries: Vec<Element<'t>>,
    geometries: Vec<Element<'t>>,
    parts: Vec<(Element<'t>, &'static str)>,
}

impl<'t> MemberReader<'_, 't> {
    /// What lies right inside a member.
    fn top(&mut self, element: Element<'t>, around: Around) {
        let name = element.name();
        match (element.space(), classes::class(name)) {
            (Space::City, Some(class)) => self.object(element, class, None, around),
            (Space::City, None) if !matches!(name, "Envelope" | "Appearance") => {
                let message = format!("a {name} is no object and is left out");
                self.geometry.findings.note("not-an-object", message);
            }
            (Space::Planning | Space::Foreign, _) if element.id().is_some() => self.foreign(element, around),
            _ => {}
        }
    }

    /// A top-level object of an extension: its geometry and attributes are like any other's. Decisions of planning are
    /// zones, whatever they decide.
    fn foreign(&mut self, element: Element<'t>, around: Around) {
        let name = element.name();
        let is_zone = element.space() == Space::Planning;
        let class = if is_zone { "Zone" } else { name };
        let message = format!("{name} is a class of an extension; read by its geometry and attributes as {class}");
        self.geometry.findings.note("extension-class", message);
        let first = self.objects.len();
        self.object(element, class, None, around);
        if let Some(object) = self.objects.get_mut(first).filter(|_| is_zone) {
            object.derive_attribute(&Arc::from("zone"), Value::from(name));
        }
    }

    fn object(&mut self, element: Element<'t>, class: &str, parent: Option<&str>, around: Around) {
        let id = self.id(element, class);
        self.geometry.findings.object.clone_from(&id);
        let envelope = element.children().filter(|child| child.name() == "boundedBy").find_map(|b| b.child("Envelope"));
        let around = envelope.map_or(around, |envelope| self.geometry.inside(envelope, around));
        let mut attributes = AttributeList::default();
        let contents = self.contents(element, &mut attributes);
        let mut levels = Levels::default();
        let mut of_surfaces = SurfaceAttributes::default();
        for boundary in &contents.boundaries {
            self.boundary(*boundary, around, &mut levels, &mut of_surfaces);
        }
        for property in &contents.geometries {
            levels.read(*property, lod_of(element, *property), around, &mut self.geometry);
        }
        let is_traffic = class.ends_with("TrafficSpace");
        of_surfaces.hand_to(&mut attributes, is_traffic, &mut self.geometry.findings);
        let mut made = SourceObject { geometry: levels.finish(), ..SourceObject::default() };
        made.object.attributes = attributes.finish(&mut self.geometry.findings);
        made.object.class = class.to_owned();
        made.object.parent = parent.map(str::to_owned);
        made.object.level = level(class, made.geometry.last().map_or(0.0, |shape| shape.lod));
        if element.name().starts_with("Int") && element.name() != "Intersection" {
            made.derive_attribute(&Arc::from("relationToConstruction"), Value::from("inside"));
        }
        if let Some(height) = height_of(element) {
            made.derive_attribute(&Arc::from("measuredHeight"), Value::from(height));
        }
        describe(&mut made.object, self.scope.options);
        let own_id = self.scope.options.id_attribute.as_ref().map(|name| made.object.attribute(name).to_string());
        made.object.id = own_id.filter(|id| !id.is_empty()).unwrap_or(id);
        let id = made.object.id.clone();
        self.objects.push(made);
        for (part, class) in contents.parts {
            self.object(part, class, Some(&id), around);
        }
    }

    /// Its `gml:id`; for an object without one, the file, its class and its number in the file.
    fn id(&mut self, element: Element<'_>, class: &str) -> String {
        if let Some(id) = element.id() {
            return id.into_owned();
        }
        self.nameless += 1;
        let behind = if self.nameless > 1 { format!(".{}", self.nameless) } else { String::new() };
        let id = format!("{}-{class}-{}{behind}", self.scope.stem(), self.number);
        self.geometry.findings.object.clone_from(&id);
        self.geometry.findings.note("id-missing", "an object has no gml:id; it is called by its place in the file");
        id
    }

    /// Sorts the properties of an object; attributes are read at once.
    fn contents(&mut self, element: Element<'t>, attributes: &mut AttributeList) -> Contents<'t> {
        let mut contents = Contents::default();
        for property in element.children() {
            let name = property.name();
            if matches!(name, "appearance" | "metaDataProperty") || property.child("Envelope").is_some() {
                continue;
            }
            if name.ends_with("TerrainIntersection") {
                let message = "lines where an object meets the terrain are left out";
                self.geometry.findings.note("terrain-intersection-left-out", message);
                continue;
            }
            if is_geometry_property(property) {
                contents.geometries.push(property);
                continue;
            }
            let mut is_attribute = true;
            for child in property.children().filter(|child| child.space() != Space::Gml) {
                let kind = classes::boundary(child.name());
                let class = classes::class(child.name()).filter(|_| child.space() == Space::City);
                // Traffic areas are objects in 2.0, and the surfaces of such objects in 3.0.
                let is_part = class.is_some() && (kind.is_none() || !matches!(name, "boundary" | "boundedBy"));
                match child.name() {
                    _ if is_part => contents.parts.extend(class.map(|class| (child, class))),
                    _ if kind.is_some() => contents.boundaries.push(child),
                    "Address" => attributes.address(child),
                    "Dynamizer" => {
                        let findings = &mut self.geometry.findings;
                        attributes.dynamizer(child, &mut Reading { scope: self.scope, findings });
                    }
                    _ => continue,
                }
                is_attribute = false;
            }
            if is_attribute {
                let findings = &mut self.geometry.findings;
                attributes.property(property, &mut Reading { scope: self.scope, findings });
            }
        }
        contents
    }

    /// A boundary surface and the openings in it.
    fn boundary(
        &mut self,
        surface: Element<'t>,
        around: Around,
        levels: &mut Levels,
        of_surfaces: &mut SurfaceAttributes,
    ) {
        let around = around.of_kind(classes::boundary(surface.name()).unwrap_or_default());
        let mut attributes = AttributeList::default();
        let contents = self.contents(surface, &mut attributes);
        of_surfaces.add(surface.name(), attributes);
        for property in contents.geometries {
            levels.read_boundary(property, lod_of(surface, property), around, &mut self.geometry);
        }
        for inside in contents.boundaries {
            self.boundary(inside, around, levels, of_surfaces);
        }
        for (part, _) in contents.parts {
            let message = format!("a {} inside a boundary surface is left out", part.name());
            self.geometry.findings.skip("part-left-out", message);
        }
    }
}

fn is_geometry_property(property: Element<'_>) -> bool {
    if property.is_leaf() {
        return classes::lod(property.name()).is_some() && property.attribute("href").is_some();
    }
    // Properties of geometries may be wrapped once more in properties of none: only what holds one right inside is meant.
    property.children().any(|child| classes::is_geometry(child.name()) && child.space() != Space::Foreign)
}

/// The level of detail of a property: by its name, or as the object says it (relief).
fn lod_of(element: Element<'_>, property: Element<'_>) -> Option<u8> {
    classes::lod(property.name()).or_else(|| element.child("lod")?.text().parse().ok().filter(|lod| *lod <= 4))
}

/// The height of an object of version 3.0, which says what it is between instead of the `measuredHeight` of 2.0. The first
/// is taken.
fn height_of(element: Element<'_>) -> Option<f64> {
    let heights = element.children().filter(|property| property.name() == "height" && property.space() == Space::City);
    let mut values = heights.filter_map(|property| property.child("Height")?.child("value")?.text().parse().ok());
    values.find(|height: &f64| *height > 0.0 && height.is_finite())
}
