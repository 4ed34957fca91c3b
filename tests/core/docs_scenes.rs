//! The examples of `docs/scenes.md` are what they say.

use std::sync::Arc;

use veduta::geodesy::Geodetic;
use veduta::live::{
    Bindings, Connector, Decoded, JsonConnector, LiveCity, Message, ObjectDirectory, Outcome, SourceIndex,
};
use veduta::quantity::Timestamp;
use veduta::scene::{Environment, read_scenario, read_scene};

/// The TOML blocks of the page: the scene, then the scenario.
fn examples() -> Vec<String> {
    let page = include_str!("../../docs/scenes.md");
    let blocks = page.split("```toml\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

/// One building, right under the station.
struct OneBuilding;

impl ObjectDirectory for OneBuilding {
    fn row_of(&self, _: &str) -> Option<u32> {
        None
    }
    fn nearest(&self, class: &str, place: Geodetic, within_m: f64) -> Option<u32> {
        let near = (place.longitude_rad.to_degrees() - 121.9).abs() < 1e-6 && within_m == 200.0;
        (class == "Building" && near).then_some(17)
    }
}

#[test]
fn the_documents_are_sound_and_a_message_finds_its_building() {
    let [scene, scenario] = <[String; 2]>::try_from(examples()).unwrap();
    let environment = Environment::from([("BROKER_PASSWORD".to_owned(), "secret".to_owned())]);
    let scene = read_scene(&scene, "docs/scenes.md", &environment).unwrap();
    read_scenario(&scenario, "docs/scenes.md", &environment, Some(&scene)).unwrap();

    let broker = &scene.sources[0];
    assert_eq!(broker.topics, ["city/+/+"]);
    let connector = JsonConnector::new(&broker.name, &broker.mapping).unwrap();
    let payload = br#"{"value": 12.5, "time": "2026-07-01T05:59:00+08:00", "lon": 121.9, "lat": 30.9}"#;
    let now = Timestamp::parse("2026-07-01T06:00:00+08:00").unwrap();
    let mut decoded = Decoded::default();
    connector.decode(&Message { topic: "city/air/st1", payload, received: now }, &mut decoded);
    let observation = &decoded.observations[0];
    assert_eq!(observation.stream, Arc::from("air/st1"));

    let names: Vec<&str> = scene.sources.iter().map(|source| source.name.as_str()).collect();
    let mut city = LiveCity::new(Bindings::compile(&scene.bindings, &names).unwrap(), now);
    assert_eq!(city.apply(SourceIndex(0), observation, &OneBuilding), Outcome::Applied);
    let pm25 = city.bindings().property("pm25").unwrap();
    assert_eq!(city.reading_of(17, pm25).unwrap().latest.unwrap().value.number(), Some(12.5));
}
