//! A pyramid of tiles as a raster.

use std::io::Cursor;

use glam::DVec2;

use super::matrix::MatrixSet;
use super::store::TileStore;
use crate::import::ImportError;
use crate::import::raster::{Damage, DamageLog, Level, Pixel, PixelBox, Pixels, RasterTiles, RasterTransform};

/// Columns and rows of the largest tile that is decoded.
const MOST_TILE_PIXELS: u32 = 4096;

/// The bytes of a tile to so many columns and rows of pixels, or what is wrong with them.
pub type TileDecoder<P> = fn(&[u8], [u32; 2]) -> Result<Pixels<P>, String>;

/// Zoom levels of a store of tiles, the finest first.
pub struct Pyramid<P> {
    store: Box<dyn TileStore>,
    decode: TileDecoder<P>,
    levels: Vec<Level>,
    zooms: Vec<u8>,
    damage: DamageLog,
}

impl<P: Pixel> Pyramid<P> {
    /// Of a store and the matrices of its zooms, none finer than `finest`; `None` where no zoom of the set has tiles.
    pub fn new(
        store: Box<dyn TileStore>,
        decode: TileDecoder<P>,
        set: &MatrixSet,
        finest: Option<u8>,
    ) -> Option<(Self, RasterTransform)> {
        let of_zoom = set.matrices.iter().rev().filter(|(zoom, _)| finest.is_none_or(|finest| **zoom <= finest));
        let with_tiles: Vec<_> =
            of_zoom.filter_map(|(zoom, matrix)| Some((*zoom, *matrix, store.range(*zoom)?))).collect();
        let (_, first, _) = *with_tiles.first()?;
        let transform = first.transform()?;
        let level = |(_, matrix, [west, east, north, south]): &(u8, super::TileMatrix, [u64; 4])| {
            let [width, height] = matrix.tile.map(u64::from);
            // Rows go to the south where the CRS goes to the north.
            let offset = (matrix.corner - first.corner) * DVec2::new(1.0, -1.0) / first.pixel;
            let known = PixelBox {
                left: (west * width) as i64,
                top: (north * height) as i64,
                width: (east - west + 1) * width,
                height: (south - north + 1) * height,
            };
            Level { scale: DVec2::splat(matrix.pixel / first.pixel), offset, tile: matrix.tile, known }
        };
        let levels = with_tiles.iter().map(level).collect();
        let zooms = with_tiles.iter().map(|(zoom, ..)| *zoom).collect();
        Some((Self { store, decode, levels, zooms, damage: DamageLog::default() }, transform))
    }

    /// Some tiles of the finest zoom, decoded: enough to see what they are.
    pub fn samples(&self, most: usize) -> Result<Vec<Pixels<P>>, ImportError> {
        let Some(zoom) = self.zooms.first() else { return Ok(Vec::new()) };
        let places = self.store.all(*zoom).unwrap_or_else(|| {
            let range = self.store.range(*zoom).unwrap_or_default();
            let row = (range[2] + range[3]) / 2;
            (range[0]..=range[1]).take(most * 4).map(|column| [column, row]).collect()
        });
        let step = (places.len() / most.max(1)).max(1);
        let mut found = Vec::new();
        for [column, row] in places.into_iter().step_by(step).take(most * 2) {
            found.extend(self.tile(0, column, row)?);
        }
        Ok(found)
    }
}

/// The size of a picture by its first bytes, and whether it holds the very colours that were put in: PNG does, JPEG does not,
/// WebP may.
pub fn picture_size(bytes: &[u8]) -> Option<([u32; 2], bool)> {
    let reader = image::ImageReader::new(Cursor::new(bytes)).with_guessed_format().ok()?;
    let is_exact = match reader.format()? {
        image::ImageFormat::Png => true,
        // `VP8L` is lossless, and so may be what an extended file holds.
        image::ImageFormat::WebP => bytes.get(..256.min(bytes.len()))?.windows(4).any(|mark| mark == b"VP8L"),
        _ => false,
    };
    let (width, height) = reader.into_dimensions().ok()?;
    Some(([width, height], is_exact))
}

/// A PNG, JPEG or WebP tile.
pub fn decode_picture(bytes: &[u8], tile: [u32; 2]) -> Result<Pixels<[u8; 4]>, String> {
    if bytes.starts_with(b"<") {
        // Servers tell what is wrong in XML or HTML.
        return Err(format!(
            "it is no picture but: {}",
            String::from_utf8_lossy(bytes).chars().take(300).collect::<String>()
        ));
    }
    let reader = image::ImageReader::new(Cursor::new(bytes)).with_guessed_format();
    let mut reader = reader.map_err(|error| error.to_string())?;
    let mut limits = image::Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(MOST_TILE_PIXELS), Some(MOST_TILE_PIXELS));
    reader.limits(limits);
    let picture = reader.decode().map_err(|error| error.to_string())?.into_rgba8();
    if [picture.width(), picture.height()] != tile {
        return Err(format!("it has {} x {} pixels, not {} x {}", picture.width(), picture.height(), tile[0], tile[1]));
    }
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    Ok(Pixels { width, height, values: picture.pixels().map(|pixel| pixel.0).collect() })
}

impl<P: Pixel> RasterTiles<P> for Pyramid<P> {
    fn levels(&self) -> &[Level] {
        &self.levels
    }

    fn tile(&self, level: usize, column: u64, row: u64) -> Result<Option<Pixels<P>>, ImportError> {
        let (Some(zoom), Some(about)) = (self.zooms.get(level), self.levels.get(level)) else { return Ok(None) };
        let Some(bytes) = self.store.tile(*zoom, column, row)? else { return Ok(None) };
        // An empty file stands for a tile without anything on it.
        if bytes.is_empty() {
            return Ok(None);
        }
        Ok(match (self.decode)(&bytes, about.tile) {
            Ok(pixels) => Some(pixels),
            Err(cause) => {
                self.damage.add((level, column, row), || {
                    format!("tile {} cannot be decoded: {cause}", self.store.name(*zoom, column, row))
                });
                None
            }
        })
    }

    fn continues_in_coarser(&self) -> bool {
        true
    }

    fn damage(&self) -> Damage {
        self.damage.so_far()
    }

    fn look_everywhere(&self) -> Result<Damage, ImportError> {
        for (level, zoom) in self.zooms.iter().enumerate() {
            for [column, row] in self.store.all(*zoom).unwrap_or_default() {
                self.tile(level, column, row)?;
            }
        }
        Ok(self.damage.so_far())
    }
}
