//! From a file's coordinates to the site frame: what every importer uses.

use glam::DVec3;

use super::{CoordinateOperation, CrsId, CrsRegistry, GeodesyError, Geodetic, HeightReference, SiteFrame};

/// Converts coordinates of one source to the site frame. It belongs to the thread that made it.
pub struct SiteConversion {
    to_wgs84: Box<dyn CoordinateOperation>,
    height: HeightReference,
    site: SiteFrame,
}

impl SiteConversion {
    /// For coordinates in `source`, whose heights are in metres above `height`.
    pub fn new(
        registry: &CrsRegistry,
        source: &CrsId,
        height: HeightReference,
        site: SiteFrame,
    ) -> Result<Self, GeodesyError> {
        let to_wgs84 = registry.operation(source, &CrsId::wgs84())?;
        Ok(Self { to_wgs84, height, site })
    }

    /// The site.
    pub fn site(&self) -> &SiteFrame {
        &self.site
    }

    /// Longitude and latitude in degrees and height in metres above the ellipsoid, in place; NaN where a point cannot be
    /// converted. Heights above ground are left as they are: add the ground's there before going on.
    pub fn to_degrees(&self, points: &mut [DVec3]) -> Result<(), GeodesyError> {
        self.to_wgs84.convert(points)?;
        if let HeightReference::Orthometric(separation) = &self.height {
            for point in points {
                let z = point.z + separation.at(point.x, point.y);
                *point = if z.is_finite() { point.truncate().extend(z) } else { DVec3::NAN };
            }
        }
        Ok(())
    }

    /// As [`Self::to_degrees`], typed.
    pub fn to_geodetic(&self, points: &[DVec3]) -> Result<Vec<Geodetic>, GeodesyError> {
        let mut degrees = points.to_vec();
        self.to_degrees(&mut degrees)?;
        Ok(degrees.into_iter().map(|p| Geodetic::from_degrees(p.x, p.y, p.z)).collect())
    }

    /// East, north, up in the site frame, in place; NaN where a point cannot be converted. Heights above ground are taken
    /// as heights above the ellipsoid height of the site's anchor: right where the ground is flat at the anchor's height,
    /// and the start for setting objects on terrain elsewhere.
    pub fn to_site(&self, points: &mut [DVec3]) -> Result<(), GeodesyError> {
        self.to_degrees(points)?;
        let ground_m = match self.height {
            HeightReference::AboveGround => self.site.anchor().ellipsoid_height_m,
            _ => 0.0,
        };
        for point in points {
            *point = self.site.from_geodetic(Geodetic::from_degrees(point.x, point.y, point.z + ground_m)).0;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geodesy::Separation;

    #[test]
    fn heights_are_brought_to_the_ellipsoid() {
        let (registry, anchor) = (CrsRegistry::default(), Geodetic::from_degrees(139.7, 35.7, 40.0));
        let site = SiteFrame::new(anchor);
        let up = |height| {
            let mut points = [DVec3::new(139.7, 35.7, 3.0)];
            SiteConversion::new(&registry, &CrsId::epsg(6697), height, site).unwrap().to_site(&mut points).unwrap();
            points[0]
        };
        for (height, expected) in [
            (HeightReference::Ellipsoidal, -37.0),
            (HeightReference::Orthometric(Separation::Constant(36.7)), -0.3),
            (HeightReference::AboveGround, 3.0),
        ] {
            assert!((up(height.clone()) - DVec3::new(0.0, 0.0, expected)).length() < 1e-6, "{height:?}");
        }
        assert!(up(HeightReference::Orthometric(Separation::Constant(f64::NAN))).is_nan());
    }
}
