//! Elevation models to a grid, and the grid to tiles.

use std::collections::BTreeMap;
use std::io::Cursor;

use glam::{DVec2, DVec3};
use veduta::formats::geotiff::{Band, GeoTiff, PixelMeaning, RasterTransform};
use veduta::formats::glb;
use veduta::geodesy::{CrsId, CrsRegistry, Geodetic, HeightReference, Separation, SiteFrame, SitePoint};
use veduta::geometry::HeightGrid;
use veduta::import::terrain::{Dem, DemOptions, GridOptions, Imagery, merge, write_terrain};
use veduta::package::{decode_height_grid, encode_height_grid};

use crate::shared_data::shared;

fn tujunga() -> Option<(Vec<u8>, SiteFrame)> {
    let bytes = std::fs::read(shared("terrain/bigtujunga_utm11n.tif")?).unwrap();
    Some((bytes, SiteFrame::new(Geodetic::from_degrees(-118.15, 34.30, 1000.0))))
}

fn around(half_m: f64) -> Option<(DVec2, DVec2)> {
    Some((DVec2::splat(-half_m), DVec2::splat(half_m)))
}

/// Nodes of the grid have the model's height at their longitude and latitude, also far from the anchor.
#[test]
fn a_projected_model_becomes_a_grid_of_the_site() {
    let Some((bytes, site)) = tujunga() else { return };
    let registry = CrsRegistry::default();
    let height = Some(HeightReference::Orthometric(Separation::Constant(-33.0)));
    let options = DemOptions { height, ..DemOptions::default() };
    let dem = Dem::from_geotiff(&bytes, "bigtujunga", &options).unwrap();
    let grid = merge(&[dem], &registry, &site, &GridOptions { cell_m: Some(60.0), within: None }).unwrap();
    let mut tiff = GeoTiff::open(Cursor::new(&bytes)).unwrap();
    let (band, transform) = (tiff.read_band(0).unwrap(), tiff.transform.unwrap());
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
            let Some(around): Option<Vec<f32>> =
                [(0, 0), (1, 0), (0, 1), (1, 1)].iter().map(|(dx, dy)| band.at(x + dx, y + dy)).collect()
            else {
                continue;
            };
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
    let band = Band { width: 100, height: 100, samples };
    let tie = [0.0, 0.0, 0.0, 139.70, 35.70, 0.0];
    let transform = RasterTransform::new(&[0.001, 0.001, 0.0], &tie, &[], PixelMeaning::Area).unwrap();
    Dem::from_samples(CrsId::epsg(4326), HeightReference::Ellipsoidal, band, transform)
}

/// Holes of the first model are filled from the next; places that none knows stay unknown.
#[test]
fn models_fill_each_other_in_order() {
    let site = SiteFrame::new(Geodetic::from_degrees(139.75, 35.65, 0.0));
    let registry = CrsRegistry::default();
    let options = GridOptions { cell_m: Some(100.0), within: around(2000.0) };
    let grid = merge(&[flat(10.0, true), flat(20.0, false)], &registry, &site, &options).unwrap();
    assert_eq!((grid.columns, grid.rows), (41, 41));
    assert_eq!((grid.node(20, 2), grid.node(20, 38)), (Some(10.0), Some(20.0)));
    let wide = GridOptions { cell_m: Some(500.0), within: around(20_000.0) };
    let grid = merge(&[flat(10.0, false)], &registry, &site, &wide).unwrap();
    assert!(grid.node(0, 0).is_none() && grid.node(40, 40) == Some(10.0));
    let nowhere = GridOptions { cell_m: Some(100.0), within: Some((DVec2::splat(1e5), DVec2::splat(1.01e5))) };
    assert!(merge(&[flat(1.0, false)], &registry, &site, &nowhere).unwrap_err().to_string().contains("covers"));
    let fine = GridOptions { cell_m: Some(0.5), within: around(50_000.0) };
    assert!(merge(&[flat(1.0, false)], &registry, &site, &fine).unwrap_err().to_string().contains("too large"));
}

#[test]
fn a_model_without_crs_says_what_to_do() {
    let Some(path) = shared("imagery/rasterio/float_raster_with_nodata.tif") else { return };
    let bytes = std::fs::read(path).unwrap();
    let error = Dem::from_geotiff(&bytes, "plain.tif", &DemOptions::default()).unwrap_err().to_string();
    assert!(error.contains("--crs") && error.ends_with("plain.tif"), "{error}");
    let crs = Some(CrsId::epsg(3857));
    assert!(Dem::from_geotiff(&bytes, "plain.tif", &DemOptions { crs, ..DemOptions::default() }).is_ok());
    assert!(Dem::from_geotiff(b"", "empty.tif", &DemOptions::default()).is_err());
}

/// The tree's tiles: complete, bounded by their boxes, errors falling from root to leaf, the same twice.
#[test]
fn the_tileset_holds_together() {
    let Some((bytes, site)) = tujunga() else { return };
    let registry = CrsRegistry::default();
    let dem = Dem::from_geotiff(&bytes, "bigtujunga", &DemOptions::default()).unwrap();
    let options = GridOptions { cell_m: Some(50.0), within: around(5000.0) };
    let grid = merge(&[dem], &registry, &site, &options).unwrap();
    let write = || {
        let mut files = BTreeMap::<String, Vec<u8>>::new();
        let report = write_terrain(&grid, &site, &registry, None, &mut files).unwrap();
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
    let image = Imagery::from_geotiff(&std::fs::read(path).unwrap(), "RGB.byte.tif", None).unwrap();
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
    let report = write_terrain(&grid, &site, &registry, Some(&image), &mut files).unwrap();
    assert_eq!((report.tiles, report.textured), (1, 1));
    let content = glb::decode(&files["terrain/content/0/0/0.glb"]).unwrap();
    let texture = content.parts[0].texture.as_ref().unwrap();
    assert_eq!(texture.mime, "image/jpeg");
    assert_eq!(content.parts[0].mesh.texture_coordinates.len(), content.parts[0].mesh.positions.len());
}

#[test]
fn map_tiles_are_put_together() {
    let tile = |color: [u8; 3]| {
        let mut bytes = Cursor::new(Vec::new());
        let picture = image::RgbImage::from_pixel(4, 4, image::Rgb(color));
        picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        bytes.into_inner()
    };
    let tiles = [(909, 403, tile([255, 0, 0])), (910, 403, tile([0, 255, 0])), (909, 404, b"no picture".to_vec())];
    let (image, damaged) = Imagery::from_xyz(10, &tiles, 4, "tiles").unwrap();
    assert_eq!((damaged, image.crs.to_string().as_str()), (1, "EPSG:3857"));
    assert!(Imagery::from_xyz(10, &[], 4, "tiles").is_err());
    assert!(Imagery::from_xyz(30, &[(0, 0, vec![]), (u32::MAX, u32::MAX, vec![])], 256, "tiles").is_err());
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
        (x, y, bytes.into_inner())
    };
    let tiles = [tile(left, top), tile(left + 1, top), tile(left, top + 1), tile(left + 1, top + 1)];
    let (image, damaged) = Imagery::from_xyz(ZOOM, &tiles, 256, "tiles").unwrap();
    assert_eq!(damaged, 0);
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
    write_terrain(&grid, &site, &CrsRegistry::default(), Some(&image), &mut files).unwrap();
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
