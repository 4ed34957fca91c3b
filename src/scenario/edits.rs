//! What a variant adds to the city and takes away.

use std::collections::BTreeSet;

use glam::{DAffine3, DQuat, DVec2, DVec3};

use super::ScenarioError;
use crate::city::{CityObject, LodShape, Value};
use crate::geodesy::{Geodetic, SiteFrame, SitePoint};
use crate::geometry::{HeightGrid, Prism, Shape};
use crate::scene::{EditAction, EditDocument, ScenarioDocument};

/// The edits of a document that hold in a variant, in the order of the document.
#[derive(Debug, Clone, PartialEq)]
pub struct VariantEdits<'d>(Vec<&'d EditDocument>);

/// A model from a file that stands in the city.
#[derive(Debug, Clone, PartialEq)]
pub struct AddedModel {
    /// Identifier of the new object.
    pub id: String,
    /// .glb, relative to the document.
    pub path: String,
    /// From the model's axes (glTF: y up, -z ahead, metres) to the site frame; ahead is the heading.
    pub site_from_model: DAffine3,
}

/// Edits carried out: what to draw more, and what no longer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CityEdits {
    /// New blocks, as objects with a prism.
    pub blocks: Vec<CityObject>,
    /// New models.
    pub models: Vec<AddedModel>,
    /// Identifiers of objects that are gone.
    pub removed: BTreeSet<String>,
}

impl<'d> VariantEdits<'d> {
    /// The edits of a variant; without a variant named, those of the first one, or all where the document has no variants.
    pub fn of(document: &'d ScenarioDocument, variant: Option<&str>) -> Result<Self, ScenarioError> {
        let chosen = match variant {
            None => document.variants.first(),
            Some(name) => {
                Some(document.variants.iter().find(|v| v.name == name).ok_or_else(|| ScenarioError::NoVariant {
                    name: name.to_owned(),
                    known: match &document.variants[..] {
                        [] => "the scenario has no variants".to_owned(),
                        known => {
                            let names: Vec<&str> = known.iter().map(|v| v.name.as_str()).collect();
                            format!("there are: {}", names.join(", "))
                        }
                    },
                })?)
            }
        };
        let holds = |edit: &&EditDocument| chosen.is_none_or(|variant| variant.edits.contains(&edit.name));
        Ok(Self(document.edits.iter().filter(holds).collect()))
    }

    /// Carries the edits out in a site. Blocks without a base stand on the lowest ground under their corners (height 0
    /// where the ground is not known).
    pub fn carry_out(&self, site: &SiteFrame, ground: Option<&HeightGrid>) -> Result<CityEdits, ScenarioError> {
        let mut edits = CityEdits::default();
        for edit in &self.0 {
            match &edit.action {
                EditAction::AddFootprint { id, footprint, height_m, base_m, color } => {
                    let shape = block(footprint, *height_m, *base_m, site, ground)
                        .ok_or_else(|| ScenarioError::Footprint(edit.name.clone()))?;
                    let mut attributes = vec![("height".into(), Value::from(*height_m))];
                    attributes.extend(color.iter().map(|color| ("color".into(), Value::from(color.as_str()))));
                    edits.blocks.push(CityObject {
                        id: id.clone(),
                        class: "Building".into(),
                        name: Some(edit.name.clone()),
                        attributes,
                        shapes: vec![LodShape { lod: 1.0, shape }],
                        ..CityObject::default()
                    });
                }
                EditAction::AddModel { id, model, at: [longitude, latitude, height], heading } => {
                    let place = Geodetic::from_degrees(*longitude, *latitude, *height);
                    let site_from_model = standing(site, place, heading.to_radians());
                    edits.models.push(AddedModel { id: id.clone(), path: model.clone(), site_from_model });
                }
                EditAction::Remove { id } => drop(edits.removed.insert(id.clone())),
            }
        }
        Ok(edits)
    }
}

/// A footprint pushed up along local up; `None` where it encloses nothing.
fn block(
    footprint: &[[f64; 2]],
    height_m: f64,
    base_m: Option<f64>,
    site: &SiteFrame,
    ground: Option<&HeightGrid>,
) -> Option<Shape> {
    let at = |[longitude, latitude]: [f64; 2], height| Geodetic::from_degrees(longitude, latitude, height);
    let on_ground = |corner: &[f64; 2]| ground?.sample(site.from_geodetic(at(*corner, 0.0)).0.truncate());
    let lowest = || footprint.iter().filter_map(on_ground).min_by(f64::total_cmp).unwrap_or(0.0);
    let base = base_m.unwrap_or_else(lowest);
    let mut ring: Vec<DVec3> = footprint.iter().map(|corner| site.from_geodetic(at(*corner, base)).0).collect();
    if ring.len() > 1 && ring.first() == ring.last() {
        ring.pop();
    }
    let area = doubled_area(&ring);
    let solid = ring.len() > 2 && area.abs() > 1e-6 && height_m > 0.0;
    if !solid {
        return None;
    }
    if area < 0.0 {
        ring.reverse();
    }
    let center = site.to_geodetic(SitePoint(ring.iter().sum::<DVec3>() / ring.len() as f64));
    Some(Shape::Prisms(vec![Prism { rings: vec![ring], extrusion: site.up_at(center) * height_m }]))
}

/// Twice the area seen from above, positive where counter-clockwise.
fn doubled_area(ring: &[DVec3]) -> f64 {
    let Some(first) = ring.first().map(|p| p.truncate()) else { return 0.0 };
    let pairs = ring.iter().zip(ring.iter().cycle().skip(1));
    pairs.map(|(a, b)| DVec2::perp_dot(a.truncate() - first, b.truncate() - first)).sum()
}

/// The frame of a model that stands upright at a place and looks along a heading, clockwise from north, radians.
fn standing(site: &SiteFrame, place: Geodetic, heading_rad: f64) -> DAffine3 {
    let up = site.up_at(place);
    let north = {
        let ahead = Geodetic { latitude_rad: place.latitude_rad + 1e-6, ..place };
        let along = site.from_geodetic(ahead).0 - site.from_geodetic(place).0;
        (along - up * along.dot(up)).normalize()
    };
    let ahead = DQuat::from_axis_angle(up, -heading_rad) * north;
    let axes = glam::DMat3::from_cols(ahead.cross(up), up, -ahead);
    DAffine3 { matrix3: axes, translation: site.from_geodetic(place).0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(edits: Vec<EditDocument>) -> ScenarioDocument {
        let variant = |name: &str, edits: &[&str]| crate::scene::VariantDocument {
            name: name.into(),
            title: None,
            edits: edits.iter().map(|e| (*e).to_owned()).collect(),
        };
        let variants = vec![variant("as is", &[]), variant("built", &["tower", "gone", "tree"])];
        ScenarioDocument { edits, variants, ..Default::default() }
    }

    fn sample() -> ScenarioDocument {
        let corners = vec![[139.70, 35.68], [139.70, 35.681], [139.701, 35.681], [139.701, 35.68], [139.70, 35.68]];
        document(vec![
            EditDocument {
                name: "tower".into(),
                action: EditAction::AddFootprint {
                    id: "T".into(),
                    footprint: corners,
                    height_m: 100.0,
                    base_m: Some(40.0),
                    color: None,
                },
            },
            EditDocument { name: "gone".into(), action: EditAction::Remove { id: "B7".into() } },
            EditDocument {
                name: "tree".into(),
                action: EditAction::AddModel {
                    id: "M".into(),
                    model: "tree.glb".into(),
                    at: [139.70, 35.68, 40.0],
                    heading: 90.0,
                },
            },
        ])
    }

    #[test]
    fn a_variant_holds_its_edits_only() {
        let document = sample();
        let site = SiteFrame::new(Geodetic::from_degrees(139.70, 35.68, 40.0));
        let none = VariantEdits::of(&document, None).unwrap().carry_out(&site, None).unwrap();
        assert_eq!(none, CityEdits::default(), "the first variant is the one that holds by itself");
        let built = VariantEdits::of(&document, Some("built")).unwrap().carry_out(&site, None).unwrap();
        assert!(built.removed.contains("B7"));
        let bounds = built.blocks[0].bounds();
        assert!((bounds.size().z - 100.0).abs() < 0.01 && (bounds.size().x - 90.5).abs() < 0.5, "{bounds:?}");
        let Shape::Prisms(prisms) = &built.blocks[0].shapes[0].shape else { panic!("a prism") };
        assert_eq!(prisms[0].rings[0].len(), 4);
        assert!(doubled_area(&prisms[0].rings[0]) > 0.0, "counter-clockwise, though written clockwise");
        let ahead = built.models[0].site_from_model.transform_vector3(DVec3::NEG_Z);
        assert!((ahead - DVec3::X).length() < 1e-6, "heading 90 looks east: {ahead}");
        let up = built.models[0].site_from_model.transform_vector3(DVec3::Y);
        assert!((up - DVec3::Z).length() < 1e-9);
        assert!(matches!(VariantEdits::of(&document, Some("x")), Err(ScenarioError::NoVariant { .. })));
    }

    #[test]
    fn a_block_stands_on_the_lowest_ground() {
        let site = SiteFrame::new(Geodetic::from_degrees(139.70, 35.68, 0.0));
        let heights_m = (0..16).map(|i| 10.0 + (i % 4) as f32).collect();
        let grid = HeightGrid { origin_in_site: DVec2::splat(-50.0), cell_m: 100.0, columns: 4, rows: 4, heights_m };
        let corners = [[139.70, 35.68], [139.701, 35.68], [139.701, 35.681]];
        let Some(Shape::Prisms(prisms)) = block(&corners, 5.0, None, &site, Some(&grid)) else { panic!("a block") };
        assert!((prisms[0].rings[0][0].z - 10.5).abs() < 0.01, "{:?}", prisms[0]);
        assert_eq!(block(&corners[..2], 5.0, None, &site, None), None);
    }
}
