//! A quantized-mesh 1.0 tile: its mesh, drawn into a raster.

use std::io::Read;

use crate::import::raster::Pixels;

/// Bytes that a tile may unpack to.
const MOST_BYTES: u64 = 32 << 20;
/// Bytes before the vertices: centre, heights, bounding sphere, horizon occlusion point.
const HEADER_BYTES: usize = 88;
/// The greatest quantized coordinate.
const MOST: f64 = 32_767.0;
/// Pixels that triangles may be tried at, for each pixel of the tile: a mesh covers each about once.
const MOST_TRIES: u64 = 2000;

/// Draws the mesh of a tile. Pixels that no triangle covers are unknown.
pub(super) fn decode(bytes: &[u8], [width, height]: [u32; 2]) -> Result<Pixels<f32>, String> {
    let unpacked = unpack(bytes)?;
    let mesh = Mesh::read(&unpacked).ok_or("the mesh is damaged or cut off")?;
    mesh.draw(width as usize, height as usize)
}

/// The bytes without their gzip, which servers leave around them.
pub(super) fn unpack(bytes: &[u8]) -> Result<Vec<u8>, String> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes.to_vec());
    }
    let mut out = Vec::new();
    let decoder = flate2::read::MultiGzDecoder::new(bytes);
    decoder.take(MOST_BYTES).read_to_end(&mut out).map_err(|error| error.to_string())?;
    Ok(out)
}

/// Vertices as shares of the tile from its south-west corner, with heights in metres, and triangles.
struct Mesh {
    vertices: Vec<[f64; 3]>,
    triangles: Vec<[u32; 3]>,
}

impl Mesh {
    /// Reads a tile without its edges and extensions; `None` where it is damaged.
    fn read(bytes: &[u8]) -> Option<Self> {
        let float = |at: usize| Some(f64::from(f32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?)));
        let (least_m, greatest_m) = (float(24)?, float(28)?);
        let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?));
        let count = word(HEADER_BYTES)? as usize;
        let begin = HEADER_BYTES + 4;
        let end = begin.checked_add(count.checked_mul(6)?)?;
        let columns = bytes.get(begin..end)?;
        if !(least_m.is_finite() && greatest_m.is_finite()) || count == 0 {
            return None;
        }
        let column =
            |index: usize| unrolled(columns.get(index * count * 2..(index + 1) * count * 2).unwrap_or_default());
        let (u, v, h) = (column(0), column(1), column(2));
        let vertices = u.iter().zip(&v).zip(&h).map(|((u, v), h)| {
            let [u, v, h] = [u, v, h].map(|value| f64::from(*value) / MOST);
            [u, v, least_m + h * (greatest_m - least_m)]
        });
        let vertices: Vec<[f64; 3]> = vertices.collect();
        // Indices of four bytes are aligned to four, those of two to two, as the vertices are.
        let size = if count > 65_536 { 4 } else { 2 };
        let at = end.next_multiple_of(size);
        let triangles = word(at)? as usize;
        let begin = at + 4;
        let codes = bytes.get(begin..begin.checked_add(triangles.checked_mul(3 * size)?)?)?;
        let indices = below_the_highest(codes, size, count)?;
        let triangles = indices.chunks_exact(3).map(|t| [t[0], t[1], t[2]]).collect();
        Some(Self { vertices, triangles })
    }

    fn draw(&self, width: usize, height: usize) -> Result<Pixels<f32>, String> {
        let mut found = Pixels::unknown(width, height);
        let mut tries = MOST_TRIES * (width * height) as u64;
        for triangle in &self.triangles {
            let corner = |index: u32| {
                let [u, v, h] = self.vertices.get(index as usize).copied().unwrap_or_default();
                // Rows go down, v goes up.
                [u * width as f64, (1.0 - v) * height as f64, h]
            };
            let [a, b, c] = triangle.map(corner);
            let tried = fill(&mut found, a, b, c);
            tries = tries.checked_sub(tried).ok_or("its triangles lie over each other")?;
        }
        Ok(found)
    }
}

/// Zig-zag differences of 16 bits.
fn unrolled(bytes: &[u8]) -> Vec<u16> {
    let mut value = 0_i32;
    let next = |code: &[u8]| {
        let code = i32::from(u16::from_le_bytes([code[0], code[1]]));
        value = value.wrapping_add((code >> 1) ^ -(code & 1));
        value.clamp(0, i32::from(u16::MAX)) as u16
    };
    bytes.chunks_exact(2).map(next).collect()
}

/// High-water-mark codes: how far below the highest index so far. `None` where one is of no vertex.
fn below_the_highest(codes: &[u8], size: usize, count: usize) -> Option<Vec<u32>> {
    let mut highest = 0_u32;
    let mut indices = Vec::with_capacity(codes.len() / size);
    for code in codes.chunks_exact(size) {
        let code = code.iter().rev().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte));
        let index = highest.checked_sub(code)?;
        if index as usize >= count {
            return None;
        }
        highest += u32::from(code == 0);
        indices.push(index);
    }
    Some(indices)
}

/// Sets the pixels whose middles lie in a triangle, or on its edges, to its heights there; how many were tried.
fn fill(pixels: &mut Pixels<f32>, a: [f64; 3], b: [f64; 3], c: [f64; 3]) -> u64 {
    let area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1]);
    if area.abs() < 1e-12 {
        return 1;
    }
    let span = |axis: usize, most: usize| {
        let (low, high) = (a[axis].min(b[axis]).min(c[axis]), a[axis].max(b[axis]).max(c[axis]));
        // Middles lie half a pixel in; a little more, so that edges that meet there leave no gap.
        let first = (low - 0.5 - 1e-9).ceil().clamp(0.0, most as f64) as usize;
        let behind = ((high - 0.5 + 1e-9).floor() + 1.0).clamp(0.0, most as f64) as usize;
        first..behind.max(first)
    };
    let (columns, rows) = (span(0, pixels.width), span(1, pixels.height));
    for row in rows.clone() {
        for column in columns.clone() {
            let (x, y) = (column as f64 + 0.5, row as f64 + 0.5);
            let of_b = ((x - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (y - a[1])) / area;
            let of_c = ((b[0] - a[0]) * (y - a[1]) - (x - a[0]) * (b[1] - a[1])) / area;
            let of_a = 1.0 - of_b - of_c;
            if of_a >= -1e-9 && of_b >= -1e-9 && of_c >= -1e-9 {
                let place = row * pixels.width + column;
                if let Some(slot) = pixels.values.get_mut(place) {
                    *slot = (of_a * a[2] + of_b * b[2] + of_c * c[2]) as f32;
                }
            }
        }
    }
    1 + (columns.len() * rows.len()) as u64
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A tile of four corners, quantized, and two triangles.
    pub fn tile(heights: [u16; 4], range_m: (f32, f32)) -> Vec<u8> {
        let mut bytes = vec![0; 24];
        bytes.extend(range_m.0.to_le_bytes());
        bytes.extend(range_m.1.to_le_bytes());
        bytes.resize(HEADER_BYTES, 0);
        bytes.extend(4_u32.to_le_bytes());
        for column in [[0, 32_767, 0, 32_767], [0, 0, 32_767, 32_767], heights] {
            let mut before = 0_i32;
            for value in column {
                let step = i32::from(value) - before;
                bytes.extend((((step << 1) ^ (step >> 31)) as u16).to_le_bytes());
                before = i32::from(value);
            }
        }
        bytes.extend(2_u32.to_le_bytes());
        // Triangles 0 1 2 and 1 3 2: 0, 0, 0, then 3 - 1, 0, and 4 - 2 below the highest.
        bytes.extend([0_u16, 0, 0, 2, 0, 2].iter().flat_map(|code| code.to_le_bytes()));
        bytes
    }

    #[test]
    fn a_plane_is_drawn_as_one() {
        // West edge at 100 m, east edge at 228 m.
        let bytes = tile([0, 32_767, 0, 32_767], (100.0, 228.0));
        for packed in [bytes.clone(), gzip(&bytes)] {
            let found = decode(&packed, [128, 128]).unwrap();
            for (index, height) in found.values.iter().enumerate() {
                let expected = 100.0 + (index % 128) as f32 + 0.5;
                assert!((height - expected).abs() < 1e-3, "{index}: {height}, not {expected}");
            }
        }
        // The north is up.
        let found = decode(&tile([0, 0, 32_767, 32_767], (0.0, 100.0)), [10, 10]).unwrap();
        assert!((found.at(3, 0) - 95.0).abs() < 1e-3 && (found.at(3, 9) - 5.0).abs() < 1e-3);
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        use std::io::Write;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn damage_is_an_error() {
        let whole = tile([0, 1, 2, 3], (0.0, 1.0));
        for length in 0..whole.len() {
            assert!(decode(&whole[..length], [16, 16]).is_err(), "{length} bytes");
        }
        for at in HEADER_BYTES..whole.len() {
            for value in [0xff, 0x7f, 0x80] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                let _ = decode(&bytes, [16, 16]);
            }
        }
        // Many triangles that each cover everything.
        let mut bytes = whole[..whole.len() - 16].to_vec();
        bytes.extend(200_000_u32.to_le_bytes());
        bytes.extend(
            (0..200_000).flat_map(|i| if i == 0 { [0_u16, 0, 0] } else { [3, 2, 1] }).flat_map(u16::to_le_bytes),
        );
        assert!(decode(&bytes, [128, 128]).unwrap_err().contains("over each other"));
    }
}
