//! Scenes and scenarios: everything wrong is told at once, with its line.

use proptest::prelude::*;
use veduta::scene::{EditAction, Effect, Environment, EventAction, read_scenario, read_scene};

const SCENE: &str = r##"format_version = 1
name = "Harbour"

[city]
packages = ["harbour.veduta"]
[city.demo]
seed = 7
size = "small"

[time]
start = "2026-07-01T06:00:00+08:00"

[[layer]]
name = "buildings"
class = "Building"
where = "height > 20"
color = "#c0c8d0"
ramp = { by = "height", stops = [[0, "#ffffff"], [100, "#ff0000"]], missing = "#808080" }
label = { text = "name", within_m = 500, limit = 20 }

[[source]]
name = "broker"
kind = "mqtt"
url = "mqtts://${BROKER}:8883"
topics = ["city/#"]
username = "viewer"
password = "${SECRET}"
[source.mapping]
value = "/v"

[[binding]]
source = "broker"
stream = "city/{building}/power"
to = { id = "{building}" }
property = "power"
unit = "kW"
stale_after_s = 60
range = [0, 1000]
[[binding.effect]]
kind = "color"
ramp = { stops = [[0, "#00ff00"], [1000, "#ff0000"]] }
[[binding.effect]]
kind = "pulse"
when = "value > 900"
color = "#ff0000"

[[indicator]]
name = "total_power"
expression = "sum(power)"

[[alarm]]
name = "overload"
property = "power"
above = 900
hysteresis = 50

[[camera]]
name = "top"
target = [113.5, 22.2, 10]
distance_m = 900
pitch = -60

[tour]
cameras = ["top"]
hold_s = 5

[panel]
indicators = ["total_power"]
"##;

const SCENARIO: &str = r##"format_version = 1
scene = "harbour.toml"
seed = 3
[time]
start = "2026-07-01T06:00:00Z"
end = "2026-07-01T07:00:00Z"

[[edit]]
name = "tower"
kind = "add_footprint"
id = "T1"
footprint = [[113.5, 22.2], [113.501, 22.2], [113.501, 22.201]]
height_m = 120
color = "#aabbcc"
[[edit]]
name = "gone"
kind = "remove"
id = "B7"

[[event]]
at = "+90"
kind = "set"
object = "B1"
property = "status"
value = "closed"
[[event]]
at = "2026-07-01T06:10:00Z"
kind = "camera"
camera = "top"
flight_s = 3

[[recording]]
name = "air"
files = ["air/*.csv"]
time_column = "date"
value_columns = ["PM25_mean"]
zone = "+09:00"

[[simulation]]
name = "storm"
kind = "flood"
bbox = [113.4, 22.1, 113.6, 22.3]
cell_m = 10
duration_s = 3600
output_s = 60
rain_mm_h = [[0, 50], [1800, 0]]

[[variant]]
name = "built"
edits = ["tower"]

[report]
indicators = ["total_power"]
"##;

fn environment() -> Environment {
    Environment::from([("BROKER".into(), "broker.example".into()), ("SECRET".into(), "s3cret".into())])
}

fn scene_problems(text: &str) -> Vec<String> {
    let error = read_scene(text, "s.toml", &environment()).expect_err("refused");
    error.to_string().lines().map(str::to_owned).collect()
}

fn scenario_problems(text: &str) -> Vec<String> {
    let scene = read_scene(SCENE, "s.toml", &environment()).unwrap();
    let error = read_scenario(text, "p.toml", &environment(), Some(&scene)).expect_err("refused");
    error.to_string().lines().map(str::to_owned).collect()
}

/// The line and column of `part` in `text`, as messages begin.
fn place_of(file: &str, text: &str, part: &str) -> String {
    let at = text.find(part).expect("the part is there");
    let start = text[..at].rfind('\n').map_or(0, |n| n + 1);
    format!("{file}:{}:{}: ", text[..at].matches('\n').count() + 1, at - start + 1)
}

#[test]
fn a_whole_scene_is_read_with_its_variables() {
    let scene = read_scene(SCENE, "s.toml", &environment()).unwrap();
    assert_eq!(scene.sources[0].url.as_deref(), Some("mqtts://broker.example:8883"));
    assert_eq!(scene.sources[0].password.as_deref(), Some("s3cret"));
    assert_eq!(scene.layers[0].ramp.as_ref().unwrap().stops[1], (100.0, "#ff0000".to_owned()));
    assert!(matches!(&scene.bindings[0].effects[0], Effect::Color { ramp } if ramp.by == "value"));
    let written = toml::to_string(&scene).unwrap();
    assert_eq!(read_scene(&written, "s.toml", &environment()).unwrap(), scene, "what is written is read back");
}

#[test]
fn a_whole_scenario_is_read() {
    let scene = read_scene(SCENE, "s.toml", &environment()).unwrap();
    let scenario = read_scenario(SCENARIO, "p.toml", &environment(), Some(&scene)).unwrap();
    assert!(matches!(&scenario.edits[0].action, EditAction::AddFootprint { height_m: 120.0, .. }));
    assert!(matches!(&scenario.events[1].action, EventAction::Camera { flight_s: 3.0, .. }));
    let written = toml::to_string(&scenario).unwrap();
    assert_eq!(read_scenario(&written, "p.toml", &environment(), None).unwrap(), scenario);
}

#[test]
fn every_problem_is_told_with_its_line() {
    let text = SCENE
        .replace("class = \"Building\"", "clas = \"Building\"")
        .replace("color = \"#c0c8d0\"", "color = \"grey\"")
        .replace("limit = 20", "limit = \"many\"")
        .replace("kind = \"mqtt\"", "kind = \"mqqt\"")
        .replace("source = \"broker\"", "source = \"brocker\"")
        .replace("when = \"value > 900\"", "wen = \"value > 900\"")
        .replace("expression = \"sum(power)\"", "unit = \"kW\"")
        .replace("cameras = [\"top\"]", "cameras = [\"top\", \"bottom\"]")
        .replace("indicators = [\"total_power\"]", "indicators = [\"total\"]\nalarm = true")
        .replace("start = \"2026-07-01T06", "start = \"2026-07-41T06");
    let problems = scene_problems(&text);
    let expected = [
        ("clas =", "unknown key 'clas' (did you mean 'class'?)"),
        ("\"grey\"", "'grey' is no colour; write #rrggbb or #rrggbbaa"),
        ("\"many\"", "a whole number belongs here, not \"many\""),
        ("\"mqqt\"", "'mqqt' is not one of simulated, mqtt, csv (did you mean 'mqtt'?)"),
        ("\"brocker\"", "no source is named 'brocker' (did you mean 'broker'?)"),
        ("wen =", "unknown key 'wen' (did you mean 'when'?)"),
        ("[[indicator]]", "'expression' is missing"),
        ("[[binding.effect]]\nkind = \"pulse\"", "'when' is missing"),
        ("\"bottom\"", "no camera is named 'bottom'"),
        ("\"total\"]", "no indicator is named 'total'"),
        ("alarm = true", "unknown key 'alarm' (did you mean 'alarms'?)"),
    ];
    for (part, message) in expected {
        let line = place_of("s.toml", &text, part) + message;
        assert!(problems.iter().any(|p| p.starts_with(&line)), "{line}\nis not in\n{}", problems.join("\n"));
    }
    let time = place_of("s.toml", &text, "\"2026-07-41");
    assert!(problems.iter().any(|p| p.starts_with(&time) && p.contains("not a date")), "{}", problems.join("\n"));
    assert_eq!(problems.len(), expected.len() + 1, "{}", problems.join("\n"));
}

#[test]
fn a_csv_source_needs_its_recording() {
    let scene = |rest: &str| format!("format_version = 1\n[[source]]\nname = \"air\"\nkind = {rest}");
    let whole =
        "\"csv\"\nrepeat = true\n[source.recording]\nfiles = [\"a.csv\"]\ntime_column = \"t\"\nvalue_columns = [\"v\"]";
    let read = read_scene(&scene(whole), "s.toml", &environment()).unwrap();
    assert_eq!(read.sources[0].named_recording().unwrap().name, "air");
    for (rest, expected) in [
        ("\"csv\"".to_owned(), "s.toml:2:1: a csv source needs a [source.recording]"),
        (whole.replace("files", "name = \"x\"\nfiles"), "s.toml:7:8: the recording of a source has the source's name"),
        (whole.replace("[\"v\"]", "[]"), "s.toml:9:17: a recording needs at least one value column"),
        (whole.replace("\"csv\"", "\"simulated\""), "s.toml:2:1: 'recording' and 'repeat' belong to a csv source"),
    ] {
        assert_eq!(scene_problems(&scene(&rest)), [expected]);
    }
}

#[test]
fn bad_expressions_are_told_where_they_stand() {
    let text = SCENE
        .replace("where = \"height > 20\"", "where = \"height >\"")
        .replace("by = \"height\"", "by = \"(height\"")
        .replace("when = \"value > 900\"", "when = \"value > > 900\"")
        .replace("expression = \"sum(power)\"", "expression = \"sum(power\"");
    let problems = scene_problems(&text);
    for part in ["\"height >\"", "\"(height\"", "\"value > > 900\"", "\"sum(power\""] {
        let place = place_of("s.toml", &text, part);
        assert!(problems.iter().any(|p| p.starts_with(&place)), "{place}\nis not in\n{}", problems.join("\n"));
    }
    assert_eq!(problems.len(), 4, "{}", problems.join("\n"));
}

#[test]
fn the_scenes_that_come_with_the_program_are_sound() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenes");
    let mut environment = environment();
    environment.extend(["TOKYO_CITY", "TOKYO_AIR"].map(|name| (name.to_owned(), "somewhere".to_owned())));
    let mut read = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        if name.ends_with(".scenario.toml") {
            let alone = read_scenario(&text, &name, &environment, None).unwrap_or_else(|e| panic!("{e}"));
            let base = std::fs::read_to_string(folder.join(&alone.scene)).unwrap();
            let base = read_scene(&base, &alone.scene, &environment).unwrap_or_else(|e| panic!("{e}"));
            read_scenario(&text, &name, &environment, Some(&base)).unwrap_or_else(|e| panic!("{e}"));
        } else {
            read_scene(&text, &name, &environment).unwrap_or_else(|e| panic!("{e}"));
        }
        read += 1;
    }
    assert!(read >= 2, "{read} documents in {}", folder.display());
}

#[test]
fn a_scenario_tells_every_problem_too() {
    let text = SCENARIO
        .replace("height_m = 120", "heigth_m = 120\nheight_m = 120")
        .replace("kind = \"remove\"\nid = \"B7\"", "kind = \"remove\"\nid = \"B7\"\nheight_m = 3")
        .replace("at = \"+90\"", "at = \"+9000\"")
        .replace("value = \"closed\"", "value = [1]")
        .replace("camera = \"top\"", "camera = \"tap\"")
        .replace("zone = \"+09:00\"", "zone = \"JST\"")
        .replace("kind = \"flood\"", "kind = \"flod\"")
        .replace("[1800, 0]", "[0, 0]")
        .replace("edits = [\"tower\"]", "edits = [\"towers\"]")
        .replace("indicators = [\"total_power\"]", "indicators = [\"totalpower\"]");
    let problems = scenario_problems(&text);
    let expected = [
        ("heigth_m", "unknown key 'heigth_m' (did you mean 'height_m'?)"),
        ("height_m = 3\n", "unknown key 'height_m'"),
        ("\"+9000\"", "2026-07-01T08:30:00Z lies outside the play"),
        ("[1]", "an attribute is a number, a text or true or false"),
        ("\"tap\"", "the base scene has no camera 'tap' (did you mean 'top'?)"),
        ("\"JST\"", "'JST' is no offset"),
        ("\"flod\"", "no simulation is called 'flod'; there is flood (did you mean 'flood'?)"),
        ("[0, 0]", "rain is [seconds"),
        ("\"towers\"", "no edit is named 'towers' (did you mean 'tower'?)"),
        ("\"totalpower\"", "the base scene has no indicator 'totalpower' (did you mean 'total_power'?)"),
    ];
    for (part, message) in expected {
        let line = place_of("p.toml", &text, part) + message;
        assert!(problems.iter().any(|p| p.starts_with(&line)), "{line}\nis not in\n{}", problems.join("\n"));
    }
    assert_eq!(problems.len(), expected.len(), "{}", problems.join("\n"));
}

#[test]
fn versions_syntax_variables_and_doubles() {
    let future = scene_problems(&SCENE.replace("format_version = 1", "format_version = 2"));
    assert_eq!(future, ["s.toml:1:18: format_version 2 is not known; this program reads 1"]);
    assert_eq!(scene_problems("name = 'x'"), ["s.toml:1:1: 'format_version' is missing"]);
    assert_eq!(scene_problems(""), ["s.toml:1:1: 'format_version' is missing"]);
    let syntax = scene_problems("format_version = 1\nname = \n[panel\n");
    assert!(syntax.len() >= 2 && syntax[0].starts_with("s.toml:2:"), "{syntax:?}");
    let unset = read_scene(SCENE, "s.toml", &Environment::new()).unwrap_err().to_string();
    assert_eq!(unset.lines().count(), 2, "{unset}");
    assert!(unset.contains("the environment variable 'SECRET' is not set"), "{unset}");
    let twice = scene_problems(&format!("{SCENE}[[camera]]\nname = \"top\"\nplace = [0, 0, 9]\n"));
    assert_eq!(twice.len(), 1);
    assert!(twice[0].ends_with("a second camera is named 'top'"), "{twice:?}");
}

#[test]
fn a_name_that_stands_in_a_refused_table_is_still_known() {
    let problems = scene_problems(&SCENE.replace("distance_m = 900", "distance_m = \"far\"\ntarget2 = 1"));
    assert_eq!(problems.len(), 2, "{problems:?}");
}

#[test]
fn hostile_texts_end_in_an_error() {
    let deep = format!("format_version = 1\nx = {}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let dotted = format!("format_version = 1\n{}x = 1", "a.".repeat(100_000));
    let inline = format!("format_version = 1\nname = {}1{}", "{a=".repeat(5_000), "}".repeat(5_000));
    let many = format!("format_version = 1\n{}", (0..3000).map(|i| format!("k{i} = 1\n")).collect::<String>());
    for text in [deep, dotted, inline] {
        assert!(!scene_problems(&text).is_empty());
    }
    assert!(scene_problems(&many).len() <= 101);
    assert_eq!(scene_problems(&"#".repeat(17 << 20)).len(), 1);
}

#[test]
fn truncated_anywhere_it_is_read_or_refused() {
    for (end, _) in SCENE.char_indices().step_by(7) {
        let _ = read_scene(&SCENE[..end], "s.toml", &environment());
    }
    for (end, _) in SCENARIO.char_indices().step_by(7) {
        let _ = read_scenario(&SCENARIO[..end], "p.toml", &environment(), None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    /// A value of the wrong kind anywhere is refused with the line that it stands on, or is as good as the old one.
    #[test]
    fn wrong_values_are_refused_on_their_line(pick in 0_usize..200, value in "(-1|nan|true|\"\"|\\[\\]|\\{\\}|1979-05-27|\"\\$\\{X\\}\")") {
        let lines: Vec<&str> = SCENE.lines().collect();
        let number = pick % lines.len();
        let Some((key, _)) = lines[number].split_once(" = ") else { return Ok(()) };
        let changed = format!("{key} = {value}");
        let text: Vec<&str> = lines.iter().enumerate().map(|(i, l)| if i == number { changed.as_str() } else { l }).collect();
        if let Err(error) = read_scene(&text.join("\n"), "s.toml", &environment()) {
            prop_assert!(!error.problems.is_empty());
            prop_assert!(error.problems.iter().all(|p| p.line >= 1 && p.line <= lines.len()));
            let elsewhere = error.problems.iter().filter(|p| p.line != number + 1).count();
            prop_assert!(elsewhere <= 3, "{}", error);
        }
    }

    #[test]
    fn any_text_at_all_ends(text in "\\PC{0,200}") {
        let _ = read_scene(&text, "s.toml", &environment());
    }
}
