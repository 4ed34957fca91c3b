//! How the pixels of one image of a TIFF lie in its bytes.

use super::directory::{Cause, Directory, TiffBytes, cut_off};
use crate::import::ImportError;

/// What a sample is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SampleKind {
    /// Unsigned whole numbers of so many bits.
    Unsigned(u8),
    /// Signed whole numbers of so many bits.
    Signed(u8),
    /// IEEE floats of so many bits.
    Float(u8),
}

impl SampleKind {
    /// Bits of one.
    pub fn bits(self) -> u8 {
        match self {
            Self::Unsigned(bits) | Self::Signed(bits) | Self::Float(bits) => bits,
        }
    }
}

/// Bytes that one strip or tile may decode to.
const MOST_CHUNK_BYTES: u64 = 1 << 28;
/// Bytes of uncompressed rows that are read at one time.
const ROWS_BYTES: u64 = 1 << 20;

/// Compression 1: none.
pub const PLAIN: u16 = 1;
/// Compression 7: JPEG.
pub const JPEG: u16 = 7;
/// PhotometricInterpretation 6.
pub const YCBCR: u16 = 6;

/// One image: its size, its samples, and where its strips or tiles are. Strips without compression are taken as runs of rows
/// of any height, so that one strip for a whole image costs no more than others.
#[derive(Debug, Clone)]
pub struct Layout {
    /// ImageWidth, pixels.
    pub width: u64,
    /// ImageLength, pixels.
    pub height: u64,
    /// SamplesPerPixel.
    pub bands: u16,
    /// SampleFormat and BitsPerSample.
    pub sample: SampleKind,
    /// Compression.
    pub compression: u16,
    /// Predictor.
    pub predictor: u16,
    /// PhotometricInterpretation.
    pub photometric: u16,
    /// Each band by itself.
    pub is_planar: bool,
    /// Columns and rows of a piece that is decoded at one time.
    pub chunk: [u32; 2],
    /// Pieces across and down.
    pub chunks: [u64; 2],
    is_tiled: bool,
    /// Rows of a strip as the file has it.
    strip_rows: u64,
    offsets: Vec<u64>,
    counts: Vec<u64>,
    /// JPEGTables: what all its JPEG pieces share.
    pub jpeg_tables: Option<Vec<u8>>,
    /// ColorMap, 8 bits a channel.
    pub palette: Vec<[u8; 3]>,
    /// ExtraSamples: 1 premultiplied alpha, 2 alpha, 0 anything.
    pub extra: Vec<u64>,
    /// NewSubfileType: bit 0 an overview, bit 2 a mask.
    pub subfile: u64,
}

impl Layout {
    /// Of a directory. Every claim is checked against the file's length, and no piece may be larger than 256 MiB.
    pub fn read(bytes: &TiffBytes, directory: &Directory) -> Result<Self, ImportError> {
        let one = |tag: u16, default: u64| Ok::<u64, ImportError>(directory.one(bytes, tag)?.unwrap_or(default));
        let small = |value: u64| u16::try_from(value).unwrap_or(u16::MAX);
        let (width, height) = (one(256, 0)?, one(257, 0)?);
        let bands = small(one(277, 1)?);
        let unusable = |cause: Cause| bytes.failed(format!("this GeoTIFF cannot be used: {cause}"));
        if width == 0 || height == 0 || bands == 0 || width > u32::MAX.into() || height > u32::MAX.into() {
            return Err(unusable("it has no pixels".to_owned()));
        }
        let sample = sample_kind(bytes, directory).map_err(unusable)?;
        let is_tiled = directory.one(bytes, 322)?.is_some();
        let is_planar = one(284, 1)? == 2 && bands > 1;
        let strip_rows = one(278, height)?.clamp(1, height);
        let chunk = if is_tiled { [one(322, 0)?, one(323, 0)?] } else { [width, strip_rows] };
        if chunk.iter().any(|edge| *edge == 0 || *edge > u32::MAX.into()) {
            return Err(unusable("its tiles have no size".to_owned()));
        }
        let (offset_tag, count_tag) = if is_tiled { (324, 325) } else { (273, 279) };
        let (offsets, counts) = (directory.whole(bytes, offset_tag)?, directory.whole(bytes, count_tag)?);
        let mut layout = Self {
            width,
            height,
            bands,
            sample,
            compression: small(one(259, 1)?),
            predictor: small(one(317, 1)?),
            photometric: small(one(262, 1)?),
            is_planar,
            chunk: chunk.map(|edge| edge as u32),
            chunks: [width.div_ceil(chunk[0]), height.div_ceil(chunk[1])],
            is_tiled,
            strip_rows,
            offsets,
            counts,
            jpeg_tables: directory.raw(bytes, 347)?,
            palette: palette(&directory.whole(bytes, 320)?),
            extra: directory.whole(bytes, 338)?,
            subfile: one(254, 0)?,
        };
        layout.check(bytes).map_err(unusable)?;
        if layout.pieces_beyond(bytes.size()) {
            return Err(bytes.failed(cut_off()));
        }
        if layout.has_plain_rows() {
            let rows = (ROWS_BYTES / layout.row_bytes().max(1)).clamp(1, height);
            layout.chunk[1] = rows as u32;
            layout.chunks[1] = height.div_ceil(rows);
        }
        Ok(layout)
    }

    fn check(&self, bytes: &TiffBytes) -> Result<(), Cause> {
        let planes = if self.is_planar { u64::from(self.bands) } else { 1 };
        let pieces = self.chunks[0].checked_mul(self.chunks[1]).and_then(|count| count.checked_mul(planes));
        let listed = self.offsets.len() as u64;
        // One strip may go without its length: it ends where the file does.
        let lengths = self.counts.len() as u64 == listed || (self.counts.is_empty() && listed == 1);
        if pieces != Some(listed) || !lengths {
            return Err(format!("it lists {listed} strips or tiles where {} are needed", pieces.unwrap_or(u64::MAX)));
        }
        if !self.has_plain_rows() && self.row_bytes().saturating_mul(self.chunk[1].into()) > MOST_CHUNK_BYTES {
            return Err(format!("its tiles of {} x {} pixels are too large to decode", self.chunk[0], self.chunk[1]));
        }
        if self.row_bytes() > MOST_CHUNK_BYTES {
            return Err("its rows are too long".to_owned());
        }
        if self.has_plain_rows() && self.counts.len() as u64 == listed {
            let rows = |strip: u64| self.strip_rows.min(self.height - (strip % self.chunks[1]) * self.strip_rows);
            let short = |(strip, count): (usize, &u64)| *count > 0 && *count < self.row_bytes() * rows(strip as u64);
            if self.counts.iter().enumerate().any(short) {
                return Err("its strips are shorter than their rows".to_owned());
            }
        }
        if self.photometric == YCBCR && self.compression != JPEG && self.bands >= 3 {
            return Err("its colours are YCbCr without JPEG".to_owned());
        }
        if !super::codec::is_known(self.compression) {
            return Err(format!("its compression {} is not read", super::codec::name(self.compression)));
        }
        let _ = bytes;
        Ok(())
    }

    /// Whether its pixels are rows of plain bytes.
    fn has_plain_rows(&self) -> bool {
        self.compression == PLAIN && !self.is_tiled
    }

    fn pieces_beyond(&self, size: u64) -> bool {
        let ends = |(index, offset): (usize, &u64)| {
            let count = self.counts.get(index).copied().unwrap_or(0);
            count > 0 && offset.checked_add(count).is_none_or(|end| end > size)
        };
        self.offsets.iter().enumerate().any(ends)
            || (self.counts.is_empty()
                && self.offsets.iter().any(|at| at.saturating_add(self.row_bytes() * self.height) > size))
    }

    /// Samples of a pixel in one piece.
    pub fn samples(&self) -> u64 {
        if self.is_planar { 1 } else { self.bands.into() }
    }

    /// Bytes of a row of a piece; rows begin at whole bytes.
    pub fn row_bytes(&self) -> u64 {
        (u64::from(self.chunk[0]) * self.samples()).saturating_mul(self.sample.bits().into()).div_ceil(8)
    }

    /// Rows of the pieces of a row of pieces: the last strip is shorter, a tile never.
    pub fn chunk_rows(&self, row: u64) -> u64 {
        let edge = u64::from(self.chunk[1]);
        if self.is_tiled { edge } else { edge.min(self.height.saturating_sub(row * edge)) }
    }

    /// The compressed bytes of a piece; `None` where the file has none, which means that nothing is known there.
    pub fn chunk_bytes(
        &self,
        bytes: &TiffBytes,
        plane: u64,
        [column, row]: [u64; 2],
    ) -> Result<Option<Vec<u8>>, ImportError> {
        if self.has_plain_rows() {
            return self.plain_rows(bytes, plane, row);
        }
        let index = (plane * self.chunks[1] + row) * self.chunks[0] + column;
        let at = usize::try_from(index).unwrap_or(usize::MAX);
        let (Some(offset), Some(count)) = (self.offsets.get(at), self.counts.get(at)) else { return Ok(None) };
        if *count == 0 {
            return Ok(None);
        }
        bytes.read(*offset..offset + count).map(Some)
    }

    /// Rows of a piece without compression, from as many strips as it spans.
    fn plain_rows(&self, bytes: &TiffBytes, plane: u64, row: u64) -> Result<Option<Vec<u8>>, ImportError> {
        let strips = self.height.div_ceil(self.strip_rows);
        let first = row * u64::from(self.chunk[1]);
        let last = first + self.chunk_rows(row);
        let (mut found, mut any, mut at) = (Vec::new(), false, first);
        while at < last {
            let strip = at / self.strip_rows;
            let end = ((strip + 1) * self.strip_rows).min(last);
            let index = usize::try_from(plane * strips + strip).unwrap_or(usize::MAX);
            let length = (end - at) * self.row_bytes();
            let offset = self.offsets.get(index).copied().unwrap_or(0);
            if self.counts.get(index) == Some(&0) || offset == 0 {
                found.resize(found.len() + length as usize, 0);
            } else {
                let begin = offset + (at - strip * self.strip_rows) * self.row_bytes();
                found.extend(bytes.read(begin..begin + length)?);
                any = true;
            }
            at = end;
        }
        Ok(any.then_some(found))
    }
}

fn sample_kind(bytes: &TiffBytes, directory: &Directory) -> Result<SampleKind, Cause> {
    let all = |tag: u16| directory.whole(bytes, tag).map_err(|error| error.to_string());
    let (bits, formats) = (all(258)?, all(339)?);
    let first = bits.first().copied().unwrap_or(1);
    if bits.iter().any(|other| *other != first) {
        return Err("its bands have samples of several sizes".to_owned());
    }
    let format = formats.first().copied().unwrap_or(1);
    match (format, first as u8) {
        (1 | 4, 1 | 2 | 4 | 8 | 10 | 12 | 14 | 16 | 32 | 64) if first <= 64 => Ok(SampleKind::Unsigned(first as u8)),
        (2, 8 | 16 | 32 | 64) if first <= 64 => Ok(SampleKind::Signed(first as u8)),
        (3, 16 | 32 | 64) if first <= 64 => Ok(SampleKind::Float(first as u8)),
        (5 | 6, _) => Err("its samples are complex numbers".to_owned()),
        _ => Err(format!("its samples have {first} bits of format {format}")),
    }
}

/// ColorMap: all reds, all greens, all blues, 16 bits each.
fn palette(values: &[u64]) -> Vec<[u8; 3]> {
    let count = values.len() / 3;
    let channel = |index: usize| values.get(index).map_or(0, |value| (value >> 8) as u8);
    (0..count).map(|i| [channel(i), channel(count + i), channel(2 * count + i)]).collect()
}
