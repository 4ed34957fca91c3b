//! WMS 1.1.1 and 1.3.0 (OGC 01-068r3, OGC 06-042): pictures of any box, asked for tile by tile.

use std::sync::Arc;

use glam::DVec2;

use super::xml::Element;
use crate::geodesy::{AxisOrder, CrsId, CrsRegistry};
use crate::import::raster::map_tiles::{MatrixSet, TileMatrix, TileRange, TileStore, WellKnown};
use crate::import::{ImportError, ImportOptions, SourceFiles};

/// Columns and rows of a picture that is asked for at a time.
const TILE_PIXELS: u32 = 512;
/// A service has no finest resolution: 15 cm in Web Mercator.
const FINEST_ZOOM: u8 = 19;

/// Layers of a service as one pyramid.
pub struct WmsStore {
    files: Arc<dyn SourceFiles>,
    /// The address up to the box.
    request: String,
    /// Whether a box begins with its southern side.
    is_north_first: bool,
    set: MatrixSet,
    extent: (DVec2, DVec2),
    finest: u8,
}

impl WmsStore {
    /// Of a capabilities document and the layers that are asked for, or the only one.
    pub fn new(
        document: &Element,
        files: &Arc<dyn SourceFiles>,
        options: &ImportOptions,
    ) -> Result<(Self, MatrixSet), ImportError> {
        Self::of(document, files, options).map_err(|what| ImportError::Option { what, path: files.path().to_owned() })
    }

    fn of(
        document: &Element,
        files: &Arc<dyn SourceFiles>,
        options: &ImportOptions,
    ) -> Result<(Self, MatrixSet), String> {
        if !super::is_address(files.path()) {
            return Err("a WMS keeps no pictures in files; name its address as the source".to_owned());
        }
        let is_new = document.attribute("version").is_some_and(|version| version.starts_with("1.3"));
        let capability = document.find(&["Capability"]).ok_or("this WMS document has no Capability")?;
        let mut layers = Vec::new();
        capability.all("Layer").for_each(|layer| list(layer, &[], &mut layers));
        let names: Vec<&str> = layers.iter().map(|named| named.name).collect();
        let chosen: Vec<&Named> = match options.layers.as_slice() {
            [] if layers.len() == 1 => layers.iter().collect(),
            [] => {
                return Err(format!("it has the layers {}; choose with layers = [...] in a recipe", names.join(", ")));
            }
            asked => {
                if let Some(missing) = asked.iter().find(|name| !names.contains(&name.as_str())) {
                    return Err(format!("there is no layer '{missing}', only {}", names.join(", ")));
                }
                asked.iter().filter_map(|name| layers.iter().find(|layer| layer.name == name)).collect()
            }
        };
        let first = chosen.first().ok_or("it has no layers")?;
        let (written, known) = first.crs().ok_or("none of its CRS is EPSG:3857, EPSG:4326, EPSG:4490 or CRS:84")?;
        let crs: CrsId = written.parse().map_err(|error| format!("{error}"))?;
        let boxes = chosen.iter().filter_map(|layer| layer.box_in_degrees(is_new));
        let degrees = boxes.reduce(|(a, b), (c, d)| (a.min(c), b.max(d)));
        let (low, high) = degrees.unwrap_or((DVec2::new(-180.0, -85.05), DVec2::new(180.0, 85.05)));
        let extent = super::box_in(&crs, low, high).ok_or("its layers lie nowhere")?;
        let order = CrsRegistry::default().crs_info(&crs).map(|info| info.axis_order);
        let asked: Vec<&str> = chosen.iter().map(|layer| layer.name).collect();
        let request = request(capability, &asked, is_new, written)?;
        let set = known.set(crs, format!("its CRS {written}"), [TILE_PIXELS; 2]);
        let finest = options.zoom.unwrap_or(FINEST_ZOOM).min(FINEST_ZOOM + 5);
        let is_north_first = is_new && written != "CRS:84" && order == Ok(AxisOrder::NorthFirst);
        let store = Self { files: Arc::clone(files), request, is_north_first, set: set.clone(), extent, finest };
        Ok((store, set))
    }

    fn address(&self, matrix: &TileMatrix, column: u64, row: u64) -> String {
        let edge = f64::from(TILE_PIXELS) * matrix.pixel;
        let (west, north) = (matrix.corner.x + column as f64 * edge, matrix.corner.y - row as f64 * edge);
        let (east, south) = (west + edge, north - edge);
        let sides = if self.is_north_first { [south, west, north, east] } else { [west, south, east, north] };
        let sides = sides.map(|side| format!("{side}"));
        format!("{}&WIDTH={TILE_PIXELS}&HEIGHT={TILE_PIXELS}&BBOX={}", self.request, sides.join(","))
    }
}

/// A layer that can be asked for, with those that it inherits from, itself first.
struct Named<'a> {
    name: &'a str,
    line: Vec<&'a Element>,
}

fn list<'a>(layer: &'a Element, above: &[&'a Element], found: &mut Vec<Named<'a>>) {
    let line: Vec<&Element> = std::iter::once(layer).chain(above.iter().copied()).collect();
    let name = layer.words(&["Name"]);
    let mut below = layer.all("Layer").peekable();
    // A layer that has others below it is all of these; they are asked for one by one.
    if !name.is_empty() && below.peek().is_none() {
        found.push(Named { name, line: line.clone() });
    }
    below.for_each(|layer| list(layer, &line, found));
}

impl<'a> Named<'a> {
    /// The CRS to ask in, as the service writes it.
    fn crs(&self) -> Option<(&'a str, WellKnown)> {
        let all = || self.line.iter().flat_map(|layer| layer.all("CRS").chain(layer.all("SRS")));
        let written = || all().flat_map(|crs| crs.own_words().split_whitespace());
        let preferred = ["EPSG:3857", "EPSG:900913", "CRS:84", "EPSG:4490", "EPSG:4326"];
        let found = preferred.iter().find_map(|name| written().find(|crs| crs.eq_ignore_ascii_case(name)))?;
        let known = match found.to_ascii_uppercase().as_str() {
            "EPSG:3857" | "EPSG:900913" => WellKnown::WebMercator,
            _ => WellKnown::WorldCrs84Quad,
        };
        Some((if found.eq_ignore_ascii_case("EPSG:900913") { "EPSG:3857" } else { found }, known))
    }

    fn box_in_degrees(&self, is_new: bool) -> Option<(DVec2, DVec2)> {
        let number = |element: &Element, name: &str| element.numbers(&[name]).first().copied();
        let attribute = |element: &Element, name: &str| element.attribute(name)?.trim().parse::<f64>().ok();
        self.line.iter().find_map(|layer| {
            let sides = if is_new {
                let found = layer.find(&["EX_GeographicBoundingBox"])?;
                let names = ["westBoundLongitude", "southBoundLatitude", "eastBoundLongitude", "northBoundLatitude"];
                names.map(|name| number(found, name))
            } else {
                let found = layer.find(&["LatLonBoundingBox"])?;
                ["minx", "miny", "maxx", "maxy"].map(|name| attribute(found, name))
            };
            let [Some(west), Some(south), Some(east), Some(north)] = sides else { return None };
            let (south, north) = (south.clamp(-85.05, 85.05), north.clamp(-85.05, 85.05));
            (west < east && south < north).then(|| (DVec2::new(west, south), DVec2::new(east, north)))
        })
    }
}

/// GetMap without its box.
fn request(capability: &Element, layers: &[&str], is_new: bool, crs: &str) -> Result<String, String> {
    let operation = capability.find(&["Request", "GetMap"]).ok_or("it has no GetMap")?;
    let online = operation.find(&["DCPType", "HTTP", "Get", "OnlineResource"]);
    let base = online.and_then(|resource| resource.attribute("href")).ok_or("it does not say where GetMap is")?;
    let formats: Vec<&str> = operation.all("Format").map(Element::own_words).collect();
    let wanted = ["image/png", "image/jpeg", "image/webp"];
    let format = wanted.iter().find(|format| formats.contains(format)).unwrap_or(&"image/png");
    let joint = if base.ends_with(['?', '&']) {
        ""
    } else if base.contains('?') {
        "&"
    } else {
        "?"
    };
    let (version, key) = if is_new { ("1.3.0", "CRS") } else { ("1.1.1", "SRS") };
    let styles = ",".repeat(layers.len().saturating_sub(1));
    Ok(format!(
        "{base}{joint}SERVICE=WMS&VERSION={version}&REQUEST=GetMap&LAYERS={}&STYLES={styles}&{key}={crs}&FORMAT={format}\
         &TRANSPARENT=TRUE",
        layers.join(",")
    ))
}

impl TileStore for WmsStore {
    fn range(&self, zoom: u8) -> Option<TileRange> {
        let matrix = self.set.matrices.get(&zoom).filter(|_| zoom <= self.finest)?;
        let (low, high) = self.extent;
        let edge = f64::from(TILE_PIXELS) * matrix.pixel;
        let [columns, rows] = matrix.size.map(|count| count as f64 - 1.0);
        let column = |x: f64| ((x - matrix.corner.x) / edge).floor().clamp(0.0, columns) as u64;
        let row = |y: f64| ((matrix.corner.y - y) / edge).floor().clamp(0.0, rows) as u64;
        Some([column(low.x), column(high.x), row(high.y), row(low.y)])
    }

    fn tile(&self, zoom: u8, column: u64, row: u64) -> Result<Option<Vec<u8>>, ImportError> {
        let Some(matrix) = self.set.matrices.get(&zoom) else { return Ok(None) };
        self.files.find(&self.address(matrix, column, row))
    }

    fn name(&self, zoom: u8, column: u64, row: u64) -> String {
        self.set.matrices.get(&zoom).map(|matrix| self.address(matrix, column, row)).unwrap_or_default()
    }
}
