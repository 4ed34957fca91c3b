//! What the rasters among the sources of an import make together: the ground, and what lies on it.

use anyhow::{Context, Result};
use glam::{DVec2, DVec3};

use crate::geodesy::{CrsId, CrsRegistry, Geodetic, SiteFrame};
use crate::import::raster::{RasterFacts, RasterKind};
use crate::import::terrain::{Dem, GridOptions, Ground, Imagery, merge};

/// Rasters in the order in which they were named: the first elevation model that knows a place wins, the last image lies on top.
#[derive(Default, Clone)]
pub struct Rasters {
    pub dems: Vec<Dem>,
    pub images: Vec<Imagery>,
}

impl Rasters {
    /// Those of several sources.
    pub fn of<'a>(sources: impl Iterator<Item = &'a Self>) -> Self {
        sources.fold(Self::default(), |mut all, source| {
            all.dems.extend(source.dems.iter().cloned());
            all.images.extend(source.images.iter().cloned());
            all
        })
    }

    /// The middle of the first elevation model, on its ground.
    pub fn middle(&self, registry: &CrsRegistry) -> Result<Option<Geodetic>> {
        let Some(dem) = self.dems.first() else { return Ok(None) };
        let mut place = [dem.middle()];
        registry.operation(&dem.crs, &CrsId::wgs84())?.convert(&mut place)?;
        let [DVec3 { x, y, .. }] = place;
        Ok((x.is_finite() && y.is_finite()).then(|| Geodetic::from_degrees(x, y, 0.0)))
    }

    /// All elevation models as one grid; `city` is where the objects are, in the site's plane.
    pub fn ground(
        &self,
        registry: &CrsRegistry,
        site: &SiteFrame,
        city: Option<(DVec2, DVec2)>,
    ) -> Result<Option<Ground>> {
        if self.dems.is_empty() {
            return Ok(None);
        }
        let where_to_look = || {
            let Geodetic { longitude_rad, latitude_rad, .. } = site.anchor();
            let (longitude, latitude) = (longitude_rad.to_degrees(), latitude_rad.to_degrees());
            let dems: Vec<String> = self.dems.iter().take(5).map(|dem| format!("{} ({})", dem.path, dem.crs)).collect();
            format!("{}, for a city at {longitude:.4}, {latitude:.4}", dems.join(", "))
        };
        let options = GridOptions { city, ..GridOptions::default() };
        Ok(Some(merge(&self.dems, registry, site, &options).with_context(where_to_look)?))
    }

    /// Images that are not in the city, and why.
    pub fn left_out(&self) -> Vec<String> {
        let why = "there is no ground to lay it on; import an elevation model with it";
        let images = self.images.iter().filter(|_| self.dems.is_empty());
        images.map(|image| format!("this image is left out, {why}: {}", image.path)).collect()
    }
}

/// The rasters of one source, for a line.
pub fn in_words(rasters: &[RasterFacts]) -> String {
    let of = |kinds: &dyn Fn(RasterKind) -> bool, one: &str, many: &str| {
        let found: Vec<&RasterFacts> = rasters.iter().filter(|raster| kinds(raster.kind)).collect();
        let first = found.first()?;
        let size = format!("{} x {} pixels, {} levels", first.width, first.height, first.levels);
        Some(match found.len() {
            1 => format!("{one} of {size}"),
            count => format!("{count} {many}, the first of {size}"),
        })
    };
    let ground = of(&RasterKind::is_elevation, "elevation", "elevation models");
    let images = of(&|kind| !kind.is_elevation(), "image", "images");
    ground.into_iter().chain(images).collect::<Vec<_>>().join("; ")
}
