//! What tiles show: that it is there and can be read.

use super::findings::Findings;
use crate::formats::glb;
use crate::streaming::ByteSource;

/// Composite tiles in composite tiles are followed so far.
const MAX_DEPTH: usize = 8;

/// Opens the content `name`; gives its name back where it is another tileset, which the caller goes on with.
pub fn check(source: &dyn ByteSource, name: &str, path: &str, findings: &mut Findings) -> Option<String> {
    let bytes = match source.read(name, None) {
        Ok(bytes) => bytes,
        Err(error) => {
            findings.error("IO_ERROR", path, error.to_string());
            return None;
        }
    };
    let wrong = match bytes.get(..4) {
        Some(b"glTF" | b"b3dm" | b"i3dm" | b"pnts" | b"cmpt") => check_binary(&bytes, 0).err(),
        Some(b"PK\x03\x04") if name.ends_with(".3tz") => None,
        _ if bytes.is_empty() => Some("is empty".to_owned()),
        _ => match serde_json::from_slice::<serde_json::Value>(&bytes) {
            Ok(json) if json.get("root").is_some() || json.get("geometricError").is_some() => {
                return Some(name.to_owned());
            }
            Ok(json) if json["asset"]["version"] == "2.0" => None,
            _ if name.ends_with(".geojson") => None,
            _ => Some("is of no known kind".to_owned()),
        },
    };
    if let Some(wrong) = wrong {
        findings.error("CONTENT_VALIDATION_ERROR", path, format!("{wrong}: {name}"));
    }
    None
}

fn check_binary(bytes: &[u8], depth: usize) -> Result<(), String> {
    match bytes.get(..4) {
        Some(b"glTF") => match glb::decode(bytes) {
            // Draco and the like are valid, only not ours to read.
            Err(glb::GlbError::Extension(_) | glb::GlbError::Unsupported(_)) => Ok(()),
            Ok(content) if content.parts.iter().any(|part| !part.mesh.positions.iter().all(|p| p.is_finite())) => {
                Err("has a position that is no finite number".to_owned())
            }
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        },
        Some(b"cmpt") => check_composite(bytes, depth),
        _ => check_tables(bytes),
    }
}

fn word(bytes: &[u8], index: usize) -> Result<usize, String> {
    let word = bytes.get(4 * index..4 * index + 4).ok_or("ends within its header")?;
    Ok(word.iter().rev().fold(0, |all, byte| all << 8 | usize::from(*byte)))
}

/// What all kinds of 3D Tiles 1.0 content begin with: magic, version, length.
fn check_header(bytes: &[u8]) -> Result<(), String> {
    if word(bytes, 1)? != 1 {
        return Err("its version is not 1".to_owned());
    }
    let length = word(bytes, 2)?;
    if length != bytes.len() {
        return Err(format!("byteLength is {length}, but there are {} bytes", bytes.len()));
    }
    if !length.is_multiple_of(8) {
        return Err("byteLength is no multiple of 8".to_owned());
    }
    Ok(())
}

/// Inner tiles one after another (3D Tiles 1.0, "Composite").
fn check_composite(bytes: &[u8], depth: usize) -> Result<(), String> {
    check_header(bytes)?;
    let mut rest = bytes.get(16..).ok_or("ends within its header")?;
    for tile in 0..word(bytes, 3)? {
        let inner = rest.split_at_checked(word(rest, 2)?).filter(|(inner, _)| inner.len() >= 12);
        let Some((inner, after)) = inner.filter(|_| depth < MAX_DEPTH) else {
            return Err(format!("inner tile {tile} does not fit"));
        };
        check_binary(inner, depth + 1).map_err(|error| format!("inner tile {tile}: {error}"))?;
        rest = after;
    }
    Ok(())
}

/// Feature table, batch table and glTF of b3dm, i3dm and pnts (3D Tiles 1.0, "Tile format specifications").
fn check_tables(bytes: &[u8]) -> Result<(), String> {
    check_header(bytes)?;
    let magic = bytes.get(..4).unwrap_or_default();
    let is_instanced = magic == b"i3dm";
    let (count, position, header) = match magic {
        b"b3dm" => ("BATCH_LENGTH", &[][..], 28),
        b"i3dm" => ("INSTANCES_LENGTH", &["POSITION", "POSITION_QUANTIZED"][..], 32),
        _ => ("POINTS_LENGTH", &["POSITION", "POSITION_QUANTIZED"][..], 28),
    };
    let mut rest = bytes.get(header..).ok_or("ends within its header")?;
    let mut parts = Vec::with_capacity(4);
    for (i, name) in ["feature table JSON", "feature table", "batch table JSON", "batch table"].into_iter().enumerate()
    {
        let (part, after) = rest.split_at_checked(word(bytes, 3 + i)?).ok_or(format!("the {name} is cut off"))?;
        if !(bytes.len() - after.len()).is_multiple_of(8) {
            return Err(format!("the {name} does not end on a multiple of 8 bytes"));
        }
        parts.push(part);
        rest = after;
    }
    let json = |part: Option<&&[u8]>| -> Result<serde_json::Value, String> {
        let part = part.copied().unwrap_or_default();
        if part.is_empty() {
            Ok(serde_json::json!({}))
        } else {
            serde_json::from_slice(part).map_err(|e| e.to_string())
        }
    };
    let features = json(parts.first()).map_err(|error| format!("feature table: {error}"))?;
    json(parts.get(2)).map_err(|error| format!("batch table: {error}"))?;
    let is_count = |value: &serde_json::Value| value.is_u64() || value.get("byteOffset").is_some();
    if !features.get(count).is_some_and(is_count) {
        return Err(format!("the feature table has no {count}"));
    }
    if !position.is_empty() && !position.iter().any(|name| features.get(name).is_some()) {
        return Err("the feature table has no POSITION".to_owned());
    }
    if rest.starts_with(b"glTF") {
        return check_binary(rest, MAX_DEPTH).map_err(|error| format!("glTF: {error}"));
    }
    match (magic, is_instanced && word(bytes, 7)? == 0) {
        (b"pnts", _) | (_, true) => Ok(()),
        _ => Err("has no binary glTF after its tables".to_owned()),
    }
}
