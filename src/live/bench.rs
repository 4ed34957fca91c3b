//! How fast live data come in: `veduta bench live`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{
    Bindings, Connector, Decoded, JsonConnector, LiveCity, LiveError, Message, ObjectDirectory, Observation,
    ObservationQueue, SourceIndex,
};
use crate::geodesy::Geodetic;
use crate::quantity::Timestamp;
use crate::scene::{Attach, BindingDocument};

/// Observations applied a frame.
const FRAME_BUDGET: usize = 8192;

/// Rates of the steps a live value goes through.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct LiveBench {
    /// Bound objects.
    pub objects: u32,
    /// Updates of each step.
    pub updates: u32,
    /// JSON messages decoded a second.
    pub decoded_per_s: f64,
    /// Observations through the queue a second.
    pub queued_per_s: f64,
    /// Observations applied to bound objects a second, changes taken after each batch.
    pub applied_per_s: f64,
    /// The longest batch of 8192 observations with its changes, seconds: what a frame pays.
    pub longest_batch_s: f64,
    /// A snapshot of all values, seconds.
    pub snapshot_s: f64,
    /// Back to that snapshot, seconds.
    pub restore_s: f64,
}

struct Numbered(u32);

impl ObjectDirectory for Numbered {
    fn row_of(&self, id: &str) -> Option<u32> {
        id.strip_prefix('D')?.parse().ok().filter(|row| *row < self.0)
    }

    fn nearest(&self, _: &str, _: Geodetic, _: f64) -> Option<u32> {
        None
    }
}

/// Measures `updates` updates of `objects` bound objects. `clock` tells seconds since any fixed instant.
pub fn bench_live(objects: u32, updates: u32, clock: &dyn Fn() -> f64) -> Result<LiveBench, LiveError> {
    let document = BindingDocument {
        stream: "city/power/{device}".to_owned(),
        to: Attach { id: Some("{device}".to_owned()), ..Attach::default() },
        property: "power".to_owned(),
        unit: Some("kW".to_owned()),
        stale_after_s: Some(60.0),
        range: Some([0.0, 900.0]),
        ..BindingDocument::default()
    };
    let mut city = LiveCity::new(Bindings::compile(&[document], &["bench"])?, Timestamp(0));
    let directory = Numbered(objects);
    let streams: Vec<Arc<str>> = (0..objects).map(|i| format!("city/power/D{i}").into()).collect();
    streams.iter().for_each(|stream| city.announce(SourceIndex(0), stream, None, &directory));

    let decoded_per_s = decode(&streams, updates, clock)?;
    let mut queue = ObservationQueue::new(updates as usize);
    let mut waiting = Vec::with_capacity(FRAME_BUDGET);
    let mut changes = Vec::new();
    let (mut queued_s, mut applied_s, mut longest_batch_s) = (0.0, 0.0, 0.0_f64);
    let mut sent = 0;
    while sent < updates {
        let until = updates.min(sent.saturating_add(FRAME_BUDGET as u32));
        let batch: Vec<Observation> = (sent..until).filter_map(|i| observation(&streams, i)).collect();
        let start = clock();
        batch.into_iter().for_each(|observation| queue.push(SourceIndex(0), observation));
        queue.take(FRAME_BUDGET, &mut waiting);
        let queued = clock();
        city.advance(Timestamp(i64::from(until) * 20));
        for (source, observation) in &waiting {
            city.apply(*source, observation, &directory);
        }
        city.take_changes(&mut changes);
        let applied = clock();
        queued_s += queued - start;
        applied_s += applied - queued;
        longest_batch_s = longest_batch_s.max(applied - queued);
        waiting.clear();
        changes.clear();
        sent = until;
    }
    let start = clock();
    let snapshot = city.snapshot();
    let snapshot_s = clock() - start;
    let start = clock();
    city.restore(&snapshot);
    let restore_s = clock() - start;
    let rate = |seconds: f64| f64::from(updates) / seconds.max(1e-9);
    Ok(LiveBench {
        objects,
        updates,
        decoded_per_s,
        queued_per_s: rate(queued_s),
        applied_per_s: rate(applied_s),
        longest_batch_s,
        snapshot_s,
        restore_s,
    })
}

/// Update `i`: the objects in a scattered order (a multiplicative permutation), 20 microseconds apart.
fn observation(streams: &[Arc<str>], i: u32) -> Option<Observation> {
    let at = (u64::from(i) * 2_654_435_761) % (streams.len() as u64).max(1);
    let stream = streams.get(at as usize)?.clone();
    Some(Observation::number(stream, Timestamp(i64::from(i) * 20), f64::from(i % 1000)))
}

fn decode(streams: &[Arc<str>], updates: u32, clock: &dyn Fn() -> f64) -> Result<f64, LiveError> {
    let mapping = [("value", "/v"), ("time", "/t")].map(|(key, pointer)| (key.to_owned(), pointer.to_owned()));
    let connector = JsonConnector::new("bench", &BTreeMap::from(mapping))?;
    let payloads: Vec<String> =
        (0..1000).map(|i| format!(r#"{{"v": {}.5, "t": {}, "unit": "kW"}}"#, i, 1_700_000_000 + i)).collect();
    let mut decoded = Decoded::default();
    let start = clock();
    for (stream, payload) in streams.iter().cycle().zip(payloads.iter().cycle()).take(updates as usize) {
        let message = Message { topic: stream, payload: payload.as_bytes(), received: Timestamp(0) };
        connector.decode(&message, &mut decoded);
        if decoded.observations.len() >= FRAME_BUDGET {
            decoded.observations.clear();
        }
    }
    Ok(f64::from(updates) / (clock() - start).max(1e-9))
}
