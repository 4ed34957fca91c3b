//! Rasters as importers hand them on, for tests.

use std::path::Path;

use glam::{DVec2, DVec3};
use veduta::geodesy::{CrsId, CrsRegistry};
use veduta::import::raster::{Pixel, PixelBox, Pixels, RasterReader, RasterTiles, TileCache};
use veduta::import::terrain::Dem;
use veduta::import::{Gathered, ImportError, ImportOptions, MemoryFiles, SourceFiles, SourceReport, recognise};
use veduta::platform::LocalFiles;

/// What a file or folder holds, read by the importer that knows it.
pub fn read(files: &dyn SourceFiles, options: &ImportOptions) -> Result<(Gathered, SourceReport), ImportError> {
    let mut gathered = Gathered::default();
    let report = recognise(files)?.read(files, options, &mut gathered)?;
    Ok((gathered, report))
}

pub fn read_path(path: &Path, options: &ImportOptions) -> (Gathered, SourceReport) {
    read(&LocalFiles::open(path).unwrap(), options).unwrap()
}

pub fn one_file(name: &str, bytes: Vec<u8>) -> MemoryFiles {
    MemoryFiles::new(name, [(name.to_owned(), bytes)])
}

/// All pixels of a level.
pub fn level<P: Pixel>(raster: &dyn RasterTiles<P>, number: usize) -> Pixels<P> {
    let known = raster.levels()[number].known;
    window(raster, number, known)
}

pub fn window<P: Pixel>(raster: &dyn RasterTiles<P>, number: usize, window: PixelBox) -> Pixels<P> {
    let cache = TileCache::new(64 << 20);
    RasterReader::new(raster, &cache, 0).window(number, window).unwrap()
}

/// The height of a model at a place of some CRS, bilinear at its finest level, in its own unit.
pub fn height_at(dem: &Dem, crs: &CrsId, x: f64, y: f64) -> f32 {
    let mut place = [DVec3::new(x, y, 0.0)];
    CrsRegistry::default().operation(crs, &dem.crs).unwrap().convert(&mut place).unwrap();
    let pixel = dem.transform.pixel_from_crs.transform_point2(place[0].truncate());
    let cache = TileCache::new(64 << 20);
    let reader = RasterReader::new(&*dem.raster, &cache, 0);
    let part = reader.part(pixel - DVec2::ONE, pixel + DVec2::ONE, 1.0).unwrap();
    part.map_or(f32::NAN, |part| part.between(pixel))
}

/// The means of the channels, as `gdalinfo -stats` gives them of all pixels.
pub fn means(pixels: &Pixels<[u8; 4]>) -> [f64; 4] {
    let sum = |channel: usize| pixels.values.iter().map(|pixel| f64::from(pixel[channel])).sum::<f64>();
    [0, 1, 2, 3].map(|channel| sum(channel) / pixels.values.len() as f64)
}
