//! Bindings: which stream sets which property of which object.

use std::collections::HashMap;
use std::sync::Arc;

use super::pattern::{StreamPattern, Template};
use super::{FaultKind, LiveError, SourceIndex};
use crate::geodesy::Geodetic;
use crate::scene::{BindingDocument, RollupRule};

/// What binding needs to know of the city's objects; an object is its row in the object table.
///
/// ```
/// use std::collections::BTreeMap;
/// use veduta::{geodesy::Geodetic, live::ObjectDirectory};
/// struct Named(BTreeMap<String, u32>);
/// impl ObjectDirectory for Named {
///     fn row_of(&self, id: &str) -> Option<u32> { self.0.get(id).copied() }
///     fn nearest(&self, _class: &str, _place: Geodetic, _within_m: f64) -> Option<u32> { None }
/// }
/// assert_eq!(Named(BTreeMap::from([("B1".into(), 7)])).row_of("B1"), Some(7));
/// ```
pub trait ObjectDirectory {
    /// The row of the object with this identifier.
    fn row_of(&self, id: &str) -> Option<u32>;
    /// The row of the object of `class` nearest to `place` (plan distance), no farther than `within_m` metres; the lower
    /// row where two are equally near.
    fn nearest(&self, class: &str, place: Geodetic, within_m: f64) -> Option<u32>;
}

/// One compiled binding.
#[derive(Debug, Clone)]
pub struct Binding {
    source: Option<SourceIndex>,
    pattern: StreamPattern,
    target: Target,
    /// Number of its property, see [`Bindings::properties`].
    pub property: u16,
    /// UCUM unit.
    pub unit: Option<String>,
    /// Older than this it is stale, microseconds.
    pub(super) stale_after_us: Option<i64>,
    /// Least and greatest believable value.
    pub range: Option<[f64; 2]>,
    /// How it rolls up the tree of objects.
    pub rollup: RollupRule,
}

impl Binding {
    /// Whether only a number can be meant: it has a unit or a range.
    pub fn wants_number(&self) -> bool {
        self.unit.is_some() || self.range.is_some()
    }
}

#[derive(Debug, Clone)]
enum Target {
    Id(Template),
    Nearest { class: String, within_m: f64, at: Option<Geodetic> },
}

/// What a stream of a source sets: object row, property number, binding number.
pub(super) struct Resolution {
    /// Every binding that matches and finds its object, in the order of the scene.
    pub targets: Vec<(u32, u16, u16)>,
    /// Where a binding that matches leads depends on where the stream says that it is.
    pub by_place: bool,
    /// Why it sets nothing, where it does not: what the last binding that matches lacks.
    pub why: FaultKind,
}

/// All bindings of a scene.
#[derive(Debug, Clone, Default)]
pub struct Bindings {
    bindings: Vec<Binding>,
    properties: Vec<Arc<str>>,
    property_numbers: HashMap<Arc<str>, u16>,
}

impl Bindings {
    /// Compiles the bindings of a scene. `sources` are the names of its sources (and of a scenario's recordings), in the
    /// order of their [`SourceIndex`].
    pub fn compile(documents: &[BindingDocument], sources: &[&str]) -> Result<Self, LiveError> {
        let mut compiled = Self::default();
        for document in documents {
            let refuse = |cause: String| LiveError::Binding { cause, stream: document.stream.clone() };
            if compiled.bindings.len() >= usize::from(u16::MAX) {
                return Err(refuse("more than 65535 bindings".to_owned()));
            }
            let source = match &document.source {
                Some(name) => {
                    let at = sources.iter().position(|s| s == name);
                    let at = at.and_then(|at| u16::try_from(at).ok());
                    Some(SourceIndex(at.ok_or_else(|| refuse(format!("no source is named '{name}'")))?))
                }
                None => None,
            };
            let pattern = StreamPattern::parse(&document.stream).map_err(refuse)?;
            let target = target(document, &pattern).map_err(refuse)?;
            let property = compiled.intern(&document.property);
            compiled.bindings.push(Binding {
                source,
                pattern,
                target,
                property,
                unit: document.unit.clone(),
                stale_after_us: document.stale_after_s.map(|s| (s * 1e6).round() as i64),
                range: document.range,
                rollup: document.rollup,
            });
        }
        Ok(compiled)
    }

    fn intern(&mut self, property: &str) -> u16 {
        if let Some(number) = self.property_numbers.get(property) {
            return *number;
        }
        let name: Arc<str> = property.into();
        let number = self.properties.len() as u16;
        self.properties.push(name.clone());
        self.property_numbers.insert(name, number);
        number
    }

    /// The properties that are set, by number.
    pub fn properties(&self) -> &[Arc<str>] {
        &self.properties
    }

    /// The number of a property; `None` where no binding sets it.
    pub fn property(&self, name: &str) -> Option<u16> {
        self.property_numbers.get(name).copied()
    }

    /// The compiled bindings, in the order of the scene.
    pub fn bindings(&self) -> &[Binding] {
        &self.bindings
    }

    /// What a stream sets.
    pub(super) fn resolve(
        &self,
        source: SourceIndex,
        stream: &str,
        place: Option<Geodetic>,
        directory: &dyn ObjectDirectory,
    ) -> Resolution {
        let mut resolution = Resolution { targets: Vec::new(), by_place: false, why: FaultKind::NoBinding };
        for (number, binding) in self.bindings.iter().enumerate() {
            if binding.source.is_some_and(|only| only != source) {
                continue;
            }
            let Some(captures) = binding.pattern.captures(stream) else { continue };
            let row = match &binding.target {
                Target::Id(template) => template
                    .fill(|name| captures.iter().find(|(n, _)| *n == name).map(|(_, value)| *value))
                    .and_then(|id| directory.row_of(&id))
                    .ok_or(FaultKind::NoObject),
                Target::Nearest { class, within_m, at } => {
                    resolution.by_place |= at.is_none();
                    match at.or(place) {
                        Some(place) => directory.nearest(class, place, *within_m).ok_or(FaultKind::TooFar),
                        None => Err(FaultKind::NoPlace),
                    }
                }
            };
            match row {
                Ok(row) => resolution.targets.push((row, binding.property, number as u16)),
                Err(why) => resolution.why = why,
            }
        }
        resolution
    }
}

fn target(document: &BindingDocument, pattern: &StreamPattern) -> Result<Target, String> {
    match (&document.to.id, &document.to.nearest) {
        (Some(id), None) => {
            let template = Template::parse(id)?;
            if let Some(unknown) = template.names().find(|name| !pattern.names(name)) {
                return Err(format!("the stream has no segment '{{{unknown}}}'"));
            }
            Ok(Target::Id(template))
        }
        (None, Some(class)) => Ok(Target::Nearest {
            class: class.clone(),
            within_m: document.to.within_m.unwrap_or(f64::INFINITY),
            at: document.to.at.map(|[longitude, latitude]| Geodetic::from_degrees(longitude, latitude, 0.0)),
        }),
        _ => Err("give either 'id' or 'nearest'".to_owned()),
    }
}
