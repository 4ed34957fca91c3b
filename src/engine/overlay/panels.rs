//! Cards at the edges of the picture: key figures, alarms, the attributes of a picked object, a message, the time bar.

use bevy::prelude::*;

use super::{ACCENT, AlarmLine, FAINT, GLASS, INK, IndicatorCard, LINE, ObjectPanel, Overlay, TimeBar, Words};

/// A card that labels keep away from.
#[derive(Component)]
pub(super) struct Panel;

/// A card that hangs `top` from above and `right` from the right.
pub(super) fn card(top: Val, right: Val) -> Node {
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

pub(super) fn glass(parent: &mut ChildSpawnerCommands, node: Node, fill: impl FnOnce(&mut ChildSpawnerCommands)) {
    parent.spawn((Panel, node, BackgroundColor(GLASS), BorderColor::all(LINE))).with_children(fill);
}

impl Words {
    /// Everything but the labels.
    pub(super) fn panels(&self, screen: &mut ChildSpawnerCommands, overlay: &Overlay) {
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
        self.legend(screen, &overlay.legend, if overlay.time_bar.is_some() { 92.0 } else { 18.0 });
        if !overlay.attribution.is_empty() {
            let at = Node { position_type: PositionType::Absolute, right: px(10), bottom: px(6), ..default() };
            screen.spawn(at).with_children(|corner| self.line(corner, &overlay.attribution, 11.0, FAINT));
        }
    }

    /// Words that may be one long sign without a space, such as an identifier: in all the room that is left, whatever they
    /// would like to have, and broken where it ends.
    fn broken(&self, row: &mut ChildSpawnerCommands, text: &str, size: f32, color: Color, justify: Justify) {
        let rest = Node { flex_grow: 1.0, flex_basis: px(0), min_width: px(0), ..default() };
        row.spawn((self.text(text, size, color), TextLayout::new(justify, LineBreak::WordOrCharacter), rest));
    }

    fn panel(&self, screen: &mut ChildSpawnerCommands, panel: &ObjectPanel) {
        let node = Node { width: px(310), ..card(px(16), px(16)) };
        glass(screen, node, |card| {
            // Without the two, a row would have the height of its words with one letter a line.
            let row = Node { column_gap: px(12), min_height: px(0), flex_shrink: 0.0, ..default() };
            for (text, size, color) in [(&panel.title, 18.0, INK), (&panel.subtitle, 12.0, ACCENT)] {
                card.spawn(row.clone()).with_children(|row| self.broken(row, text, size, color, Justify::Left));
            }
            for (name, value) in &panel.rows {
                card.spawn(row.clone()).with_children(|row| {
                    let column = Node { width: percent(46), flex_shrink: 0.0, ..default() };
                    let breaks = TextLayout::linebreak(LineBreak::WordOrCharacter);
                    row.spawn((self.text(name, 12.5, FAINT), breaks, column));
                    self.broken(row, value, 12.5, INK, Justify::Right);
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
                    let dot = Node {
                        width: px(8),
                        height: px(8),
                        flex_shrink: 0.0,
                        border_radius: BorderRadius::MAX,
                        ..default()
                    };
                    row.spawn((dot, BackgroundColor(alarm.severity.color())));
                    if !alarm.since.is_empty() {
                        let apart = Node { flex_shrink: 0.0, ..default() };
                        row.spawn((self.text(&alarm.since, 13.0, FAINT), apart));
                    }
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
}
