//! What a worker runs: bytes of a tile in, its content out.

use wasm_bindgen::prelude::*;

use crate::formats::ContentDecoder;
use crate::formats::glb::GlbDecoder;

/// Decodes a glb; the answer is [`crate::formats::TileContent::to_bytes`].
#[wasm_bindgen]
pub fn decode(glb: &[u8]) -> Result<Vec<u8>, JsError> {
    Ok(GlbDecoder.decode(glb)?.to_bytes())
}
