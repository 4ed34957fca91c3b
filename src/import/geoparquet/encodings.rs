//! Encodings of values in pages (Parquet format, Encodings.md), and the codecs around them.

use std::io::Read;

use super::footer::Physical;

/// Pages and dictionaries are about a megabyte; larger than this is no page.
pub(super) const LARGEST_PAGE: usize = 256 << 20;

/// A value of a page; bytes lie in the page's data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scalar {
    Bool(bool),
    Int(i64),
    Float(f64),
    /// From and to.
    Bytes(u32, u32),
}

/// Values with the bytes that they point to.
#[derive(Debug, Default)]
pub(super) struct Values {
    pub scalars: Vec<Scalar>,
    pub data: Vec<u8>,
}

type Result<T> = std::result::Result<T, String>;

/// The bytes of a page of which the header says how many there are.
pub(super) fn unpacked(codec: i64, bytes: &[u8], size: usize) -> Result<Vec<u8>> {
    if size > LARGEST_PAGE {
        return Err(format!("a page of {size} bytes"));
    }
    let failed = |cause: String| format!("a page cannot be unpacked: {cause}");
    let streamed = |mut stream: Box<dyn Read + '_>| -> Result<Vec<u8>> {
        let mut found = Vec::new();
        stream.read_to_end(&mut found).map_err(|error| failed(error.to_string()))?;
        Ok(found)
    };
    let limit = size as u64 + 1;
    let found = match codec {
        0 => bytes.to_vec(),
        1 if snap::raw::decompress_len(bytes).is_ok_and(|length| length == size) => {
            snap::raw::Decoder::new().decompress_vec(bytes).map_err(|error| failed(error.to_string()))?
        }
        1 => return Err(failed("its length is another".to_owned())),
        2 => streamed(Box::new(flate2::read::MultiGzDecoder::new(bytes).take(limit)))?,
        4 => streamed(Box::new(brotli_decompressor::Decompressor::new(bytes, 4096).take(limit)))?,
        6 => {
            let stream = zstd::stream::read::Decoder::new(bytes).map_err(|error| failed(error.to_string()))?;
            streamed(Box::new(stream.take(limit)))?
        }
        7 => lz4_flex::block::decompress(bytes, size).map_err(|error| failed(error.to_string()))?,
        other => return Err(failed(format!("codec {other} is not read"))),
    };
    if found.len() == size { Ok(found) } else { Err(failed(format!("{} bytes of {size}", found.len()))) }
}

/// Whole numbers below two to the power of `width`, in runs and packed (RLE and bit-packing hybrid), at most `count`.
pub(super) fn hybrid(bytes: &[u8], width: u32, count: usize) -> Result<Vec<u32>> {
    let (mut at, mut found) = (0, Vec::with_capacity(count.min(1 << 16)));
    let cut = || "levels end too early".to_owned();
    if width > 32 {
        return Err(format!("levels of {width} bits"));
    }
    while found.len() < count {
        let head = varint(bytes, &mut at).ok_or_else(cut)?;
        let left = count - found.len();
        if head & 1 == 0 {
            let mut value = 0;
            for place in 0..width.div_ceil(8) {
                value |= u32::from(*bytes.get(at).ok_or_else(cut)?) << (8 * place);
                at += 1;
            }
            let run = usize::try_from(head >> 1).unwrap_or(usize::MAX);
            if run == 0 {
                return Err(cut());
            }
            found.extend(std::iter::repeat_n(value, run.min(left)));
        } else {
            let values = usize::try_from(head >> 1).ok().and_then(|groups| groups.checked_mul(8)).ok_or_else(cut)?;
            let length = (values / 8).checked_mul(width as usize).ok_or_else(cut)?;
            // The last group may be cut short where nothing more is needed of it.
            let packed = bytes.get(at..at.saturating_add(length).min(bytes.len())).unwrap_or_default();
            let wanted = values.min(left);
            if (packed.len() as u64) * 8 < wanted as u64 * u64::from(width) || values == 0 {
                return Err(cut());
            }
            found.extend((0..wanted).map(|index| bits(packed, index * width as usize, width) as u32));
            at = at.saturating_add(length);
        }
    }
    Ok(found)
}

fn varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// `width` bits (at most 64) from the bit `from` on, the lowest first; 0 beyond the end.
fn bits(bytes: &[u8], from: usize, width: u32) -> u64 {
    let mut value = 0_u128;
    for place in 0..(width as usize + from % 8).div_ceil(8) {
        value |= u128::from(bytes.get(from / 8 + place).copied().unwrap_or_default()) << (8 * place);
    }
    ((value >> (from % 8)) & ((1_u128 << width) - 1)) as u64
}

/// Values one after another (PLAIN).
pub(super) fn plain(bytes: Vec<u8>, physical: Physical, count: usize) -> Result<Values> {
    let cut = || "values end too early".to_owned();
    let width = match physical {
        Physical::Boolean => {
            let truth = |index| Scalar::Bool(bits(&bytes, index, 1) == 1);
            let enough = bytes.len().saturating_mul(8) >= count;
            return if enough {
                Ok(Values { scalars: (0..count).map(truth).collect(), data: Vec::new() })
            } else {
                Err(cut())
            };
        }
        Physical::Bytes => {
            let mut scalars = Vec::with_capacity(count.min(bytes.len() / 4));
            let mut at = 0_usize;
            for _ in 0..count {
                let length = bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
                let start = at + 4;
                let end = start.saturating_add(length.ok_or_else(cut)? as usize);
                if end > bytes.len() {
                    return Err(cut());
                }
                scalars.push(Scalar::Bytes(start as u32, end as u32));
                at = end;
            }
            return Ok(Values { scalars, data: bytes });
        }
        Physical::Int32 | Physical::Float => 4,
        Physical::Int64 | Physical::Double => 8,
        Physical::Int96 => 12,
        Physical::Fixed(length) => length,
    };
    if bytes.len() / width < count {
        return Err(cut());
    }
    let scalar = |(number, value): (usize, &[u8])| fixed(value, number * width, physical);
    Ok(Values { scalars: bytes.chunks_exact(width).take(count).enumerate().map(scalar).collect(), data: bytes })
}

fn fixed(value: &[u8], at: usize, physical: Physical) -> Scalar {
    let four = || value.try_into().unwrap_or_default();
    let eight = || value.try_into().unwrap_or_default();
    match physical {
        Physical::Int32 => Scalar::Int(i64::from(i32::from_le_bytes(four()))),
        Physical::Int64 => Scalar::Int(i64::from_le_bytes(eight())),
        // As short as it can be written, so that 1.1 stays 1.1.
        Physical::Float => Scalar::Float(f32::from_le_bytes(four()).to_string().parse().unwrap_or(f64::NAN)),
        Physical::Double => Scalar::Float(f64::from_le_bytes(eight())),
        _ => Scalar::Bytes(at as u32, (at + value.len()) as u32),
    }
}

/// Differences to the value before (DELTA_BINARY_PACKED); with them how many bytes they have.
pub(super) fn deltas(bytes: &[u8], most: usize) -> Result<(Vec<i64>, usize)> {
    let cut = || "differences end too early".to_owned();
    let mut at = 0;
    let next = |at: &mut usize| varint(bytes, at).ok_or_else(cut);
    let zigzag = |number: u64| (number >> 1) as i64 ^ -((number & 1) as i64);
    let (block, miniblocks) = (next(&mut at)?, next(&mut at)?);
    let count = usize::try_from(next(&mut at)?).unwrap_or(usize::MAX);
    let mut value = zigzag(next(&mut at)?);
    let size = block.checked_div(miniblocks).unwrap_or(0);
    if count > most || size == 0 || size % 8 != 0 || block > 1 << 20 {
        return Err(format!("{count} differences in blocks of {block}"));
    }
    let mut found = Vec::with_capacity(count.min(1 << 16));
    if count > 0 {
        found.push(value);
    }
    while found.len() < count {
        let least = zigzag(next(&mut at)?);
        let widths = bytes.get(at..at + miniblocks as usize).ok_or_else(cut)?;
        at += widths.len();
        for width in widths {
            let (width, wanted) = (u32::from(*width), (count - found.len()).min(size as usize));
            if wanted == 0 {
                break;
            }
            let length = size as usize / 8 * width as usize;
            let packed = bytes.get(at..at + length).filter(|_| width <= 64).ok_or_else(cut)?;
            for index in 0..wanted {
                value = value.wrapping_add(least).wrapping_add(bits(packed, index * width as usize, width) as i64);
                found.push(value);
            }
            at += length;
        }
    }
    Ok((found, at))
}

/// Lengths, then all bytes (DELTA_LENGTH_BYTE_ARRAY).
pub(super) fn delta_lengths(bytes: &[u8], count: usize) -> Result<Values> {
    let (lengths, start) = deltas(bytes, count)?;
    let data = bytes.get(start..).unwrap_or_default().to_vec();
    let mut at = 0_usize;
    let mut scalars = Vec::with_capacity(lengths.len());
    for length in lengths {
        let end = usize::try_from(length).ok().and_then(|length| at.checked_add(length));
        let end = end.filter(|end| *end <= data.len()).ok_or("texts end too early")?;
        scalars.push(Scalar::Bytes(at as u32, end as u32));
        at = end;
    }
    Ok(Values { scalars, data })
}

/// How much of the value before, and what follows (DELTA_BYTE_ARRAY).
pub(super) fn delta_bytes(bytes: &[u8], count: usize) -> Result<Values> {
    let (kept, start) = deltas(bytes, count)?;
    let rest = delta_lengths(bytes.get(start..).unwrap_or_default(), count)?;
    let mut found = Values::default();
    let mut before = 0..0;
    for (kept, suffix) in kept.into_iter().zip(&rest.scalars) {
        let Scalar::Bytes(from, to) = *suffix else { continue };
        let prefix =
            usize::try_from(kept).ok().filter(|kept| *kept <= before.len()).ok_or("a text continues another")?;
        let begin = found.data.len();
        if begin + prefix + (to - from) as usize > LARGEST_PAGE {
            return Err(format!("a page of more than {LARGEST_PAGE} bytes"));
        }
        found.data.extend_from_within(before.start..before.start + prefix);
        found.data.extend(rest.data.get(from as usize..to as usize).unwrap_or_default());
        found.scalars.push(Scalar::Bytes(begin as u32, found.data.len() as u32));
        before = begin..found.data.len();
    }
    Ok(found)
}

/// The first bytes of all values, then the second ones (BYTE_STREAM_SPLIT).
pub(super) fn split(bytes: &[u8], physical: Physical, count: usize) -> Result<Values> {
    let width = match physical {
        Physical::Int32 | Physical::Float => 4,
        Physical::Int64 | Physical::Double => 8,
        Physical::Fixed(length) => length,
        _ => return Err("values of this type are not split".to_owned()),
    };
    let streams = bytes.len() / width;
    if streams < count {
        return Err("values end too early".to_owned());
    }
    let joined = (0..count).flat_map(|value| (0..width).map(move |byte| byte * streams + value));
    plain(joined.filter_map(|at| bytes.get(at).copied()).collect(), physical, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of Encodings.md.
    #[test]
    fn runs_packs_and_differences() {
        assert_eq!(hybrid(&[0b11, 0x88, 0xc6, 0xfa], 3, 8).unwrap(), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(hybrid(&[8, 2, 2, 1], 2, 5).unwrap(), [2, 2, 2, 2, 1]);
        assert_eq!(hybrid(&[0xfe, 0xff, 0xff, 0xff, 0x0f], 0, 3).unwrap(), [0, 0, 0]);
        assert!(hybrid(&[0b11, 0x88], 3, 8).is_err() && hybrid(&[0, 0], 1, 1).is_err());
        // 7, 5, 3, 1, 2, 3, 4, 5: first 7, least difference -2, two bits each.
        let bytes = [128, 1, 4, 8, 14, 3, 2, 0, 0, 0, 0xc0, 0x3f, 0, 0, 0, 0, 0, 0];
        assert_eq!(deltas(&bytes, 8).unwrap().0, [7, 5, 3, 1, 2, 3, 4, 5]);
        assert!(deltas(&bytes, 7).is_err());
        for length in 0..16 {
            assert!(deltas(&bytes[..length.min(8)], 8).is_err());
        }
    }

    #[test]
    fn split_values_come_together() {
        let values = split(&[0, 0, 0, 0, 0x80, 0, 0x3f, 0x40], Physical::Float, 2).unwrap();
        assert_eq!(values.scalars, [Scalar::Float(1.0), Scalar::Float(2.0)]);
    }
}
