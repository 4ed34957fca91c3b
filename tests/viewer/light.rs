//! Day, dusk and night; near and far; effects.

use bevy::prelude::*;
use glam::DVec3;
use veduta::app::offscreen::{Offscreen, OffscreenSettings};
use veduta::engine::city_material::{ObjectFlags, ObjectTable};
use veduta::engine::{CameraView, Environment};
use veduta::quantity::Timestamp;

use crate::blocks::Town;
use crate::golden::{brightness, check, difference, offscreen};

fn at(shell: &mut Offscreen, time: &str) {
    shell.world_mut().resource_mut::<Environment>().time = Timestamp::parse(time).unwrap();
}

fn overview() -> CameraView {
    CameraView::looking_at(DVec3::new(-520.0, -760.0, 330.0), DVec3::new(20.0, 0.0, 0.0))
}

#[test]
fn the_hours_of_a_day() {
    let mut shell = offscreen();
    Town::new(36).spawn(shell.world_mut(), DVec3::ZERO);
    shell.look(overview());
    let hours = [
        ("day", "2026-06-21T15:00:00+08:00"),
        ("evening", "2026-06-21T18:20:00+08:00"),
        ("dusk", "2026-06-21T19:12:00+08:00"),
        ("night", "2026-06-21T23:00:00+08:00"),
    ];
    let mut before = f64::INFINITY;
    for (name, time) in hours {
        at(&mut shell, time);
        let picture = shell.picture().unwrap();
        let light = brightness(&picture);
        assert!(light < before, "{name}: {light} after {before}");
        before = light;
        check(&format!("blocks_{name}"), &picture);
    }
}

#[test]
fn a_street_with_facades() {
    let mut shell = offscreen();
    Town::new(24).spawn(shell.world_mut(), DVec3::ZERO);
    shell.look(CameraView::looking_at(DVec3::new(20.0, -300.0, 14.0), DVec3::new(30.0, 0.0, 22.0)));
    check("blocks_street", &shell.picture().unwrap());
}

#[test]
fn effects_are_texels() {
    let mut shell = offscreen();
    let entity = Town::new(10).spawn(shell.world_mut(), DVec3::ZERO);
    shell.look(CameraView::looking_at(DVec3::new(-150.0, -220.0, 140.0), DVec3::ZERO));
    let before = shell.picture().unwrap();
    let mut entry = shell.world_mut().entity_mut(entity);
    let mut table = entry.get_mut::<ObjectTable>().unwrap();
    for feature in 0..table.looks().len() - 1 {
        let mut look = table.looks()[feature];
        match feature % 7 {
            0 => look.flags = look.flags.with(ObjectFlags::HIDDEN),
            1 => look.flags = look.flags.with(ObjectFlags::HIGHLIGHT),
            2 => look.flags = look.flags.with(ObjectFlags::STALE),
            3 => look.flags = look.flags.with(ObjectFlags::OUT_OF_RANGE),
            4 => look.flags = look.flags.with(ObjectFlags::SUSPECT),
            5 => look.height_factor = 2.0,
            _ => {
                look.color = [210, 40, 30, 255];
                look.flags = look.flags.with(ObjectFlags::DATA_COLOR);
            }
        }
        table.set(feature, look);
    }
    let after = shell.picture().unwrap();
    let (_, changed) = difference(&before.rgba, &after.rgba);
    assert!(changed > 0.2, "{changed}");
    check("blocks_effects", &after);
}

/// A large picture to be looked at: `VEDUTA_LOOK=folder cargo test ... -- look --ignored`.
#[test]
#[ignore = "draws large pictures for a person; run with --ignored"]
fn look() {
    let folder = std::path::PathBuf::from(std::env::var("VEDUTA_LOOK").unwrap());
    let _ = tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).try_init();
    let mut shell = Offscreen::new(OffscreenSettings { width: 1280, height: 720, ..Default::default() }).unwrap();
    // From the folder and not as compiled in: a shader can be worked on without building.
    for (handle, path, _) in veduta::engine::shader_table::SHADERS {
        let source = std::fs::read_to_string(format!("{}/shaders/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let mut shaders = shell.world_mut().resource_mut::<Assets<bevy::shader::Shader>>();
        let _ = shaders.insert(handle, bevy::shader::Shader::from_wgsl(source, *path));
    }
    Town::new(110).spawn(shell.world_mut(), DVec3::ZERO);
    for (name, time, view) in [
        ("day", "2026-06-21T15:00:00+08:00", overview()),
        ("evening", "2026-06-21T18:20:00+08:00", overview()),
        ("dusk", "2026-06-21T19:12:00+08:00", overview()),
        ("night", "2026-06-21T23:00:00+08:00", overview()),
        (
            "street",
            "2026-06-21T15:30:00+08:00",
            CameraView::looking_at(DVec3::new(20.0, -300.0, 14.0), DVec3::new(30.0, 0.0, 22.0)),
        ),
    ] {
        at(&mut shell, time);
        shell.look(view);
        let picture = shell.picture().unwrap();
        let start = std::time::Instant::now();
        for _ in 0..5 {
            shell.frame().unwrap();
        }
        println!("{name}: {:.0} ms a frame", start.elapsed().as_secs_f64() * 200.0);
        picture.save(&folder.join(format!("{name}.png"))).unwrap();
    }
}
