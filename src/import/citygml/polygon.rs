//! One polygon: its rings, and what is on them.

use glam::{DVec3, Vec2};

use super::appearance::{Appearances, key};
use super::coordinates::{Written, points};
use super::findings::SurfaceProblem;
use super::tree::Element;
use crate::geometry::{Paint, PaintedPicture, SurfaceKind};
use crate::import::SourceSurface;
use crate::import::paint::{WHITE, opened};

/// The looks that apply to a polygon: a member's own, then those of its file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Looks<'a> {
    pub(super) own: &'a Appearances,
    pub(super) file: &'a Appearances,
}

impl Looks<'_> {
    pub(super) fn are_none(&self) -> bool {
        self.own.is_empty() && self.file.is_empty()
    }

    /// The colour on the geometry of an element.
    pub(super) fn color(&self, element: Element<'_>) -> Option<[u8; 4]> {
        let id = key(&element.id()?);
        self.own.color(id).or_else(|| self.file.color(id))
    }

    fn picture(&self, ring: Element<'_>) -> Option<(Option<&std::sync::Arc<str>>, &[Vec2])> {
        let id = key(&ring.id()?);
        self.own.picture(id).or_else(|| self.file.picture(id))
    }
}

/// A polygon, and whether it has a picture that cannot be laid on.
pub(super) struct ReadPolygon {
    pub(super) surface: SourceSurface,
    pub(super) picture_lost: bool,
}

/// Reads a `Polygon`, `PolygonPatch`, `Triangle` or `Rectangle`. Holes of fewer than three points are nothing and left out.
pub(super) fn polygon(
    element: Element<'_>,
    written: Written,
    kind: SurfaceKind,
    color: Option<[u8; 4]>,
    looks: Looks<'_>,
) -> Result<ReadPolygon, SurfaceProblem> {
    let mut polygon = Vec::new();
    let mut places = Vec::new();
    let (mut name, mut pictured) = (None, false);
    let bounds = ["exterior", "outerBoundaryIs", "interior", "innerBoundaryIs"];
    for (number, boundary) in element.children().filter(|child| bounds.contains(&child.name())).enumerate() {
        let Some(ring) = boundary.children().next() else { continue };
        let all = points(ring, written).map_err(SurfaceProblem::Unreadable)?;
        let picture = if looks.are_none() { None } else { looks.picture(ring) };
        let (kept, kept_places) = opened(all, picture.map_or(&[], |(_, places)| places));
        match (kept.len() >= 3, number) {
            (true, _) => {
                polygon.push(kept);
                places.push(kept_places);
            }
            (false, 0) => return Err(SurfaceProblem::Degenerate("fewer than three different points")),
            (false, _) => {}
        }
        pictured |= picture.is_some();
        if number == 0 {
            name = picture.and_then(|(name, _)| name.cloned());
        }
    }
    if polygon.is_empty() {
        return Err(SurfaceProblem::Degenerate("no ring"));
    }
    let fits = places.iter().zip(&polygon).all(|(places, ring): (&Vec<Vec2>, &Vec<DVec3>)| places.len() == ring.len());
    let picture_lost = pictured && !fits;
    let picture = name.filter(|_| fits).map(|name| PaintedPicture { name, rings: places });
    let paint = match (picture, color) {
        (Some(picture), _) => Some(Paint { color: WHITE, picture: Some(picture) }),
        (None, color) => color.map(|color| Paint { color, picture: None }),
    };
    Ok(ReadPolygon { surface: SourceSurface { polygon, kind, paint }, picture_lost })
}

/// Turns a surface round: to its other side.
pub(super) fn turn(surface: &mut SourceSurface) {
    surface.polygon.iter_mut().for_each(|ring| ring.reverse());
    if let Some(picture) = surface.paint.as_mut().and_then(|paint| paint.picture.as_mut()) {
        picture.rings.iter_mut().for_each(|ring| ring.reverse());
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::{Spaces, Tree};
    use super::*;
    use crate::import::MemoryFiles;

    #[test]
    fn places_in_a_picture_go_with_their_points() {
        let spaces = Spaces::default();
        let files = MemoryFiles::new("c", [("p.jpg".to_owned(), Vec::new())]);
        let texture = |places: &str| {
            let xml = format!(
                "<Appearance><surfaceData><ParameterizedTexture><imageURI>p.jpg</imageURI><target><TexCoordList>\
                 <textureCoordinates ring='#r'>{places}</textureCoordinates></TexCoordList></target>\
                 </ParameterizedTexture></surfaceData></Appearance>"
            );
            let mut found = Appearances::default();
            found.add(Tree::parse(&xml, &spaces).unwrap().root(), &files, "a.gml", &mut Vec::new());
            found
        };
        let xml = "<Polygon><exterior><LinearRing id='r'><posList>0 0 0 1 0 0 1 0 0 1 1 0 0 0 0</posList></LinearRing>\
                   </exterior></Polygon>";
        let tree = Tree::parse(xml, &spaces).unwrap();
        let read = |places: &str| {
            let (own, file) = (Appearances::default(), texture(places));
            let written = Written { north_first: false, dimension: None };
            let looks = Looks { own: &own, file: &file };
            polygon(tree.root(), written, SurfaceKind::Wall, Some([1; 4]), looks).unwrap()
        };
        for places in ["0 1 .25 1 .5 1 .75 1 0 1", "0 1 .25 1 .5 1 .75 1"] {
            let found = read(places);
            let paint = found.surface.paint.unwrap();
            let expected = [0.0, 0.25, 0.75].map(|s| Vec2::new(s, 0.0)).to_vec();
            assert_eq!((paint.color, paint.picture.unwrap().rings), (WHITE, vec![expected]), "{places}");
            assert_eq!((found.surface.polygon[0].len(), found.picture_lost), (3, false));
        }
        let found = read("0 1 1 1");
        assert_eq!(found.surface.paint, Some(Paint { color: [1; 4], picture: None }));
        assert!(found.picture_lost);
    }
}
