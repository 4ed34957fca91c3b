//! A single position as a file has it.

use glam::DVec2;

use super::{CrsId, CrsRegistry, GeodesyError, Geodetic, HeightReference, SiteConversion, SiteFrame};

/// A position as found in a file: plane coordinates in their CRS, east first, and a height with what it is above.
#[derive(Debug, Clone, PartialEq)]
pub struct MapPoint {
    /// What the coordinates are in.
    pub crs: CrsId,
    /// East (longitude) and north (latitude), in the units of the CRS.
    pub xy: DVec2,
    /// Metres.
    pub height_m: f64,
    /// What the height is above.
    pub height: HeightReference,
}

impl MapPoint {
    /// Where this is on the globe. For many points of one source use [`SiteConversion`], which finds the operation once.
    pub fn to_geodetic(&self, registry: &CrsRegistry) -> Result<Geodetic, GeodesyError> {
        let site = SiteFrame::new(Geodetic::default());
        let conversion = SiteConversion::new(registry, &self.crs, self.height.clone(), site)?;
        let found = conversion.to_geodetic(&[self.xy.extend(self.height_m)])?;
        Ok(found.first().copied().unwrap_or_default())
    }
}
