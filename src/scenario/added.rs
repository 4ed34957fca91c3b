//! What a variant adds to the city, ready to be drawn: contents as tiles have them, the same for a stage and for a viewer
//! elsewhere.

use glam::{DAffine3, DMat3, DVec3};
use serde::{Deserialize, Serialize};

use super::edits::AddedModel;
use super::wire::WireError;
use crate::city::CityObject;
use crate::formats::{Column, FeatureTable, TextColumn, TileContent, TilePart};
use crate::geometry::Tessellator;
use crate::scene::parse_color;

/// Colour of what is planned, where the document names none.
const PLANNED: [u8; 3] = [240, 196, 110];

/// One object that is added, as the content of a tile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AddedContent {
    /// Its meshes and what is known of it: its row (after those of the package) as `object`, `id`, `class`, `name`, attributes.
    pub content: TileContent,
    /// From the content's axes to the site.
    pub site_from_content: DAffine3,
    /// sRGB of a block; `None` for a model, which has its own colours.
    pub color: Option<[u8; 3]>,
}

impl AddedContent {
    /// A block.
    pub fn block(block: &CityObject, row: u32) -> Self {
        let mut tessellator = Tessellator::new(block.bounds().center());
        block.shapes.iter().for_each(|lod| tessellator.add(&lod.shape, 0));
        let color = block.attribute("color").text().and_then(parse_color);
        let parts = vec![TilePart::of(tessellator.finish().0)];
        Self {
            content: TileContent { center: block.bounds().center(), parts, features: features(block, row) },
            site_from_content: DAffine3::IDENTITY,
            color: Some(color.map_or(PLANNED, |[r, g, b, _]| [r, g, b])),
        }
    }

    /// A model that was read from its file.
    pub fn model(model: &AddedModel, object: &CityObject, row: u32, mut content: TileContent) -> Self {
        for part in &mut content.parts {
            let count = part.mesh.positions.len();
            part.mesh.feature_ids = vec![0; count];
            part.mesh.colors.resize(count, [255; 4]);
            for color in &mut part.mesh.colors {
                for (channel, factor) in color.iter_mut().zip(part.base_color) {
                    *channel = (f32::from(*channel) * factor.clamp(0.0, 1.0)).round() as u8;
                }
            }
        }
        content.features = features(object, row);
        // Decoded content has its z up; the model's own axes are those of glTF, with y up.
        let model_from_content = DAffine3::from_mat3(DMat3::from_cols(DVec3::X, DVec3::NEG_Z, DVec3::Y));
        Self { content, site_from_content: model.site_from_model * model_from_content, color: None }
    }

    /// All that a variant adds, as a viewer elsewhere takes it (postcard).
    pub fn encode(all: &[Self]) -> Vec<u8> {
        // Plain data into memory: this does not fail.
        postcard::to_extend(all, Vec::new()).unwrap_or_default()
    }

    /// Reads what [`Self::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Vec<Self>, WireError> {
        match postcard::take_from_bytes(bytes) {
            Ok((all, [])) => Ok(all),
            _ => Err(WireError::Damaged),
        }
    }
}

/// The table of one object.
fn features(object: &CityObject, row: u32) -> FeatureTable {
    let text = |text: &str| Column::Text(TextColumn::from_iter([text]));
    let mut columns = vec![
        ("object".to_owned(), Column::UInt32(vec![row])),
        ("id".to_owned(), text(&object.id)),
        ("class".to_owned(), text(&object.class)),
    ];
    columns.extend(object.name.iter().map(|name| ("name".to_owned(), text(name))));
    for (name, value) in &object.attributes {
        let column = match value.number() {
            Some(number) => Column::Float(vec![number]),
            None => text(&value.to_string()),
        };
        columns.push((name.to_string(), column));
    }
    FeatureTable { count: 1, columns }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::city::{LodShape, Value};
    use crate::geometry::{Prism, Shape};

    #[test]
    fn a_block_comes_through_the_wire_as_it_was() {
        let ring = [[0.0, 0.0], [10.0, 0.0], [10.0, 8.0], [0.0, 8.0]].map(|[x, y]| DVec3::new(x, y, 4.0)).to_vec();
        let shape = Shape::Prisms(vec![Prism { rings: vec![ring], extrusion: DVec3::Z * 30.0 }]);
        let block = CityObject {
            id: "new".into(),
            class: "Building".into(),
            attributes: vec![("height".into(), Value::Float(30.0)), ("color".into(), Value::from("#0a141e"))],
            shapes: vec![LodShape { lod: 1.0, shape }],
            ..CityObject::default()
        };
        let added = AddedContent::block(&block, 7);
        assert_eq!(added.color, Some([10, 20, 30]));
        assert_eq!(added.content.features.column("object"), Some(&Column::UInt32(vec![7])));
        assert_eq!(added.content.features.column("height").map(|column| column.value(0)), Some(Value::Float(30.0)));
        let bytes = AddedContent::encode(std::slice::from_ref(&added));
        assert_eq!(AddedContent::decode(&bytes), Ok(vec![added]));
        for end in 0..bytes.len() {
            assert!(AddedContent::decode(&bytes[..end]).is_err(), "cut at {end}");
        }
    }
}
