//! How objects look by their live values: the effects of a binding, compiled once, laid over what the layers say.

use super::style::{color, expression, words};
use super::{Color, Effect, Freshness, Label, ObjectStyle, Ramp, StyleError};
use crate::city::{Expression, Scope, Value};

/// How expressions call the seconds since a value was measured.
const AGE: &str = "age_s";

#[derive(Debug, Clone, PartialEq)]
enum CompiledEffect {
    Color(Ramp),
    Label(Expression),
    Pulse(Expression, Color),
}

/// The effects of a binding, ready to be applied.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EffectSheet(Vec<CompiledEffect>);

/// A live value as effects see it: names `value`, `age_s`, `unit` and `state`, then the object's attributes.
pub struct LiveValue<'a> {
    /// The value.
    pub value: &'a Value,
    /// Seconds since it was measured.
    pub age_s: f64,
    /// UCUM unit.
    pub unit: &'a str,
    /// How trustworthy it is.
    pub freshness: Freshness,
    /// The object's attributes.
    pub attributes: &'a dyn Scope,
}

impl Scope for LiveValue<'_> {
    fn value(&self, name: &str) -> Value {
        match name {
            "value" => self.value.clone(),
            AGE => Value::from(self.age_s),
            "unit" => Value::from(self.unit),
            "state" => Value::from(self.freshness.word()),
            _ => self.attributes.value(name),
        }
    }
}

impl EffectSheet {
    /// Compiles the effects of a binding; `place` names it in errors.
    pub fn compile(effects: &[Effect], place: &str) -> Result<Self, StyleError> {
        let compile = |effect: &Effect| {
            Ok(match effect {
                Effect::Color { ramp } => CompiledEffect::Color(Ramp::compile(ramp, place)?),
                Effect::Label { text } => CompiledEffect::Label(expression(text, place)?),
                Effect::Pulse { when, color: text } => {
                    CompiledEffect::Pulse(expression(when, place)?, color(text, place)?)
                }
            })
        };
        effects.iter().map(compile).collect::<Result<_, _>>().map(Self)
    }

    /// Whether there are no effects.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the look changes while the value grows old, also where nothing comes.
    pub fn follows_age(&self) -> bool {
        let expression = |effect: &CompiledEffect| match effect {
            CompiledEffect::Color(ramp) => ramp.names().iter().any(|name| name == AGE),
            CompiledEffect::Label(text) | CompiledEffect::Pulse(text, _) => text.names().iter().any(|name| name == AGE),
        };
        self.0.iter().any(expression)
    }

    /// Lays the effects of a value over how the object looks without it.
    pub fn apply(&self, live: &LiveValue<'_>, style: &mut ObjectStyle) {
        let missing = live.freshness == Freshness::Missing || live.value.is_null();
        for effect in &self.0 {
            match effect {
                CompiledEffect::Color(ramp) => {
                    let tells = !missing && live.freshness != Freshness::OutOfRange;
                    let fresh = if tells { ramp.color(live) } else { ramp.missing() };
                    style.color = Some(if live.freshness == Freshness::Stale { faded(fresh) } else { fresh });
                    style.freshness = live.freshness;
                }
                CompiledEffect::Label(text) if !missing => {
                    style.label = words(text, live).map(Label::live);
                }
                CompiledEffect::Pulse(when, color) => {
                    let alive = !missing && live.freshness != Freshness::Stale;
                    style.pulse = (alive && when.is_true(live)).then_some(*color).or(style.pulse);
                }
                CompiledEffect::Label(_) => {}
            }
        }
    }
}

/// Half of the way to the grey of the same lightness.
fn faded([r, g, b, a]: Color) -> Color {
    let grey = 0.2126 * f32::from(r) + 0.7152 * f32::from(g) + 0.0722 * f32::from(b);
    let half = |channel: u8| ((f32::from(channel) + grey) * 0.5).round() as u8;
    [half(r), half(g), half(b), a]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::{MISSING_COLOR, RampDocument};

    #[test]
    fn every_state_of_a_value_looks_different() {
        let stops = vec![(0.0, "#00ff00".into()), (100.0, "#ff0000".into())];
        let effects = [
            Effect::Color { ramp: RampDocument { by: "value".into(), stops, missing: None } },
            Effect::Label { text: "format(value, 0) || unit || if(state = 'fresh', '', ' ' || state)".into() },
            Effect::Pulse { when: "value > 50".into(), color: "#ffffff".into() },
        ];
        let sheet = EffectSheet::compile(&effects, "binding").unwrap();
        let look = |freshness| {
            let value = Value::Float(80.0);
            let mut style = ObjectStyle::default();
            sheet.apply(
                &LiveValue { value: &value, age_s: 1.0, unit: "kW", freshness, attributes: &|_: &str| Value::Null },
                &mut style,
            );
            style
        };
        let fresh = look(Freshness::Fresh);
        assert_eq!(fresh.label.as_ref().unwrap().text, "80kW");
        assert_eq!(look(Freshness::Suspect).label.unwrap().text, "80kW suspect");
        assert!(fresh.pulse.is_some() && look(Freshness::Stale).pulse.is_none());
        assert_eq!(look(Freshness::Missing).color, Some(MISSING_COLOR));
        assert_eq!(look(Freshness::OutOfRange).color, Some(MISSING_COLOR), "not that of the highest reading");
        let states =
            [Freshness::Fresh, Freshness::Stale, Freshness::Missing, Freshness::OutOfRange, Freshness::Suspect];
        let looks: std::collections::BTreeSet<_> = states.map(|s| (look(s).color, look(s).freshness as u8)).into();
        assert_eq!(looks.len(), states.len());
    }
}
