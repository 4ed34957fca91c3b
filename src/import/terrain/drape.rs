//! The pictures on the tiles of the ground.

use glam::{DVec2, DVec3};

use super::mesh::{self, Patch};
use super::{Imagery, TerrainError};
use crate::formats::EncodedImage;
use crate::geodesy::{CoordinateOperation, CrsRegistry, SiteFrame, SitePoint};
use crate::geometry::HeightGrid;
use crate::import::raster::{RasterReader, TileCache};

/// sRGB colour of ground where a picture ends.
const GROUND_SRGB: [f32; 3] = [149.0, 151.0, 137.0];
const TEXTURE_PIXELS: usize = 512;
const JPEG_QUALITY: u8 = 85;
/// Places where the way from the site to a picture is computed exactly, along a tile's edge; between them it is bilinear.
const LATTICE: usize = 17;
/// Bytes of decoded tiles that are kept.
const CACHE_BYTES: usize = 256 << 20;

/// The images to lay on the ground, the last on top.
pub(super) struct Pictures<'a> {
    images: &'a [Imagery],
    ways: Vec<Box<dyn CoordinateOperation>>,
    cache: TileCache<[u8; 4]>,
}

impl<'a> Pictures<'a> {
    pub fn new(images: &'a [Imagery], registry: &CrsRegistry) -> Result<Self, TerrainError> {
        let ways = images.iter().map(|image| image.operation(registry)).collect::<Result<_, _>>()?;
        Ok(Self { images, ways, cache: TileCache::new(CACHE_BYTES) })
    }

    /// Where the images lie on a tile, those that reach it.
    pub fn drapes(&self, grid: &HeightGrid, site: &SiteFrame, patch: Patch) -> Result<Vec<Drape>, TerrainError> {
        if self.images.is_empty() {
            return Ok(Vec::new());
        }
        let (min, max) = patch.extent(grid);
        let step = (max - min) / (LATTICE - 1) as f64;
        let place = |index: usize| {
            let plane = min + DVec2::new((index % LATTICE) as f64, (index / LATTICE) as f64) * step;
            let height_m = grid.sample(plane).unwrap_or(site.anchor().ellipsoid_height_m);
            let found = site.to_geodetic(SitePoint(mesh::place(site, plane, height_m)));
            DVec3::new(found.longitude_rad.to_degrees(), found.latitude_rad.to_degrees(), 0.0)
        };
        let places: Vec<DVec3> = (0..LATTICE * LATTICE).map(place).collect();
        let mut drapes = Vec::new();
        for (number, (image, way)) in self.images.iter().zip(&self.ways).enumerate() {
            let mut points = places.clone();
            way.convert(&mut points).map_err(|cause| TerrainError::Crs { cause, path: image.path.clone() })?;
            let pixels = points.into_iter().map(|point| image.pixel(point)).collect();
            drapes.extend(Drape::new(number, pixels).filter(|drape| image.touches(drape.low, drape.high)));
        }
        Ok(drapes)
    }

    /// What paints the tiles; any thread may use it.
    pub fn layers(&self) -> Layers<'_> {
        Layers { images: self.images, cache: &self.cache }
    }
}

/// Where the points of a lattice over a tile lie in an image, in the pixels of its finest level.
pub(super) struct Drape {
    image: usize,
    pixels: Vec<DVec2>,
    low: DVec2,
    high: DVec2,
}

impl Drape {
    /// `None` where the way to the image leads nowhere.
    fn new(image: usize, pixels: Vec<DVec2>) -> Option<Self> {
        let low = pixels.iter().copied().fold(DVec2::INFINITY, DVec2::min);
        let high = pixels.iter().copied().fold(DVec2::NEG_INFINITY, DVec2::max);
        pixels.iter().all(|pixel| pixel.is_finite()).then_some(Self { image, pixels, low, high })
    }

    /// Pixels of the image along the longer edge of the tile.
    fn across(&self) -> f64 {
        (self.high - self.low).max_element()
    }

    /// The pixel for a place in the tile, both coordinates 0 to 1 from the south-west.
    fn pixel(&self, at: DVec2) -> DVec2 {
        let at = at * (LATTICE - 1) as f64;
        let cell = at.floor().clamp(DVec2::ZERO, DVec2::splat((LATTICE - 2) as f64));
        let f = at - cell;
        let corner = |dx: usize, dy: usize| {
            let index = (cell.y as usize + dy) * LATTICE + cell.x as usize + dx;
            self.pixels.get(index).copied().unwrap_or(DVec2::ZERO)
        };
        let south = corner(0, 0).lerp(corner(1, 0), f.x);
        south.lerp(corner(0, 1).lerp(corner(1, 1), f.x), f.y)
    }
}

/// Paints tiles.
#[derive(Clone, Copy)]
pub(super) struct Layers<'a> {
    images: &'a [Imagery],
    cache: &'a TileCache<[u8; 4]>,
}

impl Layers<'_> {
    /// The picture of a tile as JPEG, its images over each other on bare ground; `None` where none of them shows anything.
    pub fn texture(&self, drapes: &[Drape]) -> Result<Option<EncodedImage>, TerrainError> {
        let across = drapes.iter().map(Drape::across).fold(0.0, f64::max);
        let texels = (across.ceil() as usize).next_power_of_two().clamp(64, TEXTURE_PIXELS);
        let mut canvas = vec![GROUND_SRGB; texels * texels];
        let mut any = false;
        for drape in drapes {
            any |= self.paint(drape, texels, &mut canvas)?;
        }
        if !any {
            return Ok(None);
        }
        let rgb: Vec<u8> =
            canvas.into_iter().flatten().map(|channel| channel.round().clamp(0.0, 255.0) as u8).collect();
        let mut bytes = Vec::new();
        image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY)
            .encode(&rgb, texels as u32, texels as u32, image::ExtendedColorType::Rgb8)
            .map_err(|error| TerrainError::Tile { cause: error.to_string() })?;
        Ok(Some(EncodedImage { mime: "image/jpeg".to_owned(), bytes }))
    }

    /// Lays one image over what is there; whether any of it shows.
    fn paint(&self, drape: &Drape, texels: usize, canvas: &mut [[f32; 3]]) -> Result<bool, TerrainError> {
        let Some(image) = self.images.get(drape.image) else { return Ok(false) };
        let Some(level) = image.raster.levels().first() else { return Ok(false) };
        let (least, greatest) = level.known.corners();
        let reader = RasterReader::new(&*image.raster, self.cache, drape.image);
        let footprint = drape.across() / texels as f64;
        let (low, high) = (drape.low.max(least), drape.high.min(greatest));
        let Some(part) = reader.part(low, high, footprint)? else { return Ok(false) };
        let mut any = false;
        for (index, under) in canvas.iter_mut().enumerate() {
            let (column, row) = ((index % texels) as f64 + 0.5, (index / texels) as f64 + 0.5);
            let pixel = drape.pixel(DVec2::new(column, texels as f64 - row) / texels as f64);
            if !(pixel.cmpge(least).all() && pixel.cmple(greatest).all()) {
                continue;
            }
            let [red, green, blue, alpha] = part.between(pixel).map(f32::from);
            let cover = alpha / 255.0;
            any |= cover > 0.0;
            for (channel, over) in under.iter_mut().zip([red, green, blue]) {
                *channel += (over - *channel) * cover;
            }
        }
        Ok(any)
    }
}
