//! Tokens of an issuer: how far they are believed, and for how long.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Json;
use axum::routing::get;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use veduta::service::Service;
use veduta::service::access::{Access, AccessSettings, IssuerDocument, Role};
use veduta::service::audit::AuditLog;
use veduta::service::live::Live;

use crate::service_access::{asked, bearer, now, settings, status, token, world};
use crate::service_live::{publish, town};
use crate::service_viewer::Viewer;
use crate::service_world::{World, catalogue};

/// A pair of keys (P-256, PKCS#8, for tests only) as `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256` makes.
fn key() -> EncodingKey {
    let made = std::process::Command::new("openssl")
        .args(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"])
        .output()
        .unwrap();
    assert!(made.status.success());
    EncodingKey::from_ec_pem(&made.stdout).unwrap()
}

/// An issuer on a free port whose keys can be changed.
struct Issuer {
    address: String,
    keys: Arc<Mutex<BTreeMap<String, Jwk>>>,
    fetched: Arc<Mutex<u32>>,
}

impl Issuer {
    fn start(world: &World) -> Self {
        let keys: Arc<Mutex<BTreeMap<String, Jwk>>> = Arc::default();
        let fetched: Arc<Mutex<u32>> = Arc::default();
        let listener = world.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let discovery = json!({ "issuer": address, "jwks_uri": format!("{address}/keys") });
        let (told, count) = (Arc::clone(&keys), Arc::clone(&fetched));
        let router = axum::Router::new()
            .route("/.well-known/openid-configuration", get(move || async move { Json(discovery) }))
            .route(
                "/keys",
                get(move || async move {
                    *count.lock().unwrap() += 1;
                    Json(JwkSet { keys: told.lock().unwrap().values().cloned().collect() })
                }),
            );
        world.block_on(async {
            tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        });
        Self { address, keys, fetched }
    }

    fn publish(&self, name: &str, key: &EncodingKey) {
        let mut jwk = Jwk::from_encoding_key(key, Algorithm::ES256).unwrap();
        jwk.common.key_id = Some(name.to_owned());
        self.keys.lock().unwrap().insert(name.to_owned(), jwk);
    }

    fn document(&self) -> IssuerDocument {
        let document = json!({
            "issuer": self.address, "audience": "veduta", "role_claim": "realm.roles", "leeway_s": 5,
            "roles": { "city-ops": "operator", "city-admin": "admin" }
        });
        serde_json::from_value(document).unwrap()
    }

    fn claims(&self, change: Value) -> Value {
        let second = now().seconds() as i64;
        let mut claims = json!({
            "iss": self.address, "aud": ["other", "veduta"], "sub": "anna", "exp": second + 300, "nbf": second - 10,
            "realm": { "roles": ["unknown", "city-ops"] }
        });
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
    }
}

fn signed(key: &EncodingKey, algorithm: Algorithm, name: &str, claims: &Value) -> String {
    let mut header = Header::new(algorithm);
    header.kid = Some(name.to_owned());
    bearer(&encode(&header, claims, key).unwrap())
}

#[test]
fn tokens_of_an_issuer_are_believed_only_as_far_as_they_are_proven() {
    let issuer = Issuer::start(Box::leak(Box::new(world())));
    let (first, second) = (key(), key());
    issuer.publish("first", &first);
    let clock = Arc::new(Mutex::new(now()));
    let told = Arc::clone(&clock);
    let settings = AccessSettings { issuer: Some(issuer.document()), ..settings() };
    let access = Access::new(settings, Arc::new(move || *told.lock().unwrap()), AuditLog::off()).unwrap();
    let world = World::serving(Service::new(catalogue()).protected(access, Vec::new()).unwrap());
    let of = |authorization: &str| status(&world, "/api/nothing", authorization);
    let claims = |change: Value| issuer.claims(change);
    let good = signed(&first, Algorithm::ES256, "first", &claims(json!({})));
    let who = asked(&world, "GET", "/api/session", &[("authorization", &good)], "");
    assert_eq!(who.json(), json!({ "name": "anna", "role": "operator" }));
    assert_eq!(status(&world, "/metrics", &good), 403);
    assert_eq!(of(&bearer(token(Role::Viewer))), 404, "own tokens go on beside it");

    let at = now().seconds() as i64;
    for (what, change) in [
        ("it ran out", json!({ "exp": at - 60 })),
        ("it never runs out", json!({ "exp": null })),
        ("not yet", json!({ "nbf": at + 60 })),
        ("for somebody else", json!({ "aud": "other" })),
        ("for nobody", json!({ "aud": null })),
        ("of another issuer", json!({ "iss": "https://evil.example" })),
        ("no role", json!({ "realm": { "roles": ["unknown"] } })),
        ("the role's own name", json!({ "realm": { "roles": ["admin"] } })),
        ("roles elsewhere", json!({ "realm": 5, "roles": ["city-admin"] })),
    ] {
        assert_eq!(of(&signed(&first, Algorithm::ES256, "first", &claims(change))), 401, "{what}");
    }
    let admin =
        signed(&first, Algorithm::ES256, "first", &claims(json!({ "realm": { "roles": "city-ops city-admin" } })));
    assert_eq!(status(&world, "/api/nothing", &admin), 404);

    // Signed by somebody else under a known name; not signed; signed with the public key as if it were a shared secret.
    assert_eq!(of(&signed(&second, Algorithm::ES256, "first", &claims(json!({})))), 401);
    let public = serde_json::to_vec(&issuer.keys.lock().unwrap()["first"]).unwrap();
    let confused = signed(&EncodingKey::from_secret(&public), Algorithm::HS256, "first", &claims(json!({})));
    assert_eq!(of(&confused), 401);
    let parts: Vec<&str> = good.split('.').collect();
    let unsigned = format!("Bearer eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{}.", parts[1]);
    assert_eq!(of(&unsigned), 401);
    assert_eq!(of(&good[..good.len() - 4]), 401);

    // A new key is fetched when a token names it, and made-up names do not make the server ask again and again.
    issuer.publish("second", &second);
    let rotated = signed(&second, Algorithm::ES256, "second", &claims(json!({})));
    let fetched = || *issuer.fetched.lock().unwrap();
    let before = fetched();
    assert_eq!(of(&rotated), 401, "asked only a moment ago");
    for number in 0..20 {
        assert_eq!(of(&signed(&second, Algorithm::ES256, &number.to_string(), &claims(json!({})))), 401);
    }
    assert_eq!(fetched(), before);
    *clock.lock().unwrap() = now().plus_seconds(31.0);
    assert_eq!(of(&rotated), 404);
    assert_eq!(fetched(), before + 1);
    // A key that is taken back is forgotten within the hour.
    issuer.keys.lock().unwrap().remove("first");
    *clock.lock().unwrap() = now().plus_seconds(31.0 + 3700.0);
    assert_eq!((of(&good), of(&rotated)), (401, 404));
}

/// A building of the demo city, a text attribute that it has, and what withholds both from viewers.

#[test]
fn live_connections_end_with_what_they_were_opened_with() {
    let issuer = Issuer::start(Box::leak(Box::new(world())));
    let key = key();
    issuer.publish("key", &key);
    let document = IssuerDocument { leeway_s: 0, ..issuer.document() };
    let settings = AccessSettings { issuer: Some(document), ..settings() };
    let access = Access::new(settings, Arc::new(now), AuditLog::off()).unwrap();
    let live = Arc::new(Live::default());
    let channel = town(&live, 10);
    let world = World::serving(Service::new(catalogue()).with_live(live).protected(access, Vec::new()).unwrap());
    let end = now().seconds() as i64 + 5;
    let short = signed(&key, Algorithm::ES256, "key", &issuer.claims(json!({ "exp": end })));
    let body = json!({ "token": short.strip_prefix("Bearer ") }).to_string();
    let signed_in = asked(&world, "POST", "/api/session", &[("content-type", "application/json")], &body);
    let cookie = signed_in.header("set-cookie").split(';').next().unwrap();
    let ticket = asked(&world, "POST", "/api/session/ticket", &[("authorization", &short)], "").json();
    let ticket = format!("?ticket={}", ticket["ticket"].as_str().unwrap());
    let ways = [("", Some(("authorization", short.as_str()))), ("", Some(("cookie", cookie))), (&*ticket, None)];
    world.block_on(async {
        let mut own = Viewer::known_by(world.address, token(Role::Viewer), "", json!({})).await;
        let mut opened = Vec::new();
        for (question, header) in ways {
            let mut viewer = Viewer::connect(world.address, question, header).await.with(json!({})).await;
            viewer.until("the snapshot", |viewer| viewer.mirror.complete).await;
            opened.push(viewer);
        }
        assert!(now().seconds() < end as f64, "this machine is too slow for this test");
        for mut viewer in opened {
            assert_eq!(viewer.until_closed().await, 4401);
            assert!(now().seconds() >= end as f64);
        }
        publish(&channel, 0..1, 7.0);
        own.until("the value", |own| own.mirror.values.contains_key(&(0, 0))).await;
    });
    // Issuers count whole seconds.
    while status(&world, "/api/nothing", &short) != 401 {
        assert!(now().seconds() < end as f64 + 2.0, "it is still believed");
    }
}
