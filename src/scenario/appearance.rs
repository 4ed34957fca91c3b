//! How an object looks now: the scene's layers, the effects of its live values, and what events have made of it.

use super::city_live::CityLive;
use super::state::CityState;
use super::variant_city::VariantCity;
use crate::city::Value;
use crate::indicator::ObjectTree;
use crate::live::{Reading, ValueState};
use crate::quantity::Timestamp;
use crate::scene::{
    Color, EffectSheet, Freshness, LiveValue, ObjectStyle, SceneDocument, Severity, StyleError, StyleSheet,
};

/// Colour of what is closed to people and traffic.
const CLOSED_COLOR: Color = [168, 44, 52, 255];

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

impl Appearance {
    /// Compiles the layers and the bindings' effects of a scene.
    pub fn compile(scene: &SceneDocument) -> Result<Self, StyleError> {
        let layers = StyleSheet::of_scene(scene)?;
        let effects = scene
            .bindings
            .iter()
            .map(|binding| EffectSheet::compile(&binding.effects, &format!("binding of '{}'", binding.stream)));
        let layer_names = scene.layers.iter().map(|layer| layer.name.clone()).collect();
        Ok(Self { layers, effects: effects.collect::<Result<_, _>>()?, layer_names })
    }

    /// Whether every object looks as its package tells, whatever happens: nothing need be asked.
    pub fn is_plain(&self) -> bool {
        self.layer_names.is_empty() && self.effects.iter().all(EffectSheet::is_empty)
    }

    /// Numbers of the scene's layers that an object is in, by its attributes.
    pub fn layers_of(&self, row: u32, objects: &VariantCity) -> Vec<u16> {
        let attribute = |name: &str| objects.attribute(row, name);
        let is_in = |name: &String| self.layers.is_in(name, objects.class(row), &attribute);
        self.layer_names.iter().zip(0..).filter(|(name, _)| is_in(name)).map(|(_, number)| number).collect()
    }

    /// How the object in `row` looks. Names in layers mean, first to last: what an event has set, a live value (rolled up
    /// where the object has none itself), an attribute.
    pub fn style(&self, row: u32, live: &CityLive, state: &CityState) -> ObjectStyle {
        let objects = live.objects();
        let (id, class) = (objects.id(row), objects.class(row));
        let set = state.attributes.get(id);
        let attribute = |name: &str| match set.and_then(|set| set.get(name)) {
            Some(value) => value.clone(),
            None => live_value(live, row, name).unwrap_or_else(|| objects.attribute(row, name)),
        };
        let mut style = self.layers.style(class, &attribute);
        for (number, property) in live.latest().bindings().properties().iter().enumerate() {
            let Some(reading) = live.latest().reading_of(row, number as u16) else { continue };
            let Some(effects) = self.effects.get(usize::from(reading.binding)).filter(|e| !e.is_empty()) else {
                continue;
            };
            let value = reading.latest.map_or(Value::Null, |latest| latest.value.clone());
            let value = set.and_then(|set| set.get(&**property)).cloned().unwrap_or(value);
            let unit = live.latest().bindings().bindings().get(usize::from(reading.binding));
            let live_value = LiveValue {
                value: &value,
                age_s: age_s(&reading, live.latest().now()),
                unit: unit.and_then(|binding| binding.unit.as_deref()).unwrap_or_default(),
                freshness: freshness(reading.state),
                attributes: &attribute,
            };
            effects.apply(&live_value, &mut style);
        }
        let in_hidden_layer = |name: &&String| self.layers.is_in(name, class, &attribute);
        let hides = self.layer_names.iter().filter(|name| state.hidden.contains(*name));
        let hidden = state.hidden.contains(id) || hides.filter(in_hidden_layer).count() > 0;
        style.visible &= !hidden && !objects.removed().contains(&row);
        if state.closed.contains(id) {
            style.color = Some(CLOSED_COLOR);
        }
        let by_hand = state.alarms.get(id).map(|alarm| alarm.severity);
        if let Some(severity) = by_hand.max(live.alarms().worst(row)) {
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
