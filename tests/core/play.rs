//! `veduta play --headless` and `veduta simulate` from the command line.

use std::fs;
use std::path::Path;

use veduta::sim::{RecordingHeader, RecordingWriter, SimFrame, SimGrid, SimStatistics};

use crate::cli::{FOOTPRINTS, failure, success, veduta};
use crate::shared_data::shared;

const SCENE: &str = r#"format_version = 1
name = "town"
[city]
packages = ["town.city"]
[[binding]]
stream = "box/{station}/level"
to = { nearest = "Building", within_m = 500 }
property = "level"
unit = "m"
stale_after_s = 7200
[[indicator]]
name = "level"
expression = "max(level)"
unit = "m"
warning = 1
critical = 2
[[indicator]]
name = "volume"
expression = "sum(height)"
[[indicator]]
name = "buildings"
expression = "count()"
[[indicator]]
name = "each"
expression = "count()"
per = "Building"
[[alarm]]
name = "flooded"
message = "{name}: {format(value, 1)} m"
property = "level"
above = 1.5
hysteresis = 0.5
[[camera]]
name = "top"
place = [121.001, 31.0, 900]
pitch = -80
"#;

const SCENARIO: &str = r#"format_version = 1
scene = "town.toml"
step_s = 600
[time]
start = "2026-05-01T00:00:00+08:00"
end = "2026-05-01T12:00:00+08:00"
[[recording]]
name = "box"
files = ["levels/*.csv"]
time_column = "when"
value_columns = ["level"]
stations = "stations.csv"
station_columns = ["station", "lon", "lat"]
zone = "+08:00"
[[event]]
at = "+3600"
kind = "set"
object = "a"
property = "height"
value = 31
[[event]]
at = "+7200"
kind = "message"
text = "雨"
for_s = 600
[[edit]]
name = "tower"
kind = "add_footprint"
id = "new"
footprint = [[121.006, 31.0], [121.007, 31.0], [121.007, 31.001], [121.006, 31.001]]
height_m = 50
base_m = 0
[[edit]]
name = "west"
kind = "remove"
id = "b"
[[variant]]
name = "today"
[[variant]]
name = "built"
edits = ["tower", "west"]
[report]
picture_every_s = 3600
"#;

/// A town with a scene and a scenario.
pub fn town(folder: &Path) {
    fs::write(folder.join("town.geojson"), FOOTPRINTS).unwrap();
    success(folder, &["import", "town.geojson", "-o", "town.city"]);
    fs::write(folder.join("town.toml"), SCENE).unwrap();
    fs::write(folder.join("town.scenario.toml"), SCENARIO).unwrap();
    fs::write(folder.join("stations.csv"), "station,lon,lat\nS1,121.0005,31.0005\nS2,121.0025,31.0005\n").unwrap();
    fs::create_dir_all(folder.join("levels")).unwrap();
    let hours = |values: [f64; 6]| {
        let rows = values.iter().zip([1, 2, 3, 4, 5, 6]).map(|(v, hour)| format!("2026-05-01 {hour:02}:00:00,{v}"));
        format!("when,level\n{}\n", rows.collect::<Vec<_>>().join("\n"))
    };
    fs::write(folder.join("levels/S1.csv"), hours([0.1, 0.4, 1.2, 1.8, 0.9, 0.2])).unwrap();
    fs::write(folder.join("levels/S2.csv"), hours([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])).unwrap();
}

#[test]
fn a_play_writes_what_happened_and_is_the_same_twice() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    town(folder);
    let size = ["--size", "64x36"];
    let play = |out: &str| {
        let arguments = ["play", "town.scenario.toml", "--headless", "--out", out];
        success(folder, &[&arguments[..], &size].concat());
        fs::read_to_string(folder.join(out).join("play.json")).unwrap()
    };
    let (first, second) = (play("one"), play("two"));
    assert_eq!(first, second);
    let facts: serde_json::Value = serde_json::from_str(&first).unwrap();
    assert_eq!((&facts["steps"], &facts["observations"]), (&72.into(), &12.into()), "{facts}");
    let log = fs::read_to_string(folder.join("one/events.csv")).unwrap();
    // Hour 4 and hour 5 of +08:00.
    assert!(log.contains("2026-04-30T20:00:00Z,alarm_raised,a,flooded,1.8,warning,东楼: 1.8 m"), "{log}");
    assert!(log.contains("2026-04-30T21:00:00Z,alarm_cleared,a,flooded"), "{log}");
    let figures = fs::read_to_string(folder.join("one/indicators.csv")).unwrap();
    assert!(figures.contains("2026-04-30T16:00:00Z,level,,,m,unknown"), "{figures}");
    assert!(figures.contains("2026-04-30T19:00:00Z,level,,1.2,m,warning"), "{figures}");
    // The set attribute counts from its step on; 'bow' is 9 m high.
    assert!(figures.contains("2026-04-30T16:00:00Z,volume,,159,"), "{figures}");
    assert!(figures.contains("2026-04-30T17:00:00Z,volume,,160,"), "{figures}");
    // After two hours without news nothing is known any more.
    assert!(figures.contains("2026-05-01T01:00:00Z,level,,,m,unknown"), "{figures}");
}

/// Each slip of a scene or scenario is found, with its line and what was meant.
#[test]
fn check_finds_each_slip() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    town(folder);
    fs::write(folder.join("ok.toml"), SCENE).unwrap();
    let line_of = |text: &str, part: &str| text[..text.find(part).unwrap()].lines().count();
    let source = "[[source]]\nname = \"b\"\nkind = \"mqtt\"\nurl = \"mqtts://localhost\"\ntopics = [\"a/+\"]\n";
    let layer = "[[layer]]\nname = \"l\"\nclass = \"Building\"\nwhere = \"height > 3\"\n";
    let base = format!("{SCENE}{layer}{source}");
    for (from, to, told) in [
        ("class = \"Building\"", "class = \"Buildng\"", "no class 'Buildng' (did you mean 'Building'?)"),
        (
            "height > 3",
            "heigth > 3",
            "no object has an attribute 'heigth', and no binding sets it (did you mean 'height'?); where an event of a scenario",
        ),
        ("height > 3", "floors > 3", "no object has an attribute 'floors'"),
        ("property = \"level\"\nabove", "property = \"lvel\"\nabove", "no binding sets 'lvel', and no indicator"),
        ("{name}: {format(value, 1)} m", "{nmae}: {value}", "no object has an attribute 'nmae'"),
        ("per = \"Building\"", "per = \"House\"", "no class 'House'; there are Building"),
        ("max(level)", "max(level) / totl", "no indicator is named 'totl'"),
        ("nearest = \"Building\"", "nearest = \"Bilding\"", "no class 'Bilding'"),
        ("a/+", "a/+b", "'a/+b' is no topic filter"),
        ("topics = [\"a/+\"]", "topics = [\"a/+\"]\nmapping = { stream = \"{9}\" }", "{9} is no segment"),
        ("packages = [\"town.city\"]", "packages = [\"gone.city\"]", "no city package is there: gone.city"),
        ("place = [121.001, 31.0, 900]", "object = \"bw\"", "the city has no object 'bw'"),
    ] {
        let text = base.replacen(from, to, 1);
        assert_ne!(text, base, "{from}");
        fs::write(folder.join("wrong.toml"), &text).unwrap();
        let output = veduta(folder, &["check", "wrong.toml"]);
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(1), "{to}: {stdout}");
        let slip = to.lines().last().unwrap();
        let place = format!("wrong.toml:{}:", line_of(&text, slip) + 1);
        let near = format!("wrong.toml:{}:", line_of(&text, slip));
        assert!(
            stdout.contains(told) && (stdout.contains(&place) || stdout.contains(&near)),
            "{place} {told}: {stdout}"
        );
    }
    // Far from the city a camera may be meant so.
    fs::write(folder.join("far.toml"), base.replace("place = [121.001, 31.0, 900]", "place = [21.001, 31.0, 900]"))
        .unwrap();
    let stdout = success(folder, &["check", "far.toml"]);
    assert!(stdout.contains("warning: camera 'top' stands at [21.001, 31], 100 degrees from the city"), "{stdout}");
    // All at once: what is wrong with the text, and what it says of the city that is not so.
    let both = base.replace("height > 3", "heigth > 3").replace("kind = \"mqtt\"", "kind = \"mqt\"");
    fs::write(folder.join("wrong.toml"), both).unwrap();
    let stdout = String::from_utf8_lossy(&veduta(folder, &["check", "wrong.toml"]).stdout).into_owned();
    assert!(stdout.contains("'heigth'") && stdout.contains("mqt") && stdout.contains("2 errors"), "{stdout}");
    let unsafe_source = base.replace("topics =", "ca_file = \"nope.pem\"\ntopics =");
    fs::write(folder.join("wrong.toml"), unsafe_source).unwrap();
    let stdout = String::from_utf8_lossy(&veduta(folder, &["check", "wrong.toml"]).stdout).into_owned();
    assert!(stdout.contains("nope.pem") && stdout.contains("1 error"), "{stdout}");
}

#[test]
fn check_does_what_a_play_does_first() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    town(folder);
    let close = "[[event]]\nat = \"+60\"\nkind = \"close\"\nobject = \"bridge\"\n[report]";
    let storm = "[[simulation]]\nname = \"storm\"\nkind = \"flood\"\nbbox = [121.0, 31.0, 121.001, 31.001]\ncell_m = 5\n\
        duration_s = 60\noutput_s = 30\nrain_mm_h = [[0, 50]]\n[report]";
    let late = storm.replace("cell_m", "start = \"+90000\"\ncell_m");
    for (from, to, told) in [
        ("id = \"b\"", "id = \"bb\"", "has no object 'bb'"),
        ("[report]", close, "no object 'bridge'"),
        ("[report]", storm, "simulation 'storm': the city has no terrain"),
        ("[report]", &late, "lies after the end of the play"),
        ("at = \"+3600\"", "at = \"600\"", "'600' is no time; write seconds after the start like '+90'"),
        ("at = \"+3600\"", "at = 600", "text in quotes belongs here, not 600"),
        (
            "scene = \"town.toml\"",
            "scene = \"twon.toml\"",
            "wrong.scenario.toml:2:9: no such package, scene or scenario",
        ),
        ("object = \"a\"", "object = \"aa\"", "no object 'aa' (did you mean 'a'?)"),
        ("value_columns = [\"level\"]", "value_columns = [\"lvl\"]", "has the column 'lvl'"),
        ("levels/*.csv", "lvels/*.csv", "lvels/*.csv"),
        ("name = \"box\"", "name = \"bx\"", "2 of its 2 streams are shown nowhere, no binding matches the stream"),
        ("end = \"2026-05-01T12", "end = \"2026-04-01T12", "the end does not lie after the start"),
        ("files = [\"levels/*.csv\"]", "files = [\"${NO_A}/${NO_B}\"]", "'NO_A', 'NO_B' are not set"),
    ] {
        let text = SCENARIO.replacen(from, to, 1);
        assert_ne!(text, SCENARIO, "{from}");
        fs::write(folder.join("wrong.scenario.toml"), &text).unwrap();
        let output = veduta(folder, &["check", "wrong.scenario.toml"]);
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.code() == Some(1) && stdout.contains(told), "{to}: {stdout}");
        assert!(stdout.contains("1 error,"), "told once: {stdout}");
    }
    let far = SCENARIO.replace(
        "[[121.006, 31.0], [121.007, 31.0], [121.007, 31.001], [121.006, 31.001]]",
        "[[31.0, 12.0], [31.1, 12.0], [31.0, 12.1]]",
    );
    fs::write(folder.join("far.scenario.toml"), far).unwrap();
    let stdout = success(folder, &["check", "far.scenario.toml"]);
    assert!(stdout.contains("edit 'tower' stands at [31, 12], 90 degrees from the city"), "{stdout}");
    let output = veduta(folder, &["check", "nothing.toml"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && told.contains("no such package, scene or scenario"), "{told}");
    fs::write(folder.join("wrong.scenario.toml"), SCENARIO.replace("[report]", close)).unwrap();
    let line = failure(folder, &["play", "wrong.scenario.toml", "--headless", "--out", "x", "--size", "64x36"]);
    assert!(line.contains("'bridge', which the city does not have"), "{line}");
    assert!(!folder.join("x").exists());
}

/// An object without a name is called by its identifier; the variant that holds by default is named.
#[test]
fn a_message_names_its_object() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    town(folder);
    fs::write(folder.join("stations.csv"), "station,lon,lat\nS1,121.0045,31.0005\nS2,121.0025,31.0005\n").unwrap();
    success(folder, &["play", "town.scenario.toml", "--headless", "--out", "run", "--size", "64x36"]);
    let log = fs::read_to_string(folder.join("run/events.csv")).unwrap();
    assert!(log.contains(",alarm_raised,bow,flooded,1.8,warning,bow: 1.8 m"), "{log}");
    let facts: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(folder.join("run/play.json")).unwrap()).unwrap();
    assert_eq!(facts["variant"], "today", "{facts}");
}

/// What a recording brings and nothing shows is counted by reason, warned of once each, and summed up at the end.
#[test]
fn what_is_bound_to_nothing_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    town(folder);
    fs::write(folder.join("stations.csv"), "station,lon,lat\nS1,121.0005,31.0005\nS2,122.5,31.0005\n").unwrap();
    let mut rows = fs::read_to_string(folder.join("levels/S1.csv")).unwrap();
    rows.push_str("2026-05-01 07:00:00,high\nsoon,1\n");
    fs::write(folder.join("levels/S1.csv"), rows).unwrap();
    fs::write(folder.join("levels/S3.csv"), "when,level\n2026-05-01 01:00:00,1\n").unwrap();
    let output = veduta(folder, &["play", "town.scenario.toml", "--headless", "--out", "run", "--size", "64x36"]);
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stderr}");
    let facts = fs::read_to_string(folder.join("run/play.json")).unwrap();
    let facts: serde_json::Value = serde_json::from_str(&facts).unwrap();
    let expected = serde_json::json!({
        "no object near enough": 6, "no place is known to find the nearest object of": 1, "not a time": 1, "wrong type": 1,
    });
    let source = &facts["sources"][0];
    assert_eq!((&source["received"], &source["bound"], &source["not_bound"]), (&15.into(), &6.into(), &expected));
    assert!(stdout.contains("observations: 15 received, 6 bound; not bound: 6 no object near enough"), "{stdout}");
    assert!(!stderr.contains('\u{1b}'), "no colour codes in a file: {stderr:?}");
    for (reason, example) in [("no object near enough", "box/S2/level"), ("not a time", "S1.csv:9: 'soon'")] {
        let told: Vec<&str> = stderr.lines().filter(|line| line.contains(reason)).collect();
        assert_eq!(told.len(), 1, "once: {stderr}");
        assert!(told[0].contains("source 'box'") && told[0].contains(example), "{told:?}");
    }
}

/// A play shows what it can of documents that name what the city does not have, and says what they name.
#[test]
fn what_the_city_does_not_have_is_told_by_a_play_too() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    town(folder);
    fs::write(folder.join("town.toml"), SCENE.replace("sum(height)", "sum(hieght)")).unwrap();
    let output = veduta(folder, &["play", "town.scenario.toml", "--headless", "--out", "run", "--size", "64x36"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let line = "veduta: warning: town.toml:19:14: no object has an attribute 'hieght'";
    assert!(output.status.success() && told.matches(line).count() == 1, "{told}");
}

/// An alarm that an event has raised stays until an event clears it.
#[test]
fn an_event_clears_what_an_event_has_raised() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    town(folder);
    let event = |at: u32, rest: &str| format!("[[event]]\nat = \"+{at}\"\nobject = \"a\"\n{rest}\n");
    let raised = event(60, "kind = \"alarm\"\nmessage = \"smoke\"\nseverity = \"critical\"");
    let events = raised + &event(600, "kind = \"clear_alarm\"");
    fs::write(folder.join("town.scenario.toml"), SCENARIO.replace("[report]", &format!("{events}[report]"))).unwrap();
    assert!(success(folder, &["check", "town.scenario.toml"]).contains("0 errors"));
    success(folder, &["play", "town.scenario.toml", "--headless", "--out", "run", "--size", "64x36"]);
    let log = fs::read_to_string(folder.join("run/events.csv")).unwrap();
    assert!(log.contains("2026-04-30T16:01:00Z,alarm,a,,,critical,smoke"), "{log}");
    assert!(log.contains("2026-04-30T16:10:00Z,clear_alarm,a,"), "{log}");
}

/// A file that is no recording is nobody's to replace, and a scene behind a variable is checked like any other.
#[test]
fn simulate_replaces_recordings_only_and_check_knows_its_variables() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    town(folder);
    let storm = "[[simulation]]\nname = \"storm\"\nkind = \"flood\"\nbbox = [121.0, 31.0, 121.001, 31.001]\ncell_m = 5\n\
        duration_s = 60\noutput_s = 30\nrain_mm_h = [[0, 50]]\n[report]";
    fs::write(folder.join("storm.scenario.toml"), SCENARIO.replace("[report]", storm)).unwrap();
    let line = failure(folder, &["simulate", "storm.scenario.toml", "-o", "stations.csv"]);
    assert!(line.contains("something else is there") && line.contains("stations.csv"), "{line}");
    assert!(fs::read_to_string(folder.join("stations.csv")).unwrap().starts_with("station,lon,lat"));
    let fine = storm.replace("cell_m = 5", "cell_m = 0.001");
    fs::write(folder.join("storm.scenario.toml"), SCENARIO.replace("[report]", &fine)).unwrap();
    let checked = veduta(folder, &["check", "storm.scenario.toml"]);
    let told = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.code() == Some(1) && told.contains("choose a larger 'cell_m'"), "{told}");
    fs::write(folder.join("gone.toml"), SCENE.replace("town.city", "${HOME}/gone.city")).unwrap();
    let checked = veduta(folder, &["check", "gone.toml"]);
    let told = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(told.contains("no city package is there") && !told.contains("is not set"), "{told}");
}

#[test]
fn info_tells_what_a_scenario_holds() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    town(folder);
    let facts: serde_json::Value =
        serde_json::from_str(&success(folder, &["info", "town.scenario.toml", "--json"])).unwrap();
    assert_eq!(facts["variants"], serde_json::json!(["today", "built"]), "{facts}");
    assert_eq!(facts["indicators"], serde_json::json!(["level", "volume", "buildings", "each"]), "{facts}");
    assert!(success(folder, &["info", "town.toml"]).contains("cameras     top"));
}

#[test]
fn check_finds_what_the_city_does_not_have() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    town(folder);
    assert!(success(folder, &["check", "town.scenario.toml"]).contains("0 errors"));
    let told = |from: &str, to: &str| {
        fs::write(folder.join("wrong.toml"), SCENE.replace(from, to)).unwrap();
        let output = veduta(folder, &["check", "wrong.toml"]);
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stdout).unwrap()
    };
    let line = told("sum(height)", "sum(hieght)");
    assert!(line.contains("'hieght'") && line.contains("did you mean 'height'"), "{line}");
    let line = told("town.city", "gone.city");
    assert!(line.contains("no city package is there: gone.city"), "{line}");
}

#[test]
fn a_variant_changes_what_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    town(folder);
    let arguments =
        ["play", "town.scenario.toml", "--headless", "--out", "run", "--variant", "built", "--size", "64x36"];
    fs::write(folder.join("town.toml"), SCENE.replace("place = [121.001, 31.0, 900]", "object = \"b\"")).unwrap();
    let output = veduta(folder, &arguments);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let nowhere = "camera 'top' looks at 'b', which is nowhere";
    assert!(output.status.success() && told.contains(nowhere), "{told}");
    let checked = success(folder, &["check", "town.scenario.toml"]);
    assert!(checked.contains(&format!("warning: {nowhere}: it is not flown to in variant 'built'")), "{checked}");
    let figures = fs::read_to_string(folder.join("run/indicators.csv")).unwrap();
    assert!(figures.contains("2026-04-30T16:00:00Z,volume,,89,"), "30 + 9 + 50, without the 120 m of 'b': {figures}");
    assert!(figures.contains("2026-04-30T16:00:00Z,buildings,,3,"), "three and the new one, without 'b': {figures}");
    assert!(figures.contains(",each,new,1,") && !figures.contains(",each,b,"), "{figures}");
    // The second station's nearest building within 500 m is 'a' now.
    assert!(figures.contains("2026-04-30T22:00:00Z,level,,0.6,m,normal"), "{figures}");
    let line = failure(folder, &["play", "town.scenario.toml", "--headless", "--out", "x", "--variant", "bulit"]);
    assert!(line.contains("no variant is named 'bulit'") && line.contains("today, built"), "{line}");
    assert!(!folder.join("x").exists());
}

/// The scenario of [`town`] with a recorded simulation in it, and the bytes of `storm.run`.
pub fn with_storm(folder: &Path) -> (String, Vec<u8>) {
    let header = RecordingHeader { kind: "flood".into(), name: "storm".into(), seed: 5 };
    let (mut writer, mut bytes) = RecordingWriter::begin(header, &SimGrid::flat(3, 2, 4.0)).unwrap();
    for (time_s, depth) in [(0.0, 0.0), (600.0, 1.25)] {
        bytes.extend(writer.frame(&SimFrame::new(time_s, vec![depth; 6], SimStatistics::default())).unwrap());
    }
    bytes.extend(writer.finish());
    fs::write(folder.join("storm.run"), &bytes).unwrap();
    let storm = "[[simulation]]\nname = \"storm\"\nkind = \"flood\"\nrecording = \"storm.run\"\n";
    (SCENARIO.replace("[report]", &format!("{storm}[report]")), bytes)
}

/// A recorded simulation says everything but its name, kind and file itself.
#[test]
fn a_recorded_simulation_is_played_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    town(folder);
    let (scenario, mut bytes) = with_storm(folder);
    fs::write(folder.join("storm.scenario.toml"), &scenario).unwrap();
    success(folder, &["play", "storm.scenario.toml", "--headless", "--out", "run", "--size", "64x36"]);
    assert!(fs::read_to_string(folder.join("run/play.json")).unwrap().contains("\"frames\": 2"));
    let told = success(folder, &["info", "storm.run"]);
    assert!(told.contains("flood 'storm', 3 x 2 cells of 4 m, 2 frames over 600 s"), "{told}");
    assert!(success(folder, &["check", "storm.run"]).contains("0 errors"));
    bytes.truncate(bytes.len() - 9);
    fs::write(folder.join("cut.run"), &bytes).unwrap();
    assert!(String::from_utf8_lossy(&veduta(folder, &["check", "cut.run"]).stdout).contains("cut.run: 1 error"));
    let computed = scenario.replace("recording = \"storm.run\"", "cell_m = 5");
    fs::write(folder.join("bare.scenario.toml"), computed).unwrap();
    let checked = veduta(folder, &["check", "bare.scenario.toml"]);
    let told = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(
        ["bbox", "duration_s", "output_s"].iter().all(|key| told.contains(&format!("'{key}' is missing"))),
        "{told}"
    );
}

#[test]
fn what_cannot_be_played_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    town(folder);
    let line = failure(folder, &["play", "town.toml", "--headless", "--out", "x"]);
    assert!(line.contains("no scenario") && line.ends_with("town.toml"), "{line}");
    let line = failure(folder, &["simulate", "town.scenario.toml", "-o", "x.run"]);
    assert!(line.contains("has no simulation"), "{line}");
    fs::remove_dir_all(folder.join("levels")).unwrap();
    let line = failure(folder, &["play", "town.scenario.toml", "--headless", "--out", "x"]);
    assert!(line.contains("levels/*.csv"), "{line}");
    let storm = "[[simulation]]\nname = \"storm\"\nkind = \"flood\"\nbbox = [121.0, 31.0, 121.001, 31.001]\ncell_m = 5\nduration_s = 60\noutput_s = 30\nrain_mm_h = [[0, 50]]\n";
    fs::write(folder.join("storm.scenario.toml"), SCENARIO.replace("[report]", &format!("{storm}[report]"))).unwrap();
    let line = failure(folder, &["simulate", "storm.scenario.toml", "-o", "x.run"]);
    assert!(line.contains("levels") || line.contains("no terrain"), "{line}");
    let leftovers: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!leftovers.iter().any(|name| name == "x" || name == "x.run"), "{leftovers:?}");
}

#[test]
fn recorded_air_lies_on_the_buildings_of_tokyo() {
    let Some(air) = shared("tokyo/air_quality") else { return };
    let Some(buildings) = shared("tokyo/mvt_buildings") else { return };
    let folder = tempfile::tempdir().unwrap();
    let city = folder.path().join("tokyo.city");
    success(folder.path(), &["import", buildings.to_str().unwrap(), "-o", city.to_str().unwrap()]);
    let scenario = concat!(env!("CARGO_MANIFEST_DIR"), "/scenes/tokyo_air.scenario.toml");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_veduta"));
    command.current_dir(folder.path()).env("TOKYO_AIR", air).env("TOKYO_CITY", city).env_remove("DISPLAY");
    let output = command.args(["play", scenario, "--headless", "--out", "run", "--size", "96x54"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let facts = fs::read_to_string(folder.path().join("run/play.json")).unwrap();
    let facts: serde_json::Value = serde_json::from_str(&facts).unwrap();
    assert_eq!(facts["steps"], 59, "{facts}");
    // Stations with a building within 300 m, each with a value on most days.
    let observations = facts["observations"].as_u64().unwrap();
    assert!((800..1700).contains(&observations), "{facts}");
    let log = fs::read_to_string(folder.path().join("run/events.csv")).unwrap();
    assert!(
        log.contains("2015-01-07T15:00:00Z,alarm_raised,13101-bldg-11450,bad_air,52.667,warning,NO2 53 ppb"),
        "{log}"
    );
}
