//! What the beginning of a file says of it: whether it is CityGML, and where its coordinates are.

use glam::DVec3;

use super::coordinates::{Written, numbers, points};
use super::members::{Members, Root};
use super::stream::Stream;
use super::tree::{Element, Tree};
use crate::import::{ImportError, SourceFiles};

/// Text that is looked at first: envelopes and CRS stand before all objects.
const HEAD_BYTES: usize = 64 << 10;
/// Text searched at one time for the first CRS of a file without an envelope.
const SEARCH_BYTES: usize = 4 << 20;

/// The beginning of a file.
#[derive(Debug, Clone, Default)]
pub(super) struct Head {
    pub(super) root: Root,
    /// The first `srsName`.
    pub(super) said: Option<String>,
    pub(super) dimension: Option<usize>,
    /// Whether the file has no heights: its envelope says two dimensions, or lies at height 0 altogether.
    pub(super) is_flat: bool,
    /// The CRS of the anchor of the file's own engineering CRS (ISO 19111), and the anchor as it is written.
    pub(super) anchor: Option<(String, [f64; 3])>,
}

/// Why a file is no CityGML: what, and in which line.
pub(super) type NotCityGml = String;

/// Reads the beginning of a file.
pub(super) fn read(files: &dyn SourceFiles, name: &str) -> Result<Result<Head, NotCityGml>, ImportError> {
    let mut members = Members::with_window(Stream::open(files, name), HEAD_BYTES);
    let Some(root) = members.root()? else {
        let broken = members.broken.unwrap_or_default();
        return Ok(Err(format!("{} (line {})", broken.message, broken.line)));
    };
    let is_collection = root.name == "FeatureCollection" && root.spaces.have_city();
    if root.name != "CityModel" && !is_collection {
        return Ok(Err(format!("its root element is {}", root.name)));
    }
    let mut head = Head { root: root.clone(), ..Head::default() };
    if let Some(batch) = members.next()? {
        for member in batch.members().iter().filter(|m| !m.name.ends_with("Member") && m.name != "member") {
            let text = std::str::from_utf8(member.text).unwrap_or_default();
            if let Ok(tree) = Tree::parse(text, &root.spaces) {
                head.look_at(tree.root());
            }
        }
    }
    if head.said.is_none() {
        head.said = first_srs_name(files, name)?;
    }
    Ok(Ok(head))
}

impl Head {
    fn look_at(&mut self, member: Element<'_>) {
        if let Some(envelope) = member.child("Envelope").filter(|_| self.said.is_none()) {
            self.said = envelope.attribute("srsName").map(|name| name.into_owned());
            let written = Written { north_first: false, dimension: None };
            let dimension = envelope.attribute("srsDimension").and_then(|words| words.parse().ok());
            let corners: Vec<DVec3> = envelope.children().filter_map(|corner| corner_of(corner, written)).collect();
            self.dimension = dimension.filter(|dimension| (2..=3).contains(dimension));
            self.is_flat = dimension == Some(2) || (corners.len() == 2 && corners.iter().all(|corner| corner.z == 0.0));
        }
        let Some(own) = member.descendant("EngineeringCRS") else { return };
        let anchor = own.descendants().find(|inside| matches!(inside.name(), "anchorDefinition" | "anchorPoint"));
        let place = anchor.map(|anchor| (anchor, numbers(&anchor.text()).filter_map(Result::ok).collect::<Vec<_>>()));
        if let Some((anchor, place)) = place
            && let (Some(crs), Ok(place)) = (anchor.attribute("codeSpace"), <[f64; 3]>::try_from(place))
        {
            self.anchor = Some((crs.into_owned(), place));
        }
    }
}

/// `lowerCorner`, `upperCorner` or the older `pos`.
fn corner_of(corner: Element<'_>, written: Written) -> Option<DVec3> {
    if corner.name() == "pos" {
        return points(corner, written).ok()?.first().copied();
    }
    let values: Vec<f64> = numbers(&corner.text()).filter_map(Result::ok).collect();
    match values.as_slice() {
        [x, y] => Some(DVec3::new(*x, *y, 0.0)),
        [x, y, z] => Some(DVec3::new(*x, *y, *z)),
        _ => None,
    }
}

/// The first CRS that any geometry of a file says.
fn first_srs_name(files: &dyn SourceFiles, name: &str) -> Result<Option<String>, ImportError> {
    const KEY: &[u8] = b"srsName=";
    /// Longer names of CRS are none.
    const MAX_NAME: usize = 1024;
    let mut stream = Stream::open(files, name);
    let mut text = Vec::new();
    loop {
        let read = stream.read(SEARCH_BYTES, &mut text)?;
        let ended = read < SEARCH_BYTES;
        if let Some(at) = memchr::memmem::find(&text, KEY)
            && (ended || at + MAX_NAME < text.len())
        {
            let rest = String::from_utf8_lossy(
                text.get(at + KEY.len()..).unwrap_or_default().get(..MAX_NAME).unwrap_or_default(),
            )
            .into_owned();
            return Ok(rest.split(['"', '\'']).nth(1).map(str::to_owned));
        }
        if ended {
            return Ok(None);
        }
        text.drain(..text.len().saturating_sub(MAX_NAME + KEY.len()));
    }
}
