//! OpenStreetMap: what mappers write, what extracts cut, and real files against pyosmium's count of them.

use std::collections::{BTreeMap, BTreeSet};

use veduta::city::Value;
use veduta::import::{
    Gathered, HeightsAbove, ImportError, ImportOptions, LineSection, MemoryFiles, SourceForm, SourceObject,
    SourceReport, importer, recognise,
};
use veduta::platform::LocalFiles;

use crate::shared_data::shared;

fn read_bytes(name: &str, bytes: Vec<u8>) -> Result<(Gathered, SourceReport), ImportError> {
    let files = MemoryFiles::new(name, [(name.to_owned(), bytes)]);
    let mut city = Gathered::default();
    let report = importer("osm").unwrap().read(&files, &ImportOptions::default(), &mut city)?;
    Ok((city, report))
}

/// A file of nodes on a lattice of 0.0001 degrees (11 m), called by column and row: 12 is in column 1, row 2.
fn read(body: &str) -> (Gathered, SourceReport) {
    let nodes: String = (0..100)
        .map(|id| {
            format!(
                "<node id='{id}' lon='{:.7}' lat='{:.7}'/>",
                9.0 + f64::from(id / 10) * 1e-4,
                f64::from(id % 10) * 1e-4
            )
        })
        .collect();
    read_bytes("a.osm", format!("<?xml version='1.0'?><osm version='0.6'>{nodes}{body}</osm>").into_bytes()).unwrap()
}

fn way(id: i64, nodes: &[i64], tags: &str) -> String {
    let nodes: String = nodes.iter().map(|id| format!("<nd ref='{id}'/>")).collect();
    format!("<way id='{id}'>{nodes}{}</way>", tags_of(tags))
}

fn relation(id: i64, members: &[(&str, i64, &str)], tags: &str) -> String {
    let members: String =
        members.iter().map(|(kind, id, role)| format!("<member type='{kind}' ref='{id}' role='{role}'/>")).collect();
    format!("<relation id='{id}'>{members}{}</relation>", tags_of(tags))
}

fn tags_of(tags: &str) -> String {
    tags.split(',').filter_map(|tag| tag.split_once('=')).map(|(k, v)| format!("<tag k='{k}' v='{v}'/>")).collect()
}

fn object<'c>(city: &'c Gathered, id: &str) -> &'c SourceObject {
    city.objects.iter().find(|object| object.object.id == id).unwrap_or_else(|| panic!("no {id}"))
}

fn ids(city: &Gathered) -> Vec<&str> {
    city.objects.iter().map(|object| object.object.id.as_str()).collect()
}

fn lines(object: &SourceObject) -> (Vec<Vec<f64>>, LineSection) {
    match &object.geometry[0].form {
        SourceForm::Lines { lines, section } => {
            (lines.iter().map(|line| line.iter().map(|p| (p.z * 100.0).round() / 100.0).collect()).collect(), *section)
        }
        other => panic!("{other:?}"),
    }
}

/// Least and greatest height of everything drawn.
fn heights(object: &SourceObject) -> (f64, f64) {
    let SourceForm::Surfaces(surfaces) = &object.geometry[0].form else { panic!("{:?}", object.geometry) };
    let all = surfaces.iter().flat_map(|surface| surface.polygon.iter().flatten().map(|p| p.z));
    all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), z| (low.min(z), high.max(z)))
}

#[test]
fn roads_are_a_graph() {
    let (city, report) = read(
        &[
            way(1, &[0, 10, 20, 30], "highway=primary,name=人民路,name:en=People Road,lanes=2,from=A"),
            way(2, &[20, 21, 22], "highway=footway"),
            way(3, &[5, 15], "highway=service,width=2.5 m"),
            way(4, &[1, 10, 11], "railway=tram"),
            way(5, &[40, 50, 51, 41, 40], "highway=residential,junction=roundabout"),
            way(6, &[60, 777], "highway=path"),
            way(7, &[60, 70, 777, 80, 90], "highway=path"),
        ]
        .concat(),
    );
    assert_eq!(ids(&city), ["way/1#0", "way/1#1", "way/2", "way/3", "way/4", "way/5", "way/7#0", "way/7#1"]);
    let ends = |id: &str| ["from", "to", "way"].map(|name| object(&city, id).object.attribute(name).to_string());
    assert_eq!(ends("way/1#0"), ["node/0", "node/20", "way/1"]);
    assert_eq!(ends("way/1#1"), ["node/20", "node/30", "way/1"]);
    // A railway that crosses does not cut a road.
    assert_eq!(ends("way/4"), ["node/1", "node/11", "way/4"]);
    assert_eq!(ends("way/5"), ["node/40", "node/40", "way/5"]);
    let first = &object(&city, "way/1#0").object;
    assert_eq!((first.name.as_deref(), first.class.as_str()), (Some("人民路"), "Road"));
    assert_eq!(first.attribute("name:en"), &Value::from("People Road"));
    assert_eq!((first.attribute("lanes"), first.attribute("tag:from")), (&Value::Int(2), &Value::from("A")));
    assert_eq!(object(&city, "way/2").object.class, "Track");
    let widths = ["way/1#0", "way/2", "way/3"].map(|id| lines(object(&city, id)).1);
    assert_eq!(widths, [6.5, 2.0, 2.5].map(LineSection::Band));
    assert_eq!((report.count_of("way-degenerate"), report.count_of("line-cut")), (1, 1));
    let frame = report.frame.unwrap();
    assert_eq!((frame.crs.to_string().as_str(), frame.heights_above), ("OGC:CRS84", HeightsAbove::Ground));
}

#[test]
fn bridges_rise_over_what_they_cross_and_hang_together() {
    let (city, _) = read(
        &[
            way(1, &[0, 10], "highway=primary"),
            way(2, &[10, 50], "highway=primary,bridge=yes"),
            way(3, &[50, 90], "highway=primary,bridge=yes,layer=2"),
            way(4, &[40, 49], "highway=path,tunnel=yes"),
        ]
        .concat(),
    );
    let profile = |id: &str| lines(object(&city, id)).0.concat();
    assert_eq!(profile("way/1"), [0.17, 0.17]);
    // 44 m: up to 5 m over 40 m, and as high where the other bridge begins.
    let rising = profile("way/2");
    assert_eq!((rising[0], rising.last().copied()), (0.17, Some(5.17)));
    assert_eq!(profile("way/3").first(), Some(&5.17));
    assert!(profile("way/4").iter().all(|z| *z <= 0.14) && profile("way/4").iter().any(|z| *z < -4.0));
}

#[test]
fn multipolygons_are_put_together_however_they_are_given() {
    let ways = [
        way(1, &[0, 90], ""),
        way(2, &[9, 0], "highway=primary"),
        way(3, &[9, 99, 90], ""),
        way(4, &[22, 42, 44, 24, 22], "natural=water"),
        // The old style: the outer way tells what it is.
        way(5, &[50, 70, 72, 52, 50], "landuse=forest"),
        way(6, &[61, 62, 71, 61], ""),
        way(7, &[0, 1, 11], "landuse=forest"),
    ];
    let relations = [
        relation(
            1,
            &[("way", 4, "inner"), ("way", 3, "outer"), ("way", 1, ""), ("way", 2, "outer")],
            "type=multipolygon,leisure=park",
        ),
        relation(2, &[("way", 5, "outer"), ("way", 6, "inner")], "type=multipolygon,note=old"),
        relation(3, &[("way", 1, "outer"), ("way", 99, "outer")], "type=multipolygon,building=yes"),
        relation(
            4,
            &[("way", 1, "outer"), ("way", 98, "outer"), ("node", 1, "admin_centre")],
            "type=boundary,boundary=administrative,admin_level=8",
        ),
    ];
    let (city, report) = read(&(ways.concat() + &relations.concat()));
    assert_eq!(ids(&city), ["relation/1", "relation/2", "relation/4", "way/2", "way/4"]);
    let rings = |id: &str| match &object(&city, id).geometry[0].form {
        SourceForm::Surfaces(surfaces) => {
            surfaces.iter().map(|surface| surface.polygon.iter().map(Vec::len).collect()).collect::<Vec<Vec<usize>>>()
        }
        other => panic!("{other:?}"),
    };
    assert_eq!((rings("relation/1"), rings("relation/2")), (vec![vec![4, 4]], vec![vec![4, 3]]));
    let old = &object(&city, "relation/2").object;
    assert_eq!((old.class.as_str(), old.attribute("note")), ("PlantCover", &Value::from("old")));
    let limit = &object(&city, "relation/4");
    assert_eq!((limit.object.class.as_str(), limit.object.attribute("admin_level")), ("Zone", &Value::Int(8)));
    assert_eq!(lines(limit).0.len(), 1);
    let broken = &report.tallies["multipolygon-broken"].examples[0];
    assert_eq!(broken.place.object.as_deref(), Some("relation/3"));
    assert!(broken.message.starts_with("1 of its members are not in the file"), "{}", broken.message);
    assert_eq!((report.count_of("way-open"), report.count_of("boundary-incomplete")), (1, 1));
}

#[test]
fn parts_belong_to_their_buildings() {
    let square = |column: i64, row: i64, side: i64| {
        let at = |x: i64, y: i64| (column + x) * 10 + row + y;
        vec![at(0, 0), at(side, 0), at(side, side), at(0, side), at(0, 0)]
    };
    let body = [
        // A part by place, in the smaller of two outlines.
        way(1, &square(0, 0, 4), "building=yes,height=20"),
        way(2, &square(1, 1, 2), "building=yes,height=9"),
        way(3, &square(1, 1, 1), "building:part=yes,height=9,min_height=3"),
        // Parts by relation: one outline that is there, one that is not.
        way(4, &square(5, 5, 2), "building=yes"),
        way(5, &square(6, 6, 2), "building:part=yes,building:levels=4,building:min_level=1"),
        way(6, &square(0, 7, 1), "building:part=yes"),
        way(7, &square(7, 0, 1), "building:part=yes,height=2,min_height=5"),
        relation(8, &[("way", 4, "outline"), ("way", 5, "part")], "type=building"),
        relation(9, &[("way", 400, "outline"), ("way", 6, "part")], "type=building,name=Lost"),
    ]
    .concat();
    let (city, report) = read(&body);
    let parent = |id: &str| object(&city, id).object.parent.clone();
    assert_eq!(
        ["way/3", "way/5", "way/6", "way/7"].map(parent),
        [Some("way/2"), Some("way/4"), Some("relation/9"), None].map(|id| id.map(str::to_owned))
    );
    assert_eq!(object(&city, "relation/9").object.name.as_deref(), Some("Lost"));
    let footprint = |id: &str| match &object(&city, id).geometry[0].form {
        SourceForm::Footprints { polygons, height_m } => Some((polygons[0][0][0].z, *height_m)),
        _ => None,
    };
    let found = ["way/1", "way/2", "way/3", "way/4", "way/5", "way/6", "way/7"].map(footprint);
    assert_eq!(found, [Some((0.0, 20.0)), None, Some((3.0, 6.0)), None, Some((3.0, 9.0)), None, Some((0.0, 2.0))]);
    let codes: Vec<_> = report.tallies.iter().map(|(code, tally)| (*code, tally.count)).collect();
    assert_eq!(codes, [("height-below-base", 1), ("height-unknown", 2), ("part-without-building", 1)]);
}

#[test]
fn roofs_and_colours_are_surfaces() {
    let house = |id: i64, row: i64, tags: &str| way(id, &[row, 30 + row, 31 + row, 1 + row, row], tags);
    let (city, report) = read(
        &[
            house(
                1,
                0,
                "building=yes,height=9,roof:shape=gabled,roof:height=4,building:colour=white,roof:colour=#8b0000",
            ),
            house(2, 2, "building=yes,building:levels=2,roof:shape=hipped,roof:levels=1"),
            house(3, 4, "building=yes,height=9,building:colour=red"),
            house(4, 6, "building=yes,height=9,roof:shape=mansard"),
            house(5, 8, "building=yes,height=9"),
        ]
        .concat(),
    );
    let lods = ["way/1", "way/2", "way/3", "way/4", "way/5"].map(|id| object(&city, id).geometry[0].lod);
    assert_eq!(lods, [2.0, 2.0, 1.0, 1.0, 1.0]);
    assert_eq!(["way/1", "way/2", "way/3"].map(|id| heights(object(&city, id))), [(0.0, 9.0); 3]);
    assert_eq!(object(&city, "way/2").object.attribute("measuredHeight"), &Value::Float(9.0));
    let SourceForm::Surfaces(surfaces) = &object(&city, "way/1").geometry[0].form else { panic!() };
    let mut paints = BTreeMap::new();
    surfaces.iter().for_each(|s| *paints.entry((s.kind as u8, s.paint.as_ref().map(|p| p.color))).or_insert(0) += 1);
    // Two roof planes, four walls of which two are parted by the ridge, one ground; linear colours.
    let expected = [((1, Some([66, 0, 0, 255])), 2), ((2, Some([255; 4])), 6), ((3, None), 1)];
    assert_eq!(paints, BTreeMap::from(expected));
    assert_eq!(report.count_of("roof-flat"), 1);
}

#[test]
fn points_lines_and_the_rest() {
    let (city, report) = read(
        &[
            "<node id='200' lon='9.00001' lat='0'><tag k='amenity' v='cafe'/><tag k='name:zh' v='咖啡馆'/></node>",
            "<node id='201' lon='9' lat='0'><tag k='natural' v='tree'/></node>",
            "<node id='202' lon='9' lat='0'><tag k='emergency' v='fire_hydrant'/></node>",
            "<node id='203' lon='9' lat='0'><tag k='odd' v='1'/></node>",
            "<node id='204' lon='9' lat='91'><tag k='shop' v='tea'/></node>",
            "<node id='201' lon='9' lat='0'><tag k='natural' v='tree'/></node>",
            "<node id='205' lon='9' lat='0' visible='false'><tag k='natural' v='tree'/></node>",
            &way(1, &[0, 10], "man_made=pipeline,diameter=800"),
            &way(2, &[0, 10, 11, 0], "natural=water,name=a &amp; b"),
            &way(3, &[0, 10], "highway=proposed"),
        ]
        .concat(),
    );
    let classes: Vec<(&str, &str)> =
        city.objects.iter().map(|o| (o.object.id.as_str(), o.object.class.as_str())).collect();
    let expected = [
        ("node/200", "PointOfInterest"),
        ("node/201", "SolitaryVegetationObject"),
        ("node/202", "Hydrant"),
        ("way/1", "Pipe"),
        ("way/2", "WaterBody"),
    ];
    assert_eq!(classes, expected);
    assert_eq!(object(&city, "node/200").object.name.as_deref(), Some("咖啡馆"));
    assert_eq!(object(&city, "way/2").object.name.as_deref(), Some("a & b"));
    assert_eq!(lines(object(&city, "way/1")), (vec![vec![-1.5, -1.5]], LineSection::Tube(0.8)));
    let codes: Vec<_> = report.tallies.iter().map(|(code, tally)| (*code, tally.count)).collect();
    assert_eq!(codes, [("coordinate-out-of-range", 1), ("duplicate-id", 1), ("not-there", 1), ("other-feature", 1)]);
}

#[test]
fn ways_may_say_where_their_nodes_are() {
    let nodes: String = [(1, "9.0", "47.0"), (2, "9.1", "47.0")]
        .map(|(id, x, y)| format!("<nd ref='{id}' lon='{x}' lat='{y}'/>"))
        .concat();
    let text = format!("<osm><way id='1'>{nodes}<tag k='highway' v='path'/></way></osm>");
    let (city, report) = read_bytes("a.osm", text.into_bytes()).unwrap();
    assert_eq!((ids(&city), report.has_errors()), (vec!["way/1"], false));
    assert_eq!(lines(&city.objects[0]).0, [[0.14, 0.14]]);
}

/// What pyosmium 4.3.2 counts: areas of buildings and of parts (ways and multipolygons, complete ones), ways of roads, pieces
/// of them between shared nodes, their length in metres, trees; with which tags is in `classify.rs`.
const COUNTED: &[(&str, [usize; 5], f64)] = &[
    ("osm/liechtenstein-latest.osm.pbf", [8995, 0, 4657, 7881, 3000], 1_140_632.0),
    ("osm/andorra.osm.pbf", [292, 0, 1613, 2795, 1], 854_809.0),
    ("osm/monaco.osm.gz", [966, 0, 850, 1546, 208], 81_664.0),
    ("osm/columbus.osm.pbf", [1294, 0, 11_972, 32_224, 0], 3_997_375.0),
    ("osm/bridge_construction.osm.pbf", [54, 0, 416, 702, 0], 59_417.0),
    ("osm/bayfront_singapore.osm.pbf", [31, 40, 326, 530, 29], 26_988.0),
];

fn local(path: &str) -> Option<LocalFiles> {
    Some(LocalFiles::open(&shared(path)?).unwrap())
}

#[test]
fn real_extracts_hold_what_another_reader_counts() {
    for (name, counts, length_m) in COUNTED {
        let Some(files) = local(name) else { return };
        let mut city = Gathered::default();
        let report = recognise(&files).unwrap().read(&files, &ImportOptions::default(), &mut city).unwrap();
        assert_eq!(report.importer, "osm");
        let unique: BTreeSet<&str> = ids(&city).into_iter().collect();
        assert_eq!((unique.len(), city.objects.len() as u64), (city.objects.len(), report.objects), "{name}");
        let is_way = |object: &&SourceObject| !object.object.id.starts_with("node");
        let of = |classes: &'static [&str]| {
            city.objects.iter().filter(is_way).filter(move |object| classes.contains(&object.object.class.as_str()))
        };
        let roads = || of(&["Road", "Track"]);
        let ways: BTreeSet<&str> = roads().filter_map(|road| road.object.attribute("way").text()).collect();
        let trees = city.objects.iter().filter(|object| object.object.class == "SolitaryVegetationObject");
        let found =
            [of(&["Building"]).count(), of(&["BuildingPart"]).count(), ways.len(), roads().count(), trees.count()];
        assert_eq!(found, *counts, "{name}");
        let found_m: f64 = roads().map(length).sum();
        assert!((found_m / length_m - 1.0).abs() < 5e-3, "{name}: {found_m} m of {length_m} m");
    }
}

/// Length of a road on a sphere, metres.
fn length(road: &SourceObject) -> f64 {
    let SourceForm::Lines { lines, .. } = &road.geometry[0].form else { panic!("{:?}", road.geometry) };
    let leg = |a: &glam::DVec3, b: &glam::DVec3| {
        let north = (b.y - a.y).to_radians();
        let east = (b.x - a.x).to_radians() * a.y.to_radians().cos();
        east.hypot(north) * 6_371_008.8
    };
    lines.iter().flat_map(|line| line.windows(2)).map(|pair| leg(&pair[0], &pair[1])).sum()
}

#[test]
fn highways_of_liechtenstein_by_class() {
    let Some(files) = local("osm/liechtenstein-latest.osm.pbf") else { return };
    let mut city = Gathered::default();
    recognise(&files).unwrap().read(&files, &ImportOptions::default(), &mut city).unwrap();
    let mut ways: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for object in city.objects.iter().filter(|object| ["Road", "Track"].contains(&object.object.class.as_str())) {
        let text = |name: &str| object.object.attribute(name).text();
        ways.entry(text("highway").unwrap()).or_default().insert(text("way").unwrap());
    }
    // pyosmium 4.3.2: ways by the value of `highway`, without platforms, rest areas and footways that are areas.
    let expected = [
        ("bridleway", 3),
        ("cycleway", 257),
        ("footway", 419),
        ("living_street", 18),
        ("path", 395),
        ("pedestrian", 6),
        ("primary", 123),
        ("primary_link", 3),
        ("residential", 1108),
        ("secondary", 140),
        ("secondary_link", 2),
        ("service", 708),
        ("steps", 98),
        ("tertiary", 78),
        ("track", 1091),
        ("unclassified", 208),
    ];
    assert_eq!(ways.into_iter().map(|(class, ways)| (class, ways.len())).collect::<Vec<_>>(), expected);
}

#[test]
fn parts_and_roofs_of_real_cities() {
    // pyosmium 4.3.2: buildings and parts, ways and multipolygons that are complete; Shapely 2.2.0: parts in no building.
    for (name, buildings, parts, alone) in
        [("helsinki/Helsinki.osm.pbf", 446, 126, 6), ("nyc_small/nyc.osm.pbf", 1525, 43, 6)]
    {
        let Some(files) = local(name) else { return };
        let mut city = Gathered::default();
        recognise(&files).unwrap().read(&files, &ImportOptions::default(), &mut city).unwrap();
        let known: BTreeSet<&str> = ids(&city).into_iter().collect();
        let of = |class: &'static str| {
            city.objects.iter().filter(move |o| o.object.class == class && !o.object.id.starts_with("node"))
        };
        assert_eq!((of("Building").count(), of("BuildingPart").count()), (buildings, parts), "{name}");
        let parents: Vec<&str> = of("BuildingPart").filter_map(|part| part.object.parent.as_deref()).collect();
        assert_eq!(parents.len(), parts - alone, "{name}");
        assert!(parents.iter().all(|parent| known.contains(parent)), "{name}");
        assert!(of("Building").chain(of("BuildingPart")).any(|object| object.geometry.iter().any(|g| g.lod == 2.0)));
    }
}

#[test]
fn every_other_file_is_read_or_says_why_not() {
    for (name, words) in [
        ("osm/osm2pgsql_000466354.osc.gz", "it is a change file"),
        ("osm/osm2pgsql_test_invalid_location.osm", ""),
        ("osm/osm2pgsql_test_output_pgsql_validgeom.osm", ""),
        ("osm/osm2pgsql_liechtenstein-2013-08-03.osm.pbf", ""),
        ("osm/harrisburg.osm.pbf", ""),
        ("osm/krems.osm.gz", ""),
        ("osm/north-bayreuth.osm.gz", ""),
        ("osm/pyrosm_test.osm.pbf", ""),
    ] {
        let Some(files) = local(name) else { return };
        let mut city = Gathered::default();
        match recognise(&files).unwrap().read(&files, &ImportOptions::default(), &mut city) {
            Ok(report) => assert!(words.is_empty() && report.records > 0, "{name}: {report:?}"),
            Err(error) => assert!(!words.is_empty() && error.to_string().contains(words), "{name}: {error}"),
        }
    }
    let refused = |name: &str, bytes: &[u8]| read_bytes(name, bytes.to_vec()).unwrap_err().to_string();
    assert!(refused("a.osm.bz2", b"BZh91AY").contains("bunzip2"));
}

/// A number as protocol buffers write it.
fn varint(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// The head of a block of a PBF file.
fn head(kind: &str, size: usize) -> Vec<u8> {
    let head = [&[0x0a][..], &varint(kind.len()), kind.as_bytes(), &[0x18], &varint(size)].concat();
    [&(head.len() as u32).to_be_bytes()[..], &head].concat()
}

/// A block with its data in a field: 1 plain, 3 zlib, 7 Zstandard.
fn block(kind: &str, field: u8, data: &[u8]) -> Vec<u8> {
    let body = [&[field << 3 | 2][..], &varint(data.len()), data].concat();
    [head(kind, body.len()), body].concat()
}

/// The same file with its blocks unpacked, so that what is flipped is not caught by a checksum.
fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let (mut out, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let length = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        let start = &bytes[at + 4..at + 4 + length];
        let kind = std::str::from_utf8(&start[2..2 + usize::from(start[1])]).unwrap();
        // The size is the last field of the head.
        let digits = &start[3 + kind.len()..];
        let size = digits.iter().rev().fold(0, |size, byte| size << 7 | usize::from(byte & 0x7f));
        let body = &bytes[at + 4 + length..at + 4 + length + size];
        let zlib = body.windows(2).position(|pair| pair[0] == 0x78 && [0x01, 0x9c, 0xda].contains(&pair[1])).unwrap();
        let mut plain = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::ZlibDecoder::new(&body[zlib..]), &mut plain).unwrap();
        out.extend(block(kind, 1, &plain));
        at += 4 + length + size;
    }
    out
}

#[test]
fn damaged_files_end_in_a_report_and_not_in_a_panic() {
    let Some(path) = shared("osm/bayfront_singapore.osm.pbf") else { return };
    let bytes = std::fs::read(path).unwrap();
    let plain = unpacked(&bytes);
    let (whole, _) = read_bytes("a.osm.pbf", plain.clone()).unwrap();
    assert_eq!(whole.objects.len(), read_bytes("a.osm.pbf", bytes.clone()).unwrap().0.objects.len());
    let cuts = (0..300).chain((300..bytes.len()).step_by(1499));
    for end in cuts {
        match read_bytes("a.osm.pbf", bytes[..end].to_vec()) {
            Ok((city, report)) => assert!(report.has_errors() || city.objects.is_empty() || end < 300, "{end}"),
            Err(error) => assert!(error.to_string().ends_with("a.osm.pbf"), "{error}"),
        }
    }
    let mut seed = 7_u64;
    let mut random = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize
    };
    let mut read_at_all = 0;
    for _ in 0..200 {
        let mut damaged = plain.clone();
        for _ in 0..4 {
            let at = random() % damaged.len();
            damaged[at] ^= 1 << (random() % 8);
        }
        read_at_all += usize::from(read_bytes("a.osm.pbf", damaged).is_ok_and(|(city, _)| !city.objects.is_empty()));
    }
    assert!(read_at_all > 100, "one bad element loses all: {read_at_all} of 200");
}

#[test]
fn bombs_are_refused() {
    use std::io::Write;
    let zlib = |data: &[u8]| {
        let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(data).unwrap();
        packer.finish().unwrap()
    };
    let start = block("OSMHeader", 1, b"\x22\x0eOsmSchema-V0.6");
    let read = |more: &[u8]| read_bytes("a.osm.pbf", [&start, more].concat());
    let told = |more: &[u8], code: &str| read(more).unwrap().1.tallies[code].examples[0].message.clone();
    let bomb = block("OSMData", 3, &zlib(&vec![0; 64 << 20]));
    assert!(told(&bomb, "block-unreadable").contains("32 MiB"));
    assert!(told(&head("OSMData", u32::MAX as usize), "file-damaged").contains("4294967295 bytes"));
    let refused = |feature: &[u8]| read(&block("OSMHeader", 1, feature)).unwrap_err().to_string();
    assert!(refused(b"\x22\x15HistoricalInformation").contains("history file"));
    assert!(refused(b"\x22\x06Future").contains("knows 'Future'"));
    assert!(read(&block("OSMData", 7, b"x")).unwrap_err().to_string().contains("Zstandard"));
    // 300 roads of 100 000 nodes each in a few kilobytes.
    let nodes = [&[0x42][..], &varint(99_999), &[2; 99_999]].concat();
    let way = |id: usize| [&[0x08][..], &varint(id), &[0x12, 1, 1, 0x1a, 1, 2], &nodes].concat();
    let ways = (1..=300).flat_map(|id| [&[0x1a][..], &varint(way(id).len()), &way(id)].concat()).collect::<Vec<u8>>();
    let table = b"\x0a\x00\x0a\x07highway\x0a\x04road";
    let data = [&[0x0a][..], &varint(table.len()), table, &[0x12], &varint(ways.len()), &ways].concat();
    let error = read(&block("OSMData", 3, &zlib(&data))).unwrap_err().to_string();
    assert!(error.contains("fill the memory"), "{error}");
    // XML: a tag of many megabytes out of a small gzip.
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(b"<osm><node id='1' lon='1' lat='1'><tag k='shop' v='tea'/></node><node id='").unwrap();
    packer.write_all(&vec![b'1'; 64 << 20]).unwrap();
    let (city, report) = read_bytes("a.osm.gz", packer.finish().unwrap()).unwrap();
    assert_eq!((ids(&city), report.count_of("file-damaged")), (vec!["node/1"], 1));
}
