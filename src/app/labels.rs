//! Which words stand on which objects: those that the scene's layers and effects ask for, nearest first.

use glam::DVec3;

use super::stage::Stage;
use crate::city::Expression;
use crate::engine::CameraView;
use crate::indicator::ObjectTree;
use crate::scene::{Effect, EventAction, Label};

/// Objects of a layer that are asked for words where only the play tells which have them.
const MOST_TRIED: usize = 2000;

/// Objects that may carry words, by who asks for them.
#[derive(Default)]
pub struct LabelBook {
    layers: Vec<Candidates>,
    live: Candidates,
    /// Slots that `live` was made of.
    slots: u32,
}

struct Candidates {
    rows: Vec<(u32, DVec3)>,
    within_m: f64,
    limit: usize,
    /// Objects that are asked at least, the nearest first, where not all that may have words have them now.
    tried: usize,
}

impl Default for Candidates {
    fn default() -> Self {
        let Label { within_m, limit, .. } = Label::live(String::new());
        Self { rows: Vec::new(), within_m: within_m.into(), limit: limit as usize, tried: 0 }
    }
}

/// Words on an object.
pub struct Words {
    /// The object.
    pub row: u32,
    /// Top of the object, site frame.
    pub place_in_site: DVec3,
    /// What is written.
    pub text: String,
}

impl LabelBook {
    /// The objects of a stage's labelled layers.
    pub fn new(stage: &Stage) -> Self {
        let mut layers = Vec::new();
        for layer in &stage.scene.layers {
            let Some(label) = &layer.label else { continue };
            let all = || (0..stage.objects.row_count()).collect();
            let filter = layer.filter.as_deref().filter(|filter| !follows_play(stage, filter));
            // A filter that cannot be asked leaves all; those that do not match have no words in the end.
            let rows = filter.and_then(|filter| stage.objects.matching(filter).ok()).unwrap_or_else(all);
            let of_class = |row: &u32| layer.class.as_deref().is_none_or(|class| stage.objects.class(*row) == class);
            layers.push(Candidates {
                rows: rows.into_iter().filter(of_class).filter_map(|row| Some((row, top(stage, row)?))).collect(),
                within_m: label.within_m.unwrap_or(f64::INFINITY),
                limit: label.limit.unwrap_or(50) as usize,
                tried: if filter.is_some() || layer.filter.is_none() { 0 } else { MOST_TRIED },
            });
        }
        Self { layers, ..Self::default() }
    }

    /// The words that are to be seen in a view: of those who may have words the nearest in sight.
    pub fn words(&mut self, stage: &Stage, view: &CameraView) -> Vec<Words> {
        let eye_in_site = view.place_in_site;
        let slots = stage.live().latest().slot_count();
        if slots != self.slots {
            self.live.rows = live_rows(stage);
            self.slots = slots;
        }
        let mut words: Vec<Words> = Vec::new();
        for candidates in std::iter::once(&self.live).chain(&self.layers) {
            let mut near: Vec<(f64, u32, DVec3)> = candidates
                .rows
                .iter()
                .map(|(row, place)| (place.distance_squared(eye_in_site), *row, *place))
                .filter(|(distance, ..)| *distance <= candidates.within_m * candidates.within_m)
                .filter(|(.., place)| view.sees(*place))
                .collect();
            let tried = candidates.limit.max(candidates.tried);
            if tried < near.len() {
                near.select_nth_unstable_by(tried, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                near.truncate(tried);
            }
            near.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let most = words.len() + candidates.limit;
            for (_, row, place_in_site) in near {
                if words.len() == most {
                    break;
                }
                let style = stage.style(row);
                let label = style.label.filter(|_| style.visible && !words.iter().any(|known| known.row == row));
                words.extend(label.map(|label| Words { row, place_in_site, text: label.text }));
            }
        }
        words
    }
}

/// Whether a filter names what live values or events change.
fn follows_play(stage: &Stage, filter: &str) -> bool {
    let Ok(filter) = Expression::parse(filter) else { return false };
    let bound = stage.scene.bindings.iter().map(|binding| binding.property.as_str());
    let events = stage.scenario.iter().flat_map(|scenario| &scenario.events);
    let set = events.filter_map(|event| match &event.action {
        EventAction::Set { property, .. } => Some(property.as_str()),
        _ => None,
    });
    bound.chain(set).any(|changes| filter.names().iter().any(|name| name == changes))
}

/// Objects with a live value whose effects write words.
fn live_rows(stage: &Stage) -> Vec<(u32, DVec3)> {
    let writes = |binding: &crate::scene::BindingDocument| {
        binding.effects.iter().any(|effect| matches!(effect, Effect::Label { .. }))
    };
    let writing: Vec<bool> = stage.scene.bindings.iter().map(writes).collect();
    let latest = stage.live().latest();
    let readings = (0..latest.slot_count()).filter_map(|slot| latest.reading(slot));
    let readings = readings.filter(|reading| writing.get(usize::from(reading.binding)).is_some_and(|writes| *writes));
    readings.filter_map(|reading| Some((reading.row, top(stage, reading.row)?))).collect()
}

fn top(stage: &Stage, row: u32) -> Option<DVec3> {
    let bounds = stage.objects.bounds(row);
    (!bounds.is_empty()).then(|| bounds.center().with_z(bounds.max.z))
}
