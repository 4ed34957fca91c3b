//! The demo city: procedural, deterministic by seed, for whoever has no data.
//!
//! `plan` says where coast, river, hills and streets are as functions of place; each of the other files walks over it and
//! makes one kind of thing: `blocks` (parcels and buildings, shaped by `forms`), `streets` (roads and bridges), `nature`
//! (water, park, trees), `harbour`, `campus` (zone - building - storey - room - device), `network` (water pipes) and
//! `sensors`. Everything comes out as [`CityObject`]s in the site frame, as from any importer, through one callback, so
//! the city is never held here.

mod blocks;
mod campus;
mod forms;
mod harbour;
mod names;
mod nature;
mod network;
mod plan;
mod random;
mod sensors;
mod streets;

use crate::city::{CimLevel, CityObject, LodShape, Value};
use crate::geodesy::{SiteFrame, SitePoint};
use crate::geometry::{HeightGrid, Shape};
use plan::Plan;

/// How big.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DemoSize {
    /// About 2 000 buildings.
    #[default]
    Small,
    /// About 50 000 buildings.
    City,
    /// About 1 000 000 buildings.
    Metro,
}

impl DemoSize {
    /// All sizes with their names in documents and on the command line.
    pub const ALL: [(&'static str, Self); 3] = [("small", Self::Small), ("city", Self::City), ("metro", Self::Metro)];

    /// The name of the size.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, size)| *size == self).map_or("", |(name, _)| name)
    }

    /// The size of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, size)| *size)
    }
}

/// The demo city of a seed and a size.
///
/// ```
/// use veduta::import::demo::{DemoCity, DemoSize};
/// let mut buildings = 0;
/// DemoCity::new(1, DemoSize::Small).for_each(&mut |object| buildings += usize::from(object.class == "Building"));
/// assert!((1_500..2_500).contains(&buildings));
/// ```
#[derive(Debug, Clone)]
pub struct DemoCity(Plan);

impl DemoCity {
    /// Raised when a seed gives another city than before.
    pub const VERSION: &str = "demo 1";

    /// The same seed and size give the same city, bit for bit.
    pub fn new(seed: u64, size: DemoSize) -> Self {
        Self(Plan::new(seed, size))
    }

    /// The frame that all its objects are in.
    pub fn site(&self) -> SiteFrame {
        self.0.site
    }

    /// The ground, beds of waters included.
    pub fn ground(&self) -> HeightGrid {
        self.0.height_grid()
    }

    /// The harbour with the streets behind it, where the demo's storm rains: [west, south, east, north] in degrees.
    pub fn harbour_box(&self) -> [f64; 4] {
        let basin = self.0.basin();
        let middle = basin.center + glam::DVec2::new(0.0, basin.half.y + 60.0);
        let degrees = |dx: f64, dy: f64| {
            let place = self.0.site.to_geodetic(SitePoint((middle + glam::DVec2::new(dx, dy)).extend(0.0)));
            (place.longitude_rad.to_degrees(), place.latitude_rad.to_degrees())
        };
        let ((west, south), (east, north)) = (degrees(-420.0, -330.0), degrees(420.0, 330.0));
        [west, south, east, north]
    }

    /// Hands every object to `take`, parents before their parts, always in the same order.
    pub fn for_each(&self, take: &mut dyn FnMut(CityObject)) {
        let plan = &self.0;
        districts(plan, take);
        nature::make(plan, take);
        streets::make(plan, take);
        blocks::make(plan, take);
        harbour::make(plan, take);
        campus::make(plan, take);
        network::make(plan, take);
        sensors::make(plan, take);
    }
}

/// The city and its districts: objects without looks, the top of the tree.
fn districts(plan: &Plan, take: &mut dyn FnMut(CityObject)) {
    let mut city = object("city", "City", CimLevel::Surface);
    city.name = Some("维都市 Veduta City".to_owned());
    city.attributes.push(("seed".into(), Value::Int(plan.seed as i64)));
    take(city);
    for (number, (zh, en)) in names::DISTRICTS.iter().enumerate() {
        let mut district = object(&district_id(number), "District", CimLevel::Surface);
        district.name = Some(format!("{zh} {en}"));
        district.parent = Some("city".to_owned());
        take(district);
    }
}

/// The district of a place: the centre, and the rest by the side of the river and the distance from the sea.
fn district_of(plan: &Plan, place: glam::DVec2) -> String {
    let number = if place.distance(plan.center()) < plan.ring_radius() {
        0
    } else if place.y < -0.42 * plan.half_m {
        1
    } else if place.y > 0.45 * plan.half_m {
        4
    } else if place.x < plan.river_x(place.y) {
        3
    } else if plan.campus().holds(place, 500.0) {
        5
    } else {
        2
    };
    district_id(number)
}

fn district_id(number: usize) -> String {
    format!("district-{}", number + 1)
}

/// An object without looks.
fn object(id: &str, class: &str, level: CimLevel) -> CityObject {
    CityObject { id: id.to_owned(), class: class.to_owned(), level, ..CityObject::default() }
}

/// An object with one shape.
fn shaped(id: &str, class: &str, level: CimLevel, lod: f32, shape: Shape) -> CityObject {
    CityObject { shapes: vec![LodShape { lod, shape }], ..object(id, class, level) }
}
