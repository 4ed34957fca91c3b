//! CityGML of all kinds in small: links, library objects, CRS, damage.

use std::io::Write;

use glam::DVec3;
use veduta::geometry::SurfaceKind;
use veduta::import::{ImportOptions, MemoryFiles, SourceForm, recognise};

use crate::import_citygml::{memory, object, read, read_with, surfaces};

const HEAD: &str = r#"<?xml version="1.0"?><CityModel xmlns="http://www.opengis.net/citygml/2.0"
    xmlns:bldg="http://www.opengis.net/citygml/building/2.0" xmlns:veg="http://www.opengis.net/citygml/vegetation/2.0"
    xmlns:app="http://www.opengis.net/citygml/appearance/2.0" xmlns:gml="http://www.opengis.net/gml"
    xmlns:xlink="http://www.w3.org/1999/xlink"><gml:boundedBy><gml:Envelope srsName="urn:ogc:def:crs:EPSG::28992"/></gml:boundedBy>"#;

fn model(members: &str) -> MemoryFiles {
    memory(&format!("{HEAD}{members}</CityModel>"))
}

fn building(id: &str, inside: &str) -> String {
    format!("<cityObjectMember><bldg:Building gml:id='{id}'>{inside}</bldg:Building></cityObjectMember>")
}

fn polygon(id: &str, points: &str) -> String {
    format!(
        "<gml:Polygon gml:id='{id}'><gml:exterior><gml:LinearRing gml:id='{id}_r'><gml:posList>{points}</gml:posList></gml:LinearRing></gml:exterior></gml:Polygon>"
    )
}

const TRIANGLE: &str = "0 0 0 1 0 0 0 1 5 0 0 0";

#[test]
fn one_bad_member_leaves_the_others() {
    let good = |id: &str| {
        building(
            id,
            &format!(
                "<bldg:lod2MultiSurface><gml:MultiSurface><gml:surfaceMember>{}</gml:surfaceMember></gml:MultiSurface></bldg:lod2MultiSurface>",
                polygon("p", TRIANGLE)
            ),
        )
    };
    let bad = [
        building("tags", "<a><b></a></b>"),
        building("number", &format!("<bldg:lod2MultiSurface>{}</bldg:lod2MultiSurface>", polygon("q", "0 0 x"))),
        building(
            "flat",
            &format!("<bldg:lod2MultiSurface>{}</bldg:lod2MultiSurface>", polygon("q", "0 0 0 1 1 1 0 0 0")),
        ),
        building("deep", &"<a>".repeat(300)),
        building("link", "<bldg:lod2Solid xlink:href='#nowhere'/>"),
        good("first"),
        "<cityObjectMember><bldg:Building/></cityObjectMember>".to_owned(),
    ];
    let (city, report) = read(&model(&format!("{}{}{}", good("first"), bad.concat(), good("last"))), None).unwrap();
    let ids: Vec<&str> = city.objects.iter().map(|object| object.object.id.as_str()).collect();
    // A member whose tags do not match at all takes what is up to the next end tag of its name with it.
    assert_eq!(ids, ["first", "number", "flat", "link", "first#2", "a-Building-8", "last"]);
    let codes: Vec<_> = report.tallies.iter().map(|(code, tally)| (*code, tally.count)).collect();
    let expected = [
        ("coordinates-unreadable", 1),
        ("duplicate-id", 1),
        ("id-missing", 1),
        ("link-unresolved", 1),
        ("member-unreadable", 2),
        ("surface-degenerate", 1),
    ];
    assert_eq!(codes, expected);
    assert_eq!((report.surfaces, report.surfaces_left_out), (3, 2));
    let place = &report.tallies["member-unreadable"].examples[0].place;
    assert!(place.detail.as_deref().is_some_and(|detail| detail.starts_with("line 4")), "{place}");
}

#[test]
fn links_lead_forward_backward_to_other_members_and_not_in_circles() {
    let of_link = |id: &str, target: &str| {
        building(
            id,
            &format!(
                "<bldg:lod2MultiSurface><gml:MultiSurface><gml:surfaceMember><gml:OrientableSurface orientation='-'><gml:baseSurface xlink:href='#{target}'/></gml:OrientableSurface></gml:surfaceMember></gml:MultiSurface></bldg:lod2MultiSurface>"
            ),
        )
    };
    let of_own = building(
        "own",
        &format!(
            "<bldg:lod2MultiSurface><gml:MultiSurface gml:id='m'><gml:surfaceMember>{}</gml:surfaceMember></gml:MultiSurface></bldg:lod2MultiSurface>",
            polygon("p", TRIANGLE)
        ),
    );
    let circle = "<bldg:lod2MultiSurface><gml:MultiSurface gml:id='c'><gml:surfaceMember xlink:href='#c'/></gml:MultiSurface></bldg:lod2MultiSurface>";
    let members =
        [of_link("forward", "p"), of_own, of_link("backward", "m"), building("circle", circle), of_link("far", "c")];
    let (city, report) = read(&model(&members.concat()), None).unwrap();
    let ring = |id: &str| surfaces(object(&city, id), 2.0)[0].polygon[0].clone();
    let mut own = ring("own");
    own.reverse();
    assert_eq!((ring("forward"), ring("backward")), (own.clone(), own));
    assert_eq!((report.count_of("link-cycle"), report.surfaces), (2, 3));
}

/// Ten links to ten links ... to a triangle: each lists' ten times the one before.
#[test]
fn links_to_links_do_not_multiply_without_end() {
    let mut surfaces = format!(
        "<gml:MultiSurface gml:id='m0'><gml:surfaceMember>{}</gml:surfaceMember></gml:MultiSurface>",
        polygon("p", TRIANGLE)
    );
    for depth in 1..=7 {
        let links = format!("<gml:surfaceMember xlink:href='#m{}'/>", depth - 1).repeat(60);
        surfaces += &format!("<gml:MultiSurface gml:id='m{depth}'>{links}</gml:MultiSurface>");
    }
    let text = building(
        "bomb",
        &format!("<bldg:lod2MultiSurface><gml:MultiGeometry>{surfaces}</gml:MultiGeometry></bldg:lod2MultiSurface>"),
    );
    let (_, report) = read(&model(&text), None).unwrap();
    assert_eq!(report.count_of("link-too-much"), 1);
    assert!(report.surfaces < 4_000_000);
}

/// A tree as a library object, inline in the first and linked by the second; turned a quarter and twice as big.
#[test]
fn library_objects_stand_where_their_matrix_and_point_say() {
    let tree = |id: &str, geometry: &str| {
        format!(
            "<cityObjectMember><veg:SolitaryVegetationObject gml:id='{id}'><veg:lod2ImplicitRepresentation><ImplicitGeometry>\
             <transformationMatrix>0 -2 0 10 2 0 0 20 0 0 2 1 0 0 0 1</transformationMatrix>{geometry}<referencePoint>\
             <gml:Point><gml:pos>1000 2000 3</gml:pos></gml:Point></referencePoint></ImplicitGeometry>\
             </veg:lod2ImplicitRepresentation></veg:SolitaryVegetationObject></cityObjectMember>"
        )
    };
    let inline = format!(
        "<relativeGMLGeometry><gml:MultiSurface gml:id='form'><gml:surfaceMember>{}</gml:surfaceMember></gml:MultiSurface></relativeGMLGeometry>",
        polygon("p", TRIANGLE)
    );
    let members = [
        tree("linked", "<relativeGMLGeometry xlink:href='#form'/>"),
        tree("inline", &inline),
        tree("outside", "<libraryObject>tree.wrl</libraryObject>"),
    ];
    let (city, report) = read(&model(&members.concat()), None).unwrap();
    let expected =
        vec![DVec3::new(1010.0, 2020.0, 4.0), DVec3::new(1010.0, 2022.0, 4.0), DVec3::new(1008.0, 2020.0, 14.0)];
    for id in ["linked", "inline"] {
        assert_eq!(surfaces(object(&city, id), 2.0)[0].polygon[0], expected, "{id}");
    }
    let outside = &object(&city, "outside").geometry[0];
    assert_eq!(outside.form, SourceForm::Points(vec![DVec3::new(1000.0, 2000.0, 3.0)]));
    assert_eq!(report.count_of("library-object-left-out"), 1);
}

/// Geometries in another CRS than the file's are brought to it; axes and dimensions are heeded on every level.
#[test]
fn each_geometry_may_say_its_own_crs() {
    let degrees = polygon("p", "52.0 4.0 52.0 4.1 52.1 4.1 52.0 4.0");
    let text = building(
        "a",
        &format!(
            "<bldg:lod0FootPrint><gml:MultiSurface srsName='urn:ogc:def:crs:EPSG::4326' srsDimension='2'><gml:surfaceMember>{degrees}</gml:surfaceMember></gml:MultiSurface></bldg:lod0FootPrint>"
        ),
    );
    let (city, report) = read(&model(&text), None).unwrap();
    assert_eq!(report.frame.unwrap().crs.as_str(), "EPSG:28992");
    let first = surfaces(&city.objects[0], 0.0)[0].polygon[0][0];
    // By pyproj, EPSG:4326 to EPSG:28992.
    assert!(first.truncate().distance(glam::DVec2::new(59_742.02, 446_645.19)) < 0.1, "{first}");
    let unknown = building(
        "a",
        &format!(
            "<bldg:lod0FootPrint><gml:MultiSurface srsName='nobody:knows'>{}</gml:MultiSurface></bldg:lod0FootPrint>",
            polygon("p", TRIANGLE)
        ),
    );
    let (_, report) = read(&model(&unknown), None).unwrap();
    assert_eq!((report.count_of("crs-unknown"), report.surfaces), (1, 1));
}

/// A solid that repeats its boundary surfaces, linked or written again, has them once; other surfaces are added.
#[test]
fn a_solid_has_the_surfaces_of_its_boundary_once() {
    let roof = format!(
        "<bldg:boundedBy><bldg:RoofSurface><bldg:lod2MultiSurface><gml:MultiSurface><gml:surfaceMember>{}</gml:surfaceMember></gml:MultiSurface></bldg:lod2MultiSurface></bldg:RoofSurface></bldg:boundedBy>",
        polygon("roof", TRIANGLE)
    );
    let members = format!(
        "<gml:surfaceMember xlink:href='#roof'/><gml:surfaceMember>{}</gml:surfaceMember><gml:surfaceMember>{}</gml:surfaceMember>",
        polygon("again", "1 0 0 0 1 5 0 0 0 1 0 0"),
        polygon("other", "7 0 0 1 0 0 0 1 5 7 0 0")
    );
    let solid = format!(
        "<bldg:lod2Solid><gml:Solid><gml:exterior><gml:CompositeSurface>{members}</gml:CompositeSurface></gml:exterior></gml:Solid></bldg:lod2Solid>"
    );
    let (city, _) = read(&model(&building("a", &format!("{solid}{roof}"))), None).unwrap();
    let found: Vec<SurfaceKind> = surfaces(&city.objects[0], 2.0).iter().map(|surface| surface.kind).collect();
    assert_eq!(found, [SurfaceKind::Roof, SurfaceKind::Unknown]);
}

#[test]
fn entities_and_document_types_are_refused_and_packed_files_read() {
    let bomb = "<!DOCTYPE CityModel [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>]><CityModel>&b;</CityModel>";
    let error = read(&memory(bomb), Some("EPSG:28992")).unwrap_err().to_string();
    assert!(error.contains("a document type declaration is not allowed (line 1)"), "{error}");

    let text = format!("{HEAD}{}</CityModel>", building("a", ""));
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    let files = MemoryFiles::new("a.gml.gz", [("a.gml.gz".to_owned(), packed.finish().unwrap())]);
    assert_eq!(recognise(&files).unwrap().name(), "citygml");
    assert_eq!(read(&files, None).unwrap().1.objects, 1);
}

#[test]
fn the_crs_of_the_user_serves_where_the_file_says_none_that_is_known() {
    let text = format!("{HEAD}{}</CityModel>", building("a", "")).replace("urn:ogc:def:crs:EPSG::28992", "our own");
    let error = read(&memory(&text), None).unwrap_err().to_string();
    assert!(error.contains("it says 'our own'") && error.ends_with("a.gml"), "{error}");
    let (_, report) = read(&memory(&text), Some("EPSG:28992")).unwrap();
    assert_eq!(report.frame.unwrap().stated_by, "--crs");
    let error = read(&model(""), Some("EPSG:25832")).unwrap_err().to_string();
    assert!(error.contains("EPSG:28992") && error.contains("EPSG:25832"), "{error}");
    let insisting = ImportOptions { crs: Some("EPSG:7415".parse().unwrap()), ..Default::default() };
    assert_eq!(read_with(&model(""), &insisting).unwrap().1.frame.unwrap().crs.as_str(), "EPSG:7415");
}

/// Cut at every byte, and with bytes changed: read or refused, and what was whole before the cut is there.
#[test]
fn damaged_files_are_read_as_far_as_they_go() {
    let inside = format!(
        "<gml:name>n</gml:name><app:appearance><app:Appearance><app:surfaceDataMember><app:X3DMaterial><app:diffuseColor>1 0 0</app:diffuseColor><app:target>#p</app:target></app:X3DMaterial></app:surfaceDataMember></app:Appearance></app:appearance>\
         <bldg:lod2Solid><gml:Solid><gml:exterior><gml:CompositeSurface><gml:surfaceMember xlink:href='#q'/><gml:surfaceMember>{}</gml:surfaceMember></gml:CompositeSurface></gml:exterior></gml:Solid></bldg:lod2Solid>\
         <bldg:boundedBy><bldg:WallSurface><bldg:lod2MultiSurface>{}</bldg:lod2MultiSurface></bldg:WallSurface></bldg:boundedBy>",
        polygon("p", TRIANGLE),
        polygon("q", "3 0 0 1 0 0 0 1 5")
    );
    let text = format!("{HEAD}{}{}</CityModel>", building("a", &inside), building("b", ""));
    let whole = text.find("gml:id='b'").unwrap();
    for end in 0..text.len() {
        match read(&memory(&text[..end]), Some("EPSG:28992")) {
            Ok((_, report)) => assert!(report.objects >= u64::from(end >= whole), "{end}"),
            Err(_) => assert!(end < whole, "{end}"),
        }
    }
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % below as u64) as usize
    };
    for _ in 0..2000 {
        let mut bytes = text.clone().into_bytes();
        for _ in 0..1 + next(8) {
            let at = next(bytes.len());
            bytes[at] = next(256) as u8;
        }
        let files = MemoryFiles::new("a.gml", [("a.gml".to_owned(), bytes)]);
        if let Ok((_, report)) = read(&files, Some("EPSG:28992")) {
            assert!(report.objects <= 2);
        }
    }
}

/// A package of which much is no city: a list in a foreign encoding, an empty file, other GML; a picture and a code list that
/// are there, and the same building twice.
#[test]
fn a_package_is_read_past_what_is_no_city_in_it() {
    let wall = format!(
        "<bldg:class codeSpace='../../codelists/c.xml'>7</bldg:class><bldg:lod2MultiSurface><gml:MultiSurface><gml:surfaceMember>{}</gml:surfaceMember></gml:MultiSurface></bldg:lod2MultiSurface>",
        polygon("p", TRIANGLE)
    );
    let looks = "<app:appearanceMember><app:Appearance><app:surfaceDataMember><app:ParameterizedTexture><app:imageURI>t/a.jpg</app:imageURI>\
                 <app:target uri='#p'><app:TexCoordList><app:textureCoordinates ring='#p_r'>0 0 1 0 0 1 0 0</app:textureCoordinates>\
                 </app:TexCoordList></app:target></app:ParameterizedTexture></app:surfaceDataMember></app:Appearance></app:appearanceMember>";
    let city = format!("{HEAD}{looks}{}</CityModel>", building("a", &wall));
    let list = "<gml:Dictionary xmlns:gml='g'><gml:dictionaryEntry><gml:Definition><gml:description>seven</gml:description>\
                <gml:name>7</gml:name></gml:Definition></gml:dictionaryEntry></gml:Dictionary>";
    let file = |name: &str, text: &str| (name.to_owned(), text.as_bytes().to_vec());
    let files = [
        file("codelists/c.xml", list),
        ("metadata/m.xml".to_owned(), b"\xFF\xFE<\0m\0>\0".to_vec()),
        file("udx/bldg/1.gml", &city),
        file("udx/bldg/2.gml", &city),
        file("udx/bldg/empty.gml", ""),
        file("udx/bldg/indoor.gml", "<IndoorFeatures/>"),
        file("udx/bldg/t/a.jpg", ""),
    ];
    let files = MemoryFiles::new("package", files);
    assert_eq!(recognise(&files).unwrap().name(), "citygml");
    let (city, report) = read(&files, None).unwrap();
    assert_eq!((report.files, report.count_of("not-citygml"), report.count_of("duplicate-id")), (2, 2, 1));
    assert_eq!(report.tallies.keys().copied().collect::<Vec<_>>(), ["duplicate-id", "not-citygml"]);
    for id in ["a", "a#2"] {
        let found = object(&city, id);
        assert_eq!(found.object.attribute("class").text(), Some("seven"));
        let paint = surfaces(found, 2.0)[0].paint.clone().unwrap();
        assert_eq!(&*paint.picture.unwrap().name, "udx/bldg/t/a.jpg");
    }
}

/// As deep as elements may be nested, once more behind each of as many links as may follow each other.
#[test]
fn links_through_deep_elements_do_not_exhaust_the_stack() {
    let open = "<gml:MultiSurface><gml:surfaceMember>".repeat(57);
    let close = "</gml:surfaceMember></gml:MultiSurface>".repeat(57);
    let level = |depth: usize| {
        let link = format!("<gml:MultiSurface><gml:surfaceMember xlink:href='#d{}'/></gml:MultiSurface>", depth + 1);
        let deep = format!("<gml:MultiSurface gml:id='d{depth}'><gml:surfaceMember>{open}{link}{close}");
        let inside =
            format!("<bldg:lod2MultiSurface>{deep}</gml:surfaceMember></gml:MultiSurface></bldg:lod2MultiSurface>");
        building(&format!("b{depth}"), &inside)
    };
    let text: String = (0..12).map(level).collect();
    let (_, report) = read(&model(&text), None).unwrap();
    assert_eq!((report.objects, report.count_of("member-unreadable")), (12, 0));
    assert!(report.count_of("link-cycle") > 0);
}
