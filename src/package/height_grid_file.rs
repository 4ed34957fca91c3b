//! `terrain/heights.grid`: the heights that buildings stand on and water runs over.
//!
//! Little-endian: the magic `VEDHGRD1`, origin east and north and the cell in metres (f64), columns and rows (u32), then a
//! zlib stream (RFC 1950) of `columns * rows` i32: heights in centimetres, each less the height before it in its row (the
//! first less the one before it in its column); [`UNKNOWN`] marks a height that is not known and is skipped in the sums.

use std::io::{Read, Write};

use glam::DVec2;

use crate::geometry::HeightGrid;

/// Its name in a package.
pub const HEIGHT_GRID_FILE: &str = "terrain/heights.grid";

const MAGIC: &[u8; 8] = b"VEDHGRD1";
const HEADER: usize = 8 + 3 * 8 + 2 * 4;
const UNKNOWN: i32 = i32::MIN;
/// Nodes of the largest grid: 256 MiB of heights.
const MOST_NODES: u64 = 1 << 26;
/// zlib cannot pack tighter than this (RFC 1951: 258 bytes in a bit and a bit).
const TIGHTEST: u64 = 1032;
const STEP_M: f64 = 0.01;
const HIGHEST_M: f64 = 1e6;

/// Why bytes are no height grid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is no height grid: {cause}")]
pub struct HeightGridError {
    /// What is wrong.
    pub cause: String,
}

/// The grid as bytes, heights rounded to centimetres. The same grid gives the same bytes.
pub fn encode_height_grid(grid: &HeightGrid) -> Result<Vec<u8>, HeightGridError> {
    let wrong = |cause: &str| HeightGridError { cause: cause.to_owned() };
    let (Ok(columns), Ok(rows)) = (u32::try_from(grid.columns), u32::try_from(grid.rows)) else {
        return Err(wrong("too many nodes"));
    };
    let nodes = u64::from(columns) * u64::from(rows);
    if nodes != grid.heights_m.len() as u64 || nodes > MOST_NODES {
        return Err(wrong("its heights are not as many as its nodes, or too many"));
    }
    let mut bytes = MAGIC.to_vec();
    for number in [grid.origin_in_site.x, grid.origin_in_site.y, grid.cell_m] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(columns.to_le_bytes());
    bytes.extend(rows.to_le_bytes());
    let mut packer = flate2::write::ZlibEncoder::new(bytes, flate2::Compression::new(6));
    let mut start = 0_i32;
    for row in grid.heights_m.chunks(grid.columns.max(1)) {
        let (mut before, mut first) = (start, true);
        let mut line = Vec::with_capacity(row.len() * 4);
        for height in row {
            let known = height.is_finite() && f64::from(height.abs()) <= HIGHEST_M;
            let value = if known {
                let steps = (f64::from(*height) / STEP_M).round() as i32;
                let change = steps - before;
                before = steps;
                if first {
                    (start, first) = (steps, false);
                }
                change
            } else {
                UNKNOWN
            };
            line.extend(value.to_le_bytes());
        }
        packer.write_all(&line).map_err(|error| wrong(&error.to_string()))?;
    }
    packer.finish().map_err(|error| wrong(&error.to_string()))
}

/// The grid of some bytes. What the header claims is checked against the bytes that there are before memory is taken.
pub fn decode_height_grid(bytes: &[u8]) -> Result<HeightGrid, HeightGridError> {
    let wrong = |cause: &str| HeightGridError { cause: cause.to_owned() };
    let (header, packed) = bytes.split_at_checked(HEADER).ok_or_else(|| wrong("its header is cut off"))?;
    if !header.starts_with(MAGIC) {
        return Err(wrong("it does not begin with VEDHGRD1"));
    }
    let eight = |at: usize| header.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(f64::NAN, f64::from_le_bytes);
    let four = |at: usize| header.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes);
    let (origin_in_site, cell_m) = (DVec2::new(eight(8), eight(16)), eight(24));
    let (columns, rows) = (four(32), four(36));
    let nodes = u64::from(columns) * u64::from(rows);
    let sound = origin_in_site.is_finite() && cell_m.is_finite() && cell_m > 0.0;
    if !sound || nodes > MOST_NODES || nodes * 4 > (packed.len() as u64).saturating_mul(TIGHTEST) {
        return Err(wrong("its header does not fit its length"));
    }
    let (columns, rows) = (columns as usize, rows as usize);
    let mut unpacked = flate2::read::ZlibDecoder::new(packed);
    let mut heights_m = Vec::with_capacity(columns * rows);
    let mut line = vec![0; columns * 4];
    let mut start = 0_i32;
    for _ in 0..rows {
        unpacked.read_exact(&mut line).map_err(|error| wrong(&error.to_string()))?;
        let (mut before, mut first) = (start, true);
        for value in line.chunks_exact(4) {
            let change = value.try_into().map_or(UNKNOWN, i32::from_le_bytes);
            if change == UNKNOWN {
                heights_m.push(f32::NAN);
                continue;
            }
            before = before.wrapping_add(change);
            if first {
                (start, first) = (before, false);
            }
            heights_m.push((f64::from(before) * STEP_M) as f32);
        }
    }
    Ok(HeightGrid { origin_in_site, cell_m, columns, rows, heights_m })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hills(columns: usize, rows: usize) -> HeightGrid {
        let heights_m = (0..columns * rows)
            .map(|i| {
                let (x, y) = ((i % columns) as f32, (i / columns) as f32);
                if i % 17 == 3 { f32::NAN } else { 40.0 + (x * 0.13).sin() * 20.0 - (y * 0.2).cos() * 300.0 }
            })
            .collect();
        HeightGrid { origin_in_site: DVec2::new(-512.5, 77.25), cell_m: 2.5, columns, rows, heights_m }
    }

    #[test]
    fn comes_back_to_half_a_centimetre_and_is_small() {
        let grid = hills(211, 103);
        let bytes = encode_height_grid(&grid).unwrap();
        assert_eq!(bytes, encode_height_grid(&grid).unwrap());
        let back = decode_height_grid(&bytes).unwrap();
        assert_eq!((back.columns, back.rows, back.cell_m, back.origin_in_site), (211, 103, 2.5, grid.origin_in_site));
        for (a, b) in grid.heights_m.iter().zip(&back.heights_m) {
            assert!(a.is_nan() && b.is_nan() || (a - b).abs() < 0.005_1, "{a} {b}");
        }
        assert!(bytes.len() < grid.heights_m.len() * 2, "{} bytes", bytes.len());
    }

    #[test]
    fn hostile_bytes_end_in_an_error() {
        let good = encode_height_grid(&hills(20, 20)).unwrap();
        for length in 0..good.len() {
            assert!(decode_height_grid(&good[..length]).is_err() || length + 8 > good.len(), "{length}");
        }
        let mut huge = good.clone();
        huge[32..40].fill(0xff);
        assert!(decode_height_grid(&huge).unwrap_err().to_string().contains("does not fit"));
        for at in 0..good.len() {
            let mut bytes = good.clone();
            bytes[at] ^= 0x55;
            let _ = decode_height_grid(&bytes);
        }
        let wrong = HeightGrid { columns: 5, ..hills(4, 4) };
        assert!(encode_height_grid(&wrong).is_err());
    }
}
