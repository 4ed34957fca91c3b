//! What happened, for people and programs to read: JSON lines, CSV, and indicators by time.

use std::borrow::Cow;

use serde_json::{Map, json};

use super::timeline::Action;
use crate::indicator::IndicatorValue;
use crate::quantity::Timestamp;
use crate::scene::Severity;

/// Something that happened in a play.
#[derive(Debug, Clone, PartialEq)]
pub struct Happening {
    /// When.
    pub time: Timestamp,
    /// What.
    pub kind: HappeningKind,
}

/// Kinds of happenings.
#[derive(Debug, Clone, PartialEq)]
pub enum HappeningKind {
    /// An event of the scenario.
    Event(Action),
    /// An alarm was raised by a value.
    AlarmRaised {
        /// Name of the alarm.
        alarm: String,
        /// The object it is about; empty for the whole city.
        object: String,
        /// How bad.
        severity: Severity,
        /// Words for people.
        message: String,
        /// The value that raised it.
        value: f64,
    },
    /// An alarm was cleared.
    AlarmCleared {
        /// Name of the alarm.
        alarm: String,
        /// The object it was about; empty for the whole city.
        object: String,
    },
}

impl HappeningKind {
    /// The columns after the time: kind, object, property, value, severity, text; empty where it has none.
    pub(super) fn row(&self) -> [String; 6] {
        let row = |kind: &str, object: &str, property: &str, value: String, severity: String, text: &str| {
            [kind.to_owned(), object.to_owned(), property.to_owned(), value, severity, text.to_owned()]
        };
        let none = String::new;
        match self {
            Self::Event(Action::Set { object, property, value }) => {
                row("set", object, property, value.to_string(), none(), "")
            }
            Self::Event(Action::Show(object)) => row("show", object, "", none(), none(), ""),
            Self::Event(Action::Hide(object)) => row("hide", object, "", none(), none(), ""),
            Self::Event(Action::Close(object)) => row("close", object, "", none(), none(), ""),
            Self::Event(Action::Open(object)) => row("open", object, "", none(), none(), ""),
            Self::Event(Action::Alarm { object, message, severity }) => {
                row("alarm", object, "", none(), severity.word().to_owned(), message)
            }
            Self::Event(Action::ClearAlarm(object)) => row("clear_alarm", object, "", none(), none(), ""),
            Self::Event(Action::Camera { camera, flight_s }) => {
                row("camera", "", "flight_s", flight_s.to_string(), none(), camera)
            }
            Self::Event(Action::Message { text, for_s }) if *for_s > 0.0 => {
                row("message", "", "for_s", for_s.to_string(), none(), text)
            }
            Self::Event(Action::Message { text, .. }) => row("message", "", "", none(), none(), text),
            Self::AlarmRaised { alarm, object, severity, message, value } => {
                row("alarm_raised", object, alarm, value.to_string(), severity.word().to_owned(), message)
            }
            Self::AlarmCleared { alarm, object } => row("alarm_cleared", object, alarm, none(), none(), ""),
        }
    }
}

/// Columns of the log.
const COLUMNS: [&str; 7] = ["time", "kind", "object", "property", "value", "severity", "text"];

/// All that happened, in order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EventLog(Vec<Happening>);

impl EventLog {
    /// Adds what happened next.
    pub fn add(&mut self, happenings: impl IntoIterator<Item = Happening>) {
        self.0.extend(happenings);
    }

    /// What happened.
    pub fn happenings(&self) -> &[Happening] {
        &self.0
    }

    /// One JSON object a line; keys that have nothing to say are left out.
    pub fn json_lines(&self) -> String {
        let mut out = String::new();
        for Happening { time, kind } in &self.0 {
            let mut object = Map::from_iter([("time".to_owned(), json!(time.to_string()))]);
            for (column, text) in COLUMNS.iter().skip(1).zip(kind.row()) {
                if !text.is_empty() {
                    object.insert((*column).to_owned(), json!(text));
                }
            }
            out.push_str(&serde_json::Value::Object(object).to_string());
            out.push('\n');
        }
        out
    }

    /// CSV (RFC 4180) with a header line.
    pub fn csv(&self) -> String {
        let mut out = csv_line(COLUMNS.iter().copied());
        for Happening { time, kind } in &self.0 {
            let time = time.to_string();
            let row = kind.row();
            out.push_str(&csv_line(std::iter::once(time.as_str()).chain(row.iter().map(String::as_str))));
        }
        out
    }
}

/// Figures by time: a line for each figure, so that a figure for each of many buildings needs no column of its own.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct IndicatorTable(String);

impl IndicatorTable {
    /// Adds the figures of an instant: indicator, object (empty for the city or an area), value, unit, state.
    pub fn add<'i>(&mut self, time: Timestamp, figures: impl IntoIterator<Item = (IndicatorValue<'i>, &'i str)>) {
        let time = time.to_string();
        for (figure, object) in figures {
            let value = figure.value.map_or_else(String::new, |value| value.to_string());
            let unit = figure.indicator.unit.as_deref().unwrap_or_default();
            let cells = [&time, figure.indicator.name.as_str(), object, &value, unit, figure.state.word()];
            self.0.push_str(&csv_line(cells.into_iter()));
        }
    }

    /// CSV (RFC 4180) with a header line.
    pub fn csv(&self) -> String {
        csv_line(["time", "indicator", "object", "value", "unit", "state"].into_iter()) + &self.0
    }
}

fn csv_line<'c>(cells: impl Iterator<Item = &'c str>) -> String {
    let quoted = |cell: &'c str| match cell.contains([',', '"', '\n', '\r']) {
        true => Cow::Owned(format!("\"{}\"", cell.replace('"', "\"\""))),
        false => Cow::Borrowed(cell),
    };
    cells.map(quoted).collect::<Vec<_>>().join(",") + "\r\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::indicator::IndicatorState;
    use crate::scene::IndicatorDocument;

    #[test]
    fn logs_are_lines_of_json_and_quoted_csv() {
        let mut log = EventLog::default();
        let message = Action::Message { text: "rain, \"heavy\"".into(), for_s: 5.0 };
        log.add([
            Happening { time: Timestamp(0), kind: HappeningKind::Event(message) },
            Happening {
                time: Timestamp(1_500_000),
                kind: HappeningKind::AlarmCleared { alarm: "level".into(), object: "P1".into() },
            },
        ]);
        let lines = log.json_lines();
        let first: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
        assert_eq!((&first["kind"], &first["text"]), (&json!("message"), &json!("rain, \"heavy\"")));
        let csv = log.csv();
        assert!(csv.contains("1970-01-01T00:00:00Z,message,,for_s,5,,\"rain, \"\"heavy\"\"\"\r\n"), "{csv}");
        assert!(csv.ends_with("1970-01-01T00:00:01.500000Z,alarm_cleared,P1,level,,,\r\n"), "{csv}");
    }

    #[test]
    fn figures_without_a_value_are_empty_cells() {
        let document = IndicatorDocument { name: "power".into(), unit: Some("kW".into()), ..Default::default() };
        let figure = |value, state| IndicatorValue { indicator: &document, row: None, value, state };
        let mut table = IndicatorTable::default();
        table.add(
            Timestamp(0),
            [(figure(Some(1.5), IndicatorState::Warning), "H,1"), (figure(None, IndicatorState::Unknown), "")],
        );
        let lines = [
            "time,indicator,object,value,unit,state",
            "1970-01-01T00:00:00Z,power,\"H,1\",1.5,kW,warning",
            "1970-01-01T00:00:00Z,power,,,kW,unknown",
            "",
        ];
        assert_eq!(table.csv(), lines.join("\r\n"));
    }
}
