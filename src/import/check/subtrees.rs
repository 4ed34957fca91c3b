//! Implicit tiling (3D Tiles 1.1 section 7): templates, subtree files, and the contents they promise.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::findings::Findings;
use super::{contents, resolve, subtree_file};
use crate::formats::tiles3d::{Subtree, SubtreeError, cells, morton_index};
use crate::streaming::ByteSource;

/// Subtree files followed; a template that leads round in circles ends.
const MAX_SUBTREES: usize = 1 << 20;

/// A subtree still to be read, and the box of the tile above it.
type Below = ((u32, u32, u32), Option<[f64; 12]>);

struct Implicit<'a> {
    source: &'a dyn ByteSource,
    subtree_levels: u32,
    levels: u32,
    subtrees: &'a str,
    contents: Vec<&'a str>,
}

/// Checks an implicit root tile, its subtrees and its contents; tiles' own boxes are checked against their parents'.
pub fn check(source: &dyn ByteSource, tile: &Map<String, Json>, implicit: &Json, path: &str, findings: &mut Findings) {
    let before = findings.found.len();
    let at = format!("{path}/implicitTiling");
    let Some(implicit) = findings.object(implicit, &at) else { return };
    findings.common(implicit, &at);
    let scheme = findings
        .required(implicit, "subdivisionScheme", &at)
        .and_then(|s| findings.one_of(s, &format!("{at}/subdivisionScheme"), &["QUADTREE", "OCTREE"]));
    let mut levels = |key: &str| {
        let value = findings.required(implicit, key, &at)?;
        findings.integer(value, &format!("{at}/{key}"), 1).and_then(|n| u32::try_from(n).ok())
    };
    let (subtree_levels, available) = (levels("subtreeLevels"), levels("availableLevels"));
    let subtrees = findings
        .required(implicit, "subtrees", &at)
        .and_then(|s| findings.object(s, &format!("{at}/subtrees")))
        .and_then(|s| findings.required(s, "uri", &format!("{at}/subtrees")))
        .and_then(|uri| findings.string(uri, &format!("{at}/subtrees/uri")));
    let octree = scheme == Some("OCTREE");
    if let Some(uri) = subtrees {
        check_template(uri, octree, &format!("{at}/subtrees/uri"), findings);
    }
    let contents = check_root(tile, octree, path, findings);
    if findings.found.len() == before && contents.is_empty() {
        findings.error("TILE_IMPLICIT_ROOT_INVALID", path, "an implicit root has no content");
    }
    let (Some(subtree_levels), Some(levels), Some(subtrees)) = (subtree_levels, available, subtrees) else { return };
    if findings.found.len() == before && !octree {
        Implicit { source, subtree_levels, levels, subtrees, contents }.walk(path, findings);
    }
}

/// What an implicit root may not have; gives the templates of its contents.
fn check_root<'v>(tile: &'v Map<String, Json>, octree: bool, path: &str, findings: &mut Findings) -> Vec<&'v str> {
    let mut invalid =
        |what: &str| findings.error("TILE_IMPLICIT_ROOT_INVALID", path, format!("an implicit root {what}"));
    if tile.contains_key("children") {
        invalid("has children");
    }
    if tile.contains_key("metadata") {
        invalid("has metadata");
    }
    if tile.get("boundingVolume").is_some_and(|volume| volume.get("sphere").is_some()) {
        invalid("is bounded by a sphere");
    }
    let one = tile.get("content").into_iter();
    let all: Vec<&Json> = one.chain(tile.get("contents").and_then(Json::as_array).into_iter().flatten()).collect();
    if all.iter().any(|content| content.get("boundingVolume").is_some()) {
        invalid("gives its content a bounding volume");
    }
    let mut templates = Vec::new();
    for (i, content) in all.into_iter().enumerate() {
        let path = format!("{path}/contents/{i}");
        let uri = findings.object(content, &path).and_then(|content| findings.required(content, "uri", &path));
        let Some(uri) = uri.and_then(|uri| findings.string(uri, &path)) else { continue };
        check_template(uri, octree, &path, findings);
        templates.push(uri);
    }
    templates
}

fn check_template(uri: &str, octree: bool, path: &str, findings: &mut Findings) {
    let needed = if octree { &["level", "x", "y", "z"][..] } else { &["level", "x", "y"] };
    let names: Vec<&str> = uri.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0)).collect();
    if let Some(name) = names.iter().find(|name| !needed.contains(name)) {
        findings.error("TEMPLATE_URI_INVALID_VARIABLE_NAME", path, format!("{{{name}}} is no variable"));
    } else if let Some(name) = needed.iter().find(|name| !names.contains(name)) {
        findings.warning("TEMPLATE_URI_MISSING_VARIABLE_NAME", path, format!("has no {{{name}}}"));
    }
}

fn fill(template: &str, (level, x, y): (u32, u32, u32)) -> String {
    template.replace("{level}", &level.to_string()).replace("{x}", &x.to_string()).replace("{y}", &y.to_string())
}

fn code_of(error: &SubtreeError) -> &'static str {
    match error {
        SubtreeError::Container(_) => "BINARY_INVALID_LENGTH",
        SubtreeError::Json(_) => "JSON_PARSE_ERROR",
        SubtreeError::Invalid { .. } => "SUBTREE_AVAILABILITY_INCONSISTENT",
    }
}

impl Implicit<'_> {
    fn walk(&self, path: &str, findings: &mut Findings) {
        let mut open: Vec<Below> = vec![((0, 0, 0), None)];
        let mut seen = 0;
        while let Some((root, above)) = open.pop() {
            seen += 1;
            let Some(name) = resolve(&findings.file, &fill(self.subtrees, root)) else { return };
            if seen > MAX_SUBTREES {
                return findings.error("VALUE_NOT_IN_RANGE", path, "there are more subtrees than can be followed");
            }
            let bytes = match self.source.read(&name, None) {
                Ok(bytes) => bytes,
                Err(error) => {
                    findings.error("IO_ERROR", path, error.to_string());
                    continue;
                }
            };
            let before = findings.errors();
            subtree_file::check(self.source, &name, &bytes, self.subtree_levels, findings);
            if findings.errors() > before {
                continue;
            }
            match Subtree::decode(&bytes, self.subtree_levels) {
                Ok(subtree) => {
                    let boxes = self.check_tiles(&subtree, &name, root, above, findings);
                    open.extend(self.children(&subtree, &name, root, &boxes, findings));
                }
                Err(error) => findings.error(code_of(&error), path, format!("{error}: {name}")),
            }
        }
    }

    /// Availability of the subtree against itself, its tiles' boxes, and its contents.
    fn check_tiles(
        &self,
        subtree: &Subtree,
        name: &str,
        root: (u32, u32, u32),
        above: Option<[f64; 12]>,
        findings: &mut Findings,
    ) -> BTreeMap<usize, [f64; 12]> {
        let boxes: BTreeMap<usize, [f64; 12]> = subtree.tiles.indices().zip(subtree.boxes.iter().copied()).collect();
        let mut inconsistent = |what: String| findings.error("SUBTREE_AVAILABILITY_INCONSISTENT", name, what);
        if !subtree.tiles.get(0) {
            inconsistent("the root of the subtree is not available".to_owned());
        }
        for index in subtree.tiles.indices().chain(subtree.contents.indices()) {
            if !subtree.tiles.get(index) {
                inconsistent(format!("content {index} has no tile"));
            }
            if index > 0 && !subtree.tiles.get((index - 1) / 4) {
                inconsistent(format!("tile {index} has no parent"));
            }
        }
        for (index, own) in &boxes {
            let parent = if *index == 0 { above.as_ref() } else { boxes.get(&((*index - 1) / 4)) };
            if parent.is_some_and(|parent| !holds(parent, own)) {
                let message = format!("tile {index} reaches out of its parent's box");
                findings.error("BOUNDING_VOLUMES_INCONSISTENT", name, message);
            }
        }
        for index in subtree.contents.indices() {
            let (level, x, y) = place(index, self.subtree_levels);
            let address = (root.0 + level, (root.1 << level) + x, (root.2 << level) + y);
            if address.0 >= self.levels {
                findings.error("SUBTREE_AVAILABILITY_INCONSISTENT", name, "has tiles below availableLevels");
                break;
            }
            for template in &self.contents {
                if let Some(content) = resolve(&findings.file, &fill(template, address)) {
                    contents::check(self.source, &content, name, findings);
                }
            }
        }
        boxes
    }

    fn children(
        &self,
        subtree: &Subtree,
        name: &str,
        root: (u32, u32, u32),
        boxes: &BTreeMap<usize, [f64; 12]>,
        findings: &mut Findings,
    ) -> Vec<Below> {
        let mut found = Vec::new();
        let first = cells(self.subtree_levels);
        for child in subtree.children.indices() {
            let parent = (first + child - 1) / 4;
            let (level, x, y) = place(first + child, self.subtree_levels + 1);
            if !subtree.tiles.get(parent) || root.0 + level >= self.levels {
                findings.error(
                    "SUBTREE_AVAILABILITY_INCONSISTENT",
                    name,
                    format!("child subtree {child} has no parent"),
                );
                continue;
            }
            found.push(((root.0 + level, (root.1 << level) + x, (root.2 << level) + y), boxes.get(&parent).copied()));
        }
        found
    }
}

/// Level and cell of a tile by its number among a subtree's bits: the inverse of [`morton_index`].
fn place(index: usize, levels: u32) -> (u32, u32, u32) {
    let level = (0..levels).rev().find(|level| cells(*level) <= index).unwrap_or(0);
    let code = index - morton_index(level, 0, 0);
    let gather = |from: usize| (0..16).fold(0, |all, bit| all | ((code >> (2 * bit + from) & 1) as u32) << bit);
    (level, gather(0), gather(1))
}

/// Whether an upright box holds another; half a millimetre is forgiven.
fn holds(outer: &[f64; 12], inner: &[f64; 12]) -> bool {
    (0..3).all(|i| {
        let half = |b: &[f64; 12]| b[3 + i].abs() + b[6 + i].abs() + b[9 + i].abs();
        (inner[i] - outer[i]).abs() + half(inner) <= half(outer) + 5e-4
    })
}
