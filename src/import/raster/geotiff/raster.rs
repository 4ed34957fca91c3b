//! The pixels of a GeoTIFF: its levels, read tile by tile.

use std::sync::Arc;

use glam::DVec2;

use super::codec::{Decoded, decode};
use super::directory::{Cause, TiffBytes, directories};
use super::keys::{GeoKeys, transform};
use super::layout::{JPEG, Layout, SampleKind, YCBCR};
use super::metadata::BandMetadata;
use crate::import::raster::{
    Damage, DamageLog, Level, Pixel, PixelBox, Pixels, RasterKind, RasterTiles, RasterTransform,
};
use crate::import::{ImportError, SourceFiles};

/// NewSubfileType: an overview, a mask.
const OVERVIEW: u64 = 1;
const MASK: u64 = 4;
/// `GDAL_METADATA`, `GDAL_NODATA`.
const METADATA_TAG: u16 = 42_112;
const NODATA_TAG: u16 = 42_113;

/// An opened GeoTIFF: what it says of itself, and where its pixels are. Pixels are read when they are asked for.
pub struct GeoTiff {
    bytes: TiffBytes,
    /// What the file says about its CRS.
    pub keys: GeoKeys,
    /// From pixels to the CRS; `None` where the file does not say where it lies.
    pub transform: Option<RasterTransform>,
    /// `GDAL_NODATA`: the sample value that means "not known".
    pub nodata: Option<f64>,
    /// What GDAL says of its bands.
    pub metadata: BandMetadata,
    /// The image, then its overviews, each smaller than the one before.
    images: Vec<Image>,
}

struct Image {
    layout: Layout,
    mask: Option<Layout>,
}

impl GeoTiff {
    /// Reads all but the pixels. A file that ends before its pixels do is refused.
    pub fn open(files: Arc<dyn SourceFiles>, name: &str) -> Result<Self, ImportError> {
        let mut bytes = TiffBytes::new(files, name)?;
        let directories = directories(&mut bytes)?;
        let Some(first) = directories.first() else { return Err(bytes.failed("there is no image in this TIFF")) };
        let image = Layout::read(&bytes, first)?;
        let [directory, scale, tie_points, matrix] = {
            let floats = |tag| first.floats(&bytes, tag);
            [floats(34_736)?, floats(33_550)?, floats(33_922)?, floats(34_264)?]
        };
        let keys = GeoKeys::read(&first.whole(&bytes, 34_735)?, &directory, &first.text(&bytes, 34_737)?);
        let transform = transform(&scale, &tie_points, &matrix, keys.pixel());
        let nodata = first.text(&bytes, NODATA_TAG)?.trim_matches([' ', '\0']).parse().ok();
        let metadata = BandMetadata::read(&first.text(&bytes, METADATA_TAG)?);
        // Overviews and masks that cannot be used are left out: the image itself is enough.
        let mut others: Vec<Layout> =
            directories.iter().skip(1).filter_map(|directory| Layout::read(&bytes, directory).ok()).collect();
        let masks: Vec<Layout> = others.extract_if(.., |layout| layout.subfile & MASK != 0).collect();
        others.retain(|layout| layout.subfile & OVERVIEW != 0 && Self::is_smaller(layout, &image));
        others.sort_by_key(|layout| std::cmp::Reverse(layout.width));
        others.dedup_by_key(|layout| layout.width);
        let with_mask = |layout: Layout| {
            let fits = |mask: &&Layout| (mask.width, mask.height) == (layout.width, layout.height);
            Image { mask: masks.iter().find(fits).cloned(), layout }
        };
        let images = std::iter::once(image).chain(others).map(with_mask).collect();
        Ok(Self { bytes, keys, transform, nodata, metadata, images })
    }

    fn is_smaller(overview: &Layout, image: &Layout) -> bool {
        overview.width < image.width
            && overview.height <= image.height
            && (overview.bands, overview.sample) == (image.bands, image.sample)
    }

    /// The image at its own resolution.
    pub fn layout(&self) -> &Layout {
        &self.images[0].layout
    }

    /// How many resolutions there are.
    pub fn resolutions(&self) -> usize {
        self.images.len()
    }

    /// What the samples are, as far as the file tells: numbers of more than 8 bits, or of floating point, in one or two bands
    /// are heights, everything else is a picture.
    pub fn kind(&self) -> RasterKind {
        let layout = self.layout();
        let is_number = !matches!(layout.sample, SampleKind::Unsigned(0..=8));
        if layout.bands < 3 && is_number && layout.palette.is_empty() {
            RasterKind::Elevation
        } else {
            RasterKind::Image
        }
    }

    /// An error about the file.
    pub fn failed(&self, cause: impl Into<String>) -> ImportError {
        self.bytes.failed(cause)
    }

    fn levels(&self) -> Vec<Level> {
        let finest = self.layout();
        let full = DVec2::new(finest.width as f64, finest.height as f64);
        let level = |image: &Image| Level {
            scale: full / DVec2::new(image.layout.width as f64, image.layout.height as f64),
            offset: DVec2::ZERO,
            tile: image.layout.chunk,
            known: PixelBox::of_size(image.layout.width, image.layout.height),
        };
        self.images.iter().map(level).collect()
    }

    /// One piece of a band or of all of them, decoded.
    fn piece(&self, layout: &Layout, plane: u64, [column, row]: [u64; 2]) -> Result<Piece, ImportError> {
        let Some(bytes) = layout.chunk_bytes(&self.bytes, plane, [column, row])? else { return Ok(Piece::Absent) };
        Ok(match decode(layout, layout.chunk_rows(row), self.bytes.is_little, bytes) {
            Ok(decoded) => Piece::There(decoded),
            Err(cause) => Piece::Damaged(cause),
        })
    }

    /// Which pixels of a piece the mask leaves; `None` where there is no mask.
    fn mask(&self, image: &Image, at: PixelBox) -> Result<Option<Vec<bool>>, ImportError> {
        let Some(mask) = &image.mask else { return Ok(None) };
        let [width, height] = mask.chunk.map(|edge| i64::from(edge.max(1)));
        let mut known = vec![false; (at.width * at.height) as usize];
        let (right, below) = (at.left + at.width as i64, at.top + at.height as i64);
        for row in at.top / height..(below + height - 1) / height {
            for column in at.left / width..(right + width - 1) / width {
                let Piece::There(piece) = self.piece(mask, 0, [column as u64, row as u64])? else { continue };
                for y in (row * height).max(at.top)..((row + 1) * height).min(below) {
                    for x in (column * width).max(at.left)..((column + 1) * width).min(right) {
                        let sample = piece.sample((y - row * height) as usize, (x - column * width) as usize);
                        let slot = (y - at.top) as usize * at.width as usize + (x - at.left) as usize;
                        if let Some(slot) = known.get_mut(slot) {
                            *slot = sample > 0.0;
                        }
                    }
                }
            }
        }
        Ok(Some(known))
    }

    /// The pixels of a tile by what `pixel` makes of the samples of some bands; `None` where the file has none.
    fn tile<P: Pixel>(
        &self,
        (number, column, row): (usize, u64, u64),
        bands: &[u16],
        damage: &DamageLog,
        pixel: impl Fn(&[f64]) -> P,
    ) -> Result<Option<Pixels<P>>, ImportError> {
        let Some(image) = self.images.get(number) else { return Ok(None) };
        let layout = &image.layout;
        if column >= layout.chunks[0] || row >= layout.chunks[1] {
            return Ok(None);
        }
        let planes = if layout.is_planar { bands.iter().map(|band| u64::from(*band)).collect() } else { vec![0] };
        let mut pieces = Vec::with_capacity(planes.len());
        for plane in planes {
            match self.piece(layout, plane, [column, row])? {
                Piece::There(piece) => pieces.push(piece),
                Piece::Absent => return Ok(None),
                Piece::Damaged(cause) => {
                    damage.add((number, column, row), || {
                        format!("tile {column}, {row} of level {number} cannot be decoded: {cause}")
                    });
                    return Ok(None);
                }
            }
        }
        let (width, height) = (u64::from(layout.chunk[0]), layout.chunk_rows(row));
        let at = PixelBox {
            left: (column * width) as i64,
            top: (row * u64::from(layout.chunk[1])) as i64,
            width: width.min(layout.width - column * width),
            height: height.min(layout.height - row * u64::from(layout.chunk[1])),
        };
        let mask = self.mask(image, at)?;
        let mut found = Pixels::unknown(at.width as usize, at.height as usize);
        let mut samples = vec![0.0; bands.len()];
        for (index, slot) in found.values.iter_mut().enumerate() {
            if mask.as_ref().is_some_and(|mask| mask.get(index) != Some(&true)) {
                continue;
            }
            let (x, y) = (index % at.width as usize, index / at.width as usize);
            for (number, (band, sample)) in bands.iter().zip(&mut samples).enumerate() {
                *sample = match layout.is_planar {
                    true => pieces.get(number).map_or(f64::NAN, |piece| piece.sample(y, x)),
                    false => pieces[0].sample(y, x * usize::from(layout.bands) + usize::from(*band)),
                };
            }
            *slot = pixel(&samples);
        }
        Ok(Some(found))
    }
}

enum Piece {
    There(Decoded),
    Absent,
    Damaged(Cause),
}

/// One band of a GeoTIFF as heights, in the unit of its values.
pub struct Heights {
    tiff: GeoTiff,
    levels: Vec<Level>,
    band: u16,
    damage: DamageLog,
}

impl Heights {
    /// Of a band, counted from 0.
    pub fn new(tiff: GeoTiff, band: u16) -> Self {
        Self { levels: tiff.levels(), tiff, band, damage: DamageLog::default() }
    }

    fn value(&self, sample: f64) -> f32 {
        let is_nodata = match self.tiff.nodata {
            Some(nodata) => sample == nodata || sample as f32 == nodata as f32,
            // What SRTM has for voids, and no height on earth.
            None => self.tiff.layout().sample == SampleKind::Signed(16) && sample == -32_768.0,
        };
        if is_nodata || !sample.is_finite() { f32::NAN } else { self.tiff.metadata.value(self.band, sample) as f32 }
    }
}

impl RasterTiles<f32> for Heights {
    fn levels(&self) -> &[Level] {
        &self.levels
    }

    fn tile(&self, level: usize, column: u64, row: u64) -> Result<Option<Pixels<f32>>, ImportError> {
        let value = |samples: &[f64]| samples.first().map_or(f32::NAN, |sample| self.value(*sample));
        self.tiff.tile((level, column, row), &[self.band], &self.damage, value)
    }

    fn damage(&self) -> Damage {
        self.damage.so_far()
    }
}

/// A GeoTIFF as a picture.
pub struct Picture {
    tiff: GeoTiff,
    levels: Vec<Level>,
    /// Bands of red, green, blue (or grey, or places in the palette), then alpha where there is.
    bands: Vec<u16>,
    colors: Colors,
    has_alpha: bool,
    /// One unit of a sample in those of 8 bits.
    step: f64,
    damage: DamageLog,
}

#[derive(Clone, Copy, PartialEq)]
enum Colors {
    Grey,
    WhiteFirst,
    Rgb,
    Palette,
    Cmyk,
}

impl Picture {
    /// Grey, RGB, CMYK or of a palette, with alpha or a mask or without; whole numbers of 1 to 16 bits, cut to 8.
    pub fn new(tiff: GeoTiff) -> Result<Self, ImportError> {
        let layout = tiff.layout();
        let SampleKind::Unsigned(bits @ 1..=16) = layout.sample else {
            return Err(
                tiff.failed(format!("the samples of this picture are {:?}; pictures have 1 to 16 bits", layout.sample))
            );
        };
        let colors = match layout.photometric {
            0 => Colors::WhiteFirst,
            3 if !layout.palette.is_empty() => Colors::Palette,
            5 if layout.bands >= 4 => Colors::Cmyk,
            2 | YCBCR if layout.bands >= 3 => Colors::Rgb,
            8.. => return Err(tiff.failed(format!("its colours (photometric {}) are not read", layout.photometric))),
            _ if layout.bands >= 3 => Colors::Rgb,
            _ => Colors::Grey,
        };
        let count: u16 = match colors {
            Colors::Cmyk => 4,
            Colors::Rgb => 3,
            Colors::Grey | Colors::WhiteFirst | Colors::Palette => 1,
        };
        let named = |name: &str| {
            let mut bands = tiff.metadata.colors.iter();
            bands.find(|(band, color)| **band < layout.bands && *color == name).map(|(band, _)| *band)
        };
        let by_name: Option<Vec<u16>> = ["red", "green", "blue"].into_iter().map(named).collect();
        let mut bands = by_name.filter(|_| colors == Colors::Rgb).unwrap_or_else(|| (0..count).collect());
        let extra = layout.extra.iter().position(|kind| matches!(kind, 1 | 2)).map(|at| at as u16 + count);
        let alpha = named("alpha").or(extra.filter(|band| *band < layout.bands));
        bands.extend(alpha);
        let step = if colors == Colors::Palette { 1.0 } else { 255.0 / (2_f64.powi(bits.into()) - 1.0) };
        let (levels, has_alpha) = (tiff.levels(), alpha.is_some());
        Ok(Self { levels, tiff, bands, colors, has_alpha, step, damage: DamageLog::default() })
    }

    fn color(&self, samples: &[f64]) -> [u8; 4] {
        let byte = |value: f64| (value * self.step).round().clamp(0.0, 255.0) as u8;
        let all = samples.len() - usize::from(self.has_alpha);
        let (colors, alpha) = samples.split_at(all.min(samples.len()));
        if let Some(nodata) = self.tiff.nodata.filter(|_| !self.has_alpha)
            && colors.iter().all(|sample| *sample == nodata)
        {
            return [0; 4];
        }
        let one = |index: usize| colors.get(index).map_or(0, |sample| byte(*sample));
        let [red, green, blue] = match self.colors {
            Colors::Grey => [one(0); 3],
            Colors::WhiteFirst => [255 - one(0); 3],
            Colors::Rgb => [one(0), one(1), one(2)],
            Colors::Palette => {
                let place = colors.first().map_or(0, |sample| *sample as usize);
                self.tiff.layout().palette.get(place).copied().unwrap_or_default()
            }
            Colors::Cmyk => {
                // JPEG of Adobe has its inks the other way around.
                let ink = |index: usize| match self.tiff.layout().compression {
                    JPEG => f64::from(one(index)) / 255.0,
                    _ => 1.0 - f64::from(one(index)) / 255.0,
                };
                [0, 1, 2].map(|index| (255.0 * ink(index) * ink(3)).round() as u8)
            }
        };
        [red, green, blue, alpha.first().map_or(255, |alpha| byte(*alpha))]
    }
}

impl RasterTiles<[u8; 4]> for Picture {
    fn levels(&self) -> &[Level] {
        &self.levels
    }

    fn tile(&self, level: usize, column: u64, row: u64) -> Result<Option<Pixels<[u8; 4]>>, ImportError> {
        self.tiff.tile((level, column, row), &self.bands, &self.damage, |samples| self.color(samples))
    }

    fn damage(&self) -> Damage {
        self.damage.so_far()
    }
}
