//! Colours of materials (CityJSON 2.0, section 6.1). A tile draws an object in one colour, so what is kept is the diffuse colour
//! that most of an object's surfaces have, as the attribute `materialColor` that styles can use. Textures are not read.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value as Json;
use serde_json::value::RawValue;

/// Diffuse colours, `#rrggbb`, by a material's number; `None` for materials without one.
#[derive(Debug, Default)]
pub(super) struct Materials {
    colors: Vec<Option<String>>,
    /// Whether there are textures too.
    pub(super) has_textures: bool,
}

#[derive(Deserialize)]
struct Appearance {
    #[serde(default)]
    materials: Vec<Material>,
    #[serde(default)]
    textures: Vec<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Material {
    #[serde(rename = "diffuseColor", default)]
    diffuse: Option<[f64; 3]>,
}

#[derive(Deserialize)]
struct Painted {
    /// By theme: one material for all surfaces, or numbers nested as the boundaries are.
    #[serde(default)]
    material: BTreeMap<String, Json>,
}

impl Materials {
    /// Those of a document's `appearance`; none where it has none or it cannot be read.
    pub(super) fn of(appearance: Option<&RawValue>) -> Self {
        let Some(found) = appearance.and_then(|raw| serde_json::from_str::<Appearance>(raw.get()).ok()) else {
            return Self::default();
        };
        let hex = |[r, g, b]: [f64; 3]| {
            let byte = |part: f64| (part.clamp(0.0, 1.0) * 255.0).round() as u8;
            format!("#{:02x}{:02x}{:02x}", byte(r), byte(g), byte(b))
        };
        let colors = found.materials.into_iter().map(|material| material.diffuse.map(hex)).collect();
        Self { colors, has_textures: !found.textures.is_empty() }
    }

    /// The colour that most surfaces of a geometry have in its first theme by name; the lowest number of equals.
    pub(super) fn color(&self, geometry: &RawValue) -> Option<&str> {
        if self.colors.is_empty() || !geometry.get().contains("\"material\"") {
            return None;
        }
        let painted: Painted = serde_json::from_str(geometry.get()).ok()?;
        let mut counts = vec![0_usize; self.colors.len()];
        let theme = painted.material.values().next()?;
        count(theme.get("values").or_else(|| theme.get("value"))?, &mut counts);
        let most = counts.iter().copied().max().filter(|most| *most > 0)?;
        let index = counts.iter().position(|count| *count == most)?;
        self.colors.get(index)?.as_deref()
    }
}

fn count(values: &Json, counts: &mut [usize]) {
    match values {
        Json::Array(inner) => inner.iter().for_each(|inner| count(inner, counts)),
        Json::Number(number) => {
            let index = number.as_u64().and_then(|index| usize::try_from(index).ok());
            if let Some(slot) = index.and_then(|index| counts.get_mut(index)) {
                *slot += 1;
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commonest_colour_wins() {
        let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        let appearance = raw(r#"{"materials": [{"name": "a", "diffuseColor": [1.0, 0.5, 0.0]},
            {"name": "b", "diffuseColor": [0.0, 0.0, 1.0]}, {"name": "bare"}], "textures": []}"#);
        let materials = Materials::of(Some(&appearance));
        assert!(!materials.has_textures);
        for (material, color) in [
            (r#"{"t": {"values": [[0, 1, null, 1, 99]]}}"#, Some("#0000ff")),
            (r#"{"t": {"value": 0}}"#, Some("#ff8000")),
            (r#"{"t": {"value": 2}}"#, None),
            (r#"{"t": {"values": [null]}}"#, None),
            ("7", None),
        ] {
            let geometry = raw(&format!(r#"{{"type": "MultiSurface", "material": {material}}}"#));
            assert_eq!(materials.color(&geometry), color, "{material}");
        }
        assert_eq!(Materials::of(None).color(&raw("{}")), None);
    }
}
