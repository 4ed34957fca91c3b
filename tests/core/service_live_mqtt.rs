//! From a real broker through a server to a viewer.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use veduta::app::documents::Documents;
use veduta::app::stage::Stage;
use veduta::live::ValueState;
use veduta::platform::transport::wall_clock;
use veduta::quantity::Timestamp;
use veduta::service::live::Live;

use crate::cli::{FOOTPRINTS, success};
use crate::live_sources::value;
use crate::mqtt::{Mosquitto, publish, publisher};
use crate::service_live::{assert_same, serve, staged};
use crate::service_viewer::Viewer;

/// A town whose buildings have what a broker tells of them.
fn town_of(folder: &Path, broker: &Mosquitto) {
    fs::write(folder.join("town.geojson"), FOOTPRINTS).unwrap();
    success(folder, &["import", "town.geojson", "-o", "town.city"]);
    let scene = format!(
        r#"format_version = 1
[city]
packages = ["town.city"]
[[source]]
name = "broker"
kind = "mqtt"
url = "mqtt://127.0.0.1:{}"
topics = ["city/#"]
mapping = {{ value = "/v", time = "/t" }}
[[binding]]
source = "broker"
stream = "city/{{id}}"
to = {{ id = "{{id}}" }}
property = "power"
stale_after_s = 3
"#,
        broker.port()
    );
    fs::write(folder.join("town.toml"), scene).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_goes_from_the_broker_to_the_viewer() {
    let Some(mut broker) = Mosquitto::anonymous() else { return };
    broker.start();
    let folder = tempfile::tempdir().unwrap();
    town_of(folder.path(), &broker);
    let live = Arc::new(Live::default());
    let _stage = staged(folder.path(), "town.toml", "town", &live);
    let address = serve(live.clone()).await;
    let mut client = Viewer::subscribed(address, json!({"rate": 30})).await;
    client.until("the snapshot", |viewer| viewer.mirror.complete).await;
    let (port, now) = (broker.port(), wall_clock().seconds() as i64);
    let send = move || {
        // Retained: it is there whenever the server's connection is.
        publish(publisher(port), vec![("city/a".into(), true, format!(r#"{{"v": 42.5, "t": {now}}}"#))]);
    };
    tokio::task::spawn_blocking(send).await.unwrap();
    client.until("the value", |viewer| viewer.mirror.values.values().any(|value| value.rolled_up == Some(42.5))).await;
    assert_same(&client.mirror, &live.scenes()["town"]);
    let is_stale = |state: Option<ValueState>| state == Some(ValueState::Stale);
    client
        .until("it is stale", |viewer| {
            viewer.mirror.values.values().any(|v| is_stale(v.own.as_ref().map(|own| own.state)))
        })
        .await;
    // Who comes later, or again, has the same.
    let mut again = Viewer::subscribed(address, json!({})).await;
    again.until("the snapshot", |viewer| viewer.mirror.complete).await;
    assert_same(&again.mirror, &live.scenes()["town"]);
}

/// A picture in daylight of a scene with connections: the sun of the hour, the values of now.
#[test]
fn another_hours_sun_shines_on_the_values_of_now() {
    let Some(mut broker) = Mosquitto::anonymous() else { return };
    broker.start();
    let folder = tempfile::tempdir().unwrap();
    town_of(folder.path(), &broker);
    let sent = format!(r#"{{"v": 42.5, "t": {}}}"#, wall_clock().seconds() as i64);
    publish(publisher(broker.port()), vec![("city/a".into(), true, sent)]);
    let mut stage = Stage::open(Documents::open(&folder.path().join("town.toml")).unwrap(), None).unwrap();
    let noon = Timestamp::parse("2026-07-01T12:00:00+08:00").unwrap();
    stage.seek(noon);
    stage.settle(Duration::from_secs(5), &wall_clock);
    assert_eq!(stage.sun, Some(noon));
    assert_eq!(value(stage.live(), "a", "power"), Some(42.5));
    assert!(wall_clock().seconds_since(stage.time()) < 60.0, "it is shown at {}", stage.time());
}
