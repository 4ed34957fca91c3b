//! Folders read and written: nothing climbs out, nothing half made is seen.

use std::fs;

use veduta::package::PackageSink;
use veduta::platform::{AtomicFolder, FolderSource};
use veduta::streaming::ByteSource;

#[test]
fn a_folder_source_stays_inside() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("in")).unwrap();
    fs::write(folder.path().join("secret"), "x").unwrap();
    fs::write(folder.path().join("in/a"), "hello").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("../secret", folder.path().join("in/link")).unwrap();
    let source = FolderSource::new(&folder.path().join("in")).unwrap();
    assert_eq!(source.read("a", Some(1..3)).unwrap(), b"el");
    assert_eq!(source.size("a").unwrap(), 5);
    for name in ["../secret", "/etc/hostname", "link", "", "missing"] {
        assert!(source.read(name, None).is_err(), "{name}");
    }
    assert!(source.read("a", Some(3..9)).is_err());
}

#[test]
fn a_package_appears_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("city");
    let entries = || fs::read_dir(folder.path()).unwrap().count();
    let mut first = AtomicFolder::create(&target, "city.toml").unwrap();
    first.write("content/0/0/0.glb", b"one").unwrap();
    first.write("city.toml", b"one").unwrap();
    assert!(!target.exists());
    assert!(AtomicFolder::create(&target, "city.toml").is_err(), "one writer at a time");
    assert!(first.write("../out", b"").is_err());
    first.commit().unwrap();
    let mut second = AtomicFolder::create(&target, "city.toml").unwrap();
    second.write("city.toml", b"two").unwrap();
    drop(second);
    assert!(target.join("content/0/0/0.glb").exists());
    assert_eq!(entries(), 1);
    fs::create_dir(folder.path().join(".city.partial")).unwrap();
    fs::rename(&target, folder.path().join(".city.old")).unwrap();
    let mut third = AtomicFolder::create(&target, "city.toml").unwrap();
    assert!(target.join("content/0/0/0.glb").exists(), "the old package of a killed swap is put back");
    third.write("city.toml", b"three").unwrap();
    third.commit().unwrap();
    assert!(!target.join("content").exists());
    assert_eq!(entries(), 1);
}

#[test]
fn what_is_somebodys_own_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (file, own, empty) = (folder.path().join("scene.toml"), folder.path().join("own"), folder.path().join("empty"));
    fs::write(&file, "name = 'mine'").unwrap();
    fs::create_dir(&own).unwrap();
    fs::write(own.join("letter.txt"), "dear").unwrap();
    fs::create_dir(&empty).unwrap();
    for target in [&file, &own] {
        let refused = AtomicFolder::create(target, "city.toml").unwrap_err().to_string();
        assert!(refused.contains("is not replaced") && refused.contains(&*target.to_string_lossy()), "{refused}");
    }
    assert_eq!(fs::read_to_string(own.join("letter.txt")).unwrap(), "dear");
    let mut made = AtomicFolder::create(&empty, "city.toml").unwrap();
    made.write("city.toml", b"new").unwrap();
    made.commit().unwrap();
    assert!(empty.join("city.toml").is_file());
    let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["empty", "own", "scene.toml"]);
}
