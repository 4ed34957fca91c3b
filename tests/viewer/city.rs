//! The demo city from its generator to the picture, through the tiler and the stream.

use std::collections::BTreeMap;
use std::sync::Arc;

use glam::DVec3;
use veduta::app::city_picture::{CityView, RenderStats, draw_city};
use veduta::app::offscreen::{OffscreenSettings, Picture};
use veduta::engine::CameraView;
use veduta::geodesy::SitePoint;
use veduta::geometry::Bounds;
use veduta::import::demo::{DemoCity, DemoSize};
use veduta::import::tiler::{NoPictures, TilerOptions, tile_city};
use veduta::package::{Manifest, Objects};
use veduta::quantity::Timestamp;
use veduta::streaming::{ByteSource, MemorySource, SessionSettings};

use crate::golden::{A_PLAIN_PICTURE_DIFFERS_BELOW, HEIGHT, WIDTH, check, difference};

/// The small demo city as a package in memory.
pub fn demo() -> Arc<dyn ByteSource> {
    let city = DemoCity::new(1, DemoSize::Small);
    let mut objects = Vec::new();
    city.for_each(&mut |object| objects.push(object));
    let site = city.site();
    let stored = Objects::in_memory(objects.clone()).unwrap();
    let mut files = BTreeMap::new();
    let report = tile_city(&stored, &|i| i as u32, &site, &NoPictures, &TilerOptions::default(), &mut files).unwrap();
    let bounds = report.bounds_in_site.unwrap();
    let in_degrees = |bounds: Bounds| {
        let [low, high] = [bounds.min, bounds.max].map(|p| site.to_geodetic(SitePoint(p)));
        let degrees = [low.longitude_rad, low.latitude_rad, high.longitude_rad, high.latitude_rad].map(f64::to_degrees);
        let [west, south, east, north] = degrees;
        Some([west, south, east, north, low.ellipsoid_height_m, high.ellipsoid_height_m])
    };
    let buildings = objects.iter().filter(|object| object.class == "Building");
    let focus = buildings.fold(Bounds::EMPTY, |all, object| all.union(object.bounds()));
    let anchor = site.anchor();
    let manifest = Manifest {
        format_version: Manifest::FORMAT_VERSION,
        name: "Demo".to_owned(),
        anchor: [anchor.longitude_rad.to_degrees(), anchor.latitude_rad.to_degrees(), anchor.ellipsoid_height_m],
        crs: "EPSG:4979".to_owned(),
        height_reference: "ellipsoid".to_owned(),
        extent: in_degrees(bounds),
        focus: in_degrees(focus),
        ..Manifest::default()
    };
    files.insert("city.toml".to_owned(), manifest.write().unwrap().into_bytes());
    Arc::new(MemorySource::from_iter(files))
}

fn draw(source: Arc<dyn ByteSource>, view: &CityView) -> (Picture, RenderStats) {
    let settings = OffscreenSettings { width: WIDTH, height: HEIGHT, ..Default::default() };
    draw_city(source, settings, view).unwrap()
}

#[test]
fn the_demo_city_is_streamed_and_drawn() {
    let (picture, stats) = draw(demo(), &CityView::default());
    assert!(stats.tiles > 0 && stats.triangles > 1000, "{stats:?}");
    assert!(stats.problems.is_empty(), "{stats:?}");
    assert!(stats.peak_bytes <= stats.budget_bytes, "{stats:?}");
    check("demo_overview", &picture);
}

/// What a card shows that is slow at every pixel: the same city by less work.
#[test]
fn a_slow_card_shows_the_same_city() {
    let near = CameraView::looking_at(DVec3::new(-350.0, -520.0, 190.0), DVec3::new(120.0, 100.0, 10.0));
    for (name, time) in [("demo_plain", None), ("demo_plain_night", Some("2026-06-10T22:30:00+08:00"))] {
        let time = time.map(|text| Timestamp::parse(text).unwrap());
        let view = CityView { camera: Some(near), time, ..Default::default() };
        let drawn = |plain| {
            let settings =
                OffscreenSettings { width: WIDTH, height: HEIGHT, plain, shadows: Some(false), ..Default::default() };
            draw_city(demo(), settings, &view).unwrap().0
        };
        let (full, plain) = (drawn(false), drawn(true));
        let (mean, _) = difference(&full.rgba, &plain.rgba);
        assert!(mean < A_PLAIN_PICTURE_DIFFERS_BELOW, "{name}: {mean} of 255");
        check(name, &plain);
    }
}

/// With a budget that cannot hold everything the counters stay below it and a picture still comes.
#[test]
fn a_small_budget_is_kept() {
    let session = SessionSettings { budget_bytes: 12 << 20, error_px: 2.0, ..Default::default() };
    let (_, stats) = draw(demo(), &CityView { session, ..Default::default() });
    assert!(stats.peak_bytes <= 12 << 20 && stats.tiles > 0, "{stats:?}");
}

/// Large pictures to be looked at: `VEDUTA_LOOK=folder cargo test ... -- look_at_the_demo --ignored`.
#[test]
#[ignore = "draws large pictures for a person; run with --ignored"]
fn look_at_the_demo() {
    let folder = std::path::PathBuf::from(std::env::var("VEDUTA_LOOK").unwrap());
    let _ = tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).try_init();
    let source = demo();
    let near = CameraView::looking_at(DVec3::new(-350.0, -520.0, 190.0), DVec3::new(120.0, 100.0, 10.0));
    for (name, camera, time) in [
        ("demo", None, None),
        ("demo_near", Some(near), None),
        ("demo_night", Some(near), Some(Timestamp::parse("2026-06-10T22:30:00+08:00").unwrap())),
        ("demo_evening", Some(near), Some(Timestamp::parse("2026-06-10T18:20:00+08:00").unwrap())),
    ] {
        let view = CityView { camera, time, ..Default::default() };
        let (picture, stats) = draw_city(source.clone(), OffscreenSettings::default(), &view).unwrap();
        println!("{name}: {stats:?}");
        picture.save(&folder.join(format!("{name}.png"))).unwrap();
    }
}
