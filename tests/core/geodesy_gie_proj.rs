//! The test vectors of `geodesy_gie`, through PROJ: as PROJ's own operations, and as pairs of CRS.

use veduta::geodesy::proj_operation::ProjOperation;
use veduta::geodesy::{CoordinateOperation, CrsId};

use crate::geodesy_gie::{Expected, as_crs, meets, method, names_a_grid};
use crate::gie::{Definition, Made, Ways};

/// Whether an operation's source and target are angles; `None` where it takes what comes.
fn angles(words: &[String]) -> [Option<bool>; 2] {
    let has = |word: &str| words.iter().any(|w| w == word);
    let mut sides = match method(words) {
        "axisswap" | "affine" | "noop" | "push" | "pop" | "set" => [None, None],
        "helmert" | "molobadekas" | "topocentric" | "xyzgridshift" | "deformation" => [Some(false), Some(false)],
        "unitconvert" => [Some(has("xy_in=rad")), Some(has("xy_out=rad"))],
        "longlat" | "latlong" | "lonlat" | "latlon" | "hgridshift" | "vgridshift" | "gridshift" | "molodensky"
        | "geogoffset" | "vertoffset" | "geoc" => [Some(true), Some(true)],
        _ => [Some(true), Some(false)],
    };
    if has("inv") {
        sides.reverse();
    }
    sides
}

fn native(definition: &Definition) -> Made {
    let words = match definition {
        Definition::Between(..) => return proj_crs(definition),
        Definition::Words(words) => words,
    };
    if names_a_grid(words) {
        return Made::OutOfScope("grid not there");
    }
    if method(words) == "molobadekas" || words.iter().any(|word| word.starts_with("s13=")) {
        return Made::OutOfScope("heights and epochs");
    }
    if words.iter().any(|word| word.starts_with("init=")) {
        return Made::OutOfScope("init files");
    }
    let text = words.iter().map(|word| format!("+{word}")).collect::<Vec<_>>().join(" ");
    let Ok(there) = ProjOperation::from_definition(&text, false) else { return Made::Refused };
    let back = ProjOperation::from_definition(&text, true).ok();
    let sides: Vec<[Option<bool>; 2]> = if method(words) == "pipeline" {
        words.split(|word| word == "step").skip(1).map(angles).collect()
    } else {
        vec![angles(words)]
    };
    let source = sides.iter().flatten().find_map(|side| *side).unwrap_or(false);
    let target = sides.iter().rev().flat_map(|step| step.iter().rev()).find_map(|side| *side).unwrap_or(false);
    let pipeline_is_inverse =
        method(words) == "pipeline" && words.iter().take_while(|word| *word != "step").any(|word| word == "inv");
    let angles = if pipeline_is_inverse { [target, source] } else { [source, target] };
    let rad = angles.map(|angle| angle.then_some(1f64.to_radians()));
    Made::Ways(Ways {
        there: Box::new(there),
        back: back.map(|back| Box::new(back) as Box<dyn CoordinateOperation>),
        radians: rad,
        units: rad.map(|rad| rad.unwrap_or(1.0)),
        north_first: [false; 2],
        heights: false,
    })
}

fn proj_crs(definition: &Definition) -> Made {
    as_crs(definition, &|source: &CrsId, target: &CrsId| {
        ProjOperation::new(source, target).map(|operation| Box::new(operation) as Box<dyn CoordinateOperation>)
    })
}

/// What PROJ 9.6.2 does; the vectors are of a later PROJ.
const AS_CRS: &[Expected] = &[
    ("4D-API_cs2cs-style", 78, 18, 0),
    ("DHDN_ETRS89", 64, 0, 0),
    ("GDA", 3, 0, 0),
    ("adams_hemi", 703, 703, 0),
    ("adams_ws1", 703, 703, 0),
    ("adams_ws2", 722, 722, 0),
    ("axisswap", 27, 0, 0),
    ("builtins", 2571, 2451, 96),
    ("defmodel", 34, 0, 0),
    ("deformation", 43, 0, 0),
    ("ellipsoid", 37, 36, 1),
    ("epsg_grid", 7, 0, 0),
    ("epsg_no_grid", 6, 4, 0),
    ("geotiff_grids", 51, 0, 0),
    ("gridshift", 59, 0, 0),
    ("guyou", 705, 705, 0),
    ("hourglass", 12, 0, 12),
    ("interrupted", 14, 0, 14),
    ("more_builtins", 183, 54, 7),
    ("nkg", 33, 0, 0),
    ("peirce_q", 592, 592, 0),
    ("spilhaus", 133, 133, 0),
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

/// What PROJ 9.6.2 does; the vectors are of a later PROJ.
const AS_OPERATIONS: &[Expected] = &[
    ("4D-API_cs2cs-style", 78, 35, 0),
    ("DHDN_ETRS89", 64, 0, 0),
    ("GDA", 3, 0, 0),
    ("adams_hemi", 703, 703, 0),
    ("adams_ws1", 703, 703, 0),
    ("adams_ws2", 722, 722, 0),
    ("axisswap", 27, 8, 0),
    ("builtins", 2571, 2476, 84),
    ("defmodel", 34, 5, 0),
    ("deformation", 43, 0, 0),
    ("ellipsoid", 37, 37, 0),
    ("epsg_grid", 7, 0, 0),
    ("epsg_no_grid", 6, 4, 0),
    ("geotiff_grids", 51, 0, 0),
    ("gridshift", 59, 1, 0),
    ("guyou", 705, 705, 0),
    ("hourglass", 12, 0, 12),
    ("interrupted", 14, 0, 14),
    ("more_builtins", 183, 101, 6),
    ("nkg", 33, 0, 0),
    ("peirce_q", 592, 592, 0),
    ("spilhaus", 133, 133, 0),
    ("tinshift", 15, 1, 0),
    ("tinshift_gpkg", 14, 0, 0),
    ("tinshift_gpkg_network", 5, 0, 0),
    ("unitconvert", 16, 10, 0),
    ("5101.1-jhs", 177, 0, 0),
    ("5101.2-jhs", 69, 0, 0),
    ("5101.3-jhs", 69, 0, 0),
    ("5101.4-jhs-etmerc", 69, 0, 0),
    ("5102.1", 57, 0, 0),
    ("5102.2", 57, 0, 0),
    ("5103.1", 60, 0, 0),
    ("5103.2", 30, 0, 0),
    ("5103.3", 30, 0, 0),
    ("5104", 60, 0, 0),
    ("5105.2", 36, 0, 0),
    ("5106", 69, 0, 0),
    ("5107", 39, 0, 0),
    ("5108", 51, 0, 0),
    ("5109", 39, 0, 0),
    ("5111.1", 105, 0, 0),
    ("5112", 15, 0, 0),
    ("5113", 15, 0, 0),
    ("5201", 81, 0, 0),
    ("5208", 42, 0, 0),
];

#[test]
fn proj_meets_the_test_vectors() {
    meets(AS_OPERATIONS, &native);
}

#[test]
fn proj_meets_the_test_vectors_as_crs() {
    meets(AS_CRS, &proj_crs);
}
