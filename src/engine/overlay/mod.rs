//! What is written over the picture: labels on objects, the attributes of a picked one, indicators, alarms, a message, the
//! time bar. Whoever has something to say changes [`Overlay`]; the nodes are made anew only when it has changed.

mod labels;
mod legend;
mod panels;

use bevy::prelude::*;
use bevy::text::{FontSize, FontSource};
use glam::DVec3;

use super::city_material::ObjectFlags;
use super::faces::Faces;
use super::{Quality, SiteCamera};

/// Everything that is written over the picture.
#[derive(Resource, Debug, Clone, PartialEq, Default)]
pub struct Overlay {
    /// The picked object.
    pub panel: Option<ObjectPanel>,
    /// Key figures, first to last from the left.
    pub indicators: Vec<IndicatorCard>,
    /// Alarms that are raised, the newest first.
    pub alarms: Vec<AlarmLine>,
    /// A message across the top.
    pub message: Option<String>,
    /// Where the play stands.
    pub time_bar: Option<TimeBar>,
    /// What the colours mean.
    pub legend: Vec<LegendLine>,
    /// Words that stand on objects.
    pub labels: Vec<Label>,
    /// Who must be named for the data.
    pub attribution: String,
}

/// Attributes of one object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObjectPanel {
    /// Its name or identifier.
    pub title: String,
    /// Its class.
    pub subtitle: String,
    /// Names and values.
    pub rows: Vec<(String, String)>,
}

/// How grave something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Severity {
    /// As it should be.
    #[default]
    Good,
    /// Nobody has said how it should be.
    Plain,
    /// To be watched.
    Warning,
    /// To be acted on.
    Critical,
    /// Nothing known, or too old.
    Unknown,
}

/// One key figure.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IndicatorCard {
    /// What it is.
    pub name: String,
    /// The value in words.
    pub value: String,
    /// Its unit.
    pub unit: String,
    /// Against its thresholds.
    pub severity: Severity,
}

/// One alarm.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AlarmLine {
    /// Since when, in words; empty where nobody knows.
    pub since: String,
    /// What happened and where.
    pub text: String,
    /// How grave.
    pub severity: Severity,
}

/// Where a play stands.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TimeBar {
    /// Date and time in words.
    pub text: String,
    /// Part of the whole, 0 to 1.
    pub fraction: f32,
    /// How it goes on, in words: `60x`, or that it is paused; empty in a still picture.
    pub pace: String,
    /// Whether it goes on.
    pub playing: bool,
}

/// What colours mean.
#[derive(Debug, Clone, PartialEq)]
pub enum LegendLine {
    /// Colours along a value.
    Ramp {
        /// What the value is, with its unit.
        title: String,
        /// sRGB, evenly from the first stop to the last.
        shades: Vec<[u8; 3]>,
        /// Values that are written under the shades, evenly from end to end.
        stops: Vec<String>,
    },
    /// A colour by itself, or a mark.
    Swatch {
        /// What it means.
        title: String,
        /// sRGB.
        color: [u8; 3],
        /// What marks it as the city's objects are marked; no flag for none.
        mark: ObjectFlags,
    },
}

/// Words at a place.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    /// Where its foot stands, site frame.
    pub place_in_site: DVec3,
    /// The words.
    pub text: String,
    /// A value under them; empty for none.
    pub value: String,
    /// Colour of its mark.
    pub severity: Severity,
}

impl Overlay {
    /// Everything that is written.
    fn words(&self) -> impl Iterator<Item = &str> {
        let panel = self.panel.iter().flat_map(|panel| {
            let rows = panel.rows.iter().flat_map(|(name, value)| [name, value]);
            [&panel.title, &panel.subtitle].into_iter().chain(rows)
        });
        let cards = self.indicators.iter().flat_map(|card| [&card.name, &card.value, &card.unit]);
        let labels = self.labels.iter().flat_map(|label| [&label.text, &label.value]);
        let others = self.message.iter().chain([&self.attribution]);
        let legend = self.legend.iter().flat_map(LegendLine::words);
        let alarms = self.alarms.iter().flat_map(|alarm| [&alarm.since, &alarm.text]);
        panel.chain(cards).chain(labels).chain(others).chain(alarms).chain(legend).map(String::as_str)
    }
}

/// What everything is in: the panels, or the labels under them.
#[derive(Component, PartialEq)]
enum Root {
    Panels,
    Labels,
}

const GLASS: Color = Color::srgba(0.03, 0.045, 0.07, 0.92);
const LINE: Color = Color::srgba(0.45, 0.62, 0.78, 0.22);
const INK: Color = Color::srgb(0.92, 0.95, 0.98);
const FAINT: Color = Color::srgb(0.56, 0.65, 0.74);
const ACCENT: Color = Color::srgb(0.16, 0.74, 0.96);

impl Severity {
    fn color(self) -> Color {
        match self {
            Self::Good => Color::srgb(0.25, 0.83, 0.62),
            Self::Plain => INK,
            Self::Warning => Color::srgb(0.98, 0.72, 0.22),
            Self::Critical => Color::srgb(0.98, 0.34, 0.33),
            Self::Unknown => Color::srgb(0.55, 0.60, 0.66),
        }
    }
}

/// How words are written.
struct Words {
    face: FontSource,
}

impl Words {
    fn text(&self, text: &str, size: f32, color: Color) -> impl Bundle {
        (
            Text::new(text),
            TextFont { font: self.face.clone(), font_size: FontSize::Px(size), ..default() },
            TextColor(color),
        )
    }

    fn line(&self, parent: &mut ChildSpawnerCommands, text: &str, size: f32, color: Color) {
        parent.spawn(self.text(text, size, color));
    }
}

pub(super) struct OverlayPlugin;

impl Plugin for OverlayPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Overlay>()
            .init_resource::<labels::PanelPlaces>()
            .add_systems(
                PostUpdate,
                (scale, rebuild, encode.run_if(|quality: Res<Quality>| quality.encoded), labels::place)
                    .chain()
                    // What is made anew is seen in the same frame: else what changes in every frame would be seen in none.
                    .before(bevy::ui::UiSystems::Prepare)
                    .before(bevy::ui::UiSystems::Stack)
                    .before(bevy::camera::visibility::VisibilitySystems::VisibilityPropagate),
            )
            .add_systems(PostUpdate, labels::find_panels.after(bevy::ui::UiSystems::PostLayout));
    }
}

/// The sizes below are for pictures of 720 to 1440 lines: smaller and larger ones have everything in proportion.
fn scale(cameras: Query<&Camera, With<SiteCamera>>, mut scale: ResMut<UiScale>) {
    let Some(size) = cameras.iter().next().and_then(Camera::logical_target_size) else { return };
    let wanted = (size.y / 720.0).min(1.0).max(size.y / 1440.0);
    if scale.0 != wanted {
        scale.0 = wanted;
    }
}

/// The colours of new nodes as a picture holds them that does not encode by itself, see [`Quality::encoded`].
fn encode(mut new: Query<(&mut BackgroundColor, &mut BorderColor, Option<&mut TextColor>), Added<Node>>) {
    let stored = |color: &mut Color| {
        let srgb = color.to_srgba();
        *color = Color::linear_rgba(srgb.red, srgb.green, srgb.blue, srgb.alpha);
    };
    for (mut background, mut border, text) in &mut new {
        stored(&mut background.0);
        text.into_iter().for_each(|mut text| stored(&mut text.0));
        let BorderColor { top, right, bottom, left } = &mut *border;
        [top, right, bottom, left].into_iter().for_each(stored);
    }
}

/// Makes what has changed anew: a clock that goes on leaves the labels where they are. Everything, where there are more
/// faces than it was written with.
fn rebuild(
    mut commands: Commands,
    overlay: Res<Overlay>,
    mut faces: ResMut<Faces>,
    old: Query<(Entity, &Root)>,
    mut shown: Local<Option<Overlay>>,
    mut written_with: Local<usize>,
) {
    if std::mem::replace(&mut *written_with, faces.count()) != faces.count() {
        *shown = None;
    } else if !overlay.is_changed() || shown.as_ref() == Some(&*overlay) {
        return;
    }
    overlay.words().for_each(|words| faces.note(words));
    let words = Words { face: faces.source() };
    let root = Node { width: percent(100), height: percent(100), position_type: PositionType::Absolute, ..default() };
    let labels_differ = shown.as_ref().is_none_or(|shown| shown.labels != overlay.labels);
    let labels = overlay.labels.clone();
    let before = shown.replace(overlay.clone());
    let panels_differ = before.is_none_or(|before| Overlay { labels, ..before } != *overlay);
    let due = |root: &Root| if *root == Root::Labels { labels_differ } else { panels_differ };
    old.iter().filter(|(_, root)| due(root)).for_each(|(entity, _)| commands.entity(entity).despawn());
    if labels_differ {
        commands.spawn((Root::Labels, root.clone(), GlobalZIndex(-1))).with_children(|screen| {
            overlay.labels.iter().enumerate().for_each(|(order, label)| words.label(screen, label, order));
        });
    }
    if panels_differ {
        commands.spawn((Root::Panels, root)).with_children(|screen| words.panels(screen, &overlay));
    }
}
