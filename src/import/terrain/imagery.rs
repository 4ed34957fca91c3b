//! A picture of the ground in its own CRS, with smaller copies of itself.

use std::io::Cursor;

use glam::{DVec2, DVec3};

use super::TerrainError;
use crate::formats::geotiff::{GeoTiff, RasterTransform, RgbaImage};
use crate::geodesy::{CoordinateOperation, CrsId, CrsRegistry, WGS84_SEMI_MAJOR_AXIS_M};

/// A georeferenced image.
#[derive(Debug, Clone, PartialEq)]
pub struct Imagery {
    /// Its name in messages.
    pub path: String,
    /// CRS of the image's plane.
    pub crs: CrsId,
    transform: RasterTransform,
    /// The image, then each half as large as the one before.
    levels: Vec<RgbaImage>,
}

/// Pixels of the largest mosaic of map tiles: 256 MiB.
const MOST_MOSAIC_PIXELS: u64 = 1 << 26;

impl Imagery {
    /// Reads a grey, RGB or RGBA GeoTIFF.
    pub fn from_geotiff(bytes: &[u8], path: &str, crs: Option<CrsId>) -> Result<Self, TerrainError> {
        let raster = |cause| TerrainError::Raster { cause, path: path.to_owned() };
        let missing = |what, hint: &str| TerrainError::NoPlace { what, hint: hint.to_owned(), path: path.to_owned() };
        let mut tiff = GeoTiff::open(Cursor::new(bytes)).map_err(raster)?;
        let transform = tiff.transform.ok_or_else(|| missing("where it lies", " (no georeference)"))?;
        let crs = crs.or_else(|| tiff.keys.crs());
        let crs = crs.ok_or_else(|| missing("its CRS by EPSG code", "; give it with --crs EPSG:CODE"))?;
        let image = tiff.read_rgba().map_err(raster)?;
        Ok(Self { path: path.to_owned(), crs, transform, levels: with_smaller(image) })
    }

    /// Puts the tiles of one zoom of an XYZ pyramid (Web Mercator, column and row from the north-west) together. `tiles` are
    /// columns, rows and PNG or JPEG bytes; tiles that cannot be decoded are left out and counted in the second result.
    pub fn from_xyz(
        zoom: u8,
        tiles: &[(u32, u32, Vec<u8>)],
        tile_pixels: u32,
        path: &str,
    ) -> Result<(Self, usize), TerrainError> {
        let missing = |what| TerrainError::NoPlace { what, hint: String::new(), path: path.to_owned() };
        let min = tiles.iter().fold((u32::MAX, u32::MAX), |m, (x, y, _)| (m.0.min(*x), m.1.min(*y)));
        let max = tiles.iter().fold((0, 0), |m, (x, y, _)| (m.0.max(*x), m.1.max(*y)));
        let (Some(across), Some(down)) = (max.0.checked_sub(min.0), max.1.checked_sub(min.1)) else {
            return Err(missing("any tile"));
        };
        let (columns, rows) = (u64::from(across) + 1, u64::from(down) + 1);
        let edge = u64::from(tile_pixels);
        let pixels = columns.checked_mul(rows).and_then(|n| n.checked_mul(edge * edge));
        if zoom > 30 || tile_pixels == 0 || pixels.is_none_or(|n| n > MOST_MOSAIC_PIXELS) {
            return Err(missing("a mosaic of a size that can be held: choose a coarser zoom"));
        }
        let (width, height) = ((columns * edge) as usize, (rows * edge) as usize);
        let mut mosaic = RgbaImage { width, height, pixels: vec![[0; 4]; width * height] };
        let mut damaged = 0;
        for (x, y, bytes) in tiles {
            match decode(bytes, tile_pixels) {
                Some(tile) => paste(
                    &mut mosaic,
                    &tile,
                    ((x - min.0) * tile_pixels) as usize,
                    ((y - min.1) * tile_pixels) as usize,
                ),
                None => damaged += 1,
            }
        }
        let half_world = std::f64::consts::PI * WGS84_SEMI_MAJOR_AXIS_M;
        let tile_m = 2.0 * half_world / f64::from(1_u32 << zoom);
        let scale = tile_m / f64::from(tile_pixels);
        let corner = [-half_world + f64::from(min.0) * tile_m, half_world - f64::from(min.1) * tile_m];
        let tie = [0.0, 0.0, 0.0, corner[0], corner[1], 0.0];
        let transform = RasterTransform::new(&[scale, scale, 0.0], &tie, &[], Default::default());
        let transform = transform.ok_or_else(|| missing("where it lies"))?;
        let image = Self { path: path.to_owned(), crs: CrsId::epsg(3857), transform, levels: with_smaller(mosaic) };
        Ok((image, damaged))
    }

    pub(super) fn operation(&self, registry: &CrsRegistry) -> Result<Box<dyn CoordinateOperation>, TerrainError> {
        let crs = |cause| TerrainError::Crs { cause, path: self.path.clone() };
        registry.operation(&CrsId::wgs84(), &self.crs).map_err(crs)
    }

    /// Pixel coordinates of a place in the image's CRS.
    pub(super) fn pixel(&self, in_crs: DVec3) -> DVec2 {
        self.transform.pixel_from_crs.transform_point2(in_crs.truncate())
    }

    /// Whether a box of pixel coordinates touches the image.
    pub(super) fn touches(&self, min: DVec2, max: DVec2) -> bool {
        let Some(image) = self.levels.first() else { return false };
        let size = DVec2::new(image.width as f64, image.height as f64);
        max.cmpge(DVec2::ZERO).all() && min.cmple(size).all()
    }

    /// Colour at pixel coordinates of the whole image, averaged over about `footprint` pixels; red, green, blue and cover, all
    /// 0-255. Cover is 0 outside.
    pub(super) fn color(&self, pixel: DVec2, footprint: f64) -> [f64; 4] {
        let level = (footprint.max(1.0).log2().floor() as usize).min(self.levels.len().saturating_sub(1));
        let Some(image) = self.levels.get(level) else { return [0.0; 4] };
        let at = pixel / f64::from(1_u32 << level.min(30));
        let size = DVec2::new(image.width as f64, image.height as f64);
        if !(at.cmpge(DVec2::ZERO).all() && at.cmple(size).all()) {
            return [0.0; 4];
        }
        let at = (at - 0.5).clamp(DVec2::ZERO, size - 1.0);
        let (column, row) = (at.x.floor(), at.y.floor());
        let (fx, fy) = (at.x - column, at.y - row);
        let mut sum = [0.0; 4];
        for (dx, dy, share) in
            [(0, 0, (1.0 - fx) * (1.0 - fy)), (1, 0, fx * (1.0 - fy)), (0, 1, (1.0 - fx) * fy), (1, 1, fx * fy)]
        {
            let (x, y) = ((column as usize + dx).min(image.width - 1), (row as usize + dy).min(image.height - 1));
            let Some(pixel) = image.pixels.get(y * image.width + x) else { continue };
            let cover = share * f64::from(pixel[3]);
            for channel in 0..3 {
                sum[channel] += cover / 255.0 * f64::from(pixel[channel]);
            }
            sum[3] += cover;
        }
        if sum[3] > 0.0 {
            let whole = 255.0 / sum[3];
            sum[..3].iter_mut().for_each(|channel| *channel *= whole);
        }
        sum
    }
}

fn decode(bytes: &[u8], edge: u32) -> Option<RgbaImage> {
    let mut reader = image::ImageReader::new(Cursor::new(bytes)).with_guessed_format().ok()?;
    let mut limits = image::Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(edge), Some(edge));
    reader.limits(limits);
    let tile = reader.decode().ok()?.to_rgba8();
    let (width, height) = (tile.width() as usize, tile.height() as usize);
    (tile.width() == edge && tile.height() == edge).then(|| RgbaImage {
        width,
        height,
        pixels: tile.pixels().map(|p| p.0).collect(),
    })
}

fn paste(mosaic: &mut RgbaImage, tile: &RgbaImage, left: usize, top: usize) {
    for (row, line) in tile.pixels.chunks_exact(tile.width).enumerate() {
        let start = (top + row) * mosaic.width + left;
        if let Some(target) = mosaic.pixels.get_mut(start..start + tile.width) {
            target.copy_from_slice(line);
        }
    }
}

/// The image and its halves, down to one pixel; each pixel is the mean of the four (weighted by alpha) that it covers.
fn with_smaller(image: RgbaImage) -> Vec<RgbaImage> {
    let mut levels = vec![image];
    while let Some(last) = levels.last().filter(|image| image.width > 1 || image.height > 1) {
        let (width, height) = (last.width.div_ceil(2), last.height.div_ceil(2));
        let mut pixels = Vec::with_capacity(width * height);
        for row in 0..height {
            for column in 0..width {
                pixels.push(mean(last, column * 2, row * 2));
            }
        }
        levels.push(RgbaImage { width, height, pixels });
    }
    levels
}

fn mean(image: &RgbaImage, column: usize, row: usize) -> [u8; 4] {
    let (mut sum, mut cover, mut count) = ([0_u32; 3], 0_u32, 0_u32);
    for (x, y) in [(column, row), (column + 1, row), (column, row + 1), (column + 1, row + 1)] {
        if x >= image.width {
            continue;
        }
        let Some(pixel) = image.pixels.get(y * image.width + x) else { continue };
        let alpha = u32::from(pixel[3]);
        for (total, channel) in sum.iter_mut().zip(pixel) {
            *total += u32::from(*channel) * alpha;
        }
        cover += alpha;
        count += 1;
    }
    let channel = |total: u32| ((total + cover / 2) / cover.max(1)) as u8;
    [channel(sum[0]), channel(sum[1]), channel(sum[2]), (cover / count.max(1)) as u8]
}
