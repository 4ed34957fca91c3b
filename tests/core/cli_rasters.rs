//! Rasters through the real program: what is told of them, and what the ground becomes.

use std::fs;

use crate::cli::{FOOTPRINTS, failure, success, veduta};
use crate::terrain::dem_file;

/// A model of the geoid that is everywhere as high, around 121 E, 31 N.
fn geoid(metres: f32) -> Vec<u8> {
    let mut bytes: Vec<u8> = [30.0, 120.0, 1.0, 1.0].iter().flat_map(|value: &f64| value.to_be_bytes()).collect();
    bytes.extend([3_i32, 3].iter().flat_map(|count| count.to_be_bytes()));
    bytes.extend([metres; 9].iter().flat_map(|value| value.to_be_bytes()));
    bytes
}

/// The same with heights above EGM96 (EPSG:5773) by its keys.
fn above_egm96(height: f32) -> Vec<u8> {
    let bytes = dem_file([120.99, 31.01], 0.001, (30, 30), |_, _| height);
    // The raster type's key, of which area is what is meant without it, becomes the vertical one.
    let at = bytes.windows(8).position(|w| w == [0x01, 0x04, 0, 0, 1, 0, 1, 0]).unwrap();
    let mut bytes = bytes;
    bytes[at..at + 8].copy_from_slice(&[0x00, 0x10, 0, 0, 1, 0, 0x8d, 0x16]);
    bytes
}

fn ground_height(folder: &std::path::Path, city: &str) -> f64 {
    let manifest: serde_json::Value = serde_json::from_str(&success(folder, &["info", city, "--json"])).unwrap();
    manifest["ground"][4].as_f64().unwrap()
}

#[test]
fn a_geoid_model_lifts_the_ground_and_its_absence_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("dem.tif"), above_egm96(5.0)).unwrap();
    fs::write(folder.join("geoid.gtx"), geoid(11.5)).unwrap();
    let told = success(folder, &["import", "dem.tif", "-o", "plain.city"]);
    assert!(told.contains("no-geoid") && told.contains("--geoid") && told.contains("EPSG:4326+5773"), "{told}");
    assert!(told.contains("dem.tif: elevation of 30 x 30 pixels"), "{told}");
    assert!((ground_height(folder, "plain.city") - 5.0).abs() < 0.01);
    let told = success(folder, &["import", "dem.tif", "-o", "model.city", "--geoid", "geoid.gtx"]);
    assert!(!told.contains("no-geoid"), "{told}");
    assert!((ground_height(folder, "model.city") - 16.5).abs() < 0.01);
    let recipe = "format_version = 1\n[[source]]\npath = \"dem.tif\"\ngeoid = \"geoid.gtx\"\n";
    fs::write(folder.join("import.toml"), recipe).unwrap();
    success(folder, &["import", "--recipe", "import.toml", "-o", "recipe.city"]);
    assert!((ground_height(folder, "recipe.city") - 16.5).abs() < 0.01);
    // Another model is other settings.
    let again = ["import", "--recipe", "import.toml", "-o", "recipe.city", "--update"];
    assert!(success(folder, &again).contains("nothing to do"));
    fs::write(folder.join("geoid.gtx"), geoid(12.5)).unwrap();
    assert!(!success(folder, &again).contains("nothing to do"));
    assert!((ground_height(folder, "recipe.city") - 17.5).abs() < 0.01);
    fs::write(folder.join("far.tif"), dem_file([10.0, 50.0], 0.001, (30, 30), |_, _| 5.0)).unwrap();
    let line = failure(folder, &["import", "far.tif", "-o", "far.city", "--geoid", "geoid.gtx"]);
    assert!(line.contains("geoid model does not reach the city") && line.contains("far.tif"), "{line}");
    let line = failure(folder, &["import", "dem.tif", "-o", "x.city", "--geoid", "dem.tif.gtx"]);
    assert!(line.contains("dem.tif.gtx"), "{line}");
}

#[test]
fn what_a_raster_holds_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::create_dir(folder.join("sheets")).unwrap();
    for (index, west) in [121.0, 121.01].into_iter().enumerate() {
        let bytes = dem_file([west, 31.01], 0.001, (10, 10), move |_, _| 3.0 + index as f32);
        fs::write(folder.join(format!("sheets/{index}.tif")), bytes).unwrap();
    }
    let facts: serde_json::Value = serde_json::from_str(&success(folder, &["info", "sheets/0.tif", "--json"])).unwrap();
    assert_eq!(
        (facts["width"].as_u64(), facts["bands"].as_u64(), facts["kind"].as_str()),
        (Some(10), Some(1), Some("elevation"))
    );
    assert_eq!(facts["extent"], serde_json::json!([121.0, 31.0, 121.01, 31.01]));
    assert!(facts["crs"].as_str().unwrap().starts_with("EPSG:4326"));
    let told = success(folder, &["info", "sheets"]);
    assert!(told.matches("elevation 10 x 10 pixels").count() == 2, "{told}");
    fs::write(folder.join("sheets/bad.tif"), b"II*\0").unwrap();
    fs::write(folder.join("town.geojson"), FOOTPRINTS).unwrap();
    let told = success(folder, &["import", "town.geojson", "sheets", "-o", "town.city"]);
    assert!(told.contains("2 elevation models") && told.contains("raster-unreadable: 1 times"), "{told}");
    let help = success(folder, &["import", "--help"]);
    for words in ["CityJSON", "GeoTIFF and COG", "*.pmtiles", "quantized-mesh", "WMTS and WMS", "--geoid"] {
        assert!(help.contains(words), "{words}: {help}");
    }
    // Without a CRS a source is told all the same.
    let mut plain = dem_file([121.0, 31.01], 0.001, (10, 10), |_, _| 1.0);
    let at = plain.windows(8).position(|w| w == [0x00, 0x08, 0, 0, 1, 0, 0xe6, 0x10]).unwrap();
    plain[at] = 0x99;
    fs::write(folder.join("plain.tif"), plain).unwrap();
    let told = success(folder, &["info", "plain.tif"]);
    assert!(told.contains("not said") && told.contains("10 x 10"), "{told}");
}

/// An image without ground is told to be left out; with it, both of two images are there.
#[test]
fn images_need_ground() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let tile = |color: [u8; 3]| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        let picture = image::RgbImage::from_pixel(256, 256, image::Rgb(color));
        picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        bytes.into_inner()
    };
    // Column and row of 121 E, 31 N at zoom 8.
    for (name, color) in [("below", [200, 0, 0]), ("above", [0, 200, 0])] {
        fs::create_dir_all(folder.join(format!("{name}/8/214"))).unwrap();
        fs::write(folder.join(format!("{name}/8/214/104.png")), tile(color)).unwrap();
    }
    fs::write(folder.join("town.geojson"), FOOTPRINTS).unwrap();
    let output = veduta(folder, &["import", "town.geojson", "below", "-o", "town.city"]);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success() && stderr.contains("this image is left out") && stderr.contains("below"),
        "{stderr}"
    );
    fs::write(folder.join("dem.tif"), dem_file([120.99, 31.01], 0.001, (30, 30), |_, _| 5.0)).unwrap();
    let told = success(folder, &["import", "dem.tif", "below", "above", "-o", "land.city"]);
    assert!(told.contains("below: image of 256 x 256 pixels") && told.contains("above: image"), "{told}");
    assert!(told.contains("with a picture"), "{told}");
}
