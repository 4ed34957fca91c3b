//! The geometry of one object by level of detail.
//!
//! The surfaces of a solid are as a rule those of the object's boundary surfaces, by links or once more: they count once, with
//! the meaning that the boundary surface has.

use std::collections::{BTreeMap, HashSet};

use glam::DVec3;
use xxhash_rust::xxh3::xxh3_64;

use super::classes;
use super::geometry::{Around, Found, GeometryReader};
use super::tree::Element;
use crate::import::{LineSection, SourceForm, SourceShape, SourceSurface};

/// The level of detail of a geometry that does not say one.
const UNSAID_LOD: u8 = 1;
/// How wide a line is drawn: CityGML has lines without width.
const LINE_WIDTH_M: f64 = 1.0;

#[derive(Default)]
struct Level {
    found: Found,
    /// Polygons of boundary surfaces by their number in the tree.
    boundary: HashSet<usize>,
    /// How many of the surfaces found are those.
    bounding: usize,
}

/// What was found so far.
#[derive(Default)]
pub(super) struct Levels(BTreeMap<u8, Level>);

impl Levels {
    /// Adds the geometry of a boundary surface.
    pub(super) fn read_boundary<'t>(
        &mut self,
        property: Element<'t>,
        lod: Option<u8>,
        around: Around,
        reader: &mut GeometryReader<'_, 't>,
    ) {
        let level = self.0.entry(lod.unwrap_or(UNSAID_LOD)).or_default();
        reader.known.clear();
        reader.visited.clear();
        reader.walk(property, around, &mut level.found);
        level.boundary.extend(reader.visited.drain(..));
        level.bounding = level.found.surfaces.len();
    }

    /// Adds a geometry of the object itself, after those of all its boundary surfaces.
    pub(super) fn read<'t>(
        &mut self,
        property: Element<'t>,
        lod: Option<u8>,
        around: Around,
        reader: &mut GeometryReader<'_, 't>,
    ) {
        let level = self.0.entry(lod.unwrap_or(UNSAID_LOD)).or_default();
        reader.known.clone_from(&level.boundary);
        let mut found = Found::default();
        reader.walk(property, around.of_kind(classes::kind_of_property(property.name())), &mut found);
        if level.bounding > 0 && !found.surfaces.is_empty() {
            let known: HashSet<u64> = level.found.surfaces.iter().take(level.bounding).map(place).collect();
            found.surfaces.retain(|surface| !known.contains(&place(surface)));
        }
        level.found.surfaces.append(&mut found.surfaces);
        level.found.lines.append(&mut found.lines);
        level.found.points.append(&mut found.points);
    }

    /// The shapes, coarse to fine. Where one level has lines and surfaces, the surfaces come last, which are drawn.
    pub(super) fn finish(self) -> Vec<SourceShape> {
        let mut shapes = Vec::with_capacity(self.0.len());
        for (lod, level) in self.0 {
            let Found { surfaces, lines, points } = level.found;
            let forms = [
                (!points.is_empty()).then_some(SourceForm::Points(points)),
                (!lines.is_empty()).then_some(SourceForm::Lines { lines, section: LineSection::Band(LINE_WIDTH_M) }),
                (!surfaces.is_empty()).then_some(SourceForm::Surfaces(surfaces)),
            ];
            shapes.extend(forms.into_iter().flatten().map(|form| SourceShape { lod: f32::from(lod), form }));
        }
        shapes
    }
}

/// Where a surface lies, whichever side it shows and wherever its outer ring begins.
fn place(surface: &SourceSurface) -> u64 {
    let hash = |point: &DVec3| xxh3_64(bytemuck::bytes_of(&point.to_array()));
    let ring = surface.polygon.first().map_or(&[][..], Vec::as_slice);
    ring.iter().fold(surface.polygon.len() as u64, |sum, point| sum.wrapping_add(hash(point)))
}
