//! Every decoder of bytes that come from outside, by name.

use std::collections::BTreeMap;

use veduta::city::Expression;
use veduta::formats::tiles3d::Subtree;
use veduta::formats::{glb, mvt};
use veduta::import::raster::{Pixel, RasterTiles};
use veduta::import::{Gathered, ImportOptions, MemoryFiles, importer, read_geoid, read_recipe};

/// A decoder: its name (that of an importer, or one of [`OTHERS`]), and what its file is called.
pub const DECODERS: &[(&str, &str)] = &[
    ("cityjson", "a.city.json"),
    ("cityjson", "a.city.jsonl"),
    ("citygml", "a.gml"),
    ("geojson", "a.geojson"),
    ("mvt", "14/8710/6447.pbf"),
    ("shapefile", "a.shp"),
    ("shapefile", "a.dbf"),
    ("shapefile", "a.prj"),
    ("flatgeobuf", "a.fgb"),
    ("geoparquet", "a.parquet"),
    ("kml", "a.kml"),
    ("zip", "a.zip"),
    ("osm", "a.osm.pbf"),
    ("osm", "a.osm"),
    ("epanet", "a.inp"),
    ("swmm", "a.inp"),
    ("geotiff", "a.tif"),
    ("height-grid", "a.asc"),
    ("map-services", "a.xml"),
    ("map-tiles", "a.pmtiles"),
    ("map-tiles", "0/0/0.png"),
    ("quantized-mesh", "0/0/0.terrain"),
    ("glb", "a.glb"),
    ("subtree", "a.subtree"),
    ("vector tile", "a.mvt"),
    ("geoid", "a.gtx"),
    ("recipe", "import.toml"),
    ("expression", ""),
];

/// Decodes; what comes of it does not matter.
pub fn decode(name: &str, file: &str, bytes: &[u8]) {
    let text = || String::from_utf8_lossy(bytes);
    match name {
        "glb" => drop(glb::decode(bytes)),
        "subtree" => drop(Subtree::decode(bytes, 4)),
        "vector tile" => drop(mvt::decode(bytes)),
        "geoid" => drop(read_geoid(&folder(file, bytes))),
        "recipe" => drop(read_recipe(&text(), file, &BTreeMap::new())),
        "expression" => drop(Expression::parse(&text())),
        _ => import(name, file, bytes),
    }
}

fn folder(file: &str, bytes: &[u8]) -> MemoryFiles {
    let mut files = vec![(file.to_owned(), bytes.to_vec())];
    match file {
        "a.dbf" | "a.prj" => files.push(("a.shp".to_owned(), POINT.to_vec())),
        "0/0/0.terrain" => files.push(("layer.json".to_owned(), LAYER.to_vec())),
        _ => (),
    }
    MemoryFiles::new("here", files)
}

fn import(name: &str, file: &str, bytes: &[u8]) {
    let importer = importer(name).unwrap_or_else(|| panic!("no importer {name}"));
    let files = folder(file, bytes);
    importer.probe(&files);
    let mut city = Gathered::default();
    let options = ImportOptions { crs_where_unsaid: "EPSG:4326".parse().ok(), ..ImportOptions::default() };
    let _ = importer.read(&files, &options, &mut city);
    city.dems.iter().for_each(|dem| some_tiles(&*dem.raster));
    city.images.iter().for_each(|image| some_tiles(&*image.raster));
}

/// A raster is decoded when it is looked at.
fn some_tiles<P: Pixel>(raster: &dyn RasterTiles<P>) {
    for (number, level) in raster.levels().iter().enumerate().take(8) {
        let [width, height] = level.tile.map(|edge| i64::from(edge.max(1)));
        let (column, row) = (level.known.left.max(0) / width, level.known.top.max(0) / height);
        for (right, down) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
            let _ = raster.tile(number, (column + right) as u64, (row + down) as u64);
        }
    }
}

/// A shapefile of one point at (0, 0).
const POINT: &[u8] = b"\0\0\x27\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x40\xe8\x03\0\0\x01\0\0\0\
\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
\0\0\0\x01\0\0\0\x0a\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

const LAYER: &[u8] = br#"{"tilejson": "2.1.0", "format": "quantized-mesh-1.0", "version": "1.0.0", "scheme": "tms",
"tiles": ["{z}/{x}/{y}.terrain"], "projection": "EPSG:4326", "bounds": [-180, -90, 180, 90],
"available": [[{"startX": 0, "startY": 0, "endX": 1, "endY": 0}]]}"#;
