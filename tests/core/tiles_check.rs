//! `check_tileset` against the official validator's own cases, and against what the tiler writes.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use veduta::import::Severity;
use veduta::import::check::{check_schema, check_tileset};
use veduta::streaming::{ByteSource, ByteSourceError, MemorySource};

use crate::shared_data::shared;
use crate::tiler;

/// Files below a folder.
struct Folder(PathBuf);

impl ByteSource for Folder {
    fn read(&self, name: &str, range: Option<Range<u64>>) -> Result<Vec<u8>, ByteSourceError> {
        assert!(range.is_none());
        std::fs::read(self.0.join(name)).map_err(|_| ByteSourceError::NotFound(name.to_owned()))
    }

    fn size(&self, name: &str) -> Result<u64, ByteSourceError> {
        self.read(name, None).map(|bytes| bytes.len() as u64)
    }
}

fn cases(spec: &str) -> Option<(PathBuf, Vec<(String, BTreeSet<String>)>)> {
    let folder = shared("tiles3d/validator_specs")?;
    let list: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("EXPECTED_ISSUES.json")).unwrap()).unwrap();
    let fits = |case: &&serde_json::Value| case["spec"].as_str().unwrap().contains(spec) && !case["issues"].is_null();
    let types = |case: &serde_json::Value| -> BTreeSet<String> {
        case["types"].as_array().into_iter().flatten().map(|t| t.as_str().unwrap().to_owned()).collect()
    };
    let all = list.as_array().unwrap().iter().filter(fits);
    Some((folder, all.map(|case| (case["file"].as_str().unwrap().to_owned(), types(case))).collect()))
}

/// How many cases give exactly the issue types that the official validator gives; the others are listed.
fn agreement(spec: &str, check: impl Fn(&Path, &str) -> BTreeSet<String>) -> Option<(usize, usize)> {
    let (folder, cases) = cases(spec)?;
    let mut agreed = 0;
    for (file, expected) in &cases {
        let found = check(&folder, file);
        agreed += usize::from(found == *expected);
        if found != *expected {
            println!("{file}: expected {expected:?}, found {found:?}");
        }
    }
    println!("{spec}: {agreed} of {}", cases.len());
    Some((agreed, cases.len()))
}

#[test]
fn tilesets_are_judged_as_the_official_validator_does() {
    let check = |folder: &Path, file: &str| {
        let found = check_tileset(&Folder(folder.to_owned()), file);
        found.iter().map(|finding| finding.code.to_owned()).collect()
    };
    let Some((agreed, all)) = agreement("TilesetValidationSpec", check) else { return };
    assert!(agreed * 100 >= all * 80, "{agreed} of {all}");
}

#[test]
fn schemas_are_judged_as_the_official_validator_does() {
    let check = |folder: &Path, file: &str| {
        let found = check_schema(&std::fs::read(folder.join(file)).unwrap(), file);
        found.iter().map(|finding| finding.code.to_owned()).collect()
    };
    let Some((agreed, all)) = agreement("MetadataSchemaValidationSpec", check) else { return };
    assert!(agreed * 100 >= all * 80, "{agreed} of {all}");
}

#[test]
fn what_the_tiler_writes_is_sound_and_damage_is_found() {
    let files = tiler::sample(3000);
    let check = |files: &BTreeMap<String, Vec<u8>>| {
        let source: MemorySource = files.clone().into_iter().collect();
        check_tileset(&source, "tileset.json")
    };
    assert_eq!(check(&files), []);
    let codes = |change: &dyn Fn(&mut BTreeMap<String, Vec<u8>>)| {
        let mut files = files.clone();
        change(&mut files);
        let found = check(&files);
        assert!(found.iter().all(|finding| finding.severity == Severity::Error));
        found.iter().map(|finding| finding.code).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    };
    let content = files.keys().find(|name| name.starts_with("content/2")).unwrap().clone();
    let subtree = files.keys().find(|name| name.starts_with("subtrees/3")).unwrap().clone();
    assert_eq!(codes(&|files| drop(files.remove(&content))), ["IO_ERROR"]);
    assert_eq!(codes(&|files| files.get_mut(&content).unwrap().truncate(500)), ["CONTENT_VALIDATION_ERROR"]);
    assert_eq!(codes(&|files| drop(files.remove(&subtree))), ["IO_ERROR"]);
    assert_eq!(codes(&|files| files.get_mut(&subtree).unwrap().truncate(100)), ["BINARY_INVALID_LENGTH"]);
    assert_eq!(codes(&|files| files.get_mut("tileset.json").unwrap().truncate(100)), ["JSON_PARSE_ERROR"]);
    assert_eq!(codes(&|files| drop(files.remove("tileset.json"))), ["IO_ERROR"]);
}
