//! The native backend: PROJ with its database and, where they are installed, its grids. Its network access stays off.

use glam::DVec3;
use proj::Proj;

use super::{CoordinateOperation, CrsId, GeodesyError};

/// An operation by PROJ. It belongs to the thread that made it: make one for each.
///
/// Only the plane (or longitude and latitude) goes through PROJ, at height 0; heights stay as they are, which is what PROJ
/// does between two-dimensional CRS. What heights mean is [`super::HeightReference`]'s affair.
pub struct ProjOperation {
    proj: Proj,
    inverse: bool,
    is_pipeline: bool,
    /// Of source and target.
    degrees_per_unit: [f64; 2],
}

impl ProjOperation {
    /// The best operation that PROJ knows between two CRS with the grids that there are, east first on both sides.
    pub fn new(source: &CrsId, target: &CrsId) -> Result<Self, GeodesyError> {
        for crs in [source, target] {
            if Proj::new(&plane(crs)).is_err() {
                // WGS 84 is in every database: without it, there is none.
                if let Err(cause) = Proj::new("EPSG:4326") {
                    return Err(GeodesyError::NoDatabase { cause: cause.to_string() });
                }
                return Err(GeodesyError::UnknownCrs { crs: crs.to_string(), known: String::new() });
            }
        }
        let proj = Proj::new_known_crs(&plane(source), &plane(target), None)
            .map_err(|cause| no_way(source, target, &cause))?;
        let degrees_per_unit = [source, target].map(degrees_per_unit);
        Ok(Self { proj, inverse: false, is_pipeline: false, degrees_per_unit })
    }

    /// A PROJ string or pipeline, or its inverse, as PROJ's own test vectors have them: angles in radians where the
    /// definition does not convert them.
    pub fn from_definition(definition: &str, inverse: bool) -> Result<Self, GeodesyError> {
        let proj = Proj::new(definition).map_err(|cause| no_way(definition, "its target", &cause))?;
        Ok(Self { proj, inverse, is_pipeline: true, degrees_per_unit: [1.0; 2] })
    }

    /// What PROJ does, as a pipeline; of the last point converted where there are several ways.
    pub fn definition(&self) -> Option<String> {
        self.proj.def().ok()
    }

    fn convert_one(&self, place: (f64, f64)) -> Option<(f64, f64)> {
        let [from, to] = self.degrees_per_unit;
        let place = (place.0 / from, place.1 / from);
        let converted =
            if self.is_pipeline { self.proj.project(place, self.inverse) } else { self.proj.convert(place) };
        converted.ok().map(|(x, y)| (x * to, y * to))
    }
}

/// West, south, east, north in degrees, as PROJ's database has them.
pub(super) fn area_of_use(crs: &CrsId) -> Option<[f64; 4]> {
    let area = Proj::new(&plane(crs)).ok()?.area_of_use().ok()?.0?;
    // What the database does not know is -1000.
    Some([area.west, area.south, area.east, area.north]).filter(|sides| sides.iter().all(|side| *side >= -180.0))
}

/// The horizontal part: heights do not go through PROJ.
fn plane(crs: &CrsId) -> String {
    match (crs.epsg_code(), crs.proj_string()) {
        (Some(4979), _) => "EPSG:4326".to_owned(),
        (Some(code), _) => format!("EPSG:{code}"),
        (None, Some(definition)) => format!("{definition} +type=crs"),
        (None, None) => crs.to_string(),
    }
}

/// Degrees in one unit of the CRS for PROJ, which has those of old French maps in gons as their authority does.
fn degrees_per_unit(crs: &CrsId) -> f64 {
    let definition = crs.epsg_code().and_then(|code| crs_definitions::from_code(u16::try_from(code).ok()?));
    let in_gons = definition.is_some_and(|d| d.wkt.starts_with("GEOGCS") && d.wkt.contains("UNIT[\"grad\""));
    if in_gons { 0.9 } else { 1.0 }
}

fn no_way(from: impl ToString, to: impl ToString, cause: &dyn std::error::Error) -> GeodesyError {
    GeodesyError::NoOperation { from: from.to_string(), to: to.to_string(), cause: cause.to_string() }
}

impl CoordinateOperation for ProjOperation {
    fn convert(&self, points: &mut [DVec3]) -> Result<(), GeodesyError> {
        for point in points {
            let place = point.is_finite().then(|| self.convert_one((point.x, point.y))).flatten();
            let converted = place.map_or(DVec3::NAN, |(x, y)| DVec3::new(x, y, point.z));
            *point = if converted.is_finite() { converted } else { DVec3::NAN };
        }
        Ok(())
    }
}
