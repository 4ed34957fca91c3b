//! What tiles show: that it is there and can be read.

use super::findings::Findings;
use crate::formats::glb;
use crate::streaming::ByteSource;

/// Opens the content `name`; gives its name back where it is another tileset, which the caller goes on with.
pub fn check(source: &dyn ByteSource, name: &str, path: &str, findings: &mut Findings) -> Option<String> {
    let bytes = match source.read(name, None) {
        Ok(bytes) => bytes,
        Err(error) => {
            findings.error("IO_ERROR", path, error.to_string());
            return None;
        }
    };
    let mut wrong = |what: String| findings.error("CONTENT_VALIDATION_ERROR", path, format!("{what}: {name}"));
    match bytes.get(..4) {
        Some(b"glTF") => {
            // Draco and the like are valid, only not ours to read.
            let error = glb::decode(&bytes).err();
            let known = |e: &glb::GlbError| matches!(e, glb::GlbError::Extension(_) | glb::GlbError::Unsupported(_));
            if let Some(error) = error.filter(|error| !known(error)) {
                wrong(error.to_string());
            }
        }
        Some(b"b3dm" | b"i3dm" | b"pnts" | b"cmpt") => {
            let length = bytes.get(8..12).map(|b| b.iter().rev().fold(0, |all, byte| all << 8 | usize::from(*byte)));
            if length != Some(bytes.len()) {
                wrong(format!("byteLength differs from the {} bytes there are", bytes.len()));
            }
        }
        _ => match serde_json::from_slice::<serde_json::Value>(&bytes) {
            Ok(json) if json.get("root").is_some() || json.get("geometricError").is_some() => {
                return Some(name.to_owned());
            }
            Ok(json) if json["asset"]["version"] == "2.0" => {}
            _ if name.ends_with(".3tz") || name.ends_with(".geojson") => {}
            _ => wrong("is of no known kind".to_owned()),
        },
    }
    None
}
