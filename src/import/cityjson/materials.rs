//! Materials and textures (CityJSON 2.0, section 6): the paint of each surface, in the first theme by name. The diffuse colour
//! that most of an object's surfaces have is its attribute `materialColor` too, which styles can use.

use std::collections::BTreeMap;
use std::sync::Arc;

use glam::Vec2;
use serde::Deserialize;
use serde_json::Value as Json;
use serde_json::value::RawValue;

use crate::import::SourceFiles;
use crate::import::paint::{linear_byte, picture_name};

/// What the surfaces of a document may look like.
#[derive(Debug, Default)]
pub(super) struct Materials {
    /// sRGB and opacity, 0 to 1, by a material's number; `None` for materials without a colour.
    colors: Vec<Option<[f64; 4]>>,
    /// Pictures by a texture's number; `None` where its file is not there.
    pictures: Vec<Option<Arc<str>>>,
    /// Places in pictures, origin at the upper left.
    places: Vec<Vec2>,
    /// Pictures that are not there, as they are written.
    pub(super) missing: Vec<String>,
}

#[derive(Deserialize)]
struct Appearance {
    #[serde(default)]
    materials: Vec<Material>,
    #[serde(default)]
    textures: Vec<Texture>,
    #[serde(rename = "vertices-texture", default)]
    places: Vec<[f64; 2]>,
}

#[derive(Deserialize)]
struct Material {
    #[serde(rename = "diffuseColor", default)]
    diffuse: Option<[f64; 3]>,
    #[serde(default)]
    transparency: f64,
}

#[derive(Deserialize)]
struct Texture {
    #[serde(default)]
    image: String,
}

/// The part of a geometry that tells its looks, each by theme.
#[derive(Deserialize)]
struct Painted<'a> {
    #[serde(rename = "type", default)]
    kind: &'a str,
    /// One material for all surfaces, or numbers nested as the boundaries are.
    #[serde(default)]
    material: BTreeMap<String, Json>,
    /// Nested as the boundaries are: a ring is the number of a texture and those of places, one for each vertex.
    #[serde(default)]
    texture: BTreeMap<String, Json>,
}

/// What one surface looks like.
#[derive(Debug, Default, PartialEq)]
pub(super) struct SurfacePaint {
    /// Linear RGBA.
    pub(super) color: Option<[u8; 4]>,
    /// A picture and places in it, for each vertex of each ring.
    pub(super) picture: Option<(Arc<str>, Vec<Vec<Vec2>>)>,
}

/// What the surfaces of one geometry look like.
#[derive(Debug)]
pub(super) struct GeometryPaint<'m> {
    materials: &'m Materials,
    material_of_all: Option<Json>,
    material: Shells,
    texture: Shells,
}

/// Values of the surfaces of each shell; empty where nothing is said.
type Shells = Vec<Vec<Json>>;

impl Materials {
    /// Those of a document's `appearance`, which lies in the file `name`; none where it has none or it cannot be read.
    pub(super) fn of(appearance: Option<&RawValue>, files: &dyn SourceFiles, name: &str) -> Self {
        let Some(found) = appearance.and_then(|raw| serde_json::from_str::<Appearance>(raw.get()).ok()) else {
            return Self::default();
        };
        let color = |material: Material| material.diffuse.map(|[r, g, b]| [r, g, b, 1.0 - material.transparency]);
        let mut missing = Vec::new();
        let mut picture = |texture: Texture| {
            let there = picture_name(name, &texture.image).filter(|name| files.size(name).is_ok());
            if there.is_none() {
                missing.push(texture.image);
            }
            there.map(Arc::from)
        };
        Self {
            colors: found.materials.into_iter().map(color).collect(),
            pictures: found.textures.into_iter().map(&mut picture).collect(),
            places: found.places.into_iter().map(|[s, t]| Vec2::new(s as f32, (1.0 - t) as f32)).collect(),
            missing,
        }
    }

    /// The looks of a geometry's surfaces; `None` where it says nothing of them.
    pub(super) fn paint(&self, geometry: &RawValue) -> Option<GeometryPaint<'_>> {
        let says = |key: &str| geometry.get().contains(key);
        let is_painted =
            (!self.colors.is_empty() && says("\"material\"")) || (!self.pictures.is_empty() && says("\"texture\""));
        if !is_painted {
            return None;
        }
        let painted: Painted<'_> = serde_json::from_str(geometry.get()).ok()?;
        let depth = match painted.kind {
            "MultiSurface" | "CompositeSurface" => 1,
            "Solid" => 2,
            _ => 3,
        };
        let theme = |themes: BTreeMap<String, Json>| themes.into_values().next();
        let mut material = theme(painted.material);
        let material_of_all = material.as_mut().and_then(|theme| theme.get_mut("value")).map(Json::take);
        let values = |theme: Option<Json>| theme.and_then(|mut theme| shells(theme.get_mut("values")?.take(), depth));
        Some(GeometryPaint {
            materials: self,
            material_of_all,
            material: values(material).unwrap_or_default(),
            texture: values(theme(painted.texture)).unwrap_or_default(),
        })
    }
}

/// Values nested as the boundaries of a geometry are, as shells of surfaces; `None` where they do not tell which is which.
fn shells(values: Json, depth: usize) -> Option<Shells> {
    let list = |json: Json| match json {
        Json::Array(inner) => Some(inner),
        _ => None,
    };
    let of_solid =
        |shells: Vec<Json>| shells.into_iter().map(move |shell| list(shell).unwrap_or_default()).collect::<Shells>();
    match depth {
        1 => Some(vec![list(values)?]),
        2 => Some(of_solid(list(values)?)),
        // A null for a solid does not say how many shells it stands for.
        _ => Some(
            list(values)?.into_iter().map(list).collect::<Option<Vec<_>>>()?.into_iter().flat_map(of_solid).collect(),
        ),
    }
}

fn at<T>(all: &[T], number: &Json) -> Option<usize> {
    number.as_u64().and_then(|number| usize::try_from(number).ok()).filter(|number| *number < all.len())
}

impl GeometryPaint<'_> {
    /// What a surface of a shell looks like.
    pub(super) fn of(&self, shell: usize, surface: usize) -> SurfacePaint {
        let materials = self.materials;
        let own = self.material.get(shell).and_then(|surfaces| surfaces.get(surface));
        let number = own.or(self.material_of_all.as_ref()).and_then(|number| at(&materials.colors, number));
        let color = number.and_then(|number| materials.colors[number]).map(|[red, green, blue, opacity]| {
            let [red, green, blue] = [red, green, blue].map(linear_byte);
            [red, green, blue, (opacity.clamp(0.0, 1.0) * 255.0).round() as u8]
        });
        let rings = self.texture.get(shell).and_then(|surfaces| surfaces.get(surface)).and_then(Json::as_array);
        SurfacePaint { color, picture: rings.and_then(|rings| self.picture(rings)) }
    }

    fn picture(&self, rings: &[Json]) -> Option<(Arc<str>, Vec<Vec<Vec2>>)> {
        let pictures = &self.materials.pictures;
        let number = at(pictures, rings.first()?.get(0)?)?;
        let place = |number: &Json| at(&self.materials.places, number).map(|number| self.materials.places[number]);
        let ring = |ring: &Json| ring.as_array()?.iter().skip(1).map(place).collect::<Option<Vec<Vec2>>>();
        let places = rings.iter().map(ring).collect::<Option<Vec<_>>>()?;
        pictures[number].clone().map(|picture| (picture, places))
    }

    /// The colour that most surfaces have, as `#rrggbb`; that of the lowest number of equals.
    pub(super) fn commonest(&self) -> Option<String> {
        let colors = &self.materials.colors;
        let mut counts = vec![0_usize; colors.len()];
        for number in self.material.iter().flatten().chain(&self.material_of_all) {
            if let Some(number) = at(colors, number) {
                counts[number] += 1;
            }
        }
        let most = counts.iter().copied().max().filter(|most| *most > 0)?;
        let [red, green, blue, _] = colors[counts.iter().position(|count| *count == most)?]?;
        let byte = |part: f64| (part.clamp(0.0, 1.0) * 255.0).round() as u8;
        Some(format!("#{:02x}{:02x}{:02x}", byte(red), byte(green), byte(blue)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::MemoryFiles;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    fn materials() -> Materials {
        let appearance = raw(r#"{"materials": [{"name": "a", "diffuseColor": [1.0, 0.5, 0.0], "transparency": 0.5},
                {"name": "b", "diffuseColor": [0.0, 0.0, 1.0]}, {"name": "bare"}],
                "textures": [{"type": "JPG", "image": "p/a.jpg"}, {"type": "JPG", "image": "p/none.jpg"}],
                "vertices-texture": [[0.0, 0.0], [1.0, 0.25]]}"#);
        let files = MemoryFiles::new("c", [("x/p/a.jpg".to_owned(), Vec::new())]);
        Materials::of(Some(&appearance), &files, "x/a.city.json")
    }

    #[test]
    fn the_commonest_colour_wins() {
        let materials = materials();
        for (material, color) in [
            (r#"{"t": {"values": [0, 1, null, 1, 99]}}"#, Some("#0000ff")),
            (r#"{"t": {"value": 0}}"#, Some("#ff8000")),
            (r#"{"t": {"value": 2}}"#, None),
            (r#"{"t": {"values": [null]}}"#, None),
            ("7", None),
        ] {
            let geometry = raw(&format!(r#"{{"type": "MultiSurface", "material": {material}}}"#));
            let paint = materials.paint(&geometry);
            assert_eq!(paint.and_then(|paint| paint.commonest()).as_deref(), color, "{material}");
        }
        let files = MemoryFiles::default();
        assert!(Materials::of(None, &files, "a").paint(&raw("{}")).is_none());
    }

    #[test]
    fn surfaces_have_their_colour_and_picture() {
        let materials = materials();
        assert_eq!(materials.missing, ["p/none.jpg"]);
        let geometry = raw(r#"{"type": "Solid", "material": {"t": {"values": [null, [1, 0]]}},
                "texture": {"t": {"values": [[[[0, 0, 1]], [[1, 0, 1]], [[null]], [[0, 7]]]]}}}"#);
        let paint = materials.paint(&geometry).unwrap();
        let places = vec![vec![Vec2::new(0.0, 1.0), Vec2::new(1.0, 0.75)]];
        let picture = Some((Arc::from("x/p/a.jpg"), places));
        assert_eq!(paint.of(0, 0), SurfacePaint { color: None, picture });
        for surface in 1..5 {
            assert_eq!(paint.of(0, surface), SurfacePaint::default(), "{surface}");
        }
        assert_eq!(paint.of(1, 1).color, Some([255, 55, 0, 128]));
        let solids = raw(r#"{"type": "MultiSolid", "material": {"t": {"values": [[[1]], [[0], [1]]]}}}"#);
        let paint = materials.paint(&solids).unwrap();
        assert_eq!((paint.of(0, 0).color, paint.of(2, 0).color), (Some([0, 0, 255, 255]), Some([0, 0, 255, 255])));
    }
}
