//! One object of the pieces of one building.
//!
//! A piece is the building cut at the border of its tile or of the tile's margin. All tiles of a zoom share one lattice of
//! whole tile units, so the union of the pieces, margins and all, is the building again: overlaps coincide to the rounding
//! of one unit. Steps of that size where the cuts were are taken out again.

use std::collections::HashMap;

use geo::{LineString, Polygon, unary_union};
use glam::{DVec2, I64Vec2};

use super::identity::Identity;
use super::tiles::{LayerContent, Piece};
use super::{HeightRule, ImportOptions, Place, SourceFiles, SourceReport};
use crate::city::{CimLevel, CityObject, Value};
use crate::formats::mvt::TilePolygon;
use crate::geometry::SurfaceKind;
use crate::import::attributes::describe;
use crate::import::{SourceForm, SourceObject, SourcePolygon, SourceShape, SourceSurface};

/// Units of the lattice by which a point of a joined outline may be off the line of its neighbours and still be one that
/// the cut made: twice the rounding.
const CUT_TOLERANCE: f64 = 1.0;

/// Which content, and which piece of it.
type PieceIndex = (u32, u32);

/// The pieces of one building.
#[derive(Debug)]
pub(super) struct Group {
    id: String,
    first: PieceIndex,
    more: Vec<PieceIndex>,
}

/// Groups the pieces by identity, in the order in which each is first met. A feature that has neither identifier nor height
/// cannot be told from a fragment of another and is left out.
pub(super) fn group(
    contents: &[LayerContent],
    identity: &Identity,
    heights: &HeightRule,
    files: &dyn SourceFiles,
    report: &mut SourceReport,
) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut known: HashMap<(std::sync::Arc<str>, String), usize> = HashMap::new();
    for (content_index, content) in contents.iter().enumerate() {
        for (piece_index, piece) in content.pieces.iter().enumerate() {
            let index = (content_index as u32, piece_index as u32);
            let own = || format!("{}/{}/{piece_index}", content.address, content.layer);
            let key = match identity {
                Identity::Attribute(name) => content.value(piece, name).map(Value::to_string),
                Identity::FeatureId => Some(feature_key(content, piece)),
                Identity::None => None,
            };
            let Some(key) = key else {
                if *identity != Identity::None && heights.find(&attributes_of(content, piece)).is_none() {
                    let place = Place::file(files.path()).detail(format!("tile {}", own()));
                    report.skip("no-identifier", "the feature has neither an identifier nor a height", place);
                } else {
                    groups.push(Group { id: own(), first: index, more: Vec::new() });
                }
                continue;
            };
            let id = match identity {
                Identity::FeatureId => own(),
                _ => key.clone(),
            };
            match known.entry((content.layer.clone(), key)) {
                std::collections::hash_map::Entry::Occupied(slot) => groups[*slot.get()].more.push(index),
                std::collections::hash_map::Entry::Vacant(slot) => {
                    slot.insert(groups.len());
                    groups.push(Group { id, first: index, more: Vec::new() });
                }
            }
        }
    }
    groups
}

/// A feature id with everything that is said about the feature.
fn feature_key(content: &LayerContent, piece: &Piece) -> String {
    let mut key = piece.feature_id.unwrap_or_default().to_string();
    for (name, value) in content.attributes(piece) {
        key.push_str(&format!("\u{1f}{name}={value}"));
    }
    key
}

fn attributes_of(content: &LayerContent, piece: &Piece) -> CityObject {
    let attributes = content.attributes(piece).map(|(name, value)| (name.clone(), value.clone())).collect();
    CityObject { attributes, ..CityObject::default() }
}

/// Makes objects of groups; shared by the threads that do so.
pub(super) struct ObjectMaker<'a> {
    contents: &'a [LayerContent],
    heights: HeightRule,
    options: &'a ImportOptions,
    class: &'a str,
}

impl<'a> ObjectMaker<'a> {
    pub(super) fn new(contents: &'a [LayerContent], options: &'a ImportOptions) -> Self {
        let class = options.class.as_deref().unwrap_or("Building");
        Self { contents, heights: HeightRule::new(options), options, class }
    }

    /// The object of a group: attributes of all its pieces (the first piece's value where they differ), one footprint.
    pub(super) fn object(&self, group: &Group) -> SourceObject {
        let pieces: Vec<(&LayerContent, &Piece)> =
            std::iter::once(&group.first).chain(&group.more).filter_map(|index| self.piece(*index)).collect();
        let mut object = SourceObject::default();
        object.object.id.clone_from(&group.id);
        object.object.class = self.class.to_owned();
        object.object.level = CimLevel::Frame;
        for (content, piece) in &pieces {
            for (name, value) in content.attributes(piece) {
                object.derive_attribute(name, value.clone());
            }
        }
        describe(&mut object.object, self.options);
        let polygons = footprint(&pieces);
        let height = self.heights.apply(&mut object);
        if !polygons.is_empty() {
            object.geometry.push(match height {
                Some(height_m) => SourceShape { lod: 1.0, form: SourceForm::Footprints { polygons, height_m } },
                None => SourceShape { lod: 0.0, form: SourceForm::Surfaces(flat(polygons)) },
            });
        }
        object
    }

    fn piece(&self, (content, piece): PieceIndex) -> Option<(&'a LayerContent, &'a Piece)> {
        let content = self.contents.get(content as usize)?;
        Some((content, content.pieces.get(piece as usize)?))
    }
}

fn flat(polygons: Vec<SourcePolygon>) -> Vec<SourceSurface> {
    polygons.into_iter().map(|polygon| SourceSurface::plain(polygon, SurfaceKind::Unknown)).collect()
}

/// The polygons of all pieces as one, in EPSG:3857 metres.
fn footprint(pieces: &[(&LayerContent, &Piece)]) -> Vec<SourcePolygon> {
    let Some((first, piece)) = pieces.first() else { return Vec::new() };
    let place = |p: DVec2| first.address.to_mercator(p, first.extent);
    if let [_] = pieces {
        let ring = |ring: &Vec<I64Vec2>| ring.iter().map(|p| place(p.as_dvec2())).collect();
        return piece.polygons.iter().map(|polygon| polygon.iter().map(ring).collect()).collect();
    }
    let in_first: Vec<Vec<TilePolygon>> =
        pieces.iter().map(|(content, piece)| shifted(content, piece, first)).collect();
    let joined = join(&in_first);
    joined.iter().map(|polygon| polygon.iter().map(|ring| ring.iter().map(|p| place(*p)).collect()).collect()).collect()
}

/// A piece's polygons in the units and from the origin of another tile.
fn shifted(content: &LayerContent, piece: &Piece, first: &LayerContent) -> Vec<TilePolygon> {
    let offset = content.address.offset_from(first.address, first.extent);
    let to_first = |p: &I64Vec2| *p * i64::from(first.extent) / i64::from(content.extent) + offset;
    piece.polygons.iter().map(|rings| rings.iter().map(|ring| ring.iter().map(to_first).collect()).collect()).collect()
}

/// The union of pieces that lie on one lattice, y down. Outlines and holes keep the direction that union gives them.
fn join(pieces: &[Vec<TilePolygon>]) -> Vec<Vec<Vec<DVec2>>> {
    let as_found = |polygon: &TilePolygon| polygon.iter().map(|r| r.iter().map(|p| p.as_dvec2()).collect()).collect();
    // Small buildings often lie whole in the margins of two tiles.
    if let [first, rest @ ..] = pieces
        && rest.iter().all(|piece| piece == first)
    {
        return first.iter().map(as_found).collect();
    }
    let polygons: Vec<Polygon<f64>> = pieces.iter().flatten().map(oriented).collect();
    let joined = unary_union(&polygons);
    let open = |ring: &LineString<f64>| {
        let points: Vec<DVec2> = ring.coords().map(|c| DVec2::new(c.x, c.y)).collect();
        without_cuts(points.split_last().map(|(_, open)| open).unwrap_or_default())
    };
    let rings = |polygon: &Polygon<f64>| {
        let mut rings: Vec<Vec<DVec2>> = vec![open(polygon.exterior())];
        rings.extend(polygon.interiors().iter().map(open).filter(|ring| ring.len() >= 3));
        rings
    };
    joined.iter().map(rings).filter(|rings| rings.first().is_some_and(|outer| outer.len() >= 3)).collect()
}

/// A polygon with its outer ring in the positive direction and its holes in the other: union counts windings.
fn oriented(polygon: &TilePolygon) -> Polygon<f64> {
    let mut rings = polygon.iter().enumerate().map(|(index, ring)| {
        let doubled: i64 =
            ring.iter().zip(ring.iter().cycle().skip(1)).map(|(a, b)| (*a - ring[0]).perp_dot(*b - ring[0])).sum();
        let mut points: Vec<(f64, f64)> = ring.iter().map(|p| (p.x as f64, p.y as f64)).collect();
        if (doubled > 0) != (index == 0) {
            points.reverse();
        }
        LineString::from(points)
    });
    let outer = rings.next().unwrap_or_else(|| LineString::new(Vec::new()));
    Polygon::new(outer, rings.collect())
}

/// A ring without the points that lie on the line of those kept around them, to [`CUT_TOLERANCE`]. Every point left out is
/// checked against the line that replaces it, so errors do not add up along a curve.
fn without_cuts(ring: &[DVec2]) -> Vec<DVec2> {
    let mut kept: Vec<DVec2> = Vec::with_capacity(ring.len());
    let mut skipped: Vec<DVec2> = Vec::new();
    for (index, &point) in ring.iter().enumerate() {
        let next = ring[(index + 1) % ring.len()];
        let Some(&before) = kept.last() else {
            kept.push(point);
            continue;
        };
        skipped.push(point);
        let along = next - before;
        let on_line = |p: &DVec2| {
            let off = (*p - before).perp_dot(along).abs();
            let t = (*p - before).dot(along);
            off <= CUT_TOLERANCE * along.length() && (0.0..=along.length_squared()).contains(&t)
        };
        if !skipped.iter().all(on_line) {
            kept.push(point);
            skipped.clear();
        }
    }
    kept
}

#[cfg(test)]
mod tests;
