//! A stage in an engine's world: styles, sun, cameras and words follow what the stage says, the same in every shell.

use std::sync::Arc;

use bevy::prelude::*;

use super::added::added_contents;
use super::labels::LabelBook;
use super::shell::legend::legend;
use super::shell::screen_words::{
    self, Figure, alarm_lines, change_of, clock, grave, in_words, indicator_cards, object_panel,
};
use super::shell::water::Water;
use super::stage::{SharedStage, Stage, place_of};
use crate::engine::city_material::ObjectFlags;
use crate::engine::flood::FloodLayer;
use crate::engine::overlay::{AlarmLine, IndicatorCard, Label, LegendLine, ObjectPanel, Overlay, Severity, TimeBar};
use crate::engine::tiles::AddedObjects;
use crate::engine::{CameraView, DrawnObject, Environment, ObjectChange, ObjectChanges, ObjectLooks, SiteCamera};
use crate::indicator::ObjectTree;
use crate::quantity::Timestamp;
use crate::scenario::wire::IndicatorAbout;
use crate::scenario::{Appearance, CameraCue, CityState};
use crate::scene::CameraDocument;

/// The stage that a world shows.
#[derive(Resource, Clone)]
struct OnStage(SharedStage);

impl ObjectLooks for SharedStage {
    fn change(&self, object: &DrawnObject<'_>) -> ObjectChange {
        change_of(&self.lock().style(object.row))
    }
}

/// What was shown last, so that only changes cost.
#[derive(Resource)]
struct Shown {
    state: CityState,
    labels: LabelBook,
    view: Option<CameraView>,
    time: Option<Timestamp>,
    /// Of each run.
    waters: Vec<Water>,
    /// The object whose panel is shown.
    selected: Option<u32>,
}

/// Puts a stage into a world; [`show_stage`] keeps it shown from then on. Fails where a model of the variant cannot be read.
pub fn put_on(world: &mut World, stage: &SharedStage) -> anyhow::Result<()> {
    let held = stage.lock();
    let labels = LabelBook::new(&held);
    let waters = held.runs.iter().map(|run| Water::new(run.clone(), &held.site())).collect();
    world.resource_mut::<AddedObjects>().set(added_contents(&held)?);
    drop(held);
    world.insert_resource(Shown {
        state: CityState::default(),
        labels,
        view: None,
        time: None,
        waters,
        selected: None,
    });
    world.resource_mut::<ObjectChanges>().set_base(Arc::new(stage.clone()));
    world.insert_resource(OnStage(stage.clone()));
    show_stage(world);
    Ok(())
}

/// Brings the world up to what the stage says now.
pub fn show_stage(world: &mut World) {
    let Some(OnStage(shared)) = world.get_resource::<OnStage>().cloned() else { return };
    let mut stage = shared.lock();
    let view = world.query::<&SiteCamera>().iter(world).next().map(|camera| camera.view);
    let time = stage.time();
    let rows = stage.take_changed_rows();
    let Some(mut shown) = world.remove_resource::<Shown>() else { return };
    let mut changes = world.resource_mut::<ObjectChanges>();
    let changed = !rows.is_empty() || shown.state != *stage.state();
    changes.touch(rows);
    if shown.state != *stage.state() {
        // Events are rare, and a layer may be among what they hide: everything is asked for anew.
        changes.touch_all();
        shown.state = stage.state().clone();
    }
    let sun = sun_time(&stage);
    if let (Some(mut environment), Some(sun)) = (world.get_resource_mut::<Environment>(), sun)
        && environment.time != sun
    {
        environment.time = sun;
    }
    let labels = view.filter(|view| changed || has_moved(shown.view.as_ref(), view)).map(|view| {
        shown.view = Some(view);
        let words = shown.labels.words(&stage, &view);
        let selected = shown.selected.and_then(|row| selected_label(&stage, row, &words));
        let others = words.into_iter().filter(|words| Some(words.row) != shown.selected);
        selected.into_iter().chain(others.map(|words| label(&stage, words))).collect::<Vec<_>>()
    });
    let anew = changed || shown.time != Some(time);
    shown.time = Some(time);
    let mut overlay = world.resource_mut::<Overlay>();
    if let Some(labels) = labels
        && overlay.labels != labels
    {
        overlay.labels = labels;
    }
    if anew {
        write(&mut overlay, &stage);
        let panel = shown.selected.map(|row| panel_of(&stage, row));
        if overlay.panel != panel {
            overlay.panel = panel;
        }
    }
    // A pause or another speed changes nothing of the city.
    let time_bar = if stage.scene.panel.time_bar { time_bar(&mut stage) } else { None };
    if overlay.time_bar != time_bar {
        overlay.time_bar = time_bar;
    }
    let mut layer = world.resource_mut::<FloodLayer>();
    shown.waters.iter_mut().enumerate().for_each(|(number, water)| water.show(number, time, &mut layer));
    drop(stage);
    world.insert_resource(shown);
}

/// Whether a camera stands or looks elsewhere, by so much that other objects may carry the words.
fn has_moved(before: Option<&CameraView>, now: &CameraView) -> bool {
    before.is_none_or(|before| {
        before.place_in_site.distance(now.place_in_site) > 20.0
            || before.forward_in_site().dot(now.forward_in_site()) < 0.999
    })
}

/// The instant whose sun shines: what was asked for, that of a play or of a scene with live sources; where nothing moves that
/// of the scene.
fn sun_time(stage: &Stage) -> Option<Timestamp> {
    if stage.sun.is_some() {
        return stage.sun;
    }
    let stated = || stage.scene.time.start.as_deref().and_then(|text| Timestamp::parse(text).ok());
    let moves = stage.scenario.is_some() || !stage.scene.sources.is_empty();
    let now = stage.time();
    if moves && now > Timestamp(i64::MIN) { Some(now) } else { stated() }
}

fn label(stage: &Stage, words: super::labels::Words) -> Label {
    let severity = stage.live().alarms().worst(words.row).map_or(Severity::Good, grave);
    Label { place_in_site: words.place_in_site, text: words.text, value: String::new(), severity }
}

/// What stands over the selected object, which may be behind others: what it says anyhow, or what it is called.
fn selected_label(stage: &Stage, row: u32, words: &[super::labels::Words]) -> Option<Label> {
    let bounds = stage.objects.bounds(row);
    let said = words.iter().find(|words| words.row == row).map(|words| words.text.clone());
    let name = || stage.objects.attribute(row, "name").text().map(str::to_owned);
    let text = said.or_else(name).unwrap_or_else(|| stage.objects.id(row).to_owned());
    let place_in_site = bounds.center().with_z(bounds.max.z);
    (!bounds.is_empty()).then(|| Label { place_in_site, text, value: String::new(), severity: Severity::Plain })
}

/// Everything that is written over the picture, but the picked object and the labels.
fn write(overlay: &mut Mut<Overlay>, stage: &Stage) {
    let panel = &stage.scene.panel;
    let indicators = indicators(stage);
    let alarms = if panel.alarms { alarms(stage) } else { Vec::new() };
    let message = stage.state().message.as_ref().map(|message| message.text.clone());
    let legend = if panel.legend { legend_of(stage) } else { Vec::new() };
    if overlay.legend != legend {
        overlay.legend = legend;
    }
    if overlay.indicators != indicators {
        overlay.indicators = indicators;
    }
    if overlay.alarms != alarms {
        overlay.alarms = alarms;
    }
    if overlay.message != message {
        overlay.message = message;
    }
}

fn legend_of(stage: &Stage) -> Vec<LegendLine> {
    let looks = stage.scene.bindings.iter();
    let looks = looks.map(|binding| (binding.property.as_str(), binding.unit.as_deref(), &binding.effects[..]));
    legend(&stage.scene.layers, looks, !stage.state().closed.is_empty())
}

fn indicators(stage: &Stage) -> Vec<IndicatorCard> {
    let figures = stage.live().indicators().values().map(|figure| Figure {
        indicator: &figure.indicator.name,
        value: figure.value,
        state: figure.state,
    });
    let about = |name: &str| stage.scene.indicators.iter().find(|known| known.name == name).map(IndicatorAbout::of);
    indicator_cards(&stage.scene.panel.indicators, &about, &figures.collect::<Vec<_>>())
}

/// Raised alarms: by values, and by events.
fn alarms(stage: &Stage) -> Vec<AlarmLine> {
    let by_value = stage.live().alarms().raised();
    let by_value = by_value.map(|alarm| (alarm.since, stage.words_of_alarm(&alarm), alarm.rule.document.severity));
    let by_event = stage.state().alarms.values();
    let by_event = by_event.map(|alarm| (alarm.since, alarm.message.clone(), alarm.severity));
    alarm_lines(by_value.chain(by_event).collect(), stage.troubles(), (stage.time(), stage.zone_s))
}

fn time_bar(stage: &mut Stage) -> Option<TimeBar> {
    let text = clock(stage.time(), stage.zone_s);
    let play = stage.play()?;
    let range = [play.timeline().start(), play.timeline().end()];
    let speed = play.is_playing().then(|| play.speed());
    Some(screen_words::time_bar(text, play.shown_time(), range, speed))
}

/// The view of a scene's camera; `None` where its object is nowhere.
pub fn view_of(stage: &Stage, camera: &CameraDocument) -> Option<CameraView> {
    let (eye, _) = place_of(&stage.objects, camera, &stage.site())?;
    let default = CameraView::default();
    Some(CameraView {
        place_in_site: eye,
        heading_rad: camera.heading.to_radians(),
        pitch_rad: camera.pitch.clamp(-89.0, 89.0).to_radians(),
        vertical_field_of_view_rad: camera.field_of_view.map_or(default.vertical_field_of_view_rad, f64::to_radians),
    })
}

/// Where a flight of the play leads.
pub fn cue_target(stage: &Stage, cue: &CameraCue) -> Option<CameraView> {
    view_of(stage, stage.camera(&cue.camera)?)
}

/// Where the play's camera is at the shown instant; `None` where no event has moved it.
pub fn cue_view(stage: &Stage) -> Option<CameraView> {
    let cue = stage.state().camera.clone()?;
    let to = cue_target(stage, &cue)?;
    let from = cue.from.as_ref().and_then(|name| view_of(stage, stage.camera(name)?));
    let flown_s = stage.time().seconds_since(cue.since);
    match from {
        Some(from) if flown_s < cue.flight_s => {
            let flight = crate::engine::Flight { from, to, duration_s: cue.flight_s, elapsed_s: flown_s };
            Some(flight.view())
        }
        _ => Some(to),
    }
}

/// Highlights an object and shows what is known of it, from now on.
pub fn select(world: &mut World, stage: &Stage, row: Option<u32>) {
    let highlight = ObjectChange { flags: ObjectFlags::HIGHLIGHT, ..ObjectChange::default() };
    let layer = row.map(|row| (row, highlight)).into_iter().collect();
    world.resource_mut::<ObjectChanges>().set_layer("pick", layer);
    world.resource_mut::<Overlay>().panel = row.map(|row| panel_of(stage, row));
    let mut shown = world.resource_mut::<Shown>();
    shown.selected = row;
    // The labels are to be written anew.
    shown.view = None;
}

fn panel_of(stage: &Stage, row: u32) -> ObjectPanel {
    let live = stage.live();
    let set = stage.state().attributes.get(stage.objects.id(row));
    let is_set = |name: &str| set.is_some_and(|set| set.contains_key(name));
    let live = Appearance::properties(row, live).filter(|property| !is_set(property.name));
    let set = set.into_iter().flatten().map(|(name, value)| (name.clone(), value.to_string()));
    let rows = live.map(|property| in_words(&property)).chain(set).collect();
    let id = stage.objects.id(row).to_owned();
    let name = stage.objects.attribute(row, "name").text().map(str::to_owned);
    let attributes = stage.objects.attributes(row).into_iter().map(|(name, value)| (name, value.to_string()));
    object_panel((id, stage.objects.class(row), name), rows, attributes)
}
