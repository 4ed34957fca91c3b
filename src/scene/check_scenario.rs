//! What a scenario must satisfy beyond its grammar, alone and against its base scene.

use super::check_scene::{color, not_negative, place, positive, recording, ring, time, unique_names};
use super::place::{Problems, Spot};
use super::scenario_document::{
    EditAction, EventAction, RecordingDocument, ScenarioDocument, SimulationDocument, VariantDocument,
};
use super::scene_document::SceneDocument;
use super::{EventDocument, EventTime, SIMULATION_KINDS};
use crate::city::did_you_mean;
use crate::quantity::Timestamp;

pub(super) fn check(scenario: &ScenarioDocument, base: Option<&SceneDocument>, problems: &mut Problems<'_>) {
    for section in ["edit", "recording", "simulation", "variant"] {
        unique_names(section, problems);
    }
    time(&scenario.time, problems);
    for (key, value) in [("start", &scenario.time.start), ("end", &scenario.time.end)] {
        if value.is_none() {
            problems.add(&Spot::top("time"), format!("a scenario needs '{key}' in [time]"));
        }
    }
    if let Some(step) = scenario.step_s {
        positive(step, "step_s", &Spot::default(), problems);
        if step < 1e-3 {
            problems.add(&Spot::top("step_s"), "'step_s' must be at least 0.001");
        }
    }
    for (i, edit) in scenario.edits.iter().enumerate() {
        edit_action(&edit.action, &Spot::of("edit", i), problems);
    }
    let span = play_span(scenario);
    scenario.events.iter().enumerate().for_each(|(i, e)| event(e, span, base, &Spot::of("event", i), problems));
    scenario
        .recordings
        .iter()
        .enumerate()
        .for_each(|(i, r)| named_recording(r, base, &Spot::of("recording", i), problems));
    let simulations = scenario.simulations.iter().enumerate();
    simulations.for_each(|(i, s)| simulation(s, span, &Spot::of("simulation", i), problems));
    scenario.variants.iter().enumerate().for_each(|(i, v)| variant(v, &Spot::of("variant", i), problems));
    let Some(report) = &scenario.report else { return };
    if let Some(every) = report.picture_every_s {
        positive(every, "picture_every_s", &Spot::top("report"), problems);
    }
    for (i, name) in report.indicators.iter().enumerate() {
        let known = base.map(|scene| scene.indicators.iter().map(|n| n.name.as_str()).collect::<Vec<_>>());
        named(name, "indicator", known, &Spot::top("report").key("indicators").index(i), problems);
    }
}

fn play_span(scenario: &ScenarioDocument) -> Option<(Timestamp, Timestamp)> {
    let read = |text: &Option<String>| Timestamp::parse(text.as_deref()?).ok();
    // Where the end comes first, that is what is wrong, not every event.
    Some((read(&scenario.time.start)?, read(&scenario.time.end)?)).filter(|(start, end)| start < end)
}

/// `name` must be among the base scene's, where that is at hand.
fn named(name: &str, what: &str, known: Option<Vec<&str>>, here: &Spot, problems: &mut Problems<'_>) {
    if let Some(known) = known.filter(|known| !known.contains(&name)) {
        problems.add(here, format!("the base scene has no {what} '{name}'{}", did_you_mean(name, &known)));
    }
}

fn edit_action(action: &EditAction, here: &Spot, problems: &mut Problems<'_>) {
    match action {
        EditAction::AddFootprint { footprint, height_m, base_m, color: text, .. } => {
            ring(footprint, &here.key("footprint"), problems);
            positive(*height_m, "height_m", here, problems);
            if base_m.is_some_and(|base| !base.is_finite()) {
                problems.add(&here.key("base_m"), "'base_m' is not a number");
            }
            if let Some(text) = text {
                color(text, &here.key("color"), problems);
            }
        }
        EditAction::AddModel { at: [longitude, latitude, height], .. } => {
            place([*longitude, *latitude], &here.key("at"), problems);
            if !height.is_finite() {
                problems.add(&here.key("at"), "the height is not a number");
            }
        }
        EditAction::Remove { .. } => {}
    }
}

fn event(
    event: &EventDocument,
    span: Option<(Timestamp, Timestamp)>,
    base: Option<&SceneDocument>,
    here: &Spot,
    problems: &mut Problems<'_>,
) {
    instant(&event.at, "at", span, here, problems);
    match &event.action {
        EventAction::Camera { camera, flight_s } => {
            let known = base.map(|scene| scene.cameras.iter().map(|c| c.name.as_str()).collect());
            named(camera, "camera", known, &here.key("camera"), problems);
            not_negative(*flight_s, "flight_s", here, problems);
        }
        EventAction::Message { for_s, .. } => not_negative(*for_s, "for_s", here, problems),
        EventAction::Set { value: toml::Value::Array(_) | toml::Value::Table(_), .. } => {
            problems.add(&here.key("value"), "an attribute is a number, a text or true or false");
        }
        _ => {}
    }
}

fn instant(text: &str, key: &str, span: Option<(Timestamp, Timestamp)>, here: &Spot, problems: &mut Problems<'_>) {
    match (EventTime::parse(text), span) {
        (Err(error), _) => problems.add(&here.key(key), error),
        (Ok(time), Some((start, end))) => {
            let at = time.resolve(start);
            if at < start || at > end {
                problems.add(&here.key(key), format!("{at} lies outside the play, {start} to {end}"));
            }
        }
        (Ok(_), None) => {}
    }
}

fn named_recording(
    recorded: &RecordingDocument,
    base: Option<&SceneDocument>,
    here: &Spot,
    problems: &mut Problems<'_>,
) {
    recording(recorded, here, problems);
    if recorded.name.is_empty() {
        problems.add(here, "a recording of a scenario needs a 'name'");
    }
    if base.is_some_and(|scene| scene.sources.iter().any(|s| s.name == recorded.name)) {
        problems.add(&here.key("name"), format!("the base scene already has a source '{}'", recorded.name));
    }
}

fn simulation(
    simulation: &SimulationDocument,
    span: Option<(Timestamp, Timestamp)>,
    here: &Spot,
    problems: &mut Problems<'_>,
) {
    if !SIMULATION_KINDS.contains(&simulation.kind.as_str()) {
        let hint = did_you_mean(&simulation.kind, SIMULATION_KINDS);
        let known = SIMULATION_KINDS.join(", ");
        problems
            .add(&here.key("kind"), format!("no simulation is called '{}'; there is {known}{hint}", simulation.kind));
    }
    if simulation.recording.is_none() {
        extent_and_steps(simulation, here, problems);
    }
    // One may begin before its play, and be on its way when that begins.
    match (simulation.start.as_deref().map(EventTime::parse), span) {
        (Some(Err(error)), _) => problems.add(&here.key("start"), error),
        (Some(Ok(time)), Some((start, end))) if time.resolve(start) > end => {
            problems.add(&here.key("start"), format!("{} lies after the end of the play, {end}", time.resolve(start)));
        }
        _ => {}
    }
    if let Some(manning) = simulation.manning {
        not_negative(manning, "manning", here, problems);
    }
    for (i, [seconds, rate]) in simulation.rain_mm_h.iter().enumerate() {
        let rises = i == 0 || simulation.rain_mm_h.get(i - 1).is_some_and(|before| before[0] < *seconds);
        if !(seconds.is_finite() && rises && *seconds >= 0.0 && rate.is_finite() && *rate >= 0.0) {
            let spot = here.key("rain_mm_h").index(i);
            problems.add(&spot, "rain is [seconds after the start, mm/h]: the seconds rise, no rate is below 0");
        }
    }
}

/// What a simulation needs that is computed; a recording knows it.
fn extent_and_steps(simulation: &SimulationDocument, here: &Spot, problems: &mut Problems<'_>) {
    let missing = |key: &str| format!("'{key}' is missing (only a simulation with a 'recording' can do without)");
    let [west, south, east, north] = simulation.bbox;
    if simulation.bbox == [0.0; 4] {
        problems.add(here, missing("bbox"));
    } else if !(west < east && south < north) {
        problems.add(&here.key("bbox"), "'bbox' is [west, south, east, north]");
    }
    place([west, south], &here.key("bbox"), problems);
    place([east, north], &here.key("bbox"), problems);
    let numbers =
        [("cell_m", simulation.cell_m), ("duration_s", simulation.duration_s), ("output_s", simulation.output_s)];
    for (key, number) in numbers {
        match number == 0.0 {
            true => problems.add(here, missing(key)),
            false => positive(number, key, here, problems),
        }
    }
}

fn variant(variant: &VariantDocument, here: &Spot, problems: &mut Problems<'_>) {
    for (i, name) in variant.edits.iter().enumerate() {
        super::check_scene::refers(name, "edit", &here.key("edits").index(i), problems);
    }
}
