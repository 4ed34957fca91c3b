//! How objects look by their attributes: the layers of a scene, compiled once, evaluated for every object of a tile.

use super::{LayerDocument, RampDocument, SceneDocument};
use crate::city::{Expression, Scope};

/// A colour: sRGB with straight alpha, as documents write it.
pub type Color = [u8; 4];

/// Grey for "no value": told apart from every ramp by having no hue.
pub const MISSING_COLOR: Color = [128, 130, 134, 255];

/// How one object looks.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectStyle {
    /// Its colour, where something gives it one.
    pub color: Option<Color>,
    /// Factor on its drawn height.
    pub height_factor: f32,
    /// Whether it is drawn.
    pub visible: bool,
    /// Pulses in this colour.
    pub pulse: Option<Color>,
    /// Words above it.
    pub label: Option<Label>,
    /// How trustworthy the value is that coloured it.
    pub freshness: Freshness,
}

impl Default for ObjectStyle {
    fn default() -> Self {
        let freshness = Freshness::Unbound;
        Self { color: None, height_factor: 1.0, visible: true, pulse: None, label: None, freshness }
    }
}

/// Words above an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    /// The words.
    pub text: String,
    /// Drawn up to this distance, metres.
    pub within_m: f32,
    /// At most this many of its layer (or of all live values) at once, nearest first.
    pub limit: u32,
    /// Number of the layer that writes it; `None` for live values.
    pub layer: Option<u16>,
}

impl Label {
    /// Labels of live values at once.
    pub const LIVE_LIMIT: u32 = 40;

    /// Words of live values.
    pub fn live(text: String) -> Self {
        const WITHIN_M: f32 = 8_000.0;
        Self { text, within_m: WITHIN_M, limit: Self::LIVE_LIMIT, layer: None }
    }
}

/// How a live value is shown, each state told apart from all others:
///
/// | state | colour | mark |
/// |---|---|---|
/// | `Fresh` | the ramp's | none |
/// | `Stale` | the ramp's | grey stripes |
/// | `Missing` | [`MISSING_COLOR`] | none |
/// | `OutOfRange` | [`MISSING_COLOR`]: the end of a ramp would be a reading | amber stripes, the other way |
/// | `Suspect` | the ramp's | amber dots |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum Freshness {
    /// No stream is bound to the object.
    #[default]
    Unbound = 0,
    /// Newer than the binding's `stale_after_s`.
    Fresh = 1,
    /// Older.
    Stale = 2,
    /// Bound, and nothing came yet.
    Missing = 3,
    /// Outside the binding's `range`.
    OutOfRange = 4,
    /// The source doubts it.
    Suspect = 5,
}

impl Freshness {
    /// How expressions call it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Unbound => "",
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::Missing => "missing",
            Self::OutOfRange => "out_of_range",
            Self::Suspect => "suspect",
        }
    }
}

/// Why a style cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{cause}: {place}")]
pub struct StyleError {
    /// What is wrong.
    pub cause: String,
    /// Which layer or binding.
    pub place: String,
}

/// Reads `#rgb`, `#rrggbb` or `#rrggbbaa`.
///
/// ```
/// use veduta::scene::parse_color;
/// assert_eq!(parse_color("#fa0"), Some([255, 170, 0, 255]));
/// assert_eq!(parse_color("#10203040"), Some([16, 32, 48, 64]));
/// assert_eq!(parse_color("orange"), None);
/// ```
pub fn parse_color(text: &str) -> Option<Color> {
    let digits: Option<Vec<u8>> = text.strip_prefix('#')?.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect();
    match digits?.as_slice() {
        [r, g, b] => Some([r * 17, g * 17, b * 17, 255]),
        [a, b, c, d, e, f] => Some([a * 16 + b, c * 16 + d, e * 16 + f, 255]),
        [a, b, c, d, e, f, g, h] => Some([a * 16 + b, c * 16 + d, e * 16 + f, g * 16 + h]),
        _ => None,
    }
}

/// A colour ramp, ready.
#[derive(Debug, Clone, PartialEq)]
pub struct Ramp {
    by: Expression,
    stops: Vec<(f64, Color)>,
    missing: Color,
}

impl Ramp {
    /// Reads a ramp; `place` names it in errors.
    pub fn compile(document: &RampDocument, place: &str) -> Result<Self, StyleError> {
        let mut stops = Vec::with_capacity(document.stops.len());
        for (value, text) in &document.stops {
            stops.push((*value, color(text, place)?));
        }
        let missing = document.missing.as_deref().map_or(Ok(MISSING_COLOR), |text| color(text, place))?;
        let rising = stops.windows(2).all(|pair| pair[0].0 < pair[1].0);
        if stops.is_empty() || !rising || stops.iter().any(|(value, _)| !value.is_finite()) {
            return Err(StyleError { cause: "the stops of a ramp must rise".to_owned(), place: place.to_owned() });
        }
        Ok(Self { by: expression(&document.by, place)?, stops, missing })
    }

    /// The values of its stops, rising.
    pub fn values(&self) -> impl Iterator<Item = f64> {
        self.stops.iter().map(|(value, _)| *value)
    }

    /// The colour for what no value is there.
    pub fn missing(&self) -> Color {
        self.missing
    }

    /// The names of its expression.
    pub(super) fn names(&self) -> &[String] {
        self.by.names()
    }

    /// The colour for what names mean in `scope`.
    pub fn color(&self, scope: &dyn Scope) -> Color {
        self.by.evaluate(scope).number().map_or(self.missing, |value| self.at(value))
    }

    /// The colour at a value: mixed in linear light between two stops, the end's beyond the ends.
    pub fn at(&self, value: f64) -> Color {
        let above = self.stops.partition_point(|(stop, _)| *stop <= value);
        match (above.checked_sub(1).and_then(|i| self.stops.get(i)), self.stops.get(above)) {
            (Some((low, from)), Some((high, to))) => mix(*from, *to, ((value - low) / (high - low)) as f32),
            (Some((_, end)), None) | (None, Some((_, end))) => *end,
            (None, None) => self.missing,
        }
    }
}

/// Mixes two colours in linear light.
fn mix(from: Color, to: Color, share: f32) -> Color {
    let linear = |byte: u8| (f32::from(byte) / 255.0).powf(2.2);
    let mut mixed = [0, 0, 0, 0];
    for (channel, out) in mixed.iter_mut().enumerate() {
        let (a, b) = (from[channel], to[channel]);
        *out = if channel == 3 {
            (f32::from(a) + (f32::from(b) - f32::from(a)) * share).round() as u8
        } else {
            ((linear(a) + (linear(b) - linear(a)) * share).powf(1.0 / 2.2) * 255.0).round() as u8
        };
    }
    mixed
}

pub(super) fn color(text: &str, place: &str) -> Result<Color, StyleError> {
    let wrong = || StyleError { cause: format!("'{text}' is no colour (write #rrggbb)"), place: place.to_owned() };
    parse_color(text).ok_or_else(wrong)
}

pub(super) fn expression(text: &str, place: &str) -> Result<Expression, StyleError> {
    Expression::parse(text).map_err(|error| StyleError { cause: error.to_string(), place: place.to_owned() })
}

fn optional<T>(
    text: Option<&String>,
    place: &str,
    read: fn(&str, &str) -> Result<T, StyleError>,
) -> Result<Option<T>, StyleError> {
    text.map(|text| read(text, place)).transpose()
}

#[derive(Debug, Clone, PartialEq)]
struct Layer {
    name: String,
    class: Option<String>,
    filter: Option<Expression>,
    visible: Option<bool>,
    color: Option<Color>,
    ramp: Option<Ramp>,
    height: Option<Expression>,
    label: Option<(Expression, f32, u32)>,
}

/// The layers of a scene, ready to be asked.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StyleSheet {
    layers: Vec<Layer>,
}

impl StyleSheet {
    /// Compiles the layers of a scene.
    pub fn of_scene(scene: &SceneDocument) -> Result<Self, StyleError> {
        Self::compile(&scene.layers)
    }

    /// Compiles layers; later ones win.
    pub fn compile(documents: &[LayerDocument]) -> Result<Self, StyleError> {
        let compile = |document: &LayerDocument| {
            let place = format!("layer '{}'", document.name);
            let label = match &document.label {
                None => None,
                Some(label) => {
                    let within_m = label.within_m.map_or(f32::INFINITY, |m| m as f32);
                    Some((expression(&label.text, &place)?, within_m, label.limit()))
                }
            };
            Ok(Layer {
                name: document.name.clone(),
                class: document.class.clone(),
                filter: optional(document.filter.as_ref(), &place, expression)?,
                visible: document.visible,
                color: optional(document.color.as_ref(), &place, color)?,
                ramp: document.ramp.as_ref().map(|ramp| Ramp::compile(ramp, &place)).transpose()?,
                height: optional(document.height.as_ref(), &place, expression)?,
                label,
            })
        };
        Ok(Self { layers: documents.iter().map(compile).collect::<Result<_, _>>()? })
    }

    /// The names of attributes that the layers use, each once.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.layers.iter().flat_map(Layer::names).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Whether an object belongs to a layer.
    pub fn is_in(&self, layer: &str, class: &str, scope: &dyn Scope) -> bool {
        self.layers.iter().any(|known| known.name == layer && known.holds(class, scope))
    }

    /// How an object of `class` looks whose attributes are what `scope` says.
    pub fn style(&self, class: &str, scope: &dyn Scope) -> ObjectStyle {
        let mut style = ObjectStyle::default();
        for (number, layer) in (0..).zip(&self.layers).filter(|(_, layer)| layer.holds(class, scope)) {
            style.visible = layer.visible.unwrap_or(style.visible);
            style.color = layer.color.or(style.color);
            if let Some(ramp) = &layer.ramp {
                style.color = Some(ramp.color(scope));
            }
            if let Some(factor) = layer.height.as_ref().and_then(|height| height.evaluate(scope).number()) {
                style.height_factor = (factor as f32).clamp(0.0, 100.0);
            }
            if let Some((text, within_m, limit)) = &layer.label {
                let label = |text| Label { text, within_m: *within_m, limit: *limit, layer: Some(number) };
                style.label = words(text, scope).map(label);
            }
        }
        style
    }
}

impl Layer {
    fn names(&self) -> impl Iterator<Item = &str> {
        let expressions = [self.filter.as_ref(), self.ramp.as_ref().map(|r| &r.by), self.height.as_ref()];
        let label = self.label.as_ref().map(|(text, ..)| text);
        expressions.into_iter().chain([label]).flatten().flat_map(Expression::names).map(String::as_str)
    }

    fn holds(&self, class: &str, scope: &dyn Scope) -> bool {
        self.class.as_deref().is_none_or(|wanted| wanted == class)
            && self.filter.as_ref().is_none_or(|filter| filter.is_true(scope))
    }
}

pub(super) fn words(text: &Expression, scope: &dyn Scope) -> Option<String> {
    Some(text.evaluate(scope)).filter(|value| !value.is_null()).map(|value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::city::Value;

    fn ramp(stops: &[(f64, &str)]) -> RampDocument {
        let stops = stops.iter().map(|(value, color)| (*value, (*color).to_owned())).collect();
        RampDocument { by: "value".into(), stops, missing: None }
    }

    fn building(name: &str) -> Value {
        if name == "height" { Value::Float(120.0) } else { Value::Null }
    }

    #[test]
    fn later_layers_win_and_only_over_what_they_hold() {
        let layer = |name: &str, class: Option<&str>, filter: Option<&str>, color: Option<&str>| LayerDocument {
            name: name.into(),
            class: class.map(Into::into),
            filter: filter.map(Into::into),
            color: color.map(Into::into),
            ..Default::default()
        };
        let mut hidden = layer("hidden", Some("Road"), None, None);
        hidden.visible = Some(false);
        let all = layer("all", None, None, Some("#ffffff"));
        let tall = layer("tall", Some("Building"), Some("height > 100"), Some("#ff0000"));
        let sheet = StyleSheet::compile(&[all, tall, hidden]).unwrap();
        assert_eq!(sheet.style("Building", &building).color, Some([255, 0, 0, 255]));
        assert_eq!(sheet.style("Building", &|_: &str| Value::Null).color, Some([255, 255, 255, 255]));
        assert!(!sheet.style("Road", &building).visible);
        assert!(sheet.is_in("tall", "Building", &building) && !sheet.is_in("tall", "Road", &building));
        assert_eq!(sheet.names(), ["height"]);
        let error = StyleSheet::compile(&[layer("x", None, Some("height >"), None)]).unwrap_err();
        assert_eq!(error.to_string(), "expected a value, found the end, at column 9: layer 'x'");
    }

    #[test]
    fn a_ramp_meets_its_stops_and_stays_at_its_ends() {
        let ramp = Ramp::compile(&ramp(&[(0.0, "#000000"), (10.0, "#ffffff")]), "x").unwrap();
        assert_eq!(
            (ramp.at(-5.0), ramp.at(0.0), ramp.at(10.0), ramp.at(99.0)[0]),
            ([0, 0, 0, 255], [0, 0, 0, 255], [255; 4], 255)
        );
        assert_eq!(ramp.at(5.0)[0], 186, "half the light, not half the number");
        assert!(Ramp::compile(&super::tests::ramp(&[(1.0, "#000"), (1.0, "#fff")]), "x").is_err());
    }
}
