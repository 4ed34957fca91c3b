//! Pyramids of tiles, terrain tiles and geoid models: the shared data against what other readers say of them.

use std::f64::consts::PI;
use std::io::Cursor;

use glam::{DVec2, DVec3};
use veduta::geodesy::{CrsId, CrsRegistry, HeightReference, Separation};
use veduta::import::raster::{Pixel, RasterKind};
use veduta::import::{
    Confidence, Gathered, HeightsAbove, ImportOptions, MemoryFiles, SourceReport, importer, read_geoid, recognise,
};
use veduta::platform::LocalFiles;

use crate::rasters::{height_at, level, means, one_file, read, read_path};
use crate::shared_data::shared;

fn png(width: u32, height: u32, color: impl Fn(u32, u32) -> [u8; 4]) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let picture = image::RgbaImage::from_fn(width, height, |x, y| image::Rgba(color(x, y)));
    picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

fn folder(tiles: Vec<(String, Vec<u8>)>, options: &ImportOptions) -> (Gathered, SourceReport) {
    read(&MemoryFiles::new("tiles", tiles), options).unwrap()
}

/// Archives of pictures by the `pmtiles` reader of Python: zooms and the extent of tiles at the finest.
#[test]
fn archives_hold_what_their_own_reader_finds() {
    let Some(path) = shared("tiles/stamen_toner_raster_z3.pmtiles") else { return };
    let (gathered, report) = read_path(&path, &ImportOptions::default());
    let facts = &report.rasters[0];
    assert_eq!((facts.kind, facts.width, facts.height, facts.levels), (RasterKind::Image, 2048, 2048, 4));
    let half = PI * 6_378_137.0;
    for (found, expected) in facts.extent.unwrap().into_iter().zip([-half, -half, half, half]) {
        assert!((found - expected).abs() < 1e-6, "{found}");
    }
    let raster = &*gathered.images[0].raster;
    assert_eq!(raster.look_everywhere().unwrap().tiles, 0);
    // Its tile 3/0/0 is black, so the corner of the world is.
    assert_eq!(level(raster, 0).at(100, 100), [0, 0, 0, 255]);
    let Some(path) = shared("tiles/usgs-mt-whitney-8-15-webp-512.pmtiles") else { return };
    let (gathered, report) = read_path(&path, &ImportOptions::default());
    let facts = &report.rasters[0];
    // Zoom 15: columns 5614 to 5619, rows 12800 to 12804, 512 pixels each.
    assert_eq!((facts.kind, facts.width, facts.height, facts.levels), (RasterKind::Image, 6 * 512, 5 * 512, 8));
    let first = gathered.images[0].raster.tile(0, 5614, 12_800).unwrap().unwrap();
    let found = means(&first);
    for (found, expected) in found.iter().zip([232.157, 236.247, 231.908]) {
        assert!((found - expected).abs() < 0.6, "{found:?}");
    }
}

/// Terrarium heights in an archive that does not say so: seen in the tiles. The first pixel of row 100 by Pillow: 128, 216, 30.
#[test]
fn heights_in_colours_are_seen() {
    let Some(path) = shared("terrain/near-badschandau-z10-11.pmtiles") else { return };
    let (gathered, report) = read_path(&path, &ImportOptions::default());
    let facts = &report.rasters[0];
    assert_eq!((facts.kind, facts.width, facts.height, facts.levels), (RasterKind::Terrarium, 512, 512, 2));
    assert_eq!(report.frame.as_ref().unwrap().heights_above, HeightsAbove::Geoid);
    let tile = gathered.dems[0].raster.tile(0, 1104, 686).unwrap().unwrap();
    let expected = 128.0 * 256.0 + 216.0 + 30.0 / 256.0 - 32_768.0;
    assert_eq!(tile.at(100, 100), expected);
    // Bad Schandau lies at the Elbe, about 120 m above the sea, the Lilienstein at 415 m.
    let heights: Vec<f32> = tile.values.iter().copied().filter(|height| height.is_known()).collect();
    assert!(heights.iter().all(|height| (50.0..800.0).contains(height)));
    let as_image = ImportOptions { raster: Some(RasterKind::Image), ..ImportOptions::default() };
    assert_eq!(read_path(&path, &as_image).0.images.len(), 1);
}

/// The tiles of loaders.gl, of which nobody says where they lie: at any place, heights by NumPy.
#[test]
fn both_encodings_are_read() {
    for (name, kind, least, greatest, mean, at) in [
        ("terrarium.png", RasterKind::Terrarium, 852.117_2, 2_475.066_4, 1_359.034_13, 1_235.664_1),
        ("mapbox.png", RasterKind::TerrainRgb, 704.6, 3_497.3, 2_004.965_07, 1_719.6),
    ] {
        let Some(path) = shared(&format!("terrain/loaders_terrain/{name}")) else { return };
        let tiles = vec![("11/330/795.png".to_owned(), std::fs::read(path).unwrap())];
        let (gathered, report) = folder(tiles, &ImportOptions::default());
        assert_eq!(report.rasters[0].kind, kind);
        let heights = level(&*gathered.dems[0].raster, 0);
        let low = heights.values.iter().copied().fold(f32::MAX, f32::min);
        let high = heights.values.iter().copied().fold(f32::MIN, f32::max);
        let sum: f64 = heights.values.iter().map(|height| f64::from(*height)).sum();
        assert!((low - least).abs() < 1e-2 && (high - greatest).abs() < 1e-2, "{name}: {low} {high}");
        assert!((sum / heights.values.len() as f64 - mean).abs() < 1e-2 && (heights.at(100, 100) - at).abs() < 1e-2);
    }
}

/// Where fine tiles are missing, the coarser ones show; an archive of vector tiles is none of pictures.
#[test]
fn patchy_pyramids_are_filled_from_above() {
    let tiles = vec![
        ("3/4/2.png".to_owned(), png(8, 8, |x, _| if x < 4 { [200, 0, 0, 255] } else { [0, 0, 200, 255] })),
        ("4/8/4.png".to_owned(), png(8, 8, |_, _| [0, 200, 0, 255])),
        ("4/9/5.png".to_owned(), b"no picture".to_vec()),
    ];
    let (gathered, report) = folder(tiles, &ImportOptions::default());
    assert_eq!((report.rasters[0].levels, report.rasters[0].width), (2, 16));
    let raster = &*gathered.images[0].raster;
    let all = level(raster, 0);
    assert_eq!((all.at(2, 2), all.at(14, 3), all.at(2, 14)), ([0, 200, 0, 255], [0, 0, 200, 255], [200, 0, 0, 255]));
    let damage = raster.damage();
    assert!(damage.tiles == 1 && damage.first.unwrap().contains("4/9/5.png"));
    for name in ["tiles/pmtiles_js_cases/test_fixture_1.pmtiles", "tiles/pmtiles_js_cases/test_fixture_mlt.pmtiles"] {
        let Some(path) = shared(name) else { return };
        assert!(recognise(&LocalFiles::open(&path).unwrap()).is_err(), "{name}");
    }
}

#[test]
fn damaged_archives_are_told() {
    let importer = importer("map-tiles").unwrap();
    let read = |path: &str| {
        let files = LocalFiles::open(&shared(path)?).unwrap();
        Some(importer.read(&files, &ImportOptions::default(), &mut Gathered::default()).unwrap_err().to_string())
    };
    for (path, words) in [
        ("tiles/pmtiles_js_cases/invalid.pmtiles", "does not begin with PMTiles"),
        ("tiles/pmtiles_js_cases/invalid_v4.pmtiles", "version is 4"),
        ("tiles/leaf.pmtiles", "no PNG, JPEG or WebP"),
    ] {
        let Some(error) = read(path) else { return };
        assert!(error.contains(words) || error.contains("no file is called"), "{path}: {error}");
    }
    let Some(path) = shared("terrain/near-badschandau-z10-11.pmtiles") else { return };
    let whole = std::fs::read(path).unwrap();
    for length in (0..400).chain([5000, whole.len() - 1]) {
        let files = one_file("a.pmtiles", whole[..length].to_vec());
        let mut gathered = Gathered::default();
        if importer.read(&files, &ImportOptions::default(), &mut gathered).is_ok() {
            assert!(gathered.dems.iter().all(|dem| dem.raster.look_everywhere().is_err()) || length > 4000, "{length}");
        }
    }
    for at in 0..300 {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        let files = one_file("a.pmtiles", bytes);
        let _ = importer.read(&files, &ImportOptions::default(), &mut Gathered::default());
    }
}

/// Terrain tiles against an independent decoder in Python, which finds the triangle under a place.
#[test]
fn quantized_meshes_have_the_heights_of_their_triangles() {
    let Some(path) = shared("terrain/quantized_mesh_vcs") else { return };
    let (gathered, report) = read_path(&path, &ImportOptions::default());
    let facts = &report.rasters[0];
    assert_eq!((facts.kind, facts.width, facts.height, facts.levels), (RasterKind::Elevation, 256, 256, 1));
    let frame = report.frame.unwrap();
    assert_eq!((frame.crs.to_string().as_str(), frame.heights_above), ("EPSG:4326", HeightsAbove::Ellipsoid));
    let dem = &gathered.dems[0];
    assert_eq!(dem.raster.look_everywhere().unwrap().tiles, 0);
    let tile_deg = 180.0 / 8192.0;
    for ([column, row], [u, v], expected) in [
        ([8800.0, 6485.0], [0.5, 0.5], 34.4531),
        ([8800.0, 6485.0], [0.3, 0.75], 33.5953),
        ([8800.0, 6485.0], [0.75, 0.75], 35.1683),
        ([8800.0, 6485.0], [0.9, 0.1], 0.0),
        ([8800.0, 6486.0], [0.9, 0.1], 34.5079),
        ([8801.0, 6485.0], [0.5, 0.5], 35.0701),
        ([8801.0, 6486.0], [0.5, 0.5], 0.0),
    ] {
        let place = DVec2::new((column + u) * tile_deg - 180.0, (row + v) * tile_deg - 90.0);
        let found = height_at(dem, &CrsId::epsg(4326), place.x, place.y);
        assert!((found - expected).abs() < 0.6, "{column} {row} {u} {v}: {found}, not {expected}");
    }
    // Where the model ends there is nothing.
    let (west, south) = (8800.0 * tile_deg - 180.0, 6485.0 * tile_deg - 90.0);
    assert!(
        facts
            .extent
            .unwrap()
            .into_iter()
            .zip([west, south, west + 2.0 * tile_deg, south + 2.0 * tile_deg])
            .all(|(found, expected)| (found - expected).abs() < 1e-9)
    );
}

#[test]
fn meshes_of_steep_ground_and_with_extensions_are_read() {
    for (path, zoom, [column, row], places) in [
        (
            "terrain/quantized_mesh_cesium/9_759_335",
            9,
            [759.0, 335.0],
            [([0.5, 0.5], 6_142.145), ([0.25, 0.75], 6_486.151), ([0.9, 0.1], 4_937.49)],
        ),
        (
            "terrain/loaders_terrain/maptiler_10_1070_778.terrain",
            10,
            [1070.0, 778.0],
            [([0.5, 0.5], 496.035), ([0.25, 0.75], 1_424.021), ([0.9, 0.1], 2_006.768)],
        ),
    ] {
        let Some(path) = shared(path) else { return };
        let (gathered, _) = read_path(&path, &ImportOptions::default());
        let tile_deg = 180.0 / f64::from(1 << zoom);
        for ([u, v], expected) in places {
            let place = DVec2::new((column + u) * tile_deg - 180.0, (row + v) * tile_deg - 90.0);
            let found = height_at(&gathered.dems[0], &CrsId::epsg(4326), place.x, place.y);
            // A pixel here is some 500 m of the Himalaya, or 150 m of the Alps.
            assert!((found - expected).abs() < 25.0, "{path:?} {u} {v}: {found}, not {expected}");
        }
    }
    // Every tile of Cesium's, its extensions known or not, at a place of its own.
    let Some(path) = shared("terrain/quantized_mesh_cesium") else { return };
    for (name, least, greatest) in [
        ("tile.32bitIndices", -32.668, 59.231),
        ("tile.metadataavailability", -64.307, 6_691.425),
        ("tile.octvertexnormals.watermask", -62.091, 63.153),
        ("tile.octvertexnormals.unknownext", -62.264, 63.904),
        ("tile", -57.759, 6_731.218),
    ] {
        let bytes = std::fs::read(path.join(format!("{name}.terrain"))).unwrap();
        let files = MemoryFiles::new("terrain", [("0/0/0.terrain".to_owned(), bytes)]);
        let mut gathered = Gathered::default();
        importer("quantized-mesh").unwrap().read(&files, &ImportOptions::default(), &mut gathered).unwrap();
        let heights = level(&*gathered.dems[0].raster, 0);
        assert!(heights.values.iter().all(|height| (least..=greatest).contains(height)), "{name}");
    }
}

#[test]
fn damaged_meshes_are_holes() {
    let Some(path) = shared("terrain/quantized_mesh_vcs/13/8801/6486.terrain") else { return };
    let whole = std::fs::read(path).unwrap();
    let look = |bytes: Vec<u8>| {
        let files = MemoryFiles::new("terrain", [("13/8801/6486.terrain".to_owned(), bytes)]);
        let mut gathered = Gathered::default();
        importer("quantized-mesh").unwrap().read(&files, &ImportOptions::default(), &mut gathered).unwrap();
        gathered.dems[0].raster.look_everywhere().unwrap()
    };
    assert_eq!(look(whole.clone()).tiles, 0);
    for length in (1..whole.len()).step_by(97) {
        let damage = look(whole[..length].to_vec());
        assert!(damage.tiles == 1 || length > 6000, "{length} bytes");
    }
    let mut state = 7_u64;
    for _ in 0..300 {
        let mut bytes = whole.clone();
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = (state >> 20) as usize % bytes.len();
        bytes[at] = (state >> 55) as u8;
        look(bytes);
    }
}

/// A pixel of a tile of shifted maps lies where the place is that the map shows there.
#[test]
fn shifted_maps_are_put_right() {
    let registry = CrsRegistry::default();
    let place = DVec3::new(114.0579, 22.5431, 0.0);
    let check = |tiles: Vec<(String, Vec<u8>)>, crs: &str, expected: DVec2| {
        let options = ImportOptions { crs: Some(crs.parse().unwrap()), ..ImportOptions::default() };
        let (gathered, _) = folder(tiles, &options);
        let image = &gathered.images[0];
        let mut at = [place];
        registry.operation(&CrsId::wgs84(), &image.crs).unwrap().convert(&mut at).unwrap();
        let pixel = image.transform.pixel_from_crs.transform_point2(at[0].truncate());
        assert!((pixel - expected).length() < 1e-3, "{crs}: {pixel}, not {expected}");
        assert!(image.raster.tile(0, pixel.x as u64 / 256, pixel.y as u64 / 256).unwrap().is_some(), "{crs}");
    };
    let shifted = |name: &str| {
        let mut at = [place];
        registry.operation(&CrsId::wgs84(), &name.parse().unwrap()).unwrap().convert(&mut at).unwrap();
        at[0].truncate()
    };
    let tile = || png(256, 256, |_, _| [9, 9, 9, 255]);
    // Amap: the usual tile of the shifted longitude and latitude.
    let gcj = shifted("GCJ02");
    assert!((gcj - place.truncate()).length() > 0.003);
    let world = f64::from(1 << 16) * 256.0;
    let north = (gcj.y.to_radians().tan().asinh() / PI + 1.0) / 2.0;
    let pixel = DVec2::new((gcj.x + 180.0) / 360.0 * world, (1.0 - north) * world);
    let name = format!("16/{}/{}.png", pixel.x as u32 / 256, pixel.y as u32 / 256);
    check(vec![(name, tile())], "GCJ02", pixel);
    // Baidu: floor(metres / (256 * 2^(18 - zoom))), rows to the north.
    let metres = shifted("BD09MC") / 4.0;
    let (column, row) = ((metres.x / 256.0) as i64, (metres.y / 256.0) as i64);
    let expected = DVec2::new(metres.x + 256.0 * 32_768.0, 256.0 * 32_768.0 - metres.y);
    check(vec![(format!("16/{column}/{row}.png"), tile())], "BD09", expected);
    // Tianditu: EPSG:4490, two tiles across the world at zoom 1.
    let edge = 360.0 / f64::from(1 << 12);
    let (x, y) = ((place.x + 180.0) / edge, (90.0 - place.y) / edge);
    let name = format!("12/{}/{}.png", x as u32, y as u32);
    check(vec![(name, tile())], "EPSG:4490", DVec2::new(x, y) * 256.0);
    // WorldCRS84Quad: two at zoom 0.
    let name = format!("11/{}/{}.png", x as u32, y as u32);
    check(vec![(name, tile())], "EPSG:4326", DVec2::new(x, y) * 256.0);
}

/// PROJ's own model and number (`4D-API_cs2cs-style.gie`): at 12.5, 55.5 EGM96 is 36.3941 m above the ellipsoid by its grid, which
/// has every third node of the full one.
#[test]
fn geoid_models_are_read_in_all_their_forms() {
    let Some(path) = shared("crs/proj_data/tests/egm96_15_downsampled.gtx") else { return };
    let gtx = read_geoid(&LocalFiles::open(&path).unwrap()).unwrap();
    assert!((gtx.separation_m(12.5, 55.5) - 36.3941).abs() < 0.4, "{}", gtx.separation_m(12.5, 55.5));
    let Some(path) = shared("crs/WW15MGH.DAC") else { return };
    let dac = read_geoid(&LocalFiles::open(&path).unwrap()).unwrap();
    for (lon, lat) in [(12.5, 55.5), (139.7, 35.7), (-118.1, 34.3), (4.5, 51.9), (0.1, -0.4), (-179.9, 10.0)] {
        let (a, b) = (gtx.separation_m(lon, lat), dac.separation_m(lon, lat));
        assert!((a - b).abs() < 1.5, "{lon} {lat}: {a} {b}");
    }
    // PROJ's GeoTIFF of it is cut off by its makers.
    let Some(path) = shared("crs/proj_data/tests/egm96_15_uncompressed_truncated.tif") else { return };
    let error = read_geoid(&LocalFiles::open(&path).unwrap()).unwrap_err().to_string();
    assert!(error.contains("cut off"), "{error}");
    // Rows from the north, places of points: the values are the nodes'.
    let heights = |x: u32, y: u32| (x * 10 + y) as f32;
    let tiff = crate::terrain::dem_file([10.0, 52.0], 0.5, (8, 6), heights);
    let model = read_geoid(&one_file("geoid.tif", tiff)).unwrap();
    assert!((model.separation_m(10.25, 51.75) - 0.0).abs() < 1e-6);
    assert!((model.separation_m(11.5, 51.5) - 25.5).abs() < 1e-5, "{}", model.separation_m(11.5, 51.5));
    assert!(model.separation_m(20.0, 51.0).is_nan());
}

/// Heights above the sea become heights above the ellipsoid by the model that the options name.
#[test]
fn a_model_lifts_what_is_above_the_sea() {
    let Some(path) = shared("crs/WW15MGH.DAC") else { return };
    let model = std::sync::Arc::new(read_geoid(&LocalFiles::open(&path).unwrap()).unwrap());
    let separation = Some(Separation::Model(model));
    let options = ImportOptions { separation, ..ImportOptions::default() };
    let tiff = crate::terrain::dem_file([139.0, 36.0], 0.01, (100, 100), |_, _| 10.0);
    let (gathered, _) = read(&one_file("a.tif", tiff.clone()), &options).unwrap();
    let HeightReference::Orthometric(separation) = &gathered.dems[0].height else { panic!("above the sea") };
    assert!((separation.at(139.5, 35.5) - 37.5).abs() < 2.0, "{}", separation.at(139.5, 35.5));
    let ground = ImportOptions { heights_above: Some(HeightsAbove::Ground), ..ImportOptions::default() };
    assert!(read(&one_file("a.tif", tiff), &ground).unwrap_err().to_string().contains("not above the ground"));
}

/// The only file in a ZIP archive, whose bytes are deflated.
fn unzipped(archive: &[u8]) -> Vec<u8> {
    use std::io::Read;
    let short = |at: usize| usize::from(u16::from_le_bytes(archive[at..at + 2].try_into().unwrap()));
    assert!(archive.starts_with(b"PK\x03\x04") && short(8) == 8);
    let mut bytes = Vec::new();
    flate2::read::DeflateDecoder::new(&archive[30 + short(26) + short(28)..]).read_to_end(&mut bytes).unwrap();
    bytes
}

/// SRTM tiles: extremes by the manifest, heights at places by NumPy.
#[test]
fn srtm_tiles_are_read_by_their_names() {
    for (name, low, high, [x, y], expected) in
        [("N42E001", 349.0, 3100.0, [1.525, 42.505], 1_013.0), ("N43E007", -11.0, 2064.0, [7.42, 43.74], 116.0)]
    {
        let Some(path) = shared(&format!("terrain/srtm/{name}.hgt.zip")) else { return };
        let files = one_file(&format!("{name}.hgt"), unzipped(&std::fs::read(path).unwrap()));
        let (gathered, report) = read(&files, &ImportOptions::default()).unwrap();
        assert_eq!((report.rasters[0].width, report.rasters[0].height), (1201, 1201));
        assert_eq!(report.frame.unwrap().crs.to_string(), "EPSG:4326+5773");
        let heights = level(&*gathered.dems[0].raster, 0);
        let known = || heights.values.iter().copied().filter(|height| height.is_known());
        assert_eq!((known().fold(f32::MAX, f32::min), known().fold(f32::MIN, f32::max)), (low, high), "{name}");
        let found = height_at(&gathered.dems[0], &CrsId::epsg(4326), x, y);
        assert!((found - expected).abs() < 0.01, "{name}: {found}");
    }
}

/// An MBTiles database counts rows from the south; one of vector tiles is none of pictures.
#[test]
fn databases_of_tiles_are_read_from_the_south() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, format: &str| {
        let path = folder.path().join(name);
        let database = rusqlite::Connection::open(&path).unwrap();
        // As mbutil writes it: pictures once, and a view that finds them.
        database
            .execute_batch(
                "CREATE TABLE metadata (name TEXT, value TEXT);
                 CREATE TABLE map (zoom_level INTEGER, tile_column INTEGER, tile_row INTEGER, tile_id TEXT);
                 CREATE TABLE images (tile_data BLOB, tile_id TEXT);
                 CREATE VIEW tiles AS SELECT map.zoom_level AS zoom_level, map.tile_column AS tile_column,
                    map.tile_row AS tile_row, images.tile_data AS tile_data FROM map JOIN images ON images.tile_id = map.tile_id;",
            )
            .unwrap();
        database.execute("INSERT INTO metadata VALUES ('format', ?1)", [format]).unwrap();
        for (index, (zoom, column, row, color)) in
            [(3, 4, 5, [200, 0, 0, 255]), (4, 9, 11, [0, 200, 0, 255])].into_iter().enumerate()
        {
            let key = index.to_string();
            database.execute("INSERT INTO images VALUES (?1, ?2)", (png(8, 8, |_, _| color), &key)).unwrap();
            database.execute("INSERT INTO map VALUES (?1, ?2, ?3, ?4)", (zoom, column, row, &key)).unwrap();
        }
        path
    };
    let path = write("a.mbtiles", "png");
    let (gathered, report) = read_path(&path, &ImportOptions::default());
    assert_eq!((report.importer, report.rasters[0].levels, report.rasters[0].width), ("map-tiles", 2, 8));
    let raster = &*gathered.images[0].raster;
    // Row 11 of 16 from the south is row 4 from the north.
    assert_eq!(raster.tile(0, 9, 4).unwrap().unwrap().at(0, 0), [0, 200, 0, 255]);
    assert_eq!(raster.tile(1, 4, 2).unwrap().unwrap().at(0, 0), [200, 0, 0, 255]);
    assert!(raster.tile(0, 9, 11).unwrap().is_none() && raster.look_everywhere().unwrap().tiles == 0);
    assert_eq!(
        importer("map-tiles").unwrap().probe(&LocalFiles::open(&write("b.mbtiles", "pbf")).unwrap()),
        Confidence::No
    );
    std::fs::write(folder.path().join("c.mbtiles"), b"SQLite format 3\0 and no more").unwrap();
    assert!(recognise(&LocalFiles::open(&folder.path().join("c.mbtiles")).unwrap()).is_err());
    let Some(path) = shared("tiles/honolulu.mbtiles") else { return };
    assert_eq!(importer("map-tiles").unwrap().probe(&LocalFiles::open(&path).unwrap()), Confidence::No);
}

/// An SRTM tile is read out of its archive.
#[test]
fn archives_may_hold_rasters() {
    let Some(path) = shared("terrain/srtm/N43E007.hgt.zip") else { return };
    let (gathered, report) = read_path(&path, &ImportOptions::default());
    assert_eq!((report.importer, gathered.dems.len()), ("height-grid", 1));
    let height = height_at(&gathered.dems[0], &CrsId::epsg(4326), 7.42, 43.74);
    assert!((height - 116.0).abs() < 0.01, "{height}");
}
