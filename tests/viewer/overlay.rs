//! Picking, highlight and what is written over the picture, with Chinese and Japanese words.

use bevy::prelude::{Local, ResMut, Schedules, Update};
use glam::DVec3;
use veduta::app::offscreen::{Offscreen, OffscreenSettings};
use veduta::app::shell::surroundings::show_city;
use veduta::engine::city_material::ObjectFlags;
use veduta::engine::faces::{Faces, add_face};
use veduta::engine::overlay::{AlarmLine, IndicatorCard, Label, LegendLine, ObjectPanel, Overlay, Severity, TimeBar};
use veduta::engine::picking::{Pick, pick};
use veduta::engine::{CameraView, CityStream, ObjectChange, ObjectChanges};
use veduta::streaming::SessionSettings;

use crate::city::demo;
use crate::golden::{check, difference};

fn card(name: &str, value: &str, unit: &str, severity: Severity) -> IndicatorCard {
    IndicatorCard { name: name.into(), value: value.into(), unit: unit.into(), severity }
}

fn panel(met: &Pick) -> ObjectPanel {
    let value = |name: &str| met.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let rest = met.attributes.iter().filter(|(key, _)| !["id", "class", "name"].contains(&key.as_str()));
    ObjectPanel {
        title: value("name").or_else(|| value("id")).unwrap(),
        subtitle: value("class").unwrap(),
        rows: rest.take(14).cloned().collect(),
    }
}

#[test]
fn a_picked_building_with_its_attributes() {
    let settings = OffscreenSettings { width: 960, height: 540, ..Default::default() };
    let mut shell = Offscreen::new(settings).unwrap();
    let stream = CityStream::open(demo(), SessionSettings::default()).unwrap();
    show_city(shell.world_mut(), stream, None);
    let view = CameraView::looking_at(DVec3::new(-350.0, -520.0, 190.0), DVec3::new(120.0, 100.0, 10.0));
    shell.look(view);
    let complete = |world: &bevy::prelude::World| world.resource::<CityStream>().is_complete();
    let before = shell.picture_when(complete, 20_000).unwrap();

    let met = pick(shell.world_mut(), view.place_in_site, view.ray_in_site(-0.02, 0.1, 16.0 / 9.0), false).unwrap();
    assert!(met.distance_m > 10.0 && met.distance_m < 3000.0, "{met:?}");
    assert!(met.attributes.iter().any(|(name, value)| name == "class" && value == "Building"), "{met:?}");
    assert_eq!(pick(shell.world_mut(), view.place_in_site, DVec3::Z, false), None);

    let highlight = ObjectChange { flags: ObjectFlags::HIGHLIGHT, ..ObjectChange::default() };
    shell.world_mut().resource_mut::<ObjectChanges>().set("pick", met.row, Some(highlight));
    {
        let mut overlay = shell.world_mut().resource_mut::<Overlay>();
        overlay.panel = Some(panel(&met));
        overlay.labels = vec![Label {
            place_in_site: met.place_in_site + DVec3::Z * 20.0,
            text: "市役所 · 市政厅".into(),
            value: "23.4 °C".into(),
            severity: Severity::Good,
        }];
        overlay.indicators = vec![
            card("空气质量 AQI", "42", "", Severity::Good),
            card("用电负荷", "318", "MW", Severity::Warning),
            card("Harbour level", "2.31", "m", Severity::Critical),
        ];
        overlay.alarms = vec![
            AlarmLine { since: "14:05".into(), text: "港区水位高于 2.2 m".into(), severity: Severity::Critical },
            AlarmLine {
                since: "06-10 09:30".into(), text: "変電所 3 · 負荷 91 %".into(), severity: Severity::Warning
            },
        ];
        overlay.time_bar =
            Some(TimeBar { text: "2026-06-10 15:30".into(), fraction: 0.65, pace: "60x".into(), playing: true });
        overlay.attribution = "Demo city, generated".into();
    }
    let after = shell.picture_when(complete, 20_000).unwrap();
    let (_, changed) = difference(&before.rgba, &after.rgba);
    assert!(changed > 0.05, "{changed}");
    check("picked_building", &after);

    // Words are too fine for a golden's tolerance: each value in the panel leaves its trace.
    let rows = panel(&met).rows.len();
    for row in 0..rows {
        let mut overlay = shell.world_mut().resource_mut::<Overlay>();
        overlay.panel = Some(panel(&met));
        overlay.panel.as_mut().unwrap().rows[row].1 = String::new();
        let without = shell.picture_when(complete, 20_000).unwrap();
        assert_ne!(without, after, "the value of row {row} is not written");
    }

    shell.world_mut().resource_mut::<ObjectChanges>().set("pick", met.row, None);
    *shell.world_mut().resource_mut::<Overlay>() = Overlay::default();
    assert_eq!(shell.picture_when(complete, 20_000).unwrap(), before);
}

/// What changes in every frame is seen in every frame: live figures, the clock of a play.
#[test]
fn what_changes_in_every_frame_is_seen() {
    let mut shell = Offscreen::new(OffscreenSettings { width: 320, height: 180, ..Default::default() }).unwrap();
    let empty = shell.picture().unwrap();
    let seen = |shell: &mut Offscreen| difference(&empty.rgba, &shell.picture().unwrap().rgba).1;
    shell.world_mut().resource_mut::<Overlay>().message = Some("港区水位 2.31 m".into());
    let still = seen(&mut shell);
    assert!(still > 0.01, "{still}");
    let change = |mut overlay: ResMut<Overlay>, mut count: Local<u32>| {
        *count += 1;
        overlay.message = Some(format!("港区水位 2.{:02} m", 10 + *count % 90));
    };
    shell.world_mut().resource_mut::<Schedules>().add_systems(Update, change);
    let moving = seen(&mut shell);
    assert!((moving - still).abs() < 0.3 * still, "{moving} of the picture differs, and {still} where nothing changes");
}

/// The legend has the very colours that it explains, at the left over the lower edge.
#[test]
fn a_legend_shows_its_colours() {
    let (width, height) = (960, 540);
    let mut shell = Offscreen::new(OffscreenSettings { width, height, ..Default::default() }).unwrap();
    let shades = vec![[47, 191, 113], [247, 129, 84], [180, 67, 108]];
    let patch = [200, 30, 220];
    shell.world_mut().resource_mut::<Overlay>().legend = vec![
        LegendLine::Ramp {
            title: "pm25 ug/m3".into(),
            shades: shades.clone(),
            stops: ["0", "75", "150"].map(Into::into).into(),
        },
        LegendLine::Swatch { title: "过期 stale".into(), color: patch, mark: ObjectFlags::STALE },
    ];
    let picture = shell.picture().unwrap();
    let places = |color: [u8; 3]| {
        let same = |pixel: &[u8]| pixel.iter().zip(color).all(|(a, b)| a.abs_diff(b) <= 2);
        let pixels = picture.rgba.chunks_exact(4).zip(0..).filter(move |(pixel, _)| same(pixel));
        pixels.map(|(_, at)| (at % width, at / width)).collect::<Vec<(u32, u32)>>()
    };
    let lefts: Vec<u32> = shades
        .iter()
        .map(|shade| {
            let places = places(*shade);
            assert!(places.len() > 150, "{shade:?}: {} pixels", places.len());
            assert!(places.iter().all(|(x, y)| *x < width / 4 && *y > height / 2), "{shade:?}");
            places.iter().map(|(x, _)| *x).min().unwrap()
        })
        .collect();
    assert!(lefts.is_sorted(), "{lefts:?}");
    // The patch is striped: within its edges there is another colour, too.
    let plain = places(patch);
    let edges = |along: fn(&(u32, u32)) -> u32| {
        let (least, most) = (plain.iter().map(along).min().unwrap(), plain.iter().map(along).max().unwrap());
        (most - least + 1) as usize
    };
    let striped = edges(|place| place.0) * edges(|place| place.1) - plain.len();
    assert!(plain.len() > 15 && striped > 15, "{} pixels of the patch, {striped} of its stripes", plain.len());
}

/// Signs that the engine's own face lacks are told once, and written as soon as a face is there that has them.
#[test]
fn a_missing_sign_is_told_and_written_with_another_face() {
    const FULL: &str = "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc";
    let full = std::fs::read(FULL).unwrap_or_else(|error| panic!("scripts/setup.sh test installs it: {FULL}: {error}"));
    let mut shell = Offscreen::new(OffscreenSettings { width: 320, height: 180, ..Default::default() }).unwrap();
    let written = |shell: &mut Offscreen, message: &str| {
        shell.world_mut().resource_mut::<Overlay>().message = Some(message.into());
        shell.picture().unwrap()
    };
    // All of them are CJK Extension A, which no everyday font has.
    let [one, other] = ["水位 㙟㙟", "水位 㙠㙠"];
    let before = written(&mut shell, one);
    assert_eq!(shell.world_mut().resource_mut::<Faces>().take_missing(), ['㙟']);
    assert_eq!(written(&mut shell, other), before, "neither sign can be written");
    assert_eq!(shell.world_mut().resource_mut::<Faces>().take_missing(), ['㙠']);
    assert!(!add_face(shell.world_mut(), b"no font".to_vec()));
    assert!(add_face(shell.world_mut(), full));
    let after = shell.picture().unwrap();
    assert_ne!(after, before, "what is written is written anew");
    assert_ne!(written(&mut shell, one), after, "and each sign is its own");
    assert!(shell.world_mut().resource_mut::<Faces>().take_missing().is_empty());
}
