//! What a document says of a city that the city must have: classes, names in expressions, objects.

use super::place::{Problems, Spot};
use super::read::{DocumentError, read};
use super::scenario_document::{EditAction, EventAction, ScenarioDocument};
use super::scene_document::{Effect, LayerDocument, RampDocument, SceneDocument};
use super::{Environment, check_scenario, check_scene};
use crate::city::{AggregateExpression, Expression, did_you_mean};

/// What a city has, as documents name it.
pub struct CityFacts<'c> {
    /// Classes of its objects.
    pub classes: Vec<&'c str>,
    /// Names that expressions over its objects may use, with what events set.
    pub names: Vec<&'c str>,
    /// Whether an object has this identifier, in the city or by an edit.
    pub has_object: &'c dyn Fn(&str) -> bool,
    /// Identifiers like one that no object has: what may be meant.
    pub like: &'c dyn Fn(&str) -> String,
    /// Whether what events set is among the names: a scene by itself knows nothing of the scenarios that play in it.
    pub with_events: bool,
}

/// Everything wrong with a scene, also against the city that it shows; `None` where nothing is.
pub fn check_scene_in(
    text: &str,
    file_name: &str,
    environment: &Environment,
    city: &CityFacts<'_>,
) -> Option<DocumentError> {
    let checked = read::<SceneDocument>(text, file_name, environment, |document, problems| {
        check_scene::check(document, problems);
        scene(document, city, problems);
    });
    checked.err()
}

/// Everything wrong with a scenario, also against its base scene and the city; `None` where nothing is.
pub fn check_scenario_in(
    text: &str,
    file_name: &str,
    environment: &Environment,
    base: &SceneDocument,
    city: &CityFacts<'_>,
) -> Option<DocumentError> {
    let checked = read::<ScenarioDocument>(text, file_name, environment, |document, problems| {
        check_scenario::check(document, Some(base), problems);
        scenario(document, base, city, problems);
    });
    checked.err()
}

/// A problem with a key of a document that was read before.
pub fn problem_at(
    text: &str,
    file_name: &str,
    environment: &Environment,
    keys: &[&str],
    message: &str,
) -> DocumentError {
    let checked = read::<toml::Table>(text, file_name, environment, |_, problems| {
        let spot = keys.iter().fold(Spot::default(), |spot, key| spot.key(key));
        problems.add(&spot, message);
    });
    checked.err().unwrap_or_else(|| DocumentError { file: file_name.to_owned(), problems: Vec::new() })
}

/// Checks the names and classes of one document.
struct Checker<'a, 'c, 'p> {
    city: &'a CityFacts<'c>,
    /// Names that expressions over objects may use.
    names: Vec<&'a str>,
    problems: &'a mut Problems<'p>,
}

impl Checker<'_, '_, '_> {
    fn class(&mut self, class: Option<&String>, here: &Spot) {
        let Some(class) = class.filter(|class| !self.city.classes.contains(&class.as_str())) else { return };
        let hint = match did_you_mean(class, &self.city.classes) {
            hint if hint.is_empty() => format!("; there are {}", self.city.classes.join(", ")),
            hint => hint,
        };
        self.problems.add(here, format!("the city has no class '{class}'{hint}"));
    }

    fn object(&mut self, id: &str, here: &Spot) {
        if !(self.city.has_object)(id) {
            self.problems.add(here, format!("the city has no object '{id}'{}", (self.city.like)(id)));
        }
    }

    /// Expressions that cannot be read are told elsewhere.
    fn expression(&mut self, text: &str, more: &[&str], here: &Spot) {
        let Ok(expression) = Expression::parse(text) else { return };
        self.known(expression.names().iter().map(String::as_str), more, here);
    }

    fn known<'n>(&mut self, names: impl Iterator<Item = &'n str>, more: &[&str], here: &Spot) {
        for name in names.filter(|name| !self.names.contains(name) && !more.contains(name)) {
            let hint = did_you_mean(name, &[&self.names[..], more].concat());
            self.problems.add(here, match self.city.with_events {
                true => format!("no object has an attribute '{name}', no binding and no event sets it{hint}"),
                false => format!(
                    "no object has an attribute '{name}', and no binding sets it{hint}; where an event of a scenario does, \
                     check the scenario"
                ),
            });
        }
    }

    fn ramp(&mut self, ramp: &RampDocument, more: &[&str], here: &Spot) {
        self.expression(&ramp.by, more, &here.key("by"));
    }

    fn layer(&mut self, layer: &LayerDocument, here: &Spot) {
        self.class(layer.class.as_ref(), &here.key("class"));
        for (key, text) in [("where", &layer.filter), ("height", &layer.height)] {
            text.iter().for_each(|text| self.expression(text, &[], &here.key(key)));
        }
        layer.ramp.iter().for_each(|ramp| self.ramp(ramp, &[], &here.key("ramp")));
        layer.label.iter().for_each(|label| self.expression(&label.text, &[], &here.key("label").key("text")));
    }

    fn effect(&mut self, effect: &Effect, here: &Spot) {
        let own = ["value", "age_s", "unit", "state"];
        match effect {
            Effect::Color { ramp } => self.ramp(ramp, &own, &here.key("ramp")),
            Effect::Label { text } => self.expression(text, &own, &here.key("text")),
            Effect::Pulse { when, .. } => self.expression(when, &own, &here.key("when")),
        }
    }

    /// `{expression}` in words for people.
    fn message(&mut self, text: &str, here: &Spot) {
        for part in text.split('{').skip(1) {
            self.expression(part.split('}').next().unwrap_or_default(), &["value"], here);
        }
    }
}

fn scene(scene: &SceneDocument, city: &CityFacts<'_>, problems: &mut Problems<'_>) {
    let set = scene.bindings.iter().map(|binding| binding.property.as_str());
    let names = city.names.iter().copied().chain(set).collect();
    let mut checker = Checker { city, names, problems };
    scene.layers.iter().enumerate().for_each(|(i, layer)| checker.layer(layer, &Spot::of("layer", i)));
    for (i, binding) in scene.bindings.iter().enumerate() {
        let here = Spot::of("binding", i);
        checker.class(binding.to.nearest.as_ref(), &here.key("to").key("nearest"));
        if let Some(id) = binding.to.id.as_ref().filter(|id| !id.contains('{')) {
            checker.object(id, &here.key("to").key("id"));
        }
        let effects = binding.effects.iter().enumerate();
        effects.for_each(|(i, effect)| checker.effect(effect, &here.key("effect").index(i)));
    }
    for (i, indicator) in scene.indicators.iter().enumerate() {
        let here = Spot::of("indicator", i);
        if let Ok(expression) = AggregateExpression::parse(&indicator.expression) {
            checker.known(expression.member_names().into_iter(), &[], &here.key("expression"));
        }
        indicator.filter.iter().for_each(|filter| checker.expression(filter, &[], &here.key("where")));
        checker.class(indicator.per.as_ref(), &here.key("per"));
    }
    for (i, camera) in scene.cameras.iter().enumerate() {
        camera.object.iter().for_each(|id| checker.object(id, &Spot::of("camera", i).key("object")));
    }
    // What an alarm says of its object are attributes: live values other than its own are not filled in.
    checker.names.clone_from(&city.names);
    for (i, alarm) in scene.alarms.iter().enumerate() {
        checker.class(alarm.class.as_ref(), &Spot::of("alarm", i).key("class"));
        checker.message(&alarm.message, &Spot::of("alarm", i).key("message"));
    }
}

fn scenario(scenario: &ScenarioDocument, base: &SceneDocument, city: &CityFacts<'_>, problems: &mut Problems<'_>) {
    let mut checker = Checker { city, names: Vec::new(), problems };
    for (i, edit) in scenario.edits.iter().enumerate() {
        if let EditAction::Remove { id } = &edit.action {
            checker.object(id, &Spot::of("edit", i).key("id"));
        }
    }
    for (i, event) in scenario.events.iter().enumerate() {
        if let Some(id) = event.action.object().filter(|id| !event.action.means_layer(id, base)) {
            checker.object(id, &Spot::of("event", i).key("object"));
        }
    }
}

impl EventAction {
    /// The object (or layer) that it is about.
    pub fn object(&self) -> Option<&str> {
        match self {
            Self::Set { object, .. }
            | Self::Show { object }
            | Self::Hide { object }
            | Self::Close { object }
            | Self::Open { object }
            | Self::Alarm { object, .. }
            | Self::ClearAlarm { object } => Some(object),
            Self::Camera { .. } | Self::Message { .. } => None,
        }
    }

    /// Whether this name is that of a layer of the scene, and the event takes layers.
    pub fn means_layer(&self, name: &str, scene: &SceneDocument) -> bool {
        matches!(self, Self::Show { .. } | Self::Hide { .. }) && scene.layers.iter().any(|layer| layer.name == name)
    }
}

impl ScenarioDocument {
    /// Identifiers of the objects that its edits add, in whatever variant.
    pub fn added(&self) -> impl Iterator<Item = &str> {
        self.edits.iter().filter_map(|edit| match &edit.action {
            EditAction::AddFootprint { id, .. } | EditAction::AddModel { id, .. } => Some(id.as_str()),
            EditAction::Remove { .. } => None,
        })
    }
}
