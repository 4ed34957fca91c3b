//! The legend: what the colours of the city mean, at the left over the time bar.

use bevy::prelude::*;

use super::panels::{card, glass};
use super::{FAINT, INK, LegendLine, Words};
use crate::engine::city_material::ObjectFlags;

/// Width of a ramp, pixels.
const WIDTH_PX: f32 = 200.0;
/// sRGB of what `doubt` in `shaders/lib/object.wgsl` draws over an object, and how much of it.
const AGE: [u8; 3] = [174, 177, 185];
const DOUBT: [u8; 3] = [255, 179, 63];
const COVER: f32 = 0.75;

impl LegendLine {
    pub(super) fn words(&self) -> impl Iterator<Item = &String> {
        let (title, stops) = match self {
            Self::Ramp { title, stops, .. } => (title, stops.as_slice()),
            Self::Swatch { title, .. } => (title, [].as_slice()),
        };
        stops.iter().chain([title])
    }
}

impl Words {
    /// Ramps one under another, then the swatches side by side, `bottom` pixels over the lower edge.
    pub(super) fn legend(&self, screen: &mut ChildSpawnerCommands, lines: &[LegendLine], bottom: f32) {
        if lines.is_empty() {
            return;
        }
        let node = Node { left: px(16), bottom: px(bottom), row_gap: px(7), ..card(Val::Auto, Val::Auto) };
        glass(screen, node, |card| {
            for line in lines {
                if let LegendLine::Ramp { title, shades, stops } = line {
                    self.ramp(card, title, shades, stops);
                }
            }
            let row = Node {
                flex_wrap: FlexWrap::Wrap,
                column_gap: px(12),
                row_gap: px(3),
                width: px(WIDTH_PX),
                ..default()
            };
            card.spawn(row).with_children(|row| {
                for line in lines {
                    if let LegendLine::Swatch { title, color, mark } = line {
                        self.swatch(row, title, *color, *mark);
                    }
                }
            });
        });
    }

    fn ramp(&self, card: &mut ChildSpawnerCommands, title: &str, shades: &[[u8; 3]], stops: &[String]) {
        let column = Node { flex_direction: FlexDirection::Column, row_gap: px(2), width: px(WIDTH_PX), ..default() };
        card.spawn(column).with_children(|column| {
            self.line(column, title, 12.0, INK);
            column.spawn(Node { height: px(8), ..default() }).with_children(|bar| {
                for shade in shades {
                    bar.spawn((Node { flex_grow: 1.0, ..default() }, BackgroundColor(srgb(*shade))));
                }
            });
            let under = Node { justify_content: JustifyContent::SpaceBetween, ..default() };
            column.spawn(under).with_children(|under| {
                stops.iter().for_each(|stop| self.line(under, stop, 11.0, FAINT));
            });
        });
    }

    fn swatch(&self, row: &mut ChildSpawnerCommands, title: &str, color: [u8; 3], mark: ObjectFlags) {
        let pair = Node { align_items: AlignItems::Center, column_gap: px(5), ..default() };
        row.spawn(pair).with_children(|pair| {
            let patch = Node {
                width: px(18),
                height: px(11),
                justify_content: JustifyContent::SpaceEvenly,
                align_items: AlignItems::Center,
                overflow: Overflow::clip(),
                ..default()
            };
            pair.spawn((patch, BackgroundColor(srgb(color)))).with_children(|patch| draw_mark(patch, mark));
            self.line(pair, title, 11.0, FAINT);
        });
    }
}

/// Dots for what is suspect, and stripes for the rest: of old values they lean the other way.
fn draw_mark(patch: &mut ChildSpawnerCommands, mark: ObjectFlags) {
    if mark == ObjectFlags::default() {
        return;
    }
    let is_stale = mark.has(ObjectFlags::STALE);
    let color = BackgroundColor(srgb(if is_stale { AGE } else { DOUBT }).with_alpha(COVER));
    if mark.has(ObjectFlags::SUSPECT) {
        let dot = Node { width: px(5), height: px(5), border_radius: BorderRadius::MAX, ..default() };
        (0..2).for_each(|_| _ = patch.spawn((dot.clone(), color)));
        return;
    }
    let stripe = Node { width: px(3), height: px(22), flex_shrink: 0.0, ..default() };
    let lean = UiTransform::from_rotation(Rot2::degrees(if is_stale { 45.0 } else { -45.0 }));
    (0..3).for_each(|_| _ = patch.spawn((stripe.clone(), color, lean)));
}

fn srgb([r, g, b]: [u8; 3]) -> Color {
    Color::srgb_u8(r, g, b)
}
