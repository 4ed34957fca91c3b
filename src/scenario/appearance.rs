//! How an object looks now: the scene's layers, the effects of its live values, and what events have made of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::city_live::CityLive;
use super::state::CityState;
use super::variant_city::VariantCity;
use crate::city::Value;
use crate::indicator::ObjectTree;
use crate::live::{Reading, ValueState};
use crate::quantity::Timestamp;
use crate::scene::{
    Color, Effect, EffectSheet, Freshness, Label, LayerDocument, LiveValue, ObjectStyle, SceneDocument, Severity,
    StyleError, StyleSheet,
};

/// Colour of what is closed to people and traffic: none that an alarm has.
pub const CLOSED_COLOR: Color = [124, 72, 168, 255];

/// Colour in which an object pulses that has an alarm.
fn alarm_color(severity: Severity) -> Color {
    match severity {
        Severity::Info => [64, 156, 255, 255],
        Severity::Warning => [255, 176, 32, 255],
        Severity::Critical => [255, 59, 48, 255],
    }
}

/// The style rules of a scene, compiled.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Appearance {
    layers: StyleSheet,
    /// By number of the binding.
    effects: Vec<EffectSheet>,
    layer_names: Vec<String>,
}

/// All that is known of an object now, by whoever knows it: the city itself, or a viewer elsewhere.
pub struct Known<'a> {
    /// Identifier.
    pub id: &'a str,
    /// Class.
    pub class: &'a str,
    /// Its attributes, as their source has them.
    pub attribute: &'a dyn Fn(&str) -> Value,
    /// Its live properties by name: its own value, or what those in it amount to; `None` where neither is known.
    pub live: &'a dyn Fn(&str) -> Option<Value>,
    /// Attributes that events have set.
    pub set: Option<&'a BTreeMap<String, Value>>,
    /// Values that bindings bring it, in the order of the properties.
    pub bound: Vec<Bound<'a>>,
    /// Objects and layers that events have hidden.
    pub hidden: &'a BTreeSet<String>,
    /// Whether an edit has given it a colour, which layers leave to it.
    pub planned: bool,
    /// Whether an event has closed it.
    pub closed: bool,
    /// Whether the variant has taken it away.
    pub removed: bool,
    /// The worst of its alarms.
    pub alarm: Option<Severity>,
}

/// A value that a binding brings an object.
pub struct Bound<'a> {
    /// Number of the binding in the scene.
    pub binding: u16,
    /// Name of the property.
    pub property: &'a str,
    /// The latest value; `Null` where none has come.
    pub value: Value,
    /// Seconds since it was measured.
    pub age_s: f64,
    /// UCUM unit.
    pub unit: &'a str,
    /// What it is worth.
    pub state: ValueState,
}

/// A live property of an object, as a panel tells it: its own value, or what those in it amount to.
pub struct LiveProperty<'a> {
    /// Its name.
    pub name: &'a str,
    /// The value; `Null` where none has come.
    pub value: Value,
    /// UCUM unit.
    pub unit: &'a str,
    /// What it is worth.
    pub state: ValueState,
    /// Seconds since it was measured.
    pub age_s: f64,
}

impl Appearance {
    /// Compiles the layers and the bindings' effects of a scene.
    pub fn compile(scene: &SceneDocument) -> Result<Self, StyleError> {
        let effects = scene.bindings.iter().map(|binding| (&binding.effects[..], binding.stream.as_str()));
        Self::of_parts(&scene.layers, effects)
    }

    /// Compiles layers, and the effects of each binding with what the binding is called.
    pub fn of_parts<'e>(
        layers: &[LayerDocument],
        effects: impl Iterator<Item = (&'e [Effect], &'e str)>,
    ) -> Result<Self, StyleError> {
        let effects = effects.map(|(effects, name)| EffectSheet::compile(effects, &format!("binding of '{name}'")));
        let layer_names = layers.iter().map(|layer| layer.name.clone()).collect();
        Ok(Self { layers: StyleSheet::compile(layers)?, effects: effects.collect::<Result<_, _>>()?, layer_names })
    }

    /// Other layers from now on.
    pub fn set_layers(&mut self, layers: &[LayerDocument]) -> Result<(), StyleError> {
        self.layers = StyleSheet::compile(layers)?;
        self.layer_names = layers.iter().map(|layer| layer.name.clone()).collect();
        Ok(())
    }

    /// Whether every object looks as its package tells, whatever happens: nothing need be asked.
    pub fn is_plain(&self) -> bool {
        self.layer_names.is_empty() && self.effects.iter().all(EffectSheet::is_empty)
    }

    /// Whether what a binding brings looks different while it grows old, also where nothing comes.
    pub fn follows_age(&self, binding: u16) -> bool {
        self.effects.get(usize::from(binding)).is_some_and(EffectSheet::follows_age)
    }

    /// Numbers of the scene's layers that an object is in, by its attributes.
    pub fn layers_of(&self, row: u32, objects: &VariantCity) -> Vec<u16> {
        let attribute = |name: &str| objects.attribute(row, name);
        let is_in = |name: &String| self.layers.is_in(name, objects.class(row), &attribute);
        self.layer_names.iter().zip(0..).filter(|(name, _)| is_in(name)).map(|(_, number)| number).collect()
    }

    /// The live properties of the object in `row`, but those that nothing is bound to.
    pub fn properties<'l>(row: u32, live: &'l CityLive) -> impl Iterator<Item = LiveProperty<'l>> {
        let bindings = live.latest().bindings();
        bindings.properties().iter().zip(0..).filter_map(move |(name, number)| {
            let reading = live.latest().reading_of(row, number);
            let latest = reading.and_then(|reading| Some((reading, reading.latest?)));
            let rolled_up = live.rolled_up(row, number).map(Value::from);
            let (state, age_s) = match latest {
                Some((reading, _)) => (reading.state, age_s(&reading, live.latest().now())),
                None if rolled_up.is_some() => (ValueState::Fresh, 0.0),
                None if reading.is_some() => (ValueState::Missing, 0.0),
                None => return None,
            };
            let value = latest.map(|(_, latest)| latest.value.clone()).or(rolled_up).unwrap_or(Value::Null);
            let binding = bindings.bindings().iter().find(|binding| binding.property == number);
            let unit = binding.and_then(|binding| binding.unit.as_deref()).unwrap_or_default();
            Some(LiveProperty { name, value, unit, state, age_s })
        })
    }

    /// How the object in `row` looks.
    pub fn style(&self, row: u32, live: &CityLive, state: &CityState) -> ObjectStyle {
        let (objects, latest) = (live.objects(), live.latest());
        let id = objects.id(row);
        let bound = |(property, number): (&Arc<str>, u16)| {
            let reading = latest.reading_of(row, number)?;
            let binding = latest.bindings().bindings().get(usize::from(reading.binding));
            Some((property.clone(), reading, binding.and_then(|binding| binding.unit.as_deref()).unwrap_or_default()))
        };
        let bound: Vec<_> = latest.bindings().properties().iter().zip(0..).filter_map(bound).collect();
        let bound = bound.iter().map(|(property, reading, unit)| Bound {
            binding: reading.binding,
            property,
            value: reading.latest.map_or(Value::Null, |latest| latest.value.clone()),
            age_s: age_s(reading, latest.now()),
            unit,
            state: reading.state,
        });
        self.style_of(&Known {
            id,
            class: objects.class(row),
            attribute: &|name| objects.attribute(row, name),
            live: &|name| live_value(live, row, name),
            set: state.attributes.get(id),
            bound: bound.collect(),
            hidden: &state.hidden,
            planned: objects.added(row).is_some_and(|block| !block.attribute("color").is_null()),
            closed: state.closed.contains(id),
            removed: objects.removed().contains(&row),
            alarm: state.alarms.get(id).map(|alarm| alarm.severity).max(live.alarms().worst(row)),
        })
    }

    /// How an object looks of which this is known. Names in layers mean, first to last: what an event has set, a live value
    /// (rolled up where the object has none itself), an attribute.
    pub fn style_of(&self, known: &Known<'_>) -> ObjectStyle {
        let set = |name: &str| known.set.and_then(|set| set.get(name)).cloned();
        let attribute =
            |name: &str| set(name).or_else(|| (known.live)(name)).unwrap_or_else(|| (known.attribute)(name));
        let mut style = self.layers.style(known.class, &attribute);
        style.color = style.color.filter(|_| !known.planned);
        let mut told = Vec::new();
        for bound in &known.bound {
            let Some(effects) = self.effects.get(usize::from(bound.binding)).filter(|e| !e.is_empty()) else {
                continue;
            };
            let value = set(bound.property).unwrap_or_else(|| bound.value.clone());
            let live_value = LiveValue {
                value: &value,
                age_s: bound.age_s,
                unit: bound.unit,
                freshness: freshness(bound.state),
                attributes: &attribute,
            };
            let name = style.label.take();
            effects.apply(&live_value, &mut style);
            told.extend(style.label.take().map(|label| label.text));
            style.label = name;
        }
        // Several sensors on a building say each what they measure.
        if !told.is_empty() {
            style.label = Some(Label::live(told.join(" · ")));
        }
        let in_hidden_layer = |name: &String| self.layers.is_in(name, known.class, &attribute);
        let mut hides = self.layer_names.iter().filter(|name| known.hidden.contains(*name));
        let hidden = known.hidden.contains(known.id) || hides.any(in_hidden_layer);
        style.visible &= !hidden && !known.removed;
        if known.closed {
            style.color = Some(CLOSED_COLOR);
        }
        if let Some(severity) = known.alarm {
            style.pulse = Some(alarm_color(severity));
        }
        style
    }
}

/// A live property of an object by its name: its own value or what those in it amount to.
fn live_value(live: &CityLive, row: u32, name: &str) -> Option<Value> {
    let property = live.latest().bindings().property(name)?;
    match live.latest().reading_of(row, property) {
        Some(reading) if reading.state == ValueState::Missing => None,
        Some(reading) => reading.latest.map(|latest| latest.value.clone()),
        None => live.rolled_up(row, property).map(Value::from),
    }
}

fn age_s(reading: &Reading<'_>, now: Timestamp) -> f64 {
    reading.latest.map_or(0.0, |latest| now.seconds_since(latest.time))
}

fn freshness(state: ValueState) -> Freshness {
    match state {
        ValueState::Missing => Freshness::Missing,
        ValueState::Stale => Freshness::Stale,
        ValueState::Suspect => Freshness::Suspect,
        ValueState::OutOfRange => Freshness::OutOfRange,
        ValueState::Fresh => Freshness::Fresh,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_sensors_say_each_what_they_measure() {
        let label = |text: &str| vec![Effect::Label { text: text.into() }];
        let effects = [label("'power ' || format(value, 0)"), label("'air ' || format(value, 0)")];
        let effects = effects.iter().map(|effects| (&effects[..], "a binding"));
        let appearance = Appearance::of_parts(&[], effects).unwrap();
        let bound = |binding, property, value| Bound {
            binding,
            property,
            value,
            age_s: 1.0,
            unit: "",
            state: ValueState::Fresh,
        };
        let words = |bound: Vec<Bound<'_>>| {
            let style = appearance.style_of(&Known {
                id: "a",
                class: "Building",
                attribute: &|_| Value::Null,
                live: &|_| None,
                set: None,
                bound,
                hidden: &BTreeSet::new(),
                planned: false,
                closed: false,
                removed: false,
                alarm: None,
            });
            style.label.map(|label| label.text)
        };
        let (power, air) = (Value::Float(41.6), Value::Float(7.2));
        let both = vec![bound(0, "power", power.clone()), bound(1, "air", air)];
        assert_eq!(words(both).as_deref(), Some("power 42 · air 7"));
        let one = vec![bound(0, "power", power), bound(1, "air", Value::Null)];
        assert_eq!(words(one).as_deref(), Some("power 42"), "who has measured nothing says nothing");
        assert_eq!(words(Vec::new()), None);
    }
}
