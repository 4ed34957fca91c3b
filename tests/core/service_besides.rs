//! What a viewer draws besides the city: what a variant adds, and the water of simulations.

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use veduta::formats::Column;
use veduta::scenario::AddedContent;
use veduta::service::access::hash_token;
use veduta::sim::Recording;

use crate::play::{town, with_storm};
use crate::service_operations::Process;

const ANNA: &str = "anna-0123456789abcdef";
const EVA: &str = "eva-0123456789abcdef";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_added_and_computed_goes_to_those_who_see_everything() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    town(folder);
    let (scenario, storm) = with_storm(folder);
    // Without variants all edits hold.
    let (edits, rest) = scenario.split_once("[[variant]]").unwrap();
    let (_, rest) = rest.split_once("[[simulation]]").unwrap();
    std::fs::write(folder.join("town.scenario.toml"), format!("{edits}[[simulation]]{rest}")).unwrap();
    let token = |token: &str, role: &str| {
        let hash = hash_token(token).unwrap();
        format!("[[token]]\nname = '{role}'\nrole = '{role}'\nhash = '{hash}'\n")
    };
    let served = format!(
        "format_version = 1\nlisten = '127.0.0.1:0'\npaths = ['town.scenario.toml']\n{}{}[[right]]\nrole = 'viewer'\n\
         hide = ['level']\n",
        token(ANNA, "viewer"),
        token(EVA, "operator")
    );
    std::fs::write(folder.join("serve.toml"), served).unwrap();
    let process = Process::start(folder, &["--config", "serve.toml"], &[]);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let get = async |token: &str, path: &str| {
        let url = format!("http://{}/api/scenes/town-scenario{path}", process.1);
        let answer = client.get(url).bearer_auth(token).send().await.unwrap();
        (answer.status().as_u16(), answer.bytes().await.unwrap().to_vec())
    };
    let scene = async |token: &str| serde_json::from_slice::<Json>(&get(token, "").await.1).unwrap();

    let whole = scene(EVA).await;
    assert_eq!(whole["added"], 3, "the row of the first: after a, b and bow");
    assert_eq!(whole["runs"], json!([{ "name": "storm", "start": "2026-04-30T16:00:00Z" }]));
    let added = AddedContent::decode(&get(EVA, "/added").await.1).unwrap();
    let features = &added[0].content.features;
    assert_eq!((added.len(), features.column("object")), (1, Some(&Column::UInt32(vec![3]))));
    assert_eq!(features.column("id").unwrap().value(0), "new".into());
    assert!(added[0].content.triangles() >= 8, "walls and a roof");
    let begin = Instant::now();
    let recording = loop {
        match get(EVA, "/runs/storm").await {
            (200, bytes) => break bytes,
            (status, _) => assert!(status == 202 && begin.elapsed() < Duration::from_secs(60), "{status}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(recording, storm);
    assert_eq!(Recording::open(recording.into()).unwrap().times_s().len(), 2);
    assert_eq!(get(EVA, "/runs/drought").await.0, 404);

    let part = scene(ANNA).await;
    assert_eq!((&part["added"], &part["runs"]), (&json!(null), &json!([])));
    assert_eq!((get(ANNA, "/added").await.0, get(ANNA, "/runs/storm").await.0), (404, 404));
}
