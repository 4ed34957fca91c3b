//! The seam between coordinate reference systems.

use glam::DVec3;

use super::GeodesyError;

/// Brings coordinates from one CRS to another, a batch at a time.
///
/// Coordinates are in the units of their CRS: degrees for geographic ones, metres or feet for projected ones. The order is
/// **always east (longitude) first, north (latitude) second**, whatever order the authority or the file has: importers swap
/// (see [`super::CrsInfo::axis_order`]). The third coordinate is a height in metres; operations between two-dimensional CRS
/// leave it as it is.
///
/// A point that cannot be converted (outside the projection's domain, not finite) becomes NaN in all three coordinates, in
/// its place, and the others are converted all the same; `Err` means that no point was converted.
///
/// ```
/// use glam::DVec3;
/// use veduta::geodesy::{CrsId, CrsRegistry};
/// let registry = CrsRegistry::new([]).unwrap();
/// let operation = registry.operation(&CrsId::epsg(3857), &CrsId::wgs84()).unwrap();
/// let mut points = [DVec3::new(15_558_446.18, 4_256_843.19, 40.0)];
/// operation.convert(&mut points).unwrap();
/// assert!((points[0] - DVec3::new(139.763_9, 35.681_2, 40.0)).abs().max_element() < 1e-7);
/// ```
pub trait CoordinateOperation {
    /// Converts every point in place.
    fn convert(&self, points: &mut [DVec3]) -> Result<(), GeodesyError>;
}

/// Source and target are the same.
#[derive(Debug, Clone, Copy, Default)]
pub struct Identity;

impl CoordinateOperation for Identity {
    fn convert(&self, _points: &mut [DVec3]) -> Result<(), GeodesyError> {
        Ok(())
    }
}

/// One operation after the other.
pub(super) struct Chain(pub Vec<Box<dyn CoordinateOperation>>);

impl CoordinateOperation for Chain {
    fn convert(&self, points: &mut [DVec3]) -> Result<(), GeodesyError> {
        self.0.iter().try_for_each(|step| step.convert(points))
    }
}

/// A function of one point.
pub(super) struct PointWise<F>(pub F);

impl<F: Fn(DVec3) -> DVec3> CoordinateOperation for PointWise<F> {
    fn convert(&self, points: &mut [DVec3]) -> Result<(), GeodesyError> {
        for point in points {
            let converted = (self.0)(*point);
            *point = if converted.is_finite() { converted } else { DVec3::NAN };
        }
        Ok(())
    }
}
