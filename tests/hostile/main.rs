//! Whatever bytes a decoder is given, it ends, with something or an error, without panic and in bounded memory.
//!
//! Real files are cut, changed and mixed, always in the same way. Memory is counted by the allocator of this program, so that it
//! has no other test. `decoders.rs` is the table of all decoders.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on should stop")]

#[path = "../core/shared_data.rs"]
mod shared_data;

mod decoders;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use decoders::{DECODERS, decode};
use peak_alloc::PeakAlloc;
use shared_data::shared;

/// Bytes that a decoder may hold at one time: threads, tables and caches, and so many for each byte of its file.
const MEMORY: usize = 128 << 20;
const MEMORY_A_BYTE: usize = 512;
/// How long a file of a few hundred kilobytes may take, on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(60);
/// Changes of each file, and bytes of a file at most: larger ones are cut.
const CHANGES: usize = 1500;
const BYTES: usize = 200_000;

/// Real files, by decoder and what its file is called.
const SEEDS: &[(&str, &str, &str)] = &[
    ("cityjson", "a.city.json", "citymodel/cityjson/cjio_small/cube.c.json"),
    ("citygml", "a.gml", "citymodel/citygml/val3dity_gml/csol7.gml"),
    (
        "citygml",
        "a.gml",
        "citymodel/citygml/ogc_citygml3_dynamizer/Building_CityGML3.0_with_Dynamizer_and_inline_Timeseries.gml",
    ),
    ("mvt", "14/8710/6447.pbf", "tokyo/mvt_lod2_roofs/15/29102/12903.pbf"),
    ("vector tile", "a.mvt", "tiles/loaders_mvt/mvt/lines_10-501-386_multiplelayers.mvt"),
    ("shapefile", "a.shp", "vector/shapefile/gbk/chinese_poly.shp"),
    ("shapefile", "a.dbf", "vector/shapefile/gbk/chinese_poly.dbf"),
    ("flatgeobuf", "a.fgb", "vector/geoarrow/ns-water_water-line_small.fgb"),
    ("geoparquet", "a.parquet", "vector/geoarrow/overture_infrastructure.parquet"),
    ("kml", "a.kml", "vector/kml/kml/KML_Samples.kml"),
    ("osm", "a.osm", "osm/osm2pgsql_test_output_pgsql_validgeom.osm"),
    ("epanet", "a.inp", "networks/epanet_epyt/ZJ.inp"),
    ("swmm", "a.inp", "networks/swmm_swmmio/model_full_features_network.inp"),
    ("geotiff", "a.tif", "imagery/vcs_cog/test_grey_world.tif"),
    ("geotiff", "a.tif", "imagery/rasterio/RGBA.uint16.tif"),
    ("map-tiles", "a.pmtiles", "tiles/pmtiles_js_cases/test_fixture_1.pmtiles"),
    ("quantized-mesh", "0/0/0.terrain", "terrain/quantized_mesh_vcs/13/8800/6486.terrain"),
    ("glb", "a.glb", "tiles3d/validator_specs/gltfExtensions/meshFeatures/ValidFeatureIdTexture.glb"),
    ("subtree", "a.subtree", "tiles3d/validator_specs/subtrees/binarySubtreeValid.subtree"),
];

/// Files written out here, for what is short.
const TEXTS: &[(&str, &str, &[u8])] = &[
    ("cityjson", "a.city.jsonl", b"{\"type\":\"CityJSON\",\"version\":\"2.0\",\"transform\":{\"scale\":[1,1,1],\"translate\":[0,0,0]},\"metadata\":{\"referenceSystem\":\"https://www.opengis.net/def/crs/EPSG/0/28992\"},\"CityObjects\":{},\"vertices\":[]}\n{\"type\":\"CityJSONFeature\",\"id\":\"a\",\"CityObjects\":{\"a\":{\"type\":\"Building\",\"geometry\":[{\"type\":\"MultiSurface\",\"lod\":\"1\",\"boundaries\":[[[0,1,2]]]}]}},\"vertices\":[[0,0,0],[9,0,0],[9,9,0]]}\n"),
    ("geojson", "a.geojson", b"{\"type\":\"FeatureCollection\",\"features\":[{\"type\":\"Feature\",\"id\":7,\"properties\":{\"height\":\"7'6\\\"\",\"a\":[1,{\"b\":null}]},\"geometry\":{\"type\":\"GeometryCollection\",\"geometries\":[{\"type\":\"Polygon\",\"coordinates\":[[[4,52],[4.1,52],[4.1,52.1,3],[4,52]]]},{\"type\":\"LineString\",\"coordinates\":[[1,2],[3,4]]}]}}]}"),
    ("shapefile", "a.prj", b"PROJCS[\"x\",GEOGCS[\"GCS_WGS_1984\",DATUM[\"D_WGS_1984\",SPHEROID[\"WGS_1984\",6378137,298.257223563]],PRIMEM[\"Greenwich\",0],UNIT[\"Degree\",0.0174532925199433]],PROJECTION[\"Gauss_Kruger\"],PARAMETER[\"Central_Meridian\",117.0],UNIT[\"Meter\",1]]"),
    ("height-grid", "a.asc", b"ncols 3\nnrows 2\nxllcorner 4.0\nyllcorner 52.0\ncellsize 0.5\nNODATA_value -9999\n1 2 3\n4 -9999 6.5\n"),
    ("map-services", "a.xml", b"<Capabilities xmlns=\"http://www.opengis.net/wmts/1.0\" xmlns:ows=\"http://www.opengis.net/ows/1.1\" version=\"1.0.0\"><Contents><Layer><ows:Identifier>a</ows:Identifier><Style isDefault=\"true\"><ows:Identifier>s</ows:Identifier></Style><Format>image/png</Format><TileMatrixSetLink><TileMatrixSet>m</TileMatrixSet></TileMatrixSetLink><ResourceURL format=\"image/png\" resourceType=\"tile\" template=\"{TileMatrix}/{TileCol}/{TileRow}.png\"/></Layer><TileMatrixSet><ows:Identifier>m</ows:Identifier><ows:SupportedCRS>urn:ogc:def:crs:EPSG::3857</ows:SupportedCRS><TileMatrix><ows:Identifier>0</ows:Identifier><ScaleDenominator>559082264.0287178</ScaleDenominator><TopLeftCorner>-20037508.3428 20037508.3428</TopLeftCorner><TileWidth>256</TileWidth><TileHeight>256</TileHeight><MatrixWidth>1</MatrixWidth><MatrixHeight>1</MatrixHeight></TileMatrix></TileMatrixSet></Contents></Capabilities>"),
    ("recipe", "import.toml", b"format_version = 1\n[tree]\noverlap = 0.5\n[[source]]\npath = 'a.shp'\ncrs = 'town'\nheights = 'ground'\n[crs.town]\nbase = 'EPSG:4547'\nfour_parameter = [1.0, 2.0, 0.0, 3.0]\n"),
    ("expression", "", b"sum(power) / 2 > -1.5e3 and not (class = 'Building' or name like '%\xe6\x9d\xb1%')"),
];

#[global_allocator]
static MEMORY_IN_USE: PeakAlloc = PeakAlloc;

/// Numbers that are always the same.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most.max(1)
    }

    /// The bytes, made worse.
    fn change(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut worse = bytes.to_vec();
        for _ in 0..1 + self.below(4) {
            let at = self.below(worse.len());
            let length = (1 + self.below(16)).min(worse.len() - at);
            match self.below(7) {
                0 => worse.truncate(at),
                1 => drop(worse.drain(at..at + length)),
                2 => {
                    let piece = worse[at..at + length].to_vec();
                    let to = self.below(worse.len());
                    worse.splice(to..to, piece);
                }
                // Counts and offsets that claim too much.
                3 => worse[at..at + length.min(4)].fill(0xff),
                4 => worse[at..at + length.min(8)].fill(0),
                5 => worse[at..at + 1].iter_mut().for_each(|byte| *byte ^= 1 << self.below(8)),
                _ => worse[at..at + 1].fill(self.below(256) as u8),
            }
            if worse.is_empty() {
                break;
            }
        }
        worse
    }
}

/// What is being decoded since when; a decoder that does not come to an end ends the program with its name.
#[derive(Default)]
struct Watch(Mutex<Option<(Instant, String)>>);

impl Watch {
    fn lock(&self) -> MutexGuard<'_, Option<(Instant, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(self: &Arc<Self>, ended: &Arc<AtomicBool>) -> std::thread::JoinHandle<()> {
        let (watch, ended) = (Arc::clone(self), Arc::clone(ended));
        std::thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(200));
                if let Some((since, what)) = &*watch.lock()
                    && since.elapsed() > PATIENCE
                {
                    eprintln!("{what} does not come to an end");
                    std::process::abort();
                }
            }
        })
    }
}

#[test]
fn any_bytes_come_to_an_end_in_bounded_memory() {
    let mut seeds: Vec<(&str, &str, Vec<u8>)> =
        TEXTS.iter().map(|(name, file, bytes)| (*name, *file, bytes.to_vec())).collect();
    for (name, file, path) in SEEDS {
        let Some(path) = shared(path) else { return };
        let mut bytes = std::fs::read(path).unwrap();
        bytes.truncate(BYTES);
        seeds.push((name, file, bytes));
    }
    // Any bytes at all, for every decoder.
    seeds.extend(DECODERS.iter().map(|(name, file)| (*name, *file, (0_u8..=255).cycle().take(600).collect())));
    let known: BTreeSet<_> = DECODERS.iter().collect();
    let (watch, ended) = (Arc::new(Watch::default()), Arc::new(AtomicBool::new(false)));
    let watching = watch.begin(&ended);
    for (number, (name, file, bytes)) in seeds.iter().enumerate() {
        assert!(known.contains(&(*name, *file)), "{name} {file} is not in the table");
        let mut chance = Chance(number as u64);
        for change in 0..CHANGES {
            let worse = if change == 0 { bytes.clone() } else { chance.change(bytes) };
            *watch.lock() = Some((Instant::now(), format!("{name}, {file}, seed {number}, change {change}")));
            MEMORY_IN_USE.reset_peak_usage();
            let before = MEMORY_IN_USE.current_usage();
            decode(name, file, &worse);
            let held = MEMORY_IN_USE.peak_usage().saturating_sub(before);
            let bound = MEMORY + MEMORY_A_BYTE * worse.len();
            assert!(
                held <= bound,
                "{name}, {file}, seed {number}, change {change}: {held} bytes held, more than {bound}"
            );
        }
    }
    ended.store(true, Ordering::Relaxed);
    watching.join().unwrap();
}
