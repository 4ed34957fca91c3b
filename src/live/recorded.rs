//! Recorded observations: CSV with times and values, and a CSV with the stations' places.

use std::collections::BTreeMap;
use std::sync::Arc;

use glam::DVec3;

use super::{Diagnostics, FaultKind, LiveError, Observation, Quality};
use crate::city::Value;
use crate::geodesy::{CoordinateOperation, CrsId, CrsRegistry, Geodetic};
use crate::quantity::Timestamp;
use crate::scene::RecordingDocument;

/// How a missing value is written.
const GAPS: [&str; 7] = ["", "NA", "N/A", "NaN", "nan", "null", "-"];

/// Recorded observations in the order of time. A gap stays a gap: there is no observation, and the value before it goes
/// stale.
#[derive(Debug, Clone, Default)]
pub struct RecordedObservations {
    streams: Vec<(Arc<str>, Option<Geodetic>)>,
    /// Time, stream, value; by time, then stream.
    points: Vec<(Timestamp, u32, f64)>,
    /// By stream: its places in `points`.
    by_stream: Vec<Vec<u32>>,
    gaps: u64,
    diagnostics: Diagnostics,
}

impl RecordedObservations {
    /// Reads a recording from its files' names and bytes, and the bytes of the stations' file. A record that cannot be
    /// used is counted in [`RecordedObservations::diagnostics`]; a file without the columns, or a CRS that `registry` does not
    /// know, is an error.
    pub fn read(
        document: &RecordingDocument,
        files: &[(String, Vec<u8>)],
        stations: Option<(&str, &[u8])>,
        registry: &CrsRegistry,
    ) -> Result<Self, LiveError> {
        let mut recorded = Self::default();
        let zone_us = zone(document)?;
        let places = match (stations, &document.station_columns) {
            (Some((name, bytes)), Some(columns)) => {
                let to_degrees = to_degrees(document, registry)?;
                read_places(name, bytes, columns, &*to_degrees, &mut recorded.diagnostics)?
            }
            _ => BTreeMap::new(),
        };
        let mut reader = Reader { document, zone_us, places, numbers: BTreeMap::new(), recorded };
        for (name, bytes) in files {
            reader.file(name, bytes)?;
        }
        for column in &document.value_columns {
            if !reader.numbers.keys().any(|stream| stream.ends_with(&format!("/{column}"))) {
                let file = files.first().map(|(name, _)| name.clone()).unwrap_or_default();
                let cause = format!("no file of the recording '{}' has the column '{column}'", document.name);
                return Err(LiveError::Recording { cause, file });
            }
        }
        let mut recorded = reader.recorded;
        // A stable sort: of one stream and instant the later record of the files comes later.
        recorded.points.sort_by_key(|(time, stream, _)| (*time, *stream));
        recorded.by_stream = vec![Vec::new(); recorded.streams.len()];
        for (at, (_, stream, _)) in recorded.points.iter().enumerate() {
            if let Some(places) = recorded.by_stream.get_mut(*stream as usize) {
                places.push(at as u32);
            }
        }
        Ok(recorded)
    }

    /// The streams with their places, by number: for [`super::LiveCity::announce`].
    pub fn streams(&self) -> &[(Arc<str>, Option<Geodetic>)] {
        &self.streams
    }

    /// First and last instant.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        Some((self.points.first()?.0, self.points.last()?.0))
    }

    /// How many observations there are.
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// Values that were left out in the files.
    pub fn gaps(&self) -> u64 {
        self.gaps
    }

    /// What could not be used.
    pub fn diagnostics(&self) -> &Diagnostics {
        &self.diagnostics
    }

    /// The observations after `after` up to and with `until`, by time, then stream.
    pub fn between(&self, after: Timestamp, until: Timestamp) -> impl Iterator<Item = Observation> {
        let start = self.points.partition_point(|(time, ..)| *time <= after);
        let end = self.points.partition_point(|(time, ..)| *time <= until).max(start);
        self.points.get(start..end).unwrap_or_default().iter().filter_map(|point| self.observation(point))
    }

    /// The latest observation of each stream up to and with `until`: all that a jump to that instant needs.
    pub fn latest_at(&self, until: Timestamp) -> impl Iterator<Item = Observation> {
        self.by_stream.iter().filter_map(move |places| {
            let at = |place: &u32| self.points.get(*place as usize);
            let count = places.partition_point(|place| at(place).is_some_and(|(time, ..)| *time <= until));
            self.observation(at(places.get(count.checked_sub(1)?)?)?)
        })
    }

    fn observation(&self, (time, stream, value): &(Timestamp, u32, f64)) -> Option<Observation> {
        let (name, place) = self.streams.get(*stream as usize)?;
        let (time, value) = (*time, Value::from(*value));
        Some(Observation { stream: name.clone(), time, value, quality: Quality::Good, place: *place })
    }
}

/// A recording that plays as if it were observed now: `[[source]] kind = "csv"`.
#[derive(Debug, Clone)]
pub struct ReplayedRecording {
    recorded: RecordedObservations,
    /// What the recording's first instant becomes.
    begin: Timestamp,
    /// From its first instant to the same in the next round, microseconds; it plays once where there is none.
    round_us: Option<i64>,
}

impl ReplayedRecording {
    /// Plays a recording from its first instant on at `begin`. Where it is to `repeat`, it starts again after its last
    /// instant and the mean time between its instants.
    pub fn new(recorded: RecordedObservations, begin: Timestamp, repeat: bool) -> Self {
        let instants = recorded.points.chunk_by(|a, b| a.0 == b.0).count() as i64;
        let (first, last) = recorded.span().unwrap_or_default();
        let span = last.0.saturating_sub(first.0);
        let pause = if instants > 1 { span / (instants - 1) } else { 1_000_000 };
        let round_us = (repeat && instants > 0).then(|| span.saturating_add(pause.max(1)));
        Self { recorded, begin, round_us }
    }

    /// Lets it begin at another instant.
    pub fn begin_at(&mut self, begin: Timestamp) {
        self.begin = begin;
    }

    /// The recording.
    pub fn recorded(&self) -> &RecordedObservations {
        &self.recorded
    }

    /// The observations after `after` up to and with `until`, by time, then stream; at most `most`, the latest ones.
    pub fn between(&self, after: Timestamp, until: Timestamp, most: usize) -> Vec<Observation> {
        let last = self.round_at(until);
        // Older rounds cannot be among the `most` latest.
        let enough =
            i64::try_from(most / self.recorded.len().max(1)).map_or(i64::MAX, |rounds| rounds.saturating_add(1));
        let rounds = self.round_at(after).max(last.saturating_sub(enough)).max(0)..=last;
        let mut due: Vec<Observation> = Vec::new();
        for round in rounds {
            let shift = self.shift(round);
            let part = self.recorded.between(minus(after, shift), minus(until, shift));
            due.extend(part.map(|observation| Observation { time: plus(observation.time, shift), ..observation }));
        }
        due.drain(..due.len().saturating_sub(most));
        due
    }

    /// The latest observation of each stream up to and with `until`: all that a jump to that instant needs.
    pub fn latest_at(&self, until: Timestamp) -> Vec<Observation> {
        let round = self.round_at(until);
        let mut latest: BTreeMap<Arc<str>, Observation> = BTreeMap::new();
        for round in [round - 1, round].into_iter().filter(|round| *round >= 0) {
            let shift = self.shift(round);
            for observation in self.recorded.latest_at(minus(until, shift)) {
                let time = plus(observation.time, shift);
                latest.insert(observation.stream.clone(), Observation { time, ..observation });
            }
        }
        latest.into_values().collect()
    }

    /// Which round holds an instant; -1 before the first.
    fn round_at(&self, time: Timestamp) -> i64 {
        let since = time.0.saturating_sub(self.begin.0);
        match self.round_us {
            Some(round) => since.div_euclid(round).max(-1),
            None => {
                if since < 0 {
                    -1
                } else {
                    0
                }
            }
        }
    }

    /// From the recording's time to that of a round, microseconds.
    fn shift(&self, round: i64) -> i64 {
        let first = self.recorded.span().unwrap_or_default().0;
        let begun = self.begin.0.saturating_add(round.saturating_mul(self.round_us.unwrap_or_default()));
        begun.saturating_sub(first.0)
    }
}

fn plus(time: Timestamp, shift: i64) -> Timestamp {
    Timestamp(time.0.saturating_add(shift))
}

fn minus(time: Timestamp, shift: i64) -> Timestamp {
    Timestamp(time.0.saturating_sub(shift))
}

struct Reader<'d> {
    document: &'d RecordingDocument,
    zone_us: i64,
    places: BTreeMap<String, Geodetic>,
    numbers: BTreeMap<String, u32>,
    recorded: RecordedObservations,
}

impl Reader<'_> {
    fn file(&mut self, name: &str, bytes: &[u8]) -> Result<(), LiveError> {
        let refuse = |cause: String| LiveError::Recording { cause, file: name.to_owned() };
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(without_mark(bytes));
        let header = reader.headers().map_err(|error| refuse(error.to_string()))?.clone();
        let column = |wanted: &str| header.iter().position(|title| title.trim() == wanted);
        let need = |wanted: &str| column(wanted).ok_or_else(|| refuse(no_column(wanted, &header)));
        let time_column = need(&self.document.time_column)?;
        let station_column = self.document.station_column.as_deref().map(need).transpose()?;
        let values: Vec<(usize, String)> =
            self.document.value_columns.iter().filter_map(|title| Some((column(title)?, title.clone()))).collect();
        let stem = name.rsplit(['/', '\\']).next().unwrap_or(name);
        let stem = stem.rsplit_once('.').map_or(stem, |(stem, _)| stem).to_owned();
        let mut record = csv::StringRecord::new();
        loop {
            let line = reader.position().line();
            match reader.read_record(&mut record) {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(error) => {
                    self.recorded.diagnostics.add(FaultKind::Syntax, || format!("{name}:{line}: {error}"));
                    continue;
                }
            }
            let text = record.get(time_column).unwrap_or_default().trim();
            let Some(time) = self.time(text) else {
                self.recorded.diagnostics.add(FaultKind::BadTime, || format!("{name}:{line}: '{text}'"));
                continue;
            };
            let station = station_column.map_or(stem.as_str(), |at| record.get(at).unwrap_or_default().trim());
            for (at, title) in &values {
                self.value(record.get(*at).unwrap_or_default().trim(), time, station, title, || {
                    format!("{name}:{line}: {title}")
                });
            }
        }
    }

    fn value(&mut self, text: &str, time: Timestamp, station: &str, title: &str, place: impl Fn() -> String) {
        if GAPS.contains(&text) {
            self.recorded.gaps += 1;
            return;
        }
        let number = match text.parse::<f64>() {
            Ok(number) if number.is_finite() => number,
            Ok(_) => return self.recorded.diagnostics.add(FaultKind::NotFinite, || format!("{}: '{text}'", place())),
            Err(_) => return self.recorded.diagnostics.add(FaultKind::WrongType, || format!("{}: '{text}'", place())),
        };
        let name = format!("{}/{station}/{title}", self.document.name);
        let stream = match self.numbers.get(&name) {
            Some(number) => *number,
            None => {
                let number = self.recorded.streams.len() as u32;
                self.recorded.streams.push((name.as_str().into(), self.places.get(station).copied()));
                self.numbers.insert(name, number);
                number
            }
        };
        self.recorded.points.push((time, stream, number));
    }

    /// A time, in the recording's zone where it names none itself.
    fn time(&self, text: &str) -> Option<Timestamp> {
        let time = Timestamp::parse(text).ok()?;
        let clock = text.get(10..).unwrap_or_default();
        let own_zone = clock.contains(['Z', 'z', '+', '-']);
        Some(if own_zone { time } else { Timestamp(time.0.saturating_sub(self.zone_us)) })
    }
}

/// Excel writes a byte order mark.
fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// Microseconds east of UTC.
fn zone(document: &RecordingDocument) -> Result<i64, LiveError> {
    let Some(zone) = &document.zone else { return Ok(0) };
    let local = Timestamp::parse(&format!("1970-01-01T00:00:00{zone}"));
    let cause = || format!("'{zone}' is no offset; write it like +09:00");
    local.map(|local| -local.0).map_err(|_| LiveError::Recording { cause: cause(), file: document.name.clone() })
}

/// From the CRS of the stations' places.
fn to_degrees(document: &RecordingDocument, registry: &CrsRegistry) -> Result<Box<dyn CoordinateOperation>, LiveError> {
    let crs = document.crs.as_deref().map_or(Ok(CrsId::wgs84()), str::parse);
    let operation = crs.and_then(|crs| registry.operation(&crs, &CrsId::wgs84()));
    operation.map_err(|error| LiveError::Recording { cause: error.to_string(), file: document.name.clone() })
}

fn no_column(wanted: &str, header: &csv::StringRecord) -> String {
    let titles: Vec<&str> = header.iter().map(str::trim).filter(|title| !title.is_empty()).collect();
    match titles.is_empty() {
        true => format!("there is no column '{wanted}', and no other"),
        false => format!("there is no column '{wanted}'; there are {}", titles.join(", ")),
    }
}

fn read_places(
    name: &str,
    bytes: &[u8],
    columns: &[String; 3],
    to_degrees: &dyn CoordinateOperation,
    diagnostics: &mut Diagnostics,
) -> Result<BTreeMap<String, Geodetic>, LiveError> {
    let refuse = |cause: String| LiveError::Recording { cause, file: name.to_owned() };
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(without_mark(bytes));
    let header = reader.headers().map_err(|error| refuse(error.to_string()))?.clone();
    let mut numbers = [0; 3];
    for (number, wanted) in numbers.iter_mut().zip(columns) {
        let at = header.iter().position(|title| title.trim() == wanted.as_str());
        *number = at.ok_or_else(|| refuse(no_column(wanted, &header)))?;
    }
    let mut places = BTreeMap::new();
    let mut record = csv::StringRecord::new();
    loop {
        let line = reader.position().line();
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => return Ok(places),
            Err(error) => {
                diagnostics.add(FaultKind::Syntax, || format!("{name}:{line}: {error}"));
                continue;
            }
        }
        let field = |at: usize| record.get(at).unwrap_or_default().trim();
        let [station, east, north] = numbers.map(field);
        let place = east.parse().ok().zip(north.parse().ok()).and_then(|(east, north)| {
            let mut place = [DVec3::new(east, north, 0.0)];
            to_degrees.convert(&mut place).ok()?;
            let [DVec3 { x: lon, y: lat, .. }] = place;
            (lon.abs() <= 180.0 && lat.abs() <= 90.0).then(|| Geodetic::from_degrees(lon, lat, 0.0))
        });
        match place {
            Some(place) => drop(places.insert(station.to_owned(), place)),
            None => diagnostics.add(FaultKind::BadPlace, || format!("{name}:{line}: '{east}', '{north}'")),
        }
    }
}
