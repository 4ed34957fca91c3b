//! `/ogc`: OGC API Features as a client finds its way through it.

use serde_json::Value;
use veduta::city::Expression;
use veduta::package::Query;

use crate::service_world::{Reply, World};

const ITEMS: &str = "/ogc/collections/demo.Building/items";

fn link(document: &Value, rel: &str) -> Option<String> {
    let links = document["links"].as_array().unwrap();
    links.iter().find(|link| link["rel"] == rel).map(|link| link["href"].as_str().unwrap().to_owned())
}

fn matched(reply: &Reply) -> u64 {
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["numberMatched"].as_u64().unwrap()
}

fn encoded(text: &str) -> String {
    let part =
        |byte: u8| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(part).collect()
}

#[test]
fn links_lead_from_the_landing_page_to_an_item() {
    let world = World::start();
    let get = |address: &str| world.send(|client| client.get(address));
    let landing = world.get("/ogc").json();
    for rel in ["self", "service-desc", "service-doc", "conformance", "data"] {
        assert_eq!(get(&link(&landing, rel).unwrap()).status, 200, "{rel}");
    }
    let conformance = get(&link(&landing, "conformance").unwrap()).json();
    assert!(conformance["conformsTo"].as_array().unwrap().len() > 5);
    let collections = get(&link(&landing, "data").unwrap()).json();
    let manifest = world.service.city("demo").unwrap().city.manifest().clone();
    assert_eq!(collections["collections"].as_array().unwrap().len(), manifest.counts.len());
    for collection in collections["collections"].as_array().unwrap() {
        let itself = get(&link(collection, "self").unwrap()).json();
        assert_eq!(&itself, collection);
        let items = get(&link(collection, "items").unwrap()).json();
        let class = collection["id"].as_str().unwrap().strip_prefix("demo.").unwrap();
        assert_eq!(items["numberMatched"], manifest.counts[class]);
        let id = items["features"][0]["id"].as_str().unwrap();
        let item = world.get(&format!("/ogc/collections/demo.{class}/items/{}", encoded(id)));
        assert_eq!((item.status, item.header("content-type")), (200, "application/geo+json"));
        assert_eq!(item.json()["id"], id);
        assert!(link(&item.json(), "collection").is_some());
    }
    let queryables = world.get("/ogc/collections/demo.Building/queryables");
    assert_eq!(queryables.header("content-type"), "application/schema+json");
    assert_eq!(queryables.json()["properties"]["measuredHeight"]["type"], "number");
    assert_eq!(queryables.json()["properties"]["geometry"]["format"], "geometry-polygon");
    world.get("/ogc/collections/demo.Nothing").problem(404);
    world.get("/ogc/collections/Building/items").problem(404);
    world.get(&format!("{ITEMS}/no-such-item")).problem(404);
}

#[test]
fn pages_have_ten_items_and_lead_on_and_back() {
    let world = World::start();
    let first = world.get(ITEMS).json();
    assert_eq!(first["numberReturned"], 10);
    assert_eq!(link(&first, "prev"), None);
    let second = world.send(|client| client.get(link(&first, "next").unwrap())).json();
    assert_ne!(first["features"], second["features"]);
    let back = world.send(|client| client.get(link(&second, "prev").unwrap())).json();
    assert_eq!(back["features"], first["features"]);
    // More than is given at once is not wrong (17-069r4, requirement 22), nor is a page behind the last.
    assert_eq!(world.get(&format!("{ITEMS}?limit=99999999999999999999999")).status, 200);
    let behind = world.get(&format!("{ITEMS}?offset=99999999999999999999999")).json();
    assert_eq!((&behind["numberReturned"], link(&behind, "next")), (&Value::from(0), None));
}

#[test]
fn filters_choose_as_the_expression_language_does() {
    let world = World::start();
    let published = world.service.city("demo").unwrap();
    let city = &published.city;
    let count = |filter: &str| {
        matched(&world.get(&format!("{ITEMS}?limit=1&filter-lang=cql2-text&filter={}", encoded(filter))))
    };
    let expected = |text: &str| {
        let class = Some("Building".to_owned());
        let query = Query { filter: Some(Expression::parse(text).unwrap()), class, ..Query::default() };
        city.query(&query).unwrap().len() as u64
    };
    let tall = expected("measuredHeight > 30");
    let all = expected("true");
    assert!(tall > 0 && tall < all);
    assert_eq!(count("measuredHeight > 30"), tall);
    assert_eq!(count("NOT (measuredHeight > 30) AND measuredHeight IS NOT NULL"), expected("measuredHeight <= 30"));
    assert_eq!(count("measuredHeight BETWEEN 10 AND 20"), expected("measuredHeight between 10 and 20"));
    assert_eq!(count("class IN ('Building', 'Road')"), all);
    assert_eq!(count("CASEI(id) LIKE CASEI('%1')"), expected("id like '%1'"));
    let [west, south, east, north, ..] = city.manifest().extent.unwrap();
    let (x, y) = ((west + east) / 2.0, (south + north) / 2.0);
    let quarter = matched(&world.get(&format!("{ITEMS}?limit=1&bbox={west},{south},{x},{y}")));
    assert!(quarter > 0 && quarter < all);
    let spatial = format!("S_INTERSECTS(geometry, BBOX({west},{south},{x},{y}))");
    assert_eq!(count(&spatial), quarter);
    let ring = format!("{west} {south}, {x} {south}, {x} {y}, {west} {y}, {west} {south}");
    assert_eq!(count(&format!("S_INTERSECTS(POLYGON(({ring})), geometry)")), quarter);
    assert_eq!(count(&format!("NOT {spatial}")), all - quarter);
    let both = count(&format!("{spatial} AND measuredHeight > 30"));
    assert_eq!(count(&format!("{spatial} OR measuredHeight > 30")), quarter + tall - both);
    assert_eq!(count("S_INTERSECTS(geometry, POINT(0 0))"), 0);
    // Objects have no times: every time matches.
    assert_eq!(matched(&world.get(&format!("{ITEMS}?datetime=2018-02-12T00:00:00Z/.."))), all);
}

#[test]
fn bad_requests_get_problems() {
    let world = World::start();
    let deep = format!("filter={}a=1{}", "(".repeat(3000), ")".repeat(3000));
    let chain = format!("filter={}a=1", "NOT%20".repeat(1000));
    for parameters in [
        "unknown=1",
        "limit=0",
        "limit=x",
        "bbox=1,2,3",
        "bbox=NaN,0,1,1",
        "bbox=0,0,1e999,1",
        "bbox=0,0,0,0,0",
        "datetime=yesterday",
        "datetime=../..",
        "filter-lang=cql2-json",
        "filter-crs=http://www.opengis.net/def/crs/EPSG/0/3857",
        "filter=%ff",
        "filter=nothing%20%3D%201",
        "filter=class%20%3D%20'x'%3B%20DROP%20TABLE%20objects%20--",
        "filter=class%20%3D%20'x'%20OR%20'1'%3D'1",
        "filter=S_INTERSECTS(geometry,%20POINT(NaN%20NaN))",
        &deep,
        &chain,
    ] {
        world.get(&format!("{ITEMS}?{parameters}")).problem(400);
    }
    world.send(|client| client.post(world.url(ITEMS))).problem(405);
}
