//! GeoTIFFs of the shared data against what GDAL says about them.

use veduta::geodesy::CrsId;
use veduta::import::raster::{Pixel, RasterKind};
use veduta::import::{Gathered, HeightsAbove, ImportOptions};

use crate::rasters::{height_at, level, means, one_file, read, read_path};
use crate::shared_data::shared;
use crate::terrain::dem_file;

/// Path, columns, rows, bands, CRS, lower left, upper right, nodata, least and greatest of the first band: the manifest's.
type Expected = (&'static str, u64, u64, u16, &'static str, [f64; 4], Option<f64>, (f64, f64));

const MODELS: &[Expected] = &[
    (
        "terrain/bigtujunga_utm11n.tif",
        1197,
        643,
        1,
        "EPSG:32611",
        [376_313.655, 3_788_627.828, 412_223.655, 3_807_917.828],
        Some(32767.0),
        (315.0, 2295.0),
    ),
    (
        "helsinki/elevation_model_2021_lapinlahti.tif",
        274,
        210,
        1,
        "EPSG:4326",
        [24.9104, 60.1664, 24.9145, 60.1695],
        None,
        (-0.0, 10.988),
    ),
    (
        "imagery/loaders_geotiff/gfw-azores.tif",
        125,
        40,
        1,
        "EPSG:4326",
        [-33.4, 37.0, -20.9, 41.0],
        Some(-3.4e38),
        (0.039, 572.976),
    ),
    (
        "terrain/mt_fuji_90m.tif",
        1201,
        1201,
        1,
        "EPSG:4326",
        [137.9996, 34.9996, 139.0004, 36.0004],
        Some(-32768.0),
        (-16.0, 3742.0),
    ),
    (
        "terrain/mt_rainier_90m.tif",
        1201,
        1201,
        1,
        "EPSG:4326",
        [-122.0004, 45.9996, -120.9996, 47.0004],
        Some(-32768.0),
        (263.0, 4371.0),
    ),
    (
        "terrain/pysheds_dem.tif",
        367,
        359,
        1,
        "EPSG:4326",
        [-97.485, 32.5225, -97.1792, 32.8217],
        Some(-32768.0),
        (147.0, 298.0),
    ),
];

#[test]
fn sizes_places_and_extremes_are_the_manifests() {
    for &(path, width, height, bands, crs, corners, nodata, (least, greatest)) in MODELS {
        let Some(found) = shared(path) else { continue };
        let (gathered, report) = read_path(&found, &ImportOptions::default());
        let facts = &report.rasters[0];
        assert_eq!((facts.kind, facts.width, facts.height, facts.bands), (RasterKind::Elevation, width, height, bands));
        let frame = report.frame.unwrap();
        assert_eq!((frame.crs.to_string().as_str(), frame.heights_above), (crs, HeightsAbove::Geoid), "{path}");
        let close = if crs == "EPSG:4326" { 6e-5 } else { 6e-4 };
        for (found, expected) in facts.extent.unwrap().into_iter().zip(corners) {
            assert!((found - expected).abs() < close, "{path}: {found}, not {expected}");
        }
        let same_nodata = match (facts.nodata, nodata) {
            (Some(a), Some(b)) => (a - b).abs() <= b.abs() * 0.01,
            (a, b) => a == b,
        };
        assert!(same_nodata, "{path}: nodata {:?}", facts.nodata);
        let heights = level(&*gathered.dems[0].raster, 0);
        let known = heights.values.iter().copied().filter(|value| value.is_known());
        let (low, high) = known.fold((f32::MAX, f32::MIN), |(low, high), v| (low.min(v), high.max(v)));
        // GDAL's statistics are of a sample of large rasters: the extremes here include theirs.
        assert!(f64::from(low) <= least + 6e-4 && f64::from(high) >= greatest - 6e-4, "{path}: {low} {high}");
        assert!(f64::from(low) > least - 50.0 && f64::from(high) < greatest + 50.0, "{path}: {low} {high}");
    }
}

/// Bilinear heights at places, computed with rasterio 1.5 and NumPy.
#[test]
fn heights_at_places_are_gdals() {
    for (path, epsg, x, y, expected) in [
        ("terrain/bigtujunga_utm11n.tif", 32611, 394_000.0, 3_798_000.0, 1_159.99),
        ("terrain/mt_fuji_90m.tif", 4326, 138.7307, 35.3628, 3_545.643),
        ("terrain/mt_fuji_90m.tif", 4326, 138.5, 35.5, 525.0),
        ("terrain/mt_rainier_90m.tif", 4326, -121.7603, 46.8523, 4_370.274),
        ("terrain/pysheds_dem.tif", 4326, -97.3, 32.7, 192.750),
        ("helsinki/elevation_model_2021_lapinlahti.tif", 4326, 24.9125, 60.168, 5.505),
    ] {
        let Some(found) = shared(path) else { continue };
        let (gathered, _) = read_path(&found, &ImportOptions::default());
        let height = height_at(&gathered.dems[0], &CrsId::epsg(epsg), x, y);
        assert!((height - expected).abs() < 2e-3, "{path}: {height}, not {expected}");
    }
    // Nodata there.
    let Some(path) = shared("imagery/loaders_geotiff/gfw-azores.tif") else { return };
    let (gathered, _) = read_path(&path, &ImportOptions::default());
    assert!(height_at(&gathered.dems[0], &CrsId::epsg(4326), -25.4, 37.8).is_nan());
}

/// Path, columns, rows, levels, means of red, green and blue, pixels that are seen: GDAL's, of all pixels.
type Picture = (&'static str, u64, u64, usize, [f64; 3], usize, f64);

const PICTURES: &[Picture] = &[
    ("boston/boston-inset.tif", 380, 342, 1, [66.6728, 74.9993, 90.2552], 129_960, 1e-3),
    ("nyc_small/nyc-inset-wgs84.tif", 864, 655, 1, [61.7976, 67.7418, 81.2849], 565_920, 1e-3),
    ("terrain/nodata.tif", 256, 256, 1, [71.8667, 71.7854, 71.7854], 65_536, 1e-3),
    // JPEG: decoders differ a little.
    ("imagery/world.tif", 2048, 1024, 1, [53.5784, 53.8014, 77.6851], 2_097_152, 0.1),
    ("imagery/vcs_cog/test_grey_world.tif", 2048, 2048, 4, [127.5; 3], 4_194_304, 0.5),
    ("imagery/rasterio/cogeo.tif", 1024, 1024, 7, [109.972_68, 120.668_07, 126.954_27], 1_048_576, 0.5),
];

#[test]
fn pictures_are_gdals() {
    for &(path, width, height, levels, expected, seen, tolerance) in PICTURES {
        let Some(found) = shared(path) else { continue };
        let (gathered, report) = read_path(&found, &ImportOptions::default());
        let facts = &report.rasters[0];
        assert_eq!((facts.kind, facts.width, facts.height, facts.levels), (RasterKind::Image, width, height, levels));
        let raster = &*gathered.images[0].raster;
        let pixels = level(raster, 0);
        let found = means(&pixels);
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < tolerance, "{path}: mean {found}, not {expected}");
        }
        let count = pixels.values.iter().filter(|pixel| pixel.is_known()).count();
        assert_eq!((count, raster.damage().tiles), (seen, 0), "{path}");
        // Overviews look as the image does; of colours that are masked nothing is left.
        for number in 1..levels {
            let coarse = means(&level(raster, number));
            assert!((coarse[1] - found[1]).abs() < 12.0, "{path}, level {number}: {coarse:?}");
        }
    }
}

/// Masks, nodata and alpha: how many pixels GDAL's mask of the dataset leaves.
#[test]
fn what_is_masked_is_not_seen() {
    for (path, seen) in [
        ("imagery/vcs_cog/test_rgb.tif", 2_613_260),
        ("imagery/rasterio/goes.tif", 230_052),
        ("imagery/rasterio/shade.tif", 124_375),
        ("imagery/rasterio/RGBA.uint16.tif", 127_316),
        ("imagery/martin_cog/usda_naip_128_none_z2.tif", 7_504),
    ] {
        let Some(found) = shared(path) else { continue };
        let (gathered, _) = read_path(&found, &ImportOptions::default());
        let pixels = level(&*gathered.images[0].raster, 0);
        // A fully transparent colour of 16 bits may round to a touch of 8.
        let count = pixels.values.iter().filter(|pixel| pixel.is_known()).count();
        assert!(count.abs_diff(seen) < seen / 500, "{path}: {count}, not {seen}");
    }
    let Some(path) = shared("imagery/rasterio/RGB.byte.tif") else { return };
    let (gathered, _) = read_path(&path, &ImportOptions::default());
    let pixels = level(&*gathered.images[0].raster, 0);
    let empty = pixels.values.iter().filter(|pixel| !pixel.is_known()).count();
    assert!(empty > 100_000, "{empty}");
}

#[test]
fn tiled_compressed_images_are_whole() {
    for path in ["imagery/martin_cog/usda_naip_256_lzw_z3.tif", "imagery/martin_cog/usda_naip_512_deflate_z2.tif"] {
        let Some(found) = shared(path) else { continue };
        let (gathered, report) = read_path(&found, &ImportOptions::default());
        assert!(report.rasters[0].levels >= 2, "{path}");
        let found = means(&level(&*gathered.images[0].raster, 0));
        assert!((found[0] - 2.547_029_5).abs() < 1e-5, "{path}: mean {}", found[0]);
    }
    // 8192 x 16384 pixels of which most tiles are not there: read at the resolution of the second overview.
    for (path, expected, tolerance) in [
        ("imagery/martin_cog/usda_naip_512_jpeg_z5.tif", [0.0406, 0.0367, 0.0293], 0.01),
        ("imagery/martin_cog/usda_naip_512_webp_z5.tif", [0.0403, 0.0369, 0.0291], 0.01),
    ] {
        let Some(found) = shared(path) else { continue };
        let (gathered, report) = read_path(&found, &ImportOptions::default());
        assert_eq!((report.rasters[0].width, report.rasters[0].height, report.rasters[0].levels), (8192, 16384, 5));
        let raster = &*gathered.images[0].raster;
        let found = means(&level(raster, 2));
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < tolerance, "{path}: {found}, not {expected}");
        }
        assert_eq!(raster.damage().tiles, 0, "{path}: {:?}", raster.damage());
    }
}

/// CRS without an EPSG code: of parameters, and of a PROJ string inside a citation.
#[test]
fn crs_of_their_own_are_proj_strings() {
    let Some(path) = shared("imagery/rasterio/float_raster_with_nodata.tif") else { return };
    let (_, report) = read_path(&path, &ImportOptions::default());
    let crs = report.frame.unwrap().crs.to_string();
    assert_eq!(crs, "+proj=laea +lat_0=52 +lon_0=10 +x_0=4321000 +y_0=3210000 +ellps=GRS80 +units=m +no_defs");
    // What ArcGIS wrote is WKT in a citation.
    let Some(path) = shared("imagery/rasterio/test_esri_wkt.tif") else { return };
    let (_, report) = read_path(&path, &ImportOptions::default());
    let crs = report.frame.unwrap().crs.to_string();
    // Either parallel may come first.
    let parallels = ["+lat_1=29.5 +lat_2=45.5", "+lat_1=45.5 +lat_2=29.5"];
    let is_albers =
        crs.starts_with("+proj=aea +lat_0=23 +lon_0=-96") && parallels.iter().any(|both| crs.contains(both));
    assert!(crs == "EPSG:5070" || is_albers, "{crs}");
    let Some(path) = shared("imagery/rasterio/goes.tif") else { return };
    let (_, report) = read_path(&path, &ImportOptions::default());
    assert!(report.frame.unwrap().crs.to_string().starts_with("+proj=geos +lon_0=-75 +h=35786023"));
}

/// Tiles that cannot be decoded are holes, and told; GDAL cannot read this file either.
#[test]
fn damaged_tiles_are_holes() {
    let Some(path) = shared("imagery/rasterio/corrupt.tif") else { return };
    let mut bytes = std::fs::read(path).unwrap();
    let of = |bytes: Vec<u8>| one_file("a.tif", bytes);
    let error = read(&of(bytes.clone()), &ImportOptions::default()).unwrap_err().to_string();
    assert!(error.contains("cut off"), "{error}");
    // Its last tile should end at 307 086; its second one begins at 169 310.
    bytes.resize(307_086, 0);
    bytes[169_310..173_310].fill(0);
    let (gathered, _) = read(&of(bytes), &ImportOptions::default()).unwrap();
    let raster = &*gathered.images[0].raster;
    let pixels = level(raster, 0);
    let damage = raster.look_everywhere().unwrap();
    assert!(damage.tiles >= 1 && damage.first.unwrap().contains("cannot be decoded"));
    assert!(pixels.values.iter().any(|pixel| pixel.is_known()));
}

fn opened(bytes: Vec<u8>) -> Result<Gathered, String> {
    read(&one_file("a.tif", bytes), &ImportOptions::default())
        .map(|(found, _)| found)
        .map_err(|error| error.to_string())
}

fn look(gathered: &Gathered) {
    gathered.dems.iter().for_each(|dem| drop(dem.raster.look_everywhere()));
    gathered.images.iter().for_each(|image| drop(image.raster.look_everywhere()));
}

#[test]
fn damaged_files_end_in_an_error() {
    let whole = dem_file([121.0, 31.0], 0.001, (16, 16), |x, y| (x + y) as f32);
    for length in 0..whole.len() {
        match opened(whole[..length].to_vec()) {
            Ok(found) => look(&found),
            Err(error) => assert!(error.ends_with("a.tif"), "{error}"),
        }
    }
    for at in 0..whole.len() {
        for value in [0x00, 0xff, 0x7f, 0x80] {
            let mut bytes = whole.clone();
            bytes[at] = value;
            if let Ok(found) = opened(bytes) {
                look(&found);
            }
        }
    }
    let cut = opened(whole[..whole.len() - 600].to_vec());
    assert!(cut.is_err_and(|error| error.contains("cut off")) || whole[8..].len() < 600);
    for path in
        ["terrain/bigtujunga_utm11n.tif", "imagery/rasterio/cogeo.tif", "imagery/martin_cog/usda_naip_256_lzw_z3.tif"]
    {
        let Some(found) = shared(path) else { continue };
        let whole = std::fs::read(found).unwrap();
        assert!(opened(whole[..whole.len() / 2].to_vec()).is_err_and(|error| error.contains("cut off")), "{path}");
        let mut state = 1_u64;
        for _ in 0..60 {
            let mut bytes = whole.clone();
            for _ in 0..20 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let at = (state >> 20) as usize % 4000.min(bytes.len());
                bytes[at] = (state >> 55) as u8;
            }
            if let Ok(found) = opened(bytes) {
                let heights = found.dems.first().map(|dem| dem.raster.tile(0, 0, 0).is_ok());
                let colors = found.images.first().map(|image| image.raster.tile(0, 0, 0).is_ok());
                assert!(heights.or(colors).is_some());
            }
        }
    }
}

/// A chain of directories that leads back to itself ends.
#[test]
fn circles_of_directories_end() {
    let mut bytes = dem_file([121.0, 31.0], 0.001, (4, 4), |_, _| 7.0);
    let first = u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize;
    let count = usize::from(u16::from_le_bytes(bytes[first..first + 2].try_into().unwrap()));
    let next = first + 2 + count * 12;
    bytes.resize(bytes.len().max(next + 4), 0);
    bytes[next..next + 4].copy_from_slice(&(first as u32).to_le_bytes());
    let found = opened(bytes).unwrap();
    assert_eq!(found.dems[0].raster.levels().len(), 1);
}
