//! Elevation models to a grid, and the grid to tiles.

use std::collections::BTreeMap;
use std::io::Cursor;

use glam::{DVec2, DVec3};
use veduta::formats::glb;
use veduta::geodesy::{CrsId, CrsRegistry, Geodetic, HeightReference, Separation, SiteFrame, SitePoint};
use veduta::geometry::HeightGrid;
use veduta::import::ImportOptions;
use veduta::import::raster::{Pixels, RasterTransform};
use veduta::import::terrain::{Dem, GridOptions, Imagery, merge, write_terrain};
use veduta::package::{decode_height_grid, encode_height_grid};

use crate::rasters::{level, read_path};
use crate::shared_data::shared;

fn tujunga(separation_m: f64) -> Option<(Dem, SiteFrame)> {
    let separation = Some(Separation::Constant(separation_m));
    let options = ImportOptions { separation, ..ImportOptions::default() };
    let (mut gathered, _) = read_path(&shared("terrain/bigtujunga_utm11n.tif")?, &options);
    Some((gathered.dems.remove(0), SiteFrame::new(Geodetic::from_degrees(-118.15, 34.30, 1000.0))))
}

fn around(half_m: f64) -> Option<(DVec2, DVec2)> {
    Some((DVec2::splat(-half_m), DVec2::splat(half_m)))
}

/// Nodes of the grid have the model's height at their longitude and latitude, also far from the anchor.
#[test]
fn a_projected_model_becomes_a_grid_of_the_site() {
    let Some((dem, site)) = tujunga(-33.0) else { return };
    let registry = CrsRegistry::default();
    let (band, transform) = (level(&*dem.raster, 0), dem.transform);
    let options = GridOptions { cell_m: Some(60.0), ..GridOptions::default() };
    let grid = merge(&[dem], &registry, &site, &options).unwrap().grid;
    let way = registry.operation(&CrsId::wgs84(), &CrsId::epsg(32611)).unwrap();
    let mut checked = 0;
    for row in (3..grid.rows).step_by(17) {
        for column in (3..grid.columns).step_by(17) {
            let Some(height) = grid.node(column, row) else { continue };
            let plane = grid.origin_in_site + DVec2::new(column as f64, row as f64) * grid.cell_m;
            // The place on the node's vertical that has this height, by bisection.
            let (mut low, mut high) = (-5000.0, 5000.0);
            for _ in 0..60 {
                let middle = (low + high) / 2.0;
                let found = site.to_geodetic(SitePoint(plane.extend(middle))).ellipsoid_height_m;
                if found < f64::from(height) { low = middle } else { high = middle }
            }
            let place = site.to_geodetic(SitePoint(plane.extend(low)));
            let mut points = [DVec3::new(place.longitude_rad.to_degrees(), place.latitude_rad.to_degrees(), 0.0)];
            way.convert(&mut points).unwrap();
            let pixel = transform.pixel_from_crs.transform_point2(points[0].truncate()) - 0.5;
            if pixel.min_element() < 0.0 {
                continue;
            }
            let (x, y, f) = (pixel.x as usize, pixel.y as usize, pixel.fract());
            let around = [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(dx, dy)| band.at(x + dx, y + dy));
            if around.iter().any(|height| height.is_nan()) {
                continue;
            }
            let mix = |a: f32, b: f32, t: f64| f64::from(a) * (1.0 - t) + f64::from(b) * t;
            let expected = mix(around[0], around[1], f.x) * (1.0 - f.y) + mix(around[2], around[3], f.x) * f.y - 33.0;
            assert!((f64::from(height) - expected).abs() < 0.05, "{column} {row}: {height}, not {expected}");
            checked += 1;
        }
    }
    assert!(checked > 400, "{checked}");
    let packed = encode_height_grid(&grid).unwrap();
    let back = decode_height_grid(&packed).unwrap();
    println!("{} nodes in {} bytes", grid.heights_m.len(), packed.len());
    assert_eq!((back.columns, back.rows), (grid.columns, grid.rows));
}

fn flat(value: f32, hole: bool) -> Dem {
    let mut samples = vec![value; 100 * 100];
    if hole {
        samples[..5000].fill(f32::NAN);
    }
    let samples = Pixels { width: 100, height: 100, values: samples };
    let transform = RasterTransform::north_up(DVec2::new(139.70, 35.70), DVec2::splat(0.001)).unwrap();
    Dem::from_samples(CrsId::epsg(4326), HeightReference::Ellipsoidal, samples, transform)
}

/// Holes of the first model are filled from the next; places that none knows stay unknown.
#[test]
fn models_fill_each_other_in_order() {
    let site = SiteFrame::new(Geodetic::from_degrees(139.75, 35.65, 0.0));
    let registry = CrsRegistry::default();
    let of = |cell_m: f64, within| GridOptions { cell_m: Some(cell_m), within, city: None };
    let both = [flat(10.0, true), flat(20.0, false)];
    let grid = merge(&both, &registry, &site, &of(100.0, around(2000.0))).unwrap().grid;
    assert_eq!((grid.columns, grid.rows), (41, 41));
    assert_eq!((grid.node(20, 2), grid.node(20, 38)), (Some(10.0), Some(20.0)));
    // Between them no step: the hole's edge is a slope of some nodes.
    let column: Vec<f32> = (0..41).map(|row| grid.node(20, row).unwrap()).collect();
    assert!(column.windows(2).all(|pair| (pair[1] - pair[0]).abs() < 3.0), "{column:?}");
    assert!(column.iter().filter(|height| **height > 10.5 && **height < 19.5).count() >= 4, "{column:?}");
    let grid = merge(&[flat(10.0, false)], &registry, &site, &of(500.0, around(20_000.0))).unwrap().grid;
    assert!(grid.node(0, 0).is_none() && grid.node(40, 40) == Some(10.0));
    let nowhere = of(100.0, Some((DVec2::splat(1e5), DVec2::splat(1.01e5))));
    assert!(merge(&[flat(1.0, false)], &registry, &site, &nowhere).unwrap_err().to_string().contains("covers"));
    let fine = of(0.5, around(50_000.0));
    assert!(merge(&[flat(1.0, false)], &registry, &site, &fine).unwrap_err().to_string().contains("too large"));
}

/// Models that reach further than one grid can are cut to the city, or taken at fewer places, and that is told.
#[test]
fn what_is_too_much_is_cut_to_the_city() {
    let registry = CrsRegistry::default();
    let wide = |pixel: f64, corner: DVec2| {
        let samples = Pixels { width: 200, height: 200, values: vec![5.0; 200 * 200] };
        let transform = RasterTransform::north_up(corner, DVec2::splat(pixel)).unwrap();
        Dem::from_samples(CrsId::epsg(4326), HeightReference::Ellipsoidal, samples, transform)
    };
    // A fine model of 200 m in the middle of one of 200 km.
    let dems = [wide(1e-5, DVec2::new(139.75, 35.65)), wide(0.01, DVec2::new(138.75, 36.65))];
    let site = SiteFrame::new(Geodetic::from_degrees(139.75, 35.65, 0.0));
    let city = Some((DVec2::splat(-500.0), DVec2::splat(500.0)));
    let ground = merge(&dems, &registry, &site, &GridOptions { city, ..GridOptions::default() }).unwrap();
    let size = DVec2::new(ground.grid.columns as f64, ground.grid.rows as f64) * ground.grid.cell_m;
    assert!(ground.grid.cell_m < 1.0 && (size - 5000.0).abs().max_element() < 5.0, "{size}");
    assert!(ground.told.len() == 1 && ground.told[0].contains("is cut to 5.0 x 5.0 km"), "{:?}", ground.told);
}

#[test]
fn a_model_without_crs_says_what_to_do() {
    let whole = dem_file([121.0, 31.0], 0.001, (4, 4), |_, _| 1.0);
    // The key of the geographic CRS becomes one that nobody knows.
    let at = whole.windows(8).position(|w| w == [0x00, 0x08, 0, 0, 1, 0, 0xe6, 0x10]).unwrap();
    let mut bytes = whole;
    bytes[at] = 0x99;
    let files = crate::rasters::one_file("plain.tif", bytes);
    let error = crate::rasters::read(&files, &ImportOptions::default()).unwrap_err().to_string();
    assert!(error.contains("--crs") && error.ends_with("plain.tif"), "{error}");
    let told = ImportOptions { crs_where_unsaid: Some(CrsId::epsg(4326)), ..ImportOptions::default() };
    assert!(crate::rasters::read(&files, &told).is_ok());
    let empty = crate::rasters::one_file("empty.tif", Vec::new());
    assert!(crate::rasters::read(&empty, &ImportOptions::default()).unwrap_err().to_string().contains("empty"));
}

/// The tree's tiles: complete, bounded by their boxes, errors falling from root to leaf, the same twice.
#[test]
fn the_tileset_holds_together() {
    let Some((dem, site)) = tujunga(0.0) else { return };
    let registry = CrsRegistry::default();
    let options = GridOptions { cell_m: Some(50.0), within: around(5000.0), city: None };
    let grid = merge(&[dem], &registry, &site, &options).unwrap().grid;
    let write = || {
        let mut files = BTreeMap::<String, Vec<u8>>::new();
        let report = write_terrain(&grid, &site, &registry, &[], &mut files).unwrap();
        (files, report)
    };
    let (files, report) = write();
    assert_eq!(write(), (files.clone(), report), "the same twice");
    assert_eq!((report.levels, report.tiles), (3, 1 + 4 + 16));
    println!("{report:?}");
    let tileset: serde_json::Value = serde_json::from_slice(&files["terrain/tileset.json"]).unwrap();
    let mut contents = 0;
    check_tile(&tileset["root"], f64::INFINITY, &files, &grid, &site, &mut contents);
    assert_eq!(contents, report.tiles);
    assert_eq!(tileset["root"]["transform"].as_array().unwrap().len(), 16);
}

fn check_tile(
    tile: &serde_json::Value,
    above: f64,
    files: &BTreeMap<String, Vec<u8>>,
    grid: &HeightGrid,
    site: &SiteFrame,
    contents: &mut usize,
) {
    let error = tile["geometricError"].as_f64().unwrap();
    assert!(error <= above);
    let children = tile["children"].as_array();
    assert_eq!(error == 0.0, children.is_none(), "leaves have no error");
    let volume: Vec<f64> =
        tile["boundingVolume"]["box"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    let (center, half) = (DVec3::new(volume[0], volume[1], volume[2]), DVec3::new(volume[3], volume[7], volume[11]));
    let uri = tile["content"]["uri"].as_str().unwrap();
    let content = glb::decode(&files[&format!("terrain/{uri}")]).unwrap();
    *contents += 1;
    let mesh = &content.parts[0].mesh;
    assert!(mesh.triangles() > 64);
    for (position, normal) in mesh.positions.iter().zip(&mesh.normals) {
        let point = content.center + position.as_dvec3();
        assert!((point - center).abs().cmple(half + 0.1).all(), "{uri}: {point} outside its box");
        assert!(normal.z > 0.2, "{uri}: normals point up");
        let ground = grid.sample(point.truncate().clamp(grid.origin_in_site, DVec2::splat(5000.0 - 0.01)));
        let height = site.to_geodetic(SitePoint(point)).ellipsoid_height_m;
        let Some(ground) = ground else { continue };
        // Vertices lie on the ground, or under it where they are a skirt's.
        assert!(height - ground < 0.05 * error + 2.0, "{uri}: {height} over {ground}");
    }
    let up = mesh.indices.chunks_exact(3).filter(|t| {
        let [a, b, c] = [0, 1, 2].map(|k| mesh.positions[t[k] as usize]);
        (b - a).cross(c - a).z > 0.0
    });
    assert!(up.count() * 2 > mesh.triangles(), "{uri}: the ground faces up");
    for child in children.into_iter().flatten() {
        check_tile(child, error, files, grid, site, contents);
    }
}

/// A picture whose colour tells the longitude: texels of a tile lie where they should.
#[test]
fn a_picture_is_draped_where_it_belongs() {
    let Some(path) = shared("imagery/rasterio/RGB.byte.tif") else { return };
    let images = read_path(&path, &ImportOptions::default()).0.images;
    let registry = CrsRegistry::default();
    // Middle of the picture: 220 650 E, 2 719 200 N of UTM 18N.
    let mut middle = [DVec3::new(220_650.0, 2_719_200.0, 0.0)];
    registry.operation(&CrsId::epsg(32618), &CrsId::wgs84()).unwrap().convert(&mut middle).unwrap();
    let site = SiteFrame::new(Geodetic::from_degrees(middle[0].x, middle[0].y, 0.0));
    let grid = HeightGrid {
        origin_in_site: DVec2::splat(-32_000.0),
        cell_m: 1000.0,
        columns: 65,
        rows: 65,
        heights_m: vec![0.0; 65 * 65],
    };
    let mut files = BTreeMap::<String, Vec<u8>>::new();
    let report = write_terrain(&grid, &site, &registry, &images, &mut files).unwrap();
    assert_eq!((report.tiles, report.textured), (1, 1));
    let content = glb::decode(&files["terrain/content/0/0/0.glb"]).unwrap();
    let texture = content.parts[0].texture.as_ref().unwrap();
    assert_eq!(texture.mime, "image/jpeg");
    assert_eq!(content.parts[0].mesh.texture_coordinates.len(), content.parts[0].mesh.positions.len());
}

/// Images lie over each other in their order, what is transparent shows the one below, and where none is there is ground.
#[test]
fn images_lie_over_each_other() {
    let site = SiteFrame::new(Geodetic::from_degrees(139.75, 35.65, 0.0));
    let grid = HeightGrid {
        origin_in_site: DVec2::splat(-320.0),
        cell_m: 10.0,
        columns: 65,
        rows: 65,
        heights_m: vec![0.0; 65 * 65],
    };
    let image = |color: [u8; 4], west: f64, east: f64| {
        let pixel = DVec2::new((east - west) / 8.0, 0.01 / 8.0);
        let transform = RasterTransform::north_up(DVec2::new(west, 35.655), pixel).unwrap();
        Imagery::from_pixels(CrsId::epsg(4326), Pixels { width: 8, height: 8, values: vec![color; 64] }, transform)
    };
    let below = image([200, 0, 0, 255], 139.74, 139.752);
    let above = image([0, 0, 200, 128], 139.75, 139.752);
    let texture = |images: &[Imagery]| {
        let mut files = BTreeMap::<String, Vec<u8>>::new();
        write_terrain(&grid, &site, &CrsRegistry::default(), images, &mut files).unwrap();
        let content = glb::decode(&files["terrain/content/0/0/0.glb"]).unwrap();
        let picture = content.parts[0].texture.as_ref().unwrap();
        image::load_from_memory(&picture.bytes).unwrap().to_rgb8()
    };
    let seen = texture(&[below.clone(), above.clone()]);
    let at = |x: f64| seen.get_pixel((x * f64::from(seen.width())) as u32, seen.height() / 2).0;
    let near = |found: [u8; 3], expected: [u8; 3]| found.iter().zip(expected).all(|(a, b)| a.abs_diff(b) < 12);
    assert!(near(at(0.2), [200, 0, 0]), "{:?}", at(0.2));
    assert!(near(at(0.65), [100, 0, 100]), "{:?}", at(0.65));
    assert!(near(at(0.95), [149, 151, 137]), "{:?}", at(0.95));
    let turned = texture(&[above, below]);
    let middle = turned.get_pixel((0.65 * f64::from(turned.width())) as u32, turned.height() / 2).0;
    assert!(near(middle, [200, 0, 0]), "{middle:?}");
}

/// A GeoTIFF in degrees on WGS 84 with its upper left corner at `corner`, of the heights that `height(column, row)` gives.
pub fn dem_file(
    corner: [f64; 2],
    pixel_deg: f64,
    (width, height): (u32, u32),
    value: impl Fn(u32, u32) -> f32,
) -> Vec<u8> {
    use tiff::encoder::{TiffEncoder, colortype::Gray32Float};
    use tiff::tags::Tag;
    let samples: Vec<f32> = (0..width * height).map(|i| value(i % width, i / width)).collect();
    let mut bytes = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut bytes).unwrap();
    let mut image = encoder.new_image::<Gray32Float>(width, height).unwrap();
    let tags = image.encoder();
    tags.write_tag(Tag::ModelPixelScaleTag, &[pixel_deg, pixel_deg, 0.0][..]).unwrap();
    tags.write_tag(Tag::ModelTiepointTag, &[0.0, 0.0, 0.0, corner[0], corner[1], 0.0][..]).unwrap();
    let keys: [u16; 16] = [1, 1, 0, 3, 1024, 0, 1, 2, 1025, 0, 1, 1, 2048, 0, 1, 4326];
    tags.write_tag(Tag::GeoKeyDirectoryTag, &keys[..]).unwrap();
    image.write_data(&samples).unwrap();
    bytes.into_inner()
}

/// A red square in a mosaic of map tiles is seen on the ground where its pixels lie in Web Mercator, to a pixel.
#[test]
fn a_marker_in_map_tiles_lies_where_it_should() {
    const ZOOM: u8 = 16;
    let (left, top) = (54_797_u32, 26_780_u32);
    let marker = [300.0..308.0, 200.0..208.0];
    let tile = |x: u32, y: u32| {
        let mut bytes = Cursor::new(Vec::new());
        let picture = image::RgbImage::from_fn(256, 256, |column, row| {
            let at = [f64::from((x - left) * 256 + column), f64::from((y - top) * 256 + row)];
            let is_red = marker[0].contains(&at[0]) && marker[1].contains(&at[1]);
            image::Rgb(if is_red { [255, 0, 0] } else { [255, 255, 255] })
        });
        picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        (format!("{ZOOM}/{x}/{y}.png"), bytes.into_inner())
    };
    let tiles = [tile(left, top), tile(left + 1, top), tile(left, top + 1), tile(left + 1, top + 1)];
    let files = veduta::import::MemoryFiles::new("tiles", tiles);
    let images = crate::rasters::read(&files, &ImportOptions::default()).unwrap().0.images;
    let place = |column: f64, row: f64| {
        let world = f64::from(1 << ZOOM) * 256.0;
        let (x, y) = (f64::from(left) * 256.0 + column, f64::from(top) * 256.0 + row);
        let latitude = (std::f64::consts::PI * (1.0 - 2.0 * y / world)).sinh().atan();
        Geodetic::from_degrees(x / world * 360.0 - 180.0, latitude.to_degrees(), 0.0)
    };
    let site = SiteFrame::new(place(256.0, 256.0));
    let heights_m = vec![0.0; 65 * 65];
    let grid = HeightGrid { origin_in_site: DVec2::splat(-256.0), cell_m: 8.0, columns: 65, rows: 65, heights_m };
    let mut files = BTreeMap::<String, Vec<u8>>::new();
    write_terrain(&grid, &site, &CrsRegistry::default(), &images, &mut files).unwrap();
    let content = glb::decode(&files["terrain/content/0/0/0.glb"]).unwrap();
    let part = &content.parts[0];
    let texture = image::load_from_memory(&part.texture.as_ref().unwrap().bytes).unwrap().to_rgb8();
    let red: Vec<DVec2> = texture
        .enumerate_pixels()
        .filter(|(_, _, color)| color[0] > 128 && color[1] < 128)
        .map(|(x, y, _)| DVec2::new(f64::from(x) + 0.5, f64::from(y) + 0.5))
        .collect();
    let size = DVec2::new(f64::from(texture.width()), f64::from(texture.height()));
    let seen = red.iter().sum::<DVec2>() / red.len() as f64 / size;
    // The vertices at the picture's corners give the places of those between.
    let corner = |wanted: glam::Vec2| {
        let coordinates = part.mesh.texture_coordinates.iter().enumerate();
        let nearest = coordinates.min_by(|a, b| a.1.distance(wanted).total_cmp(&b.1.distance(wanted))).unwrap();
        (content.center + part.mesh.positions[nearest.0].as_dvec3()).truncate()
    };
    let (north_west, south_east) = (corner(glam::Vec2::ZERO), corner(glam::Vec2::ONE));
    assert!(north_west.x < south_east.x && north_west.y > south_east.y, "{north_west} {south_east}");
    let found = north_west + (south_east - north_west) * seen;
    let expected = site.from_geodetic(place(304.0, 204.0)).0.truncate();
    let pixel_m = 40_075_017.0 / (f64::from(1 << ZOOM) * 256.0) * site.anchor().latitude_rad.cos();
    println!("marker {found} for {expected}, a pixel is {pixel_m} m");
    assert!(!red.is_empty() && (found - expected).length() < pixel_m, "{found}, not {expected}");
}
