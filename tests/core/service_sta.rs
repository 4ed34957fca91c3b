//! `/sta/v1.1`: a scene on stage as SensorThings tells of it, observations that are created, and questions that are none.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use veduta::app::serve_stage::ServedStage;
use veduta::city::Value;
use veduta::platform::transport::wall_clock;
use veduta::quantity::Timestamp;
use veduta::service::live::Live;
use veduta::service::{Catalogue, Service};

use crate::cli::{FOOTPRINTS, success};
use crate::service_live::staged;
use crate::service_viewer::Viewer;
use crate::service_world::{Reply, World};

const SCENE: &str = r#"format_version = 1
[city]
packages = ["town.city"]
[[source]]
name = "gate"
kind = "csv"
[source.recording]
files = ["a.csv", "b.csv"]
time_column = "t"
value_columns = ["power", "mode"]
[[binding]]
stream = "gate/{b}/power"
to = { id = "{b}" }
property = "power"
unit = "kW"
range = [0, 1000]
rollup = "sum"
[[binding]]
stream = "gate/{b}/mode"
to = { id = "{b}" }
property = "mode"
[[indicator]]
name = "total"
expression = "sum(power)"
unit = "kW"
"#;

/// A scene in the present whose values hold still unless somebody sends some: power and mode of two buildings.
pub struct Town {
    pub world: World,
    stages: Vec<ServedStage>,
    live: Arc<Live>,
    folder: TempDir,
}

pub fn town() -> Town {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::write(at.join("town.geojson"), FOOTPRINTS).unwrap();
    success(at, &["import", "town.geojson", "-o", "town.city"]);
    fs::write(at.join("town.toml"), SCENE).unwrap();
    for (building, power) in [("a", 10.5), ("b", 20.5)] {
        let rows = format!("t,power,mode\n2001-01-01T00:00:00Z,{power},1\n");
        fs::write(at.join(format!("{building}.csv")), rows).unwrap();
    }
    let live = Arc::new(Live::default());
    let stages = vec![staged(at, "town.toml", "town", &live)];
    let world = World::serving(Service::new(Catalogue::default()).with_live(live.clone()));
    let town = Town { world, stages, live, folder };
    // The stage's first instant brings the recording's values.
    let begin = std::time::Instant::now();
    while town.get("Observations").json()["value"].as_array().unwrap().len() < 4 {
        assert!(begin.elapsed() < crate::service_viewer::PATIENCE, "the recording brings four values");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    town
}

impl Town {
    fn get(&self, path: &str) -> Reply {
        self.world.get(&format!("/sta/v1.1/{path}"))
    }

    /// What is at an address that an answer tells.
    fn follow(&self, address: &Json) -> Json {
        let reply = self.world.send(|client| client.get(address.as_str().unwrap()));
        assert_eq!(reply.status, 200, "{address}: {}", reply.text());
        reply.json()
    }

    pub fn post(&self, path: &str, body: &Json) -> Reply {
        self.world.send(|client| client.post(self.world.url(&format!("/sta/v1.1/{path}"))).body(body.to_string()))
    }

    /// Sends a power of building a.
    pub fn send(&self, time: Timestamp, power: f64) -> Reply {
        self.post(
            "Datastreams('town:a:power')/Observations",
            &json!({ "result": power, "phenomenonTime": time.to_string() }),
        )
    }
}

fn values(list: &Json) -> &[Json] {
    list["value"].as_array().unwrap()
}

fn ids(list: &Json) -> Vec<&str> {
    values(list).iter().map(|one| one["@iot.id"].as_str().unwrap()).collect()
}

#[test]
fn every_entity_set_is_read_and_every_link_leads_on() {
    let town = town();
    let root = town.world.get("/sta/v1.1").json();
    assert!(
        root["serverSettings"]["conformance"]
            .as_array()
            .unwrap()
            .iter()
            .all(|uri| uri.as_str().unwrap().contains("/1.1/req/"))
    );
    let sets: Vec<&str> = values(&root).iter().map(|set| set["name"].as_str().unwrap()).collect();
    assert_eq!(
        sets,
        ["Things", "Locations", "Datastreams", "Sensors", "ObservedProperties", "Observations", "FeaturesOfInterest"]
    );
    let expected: [&[&str]; 5] = [
        &["town:a", "town:b"],
        &["town:a", "town:b"],
        &["town:a:mode", "town:a:power", "town:b:mode", "town:b:power"],
        &["town:gate"],
        &["town:mode", "town:power"],
    ];
    for (set, expected) in values(&root).iter().zip(expected) {
        assert_eq!(ids(&town.follow(&set["url"])), expected, "{set}");
    }
    let mut seen = BTreeSet::new();
    for set in values(&root) {
        let list = town.follow(&set["url"]);
        assert!(!values(&list).is_empty(), "{set}");
        for entity in values(&list) {
            assert_eq!(&town.follow(&entity["@iot.selfLink"]), entity);
            for (name, address) in
                entity.as_object().unwrap().iter().filter(|(name, _)| name.ends_with("@iot.navigationLink"))
            {
                let linked = town.follow(address);
                let one = linked.get("value").map_or(&linked, |list| &list[0]);
                assert_eq!(&town.follow(&one["@iot.selfLink"]), one, "{address}");
                seen.insert(name.clone());
            }
        }
    }
    // HistoricalLocations apart, these are the links of the standard.
    let links = [
        "Datastream",
        "Datastreams",
        "FeatureOfInterest",
        "Locations",
        "Observations",
        "ObservedProperty",
        "Sensor",
        "Thing",
        "Things",
    ];
    assert!(seen.iter().map(|name| name.trim_end_matches("@iot.navigationLink")).eq(links), "{seen:?}");
}

#[test]
fn entities_are_as_the_standard_has_them() {
    let town = town();
    let stream = town.get("Datastreams('town:a:power')").json();
    assert_eq!(stream["unitOfMeasurement"], json!({ "name": "kW", "symbol": "kW", "definition": "ucum:kW" }));
    assert!(stream["observationType"].as_str().unwrap().ends_with("/OM_Measurement"));
    assert_eq!(
        town.get("Datastreams('town:a:mode')/unitOfMeasurement").json()["unitOfMeasurement"]["name"],
        Json::Null
    );
    let place = town.get("Things('town:a')/Locations").json()["value"][0]["location"].clone();
    assert_eq!(place["type"], "Point");
    let [longitude, latitude] = [0, 1].map(|at| place["coordinates"][at].as_f64().unwrap());
    assert!((longitude - 121.0005).abs() < 1e-4 && (latitude - 31.0005).abs() < 1e-4, "{place}");
    let observation = town.get("Datastreams('town:b:power')/Observations").json()["value"][0].clone();
    assert_eq!((&observation["result"], &observation["resultTime"]), (&json!(20.5), &Json::Null));
    let path = format!("Observations('{}')", observation["@iot.id"].as_str().unwrap());
    assert_eq!(town.get(&format!("{path}/Datastream/Thing")).json()["@iot.id"], "town:b");
    assert_eq!(town.get(&format!("{path}/result/$value")).text(), "20.5");
    assert_eq!(town.get(&format!("{path}/resultTime")).status, 204);
    assert_eq!(
        town.get("Things('town:a')/properties").json(),
        json!({ "properties": { "class": "Building", "scene": "town" } })
    );
    // From a Datastream to all those of its Thing, not only itself.
    assert_eq!(ids(&town.get("Datastreams('town:a:power')/Thing/Datastreams").json()), ["town:a:mode", "town:a:power"]);
    assert_eq!(values(&town.get("Sensors('town:gate')/Datastreams/$ref").json()).len(), 4);
    assert_eq!(
        ids(&town
            .get("ObservedProperties('town:power')/Datastreams('town:b:power')/Thing?$select=id")
            .json()
            .to_value_list()),
        ["town:b"]
    );
}

/// One entity as a list of one.
trait AsList {
    fn to_value_list(&self) -> Json;
}

impl AsList for Json {
    fn to_value_list(&self) -> Json {
        json!({ "value": [self] })
    }
}

#[test]
fn options_choose_order_and_follow() {
    let town = town();
    let list = town.get("Datastreams?$top=3&$count=true&$orderby=id%20desc").json();
    assert_eq!((ids(&list), &list["@iot.count"]), (vec!["town:b:power", "town:b:mode", "town:a:power"], &json!(4)));
    let rest = town.follow(&list["@iot.nextLink"]);
    assert_eq!((ids(&rest), rest.get("@iot.nextLink")), (vec!["town:a:mode"], None));
    assert_eq!(values(&town.get("Datastreams?$skip=9").json()).len(), 0);
    assert_eq!(town.get("Datastreams?$top=0&$count=true").json(), json!({ "value": [], "@iot.count": 4 }));

    let named = town.get("Things?$select=name,Datastreams").json();
    let keys: Vec<&String> = named["value"][0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["Datastreams@iot.navigationLink", "name"]);

    let things = town.get("Things?$expand=Datastreams,Locations").json();
    let thing = &things["value"][1];
    assert_eq!(ids(&json!({ "value": thing["Datastreams"] })), ["town:b:mode", "town:b:power"]);
    assert_eq!(
        (&thing["Locations"][0]["@iot.id"], thing.get("Datastreams@iot.navigationLink")),
        (&json!("town:b"), None)
    );
    let stream = town.get("Datastreams('town:a:power')?$expand=Thing,ObservedProperty,Observations,Sensor").json();
    assert_eq!((&stream["Thing"]["@iot.id"], &stream["ObservedProperty"]["name"]), (&json!("town:a"), &json!("power")));
    assert_eq!((&stream["Observations"][0]["result"], &stream["Sensor"]["name"]), (&json!(10.5), &json!("gate")));

    for (path, expected) in [
        ("Things?$filter=name eq 'a'", &["town:a"][..]),
        ("Things?$filter='town:a' lt id", &["town:b"]),
        (
            "Datastreams?$filter=not (id eq 'town:a:mode') and (id lt 'town:b' or id ge 'town:b:p')",
            &["town:a:power", "town:b:power"],
        ),
        ("Sensors?$filter=name ne 'gate'", &[]),
        ("ObservedProperties?$filter=name gt 'mode'", &["town:power"]),
    ] {
        assert_eq!(ids(&town.get(&path.replace(' ', "%20")).json()), expected, "{path}");
    }
}

#[test]
fn an_observation_that_is_created_holds_everywhere_like_one_of_a_connection() {
    let town = town();
    let now = wall_clock();
    let reply = town.send(now, 400.25);
    assert_eq!(reply.status, 201, "{}", reply.text());
    let created = reply.json();
    assert_eq!(created["@iot.selfLink"], reply.header("location"));
    assert_eq!(town.follow(&created["@iot.selfLink"]), created);
    assert_eq!((&created["result"], &created["phenomenonTime"]), (&json!(400.25), &json!(now.to_string())));
    let figures = town.world.get("/api/indicators").json();
    assert_eq!((&figures[0]["indicator"], &figures[0]["value"]), (&json!("total"), &json!(420.75)));
    town.world.block_on(async {
        let mut viewer = Viewer::subscribed(town.world.address, json!({ "properties": ["power"] })).await;
        let has = |viewer: &Viewer, value: f64| {
            viewer
                .mirror
                .values
                .values()
                .any(|known| known.own.as_ref().is_some_and(|own| own.value == Value::from(value)))
        };
        viewer.until("the value", |viewer| has(viewer, 400.25)).await;
    });

    // The same again changes nothing, a correction of the same instant does, what is older is refused.
    let count = || town.get("Datastreams('town:a:power')/Observations?$count=true").json()["@iot.count"].clone();
    let before = count();
    assert_eq!((town.send(now, 400.25).status, count()), (201, before.clone()));
    assert_eq!((town.send(now, 401.0).status, count()), (201, before));
    assert_eq!(town.follow(&created["@iot.selfLink"])["result"], 401.0);
    town.send(now.plus_seconds(-1.0), 7.0).problem(409);
    // Out of range: it is shown as such, and counts nowhere.
    assert_eq!(town.send(now.plus_seconds(0.5), 5000.0).status, 201);
    assert_eq!(town.world.get("/api/indicators").json()[0]["value"], 20.5);

    let body =
        json!({ "result": "closed", "Datastream": { "@iot.id": "town:b:mode" }, "resultTime": "2026-07-01T06:00:00Z" });
    let reply = town.post("Observations", &body);
    assert_eq!(
        (reply.status, &reply.json()["result"]),
        (201, &json!("closed")),
        "now, and a text where no unit wants a number"
    );
    assert!(
        town.get("Datastreams('town:b:mode')").json()["observationType"].as_str().unwrap().ends_with("/OM_Observation")
    );
}

#[test]
fn observations_come_in_order_and_by_pages() {
    let town = town();
    let begin = wall_clock();
    for at in 1..=20 {
        assert_eq!(town.send(begin.plus_seconds(f64::from(at)), f64::from(at)).status, 201);
    }
    let results = |path: &str| -> Vec<f64> {
        let list = town.get(&path.replace(' ', "%20").replace('+', "%2B")).json();
        values(&list).iter().map(|one| one["result"].as_f64().unwrap()).collect()
    };
    let own = "Datastreams('town:a:power')/Observations";
    assert_eq!(results(&format!("{own}?$top=3")), [20.0, 19.0, 18.0]);
    assert_eq!(results(&format!("{own}?$orderby=phenomenonTime&$top=3")), [10.5, 1.0, 2.0]);
    assert_eq!(results(&format!("{own}?$orderby=id desc&$top=2&$skip=18")), [2.0, 1.0]);
    assert_eq!(results(&format!("{own}?$filter=result ge 5 and result lt 7")), [6.0, 5.0]);
    let (from, until) = (begin.plus_seconds(3.0), begin.plus_seconds(5.0));
    assert_eq!(results(&format!("{own}?$filter=phenomenonTime gt {from} and phenomenonTime le {until}")), [5.0, 4.0]);
    assert_eq!(
        results(&format!("{own}?$filter=not (phenomenonTime gt {from})&$orderby=phenomenonTime asc")),
        [10.5, 1.0, 2.0, 3.0]
    );
    // Over all streams: newest first, each once, however long the pages.
    let mut all: Vec<(String, f64)> = Vec::new();
    let mut page = town.get("Observations?$top=7").json();
    loop {
        all.extend(
            values(&page)
                .iter()
                .map(|one| (one["phenomenonTime"].as_str().unwrap().to_owned(), one["result"].as_f64().unwrap())),
        );
        let Some(next) = page.get("@iot.nextLink").cloned() else { break };
        page = town.follow(&next);
    }
    assert_eq!(all.len(), 24);
    let instants: Vec<Timestamp> = all.iter().map(|(time, _)| Timestamp::parse(time).unwrap()).collect();
    assert!(instants.is_sorted_by(|a, b| a >= b), "{all:?}");
    assert_eq!(results("Observations?$orderby=id&$top=2")[0], 1.0, "the mode of a comes first");
    assert_eq!(results("Observations?$orderby=phenomenonTime desc&$top=1&$filter=result eq 20"), [20.0]);
    assert_eq!(results("FeaturesOfInterest('town:a')/Observations?$top=1"), [20.0]);
}

#[test]
fn what_is_not_done_here_is_a_problem_and_never_a_fault() {
    let town = town();
    for (path, status) in [
        ("Nothing", 404),
        ("HistoricalLocations", 404),
        ("Things('town:c')", 404),
        ("Things('other:a')", 404),
        ("Things(1)", 404),
        ("Things('town%253Aa')", 404),
        ("Things('town:a')/Sensors", 404),
        ("Things/Datastreams", 404),
        ("Things('town:a')/Datastreams('town:b:power')", 404),
        ("Observations('town:a:power:5')", 404),
        ("Observations('town:a:power:9223372036854775807')", 404),
        ("Things('town:a')/name/nothing", 404),
        ("Things?top=1", 400),
        ("Things?$top=-1", 400),
        ("Things?$top=1&$top=2", 400),
        ("Things?$count=perhaps", 400),
        ("Things?$select=result", 400),
        ("Things?$orderby=name", 400),
        ("Things?$orderby=id,name", 400),
        ("Things?$expand=Datastreams/Observations", 400),
        ("Things?$expand=Datastreams($top=1)", 400),
        ("Things?$expand=Thing", 400),
        ("Things('town:a')?$top=1", 400),
        ("Things('town:a')/name?$select=name", 400),
        ("Things?$filter=startswith(name,'a')", 400),
        ("Things?$filter=name%20eq", 400),
        ("Things?$filter=name%20eq%205", 400),
        ("Things?$filter=result%20eq%205", 400),
        ("Observations?$filter=phenomenonTime%20eq%20'x'", 400),
        ("Things?$resultFormat=dataArray", 400),
    ] {
        town.get(path).problem(status);
    }
    let now = wall_clock();
    let own = "Datastreams('town:a:power')/Observations";
    for (path, body, status) in [
        (own, json!({}), 400),
        (own, json!({ "result": null }), 400),
        (own, json!({ "result": [1] }), 400),
        (own, json!({ "result": "many" }), 400),
        (own, json!({ "result": 1, "phenomenonTime": "yesterday" }), 400),
        (own, json!({ "result": 1, "phenomenonTime": "2026-07-01T06:00:00Z/2026-07-01T07:00:00Z" }), 400),
        (own, json!({ "result": 1, "phenomenonTime": now.plus_seconds(3600.0).to_string() }), 400),
        (own, json!({ "result": 1, "parameters": {} }), 400),
        (own, json!({ "result": 1, "Datastream": { "@iot.id": "town:a:power" } }), 400),
        ("Observations", json!({ "result": 1 }), 400),
        ("Observations", json!({ "result": 1, "Datastream": { "@iot.id": "town:c'):power" } }), 400),
        ("Datastreams('town:c:power')/Observations", json!({ "result": 1 }), 404),
        ("Things", json!({ "name": "x" }), 405),
        ("Things('town:a')/Datastreams", json!({}), 405),
        ("Nothing", json!({}), 404),
    ] {
        town.post(path, &body).problem(status);
    }
    let long = json!({ "result": "x".repeat(2 << 20) });
    let refused = town.post(own, &long);
    refused.problem(413);
    assert_eq!(refused.header("connection"), "close", "its body was not read");
    assert_eq!(town.world.get("/sta/v1.1?$top=1").status, 400);
}

#[test]
fn ids_carry_the_scene_and_a_play_takes_no_observations() {
    let mut town = town();
    let folder = town.folder.path().join("play");
    fs::create_dir(&folder).unwrap();
    crate::play::town(Path::new(&folder));
    town.stages.push(staged(&folder, "town.scenario.toml", "storm", &town.live));
    let things = town.get("Things").json();
    assert_eq!(ids(&things), ["storm:a", "storm:b", "town:a", "town:b"]);
    let body = json!({ "result": 1.5, "phenomenonTime": "2026-05-01T00:00:00+08:00" });
    town.post("Datastreams('storm:a:level')/Observations", &body).problem(409);
    assert_eq!(ids(&town.get("Datastreams?$filter=id%20lt%20'town'").json()), ["storm:a:level", "storm:b:level"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Any text as an option is answered or a problem; the server lives.
    #[test]
    fn any_option_is_an_answer_or_a_problem(name in "[$a-z]{0,9}", text in ".{0,40}", set in prop::sample::select(vec!["Things", "Observations", "Sensors('x')"])) {
        let town = shared();
        let names = ["$filter", "$select", "$expand", "$orderby", "$top", "$skip", &name];
        for name in names {
            let encoded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let reply = town.get(&format!("{set}?{name}={encoded}"));
            prop_assert!([200, 400, 404].contains(&reply.status), "{name}={text}: {}", reply.status);
        }
    }
}

/// One for all cases of a property.
fn shared() -> &'static Town {
    static TOWN: std::sync::OnceLock<Town> = std::sync::OnceLock::new();
    TOWN.get_or_init(town)
}
