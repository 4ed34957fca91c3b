//! TLS: a certificate that changes while the server runs.

use std::path::Path;
use std::process::Command;

use axum::routing::get;
use reqwest::tls::TlsInfo;
use reqwest::{Client, Response};
use veduta::platform::Certificate;

/// A certificate for localhost that signs itself, and its key.
fn make(folder: &Path, serial: u32) {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .args(["-set_serial", &serial.to_string(), "-keyout"])
        .arg(folder.join("key.pem"))
        .arg("-out")
        .arg(folder.join("chain.pem"))
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

fn shown(response: &Response) -> Vec<u8> {
    response.extensions().get::<TlsInfo>().unwrap().peer_certificate().unwrap().to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_certificate_is_taken_and_open_connections_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let (chain, key) = (folder.path().join("chain.pem"), folder.path().join("key.pem"));
    assert!(Certificate::open(&chain, &key).is_err());
    make(folder.path(), 1);
    let mut certificate = Certificate::open(&chain, &key).unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let router = axum::Router::new().route("/", get(|| async { "city" }));
    let server = axum_server::from_tcp_rustls(listener, certificate.config()).unwrap();
    tokio::spawn(async move { server.serve(router.into_make_service()).await.unwrap() });

    // Whether the certificate is to be believed is the client's affair; here it matters which one is shown.
    let client = || Client::builder().no_proxy().tls_info(true).danger_accept_invalid_certs(true).build().unwrap();
    let early = client();
    let first = early.get(&url).send().await.unwrap();
    let first_shown = shown(&first);
    assert_eq!(first.text().await.unwrap(), "city");
    assert!(!certificate.reload().unwrap(), "nothing has changed");

    // Half of a new pair is in place: the old pair goes on.
    let half = std::fs::read(&key).unwrap();
    make(folder.path(), 2);
    let whole = std::fs::read(&key).unwrap();
    std::fs::write(&key, b"-----BEGIN PRIVATE KEY-----\n").unwrap();
    assert!(certificate.reload().is_err());
    std::fs::write(&key, &half).unwrap();
    assert!(certificate.reload().is_err(), "a key of another certificate");
    assert_eq!(shown(&client().get(&url).send().await.unwrap()), first_shown);

    std::fs::write(&key, &whole).unwrap();
    assert!(certificate.reload().unwrap());
    let second = client().get(&url).send().await.unwrap();
    assert_ne!(shown(&second), first_shown);
    let again = early.get(&url).send().await.unwrap();
    assert_eq!(shown(&again), first_shown, "its connection is still the one of before");
    assert_eq!(again.text().await.unwrap(), "city");
}
