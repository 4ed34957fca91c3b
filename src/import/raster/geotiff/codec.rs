//! The compressions of TIFF: bytes of a strip or tile to its samples.

use std::io::Read;

use super::directory::Cause;
use super::layout::{JPEG, Layout, PLAIN, SampleKind, YCBCR};

const LZW: u16 = 5;
const DEFLATE: [u16; 2] = [8, 32_946];
const PACK_BITS: u16 = 32_773;
const ZSTD: u16 = 50_000;
const WEBP: u16 = 50_001;

/// Whether it can be decoded.
pub fn is_known(compression: u16) -> bool {
    [PLAIN, LZW, JPEG, PACK_BITS, ZSTD, WEBP].contains(&compression) || DEFLATE.contains(&compression)
}

/// The name of a compression, for people.
pub fn name(compression: u16) -> String {
    match compression {
        2..=4 => "CCITT fax".to_owned(),
        6 => "old JPEG".to_owned(),
        34_712 => "JPEG 2000".to_owned(),
        34_887 => "LERC".to_owned(),
        50_002 => "JPEG XL".to_owned(),
        other => other.to_string(),
    }
}

/// The decoded bytes of a strip or tile of so many rows, its samples most significant byte first or last.
pub struct Decoded {
    bytes: Vec<u8>,
    is_little: bool,
    row_bytes: usize,
    row_samples: usize,
    sample: SampleKind,
}

/// Decodes a strip or tile: exactly `rows` rows, whatever the bytes claim.
pub fn decode(layout: &Layout, rows: u64, is_little: bool, bytes: Vec<u8>) -> Result<Decoded, Cause> {
    let row_bytes = layout.row_bytes() as usize;
    let length = row_bytes * rows as usize;
    let mut decoded = Decoded {
        bytes: Vec::new(),
        is_little,
        row_bytes,
        row_samples: u64::from(layout.chunk[0]) as usize * layout.samples() as usize,
        sample: layout.sample,
    };
    decoded.bytes = match layout.compression {
        PLAIN => bytes,
        LZW => unpack_lzw(&bytes, length)?,
        code if DEFLATE.contains(&code) => unpack(flate2::read::ZlibDecoder::new(&*bytes), length)?,
        ZSTD => unpack(zstd::stream::read::Decoder::new(&*bytes).map_err(words)?, length)?,
        PACK_BITS => unpack_bits(&bytes, length),
        JPEG => unpack_jpeg(layout, rows, &bytes)?,
        WEBP => unpack_webp(layout, rows, &bytes)?,
        other => return Err(format!("compression {} is not read", name(other))),
    };
    if decoded.bytes.len() < length {
        return Err(format!("it decodes to {} bytes, not {length}", decoded.bytes.len()));
    }
    decoded.bytes.truncate(length);
    match layout.predictor {
        2 if ![PLAIN, JPEG, WEBP].contains(&layout.compression) => decoded.add_up(layout.samples() as usize)?,
        3 if matches!(layout.sample, SampleKind::Float(_)) => decoded.gather_bytes(layout.samples() as usize),
        _ => {}
    }
    Ok(decoded)
}

fn words(error: impl std::fmt::Display) -> Cause {
    error.to_string()
}

fn unpack(reader: impl Read, length: usize) -> Result<Vec<u8>, Cause> {
    let mut bytes = Vec::new();
    reader.take(length as u64).read_to_end(&mut bytes).map_err(words)?;
    Ok(bytes)
}

fn unpack_lzw(bytes: &[u8], length: usize) -> Result<Vec<u8>, Cause> {
    // The oldest writers put the bits the other way around, which their first code shows (libtiff's test, too).
    let is_old = matches!(bytes, [0, second, ..] if second & 1 == 1);
    let order = if is_old { weezl::BitOrder::Lsb } else { weezl::BitOrder::Msb };
    let mut decoder = match is_old {
        true => weezl::decode::Decoder::new(order, 8),
        false => weezl::decode::Decoder::with_tiff_size_switch(order, 8),
    };
    let (mut out, mut read, mut written) = (vec![0; length], 0, 0);
    while written < length {
        let step =
            decoder.decode_bytes(bytes.get(read..).unwrap_or_default(), out.get_mut(written..).unwrap_or_default());
        (read, written) = (read + step.consumed_in, written + step.consumed_out);
        match step.status.map_err(words)? {
            weezl::LzwStatus::Ok if step.consumed_in + step.consumed_out > 0 => {}
            _ => break,
        }
    }
    out.truncate(written);
    Ok(out)
}

/// TIFF 6.0 section 9.
fn unpack_bits(bytes: &[u8], length: usize) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), bytes);
    while let ([head, tail @ ..], true) = (rest, out.len() < length) {
        rest = match *head as i8 {
            -128 => tail,
            count @ 0.. => {
                let (run, after) = tail.split_at(tail.len().min(count as usize + 1));
                out.extend_from_slice(run);
                after
            }
            count => {
                let Some((byte, after)) = tail.split_first() else { break };
                out.resize(out.len() + 1 + usize::from(count.unsigned_abs()), *byte);
                after
            }
        };
    }
    out
}

/// JPEG (TIFF Technical Note 2): tables that all tiles share are put before the tile. YCbCr comes out as RGB.
fn unpack_jpeg(layout: &Layout, rows: u64, bytes: &[u8]) -> Result<Vec<u8>, Cause> {
    use zune_jpeg::zune_core::bytestream::ZCursor;
    use zune_jpeg::zune_core::colorspace::ColorSpace;
    use zune_jpeg::zune_core::options::DecoderOptions;
    let tables = layout.jpeg_tables.as_deref().and_then(|tables| tables.get(..tables.len().checked_sub(2)?));
    let data = match (tables, bytes.get(2..)) {
        (Some(tables), Some(rest)) if !tables.is_empty() => [tables, rest].concat(),
        _ => bytes.to_vec(),
    };
    let (width, height) = (layout.chunk[0] as usize, rows as usize);
    let options = DecoderOptions::default().set_max_width(width).set_max_height(layout.chunk[1].max(8) as usize + 8);
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(&data), options);
    decoder.decode_headers().map_err(|error| format!("{error:?}"))?;
    let found = decoder.input_colorspace().unwrap_or(ColorSpace::RGB);
    let out = match found {
        ColorSpace::YCbCr if layout.photometric == YCBCR => ColorSpace::RGB,
        other => other,
    };
    decoder.set_options(options.jpeg_set_out_colorspace(out));
    let pixels = decoder.decode().map_err(|error| format!("{error:?}"))?;
    let (found_width, found_height) = decoder.dimensions().unwrap_or_default();
    let samples = out.num_components();
    if found_width != width || found_height < height || samples != layout.samples() as usize {
        return Err(format!("a JPEG of {found_width} x {found_height} with {samples} channels"));
    }
    Ok(pixels)
}

fn unpack_webp(layout: &Layout, rows: u64, bytes: &[u8]) -> Result<Vec<u8>, Cause> {
    let mut reader = image::ImageReader::with_format(std::io::Cursor::new(bytes), image::ImageFormat::WebP);
    let mut limits = image::Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(layout.chunk[0]), Some(layout.chunk[1]));
    reader.limits(limits);
    let picture = reader.decode().map_err(words)?;
    if picture.width() != layout.chunk[0] || u64::from(picture.height()) != rows {
        return Err(format!("a WebP of {} x {}", picture.width(), picture.height()));
    }
    match layout.samples() {
        3 => Ok(picture.into_rgb8().into_raw()),
        4 => Ok(picture.into_rgba8().into_raw()),
        other => Err(format!("a WebP for {other} samples")),
    }
}

impl Decoded {
    /// Predictor 2 (TIFF 6.0 section 14): each sample is told by what it is more than the one before.
    fn add_up(&mut self, samples: usize) -> Result<(), Cause> {
        let size = usize::from(self.sample.bits()) / 8;
        if size == 0 || !self.sample.bits().is_multiple_of(8) {
            return Err(format!("differences of {} bits", self.sample.bits()));
        }
        let is_little = self.is_little;
        for row in self.bytes.chunks_exact_mut(self.row_bytes.max(1)) {
            for at in (samples * size..row.len()).step_by(size) {
                let Some((before, here)) = row.split_at_mut_checked(at) else { break };
                let Some(before) = before.get(at - samples * size..at - samples * size + size) else { break };
                let Some(here) = here.get_mut(..size) else { break };
                let mut carry = 0;
                for index in 0..size {
                    let place = if is_little { index } else { size - 1 - index };
                    let sum = u16::from(before[place]) + u16::from(here[place]) + carry;
                    here[place] = sum as u8;
                    carry = sum >> 8;
                }
            }
        }
        Ok(())
    }

    /// Predictor 3 (TIFF Technical Note 3): differences of bytes, the most significant bytes of a row first.
    fn gather_bytes(&mut self, samples: usize) {
        let size = usize::from(self.sample.bits()) / 8;
        for row in self.bytes.chunks_exact_mut(self.row_bytes.max(1)) {
            for at in samples..row.len() {
                row[at] = row[at].wrapping_add(row[at - samples]);
            }
            let shuffled = row.to_vec();
            let count = row.len() / size.max(1);
            for (index, value) in row.chunks_exact_mut(size.max(1)).enumerate() {
                for (byte, slot) in value.iter_mut().enumerate() {
                    *slot = shuffled.get(byte * count + index).copied().unwrap_or(0);
                }
            }
        }
        self.is_little = false;
    }

    /// A sample of a row, counted over all bands of the piece.
    pub fn sample(&self, row: usize, index: usize) -> f64 {
        if index >= self.row_samples {
            return f64::NAN;
        }
        let start = row * self.row_bytes;
        let Some(line) = self.bytes.get(start..start + self.row_bytes) else { return f64::NAN };
        let bits = usize::from(self.sample.bits());
        let raw = if bits.is_multiple_of(8) {
            let size = bits / 8;
            let bytes = line.get(index * size..(index + 1) * size).unwrap_or_default();
            let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
            if self.is_little { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) }
        } else {
            let bit = |at: usize| u64::from(line.get(at / 8).is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1));
            (index * bits..(index + 1) * bits).fold(0, |sum, at| sum << 1 | bit(at))
        };
        match self.sample {
            SampleKind::Unsigned(_) => raw as f64,
            SampleKind::Signed(bits) => ((raw << (64 - u32::from(bits))) as i64 >> (64 - u32::from(bits))) as f64,
            SampleKind::Float(16) => half(raw as u16),
            SampleKind::Float(32) => f64::from(f32::from_bits(raw as u32)),
            SampleKind::Float(_) => f64::from_bits(raw),
        }
    }
}

/// IEEE 754 binary16.
fn half(bits: u16) -> f64 {
    let (sign, exponent, fraction) = (bits >> 15, i32::from(bits >> 10 & 31), f64::from(bits & 1023) / 1024.0);
    let size = match exponent {
        0 => fraction * 2_f64.powi(-14),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1.0 + fraction) * 2_f64.powi(exponent - 15),
    };
    if sign == 1 { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_bits_are_the_specifications_example() {
        let packed = [0xfe, 0xaa, 0x02, 0x80, 0x00, 0x2a, 0xfd, 0xaa, 0x03, 0x80, 0x00, 0x2a, 0x22, 0xf7, 0xaa];
        let mut expected = vec![0xaa, 0xaa, 0xaa, 0x80, 0x00, 0x2a, 0xaa, 0xaa, 0xaa, 0xaa, 0x80, 0x00, 0x2a, 0x22];
        expected.extend([0xaa; 10]);
        assert_eq!(unpack_bits(&packed, 24), expected);
        for end in 0..packed.len() {
            assert!(unpack_bits(&packed[..end], 24).len() <= 24);
        }
    }

    #[test]
    fn halves() {
        for (bits, expected) in [(0x3c00, 1.0), (0xc000, -2.0), (0x7bff, 65504.0), (0x0001, 2_f64.powi(-24)), (0, 0.0)]
        {
            assert_eq!(half(bits), expected);
        }
        assert!(half(0x7e00).is_nan() && half(0xfc00) == f64::NEG_INFINITY);
    }

    fn decoded(sample: SampleKind, is_little: bool, bytes: &[u8]) -> Decoded {
        let row_samples = bytes.len() * 8 / usize::from(sample.bits());
        Decoded { bytes: bytes.to_vec(), is_little, row_bytes: bytes.len(), row_samples, sample }
    }

    #[test]
    fn samples_of_all_sizes_and_differences() {
        let twelve = decoded(SampleKind::Unsigned(12), true, &[0xab, 0xcd, 0xef]);
        assert_eq!((twelve.sample(0, 0), twelve.sample(0, 1)), (f64::from(0xabc), f64::from(0xdef)));
        assert!(twelve.sample(0, 2).is_nan() && twelve.sample(1, 0).is_nan());
        let mut signed = decoded(SampleKind::Signed(16), false, &[0xff, 0xfe, 0x00, 0x01, 0x00, 0xff]);
        signed.add_up(1).unwrap();
        assert_eq!([0, 1, 2].map(|i| signed.sample(0, i)), [-2.0, -1.0, 254.0]);
        // 1.0 and 2.0 as 3f80 0000 and 4000 0000, their bytes parted and differenced.
        let mut floats = decoded(SampleKind::Float(32), true, &[0x3f, 0x01, 0x40, 0x80, 0, 0, 0, 0]);
        floats.gather_bytes(1);
        assert_eq!([0, 1].map(|i| floats.sample(0, i)), [1.0, 2.0]);
    }
}
