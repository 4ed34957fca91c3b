//! What a role sees of a live scene that something of its city is withheld from.
//!
//! ```text
//! scene, its whole city --Sight (once for a role and what it sees)--> rows, properties, indicators as its tiles number them
//! ```
//!
//! What tells of many objects tells of each: a value of everything in an object is known only where all of that is seen, a
//! figure of the city or an area only where nothing of the city is withheld. What names a withheld attribute, object or
//! class in its expressions is not there at all.

use std::collections::BTreeMap;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use crate::package::City;
use crate::scenario::wire::{Alarm, Figure, Hello, LiveMessage, LiveValueOf, Staging, Told, Update};
use crate::scenario::{EffectsForViewers, SceneForViewers};
use crate::scene::{Effect, IndicatorDocument, LayerDocument, SceneDocument};
use crate::service::Published;

/// Stands for a withheld row.
const WITHHELD: u32 = u32::MAX;

/// What a scene is made of, to tell what a part of it would give away.
pub struct SceneParts {
    /// The city that values are about, whole.
    pub city: Arc<City>,
    /// The scene as it was written.
    pub scene: SceneDocument,
}

/// Of whom a figure or an alarm tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Of something withheld, whoever it is about.
    Withheld,
    /// Of its object and what is in it.
    Object,
    /// Of the whole city.
    City,
}

/// What a role sees of a scene.
pub struct Sight {
    parts: Arc<SceneParts>,
    seen: Arc<Published>,
    /// By row of the whole city: the row that the role knows.
    rows: Vec<u32>,
    /// By row of the whole city: whether anything in it is withheld.
    broken: Vec<bool>,
    /// Whether no object is withheld.
    whole: bool,
    properties: Vec<Option<u16>>,
    /// By indicator: the number that the role knows.
    indicators: Vec<Option<u16>>,
    reaches: BTreeMap<String, Reach>,
    alarms: BTreeMap<String, Reach>,
    hello: Hello,
    document: SceneForViewers,
}

impl Sight {
    /// What is left of a scene for whoever knows its city as `seen`.
    pub fn new(parts: Arc<SceneParts>, seen: Arc<Published>, hello: &Hello, document: &SceneForViewers) -> Self {
        let rows = known_rows(&parts.city, &seen.city);
        let mut sight = Self {
            broken: broken_rows(&parts.city, &rows),
            whole: !rows.contains(&WITHHELD),
            rows,
            properties: Vec::new(),
            indicators: Vec::new(),
            reaches: BTreeMap::new(),
            alarms: BTreeMap::new(),
            hello: Hello { properties: Vec::new(), indicators: Vec::new(), ..hello.clone() },
            document: SceneForViewers::default(),
            parts,
            seen,
        };
        sight.number(hello);
        sight.document = sight.scene(document);
        sight
    }

    /// The version of the city that rows are of.
    pub fn version(&self) -> &str {
        &self.seen.version
    }

    /// Names of properties and indicators by the numbers that the role knows.
    pub fn hello(&self) -> &Hello {
        &self.hello
    }

    /// How the scene is drawn.
    pub fn document(&self) -> &SceneForViewers {
        &self.document
    }

    /// Identifier of an object by the row that the role knows.
    pub fn id(&self, row: u32) -> &str {
        self.seen.city.table().id(row)
    }

    /// Whether the live property of this number may be known.
    pub fn shows_property(&self, number: u16) -> bool {
        self.properties.get(usize::from(number)).is_some_and(Option::is_some)
    }

    /// Whether the layer of this name may be known.
    pub fn shows_layer(&self, name: &str) -> bool {
        self.document.layers.iter().any(|layer| layer.name == name)
    }

    /// Whether anything of a value may be known.
    pub fn admits_value(&self, value: &LiveValueOf) -> bool {
        self.shows_property(value.property) && self.row(value.row).is_some()
    }

    /// A value under the role's numbers; `None` where it may not be known.
    pub fn value(&self, value: &LiveValueOf) -> Option<LiveValueOf> {
        let row = self.row(value.row)?;
        let property = *self.properties.get(usize::from(value.property))?;
        let rolled_up = value.rolled_up.filter(|_| self.is_unbroken(value.row));
        Some(LiveValueOf { row, property: property?, own: value.own.clone(), rolled_up })
    }

    /// Whether of a value of this row only the object's own may be known.
    pub fn sees_own_only(&self, row: u32) -> bool {
        !self.is_unbroken(row)
    }

    /// A figure under the role's numbers.
    pub fn figure(&self, figure: &Figure) -> Option<Figure> {
        let at = usize::from(figure.indicator);
        let indicator = (*self.indicators.get(at)?)?;
        let reach = self.reaches.get(&self.parts.scene.indicators.get(at)?.name)?;
        let row = match figure.row {
            Some(row) => Some(self.row(row)?),
            None => None,
        };
        self.reaches_no_further(*reach, figure.row).then(|| Figure { indicator, row, ..figure.clone() })
    }

    /// An alarm under the role's numbers.
    pub fn alarm(&self, alarm: &Alarm) -> Option<Alarm> {
        if alarm.name.is_empty() {
            // Raised by an event, which names what it is about.
            let row = alarm.row.and_then(|row| self.row(row));
            return self.knows(&alarm.object).then(|| Alarm { row, ..alarm.clone() });
        }
        let row = match alarm.row {
            Some(row) => Some(self.row(row)?),
            None => None,
        };
        let reach = self.alarms.get(&alarm.name)?;
        self.reaches_no_further(*reach, alarm.row).then(|| Alarm { row, ..alarm.clone() })
    }

    /// What of a staging may be known.
    pub fn staging(&self, staging: &Staging) -> Staging {
        let known = |names: &[String]| names.iter().filter(|name| self.knows(name)).cloned().collect();
        let set = staging.attributes.iter();
        let set = set.filter(|(object, attribute, _)| self.knows(object) && self.seen.shows(attribute));
        let camera = staging.camera.clone().filter(|(camera, ..)| self.knows_camera(camera));
        Staging {
            attributes: set.cloned().collect(),
            hidden: known(&staging.hidden),
            closed: known(&staging.closed),
            message: staging.message.clone(),
            camera,
        }
    }

    /// Whether something that happened may be known.
    pub fn admits_told(&self, told: &Told) -> bool {
        let [kind, object, property, _, _, text] = &told.columns;
        match kind.as_str() {
            "alarm_raised" | "alarm_cleared" => {
                let row = self.parts.city.table().row(object);
                let city = object.is_empty();
                let reach = self.alarms.get(property);
                (city || self.knows(object)) && reach.is_some_and(|reach| self.reaches_no_further(*reach, row))
            }
            "set" => self.knows(object) && self.seen.shows(property),
            "camera" => self.knows_camera(text),
            _ => self.knows(object),
        }
    }

    /// The row that the role knows of a row of the whole city. What a variant has added is in no package, so nobody has
    /// said who may see it.
    fn row(&self, row: u32) -> Option<u32> {
        self.rows.get(row as usize).copied().filter(|row| *row != WITHHELD)
    }

    fn is_unbroken(&self, row: u32) -> bool {
        self.broken.get(row as usize).is_some_and(|broken| !broken)
    }

    fn reaches_no_further(&self, reach: Reach, row: Option<u32>) -> bool {
        match (reach, row) {
            (Reach::Withheld, _) => false,
            (Reach::Object, Some(row)) => self.row(row).is_some() && self.is_unbroken(row),
            (Reach::Object, None) | (Reach::City, _) => self.whole,
        }
    }

    /// Whether the role knows what an event names: an object, a layer, or nothing.
    fn knows(&self, name: &str) -> bool {
        if self.withholds(name) {
            return false;
        }
        name.is_empty() || self.seen.city.table().row(name).is_some() || self.shows_layer(name)
    }

    fn knows_camera(&self, name: &str) -> bool {
        self.document.cameras.iter().any(|camera| camera.name == name)
    }

    /// Whether this is the identifier of a withheld object, or a class of which the role knows no object.
    fn withholds(&self, name: &str) -> bool {
        let object = self.parts.city.table().row(name).is_some_and(|row| self.row(row).is_none());
        let counts = |city: &City| city.manifest().counts.contains_key(name);
        object || (counts(&self.parts.city) && !counts(&self.seen.city))
    }

    /// Whether a text (an expression, a message with expressions) names something withheld: an attribute as a word, an
    /// object or a class between quotes or as all there is.
    pub(super) fn mentions(&self, text: &str) -> bool {
        let hidden = self.seen.selection.iter().flat_map(|selection| &selection.hidden);
        hidden.into_iter().any(|name| holds_word(text, name))
            || text.split(['\'', '"']).any(|part| self.withholds(part))
    }

    fn number(&mut self, hello: &Hello) {
        for property in &hello.properties {
            let shown = self.seen.shows(&property.0);
            self.properties.push(shown.then_some(self.hello.properties.len() as u16));
            self.hello.properties.extend(shown.then(|| property.clone()));
        }
        self.reaches = reaches(&self.parts.scene.indicators, &|text| self.mentions(text));
        for indicator in &hello.indicators {
            let shown = match self.reaches.get(&indicator.name) {
                Some(Reach::Object) => true,
                Some(Reach::City) => self.whole,
                Some(Reach::Withheld) | None => false,
            };
            self.indicators.push(shown.then_some(self.hello.indicators.len() as u16));
            self.hello.indicators.extend(shown.then(|| indicator.clone()));
        }
        for alarm in &self.parts.scene.alarms {
            let said = [Some(&alarm.message), Some(&alarm.property), alarm.class.as_ref()];
            let watched = self.reaches.get(&alarm.property).copied().unwrap_or(Reach::Object);
            let told = said.into_iter().flatten().any(|text| self.mentions(text));
            self.alarms.insert(alarm.name.clone(), if told { Reach::Withheld } else { watched });
        }
    }

    fn scene(&self, whole: &SceneForViewers) -> SceneForViewers {
        let written = &self.parts.scene;
        let tells = |effect: &Effect| serde_json::to_value(effect).is_ok_and(|json| self.mentioned_in(&json));
        let bindings = whole.bindings.iter().enumerate().map(|(number, binding)| {
            let property = written.bindings.get(number).map(|binding| binding.property.as_str());
            let mut binding = binding.clone();
            if property.is_none_or(|property| !self.seen.shows(property)) {
                binding = EffectsForViewers::default();
            }
            binding.effects.retain(|effect| !tells(effect));
            binding
        });
        let layer_tells =
            |layer: &LayerDocument| serde_json::to_value(layer).is_ok_and(|json| self.mentioned_in(&json));
        let looks_at = |name: &str| written.cameras.iter().find(|camera| camera.name == name)?.object.as_deref();
        let cameras = whole.cameras.iter();
        let cameras =
            cameras.filter(|camera| looks_at(&camera.name).is_none_or(|id| self.seen.city.table().row(id).is_some()));
        let mut scene = SceneForViewers {
            layers: whole.layers.iter().filter(|layer| !layer_tells(layer)).cloned().collect(),
            bindings: bindings.collect(),
            cameras: cameras.cloned().collect(),
            removed: whole.removed.iter().filter(|id| !self.withholds(id)).cloned().collect(),
            // Water goes around what is withheld, and what is added is in no package.
            added: None,
            runs: Vec::new(),
            ..whole.clone()
        };
        let is_shown = |name: &String| self.hello.indicators.iter().any(|known| known.name == *name);
        scene.panel.indicators.retain(is_shown);
        let cameras = &scene.cameras;
        if let Some(tour) = &mut scene.tour {
            tour.cameras.retain(|name| cameras.iter().any(|camera| camera.name == *name));
        }
        scene.tour = scene.tour.filter(|tour| !tour.cameras.is_empty());
        scene
    }

    fn mentioned_in(&self, json: &serde_json::Value) -> bool {
        match json {
            serde_json::Value::String(text) => self.mentions(text),
            serde_json::Value::Array(all) => all.iter().any(|one| self.mentioned_in(one)),
            serde_json::Value::Object(all) => all.values().any(|one| self.mentioned_in(one)),
            _ => false,
        }
    }
}

/// By row of the whole city: the row of the same object in a part of it.
fn known_rows(whole: &City, part: &City) -> Vec<u32> {
    let (whole, part) = (whole.table(), part.table());
    let mut next = 0;
    let row = |row: u32| {
        // Both are in the order of their identifiers.
        let id = whole.id(row);
        while next < part.rows() && part.id(next) < id {
            next += 1;
        }
        if next < part.rows() && part.id(next) == id { next } else { WITHHELD }
    };
    (0..whole.rows()).map(row).collect()
}

/// By row: whether the object or anything in it is withheld. Where it cannot be read who is in whom, anything may be.
fn broken_rows(city: &City, rows: &[u32]) -> Vec<bool> {
    let table = city.table();
    let mut broken = vec![false; rows.len()];
    for withheld in (0..).zip(rows).filter(|(_, row)| **row == WITHHELD).map(|(row, _)| row) {
        let mut above = Some(withheld);
        while let Some(row) = above {
            // Where an object is marked already, so is everything that it is part of.
            match broken.get_mut(row as usize) {
                Some(mark) if !*mark => *mark = true,
                _ => break,
            }
            above = match table.parent(row) {
                Ok(parent) => parent.and_then(|id| table.row(id)),
                Err(_) => return vec![true; rows.len()],
            };
        }
    }
    broken
}

/// How far each indicator reaches, with those that it needs.
fn reaches(indicators: &[IndicatorDocument], mentions: &dyn Fn(&str) -> bool) -> BTreeMap<String, Reach> {
    let own = |indicator: &IndicatorDocument| {
        let texts = [Some(&indicator.expression), indicator.filter.as_ref(), indicator.per.as_ref()];
        let reach = match texts.into_iter().flatten().any(|text| mentions(text)) {
            true => Reach::Withheld,
            false if indicator.per.is_some() => Reach::Object,
            false => Reach::City,
        };
        (indicator.name.clone(), reach)
    };
    let mut reaches: BTreeMap<String, Reach> = indicators.iter().map(own).collect();
    // The longest way from one to another goes over all of them.
    for _ in indicators {
        for indicator in indicators {
            let needed = reaches.iter().filter(|(name, _)| holds_word(&indicator.expression, name));
            let needed: Vec<Reach> = needed.map(|(_, reach)| *reach).collect();
            let Some(reach) = reaches.get_mut(&indicator.name) else { continue };
            if needed.contains(&Reach::Withheld) {
                *reach = Reach::Withheld;
            } else if *reach == Reach::Object && needed.contains(&Reach::City) {
                *reach = Reach::City;
            }
        }
    }
    reaches
}

/// Whether a text holds a name that no letter or digit goes on with.
fn holds_word(text: &str, name: &str) -> bool {
    let ends = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '_');
    !name.is_empty()
        && text.match_indices(name).any(|(at, _)| {
            let (before, behind) =
                (text.get(..at).unwrap_or_default(), text.get(at + name.len()..).unwrap_or_default());
            ends(before.chars().next_back()) && ends(behind.chars().next())
        })
}

/// A number for a staging: another one where it says something else.
pub(super) fn hash_of(staging: &Staging) -> u64 {
    let update = Update { staging: Some(staging.clone()), ..Update::default() };
    xxh3_64(&LiveMessage::Update(update).encode())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_whole() {
        assert!(holds_word("rent > 5", "rent") && holds_word("a+rent", "rent") && holds_word("{租金}", "租金"));
        assert!(!holds_word("parent > 5", "rent") && !holds_word("rent_2", "rent") && !holds_word("x", ""));
    }

    #[test]
    fn figures_reach_as_far_as_those_that_they_need() {
        let indicator = |name: &str, expression: &str, per: Option<&str>| IndicatorDocument {
            name: name.into(),
            expression: expression.into(),
            per: per.map(str::to_owned),
            ..IndicatorDocument::default()
        };
        let all = [
            indicator("share", "each / city", Some("Building")),
            indicator("each", "sum(power)", Some("Building")),
            indicator("city", "sum(power)", None),
            indicator("twice", "each * 2", Some("Building")),
            indicator("money", "sum(rent)", Some("Building")),
            indicator("more", "twice + money", Some("Building")),
        ];
        let reaches = reaches(&all, &|text| holds_word(text, "rent"));
        use Reach::{City, Object, Withheld};
        let of = ["share", "each", "city", "twice", "money", "more"].map(|name| reaches[name]);
        assert_eq!(of, [City, Object, City, Object, Withheld, Withheld]);
    }
}
