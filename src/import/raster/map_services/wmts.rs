//! WMTS 1.0.0 (OGC 07-057r7): tiles by the matrices and addresses of a capabilities document.

use std::collections::BTreeMap;
use std::sync::Arc;

use glam::{DVec2, DVec3};

use super::xml::Element;
use crate::geodesy::{AxisOrder, CrsId, CrsRegistry};
use crate::import::raster::map_tiles::{MatrixSet, TileMatrix, TileRange, TileStore};
use crate::import::{ImportError, ImportOptions, SourceFiles};

/// Metres of a pixel of scale 1, and of a degree (clause 6.1).
const PIXEL_M: f64 = 0.000_28;
const DEGREE_M: f64 = 111_319.490_793_273_58;
/// Metres of a pixel of a screen of 96 dots an inch, which some servers take instead (Tianditu).
const SCREEN_PIXEL_M: f64 = 0.0254 / 96.0;

/// One layer of a service: its matrices, and where its tiles are.
pub struct Layer {
    /// Its matrices.
    pub set: MatrixSet,
    /// Its tiles.
    pub store: TemplateStore,
}

/// A matrix and what its set calls it.
type NamedMatrix = (String, TileMatrix);

/// Tiles whose names are made of a template: on a server, or in a folder that keeps what a server had.
pub struct TemplateStore {
    files: Arc<dyn SourceFiles>,
    template: String,
    /// What the set calls the matrices of the zooms.
    identifiers: BTreeMap<u8, String>,
    ranges: BTreeMap<u8, TileRange>,
}

/// The layers that are asked for, or the only one.
pub fn layers(
    document: &Element,
    files: &Arc<dyn SourceFiles>,
    options: &ImportOptions,
) -> Result<Vec<Layer>, ImportError> {
    let failed = |what: String| ImportError::Option { what, path: files.path().to_owned() };
    let contents =
        document.find(&["Contents"]).ok_or_else(|| failed("this WMTS document has no Contents".to_owned()))?;
    let all: Vec<&Element> = contents.all("Layer").collect();
    let names: Vec<&str> = all.iter().map(|layer| layer.words(&["Identifier"])).collect();
    let chosen: Vec<&&Element> = match (options.layers.as_slice(), all.as_slice()) {
        ([], [_]) => all.iter().collect(),
        ([], _) => {
            let what = format!("it has the layers {}; choose with layers = [...] in a recipe", names.join(", "));
            return Err(failed(what));
        }
        (asked, _) => {
            if let Some(missing) = asked.iter().find(|name| !names.contains(&name.as_str())) {
                return Err(failed(format!("there is no layer '{missing}', only {}", names.join(", "))));
            }
            all.iter().filter(|layer| asked.iter().any(|name| name == layer.words(&["Identifier"]))).collect()
        }
    };
    chosen.into_iter().map(|layer| self::layer(document, contents, layer, files, options).map_err(failed)).collect()
}

fn layer(
    document: &Element,
    contents: &Element,
    layer: &Element,
    files: &Arc<dyn SourceFiles>,
    options: &ImportOptions,
) -> Result<Layer, String> {
    let name = layer.words(&["Identifier"]);
    let links: Vec<&Element> = layer.all("TileMatrixSetLink").collect();
    // Web Mercator is what most tiles are made in; the others are made of it.
    let rank = |crs: &CrsId| match crs.as_str() {
        "EPSG:3857" => 0,
        "EPSG:4490" | "EPSG:4326" | "OGC:CRS84" => 1,
        _ => 2,
    };
    let mut sets: Vec<(&Element, Vec<NamedMatrix>, CrsId)> = Vec::new();
    for link in links {
        let set =
            contents.all("TileMatrixSet").find(|set| set.words(&["Identifier"]) == link.words(&["TileMatrixSet"]));
        if let Some((matrices, crs)) = set.and_then(matrices) {
            sets.push((link, matrices, crs));
        }
    }
    sets.sort_by_key(|(_, _, crs)| rank(crs));
    let Some((link, matrices, crs)) = sets.into_iter().next() else {
        return Err(format!("layer '{name}' has no tile matrix set that can be used"));
    };
    let set_name = link.words(&["TileMatrixSet"]);
    let template = template(document, layer, set_name)?;
    let identifiers: BTreeMap<u8, String> =
        matrices.iter().enumerate().map(|(zoom, (name, _))| (zoom as u8, name.clone())).collect();
    let matrices: BTreeMap<u8, TileMatrix> =
        matrices.into_iter().enumerate().map(|(zoom, (_, matrix))| (zoom as u8, matrix)).collect();
    let ranges = ranges(layer, link, &identifiers, &matrices, &crs);
    let (crs, stated_by) = match &options.crs {
        Some(insisted) => (in_place_of(&crs, insisted), "the recipe".to_owned()),
        None => (crs, format!("its tile matrix set {set_name}")),
    };
    let mut store = TemplateStore { files: Arc::clone(files), template, identifiers, ranges };
    store.keep_what_is_there();
    Ok(Layer { set: MatrixSet { crs, stated_by, matrices }, store })
}

/// The CRS that a recipe insists on, with the projection of the matrices.
fn in_place_of(crs: &CrsId, insisted: &CrsId) -> CrsId {
    match (crs.as_str(), insisted.as_str()) {
        ("EPSG:3857", "GCJ02") => CrsId::gcj02_mercator(),
        _ => insisted.clone(),
    }
}

/// The matrices of a set, coarsest first, with its CRS; `None` where that is not known.
fn matrices(set: &Element) -> Option<(Vec<NamedMatrix>, CrsId)> {
    let written = set.words(&["SupportedCRS"]);
    let crs: CrsId = match written {
        // What Google and the first servers called it.
        "urn:ogc:def:crs:EPSG::900913" | "EPSG:900913" | "urn:ogc:def:crs:EPSG:6.18:3:3857" => CrsId::epsg(3857),
        other => other.parse().ok()?,
    };
    let info = CrsRegistry::default().crs_info(&crs).ok()?;
    let unit_m = if info.is_geographic { DEGREE_M } else { info.metres_per_unit };
    let matrix = |element: &Element| {
        let one = |name: &str| element.numbers(&[name]).first().copied();
        let corner = element.numbers(&["TopLeftCorner"]);
        let [first, second] = corner.as_slice() else { return None };
        // Axes in the order of the CRS; a first one that is no latitude shows that the server has it otherwise.
        let is_north_first = info.axis_order == AxisOrder::NorthFirst && !(info.is_geographic && first.abs() > 90.5);
        let corner = if is_north_first { DVec2::new(*second, *first) } else { DVec2::new(*first, *second) };
        let of_standard = one("ScaleDenominator")? * PIXEL_M / unit_m;
        let size = |name: &str, most: f64| one(name).filter(|size| (1.0..=most).contains(size));
        let tile = [size("TileWidth", 4096.0)? as u32, size("TileHeight", 4096.0)? as u32];
        let count = [size("MatrixWidth", 1e12)? as u64, size("MatrixHeight", 1e12)? as u64];
        // Tiles that would go around the earth and somewhat further show that the scale is one of screens.
        let around = count[0] as f64 * f64::from(tile[0]) * of_standard * unit_m / (360.0 * DEGREE_M);
        let is_of_screen = (around * SCREEN_PIXEL_M / PIXEL_M - 1.0).abs() < 1e-3;
        let pixel = if is_of_screen { of_standard * SCREEN_PIXEL_M / PIXEL_M } else { of_standard };
        let sound = pixel.is_finite() && pixel > 0.0 && corner.is_finite();
        sound.then(|| (element.words(&["Identifier"]).to_owned(), TileMatrix { corner, pixel, tile, size: count }))
    };
    let mut found: Vec<(String, TileMatrix)> = set.all("TileMatrix").filter_map(matrix).take(64).collect();
    found.sort_by(|(_, a), (_, b)| b.pixel.total_cmp(&a.pixel));
    (!found.is_empty()).then_some((found, crs))
}

/// The address of a tile with `{TileMatrix}`, `{TileCol}` and `{TileRow}` in it: of a ResourceURL, or of the operation GetTile.
fn template(document: &Element, layer: &Element, set: &str) -> Result<String, String> {
    let style = || {
        let styles = || layer.all("Style");
        let default = styles().find(|style| style.attribute("isDefault") == Some("true"));
        default.or(styles().next()).map_or("default", |style| style.words(&["Identifier"]))
    };
    let formats: Vec<&str> = layer.all("Format").map(Element::own_words).collect();
    let is_read = |format: &&&str| ["image/png", "image/jpeg", "image/webp", "image/jpg", "tiles"].contains(format);
    let format = formats.iter().find(is_read).copied().unwrap_or("image/png");
    let resources =
        layer.all("ResourceURL").filter(|url| url.attribute("resourceType").is_none_or(|kind| kind == "tile"));
    let mut urls: Vec<&Element> = resources.collect();
    urls.sort_by_key(|url| url.attribute("format") != Some(format));
    let fixed = |template: &str| {
        let known = [
            ("{TileMatrixSet}", set),
            ("{Style}", style()),
            ("{style}", style()),
            ("{Layer}", layer.words(&["Identifier"])),
        ];
        known.iter().fold(template.to_owned(), |text, (name, value)| text.replace(name, value))
    };
    if let Some(url) = urls.first().and_then(|url| url.attribute("template")) {
        return Ok(fixed(url));
    }
    let operations = document.find(&["OperationsMetadata"]);
    let operation =
        operations.and_then(|all| all.all("Operation").find(|one| one.attribute("name") == Some("GetTile")));
    let http = operation.and_then(|operation| operation.find(&["DCP", "HTTP", "Get"]));
    let base = http.and_then(|get| get.attribute("href")).ok_or("it does not say where its tiles are")?;
    let joint = if base.ends_with(['?', '&']) {
        ""
    } else if base.contains('?') {
        "&"
    } else {
        "?"
    };
    let name = layer.words(&["Identifier"]);
    Ok(format!(
        "{base}{joint}SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&LAYER={name}&STYLE={}&TILEMATRIXSET={set}&FORMAT={format}\
         &TILEMATRIX={{TileMatrix}}&TILEROW={{TileRow}}&TILECOL={{TileCol}}",
        style()
    ))
}

/// Which tiles of each zoom there may be: the limits of the link, or those that the layer's box touches.
fn ranges(
    layer: &Element,
    link: &Element,
    identifiers: &BTreeMap<u8, String>,
    matrices: &BTreeMap<u8, TileMatrix>,
    crs: &CrsId,
) -> BTreeMap<u8, TileRange> {
    let limits = |name: &str| {
        let all = link.find(&["TileMatrixSetLimits"])?;
        let found = all.all("TileMatrixLimits").find(|limits| limits.words(&["TileMatrix"]) == name)?;
        let one = |name: &str| found.words(&[name]).parse::<u64>().ok();
        Some([one("MinTileCol")?, one("MaxTileCol")?, one("MinTileRow")?, one("MaxTileRow")?])
    };
    let outline = outline(layer, crs);
    let touched = |matrix: &TileMatrix| {
        let (low, high) = outline?;
        let tile = DVec2::new(f64::from(matrix.tile[0]), f64::from(matrix.tile[1])) * matrix.pixel;
        let first = (DVec2::new(low.x - matrix.corner.x, matrix.corner.y - high.y) / tile).floor().max(DVec2::ZERO);
        let last = (DVec2::new(high.x - matrix.corner.x, matrix.corner.y - low.y) / tile).floor();
        last.cmpge(first).all().then_some([first.x as u64, last.x as u64, first.y as u64, last.y as u64])
    };
    let has_limits = link.find(&["TileMatrixSetLimits"]).is_some();
    let range = |(zoom, matrix): (&u8, &TileMatrix)| {
        let [columns, rows] = matrix.size;
        let all = [0, columns - 1, 0, rows - 1];
        let name = identifiers.get(zoom)?;
        let range = if has_limits { limits(name)? } else { touched(matrix).unwrap_or(all) };
        let range = [range[0], range[1].min(columns - 1), range[2], range[3].min(rows - 1)];
        (range[0] <= range[1] && range[2] <= range[3]).then_some((*zoom, range))
    };
    matrices.iter().filter_map(range).collect()
}

/// Least and greatest coordinates of a layer in the CRS of its matrices.
fn outline(layer: &Element, crs: &CrsId) -> Option<(DVec2, DVec2)> {
    let corner = |name: &str| match layer.numbers(&["WGS84BoundingBox", name]).as_slice() {
        [x, y] => Some(DVec2::new(*x, y.clamp(-85.05, 85.05))),
        _ => None,
    };
    let (low, high) = (corner("LowerCorner")?, corner("UpperCorner")?);
    super::box_in(crs, low, high)
}

impl TemplateStore {
    /// Where the tiles are files of a folder, only zooms of which there is something.
    fn keep_what_is_there(&mut self) {
        if self.is_remote() {
            return;
        }
        let mut parts: std::collections::BTreeSet<&str> = std::collections::BTreeSet::new();
        self.files.names().iter().for_each(|name| parts.extend(name.split('/')));
        let found: Vec<u8> =
            self.identifiers.iter().filter(|(_, name)| parts.contains(name.as_str())).map(|(zoom, _)| *zoom).collect();
        self.ranges.retain(|zoom, _| found.contains(zoom));
    }

    fn is_remote(&self) -> bool {
        super::is_address(self.files.path())
    }

    fn filled(&self, zoom: u8, column: u64, row: u64) -> Option<String> {
        let matrix = self.identifiers.get(&zoom)?;
        let values =
            [("{TileMatrix}", matrix.clone()), ("{TileCol}", column.to_string()), ("{TileRow}", row.to_string())];
        Some(values.iter().fold(self.template.clone(), |text, (name, value)| text.replace(name, value)))
    }
}

impl TileStore for TemplateStore {
    fn range(&self, zoom: u8) -> Option<TileRange> {
        self.ranges.get(&zoom).copied()
    }

    fn tile(&self, zoom: u8, column: u64, row: u64) -> Result<Option<Vec<u8>>, ImportError> {
        let Some(address) = self.filled(zoom, column, row) else { return Ok(None) };
        if self.is_remote() {
            return self.files.find(&address);
        }
        // A folder keeps the end of the address, however much of it.
        let path = address.split_once("://").map_or(address.as_str(), |(_, rest)| rest);
        let path = path.split('?').next().unwrap_or_default();
        let mut rest = path;
        loop {
            if let Some(bytes) = self.files.find(rest)? {
                return Ok(Some(bytes));
            }
            match rest.split_once('/') {
                Some((_, shorter)) => rest = shorter,
                None => break,
            }
        }
        // One that was asked for by key and value says nothing of files: the order of the REST addresses of the standard.
        let Some(matrix) = self.identifiers.get(&zoom) else { return Ok(None) };
        for extension in ["png", "jpg", "jpeg", "webp"] {
            if let Some(bytes) = self.files.find(&format!("{matrix}/{row}/{column}.{extension}"))? {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    fn name(&self, zoom: u8, column: u64, row: u64) -> String {
        self.filled(zoom, column, row).unwrap_or_default()
    }
}

/// A box of a CRS in another by a lattice of places.
pub(super) fn converted(from: &CrsId, to: &CrsId, low: DVec2, high: DVec2) -> Option<(DVec2, DVec2)> {
    let place = |i: usize, j: usize| {
        let share = DVec2::new(i as f64, j as f64) / 8.0;
        (low + (high - low) * share).extend(0.0)
    };
    let mut places: Vec<DVec3> = (0..81).map(|i| place(i % 9, i / 9)).collect();
    CrsRegistry::default().operation(from, to).ok()?.convert(&mut places).ok()?;
    let known = || places.iter().filter(|place| place.is_finite()).map(|place| place.truncate());
    let low = known().fold(DVec2::INFINITY, DVec2::min);
    let high = known().fold(DVec2::NEG_INFINITY, DVec2::max);
    low.cmple(high).all().then_some((low, high))
}
