//! WMTS and WMS by their documents: tiles in a folder, and of a server here.

use std::io::{BufRead, BufReader, Cursor, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use veduta::geodesy::CrsId;
use veduta::import::raster::{Pixel, RasterReader, TileCache};
use veduta::import::terrain::Imagery;
use veduta::import::{ImportOptions, MemoryFiles};
use veduta::platform::HttpFiles;

use crate::rasters::{read, window};
use crate::terrain::dem_file;

fn png(color: [u8; 3], edge: u32) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let picture = image::RgbImage::from_pixel(edge, edge, image::Rgb(color));
    picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// A document like those of Tianditu: EPSG:4490 with latitude first, two zooms, an address by key and value or of its own.
fn wmts(host: &str, rest: &str) -> String {
    let matrix = |name: &str, scale: f64, columns: u32| {
        format!(
            "<TileMatrix><ows:Identifier>{name}</ows:Identifier><ScaleDenominator>{scale}</ScaleDenominator>\
             <TopLeftCorner>90.0 -180.0</TopLeftCorner><TileWidth>256</TileWidth><TileHeight>256</TileHeight>\
             <MatrixWidth>{columns}</MatrixWidth><MatrixHeight>{}</MatrixHeight></TileMatrix>",
            columns / 2
        )
    };
    let matrices = [matrix("4", 36_978_669.431_932_07, 16), matrix("3", 73_957_338.863_864_14, 8)].concat();
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<Capabilities xmlns="http://www.opengis.net/wmts/1.0" xmlns:ows="http://www.opengis.net/ows/1.1" xmlns:xlink="http://www.w3.org/1999/xlink" version="1.0.0">
<ows:OperationsMetadata><ows:Operation name="GetTile"><ows:DCP><ows:HTTP><ows:Get xlink:href="{host}/kvp?tk=abc&amp;">
</ows:Get></ows:HTTP></ows:DCP></ows:Operation></ows:OperationsMetadata>
<Contents><Layer><ows:Title>Images</ows:Title><ows:Identifier>img</ows:Identifier>
<ows:WGS84BoundingBox><ows:LowerCorner>100 10</ows:LowerCorner><ows:UpperCorner>130 40</ows:UpperCorner></ows:WGS84BoundingBox>
<Style isDefault="true"><ows:Identifier>default</ows:Identifier></Style><Format>tiles</Format>
<TileMatrixSetLink><TileMatrixSet>c</TileMatrixSet></TileMatrixSetLink>{rest}</Layer>
<TileMatrixSet><ows:Identifier>c</ows:Identifier><ows:SupportedCRS>urn:ogc:def:crs:EPSG::4490</ows:SupportedCRS>{matrices}</TileMatrixSet>
</Contents></Capabilities>"#
    )
}

/// A server that answers each address as `answer` says; what was asked for is kept.
fn serve(answer: impl Fn(&str, &str) -> Option<Vec<u8>> + Send + 'static) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (seen, here) = (Arc::clone(&asked), host.clone());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut first, mut range) = (String::new(), None);
            reader.read_line(&mut first).unwrap();
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap() == 0 || line.trim().is_empty() {
                    break;
                }
                if let Some(bytes) = line.to_ascii_lowercase().strip_prefix("range: bytes=") {
                    let (begin, end) = bytes.trim().split_once('-').unwrap();
                    range = Some((begin.parse::<usize>().unwrap(), end.parse::<usize>().unwrap()));
                }
            }
            let mut words = first.split_whitespace();
            let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
            seen.lock().unwrap().push(target.to_owned());
            let (status, body) = match (answer(target, &here), range) {
                (None, _) => ("404 Not Found", Vec::new()),
                (Some(bytes), Some((begin, end))) if begin < bytes.len() => {
                    ("206 Partial Content", bytes[begin..bytes.len().min(end + 1)].to_vec())
                }
                (Some(_), Some(_)) => ("416 Range Not Satisfiable", Vec::new()),
                (Some(bytes), None) => ("200 OK", bytes),
            };
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).unwrap();
            if method != "HEAD" {
                let _ = stream.write_all(&body);
            }
        }
    });
    (host, asked)
}

/// The colour of an image at a place of its CRS.
fn color_at(image: &Imagery, x: f64, y: f64) -> [u8; 4] {
    let pixel = image.transform.pixel_from_crs.transform_point2(glam::DVec2::new(x, y));
    let cache = TileCache::new(1 << 20);
    let reader = RasterReader::new(&*image.raster, &cache, 0);
    reader.part(pixel - 1.0, pixel + 1.0, 1.0).unwrap().map_or([0; 4], |part| part.between(pixel))
}

/// A folder keeps the tiles that a server had, at the end of their addresses; where fine ones are missing, coarse ones show.
#[test]
fn a_folder_may_hold_what_a_document_tells() {
    let template = r#"<ResourceURL format="tiles" resourceType="tile" template="https://t0.example.cn/img/{TileMatrixSet}/{TileMatrix}/{TileRow}/{TileCol}.png"/>"#;
    let document = wmts("https://t0.example.cn", template);
    // Zoom 4 has 22.5 degrees a tile: 112.5 to 135 E and 22.5 to 45 N is column 13, row 2; at zoom 3 column 6, row 1.
    for names in [["img/c/4/2/13.png", "img/c/3/1/6.png"], ["4/2/13.png", "3/1/6.png"]] {
        let tiles = [(names[0], [200, 0, 0]), (names[1], [0, 0, 200])];
        let tiles = tiles.map(|(name, color)| (name.to_owned(), png(color, 256)));
        let document = ("WMTSCapabilities.xml".to_owned(), document.clone().into_bytes());
        let files = MemoryFiles::new("kept", tiles.into_iter().chain([document]));
        let (gathered, report) = read(&files, &ImportOptions::default()).unwrap();
        assert_eq!((report.importer, report.rasters[0].levels), ("map-services", 2));
        let image = &gathered.images[0];
        assert_eq!(image.crs, CrsId::epsg(4490));
        assert_eq!(color_at(image, 114.06, 30.0), [200, 0, 0, 255]);
        assert_eq!(color_at(image, 100.0, 30.0), [0, 0, 200, 255], "{names:?}");
        assert_eq!(color_at(image, 114.06, -5.0)[3], 0);
    }
    // The document by itself has no tiles, and nothing is asked for from anywhere.
    let alone = MemoryFiles::new("a.xml", [("a.xml".to_owned(), document.into_bytes())]);
    assert!(read(&alone, &ImportOptions::default()).unwrap_err().to_string().contains("no tiles"));
}

#[test]
fn a_server_gives_the_tiles_that_are_looked_at() {
    let (host, asked) = serve(|target, host| {
        if target.starts_with("/wmts") {
            return Some(wmts(host, "").into_bytes());
        }
        let has = |pair: &str| target.contains(pair);
        (has("TILEMATRIX=4&") && has("TILEROW=2&") && has("TILECOL=13")).then(|| png([9, 200, 9], 256))
    });
    let files = HttpFiles::new(&format!("{host}/wmts?request=GetCapabilities"));
    let (gathered, _) = read(&files, &ImportOptions::default()).unwrap();
    assert!(asked.lock().unwrap().iter().all(|target| target.starts_with("/wmts")), "no tile before it is needed");
    let image = &gathered.images[0];
    assert_eq!(color_at(image, 114.06, 30.0), [9, 200, 9, 255]);
    assert_eq!(color_at(image, 101.0, 15.0)[3], 0);
    let tile = asked.lock().unwrap().iter().find(|target| target.contains("TILECOL=13")).unwrap().clone();
    assert!(
        tile.starts_with("/kvp?tk=abc&SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&LAYER=img&STYLE=default"),
        "{tile}"
    );
    let layers = ImportOptions { layers: vec!["vec".to_owned()], ..ImportOptions::default() };
    assert!(read(&files, &layers).unwrap_err().to_string().contains("no layer 'vec', only img"));
}

fn wms(host: &str, version: &str) -> String {
    let (root, box_of, key) = match version {
        "1.3.0" => (
            "WMS_Capabilities",
            "<EX_GeographicBoundingBox><westBoundLongitude>10</westBoundLongitude><eastBoundLongitude>12</eastBoundLongitude>\
             <southBoundLatitude>50</southBoundLatitude><northBoundLatitude>51</northBoundLatitude></EX_GeographicBoundingBox>",
            "CRS",
        ),
        _ => ("WMT_MS_Capabilities", r#"<LatLonBoundingBox minx="10" miny="50" maxx="12" maxy="51"/>"#, "SRS"),
    };
    format!(
        r#"<?xml version="1.0"?><{root} version="{version}" xmlns:xlink="http://www.w3.org/1999/xlink"><Capability><Request><GetMap>
<Format>image/png</Format><DCPType><HTTP><Get><OnlineResource xlink:href="{host}/map?"/></Get></HTTP></DCPType></GetMap></Request>
<Layer><{key}>EPSG:4326</{key}>{box_of}<Layer><Name>ortho</Name></Layer><Layer><Name>roads</Name></Layer></Layer>
</Capability></{root}>"#
    )
}

/// Latitude comes first in boxes of EPSG:4326 of version 1.3.0, and last in those of 1.1.1.
#[test]
fn boxes_are_asked_for_in_the_order_of_the_version() {
    for (version, key) in [("1.3.0", "&CRS=EPSG:4326&"), ("1.1.1", "&SRS=EPSG:4326&")] {
        let (host, asked) = serve(move |target, host| {
            if target.starts_with("/cap") {
                return Some(wms(host, version).into_bytes());
            }
            let sides =
                target.split_once("BBOX=")?.1.split(',').map(str::parse).collect::<Result<Vec<f64>, _>>().ok()?;
            let (west, south) = if version == "1.3.0" { (sides[1], sides[0]) } else { (sides[0], sides[1]) };
            if west < 9.0 || south < 49.0 {
                return Some(b"<ServiceException>beyond the edge</ServiceException>".to_vec());
            }
            Some(png([(west * 10.0) as u8, (south * 2.0) as u8, 0], 512))
        });
        let files = HttpFiles::new(&format!("{host}/cap?service=WMS"));
        let unsaid = read(&files, &ImportOptions::default()).unwrap_err().to_string();
        assert!(unsaid.contains("ortho, roads"), "{unsaid}");
        let options = ImportOptions { layers: vec!["ortho".to_owned()], zoom: Some(9), ..ImportOptions::default() };
        let (gathered, report) = read(&files, &options).unwrap();
        let image = &gathered.images[0];
        assert_eq!((image.crs.to_string().as_str(), report.rasters[0].levels), ("EPSG:4326", 10));
        // Tiles of zoom 9 are 0.3515625 degrees wide: 11.25 to 11.6 and 50.27 to 50.62.
        let seen = color_at(image, 11.4, 50.5);
        assert_eq!(seen, [112, 100, 0, 255], "{version}");
        let map = asked.lock().unwrap().iter().find(|target| target.starts_with("/map?")).unwrap().clone();
        assert!(
            map.contains(key) && map.contains(&format!("VERSION={version}")) && map.contains("LAYERS=ortho&"),
            "{map}"
        );
        // What the server has to say is told.
        let raster = &*image.raster;
        window(raster, 9, raster.levels()[9].known);
        assert!(raster.damage().first.unwrap().contains("beyond the edge"));
    }
}

/// A GeoTIFF on a server: only its parts are asked for.
#[test]
fn files_may_lie_on_a_server() {
    let whole = dem_file([121.0, 31.0], 0.001, (300, 300), |x, y| (x + y) as f32);
    let length = whole.len();
    let (host, asked) = serve(move |target, _| (target == "/dem.tif").then(|| whole.clone()));
    let (gathered, _) = read(&HttpFiles::new(&format!("{host}/dem.tif")), &ImportOptions::default()).unwrap();
    let before = asked.lock().unwrap().len();
    let tile = gathered.dems[0].raster.tile(0, 0, 0).unwrap().unwrap();
    assert!(tile.at(5, 5).is_known() && tile.at(5, 5) == 10.0 && length > 300_000);
    assert!(before < 8, "{:?}", asked.lock().unwrap());
    assert_eq!(asked.lock().unwrap().len(), before + 1);
    let missing = read(&HttpFiles::new(&format!("{host}/no.tif")), &ImportOptions::default()).unwrap_err().to_string();
    assert!(missing.contains("404") && missing.ends_with("/no.tif"), "{missing}");
    let nobody = read(&HttpFiles::new("http://127.0.0.1:1/a.tif"), &ImportOptions::default()).unwrap_err().to_string();
    assert!(nobody.ends_with("/a.tif"), "{nobody}");
}
