//! Whether coordinates are written in the order that their CRS asks for: the objects themselves tell.

use glam::DVec3;

use super::reference::Reference;
use crate::geometry::SurfaceKind;
use crate::import::{SourceForm, SourceObject, SourceSurface};

/// What is turned inside out by an order of axes must be so many times what is not.
const MAJORITY: usize = 3;
/// A roof tells which side is up if it is not steeper than this: the upward part of its normal.
const LEVEL: f64 = 0.3;
/// A body whose sides do not add up to nothing, measured by their size, is not closed.
const OPEN: f64 = 1e-3;

/// Why the other order must be meant, where it must. Objects were read as the reference says. Degrees north beyond 90 are
/// none; and where a plane CRS has north first by definition, which many files do not heed, closed bodies are inside out and
/// roofs look down when the axes are mixed up: GML's surfaces show their outer side (GML 3.2.1, 10.6.4).
pub(super) fn contradiction<'o>(
    reference: &Reference,
    is_geographic: bool,
    objects: impl Iterator<Item = &'o SourceObject> + Clone,
) -> Option<String> {
    let crs = &reference.crs;
    let order = if reference.north_first { "east" } else { "north" };
    if is_geographic {
        let beyond =
            surfaces(objects).flat_map(|(_, surfaces)| surfaces).flat_map(|surface| surface.polygon.iter().flatten());
        let found =
            beyond.clone().any(|point| point.y.abs() > 90.0) && beyond.clone().all(|point| point.x.abs() <= 90.0);
        return found.then(|| format!("degrees north in {crs} are beyond 90: coordinates are taken as {order} first"));
    }
    if !reference.is_doubtful {
        return None;
    }
    let (mut outward, mut inward) = (0_usize, 0_usize);
    for (_, shown) in surfaces(objects).filter(|(lod, _)| *lod >= 1.0) {
        // Grounds do not count: many a modeller lets them look up.
        let roofs = shown.iter().filter(|surface| surface.kind == SurfaceKind::Roof);
        let level = roofs.filter_map(|roof| Some(area(roof).try_normalize()?.z).filter(|up| up.abs() > LEVEL));
        for outside in level.chain(volume(shown)) {
            *(if outside > 0.0 { &mut outward } else { &mut inward }) += 1;
        }
    }
    (inward > MAJORITY * outward).then(|| {
        format!(
            "{crs} has north first, and so read {inward} of {} bodies and roofs are inside out: coordinates are taken as east first",
            inward + outward
        )
    })
}

fn surfaces<'o>(
    objects: impl Iterator<Item = &'o SourceObject> + Clone,
) -> impl Iterator<Item = (f32, &'o [SourceSurface])> + Clone {
    objects.flat_map(|object| &object.geometry).filter_map(|shape| match &shape.form {
        SourceForm::Surfaces(surfaces) => Some((shape.lod, surfaces.as_slice())),
        _ => None,
    })
}

/// Volume of a closed body, negative where it is inside out; `None` for what is not closed.
fn volume(surfaces: &[SourceSurface]) -> Option<f64> {
    let origin = *surfaces.first()?.polygon.first()?.first()?;
    let (mut sum, mut size, mut volume) = (DVec3::ZERO, 0.0, 0.0);
    for surface in surfaces {
        let (area, at) = (area(surface), surface.polygon.first()?.first()?);
        sum += area;
        size += area.length();
        volume += (*at - origin).dot(area) / 3.0;
    }
    (size > 0.0 && volume != 0.0 && sum.length() <= OPEN * size).then_some(volume)
}

/// The area of a surface, along its normal; holes count against it as they run the other way.
fn area(surface: &SourceSurface) -> DVec3 {
    let of_ring = |ring: &Vec<DVec3>| {
        let first = ring.first().copied().unwrap_or_default();
        ring.iter().zip(ring.iter().skip(1)).map(|(a, b)| (*a - first).cross(*b - first) / 2.0).sum::<DVec3>()
    };
    surface.polygon.iter().map(of_ring).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::SourceShape;

    /// A cube; with `mixed` as it looks when its axes are mixed up.
    fn cube(mixed: bool) -> SourceObject {
        let sides = [
            [(0, 0, 0), (0, 1, 0), (1, 1, 0), (1, 0, 0)],
            [(0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)],
            [(0, 0, 0), (1, 0, 0), (1, 0, 1), (0, 0, 1)],
            [(0, 1, 0), (0, 1, 1), (1, 1, 1), (1, 1, 0)],
            [(0, 0, 0), (0, 0, 1), (0, 1, 1), (0, 1, 0)],
            [(1, 0, 0), (1, 1, 0), (1, 1, 1), (1, 0, 1)],
        ];
        let point = |(x, y, z): (i32, i32, i32)| {
            if mixed { DVec3::new(y.into(), x.into(), z.into()) } else { DVec3::new(x.into(), y.into(), z.into()) }
        };
        let surface =
            |side: [(i32, i32, i32); 4]| SourceSurface::plain(vec![side.map(point).to_vec()], SurfaceKind::Unknown);
        let form = SourceForm::Surfaces(sides.map(surface).to_vec());
        SourceObject { geometry: vec![SourceShape { lod: 1.0, form }], ..SourceObject::default() }
    }

    #[test]
    fn bodies_inside_out_tell_that_axes_are_mixed_up() {
        let doubtful = Reference { crs: "EPSG:3068".parse().unwrap(), north_first: true, is_doubtful: true };
        assert_eq!(contradiction(&doubtful, false, [cube(false)].iter()), None);
        assert!(contradiction(&doubtful, false, [cube(true)].iter()).unwrap().contains("1 of 1 bodies and roofs"));
        assert_eq!(contradiction(&doubtful, false, [cube(true), cube(false)].iter()), None);
        let sure = Reference { is_doubtful: false, ..doubtful };
        assert_eq!(contradiction(&sure, false, [cube(true)].iter()), None);
    }

    #[test]
    fn no_place_is_north_of_the_pole() {
        let reference = Reference { crs: "EPSG:4326".parse().unwrap(), north_first: true, is_doubtful: false };
        let mut object = cube(false);
        assert_eq!(contradiction(&reference, true, [&object].into_iter()), None);
        let SourceForm::Surfaces(surfaces) = &mut object.geometry[0].form else { panic!("no surfaces") };
        surfaces.iter_mut().flat_map(|surface| surface.polygon.iter_mut().flatten()).for_each(|p| p.y += 139.0);
        assert!(contradiction(&reference, true, [&object].into_iter()).is_some());
    }
}
