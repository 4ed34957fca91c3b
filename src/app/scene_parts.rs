//! What a stage adds to the picture besides the package's tiles: built objects of the variant, and water of its runs.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use glam::{DAffine3, DMat3, DVec2, DVec3};

use super::stage::{Run, Stage};
use crate::city::CityObject;
use crate::engine::city_material::{ObjectFlags, ObjectLook};
use crate::engine::flood::WaterSurface;
use crate::engine::tiles::AddedPart;
use crate::formats::TilePart;
use crate::formats::gltf_model::read_model;
use crate::geodesy::{SiteFrame, SitePoint};
use crate::geometry::{Mesh, Tessellator};
use crate::scene::parse_color;

/// Colour of what is planned, where the document names none.
const PLANNED: [u8; 3] = [240, 196, 110];

/// All objects that the variant adds, as meshes.
pub fn added_parts(stage: &Stage) -> Result<Vec<AddedPart>> {
    let mut row = stage.city.table().rows();
    let mut parts = Vec::new();
    for block in &stage.edits.blocks {
        parts.push(block_part(block, row));
        row += 1;
    }
    for model in &stage.edits.models {
        let path = stage.scenario_folder.join(&model.path);
        let shown = || path.display().to_string();
        let bytes = std::fs::read(&path).with_context(shown)?;
        let beside = |name: &str| std::fs::read(path.parent().unwrap_or(Path::new("")).join(name)).ok();
        let content = read_model(&bytes, &beside).with_context(shown)?;
        // Decoded content has its z up; the model's own axes are those of glTF, with y up.
        let model_from_content = DAffine3::from_mat3(DMat3::from_cols(DVec3::X, DVec3::NEG_Z, DVec3::Y));
        let site_from_content = model.site_from_model * model_from_content;
        parts.extend(content.parts.iter().map(|part| model_part(part, row, site_from_content)));
        row += 1;
    }
    Ok(parts)
}

fn block_part(block: &CityObject, row: u32) -> AddedPart {
    let center = block.bounds().center();
    let mut tessellator = Tessellator::new(center);
    block.shapes.iter().for_each(|lod| tessellator.add(&lod.shape, 0));
    let mesh = tessellator.finish();
    let color = block.attribute("color").text().and_then(parse_color);
    let [r, g, b] = color.map_or(PLANNED, |[r, g, b, _]| [r, g, b]);
    let foot = mesh.positions.iter().map(|p| p.z).fold(f32::INFINITY, f32::min);
    let look = ObjectLook { color: [r, g, b, 255], flags: ObjectFlags::FACADE, base_m: foot, ..ObjectLook::default() };
    AddedPart { row, mesh, look, site_from_content: DAffine3::from_translation(center) }
}

fn model_part(part: &TilePart, row: u32, site_from_content: DAffine3) -> AddedPart {
    let mut mesh: Mesh = part.mesh.clone();
    mesh.feature_ids = vec![0; mesh.positions.len()];
    mesh.colors.resize(mesh.positions.len(), [255; 4]);
    for color in &mut mesh.colors {
        for (channel, factor) in color.iter_mut().zip(part.base_color) {
            *channel = (f32::from(*channel) * factor.clamp(0.0, 1.0)).round() as u8;
        }
    }
    let foot = mesh.positions.iter().map(|p| p.z).fold(f32::INFINITY, f32::min);
    let look =
        ObjectLook { color: [255, 255, 255, 0], flags: ObjectFlags::default(), base_m: foot, ..ObjectLook::default() };
    AddedPart { row, mesh, look, site_from_content }
}

/// The ground of a run's grid in the site frame: the grid keeps heights above the ellipsoid.
pub fn bed_in_site(run: &Run, site: &SiteFrame) -> Arc<Vec<f32>> {
    let grid = run.recording.grid();
    let sag = Sag::of(site, grid.origin_in_site, DVec2::new(grid.columns as f64, grid.rows as f64) * grid.cell_m);
    let place = |i: usize| {
        let (x, y) = (i % grid.columns.max(1), i / grid.columns.max(1));
        grid.origin_in_site + DVec2::new(x as f64, y as f64) * grid.cell_m
    };
    let beds = grid.bed_m.iter().enumerate().map(|(i, bed)| (f64::from(*bed) + sag.at(place(i))) as f32);
    Arc::new(beds.collect())
}

/// The water of a run at one of its frames.
pub fn water_of(run: &Run, number: usize, bed_in_site: &Arc<Vec<f32>>) -> Option<WaterSurface> {
    let grid = run.recording.grid();
    // A damaged frame draws no water; the recording was checked when it was opened.
    let frame = run.recording.frame(number).ok()?;
    Some(WaterSurface {
        origin_in_site: grid.origin_in_site,
        cell_m: grid.cell_m,
        columns: grid.columns,
        bed_in_site: bed_in_site.clone(),
        depth_m: frame.depth_m,
    })
}

/// What the site's z of a point on the ellipsoid is, over a rectangle: exact on a lattice, mixed between.
struct Sag {
    origin: DVec2,
    step: DVec2,
    heights: Vec<f64>,
}

/// Lattice points along an edge: over 10 km the mix is off by less than 5 mm (a parabola over 312 m, twice).
const LATTICE: usize = 33;

impl Sag {
    fn of(site: &SiteFrame, origin: DVec2, size: DVec2) -> Self {
        let step = size / (LATTICE - 1) as f64;
        let on_ellipsoid = |i: usize| {
            let at = origin + DVec2::new((i % LATTICE) as f64, (i / LATTICE) as f64) * step;
            let anchor_height = site.anchor().ellipsoid_height_m;
            let near = site.to_geodetic(SitePoint(at.extend(-anchor_height)));
            -anchor_height - near.ellipsoid_height_m
        };
        Self { origin, step, heights: (0..LATTICE * LATTICE).map(on_ellipsoid).collect() }
    }

    fn at(&self, place: DVec2) -> f64 {
        let at = ((place - self.origin) / self.step.max(DVec2::splat(1e-9)))
            .clamp(DVec2::ZERO, DVec2::splat((LATTICE - 1) as f64 - 1e-9));
        let (cell, part) = (at.floor(), at.fract());
        let height = |x: usize, y: usize| {
            let i = (cell.y as usize + y) * LATTICE + cell.x as usize + x;
            self.heights.get(i).copied().unwrap_or_default()
        };
        let south = height(0, 0) + (height(1, 0) - height(0, 0)) * part.x;
        let north = height(0, 1) + (height(1, 1) - height(0, 1)) * part.x;
        south + (north - south) * part.y
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geodesy::Geodetic;

    #[test]
    fn the_ellipsoid_sags_below_the_site() {
        let anchor = Geodetic::from_degrees(121.9, 30.9, 40.0);
        let site = SiteFrame::new(anchor);
        let sag = Sag::of(&site, DVec2::splat(-5_000.0), DVec2::splat(10_000.0));
        for place in [DVec2::ZERO, DVec2::new(4_900.0, -3_210.0), DVec2::new(-2_222.0, 1_111.0)] {
            let z = sag.at(place) + 12.0;
            let height = site.to_geodetic(SitePoint(place.extend(z))).ellipsoid_height_m;
            assert!((height - 12.0).abs() < 0.01, "{place}: {height}");
        }
    }
}
