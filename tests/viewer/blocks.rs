//! A small made-up town of boxes, the same every time.

use bevy::prelude::*;
use glam::{DAffine3, DVec3, Vec3 as V};
use veduta::engine::city_material::{CityAssets, ObjectFlags, ObjectLook};
use veduta::geometry::Mesh as CityMesh;

/// Boxes in one mesh, one feature each; the ground is a wide flat box with the last feature.
pub struct Town {
    pub mesh: CityMesh,
    pub looks: Vec<ObjectLook>,
}

pub fn add_box(mesh: &mut CityMesh, feature: u32, min: V, max: V) {
    let faces = [
        (V::X, V::Y, V::Z),
        (-V::X, -V::Y, V::Z),
        (V::Y, -V::X, V::Z),
        (-V::Y, V::X, V::Z),
        (V::Z, V::X, V::Y),
        (-V::Z, V::Y, V::X),
    ];
    let (center, half) = ((min + max) * 0.5, (max - min) * 0.5);
    for (normal, right, up) in faces {
        let first = mesh.positions.len() as u32;
        for (a, b) in [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)] {
            mesh.positions.push(center + (normal + right * a + up * b) * half);
            mesh.normals.push(normal);
            mesh.feature_ids.push(feature);
        }
        mesh.indices.extend([0, 1, 2, 0, 2, 3].map(|i| first + i));
    }
}

fn hash(x: i32, y: i32, salt: u32) -> u32 {
    let mut v =
        (x as u32).wrapping_mul(0x9E37_79B1) ^ (y as u32).wrapping_mul(0x85EB_CA77) ^ salt.wrapping_mul(0xC2B2_AE3D);
    v ^= v >> 15;
    v = v.wrapping_mul(0x2C1B_3C6D);
    v ^= v >> 12;
    v = v.wrapping_mul(0x297A_2D39);
    v ^ (v >> 15)
}

const PALETTE: [[u8; 4]; 6] = [
    [222, 214, 200, 255],
    [206, 190, 168, 255],
    [196, 200, 204, 255],
    [178, 140, 116, 255],
    [232, 228, 220, 255],
    [168, 176, 186, 255],
];

impl Town {
    /// `blocks` by `blocks` lots of 40 m.
    pub fn new(blocks: i32) -> Self {
        let (mut mesh, mut looks) = (CityMesh::default(), Vec::new());
        let half = blocks / 2;
        for (x, y) in (-half..blocks - half).flat_map(|x| (-half..blocks - half).map(move |y| (x, y))) {
            if x % 6 == 0 || y % 5 == 0 {
                continue;
            }
            let h = hash(x, y, 1);
            let downtown = (-((x * x + y * y) as f32) / (blocks as f32 * blocks as f32 * 0.05)).exp();
            let height = 9.6 + (h % 7) as f32 * 3.2 + downtown * (h % 97) as f32 * 1.6;
            let (wide, deep) = (24.0 + (h >> 8 & 7) as f32, 22.0 + (h >> 12 & 7) as f32);
            let corner = V::new(x as f32 * 40.0, y as f32 * 40.0, 0.0);
            let feature = looks.len() as u32;
            add_box(&mut mesh, feature, corner, corner + V::new(wide, deep, height));
            if downtown > 0.35 && h.is_multiple_of(3) {
                add_box(
                    &mut mesh,
                    feature,
                    corner + V::new(5.0, 5.0, height),
                    corner + V::new(wide - 5.0, deep - 5.0, height * 1.35),
                );
            }
            let color = PALETTE[(h >> 16) as usize % PALETTE.len()];
            looks.push(ObjectLook { color, seed: (h >> 4) as u16, ..Default::default() });
        }
        let reach = blocks as f32 * 40.0;
        add_box(&mut mesh, looks.len() as u32, V::new(-reach, -reach, -2.0), V::new(reach, reach, -0.05));
        looks.push(ObjectLook {
            color: [96, 104, 92, 255],
            flags: ObjectFlags::default(),
            base_m: -40.0,
            ..Default::default()
        });
        Self { mesh, looks }
    }

    /// Puts the town into a world, its middle at `place_in_site`.
    pub fn spawn(&self, world: &mut World, place_in_site: DVec3) -> Entity {
        let mut state = bevy::ecs::system::SystemState::<CityAssets>::new(world);
        let mut assets = state.get_mut(world).unwrap();
        let site_from_town = DAffine3::from_translation(place_in_site);
        let entity = assets.spawn(&self.mesh, self.looks.clone(), None, site_from_town);
        state.apply(world);
        entity
    }
}
