//! How objects look, one texel an object, and the way of a changed texel to the graphics card.

use bevy::asset::RenderAssetUsages;
use bevy::image::{Image, ImageSampler};
use bevy::prelude::*;
use bevy::render::render_asset::RenderAssets;
use bevy::render::render_resource::{
    Extent3d, Origin3d, TexelCopyBufferLayout, TexelCopyTextureInfo, TextureAspect, TextureDimension, TextureFormat,
    TextureUsages,
};
use bevy::render::renderer::RenderQueue;
use bevy::render::texture::GpuImage;
use bevy::render::{ExtractSchedule, MainWorld, Render, RenderApp, RenderSystems};

/// Texels in a row of an object table.
pub const TABLE_WIDTH: usize = 256;
const TEXEL_BYTES: usize = 16;

/// What is special about an object's look; bits of `ObjectTexel.flags` in `shaders/lib/object.wgsl`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ObjectFlags(pub u32);

impl ObjectFlags {
    /// Not drawn, casts no shadow, cannot be picked.
    pub const HIDDEN: Self = Self(1);
    /// Picked or found: drawn bright with a rim.
    pub const HIGHLIGHT: Self = Self(2);
    /// Its live value is old: hatched.
    pub const STALE: Self = Self(4);
    /// Its live value is outside the range: hatched the other way in a warning colour.
    pub const OUT_OF_RANGE: Self = Self(8);
    /// Brightness goes up and down once a second.
    pub const PULSE: Self = Self(16);
    /// Walls have windows and storeys.
    pub const FACADE: Self = Self(32);
    /// The colour is data, not looks: windows are drawn faintly, the light is even.
    pub const DATA_COLOR: Self = Self(64);
    /// Gives light of its own (a lamp, a sign).
    pub const GLOWS: Self = Self(128);
    /// Water seen from above: ripples, sky and sun in it.
    pub const WATER: Self = Self(256);
    /// Bare ground. With a seed, patches of lighter and darker earth: terrain is, the plain under a city is of one colour.
    pub const GROUND: Self = Self(512);
    /// The source doubts its live value: dotted in a warning colour.
    pub const SUSPECT: Self = Self(1024);
    /// What is seen of the state of an object, and not of its looks.
    pub const MARKS: Self = Self(2 | 4 | 8 | 16 | 128 | 1024);

    /// Both.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// This without the other's bits.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether all bits of `other` are set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any bit of `other` is set.
    pub const fn has_any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// How one object looks now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ObjectLook {
    /// sRGB and a strength: 255 is this colour alone, 0 leaves the mesh's own colour.
    pub color: [u8; 4],
    /// What is special.
    pub flags: ObjectFlags,
    /// Drawn height over true height, 1 as it is.
    pub height_factor: f32,
    /// Foot of the object above the content centre, metres: storeys are counted from here, heights scaled from here.
    pub base_m: f32,
    /// Gives windows and tint their own pattern for each object: a hash of its identity.
    pub seed: u16,
}

impl Default for ObjectLook {
    fn default() -> Self {
        Self { color: [214, 208, 198, 255], flags: ObjectFlags::FACADE, height_factor: 1.0, base_m: 0.0, seed: 0 }
    }
}

impl ObjectLook {
    fn texel(&self) -> [u8; TEXEL_BYTES] {
        let words = [
            u32::from_le_bytes(self.color),
            (self.flags.0 & 0xFFFF) | (u32::from(self.seed) << 16),
            self.height_factor.to_bits(),
            self.base_m.to_bits(),
        ];
        bytemuck::cast(words)
    }
}

/// The looks of all objects of a tile, beside the image that holds them on the graphics card.
#[derive(Component, Debug, Clone)]
pub struct ObjectTable {
    image: Handle<Image>,
    looks: Vec<ObjectLook>,
    /// All flags that any of its objects has had.
    flags: ObjectFlags,
    /// Least and one after the greatest changed row of texels.
    changed_rows: Option<(usize, usize)>,
}

impl ObjectTable {
    /// Makes the table and its image.
    pub fn new(looks: Vec<ObjectLook>, images: &mut Assets<Image>) -> Self {
        let rows = looks.len().div_ceil(TABLE_WIDTH).max(1);
        let mut image = Image::new(
            Extent3d { width: TABLE_WIDTH as u32, height: rows as u32, depth_or_array_layers: 1 },
            TextureDimension::D2,
            texels(&looks, 0, rows),
            TextureFormat::Rgba32Uint,
            RenderAssetUsages::RENDER_WORLD,
        );
        image.sampler = ImageSampler::nearest();
        image.texture_descriptor.usage = TextureUsages::TEXTURE_BINDING | TextureUsages::COPY_DST;
        let flags = looks.iter().fold(ObjectFlags::default(), |flags, look| flags.with(look.flags));
        Self { image: images.add(image), looks, flags, changed_rows: None }
    }

    /// The image that the material binds.
    pub fn image(&self) -> &Handle<Image> {
        &self.image
    }

    /// All looks, by feature identifier of the tile.
    pub fn looks(&self) -> &[ObjectLook] {
        &self.looks
    }

    /// All flags that any object has, or has had since the table was made.
    pub fn flags(&self) -> ObjectFlags {
        self.flags
    }

    /// Changes one look; what is outside the table or the same is left alone.
    pub fn set(&mut self, feature: usize, look: ObjectLook) {
        let Some(slot) = self.looks.get_mut(feature) else { return };
        if *slot == look {
            return;
        }
        *slot = look;
        self.flags = self.flags.with(look.flags);
        let row = feature / TABLE_WIDTH;
        let (from, to) = self.changed_rows.unwrap_or((row, row + 1));
        self.changed_rows = Some((from.min(row), to.max(row + 1)));
    }

    /// Bytes on the graphics card, which are those here as well.
    pub fn bytes(&self) -> usize {
        self.looks.len().div_ceil(TABLE_WIDTH).max(1) * TABLE_WIDTH * TEXEL_BYTES
    }
}

fn texels(looks: &[ObjectLook], from_row: usize, to_row: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity((to_row - from_row) * TABLE_WIDTH * TEXEL_BYTES);
    for index in from_row * TABLE_WIDTH..to_row * TABLE_WIDTH {
        bytes.extend_from_slice(&looks.get(index).copied().unwrap_or_default().texel());
    }
    bytes
}

struct RowUpdate {
    image: AssetId<Image>,
    first_row: usize,
    bytes: Vec<u8>,
}

/// Rows on their way. A row waits here until its image is on the card.
#[derive(Resource, Default)]
struct RowUpdates(Vec<RowUpdate>);

pub(super) struct ObjectTablePlugin;

impl Plugin for ObjectTablePlugin {
    fn build(&self, app: &mut App) {
        if let Some(render_app) = app.get_sub_app_mut(RenderApp) {
            render_app
                .init_resource::<RowUpdates>()
                .add_systems(ExtractSchedule, take_changed_rows)
                .add_systems(Render, write_rows.in_set(RenderSystems::PrepareResources));
        }
    }
}

fn take_changed_rows(mut main: ResMut<MainWorld>, mut updates: ResMut<RowUpdates>) {
    let mut tables = main.query::<&mut ObjectTable>();
    for mut table in tables.iter_mut(&mut main) {
        let Some((from, to)) = table.bypass_change_detection().changed_rows.take() else { continue };
        updates.0.push(RowUpdate { image: table.image.id(), first_row: from, bytes: texels(&table.looks, from, to) });
    }
}

fn write_rows(mut updates: ResMut<RowUpdates>, images: Res<RenderAssets<GpuImage>>, queue: Res<RenderQueue>) {
    updates.0.retain(|update| {
        let Some(image) = images.get(update.image) else { return true };
        let row_bytes = TABLE_WIDTH * TEXEL_BYTES;
        queue.write_texture(
            TexelCopyTextureInfo {
                texture: &image.texture,
                mip_level: 0,
                origin: Origin3d { x: 0, y: update.first_row as u32, z: 0 },
                aspect: TextureAspect::All,
            },
            &update.bytes,
            TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(row_bytes as u32), rows_per_image: None },
            Extent3d {
                width: TABLE_WIDTH as u32,
                height: (update.bytes.len() / row_bytes) as u32,
                depth_or_array_layers: 1,
            },
        );
        false
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_changed_rows_travel() {
        let mut images = Assets::<Image>::default();
        let mut table = ObjectTable::new(vec![ObjectLook::default(); 600], &mut images);
        assert_eq!(table.bytes(), 3 * TABLE_WIDTH * TEXEL_BYTES);
        table.set(3, ObjectLook::default());
        assert_eq!(table.changed_rows, None);
        table.set(513, ObjectLook { height_factor: 2.0, ..ObjectLook::default() });
        table.set(300, ObjectLook { seed: 9, ..ObjectLook::default() });
        assert_eq!(table.changed_rows, Some((1, 3)));
        table.set(6000, ObjectLook { seed: 9, ..ObjectLook::default() });
        assert_eq!(texels(table.looks(), 1, 3).len(), 2 * TABLE_WIDTH * TEXEL_BYTES);
    }
}
