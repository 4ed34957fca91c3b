//! The tiler: objects to 3D Tiles and what readers find in them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use glam::{DVec2, DVec3, Vec3};
use veduta::city::{CityObject, LodShape, Value};
use veduta::formats::glb::decode;
use veduta::formats::tiles3d::{Subtree, morton_index};
use veduta::formats::{Column, TileContent};
use veduta::geodesy::{Geodetic, SiteFrame};
use veduta::geometry::{Bounds, Mesh, PlacedMesh, Prism, Shape, Surface, SurfaceKind};
use veduta::import::tiler::{NoPictures, TileAddress, TilerOptions, TilingReport, tile_city};
use veduta::package::Objects;

pub type Files = BTreeMap<String, Vec<u8>>;

fn site() -> SiteFrame {
    SiteFrame::new(Geodetic::from_degrees(139.75, 35.68, 40.0))
}

/// An L-shaped building; every third place is a tower.
fn building(i: usize, place: DVec2) -> CityObject {
    let width = 6.0 + (i * 7 % 23) as f64;
    let height = if i.is_multiple_of(97) { 120.0 } else { 4.0 + (i * 13 % 31) as f64 };
    let corners = [(0., 0.), (1., 0.), (1., 0.6), (0.4, 0.6), (0.4, 1.), (0., 1.)];
    let ring = corners.map(|(x, y)| (place + DVec2::new(x, y) * width).extend(12.0 - place.length_squared() / 1.3e7));
    let prism = Prism { rings: vec![ring.to_vec()], extrusion: DVec3::Z * height };
    CityObject {
        id: format!("bldg_{i:06}"),
        class: "Building".to_owned(),
        name: i.is_multiple_of(50).then(|| format!("千代田区役所 {i}")),
        attributes: vec![
            ("measuredHeight".into(), Value::Float(height + 0.1)),
            ("建物用途".into(), Value::from(["住宅", "商業施設", "学校"][i % 3])),
            ("storeys".into(), if i.is_multiple_of(4) { Value::Null } else { Value::Int((height / 3.0) as i64) }),
            ("mixed".into(), if i.is_multiple_of(2) { Value::Int(7) } else { Value::from("seven") }),
            ("id".into(), Value::Int(i as i64)),
        ],
        shapes: vec![LodShape { lod: 1.0, shape: Shape::Prisms(vec![prism]) }],
        ..CityObject::default()
    }
}

/// Buildings on a plane that is dense in one corner, as cities are.
fn city(count: usize) -> Vec<CityObject> {
    let side = (count as f64).sqrt();
    let place = |i: usize| DVec2::new(i as f64 % side, (i as f64 / side).floor()) / side;
    (0..count).map(|i| building(i, (place(i) * place(i) - 0.4) * side * 45.0)).collect()
}

fn options() -> TilerOptions {
    TilerOptions { leaf_objects: 200, subtree_levels: 3, ..TilerOptions::default() }
}

fn tile(objects: &[CityObject], options: &TilerOptions) -> (Files, TilingReport) {
    let mut files = Files::new();
    let objects = Objects::in_memory(objects.to_vec()).unwrap();
    let report = tile_city(&objects, &|i| i as u32 + 1000, &site(), &NoPictures, options, &mut files).unwrap();
    (files, report)
}

/// The files of a small city in several subtrees.
pub fn sample(count: usize) -> Files {
    tile(&city(count), &options()).0
}

fn rows(content: &TileContent) -> Vec<u32> {
    match content.features.column("object") {
        Some(Column::UInt32(rows)) => rows.clone(),
        other => panic!("no object rows: {other:?}"),
    }
}

/// Every tile of the tileset as a reader finds it: by the subtrees, from the root down.
fn walk(files: &Files, levels: u32) -> BTreeMap<TileAddress, (Bounds, bool)> {
    let mut found = BTreeMap::new();
    let mut open = vec![TileAddress::default()];
    while let Some(root) = open.pop() {
        let name = format!("subtrees/{}/{}/{}.subtree", root.level, root.x, root.y);
        let subtree = Subtree::decode(&files[&name], levels).unwrap_or_else(|e| panic!("{name}: {e}"));
        let mut boxes = subtree.tiles.indices().zip(&subtree.boxes).collect::<BTreeMap<_, _>>();
        for level in 0..=levels {
            for (x, y) in (0..1 << level).flat_map(|y| (0..1 << level).map(move |x| (x, y))) {
                let index = morton_index(level, x, y);
                let address =
                    TileAddress { level: root.level + level, x: (root.x << level) + x, y: (root.y << level) + y };
                if level == levels {
                    open.extend(subtree.children.get(index - morton_index(level, 0, 0)).then_some(address));
                } else if subtree.tiles.get(index) {
                    let b = boxes.remove(&index).unwrap();
                    let (center, half) = (DVec3::new(b[0], b[1], b[2]), DVec3::new(b[3], b[7], b[11]));
                    let bounds = Bounds { min: center - half, max: center + half };
                    found.insert(address, (bounds, subtree.contents.get(index)));
                }
            }
        }
    }
    found
}

#[test]
fn every_object_is_in_one_leaf_and_the_report_says_which() {
    let objects = city(5000);
    let (files, report) = tile(&objects, &options());
    assert_eq!((report.objects, report.degenerate), (5000, 0));
    assert_eq!(report.triangles, 5000 * (4 + 12));
    let tiles = walk(&files, 3);
    let contents = files.keys().filter(|name| name.starts_with("content/")).count();
    assert_eq!(tiles.values().filter(|(_, content)| *content).count(), contents);
    assert_eq!(contents, report.leaves + report.inner);
    assert!(report.levels > 3, "more than one subtree");
    let mut seen = BTreeSet::new();
    let leaves: BTreeSet<TileAddress> = report.tile_of.iter().map(|address| address.unwrap()).collect();
    assert_eq!(leaves.len(), report.leaves);
    for address in leaves {
        let content = decode(&files[&address.content_name()]).unwrap();
        for (i, row) in rows(&content).into_iter().enumerate() {
            let object = row as usize - 1000;
            assert!(seen.insert(object), "object {object} twice");
            assert_eq!(report.tile_of[object], Some(address));
            assert_eq!(content.features.column("id").unwrap().value(i), Value::from(objects[object].id.as_str()));
        }
    }
    assert_eq!(seen.len(), 5000);
}

#[test]
fn vertices_are_where_the_objects_are_and_boxes_hold_them() {
    let objects = city(3000);
    let (files, report) = tile(&objects, &options());
    let tiles = walk(&files, 3);
    for (address, (bounds, has_content)) in &tiles {
        if let Some(parent) = address.level.checked_sub(1) {
            let parent = TileAddress { level: parent, x: address.x / 2, y: address.y / 2 };
            let above = tiles[&parent].0;
            assert!(above.contains(bounds.min) && above.contains(bounds.max), "{address:?} outside of its parent");
        }
        if !has_content {
            continue;
        }
        let content = decode(&files[&address.content_name()]).unwrap();
        let is_leaf = report.tile_of.contains(&Some(*address));
        let rows = rows(&content);
        let mut drawn = vec![Bounds::EMPTY; rows.len()];
        for mesh in content.parts.iter().map(|part| &part.mesh) {
            for (p, id) in mesh.positions.iter().zip(&mesh.feature_ids) {
                let place = content.center + p.as_dvec3();
                assert!(bounds.contains(place), "{address:?}");
                drawn[*id as usize] = drawn[*id as usize].with(place);
            }
        }
        for (row, drawn) in rows.iter().zip(drawn) {
            let expected = objects[*row as usize - 1000].bounds();
            let gap = (drawn.min - expected.min).abs().max((drawn.max - expected.max).abs()).max_element();
            let limit = if is_leaf { 0.05 } else { 45.0 * 60.0 / 16.0 };
            assert!(gap < limit, "{address:?}: {gap} m");
        }
    }
}

#[test]
fn coarse_tiles_keep_the_large_ones_and_cost_little() {
    let objects = city(20_000);
    let (files, report) = tile(&objects, &TilerOptions::default());
    assert!(report.inner > 0);
    let share = report.inner_bytes as f64 / report.leaf_bytes as f64;
    // The share is of geometry; the rows of what blocks stand for come on top.
    assert!(share < 0.65, "inner tiles cost {share} of the leaves");
    let root = decode(&files["content/0/0/0.glb"]).unwrap();
    let Some(Column::Float(heights)) = root.features.column("measuredHeight") else { panic!("no heights") };
    let heights: Vec<f64> = heights.iter().copied().filter(|h| h.is_finite()).collect();
    assert_eq!(heights.iter().filter(|h| **h > 100.0).count(), 207, "all large ones at the root");
    let rows = rows(&root);
    assert_eq!(rows.iter().collect::<BTreeSet<_>>().len(), rows.len(), "no object twice, as itself and as a block");
    let tileset: serde_json::Value = serde_json::from_slice(&files["tileset.json"]).unwrap();
    assert!(tileset["geometricError"].as_f64() > tileset["root"]["geometricError"].as_f64());
    assert_eq!(tileset["root"]["transform"][12].as_f64(), Some(site().ecef_from_site().translation.x));
}

/// Seen from above, a coarse tile covers about as much ground as the leaves below it: the city does not thin out.
#[test]
fn coarse_tiles_cover_the_ground_that_leaves_cover() {
    let objects = city(20_000);
    let (files, report) = tile(&objects, &TilerOptions::default());
    let covered = |name: &str| -> (f64, usize) {
        let content = decode(&files[name]).unwrap();
        let (mut ground, mut triangles) = (0.0, 0);
        for mesh in content.parts.iter().map(|part| &part.mesh) {
            for t in mesh.indices.chunks_exact(3) {
                let [a, b, c] = [t[0], t[1], t[2]].map(|i| mesh.positions[i as usize].as_dvec3());
                ground += (b - a).cross(c - a).z.max(0.0) / 2.0;
                triangles += 1;
            }
        }
        (ground, triangles)
    };
    let leaves: BTreeSet<TileAddress> = report.tile_of.iter().map(|address| address.unwrap()).collect();
    let leaves: Vec<(f64, usize)> = leaves.iter().map(|address| covered(&address.content_name())).collect();
    let (whole, all): (f64, usize) = leaves.iter().fold((0.0, 0), |(g, t), (ground, n)| (g + ground, t + n));
    let (ground, triangles) = covered("content/0/0/0.glb");
    assert!(triangles * 4 < all, "the root leaves most out: {triangles} of {all}");
    let share = ground / whole;
    assert!((0.6..1.5).contains(&share), "{share}");
}

#[test]
fn the_same_city_gives_the_same_bytes() {
    let objects = city(2000);
    assert_eq!(tile(&objects, &options()), tile(&objects, &options()));
}

#[test]
fn attributes_come_through_with_their_types() {
    let (files, report) = tile(&city(60), &TilerOptions::default());
    assert_eq!((report.leaves, report.inner, report.levels), (1, 0, 1));
    let content = decode(&files["content/0/0/0.glb"]).unwrap();
    let features = &content.features;
    let row = rows(&content).iter().position(|row| *row == 1050).unwrap();
    let value = |name: &str| features.column(name).unwrap_or_else(|| panic!("no {name}")).value(row);
    assert_eq!(value("id"), Value::from("bldg_000050"));
    assert_eq!(value("class"), Value::from("Building"));
    assert_eq!(value("name"), Value::from("千代田区役所 50"));
    assert_eq!(value("measuredHeight"), Value::Float(4.0 + (50 * 13 % 31) as f64 + 0.1));
    assert_eq!(value("建物用途"), Value::from("学校"));
    assert_eq!(value("storeys"), Value::Int((4 + 50 * 13 % 31) / 3));
    assert_eq!(value("mixed"), Value::from("7"));
    assert_eq!(value("source_id"), Value::Int(50));
    let unknown = rows(&content).iter().position(|row| *row == 1004).unwrap();
    assert_eq!(features.column("storeys").unwrap().value(unknown), Value::Null);
}

#[test]
fn all_shapes_are_drawn_and_objects_without_one_have_no_tile() {
    let ring = |z: f64| [(0., 0.), (9., 0.), (9., 9.), (0., 9.)].map(|(x, y)| DVec3::new(x, y, z)).to_vec();
    let object =
        |id: &str, shapes| CityObject { id: id.to_owned(), class: "Road".to_owned(), shapes, ..CityObject::default() };
    let surface = |z| Surface::plain(vec![ring(z)], SurfaceKind::Roof);
    let surfaces = LodShape { lod: 2.0, shape: Shape::Surfaces(vec![surface(1.0), surface(9.0)]) };
    let positions = vec![Vec3::ZERO, Vec3::X, Vec3::Y];
    let mesh = Mesh { positions, colors: vec![[9, 8, 7, 255]; 3], indices: vec![0, 1, 2], ..Mesh::default() };
    let mesh = LodShape { lod: 3.0, shape: Shape::Meshes(vec![PlacedMesh::plain(DVec3::splat(50.0), mesh)]) };
    let block =
        LodShape { lod: 1.0, shape: Shape::Prisms(vec![Prism { rings: vec![ring(0.0)], extrusion: DVec3::Z }]) };
    let objects = [
        object("nowhere", vec![]),
        object("roofs", vec![block.clone(), surfaces]),
        object("mesh", vec![mesh]),
        object("block", vec![block]),
    ];
    let (files, report) = tile(&objects, &TilerOptions::default());
    // In the order of their ids.
    let drawn = Some(TileAddress::default());
    assert_eq!(report.tile_of, [drawn, drawn, None, drawn]);
    assert_eq!(report.triangles, 4 + 1 + 10);
    let content = decode(&files["content/0/0/0.glb"]).unwrap();
    assert!(content.parts[0].mesh.colors.contains(&[9, 8, 7, 255]));
    let (files, report) = tile(&[], &TilerOptions::default());
    assert_eq!((report.objects, report.bounds_in_site, files.len()), (0, None, 2));
}

/// The Khronos validator finds no error in any tile. Node and the validator are set up by `scripts/setup.sh`.
#[test]
fn the_khronos_validator_finds_no_error() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/node");
    if !folder.join("node_modules/gltf-validator").exists() {
        assert!(std::env::var("VEDUTA_SHARED_DATA").as_deref() != Ok("required"), "no gltf-validator in tests/node");
        println!("skipped: no gltf-validator");
        return;
    }
    let mut objects = city(1500);
    let colors = vec![[9, 8, 7, 255]; 3];
    let mesh =
        Mesh { positions: vec![Vec3::ZERO, Vec3::X, Vec3::Y], colors, indices: vec![0, 1, 2], ..Mesh::default() };
    objects[3].shapes =
        vec![LodShape { lod: 3.0, shape: Shape::Meshes(vec![PlacedMesh::plain(DVec3::splat(5.0), mesh)]) }];
    objects[7].attributes.push(("保存".into(), Value::Bool(true)));
    let (files, report) = tile(&objects, &options());
    let out = tempfile::tempdir().unwrap();
    for (name, bytes) in files.iter().filter(|(name, _)| name.ends_with(".glb")) {
        std::fs::write(out.path().join(name.replace('/', "_")), bytes).unwrap();
    }
    let run = Command::new("node").arg(folder.join("validate_glb.mjs")).arg(out.path()).output().unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}{}", String::from_utf8_lossy(&run.stderr));
    let expected = format!("{{\"files\":{},\"errors\":0,\"warnings\":0}}", report.leaves + report.inner);
    assert_eq!(said.trim(), expected);
}
