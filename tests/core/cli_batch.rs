//! `deploy/batch`: parts of a city made by workers of an engine, one of which is lost, are the city that one import makes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use crate::cli::success;
use crate::cli_packages::{files, houses};
use crate::installed::installed;

const BATCH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/batch/veduta_batch.py");
const PROGRAM: &str = env!("CARGO_BIN_EXE_veduta");

fn batch(python: &Path, folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(python);
    command.arg(BATCH).args(arguments).current_dir(folder).env("RAY_USAGE_STATS_ENABLED", "0");
    command.env("RAY_AUTH_MODE", "disabled");
    command.output().unwrap()
}

fn done(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_lost_worker_s_part_is_made_again() {
    let Some(python) = installed("ray-2.60.0/bin/python") else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let heights: Vec<(usize, f64)> = (0..60).map(|number| (number, 5.0 + number as f64)).collect();
    fs::write(folder.join("street.geojson"), houses(&heights)).unwrap();
    // The first attempt at the second part takes its worker with it.
    let lossy = folder.join("lossy");
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *'--partition 2/3'*) [ -e '{0}/once' ] || \
         {{ touch '{0}/once'; kill -9 $PPID; sleep 5; }};; esac\nexec '{PROGRAM}' \"$@\"\n",
        folder.display()
    );
    fs::write(&lossy, script).unwrap();
    fs::set_permissions(&lossy, fs::Permissions::from_mode(0o755)).unwrap();
    let (source, city) = (folder.join("street.geojson"), folder.join("town.city"));
    let (source, city) = (source.to_str().unwrap(), city.to_str().unwrap());
    let lossy = lossy.to_str().unwrap();
    done(&batch(&python, folder, &["run", source, "-o", city, "--parts", "3", "--cores", "0.5", "--veduta", lossy]));
    assert!(folder.join("once").exists(), "a worker was lost");
    success(folder, &["import", "street.geojson", "-o", "one.city", "--name", "town"]);
    assert_eq!(files(&folder.join("town.city")), files(&folder.join("one.city")));

    // The same, part by part, as Kubernetes and Slurm run them: the number is in the environment.
    for (name, number) in [("JOB_COMPLETION_INDEX", "0"), ("SLURM_ARRAY_TASK_ID", "1")] {
        let mut command = Command::new(&python);
        command.args([
            BATCH,
            "part",
            source,
            "-o",
            "again.city",
            "--parts",
            "2",
            "--name",
            "town",
            "--veduta",
            PROGRAM,
        ]);
        done(&command.current_dir(folder).env(name, number).output().unwrap());
        let early = batch(&python, folder, &["merge", "-o", "again.city", "--parts", "2", "--veduta", PROGRAM]);
        if number == "0" {
            assert!(String::from_utf8_lossy(&early.stderr).contains("parts [2] of 2 are missing"));
        } else {
            done(&early);
        }
    }
    assert_eq!(files(&folder.join("again.city")), files(&folder.join("one.city")));
}
