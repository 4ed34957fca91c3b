//! `check_tileset` against the official validator's own cases, and against what the tiler writes.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use veduta::import::Severity;
use veduta::import::check::{check_schema, check_subtree, check_tileset};
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

type Files = BTreeMap<String, Vec<u8>>;

/// A case: its file, and the kinds of issues that the official validator finds in it.
type Case = (String, BTreeSet<String>);

fn cases(spec: &str) -> Option<(PathBuf, Vec<Case>)> {
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

/// Not agreed on are: what the glTF validator says about a content beyond that it can be read (errors, warnings and notes inside
/// glTF, uris in i3dm), what is inside 3tz archives, and semantics that an own schema defines.
#[test]
fn tilesets_are_judged_as_the_official_validator_does() {
    let check = |folder: &Path, file: &str| {
        // What is wrong inside an external tileset is there an inner cause of one issue of the outer file.
        let found = check_tileset(&Folder(folder.to_owned()), file);
        found.iter().filter(|finding| finding.place.file == file).map(|finding| finding.code.to_owned()).collect()
    };
    let Some((agreed, all)) = agreement("TilesetValidationSpec", check) else { return };
    assert!(agreed >= 134 && all == 141, "{agreed} of {all}");
}

/// The cases of buffers are subtrees with nothing but buffers. Values of property tables are not judged here.
#[test]
fn subtrees_are_judged_as_the_official_validator_does() {
    let check = |folder: &Path, file: &str| {
        let found = check_subtree(&Folder(folder.to_owned()), file, 3);
        found.iter().map(|finding| finding.code.to_owned()).collect()
    };
    for (spec, count) in [("SubtreeValidationSpec", 43), ("BinaryBufferStructureSpec", 25)] {
        let Some(found) = agreement(spec, check) else { return };
        assert_eq!(found, (count, count), "{spec}");
    }
}

/// Over every case that is a tileset, those of extensions among them. Extensions' own bodies (S2, MAXAR_*, NGA_gpm) are not read
/// here: what is wrong in them goes unseen, and a warning says that the extension is not checked.
#[test]
fn no_valid_tileset_is_called_invalid() {
    let Some((folder, cases)) = cases("") else { return };
    let mut valid = 0;
    for (file, _) in cases.iter().filter(|(_, expected)| expected.is_empty()) {
        let json = serde_json::from_slice::<serde_json::Value>(&std::fs::read(folder.join(file)).unwrap());
        if !json.is_ok_and(|json| json["asset"]["version"].is_string() && json.get("geometricError").is_some()) {
            continue;
        }
        let found = check_tileset(&Folder(folder.clone()), file);
        let errors: Vec<_> = found.iter().filter(|finding| finding.severity == Severity::Error).collect();
        assert!(errors.is_empty(), "{file}: {errors:?}");
        valid += 1;
    }
    assert!(valid >= 30, "{valid}");
}

#[test]
fn schemas_are_judged_as_the_official_validator_does() {
    let check = |folder: &Path, file: &str| {
        let found = check_schema(&std::fs::read(folder.join(file)).unwrap(), file);
        found.iter().map(|finding| finding.code.to_owned()).collect()
    };
    let Some((agreed, all)) = agreement("MetadataSchemaValidationSpec", check) else { return };
    assert_eq!((agreed, all), (83, 83));
}

#[test]
fn what_the_tiler_writes_is_sound_and_damage_is_found() {
    let files = tiler::sample(3000);
    let check = |files: &Files| {
        let source: MemorySource = files.clone().into_iter().collect();
        check_tileset(&source, "tileset.json")
    };
    assert_eq!(check(&files), []);
    let codes = |change: &dyn Fn(&mut Files)| {
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
