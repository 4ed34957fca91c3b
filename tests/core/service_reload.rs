//! Tokens and rights that change while the server runs.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use veduta::service::access::hash_token;

use crate::service_operations::Process;
use crate::service_viewer::{PATIENCE, Viewer};

const ANNA: &str = "anna-0123456789abcdef";
const EVA: &str = "eva-0123456789abcdef";
const OTTO: &str = "otto-0123456789abcdef";

/// Names, tokens and roles, and what else the document says.
fn write(folder: &Path, tokens: &[(&str, &str, &str)], more: &str) {
    let token = |(name, token, role): &(&str, &str, &str)| {
        // The hash of a token stays the same as long as the token does.
        let file = folder.join(format!("{token}.hash"));
        if !file.exists() {
            std::fs::write(&file, hash_token(token).unwrap()).unwrap();
        }
        format!("[[token]]\nname = '{name}'\nrole = '{role}'\nhash_file = '{token}.hash'\n")
    };
    let tokens: String = tokens.iter().map(token).collect();
    let text = format!("format_version = 1\nlisten = '127.0.0.1:0'\npaths = ['town.scenario.toml']\n{tokens}{more}");
    std::fs::write(folder.join("serve.toml"), text).unwrap();
}

struct Http(reqwest::Client, String);

impl Http {
    async fn get(&self, path: &str, header: (&str, &str)) -> (u16, Json) {
        let answer = self.0.get(format!("http://{}{path}", self.1)).header(header.0, header.1).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    async fn post(&self, path: &str, token: &str, body: Json) -> reqwest::Response {
        let request = self.0.post(format!("http://{}{path}", self.1)).bearer_auth(token);
        request.json(&body).send().await.unwrap()
    }

    /// Waits until a token is answered with this status.
    async fn until(&self, token: &str, status: u16) {
        let (begin, own) = (Instant::now(), format!("Bearer {token}"));
        while self.get("/api/city", ("authorization", &own)).await.0 != status {
            assert!(begin.elapsed() < PATIENCE, "the new tokens hold");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hangup_takes_new_tokens_and_rights_and_closes_only_whom_they_concern() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    crate::play::town(folder);
    write(folder, &[("anna", ANNA, "viewer"), ("eva", EVA, "viewer"), ("otto", OTTO, "operator")], "");
    let process = Process::start(folder, &["--config", "serve.toml"], &[]);
    let address = process.1.parse().unwrap();
    let http = Http(reqwest::Client::builder().no_proxy().build().unwrap(), process.1.clone());
    let viewer = async |token: &str| {
        let mut viewer = Viewer::known_by(address, token, "", json!({"rate": 60})).await;
        viewer.until("the snapshot", |viewer| viewer.mirror.complete).await;
        viewer
    };
    let (mut anna, mut eva, mut otto) = (viewer(ANNA).await, viewer(EVA).await, viewer(OTTO).await);
    let cookie = async |token: &str| {
        let answer = http.post("/api/session", token, json!({ "token": token })).await;
        let set = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
        set.split(';').next().unwrap().to_owned()
    };
    let (annas, ottos) = (cookie(ANNA).await, cookie(OTTO).await);
    let role = async |cookie: &str| http.get("/api/session", ("cookie", cookie)).await.1["role"].clone();
    assert_eq!((role(&annas).await, role(&ottos).await), (json!("viewer"), json!("operator")));

    // Anna's token is gone, Eva is an operator now; Otto stays what he is.
    write(folder, &[("eva", EVA, "operator"), ("otto", OTTO, "operator")], "");
    process.signal("-HUP");
    assert_eq!(anna.next().await, Err(4401));
    assert_eq!(eva.next().await, Err(4403));
    http.until(ANNA, 401).await;
    assert_eq!((role(&annas).await, role(&ottos).await), (Json::Null, json!("operator")));
    assert_eq!(http.get("/api/session", ("authorization", &format!("Bearer {EVA}"))).await.1["role"], "operator");
    let heard = otto.versions.len();
    let step = json!({"action": "seek", "time": "2026-05-01T04:00:00+08:00"});
    assert_eq!(http.post("/api/playback", EVA, step).await.status().as_u16(), 200);
    otto.until("the next step", |otto| otto.versions.len() > heard).await;

    // What cannot be applied changes nothing, and nobody is sent away for it.
    let tokens = [("eva", EVA, "operator"), ("otto", OTTO, "operator")];
    write(folder, &tokens, "[[right]]\nrole = 'operator'\nwhere = 'no such attribute > 1'\n");
    process.signal("-HUP");
    // Operators may no longer know of the building 'a', on which there is an alarm.
    otto.until("the alarm", |otto| otto.mirror.alarms.values().any(|alarm| alarm.object == "a")).await;
    write(folder, &tokens, "[[right]]\nrole = 'operator'\nwhere = \"id <> 'a'\"\n");
    process.signal("-HUP");
    assert_eq!(otto.until_closed().await, 4403);
    assert_eq!(role(&ottos).await, json!("operator"), "he is signed in as before");
    let otto = viewer(OTTO).await;
    assert!(!otto.mirror.alarms.values().any(|alarm| alarm.object == "a"), "{:?}", otto.mirror.alarms);
    let alarms = http.get("/api/alarms", ("authorization", &format!("Bearer {OTTO}"))).await.1;
    assert!(!alarms.to_string().contains("\"a\""), "{alarms}");
    // A token that was made anew under the old name is another one: the old one's cookie is of no use any more.
    std::fs::remove_file(folder.join(format!("{OTTO}.hash"))).unwrap();
    write(folder, &[("otto", OTTO, "operator"), ("new", ANNA, "viewer")], "");
    process.signal("-HUP");
    http.until(ANNA, 200).await;
    assert_eq!(role(&ottos).await, Json::Null);
    let mut otto = otto;
    assert_eq!(otto.until_closed().await, 4401);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hangup_stages_changed_scenes_anew_leaves_the_others_and_takes_away_what_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    crate::play::town(folder);
    let text = std::fs::read_to_string(folder.join("town.toml")).unwrap();
    let named = |name: &str| text.replacen("name = \"town\"", &format!("name = \"{name}\""), 1);
    assert_ne!(named("second"), text, "{text}");
    let serve = |paths: &str| {
        std::fs::write(folder.join("serve.toml"), format!("format_version = 1\npaths = [{paths}]\n")).unwrap();
    };
    std::fs::write(folder.join("other.toml"), named("first")).unwrap();
    serve("'town.scenario.toml', 'other.toml'");
    let process = Process::start(folder, &["--config", "serve.toml", "--listen", "127.0.0.1:0"], &[]);
    let address: std::net::SocketAddr = process.1.parse().unwrap();
    let http = Http(reqwest::Client::builder().no_proxy().build().unwrap(), process.1.clone());
    let title = async || http.get("/api/scenes/other", ("accept", "*/*")).await.1["title"].clone();
    let mut play = Viewer::subscribed(address, json!({"scene": "town-scenario", "rate": 60})).await;
    let mut other = Viewer::subscribed(address, json!({"scene": "other", "rate": 60})).await;
    play.until("the snapshot", |play| play.mirror.complete).await;
    assert_eq!(title().await, "first");

    std::fs::write(folder.join("other.toml"), named("second")).unwrap();
    process.signal("-HUP");
    assert_eq!(other.until_closed().await, 4403);
    assert_eq!(title().await, "second");
    // The play goes on as if nothing had been read.
    let seek = json!({"scene": "town-scenario", "action": "seek", "time": "2026-05-01T04:00:00+08:00"});
    let answer = http.0.post(format!("http://{address}/api/playback")).json(&seek).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    play.until("the alarm", |play| play.mirror.alarms.values().any(|alarm| alarm.name == "flooded")).await;

    // The package is another one, so both scenes begin anew.
    let mut other = Viewer::subscribed(address, json!({"scene": "other", "rate": 60})).await;
    other.until("the snapshot", |other| other.mirror.complete).await;
    let footprints = std::fs::read_to_string(folder.join("town.geojson")).unwrap();
    std::fs::write(folder.join("town.geojson"), footprints.replacen("\"height\":30", "\"height\":31", 1)).unwrap();
    crate::cli::success(folder, &["import", "town.geojson", "-o", "town.city"]);
    process.signal("-HUP");
    assert_eq!((play.until_closed().await, other.until_closed().await), (4403, 4403));

    let mut other = Viewer::subscribed(address, json!({"scene": "other", "rate": 60})).await;
    other.until("the snapshot", |other| other.mirror.complete).await;
    serve("'town.scenario.toml'");
    process.signal("-HUP");
    assert_eq!(other.until_closed().await, 4403);
    assert_eq!(http.get("/api/scenes/other", ("accept", "*/*")).await.0, 404, "nobody names it any more");
    let scenarios = http.get("/api/scenarios", ("accept", "*/*")).await.1;
    assert_eq!(scenarios.as_array().map(Vec::len), Some(1), "{scenarios}");
}
