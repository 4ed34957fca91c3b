//! The header of a GeoTIFF.

use std::io::{Read, Seek, SeekFrom};

use tiff::decoder::{Decoder, Limits};
use tiff::tags::Tag;

use super::{GeoKeys, RasterTransform};

/// Why a GeoTIFF cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GeoTiffError {
    /// The bytes are no TIFF, or one that is damaged or of a kind that cannot be decoded.
    #[error("this GeoTIFF cannot be read: {0}")]
    Tiff(String),
    /// The bytes end before the picture does.
    #[error("this GeoTIFF is cut off: it ends before its pixels do")]
    CutOff,
    /// It asks for more than is given.
    #[error(
        "this raster of {width} x {height} pixels with {bands} bands is too large: at most {most} samples are read at once"
    )]
    TooLarge {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
        /// Bands.
        bands: u16,
        /// The bound.
        most: u64,
    },
    /// Something is missing or unusual.
    #[error("this GeoTIFF cannot be used: {0}")]
    Unusable(String),
}

impl From<tiff::TiffError> for GeoTiffError {
    fn from(error: tiff::TiffError) -> Self {
        match error {
            tiff::TiffError::IoError(cause) if cause.kind() == std::io::ErrorKind::UnexpectedEof => Self::CutOff,
            other => Self::Tiff(other.to_string()),
        }
    }
}

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

/// An opened GeoTIFF: its header, and the bytes to read pixels from.
pub struct GeoTiff<R: Read + Seek> {
    pub(super) decoder: Decoder<R>,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Samples a pixel.
    pub bands: u16,
    /// What a sample is.
    pub sample: SampleKind,
    /// What the file says about its CRS.
    pub keys: GeoKeys,
    /// From pixels to the CRS; `None` where the file does not say where it lies.
    pub transform: Option<RasterTransform>,
    /// `GDAL_NODATA`: the sample value that means "not known".
    pub nodata: Option<f64>,
    pub(super) is_planar: bool,
    pub(super) photometric: u16,
}

/// Samples of one image that are held at once: 1 GiB as f32.
pub(super) const MOST_SAMPLES: u64 = 1 << 28;

impl<R: Read + Seek> GeoTiff<R> {
    /// Reads the header of the first image.
    pub fn open(mut bytes: R) -> Result<Self, GeoTiffError> {
        if bytes.seek(SeekFrom::End(0)).is_ok_and(|length| length == 0) {
            return Err(GeoTiffError::Unusable("the file is empty".to_owned()));
        }
        bytes.rewind().map_err(tiff::TiffError::from)?;
        let mut limits = Limits::default();
        limits.decoding_buffer_size = 256 << 20;
        limits.intermediate_buffer_size = 256 << 20;
        limits.ifd_value_size = 16 << 20;
        let mut decoder = Decoder::new(bytes)?.with_limits(limits);
        let (width, height) = decoder.dimensions()?;
        let bands = decoder.find_tag_unsigned::<u16>(Tag::SamplesPerPixel)?.unwrap_or(1);
        let sample = sample_kind(&mut decoder)?;
        if width == 0 || height == 0 || bands == 0 {
            return Err(GeoTiffError::Unusable("it has no pixels".to_owned()));
        }
        let directory = decoder.find_tag_unsigned_vec::<u16>(Tag::GeoKeyDirectoryTag)?.unwrap_or_default();
        let ascii = text(&mut decoder, Tag::GeoAsciiParamsTag);
        let keys = GeoKeys::read(&directory, &ascii);
        let scale = numbers(&mut decoder, Tag::ModelPixelScaleTag);
        let tie_points = numbers(&mut decoder, Tag::ModelTiepointTag);
        let matrix = numbers(&mut decoder, Tag::ModelTransformationTag);
        let transform = RasterTransform::new(&scale, &tie_points, &matrix, keys.pixel);
        let nodata = text(&mut decoder, Tag::GdalNodata);
        let nodata = nodata.trim_matches([' ', '\0']).parse().ok();
        let is_planar = decoder.find_tag_unsigned::<u16>(Tag::PlanarConfiguration)?.unwrap_or(1) == 2;
        let photometric = decoder.find_tag_unsigned::<u16>(Tag::PhotometricInterpretation)?.unwrap_or(1);
        Ok(Self { decoder, width, height, bands, sample, keys, transform, nodata, is_planar, photometric })
    }

    /// Refuses to hold more samples than is sensible, whatever the header claims.
    pub(super) fn check_size(&self, bands: u16) -> Result<usize, GeoTiffError> {
        let count = u64::from(self.width) * u64::from(self.height) * u64::from(bands);
        if count > MOST_SAMPLES {
            let (width, height) = (self.width, self.height);
            return Err(GeoTiffError::TooLarge { width, height, bands, most: MOST_SAMPLES });
        }
        usize::try_from(count).map_err(|_| GeoTiffError::Unusable("it does not fit into memory".to_owned()))
    }
}

fn sample_kind<R: Read + Seek>(decoder: &mut Decoder<R>) -> Result<SampleKind, GeoTiffError> {
    let bits =
        decoder.find_tag_unsigned_vec::<u16>(Tag::BitsPerSample)?.and_then(|all| all.first().copied()).unwrap_or(1);
    let format =
        decoder.find_tag_unsigned_vec::<u16>(Tag::SampleFormat)?.and_then(|all| all.first().copied()).unwrap_or(1);
    let bits = u8::try_from(bits).map_err(|_| GeoTiffError::Unusable(format!("its samples have {bits} bits")))?;
    match format {
        1 | 4 => Ok(SampleKind::Unsigned(bits)),
        2 => Ok(SampleKind::Signed(bits)),
        3 => Ok(SampleKind::Float(bits)),
        other => Err(GeoTiffError::Unusable(format!(
            "its sample format is {other}; only whole and floating numbers are read"
        ))),
    }
}

fn numbers<R: Read + Seek>(decoder: &mut Decoder<R>, tag: Tag) -> Vec<f64> {
    decoder.get_tag_f64_vec(tag).unwrap_or_default()
}

fn text<R: Read + Seek>(decoder: &mut Decoder<R>, tag: Tag) -> String {
    decoder.get_tag_ascii_string(tag).unwrap_or_default()
}
