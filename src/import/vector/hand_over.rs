//! Batches of objects to the sink.

use std::collections::BTreeSet;

use glam::DVec3;

use super::{Layer, MadeFeature};
use crate::geodesy::{CoordinateOperation, CrsRegistry};
use crate::import::{
    HeightsAbove, ImportError, ImportOptions, ObjectSink, Place, SourceForm, SourceFrame, SourceObject, SourceReport,
};

/// Hands on the objects of all layers of one source: describes its frame by the first of them, makes identifiers unique, and
/// brings layers in other CRS into that of the frame.
#[derive(Debug, Default)]
pub(in crate::import) struct HandOver {
    ids: BTreeSet<String>,
    /// The layer of which it was told that its heights are above something else.
    heights_told: String,
}

impl HandOver {
    /// Hands on what the features of one layer gave, in their order.
    pub fn take(
        &mut self,
        made: Vec<MadeFeature>,
        layer: &Layer,
        options: &ImportOptions,
        sink: &mut dyn ObjectSink,
        report: &mut SourceReport,
    ) -> Result<(), ImportError> {
        let has_heights = made.iter().any(|feature| feature.has_heights);
        report.records += made.len() as u64;
        let mut batch = Vec::with_capacity(made.len());
        for feature in made {
            feature.diagnostics.into_iter().for_each(|diagnostic| report.note(diagnostic));
            batch.extend(feature.object);
        }
        if batch.is_empty() {
            return Ok(());
        }
        let found = if has_heights { layer.heights_above } else { HeightsAbove::Ground };
        let heights_above = options.heights_above.unwrap_or(found);
        let frame = match &report.frame {
            Some(frame) => frame.clone(),
            None => {
                let (crs, stated_by) = (layer.crs.clone(), layer.stated_by.clone());
                let frame = SourceFrame { crs, heights_above, stated_by };
                sink.describe(&frame)?;
                report.frame = Some(frame.clone());
                frame
            }
        };
        if frame.crs != layer.crs {
            convert(&mut batch, layer, &frame, report)?;
        }
        if has_heights && frame.heights_above != heights_above && self.heights_told != layer.path {
            self.heights_told.clone_from(&layer.path);
            let message = format!(
                "its heights are above the {}, and those of the objects before it above the {}: import them apart",
                word(heights_above),
                word(frame.heights_above)
            );
            report.warn("heights-differ", message, Place::file(layer.path.clone()));
        }
        for object in &mut batch {
            self.make_unique(object, layer, report);
        }
        report.count(&batch);
        sink.take(batch)
    }

    fn make_unique(&mut self, object: &mut SourceObject, layer: &Layer, report: &mut SourceReport) {
        let id = object.object.id.clone();
        let mut number = 2;
        while !self.ids.insert(object.object.id.clone()) {
            object.object.id = format!("{id}#{number}");
            number += 1;
        }
        if number > 2 {
            let message = format!("the identifier occurs again; this one is called {}", object.object.id);
            report.warn("duplicate-id", message, Place::file(layer.path.clone()).object(id));
        }
    }
}

fn word(heights: HeightsAbove) -> &'static str {
    match heights {
        HeightsAbove::Ellipsoid => "ellipsoid",
        HeightsAbove::Geoid => "geoid",
        HeightsAbove::Ground => "ground",
    }
}

/// Brings objects from the CRS of their layer into that of the frame; those of which a point has no place there are left out.
fn convert(
    batch: &mut Vec<SourceObject>,
    layer: &Layer,
    frame: &SourceFrame,
    report: &mut SourceReport,
) -> Result<(), ImportError> {
    let apart = |error: crate::geodesy::GeodesyError| ImportError::Option {
        what: format!("it is in {}, and what comes before it in {}; import them apart ({error})", layer.crs, frame.crs),
        path: layer.path.clone(),
    };
    let operation = CrsRegistry::default().operation(&layer.crs, &frame.crs).map_err(apart)?;
    let mut kept = Vec::with_capacity(batch.len());
    for mut object in std::mem::take(batch) {
        let done = object.geometry.iter_mut().all(|shape| convert_form(&mut shape.form, &*operation));
        if done {
            kept.push(object);
        } else {
            let message = format!("a coordinate in {} has no place in {}", layer.crs, frame.crs);
            report.skip("not-convertible", message, Place::file(layer.path.clone()).object(object.object.id));
        }
    }
    *batch = kept;
    Ok(())
}

fn convert_form(form: &mut SourceForm, operation: &dyn CoordinateOperation) -> bool {
    let all = |points: &mut [DVec3]| {
        let heights: Vec<f64> = points.iter().map(|p| p.z).collect();
        let done = operation.convert(points).is_ok() && points.iter().all(|p| p.truncate().is_finite());
        // Heights stay as the source has them: above the same ground or sea.
        points.iter_mut().zip(heights).for_each(|(point, height)| point.z = height);
        done
    };
    match form {
        SourceForm::Footprints { polygons, .. } => polygons.iter_mut().flatten().all(|ring| all(ring)),
        SourceForm::Surfaces(surfaces) => surfaces.iter_mut().flat_map(|s| &mut s.polygon).all(|ring| all(ring)),
        SourceForm::Lines { lines, .. } => lines.iter_mut().all(|line| all(line)),
        SourceForm::Meshes(meshes) => meshes.iter_mut().all(|mesh| all(&mut mesh.positions)),
        SourceForm::Points(points) => all(points),
    }
}
