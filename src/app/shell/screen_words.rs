//! What is written beside a city and how a style is drawn: the same in a window, offscreen and in a browser, whoever knows
//! the figures.

use crate::engine::ObjectChange;
use crate::engine::city_material::ObjectFlags;
use crate::engine::overlay::{AlarmLine, IndicatorCard, ObjectPanel, Severity, TimeBar};
use crate::indicator::IndicatorState;
use crate::live::ValueState;
use crate::quantity::Timestamp;
use crate::scenario::LiveProperty;
use crate::scenario::wire::IndicatorAbout;
use crate::scene::{self, Freshness, ObjectStyle};

/// Lines of alarms on the screen at most.
const MOST_ALARMS: usize = 6;
/// Attributes that a panel shows at most.
const MOST_ROWS: usize = 14;

/// A style as the object table takes it.
pub fn change_of(style: &ObjectStyle) -> ObjectChange {
    let mut flags = match style.freshness {
        Freshness::Stale => ObjectFlags::STALE,
        Freshness::OutOfRange => ObjectFlags::OUT_OF_RANGE,
        Freshness::Suspect => ObjectFlags::SUSPECT,
        Freshness::Unbound | Freshness::Fresh | Freshness::Missing => ObjectFlags::default(),
    };
    if !style.visible {
        flags = flags.with(ObjectFlags::HIDDEN);
    }
    if style.pulse.is_some() {
        flags = flags.with(ObjectFlags::PULSE);
    }
    let color = style.pulse.or(style.color).map(|[r, g, b, _]| [r, g, b]);
    let height_factor = (style.height_factor != 1.0).then_some(style.height_factor);
    ObjectChange { color, height_factor, flags }
}

/// A figure of an indicator.
pub struct Figure<'f> {
    /// The indicator's name.
    pub indicator: &'f str,
    /// The value.
    pub value: Option<f64>,
    /// Where it stands against the thresholds.
    pub state: IndicatorState,
}

/// A card for each indicator of the panel that `about` knows by its name; of one that is for each object of a class, the
/// worst.
pub fn indicator_cards(
    panel: &[String],
    about: &dyn Fn(&str) -> Option<IndicatorAbout>,
    figures: &[Figure<'_>],
) -> Vec<IndicatorCard> {
    let card = |name: &String| {
        let worst = figures.iter().filter(|figure| figure.indicator == name).max_by_key(|figure| figure.state)?;
        let about = about(name)?;
        Some(IndicatorCard {
            value: worst.value.map_or_else(|| "-".to_owned(), number),
            unit: beside(&about),
            severity: match worst.state {
                IndicatorState::Unknown => Severity::Unknown,
                IndicatorState::Normal if about.judged => Severity::Good,
                IndicatorState::Normal => Severity::Plain,
                IndicatorState::Warning => Severity::Warning,
                IndicatorState::Critical => Severity::Critical,
            },
            name: about.title,
        })
    };
    panel.iter().filter_map(card).collect()
}

/// What stands beside a figure: its unit, and what is aimed at.
fn beside(indicator: &IndicatorAbout) -> String {
    let unit = if indicator.unit == "1" { "" } else { &indicator.unit };
    match indicator.target {
        Some(target) => format!("/ {} {unit}", number(target)).trim_end().to_owned(),
        None => unit.to_owned(),
    }
}

/// Three figures that mean something; a whole number as it is.
pub fn number(value: f64) -> String {
    match value.abs() {
        _ if value.fract() == 0.0 => format!("{value:.0}"),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A live property as a panel has it: its name, and its value with what it is worth.
pub fn in_words(property: &LiveProperty<'_>) -> (String, String) {
    let unit = if property.unit == "1" { "" } else { property.unit };
    let value = property.value.number().map_or_else(|| property.value.to_string(), number);
    let value = format!("{value} {unit}");
    let told = match property.state {
        ValueState::Fresh => value,
        ValueState::Missing => "no value yet".to_owned(),
        ValueState::Stale => format!("{} ({} old)", value.trim_end(), span(property.age_s)),
        doubted => {
            let age = if property.age_s < 120.0 { String::new() } else { format!(", {} old", span(property.age_s)) };
            format!("{} ({}{age})", value.trim_end(), doubted.word().replace('_', " "))
        }
    };
    (property.name.to_owned(), told)
}

/// A span of time in its largest unit of which there are two.
fn span(seconds: f64) -> String {
    let units = [("d", 86_400.0), ("h", 3600.0), ("min", 60.0)];
    let (unit, length_s) = units.into_iter().find(|(_, length_s)| seconds >= 2.0 * length_s).unwrap_or(("s", 1.0));
    format!("{:.0} {unit}", (seconds / length_s).floor())
}

/// How grave an alarm is on the screen.
pub fn grave(severity: scene::Severity) -> Severity {
    match severity {
        scene::Severity::Info => Severity::Good,
        scene::Severity::Warning => Severity::Warning,
        scene::Severity::Critical => Severity::Critical,
    }
}

/// Raised alarms (since when, words, severity), the newest first, under a line for each connection that is down: what it
/// brought is old. `clocks` is what they show now, and seconds that they are ahead of UTC.
pub fn alarm_lines(
    mut raised: Vec<(Timestamp, String, scene::Severity)>,
    down: Vec<String>,
    clocks: (Timestamp, i32),
) -> Vec<AlarmLine> {
    raised.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let lines = raised.into_iter().map(|(time, text, severity)| AlarmLine {
        since: since(time, clocks),
        text,
        severity: grave(severity),
    });
    let plain = |text: String| AlarmLine { since: String::new(), text, severity: Severity::Unknown };
    let down = down.into_iter().map(plain);
    let mut shown: Vec<AlarmLine> = down.chain(lines).collect();
    if shown.len() > MOST_ALARMS {
        let more = shown.len() + 1 - MOST_ALARMS;
        shown.truncate(MOST_ALARMS - 1);
        shown.push(plain(format!("另有 {more} 项告警 {more} more alarms")));
    }
    shown
}

/// Where a play stands; `text` is the time by the city's clocks, `speed` is `None` while it is paused.
pub fn time_bar(text: String, time: Timestamp, [start, end]: [Timestamp; 2], speed: Option<f64>) -> TimeBar {
    let fraction = time.seconds_since(start) / end.seconds_since(start);
    let pace = speed.map_or_else(|| "paused".to_owned(), |speed| format!("{speed}x"));
    TimeBar { text, fraction: fraction as f32, pace, playing: speed.is_some() }
}

/// Hours and minutes by the city's clocks; with month and day where that was not today.
fn since(time: Timestamp, (now, zone_s): (Timestamp, i32)) -> String {
    let [then, now] = [time, now].map(|time| clock(time, zone_s));
    let part = if then.get(..10) == now.get(..10) { 11..16 } else { 5..16 };
    then.get(part).unwrap_or_default().to_owned()
}

/// Date, time and offset of clocks that are ahead of UTC by so many seconds.
pub fn clock(time: Timestamp, zone_s: i32) -> String {
    let local = time.plus_seconds(f64::from(zone_s));
    let ((year, month, day), seconds) = (local.date_utc(), local.seconds_of_day_utc() as u32);
    let zone = match (zone_s, zone_s.unsigned_abs() / 60) {
        (0, _) => "UTC".to_owned(),
        (ahead_s, minutes) => {
            format!("{}{:02}:{:02}", if ahead_s < 0 { '-' } else { '+' }, minutes / 60, minutes % 60)
        }
    };
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02} {zone}", seconds / 3600, seconds / 60 % 60)
}

/// What is known of an object: live values (name, value with unit), what events have set, then attributes that neither of
/// the two tells.
pub fn object_panel(
    (id, class, name): (String, &str, Option<String>),
    mut known: Vec<(String, String)>,
    attributes: impl Iterator<Item = (String, String)>,
) -> ObjectPanel {
    for (name, value) in attributes.filter(|(_, value)| !value.is_empty()) {
        if !known.iter().any(|(told, _)| *told == name) {
            known.push((name, value));
        }
    }
    if known.len() > MOST_ROWS {
        let more = known.len() + 1 - MOST_ROWS;
        known.truncate(MOST_ROWS - 1);
        known.push((format!("另有 {more} 项属性 {more} more"), String::new()));
    }
    let title = name.unwrap_or_else(|| id.clone());
    let subtitle = if title == id { class.to_owned() } else { format!("{class} {id}") };
    ObjectPanel { title, subtitle, rows: known }
}
