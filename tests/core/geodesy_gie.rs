//! PROJ's and the IOGP's (GIGS) test vectors through the seam: each projection as a CRS of its own, from longitude and latitude on the
//! same ellipsoid, and each pair of CRS. `docs/geodesy.md` has the table that this prints.

use std::path::PathBuf;

use veduta::geodesy::{AxisOrder, CoordinateOperation, CrsId, CrsRegistry, GeodesyError, Proj4rsOperation};

use crate::gie::{Definition, Made, Ways, run};
use crate::shared_data::shared;

/// Operations of PROJ that are no CRS.
const NO_CRS: &[&str] = &[
    "affine",
    "axisswap",
    "cart",
    "defmodel",
    "deformation",
    "geoc",
    "geogoffset",
    "gridshift",
    "helmert",
    "hgridshift",
    "horner",
    "molobadekas",
    "molodensky",
    "noop",
    "pop",
    "push",
    "set",
    "tinshift",
    "topocentric",
    "unitconvert",
    "vertoffset",
    "vgridshift",
    "xyzgridshift",
];

/// Two CRS that a definition leads between, with the degrees in one unit of the file on either side where they are angles.
pub struct Pair {
    pub crs: [String; 2],
    degrees_per_unit: [f64; 2],
    north_first: bool,
}

pub fn method(words: &[String]) -> &str {
    words.iter().find_map(|word| word.strip_prefix("proj=")).unwrap_or_default()
}

pub fn names_a_grid(words: &[String]) -> bool {
    let keys = ["nadgrids=", "grids=", "geoidgrids=", "file=", "xy_grids=", "z_grids="];
    // These two datums are tied to WGS 84 by grids.
    let datum = ["datum=potsdam", "datum=NAD27"];
    words.iter().any(|word| {
        datum.contains(&word.as_str()) || keys.iter().any(|key| word.strip_prefix(key).is_some_and(|v| v != "@null"))
    })
}

/// The two CRS of a definition, or why there are none.
pub fn pair(definition: &Definition) -> Result<Pair, &'static str> {
    let words = match definition {
        Definition::Between(source, target) => {
            return Ok(Pair { crs: [source.clone(), target.clone()], degrees_per_unit: [1.0; 2], north_first: true });
        }
        Definition::Words(words) => words,
    };
    if names_a_grid(words) {
        return Err("grid not there");
    }
    if method(words) == "pipeline" {
        return steps(words);
    }
    if NO_CRS.contains(&method(words)) {
        return Err("no CRS");
    }
    if words.iter().any(|word| word.starts_with("init=") || word == "inv") {
        return Err("no CRS");
    }
    let words: Vec<String> = words.iter().filter(|word| *word != "step").cloned().collect();
    Ok(Pair { crs: [geographic(&words), string(&words)], degrees_per_unit: [1.0; 2], north_first: false })
}

fn string(words: &[String]) -> String {
    let first = words.iter().find(|word| word.starts_with("proj="));
    let rest = words.iter().filter(|word| !word.starts_with("proj="));
    first.into_iter().chain(rest).map(|word| format!("+{word}")).collect::<Vec<_>>().join(" ")
}

/// Longitude and latitude on the ellipsoid of a definition; WGS 84 where it has a shift to there.
fn geographic(words: &[String]) -> String {
    if words.iter().any(|word| word.starts_with("towgs84=") || word.starts_with("datum=")) {
        return "+proj=longlat +datum=WGS84".to_owned();
    }
    let keys = ["ellps=", "a=", "b=", "rf=", "f=", "es=", "e=", "R="];
    let shape = |word: &&String| keys.iter().any(|key| word.starts_with(key)) || word.starts_with("R_");
    let own: Vec<String> = words.iter().filter(shape).map(|word| format!(" +{word}")).collect();
    if own.is_empty() { "+proj=longlat +ellps=GRS80".to_owned() } else { format!("+proj=longlat{}", own.concat()) }
}

/// A pipeline from one CRS to another: the first step inverse, the second not, units of angles before and after.
fn steps(words: &[String]) -> Result<Pair, &'static str> {
    let mut steps: Vec<&[String]> = words.split(|word| word == "step").collect();
    let mut degrees_per_unit = [1.0; 2];
    let for_all = steps.remove(0);
    if for_all.iter().any(|word| word == "inv") {
        return Err("no CRS");
    }
    let for_all: Vec<String> = for_all.iter().filter(|word| *word != "proj=pipeline").cloned().collect();
    if steps.len() > 2 && method(steps[0]) == "unitconvert" && steps[0].contains(&"xy_in=grad".to_owned()) {
        degrees_per_unit[0] = 0.9;
        steps.remove(0);
    }
    if steps.len() > 2 && steps.last().is_some_and(|last| last.contains(&"xy_out=grad".to_owned())) {
        degrees_per_unit[1] = 0.9;
        steps.pop();
    }
    let &[source, target] = &steps[..] else { return Err("no CRS") };
    let is_inverse = |step: &[String]| step.iter().any(|word| word == "inv");
    if !is_inverse(source) || is_inverse(target) {
        return Err("no CRS");
    }
    let crs = |step: &[String]| {
        let kept: Vec<String> = step.iter().filter(|word| *word != "inv" && *word != "no_def").cloned().collect();
        match kept.iter().find_map(|word| word.strip_prefix("init=")) {
            Some(code) => Ok(code.to_ascii_uppercase()),
            None if NO_CRS.contains(&method(&kept)) => Err("no CRS"),
            None => Ok(string(&[kept, for_all.clone()].concat())),
        }
    };
    Ok(Pair { crs: [crs(source)?, crs(target)?], degrees_per_unit, north_first: false })
}

pub type MakeOperation = dyn Fn(&CrsId, &CrsId) -> Result<Box<dyn CoordinateOperation>, GeodesyError>;

/// What a library makes of a definition as two CRS.
pub fn as_crs(definition: &Definition, operation: &MakeOperation) -> Made {
    let pair = match pair(definition) {
        Ok(pair) => pair,
        Err(reason) => return Made::OutOfScope(reason),
    };
    let Ok(source) = pair.crs[0].parse::<CrsId>() else { return Made::Refused };
    let Ok(target) = pair.crs[1].parse::<CrsId>() else { return Made::Refused };
    let registry = CrsRegistry::default();
    // Between these our own closed forms lead, with heights.
    let heights = [&source, &target].iter().all(|crs| matches!(crs.epsg_code(), Some(4326 | 4978 | 4979)));
    let made = if heights { registry.operation(&source, &target) } else { operation(&source, &target) };
    let back = if heights { registry.operation(&target, &source) } else { operation(&target, &source) };
    let Ok(there) = made else { return Made::Refused };
    let info = [registry.crs_info(&source), registry.crs_info(&target)];
    let north = AxisOrder::NorthFirst;
    let north_first =
        [0, 1].map(|side| pair.north_first && info[side].as_ref().is_ok_and(|info| info.axis_order == north));
    let degrees = [0, 1]
        .map(|side| info[side].as_ref().is_ok_and(|info| info.is_geographic).then_some(pair.degrees_per_unit[side]));
    let (radians, units) = (degrees.map(|d| d.map(f64::to_radians)), degrees.map(|d| d.unwrap_or(1.0)));
    Made::Ways(Ways { there, back: back.ok(), radians, units, north_first, heights })
}

fn proj4rs(definition: &Definition) -> Made {
    let make = |source: &CrsId, target: &CrsId| {
        Proj4rsOperation::new(source, target).map(|operation| Box::new(operation) as Box<dyn CoordinateOperation>)
    };
    match as_crs(definition, &make) {
        // Which of the two refused it is not told apart: a method or parameter that it lacks, or nonsense.
        Made::Refused => Made::OutOfScope("not in proj4rs"),
        made => made,
    }
}

pub fn files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    for folder in ["crs/gie", "crs/gigs"] {
        let Some(folder) = shared(folder) else { continue };
        let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        files.extend(paths.filter(|path| path.extension().is_some_and(|extension| extension == "gie")));
    }
    files.sort();
    files
}

/// Cases of a file, those that pass, those that differ.
pub type Expected = (&'static str, usize, usize, usize);

/// Runs every file and compares with what is known to pass and to differ; more passing is as good.
pub fn meets(expected: &[Expected], make: &dyn Fn(&Definition) -> Made) {
    for path in files() {
        let tally = run(&path, make);
        let name = path.file_stem().unwrap().to_str().unwrap();
        let out: Vec<String> = tally.out_of_scope.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        let (cases, passed, differ) = (tally.cases, tally.passed, tally.differ.len());
        println!("| {name} | {cases} | {passed} | {differ} | {} | {:?}", out.join(", "), tally.differ_by_method);
        assert_eq!(passed + differ + tally.out_of_scope.values().sum::<usize>(), cases, "{name}");
        let known = expected.iter().find(|row| row.0 == name).unwrap_or_else(|| panic!("{name} is not listed"));
        let told = tally.differ.join("\n");
        assert!(cases == known.1 && passed >= known.2 && differ <= known.3, "{known:?}: {passed} {differ}\n{told}");
    }
}

/// What proj4rs 0.3 does.
const EXPECTED: &[Expected] = &[
    ("4D-API_cs2cs-style", 78, 16, 0),
    ("DHDN_ETRS89", 64, 0, 0),
    ("GDA", 3, 0, 0),
    ("adams_hemi", 703, 0, 0),
    ("adams_ws1", 703, 0, 0),
    ("adams_ws2", 722, 0, 0),
    ("axisswap", 27, 0, 0),
    ("builtins", 2571, 956, 65),
    ("defmodel", 34, 0, 0),
    ("deformation", 43, 0, 0),
    ("ellipsoid", 37, 18, 0),
    ("epsg_grid", 7, 0, 0),
    ("epsg_no_grid", 6, 4, 0),
    ("geotiff_grids", 51, 0, 0),
    ("gridshift", 59, 0, 0),
    ("guyou", 705, 0, 0),
    ("hourglass", 12, 0, 0),
    ("interrupted", 14, 0, 0),
    ("more_builtins", 183, 39, 6),
    ("nkg", 33, 0, 0),
    ("peirce_q", 592, 0, 0),
    ("spilhaus", 133, 0, 0),
    ("tinshift", 15, 0, 0),
    ("tinshift_gpkg", 14, 0, 0),
    ("tinshift_gpkg_network", 5, 0, 0),
    ("unitconvert", 16, 0, 0),
    ("5101.1-jhs", 177, 177, 0),
    ("5101.2-jhs", 69, 69, 0),
    ("5101.3-jhs", 69, 69, 0),
    ("5101.4-jhs-etmerc", 69, 69, 0),
    ("5102.1", 57, 57, 0),
    ("5102.2", 57, 57, 0),
    ("5103.1", 60, 60, 0),
    ("5103.2", 30, 30, 0),
    ("5103.3", 30, 30, 0),
    ("5104", 60, 60, 0),
    ("5105.2", 36, 36, 0),
    ("5106", 69, 69, 0),
    ("5107", 39, 39, 0),
    ("5108", 51, 51, 0),
    ("5109", 39, 39, 0),
    ("5111.1", 105, 105, 0),
    ("5112", 15, 15, 0),
    ("5113", 15, 15, 0),
    ("5201", 81, 81, 0),
    ("5208", 42, 42, 0),
];

#[test]
fn proj4rs_meets_the_test_vectors() {
    meets(EXPECTED, &proj4rs);
}
