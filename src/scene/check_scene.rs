//! What a scene must satisfy beyond its grammar: references, names, colours, times, ranges.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::RecordingDocument;
use super::place::{Problems, Spot};
use super::scene_document::{
    AlarmDocument, BindingDocument, CameraDocument, CityDocument, Effect, IndicatorDocument, LayerDocument,
    RampDocument, SceneDocument, SourceDocument, SourceKind, TimeDocument,
};
use crate::city::{AggregateExpression, Expression, did_you_mean};
use crate::quantity::Timestamp;

/// Sizes of the generated city.
const DEMO_SIZES: [&str; 3] = ["small", "city", "metro"];

pub(super) fn check(scene: &SceneDocument, problems: &mut Problems<'_>) {
    for section in ["layer", "source", "indicator", "alarm", "camera"] {
        unique_names(section, problems);
    }
    city(&scene.city, problems);
    time(&scene.time, problems);
    scene.layers.iter().enumerate().for_each(|(i, l)| layer(l, &Spot::of("layer", i), problems));
    scene.sources.iter().enumerate().for_each(|(i, s)| source(s, &Spot::of("source", i), problems));
    scene.bindings.iter().enumerate().for_each(|(i, b)| binding(b, &Spot::of("binding", i), problems));
    scene.indicators.iter().enumerate().for_each(|(i, n)| indicator(n, &Spot::of("indicator", i), problems));
    scene.alarms.iter().enumerate().for_each(|(i, a)| alarm(a, scene, &Spot::of("alarm", i), problems));
    scene.cameras.iter().enumerate().for_each(|(i, c)| camera(c, &Spot::of("camera", i), problems));
    if let Some(tour) = &scene.tour {
        let here = Spot::top("tour");
        for (i, name) in tour.cameras.iter().enumerate() {
            refers(name, "camera", &here.key("cameras").index(i), problems);
        }
        not_negative(tour.hold_s, "hold_s", &here, problems);
        not_negative(tour.flight_s, "flight_s", &here, problems);
    }
    for (i, name) in scene.panel.indicators.iter().enumerate() {
        refers(name, "indicator", &Spot::top("panel").key("indicators").index(i), problems);
    }
}

fn city(city: &CityDocument, problems: &mut Problems<'_>) {
    let here = Spot::top("city");
    if let Some(demo) = &city.demo
        && !DEMO_SIZES.contains(&demo.size.as_str())
    {
        let hint = did_you_mean(&demo.size, &DEMO_SIZES);
        let text = format!("'{}' is no size; there are {}{hint}", demo.size, DEMO_SIZES.join(", "));
        problems.add(&here.key("demo").key("size"), text);
    }
    for (name, crs) in &city.crs {
        if crs.four_parameter.is_some() == crs.seven_parameter.is_some() {
            let text = format!("the CRS '{name}' needs either 'four_parameter' or 'seven_parameter'");
            problems.add(&here.key("crs").key(name), text);
        }
    }
}

fn layer(layer: &LayerDocument, here: &Spot, problems: &mut Problems<'_>) {
    for (key, text) in [("where", &layer.filter), ("height", &layer.height)] {
        if let Some(text) = text {
            expression(text, &here.key(key), problems);
        }
    }
    if let Some(text) = &layer.color {
        color(text, &here.key("color"), problems);
    }
    if let Some(colors) = &layer.ramp {
        ramp(colors, &here.key("ramp"), problems);
    }
    if let Some(label) = &layer.label {
        expression(&label.text, &here.key("label").key("text"), problems);
        if let Some(within) = label.within_m {
            positive(within, "within_m", &here.key("label"), problems);
        }
    }
}

fn ramp(ramp: &RampDocument, here: &Spot, problems: &mut Problems<'_>) {
    expression(&ramp.by, &here.key("by"), problems);
    let stops = here.key("stops");
    if ramp.stops.is_empty() {
        problems.add(&stops, "a ramp needs at least one stop");
    }
    for (i, (value, text)) in ramp.stops.iter().enumerate() {
        let rises = i == 0 || ramp.stops.get(i - 1).is_some_and(|(before, _)| before < value);
        if !value.is_finite() || !rises {
            problems.add(&stops.index(i), format!("the values of a ramp's stops must rise, {value} does not"));
        }
        color(text, &stops.index(i).index(1), problems);
    }
    if let Some(text) = &ramp.missing {
        color(text, &here.key("missing"), problems);
    }
}

fn source(source: &SourceDocument, here: &Spot, problems: &mut Problems<'_>) {
    let url = source.url.as_deref().unwrap_or_default();
    match source.kind {
        SourceKind::Mqtt if !url.starts_with("mqtt://") && !url.starts_with("mqtts://") => {
            problems.add(&here.key("url"), "an mqtt source needs a 'url' that begins with mqtt:// or mqtts://");
        }
        SourceKind::Csv => match &source.recording {
            Some(recording) if !recording.name.is_empty() => {
                problems.add(&here.key("recording").key("name"), "the recording of a source has the source's name");
            }
            Some(own) => recording(own, &here.key("recording"), problems),
            None => problems.add(here, "a csv source needs a [source.recording]"),
        },
        _ => {}
    }
    if source.kind != SourceKind::Csv && (source.recording.is_some() || source.repeat) {
        problems.add(here, "'recording' and 'repeat' belong to a csv source");
    }
    if source.kind == SourceKind::Mqtt && source.topics.is_empty() {
        problems.add(&here.key("topics"), "an mqtt source needs 'topics'");
    }
    for (i, topic) in source.topics.iter().enumerate() {
        if let Some(cause) = wrong_topic_filter(topic) {
            problems.add(&here.key("topics").index(i), format!("'{topic}' is no topic filter: {cause}"));
        }
    }
    stream_template(source, here, problems);
    if let Some(rate) = source.rate_hz {
        positive(rate, "rate_hz", here, problems);
    }
}

/// What is wrong with a topic filter (MQTT 3.1.1, 4.7.1), where something is.
fn wrong_topic_filter(topic: &str) -> Option<&'static str> {
    let segments: Vec<&str> = topic.split('/').collect();
    let partly = |segment: &&str| segment.len() > 1 && segment.contains(['+', '#']);
    if topic.is_empty() {
        Some("it is empty")
    } else if topic.len() > usize::from(u16::MAX) || topic.contains('\0') {
        Some("it is too long, or has a null in it")
    } else if segments.iter().any(partly) {
        Some("'+' and '#' stand for whole segments")
    } else if segments.iter().rev().skip(1).any(|segment| *segment == "#") {
        Some("'#' stands for the rest and must be the last segment")
    } else {
        None
    }
}

/// Segments that a template takes of a topic must be in what is subscribed to.
fn stream_template(source: &SourceDocument, here: &Spot, problems: &mut Problems<'_>) {
    let Some(template) = source.mapping.get("stream").filter(|text| !text.starts_with('/')) else { return };
    if source.topics.iter().any(|topic| topic.ends_with('#')) {
        return;
    }
    let most = source.topics.iter().map(|topic| topic.split('/').count()).max().unwrap_or_default();
    let numbers = template.split('{').skip(1).filter_map(|part| part.split('}').next()?.parse::<usize>().ok());
    for number in numbers.filter(|number| *number > most) {
        let text = format!("{{{number}}} is no segment of what 'topics' can bring: they have at most {most}");
        problems.add(&here.key("mapping").key("stream"), text);
    }
}

/// What recordings of sources and of scenarios must keep to.
pub(super) fn recording(recording: &RecordingDocument, here: &Spot, problems: &mut Problems<'_>) {
    if recording.files.is_empty() {
        problems.add(&here.key("files"), "a recording needs at least one file");
    }
    if recording.value_columns.is_empty() {
        problems.add(&here.key("value_columns"), "a recording needs at least one value column");
    }
    if recording.stations.is_some() != recording.station_columns.is_some() {
        problems.add(here, "'stations' and 'station_columns' go together");
    }
    if let Some(zone) = &recording.zone
        && Timestamp::parse(&format!("2000-01-01T00:00:00{zone}")).is_err()
    {
        problems.add(&here.key("zone"), format!("'{zone}' is no offset; write it like +09:00"));
    }
}

fn binding(binding: &BindingDocument, here: &Spot, problems: &mut Problems<'_>) {
    if let Some(name) = &binding.source
        && !problems.names("source").contains(name)
    {
        let hint = did_you_mean(name, problems.names("source"));
        problems.add(&here.key("source"), format!("no source is named '{name}'{hint}"));
    }
    stream_pattern(&binding.stream, &here.key("stream"), problems);
    attach(binding, here, problems);
    if let Some([least, greatest]) = binding.range
        && least.partial_cmp(&greatest) != Some(Ordering::Less)
    {
        problems.add(&here.key("range"), "a range is [least, greatest]");
    }
    if let Some(limit) = binding.stale_after_s {
        positive(limit, "stale_after_s", here, problems);
    }
    for (i, effect) in binding.effects.iter().enumerate() {
        let here = here.key("effect").index(i);
        match effect {
            Effect::Color { ramp: colors } => ramp(colors, &here.key("ramp"), problems),
            Effect::Pulse { when, color: text } => {
                expression(when, &here.key("when"), problems);
                color(text, &here.key("color"), problems);
            }
            Effect::Label { text } => expression(text, &here.key("text"), problems),
        }
    }
}

fn stream_pattern(pattern: &str, here: &Spot, problems: &mut Problems<'_>) {
    let segments: Vec<&str> = pattern.split('/').collect();
    for (i, segment) in segments.iter().enumerate() {
        if *segment == "#" && i + 1 < segments.len() {
            problems.add(here, "'#' stands for the rest and must be the last segment");
        }
        let named = segment.strip_prefix('{').and_then(|s| s.strip_suffix('}'));
        if named.is_none_or(str::is_empty) && segment.contains(['{', '}']) {
            problems.add(here, format!("'{segment}': braces hold the name of a whole segment, like '{{station}}'"));
        }
    }
}

fn attach(binding: &BindingDocument, here: &Spot, problems: &mut Problems<'_>) {
    let (to, here) = (&binding.to, here.key("to"));
    if to.id.is_some() == to.nearest.is_some() {
        problems.add(&here, "give either 'id' or 'nearest'");
    }
    if to.nearest.is_none() && (to.within_m.is_some() || to.at.is_some()) {
        problems.add(&here, "'within_m' and 'at' belong to 'nearest'");
    }
    if let Some(within) = to.within_m {
        positive(within, "within_m", &here, problems);
    }
    if let Some(at) = to.at {
        place(at, &here.key("at"), problems);
    }
    let written: Vec<&str> = binding.stream.split('/').filter_map(|s| s.strip_prefix('{')?.strip_suffix('}')).collect();
    // Doubled braces are braces themselves.
    let id = to.id.as_ref().map(|id| id.replace("{{", "").replace("}}", ""));
    for part in id.iter().flat_map(|id| id.split('{').skip(1)) {
        let name = part.split('}').next().unwrap_or_default();
        if !written.contains(&name) {
            let text = format!("the stream has no segment '{{{name}}}'{}", did_you_mean(name, &written));
            problems.add(&here.key("id"), text);
        }
    }
}

fn indicator(indicator: &IndicatorDocument, here: &Spot, problems: &mut Problems<'_>) {
    match AggregateExpression::parse(&indicator.expression) {
        Err(error) => problems.add(&here.key("expression"), error.to_string()),
        Ok(expression) => {
            let known = problems.names("indicator");
            for name in expression.names().iter().filter(|name| !known.contains(name)) {
                let hint = did_you_mean(name, known);
                let text = format!(
                    "no indicator is named '{name}'; a property stands in an aggregate, like sum({name}){hint}"
                );
                problems.add(&here.key("expression"), text);
            }
        }
    }
    if let Some(filter) = &indicator.filter {
        expression(filter, &here.key("where"), problems);
    }
    if indicator.per.is_some() && indicator.area.is_some() {
        problems.add(&here.key("area"), "give either 'per' or 'area'");
    }
    if let Some(area) = &indicator.area {
        ring(area, &here.key("area"), problems);
    }
}

fn alarm(alarm: &AlarmDocument, scene: &SceneDocument, here: &Spot, problems: &mut Problems<'_>) {
    let properties = scene.bindings.iter().map(|binding| binding.property.as_str());
    let known: Vec<&str> = properties.chain(problems.names("indicator").iter().map(String::as_str)).collect();
    if !known.contains(&alarm.property.as_str()) {
        let (name, hint) = (&alarm.property, did_you_mean(&alarm.property, &known));
        let text = format!("no binding sets '{name}', and no indicator is called that: it would never be raised{hint}");
        problems.add(&here.key("property"), text);
    }
    if alarm.above.is_none() && alarm.below.is_none() {
        problems.add(here, "an alarm needs 'above' or 'below'");
    }
    not_negative(alarm.hysteresis, "hysteresis", here, problems);
    not_negative(alarm.for_s, "for_s", here, problems);
}

fn camera(camera: &CameraDocument, here: &Spot, problems: &mut Problems<'_>) {
    if camera.place.is_none() && camera.target.is_none() && camera.object.is_none() {
        problems.add(here, "a camera needs 'place', 'target' or 'object'");
    }
    if camera.target.is_some() && camera.object.is_some() {
        problems.add(&here.key("object"), "give either 'target' or 'object'");
    }
    for (key, point) in [("place", camera.place), ("target", camera.target)] {
        if let Some([longitude, latitude, height]) = point {
            place([longitude, latitude], &here.key(key), problems);
            if !height.is_finite() {
                problems.add(&here.key(key), "the height is not a number");
            }
        }
    }
    if let Some(distance) = camera.distance_m {
        positive(distance, "distance_m", here, problems);
    }
    if !(-90.0..=90.0).contains(&camera.pitch) {
        problems.add(&here.key("pitch"), "the pitch lies between -90 and 90 degrees");
    }
    if camera.field_of_view.is_some_and(|angle| !(angle > 0.0 && angle < 180.0)) {
        problems.add(&here.key("field_of_view"), "the field of view lies between 0 and 180 degrees");
    }
}

/// Start and end, where they are given.
pub(super) fn time(time: &TimeDocument, problems: &mut Problems<'_>) {
    let here = Spot::top("time");
    let mut read = |text: &Option<String>, key: &str| {
        let parsed = Timestamp::parse(text.as_deref()?);
        parsed.map_err(|error| problems.add(&here.key(key), error.to_string())).ok()
    };
    if let (Some(start), Some(end)) = (read(&time.start, "start"), read(&time.end, "end"))
        && end <= start
    {
        problems.add(&here.key("end"), "the end does not lie after the start");
    }
}

/// Every `name` of `[[section]]` once, and none empty.
pub(super) fn unique_names(section: &str, problems: &mut Problems<'_>) {
    let mut seen = BTreeSet::new();
    for (i, name) in problems.names(section).iter().enumerate() {
        let here = Spot::of(section, i).key("name");
        if name.is_empty() {
            problems.add(&here, "the name is empty");
        } else if !seen.insert(name) {
            problems.add(&here, format!("a second {section} is named '{name}'"));
        }
    }
}

/// `name` must be the name of a `[[section]]` of this document.
pub(super) fn refers(name: &str, section: &str, here: &Spot, problems: &mut Problems<'_>) {
    let known = problems.names(section);
    if !known.iter().any(|k| k == name) {
        problems.add(here, format!("no {section} is named '{name}'{}", did_you_mean(name, known)));
    }
}

/// An expression over the attributes of one object.
fn expression(text: &str, here: &Spot, problems: &mut Problems<'_>) {
    if let Err(error) = Expression::parse(text) {
        problems.add(here, error.to_string());
    }
}

/// `#rrggbb` or `#rrggbbaa`.
pub(super) fn color(text: &str, here: &Spot, problems: &mut Problems<'_>) {
    let digits = text.strip_prefix('#').unwrap_or_default();
    if !matches!(digits.len(), 6 | 8) || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        problems.add(here, format!("'{text}' is no colour; write #rrggbb or #rrggbbaa"));
    }
}

/// [longitude, latitude] in degrees.
pub(super) fn place([longitude, latitude]: [f64; 2], here: &Spot, problems: &mut Problems<'_>) {
    if !(-180.0..=180.0).contains(&longitude) || !(-90.0..=90.0).contains(&latitude) {
        problems.add(here, format!("[{longitude}, {latitude}] is not [longitude, latitude] in degrees"));
    }
}

/// A polygon's outer ring.
pub(super) fn ring(ring: &[[f64; 2]], here: &Spot, problems: &mut Problems<'_>) {
    if ring.len() < 3 {
        problems.add(here, "a polygon needs at least three corners");
    }
    ring.iter().enumerate().for_each(|(i, corner)| place(*corner, &here.index(i), problems));
}

/// A number above zero.
pub(super) fn positive(value: f64, key: &str, here: &Spot, problems: &mut Problems<'_>) {
    if !(value.is_finite() && value > 0.0) {
        problems.add(&here.key(key), format!("'{key}' must be above 0, not {value}"));
    }
}

/// A number, zero or above.
pub(super) fn not_negative(value: f64, key: &str, here: &Spot, problems: &mut Problems<'_>) {
    if !(value.is_finite() && value >= 0.0) {
        problems.add(&here.key(key), format!("'{key}' must not be below 0, not {value}"));
    }
}
