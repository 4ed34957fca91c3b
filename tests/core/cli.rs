//! The command line as a user meets it: exit codes, one clear line for each failure, nothing half written.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::shared_data::shared;

/// Runs `veduta` in a folder of its own, without a display.
pub fn veduta(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_veduta"));
    command.current_dir(folder).args(arguments).env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
    command.output().unwrap()
}

/// An end of a pipe that nobody reads any more.
fn closed_pipe() -> std::io::PipeWriter {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer
}

/// The failure's line: exactly one, from us, with exit code 1.
pub fn failure(folder: &Path, arguments: &[&str]) -> String {
    let output = veduta(folder, arguments);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {stderr}");
    let lines: Vec<&str> = stderr.lines().filter(|line| line.starts_with("veduta: ")).collect();
    assert_eq!(lines.len(), 1, "{arguments:?}: one line, not: {stderr}");
    assert!(!stderr.contains("panicked") && !stderr.contains("stack backtrace"), "{stderr}");
    lines[0].to_owned()
}

pub fn success(folder: &Path, arguments: &[&str]) -> String {
    let output = veduta(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

pub const FOOTPRINTS: &str = r#"{"type":"FeatureCollection","features":[
 {"type":"Feature","id":"a","properties":{"height":30,"name":"东楼"},"geometry":{"type":"Polygon","coordinates":[[[121.0,31.0],[121.001,31.0],[121.001,31.001],[121.0,31.001],[121.0,31.0]]]}},
 {"type":"Feature","id":"b","properties":{"height":120,"name":"West Tower"},"geometry":{"type":"Polygon","coordinates":[[[121.002,31.0],[121.003,31.0],[121.003,31.001],[121.002,31.001],[121.002,31.0]]]}},
 {"type":"Feature","id":"bow","properties":{"height":9},"geometry":{"type":"Polygon","coordinates":[[[121.004,31.0],[121.005,31.001],[121.005,31.0],[121.004,31.001],[121.004,31.0]]]}},
 {"type":"Feature","id":"nothing","properties":{"height":9},"geometry":null}]}"#;

#[test]
fn an_import_that_leaves_out_everything_tells_why() {
    let folder = tempfile::tempdir().unwrap();
    let metres = FOOTPRINTS.replace("[121.0", "[92000.0").replace(",31.0", ",436000.0");
    fs::write(folder.path().join("metres.geojson"), metres).unwrap();
    let output = veduta(folder.path(), &["import", "metres.geojson", "-o", "town.city"]);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("metres.geojson: ") && stderr.contains("first: ") && stderr.contains("--crs"), "{stderr}");
}

#[test]
fn wrong_usage_is_exit_code_2_and_help_has_an_example() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["paint"][..],
        &["import"],
        &["render", "x", "-o", "y.png", "--size", "huge"],
        &["query", "c", "--near", "1,2"],
    ] {
        assert_eq!(veduta(folder.path(), arguments).status.code(), Some(2), "{arguments:?}");
    }
    assert!(success(folder.path(), &["query", "--help"]).contains("Example: veduta query"));
    let told = veduta(folder.path(), &["render", "x", "-o", "y.jpg"]);
    assert_eq!(told.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&told.stderr).contains("write a name that ends with .png"));
}

#[test]
fn footprints_go_in_and_come_out() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("town.geojson"), FOOTPRINTS).unwrap();
    let summary = success(folder, &["import", "town.geojson", "-o", "town.city"]);
    assert!(summary.contains("nothing") || summary.contains("no geometry"), "what was left out is told: {summary}");
    let found = success(folder, &["query", "town.city", "--where", "height > 100"]);
    assert!(found.contains("\"b\"") && !found.contains("\"a\""), "{found}");
    let found = success(folder, &["query", "town.city", "--text", "东楼", "--format", "geojson"]);
    let collection: serde_json::Value = serde_json::from_str(&found).unwrap();
    assert_eq!(collection["features"].as_array().unwrap().len(), 1);
    assert_eq!(collection["features"][0]["id"], "a");
    let csv = success(folder, &["query", "town.city", "--at", "121.0025,31.0005", "--format", "csv"]);
    assert_eq!(csv.lines().count(), 2, "{csv}");
    let info: serde_json::Value = serde_json::from_str(&success(folder, &["info", "town.city", "--json"])).unwrap();
    // A reader that has seen enough is no failure.
    let mut command = Command::new(env!("CARGO_BIN_EXE_veduta"));
    command.current_dir(folder).args(["info", "town.city"]).stdout(closed_pipe()).stderr(std::process::Stdio::piped());
    let output = command.output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(info["counts"]["Building"], 3, "{info}");
    success(folder, &["check", "town.city"]);
    let none = veduta(folder, &["query", "town.city", "--class", "Buildng"]);
    let told = String::from_utf8_lossy(&none.stderr).into_owned();
    assert!(none.status.success() && String::from_utf8_lossy(&none.stdout).contains("\"count\":0"));
    assert!(told.contains("no class 'Buildng' (did you mean 'Building'?): town.city"), "{told}");
    let none = veduta(folder, &["query", "town.city", "--class", "Building", "--where", "height > 500"]);
    assert!(none.stderr.is_empty(), "a class that is there may have no match");
    for (arguments, told) in [
        (["--id", "nobody"], "no object is called 'nobody'"),
        (["--at", "31.0005,121.0025"], "is not on the earth: longitude comes first"),
        (
            ["--at", "31.0005,21.0025"],
            "outside of the city, which lies at 121.00000,31.00000 to 121.00500,31.00100 (longitude",
        ),
        (["--where", "name > 3"], "'name' is text and never equals, exceeds or falls below the number 3"),
        (["--where", "height in ('30', 9)"], "'height' is a number and never equals"),
    ] {
        let output = veduta(folder, &[&["query", "town.city"][..], &arguments].concat());
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(stderr.contains(told), "{arguments:?}: {stderr}");
    }
}

/// Two blocks, 12 m and 30 m high, without any attribute.
const BLOCKS: &str = r#"{"type":"CityJSON","version":"2.0","transform":{"scale":[1,1,1],"translate":[85000,446000,0]},
 "metadata":{"referenceSystem":"https://www.opengis.net/def/crs/EPSG/0/7415"},
 "CityObjects":{"low":{"type":"Building","geometry":[{"type":"MultiSurface","lod":"1","boundaries":[[[0,1,2]],[[3,4,5]]]}]},
  "tall":{"type":"Building","geometry":[{"type":"MultiSurface","lod":"1","boundaries":[[[0,1,2]],[[6,7,8]]]}]},
  "nowhere":{"type":"Building"}},
 "vertices":[[0,0,0],[10,0,0],[10,10,0],[0,0,12],[10,0,12],[10,10,12],[0,0,30],[10,0,30],[10,10,30]]}"#;

#[test]
fn height_is_measured_where_no_attribute_says_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("blocks.city.json"), BLOCKS).unwrap();
    success(folder, &["import", "blocks.city.json", "-o", "blocks.city"]);
    let ids = |filter: &str| success(folder, &["query", "blocks.city", "--where", filter, "--format", "csv"]);
    let tall = ids("height > 20");
    assert!(tall.contains("tall") && tall.lines().count() == 2, "{tall}");
    assert!(ids("height between 11.9 and 12.1").contains("low"));
    assert!(ids("height is null").contains("nowhere"));
    assert!(!tall.contains("height"), "the source's attributes stay as they are: {tall}");
    let line = failure(folder, &["query", "blocks.city", "--where", "floors > 2"]);
    assert!(line.contains("no attribute is called 'floors'"), "{line}");
}

#[test]
fn tall_buildings_of_rotterdam() {
    let Some(source) = shared("citymodel/cityjson/rotterdam_delfshaven_3-20.city.json") else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    success(folder, &["import", source.to_str().unwrap(), "-o", "rotterdam.city"]);
    let count = |filter: &str| {
        let found = success(folder, &["query", "rotterdam.city", "--where", filter]);
        serde_json::from_str::<serde_json::Value>(&found).unwrap()["count"].as_u64().unwrap()
    };
    let (all, tall) = (count("height > 0"), count("height > 20"));
    assert!(all > 800 && tall > 0 && tall < all / 4, "{tall} of {all} are above 20 m");
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("town.geojson"), FOOTPRINTS).unwrap();
    for out in ["one.city", "two.city"] {
        success(folder, &["import", "town.geojson", "-o", out, "--name", "town"]);
    }
    let difference = Command::new("diff").args(["-r", "one.city", "two.city"]).current_dir(folder).output().unwrap();
    assert!(difference.status.success(), "{}", String::from_utf8_lossy(&difference.stdout));
}

#[test]
fn every_bad_input_is_one_clear_line() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("empty.geojson"), "").unwrap();
    fs::write(folder.join("cut.geojson"), &FOOTPRINTS[..200]).unwrap();
    fs::write(folder.join("noise.city.json"), [0_u8, 159, 146, 150]).unwrap();
    fs::write(folder.join("town.geojson"), FOOTPRINTS).unwrap();
    fs::write(folder.join("bad.toml"), "format_version = 1\n[[layer]]\nname = 'a'\ncolour = '#fff'\n").unwrap();
    let crs = r#""crs":{"type":"name","properties":{"name":"EPSG:28992"}},"features""#;
    fs::write(folder.join("dutch.geojson"), FOOTPRINTS.replace("\"features\"", crs)).unwrap();
    success(folder, &["import", "town.geojson", "-o", "town.city"]);
    for (arguments, words) in [
        (&["import", "missing.geojson", "-o", "x.city"][..], &["no such file", "missing.geojson"][..]),
        (&["import", "empty.geojson", "-o", "x.city"], &["empty.geojson"]),
        (&["import", "cut.geojson", "-o", "x.city"], &["cut.geojson"]),
        (&["import", "noise.city.json", "-o", "x.city"], &["noise.city.json"]),
        (&["import", "town.geojson", "-o", "x.city", "--crs", "28992"], &["'28992' is no", "write EPSG:28992"]),
        (&["import", "town.geojson", "-o", "/proc/x.city"], &["no file can be made there: ", "/proc/x.city"]),
        (&["import", "town.geojson", "-o", "x.city", "--crs", "EPSG:999999"], &["EPSG:999999", "[crs.NAME]"]),
        (&["query", "town.city", "--where", "heigth > 3"], &["heigth", "did you mean 'height'"]),
        (&["query", "town.city", "--where", "colour = 'red'"], &["'colour'; there are class, height, id,"]),
        (
            &["import", "dutch.geojson", "-o", "x.city", "--crs", "EPSG:4547"],
            &["EPSG:28992 (its 'crs')", "--crs says EPSG:4547", "recipe", "dutch.geojson"],
        ),
        (&["query", "town.city", "--where", "height >"], &["height >"]),
        (&["query", "town.city", "--at", "31,121"], &["31,121"]),
        (&["query", "nowhere.city"], &["nowhere.city"]),
        (&["info", "nowhere.city"], &["nowhere.city"]),
        (&["check", "nowhere.city"], &["nowhere.city"]),
    ] {
        let line = failure(folder, arguments);
        for word in words {
            assert!(line.contains(word), "{arguments:?}: '{word}' is not in: {line}");
        }
        assert!(!folder.join("x.city").exists(), "{arguments:?} left half a package");
    }
    let checked = veduta(folder, &["check", "bad.toml"]);
    let told = format!("{}{}", String::from_utf8_lossy(&checked.stdout), String::from_utf8_lossy(&checked.stderr));
    assert_eq!(checked.status.code(), Some(1));
    assert!(told.contains("bad.toml:4") && told.contains("color"), "{told}");
    let left: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    assert!(left.iter().all(|name| !name.contains("tmp") && !name.starts_with('.')), "left over: {left:?}");
}

/// A glb whose first accessor says that it has many more elements.
fn with_a_false_count(glb: &[u8]) -> Vec<u8> {
    let key = b"\"count\":";
    let at = glb.windows(key.len()).position(|window| window == key).unwrap() + key.len();
    let digits = glb[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut damaged = glb.to_vec();
    damaged[at..at + digits].fill(b'9');
    assert_ne!(damaged, glb);
    damaged
}

/// Every kind of damage to a package is found, with the file that has it.
#[test]
fn damage_to_a_package_is_found_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("town.geojson"), FOOTPRINTS).unwrap();
    let content = || {
        let mut found = Vec::new();
        let mut open = vec![folder.join("town.city/content")];
        while let Some(path) = open.pop() {
            match fs::read_dir(&path) {
                Ok(entries) => open.extend(entries.map(|entry| entry.unwrap().path())),
                Err(_) => found.push(path),
            }
        }
        found.sort();
        found.swap_remove(0)
    };
    let cut = |name: &str, length: usize| {
        let path = folder.join("town.city").join(name);
        let bytes = fs::read(&path).unwrap();
        assert!(length < bytes.len(), "{name}");
        fs::write(path, &bytes[..length]).unwrap();
    };
    let replace = |path: &Path, from: &[u8], to: &[u8]| {
        let bytes = fs::read(path).unwrap();
        let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
        fs::write(path, [&bytes[..at], to, &bytes[at + from.len()..]].concat()).unwrap();
    };
    type Damage<'a> = (&'a str, &'a dyn Fn());
    let damages: &[Damage] = &[
        (".glb", &|| fs::write(content(), b"").unwrap()),
        (".glb", &|| fs::remove_file(content()).unwrap()),
        (".glb", &|| fs::write(content(), &fs::read(content()).unwrap()[..300]).unwrap()),
        (".glb", &|| fs::write(content(), with_a_false_count(&fs::read(content()).unwrap())).unwrap()),
        (".subtree", &|| cut("subtrees/0/0/0.subtree", 40)),
        (".subtree", &|| fs::remove_file(folder.join("town.city/subtrees/0/0/0.subtree")).unwrap()),
        ("tileset.json", &|| cut("tileset.json", 60)),
        ("tileset.json", &|| replace(&folder.join("town.city/tileset.json"), b"\"refine\"", b"\"rafine\"")),
        ("objects/", &|| cut("objects/column-0", 1)),
        ("objects/", &|| cut("objects/ids", 2)),
        ("city.toml", &|| replace(&folder.join("town.city/city.toml"), b"Building = 3", b"Building = 4")),
    ];
    for (place, damage) in damages {
        success(folder, &["import", "town.geojson", "-o", "town.city"]);
        success(folder, &["check", "town.city"]);
        damage();
        let checked = veduta(folder, &["check", "town.city"]);
        let told = String::from_utf8(checked.stdout).unwrap();
        assert_eq!(checked.status.code(), Some(1), "{place}: {told}{}", String::from_utf8_lossy(&checked.stderr));
        let lines: Vec<&str> = told.lines().filter(|line| line.starts_with("error: ")).collect();
        assert!(lines.iter().any(|line| line.contains(place)), "{place}: {told}");
    }
}

/// A full disk and a read-only folder: mounts need root, which CI has.
#[test]
fn a_full_disk_and_a_read_only_folder_leave_nothing_behind() {
    let Some(pyramid) = shared("tokyo/mvt_buildings/15") else { return };
    let folder = tempfile::tempdir().unwrap();
    let small = folder.path().join("small");
    fs::create_dir(&small).unwrap();
    let mount = |options: &str| {
        Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(&small)
            .status()
            .is_ok_and(|s| s.success())
    };
    if !mount("size=1m") {
        assert_ne!(std::env::var("VEDUTA_SHARED_DATA").as_deref(), Ok("required"), "CI can mount a tmpfs");
        println!("skipped: cannot mount a tmpfs");
        return;
    }
    let line = failure(folder.path(), &["import", pyramid.parent().unwrap().to_str().unwrap(), "-o", "small/x.city"]);
    let left = fs::read_dir(&small).unwrap().count();
    let remounted = mount("remount,ro");
    let read_only =
        failure(folder.path(), &["import", pyramid.parent().unwrap().to_str().unwrap(), "-o", "small/y.city"]);
    let unmounted = Command::new("umount").arg(&small).status().unwrap();
    assert!(line.contains("space") && line.contains("small/"), "{line}");
    assert_eq!(left, 0, "nothing half written");
    assert!(remounted && unmounted.success());
    assert!(read_only.to_lowercase().contains("read-only") && read_only.contains("small/"), "{read_only}");
}
