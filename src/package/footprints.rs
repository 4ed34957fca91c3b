//! Footprints by row, read by offset: those of a few objects cost two small reads each, whatever the city's size.
//!
//! The file has the end of each row's bytes as a 64-bit little-endian number, counted from the end of this list, and then the
//! rows: rings in centimetres, each point as the step from the one before.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use glam::DVec2;

use super::PackageError;
use super::object_table::invalid;
use crate::streaming::ByteSource;

pub(super) const FOOTPRINTS: &str = "objects/footprints";

const END_BYTES: u64 = 8;

type Ring = Vec<[i32; 2]>;

/// The bytes of the file, row by row.
#[derive(Default)]
pub(super) struct FootprintsBuilder {
    ends: Vec<u8>,
    rows: Vec<u8>,
}

impl FootprintsBuilder {
    /// The next row, see [`encode`].
    pub fn push(&mut self, encoded: &[u8]) {
        self.rows.extend_from_slice(encoded);
        self.ends.extend((self.rows.len() as u64).to_le_bytes());
    }

    /// The file.
    pub fn finish(mut self) -> Vec<u8> {
        self.ends.append(&mut self.rows);
        self.ends
    }
}

/// The rings of one row.
pub(super) fn encode(rings: Vec<Vec<DVec2>>) -> Result<Vec<u8>, PackageError> {
    postcard::to_allocvec(&quantized(rings)).map_err(|e| invalid(FOOTPRINTS, e.to_string()))
}

fn quantized(rings: Vec<Vec<DVec2>>) -> Vec<Ring> {
    let mut last = [0, 0];
    let mut step = |p: DVec2| {
        let point = [(p.x * 100.0).round() as i32, (p.y * 100.0).round() as i32];
        let step = [point[0].wrapping_sub(last[0]), point[1].wrapping_sub(last[1])];
        last = point;
        step
    };
    rings.into_iter().map(|ring| ring.into_iter().map(&mut step).collect()).collect()
}

/// The footprints of a package.
pub(super) struct Footprints {
    source: Arc<dyn ByteSource>,
    rows: u32,
    all: OnceLock<Vec<u8>>,
}

impl Footprints {
    /// Reads nothing yet.
    pub fn new(source: Arc<dyn ByteSource>, rows: u32) -> Self {
        Self { source, rows, all: OnceLock::new() }
    }

    /// Reads the file once and keeps its bytes: for questions that need many footprints.
    pub fn keep_all(&self) -> Result<(), PackageError> {
        if self.all.get().is_none() {
            let bytes = self.source.read(FOOTPRINTS, None)?;
            self.all.get_or_init(|| bytes);
        }
        Ok(())
    }

    /// Rings of a row, holes among them, site frame; none where the footprint is not known or there is no such row.
    pub fn rings(&self, row: u32) -> Result<Vec<Vec<DVec2>>, PackageError> {
        if row >= self.rows {
            return Ok(Vec::new());
        }
        let (row, list) = (u64::from(row), u64::from(self.rows) * END_BYTES);
        let own = self.part(row.saturating_sub(1) * END_BYTES..(row + 1) * END_BYTES)?;
        let mut ends = own.as_chunks().0.iter().map(|end: &[u8; 8]| u64::from_le_bytes(*end));
        let start = if row == 0 { 0 } else { ends.next().unwrap_or_default() };
        let place = |end: u64| list.checked_add(end);
        let range = place(start).zip(ends.next().and_then(place)).filter(|(start, end)| start <= end);
        let (start, end) = range.ok_or_else(|| invalid(FOOTPRINTS, "rows in no order"))?;
        let rings: Vec<Ring> =
            postcard::from_bytes(&self.part(start..end)?).map_err(|e| invalid(FOOTPRINTS, e.to_string()))?;
        let mut at = [0_i32, 0];
        let mut point = |step: [i32; 2]| {
            at = [at[0].wrapping_add(step[0]), at[1].wrapping_add(step[1])];
            DVec2::new(f64::from(at[0]), f64::from(at[1])) / 100.0
        };
        Ok(rings.into_iter().map(|ring| ring.into_iter().map(&mut point).collect()).collect())
    }

    fn part(&self, range: Range<u64>) -> Result<std::borrow::Cow<'_, [u8]>, PackageError> {
        let Some(all) = self.all.get() else {
            return Ok(self.source.read(FOOTPRINTS, Some(range))?.into());
        };
        let part = all.get(range.start as usize..range.end as usize);
        part.map(Into::into).ok_or_else(|| invalid(FOOTPRINTS, "too short"))
    }
}
