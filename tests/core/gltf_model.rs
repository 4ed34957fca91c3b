//! Models that people bring: read as glTF says, and refused where they lie.

use glam::Vec3;
use proptest::prelude::*;
use serde_json::json;
use veduta::formats::gltf_model::{ModelError, read_model};

/// A red quad of two triangles in the model's x-y plane, moved 10 m up and doubled by its node; its buffer is beside it.
fn quad() -> (serde_json::Value, Vec<u8>) {
    let corners: [[f32; 3]; 4] = [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 1.0, 0.0]];
    let mut buffer: Vec<u8> = corners.iter().flatten().flat_map(|v| v.to_le_bytes()).collect();
    buffer.extend([0_u16, 1, 2, 0, 2, 3].iter().flat_map(|i| i.to_le_bytes()));
    let document = json!({
        "asset": { "version": "2.0" }, "scene": 0, "scenes": [{ "nodes": [0] }],
        "nodes": [{ "mesh": 0, "translation": [0, 10, 0], "scale": [2, 2, 2] }],
        "meshes": [{ "primitives": [{ "attributes": { "POSITION": 0 }, "indices": 1, "material": 0 }] }],
        "materials": [{ "pbrMetallicRoughness": { "baseColorFactor": [1, 0, 0, 1] } }],
        "accessors": [
            { "bufferView": 0, "componentType": 5126, "count": 4, "type": "VEC3", "min": [0, 0, 0], "max": [1, 1, 0] },
            { "bufferView": 1, "componentType": 5123, "count": 6, "type": "SCALAR" },
        ],
        "bufferViews": [{ "buffer": 0, "byteLength": 48 }, { "buffer": 0, "byteOffset": 48, "byteLength": 12 }],
        "buffers": [{ "uri": "quad.bin", "byteLength": 60 }],
    });
    (document, buffer)
}

fn read(document: &serde_json::Value, buffer: &[u8]) -> Result<veduta::formats::TileContent, ModelError> {
    let file = |name: &str| (name == "quad.bin").then(|| buffer.to_vec());
    read_model(document.to_string().as_bytes(), &file)
}

#[test]
fn a_model_stands_where_its_nodes_put_it_with_z_up() {
    let (document, buffer) = quad();
    let content = read(&document, &buffer).unwrap();
    let part = &content.parts[0];
    assert_eq!((part.mesh.triangles(), part.base_color), (2, [1.0, 0.0, 0.0, 1.0]));
    let highest = part.mesh.positions.iter().map(|p| p.z).fold(f32::MIN, f32::max);
    let lowest = part.mesh.positions.iter().map(|p| p.z).fold(f32::MAX, f32::min);
    assert_eq!((lowest, highest), (10.0, 12.0), "the model's y is up");
    // The front looks along the model's +z, which is our -y: towards whoever stands south of it.
    assert!(part.mesh.normals.iter().all(|n| n.distance(Vec3::NEG_Y) < 1e-6));
}

#[test]
fn what_lies_about_its_data_is_refused() {
    let (document, buffer) = quad();
    assert_eq!(read(&document, &buffer[..40]), Err(ModelError::OutOfBounds(0)));
    let mut more = document.clone();
    more["accessors"][1]["count"] = json!(4_000_000_000_u32);
    assert_eq!(read(&more, &buffer), Err(ModelError::OutOfBounds(1)));
    let mut circle = document.clone();
    circle["nodes"][0]["children"] = json!([0]);
    assert!(matches!(read(&circle, &buffer), Err(ModelError::Invalid(_))));
    let mut gone = document.clone();
    gone["buffers"][0]["uri"] = json!("other.bin");
    assert_eq!(read(&gone, &buffer), Err(ModelError::NoBuffer("other.bin".to_owned())));
    let mut wrong = buffer.clone();
    wrong[48] = 9;
    assert_eq!(read(&document, &wrong), Err(ModelError::OutOfBounds(1)));
    assert!(matches!(read_model(b"", &|_| None), Err(ModelError::Invalid(_))));
}

proptest! {
    /// No bytes make it panic: noise, and a model with a byte changed.
    #[test]
    fn no_model_panics(at in 0_usize..2000, byte: u8, noise in proptest::collection::vec(any::<u8>(), 0..200)) {
        let (document, buffer) = quad();
        let mut text = document.to_string().into_bytes();
        let at = at % text.len();
        text[at] = byte;
        let _ = read_model(&text, &|_| Some(buffer.clone()));
        let _ = read_model(&noise, &|_| None);
        let _ = read(&document, &noise);
    }
}
