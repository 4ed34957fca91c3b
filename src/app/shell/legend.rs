//! What the colours of a scene mean, for its legend: read off its layers and what its bindings do.

use super::screen_words::number;
use crate::engine::city_material::ObjectFlags;
use crate::engine::overlay::LegendLine;
use crate::scenario::CLOSED_COLOR;
use crate::scene::{Color, Effect, LayerDocument, MISSING_COLOR, Ramp, RampDocument};

/// Lines at most: who needs more has a scene for each of them.
const MOST_LINES: usize = 12;
/// Shades from a stop of a ramp to the next.
const SHADES: usize = 8;
/// Stops that have room under a ramp; of more, the first and the last are written.
const MOST_STOPS: usize = 5;
/// Stands for any colour of a ramp.
const A_READING: [u8; 3] = [47, 191, 113];
const PLAIN: ObjectFlags = ObjectFlags(0);

/// What a binding does: the property, its unit, and how it shows.
pub type BindingLooks<'s> = (&'s str, Option<&'s str>, &'s [Effect]);

/// The lines of a scene's legend: ramps of layers and of live values, colours of layers, how doubtful values are marked, and
/// what is closed where something is.
pub fn legend<'s>(
    layers: &[LayerDocument],
    bindings: impl Iterator<Item = BindingLooks<'s>>,
    closed: bool,
) -> Vec<LegendLine> {
    let mut lines: Vec<LegendLine> = Vec::new();
    let mut add = |line: LegendLine| {
        if !lines.contains(&line) {
            lines.push(line);
        }
    };
    for layer in layers.iter().filter(|layer| layer.visible != Some(false)) {
        let color = layer.color.as_deref().and_then(crate::scene::parse_color);
        match (&layer.ramp, color) {
            (Some(ramp), _) => {
                ramp_line(titled(&layer.name, None, &ramp.by, &layer.name), ramp).into_iter().for_each(&mut add)
            }
            (None, Some(color)) => add(swatch(&layer.name, rgb(color), PLAIN)),
            (None, None) => {}
        }
    }
    let mut is_live = false;
    for (property, unit, effects) in bindings {
        for effect in effects {
            let Effect::Color { ramp } = effect else { continue };
            let line = ramp_line(titled(property, unit, &ramp.by, "value"), ramp);
            is_live |= line.is_some();
            line.into_iter().for_each(&mut add);
        }
    }
    lines.truncate(MOST_LINES);
    if is_live {
        lines.push(swatch("无值 no value", rgb(MISSING_COLOR), PLAIN));
        lines.push(swatch("过期 stale", A_READING, ObjectFlags::STALE));
        lines.push(swatch("超限 out of range", rgb(MISSING_COLOR), ObjectFlags::OUT_OF_RANGE));
        lines.push(swatch("存疑 suspect", A_READING, ObjectFlags::SUSPECT));
    }
    lines.extend(closed.then(|| swatch("封闭 closed", rgb(CLOSED_COLOR), PLAIN)));
    lines
}

/// A name with its unit, and with what is really drawn where that is not `plain`.
fn titled(name: &str, unit: Option<&str>, by: &str, plain: &str) -> String {
    let unit = unit.filter(|unit| *unit != "1").map(|unit| format!(" {unit}")).unwrap_or_default();
    if by == plain { format!("{name}{unit}") } else { format!("{name}: {by}{unit}") }
}

/// `None` for a ramp that cannot be read.
fn ramp_line(title: String, document: &RampDocument) -> Option<LegendLine> {
    let ramp = Ramp::compile(document, &title).ok()?;
    let values: Vec<f64> = ramp.values().collect();
    let steps = values
        .windows(2)
        .flat_map(|pair| (0..SHADES).map(|shade| pair[0] + (pair[1] - pair[0]) * (shade as f64 + 0.5) / SHADES as f64));
    let shades: Vec<[u8; 3]> = steps.map(|value| rgb(ramp.at(value))).collect();
    let stops = match values.as_slice() {
        [one] => return Some(swatch(&title, rgb(ramp.at(*one)), PLAIN)),
        [first, .., last] if values.len() > MOST_STOPS => vec![number(*first), number(*last)],
        all => all.iter().map(|value| number(*value)).collect(),
    };
    Some(LegendLine::Ramp { title, shades, stops })
}

fn swatch(title: &str, color: [u8; 3], mark: ObjectFlags) -> LegendLine {
    LegendLine::Swatch { title: title.to_owned(), color, mark }
}

fn rgb([r, g, b, _]: Color) -> [u8; 3] {
    [r, g, b]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(by: &str, stops: &[(f64, &str)]) -> RampDocument {
        let stops = stops.iter().map(|(value, color)| (*value, (*color).to_owned())).collect();
        RampDocument { by: by.into(), stops, missing: None }
    }

    fn titles(lines: &[LegendLine]) -> Vec<&str> {
        let titles = lines.iter().map(|line| match line {
            LegendLine::Ramp { title, .. } | LegendLine::Swatch { title, .. } => title.as_str(),
        });
        titles.collect()
    }

    #[test]
    fn a_legend_says_what_is_coloured_and_by_what() {
        let layer = |name: &str| LayerDocument { name: name.into(), ..LayerDocument::default() };
        let layers = [
            LayerDocument { ramp: Some(ramp("measuredHeight", &[(0.0, "#fff"), (100.0, "#00f")])), ..layer("height") },
            LayerDocument { color: Some("#ff0000".into()), ..layer("listed") },
            LayerDocument { color: Some("#ff0000".into()), visible: Some(false), ..layer("hidden") },
            layer("plain"),
        ];
        let air = [Effect::Color { ramp: ramp("value", &[(0.0, "#0f0"), (35.0, "#ff0"), (75.0, "#f00")]) }];
        let words = [Effect::Label { text: "value".into() }];
        // Two streams of one property are one line; what only writes is none.
        let bindings =
            [("pm25", Some("ug/m3"), &air[..]), ("pm25", Some("ug/m3"), &air[..]), ("flow", None, &words[..])];
        let lines = legend(&layers, bindings.into_iter(), true);
        let marks = ["无值 no value", "过期 stale", "超限 out of range", "存疑 suspect", "封闭 closed"];
        assert_eq!(titles(&lines)[..3], ["height: measuredHeight", "listed", "pm25 ug/m3"]);
        assert_eq!(titles(&lines)[3..], marks);
        let LegendLine::Ramp { shades, stops, .. } = &lines[2] else { panic!("{lines:?}") };
        assert_eq!((shades.len(), stops.join(" ").as_str()), (2 * SHADES, "0 35 75"));
        assert!(shades[0][1] > 200 && shades[15][0] > 200 && shades[15][1] < 100, "{shades:?}");
        assert!(legend(&[layer("plain")], std::iter::empty(), false).is_empty());
    }

    #[test]
    fn a_legend_leaves_out_what_there_is_no_room_for() {
        let many: Vec<(f64, String)> = (0..9).map(|n| (f64::from(n), "#123".to_owned())).collect();
        let document = RampDocument { by: "value".into(), stops: many, missing: None };
        let Some(LegendLine::Ramp { stops, .. }) = ramp_line("x".into(), &document) else { panic!() };
        assert_eq!(stops, ["0", "8"]);
        let layers: Vec<LayerDocument> = (0..40)
            .map(|n| LayerDocument { name: n.to_string(), color: Some("#123".into()), ..LayerDocument::default() })
            .collect();
        assert_eq!(legend(&layers, std::iter::empty(), false).len(), MOST_LINES);
    }
}
