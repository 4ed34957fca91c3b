//! Damaged, false and huge input through the real program: one clear line with cause and path, and nothing half written.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::cli::{FOOTPRINTS, failure, success, veduta};
use crate::terrain::dem_file;

/// Everything in a folder, hidden files too.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn cut(path: PathBuf, length: usize) {
    let bytes = fs::read(&path).unwrap();
    assert!(length < bytes.len(), "{}", path.display());
    fs::write(path, &bytes[..length]).unwrap();
}

/// Tables of a package that are cut: a query says which, and so does a check.
#[test]
fn a_cut_package_table_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("town.geojson"), FOOTPRINTS).unwrap();
    let query = ["query", "town.city", "--bbox", "121.0025,30,122,32", "--where", "height > 1", "--text", "tower"];
    for (table, length) in [
        ("city.toml", 0),
        ("city.toml", 40),
        ("objects/ids", 0),
        ("objects/ids", 3),
        ("objects/directory", 1),
        ("objects/bounds", 9),
        ("objects/column-0", 1),
        ("objects/footprints", 1),
        ("index/tree", 3),
        ("index/words", 1),
    ] {
        success(folder, &["import", "town.geojson", "-o", "town.city"]);
        cut(folder.join("town.city").join(table), length);
        let line = failure(folder, &query);
        assert!(line.contains(table), "{table} cut to {length}: {line}");
        let checked = veduta(folder, &["check", "town.city"]);
        let told = String::from_utf8_lossy(&checked.stdout).into_owned() + &String::from_utf8_lossy(&checked.stderr);
        assert!(checked.status.code() == Some(1) && told.contains(table), "{table} cut to {length}: {told}");
    }
}

/// Metres taken for degrees are nowhere on the earth: that is no city, and the one that was there stays.
#[test]
fn a_wrong_crs_takes_no_good_package_away() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("town.geojson"), FOOTPRINTS).unwrap();
    let house = r#"{ "type": "CityJSON", "version": "2.0", "transform": { "scale": [1, 1, 1], "translate": [90000, 435000, 0] },
        "CityObjects": { "house": { "type": "Building", "geometry": [{ "type": "MultiSurface", "lod": "2",
            "boundaries": [[[0, 1, 2]]] }] } },
        "vertices": [[0, 0, 0], [10, 0, 0], [0, 10, 0]] }"#;
    fs::write(folder.join("house.city.json"), house).unwrap();
    success(folder, &["import", "town.geojson", "-o", "town.city"]);
    let line = failure(folder, &["import", "house.city.json", "--crs", "EPSG:4326", "-o", "town.city"]);
    assert!(line.contains("is their CRS right"), "{line}");
    assert!(success(folder, &["info", "town.city"]).contains("Building"));
    success(folder, &["import", "house.city.json", "--crs", "EPSG:28992", "-o", "town.city"]);
    // Degrees taken for metres are outlines without an area.
    let line = failure(folder, &["import", "town.geojson", "--crs", "EPSG:28992", "-o", "town.city"]);
    assert!(line.contains("no outline in the sources is usable (is their CRS right?"), "{line}");
    assert!(success(folder, &["info", "town.city"]).contains("house.city.json"));
}

/// Coordinates that lie far from where their CRS is used are taken, with a word; a raster that ends early is called so, and
/// a count that is not all says that it is not.
#[test]
fn what_may_be_meant_otherwise_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("town.geojson"), FOOTPRINTS).unwrap();
    let told = |arguments: &[&str]| {
        let output = veduta(folder, arguments);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    let said = told(&["import", "town.geojson", "-o", "far.city", "--crs", "EPSG:4258"]);
    let by_proj = cfg!(feature = "proj");
    assert_eq!(said.contains("outside-crs-area") && said.contains("EPSG:4258"), by_proj, "{said}");
    assert!(!told(&["import", "town.geojson", "-o", "town.city"]).contains("outside-crs-area"));
    let said = told(&["query", "town.city", "--limit", "1"]);
    assert!(said.contains("\"count\":1,") && said.contains("the first 1 are shown, more match"), "{said}");
    assert!(!told(&["query", "town.city", "--limit", "50"]).contains("more match"));
    let whole = dem_file([121.0, 31.01], 0.001, (16, 16), |_, _| 5.0);
    fs::write(folder.join("dem.tif"), &whole).unwrap();
    let said = told(&["info", "dem.tif"]);
    assert!(said.contains("elevation") && said.contains("EPSG:4326") && said.contains("16 x 16"), "{said}");
    assert!(told(&["check", "dem.tif"]).contains("0 errors"));
    fs::write(folder.join("dem.tif"), &whole[..whole.len() / 2]).unwrap();
    assert!(failure(folder, &["check", "dem.tif"]).contains("cut off"));
    if cfg!(feature = "viewer") {
        assert!(
            failure(folder, &["render", "town.geojson", "-o", "x.png"]).contains("'veduta import' makes a package")
        );
    }
    let line = failure(folder, &["import", "dem.tif", "-o", "dem.city"]);
    assert!(line.contains("dem.tif") && line.matches("cut off").count() == 1, "{line}");
}

/// Counts in tables that claim far more than there is end in an error, with 1.5 GB of address space.
#[test]
fn huge_counts_in_headers_cost_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("town.geojson"), FOOTPRINTS).unwrap();
    fs::write(folder.join("dem.tif"), dem_file([121.0, 31.01], 0.001, (16, 16), |_, _| 5.0)).unwrap();
    let limited = |arguments: &str| {
        let line = format!("ulimit -v 1500000; exec '{}' {arguments}", env!("CARGO_BIN_EXE_veduta"));
        let output = Command::new("sh").args(["-c", &line]).current_dir(folder).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    // Postcard's lists begin with their count as a varint: this one is 2^63 and more.
    let huge = [0xff_u8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    for table in ["objects/ids", "objects/bounds", "objects/directory", "objects/column-0", "index/tree", "index/words"]
    {
        success(folder, &["import", "town.geojson", "-o", "town.city"]);
        let path = folder.join("town.city").join(table);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, [&huge, &bytes[1..]].concat()).unwrap();
        let (code, told) = limited("query town.city --where 'height > 1' --text tower");
        assert!(code == Some(1) && told.contains(table) && !told.contains("panicked"), "{table}: {code:?} {told}");
    }
    success(folder, &["import", "town.geojson", "-o", "town.city"]);
    let subtree = folder.join("town.city/subtrees/0/0/0.subtree");
    let mut bytes = fs::read(&subtree).unwrap();
    bytes[8..16].fill(0x7f);
    fs::write(subtree, bytes).unwrap();
    let (code, told) = limited("check town.city");
    assert!(code == Some(1) && told.contains(".subtree"), "{code:?} {told}");
    // TIFF's ImageWidth and ImageLength, wherever the encoder put them: tag, type, count 1, value.
    let whole = fs::read(folder.join("dem.tif")).unwrap();
    for tag in [256_u16, 257] {
        let mut bytes = whole.clone();
        let key = tag.to_le_bytes();
        let at = bytes.windows(8).position(|w| w[..2] == key && w[4..8] == 1_u32.to_le_bytes()).unwrap();
        bytes[at + 2..at + 4].copy_from_slice(&4_u16.to_le_bytes());
        bytes[at + 8..at + 12].copy_from_slice(&0xffff_ffff_u32.to_le_bytes());
        fs::write(folder.join("huge.tif"), bytes).unwrap();
        let (code, told) = limited("import huge.tif -o x.city");
        assert!(code == Some(1) && told.contains("huge.tif") && !told.contains("panicked"), "{tag}: {code:?} {told}");
    }
    assert_eq!(names(folder), ["dem.tif", "huge.tif", "town.city", "town.geojson"]);
}

/// What is no number: of one feature or object it is told and left out; where nothing else is there, nothing is written.
#[test]
fn what_is_no_number_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let cube = r#"{"type":"CityJSON","version":"2.0","transform":{"scale":[1,1,1],"translate":[0,0,0]},
        "metadata":{"referenceSystem":"https://www.opengis.net/def/crs/EPSG/0/4979"},
        "CityObjects":{"a":{"type":"Building","geometry":[{"type":"MultiSurface","lod":"1","boundaries":[[[0,1,2]]]}]}},
        "vertices":[[31,121,0],[31,121.1,0],[NUMBER,121,0]]}"#;
    fs::write(folder.join("nan.geojson"), FOOTPRINTS.replace("[121.0,31.0]", "[NaN,31.0]")).unwrap();
    fs::write(folder.join("inf.geojson"), FOOTPRINTS.replace("[121.003,31.001]", "[1e999,31.001]")).unwrap();
    fs::write(folder.join("nan.city.json"), cube.replace("NUMBER", "NaN")).unwrap();
    fs::write(folder.join("nan.tif"), dem_file([121.0, 31.01], 0.001, (16, 16), |_, _| f32::NAN)).unwrap();
    fs::write(folder.join("empty.tif"), b"").unwrap();
    fs::write(folder.join("cut.tif"), &dem_file([121.0, 31.01], 0.001, (16, 16), |_, _| 1.0)[..90]).unwrap();
    let before = names(folder);
    for (source, words) in [
        ("nan.geojson", &["nan.geojson", "line"][..]),
        ("nan.city.json", &["nan.city.json", "line"]),
        ("nan.tif", &["elevation model"]),
        ("empty.tif", &["empty.tif"]),
        ("cut.tif", &["cut.tif"]),
    ] {
        let line = failure(folder, &["import", source, "-o", "x.city"]);
        assert!(words.iter().all(|word| line.contains(word)), "{source}: {line}");
        assert_eq!(names(folder), before, "{source} left something");
    }
    let said = veduta(folder, &["import", "inf.geojson", "-o", "x.city"]);
    let told = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
    assert!(told.contains("inf.geojson") && told.contains("out of range"), "{told}");
    // One bad height in a model is a hole, not the end.
    let hole = dem_file([121.0, 31.01], 0.001, (16, 16), |x, y| if (x, y) == (3, 3) { f32::NAN } else { 5.0 });
    fs::write(folder.join("hole.tif"), hole).unwrap();
    success(folder, &["import", "hole.tif", "-o", "hole.city"]);
    success(folder, &["check", "hole.city"]);
}

#[test]
fn damaged_terrain_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("dem.tif"), dem_file([121.0, 31.01], 0.001, (40, 40), |x, y| (x * y) as f32)).unwrap();
    let content = "terrain/content/0/0/0.glb";
    for (name, length) in [
        ("terrain/heights.grid", 0),
        ("terrain/heights.grid", 50),
        ("terrain/tileset.json", 0),
        ("terrain/tileset.json", 99),
        (content, 0),
        (content, 400),
    ] {
        let said = success(folder, &["import", "dem.tif", "-o", "land.city"]);
        assert!(said.contains("ground: "), "{said}");
        success(folder, &["check", "land.city"]);
        cut(folder.join("land.city").join(name), length);
        let checked = veduta(folder, &["check", "land.city"]);
        let told = String::from_utf8(checked.stdout).unwrap();
        let file = name.trim_start_matches("terrain/");
        assert!(checked.status.code() == Some(1) && told.contains(file), "{name} cut to {length}: {told}");
        fs::remove_file(folder.join("land.city").join(name)).unwrap();
        let checked = veduta(folder, &["check", "land.city"]);
        assert_eq!(checked.status.code(), Some(1), "{name} removed");
    }
}

/// Ctrl-C while an import reads: the process ends soon, says so, and nothing is there but what was before.
#[test]
#[cfg(unix)]
fn an_interrupted_import_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::create_dir(folder.join("town")).unwrap();
    let feature = |i: usize| {
        let (x, y) = (121.0 + (i % 1000) as f64 * 1e-3, 31.0 + (i / 1000) as f64 * 1e-3);
        let (e, n) = (x + 5e-4, y + 5e-4);
        format!(
            r#"{{"type":"Feature","id":"{i}","properties":{{"height":{}}},"geometry":{{"type":"Polygon","coordinates":[[[{x},{y}],[{e},{y}],[{e},{n}],[{x},{n}],[{x},{y}]]]}}}}"#,
            3 + i % 40
        )
    };
    for file in 0..150 {
        let lines: Vec<String> = (0..2000).map(|i| feature(file * 2000 + i)).collect();
        fs::write(folder.join(format!("town/{file:03}.geojsonl")), lines.join("\n")).unwrap();
    }
    let mut process = Command::new(env!("CARGO_BIN_EXE_veduta"))
        .args(["import", "town", "-o", "town.city"])
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begin = Instant::now();
    while !folder.join(".town.city.partial").exists() {
        assert!(begin.elapsed() < Duration::from_secs(30) && process.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(2));
    }
    std::thread::sleep(Duration::from_millis(20));
    assert!(process.try_wait().unwrap().is_none(), "it is still at work");
    let sent = Command::new("kill").args(["-INT", &process.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let output = process.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && stderr.contains("veduta: stopped"), "{:?} {stderr}", output.status);
    assert_eq!(names(folder), ["town"]);
}
