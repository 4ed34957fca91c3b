//! `/api`: the description, and schemathesis, which asks the running server what the description says can be asked.

use std::process::Command;
use std::sync::Arc;

use veduta::service::Service;
use veduta::service::live::Live;

use crate::installed::installed;
use crate::service_withheld::staged;
use crate::service_world::{World, catalogue};

#[test]
fn the_description_has_every_endpoint_and_its_problems() {
    let world = World::start();
    let reply = world.get("/api");
    assert!(reply.header("content-type").starts_with("application/vnd.oai.openapi+json"));
    let api = reply.json();
    assert_eq!(api["openapi"], "3.1.0");
    for (path, methods) in api["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters") {
            let responses = operation["responses"].as_object().unwrap();
            for range in ["4XX", "5XX"] {
                let content = responses[range]["content"].as_object().unwrap();
                assert_eq!(content.keys().collect::<Vec<_>>(), ["application/problem+json"], "{method} {path}");
            }
        }
    }
    for path in ["/api", "/api/city/{city}/objects", "/ogc/collections/{collection}/items", "/healthz"] {
        assert!(api["paths"].get(path).is_some(), "{path}");
    }
    let page = world.send(|client| client.get(world.url("/api")).header("accept", "text/html,*/*;q=0.1"));
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.text().contains("<code>POST /api/city/{city}/objects</code>"));
}

/// No fault of the server, no answer that the description does not have, no wrong question answered as if it were right.
#[test]
fn schemathesis_finds_nothing() {
    let Some(program) = installed("schemathesis-4.32.5/bin/schemathesis") else { return };
    let live = Arc::new(Live::default());
    let _stage = staged("demo", &live);
    let world = World::serving(Service::new(catalogue()).with_live(live));
    let mut command = Command::new(program);
    command.args(["--config-file", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/schemathesis.toml")]);
    command.args(["run", &world.url("/api"), "--include-path-regex", "^/(api$|api/city/|api/history|ogc|sta)"]);
    // What a description cannot say (that south is not north of north) makes right questions wrong.
    command.args(["--exclude-checks", "positive_data_acceptance"]);
    command.args(["--phases", "examples,coverage,fuzzing", "--max-examples", "20", "--seed", "1"]);
    command.args(["--workers", "1", "--request-timeout", "10"]);
    command.current_dir(env!("CARGO_TARGET_TMPDIR"));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
