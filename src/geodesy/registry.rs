//! Which operation leads from one CRS to another.

use std::collections::BTreeMap;

use glam::{DVec2, DVec3};

use super::closed_form::ClosedForm;
use super::operation::{Chain, PointWise};
use super::{CityCrs, CityRelation, CoordinateOperation, CrsId, CrsInfo, GeodesyError, Identity};
use super::{backend, baidu_mercator, china_offset, city_crs, crs_info};

/// Knows every CRS: those of the authorities, the offsets of Chinese maps, and the city CRS of a scene or recipe. Cheap to
/// share between threads; the operations that it makes belong to the thread that asked.
#[derive(Debug, Clone, Default)]
pub struct CrsRegistry {
    cities: BTreeMap<String, CityCrs>,
}

/// City CRS may be tied to one another; more steps than this are a circle.
const MOST_CITY_STEPS: usize = 8;

impl CrsRegistry {
    /// With these city CRS. Refuses senseless parameters and two of one name.
    pub fn new(cities: impl IntoIterator<Item = CityCrs>) -> Result<Self, GeodesyError> {
        let mut known = BTreeMap::new();
        for city in cities {
            city.check()?;
            let name = city.name.clone();
            if known.insert(name.clone(), city).is_some() {
                return Err(GeodesyError::BadCityCrs { name, cause: "another one has the same name".to_owned() });
            }
        }
        Ok(Self { cities: known })
    }

    /// The library behind operations that have no closed form: `PROJ` or `proj4rs`.
    pub fn backend(&self) -> &'static str {
        backend::NAME
    }

    /// What the CRS is. City CRS and Chinese offsets have the kind and units of their base.
    pub fn crs_info(&self, crs: &CrsId) -> Result<CrsInfo, GeodesyError> {
        let of_base = |base: &CrsId, axis_order| {
            let info = self.crs_info(base)?;
            Ok(CrsInfo { name: crs.to_string(), axis_order, vertical: None, ..info })
        };
        match crs.as_str() {
            "OGC:CRS84" | "OGC:CRS84h" | "GCJ02" | "BD09" => of_base(&CrsId::wgs84(), crs_info::AxisOrder::EastFirst),
            "GCJ02MC" | "BD09MC" => of_base(&CrsId::epsg(3857), crs_info::AxisOrder::EastFirst),
            name => match self.cities.get(name) {
                Some(city) => of_base(&city.base, crs_info::AxisOrder::EastFirst),
                None => crs_info::info(crs).map_err(|error| self.tell_cities(error)),
            },
        }
    }

    /// Where the CRS is meant to be used, by its authority: west, south, east, north in degrees; west is east of east across
    /// the 180th meridian. `None` where nobody says, which is so in the browser.
    pub fn area_of_use(&self, crs: &CrsId) -> Option<[f64; 4]> {
        match self.cities.get(crs.as_str()) {
            Some(city) if city.base != *crs => backend::area_of_use(&city.base),
            Some(_) => None,
            None => backend::area_of_use(crs),
        }
    }

    /// The operation from `source` to `target`; both east first, see [`CoordinateOperation`].
    pub fn operation(&self, source: &CrsId, target: &CrsId) -> Result<Box<dyn CoordinateOperation>, GeodesyError> {
        if source == target {
            return Ok(Box::new(Identity));
        }
        let plain = |crs: &CrsId| ClosedForm::of(crs).is_none() && crs.is_for_backend();
        if plain(source) && plain(target) {
            // Directly: two CRS of one datum need no way over WGS 84.
            return backend::operation(source, target).map_err(|error| self.tell_cities(error));
        }
        let mut steps = self.to_hub(source, 0)?;
        steps.extend(self.hub_to(target, 0)?);
        match (steps.pop(), steps.is_empty()) {
            (None, _) => Ok(Box::new(Identity)),
            (Some(only), true) => Ok(only),
            (Some(last), false) => {
                steps.push(last);
                Ok(Box::new(Chain(steps)))
            }
        }
    }

    /// The steps to WGS 84 degrees.
    fn to_hub(&self, crs: &CrsId, depth: usize) -> Result<Vec<Box<dyn CoordinateOperation>>, GeodesyError> {
        if let Some(form) = ClosedForm::of(crs) {
            return Ok(match form {
                ClosedForm::Geographic => vec![],
                _ => vec![Box::new(PointWise(move |p| form.to_degrees(p)))],
            });
        }
        match crs.as_str() {
            "GCJ02" => return Ok(vec![plane(china_offset::wgs84_from_gcj02)]),
            "BD09" => return Ok(vec![plane(|p| china_offset::wgs84_from_gcj02(china_offset::gcj02_from_bd09(p)))]),
            "GCJ02MC" => {
                let degrees = |p: DVec2| ClosedForm::WebMercator.to_degrees(p.extend(0.0)).truncate();
                return Ok(vec![plane(move |p| china_offset::wgs84_from_gcj02(degrees(p)))]);
            }
            "BD09MC" => {
                let gcj = |p| china_offset::gcj02_from_bd09(baidu_mercator::degrees_from_metres(p));
                return Ok(vec![plane(move |p| china_offset::wgs84_from_gcj02(gcj(p)))]);
            }
            _ => {}
        }
        let Some(city) = self.cities.get(crs.as_str()) else {
            return Ok(vec![self.authority(crs, crs, &CrsId::wgs84())?]);
        };
        let mut rest = self.to_hub(self.base_of(city, depth)?, depth + 1)?;
        match city.relation {
            CityRelation::FourParameter { dx_m, dy_m, rotation_arcsec, scale_ppm } => {
                rest.insert(0, city_crs::four_parameter((dx_m, dy_m), rotation_arcsec, scale_ppm, false));
            }
            CityRelation::SevenParameter { translation_m, rotation_arcsec, scale_ppm } => {
                rest.push(city_crs::seven_parameter(translation_m, rotation_arcsec, scale_ppm, false));
            }
        }
        Ok(rest)
    }

    /// The steps from WGS 84 degrees.
    fn hub_to(&self, crs: &CrsId, depth: usize) -> Result<Vec<Box<dyn CoordinateOperation>>, GeodesyError> {
        if let Some(form) = ClosedForm::of(crs) {
            return Ok(match form {
                ClosedForm::Geographic => vec![],
                _ => vec![Box::new(PointWise(move |p| form.of_degrees(p)))],
            });
        }
        match crs.as_str() {
            "GCJ02" => return Ok(vec![plane(china_offset::gcj02_from_wgs84)]),
            "BD09" => return Ok(vec![plane(|p| china_offset::bd09_from_gcj02(china_offset::gcj02_from_wgs84(p)))]),
            "GCJ02MC" => {
                let metres = |p: DVec2| ClosedForm::WebMercator.of_degrees(p.extend(0.0)).truncate();
                return Ok(vec![plane(move |p| metres(china_offset::gcj02_from_wgs84(p)))]);
            }
            "BD09MC" => {
                let bd = |p| china_offset::bd09_from_gcj02(china_offset::gcj02_from_wgs84(p));
                return Ok(vec![plane(move |p| baidu_mercator::metres_from_degrees(bd(p)))]);
            }
            _ => {}
        }
        let Some(city) = self.cities.get(crs.as_str()) else {
            return Ok(vec![self.authority(crs, &CrsId::wgs84(), crs)?]);
        };
        let mut steps = self.hub_to(self.base_of(city, depth)?, depth + 1)?;
        match city.relation {
            CityRelation::FourParameter { dx_m, dy_m, rotation_arcsec, scale_ppm } => {
                steps.push(city_crs::four_parameter((dx_m, dy_m), rotation_arcsec, scale_ppm, true));
            }
            CityRelation::SevenParameter { translation_m, rotation_arcsec, scale_ppm } => {
                steps.insert(0, city_crs::seven_parameter(translation_m, rotation_arcsec, scale_ppm, true));
            }
        }
        Ok(steps)
    }

    fn authority(
        &self,
        crs: &CrsId,
        source: &CrsId,
        target: &CrsId,
    ) -> Result<Box<dyn CoordinateOperation>, GeodesyError> {
        if !crs.is_for_backend() {
            return Err(self.tell_cities(GeodesyError::UnknownCrs { crs: crs.to_string(), known: String::new() }));
        }
        backend::operation(source, target).map_err(|error| self.tell_cities(error))
    }

    fn base_of<'a>(&self, city: &'a CityCrs, depth: usize) -> Result<&'a CrsId, GeodesyError> {
        if depth < MOST_CITY_STEPS {
            return Ok(&city.base);
        }
        let cause = "its base leads back to itself".to_owned();
        Err(GeodesyError::BadCityCrs { name: city.name.clone(), cause })
    }

    /// Adds the names of the city CRS to an error about an unknown one.
    fn tell_cities(&self, error: GeodesyError) -> GeodesyError {
        match error {
            GeodesyError::UnknownCrs { crs, .. } => {
                let names = self.cities.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                let known = if names.is_empty() { String::new() } else { format!(" (there: {names})") };
                GeodesyError::UnknownCrs { crs, known }
            }
            other => other,
        }
    }
}

/// A function of longitude and latitude; heights stay.
fn plane(f: impl Fn(DVec2) -> DVec2 + 'static) -> Box<dyn CoordinateOperation> {
    Box::new(PointWise(move |p: DVec3| f(p.truncate()).extend(p.z)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn convert(registry: &CrsRegistry, from: &str, to: &str, point: DVec3) -> DVec3 {
        let mut points = [point];
        registry.operation(&from.parse().unwrap(), &to.parse().unwrap()).unwrap().convert(&mut points).unwrap();
        points[0]
    }

    fn cities() -> CrsRegistry {
        let four =
            CityRelation::FourParameter { dx_m: 391_000.0, dy_m: 2_480_000.0, rotation_arcsec: 120.0, scale_ppm: 3.0 };
        let seven = CityRelation::SevenParameter {
            translation_m: [12.0, -140.0, -80.0],
            rotation_arcsec: [0.5, -1.2, 2.0],
            scale_ppm: -4.0,
        };
        CrsRegistry::new([
            CityCrs { name: "Harbour local".into(), base: CrsId::epsg(4547), relation: four },
            CityCrs { name: "Old datum".into(), base: CrsId::epsg(4547), relation: seven },
            CityCrs { name: "On the old".into(), base: "Old datum".parse().unwrap(), relation: four },
            CityCrs { name: "circle".into(), base: "circle".parse().unwrap(), relation: four },
        ])
        .unwrap()
    }

    #[test]
    fn city_crs_lead_through_their_base_and_back() {
        let registry = cities();
        for name in ["Harbour local", "Old datum", "On the old"] {
            let start = DVec3::new(114.06, 22.54, 12.0);
            let there = convert(&registry, "EPSG:4979", name, start);
            let back = convert(&registry, name, "EPSG:4979", there);
            assert!((back - start).abs().max_element() < 2e-9, "{name}: {there} {back}");
            assert!(
                (there.truncate() - convert(&registry, "EPSG:4979", "EPSG:4547", start).truncate()).length() > 10.0
            );
        }
        let circle = registry.operation(&"circle".parse().unwrap(), &CrsId::wgs84()).err().unwrap();
        assert!(circle.to_string().contains("back to itself"));
        assert_eq!(registry.crs_info(&"Harbour local".parse().unwrap()).unwrap().metres_per_unit, 1.0);
    }

    #[test]
    fn unknown_crs_are_named_with_what_to_do() {
        for name in ["EPSG:9999999", "Nowhere", "ESRI:1"] {
            let crs: CrsId = name.parse().unwrap();
            let error = cities().operation(&crs, &CrsId::wgs84()).err().unwrap().to_string();
            assert!(error.contains(name) && error.contains("--crs") && error.contains("Harbour local"), "{error}");
        }
    }

    #[test]
    fn chinese_maps_lead_to_wgs84_and_to_each_other() {
        let registry = CrsRegistry::default();
        let start = DVec3::new(116.404, 39.915, 50.0);
        let baidu = convert(&registry, "GCJ02", "BD09", start);
        assert!((baidu - DVec3::new(116.410_369_493_7, 39.921_336_993_5, 50.0)).abs().max_element() < 2e-9, "{baidu}");
        assert!((convert(&registry, "BD09", "GCJ02", baidu) - start).abs().max_element() < 1e-9);
        let metres = convert(&registry, "GCJ02", "GCJ02MC", start);
        assert!((metres - convert(&registry, "EPSG:4326", "EPSG:3857", start)).abs().max_element() < 1e-3, "{metres}");
        for name in ["GCJ02MC", "BD09MC"] {
            let back = convert(&registry, name, "EPSG:4979", convert(&registry, "EPSG:4979", name, start));
            assert!((back - start).abs().max_element() < 1e-9, "{name}: {back}");
        }
    }

    #[test]
    fn what_cannot_be_converted_is_nan_in_its_place() {
        let registry = CrsRegistry::default();
        for source in [CrsId::epsg(3857), CrsId::epsg(28992)] {
            let mut points = [DVec3::new(f64::NAN, 0.0, 1.0), DVec3::new(155_000.0, 463_000.0, 1.0)];
            registry.operation(&source, &CrsId::wgs84()).unwrap().convert(&mut points).unwrap();
            assert!(points[0].is_nan() && points[0].z.is_nan() && points[1].is_finite());
        }
    }
}
