//! Networks underground: EPANET and SWMM, small ones by hand and real ones against WNTR's and swmm-api's count of them.

use std::collections::{BTreeMap, BTreeSet};

use veduta::city::Value;
use veduta::import::{
    Gathered, HeightsAbove, ImportError, ImportOptions, LineSection, MemoryFiles, SourceForm, SourceObject,
    SourceReport, recognise,
};
use veduta::platform::LocalFiles;

use crate::shared_data::shared;

fn somewhere() -> ImportOptions {
    ImportOptions { crs_where_unsaid: Some("EPSG:2263".parse().unwrap()), ..Default::default() }
}

fn read_with(bytes: &[u8], options: &ImportOptions) -> Result<(Gathered, SourceReport), ImportError> {
    let files = MemoryFiles::new("net.inp", [("net.inp".to_owned(), bytes.to_vec())]);
    let mut city = Gathered::default();
    let report = recognise(&files)?.read(&files, options, &mut city)?;
    Ok((city, report))
}

fn object<'c>(city: &'c Gathered, id: &str) -> &'c SourceObject {
    city.objects.iter().find(|object| object.object.id == id).unwrap_or_else(|| panic!("no {id}"))
}

/// What is drawn of an object: its points, rounded to millimetres, and its section.
fn drawn(city: &Gathered, id: &str) -> (Vec<[f64; 3]>, f64) {
    let round = |value: f64| (value * 1000.0).round() / 1000.0;
    match &object(city, id).geometry[0].form {
        SourceForm::Lines { lines, section } => {
            let (LineSection::Tube(size) | LineSection::Band(size)) = *section;
            (lines[0].iter().map(|p| p.to_array().map(round)).collect(), round(size))
        }
        other => panic!("{id}: {other:?}"),
    }
}

const WATER: &str = "[TITLE]\nA town\n[JUNCTIONS]\n;ID Elev\nA 10 5 p1 ; the square\nB 14\nH 12\nN 3\n\
    [RESERVOIRS]\nR 60\n[TANKS]\nT 30 1 0 4 8 0\n\
    [PIPES]\nA A B 100 300 100 0 Open\nP2 B T 50 200 100 0\nP3 R A 10 400 100 0\nP4 A X 1 100 100 0\nP5 A bad\nA B A 1 1 1\n\
    [PUMPS]\nU A B HEAD 1 SPEED 1.2\n[VALVES]\nV B H 150 PRV 20 0\n[TAGS]\nNODE H hydrant_3\nLINK A main\n\
    [EMITTERS]\nH 2.5\n[STATUS]\nV Closed\n[PATTERNS]\np1 1 1 1\n[OPTIONS]\nUnits LPS\n\
    [COORDINATES]\nA 0 0\nB 100 0\nH 100 50\nR 0 -20\nT 200 0\n[VERTICES]\nA 50 50\n[BACKDROP]\nUNITS Meters\n[END]\n";

#[test]
fn water_lies_under_the_ground_in_metres() {
    let (city, report) = read_with(WATER.as_bytes(), &somewhere()).unwrap();
    assert_eq!((report.importer, report.objects), ("epanet", 12));
    // One metre under the elevations of its ends, evenly along its bend.
    assert_eq!(drawn(&city, "link/A"), (vec![[0., 0., 9.], [50., 50., 11.], [100., 0., 13.]], 0.3));
    assert_eq!(drawn(&city, "link/P2"), (vec![[100., 0., 13.], [200., 0., 30.]], 0.2));
    assert_eq!(drawn(&city, "node/T"), (vec![[200., 0., 30.], [200., 0., 34.]], 8.0));
    // A reservoir is only a head of 60 m: it lies on the ground beside A.
    assert_eq!(drawn(&city, "node/R"), (vec![[0., -20., 7.], [0., -20., 10.]], 4.0));
    assert_eq!(drawn(&city, "node/H"), (vec![[100., 50., 11.], [100., 50., 12.8]], 0.3));
    assert_eq!(drawn(&city, "link/V").1, 0.225);
    let classes: BTreeMap<&str, &str> =
        city.objects.iter().map(|o| (o.object.id.as_str(), o.object.class.as_str())).collect();
    let of = ["node/A", "node/H", "node/R", "node/T", "link/A", "link/U", "link/V"].map(|id| classes[id]);
    assert_eq!(of, ["Junction", "Hydrant", "Reservoir", "Tank", "Pipe", "Pump", "Valve"]);
    let pipe = &object(&city, "link/A").object;
    for (name, expected) in [
        ("Length", Value::Int(100)),
        ("Diameter", Value::Int(300)),
        ("Status", Value::from("Open")),
        ("Tag", Value::from("main")),
        ("length_m", Value::Float(100.0)),
        ("diameter_m", Value::Float(0.3)),
        ("from_node", Value::from("node/A")),
        ("to_node", Value::from("node/B")),
        ("network", Value::from("water")),
    ] {
        assert_eq!(pipe.attribute(name), &expected, "{name}");
    }
    assert_eq!(object(&city, "link/U").object.attribute("Speed"), &Value::Float(1.2));
    assert_eq!(object(&city, "link/V").object.attribute("InitialStatus"), &Value::from("Closed"));
    assert_eq!(object(&city, "node/H").object.attribute("EmitterCoefficient"), &Value::Float(2.5));
    let codes: Vec<_> = report.tallies.iter().map(|(code, tally)| (*code, tally.count)).collect();
    let expected = [
        ("duplicate-id", 1),
        ("no-coordinates", 1),
        ("node-unknown", 1),
        ("row-unreadable", 1),
        ("section-not-taken", 1),
    ];
    assert_eq!(codes, expected);
    assert_eq!(report.tallies["row-unreadable"].examples[0].place.detail.as_deref(), Some("line 18"));
    let frame = report.frame.unwrap();
    assert_eq!((frame.heights_above, frame.stated_by.as_str()), (HeightsAbove::Geoid, "--crs"));
}

#[test]
fn cover_units_and_the_ground_are_the_users() {
    let options = ImportOptions { cover_m: Some(2.5), ..somewhere() };
    let (city, _) = read_with(WATER.as_bytes(), &options).unwrap();
    assert_eq!(drawn(&city, "link/A").0[0], [0.0, 0.0, 7.5]);
    let options = ImportOptions { heights_above: Some(HeightsAbove::Ground), ..somewhere() };
    let (city, _) = read_with(WATER.as_bytes(), &options).unwrap();
    assert_eq!(drawn(&city, "link/A").0.concat(), [0., 0., -1., 50., 50., -1., 100., 0., -1.]);
    assert_eq!(drawn(&city, "node/T").0, [[200., 0., 0.], [200., 0., 4.]]);
    // Gallons go with feet and inches, and are what a file means that says nothing.
    for units in ["Units GPM", "units mgd", ""] {
        let (city, _) = read_with(WATER.replace("Units LPS", units).as_bytes(), &somewhere()).unwrap();
        assert_eq!(drawn(&city, "link/A").0[0], [0.0, 0.0, 2.048], "{units}");
        assert_eq!(object(&city, "link/A").object.attribute("diameter_m"), &Value::Float(300.0 * 0.0254), "{units}");
    }
}

#[test]
fn a_network_without_crs_says_what_it_has() {
    let error = read_with(WATER.as_bytes(), &ImportOptions::default()).unwrap_err().to_string();
    for words in ["--crs EPSG:N", "x goes from 0 to 200, y from -20 to 50", "'Meters'", "recipe"] {
        assert!(error.contains(words), "{error}");
    }
    let bare = &WATER[..WATER.find("[COORD").unwrap()];
    let error = read_with(bare.as_bytes(), &ImportOptions::default()).unwrap_err().to_string();
    assert!(error.contains("it has no [COORDINATES]"), "{error}");
    let error = read_with(b"[PIPES]\na b c 1 2 3\n", &somewhere()).unwrap_err().to_string();
    assert!(error.contains("it has no nodes"), "{error}");
}

const DRAINAGE: &str = "[OPTIONS]\nFLOW_UNITS CMS\n[RAINGAGES]\nG INTENSITY 0:15 1 TIMESERIES ts\n\
    [SUBCATCHMENTS]\nS1 G mh2 2.5 30 500 0.5 0\nS2 G S1 1\nS3 G S3 1\n[SUBAREAS]\nS1 0.01 0.1\n\
    [JUNCTIONS]\nMH1 10 3 0 0 0\nMH2 9 0\n[OUTFALLS]\nO 8 FIXED 8.5 NO\n[STORAGE]\nB 8 2 0 TABULAR pond\nF 8 2 0 FUNCTIONAL 0 0 78.53981634\n\
    [CONDUITS]\nC1 mh1 MH2 60 0.013 0.5 0\nC2 MH2 O 40 0.013 0 0\nC3 MH1 B 10 0.013 0 0\n[PUMPS]\nP MH1 B curve ON\n[ORIFICES]\nQ B O SIDE 0.4 0.6 NO\n\
    [XSECTIONS]\nC1 CIRCULAR 0.6 0 0 0 1\nC2 TRAPEZOIDAL 1.5 2 1 1\nC3 RECT_CLOSED 1 4\nQ CIRCULAR 0.4\n\
    [CURVES]\npond STORAGE 0 10\npond 2 314.1592654\n[COORDINATES]\nMH1 0 0\nMH2 50 0\nO 90 0\nB 0 10\nF 5 5\n\
    [Polygons]\nS1 0 0\nS1 10 0\nS1 10 10\nS1 0 0\nS2 5 5\nS2 6 5\nS2 6 6\n[SYMBOLS]\nG 1 2\n";

#[test]
fn drainage_is_as_deep_as_its_inverts() {
    let (city, report) = read_with(DRAINAGE.as_bytes(), &somewhere()).unwrap();
    assert_eq!((report.importer, report.objects), ("swmm", 14));
    assert_eq!(drawn(&city, "node/MH1"), (vec![[0., 0., 10.], [0., 0., 13.]], 1.0));
    // The axis of a pipe of 0.6 m, half a metre over the invert of its first node.
    assert_eq!(drawn(&city, "link/C1"), (vec![[0., 0., 10.8], [50., 0., 9.3]], 0.6));
    // An open channel is as wide as its water, at its brim; a manhole without depth reaches up to it.
    assert_eq!(drawn(&city, "link/C2"), (vec![[50., 0., 10.5], [90., 0., 9.5]], 5.0));
    assert_eq!(object(&city, "link/C2").object.class, "Channel");
    assert_eq!(drawn(&city, "node/MH2").0[1][2], 10.5);
    assert_eq!(drawn(&city, "link/C3"), (vec![[0., 0., 10.5], [0., 10., 8.5]], 2.0));
    assert_eq!((drawn(&city, "node/B").1, drawn(&city, "node/F").1), (20.0, 10.0));
    // An orifice lies level, where it is over its first node.
    assert_eq!(drawn(&city, "link/Q").0, [[0., 10., 8.6], [90., 0., 8.6]]);
    let link = &object(&city, "link/C1").object;
    assert_eq!(link.attribute("from_node"), &Value::from("node/MH1"), "ids are the same whatever their case");
    assert_eq!((link.attribute("Geom1"), link.attribute("Shape")), (&Value::Float(0.6), &Value::from("CIRCULAR")));
    let manhole = &object(&city, "node/MH1").object;
    assert_eq!(
        ["invert_m", "rim_m", "depth_m"].map(|name| manhole.attribute(name).number()),
        [10.0, 13.0, 3.0].map(Some)
    );
    let area = object(&city, "subcatchment/S2");
    let SourceForm::Surfaces(surfaces) = &area.geometry[0].form else { panic!("{:?}", area.geometry) };
    assert_eq!(surfaces[0].polygon[0].iter().map(|p| p.z).collect::<Vec<_>>(), [10.5; 3]);
    assert_eq!(area.object.attribute("to_node"), &Value::from("subcatchment/S1"));
    assert_eq!(object(&city, "subcatchment/S1").object.attribute("NPerv"), &Value::Float(0.1));
    assert_eq!(object(&city, "subcatchment/S1").object.attribute("area_m2"), &Value::Float(25_000.0));
    assert_eq!((report.count_of("no-polygon"), report.count_of("section-not-taken")), (1, 1));
    // Offsets as elevations.
    let text = DRAINAGE.replace("CMS", "CMS\nLINK_OFFSETS ELEVATION").replace("0.013 0.5 0", "0.013 11 *");
    let (city, _) = read_with(text.as_bytes(), &somewhere()).unwrap();
    assert_eq!(drawn(&city, "link/C1").0, [[0., 0., 11.3], [50., 0., 9.3]]);
    // On the ground everything is a depth.
    let options = ImportOptions { heights_above: Some(HeightsAbove::Ground), ..somewhere() };
    let (city, _) = read_with(DRAINAGE.as_bytes(), &options).unwrap();
    assert_eq!(drawn(&city, "node/MH1").0, [[0., 0., -3.], [0., 0., 0.]]);
}

#[test]
fn chinese_and_latin_files_are_read() {
    // 管 in GBK, ü in Latin-1.
    for (bytes, id) in [(&b"\xb9\xdc"[..], "link/管"), (b"Z\xfcrich", "link/Zürich")] {
        let text: Vec<u8> =
            WATER.split("P2 ").map(str::as_bytes).collect::<Vec<_>>().join([bytes, b" "].concat().as_slice());
        let (city, _) = read_with(&text, &somewhere()).unwrap();
        assert_eq!(object(&city, id).object.name.as_deref(), id.strip_prefix("link/"));
    }
}

/// A file, its counts, and two sums where the oracle has them.
type Expected<const N: usize> = (&'static str, [usize; N], Option<[f64; 2]>);

/// What WNTR 1.5.0 reads: junctions, reservoirs, tanks, pipes, pumps, valves; total length of pipes and sum of their
/// diameters in metres. BWSN_Network_1, which WNTR refuses for a word in its options, by EPANET's own section rows.
const EPANET: &[Expected<6>] = &[
    ("epanet_epyt/BWSN_Network_1.inp", [126, 1, 2, 168, 2, 8], None),
    ("epanet_epyt/BWSN_Network_2.inp", [12_523, 2, 2, 14_822, 4, 5], Some([1_844_047.764, 2808.9682])),
    ("epanet_epyt/Balerma.inp", [443, 4, 0, 454, 0, 0], Some([100_262.6, 65.7682])),
    ("epanet_epyt/KL.inp", [935, 1, 0, 1274, 0, 0], Some([252_497.767, 232.6132])),
    ("epanet_epyt/L-TOWN.inp", [782, 2, 1, 905, 1, 3], Some([43_163.219, 104.337])),
    ("epanet_epyt/Richmond_standard.inp", [865, 1, 6, 949, 7, 1], Some([75_613.992, 135.607])),
    ("epanet_epyt/ZJ.inp", [113, 1, 0, 164, 0, 0], Some([126_436.0, 98.4])),
    ("epanet_epyt/exnet-3.inp", [1891, 2, 0, 2465, 0, 2], Some([593_879.8, 467.995])),
    ("epanet_epyt/ky9.inp", [1242, 4, 15, 1270, 17, 56], Some([961_908.028, 147.3962])),
    ("epanet_wntr/Net1.inp", [9, 1, 1, 12, 1, 0], Some([19_363.944, 3.3528])),
    ("epanet_wntr/Net2.inp", [35, 0, 1, 40, 0, 0], Some([10_972.8, 10.16])),
    ("epanet_wntr/Net3.inp", [92, 2, 3, 117, 2, 0], Some([65_748.957, 49.7586])),
    ("epanet_wntr/Net6.inp", [3323, 1, 32, 3829, 61, 2], Some([638_768.342, 1137.4123])),
    ("epanet_wntr/ky10.inp", [920, 2, 13, 1043, 13, 5], Some([430_025.77, 162.0139])),
    ("epanet_wntr/ky4.inp", [959, 1, 4, 1156, 2, 0], Some([260_241.035, 207.899])),
];

/// What swmm-api 0.4.74 reads: junctions with dividers, outfalls, storage, conduits, pumps, weirs and outlets,
/// subcatchments; total length of conduits in the units of the file, and sum of the diameters of round sections. Example3,
/// which it refuses, by the rows of its sections.
const SWMM: &[Expected<7>] = &[
    ("swmm_epa/CoS-Reduced-Inlets.inp", [120, 7, 1, 121, 0, 0, 163], Some([3681.96, 13.35])),
    ("swmm_epa/Example1.inp", [13, 1, 0, 13, 0, 0, 8], Some([4300.0, 20.0])),
    ("swmm_epa/Example3.inp", [31, 2, 1, 32, 1, 0, 0], None),
    ("swmm_epa/Example7-Final.inp", [15, 1, 0, 23, 0, 0, 7], Some([6012.92, 25.5])),
    ("swmm_epa/user2.inp", [43, 1, 28, 83, 0, 19, 17], Some([55_604.0, 145.0])),
    ("swmm_epa/user4.inp", [208, 1, 0, 209, 0, 0, 112], Some([30_502.26, 601.23])),
    ("swmm_epa/user5.inp", [197, 1, 2, 273, 0, 3, 145], Some([95_348.0, 211.0])),
    ("swmm_swmmio/model_full_features_network.inp", [8, 1, 1, 7, 1, 1, 4], Some([2910.63, 7.0])),
    ("swmm_swmmio/model_state_plane.inp", [31, 1, 13, 44, 0, 0, 2], Some([10_017.634_9, 49.75])),
    ("swmm_swmmio/test_inlet_drains.inp", [19, 1, 0, 22, 0, 1, 7], Some([5923.92, 19.92])),
];

/// Reads a real network; that its links end at its nodes holds of all of them.
fn network(name: &str) -> Option<(Gathered, SourceReport)> {
    let files = LocalFiles::open(&shared(&format!("networks/{name}"))?).unwrap();
    // Millimetres on the British grid.
    let grid = "+proj=tmerc +lat_0=49 +lon_0=-2 +k=0.9996012717 +x_0=400000 +y_0=-100000 +ellps=airy +to_meter=0.001";
    let options = match name.contains("Richmond") {
        true => ImportOptions { crs_where_unsaid: Some(grid.parse().unwrap()), ..Default::default() },
        false => somewhere(),
    };
    let mut city = Gathered::default();
    let report = recognise(&files).unwrap().read(&files, &options, &mut city).unwrap();
    let ids: BTreeSet<&str> = city.objects.iter().map(|object| object.object.id.as_str()).collect();
    assert_eq!(ids.len(), city.objects.len(), "{name}");
    let ends = city.objects.iter().flat_map(|object| ["from_node", "to_node"].map(|end| object.object.attribute(end)));
    assert!(ends.filter_map(Value::text).all(|end| ids.contains(end)), "{name}");
    let links = city.objects.iter().filter(|object| object.object.id.starts_with("link"));
    assert!(links.clone().all(|link| !link.geometry.is_empty()), "{name}");
    Some((city, report))
}

fn count(city: &Gathered, classes: &[&str]) -> usize {
    city.objects.iter().filter(|object| classes.contains(&object.object.class.as_str())).count()
}

fn sum(city: &Gathered, classes: &[&str], attribute: &str) -> f64 {
    let objects = city.objects.iter().filter(|object| classes.contains(&object.object.class.as_str()));
    objects.filter_map(|object| object.object.attribute(attribute).number()).sum()
}

#[test]
fn real_water_networks_hold_what_another_reader_counts() {
    for (name, counts, sums) in EPANET {
        let Some((city, report)) = network(name) else { return };
        let found = ["Junction", "Reservoir", "Tank", "Pipe", "Pump", "Valve"].map(|class| count(&city, &[class]));
        assert_eq!((report.importer, found), ("epanet", *counts), "{name}");
        let found = ["length_m", "diameter_m"].map(|attribute| sum(&city, &["Pipe"], attribute));
        if let Some(sums) = sums {
            let near = found.iter().zip(sums).all(|(a, b)| (a / b - 1.0).abs() < 1e-6);
            assert!(near, "{name}: {found:?} of {sums:?}");
        }
    }
}

#[test]
fn real_drainage_networks_hold_what_another_reader_counts() {
    const CONDUITS: &[&str] = &["Pipe", "Channel"];
    for (name, counts, sums) in SWMM {
        let Some((city, report)) = network(name) else { return };
        let others: &[&[&str]] =
            &[&["Manhole"], &["Outfall"], &["Tank"], CONDUITS, &["Pump"], &["Weir", "Outlet"], &["Subcatchment"]];
        let found: Vec<usize> = others.iter().map(|classes| count(&city, classes)).collect();
        assert_eq!((report.importer, found.as_slice()), ("swmm", counts.as_slice()), "{name}");
        let Some([length, diameters]) = sums else { continue };
        let raw = sum(&city, CONDUITS, "Length");
        assert!((raw / length - 1.0).abs() < 1e-6, "{name}: {raw} of {length}");
        let round = city.objects.iter().filter(|o| o.object.attribute("Shape").text() == Some("CIRCULAR"));
        let raw: f64 = round.filter_map(|object| object.object.attribute("Geom1").number()).sum();
        assert!((raw / diameters - 1.0).abs() < 1e-6, "{name}: {raw} of {diameters}");
    }
}

#[test]
fn a_network_in_millimetres_says_so() {
    let Some(path) = shared("networks/epanet_epyt/Richmond_standard.inp") else { return };
    let files = LocalFiles::open(&path).unwrap();
    let options = ImportOptions { crs_where_unsaid: Some("EPSG:27700".parse().unwrap()), ..Default::default() };
    let error = recognise(&files).unwrap().read(&files, &options, &mut Gathered::default()).unwrap_err().to_string();
    assert!(error.contains("x goes from 409292000 to 422363008") && error.contains("+to_meter=0.001"), "{error}");
}

#[test]
fn damaged_networks_end_in_a_report_and_not_in_a_panic() {
    for text in [WATER, DRAINAGE] {
        for end in 0..text.len() {
            _ = read_with(&text.as_bytes()[..end], &somewhere());
        }
        let mut seed = 11_u64;
        for _ in 0..2000 {
            let mut bytes = text.as_bytes().to_vec();
            for _ in 0..3 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let at = (seed >> 33) as usize % bytes.len();
                bytes[at] = (seed >> 20) as u8;
            }
            if let Ok((city, report)) = read_with(&bytes, &somewhere()) {
                assert_eq!(city.objects.len() as u64, report.objects);
            }
        }
    }
    // Headings without end, a circle of areas, numbers that are none.
    let headings = format!("{WATER}{}", "[X\n".repeat(100_000));
    assert_eq!(read_with(headings.as_bytes(), &somewhere()).unwrap().1.objects, 12);
    let circle = DRAINAGE.replace("S2 G S1 1", "S2 G S3 1").replace("S3 G S3 1", "S3 G S2 1");
    assert_eq!(read_with(circle.as_bytes(), &somewhere()).unwrap().1.objects, 14);
    let odd = WATER.replace("A 10 5", "A 1e999 5").replace("T 30", "T NaN").replace("100 300", "inf 300");
    let (city, report) = read_with(odd.as_bytes(), &somewhere()).unwrap();
    assert!(report.count_of("row-unreadable") >= 3);
    let all = city.objects.iter().flat_map(|object| &object.geometry).flat_map(|shape| match &shape.form {
        SourceForm::Lines { lines, .. } => lines.concat(),
        _ => Vec::new(),
    });
    assert!(all.into_iter().all(|p| p.is_finite()));
}
