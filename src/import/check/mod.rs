//! What is wrong with a tileset, for `veduta check`.
//!
//! `tileset` reads `tileset.json` and walks its tiles and external tilesets, `schema` reads metadata schemas and `metadata` the
//! values given for them, `subtrees` follows an implicit tiling through its subtree files (each read by `subtree_file`), `contents`
//! opens what tiles show. Each writes [`Diagnostic`]s through `findings`, whose codes are the issue types of the official 3D Tiles
//! validator.

mod contents;
mod findings;
mod metadata;
mod schema;
mod subtree_file;
mod subtrees;
mod tileset;

use serde_json::Value as Json;

use super::Diagnostic;
use crate::streaming::ByteSource;
use findings::Findings;

/// Every problem of the tileset `root` (`tileset.json`) and of what it refers to in `source`, in the order in which a
/// reader meets them. Empty where it is sound. Addresses with a scheme (`https:`) are not followed.
pub fn check_tileset(source: &dyn ByteSource, root: &str) -> Vec<Diagnostic> {
    let mut findings = Findings::new(root);
    tileset::check_file(source, &mut findings, &mut Vec::new());
    findings.found
}

/// Every problem of one subtree file of a quadtree cut into subtrees of `levels`, in its binary or JSON form.
pub fn check_subtree(source: &dyn ByteSource, name: &str, levels: u32) -> Vec<Diagnostic> {
    let mut findings = Findings::new(name);
    match source.read(name, None) {
        Ok(bytes) => subtree_file::check(source, name, &bytes, levels, &mut findings),
        Err(error) => findings.error("IO_ERROR", "", error.to_string()),
    }
    findings.found
}

/// Every problem of a metadata schema file (3D Metadata specification), named `file` in the diagnostics.
pub fn check_schema(bytes: &[u8], file: &str) -> Vec<Diagnostic> {
    let mut findings = Findings::new(file);
    if let Some(schema) = findings.parse(bytes) {
        schema::check(&schema, "", &mut findings);
    }
    findings.found
}

/// The folder part of a name, with its slash.
fn folder(name: &str) -> &str {
    name.rfind('/').map_or("", |slash| name.get(..=slash).unwrap_or(""))
}

/// A name that a file refers to, from the source's root; `None` for addresses with a scheme, data and names that climb out.
fn resolve(base: &str, uri: &str) -> Option<String> {
    let path = uri.split(['?', '#']).next().unwrap_or(uri);
    if path.contains(':') || path.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = folder(base).split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// The words of a JSON type, for messages.
fn kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "a string",
        Json::Array(_) => "an array",
        Json::Object(_) => "an object",
    }
}
