//! The GLB container (glTF 2.0 section 4.4): a header and chunks.

use super::GlbError;

const MAGIC: &[u8; 4] = b"glTF";
const JSON_CHUNK: &[u8; 4] = b"JSON";
const BINARY_CHUNK: &[u8; 4] = b"BIN\0";
const HEADER_BYTES: usize = 12;

/// The JSON and the binary chunk of a file, which may have no binary one.
pub fn split(bytes: &[u8]) -> Result<(&[u8], &[u8]), GlbError> {
    let header = bytes.get(..HEADER_BYTES).ok_or(GlbError::Container("shorter than its header"))?;
    if &header[..4] != MAGIC {
        return Err(GlbError::Container("magic is not 'glTF'"));
    }
    if little_endian(&header[4..8]) != 2 {
        return Err(GlbError::Container("version is not 2"));
    }
    let length = little_endian(&header[8..12]) as usize;
    let mut rest =
        bytes.get(HEADER_BYTES..length).ok_or(GlbError::Container("length differs from the bytes there are"))?;
    let (mut json, mut binary) = (None, None);
    while !rest.is_empty() {
        let (head, body) = rest.split_at_checked(8).ok_or(GlbError::Container("truncated chunk header"))?;
        let size = little_endian(&head[..4]) as usize;
        let (chunk, after) = body.split_at_checked(size).ok_or(GlbError::Container("chunk beyond the end"))?;
        match &head[4..8] {
            kind if kind == JSON_CHUNK && json.is_none() => json = Some(chunk),
            kind if kind == BINARY_CHUNK && binary.is_none() => binary = Some(chunk),
            _ => {}
        }
        rest = after;
    }
    Ok((json.ok_or(GlbError::Container("no JSON chunk"))?, binary.unwrap_or_default()))
}

/// A file of the two chunks; the JSON is padded with spaces and the binary with zeros so that both start on
/// multiples of 8 bytes, as EXT_structural_metadata asks.
pub fn join(mut json: Vec<u8>, mut binary: Vec<u8>) -> Vec<u8> {
    // The binary chunk's data start 8 bytes after the JSON chunk's end: both on multiples of 8.
    while !(HEADER_BYTES + 8 + json.len() + 8).is_multiple_of(8) {
        json.push(b' ');
    }
    binary.resize(binary.len().next_multiple_of(8), 0);
    let chunks: [(&[u8; 4], &[u8]); 2] = [(JSON_CHUNK, &json), (BINARY_CHUNK, &binary)];
    let used = if binary.is_empty() { &chunks[..1] } else { &chunks[..] };
    let length = HEADER_BYTES + used.iter().map(|(_, data)| 8 + data.len()).sum::<usize>();
    let mut file = Vec::with_capacity(length);
    file.extend_from_slice(MAGIC);
    file.extend_from_slice(&2_u32.to_le_bytes());
    file.extend_from_slice(&(length as u32).to_le_bytes());
    for (kind, data) in used {
        file.extend_from_slice(&(data.len() as u32).to_le_bytes());
        file.extend_from_slice(*kind);
        file.extend_from_slice(data);
    }
    file
}

fn little_endian(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |all, byte| all << 8 | u32::from(*byte))
}
