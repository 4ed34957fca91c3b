//! GeoTIFFs of the shared data against what GDAL says about them.

use std::io::Cursor;

use glam::DVec2;
use veduta::formats::geotiff::{GeoTiff, SampleKind};

use crate::shared_data::shared;

type Opened = GeoTiff<Cursor<Vec<u8>>>;

fn open(path: &str) -> Option<Opened> {
    Some(GeoTiff::open(Cursor::new(std::fs::read(shared(path)?).unwrap())).unwrap())
}

/// Path, columns, rows, bands, EPSG, lower left, upper right, nodata, least and greatest of the first band: the manifest's.
type Expected = (&'static str, u32, u32, u16, Option<u32>, [f64; 4], Option<f64>, (f64, f64));

const RASTERS: &[Expected] = &[
    (
        "terrain/bigtujunga_utm11n.tif",
        1197,
        643,
        1,
        Some(32611),
        [376_313.655, 3_788_627.828, 412_223.655, 3_807_917.828],
        Some(32767.0),
        (315.0, 2295.0),
    ),
    (
        "helsinki/elevation_model_2021_lapinlahti.tif",
        274,
        210,
        1,
        Some(4326),
        [24.9104, 60.1664, 24.9145, 60.1695],
        None,
        (-0.0, 10.988),
    ),
    (
        "imagery/loaders_geotiff/gfw-azores.tif",
        125,
        40,
        1,
        Some(4326),
        [-33.4, 37.0, -20.9, 41.0],
        Some(-3.4e38),
        (0.039, 572.976),
    ),
    (
        "imagery/rasterio/RGB.byte.tif",
        791,
        718,
        3,
        Some(32618),
        [101_985.0, 2_611_485.0, 339_315.0, 2_826_915.0],
        Some(0.0),
        (1.0, 255.0),
    ),
    ("imagery/world.tif", 2048, 1024, 3, Some(4326), [-180.0, -90.0, 180.0, 90.0], None, (0.0, 255.0)),
    (
        "boston/boston-inset.tif",
        380,
        342,
        3,
        Some(32619),
        [291_343.063, 4_653_876.749, 367_343.063, 4_722_276.749],
        None,
        (0.0, 255.0),
    ),
];

#[test]
fn sizes_places_and_extremes_are_the_manifests() {
    for &(path, width, height, bands, epsg, corners, nodata, (least, greatest)) in RASTERS {
        let Some(mut tiff) = open(path) else { continue };
        assert_eq!((tiff.width, tiff.height, tiff.bands), (width, height, bands), "{path}");
        assert_eq!(tiff.keys.crs().and_then(|crs| crs.epsg_code()), epsg, "{path}");
        let place = tiff.transform.unwrap().crs_from_pixel;
        let lower_left = place.transform_point2(DVec2::new(0.0, f64::from(height)));
        let upper_right = place.transform_point2(DVec2::new(f64::from(width), 0.0));
        let close = if epsg == Some(4326) { 6e-5 } else { 6e-4 };
        for (found, expected) in [lower_left.x, lower_left.y, upper_right.x, upper_right.y].into_iter().zip(corners) {
            assert!((found - expected).abs() < close, "{path}: {found}, not {expected}");
        }
        let same_nodata = match (tiff.nodata, nodata) {
            (Some(a), Some(b)) => (a - b).abs() <= b.abs() * 0.01,
            (a, b) => a == b,
        };
        assert!(same_nodata, "{path}: nodata {:?}", tiff.nodata);
        let band = tiff.read_band(0).unwrap();
        let known = band.samples.iter().copied().filter(|v| !v.is_nan());
        let (low, high) = known.fold((f32::MAX, f32::MIN), |(low, high), v| (low.min(v), high.max(v)));
        // GDAL's statistics are of a sample of large rasters: the extremes here include theirs.
        assert!(f64::from(low) <= least + 6e-4 && f64::from(high) >= greatest - 6e-4, "{path}: {low} {high}");
    }
}

/// Path, columns, rows, mean of the red band as `gdalinfo -stats` gives it (of all pixels).
#[test]
fn tiled_compressed_images_are_whole() {
    for (path, width, height, mean) in [
        ("imagery/martin_cog/usda_naip_256_lzw_z3.tif", 1024, 2048, 2.547_029_5),
        ("imagery/martin_cog/usda_naip_512_deflate_z2.tif", 1024, 2048, 2.547_029_5),
    ] {
        let Some(mut tiff) = open(path) else { continue };
        assert_eq!(tiff.sample, SampleKind::Unsigned(8));
        let image = tiff.read_rgba().unwrap();
        assert_eq!((image.width, image.height, image.pixels.len()), (width, height, width * height), "{path}");
        let sum: u64 = image.pixels.iter().map(|pixel| u64::from(pixel[0])).sum();
        let found = sum as f64 / image.pixels.len() as f64;
        assert!((found - mean).abs() < 1e-5, "{path}: mean {found}, not {mean}");
    }
    // JPEG with colours as YCbCr and chroma at half the resolution, whose upsampling decoders do a little differently.
    let Some(mut tiff) = open("imagery/rasterio/cogeo.tif") else { return };
    let image = tiff.read_rgba().unwrap();
    for (channel, mean) in [109.972_68, 120.668_07, 126.954_27].into_iter().enumerate() {
        let sum: u64 = image.pixels.iter().map(|pixel| u64::from(pixel[channel])).sum();
        let found = sum as f64 / image.pixels.len() as f64;
        assert!((found - mean).abs() < 0.5, "channel {channel}: mean {found}, not {mean}");
    }
    let Some(mut tiff) = open("imagery/rasterio/RGB.byte.tif") else { return };
    let image = tiff.read_rgba().unwrap();
    let empty = image.pixels.iter().filter(|pixel| pixel[3] == 0).count();
    assert!(empty > 100_000 && image.pixels.iter().filter(|p| p[3] == 0).all(|p| p[..3] == [0; 3]), "{empty}");
}

#[test]
fn damaged_files_end_in_an_error() {
    let Some(path) = shared("terrain/bigtujunga_utm11n.tif") else { return };
    let whole = std::fs::read(path).unwrap();
    for length in [0, 1, 7, 8, 100, 500, 5_000, whole.len() / 2] {
        let cut = GeoTiff::open(Cursor::new(whole[..length].to_vec())).and_then(|mut tiff| tiff.read_band(0));
        assert!(cut.is_err(), "{length} bytes");
    }
    for at in 0..400 {
        let mut bytes = whole.clone();
        bytes[at] = 0xff;
        bytes.truncate(60_000);
        let _ = GeoTiff::open(Cursor::new(bytes)).and_then(|mut tiff| tiff.read_band(0));
    }
}
