//! Words that stand on objects: where, and which of them there is room for.

use bevy::prelude::*;
use glam::DVec3;

use super::panels::Panel;
use super::{GLASS, INK, Label, Words};
use crate::engine::SiteCamera;

/// Where the panels stood in the last frame that laid them out.
#[derive(Resource, Default)]
pub(super) struct PanelPlaces(Vec<Rect>);

#[derive(Component)]
pub(super) struct LabelNode {
    place_in_site: DVec3,
    /// About how wide its plate is, pixels.
    width: f32,
    /// Its place in the list: those before it come first.
    order: usize,
    /// What leads from its plate down to its place.
    stem: Entity,
}

#[derive(Component)]
pub(super) struct Stem;

const LABEL_STEM_PX: f32 = 16.0;
const LABEL_HEIGHT_PX: f32 = 25.0;
/// By how much a label is raised over others, and how often at most.
const LABEL_STEP_PX: f32 = 29.0;
const MOST_STEPS: u32 = 3;
/// Width of the invisible box in which a label's plate is centred.
const LABEL_BOX_PX: f32 = 360.0;

impl Words {
    /// A label, not yet anywhere.
    pub(super) fn label(&self, screen: &mut ChildSpawnerCommands, label: &Label, order: usize) {
        let at = Node {
            position_type: PositionType::Absolute,
            flex_direction: FlexDirection::Column,
            align_items: AlignItems::Center,
            width: px(LABEL_BOX_PX),
            display: Display::None,
            ..default()
        };
        let width = 22.0 + written_width(&label.text) + written_width(&label.value);
        let stem = (
            Stem,
            Node { width: px(1.5), height: px(LABEL_STEM_PX), ..default() },
            BackgroundColor(label.severity.color()),
        );
        let stem = screen.commands_mut().spawn(stem).id();
        let node = LabelNode { place_in_site: label.place_in_site, width, order, stem };
        screen
            .spawn((at, node))
            .with_children(|column| {
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
            })
            .add_child(stem);
    }
}

/// About how wide words of a label are, pixels: Chinese and Japanese signs are as wide as high.
fn written_width(text: &str) -> f32 {
    text.chars().map(|c| if c < '\u{2e80}' { 7.2 } else { 13.0 }).sum()
}

/// Notes where the panels stand, for the labels of the next frame.
pub(super) fn find_panels(
    panels: Query<(&ComputedNode, &UiGlobalTransform), With<Panel>>,
    mut places: ResMut<PanelPlaces>,
) {
    let rect = |(node, place): (&ComputedNode, &UiGlobalTransform)| {
        // The node's factor has the scale of the interface in it.
        let factor = node.inverse_scale_factor;
        Rect::from_center_size(place.translation * factor, node.size * factor)
    };
    places.0.clear();
    places.0.extend(panels.iter().map(rect));
}

/// Labels are projected in double precision, hidden behind the camera, and left out where the picture would cut them. Where one
/// that comes before them in the list, or a panel (where it stood in the last frame), stands in their way, they are raised over
/// it by a longer stem, or left out where that would be too long.
pub(super) fn place(
    cameras: Query<(&SiteCamera, &Camera)>,
    scale: Res<UiScale>,
    panels: Res<PanelPlaces>,
    mut labels: Query<(&LabelNode, &mut Node)>,
    mut stems: Query<&mut Node, (With<Stem>, Without<LabelNode>)>,
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
        let room = Rect::new(2.0, 2.0, size.x - 2.0, f32::INFINITY);
        let raised = (depth > 1.0).then(|| raised(plate, room, &taken)).flatten();
        let top = top - raised.unwrap_or_default();
        let stem_px = LABEL_STEM_PX + raised.unwrap_or_default();
        if let Ok(mut stem) = stems.get_mut(label.stem)
            && stem.height != px(stem_px)
        {
            stem.height = px(stem_px);
        }
        let shown = if raised.is_some() { Display::Flex } else { Display::None };
        if let Some(raised) = raised {
            taken.push(Rect { min: plate.min - raised * Vec2::Y, max: plate.max - raised * Vec2::Y });
        }
        let (left, top) = (px(center - LABEL_BOX_PX * 0.5), px(top));
        if node.display != shown || node.left != left || node.top != top {
            (node.display, node.left, node.top) = (shown, left, top);
        }
    }
}

/// By how many pixels a plate must be raised so that it stands in the room and on nothing that is taken; `None` where none of
/// the few steps is enough.
fn raised(plate: Rect, room: Rect, taken: &[Rect]) -> Option<f32> {
    let at = |raised: f32| Rect { min: plate.min - raised * Vec2::Y, max: plate.max - raised * Vec2::Y };
    let stands = |plate: Rect| {
        let whole = room.contains(plate.min) && room.contains(plate.max);
        whole && taken.iter().all(|other| other.intersect(plate).is_empty())
    };
    (0..=MOST_STEPS).map(|step| step as f32 * LABEL_STEP_PX).find(|raised| stands(at(*raised)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_goes_over_another_and_not_out_of_the_picture() {
        let room = Rect::new(2.0, 2.0, 1000.0, f32::INFINITY);
        let plate = Rect::new(100.0, 70.0, 200.0, 95.0);
        let other = Rect::new(150.0, 80.0, 250.0, 105.0);
        assert_eq!(raised(plate, room, &[]), Some(0.0));
        assert_eq!(raised(plate, room, &[other]), Some(LABEL_STEP_PX));
        let wall = Rect::new(0.0, 0.0, 1000.0, 80.0);
        assert_eq!(raised(plate, room, &[wall]), None, "there is none of it over the picture");
    }

    #[test]
    fn chinese_words_are_wider() {
        assert!(written_width("中心") > written_width("ab") && written_width("") == 0.0);
    }
}
