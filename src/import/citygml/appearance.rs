//! Colours and pictures on surfaces (CityGML 2.0 clause 9, 3.0 clause 7.10), as compact tables by the identifiers of what
//! they are on: a file may have its appearances before or behind all of its objects.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use glam::Vec2;
use xxhash_rust::xxh3::xxh3_64;

use super::coordinates::numbers;
use super::tree::Element;
use crate::import::SourceFiles;
use crate::import::paint::{linear_byte, picture_name};

/// One theme's looks.
#[derive(Debug, Default)]
pub(super) struct Appearances {
    /// The theme, which is that of the first appearance.
    theme: Option<String>,
    pictures: Vec<Picture>,
    rings: HashMap<u64, OnRing>,
    places: Vec<Vec2>,
    /// Linear RGBA by the geometry that it is on.
    colors: HashMap<u64, [u8; 4]>,
}

/// A picture as its file is called, or what is told where that file is not there.
#[derive(Debug)]
struct Picture {
    written: String,
    name: Option<Arc<str>>,
}

#[derive(Debug)]
struct OnRing {
    picture: u32,
    first: u32,
    count: u32,
    used: AtomicBool,
}

/// Something about an appearance that people should know, and its code.
pub(super) type Remark = (&'static str, String);

/// The key of an identifier, which may be written as a reference to it.
pub(super) fn key(id: &str) -> u64 {
    xxh3_64(id.trim().trim_start_matches('#').as_bytes())
}

impl Appearances {
    /// Without looks, but of the theme that others have.
    pub(super) fn of_theme_of(others: &Self) -> Self {
        Self { theme: others.theme.clone(), ..Self::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rings.is_empty() && self.colors.is_empty()
    }

    /// Adds an `Appearance` if it is of the theme; `file` is the name of the file that it is in.
    pub(super) fn add(
        &mut self,
        appearance: Element<'_>,
        files: &dyn SourceFiles,
        file: &str,
        remarks: &mut Vec<Remark>,
    ) {
        let theme = appearance.child("theme").map(|theme| theme.text().into_owned()).unwrap_or_default();
        let chosen = self.theme.get_or_insert_with(|| theme.clone());
        if *chosen != theme {
            let message = format!("the theme '{theme}' is left out; '{chosen}' is taken");
            remarks.push(("theme-left-out", message));
            return;
        }
        let members = appearance.children().filter(|child| child.name().starts_with("surfaceData"));
        for data in members.flat_map(Element::children) {
            if data.child("isFront").is_some_and(|front| ["false", "0"].contains(&front.text().as_ref())) {
                remarks.push(("back-left-out", format!("a {} on the back of surfaces is left out", data.name())));
                continue;
            }
            match data.name() {
                "ParameterizedTexture" => self.add_texture(data, files, file, remarks),
                "X3DMaterial" => self.add_material(data),
                other => remarks.push(("appearance-left-out", format!("a {other} is left out"))),
            }
        }
    }

    fn add_texture(&mut self, texture: Element<'_>, files: &dyn SourceFiles, file: &str, remarks: &mut Vec<Remark>) {
        let Some(written) = texture.child("imageURI").map(|uri| uri.text().into_owned()) else { return };
        let known = self.pictures.iter().position(|picture| picture.written == written);
        let number = known.unwrap_or_else(|| {
            let name = picture_name(file, &written).filter(|name| files.size(name).is_ok());
            if name.is_none() {
                remarks.push(("picture-missing", format!("the picture '{written}' is not there")));
            }
            self.pictures.push(Picture { written, name: name.map(Arc::from) });
            self.pictures.len() - 1
        });
        for inside in texture.descendants() {
            match inside.name() {
                "TexCoordList" => self.add_places(inside, number as u32, remarks),
                "TexCoordGen" => {
                    remarks
                        .push(("appearance-left-out", "a texture with a matrix (TexCoordGen) is left out".to_owned()));
                }
                _ => {}
            }
        }
    }

    /// The lists of a target: each with its ring as attribute (2.0), or rings behind them in the same order (3.0).
    fn add_places(&mut self, list: Element<'_>, picture: u32, remarks: &mut Vec<Remark>) {
        let mut rings = list.children().filter(|child| child.name() == "ring");
        for coordinates in list.children().filter(|child| child.name() == "textureCoordinates") {
            let own = coordinates.attribute("ring").map(|ring| key(&ring));
            let Some(ring) = own.or_else(|| rings.next().map(|ring| key(&ring.text()))) else { continue };
            if self.rings.contains_key(&ring) {
                continue;
            }
            let first = self.places.len();
            let text = coordinates.text();
            let mut numbers = numbers(&text);
            let sound = loop {
                match (numbers.next(), numbers.next()) {
                    // The origin is at the lower left in CityGML, at the upper left here.
                    (Some(Ok(s)), Some(Ok(t))) => self.places.push(Vec2::new(s as f32, (1.0 - t) as f32)),
                    (None, None) => break true,
                    _ => break false,
                }
            };
            let count = self.places.len() - first;
            if !sound || u32::try_from(self.places.len()).is_err() {
                self.places.truncate(first);
                remarks.push(("texture-unreadable", "texture coordinates are no pairs of numbers".to_owned()));
                continue;
            }
            let on = OnRing { picture, first: first as u32, count: count as u32, used: AtomicBool::new(false) };
            self.rings.insert(ring, on);
        }
    }

    fn add_material(&mut self, material: Element<'_>) {
        let values = |name: &str| -> Vec<f64> {
            let text = material.child(name).map(Element::text).unwrap_or_default();
            numbers(&text).filter_map(Result::ok).collect()
        };
        // What X3D says where a material does not.
        let rgb = <[f64; 3]>::try_from(values("diffuseColor")).unwrap_or([0.8; 3]);
        let opacity = 1.0 - values("transparency").first().copied().unwrap_or(0.0);
        let [red, green, blue] = rgb.map(linear_byte);
        let color = [red, green, blue, (opacity.clamp(0.0, 1.0) * 255.0).round() as u8];
        for target in material.children().filter(|child| child.name() == "target") {
            self.colors.entry(key(&target.text())).or_insert(color);
        }
    }

    /// The colour on a geometry.
    pub(super) fn color(&self, id: u64) -> Option<[u8; 4]> {
        self.colors.get(&id).copied()
    }

    /// The picture on a ring, where its file is there, and places in it, one for each of the ring's positions.
    pub(super) fn picture(&self, ring: u64) -> Option<(Option<&Arc<str>>, &[Vec2])> {
        let on = self.rings.get(&ring)?;
        on.used.store(true, Ordering::Relaxed);
        let places = self.places.get(on.first as usize..(on.first + on.count) as usize)?;
        Some((self.pictures.get(on.picture as usize)?.name.as_ref(), places))
    }

    /// How many rings have a picture and were not there.
    pub(super) fn unused(&self) -> usize {
        self.rings.values().filter(|on| !on.used.load(Ordering::Relaxed)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::{Spaces, Tree};
    use super::*;
    use crate::import::MemoryFiles;

    fn read(xml: &str) -> (Appearances, Vec<&'static str>) {
        let spaces = Spaces::default();
        let files = MemoryFiles::new("c", [("a/b/pic 1.jpg".to_owned(), Vec::new())]);
        let tree = Tree::parse(xml, &spaces).unwrap();
        let (mut found, mut remarks) = (Appearances::default(), Vec::new());
        for appearance in tree.root().children() {
            found.add(appearance, &files, "a/x.gml", &mut remarks);
        }
        (found, remarks.into_iter().map(|(code, _)| code).collect())
    }

    #[test]
    fn textures_of_both_versions_and_materials() {
        let (found, remarks) = read(
            "<all><Appearance><theme>t</theme><surfaceDataMember><ParameterizedTexture><imageURI>b\\pic%201.jpg</imageURI>\
             <target uri='#p'><TexCoordList><textureCoordinates ring='#r'>0 0 1 0.25</textureCoordinates>\
             <textureCoordinates ring='#r'>1 1 1 1</textureCoordinates></TexCoordList></target></ParameterizedTexture>\
             </surfaceDataMember><surfaceData><ParameterizedTexture><imageURI>none.jpg</imageURI><textureParameterization>\
             <TextureAssociation><target>#q</target><textureParameterization><TexCoordList><textureCoordinates>0 1\
             </textureCoordinates><textureCoordinates>x</textureCoordinates><ring>#s</ring><ring>#u</ring></TexCoordList>\
             </textureParameterization></TextureAssociation></textureParameterization></ParameterizedTexture></surfaceData>\
             <surfaceData><X3DMaterial><diffuseColor>1 0.5 0</diffuseColor><transparency>0.5</transparency>\
             <target>#p</target></X3DMaterial></surfaceData><surfaceData><X3DMaterial><isFront>false</isFront>\
             </X3DMaterial></surfaceData><surfaceData><GeoreferencedTexture/></surfaceData></Appearance>\
             <Appearance><theme>other</theme></Appearance></all>",
        );
        let expected =
            ["picture-missing", "texture-unreadable", "back-left-out", "appearance-left-out", "theme-left-out"];
        assert_eq!(remarks, expected);
        let (name, places) = found.picture(key("r")).unwrap();
        assert_eq!(
            (name.map(|name| &**name), places),
            (Some("a/b/pic 1.jpg"), &[Vec2::new(0.0, 1.0), Vec2::new(1.0, 0.75)][..])
        );
        assert_eq!(found.unused(), 1);
        assert_eq!(found.picture(key("#s")), Some((None, &[Vec2::new(0.0, 0.0)][..])));
        assert_eq!((found.picture(key("u")), found.unused()), (None, 0));
        assert_eq!(found.color(key("p")), Some([255, 55, 0, 128]));
    }
}
