//! Files of packages over HTTP: caching, parts, compression, and that nothing else gets out.

use std::io::Read;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use reqwest::header::{ACCEPT_ENCODING, IF_NONE_MATCH, IF_RANGE, RANGE};
use veduta::platform::FolderSource;
use veduta::service::{Catalogue, Published, Service};

use crate::service_world::{Reply, World, package};

/// Address of a file of the demo city.
fn address(world: &World, file: &str) -> String {
    let version = world.service.city("demo").unwrap().version.clone();
    format!("/api/tiles/demo/{version}/{file}")
}

fn with(world: &World, path: &str, headers: &[(reqwest::header::HeaderName, &str)]) -> Reply {
    world.send(|client| {
        headers.iter().fold(client.get(world.url(path)), |request, (name, value)| request.header(name, *value))
    })
}

fn on_disk(file: &str) -> Vec<u8> {
    std::fs::read(package().join(file)).unwrap()
}

/// A tile of the finest level.
fn a_tile() -> String {
    let mut folder = package().join("content");
    while folder.is_dir() {
        folder = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).max().unwrap();
    }
    folder.strip_prefix(package()).unwrap().to_str().unwrap().to_owned()
}

fn decoded(encoding: &str, bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    match encoding {
        "br" => brotli::Decompressor::new(bytes, 4096).read_to_end(&mut plain).unwrap(),
        "zstd" => zstd::Decoder::new(bytes).unwrap().read_to_end(&mut plain).unwrap(),
        "gzip" => flate2::read::GzDecoder::new(bytes).read_to_end(&mut plain).unwrap(),
        "" => return bytes.to_vec(),
        other => panic!("{other}"),
    };
    plain
}

#[test]
fn files_are_sent_once_and_then_for_ever_known() {
    let world = World::start();
    let cities = world.get("/api/city").json();
    assert_eq!((&cities[0]["name"], cities.as_array().unwrap().len()), (&"demo".into(), 1));
    assert!(cities[0]["counts"]["Building"].as_u64().unwrap() > 1_000);
    assert_eq!(cities[0]["tileset"], address(&world, "tileset.json"));
    let tile = a_tile();
    for (file, kind) in [
        ("tileset.json", "application/json"),
        ("terrain/tileset.json", "application/json"),
        ("city.toml", "application/toml"),
        (tile.as_str(), "model/gltf-binary"),
        ("terrain/heights.grid", "application/octet-stream"),
        ("objects/ids", "application/octet-stream"),
        ("index/tree", "application/octet-stream"),
    ] {
        let path = address(&world, file);
        let reply = world.get(&path);
        assert_eq!((reply.status, reply.header("content-type")), (200, kind), "{file}");
        assert_eq!(reply.header("cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(reply.header("access-control-allow-origin"), "*");
        assert_eq!(
            reply.headers.get_all("vary").iter().filter(|value| *value == "accept-encoding").count(),
            1,
            "{file}"
        );
        assert!(reply.body == on_disk(file), "{file}");
        let head = world.send(|client| client.head(world.url(&path)));
        assert_eq!((head.status, head.body.len(), head.header("etag")), (200, 0, reply.header("etag")));
        assert_eq!(head.header("content-length"), reply.body.len().to_string());
        let tag = reply.header("etag");
        assert!(tag.starts_with('"'), "a strong tag: {tag}");
        for known in [tag, "*", &format!("W/{tag}"), &format!("\"x\", {tag}")] {
            let again = with(&world, &path, &[(IF_NONE_MATCH, known)]);
            assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, tag), "{known}");
        }
        assert_eq!(with(&world, &path, &[(IF_NONE_MATCH, "\"other\"")]).status, 200);
    }
    let current = world.get("/api/tiles/demo/tileset.json");
    assert_eq!(current.status, 307);
    assert_eq!(format!("/api/tiles/demo/{}", current.header("location")), address(&world, "tileset.json"));
    assert_eq!(current.header("cache-control"), "no-cache");
    world.get("/api/tiles/atlantis/tileset.json").problem(404);
    world.get(&address(&world, "content/99/0/0.glb")).problem(404);
    assert!(world.get("/api/tiles/demo/0123/tileset.json").problem(404).contains("version"));
    assert_eq!(world.send(|client| client.post(world.url(&address(&world, "city.toml")))).status, 405);
}

#[test]
fn parts_of_files_are_sent() {
    let world = World::start();
    let (path, whole) = (address(&world, "objects/ids"), on_disk("objects/ids"));
    let size = whole.len();
    for (range, expected) in [
        ("bytes=0-9".to_owned(), 0..10),
        ("bytes=-7".to_owned(), size - 7..size),
        (format!("bytes={}-", size - 3), size - 3..size),
        (format!("bytes=5-{}", size * 2), 5..size),
    ] {
        let reply = with(&world, &path, &[(RANGE, &range), (ACCEPT_ENCODING, "br, gzip")]);
        assert_eq!((reply.status, reply.header("content-encoding")), (206, ""), "{range}");
        let place = format!("bytes {}-{}/{size}", expected.start, expected.end - 1);
        assert_eq!(reply.header("content-range"), place);
        assert!(reply.body == whole[expected], "{range}");
    }
    let beyond = with(&world, &path, &[(RANGE, &format!("bytes={size}-"))]);
    beyond.problem(416);
    assert_eq!(beyond.header("content-range"), format!("bytes */{size}"));
    assert_eq!(with(&world, &path, &[(RANGE, "bytes=0-1,4-5")]).status, 200, "several ranges are one whole");
    let tag = world.get(&path).header("etag").to_owned();
    assert_eq!(with(&world, &path, &[(RANGE, "bytes=0-1"), (IF_RANGE, &tag)]).status, 206);
    assert_eq!(with(&world, &path, &[(RANGE, "bytes=0-1"), (IF_RANGE, "\"old\"")]).status, 200);
}

#[test]
fn what_gains_is_compressed_once() {
    let world = World::start();
    let mut tags = std::collections::BTreeSet::new();
    for encoding in ["br", "zstd", "gzip"] {
        for file in ["tileset.json", "terrain/heights.grid", "index/tree", &a_tile()] {
            let (path, plain) = (address(&world, file), on_disk(file));
            let reply = with(&world, &path, &[(ACCEPT_ENCODING, encoding)]);
            assert_eq!(reply.status, 200);
            let used = reply.header("content-encoding").to_owned();
            assert!(decoded(&used, &reply.body) == plain, "{file} {encoding}");
            println!("{file} {encoding}: {} of {} bytes", reply.body.len(), plain.len());
            if used.is_empty() {
                assert!(!file.ends_with("json"), "text gains: {file}");
            } else {
                assert_eq!(used, encoding, "{file}");
                assert!(reply.body.len() * 100 <= plain.len() * 95, "{file}: {} of {}", reply.body.len(), plain.len());
                assert!(tags.insert(reply.header("etag").to_owned()), "each form has its own tag");
                let again = with(&world, &path, &[(ACCEPT_ENCODING, encoding), (IF_NONE_MATCH, reply.header("etag"))]);
                assert_eq!(again.status, 304);
            }
        }
    }
    let misses = |text: &str| -> u64 {
        let line = text.lines().find_map(|line| line.strip_prefix("veduta_tile_cache_misses_total "));
        line.unwrap().parse().unwrap()
    };
    let before = misses(world.get("/metrics").text());
    assert_eq!(with(&world, &address(&world, "tileset.json"), &[(ACCEPT_ENCODING, "br")]).status, 200);
    assert_eq!(misses(world.get("/metrics").text()), before, "nothing is read or compressed twice");
}

#[test]
fn nothing_but_the_package_gets_out() {
    let world = World::start();
    let base = address(&world, "");
    let secret = on_disk("city.toml");
    let secret = String::from_utf8_lossy(&secret[..40]).into_owned();
    for file in [
        "../../../../etc/passwd",
        "content/../../../../../etc/passwd",
        "%2e%2e/%2e%2e/etc/passwd",
        "content/%2e%2e/city.toml",
        "content/..%2fcity.toml",
        "%2fetc%2fpasswd",
        "/etc/passwd",
        "content/..\\..\\city.toml",
        "content%5c..%5ccity.toml",
        "city.toml%00.glb",
        "%00",
        "content/",
        "",
        "./city.toml",
        "content//0.glb",
        "file:///etc/passwd",
        "%252e%252e/city.toml",
        "..;/city.toml",
    ] {
        let answer = world.raw(&format!("GET {base}{file} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"));
        let status: u16 = answer.split(' ').nth(1).unwrap_or_default().parse().unwrap_or_default();
        assert!((400..405).contains(&status), "{file}: {answer}");
        assert!(!answer.contains("root:") && !answer.contains(&secret), "{file}: {answer}");
        assert!(!answer.contains(package().to_str().unwrap()), "no path of ours: {answer}");
    }
    assert!(world.raw(&format!("GET {base}%ff%fe HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).contains(" 400 "));
}

#[cfg(unix)]
#[test]
fn links_do_not_lead_out_and_a_city_is_swapped_under_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.city");
    assert!(Command::new("cp").arg("-r").arg(package()).arg(&copy).status().unwrap().success());
    std::os::unix::fs::symlink("/etc/hostname", copy.join("content/out.glb")).unwrap();
    let other = |path: &Path| {
        let files = Arc::new(FolderSource::new(path).unwrap());
        let mut catalogue = Catalogue::default();
        catalogue.cities.insert("demo".to_owned(), Arc::new(Published::open("demo", files).unwrap()));
        catalogue
    };
    let world = World::serving(Service::new(other(&copy)));
    world.get(&address(&world, "content/out.glb")).problem(404);
    let before = address(&world, "city.toml");
    assert_eq!(world.get(&before).status, 200);
    let text = std::fs::read_to_string(copy.join("city.toml")).unwrap();
    let renamed = text.lines().map(|line| if line.starts_with("name =") { "name = 'Other'" } else { line });
    std::fs::write(copy.join("city.toml"), renamed.collect::<Vec<_>>().join("\n")).unwrap();
    world.service.publish(other(&copy)).unwrap();
    assert_ne!(address(&world, "city.toml"), before);
    assert!(world.get(&address(&world, "city.toml")).text().contains("Other"));
    world.get(&before).problem(404);
}
