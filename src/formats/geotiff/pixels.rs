//! The pixels of a GeoTIFF.

use std::io::{Read, Seek};

use tiff::decoder::{Decoder, DecodingResult};

use super::{GeoTiff, GeoTiffError, SampleKind};

/// One band as numbers, upper left pixel first, row by row; NaN where the file says nodata.
#[derive(Debug, Clone, PartialEq)]
pub struct Band {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `width * height` samples in the file's unit.
    pub samples: Vec<f32>,
}

/// An image of 8 bits a channel, upper left pixel first; alpha 0 where there is no picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RgbaImage {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `width * height` pixels.
    pub pixels: Vec<[u8; 4]>,
}

impl Band {
    /// The sample of a pixel; `None` outside and where not known.
    pub fn at(&self, column: usize, row: usize) -> Option<f32> {
        if column >= self.width || row >= self.height {
            return None;
        }
        self.samples.get(row * self.width + column).copied().filter(|value| !value.is_nan())
    }
}

impl<R: Read + Seek> GeoTiff<R> {
    /// Decodes one band, counted from 0.
    pub fn read_band(&mut self, band: u16) -> Result<Band, GeoTiffError> {
        if band >= self.bands {
            return Err(GeoTiffError::Unusable(format!("it has {} bands, no number {band}", self.bands)));
        }
        let (width, height) = (self.width as usize, self.height as usize);
        let mut samples = vec![f32::NAN; self.check_size(1)?];
        let nodata = self.nodata;
        let known = |value: f64| {
            let is_nodata = nodata.is_some_and(|n| value == n || value as f32 == n as f32) || !value.is_finite();
            if is_nodata { f32::NAN } else { value as f32 }
        };
        self.for_each_sample(&[band], |column, row, _, value| {
            if let Some(slot) = samples.get_mut(row * width + column) {
                *slot = known(value);
            }
        })?;
        Ok(Band { width, height, samples })
    }

    /// Decodes an image: grey, grey and alpha, RGB or RGBA of 8 bits; 16 bits are cut to 8.
    pub fn read_rgba(&mut self) -> Result<RgbaImage, GeoTiffError> {
        let shift = match self.sample {
            SampleKind::Unsigned(8) => 1.0,
            SampleKind::Unsigned(16) => 1.0 / 257.0,
            other => {
                return Err(GeoTiffError::Unusable(format!("its samples are {other:?}; an image has 8 or 16 bits")));
            }
        };
        if self.photometric == 3 || self.photometric == 5 {
            return Err(GeoTiffError::Unusable(
                "its colours are a palette or CMYK; only grey and RGB are read".to_owned(),
            ));
        }
        let channels: &[(u16, &[usize])] = match self.bands {
            1 => &[(0, &[0, 1, 2])],
            2 => &[(0, &[0, 1, 2]), (1, &[3])],
            3 => &[(0, &[0]), (1, &[1]), (2, &[2])],
            _ => &[(0, &[0]), (1, &[1]), (2, &[2]), (3, &[3])],
        };
        let (width, height) = (self.width as usize, self.height as usize);
        self.check_size(4)?;
        let mut pixels = vec![[0, 0, 0, 255]; width * height];
        let bands: Vec<u16> = channels.iter().map(|(band, _)| *band).collect();
        self.for_each_sample(&bands, |column, row, index, value| {
            let (Some(pixel), Some((_, slots))) = (pixels.get_mut(row * width + column), channels.get(index)) else {
                return;
            };
            for slot in *slots {
                pixel[*slot] = (value * shift).round().clamp(0.0, 255.0) as u8;
            }
        })?;
        if self.photometric == YCBCR {
            pixels.iter_mut().for_each(|pixel| *pixel = rgb_of_ycbcr(*pixel));
        }
        if let Some(nodata) = self.nodata.filter(|_| self.bands == 3 || self.bands == 1) {
            let empty = (nodata * shift).round() as i64;
            for pixel in pixels.iter_mut().filter(|p| p[..3].iter().all(|c| i64::from(*c) == empty)) {
                pixel[3] = 0;
            }
        }
        Ok(RgbaImage { width, height, pixels })
    }

    /// Calls `take(column, row, index into bands, value)` for each sample of the wanted bands, strip by strip or tile by tile.
    fn for_each_sample(
        &mut self,
        bands: &[u16],
        mut take: impl FnMut(usize, usize, usize, f64),
    ) -> Result<(), GeoTiffError> {
        let (chunk_width, chunk_height) = self.decoder.chunk_dimensions();
        if chunk_width == 0 || chunk_height == 0 {
            return Err(GeoTiffError::Unusable("its tiles have no size".to_owned()));
        }
        let (across, down) = (self.width.div_ceil(chunk_width), self.height.div_ceil(chunk_height));
        let layers = if self.is_planar { bands.len() } else { 1 };
        for layer in 0..layers {
            let first = if self.is_planar { u32::from(bands[layer]) * across * down } else { 0 };
            for chunk in 0..across.saturating_mul(down) {
                let values = read_chunk(&mut self.decoder, first.saturating_add(chunk))?;
                let (data_width, data_height) = self.decoder.chunk_data_dimensions(first.saturating_add(chunk));
                let (left, top) = ((chunk % across * chunk_width) as usize, (chunk / across * chunk_height) as usize);
                let stride = if self.is_planar { 1 } else { usize::from(self.bands) };
                for row in 0..data_height as usize {
                    for column in 0..data_width as usize {
                        let at = (row * data_width as usize + column) * stride;
                        if self.is_planar {
                            take(left + column, top + row, layer, values.get(at));
                        } else {
                            for (index, band) in bands.iter().enumerate() {
                                take(left + column, top + row, index, values.get(at + usize::from(*band)));
                            }
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

/// TIFF 6.0 section 21: what JPEG in TIFF mostly is.
const YCBCR: u16 = 6;

/// Full-range BT.601, as JFIF and TIFF's default coefficients have it.
fn rgb_of_ycbcr([y, cb, cr, alpha]: [u8; 4]) -> [u8; 4] {
    let (y, cb, cr) = (f32::from(y), f32::from(cb) - 128.0, f32::from(cr) - 128.0);
    let byte = |value: f32| value.round().clamp(0.0, 255.0) as u8;
    [byte(y + 1.402 * cr), byte(y - 0.344_136 * cb - 0.714_136 * cr), byte(y + 1.772 * cb), alpha]
}

/// Decoded samples of any kind.
struct Samples(DecodingResult);

impl Samples {
    fn get(&self, at: usize) -> f64 {
        let found = match &self.0 {
            DecodingResult::U8(v) => v.get(at).map(|x| f64::from(*x)),
            DecodingResult::U16(v) => v.get(at).map(|x| f64::from(*x)),
            DecodingResult::U32(v) => v.get(at).map(|x| f64::from(*x)),
            DecodingResult::U64(v) => v.get(at).map(|x| *x as f64),
            DecodingResult::I8(v) => v.get(at).map(|x| f64::from(*x)),
            DecodingResult::I16(v) => v.get(at).map(|x| f64::from(*x)),
            DecodingResult::I32(v) => v.get(at).map(|x| f64::from(*x)),
            DecodingResult::I64(v) => v.get(at).map(|x| *x as f64),
            DecodingResult::F16(v) => v.get(at).map(|x| f64::from(x.to_f32())),
            DecodingResult::F32(v) => v.get(at).map(|x| f64::from(*x)),
            DecodingResult::F64(v) => v.get(at).copied(),
        };
        found.unwrap_or(f64::NAN)
    }
}

fn read_chunk<R: Read + Seek>(decoder: &mut Decoder<R>, chunk: u32) -> Result<Samples, GeoTiffError> {
    Ok(Samples(decoder.read_chunk(chunk)?))
}
