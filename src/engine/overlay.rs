//! What is written over the picture: labels on objects, the attributes of a picked one, indicators, alarms, a message, the
//! time bar. Whoever has something to say changes [`Overlay`]; the nodes are made anew only when it has changed.

use bevy::prelude::*;
use bevy::text::{FontSize, FontSource};
use glam::DVec3;

use super::SiteCamera;
use super::faces::Faces;

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
        let alarms = self.alarms.iter().map(|alarm| &alarm.text);
        panel.chain(cards).chain(labels).chain(others).chain(alarms).map(String::as_str)
    }
}

/// What everything is in: the panels, or the labels under them.
#[derive(Component, PartialEq)]
enum Root {
    Panels,
    Labels,
}

/// Where the panels stood in the last frame that laid them out.
#[derive(Resource, Default)]
struct PanelPlaces(Vec<Rect>);

/// A card that labels keep away from.
#[derive(Component)]
struct Panel;

#[derive(Component)]
struct LabelNode {
    place_in_site: DVec3,
    /// About how wide its plate is, pixels.
    width: f32,
    /// Its place in the list: those before it come first.
    order: usize,
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
            Self::Warning => Color::srgb(0.98, 0.72, 0.22),
            Self::Critical => Color::srgb(0.98, 0.34, 0.33),
            Self::Unknown => Color::srgb(0.55, 0.60, 0.66),
        }
    }
}

pub(super) struct OverlayPlugin;

impl Plugin for OverlayPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Overlay>()
            .init_resource::<PanelPlaces>()
            .add_systems(PostUpdate, (scale, rebuild, place_labels).chain().before(bevy::ui::UiSystems::Prepare))
            .add_systems(PostUpdate, find_panels.after(bevy::ui::UiSystems::PostLayout));
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

/// A card that hangs `top` from above and `right` from the right.
fn card(top: Val, right: Val) -> Node {
    Node {
        position_type: PositionType::Absolute,
        top,
        right,
        flex_direction: FlexDirection::Column,
        padding: UiRect::axes(px(14), px(11)),
        row_gap: px(3),
        border: UiRect::all(px(1)),
        border_radius: BorderRadius::all(px(8)),
        ..default()
    }
}

fn glass(parent: &mut ChildSpawnerCommands, node: Node, fill: impl FnOnce(&mut ChildSpawnerCommands)) {
    parent.spawn((Panel, node, BackgroundColor(GLASS), BorderColor::all(LINE))).with_children(fill);
}

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

    fn panels(&self, screen: &mut ChildSpawnerCommands, overlay: &Overlay) {
        self.indicators(screen, &overlay.indicators);
        self.alarms(screen, &overlay.alarms);
        if let Some(panel) = &overlay.panel {
            self.panel(screen, panel);
        }
        if let Some(message) = &overlay.message {
            // Between what stands at the left and at the right, under the figures.
            let mut at = card(px(if overlay.indicators.is_empty() { 16 } else { 104 }), percent(25));
            at.left = percent(25);
            if !overlay.alarms.is_empty() {
                at.left = px(462);
            }
            if overlay.panel.is_some() {
                at.right = px(342);
            }
            at.align_items = AlignItems::Center;
            glass(screen, at, |banner| self.line(banner, message, 18.0, INK));
        }
        if let Some(bar) = &overlay.time_bar {
            self.time_bar(screen, bar);
        }
        if !overlay.attribution.is_empty() {
            let at = Node { position_type: PositionType::Absolute, right: px(10), bottom: px(6), ..default() };
            screen.spawn(at).with_children(|corner| self.line(corner, &overlay.attribution, 11.0, FAINT));
        }
    }

    /// Words that may be one long sign without a space, such as an identifier: broken where the room ends.
    fn broken(&self, parent: &mut ChildSpawnerCommands, text: &str, size: f32, color: Color) {
        let fits = Node { min_width: px(0), flex_shrink: 1.0, ..default() };
        let breaks = TextLayout::linebreak(LineBreak::WordOrCharacter);
        parent.spawn((self.text(text, size, color), breaks, fits));
    }

    fn panel(&self, screen: &mut ChildSpawnerCommands, panel: &ObjectPanel) {
        let node = Node { width: px(310), ..card(px(16), px(16)) };
        glass(screen, node, |card| {
            self.broken(card, &panel.title, 18.0, INK);
            self.broken(card, &panel.subtitle, 12.0, ACCENT);
            for (name, value) in &panel.rows {
                let row = Node { justify_content: JustifyContent::SpaceBetween, column_gap: px(12), ..default() };
                card.spawn(row).with_children(|row| {
                    let whole = Node { flex_shrink: 0.0, max_width: percent(60), ..default() };
                    row.spawn((self.text(name, 12.5, FAINT), whole));
                    // All that the name leaves, whatever the words would like to have.
                    let rest = Node { flex_grow: 1.0, flex_basis: px(0), min_width: px(0), ..default() };
                    let breaks = TextLayout::new(Justify::Right, LineBreak::WordOrCharacter);
                    row.spawn((self.text(value, 12.5, INK), breaks, rest));
                });
            }
        });
    }

    fn indicators(&self, screen: &mut ChildSpawnerCommands, cards: &[IndicatorCard]) {
        let strip =
            Node { position_type: PositionType::Absolute, left: px(16), top: px(16), column_gap: px(10), ..default() };
        screen.spawn(strip).with_children(|strip| {
            for indicator in cards {
                let node =
                    Node { position_type: PositionType::Relative, min_width: px(118), ..card(Val::Auto, Val::Auto) };
                glass(strip, node, |card| {
                    self.line(card, &indicator.name, 12.0, FAINT);
                    let row = Node { column_gap: px(5), align_items: AlignItems::End, ..default() };
                    card.spawn(row).with_children(|row| {
                        self.line(row, &indicator.value, 24.0, indicator.severity.color());
                        self.line(row, &indicator.unit, 12.0, FAINT);
                    });
                });
            }
        });
    }

    fn alarms(&self, screen: &mut ChildSpawnerCommands, alarms: &[AlarmLine]) {
        if alarms.is_empty() {
            return;
        }
        let node = Node { left: px(16), width: px(430), ..card(px(104), Val::Auto) };
        glass(screen, node, |card| {
            for alarm in alarms {
                let row = Node { column_gap: px(9), align_items: AlignItems::Center, ..default() };
                card.spawn(row).with_children(|row| {
                    let dot = Node { width: px(8), height: px(8), border_radius: BorderRadius::MAX, ..default() };
                    row.spawn((dot, BackgroundColor(alarm.severity.color())));
                    self.line(row, &alarm.text, 13.0, INK);
                });
            }
        });
    }

    fn time_bar(&self, screen: &mut ChildSpawnerCommands, bar: &TimeBar) {
        let node = Node { left: percent(20), width: percent(60), bottom: px(18), ..card(Val::Auto, Val::Auto) };
        glass(screen, node, |card| {
            let row = Node { justify_content: JustifyContent::SpaceBetween, ..default() };
            card.spawn(row).with_children(|row| {
                self.line(row, &bar.text, 15.0, INK);
                self.line(row, &bar.pace, 13.0, if bar.playing { ACCENT } else { FAINT });
            });
            let track = Node { width: percent(100), height: px(4), border_radius: BorderRadius::MAX, ..default() };
            card.spawn((track, BackgroundColor(LINE))).with_children(|track| {
                let done = Node {
                    width: percent(bar.fraction.clamp(0.0, 1.0) * 100.0),
                    height: percent(100),
                    border_radius: BorderRadius::MAX,
                    ..default()
                };
                track.spawn((done, BackgroundColor(ACCENT)));
            });
        });
    }

    fn label(&self, screen: &mut ChildSpawnerCommands, label: &Label, order: usize) {
        let at = Node {
            position_type: PositionType::Absolute,
            flex_direction: FlexDirection::Column,
            align_items: AlignItems::Center,
            width: px(LABEL_BOX_PX),
            display: Display::None,
            ..default()
        };
        let width = 22.0 + written_width(&label.text) + written_width(&label.value);
        screen.spawn((at, LabelNode { place_in_site: label.place_in_site, width, order })).with_children(|column| {
            let plate = Node {
                padding: UiRect::axes(px(8), px(3)),
                column_gap: px(6),
                border_radius: BorderRadius::all(px(5)),
                ..default()
            };
            column.spawn((plate, BackgroundColor(GLASS))).with_children(|plate| {
                self.line(plate, &label.text, 13.0, INK);
                if !label.value.is_empty() {
                    self.line(plate, &label.value, 13.0, label.severity.color());
                }
            });
            column.spawn((
                Node { width: px(1.5), height: px(LABEL_STEM_PX), ..default() },
                BackgroundColor(label.severity.color()),
            ));
        });
    }
}

const LABEL_STEM_PX: f32 = 16.0;
const LABEL_HEIGHT_PX: f32 = 25.0;
/// Width of the invisible box in which a label's plate is centred.
const LABEL_BOX_PX: f32 = 360.0;

/// About how wide words of a label are, pixels: Chinese and Japanese signs are as wide as high.
fn written_width(text: &str) -> f32 {
    text.chars().map(|c| if c < '\u{2e80}' { 7.2 } else { 13.0 }).sum()
}

/// Notes where the panels stand, for the labels of the next frame.
fn find_panels(panels: Query<(&ComputedNode, &UiGlobalTransform), With<Panel>>, mut places: ResMut<PanelPlaces>) {
    let rect = |(node, place): (&ComputedNode, &UiGlobalTransform)| {
        // The node's factor has the scale of the interface in it.
        let factor = node.inverse_scale_factor;
        Rect::from_center_size(place.translation * factor, node.size * factor)
    };
    places.0.clear();
    places.0.extend(panels.iter().map(rect));
}

/// Labels are projected in double precision, hidden behind the camera, and left out where one that comes before them in
/// the list, or a panel (where it stood in the last frame), stands in their way.
fn place_labels(
    cameras: Query<(&SiteCamera, &Camera)>,
    scale: Res<UiScale>,
    panels: Res<PanelPlaces>,
    mut labels: Query<(&LabelNode, &mut Node)>,
) {
    let Some((camera, target)) = cameras.iter().next() else { return };
    let Some(size) = target.logical_target_size().map(|size| size / scale.0) else { return };
    let half = (camera.view.vertical_field_of_view_rad * 0.5).tan();
    let mut taken = panels.0.clone();
    let mut listed: Vec<(&LabelNode, Mut<Node>)> = labels.iter_mut().collect();
    listed.sort_by_key(|(label, _)| label.order);
    for (label, mut node) in listed {
        let arm = label.place_in_site - camera.view.place_in_site;
        let depth = arm.dot(camera.view.forward_in_site());
        let x = arm.dot(camera.view.right_in_site()) / (depth * half) * f64::from(size.y);
        let y = arm.dot(camera.view.up_in_site()) / (depth * half) * f64::from(size.y);
        let center = (f64::from(size.x) + x) as f32 * 0.5;
        let top = (f64::from(size.y) - y) as f32 * 0.5 - LABEL_STEM_PX - LABEL_HEIGHT_PX;
        let plate = Rect::new(center - label.width * 0.5, top, center + label.width * 0.5, top + LABEL_HEIGHT_PX);
        let free = depth > 1.0 && top > 2.0 && taken.iter().all(|other| other.intersect(plate).is_empty());
        if free {
            taken.push(plate);
        }
        let shown = if free { Display::Flex } else { Display::None };
        let (left, top) = (px(center - LABEL_BOX_PX * 0.5), px(top));
        if node.display != shown || node.left != left || node.top != top {
            (node.display, node.left, node.top) = (shown, left, top);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chinese_words_are_wider() {
        assert!(written_width("中心") > written_width("ab") && written_width("") == 0.0);
    }
}
