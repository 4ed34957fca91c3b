//! `/api/city`: what the cities hold and questions to them, against the package itself.

use serde_json::{Value, json};
use veduta::city::Expression;
use veduta::package::{City, Query};

use crate::service_world::{Reply, World};

const OBJECTS: &str = "/api/city/demo/objects";

fn ids(reply: &Reply) -> Vec<String> {
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("content-type"), "application/geo+json");
    let features = reply.json()["features"].as_array().unwrap().clone();
    features.iter().map(|feature| feature["id"].as_str().unwrap().to_owned()).collect()
}

fn asked(city: &City, query: &Query) -> Vec<String> {
    city.query(query).unwrap().into_iter().map(|row| city.table().id(row).to_owned()).collect()
}

fn filter(text: &str) -> Query {
    Query { filter: Some(Expression::parse(text).unwrap()), ..Query::default() }
}

/// West, south, east, north of the city.
fn extent(city: &City) -> [f64; 4] {
    let [west, south, east, north, ..] = city.manifest().extent.unwrap();
    [west, south, east, north]
}

#[test]
fn a_city_tells_what_it_holds() {
    let world = World::start();
    let published = world.service.city("demo").unwrap();
    let manifest = published.city.manifest();
    let facts = world.get("/api/city/demo").json();
    assert_eq!(facts["objects"], manifest.objects);
    assert_eq!(facts["classes"], json!(manifest.counts));
    assert_eq!(facts["anchor"], json!(manifest.anchor));
    assert_eq!(facts["extent"], json!(manifest.extent));
    for (name, known) in &manifest.attributes {
        assert_eq!(facts["attributes"][name], json!({ "kind": known.kind, "filled": known.filled }));
    }
    world.get("/api/city/nowhere").problem(404);
}

#[test]
fn questions_have_the_answers_of_the_package() {
    let world = World::start();
    let published = world.service.city("demo").unwrap();
    let city = &published.city;
    let get = |parameters: &str| ids(&world.get(&format!("{OBJECTS}?limit=10000&{parameters}")));
    let tall = asked(city, &filter("measuredHeight > 30 and class = 'Building'"));
    assert!(!tall.is_empty());
    assert_eq!(get("where=measuredHeight%20%3E%2030%20and%20class%20=%20'Building'"), tall);
    assert_eq!(get("where=measuredHeight%3E30&class=Building"), tall);
    assert_eq!(get(&format!("id={},{}", tall[0], tall[1])), [tall[0].clone(), tall[1].clone()]);
    let [west, south, east, north] = extent(city);
    let (middle_x, middle_y) = ((west + east) / 2.0, (south + north) / 2.0);
    let half = Query { area: Some(city.area_from_degrees(west, south, middle_x, middle_y)), ..Query::default() };
    let expected = asked(city, &half);
    assert!(expected.len() > 10);
    assert_eq!(get(&format!("bbox={west},{south},{middle_x},{middle_y}")), expected);
    let corners = [[west, south], [middle_x, south], [middle_x, middle_y], [west, middle_y], [west, south]];
    let polygon = json!({ "type": "Polygon", "coordinates": [corners] });
    for body in [polygon.clone(), json!({ "type": "Feature", "properties": {}, "geometry": polygon.clone() })] {
        let url = world.url(&format!("{OBJECTS}?limit=10000"));
        assert_eq!(ids(&world.send(|client| client.post(url).body(body.to_string()))), expected);
    }
    // A page of it leads to the next, which is asked for with the same polygon.
    let (mut url, mut found) = (world.url(&format!("{OBJECTS}?limit=7")), Vec::new());
    loop {
        let page = world.send(|client| client.post(&url).body(polygon.to_string()));
        found.extend(ids(&page));
        let links = page.json()["links"].clone();
        let Some(next) = links.as_array().unwrap().iter().find(|link| link["rel"] == "next") else { break };
        assert_eq!(next["method"], "POST");
        url = next["href"].as_str().unwrap().to_owned();
    }
    assert_eq!(found, expected);
    // At the middle of a building's box and by a ray from above there is that building; near it too.
    let object = world.get(&format!("{OBJECTS}/{}", tall[0])).json();
    let bbox: Vec<f64> = serde_json::from_value(object["bbox"].clone()).unwrap();
    let (x, y) = ((bbox[0] + bbox[3]) / 2.0, (bbox[1] + bbox[4]) / 2.0);
    assert!(get(&format!("near={x},{y}&radius=30")).contains(&tall[0]));
    assert!(get(&format!("ray={x},{y},1000,0,-90")).contains(&tall[0]));
    let plane = city.plane_from_degrees(x, y);
    let at = Query { area: Some(veduta::package::Area::Point(plane)), ..Query::default() };
    assert_eq!(get(&format!("at={x},{y}")), asked(city, &at));
    assert_eq!(object["properties"]["class"], "Building");
}

#[test]
fn boxes_may_be_as_large_as_the_earth_and_go_over_the_antimeridian() {
    let world = World::start();
    let published = world.service.city("demo").unwrap();
    let city = &published.city;
    let matched = |bbox: &str| world.get(&format!("{OBJECTS}?limit=1&bbox={bbox}")).json()["numberMatched"].clone();
    let [west, south, east, north] = extent(city);
    let somewhere = city.table().bounds().iter().filter(|bounds| !bounds.is_empty()).count();
    assert_eq!(matched("-180,-90,180,90"), somewhere);
    assert_eq!(matched(&format!("{},{},{},{}", west - 1.0, south - 1.0, east + 1.0, north + 1.0)), somewhere);
    // From east of the city around the earth to its west: nothing but what a margin lets touch; the other way: all.
    assert_eq!(matched(&format!("{},{},{},{}", east + 1.0, south, west - 1.0, north)), 0);
    assert_eq!(matched(&format!("{},{},{},{}", west - 1.0, south, -179.0, north)), somewhere);
    assert_eq!(matched("0,0,1,1"), 0);
    // Heights: none above the highest, all around all.
    let [.., low, high] = city.manifest().extent.unwrap();
    assert_eq!(matched(&format!("-180,-90,{},180,90,{}", high + 5.0, high + 9.0)), 0);
    assert_eq!(matched(&format!("-180,-90,{},180,90,{}", low - 5.0, high + 5.0)), somewhere);
}

#[test]
fn pages_follow_each_other_without_gap_or_repetition() {
    let world = World::start();
    let published = world.service.city("demo").unwrap();
    let all = asked(&published.city, &Query { class: Some("Building".to_owned()), ..Query::default() });
    let mut found = Vec::new();
    let mut address = world.url(&format!("{OBJECTS}?class=Building&limit=97"));
    loop {
        let reply = world.send(|client| client.get(&address));
        found.extend(ids(&reply));
        let page = reply.json();
        assert_eq!(page["numberMatched"], all.len());
        let next = page["links"].as_array().unwrap().iter().find(|link| link["rel"] == "next").cloned();
        let Some(next) = next else { break };
        address = next["href"].as_str().unwrap().to_owned();
    }
    assert_eq!(found, all);
}

#[test]
fn an_object_tells_its_place_in_the_tree() {
    let world = World::start();
    let published = world.service.city("demo").unwrap();
    let city = &published.city;
    let parts = asked(city, &filter("parent is not null"));
    let part = world.get(&format!("{OBJECTS}/{}", parts[0])).json();
    let parent = part["parent"].as_str().unwrap();
    let whole = world.get(&format!("{OBJECTS}/{parent}"));
    if whole.status == 200 {
        assert!(whole.json()["children"].as_array().unwrap().contains(&json!(parts[0])));
    }
    assert!(part["level"].as_str().unwrap().starts_with("CIM"));
    world.get(&format!("{OBJECTS}/no-such-object")).problem(404);
}

#[test]
fn the_server_and_the_command_write_the_same_features() {
    let world = World::start();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_veduta"));
    let command = command.arg("query").arg(crate::service_world::package());
    let output = command.args(["--where", "measuredHeight > 60", "--format", "geojson"]).output().unwrap();
    let written: Value = serde_json::from_slice(&output.stdout).unwrap();
    let served = world.get(&format!("{OBJECTS}?where=measuredHeight%3E60&limit=10000")).json();
    assert!(!written["features"].as_array().unwrap().is_empty());
    assert_eq!(served["features"], written["features"]);
}

#[test]
fn bad_questions_get_problems() {
    let world = World::start();
    let deep = format!("where={}1{}", "(".repeat(2000), ")".repeat(2000));
    for (parameters, part) in [
        ("colour=red", "colour"),
        ("limit=0", "limit"),
        ("limit=-1", "whole number"),
        ("limit=1&limit=2", "limit"),
        ("limit=ten", "whole number"),
        ("offset=1.5", "whole number"),
        ("bbox=1,2,3", "bbox"),
        ("bbox=NaN,0,1,1", "bbox"),
        ("bbox=0,0,1e999,1", "bbox"),
        ("bbox=0,1,1,0", "south"),
        ("bbox=-500,0,1,1", "not on the earth"),
        ("at=35,139", "not on the earth"),
        ("near=139,35", "belong together"),
        ("near=139,35&radius=-1", "radius"),
        ("near=139,35&radius=NaN", "radius"),
        ("near=139,35&radius=1e9", "radius"),
        ("at=139,35&bbox=0,0,1,1", "not several"),
        ("ray=1,2,3", "ray"),
        ("ray=1,2,inf,0,0", "ray"),
        ("where=measuredHeight%20%3E", "expected a value"),
        ("where=1;DROP%20TABLE%20objects", "means nothing"),
        ("where=heigth%3E1", "did you mean"),
        ("text=%ff", "UTF-8"),
        ("where=%C0%AF", "UTF-8"),
        (&deep, "deeper"),
    ] {
        let detail = world.get(&format!("{OBJECTS}?{parameters}")).problem(400);
        assert!(detail.contains(part), "{parameters:.60}: {detail}");
    }
    world.get(&format!("{OBJECTS}?where={}", "a".repeat(9000))).problem(414);
    assert!(world.get("/api/city/demo?x=1").problem(400).contains('x'));
    world.get("/api/city/%ff").problem(400);
    let post = |body: String| world.send(|client| client.post(world.url(OBJECTS)).body(body));
    let rings = "[[[0,0],[1,0],[1,1],[0,0]],[[0,0],[1,0],[1,1],[0,0]]]";
    for body in [
        String::new(),
        "{".to_owned(),
        "[]".to_owned(),
        "{\"type\":\"Point\",\"coordinates\":[0,0]}".to_owned(),
        format!("{{\"type\":\"Polygon\",\"coordinates\":{rings}}}"),
        "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[1e999,0],[1,1]]]}".to_owned(),
        "{\"type\":\"Polygon\",\"coordinates\":[[[0,100],[1,0],[1,1]]]}".to_owned(),
        "[".repeat(100_000),
    ] {
        post(body.clone()).problem(400);
    }
    let many: Vec<[f64; 2]> = (0..2000).map(|i| [f64::from(i) * 0.01, 0.0]).collect();
    post(json!({ "type": "Polygon", "coordinates": [many] }).to_string()).problem(422);
    // What is announced as too long is refused before it comes.
    let head = format!("POST {OBJECTS} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 8388608\r\n\r\n");
    assert!(world.raw(&head).starts_with("HTTP/1.1 413 "));
}

/// Left-leaning trees as deep as an address can be long are computed on the server's stacks, and a costly one is given up.
#[test]
fn long_chains_neither_overflow_the_stack_nor_keep_the_server() {
    let world = World::start();
    for (link, count) in
        [("1-", 3900), ("1=1+or+", 1100), ("not+", 1900), ("1||", 2600), ("-", 7000), ("1=2+and+", 900)]
    {
        let reply = world.get(&format!("{OBJECTS}?limit=1&where={}1", link.repeat(count)));
        assert!([200, 400, 422].contains(&reply.status), "{link}: {}", reply.text());
    }
    assert_eq!(world.get("/healthz").text(), "alive");
}
