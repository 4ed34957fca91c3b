//! Scenes and scenarios from their documents to the picture: real cities, live values, water, what is planned.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use glam::DVec3;
use veduta::app::documents::Documents;
use veduta::app::offscreen::{Offscreen, OffscreenSettings, Picture};
use veduta::app::runs::runs;
use veduta::app::scene_picture::ScenePainter;
use veduta::app::stage::{SharedStage, Stage};
use veduta::app::stage_view::{put_on, select, show_stage, view_of};
use veduta::engine::CameraView;
use veduta::engine::overlay::Overlay;
use veduta::live::ObjectDirectory;
use veduta::quantity::Timestamp;

use crate::golden::{HEIGHT, WIDTH, check, difference};
use crate::shared_data::shared;

/// The small demo city as a package on disk, made once a run.
pub fn demo_package() -> PathBuf {
    static MADE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one = MADE.lock().unwrap();
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cache-{}", std::process::id()));
    let path = cache.join("demo-small-1.city");
    if !path.is_dir() {
        let mut command = Command::new(env!("CARGO_BIN_EXE_veduta"));
        command.args(["demo", "--headless", "-o", cache.to_str().unwrap()]).env_remove("DISPLAY");
        let made = command.output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
    path
}

/// The demo's scene, or scenario with what is added to it, about the package on disk.
fn demo_documents(folder: &Path, scene_more: &str, scenario_more: &str) -> PathBuf {
    let scenes = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenes");
    let scene = fs::read_to_string(scenes.join("demo.toml")).unwrap();
    let package = format!("[city]\npackages = ['{}']\n", demo_package().display());
    let scene = scene.replace("[city.demo]\nseed = 1\nsize = \"small\"\n", &package);
    assert!(scene.contains("packages"));
    fs::write(folder.join("demo.toml"), scene + scene_more).unwrap();
    let scenario = fs::read_to_string(scenes.join("demo.scenario.toml")).unwrap();
    let path = folder.join("demo.scenario.toml");
    fs::write(&path, scenario + scenario_more).unwrap();
    path
}

fn stage(path: &Path, variant: Option<&str>, at: Option<&str>) -> Stage {
    let mut stage = Stage::open(Documents::open(path).unwrap(), variant).unwrap();
    if let Some(at) = at {
        stage.seek(Timestamp::parse(at).unwrap());
    }
    stage
}

fn draw(stage: Stage, camera: CameraView) -> Picture {
    let mut painter = ScenePainter::open(&SharedStage::new(stage), (WIDTH, HEIGHT), 512).unwrap();
    let picture = painter.picture(Some(camera)).unwrap();
    let stats = painter.stats();
    assert!(stats.problems.is_empty() && stats.peak_bytes <= 512 << 20, "{stats:?}");
    picture
}

#[test]
fn a_storm_stands_in_the_harbour() {
    let folder = tempfile::tempdir().unwrap();
    let path = demo_documents(folder.path(), "", "");
    let mut wet = stage(&path, None, Some("2026-07-01T15:40:00+08:00"));
    let dry = draw(stage(&path, None, Some("2026-07-01T15:40:00+08:00")), harbour(&wet));
    wet.runs = runs(&wet, &mut |_, _| true).unwrap();
    let camera = harbour(&wet);
    let picture = draw(wet, camera);
    let (_, changed) = difference(&dry.rgba, &picture.rgba);
    assert!(changed > 0.02, "the water is seen: {changed}");
    check("harbour_storm", &picture);
}

fn harbour(stage: &Stage) -> CameraView {
    view_of(stage, stage.camera("harbour").unwrap()).unwrap()
}

#[test]
fn the_campus_is_coloured_by_what_its_rooms_use() {
    let folder = tempfile::tempdir().unwrap();
    let layer = r##"
[[layer]]
name = "power"
class = "Building"
where = "power is not null"
ramp = { by = "power", stops = [[0, "#1a9850"], [60, "#fee08b"], [120, "#d73027"]] }
height = "0.4 + power / 80"
"##;
    let path = demo_documents(folder.path(), layer, "");
    let stage = stage(&path, None, Some("2026-07-01T11:00:00+08:00"));
    let camera = view_of(&stage, stage.camera("campus").unwrap()).unwrap();
    check("campus_power", &draw(stage, camera));
}

#[test]
fn a_broker_that_is_down_is_told_and_the_picture_comes() {
    let folder = tempfile::tempdir().unwrap();
    let scene = format!(
        "format_version = 1\n[city]\npackages = ['{}']\n[[source]]\nname = 'broker'\nkind = 'mqtt'\nurl = 'mqtt://127.0.0.1:9'\ntopics = ['#']\n",
        demo_package().display()
    );
    fs::write(folder.path().join("live.toml"), scene).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_veduta"));
    command.current_dir(folder.path()).args(["render", "live.toml", "-o", "live.png", "--size", "64x36"]);
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && folder.path().join("live.png").is_file(), "{stderr}");
    assert!(stderr.contains("veduta: source 'broker': ") && stderr.contains("127.0.0.1:9"), "{stderr}");
    // In the two seconds that a picture waits for first values it is tried three times at least.
    assert_eq!(stderr.matches("MQTT lost").count(), 1, "{stderr}");
}

/// What is selected says what it is called, and no longer than it is selected.
#[test]
fn what_is_selected_is_called_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("named.toml");
    let scene = format!("format_version = 1\n[city]\npackages = ['{}']\n", demo_package().display());
    fs::write(&path, scene).unwrap();
    let stage = SharedStage::new(stage(&path, None, None));
    let row = stage.lock().objects.row_of("bldg-veduta-tower").unwrap();
    let name = stage.lock().objects.attribute(row, "name").text().unwrap().to_owned();
    let mut shell = Offscreen::new(OffscreenSettings { width: 64, height: 36, ..Default::default() }).unwrap();
    put_on(shell.world_mut(), &stage).unwrap();
    let mut written = |row: Option<u32>| {
        select(shell.world_mut(), &stage.lock(), row);
        show_stage(shell.world_mut());
        let labels = &shell.world_mut().resource::<Overlay>().labels;
        labels.iter().map(|label| label.text.clone()).collect::<Vec<_>>()
    };
    assert_eq!(written(Some(row)), [name]);
    assert!(written(None).is_empty());
}

#[test]
fn what_cannot_be_seen_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let package = demo_package();
    let hidden = "[[layer]]\nname = 'none'\nclass = 'Building'\nvisible = false\n";
    let scene = format!("format_version = 1\n[city]\npackages = ['{}']\n{hidden}", package.display());
    fs::write(folder.path().join("hidden.toml"), scene).unwrap();
    let told = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_veduta"));
        command.current_dir(folder.path()).args(["render", "hidden.toml", "-o", "x.png", "--size", "64x36"]);
        let output = command.args(arguments).output().unwrap();
        assert!(output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let selected = told(&["--select", "bldg-veduta-tower"]);
    assert!(selected.contains("'bldg-veduta-tower' is selected but not drawn"), "{selected}");
    let elsewhere = told(&["--camera", "2.35,48.85,400,0,-30"]);
    assert!(elsewhere.contains("nothing of the city is in this picture"), "{elsewhere}");
}

#[test]
fn empty_and_torn_tiles_are_told_by_name_and_the_rest_is_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let copied = Command::new("cp").arg("-r").arg(demo_package()).arg(folder.path().join("torn.city")).status();
    assert!(copied.unwrap().success());
    // Every finest tile, one in two of them empty and the others cut in half; the coarser ones stay.
    let content = folder.path().join("torn.city/content");
    let levels = fs::read_dir(&content).unwrap().map(|entry| entry.unwrap().path());
    let finest = levels.max_by_key(|path| path.file_name().unwrap().to_str().unwrap().parse::<u32>().unwrap()).unwrap();
    for column in fs::read_dir(finest).unwrap().map(|entry| entry.unwrap().path()) {
        for (number, tile) in fs::read_dir(column).unwrap().map(|entry| entry.unwrap().path()).enumerate() {
            let bytes = fs::read(&tile).unwrap();
            fs::write(&tile, &bytes[..if number % 2 == 0 { 0 } else { bytes.len() / 2 }]).unwrap();
        }
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_veduta"));
    command.current_dir(folder.path()).args(["render", "torn.city", "-o", "torn.png", "--size", "640x360"]);
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && folder.path().join("torn.png").is_file(), "{stderr}");
    let mut told: Vec<&str> = stderr.lines().filter(|line| line.starts_with("veduta: ")).collect();
    let last = told.pop().unwrap_or_default();
    assert!(last.contains("tiles cannot be read and are missing in torn.png"), "{stderr}");
    assert!(
        !told.is_empty() && told.iter().all(|line| line.contains("glb: ") && line.contains(": content/")),
        "{stderr}"
    );
}

#[test]
fn a_night_in_the_demo_city() {
    let folder = tempfile::tempdir().unwrap();
    let path = demo_documents(folder.path(), "", "");
    let stage = stage(&path, None, Some("2026-07-01T21:30:00+08:00"));
    let camera = view_of(&stage, stage.camera("street").unwrap()).unwrap();
    check("demo_night", &draw(stage, camera));
}

#[test]
fn a_variant_has_a_tower_more_and_a_block_less() {
    let folder = tempfile::tempdir().unwrap();
    let edits = r##"
[[edit]]
name = "tower"
kind = "add_footprint"
id = "proposal"
footprint = [[121.9056, 30.9007], [121.9063, 30.9007], [121.9063, 30.9012], [121.9056, 30.9012]]
height_m = 130
color = "#ffb84d"

[[edit]]
name = "gone"
kind = "remove"
id = "campus-zone-1-b1"

[[variant]]
name = "today"

[[variant]]
name = "built"
edits = ["tower", "gone"]
"##;
    let path = demo_documents(folder.path(), "", edits);
    let at = Some("2026-07-01T10:00:00+08:00");
    let today = stage(&path, None, at);
    let camera = view_of(&today, today.camera("campus").unwrap()).unwrap();
    let today = draw(today, camera);
    let built = draw(stage(&path, Some("built"), at), camera);
    let (_, changed) = difference(&today.rgba, &built.rgba);
    assert!(changed > 0.01, "{changed}");
    check("variant_built", &built);
}

/// A package of shared data, imported by the program itself.
fn imported(folder: &Path, sources: &[&Path]) -> PathBuf {
    let path = folder.join("city.city");
    let mut command = Command::new(env!("CARGO_BIN_EXE_veduta"));
    let made = command.arg("import").args(sources).arg("-o").arg(&path).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    path
}

#[test]
fn tokyo_from_above() {
    let Some(source) = shared("tokyo/mvt_buildings") else { return };
    let folder = tempfile::tempdir().unwrap();
    let stage = stage(&imported(folder.path(), &[&source]), None, None);
    let tokyo_station = stage.city.plane_from_degrees(139.7671, 35.6812).extend(0.0);
    let camera = CameraView::looking_at(tokyo_station + DVec3::new(-2600.0, -4200.0, 2300.0), tokyo_station);
    check("tokyo_above", &draw(stage, camera));
}

#[test]
fn a_street_in_rotterdam() {
    let Some(source) = shared("citymodel/cityjson/rotterdam_delfshaven_3-20.city.json") else { return };
    let folder = tempfile::tempdir().unwrap();
    let stage = stage(&imported(folder.path(), &[&source]), None, None);
    let bounds = stage.city.table().bounds().iter().fold(veduta::geometry::Bounds::EMPTY, |all, one| all.union(*one));
    let foot = bounds.center().with_z(bounds.min.z);
    let camera = CameraView::looking_at(foot + DVec3::new(-60.0, -150.0, 32.0), foot + DVec3::Z * 8.0);
    check("rotterdam_street", &draw(stage, camera));
}

/// A map of Fuji's slopes as XYZ tiles of zoom 10: eight by eight squares a tile, green and brown,
/// with pale lines between them.
fn chequered_tiles(folder: &Path) {
    for (x, y) in (906..909).flat_map(|x| (403..406).map(move |y| (x, y))) {
        let tile = image::RgbImage::from_fn(256, 256, |i, j| match (i % 32, j % 32) {
            (0 | 1, _) | (_, 0 | 1) => image::Rgb([235, 235, 225]),
            _ if (i / 32 + j / 32) % 2 == 0 => image::Rgb([66, 98, 52]),
            _ => image::Rgb([150, 132, 92]),
        });
        let path = folder.join(format!("10/{x}/{y}.png"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        tile.save(path).unwrap();
    }
}

#[test]
fn an_image_lies_on_mount_fuji() {
    let Some(elevation) = shared("terrain/mt_fuji_90m.tif") else { return };
    let folder = tempfile::tempdir().unwrap();
    let map = folder.path().join("map");
    chequered_tiles(&map);
    let stage = stage(&imported(folder.path(), &[&elevation, &map]), None, None);
    let top = stage.city.plane_from_degrees(138.7275, 35.3606).extend(2600.0);
    let camera = CameraView::looking_at(top + DVec3::new(-6_000.0, -17_000.0, 4_200.0), top);
    let picture = draw(stage, camera);
    let greenish = picture.rgba.chunks_exact(4).filter(|p| p[1] > p[0] && p[1] > p[2]).count();
    let reddish = picture.rgba.chunks_exact(4).filter(|p| p[0] > p[1] && p[1] > p[2]).count();
    assert!(greenish > 2_000 && reddish > 2_000, "both kinds of squares are seen: {greenish}, {reddish}");
    check("fuji_map", &picture);
}
