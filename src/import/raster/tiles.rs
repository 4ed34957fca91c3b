//! Rasters as tiles at several resolutions, read where and as finely as they are needed.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use glam::DVec2;

use super::{Pixel, Pixels};
use crate::import::ImportError;

/// A rectangle in the pixels of one level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PixelBox {
    /// Column of its first pixel.
    pub left: i64,
    /// Row of its first pixel.
    pub top: i64,
    /// Columns.
    pub width: u64,
    /// Rows.
    pub height: u64,
}

impl PixelBox {
    /// From 0, 0.
    pub fn of_size(width: u64, height: u64) -> Self {
        Self { left: 0, top: 0, width, height }
    }

    /// Upper left and lower right corner in pixel coordinates.
    pub fn corners(&self) -> (DVec2, DVec2) {
        let low = DVec2::new(self.left as f64, self.top as f64);
        (low, low + DVec2::new(self.width as f64, self.height as f64))
    }

    /// The pixels that a box in pixel coordinates touches; empty where it is no number or turned inside out.
    pub fn around(low: DVec2, high: DVec2) -> Self {
        let (low, high) = (low.floor(), high.ceil());
        if !(low.cmple(high).all() && low.abs().max_element() < 1e15 && high.abs().max_element() < 1e15) {
            return Self::default();
        }
        let size = high - low;
        Self { left: low.x as i64, top: low.y as i64, width: size.x as u64, height: size.y as u64 }
    }

    /// What is in both.
    pub fn intersection(&self, other: &Self) -> Self {
        let ((a, b), (c, d)) = (self.corners(), other.corners());
        let (low, high) = (a.max(c), b.min(d));
        if low.cmplt(high).all() { Self::around(low, high) } else { Self::default() }
    }

    /// Whether it has no pixel.
    pub fn is_empty(&self) -> bool {
        self.width == 0 || self.height == 0
    }

    /// How many pixels it has.
    pub fn area(&self) -> u64 {
        self.width.saturating_mul(self.height)
    }
}

/// One resolution of a raster.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// Pixels of the finest level along one of this, across and down.
    pub scale: DVec2,
    /// Where its pixel coordinates (0, 0) are in those of the finest level.
    pub offset: DVec2,
    /// Columns and rows of a tile; those at the right and lower border may be smaller.
    pub tile: [u32; 2],
    /// Where it has pixels, in its own.
    pub known: PixelBox,
}

impl Level {
    /// Pixel coordinates of this level from those of the finest.
    pub fn from_finest(&self, place: DVec2) -> DVec2 {
        (place - self.offset) / self.scale
    }

    /// Pixel coordinates of the finest level from those of this.
    pub fn to_finest(&self, place: DVec2) -> DVec2 {
        place * self.scale + self.offset
    }
}

/// What could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Damage {
    /// How many tiles.
    pub tiles: u64,
    /// Which was the first, and what is wrong with it.
    pub first: Option<String>,
}

/// A level, a column and a row.
type TileAt = (usize, u64, u64);

/// Counts damaged tiles, each once.
#[derive(Debug, Default)]
pub struct DamageLog(Mutex<(BTreeSet<TileAt>, Damage)>);

/// Damaged tiles that are told apart; more are counted again when they are read again.
const MOST_TOLD_APART: usize = 100_000;

impl DamageLog {
    /// A tile of a level (column, row) cannot be decoded.
    pub fn add(&self, tile: TileAt, cause: impl FnOnce() -> String) {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = log.0.len() >= MOST_TOLD_APART || log.0.insert(tile);
        if is_new {
            log.1.tiles += 1;
            if log.1.first.is_none() {
                log.1.first = Some(cause());
            }
        }
    }

    /// All of it.
    pub fn so_far(&self) -> Damage {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }
}

/// Tiles of pixels at one or more resolutions, decoded when they are asked for. Any thread may ask.
///
/// ```
/// use veduta::import::raster::{Damage, Level, Pixels, RasterTiles};
/// struct Flat([Level; 1]);
/// impl RasterTiles<f32> for Flat {
///     fn levels(&self) -> &[Level] { &self.0 }
///     fn tile(&self, _: usize, _: u64, _: u64) -> Result<Option<Pixels<f32>>, veduta::import::ImportError> {
///         Ok(Some(Pixels { width: 2, height: 2, values: vec![7.0; 4] }))
///     }
/// }
/// ```
pub trait RasterTiles<P: Pixel>: Send + Sync {
    /// Finest first; never empty.
    fn levels(&self) -> &[Level];

    /// A tile of a level by column and row; `None` where there is none. Only a store that cannot be read is an error: what
    /// cannot be decoded is `None` and told by [`Self::damage`].
    fn tile(&self, level: usize, column: u64, row: u64) -> Result<Option<Pixels<P>>, ImportError>;

    /// Whether a tile that is not there looks as the coarser levels do at its place, which is so in pyramids of map tiles;
    /// where not, nothing is known there.
    fn continues_in_coarser(&self) -> bool {
        false
    }

    /// What could not be decoded so far.
    fn damage(&self) -> Damage {
        Damage::default()
    }

    /// Decodes every tile that there is, to know what cannot be.
    fn look_everywhere(&self) -> Result<Damage, ImportError> {
        for (number, level) in self.levels().iter().enumerate() {
            let [width, height] = level.tile.map(|edge| u64::from(edge.max(1)));
            let (left, top) = (level.known.left.max(0) as u64, level.known.top.max(0) as u64);
            for row in top / height..(top + level.known.height).div_ceil(height) {
                for column in left / width..(left + level.known.width).div_ceil(width) {
                    self.tile(number, column, row)?;
                }
            }
        }
        Ok(self.damage())
    }
}

/// One raster held whole: a level of one tile.
pub struct Held<P>(pub Pixels<P>, [Level; 1]);

impl<P: Pixel> Held<P> {
    /// From pixels.
    pub fn new(pixels: Pixels<P>) -> Self {
        let (width, height) = (pixels.width as u32, pixels.height as u32);
        let known = PixelBox::of_size(width.into(), height.into());
        Self(pixels, [Level { scale: DVec2::ONE, offset: DVec2::ZERO, tile: [width.max(1), height.max(1)], known }])
    }
}

impl<P: Pixel> RasterTiles<P> for Held<P> {
    fn levels(&self) -> &[Level] {
        &self.1
    }

    fn tile(&self, _: usize, column: u64, row: u64) -> Result<Option<Pixels<P>>, ImportError> {
        Ok(((column, row) == (0, 0)).then(|| self.0.clone()))
    }
}

/// Place of a tile in a cache: raster, level, column, row.
type Key = (usize, usize, u64, u64);

/// Decoded tiles of several rasters, the longest unused ones dropped when they are too many.
pub struct TileCache<P> {
    most_bytes: usize,
    kept: Mutex<Kept<P>>,
}

/// A tile that may have no pixels.
type Decoded<P> = Arc<Option<Pixels<P>>>;

struct Kept<P> {
    /// With the time of their last use.
    tiles: HashMap<Key, (Decoded<P>, u64)>,
    /// Keys with the time of their use, oldest first; a key whose time is not that of its tile was used again.
    uses: VecDeque<(Key, u64)>,
    bytes: usize,
    time: u64,
}

impl<P: Pixel> TileCache<P> {
    /// With room for so many bytes of pixels.
    pub fn new(most_bytes: usize) -> Self {
        let kept = Kept { tiles: HashMap::new(), uses: VecDeque::new(), bytes: 0, time: 0 };
        Self { most_bytes, kept: Mutex::new(kept) }
    }

    fn get(&self, key: &Key) -> Option<Arc<Option<Pixels<P>>>> {
        let kept = &mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.time += 1;
        let (tile, time) = kept.tiles.get_mut(key)?;
        *time = kept.time;
        kept.uses.push_back((*key, kept.time));
        let tile = Arc::clone(tile);
        // Uses that no longer say anything must not pile up.
        if kept.uses.len() > 4 * kept.tiles.len() + 64 {
            let tiles = &kept.tiles;
            kept.uses.retain(|(key, time)| tiles.get(key).is_some_and(|(_, last)| last == time));
        }
        Some(tile)
    }

    fn put(&self, key: Key, tile: Option<Pixels<P>>) -> Arc<Option<Pixels<P>>> {
        let bytes = |tile: &Option<Pixels<P>>| 64 + tile.as_ref().map_or(0, |t| t.values.len() * size_of::<P>());
        let tile = Arc::new(tile);
        let kept = &mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.time += 1;
        kept.bytes += bytes(&tile);
        if let Some((old, _)) = kept.tiles.insert(key, (Arc::clone(&tile), kept.time)) {
            kept.bytes -= bytes(&old);
        }
        kept.uses.push_back((key, kept.time));
        while kept.bytes > self.most_bytes {
            let Some((key, time)) = kept.uses.pop_front() else { break };
            if kept.tiles.get(&key).is_some_and(|(_, last)| *last == time)
                && let Some((old, _)) = kept.tiles.remove(&key)
            {
                kept.bytes -= bytes(&old);
            }
        }
        tile
    }
}

/// A part of a raster at some resolution.
#[derive(Debug, Clone, PartialEq)]
pub struct Part<P> {
    /// The pixels.
    pub pixels: Pixels<P>,
    /// Pixels of the finest level along one of these.
    pub scale: DVec2,
    /// Where their pixel coordinates (0, 0) are in those of the finest level.
    pub offset: DVec2,
}

impl<P: Pixel> Part<P> {
    /// Between the pixels around a place in the pixel coordinates of the finest level.
    pub fn between(&self, place: DVec2) -> P {
        let at = (place - self.offset) / self.scale;
        self.pixels.between(at.x, at.y)
    }
}

/// Pixels of a part that is held at one time.
const MOST_PART_PIXELS: u64 = 1 << 24;
/// Pixels that are read at one time to make fewer of them.
const MOST_READ_PIXELS: u64 = 1 << 22;

/// Reads parts of one raster over a cache.
pub struct RasterReader<'a, P: Pixel> {
    tiles: &'a dyn RasterTiles<P>,
    cache: &'a TileCache<P>,
    number: usize,
}

impl<'a, P: Pixel> RasterReader<'a, P> {
    /// Of a raster that the cache knows by a number.
    pub fn new(tiles: &'a dyn RasterTiles<P>, cache: &'a TileCache<P>, number: usize) -> Self {
        Self { tiles, cache, number }
    }

    /// The part around a box of the finest level's pixel coordinates, with one pixel of the result for `footprint` of the
    /// finest or fewer, and a pixel more on each side. Coarser levels serve where they are fine enough; where none is, pixels
    /// are put together. `None` where the raster does not reach.
    pub fn part(&self, low: DVec2, high: DVec2, footprint: f64) -> Result<Option<Part<P>>, ImportError> {
        let levels = self.tiles.levels();
        let fits = |level: &&Level| level.scale.max_element() <= footprint.max(1.0) * 1.001;
        let number = levels.iter().rposition(|level| fits(&level)).unwrap_or_default();
        let Some(level) = levels.get(number) else { return Ok(None) };
        let (low, high) = (level.from_finest(low), level.from_finest(high));
        let mut factor = (footprint / level.scale.max_element()).floor().clamp(1.0, 1e6) as u64;
        let window = |factor: u64| {
            let edge = factor as f64;
            let around = PixelBox::around((low / edge).floor() - 1.0, (high / edge).ceil() + 1.0);
            let known = level.known.corners();
            around.intersection(&PixelBox::around((known.0 / edge).floor(), (known.1 / edge).ceil()))
        };
        while window(factor).area() > MOST_PART_PIXELS {
            factor *= 2;
        }
        let window = window(factor);
        if window.is_empty() {
            return Ok(None);
        }
        let pixels = self.reduced(number, window, factor)?;
        let corner = DVec2::new(window.left as f64, window.top as f64) * factor as f64;
        Ok(Some(Part { pixels, scale: level.scale * factor as f64, offset: level.to_finest(corner) }))
    }

    /// The window in pixels `factor` times as large as those of a level.
    fn reduced(&self, level: usize, window: PixelBox, factor: u64) -> Result<Pixels<P>, ImportError> {
        let edge = factor as i64;
        let full = |part: PixelBox| PixelBox {
            left: part.left * edge,
            top: part.top * edge,
            width: part.width * factor,
            height: part.height * factor,
        };
        if factor == 1 {
            return self.window(level, window);
        }
        let mut all = Pixels::unknown(window.width as usize, window.height as usize);
        // In pieces, so that no more than some are held at the level's own resolution.
        let across = (MOST_READ_PIXELS / (factor * factor)).clamp(1, window.width);
        let down = (MOST_READ_PIXELS / (factor * factor * across)).clamp(1, window.height);
        for top in (0..window.height).step_by(down as usize) {
            for left in (0..window.width).step_by(across as usize) {
                let piece = PixelBox {
                    left: window.left + left as i64,
                    top: window.top + top as i64,
                    width: across.min(window.width - left),
                    height: down.min(window.height - top),
                };
                let fine = self.window(level, full(piece))?;
                all.paste(&fine.reduced(factor as usize), left as i64, top as i64);
            }
        }
        Ok(all)
    }

    /// A window of a level at its own resolution.
    pub fn window(&self, level: usize, window: PixelBox) -> Result<Pixels<P>, ImportError> {
        let mut found = Pixels::unknown(window.width as usize, window.height as usize);
        let Some(about) = self.tiles.levels().get(level) else { return Ok(found) };
        let wanted = window.intersection(&about.known);
        if wanted.is_empty() {
            return Ok(found);
        }
        let [width, height] = about.tile.map(|edge| i64::from(edge.max(1)));
        let last = (wanted.left + wanted.width as i64 - 1, wanted.top + wanted.height as i64 - 1);
        for row in wanted.top.div_euclid(height)..=last.1.div_euclid(height) {
            for column in wanted.left.div_euclid(width)..=last.0.div_euclid(width) {
                let (Ok(tile_column), Ok(tile_row)) = (u64::try_from(column), u64::try_from(row)) else { continue };
                let tile = self.tile(level, tile_column, tile_row)?;
                if let Some(tile) = &*tile {
                    found.paste(tile, column * width - window.left, row * height - window.top);
                }
            }
        }
        Ok(found)
    }

    fn tile(&self, level: usize, column: u64, row: u64) -> Result<Arc<Option<Pixels<P>>>, ImportError> {
        let key = (self.number, level, column, row);
        if let Some(tile) = self.cache.get(&key) {
            return Ok(tile);
        }
        let mut tile = self.tiles.tile(level, column, row)?;
        if tile.is_none() && self.tiles.continues_in_coarser() {
            tile = self.made_of_coarser(level, column, row)?;
        }
        Ok(self.cache.put(key, tile))
    }

    /// A tile as the next coarser level has it.
    fn made_of_coarser(&self, level: usize, column: u64, row: u64) -> Result<Option<Pixels<P>>, ImportError> {
        let levels = self.tiles.levels();
        let (Some(fine), Some(coarse)) = (levels.get(level), levels.get(level + 1)) else { return Ok(None) };
        let corner = DVec2::new(column as f64 * f64::from(fine.tile[0]), row as f64 * f64::from(fine.tile[1]));
        let size = DVec2::new(f64::from(fine.tile[0]), f64::from(fine.tile[1]));
        let place = |pixel: DVec2| coarse.from_finest(fine.to_finest(pixel));
        let window = PixelBox::around(place(corner).floor() - 1.0, place(corner + size).ceil() + 1.0);
        let window = window.intersection(&coarse.known);
        if window.is_empty() {
            return Ok(None);
        }
        let below = self.window(level + 1, window)?;
        if !below.values.iter().any(|pixel| pixel.is_known()) {
            return Ok(None);
        }
        let shift = DVec2::new(window.left as f64, window.top as f64);
        let mut tile = Pixels::unknown(fine.tile[0] as usize, fine.tile[1] as usize);
        for (index, value) in tile.values.iter_mut().enumerate() {
            let pixel = DVec2::new((index % tile.width) as f64 + 0.5, (index / tile.width) as f64 + 0.5);
            let at = place(corner + pixel) - shift;
            *value = below.between(at.x, at.y);
        }
        Ok(Some(tile))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three levels of 4 x 4 tiles whose pixels tell their place in the finest level; fine tiles only on the left.
    struct Pyramid([Level; 3]);

    impl Pyramid {
        fn new() -> Self {
            let level = |k: u32| Level {
                scale: DVec2::splat(f64::from(1 << k)),
                offset: DVec2::ZERO,
                tile: [4, 4],
                known: PixelBox::of_size(64 >> k, 64 >> k),
            };
            Self([level(0), level(1), level(2)])
        }
    }

    impl RasterTiles<f32> for Pyramid {
        fn levels(&self) -> &[Level] {
            &self.0
        }

        fn tile(&self, level: usize, column: u64, row: u64) -> Result<Option<Pixels<f32>>, ImportError> {
            if level == 0 && column >= 8 {
                return Ok(None);
            }
            let scale = f64::from(1 << level);
            let value = |i: u64| {
                let (x, y) = ((column * 4 + i % 4) as f64 + 0.5, (row * 4 + i / 4) as f64 + 0.5);
                (x * scale + 1000.0 * y * scale) as f32
            };
            Ok(Some(Pixels { width: 4, height: 4, values: (0..16).map(value).collect() }))
        }

        fn continues_in_coarser(&self) -> bool {
            true
        }
    }

    #[test]
    fn parts_lie_where_they_should_at_every_resolution() {
        let (tiles, cache) = (Pyramid::new(), TileCache::new(2000));
        let reader = RasterReader::new(&tiles, &cache, 0);
        for footprint in [0.3, 1.0, 2.0, 3.0, 4.0, 8.0] {
            let part = reader.part(DVec2::splat(9.0), DVec2::new(50.0, 41.0), footprint).unwrap().unwrap();
            assert!(
                part.scale.x <= footprint.max(1.0) && part.scale.x * 2.0 > footprint,
                "{footprint}: {}",
                part.scale
            );
            for (x, y) in [(10.0, 10.0), (31.5, 20.25), (49.0, 33.0), (33.0, 40.5)] {
                let found = part.between(DVec2::new(x, y));
                assert!((f64::from(found) - (x + 1000.0 * y)).abs() < 0.51, "{footprint}, {x} {y}: {found}");
            }
        }
        assert_eq!(reader.part(DVec2::splat(70.0), DVec2::splat(80.0), 1.0).unwrap(), None);
        assert_eq!(reader.part(DVec2::NAN, DVec2::NAN, 1.0).unwrap(), None);
        let kept = cache.kept.lock().unwrap();
        assert!(kept.bytes <= 2000 && kept.tiles.len() < 20, "{} bytes", kept.bytes);
    }

    #[test]
    fn damage_is_counted_once() {
        let log = DamageLog::default();
        log.add((0, 1, 2), || "first".to_owned());
        log.add((0, 1, 2), || "again".to_owned());
        log.add((1, 1, 2), || "second".to_owned());
        assert_eq!(log.so_far(), Damage { tiles: 2, first: Some("first".to_owned()) });
    }
}
