//! The demo city: how many, how they hang together, and that it is the same twice.

use std::collections::{BTreeMap, BTreeSet};

use veduta::city::CityObject;
use veduta::import::demo::{DemoCity, DemoSize};

fn objects(seed: u64, size: DemoSize) -> Vec<CityObject> {
    let mut all = Vec::new();
    DemoCity::new(seed, size).for_each(&mut |object| all.push(object));
    all
}

#[test]
fn sizes_are_as_promised() {
    let count = |size| {
        let mut buildings = 0_usize;
        DemoCity::new(1, size).for_each(&mut |object| buildings += usize::from(object.class == "Building"));
        buildings
    };
    for (size, expected) in [(DemoSize::Small, 2_000), (DemoSize::City, 50_000)] {
        let buildings = count(size);
        assert!((expected * 9 / 10..=expected * 11 / 10).contains(&buildings), "{size:?}: {buildings}");
    }
}

#[test]
fn the_small_city_hangs_together() {
    let all = objects(1, DemoSize::Small);
    let ids: BTreeSet<&str> = all.iter().map(|o| o.id.as_str()).collect();
    assert_eq!(ids.len(), all.len(), "ids are unique");
    let mut classes = BTreeMap::<&str, usize>::new();
    for object in &all {
        *classes.entry(object.class.as_str()).or_default() += 1;
        let parent = object.parent.as_deref();
        assert!(parent.is_none_or(|p| ids.contains(p)), "{}: parent {parent:?} is missing", object.id);
        assert!(parent.is_some() || object.class == "City", "{} hangs nowhere", object.id);
        let bounds = object.bounds();
        assert!(
            bounds.is_empty() || (bounds.min.is_finite() && bounds.size().max_element() < 4_000.0),
            "{}",
            object.id
        );
    }
    for class in [
        "Building",
        "Road",
        "Bridge",
        "WaterBody",
        "SolitaryVegetationObject",
        "Campus",
        "Zone",
        "BuildingStorey",
        "BuildingRoom",
        "Device",
        "Pipe",
        "Manhole",
        "Valve",
        "District",
    ] {
        assert!(classes.contains_key(class), "no {class} in {classes:?}");
    }
    println!("{classes:?}");
    let streams = all.iter().filter(|o| o.class == "Device").map(|o| o.attribute("stream").text().unwrap().to_owned());
    let streams: Vec<String> = streams.collect();
    for kind in ["power", "air", "water_level", "parking", "people"] {
        assert!(streams.iter().any(|s| s.starts_with(&format!("demo/{kind}/"))), "no stream of {kind}");
    }
}

#[test]
fn the_same_seed_gives_the_same_city_and_another_another() {
    let (a, b, c) = (objects(1, DemoSize::Small), objects(1, DemoSize::Small), objects(2, DemoSize::Small));
    assert!(a == b);
    assert!(a != c);
}

/// A package that is kept is known to be old by the version alone.
#[test]
fn another_city_has_another_version() {
    let all = objects(1, DemoSize::Small);
    let attributes: usize = all.iter().map(|object| object.attributes.len()).sum();
    let boxes = all.iter().map(CityObject::bounds).filter(|bounds| !bounds.is_empty());
    let places: f64 = boxes.map(|bounds| (bounds.min + bounds.size() * 3.0).element_sum()).sum();
    // To the metre: the sine of another system's library may differ in its last bit.
    let known = ("demo 1", 6058, 22420, 3_372_192.0);
    let found = (DemoCity::VERSION, all.len(), attributes, places.round());
    assert_eq!(found, known, "the generator changed: raise DemoCity::VERSION");
}

/// Buildings stand on land, and the ground under them is where they begin.
#[test]
fn buildings_stand_on_the_ground() {
    let city = DemoCity::new(3, DemoSize::Small);
    let (site, ground) = (city.site(), city.ground());
    let mut checked = 0;
    city.for_each(&mut |object| {
        if object.class == "Building" {
            let bounds = object.bounds();
            let place = veduta::geodesy::SitePoint(bounds.center().truncate().extend(bounds.min.z));
            let (base, earth) =
                (site.to_geodetic(place).ellipsoid_height_m, ground.sample(bounds.center().truncate()).unwrap());
            assert!(base - earth < 2.0 && base > -1.0, "{}: base {base} on ground {earth}", object.id);
            checked += 1;
        }
    });
    assert!(checked > 1_000);
}

/// The storm of scenes/demo.scenario.toml falls on the harbour of every size.
#[test]
fn the_harbour_box_holds_the_warehouses() {
    for size in [DemoSize::Small, DemoSize::City] {
        let city = DemoCity::new(1, size);
        let [west, south, east, north] = city.harbour_box();
        let mut warehouses = 0;
        city.for_each(&mut |object| {
            if object.id.starts_with("bldg-harbour-") {
                let place = city.site().to_geodetic(veduta::geodesy::SitePoint(object.bounds().center()));
                let (lon, lat) = (place.longitude_rad.to_degrees(), place.latitude_rad.to_degrees());
                assert!(lon > west && lon < east && lat > south && lat < north, "{}: {lon}, {lat}", object.id);
                warehouses += 1;
            }
        });
        assert!(warehouses > 3, "{size:?}");
    }
}
