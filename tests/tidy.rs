//! The walls of the house: layers, sizes and places of outside crates, as `ARCHITECTURE.md` tells them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on should stop")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Layers from the top; members of one row do not import each other.
const ROWS: &[&[&str]] = &[
    &["bin"],
    &["app"],
    &["engine", "service"],
    &["platform"],
    &["scenario"],
    &["import", "analysis", "sim", "live", "indicator"],
    &["scene", "formats"],
    &["package"],
    &["city", "streaming"],
    &["geometry"],
    &["geodesy", "quantity"],
];

/// Outside names and the layers that may say them.
const OUTSIDE: &[(&str, &[&str])] = &[
    ("bevy", &["engine", "app"]),
    ("wgpu", &["engine", "app"]),
    ("parley", &["engine"]),
    ("tokio", &["platform", "service", "app"]),
    ("std::fs", &["platform", "app"]),
    ("std::thread", &["platform", "app"]),
    ("std::net", &["platform", "service", "app"]),
    ("Instant::now", &["platform", "engine", "app"]),
    ("SystemTime::now", &["platform", "app"]),
    ("web_sys", &["platform", "app"]),
    ("anyhow", &["app"]),
    ("target_arch", &["platform", "app", "lib.rs"]),
];

const FILE_LINES: usize = 600;
const FUNCTION_LINES: usize = 60;
const BIN_LINES: usize = 40;
const BAD_NAMES: &[&str] = &["utils", "util", "common", "helper", "helpers", "manager", "misc"];

struct Source {
    path: PathBuf,
    layer: String,
    text: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let layer = path.strip_prefix(&root).unwrap().components().next().unwrap();
                let layer = layer.as_os_str().to_str().unwrap().to_owned();
                found.push(Source { text: fs::read_to_string(&path).unwrap(), layer, path });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!found.is_empty(), "no sources found");
    found
}

/// The code without its tests and comments: tests may reach anywhere.
fn production(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let end = text.find("#[cfg(test)]\nmod ").unwrap_or(text.len());
    text[..end].lines().enumerate().map(|(i, line)| (i + 1, line.split("//").next().unwrap_or("")))
}

fn report(problems: &[String]) {
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn imports_point_down() {
    let row: BTreeMap<&str, usize> =
        ROWS.iter().enumerate().flat_map(|(i, names)| names.iter().map(move |name| (*name, i))).collect();
    let mut problems = Vec::new();
    for source in sources().iter().filter(|s| s.layer != "lib.rs") {
        let Some(&here) = row.get(source.layer.as_str()) else {
            problems.push(format!("{}: layer '{}' is in no row", source.path.display(), source.layer));
            continue;
        };
        for (number, line) in production(&source.text) {
            for part in line.split("crate::").skip(1) {
                let target: String = part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let Some(&there) = row.get(target.as_str()) else { continue };
                if target != source.layer && there <= here {
                    problems.push(format!(
                        "{}:{number}: {} may not import {target}",
                        source.path.display(),
                        source.layer
                    ));
                }
            }
        }
    }
    report(&problems);
}

#[test]
fn outside_names_stay_in_their_layers() {
    let mut problems = Vec::new();
    for source in &sources() {
        for (number, line) in production(&source.text) {
            for (name, layers) in OUTSIDE {
                let spoken = line.match_indices(name).any(|(at, _)| {
                    let before = line[..at].chars().next_back();
                    let after = line[at + name.len()..].chars().next();
                    !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '"')
                        && !after.is_some_and(|c| c.is_alphanumeric() || c == '_')
                });
                if spoken && !layers.contains(&source.layer.as_str()) {
                    problems.push(format!("{}:{number}: '{name}' belongs to {layers:?}", source.path.display()));
                }
            }
        }
    }
    report(&problems);
}

#[test]
fn files_and_functions_stay_small() {
    let mut problems = Vec::new();
    for source in &sources() {
        let lines = source.text.lines().count();
        let limit = if source.layer == "bin" { BIN_LINES } else { FILE_LINES };
        if lines > limit {
            problems.push(format!("{}: {lines} lines, at most {limit}", source.path.display()));
        }
        let stem = source.path.file_stem().unwrap().to_str().unwrap();
        if BAD_NAMES.contains(&stem) {
            problems.push(format!("{}: '{stem}' is not a name", source.path.display()));
        }
        problems.extend(long_functions(source));
    }
    report(&problems);
}

/// rustfmt puts a function's closing brace at the indentation of its `fn`, which is all that is needed to measure it.
fn long_functions(source: &Source) -> Vec<String> {
    let lines: Vec<&str> = source.text.lines().collect();
    let mut problems = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let is_function = ["fn ", "pub fn ", "pub(crate) fn ", "pub(super) fn ", "const fn ", "pub const fn "]
            .iter()
            .any(|head| code.starts_with(head));
        // A method that a trait only declares has no body to measure.
        if !is_function || code.ends_with(';') {
            continue;
        }
        let close = format!("{}}}", &line[..line.len() - code.len()]);
        let Some(length) = lines[start..].iter().position(|l| *l == close) else { continue };
        if length + 1 > FUNCTION_LINES {
            problems.push(format!("{}:{}: function of {} lines", source.path.display(), start + 1, length + 1));
        }
    }
    problems
}

#[test]
fn every_folder_says_what_it_is_for() {
    let mut problems = Vec::new();
    for source in sources().iter().filter(|s| s.path.file_name().is_some_and(|n| n == "mod.rs")) {
        if !source.text.starts_with("//! ") {
            problems.push(format!("{}: opens without a word about the folder", source.path.display()));
        }
    }
    report(&problems);
}
