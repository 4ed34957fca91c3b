//! Packages made in parts, of several sources, and compared.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::cli::{failure, success, veduta};

/// A street of houses 30 m apart, with these heights.
pub fn houses(heights: &[(usize, f64)]) -> String {
    let house = |(number, height): &(usize, f64)| {
        let west = 4.3 + *number as f64 * 0.0004;
        let (east, south, north) = (west + 0.0001, 52.0, 52.0001);
        format!(
            r#"{{"type":"Feature","id":"house-{number}","properties":{{"height":{height}}},"geometry":{{"type":"Polygon",
            "coordinates":[[[{west},{south}],[{east},{south}],[{east},{north}],[{west},{north}],[{west},{south}]]]}}}}"#
        )
    };
    let features: Vec<String> = heights.iter().map(house).collect();
    format!(r#"{{"type":"FeatureCollection","features":[{}]}}"#, features.join(","))
}

/// Names and contents of all files.
pub fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap().map(Result::unwrap) {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path => drop(
                    found.insert(path.strip_prefix(folder).unwrap().display().to_string(), fs::read(&path).unwrap()),
                ),
            }
        }
    }
    found
}

#[test]
fn parts_join_to_the_same_bytes_as_one_run() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let heights: Vec<(usize, f64)> = (0..3000).map(|number| (number, 5.0 + (number % 17) as f64)).collect();
    fs::write(at("street.geojson"), houses(&heights)).unwrap();
    success(folder.path(), &["import", "street.geojson", "-o", "whole.city", "--name", "street"]);
    for (part, output) in [("1/3", "one"), ("2/3", "two"), ("3/3", "three")] {
        let arguments = ["import", "street.geojson", "-o", output, "--name", "street", "--partition", part];
        success(folder.path(), &arguments);
    }
    let missing = failure(folder.path(), &["merge", "three", "one", "-o", "joined.city"]);
    assert!(missing.contains("part 2/3 is missing") && !at("joined.city").exists(), "{missing}");
    success(folder.path(), &["merge", "three", "one", "two", "-o", "joined.city"]);
    let (whole, joined) = (files(&at("whole.city")), files(&at("joined.city")));
    assert!(whole.len() > 20, "{} files", whole.len());
    assert!(whole == joined, "{:?} and {:?}", whole.keys().collect::<Vec<_>>(), joined.keys().collect::<Vec<_>>());
    assert!(files(&at("two")).keys().all(|name| name == "part.bin" || name.starts_with("content/")));
    fs::write(at("street.geojson"), houses(&heights[1..])).unwrap();
    success(folder.path(), &["import", "street.geojson", "-o", "two", "--name", "street", "--partition", "2/3"]);
    let other = failure(folder.path(), &["merge", "one", "two", "three", "-o", "joined.city"]);
    assert!(other.contains("not part of the same import") && other.ends_with("two"), "{other}");
    let usage =
        veduta(folder.path(), &["import", "street.geojson", "-o", "x", "--name", "street", "--partition", "4/3"]);
    assert_eq!(usage.status.code(), Some(2));
}

#[test]
fn what_has_changed_is_told_by_identifier() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("old.geojson"), houses(&[(1, 5.0), (2, 6.0), (3, 7.0)])).unwrap();
    fs::write(folder.path().join("new.geojson"), houses(&[(2, 6.0), (3, 9.0), (90, 4.0)])).unwrap();
    for name in ["old", "new"] {
        success(folder.path(), &["import", &format!("{name}.geojson"), "-o", &format!("{name}.city")]);
    }
    let told = success(folder.path(), &["diff", "old.city", "new.city"]);
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(
        lines,
        [
            "- house-1 Building",
            "~ house-3 Building: geometry, height 7 -> 9, measuredHeight 7 -> 9",
            "+ house-90 Building",
            "1 added, 1 removed, 1 changed (1 in geometry, 1 in attributes), 1 the same",
        ]
    );
    let json = success(folder.path(), &["diff", "old.city", "new.city", "--json", "--limit", "1"]);
    let last: serde_json::Value = serde_json::from_str(json.lines().last().unwrap()).unwrap();
    assert_eq!((json.lines().count(), &last["counts"]["changed"]), (2, &1.into()));
}

#[test]
fn a_recipe_joins_the_buildings_of_two_sources() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("plans.geojson", &houses(&[(1, 5.0), (2, 6.0)]));
    write("others.geojson", &houses(&[(2, 6.5), (3, 7.0)]).replace("house-", "other-"));
    write(
        "town.toml",
        "format_version = 1\n[[source]]\npath = \"plans.geojson\"\n[[source]]\npath = \"others.geojson\"\n[tree]\noverlap = 0.7\n",
    );
    let told = success(folder.path(), &["import", "--recipe", "town.toml", "-o", "town.city"]);
    assert!(told.contains("1 objects are the same") && told.contains("other-2 with house-2"), "{told}");
    let found = success(folder.path(), &["query", "town.city", "--where", "joinedIds = 'other-2'", "--format", "csv"]);
    assert!(found.contains("house-2") && !found.contains("house-1"), "{found}");
    let all = success(folder.path(), &["info", "town.city", "--json"]);
    let all: serde_json::Value = serde_json::from_str(&all).unwrap();
    assert_eq!(all["objects"], 3);
}
