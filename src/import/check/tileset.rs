//! `tileset.json`: its own rules (3D Tiles 1.1 section 6 and the schemas in its annex), tile by tile.

use std::collections::BTreeSet;

use glam::{DMat4, DVec3};
use serde_json::{Map, Value as Json};

use super::super::Severity;
use super::findings::Findings;
use super::{contents, metadata, resolve, schema, subtrees};
use crate::streaming::ByteSource;

/// Extensions whose rules are known here.
const KNOWN_EXTENSIONS: [&str; 3] = [CONTENT_GLTF, "3DTILES_metadata", CONTENT_3TZ];
/// Extensions that no object carries: the kind of a content is their use.
const CONTENT_GLTF: &str = "3DTILES_content_gltf";
const CONTENT_3TZ: &str = "MAXAR_content_3tz";
const MAX_DEPTH: usize = 64;

/// What a tile inherits.
#[derive(Clone)]
struct Above {
    error_m: f64,
    root_from_tile: DMat4,
    bounding_box: Option<BoxVolume>,
    depth: usize,
}

/// Centre and half axes, in the root's frame.
#[derive(Clone, Copy)]
struct BoxVolume {
    center: DVec3,
    axes: [DVec3; 3],
}

/// What the whole file says, for its tiles.
struct File<'a> {
    source: &'a dyn ByteSource,
    schema: Option<Json>,
    groups: usize,
    /// Whether contents may be glTF only by an extension (3D Tiles 1.0).
    old: bool,
    extensions: Extensions,
    /// Files that led here.
    open: &'a mut Vec<String>,
}

/// What the file declares.
struct Extensions {
    used: Vec<String>,
    required: Vec<String>,
}

/// Checks the file that `findings` names and everything below it. `open` holds the files that led to it.
pub fn check_file(source: &dyn ByteSource, findings: &mut Findings, open: &mut Vec<String>) {
    let name = findings.file.clone();
    let bytes = match source.read(&name, None) {
        Ok(bytes) => bytes,
        Err(error) => return findings.error("IO_ERROR", "", error.to_string()),
    };
    let Some(json) = findings.parse(&bytes) else { return };
    let Some(tileset) = findings.object(&json, "") else { return };
    findings.common(tileset, "");
    if let Some(asset) = findings.required(tileset, "asset", "") {
        check_asset(asset, findings);
    }
    let limit = match findings.required(tileset, "geometricError", "") {
        Some(error) => findings.number(error, "/geometricError", 0.0),
        None => None,
    };
    if let Some(properties) = tileset.get("properties") {
        check_properties(properties, findings);
    }
    let extensions = check_extensions(tileset, &json, findings);
    let before = findings.found.len();
    let schema = read_schema(source, tileset, findings);
    if findings.found.len() > before {
        return;
    }
    metadata::check(tileset, schema.as_ref(), findings);
    let groups = tileset.get("groups").and_then(Json::as_array).map_or(0, Vec::len);
    let Some(root) = findings.required(tileset, "root", "") else { return };
    open.push(name);
    let above = Above {
        error_m: limit.unwrap_or(f64::INFINITY),
        root_from_tile: DMat4::IDENTITY,
        bounding_box: None,
        depth: 0,
    };
    let old = tileset.get("asset").and_then(|asset| asset.get("version")).is_some_and(|version| version == "1.0");
    File { source, schema, groups, old, extensions, open }.tile(root, "/root", &above, findings);
    open.pop();
}

fn check_asset(asset: &Json, findings: &mut Findings) {
    let Some(asset) = findings.object(asset, "/asset") else { return };
    findings.common(asset, "/asset");
    findings.optional_string(asset, "tilesetVersion", "/asset");
    let Some(version) = findings.required(asset, "version", "/asset") else { return };
    let known = |version: &str| ["0.0", "1.0", "1.1"].contains(&version);
    if findings.string(version, "/asset/version").is_some_and(|version| !known(version)) {
        findings.error("ASSET_VERSION_UNKNOWN", "/asset/version", format!("{version} is not known"));
    }
}

fn check_properties(properties: &Json, findings: &mut Findings) {
    for (name, property) in findings.object(properties, "/properties").into_iter().flatten() {
        let path = format!("/properties/{name}");
        let Some(property) = findings.object(property, &path) else { continue };
        let mut limit = |key: &str| {
            let value = findings.required(property, key, &path)?;
            findings.number(value, &format!("{path}/{key}"), f64::MIN)
        };
        if let (Some(least), Some(most)) = (limit("minimum"), limit("maximum"))
            && least > most
        {
            findings.error("PROPERTIES_MINIMUM_LARGER_THAN_MAXIMUM", &path, format!("{least} is above {most}"));
        }
    }
}

fn check_extensions(tileset: &Map<String, Json>, json: &Json, findings: &mut Findings) -> Extensions {
    let mut list = |key: &str| -> Vec<String> {
        let strings = tileset.get(key).map(|value| findings.distinct_strings(value, &format!("/{key}")));
        strings.unwrap_or_default().into_iter().map(str::to_owned).collect()
    };
    let (used, required) = (list("extensionsUsed"), list("extensionsRequired"));
    let mut found = BTreeSet::new();
    collect_extensions(json, 0, &mut found);
    for name in used.iter().map(String::as_str).chain(found.iter().copied()).collect::<BTreeSet<_>>() {
        if !KNOWN_EXTENSIONS.contains(&name) {
            findings.warning("EXTENSION_NOT_SUPPORTED", "/extensionsUsed", format!("{name} is not checked"));
        }
    }
    for name in required.iter().filter(|name| !used.contains(name)) {
        findings.error(
            "EXTENSION_REQUIRED_BUT_NOT_USED",
            "/extensionsRequired",
            format!("{name} is not in extensionsUsed"),
        );
    }
    let by_content = |name: &&String| [CONTENT_GLTF, CONTENT_3TZ].contains(&name.as_str());
    for name in used.iter().filter(|name| !found.contains(name.as_str()) && !by_content(name)) {
        findings.warning("EXTENSION_USED_BUT_NOT_FOUND", "/extensionsUsed", format!("{name} is nowhere in the file"));
    }
    for name in found.into_iter().filter(|name| !used.iter().any(|used| used == name)) {
        findings.error("EXTENSION_FOUND_BUT_NOT_USED", "", format!("{name} is not in extensionsUsed"));
    }
    Extensions { used, required }
}

fn collect_extensions<'v>(json: &'v Json, depth: usize, found: &mut BTreeSet<&'v str>) {
    match json {
        Json::Object(map) if depth < 2 * MAX_DEPTH => {
            if let Some(Json::Object(extensions)) = map.get("extensions") {
                found.extend(extensions.iter().filter(|(_, value)| value.is_object()).map(|(name, _)| name.as_str()));
            }
            map.values().for_each(|value| collect_extensions(value, depth + 1, found));
        }
        Json::Array(values) if depth < 2 * MAX_DEPTH => {
            values.iter().for_each(|value| collect_extensions(value, depth + 1, found));
        }
        _ => {}
    }
}

fn read_schema(source: &dyn ByteSource, tileset: &Map<String, Json>, findings: &mut Findings) -> Option<Json> {
    match (tileset.get("schema"), tileset.get("schemaUri")) {
        (Some(_), Some(_)) => {
            findings.error("ONE_OF_ERROR", "", "has both schema and schemaUri");
            None
        }
        (Some(schema), None) => {
            schema::check(schema, "/schema", findings);
            Some(schema.clone())
        }
        (None, Some(uri)) => {
            let uri = findings.string(uri, "/schemaUri")?;
            let name = resolve(&findings.file, uri)?;
            match source.read(&name, None) {
                Ok(bytes) => {
                    let schema = findings.parse(&bytes)?;
                    schema::check(&schema, "/schemaUri", findings);
                    Some(schema)
                }
                Err(error) => {
                    findings.error("IO_ERROR", "/schemaUri", error.to_string());
                    None
                }
            }
        }
        (None, None) => None,
    }
}

impl File<'_> {
    fn tile(&mut self, tile: &Json, path: &str, above: &Above, findings: &mut Findings) {
        let Some(tile) = findings.object(tile, path) else { return };
        if above.depth > MAX_DEPTH {
            return findings.error("VALUE_NOT_IN_RANGE", path, "is nested too deep");
        }
        let before = findings.errors();
        findings.common(tile, path);
        let mut here = above.clone();
        here.depth += 1;
        if let Some(transform) = tile.get("transform") {
            here.root_from_tile = above.root_from_tile * check_transform(transform, path, findings);
        }
        if let Some(volume) = findings.required(tile, "boundingVolume", path) {
            here.bounding_box = check_volume(volume, &format!("{path}/boundingVolume"), &here, findings);
            if let (Some(own), Some(parent)) = (here.bounding_box, above.bounding_box)
                && !parent.holds(own)
            {
                findings.warning("BOUNDING_VOLUMES_INCONSISTENT", path, "reaches out of its parent's bounding volume");
            }
        }
        if let Some(error) = findings.required(tile, "geometricError", path) {
            let error_path = format!("{path}/geometricError");
            if let Some(error) = findings.number(error, &error_path, 0.0) {
                if error > above.error_m {
                    let message = format!("{error} is above its parent's {}", above.error_m);
                    findings.error("TILE_GEOMETRIC_ERRORS_INCONSISTENT", &error_path, message);
                }
                here.error_m = error;
            }
        }
        check_refine(tile, path, findings);
        if let Some(entity) = tile.get("metadata") {
            metadata::check_entity(entity, self.schema.as_ref(), &format!("{path}/metadata"), findings);
        }
        if tile.contains_key("content") && tile.contains_key("contents") {
            findings.error("ONE_OF_ERROR", path, "has both content and contents");
        }
        let implicit = tile.get("implicitTiling");
        let contents = if implicit.is_none() { self.contents(tile, path, &here, findings) } else { Vec::new() };
        let children = self.children(tile, path, findings);
        // A tile with an error has it said once: what else it lacks follows from that often enough.
        if above.depth == 0 && !tile.contains_key("refine") && findings.errors() == before {
            findings.error("TILE_REFINE_MISSING_IN_ROOT", path, "the root tile has no refine");
        }
        if let Some(implicit) = implicit {
            subtrees::check(self.source, tile, implicit, path, findings);
        }
        for (path, uri) in contents {
            self.open(uri, &path, findings);
        }
        for (path, child) in children {
            self.tile(child, &path, &here, findings);
        }
    }

    fn children<'v>(
        &self,
        tile: &'v Map<String, Json>,
        path: &str,
        findings: &mut Findings,
    ) -> Vec<(String, &'v Json)> {
        let Some(children) = tile.get("children").filter(|_| !tile.contains_key("implicitTiling")) else {
            return Vec::new();
        };
        let path = format!("{path}/children");
        let children = findings.array(children, &path, 0).unwrap_or_default();
        if children.is_empty() {
            findings.warning("ARRAY_LENGTH_UNEXPECTED", &path, "is empty and could be left out");
        }
        let mut tiles = Vec::with_capacity(children.len());
        for (i, child) in children.iter().enumerate() {
            let path = format!("{path}/{i}");
            if child.is_object() {
                tiles.push((path, child));
            } else {
                findings.error("ARRAY_ELEMENT_TYPE_MISMATCH", &path, "is no object");
            }
        }
        tiles
    }

    /// The addresses of a tile's contents, each with its place, after what can be said without opening them.
    fn contents<'v>(
        &self,
        tile: &'v Map<String, Json>,
        path: &str,
        here: &Above,
        findings: &mut Findings,
    ) -> Vec<(String, &'v str)> {
        let mut all = Vec::new();
        if let Some(content) = tile.get("content") {
            let path = format!("{path}/content");
            all.extend(findings.object(content, &path).map(|content| (path, content)));
        } else if let Some(contents) = tile.get("contents") {
            all = findings.objects(contents, &format!("{path}/contents"), 1);
        }
        let mut addresses = Vec::new();
        for (path, content) in all {
            if let Some(uri) = self.content(content, &path, here, findings) {
                addresses.push((path, uri));
            }
        }
        addresses
    }

    fn content<'v>(
        &self,
        content: &'v Map<String, Json>,
        path: &str,
        here: &Above,
        findings: &mut Findings,
    ) -> Option<&'v str> {
        if let Some(volume) = content.get("boundingVolume") {
            let volume = check_volume(volume, &format!("{path}/boundingVolume"), here, findings);
            if let (Some(own), Some(tile)) = (volume, here.bounding_box)
                && !tile.holds(own)
            {
                findings.warning("BOUNDING_VOLUMES_INCONSISTENT", path, "reaches out of its tile's bounding volume");
            }
        }
        if let Some(group) = content.get("group") {
            let number = findings.integer(group, &format!("{path}/group"), 0);
            if number.is_some_and(|number| number >= self.groups as i64) {
                findings.error("IDENTIFIER_NOT_FOUND", path, format!("there is no group {group}"));
            }
        }
        let uri = findings.required(content, "uri", path)?;
        findings.string(uri, &format!("{path}/uri"))
    }

    fn open(&mut self, uri: &str, path: &str, findings: &mut Findings) {
        let Some(name) = resolve(&findings.file, uri) else { return };
        self.check_declared(&name, path, findings);
        let Some(external) = contents::check(self.source, &name, path, findings) else { return };
        if self.open.contains(&external) {
            return findings.error("EXTERNAL_TILESET_VALIDATION_ERROR", path, format!("{external} leads back here"));
        }
        let before = findings.found.len();
        let file = std::mem::replace(&mut findings.file, external.clone());
        check_file(self.source, findings, self.open);
        findings.file = file;
        let inside = findings.found.get(before..).unwrap_or_default();
        let worst = inside.iter().map(|finding| finding.severity).find(|severity| *severity == Severity::Error);
        match worst {
            Some(_) => findings.error("EXTERNAL_TILESET_VALIDATION_ERROR", path, format!("{external} has errors")),
            None if inside.is_empty() => {}
            None => findings.warning("EXTERNAL_TILESET_VALIDATION_WARNING", path, format!("{external} has warnings")),
        }
    }

    /// Kinds of content that only an extension allows.
    fn check_declared(&self, name: &str, path: &str, findings: &mut Findings) {
        let name = name.to_ascii_lowercase();
        let extension = match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
            "gltf" | "glb" if self.old => CONTENT_GLTF,
            "3tz" => CONTENT_3TZ,
            _ => return,
        };
        if !self.extensions.used.iter().any(|used| used == extension) {
            findings.error("EXTENSION_FOUND_BUT_NOT_USED", path, format!("{extension} is not in extensionsUsed"));
        } else if !self.extensions.required.iter().any(|required| required == extension) {
            let message = format!("{extension} is not in extensionsRequired");
            findings.error("EXTENSION_REQUIRED_BUT_NOT_DECLARED", path, message);
        }
    }
}

fn check_refine(tile: &Map<String, Json>, path: &str, findings: &mut Findings) {
    let path = format!("{path}/refine");
    let Some(refine) = tile.get("refine") else { return };
    match findings.string(refine, &path) {
        None | Some("ADD" | "REPLACE") => {}
        Some(word) if ["ADD", "REPLACE"].contains(&word.to_ascii_uppercase().as_str()) => {
            findings.warning("TILE_REFINE_WRONG_CASE", &path, "should be in capitals");
        }
        Some(_) => findings.error("VALUE_NOT_IN_LIST", &path, format!("{refine} is neither ADD nor REPLACE")),
    }
}

fn check_transform(transform: &Json, path: &str, findings: &mut Findings) -> DMat4 {
    let path = format!("{path}/transform");
    let numbers = findings.numbers(transform, &path, 16);
    let Some(columns) = numbers.and_then(|n| <[f64; 16]>::try_from(n).ok()) else { return DMat4::IDENTITY };
    let matrix = DMat4::from_cols_array(&columns);
    if matrix.row(3).abs_diff_eq(glam::DVec4::W, 1e-8) {
        return matrix;
    }
    findings.error("TRANSFORM_INVALID", &path, "is not affine");
    DMat4::IDENTITY
}

/// Checks a bounding volume; gives it where it is a box.
fn check_volume(volume: &Json, path: &str, here: &Above, findings: &mut Findings) -> Option<BoxVolume> {
    let volume = findings.object(volume, path)?;
    findings.common(volume, path);
    let kinds = ["box", "region", "sphere"];
    if !kinds.iter().any(|kind| volume.contains_key(*kind)) && !volume.contains_key("extensions") {
        findings.error("ANY_OF_ERROR", path, "is neither box, region nor sphere");
    }
    if let Some(sphere) = volume.get("sphere") {
        let path = format!("{path}/sphere");
        let numbers = findings.numbers(sphere, &path, 4);
        if numbers.and_then(|n| n.last().copied()).is_some_and(|radius| radius < 0.0) {
            findings.error("BOUNDING_VOLUME_INVALID", &path, "the radius is negative");
        }
    }
    if let Some(region) = volume.get("region") {
        let path = format!("{path}/region");
        if let Some([west, south, east, north, low, high]) =
            findings.numbers(region, &path, 6).and_then(|n| <[f64; 6]>::try_from(n).ok())
        {
            use std::f64::consts::{FRAC_PI_2, PI};
            let outside = [west.abs() > PI, south.abs() > FRAC_PI_2, east.abs() > PI, north.abs() > FRAC_PI_2];
            let wrong = outside.into_iter().chain([south > north, low > high]).filter(|wrong| *wrong).count();
            (0..wrong).for_each(|_| findings.error("BOUNDING_VOLUME_INVALID", &path, "a limit is out of its range"));
        }
    }
    let numbers = findings.numbers(volume.get("box")?, &format!("{path}/box"), 12)?;
    let point = |i: usize| DVec3::new(numbers[i], numbers[i + 1], numbers[i + 2]);
    Some(BoxVolume {
        center: here.root_from_tile.transform_point3(point(0)),
        axes: [3, 6, 9].map(|i| here.root_from_tile.transform_vector3(point(i))),
    })
}

impl BoxVolume {
    fn holds(&self, other: Self) -> bool {
        // An axis of no length still has a direction where the other two do; 0.1 % and a millimetre are forgiven.
        let size = self.axes.iter().map(|axis| axis.length()).fold(0.0, f64::max);
        let corners = (0..8).map(|i| {
            let sign = |bit: usize| if i >> bit & 1 == 1 { 1.0 } else { -1.0 };
            other.center + other.axes[0] * sign(0) + other.axes[1] * sign(1) + other.axes[2] * sign(2)
        });
        corners.into_iter().all(|corner| {
            self.axes.iter().all(|axis| {
                let length = axis.length();
                length == 0.0 || (corner - self.center).dot(*axis / length).abs() <= length + size * 1e-3 + 1e-3
            })
        })
    }
}
