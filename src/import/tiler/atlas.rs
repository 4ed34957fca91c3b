//! The pictures of a tile's objects in a few atlases: cut to what is used, no finer than the eye needs, packed, encoded.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;

use glam::{DVec2, UVec2, Vec2};
use image::imageops::{FilterType, crop_imm, replace, resize};
use image::{ImageReader, Limits, RgbaImage};

use crate::formats::{AlphaMode, EncodedImage, TilePart};
use crate::geometry::Mesh;

/// Edge of an atlas at most, pixels: what every card can draw.
const EDGE_PX: u32 = 2048;
/// Pixels around each cut that repeat its edge, so that smaller copies do not mix neighbours.
const BORDER_PX: u32 = 2;
/// Edge of a picture of a source at most, pixels, and bytes of a decoded one.
const MOST_PX: u32 = 16_384;
const MOST_BYTES: u64 = 1 << 30;
/// How far beyond a picture its coordinates may be before it is one that repeats.
const SLACK: f32 = 0.01;
const QUALITY: f32 = 80.0;

/// Where pictures lie, by the names that shapes call them.
pub trait Pictures: Sync {
    /// The file, or why it cannot be had.
    fn read(&self, name: &str) -> Result<Vec<u8>, String>;
}

/// No pictures at all.
pub struct NoPictures;

impl Pictures for NoPictures {
    fn read(&self, _: &str) -> Result<Vec<u8>, String> {
        Err("there are no pictures".to_owned())
    }
}

/// A part of a picture, and the vertices that show it.
struct Cut {
    mesh: usize,
    vertices: Vec<u32>,
    /// Where it is cut from the picture, pixels.
    corner: UVec2,
    size: UVec2,
    /// Size in the atlas.
    scaled: UVec2,
}

/// A page that is being filled, shelf by shelf.
#[derive(Default)]
struct Page {
    cuts: Vec<(usize, UVec2)>,
    shelf: UVec2,
    shelf_height: u32,
    used: UVec2,
}

/// Meshes with their pictures as parts that can be drawn, no pixel smaller than `texel_m` metres. What has no picture that can
/// be read comes back without one, and why is told in `problems`.
pub fn parts(
    meshes: BTreeMap<Arc<str>, Mesh>,
    texel_m: f64,
    pictures: &dyn Pictures,
    problems: &mut Vec<String>,
) -> Vec<TilePart> {
    let mut parts = Vec::new();
    let (mut decoded, mut whole) = (Vec::new(), Vec::new());
    for (name, mut mesh) in meshes {
        match decode(&name, pictures) {
            Ok(picture) if repeats(&mesh) => parts.push(repeated(mesh, &picture)),
            Ok(picture) => {
                decoded.push(picture);
                whole.push(mesh);
            }
            Err(cause) => {
                problems.push(format!("{cause}: {name}"));
                mesh.texture_coordinates.clear();
                parts.push(TilePart::of(mesh));
            }
        }
    }
    let mut cuts: Vec<Cut> = Vec::new();
    for (number, (mesh, picture)) in whole.iter().zip(&decoded).enumerate() {
        cuts.extend(cuts_of(number, mesh, picture, texel_m));
    }
    // The highest first: a shelf is as high as its first cut.
    cuts.sort_by_key(|cut| (std::cmp::Reverse(cut.scaled.y), cut.mesh, cut.corner.to_array()));
    for page in pages(&cuts) {
        parts.push(page.part(&cuts, &whole, &decoded));
    }
    parts
}

fn decode(name: &str, pictures: &dyn Pictures) -> Result<RgbaImage, String> {
    let bytes = pictures.read(name)?;
    let mut reader = ImageReader::new(Cursor::new(&bytes)).with_guessed_format().map_err(|e| e.to_string())?;
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(MOST_PX), Some(MOST_PX));
    limits.max_alloc = Some(MOST_BYTES);
    reader.limits(limits);
    let picture = reader.decode().map_err(|e| e.to_string())?.to_rgba8();
    if picture.width() == 0 || picture.height() == 0 { Err("the picture is empty".to_owned()) } else { Ok(picture) }
}

fn repeats(mesh: &Mesh) -> bool {
    let inside = |v: f32| (-SLACK..=1.0 + SLACK).contains(&v);
    mesh.texture_coordinates.iter().any(|uv| !inside(uv.x) || !inside(uv.y))
}

/// A picture that goes on beyond its edges cannot lie in an atlas.
fn repeated(mesh: Mesh, picture: &RgbaImage) -> TilePart {
    let size = UVec2::new(picture.width(), picture.height()).min(UVec2::splat(EDGE_PX / 2));
    part(mesh, &resize(picture, size.x, size.y, FilterType::Triangle))
}

fn part(mesh: Mesh, picture: &RgbaImage) -> TilePart {
    let see_through = picture.pixels().any(|pixel| pixel.0[3] < 128);
    let encoded = webp::Encoder::from_rgba(picture.as_raw(), picture.width(), picture.height()).encode(QUALITY);
    let image = EncodedImage { mime: "image/webp".to_owned(), bytes: encoded.to_vec() };
    let alpha = if see_through { AlphaMode::Mask(0.5) } else { AlphaMode::Opaque };
    TilePart { texture: Some(Arc::new(image)), alpha, ..TilePart::of(mesh) }
}

/// What is cut from a picture: a piece for each object where they use less of it than one piece for all.
fn cuts_of(number: usize, mesh: &Mesh, picture: &RgbaImage, texel_m: f64) -> Vec<Cut> {
    let mut by_object: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for vertex in 0..mesh.texture_coordinates.len() as u32 {
        let object = mesh.feature_ids.get(vertex as usize).copied().unwrap_or_default();
        by_object.entry(object).or_default().push(vertex);
    }
    let shrink = shrink(mesh, picture, texel_m);
    let cut = |vertices: Vec<u32>| cut(number, mesh, picture, vertices, shrink);
    let area = |cut: &Cut| u64::from(cut.size.x) * u64::from(cut.size.y);
    let all = cut((0..mesh.texture_coordinates.len() as u32).collect());
    let apart: Vec<Cut> = by_object.into_values().map(cut).collect();
    if apart.iter().map(area).sum::<u64>() < area(&all) { apart } else { vec![all] }
}

/// By how much a picture's pixels are finer than wanted: 1 or less.
fn shrink(mesh: &Mesh, picture: &RgbaImage, texel_m: f64) -> f64 {
    let size = DVec2::new(f64::from(picture.width()), f64::from(picture.height()));
    let (mut pixels, mut area_m2) = (0.0, 0.0);
    for triangle in mesh.indices.as_chunks::<3>().0 {
        let corner = |i: u32| mesh.positions.get(i as usize).copied().unwrap_or_default().as_dvec3();
        let place = |i: u32| mesh.texture_coordinates.get(i as usize).copied().unwrap_or_default().as_dvec2() * size;
        let [a, b, c] = *triangle;
        area_m2 += (corner(b) - corner(a)).cross(corner(c) - corner(a)).length();
        pixels += (place(b) - place(a)).perp_dot(place(c) - place(a)).abs();
    }
    if area_m2 <= 0.0 || pixels <= 0.0 { 1.0 } else { ((area_m2 / pixels).sqrt() / texel_m).min(1.0) }
}

fn cut(number: usize, mesh: &Mesh, picture: &RgbaImage, vertices: Vec<u32>, shrink: f64) -> Cut {
    let size = Vec2::new(picture.width() as f32, picture.height() as f32);
    let places = vertices.iter().filter_map(|vertex| mesh.texture_coordinates.get(*vertex as usize));
    let (low, high) = places.fold((Vec2::ONE, Vec2::ZERO), |(low, high), uv| (low.min(*uv), high.max(*uv)));
    let low = (low.clamp(Vec2::ZERO, Vec2::ONE) * size).floor().min(size - 1.0);
    let high = (high.clamp(Vec2::ZERO, Vec2::ONE) * size).ceil().clamp(low + 1.0, size);
    let (corner, size) = (low.as_uvec2(), (high - low).as_uvec2());
    // A cut of a whole page keeps room for its border.
    let most = f64::from(EDGE_PX - 2 * BORDER_PX);
    let shrink = shrink.min(most / f64::from(size.max_element()));
    let scaled = (size.as_dvec2() * shrink).ceil().max(DVec2::ONE).as_uvec2();
    Cut { mesh: number, vertices, corner, size, scaled }
}

fn pages(cuts: &[Cut]) -> Vec<Page> {
    let mut pages: Vec<Page> = Vec::new();
    for (number, cut) in cuts.iter().enumerate() {
        let size = cut.scaled + 2 * BORDER_PX;
        let fits = pages.last_mut().is_some_and(|page| page.put(number, size));
        if !fits {
            let mut page = Page::default();
            page.put(number, size);
            pages.push(page);
        }
    }
    pages
}

impl Page {
    /// Puts a cut on the shelf or on the next one; whether there was room.
    fn put(&mut self, number: usize, size: UVec2) -> bool {
        if self.shelf.x + size.x > EDGE_PX {
            self.shelf = UVec2::new(0, self.shelf.y + self.shelf_height);
            self.shelf_height = 0;
        }
        if self.shelf.y + size.y > EDGE_PX {
            return false;
        }
        self.cuts.push((number, self.shelf));
        self.shelf_height = self.shelf_height.max(size.y);
        self.used = self.used.max(self.shelf + size);
        self.shelf.x += size.x;
        true
    }

    /// The page as a part: its cuts painted side by side, and their triangles.
    fn part(&self, cuts: &[Cut], meshes: &[Mesh], pictures: &[RgbaImage]) -> TilePart {
        let mut atlas = RgbaImage::new(self.used.x.max(1), self.used.y.max(1));
        let mut mesh = Mesh::default();
        let edge = self.used.max(UVec2::ONE).as_dvec2();
        for (number, corner) in &self.cuts {
            let Some(cut) = cuts.get(*number) else { continue };
            let (Some(source), Some(picture)) = (meshes.get(cut.mesh), pictures.get(cut.mesh)) else { continue };
            paint(&mut atlas, cut, *corner, picture);
            let size = DVec2::new(f64::from(picture.width()), f64::from(picture.height()));
            let place = |uv: Vec2| {
                let in_cut = (uv.as_dvec2() * size - cut.corner.as_dvec2()) / cut.size.as_dvec2();
                let in_atlas =
                    (corner + BORDER_PX).as_dvec2() + in_cut.clamp(DVec2::ZERO, DVec2::ONE) * cut.scaled.as_dvec2();
                (in_atlas / edge).as_vec2()
            };
            append(&mut mesh, source, &cut.vertices, place);
        }
        part(mesh, &atlas)
    }
}

fn paint(atlas: &mut RgbaImage, cut: &Cut, corner: UVec2, picture: &RgbaImage) {
    let piece = crop_imm(picture, cut.corner.x, cut.corner.y, cut.size.x, cut.size.y).to_image();
    let piece =
        if cut.scaled == cut.size { piece } else { resize(&piece, cut.scaled.x, cut.scaled.y, FilterType::Triangle) };
    let border = BORDER_PX;
    let framed = RgbaImage::from_fn(cut.scaled.x + 2 * border, cut.scaled.y + 2 * border, |x, y| {
        let inside = |v: u32, size: u32| v.saturating_sub(border).min(size - 1);
        *piece.get_pixel(inside(x, cut.scaled.x), inside(y, cut.scaled.y))
    });
    replace(atlas, &framed, i64::from(corner.x), i64::from(corner.y));
}

/// Adds some vertices of a mesh, which go together, with their triangles and with other texture coordinates.
fn append(mesh: &mut Mesh, source: &Mesh, vertices: &[u32], place: impl Fn(Vec2) -> Vec2) {
    let base = mesh.positions.len() as u32;
    let mut numbers = vec![u32::MAX; source.positions.len()];
    for (number, vertex) in vertices.iter().enumerate() {
        let at = *vertex as usize;
        if let Some(slot) = numbers.get_mut(at) {
            *slot = base + number as u32;
        }
        mesh.positions.extend(source.positions.get(at));
        mesh.normals.extend(source.normals.get(at));
        mesh.feature_ids.extend(source.feature_ids.get(at));
        mesh.texture_coordinates.extend(source.texture_coordinates.get(at).map(|uv| place(*uv)));
        if !source.colors.is_empty() || !mesh.colors.is_empty() {
            mesh.colors.resize(mesh.positions.len() - 1, [u8::MAX; 4]);
            mesh.colors.push(source.colors.get(at).copied().unwrap_or([u8::MAX; 4]));
        }
    }
    let number = |i: &u32| numbers.get(*i as usize).copied().filter(|number| *number != u32::MAX);
    for triangle in source.indices.as_chunks::<3>().0 {
        if let [Some(a), Some(b), Some(c)] = triangle.each_ref().map(number) {
            mesh.indices.extend([a, b, c]);
        }
    }
}

#[cfg(test)]
mod tests {
    use glam::Vec3;

    use super::*;

    struct Painted(BTreeMap<&'static str, RgbaImage>);

    impl Pictures for Painted {
        fn read(&self, name: &str) -> Result<Vec<u8>, String> {
            let picture = self.0.get(name).ok_or("no such file")?;
            let mut bytes = Cursor::new(Vec::new());
            picture.write_to(&mut bytes, image::ImageFormat::Png).map_err(|e| e.to_string())?;
            Ok(bytes.into_inner())
        }
    }

    /// A wall of 10 m by 10 m for each of these pieces of a picture.
    fn walls(pieces: &[(f32, f32)]) -> Mesh {
        let mut mesh = Mesh::default();
        for (object, (from, to)) in pieces.iter().enumerate() {
            let base = mesh.positions.len() as u32;
            for (x, z) in [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)] {
                mesh.positions.push(Vec3::new(x * 10.0, object as f32 * 20.0, z * 10.0));
                mesh.normals.push(-Vec3::Y);
                mesh.feature_ids.push(object as u32);
                mesh.texture_coordinates.push(Vec2::new(from + (to - from) * x, 1.0 - z));
            }
            mesh.indices.extend([0, 1, 2, 0, 2, 3].map(|i| base + i));
        }
        mesh
    }

    /// Left half red, right half blue.
    fn flag() -> RgbaImage {
        RgbaImage::from_fn(200, 100, |x, _| image::Rgba(if x < 100 { [200, 30, 30, 255] } else { [30, 30, 200, 255] }))
    }

    fn color_at(part: &TilePart, vertex: usize, inward: Vec2) -> [u8; 4] {
        let image = image::load_from_memory(&part.texture.as_ref().unwrap().bytes).unwrap().to_rgba8();
        let size = Vec2::new(image.width() as f32, image.height() as f32);
        let at = (part.mesh.texture_coordinates[vertex] * size + inward).as_uvec2();
        image.get_pixel(at.x, at.y).0
    }

    #[test]
    fn pieces_keep_their_colours_and_are_no_finer_than_wanted() {
        let pictures = Painted([("flag.png", flag())].into());
        let meshes = || BTreeMap::from([(Arc::from("flag.png"), walls(&[(0.0, 0.3), (0.7, 1.0)]))]);
        let mut problems = Vec::new();
        let made = parts(meshes(), 0.001, &pictures, &mut problems);
        assert_eq!((made.len(), problems.len(), made[0].mesh.triangles()), (1, 0, 4));
        let feature = |part: &TilePart, id: u32| part.mesh.feature_ids.iter().position(|f| *f == id).unwrap();
        // The lower left corner of a wall, two pixels into the picture.
        let inward = Vec2::new(2.0, -2.0);
        let [red, blue] = [0, 1].map(|id| color_at(&made[0], feature(&made[0], id), inward));
        assert!(red[0] > 150 && red[2] < 90 && blue[2] > 150 && blue[0] < 90, "{red:?} {blue:?}");
        let pixels = |part: &TilePart| {
            let image = image::load_from_memory(&part.texture.as_ref().unwrap().bytes).unwrap();
            image.width() * image.height()
        };
        // 60 pixels over 10 m; a metre is enough.
        let coarse = parts(meshes(), 1.0, &pictures, &mut problems);
        assert!(pixels(&coarse[0]) * 20 < pixels(&made[0]), "{} {}", pixels(&coarse[0]), pixels(&made[0]));
    }

    #[test]
    fn pictures_that_repeat_or_are_not_there_are_parts_of_their_own() {
        let pictures = Painted([("flag.png", flag()), ("tile.png", flag())].into());
        let meshes = BTreeMap::from([
            (Arc::from("flag.png"), walls(&[(0.0, 1.0)])),
            (Arc::from("lost.png"), walls(&[(0.0, 1.0)])),
            (Arc::from("tile.png"), walls(&[(0.0, 7.0)])),
        ]);
        let mut problems = Vec::new();
        let made = parts(meshes, 0.1, &pictures, &mut problems);
        assert_eq!(made.iter().filter(|part| part.texture.is_some()).count(), 2);
        assert_eq!(problems, ["no such file: lost.png"]);
        assert!(made.iter().any(|part| part.mesh.texture_coordinates.iter().any(|uv| uv.x == 7.0)));
    }

    #[test]
    fn what_does_not_fit_into_one_atlas_goes_into_the_next() {
        let large = RgbaImage::from_pixel(2000, 1500, image::Rgba([90, 120, 60, 255]));
        let pictures = Painted([("a.png", large.clone()), ("b.png", large)].into());
        let meshes = ["a.png", "b.png"].map(|name| (Arc::from(name), walls(&[(0.0, 1.0)])));
        let made = parts(meshes.into(), 1e-6, &pictures, &mut Vec::new());
        assert_eq!(made.len(), 2);
        assert!(made.iter().all(|part| part.mesh.triangles() == 2));
    }
}
