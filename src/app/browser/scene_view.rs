//! The viewed scene in the engine's world: looks, sun, words and labels follow what the server says.

use std::collections::{BTreeMap, BTreeSet};

use bevy::prelude::*;
use glam::DVec3;

use super::shell::legend::legend;
use super::shell::screen_words::{
    Figure, alarm_lines, clock, grave, in_words, indicator_cards, object_panel, time_bar,
};
use super::shell::water::Water;
use super::viewed::{Inner, Viewed, attribute};
use crate::engine::flood::FloodLayer;
use crate::engine::overlay::{Label, LegendLine, ObjectPanel, Overlay, Severity};
use crate::engine::picking::Pick;
use crate::engine::tiles::{NO_OBJECT, PartObjects};
use crate::engine::{CameraView, DrawnObject, EngineSystems, Environment, ObjectChanges, SiteCamera};
use crate::geometry::Bounds;
use crate::quantity::Timestamp;
use crate::scenario::{SceneForViewers, ViewedScene};
use crate::scene::{Effect, Label as LabelStyle};

/// Objects that are asked for words at most, the nearest first.
const MOST_TRIED: usize = 2000;

/// Keeps the world as the scene is.
pub struct SceneViewPlugin(pub Viewed);

/// Objects of a part that may have words on them, and the places of their tops, site frame.
#[derive(Component, Default)]
struct Labelled(Vec<(usize, DVec3)>);

/// The picked object; its panel follows its values.
#[derive(Resource, Default)]
pub struct Picked(pub Option<Pick>);

/// The water of the play's simulations.
#[derive(Resource, Default)]
pub struct Waters(Vec<Water>);

impl Waters {
    /// One more.
    pub fn add(&mut self, water: Water) {
        self.0.push(water);
    }
}

impl Plugin for SceneViewPlugin {
    fn build(&self, app: &mut App) {
        app.insert_resource(self.0.clone()).init_resource::<Picked>().init_resource::<Waters>();
        app.world_mut().resource_mut::<ObjectChanges>().set_base(std::sync::Arc::new(self.0.clone()));
        let systems = (show, show_water, find_labelled, write_labels).chain();
        app.add_systems(Update, systems.after(EngineSystems::Camera).before(EngineSystems::Stream));
    }
}

/// Brings what has changed to the object tables, the sun and the panels.
fn show(
    viewed: Res<Viewed>,
    picked: Res<Picked>,
    mut changes: ResMut<ObjectChanges>,
    mut environment: ResMut<Environment>,
    mut overlay: ResMut<Overlay>,
) {
    let mut inner = viewed.lock();
    let (rows, all) = (std::mem::take(&mut inner.rows), std::mem::take(&mut inner.all));
    if !rows.is_empty() {
        changes.touch(rows);
    }
    if all {
        changes.touch_all();
    }
    let words = std::mem::take(&mut inner.words);
    if !words && !picked.is_changed() {
        return;
    }
    let mirror = inner.scene.mirror();
    if inner.scene.document().sun.is_none() && mirror.complete && environment.time != mirror.now {
        environment.time = mirror.now;
    }
    let written = written(&inner, picked.0.as_ref(), &overlay);
    if *overlay != written {
        *overlay = written;
    }
}

/// Draws the water that stands at the play's instant.
fn show_water(viewed: Res<Viewed>, mut waters: ResMut<Waters>, mut layer: ResMut<FloodLayer>) {
    let Some(time) = viewed.lock().scene.mirror().play.map(|play| play.time) else { return };
    for (number, water) in waters.bypass_change_detection().0.iter_mut().enumerate() {
        water.show(number, time, layer.bypass_change_detection());
    }
}

/// Everything that is written over the picture; labels stay as they are.
fn written(inner: &Inner, picked: Option<&Pick>, before: &Overlay) -> Overlay {
    let (scene, mirror) = (&inner.scene, inner.scene.mirror());
    let document = scene.document();
    let figures = mirror.figures.values().filter_map(|figure| {
        let about = mirror.hello.indicators.get(usize::from(figure.indicator))?;
        Some(Figure { indicator: &about.name, value: figure.value, state: figure.state })
    });
    let about = |name: &str| mirror.hello.indicators.iter().find(|about| about.name == name).cloned();
    let raised = mirror.alarms.values().map(|alarm| (alarm.since, alarm.message.clone(), alarm.severity));
    let play = mirror.play.filter(|_| document.panel.time_bar);
    let down = inner.trouble.iter().cloned().collect();
    Overlay {
        panel: picked.filter(|_| inner.panel).map(|picked| panel_of(inner, picked)),
        indicators: indicator_cards(&document.panel.indicators, &about, &figures.collect::<Vec<_>>()),
        alarms: alarm_lines(
            if document.panel.alarms { raised.collect() } else { Vec::new() },
            down,
            (mirror.now, document.zone_s),
        ),
        message: mirror.staging.message.clone().or_else(|| inner.message.clone()),
        time_bar: play.map(|play| {
            let text = clock(play.time, document.zone_s);
            time_bar(text, play.time, [play.start, play.end], play.playing.then_some(play.speed))
        }),
        legend: if document.panel.legend { legend_of(scene) } else { Vec::new() },
        labels: before.labels.clone(),
        attribution: before.attribution.clone(),
    }
}

fn legend_of(scene: &ViewedScene) -> Vec<LegendLine> {
    let looks = scene.document().bindings.iter();
    let looks = looks.map(|binding| (binding.property.as_str(), binding.unit.as_deref(), &binding.effects[..]));
    legend(&scene.document().layers, looks, scene.has_closed())
}

fn panel_of(inner: &Inner, picked: &Pick) -> ObjectPanel {
    let told = |name: &str| picked.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let id = told("id").unwrap_or_default();
    let class = told("class").unwrap_or_default();
    let set: Vec<_> = inner.scene.set(&id).map(|(name, value)| (name.to_owned(), value.to_string())).collect();
    let live = inner.scene.values(picked.row).filter(|property| set.iter().all(|(told, _)| told != property.name));
    let mut known: Vec<(String, String)> = live.map(|property| in_words(&property)).collect();
    known.extend(set);
    let name = told("name");
    let attributes = picked.attributes.iter().filter(|(name, _)| name != "id" && name != "class").cloned();
    object_panel((id, &class, name), known, attributes)
}

/// Finds the objects of new parts that may have words; of all parts where the scene's rules or its bound objects are others.
fn find_labelled(
    viewed: Res<Viewed>,
    parts: Query<(Entity, &PartObjects)>,
    new: Query<Entity, Added<PartObjects>>,
    mut known: Local<(usize, usize)>,
    mut commands: Commands,
) {
    let inner = viewed.lock();
    let (document, values) = (inner.scene.document(), &inner.scene.mirror().values);
    let by_value = writes_values(document);
    let by_layer = document.layers.iter().any(|layer| layer.label.is_some());
    let now = (if by_value { values.len() } else { 0 }, inner.styles + 1);
    let all = std::mem::replace(&mut *known, now) != now;
    if !by_layer && !by_value {
        return;
    }
    let due = parts.iter().filter(|(entity, _)| all || new.contains(*entity));
    for (entity, part) in due {
        let may = |(feature, row): (usize, &u32)| {
            if *row == NO_OBJECT {
                return None;
            }
            let object = DrawnObject { row: *row, features: &part.features, feature };
            let style = inner.scene.style(*row, &|name| attribute(&object, name));
            style.label.is_some().then_some(feature)
        };
        let features: Vec<usize> = part.rows.iter().enumerate().filter_map(may).collect();
        if !features.is_empty() || all {
            commands.entity(entity).insert(Labelled(tops(part, &features)));
        }
    }
}

/// The middle of the top of each feature's box, site frame.
fn tops(part: &PartObjects, features: &[usize]) -> Vec<(usize, DVec3)> {
    let mut boxes = vec![Bounds::EMPTY; features.len()];
    for (position, feature) in part.mesh.positions.iter().zip(&part.mesh.feature_ids) {
        if let Ok(at) = features.binary_search(&(*feature as usize)) {
            boxes[at] = boxes[at].with(part.site_from_content.transform_point3(position.as_dvec3()));
        }
    }
    let top = |(feature, bounds): (&usize, &Bounds)| {
        (!bounds.is_empty()).then(|| (*feature, bounds.center().with_z(bounds.max.z)))
    };
    features.iter().zip(&boxes).filter_map(top).collect()
}

/// What stands over the picked object, which may be behind others: what it says anyhow, or what it is called.
fn picked_label(picked: &Pick, inner: &Inner, parts: &Query<&PartObjects>) -> Option<Label> {
    let (mut top, mut said) = (None, None);
    for part in parts {
        for (feature, _) in part.rows.iter().enumerate().filter(|(_, row)| **row == picked.row) {
            let object = DrawnObject { row: picked.row, features: &part.features, feature };
            said = inner.scene.style(picked.row, &|name| attribute(&object, name)).label;
            let here = tops(part, &[feature]).pop().map(|(_, place)| place);
            top = here.into_iter().chain(top).max_by(|a, b| a.z.total_cmp(&b.z));
        }
    }
    let told = |name: &str| picked.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let text = said.map(|label| label.text).or_else(|| told("name")).or_else(|| told("id"))?;
    Some(Label { place_in_site: top?, text, value: String::new(), severity: Severity::Plain })
}

/// Labels that a scene's layers and live values ask for at most, all together.
fn most_labels(document: &SceneForViewers) -> u32 {
    let of_layers = document.layers.iter().filter_map(|layer| Some(layer.label.as_ref()?.limit()));
    of_layers.chain(writes_values(document).then_some(LabelStyle::LIVE_LIMIT)).fold(0, u32::saturating_add)
}

fn writes_values(document: &SceneForViewers) -> bool {
    let writes = |effect: &Effect| matches!(effect, Effect::Label { .. });
    document.bindings.iter().any(|binding| binding.effects.iter().any(writes))
}

/// Writes the words of the picked object, and of the nearest others in sight.
fn write_labels(
    viewed: Res<Viewed>,
    picked: Res<Picked>,
    parts: Query<(&PartObjects, &Labelled, &Visibility)>,
    all_parts: Query<&PartObjects>,
    cameras: Query<&SiteCamera>,
    mut written: Local<Option<(CameraView, Timestamp, usize, usize)>>,
    mut overlay: ResMut<Overlay>,
) {
    let Some(view) = cameras.iter().next().map(|camera| camera.view) else { return };
    let inner = viewed.lock();
    let shown = parts.iter().filter(|(.., visibility)| **visibility != Visibility::Hidden);
    let count = shown.clone().map(|(_, labelled, _)| labelled.0.len()).sum();
    let now = (view, inner.scene.mirror().now, count, inner.styles);
    if *written == Some(now) && !picked.is_changed() {
        return;
    }
    *written = Some(now);
    let mut near: Vec<(f64, &PartObjects, usize, DVec3)> = shown
        .flat_map(|(part, labelled, _)| labelled.0.iter().map(move |(feature, place)| (part, *feature, *place)))
        .map(|(part, feature, place)| (place.distance(view.place_in_site), part, feature, place))
        .filter(|(.., place)| view.sees(*place))
        .collect();
    // Live values before names, the nearest first.
    let is_named = |part: &PartObjects, feature: usize| {
        part.rows.get(feature).is_none_or(|row| inner.scene.values(*row).next().is_none())
    };
    near.sort_by(|a, b| is_named(a.1, a.2).cmp(&is_named(b.1, b.2)).then(a.0.total_cmp(&b.0)));
    let selected = picked.0.as_ref().and_then(|picked| picked_label(picked, &inner, &all_parts));
    let mut labels: Vec<Label> = selected.into_iter().collect();
    let mut rows: BTreeSet<u32> = picked.0.iter().map(|picked| picked.row).collect();
    let mut written_of: BTreeMap<Option<u16>, u32> = BTreeMap::new();
    let mut wanted = most_labels(inner.scene.document());
    for (distance, part, feature, place_in_site) in near.into_iter().take(MOST_TRIED) {
        if wanted == 0 {
            break;
        }
        let Some(row) = part.rows.get(feature).copied() else { continue };
        let object = DrawnObject { row, features: &part.features, feature };
        let style = inner.scene.style(row, &|name| attribute(&object, name));
        let Some(label) = style.label.filter(|label| style.visible && distance <= f64::from(label.within_m)) else {
            continue;
        };
        let written = written_of.entry(label.layer).or_default();
        if *written < label.limit && rows.insert(row) {
            *written += 1;
            wanted -= 1;
            let severity = inner.scene.alarm(row).map_or(Severity::Good, grave);
            labels.push(Label { place_in_site, text: label.text, value: String::new(), severity });
        }
    }
    if overlay.labels != labels {
        overlay.labels = labels;
    }
}
