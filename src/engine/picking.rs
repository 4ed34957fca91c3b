//! Which object is under a ray: triangles of the tiles that are drawn, in double precision.

use bevy::prelude::*;
use glam::{DMat3, DVec3};

use super::city_material::{ObjectFlags, ObjectTable};
use super::tiles::{NO_OBJECT, PartObjects};

/// What a ray met.
#[derive(Debug, Clone, PartialEq)]
pub struct Pick {
    /// Row of the object table.
    pub row: u32,
    /// Where it was met, site frame, metres.
    pub place_in_site: DVec3,
    /// From the start of the ray, metres.
    pub distance_m: f64,
    /// Attributes that the tile has of the object, in the order of the source, in words.
    pub attributes: Vec<(String, String)>,
}

/// The first object along a ray; terrain and hidden objects are looked through unless `ground` is wanted, which then has
/// the row [`NO_OBJECT`].
pub fn pick(world: &mut World, start_in_site: DVec3, direction_in_site: DVec3, ground: bool) -> Option<Pick> {
    let direction = direction_in_site.normalize_or_zero();
    let mut parts = world.query::<(&PartObjects, &ObjectTable, &Visibility)>();
    let mut nearest: Option<(f64, &PartObjects, usize)> = None;
    for (part, table, visibility) in parts.iter(world) {
        if *visibility == Visibility::Hidden {
            continue;
        }
        let limit = nearest.map_or(f64::INFINITY, |n| n.0);
        if let Some((distance, feature)) = hit(part, table, start_in_site, direction, limit, ground) {
            nearest = Some((distance, part, feature));
        }
    }
    let (distance_m, part, feature) = nearest?;
    let row = part.rows.get(feature).copied().unwrap_or(NO_OBJECT);
    Some(part.pick(feature, row, start_in_site + direction * distance_m, distance_m))
}

impl PartObjects {
    /// One of its features as it is picked.
    pub fn pick(&self, feature: usize, row: u32, place_in_site: DVec3, distance_m: f64) -> Pick {
        let columns = self.features.columns.iter().filter(|(name, _)| name != "object");
        let told = columns.map(|(name, column)| (name.clone(), column.value(feature)));
        let told = told.filter(|(_, value)| *value != crate::city::Value::Null);
        let attributes = told.map(|(name, value)| (name, value.to_string())).collect();
        Pick { row, place_in_site, distance_m, attributes }
    }
}

fn hit(
    part: &PartObjects,
    table: &ObjectTable,
    start: DVec3,
    direction: DVec3,
    limit: f64,
    ground: bool,
) -> Option<(f64, usize)> {
    let local_from_site = part.site_from_content.inverse();
    let start = local_from_site.transform_point3(start);
    let direction = local_from_site.transform_vector3(direction);
    if !meets_box(part.low, part.high, start, direction, limit) {
        return None;
    }
    let mut nearest = None;
    let mut limit = limit;
    for triangle in part.mesh.indices.chunks_exact(3) {
        let feature = part.mesh.feature_ids.get(triangle[0] as usize).map_or(0, |f| *f as usize);
        let Some(look) = table.looks().get(feature) else { continue };
        let is_ground = part.rows.get(feature).is_none_or(|row| *row == NO_OBJECT);
        if look.flags.has(ObjectFlags::HIDDEN) || (is_ground && !ground) {
            continue;
        }
        let corner = |i: usize| {
            let p = part.mesh.positions.get(triangle[i] as usize).copied().unwrap_or_default().as_dvec3();
            let base = f64::from(look.base_m);
            DVec3::new(p.x, p.y, base + (p.z - base) * f64::from(look.height_factor))
        };
        if let Some(distance) = meets_triangle(start, direction, corner(0), corner(1), corner(2))
            && distance < limit
        {
            limit = distance;
            nearest = Some((distance, feature));
        }
    }
    nearest
}

/// Slabs; the box of a tile grown upwards for objects drawn taller than they are.
fn meets_box(low: Vec3, high: Vec3, start: DVec3, direction: DVec3, limit: f64) -> bool {
    let (low, high) = (low.as_dvec3(), high.as_dvec3() + DVec3::Z * 2000.0);
    let inverse = direction.recip();
    let (a, b) = ((low - start) * inverse, (high - start) * inverse);
    let (enter, leave) = (a.min(b).max_element(), a.max(b).min_element());
    enter <= leave && leave >= 0.0 && enter < limit
}

/// Moeller and Trumbore (1997), both sides.
fn meets_triangle(start: DVec3, direction: DVec3, a: DVec3, b: DVec3, c: DVec3) -> Option<f64> {
    let solve = DMat3::from_cols(-direction, b - a, c - a);
    if solve.determinant().abs() < 1e-12 {
        return None;
    }
    let found = solve.inverse() * (start - a);
    (found.x > 0.0 && found.y >= 0.0 && found.z >= 0.0 && found.y + found.z <= 1.0).then_some(found.x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ray_meets_a_triangle_where_it_is() {
        let (a, b, c) = (DVec3::ZERO, DVec3::X * 4.0, DVec3::Y * 4.0);
        let down = |x: f64, y: f64| meets_triangle(DVec3::new(x, y, 10.0), -DVec3::Z, a, b, c);
        assert_eq!(down(1.0, 1.0), Some(10.0));
        assert_eq!(down(3.0, 3.0), None);
        assert_eq!(meets_triangle(DVec3::new(1.0, 1.0, -1.0), -DVec3::Z, a, b, c), None);
        assert!(meets_box(Vec3::ZERO, Vec3::ONE, DVec3::new(0.5, 0.5, 3000.0), -DVec3::Z, 1e9));
        assert!(!meets_box(Vec3::ZERO, Vec3::ONE, DVec3::new(1.5, 0.5, 3000.0), -DVec3::Z, 1e9));
    }
}
