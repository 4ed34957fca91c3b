//! glb: round trips, the shared samples, and what broken bytes do.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use glam::{DVec3, Vec2, Vec3};
use proptest::prelude::*;
use veduta::city::Value;
use veduta::formats::glb::{EncodeOptions, GlbDecoder, GlbError, decode, encode};
use veduta::formats::{
    AlphaMode, Column, ContentDecoder, EncodedImage, FeatureTable, TextColumn, TileContent, TilePart,
};
use veduta::geometry::Mesh;

use crate::shared_data::shared;

/// A field of boxes, one a feature, 800 m wide, with every kind of column.
fn boxes(count: u32) -> TileContent {
    let mut mesh = Mesh::default();
    for id in 0..count {
        let corner = Vec3::new((id % 30) as f32 * 27.3 - 400.0, (id / 30) as f32 * 31.7 - 400.0, -3.0);
        for (u, v, n) in [(Vec3::X, Vec3::Y, Vec3::Z), (Vec3::Y, Vec3::Z, Vec3::X), (Vec3::Z, Vec3::X, Vec3::Y)] {
            let base = mesh.positions.len() as u32;
            let lift = n * (10.0 + id as f32 * 0.37);
            mesh.positions.extend([Vec3::ZERO, u * 12.5, (u + v) * 12.5, v * 12.5].map(|p| corner + lift + p));
            mesh.normals.extend([n; 4]);
            mesh.feature_ids.extend([id; 4]);
            mesh.colors.extend([[id as u8, 2, 3, 255]; 4]);
            mesh.indices.extend([0, 1, 2, 0, 2, 3].map(|i| base + i));
        }
    }
    let rows = 0..count as usize;
    let columns = vec![
        ("object".to_owned(), Column::UInt32(rows.clone().map(|i| 4_000_000_000 + i as u32).collect())),
        ("id".to_owned(), Column::Text(rows.clone().map(|_| "bldg_千代田区").collect::<TextColumn>())),
        (
            "measuredHeight".to_owned(),
            Column::Float(rows.clone().map(|i| if i == 3 { f64::NAN } else { i as f64 * 0.1 }).collect()),
        ),
        ("建物 種別".to_owned(), Column::Text(rows.clone().map(|i| ["", "住宅", "商業施設"][i % 3]).collect())),
        ("storeys".to_owned(), Column::Int(rows.clone().map(|i| (i % 5 != 0).then_some(i as i64 - 7)).collect())),
        ("big".to_owned(), Column::Int(rows.clone().map(|i| Some(i64::MAX - i as i64)).collect())),
        ("listed".to_owned(), Column::Bool(rows.clone().map(|i| Some(i % 3 == 1)).collect())),
        ("half".to_owned(), Column::Float(rows.clone().map(|i| i as f64 * 0.5).collect())),
    ];
    let features = FeatureTable { count: count as usize, columns };
    TileContent { center: DVec3::new(35_123.25, -81_234.5, 12.0), parts: vec![TilePart::of(mesh)], features }
}

fn assert_same_mesh(a: &TileContent, b: &TileContent, step: f64) {
    assert_eq!(a.parts.len(), b.parts.len());
    for (x, y) in a.parts.iter().zip(&b.parts) {
        assert_eq!(x.mesh.indices.len(), y.mesh.indices.len());
        // The index codec may turn a triangle's corners round: compare the corners of each triangle as a set.
        for (s, t) in x.mesh.indices.chunks(3).zip(y.mesh.indices.chunks(3)) {
            assert_eq!(s.iter().collect::<BTreeSet<_>>(), t.iter().collect::<BTreeSet<_>>());
            let place = |c: &TileContent, m: &Mesh, i: u32| c.center + m.positions[i as usize].as_dvec3();
            let turn = |c: &TileContent, m: &Mesh, t: &[u32]| {
                (place(c, m, t[1]) - place(c, m, t[0])).cross(place(c, m, t[2]) - place(c, m, t[0]))
            };
            assert!(turn(a, &x.mesh, s).dot(turn(b, &y.mesh, t)) > 0.0, "winding turned");
            for i in t {
                let gap = (place(a, &x.mesh, *i) - place(b, &y.mesh, *i)).abs().max_element();
                assert!(gap <= step, "{gap} m, step {step} m");
                let i = *i as usize;
                assert!(x.mesh.normals[i].dot(y.mesh.normals[i]) > 0.9999);
                assert_eq!(x.mesh.feature_ids.get(i), y.mesh.feature_ids.get(i));
                assert_eq!(x.mesh.colors.get(i), y.mesh.colors.get(i));
            }
        }
    }
}

#[test]
fn what_is_written_is_read_again() {
    let content = boxes(700);
    for compress in [true, false] {
        let options = EncodeOptions { compress, ..EncodeOptions::default() };
        let bytes = encode(&content, &options).unwrap();
        assert_eq!(bytes, encode(&content, &options).unwrap(), "same input, same bytes");
        let back = GlbDecoder.decode(&bytes).unwrap();
        // Half a step of 16 bits over the widest side, and the rounding of 32-bit floats there.
        let corners = |f: fn(Vec3, Vec3) -> Vec3| content.parts[0].mesh.positions.iter().copied().reduce(f).unwrap();
        let extent = f64::from((corners(Vec3::max) - corners(Vec3::min)).max_element());
        assert_same_mesh(&content, &back, extent / 65535.0 / 2.0 + 1e-4);
        assert_eq!(back.features.count, 700);
        for (name, column) in &content.features.columns {
            let read = back.features.column(name).unwrap_or_else(|| panic!("no column {name}"));
            (0..700).for_each(|row| assert_eq!(column.value(row), read.value(row), "{name} {row}"));
        }
    }
    assert_eq!(content.features.column("建物 種別").unwrap().value(0), Value::Null);
}

#[test]
fn compression_pays() {
    let content = boxes(700);
    let size = |compress| encode(&content, &EncodeOptions { compress, ..EncodeOptions::default() }).unwrap().len();
    let (packed, plain) = (size(true), size(false));
    assert!(packed * 10 < plain * 6, "{packed} of {plain} bytes");
}

#[test]
fn wide_meshes_keep_floats_and_textures_keep_their_bytes() {
    let mut content = boxes(4);
    let mesh = &mut content.parts[0].mesh;
    mesh.positions[0] = Vec3::new(9000.125, -9000.0, 4.0);
    mesh.feature_ids[0] = 0;
    mesh.texture_coordinates = mesh.positions.iter().map(|p| Vec2::new(p.x * 0.1, 0.25)).collect();
    let image = Arc::new(EncodedImage { mime: "image/png".to_owned(), bytes: b"\x89PNG not really".to_vec() });
    content.parts[0].texture = Some(Arc::clone(&image));
    content.parts[0].alpha = AlphaMode::Mask(0.25);
    content.parts[0].double_sided = true;
    content.parts.push(content.parts[0].clone());
    let back = decode(&encode(&content, &EncodeOptions::default()).unwrap()).unwrap();
    assert_same_mesh(&content, &back, 1e-3);
    assert_eq!(back.parts[0].mesh.texture_coordinates, content.parts[0].mesh.texture_coordinates);
    assert_eq!(back.parts[0].texture.as_ref().unwrap(), &image);
    assert!(Arc::ptr_eq(back.parts[0].texture.as_ref().unwrap(), back.parts[1].texture.as_ref().unwrap()));
    assert_eq!((back.parts[1].alpha, back.parts[1].double_sided), (AlphaMode::Mask(0.25), true));
    assert!(back.bytes() > image.bytes.len());
}

#[test]
fn unequal_arrays_and_wild_indices_are_refused() {
    let refused = |change: fn(&mut Mesh)| {
        let mut content = boxes(2);
        change(&mut content.parts[0].mesh);
        assert!(matches!(encode(&content, &EncodeOptions::default()), Err(GlbError::Invalid { .. })));
    };
    refused(|mesh| mesh.normals.truncate(5));
    refused(|mesh| mesh.indices[0] = 1_000_000);
    refused(|mesh| mesh.positions[3].x = f32::NAN);
}

fn files(folder: &str, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = shared(folder).into_iter().collect();
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| endings.iter().any(|ending| e == *ending)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The manifest's triangle counts; a mesh that several nodes show counts once a node here.
#[test]
fn shared_samples_decode_to_their_triangles() {
    for (file, triangles) in [
        ("gltf/khronos/Box.glb", 12),
        ("gltf/khronos/BoxInterleaved.glb", 12),
        ("gltf/khronos/BoxTextured.glb", 12),
        ("gltf/khronos/BoxVertexColors.glb", 12),
        ("gltf/khronos/MultiUVTest.glb", 12),
        ("gltf/khronos/OrientationTest.glb", 524),
        ("gltf/meshopt/BoxTextured_meshopt.glb", 12),
        ("gltf/meshopt/pirate.glb", 5010),
    ] {
        let Some(path) = shared(file) else { return };
        let content = decode(&std::fs::read(&path).unwrap()).unwrap_or_else(|e| panic!("{file}: {e}"));
        assert_eq!(content.triangles(), triangles, "{file}");
        for mesh in content.parts.iter().map(|part| &part.mesh) {
            assert!(mesh.positions.iter().all(|p| p.is_finite()), "{file}");
            assert_eq!(mesh.normals.len(), mesh.positions.len(), "{file}");
            assert!(mesh.normals.iter().all(|n| (n.length() - 1.0).abs() < 1e-3), "{file}");
        }
    }
}

/// The meshopt file is the plain one packed by gltfpack: the same cube, the same picture.
#[test]
fn meshopt_and_plain_box_are_the_same_box() {
    let (Some(plain), Some(packed)) =
        (shared("gltf/khronos/BoxTextured.glb"), shared("gltf/meshopt/BoxTextured_meshopt.glb"))
    else {
        return;
    };
    let read = |path: PathBuf| decode(&std::fs::read(path).unwrap()).unwrap();
    let (plain, packed) = (read(plain), read(packed));
    let box_of = |content: &TileContent| {
        let all = content.parts.iter().flat_map(|part| &part.mesh.positions);
        all.fold((Vec3::INFINITY, Vec3::NEG_INFINITY), |(min, max), p| (min.min(*p), max.max(*p)))
    };
    assert!((box_of(&plain).0 - box_of(&packed).0).abs().max_element() < 1e-3);
    assert!((box_of(&plain).1 - box_of(&packed).1).abs().max_element() < 1e-3);
    assert!(packed.parts[0].texture.is_some());
}

/// Tiles of other makers carry their attributes: Cesium's conversion of OGC CDB.
#[test]
fn shared_tiles_come_with_their_attributes() {
    let folder = "tiles3d/cesium_specs/VNext/cdb-yemen-cut/Tiles/N12/E045/GSModels/1_1";
    let Some(path) = shared(&format!("{folder}/N12E045_D300_S001_T001_LC5_U0_R0.glb")) else { return };
    let content = decode(&std::fs::read(path).unwrap()).unwrap();
    let features = &content.features;
    assert!(features.count > 0);
    assert!(features.columns.iter().all(|(_, column)| column.len() == features.count));
    assert!(features.columns.iter().any(|(_, column)| matches!(column, Column::Text(texts) if texts.get(0).is_some())));
    for mesh in content.parts.iter().map(|part| &part.mesh).filter(|mesh| !mesh.feature_ids.is_empty()) {
        assert!(mesh.feature_ids.iter().all(|id| (*id as usize) < features.count));
    }
}

#[test]
fn every_shared_glb_decodes_or_says_why() {
    let mut refused = Vec::new();
    let all: Vec<_> = files("gltf", &["glb"]).into_iter().chain(files("tiles3d", &["glb"])).collect();
    for path in &all {
        if let Err(error) = decode(&std::fs::read(path).unwrap()) {
            refused.push(format!("{}: {error}", path.display()));
        }
    }
    println!("{} files, refused:\n{}", all.len(), refused.join("\n"));
    let expected = [
        "TriangleWithInvalidLength",
        "TriangleGlbWithInvalidLength",
        "Draco",
        "draco",
        "sparse",
        "geometry_instancing",
    ];
    for line in &refused {
        assert!(expected.iter().any(|word| line.contains(word)), "{line}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Changed, cut and grown files never panic and never take memory that their bytes do not pay for.
    #[test]
    fn broken_files_are_errors(seed in any::<u64>(), changes in 1..40_usize, cut in any::<prop::sample::Index>(), whole in any::<bool>()) {
        let mut bytes = encode(&boxes(20), &EncodeOptions::default()).unwrap();
        let mut random = seed | 1;
        let mut next = || { random ^= random << 13; random ^= random >> 7; random ^= random << 17; random };
        for _ in 0..changes {
            let at = next() as usize % bytes.len();
            // Digits for digits keeps the JSON readable, so that counts and offsets get wild values.
            bytes[at] = if bytes[at].is_ascii_digit() { b'0' + (next() % 10) as u8 } else { next() as u8 };
        }
        if !whole {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(content) = decode(&bytes) { prop_assert!(content.bytes() < 1 << 26); }
    }

    /// Only digits of the JSON change: every file gets through the parser.
    #[test]
    fn wild_numbers_are_errors(seed in any::<u64>(), changes in 1..6_usize) {
        let mut bytes = encode(&boxes(20), &EncodeOptions::default()).unwrap();
        let end = u32::from_le_bytes(bytes[12..16].try_into().unwrap()) as usize + 20;
        let digits: Vec<usize> = (20..end).filter(|i| bytes[*i].is_ascii_digit()).collect();
        let mut random = seed | 1;
        let mut next = || { random ^= random << 13; random ^= random >> 7; random ^= random << 17; random };
        for _ in 0..changes {
            bytes[digits[next() as usize % digits.len()]] = b'0' + (next() % 10) as u8;
        }
        if let Ok(content) = decode(&bytes) { prop_assert!(content.bytes() < 1 << 26); }
    }
}
