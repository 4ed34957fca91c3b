//! `veduta import --recipe` and `--update`, through the real program.

use std::fs;
use std::path::Path;

use crate::cli::{FOOTPRINTS, failure, success};
use crate::shared_data::shared;
use crate::terrain::dem_file;

fn json(folder: &Path, arguments: &[&str]) -> serde_json::Value {
    serde_json::from_str(&success(folder, arguments)).unwrap()
}

/// A square of 20 m whose south-west corner is at (x, y), with a house's attributes.
fn house(x: f64, y: f64) -> String {
    let ring: Vec<[f64; 2]> =
        [(0.0, 0.0), (20.0, 0.0), (20.0, 20.0), (0.0, 20.0), (0.0, 0.0)].map(|(dx, dy)| [x + dx, y + dy]).to_vec();
    let properties = r#"{"H": 12.5, "CODE": "K-7", "LABEL": "旧站", "USE": "Station", "LEVELS": 9}"#;
    format!(
        r#"{{"type":"FeatureCollection","features":[{{"type":"Feature","properties":{properties},"geometry":{{"type":"Polygon","coordinates":[{}]}}}}]}}"#,
        serde_json::to_string(&ring).unwrap()
    )
}

/// The recipe that docs/import.md shows does what the page says.
#[test]
fn the_recipe_of_the_manual_works() {
    let manual = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/import.md")).unwrap();
    let recipe = manual.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("import.toml"), recipe).unwrap();
    // The city's CRS is EPSG:4547 (CM 114 E, 500 km false easting) moved by (500, -200) m: here is 114 E, about 31 N.
    fs::write(folder.join("buildings.geojson"), house(499_500.0, 3_430_200.0)).unwrap();
    fs::write(folder.join("plain.geojson"), house(500_000.0, 3_430_000.0)).unwrap();
    fs::write(folder.join("dem.tif"), dem_file([113.95, 31.05], 0.001, (100, 100), |_, _| 20.0)).unwrap();
    fs::create_dir_all(folder.join("tiles/8/209")).unwrap();
    image::RgbImage::from_pixel(256, 256, image::Rgb([90, 120, 60])).save(folder.join("tiles/8/209/104.png")).unwrap();
    success(folder, &["import", "--recipe", "import.toml", "-o", "town.city"]);
    let found = json(folder, &["query", "town.city", "--id", "K-7"]);
    let object = &found["objects"][0];
    assert_eq!((object["class"].as_str(), object["name"].as_str()), (Some("Station"), Some("旧站")), "{found}");
    assert_eq!(object["attributes"]["measuredHeight"], 12.5, "{found}");
    let info = json(folder, &["info", "town.city", "--json"]);
    let extent = |info: &serde_json::Value| -> Vec<f64> {
        info["extent"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
    };
    let own = extent(&info);
    assert!((own[4] - 29.4).abs() < 0.1 && (own[5] - 41.9).abs() < 0.1, "20 m of ground and 9.4 m of geoid: {own:?}");
    success(folder, &["import", "plain.geojson", "--crs", "EPSG:4547", "-o", "plain.city"]);
    let plain = extent(&json(folder, &["info", "plain.city", "--json"]));
    assert!((own[0] - 114.0).abs() < 1e-5, "{own:?}");
    assert!(own[..4].iter().zip(&plain).all(|(a, b)| (a - b).abs() < 2e-7), "{own:?} {plain:?}");
}

/// A real city: the geoid's separation lifts it, nothing else changes.
#[test]
fn the_geoid_lifts_rotterdam() {
    let Some(source) = shared("citymodel/cityjson/rotterdam_delfshaven_3-20.city.json") else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let recipe = "format_version = 1\n[[source]]\npath = 'rotterdam_delfshaven_3-20.city.json'\n\
                  heights = 'geoid'\ngeoid_separation_m = 43.6\nname_attribute = 'status'\n";
    fs::write(folder.join("import.toml"), recipe).unwrap();
    let source = source.to_str().unwrap();
    success(folder, &["import", source, "-o", "plain.city"]);
    success(folder, &["import", source, "-o", "lifted.city", "--recipe", "import.toml"]);
    let [plain, lifted] = ["plain.city", "lifted.city"].map(|city| json(folder, &["info", city, "--json"]));
    assert_eq!((plain["objects"].as_u64(), lifted["objects"].as_u64()), (Some(853), Some(853)));
    for corner in 4..6 {
        let [low, high] = [&plain, &lifted].map(|info| info["extent"][corner].as_f64().unwrap());
        assert!((high - low - 43.6).abs() < 0.02, "{low} {high}");
    }
    let named = json(folder, &["query", "lifted.city", "--limit", "1"]);
    let object = &named["objects"][0];
    assert!(object["name"].is_string() && object["name"] == object["attributes"]["status"], "{named}");
}

#[test]
fn a_bad_recipe_is_one_clear_line() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("town.geojson"), FOOTPRINTS).unwrap();
    for (recipe, words) in [
        ("[[source]]\npath = 'town.geojson'\nheigth_attribute = 'H'\n", &["import.toml:4:1", "height_attribute"][..]),
        ("[[source]]\npath = 'town.geojson'\nkind = 'geojosn'\n", &["source 1, kind", "did you mean 'geojson'"]),
        ("[[source]]\npath = 'town.geojson'\ncrs = 'EPSG:999999'\n", &["source 1, crs", "EPSG:999999"]),
        ("[[source]]\npath = 'town.geojson'\ncrs = 'twon'\n", &["source 1, crs", "twon"]),
        ("[[source]]\npath = 'twon.geojson'\n", &["source 1, path", "twon.geojson"]),
        ("[[source]]\npath = 'town.geojson'\nheights = 'sea'\n", &["import.toml:4"]),
        ("[crs.a]\nbase = 'EPSG:4547'\n", &["crs.a", "four_parameter"]),
        ("[[source]\n", &["import.toml:2"]),
    ] {
        fs::write(folder.join("import.toml"), format!("format_version = 1\n{recipe}")).unwrap();
        let line = failure(folder, &["import", "town.geojson", "-o", "x.city", "--recipe", "import.toml"]);
        for word in words {
            assert!(line.contains(word), "{recipe}: '{word}' is not in: {line}");
        }
        assert!(!folder.join("x.city").exists());
    }
    let line = failure(folder, &["import", "town.geojson", "-o", "x.city", "--recipe", "none.toml"]);
    assert!(line.contains("none.toml"), "{line}");
}

#[test]
fn an_unchanged_city_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("town.geojson"), FOOTPRINTS).unwrap();
    let import =
        |more: &[&str]| success(folder, &[&["import", "town.geojson", "-o", "town.city", "--update"], more].concat());
    let is_idle = |said: String| said.contains("nothing to do");
    let made = || fs::metadata(folder.join("town.city/city.toml")).unwrap().modified().unwrap();
    assert!(!is_idle(import(&[])));
    let first = made();
    assert!(is_idle(import(&[])));
    assert_eq!(made(), first);
    assert!(!is_idle(import(&["--name", "Other"])), "another name is another package");
    assert!(is_idle(import(&["--name", "Other"])));
    fs::write(folder.join("town.geojson"), FOOTPRINTS.replace("West Tower", "East Tower")).unwrap();
    assert!(!is_idle(import(&["--name", "Other"])));
    assert!(success(folder, &["query", "town.city", "--id", "b"]).contains("East Tower"));
}
