//! The object table and its questions, against brute force over the same objects.

use std::sync::Arc;

use glam::{DVec2, DVec3};
use proptest::prelude::*;
use veduta::city::{CimLevel, CityObject, Expression, LodShape, Value};
use veduta::geometry::{Bounds, Prism, Shape};
use veduta::package::{Area, City, Manifest, Objects, Query, Ray, write_objects};
use veduta::streaming::MemorySource;

/// Buildings on a 40 m grid, some without a footprint, with Chinese and Japanese names.
fn buildings(count: u32) -> Vec<CityObject> {
    let side = f64::from(count).sqrt().ceil() as u32;
    let names = [Some("上海中心大厦"), Some("新宿駅ビル"), Some("Harbour House"), None];
    let building = |i: u32| {
        let corner = DVec3::new(f64::from(i % side) * 40.0, f64::from(i / side) * 40.0, 3.0);
        let size = 8.0 + f64::from(i * 7919 % 20);
        let ring = [(0.0, 0.0), (size, 0.0), (0.0, size)].map(|(x, y)| corner + DVec3::new(x, y, 0.0)).to_vec();
        let height = f64::from(i * 104_729 % 200);
        let prism = Prism { rings: vec![ring], extrusion: DVec3::Z * height };
        let whole = i.is_multiple_of(5);
        CityObject {
            id: format!("b{:07}", i * 7919 % 1_000_003),
            class: if i.is_multiple_of(3) { "Road" } else { "Building" }.into(),
            name: names[i as usize % 4].map(str::to_owned),
            attributes: vec![
                ("measuredHeight".into(), Value::Float(height)),
                ("use".into(), Value::from(if i.is_multiple_of(2) { "住宅" } else { "office" })),
                ("mixed".into(), if i.is_multiple_of(2) { Value::Int(1) } else { Value::Bool(true) }),
            ],
            place: whole.then_some(Bounds { min: corner, max: corner + DVec3::new(size, size, height) }),
            shapes: if whole { vec![] } else { vec![LodShape { lod: 1.0, shape: Shape::Prisms(vec![prism]) }] },
            ..CityObject::default()
        }
    };
    let mut all: Vec<_> = (0..count).map(building).collect();
    all.sort_by(|a, b| a.id.cmp(&b.id));
    all
}

fn package(objects: &[CityObject]) -> std::collections::BTreeMap<String, Vec<u8>> {
    let mut files = std::collections::BTreeMap::new();
    write_objects(&Objects::in_memory(objects.to_vec()).unwrap(), &mut files).unwrap();
    let manifest =
        Manifest { format_version: Manifest::FORMAT_VERSION, anchor: [139.75, 35.68, 30.0], ..Manifest::default() };
    files.insert(Manifest::NAME.to_owned(), manifest.write().unwrap().into_bytes());
    files
}

/// A city of these objects, sorted by id.
pub fn open(objects: &[CityObject]) -> City {
    City::open(Arc::new(MemorySource::from_iter(package(objects)))).unwrap()
}

/// Whether the triangle or square of [`buildings`] holds the point.
fn holds(object: &CityObject, p: DVec2) -> bool {
    let bounds = object.bounds();
    let at = p - bounds.min.truncate();
    let inside = at.cmpge(DVec2::ZERO).all() && (p - bounds.max.truncate()).cmple(DVec2::ZERO).all();
    inside && (object.shapes.is_empty() || at.x + at.y <= bounds.size().x)
}

#[test]
fn what_was_written_is_read() {
    let objects = buildings(500);
    let city = open(&objects);
    for (row, object) in (0..).zip(&objects) {
        let stored = city.object(row).unwrap().unwrap();
        assert_eq!(city.table().row(&object.id), Some(row));
        assert_eq!((&stored.id, &stored.class, &stored.name), (&object.id, &object.class, &object.name));
        assert_eq!(stored.bounds, object.bounds());
        for (name, value) in &object.attributes {
            assert!(stored.attributes.contains(&(name.to_string(), value.clone())), "{name}");
        }
    }
    assert_eq!(city.table().row("b"), None);
    assert_eq!(city.object(500).unwrap(), None);
}

#[test]
fn filters_words_and_classes_choose_rows() {
    let objects = buildings(500);
    let city = open(&objects);
    let count = |query: Query| city.query(&query).unwrap().len();
    let filter = |text: &str| Query { filter: Some(Expression::parse(text).unwrap()), ..Query::default() };
    let tall = |o: &&CityObject| o.attribute("measuredHeight").number() > Some(100.0) && o.class == "Building";
    let expected = objects.iter().filter(tall).count();
    assert!(expected > 0);
    assert_eq!(count(filter("height > 100 and class = 'Building'")), expected);
    assert_eq!(count(Query { class: Some("Building".into()), ..filter("height > 100") }), expected);
    assert_eq!(count(filter("use = '住宅' and mixed = 1")), 250);
    let named = |o: &&CityObject| o.class == "Building" && o.name.as_deref().is_some_and(|name| name.contains("中心"));
    let expected = objects.iter().filter(named).count();
    assert!(expected > 0);
    assert_eq!(count(Query { text: Some("中心 building".into()), ..Query::default() }), expected);
    assert_eq!(count(Query { limit: Some(7), offset: 498, ..Query::default() }), 2);
    let error = city.query(&filter("measuredHieght > 1")).unwrap_err().to_string();
    assert!(error.contains("measuredHieght") && error.contains("measuredHeight"), "{error}");
}

#[test]
fn the_order_of_the_source_does_not_matter_and_damage_is_told() {
    let mut objects = buildings(300);
    let files = package(&objects);
    objects.reverse();
    assert_eq!(package(&objects), files);
    for name in files.keys().filter(|n| {
        let late = ["column", "footprints", "fingerprints", "levels", "children", "words"];
        !late.iter().any(|part| n.contains(part))
    }) {
        let mut broken = files.clone();
        broken.insert(name.clone(), vec![0xff; 40]);
        assert!(City::open(Arc::new(MemorySource::from_iter(broken))).is_err(), "{name}");
    }
    assert_eq!(open(&[]).query(&Query::default()).unwrap(), [0_u32; 0]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn areas_find_what_brute_force_finds(x in -20.0..900.0_f64, y in -20.0..900.0_f64, w in 1.0..300.0_f64) {
        let objects = buildings(400);
        let city = open(&objects);
        let p = DVec2::new(x, y);
        let ask = |area| city.query(&Query { area: Some(area), ..Query::default() }).unwrap();
        let rows = |test: &dyn Fn(&CityObject) -> bool| -> Vec<u32> {
            (0..).zip(&objects).filter(|(_, o)| test(o)).map(|(row, _)| row).collect()
        };
        prop_assert_eq!(ask(Area::Point(p)), rows(&|o| holds(o, p)));
        // A square and a circle touch every footprint that has a point of a fine grid in them.
        let square = Area::Polygon([(0.0, 0.0), (w, 0.0), (w, w), (0.0, w)].map(|(a, b)| p + DVec2::new(a, b)).to_vec());
        let (in_square, in_circle) = (ask(square), ask(Area::Circle { center: p, radius_m: w }));
        let far = |row: &u32| objects[*row as usize].bounds().distance_in_plan(p);
        prop_assert!(in_circle.iter().is_sorted_by(|a, b| far(a) < far(b) || (far(a) == far(b) && a < b)));
        for (row, object) in (0..).zip(&objects) {
            let (low, size) = (object.bounds().min.truncate(), object.bounds().size().truncate());
            let grid = (0..=20).flat_map(|i| (0..=20).map(move |j| DVec2::new(f64::from(i), f64::from(j)) / 20.0));
            let points: Vec<DVec2> = grid.map(|g| low + g * size).filter(|q| holds(object, *q)).collect();
            if points.iter().any(|q| (*q - p).cmpgt(DVec2::ZERO).all() && (*q - p).cmplt(DVec2::splat(w)).all()) {
                prop_assert!(in_square.contains(&row));
            }
            if points.iter().any(|q| q.distance(p) < w - 0.02) {
                prop_assert!(in_circle.contains(&row));
            }
            let gap = object.bounds().distance(p.extend(object.bounds().center().z));
            prop_assert!(gap <= w + 0.02 || !in_circle.contains(&row));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn rays_and_the_nearest_are_what_brute_force_finds(
        from in prop::array::uniform3(-50.0..850.0_f64),
        to in prop::array::uniform3(-1.0..1.0_f64),
        level in any::<bool>(),
        within_m in 0.0..200.0_f64,
    ) {
        let objects = buildings(400);
        let city = open(&objects);
        let point = DVec3::from(from) * DVec3::new(1.0, 1.0, 0.2);
        let direction = if level { DVec3::new(1.0, 0.0, 0.0) } else { DVec3::from(to) };
        let ray = Ray { origin_in_site: point, direction_in_site: direction };
        // Every metre of the ray's first 1.5 km: boxes that it is well inside of are met, those it is far from are not.
        let steps: Vec<DVec3> = (0..1500).map(|m| point + direction.normalize_or_zero() * f64::from(m)).collect();
        let met = city.query(&Query { ray: Some(ray), ..Query::default() }).unwrap();
        for (row, object) in (0..).zip(&objects) {
            if steps.iter().any(|p| object.bounds().contains(*p)) {
                prop_assert!(met.contains(&row));
            }
            if steps.iter().all(|p| object.bounds().distance(*p) > 1.0) {
                prop_assert!(!met.contains(&row));
            }
        }
        let distances: Vec<f64> = met.iter().filter_map(|row| ray.distance(objects[*row as usize].bounds())).collect();
        prop_assert_eq!(distances.len(), met.len());
        prop_assert!(distances.is_sorted());
        for class in [None, Some("Road")] {
            let wanted = (0_u32..).zip(&objects).filter(|(_, o)| class.is_none_or(|class| o.class == class));
            let near = wanted.map(|(row, o)| (row, o.bounds().distance(point))).filter(|(_, d)| *d <= within_m);
            prop_assert_eq!(city.nearest(point, class, within_m).unwrap(), near.min_by(|a, b| a.1.total_cmp(&b.1)));
        }
    }
}

#[test]
fn a_tree_that_would_overflow_the_stack_is_refused() {
    let mut files = package(&buildings(9));
    // A root with one child, which has one child, and so on.
    let deep: Vec<u8> = std::iter::once(1).chain([1, 1].into_iter().cycle().take(2_000_000)).collect();
    files.insert("index/tree".to_owned(), deep);
    let error = City::open(Arc::new(MemorySource::from_iter(files))).err().unwrap().to_string();
    assert!(error.contains("too deep") && error.ends_with("index/tree"), "{error}");
}

/// Footprints one by one and all at once are the same; ends of rows that run backwards or out of the file are told.
#[test]
fn footprints_are_read_by_offset() {
    let objects = buildings(300);
    let few = open(&objects);
    let rings = |city: &City| (0..300).map(|row| city.table().footprint(row).unwrap()).collect::<Vec<_>>();
    let before = rings(&few);
    assert!(before.iter().any(|rings| rings.is_empty()) && before.iter().any(|rings| rings.len() == 1));
    let ring = [(10.0, 10.0), (770.0, 10.0), (10.0, 770.0), (300.0, 300.0)].map(DVec2::from).to_vec();
    few.query(&Query { area: Some(Area::Polygon(ring)), ..Query::default() }).unwrap();
    assert_eq!(rings(&few), before);
    for damage in [0_u64, u64::MAX, 1 << 40] {
        let mut files = package(&objects);
        files.get_mut("objects/footprints").unwrap()[8..16].copy_from_slice(&damage.to_le_bytes());
        let city = City::open(Arc::new(MemorySource::from_iter(files))).unwrap();
        assert!((1..=2).any(|row| city.table().footprint(row).is_err()), "{damage}");
    }
}

/// Every kind of question is timed, with a clock that ticks a millisecond each time it is looked at.
#[test]
fn questions_are_timed() {
    let ticks = std::cell::Cell::new(0.0);
    let now = || {
        ticks.set(ticks.get() + 1e-3);
        ticks.get()
    };
    let bench = veduta::package::bench_queries(&open(&buildings(500)), &now).unwrap();
    assert_eq!((bench.objects, bench.questions.len()), (500, 10));
    for time in &bench.questions {
        assert!((time.median_ms - 1.0).abs() < 1e-6 && (time.first_ms - 1.0).abs() < 1e-6, "{time:?}");
        assert!(time.mean_rows > 0.0, "{time:?}");
    }
}

#[test]
fn levels_and_parts_are_kept() {
    let object = |id: &str, parent: Option<&str>, level| CityObject {
        id: id.into(),
        parent: parent.map(str::to_owned),
        level,
        ..CityObject::default()
    };
    let city = open(&[
        object("a", Some("d"), CimLevel::Functional),
        object("b", Some("elsewhere"), CimLevel::Part),
        object("c", Some("d"), CimLevel::Component),
        object("d", Some("d"), CimLevel::Frame),
    ]);
    assert_eq!(city.children(3).unwrap(), [0, 2]);
    assert_eq!((city.children(0).unwrap(), city.children(9).unwrap()), (vec![], vec![]));
    let levels = [0, 1, 2, 3].map(|row| city.object(row).unwrap().unwrap().level);
    assert_eq!(levels, [CimLevel::Functional, CimLevel::Part, CimLevel::Component, CimLevel::Frame]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn words_find_what_a_scan_finds(
        texts in prop::collection::vec("[abA 京東-]{0,8}", 30),
        question in "[aB 京東]{1,5}",
    ) {
        let objects: Vec<CityObject> = (0..10)
            .map(|i| CityObject {
                id: format!("{i}{}", texts[3 * i]),
                name: Some(texts[3 * i + 1].clone()),
                attributes: vec![("note".into(), Value::from(texts[3 * i + 2].as_str()))],
                ..CityObject::default()
            })
            .collect();
        // Words apart by spaces, and a space wherever the script changes.
        let words = |text: &str| -> Vec<String> {
            let mut apart = String::new();
            for c in text.to_lowercase().replace('-', " ").chars() {
                if apart.chars().last().is_some_and(|last| "京東".contains(last) != "京東".contains(c)) {
                    apart.push(' ');
                }
                apart.push(c);
            }
            apart.split_whitespace().map(str::to_owned).collect()
        };
        let asked = words(&question);
        let has = |o: &CityObject| {
            let own = [words(&o.id), words(o.name.as_deref().unwrap_or("")), words(o.attribute("note").text().unwrap())];
            let own = own.concat();
            let fits = |own: &String, word: &String| {
                if word.contains(['京', '東']) { own.contains(word.as_str()) } else { own.starts_with(word.as_str()) }
            };
            !asked.is_empty() && asked.iter().all(|word| own.iter().any(|own| fits(own, word)))
        };
        let expected: Vec<u32> = (0..).zip(&objects).filter(|(_, o)| has(o)).map(|(row, _)| row).collect();
        let found = open(&objects).query(&Query { text: Some(question), ..Query::default() }).unwrap();
        prop_assert_eq!(found, expected);
    }
}
