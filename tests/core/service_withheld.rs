//! That what is withheld from a role is in no answer and in no live message, and that the rest is where it belongs.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};
use veduta::app::documents::Documents;
use veduta::app::serve_stage::ServedStage;
use veduta::app::stage::Stage;
use veduta::city::Value;
use veduta::indicator::IndicatorState;
use veduta::live::ValueState;
use veduta::package::City;
use veduta::quantity::Timestamp;
use veduta::scenario::SceneForViewers;
use veduta::scenario::wire::{Alarm, Figure, Hello, IndicatorAbout, LiveValueOf, OwnValue, Staging, Told};
use veduta::scene::{Environment, Severity, read_scene};
use veduta::service::access::{Access, RightDocument, Role};
use veduta::service::audit::AuditLog;
use veduta::service::live::{About, Board, Fact, Live, SceneAbout, SceneChannel, SceneParts};
use veduta::service::{Service, described};

use crate::service_access::{asked, bearer, holds, now, settings, token};
use crate::service_viewer::{PATIENCE, Viewer};
use crate::service_world::{Reply, World, catalogue, package};

const SCENE: &str = r##"format_version = 1
name = "town"
[[layer]]
name = "devices"
class = "Device"
[[layer]]
name = "tall"
where = "measuredHeight > 100"
[[layer]]
name = "the one"
where = "id = 'SECRET'"
[[binding]]
stream = "a/{d}"
to = { id = "{d}" }
property = "flow"
unit = "l/s"
[[binding.effect]]
kind = "color"
ramp = { stops = [[0, "#00ff00"], [98765, "#ff0000"]] }
[[binding]]
stream = "b/{d}"
to = { id = "{d}" }
property = "power"
unit = "kW"
[[indicator]]
name = "total"
expression = "sum(power)"
[[indicator]]
name = "flows"
expression = "sum(flow)"
per = "Device"
[[indicator]]
name = "each"
expression = "sum(power)"
per = "Device"
[[indicator]]
name = "houses"
expression = "sum(power)"
per = "Building"
[[alarm]]
name = "high"
message = "{id} is high"
property = "power"
above = 5
[[alarm]]
name = "tall"
message = "{measuredHeight}"
property = "power"
above = 5
[[alarm]]
name = "sum"
message = "all"
property = "total"
above = 5
[[camera]]
name = "there"
object = "SECRET"
[[camera]]
name = "above"
place = [121.9, 30.9, 900.0]
[panel]
indicators = ["total", "each"]
"##;

/// The small demo city with a scene whose values are put by hand, and a device of it that viewers may not know, with what
/// they may not know of others.
struct Town {
    world: World,
    channel: Arc<SceneChannel>,
    whole: Arc<City>,
    seen: Arc<City>,
    /// Row and identifier of the device.
    secret: (u32, String),
    /// Rows of what it is in, the nearest first.
    above: Vec<u32>,
    /// Rows of other devices.
    others: Vec<u32>,
}

fn town() -> Town {
    let whole = catalogue().cities["demo"].city.clone();
    let table = whole.table();
    let parent = |row: u32| table.parent(row).unwrap().and_then(|id| table.row(id));
    let devices: Vec<u32> = (0..table.rows()).filter(|row| table.class(*row).unwrap() == "Device").collect();
    let row = *devices.iter().find(|row| parent(**row).and_then(parent).is_some()).unwrap();
    let (id, mut above) = (table.id(row).to_owned(), vec![parent(row).unwrap()]);
    above.extend(std::iter::successors(parent(above[0]), |row| parent(*row)));
    let others: Vec<u32> = devices.into_iter().filter(|other| *other != row).collect();
    let scene = read_scene(&SCENE.replace("SECRET", &id), "scene.toml", &Environment::new()).unwrap();
    let names = |names: &[&str]| names.iter().map(|name| (name.to_string(), String::new())).collect::<Vec<_>>();
    let hello = Hello {
        scene: "town".into(),
        properties: names(&["flow", "power"]),
        indicators: names(&["total", "flows", "each", "houses"])
            .into_iter()
            .map(|(name, unit)| IndicatorAbout { name, unit, ..IndicatorAbout::default() })
            .collect(),
        ..Hello::default()
    };
    let camera = |name: &str| veduta::scenario::CameraForViewers { name: name.into(), ..Default::default() };
    let for_viewers = SceneForViewers {
        scene: "town".into(),
        city: "demo".into(),
        layers: scene.layers.clone(),
        bindings: scene
            .bindings
            .iter()
            .map(|binding| veduta::scenario::EffectsForViewers {
                property: binding.property.clone(),
                unit: binding.unit.clone(),
                effects: binding.effects.clone(),
            })
            .collect(),
        cameras: vec![camera("there"), camera("above")],
        panel: scene.panel.clone(),
        removed: vec![id.clone()],
        ..SceneForViewers::default()
    };
    let mut board = Board::new(hello, scene.layers.iter().map(|layer| layer.name.clone()).collect());
    for row in 0..table.rows() {
        let (id, class) = (table.id(row).to_owned(), table.class(row).unwrap().to_owned());
        board.introduce(row, || About { id, class, layers: vec![0, 1, 2], place: Some([121.9, 30.9]) });
    }
    let live = Arc::new(Live::default());
    let parts = Some(Arc::new(SceneParts { city: whole.clone(), scene }));
    let (channel, _) = live.open(board, SceneAbout { for_viewers, parts, ..SceneAbout::default() });
    let right = json!({ "role": "viewer", "where": format!("id <> '{id}'"), "hide": ["measuredHeight", "flow"] });
    let right: RightDocument = serde_json::from_value(right).unwrap();
    let access = Access::new(settings(), Arc::new(now), AuditLog::off()).unwrap();
    let service = Service::new(catalogue()).with_live(live).protected(access, vec![right.clone()]).unwrap();
    let seen =
        veduta::service::access::visible(&catalogue(), &[right], Role::Viewer).unwrap().cities["demo"].city.clone();
    Town { world: World::serving(service), channel, seen, secret: (row, id), above, others, whole: whole.clone() }
}

fn value(row: u32, property: u16, own: Option<f64>, rolled_up: f64) -> Fact {
    let own = own.map(|own| OwnValue {
        state: ValueState::Fresh,
        binding: property,
        value: Value::from(own),
        time: Timestamp(0),
    });
    Fact::Value(LiveValueOf { row, property, own, rolled_up: Some(rolled_up) })
}

fn figure(indicator: u16, row: Option<u32>, value: f64) -> Fact {
    Fact::Figure(Figure { indicator, row, value: Some(value), state: IndicatorState::Normal })
}

fn alarm(name: &str, row: Option<u32>, object: &str) -> Fact {
    Fact::Alarm(Alarm {
        name: name.into(),
        object: object.into(),
        row,
        raised: true,
        severity: Severity::Warning,
        message: format!("{object} is high"),
        since: Timestamp(0),
        value: None,
    })
}

fn told(columns: [&str; 6]) -> Told {
    Told { time: Timestamp(0), columns: columns.map(str::to_owned) }
}

/// Values that nobody else has, to be found again: of what is withheld, or of what it is in.
const SECRETS: [f64; 6] = [77_771.125, 77_772.125, 77_773.125, 77_774.125, 77_775.125, 77_776.125];

impl Town {
    /// The value of a device tells which it is by its row in the whole city.
    fn publish_all(&self) {
        let (secret, id) = &self.secret;
        let some = self.others[0];
        let other = self.whole.table().id(some).to_owned();
        self.channel.publish(|board| {
            for row in &self.others {
                board.put(value(*row, 1, Some(f64::from(*row)), f64::from(*row)));
            }
            board.put(value(*secret, 1, Some(SECRETS[0]), SECRETS[0]));
            board.put(value(some, 0, Some(SECRETS[1]), SECRETS[1]));
            for row in &self.above {
                board.put(value(*row, 1, None, SECRETS[2]));
            }
            board.put(figure(0, None, SECRETS[3]));
            board.put(figure(1, Some(some), SECRETS[4]));
            board.put(figure(2, Some(*secret), SECRETS[5]));
            board.put(figure(2, Some(some), 55.5));
            board.put(figure(3, Some(self.above[0]), SECRETS[5]));
            board.put(alarm("high", Some(*secret), id));
            board.put(alarm("high", Some(some), &other));
            board.put(alarm("high", Some(self.above[0]), self.whole.table().id(self.above[0])));
            board.put(alarm("tall", Some(some), &other));
            board.put(alarm("sum", None, ""));
            board.put(alarm("", Some(*secret), id));
            board.put(Fact::Staging(Staging {
                attributes: vec![
                    (id.clone(), "x".into(), Value::from(1.0)),
                    (other.clone(), "measuredHeight".into(), Value::from(SECRETS[0])),
                    (other.clone(), "x".into(), Value::from(2.0)),
                ],
                hidden: vec![id.clone(), other.clone(), "devices".into(), "tall".into()],
                closed: vec![id.clone(), other.clone()],
                ..Staging::default()
            }));
        });
    }

    fn tell_happenings(&self) {
        let (_, id) = &self.secret;
        let other = self.whole.table().id(self.others[0]).to_owned();
        let mine = ["high", "sum", "tall"];
        self.channel.publish(|board| {
            board.tell(told(["set", id, "x", "1", "", ""]));
            board.tell(told(["set", &other, "measuredHeight", "1", "", ""]));
            board.tell(told(["set", &other, "x", "1", "", ""]));
            board.tell(told(["hide", id, "", "", "", ""]));
            board.tell(told(["hide", "tall", "", "", "", ""]));
            board.tell(told(["hide", "devices", "", "", "", ""]));
            board.tell(told(["camera", "", "flight_s", "2", "", "there"]));
            board.tell(told(["alarm_raised", id, mine[0], "9", "warning", "secret is high"]));
            board.tell(told(["alarm_raised", &other, mine[0], "9", "warning", "other is high"]));
            board.tell(told(["alarm_cleared", "", mine[1], "", "", ""]));
            board.tell(told(["alarm_cleared", &other, mine[2], "", "", ""]));
            board.tell(told(["message", "", "", "", "", "rain"]));
        });
    }

    fn assert_silent(&self, viewer: &Viewer) {
        assert!(!viewer.heard(self.secret.1.as_bytes()), "the object");
        for name in ["measuredHeight", "flow", "flows", "total", "98765", "there"] {
            assert!(!viewer.heard(name.as_bytes()), "{name}");
        }
        for secret in SECRETS {
            assert!(!viewer.heard(&secret.to_le_bytes()) && !viewer.heard(secret.to_string().as_bytes()), "{secret}");
        }
    }
}

#[test]
fn live_values_come_without_what_is_withheld_and_under_the_rows_of_the_own_tiles() {
    let town = town();
    town.publish_all();
    let address = town.world.address;
    town.world.block_on(async {
        let mut viewer = Viewer::known_by(address, token(Role::Viewer), "", json!({"rate": 60})).await;
        viewer.until("the snapshot", |viewer| viewer.mirror.complete).await;
        town.tell_happenings();
        viewer.until("what happens", |viewer| viewer.versions.len() > 1).await;
        town.assert_silent(&viewer);
        let mirror = &mut viewer.mirror;
        let properties: Vec<&str> = mirror.hello.properties.iter().map(|(name, _)| name.as_str()).collect();
        let indicators: Vec<&str> = mirror.hello.indicators.iter().map(|about| about.name.as_str()).collect();
        assert_eq!((properties, indicators), (vec!["power"], vec!["each", "houses"]));
        assert_eq!(mirror.values.len(), town.others.len());
        for ((row, property), value) in &mirror.values {
            let whole = value.own.as_ref().unwrap().value.number().unwrap();
            assert_eq!(value.rolled_up, Some(whole), "nothing in it is withheld");
            assert_eq!((town.seen.table().id(*row), *property), (town.whole.table().id(whole as u32), 0));
        }
        let some = town.seen.table().row(town.whole.table().id(town.others[0]));
        let figures: Vec<_> =
            mirror.figures.values().map(|figure| (figure.indicator, figure.row, figure.value)).collect();
        assert_eq!(figures, [(0, some, Some(55.5))]);
        let alarms: Vec<_> = mirror.alarms.values().map(|alarm| (alarm.name.as_str(), alarm.row)).collect();
        assert_eq!(alarms, [("high", some)]);
        let other = town.whole.table().id(town.others[0]).to_owned();
        assert_eq!(mirror.staging.attributes, [(other.clone(), "x".to_owned(), Value::from(2.0))]);
        assert_eq!(mirror.staging.hidden, [other.clone(), "devices".to_owned()]);
        assert_eq!(mirror.staging.closed, [other]);
        let happened: Vec<String> = mirror.take_happenings().iter().map(|told| told.columns[0].clone()).collect();
        assert_eq!(happened, ["set", "hide", "alarm_raised", "message"]);
    });
}

#[test]
fn what_goes_on_out_of_sight_is_not_felt() {
    let town = town();
    town.publish_all();
    let (address, secret) = (town.world.address, town.secret.0);
    town.world.block_on(async {
        let mut viewer = Viewer::known_by(address, token(Role::Viewer), "", json!({"rate": 60})).await;
        viewer.until("the snapshot", |viewer| viewer.mirror.complete).await;
        while viewer.next_within(Duration::from_millis(300)).await.is_ok() {}
        let before = viewer.versions.len();
        for round in 0..10 {
            town.channel.publish(|board| {
                let number = SECRETS[0] + f64::from(round);
                board.put(value(secret, 1, Some(number), number));
                town.above.iter().for_each(|row| board.put(value(*row, 1, None, number)));
                board.put(figure(0, None, number));
                board.put(alarm("high", Some(secret), &format!("{}{round}", town.secret.1)));
                let hidden = vec![town.secret.1.clone(), format!("unknown-{round}")];
                let some = town.whole.table().id(town.others[0]).to_owned();
                let seen = Staging {
                    attributes: vec![(some.clone(), "x".into(), Value::from(2.0))],
                    hidden: [vec![some.clone(), "devices".into()], hidden].concat(),
                    closed: vec![some],
                    ..Staging::default()
                };
                board.put(Fact::Staging(seen));
                board.tell(told(["set", &town.secret.1, "x", "1", "", ""]));
            });
        }
        assert!(viewer.hears_nothing().await);
        assert_eq!(viewer.versions.len(), before);
        // A device that is seen, and what is in the same place as the other one, is told of, and nothing counts what was not.
        town.channel.publish(|board| board.put(value(town.others[3], 1, Some(4.25), 4.25)));
        viewer.until("the value", |viewer| viewer.versions.len() > before).await;
        assert_eq!(viewer.versions.last().unwrap() - viewer.versions[before - 1], 1);
        town.assert_silent(&viewer);
    });
}

#[test]
fn whoever_sees_everything_gets_everything_as_before() {
    let town = town();
    town.publish_all();
    let address = town.world.address;
    town.world.block_on(async {
        let mut operator = Viewer::known_by(address, token(Role::Operator), "", json!({"rate": 60})).await;
        operator.until("the snapshot", |viewer| viewer.mirror.complete).await;
        let mirror = &operator.mirror;
        assert_eq!(mirror.values[&(town.secret.0, 1)].own.as_ref().unwrap().value, Value::from(SECRETS[0]));
        assert_eq!(mirror.values[&(town.above[0], 1)].rolled_up, Some(SECRETS[2]));
        assert_eq!((mirror.figures.len(), mirror.alarms.len(), mirror.hello.indicators.len()), (5, 6, 4));
        assert_eq!(mirror.version, town.channel.read(Board::version));
    });
    let operator = ("authorization", bearer(token(Role::Operator)));
    let scene = asked(&town.world, "GET", "/api/scenes/town", &[(operator.0, &operator.1)], "").json();
    assert_eq!((scene["layers"].as_array().unwrap().len(), scene["cameras"].as_array().unwrap().len()), (3, 2));
}

#[test]
fn a_subscription_cannot_ask_for_what_is_withheld() {
    let town = town();
    town.publish_all();
    let address = town.world.address;
    town.world.block_on(async {
        for wrong in [
            json!({"properties": ["flow"]}),
            json!({"properties": ["nothing"]}),
            json!({"layers": ["tall"]}),
            json!({"layers": ["the one"]}),
            json!({"layers": [""]}),
        ] {
            let mut viewer = Viewer::known_by(address, token(Role::Viewer), "", wrong.clone()).await;
            assert_eq!(viewer.next().await, Err(1008), "{wrong}");
        }
        let wanted = json!({"properties": ["power"], "layers": ["devices"]});
        let mut viewer = Viewer::known_by(address, token(Role::Viewer), "?format=json", wanted).await;
        viewer.until("the snapshot", |viewer| viewer.heard.len() > 1).await;
        town.assert_silent(&viewer);
        let update: Json = serde_json::from_slice(&viewer.heard[1]).unwrap();
        let values = update["update"]["values"].as_array().unwrap();
        assert_eq!(values.len(), town.others.len());
        for value in values {
            let row = value["row"].as_u64().unwrap() as u32;
            assert_eq!(
                (value["object"].as_str().unwrap(), &value["property"]),
                (town.seen.table().id(row), &json!("power"))
            );
        }
    });
}

#[test]
fn what_a_scene_says_of_itself_names_nothing_that_is_withheld() {
    let town = town();
    town.publish_all();
    let own = bearer(token(Role::Viewer));
    let get = |path: &str| asked(&town.world, "GET", path, &[("authorization", &own)], "");
    let scene = get("/api/scenes/town").json();
    let names = |list: &Json| list.as_array().unwrap().iter().map(|one| one["name"].clone()).collect::<Vec<_>>();
    assert_eq!((names(&scene["layers"]), names(&scene["cameras"])), (vec![json!("devices")], vec![json!("above")]));
    assert_eq!((&scene["removed"], &scene["panel"]["indicators"]), (&json!([]), &json!(["each"])));
    assert_eq!(
        (&scene["bindings"][0], &scene["bindings"][1]["unit"]),
        (&json!({"property": "", "unit": null, "effects": []}), &json!("kW"))
    );
    let list = get("/api/scenarios").json();
    assert_eq!((&list[0]["layers"], &list[0]["properties"]), (&json!(["devices"]), &json!(["power"])));
    let figures = get("/api/indicators").json();
    assert_eq!(figures.as_array().unwrap().iter().map(|one| one["value"].clone()).collect::<Vec<_>>(), [json!(55.5)]);
    assert_eq!(get("/api/alarms").json().as_array().unwrap().len(), 1);
    get("/api/snapshot.png").problem(403);
    get("/api/playback").problem(404);
}

#[test]
fn sensorthings_and_history_know_nothing_that_is_withheld() {
    let town = town();
    town.publish_all();
    let (_, secret) = &town.secret;
    let other = town.whole.table().id(town.others[0]).to_owned();
    let get = |path: &str, role| asked(&town.world, "GET", path, &[("authorization", &bearer(token(role)))], "");
    let part = |text: &str| text.replace('%', "%25").replace(':', "%3A");
    let names = |path: &str, role| -> BTreeSet<String> {
        let (mut found, mut next) = (BTreeSet::new(), Some(path.to_owned()));
        while let Some(path) = next {
            let reply = get(&path, role).json();
            let told = reply.to_string();
            let hides = role == Role::Operator || !(told.contains(secret.as_str()) || told.contains("flow"));
            assert!(
                hides && (role == Role::Operator || SECRETS.iter().all(|value| !told.contains(&value.to_string()))),
                "{path}"
            );
            let ids = reply["value"].as_array().unwrap().iter().map(|one| one["@iot.id"].as_str().unwrap().to_owned());
            found.extend(ids);
            let link = reply["@iot.nextLink"].as_str().map(str::to_owned);
            next = link.map(|link| link[link.find("/sta/").unwrap()..].to_owned());
        }
        found
    };
    let things: BTreeSet<String> =
        town.others.iter().map(|row| format!("town:{}", part(town.whole.table().id(*row)))).collect();
    let streams: BTreeSet<String> = things.iter().map(|id| format!("{id}:power")).collect();
    assert_eq!(names("/sta/v1.1/Things", Role::Viewer), things);
    assert_eq!(names("/sta/v1.1/Datastreams?$top=7&$expand=Thing,Observations", Role::Viewer), streams);
    assert_eq!(names("/sta/v1.1/ObservedProperties", Role::Viewer), ["town:power".to_owned()].into());
    assert_eq!(names("/sta/v1.1/Observations?$count=true", Role::Viewer).len(), streams.len());
    assert_eq!(names("/sta/v1.1/Things", Role::Operator).len(), things.len() + 1);
    assert_eq!(names("/sta/v1.1/Datastreams", Role::Operator).len(), streams.len() + 2);
    for (object, property, status) in [(secret, "power", 404), (&other, "flow", 404), (&other, "power", 200)] {
        let history = format!("/api/history?object={object}&property={property}");
        let stream = format!("/sta/v1.1/Datastreams('town:{}:{property}')", part(&part(object)));
        for path in [history, stream] {
            assert_eq!((get(&path, Role::Viewer).status, get(&path, Role::Operator).status), (status, 200), "{path}");
        }
    }
    let own = bearer(token(Role::Viewer));
    asked(&town.world, "POST", "/sta/v1.1/Observations", &[("authorization", &own)], "{}").problem(403);
}

#[test]
fn a_scene_of_a_closed_city_is_not_there() {
    let live = Arc::new(Live::default());
    let hello = Hello { scene: "town".into(), ..Hello::default() };
    let for_viewers = SceneForViewers { city: "demo".into(), ..SceneForViewers::default() };
    let _channel = live.open(Board::new(hello, Vec::new()), SceneAbout { for_viewers, ..SceneAbout::default() });
    let right: RightDocument = serde_json::from_value(json!({ "role": "viewer", "closed": true })).unwrap();
    let access = Access::new(settings(), Arc::new(now), AuditLog::off()).unwrap();
    let world = World::serving(Service::new(catalogue()).with_live(live).protected(access, vec![right]).unwrap());
    let get = |path: &str, role| asked(&world, "GET", path, &[("authorization", &bearer(token(role)))], "");
    assert_eq!(get("/api/scenarios", Role::Viewer).json(), json!([]));
    assert_eq!(get("/api/scenarios", Role::Operator).json().as_array().unwrap().len(), 1);
    for path in ["/api/scenes/town", "/api/indicators", "/api/alarms?scene=town", "/api/snapshot.png"] {
        get(path, Role::Viewer).problem(404);
    }
}

/// What a body is when it is unpacked.
fn unpacked(reply: &Reply) -> Vec<u8> {
    let mut bytes = Vec::new();
    match reply.header("content-encoding") {
        "gzip" => drop(flate2::read::GzDecoder::new(&*reply.body).read_to_end(&mut bytes).unwrap()),
        "br" => drop(brotli::Decompressor::new(&*reply.body, 4096).read_to_end(&mut bytes).unwrap()),
        "zstd" => bytes = zstd::stream::decode_all(&*reply.body).unwrap(),
        "" => bytes.clone_from(&reply.body),
        other => panic!("nobody asked for {other}"),
    }
    bytes
}

/// Calls every operation of the description as a restricted viewer, with every encoding, and looks for the secret in what
/// comes. How many answers there were, and in which encodings.
fn walk(world: &World, description: &Json, version: &str, secrets: &[&str]) -> (usize, BTreeSet<String>) {
    let authorization = bearer(token(Role::Viewer));
    let (mut answered, mut encodings) = (0, BTreeSet::new());
    for (path, item) in description["paths"].as_object().unwrap() {
        for method in ["get", "post"].into_iter().filter(|method| item.get(*method).is_some()) {
            let filled = |file: &str| {
                path.replace("{city}", "demo")
                    .replace("{collection}", "demo.Building")
                    .replace("{collectionId}", "demo.Building")
                    .replace("{id}", secrets[0])
                    .replace("{scene}", "town")
                    .replace("{resource}", "Datastreams")
                    .replace("{related}/{further}", "nothing/$ref")
                    .replace("{related}", "$ref")
                    .replace("{version}", version)
                    .replace("{file}", file)
            };
            let files = ["tileset.json", "city.toml", "content/0/0/0.glb"].map(filled);
            let addresses = [&files[..], &[path.replace(['{', '}'], "")]].concat();
            for (address, encoding) in addresses
                .iter()
                .flat_map(|address| ["br", "gzip", "zstd", "identity"].map(|encoding| (address, encoding)))
            {
                let headers = [("authorization", authorization.as_str()), ("accept-encoding", encoding)];
                let reply = asked(world, &method.to_uppercase(), address, &headers, "");
                let bytes = unpacked(&reply);
                assert!(reply.status < 500 || reply.status == 503, "{method} {address}: {}", reply.status);
                for (secret, bytes) in secrets.iter().flat_map(|secret| [(secret, &bytes), (secret, &reply.body)]) {
                    // A question that names it is told by its own words at most.
                    assert!(!holds(bytes, secret), "{method} {address} in {encoding}: {secret}");
                }
                assert!(!reply.header("cache-control").contains("public"), "{method} {address}");
                answered += usize::from(reply.status == 200);
                encodings.insert(reply.header("content-encoding").to_owned());
            }
        }
    }
    (answered, encodings)
}

/// Asks for an object that is withheld and for one that is not there in every way that names one: the answers differ by that
/// name alone. A slip of the name of an attribute that is withheld is not corrected.
fn ask_by_name(world: &World, secret: &str, attribute: &str, class: &str) {
    let nothing: String = secret.chars().map(|c| if c.is_ascii_alphanumeric() { 'q' } else { c }).collect();
    let own = bearer(token(Role::Viewer));
    let ask = |method: &str, address: &str, body: &str| {
        let reply = asked(world, method, &address.replace(' ', "%20"), &[("authorization", &own)], body);
        (reply.status, reply.text().to_owned())
    };
    let box_of_all =
        r#"{"type":"Polygon","coordinates":[[[121.0,30.0],[123.0,30.0],[123.0,32.0],[121.0,32.0],[121.0,30.0]]]}"#;
    let observation = r#"{"result":1,"Datastream":{"@iot.id":"town:NAME:level"}}"#;
    for (method, address, body) in [
        ("GET", "/api/city/demo/objects/NAME", ""),
        ("GET", "/api/city/demo/objects?id=NAME", ""),
        ("GET", "/api/city/demo/objects?where=id = 'NAME'", ""),
        ("GET", "/api/city/demo/objects?where=parent = 'NAME'", ""),
        ("POST", "/api/city/demo/objects?id=NAME", box_of_all),
        ("POST", "/api/city/demo/objects?where=id = 'NAME'", box_of_all),
        ("GET", "/ogc/collections/demo.CLASS/items/NAME", ""),
        ("GET", "/ogc/collections/demo.CLASS/items?filter=id = 'NAME'", ""),
        ("GET", "/api/history?object=NAME&property=level", ""),
        ("GET", "/sta/v1.1/Things('town:NAME')", ""),
        ("GET", "/sta/v1.1/Things('town:NAME')/Datastreams", ""),
        ("GET", "/sta/v1.1/Datastreams('town:NAME:level')/Observations", ""),
        ("GET", "/sta/v1.1/Things?$filter=name eq 'NAME'", ""),
        ("POST", "/sta/v1.1/Observations", observation),
        ("GET", "/api/scenes/town/runs/NAME", ""),
    ] {
        let of = |name: &str| {
            let filled = |text: &str| text.replace("CLASS", class).replace("NAME", name);
            let (status, text) = ask(method, &filled(address), &filled(body));
            (status, text.replace(name, "NAME"))
        };
        assert_eq!(of(secret), of(&nothing), "{method} {address}");
    }
    let slip = &attribute[..attribute.len() - 1];
    for address in ["/api/city/demo/objects?where=SLIP > 0", "/ogc/collections/demo.CLASS/items?filter=SLIP > 0"] {
        let (status, text) = ask("GET", &address.replace("SLIP", slip).replace("CLASS", class), "");
        assert!((400..500).contains(&status) && !text.contains(attribute), "{address}: {text}");
    }
}

/// A scene over the demo city with its simulated feed, as a server puts it on stage.
pub fn staged(name: &str, live: &Live) -> ServedStage {
    let folder = tempfile::tempdir().unwrap();
    let own = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/scenes/demo.toml")).unwrap();
    let demo = "[city.demo]\nseed = 1\nsize = \"small\"\n";
    assert!(own.contains(demo));
    let packages = format!("[city]\npackages = ['{}']\n", package().display());
    std::fs::write(folder.path().join("town.toml"), own.replace(demo, &packages)).unwrap();
    let stage = Stage::open(Documents::open(&folder.path().join("town.toml")).unwrap(), None).unwrap();
    ServedStage::start(name, "demo", stage, live).unwrap()
}

#[test]
fn what_is_withheld_from_a_role_is_in_no_answer_and_in_no_message() {
    let live = Arc::new(Live::default());
    let _stage = staged("town", &live);
    let whole = catalogue().cities["demo"].city.clone();
    let (table, channel) = (whole.table(), live.scenes()["town"].clone());
    // A device that has a value of its own; what is in no other object's name can be searched for.
    let begin = std::time::Instant::now();
    let row = loop {
        assert!(begin.elapsed() < PATIENCE, "the simulated feed brings values");
        let named = (0..table.rows()).find(|row| table.class(*row).unwrap() == "Device");
        let known = channel.read(|board| named.filter(|row| board.about(*row).is_some()));
        if let Some(row) = known {
            break row;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let (id, property) = (table.id(row).to_owned(), "power");
    // The longest name is in no other word.
    let hidden = whole.manifest().attributes.keys().max_by_key(|name| name.len()).unwrap().as_str();
    let right = json!({ "role": "viewer", "where": format!("id <> '{id}'"), "hide": [hidden, property] });
    let right: RightDocument = serde_json::from_value(right).unwrap();
    let access = Access::new(settings(), Arc::new(now), AuditLog::off()).unwrap();
    let service = Service::new(catalogue()).with_live(live).protected(access, vec![right.clone()]).unwrap();
    let description = serde_json::to_value(described(service.clone()).1).unwrap();
    let world = World::serving(service);
    let seen = veduta::service::access::visible(&catalogue(), &[right], Role::Viewer).unwrap().cities["demo"].clone();
    let (answered, encodings) = walk(&world, &description, &seen.version, &[&id, hidden]);
    assert!(answered > 30, "{answered}");
    ask_by_name(&world, &id, hidden, "Device");
    assert_eq!(encodings, ["", "br", "gzip", "zstd"].map(str::to_owned).into());
    world.block_on(async {
        let mut operator = Viewer::known_by(world.address, token(Role::Operator), "", json!({"rate": 60})).await;
        let known = |viewer: &Viewer| viewer.mirror.values.range((row, 0)..=(row, u16::MAX)).next().is_some();
        operator.until("the value of the device", known).await;
        let mut viewer = Viewer::known_by(world.address, token(Role::Viewer), "", json!({"rate": 60})).await;
        let mut reader =
            Viewer::known_by(world.address, token(Role::Viewer), "?format=json", json!({"rate": 60})).await;
        viewer.until("many values", |viewer| viewer.mirror.complete && viewer.versions.len() > 20).await;
        reader.until("many messages", |reader| reader.heard.len() > 20).await;
        for secret in [id.as_str(), hidden, property] {
            assert!(!viewer.heard(secret.as_bytes()) && !reader.heard(secret.as_bytes()), "{secret}");
        }
        assert!(operator.heard(property.as_bytes()) && operator.mirror.hello.properties.len() > 3);
        // Every value is that of the object that its row has in what this role is given.
        let theirs: BTreeSet<&str> = operator.mirror.values.keys().map(|(row, _)| table.id(*row)).collect();
        assert!(!viewer.mirror.values.is_empty());
        for (row, _) in viewer.mirror.values.keys() {
            let object = seen.city.table().id(*row);
            assert!(theirs.contains(object) && object != id, "{object}");
        }
    });
}
