//! The legend: what the colours of the city mean, at the left over the time bar.

use bevy::prelude::*;

use super::panels::{card, glass};
use super::{FAINT, INK, LegendLine, Words};

/// Width of a ramp, pixels.
const WIDTH_PX: f32 = 200.0;

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
                    if let LegendLine::Swatch { title, color, stripes } = line {
                        self.swatch(row, title, *color, *stripes);
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

    fn swatch(&self, row: &mut ChildSpawnerCommands, title: &str, color: [u8; 3], stripes: Option<[u8; 3]>) {
        let pair = Node { align_items: AlignItems::Center, column_gap: px(5), ..default() };
        row.spawn(pair).with_children(|pair| {
            let patch =
                Node { width: px(15), height: px(10), justify_content: JustifyContent::SpaceEvenly, ..default() };
            pair.spawn((patch, BackgroundColor(srgb(color)))).with_children(|patch| {
                for stripe in stripes.into_iter().flat_map(|stripe| [stripe; 3]) {
                    patch.spawn((Node { width: px(2.5), ..default() }, BackgroundColor(srgb(stripe))));
                }
            });
            self.line(pair, title, 11.0, FAINT);
        });
    }
}

fn srgb([r, g, b]: [u8; 3]) -> Color {
    Color::srgb_u8(r, g, b)
}
