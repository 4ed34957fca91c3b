//! A heightmap 1.0 tile: 65 x 65 heights, the outermost on the tile's edges.

use super::tile::unpack;
use crate::import::raster::Pixels;

const SIDE: usize = 65;

/// Heights of so many pixels, between those of the tile.
pub(super) fn decode(bytes: &[u8], [width, height]: [u32; 2]) -> Result<Pixels<f32>, String> {
    let unpacked = unpack(bytes)?;
    let heights = unpacked.get(..SIDE * SIDE * 2).ok_or("the heightmap is cut off")?;
    // Fifths of a metre above -1000.
    let height_m = |code: &[u8]| f32::from(u16::from_le_bytes([code[0], code[1]])) / 5.0 - 1000.0;
    let nodes = Pixels { width: SIDE, height: SIDE, values: heights.chunks_exact(2).map(height_m).collect() };
    let (width, height) = (width as usize, height as usize);
    let place = |index: usize, count: usize| (index as f64 + 0.5) / count as f64 * (SIDE - 1) as f64 + 0.5;
    let values = (0..width * height).map(|i| nodes.between(place(i % width, width), place(i / width, height)));
    Ok(Pixels { width, height, values: values.collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heights_are_fifths_of_a_metre() {
        let codes = (0..SIDE * SIDE).map(|i| 5000 + 5 * (i % SIDE) as u16);
        let bytes: Vec<u8> = codes.flat_map(u16::to_le_bytes).chain([15, 0]).collect();
        let found = decode(&bytes, [128, 128]).unwrap();
        assert!((found.at(0, 5) - 0.25).abs() < 1e-4 && (found.at(127, 5) - 63.75).abs() < 1e-4);
        assert!(decode(&bytes[..8000], [128, 128]).is_err());
    }
}
