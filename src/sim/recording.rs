//! Frames in a file: written as a simulation runs, read again by time.
//!
//! ```text
//! "VDSIMREC"  version u32  length u32  header (JSON)        what was run, on which grid
//! length u32  bed, f32 by cell, packed
//! frame 0, frame 1 ...                                       depths in mm, u32 by cell, packed, each on its own
//! index: per frame time f64, offset u64, length u32, statistics 6 x 8 bytes
//! count u32   offset of the index u64   "VDSIMEND"
//! ```
//!
//! All numbers are little-endian. "Packed": the difference to the cell before, split in four planes of bytes, deflated
//! (RFC 1951): most planes are zero, and any frame can be read alone. Same frames, same bytes.

use std::io::{Read, Write};
use std::sync::Arc;

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use glam::DVec2;
use serde::{Deserialize, Serialize};

use super::{SimFrame, SimGrid, SimStatistics, Simulation, SimulationError};

const START: &[u8; 8] = b"VDSIMREC";
const END: &[u8; 8] = b"VDSIMEND";
const FORMAT_VERSION: u32 = 1;
/// Bytes of one entry of the index.
const ENTRY: usize = 8 + 8 + 4 + 6 * 8;
/// Bytes after the index.
const TAIL: usize = 4 + 8 + 8;
/// Deflate makes no more than this of one byte (1032, rounded up).
const MOST_INFLATION: usize = 1040;

/// What a recording is of.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordingHeader {
    /// Name of the kind, as in [`super::KINDS`].
    pub kind: String,
    /// Name in the scenario.
    pub name: String,
    /// Seed of the run.
    pub seed: u64,
}

/// The grid, as the header keeps it; the bed follows packed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenHeader {
    recording: RecordingHeader,
    origin_in_site: DVec2,
    cell_m: f64,
    columns: usize,
    rows: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Entry {
    time_s: f64,
    offset: u64,
    length: u32,
    statistics: SimStatistics,
}

/// Writes a recording piece by piece, so that a long run needs no memory for it: append what each call hands back.
#[derive(Debug, Clone)]
pub struct RecordingWriter {
    cells: usize,
    written: u64,
    entries: Vec<Entry>,
}

impl RecordingWriter {
    /// Begins a recording; hands back its first bytes.
    pub fn begin(recording: RecordingHeader, grid: &SimGrid) -> Result<(Self, Vec<u8>), SimulationError> {
        let SimGrid { origin_in_site, cell_m, columns, rows, .. } = *grid;
        let header = WrittenHeader { recording, origin_in_site, cell_m, columns, rows };
        let header = serde_json::to_vec(&header).map_err(|error| SimulationError::Recording(error.to_string()))?;
        let bed = pack(grid.bed_m.iter().map(|h| h.to_bits()));
        let mut bytes = START.to_vec();
        bytes.extend(FORMAT_VERSION.to_le_bytes());
        for part in [header, bed] {
            bytes.extend((part.len() as u32).to_le_bytes());
            bytes.extend(part);
        }
        Ok((Self { cells: grid.cells(), written: bytes.len() as u64, entries: Vec::new() }, bytes))
    }

    /// The bytes of the next frame. Frames rise in time and have the grid's cells.
    pub fn frame(&mut self, frame: &SimFrame) -> Result<Vec<u8>, SimulationError> {
        let after = self.entries.last().is_none_or(|last| frame.time_s > last.time_s);
        if !after || !frame.time_s.is_finite() || frame.depth_m.len() != self.cells {
            let text = format!("the frame at {} s does not follow, or is not of the grid", frame.time_s);
            return Err(SimulationError::Recording(text));
        }
        let bytes = pack(frame.depths_mm());
        let (offset, length) = (self.written, bytes.len() as u32);
        self.entries.push(Entry { time_s: frame.time_s, offset, length, statistics: frame.statistics });
        self.written += u64::from(length);
        Ok(bytes)
    }

    /// The last bytes.
    pub fn finish(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.entries.len() * ENTRY + TAIL);
        for Entry { time_s, offset, length, statistics: s } in &self.entries {
            bytes.extend(time_s.to_le_bytes());
            bytes.extend(offset.to_le_bytes());
            bytes.extend(length.to_le_bytes());
            for number in [s.volume_m3, s.max_depth_m, s.wet_area_m2, s.inflow_m3, s.outflow_m3] {
                bytes.extend(number.to_le_bytes());
            }
            bytes.extend(s.steps.to_le_bytes());
        }
        bytes.extend((self.entries.len() as u32).to_le_bytes());
        bytes.extend(self.written.to_le_bytes());
        bytes.extend(END);
        bytes
    }
}

/// A whole recording in memory, packed.
#[derive(Debug, Clone)]
pub struct Recording {
    header: RecordingHeader,
    grid: SimGrid,
    entries: Vec<Entry>,
    bytes: Arc<[u8]>,
}

impl Recording {
    /// Whether a file begins as recordings do.
    pub fn is_one(head: &[u8]) -> bool {
        head.starts_with(START)
    }

    /// Runs a simulation to `duration_s` and records a frame at its start and every `output_s`.
    pub fn run(
        simulation: &mut dyn Simulation,
        (name, seed): (&str, u64),
        duration_s: f64,
        output_s: f64,
    ) -> Result<Self, SimulationError> {
        let header = RecordingHeader { kind: simulation.kind().to_owned(), name: name.to_owned(), seed };
        let (mut writer, mut bytes) = RecordingWriter::begin(header, simulation.grid())?;
        let frames = (duration_s / output_s).floor();
        if !(0.0..=1e6).contains(&frames) {
            return Err(SimulationError::Input(format!("{duration_s} s in steps of {output_s} s")));
        }
        for i in 0..=frames as u64 {
            simulation.advance_to(i as f64 * output_s)?;
            bytes.extend(writer.frame(&simulation.publish())?);
        }
        bytes.extend(writer.finish());
        Self::open(bytes.into())
    }

    /// Reads header, grid and index. Nothing is allocated on the word of a header alone.
    pub fn open(bytes: Arc<[u8]>) -> Result<Self, SimulationError> {
        let broken = |what: &str| SimulationError::Recording(what.to_owned());
        let mut rest = bytes.strip_prefix(START).ok_or_else(|| broken("it does not begin as one"))?;
        let version = u32::from_le_bytes(take(&mut rest).ok_or_else(|| broken("it ends early"))?);
        if version != FORMAT_VERSION {
            return Err(broken(&format!("its version is {version}, this program reads {FORMAT_VERSION}")));
        }
        let header = part(&mut rest).ok_or_else(|| broken("it ends early"))?;
        let header: WrittenHeader = serde_json::from_slice(header).map_err(|error| broken(&error.to_string()))?;
        let WrittenHeader { recording, origin_in_site, cell_m, columns, rows } = header;
        let packed = part(&mut rest).ok_or_else(|| broken("it ends early"))?;
        let cells = columns.checked_mul(rows).ok_or_else(|| broken("its grid is too large"))?;
        let bed = unpack(packed, cells).ok_or_else(|| broken("its ground is damaged"))?;
        if !(origin_in_site.is_finite() && cell_m.is_finite() && cell_m > 0.0) {
            return Err(broken("its grid is nowhere"));
        }
        let bed_m = bed.into_iter().map(f32::from_bits).collect();
        let grid = SimGrid { origin_in_site, cell_m, columns, rows, bed_m };
        let entries = index(&bytes).ok_or_else(|| broken("its index is damaged or it was not finished"))?;
        Ok(Self { header: recording, grid, entries, bytes })
    }

    /// What was run.
    pub fn header(&self) -> &RecordingHeader {
        &self.header
    }

    /// Where the cells are.
    pub fn grid(&self) -> &SimGrid {
        &self.grid
    }

    /// The bytes of the file.
    pub fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    /// Times of the frames, seconds after the start, rising.
    pub fn times_s(&self) -> impl ExactSizeIterator<Item = f64> + '_ {
        self.entries.iter().map(|entry| entry.time_s)
    }

    /// Number of the last frame that is not after `time_s`; the first one before that.
    pub fn frame_at(&self, time_s: f64) -> usize {
        self.entries.partition_point(|entry| entry.time_s <= time_s).saturating_sub(1)
    }

    /// A frame, exactly as it was recorded.
    pub fn frame(&self, number: usize) -> Result<SimFrame, SimulationError> {
        let damaged = || SimulationError::Recording(format!("frame {number} is damaged"));
        let entry = self.entries.get(number).ok_or_else(damaged)?;
        let start = usize::try_from(entry.offset).map_err(|_| damaged())?;
        let packed = start.checked_add(entry.length as usize).and_then(|end| self.bytes.get(start..end));
        let millimetres = packed.and_then(|packed| unpack(packed, self.grid.cells())).ok_or_else(damaged)?;
        let depth_m = millimetres.into_iter().map(|mm| mm as f32 / 1000.0).collect();
        Ok(SimFrame::new(entry.time_s, depth_m, entry.statistics))
    }
}

/// Plays a recording as the simulation that it was. It goes back as well as on.
#[derive(Debug, Clone)]
pub struct RecordedSimulation {
    recording: Arc<Recording>,
    number: usize,
    frame: SimFrame,
}

impl RecordedSimulation {
    /// At the first frame. A recording without frames is refused.
    pub fn new(recording: Arc<Recording>) -> Result<Self, SimulationError> {
        let frame = recording.frame(0)?;
        Ok(Self { recording, number: 0, frame })
    }

    /// The recording.
    pub fn recording(&self) -> &Arc<Recording> {
        &self.recording
    }
}

impl Simulation for RecordedSimulation {
    fn kind(&self) -> &str {
        &self.recording.header.kind
    }

    fn grid(&self) -> &SimGrid {
        &self.recording.grid
    }

    fn advance_to(&mut self, time_s: f64) -> Result<(), SimulationError> {
        let number = self.recording.frame_at(time_s);
        if number != self.number {
            self.frame = self.recording.frame(number)?;
            self.number = number;
        }
        Ok(())
    }

    fn publish(&self) -> SimFrame {
        self.frame.clone()
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*head)
}

/// A part that begins with its length.
fn part<'b>(bytes: &mut &'b [u8]) -> Option<&'b [u8]> {
    let length = u32::from_le_bytes(take(bytes)?);
    let (head, rest) = bytes.split_at_checked(length as usize)?;
    *bytes = rest;
    Some(head)
}

fn index(bytes: &[u8]) -> Option<Vec<Entry>> {
    let (before, mut tail) = bytes.split_at_checked(bytes.len().checked_sub(TAIL)?)?;
    let count = u32::from_le_bytes(take(&mut tail)?) as usize;
    let offset = usize::try_from(u64::from_le_bytes(take(&mut tail)?)).ok()?;
    let entries = before.get(offset..)?;
    if tail != END || count.checked_mul(ENTRY)? != entries.len() {
        return None;
    }
    let entry = |mut bytes: &[u8]| {
        let mut number = || take::<8>(&mut bytes);
        let (time_s, offset) = (f64::from_le_bytes(number()?), u64::from_le_bytes(number()?));
        let length = u32::from_le_bytes(take(&mut bytes)?);
        let mut float = || take(&mut bytes).map(f64::from_le_bytes);
        let (volume_m3, max_depth_m, wet_area_m2) = (float()?, float()?, float()?);
        let (inflow_m3, outflow_m3) = (float()?, float()?);
        let steps = u64::from_le_bytes(take(&mut bytes)?);
        let statistics = SimStatistics { volume_m3, max_depth_m, wet_area_m2, inflow_m3, outflow_m3, steps };
        Some(Entry { time_s, offset, length, statistics })
    };
    let entries: Vec<Entry> = entries.chunks_exact(ENTRY).map(entry).collect::<Option<_>>()?;
    let rising = entries.windows(2).all(|pair| pair[0].time_s < pair[1].time_s);
    (rising && entries.iter().all(|entry| entry.time_s.is_finite())).then_some(entries)
}

fn pack(numbers: impl Iterator<Item = u32>) -> Vec<u8> {
    let mut before = 0_u32;
    let mut difference = |number: u32| {
        let step = number.wrapping_sub(before) as i32;
        before = number;
        // Zigzag: small steps either way have small codes.
        ((step << 1) ^ (step >> 31)) as u32
    };
    let steps: Vec<u32> = numbers.map(&mut difference).collect();
    let planes: Vec<u8> = (0..4).flat_map(|plane| steps.iter().map(move |step| step.to_le_bytes()[plane])).collect();
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(6));
    // Writing into memory does not fail.
    let _ = encoder.write_all(&planes);
    encoder.finish().unwrap_or_default()
}

/// `None` unless `packed` holds exactly `count` numbers.
fn unpack(packed: &[u8], count: usize) -> Option<Vec<u32>> {
    let bytes = count.checked_mul(4)?;
    if bytes > packed.len().saturating_mul(MOST_INFLATION) {
        return None;
    }
    let mut planes = Vec::with_capacity(bytes);
    DeflateDecoder::new(packed).take(bytes as u64 + 1).read_to_end(&mut planes).ok()?;
    if planes.len() != bytes {
        return None;
    }
    let mut before = 0_u32;
    let number = |i: usize| {
        let code = u32::from_le_bytes([planes[i], planes[count + i], planes[2 * count + i], planes[3 * count + i]]);
        before = before.wrapping_add((code >> 1) ^ (code & 1).wrapping_neg());
        before
    };
    Some((0..count).map(number).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Recording {
        let grid = SimGrid { bed_m: (0..60).map(|i| i as f32 * 0.37 - 3.0).collect(), ..SimGrid::flat(10, 6, 5.0) };
        let header = RecordingHeader { kind: "flood".into(), name: "storm".into(), seed: 7 };
        let (mut writer, mut bytes) = RecordingWriter::begin(header, &grid).unwrap();
        for i in 0..5 {
            let depth = (0..60).map(|cell| (cell * i) as f32 * 0.013).collect();
            let statistics = SimStatistics { volume_m3: f64::from(i), steps: 3, ..Default::default() };
            bytes.extend(writer.frame(&SimFrame::new(f64::from(i) * 60.0, depth, statistics)).unwrap());
        }
        bytes.extend(writer.finish());
        Recording::open(bytes.into()).unwrap()
    }

    #[test]
    fn frames_come_back_as_they_were_in_any_order() {
        let recording = sample();
        assert_eq!(recording.times_s().collect::<Vec<_>>(), [0.0, 60.0, 120.0, 180.0, 240.0]);
        let frame = recording.frame(3).unwrap();
        assert_eq!((frame.depth_m[59], frame.statistics.volume_m3), (2.301, 3.0));
        assert_eq!(recording.grid().bed_m[10], 10.0 * 0.37 - 3.0);
        let mut played = RecordedSimulation::new(Arc::new(recording)).unwrap();
        for (time, expected) in [(500.0, 240.0), (119.9, 60.0), (120.0, 120.0), (-1.0, 0.0)] {
            played.advance_to(time).unwrap();
            assert_eq!(played.publish().time_s, expected);
        }
    }

    #[test]
    fn damaged_recordings_are_refused_or_read_but_never_trusted() {
        let good = sample().bytes().to_vec();
        for length in 0..good.len() {
            assert!(Recording::open(good[..length].into()).is_err(), "cut at {length}");
        }
        for at in 0..good.len() {
            for change in [0xff, 0x01, 0x80] {
                let mut bytes = good.clone();
                bytes[at] ^= change;
                if let Ok(recording) = Recording::open(bytes.into()) {
                    (0..recording.times_s().len()).for_each(|i| drop(recording.frame(i)));
                }
            }
        }
        let huge = String::from_utf8_lossy(&good).find("\"columns\":10").unwrap();
        let mut bytes = good;
        bytes.splice(huge..huge + 12, *b"\"columns\":1e9");
        assert!(Recording::open(bytes.into()).is_err());
    }

    #[test]
    fn packing_is_tight_and_exact() {
        let numbers: Vec<u32> = [0, u32::MAX, 1, 1 << 31, 5, 5, 5].into_iter().collect();
        assert_eq!(unpack(&pack(numbers.iter().copied()), 7), Some(numbers));
        assert!(pack(std::iter::repeat_n(0, 100_000)).len() < 1000);
        assert_eq!(unpack(&pack(0..10), 11), None);
        assert_eq!(unpack(&pack(0..10), usize::MAX), None);
    }
}
