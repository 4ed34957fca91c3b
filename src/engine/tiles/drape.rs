//! Pictures that lie on a tile's triangles: decoded off the frame, with smaller copies of themselves against flicker.

use std::io::Cursor;
use std::sync::Arc;

use bevy::asset::RenderAssetUsages;
use bevy::image::{Image, ImageAddressMode, ImageFilterMode, ImageSampler, ImageSamplerDescriptor};
use bevy::render::render_resource::{Extent3d, TextureDimension, TextureFormat, TextureUsages};

use crate::formats::EncodedImage;

/// Longest edge of a picture, pixels: what WebGL 2 promises is 2 048, what all cards of the last ten years have is more.
const MOST_PIXELS: u32 = 4096;
/// Most samples along a slanted pixel.
const ANISOTROPY: u16 = 8;

/// A decoded picture with its halves, down to one pixel.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Drape {
    width: u32,
    height: u32,
    levels: u32,
    /// sRGB and alpha, the whole picture first.
    rgba: Vec<u8>,
    /// Whether it goes on beyond its edges.
    repeats: bool,
}

impl Drape {
    fn decode(encoded: &EncodedImage, repeats: bool) -> Result<Self, String> {
        let mut reader =
            image::ImageReader::new(Cursor::new(&encoded.bytes)).with_guessed_format().map_err(|e| e.to_string())?;
        let mut limits = image::Limits::default();
        (limits.max_image_width, limits.max_image_height) = (Some(MOST_PIXELS), Some(MOST_PIXELS));
        reader.limits(limits);
        let whole = reader.decode().map_err(|e| format!("{e}: {} of a tile", encoded.mime))?.to_rgba8();
        let (width, height) = whole.dimensions();
        let mut rgba = whole.into_raw();
        let mut levels = 1;
        let (mut start, mut size) = (0, (width, height));
        while size.0 > 1 || size.1 > 1 {
            let smaller = halved(rgba.get(start..).unwrap_or_default(), size);
            start = rgba.len();
            rgba.extend_from_slice(&smaller);
            size = half(size);
            levels += 1;
        }
        Ok(Self { width, height, levels, rgba, repeats })
    }

    /// Bytes here, and on the card.
    pub fn bytes(&self) -> usize {
        self.rgba.len()
    }

    /// For the graphics card; no copy stays here.
    pub fn image(self) -> Image {
        let mut image = Image::new_uninit(
            Extent3d { width: self.width, height: self.height, depth_or_array_layers: 1 },
            TextureDimension::D2,
            TextureFormat::Rgba8UnormSrgb,
            RenderAssetUsages::RENDER_WORLD,
        );
        image.data = Some(self.rgba);
        image.texture_descriptor.mip_level_count = self.levels;
        image.texture_descriptor.usage = TextureUsages::TEXTURE_BINDING | TextureUsages::COPY_DST;
        let address = if self.repeats { ImageAddressMode::Repeat } else { ImageAddressMode::ClampToEdge };
        image.sampler = ImageSampler::Descriptor(ImageSamplerDescriptor {
            label: Some("drape".to_owned()),
            address_mode_u: address,
            address_mode_v: address,
            mag_filter: ImageFilterMode::Linear,
            min_filter: ImageFilterMode::Linear,
            mipmap_filter: ImageFilterMode::Linear,
            anisotropy_clamp: ANISOTROPY,
            ..ImageSamplerDescriptor::default()
        });
        image
    }
}

fn half((width, height): (u32, u32)) -> (u32, u32) {
    ((width / 2).max(1), (height / 2).max(1))
}

/// Each pixel is the mean of the four that it covers.
fn halved(rgba: &[u8], size: (u32, u32)) -> Vec<u8> {
    let (width, height) = half(size);
    let mut smaller = Vec::with_capacity(width as usize * height as usize * 4);
    let at = |x: u32, y: u32| (y.min(size.1 - 1) as usize * size.0 as usize + x.min(size.0 - 1) as usize) * 4;
    for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (x * 2, y * 2))) {
        let four = [at(x, y), at(x + 1, y), at(x, y + 1), at(x + 1, y + 1)];
        for channel in 0..4 {
            let sum: u16 = four.iter().map(|pixel| u16::from(rgba.get(pixel + channel).copied().unwrap_or(0))).sum();
            smaller.push(((sum + 2) / 4) as u8);
        }
    }
    smaller
}

/// The pictures of one tile while it is decoded; those that parts share are decoded once.
pub(super) struct Drapes {
    ground: bool,
    seen: Vec<(*const EncodedImage, Option<usize>)>,
    pub drapes: Vec<Drape>,
    pub problems: Vec<String>,
}

impl Drapes {
    /// Pictures of the ground end at their edges, those of models repeat as glTF says.
    pub fn new(ground: bool) -> Self {
        Self { ground, seen: Vec::new(), drapes: Vec::new(), problems: Vec::new() }
    }

    /// Number of the picture in `drapes`; `None` where there is none, or none that can be decoded.
    pub fn number(&mut self, encoded: Option<&Arc<EncodedImage>>) -> Option<usize> {
        let encoded = encoded?;
        if let Some((_, number)) = self.seen.iter().find(|(known, _)| *known == Arc::as_ptr(encoded)) {
            return *number;
        }
        let number = match Drape::decode(encoded, !self.ground) {
            Ok(drape) => {
                self.drapes.push(drape);
                Some(self.drapes.len() - 1)
            }
            Err(problem) => {
                self.problems.push(problem);
                None
            }
        };
        self.seen.push((Arc::as_ptr(encoded), number));
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32) -> Arc<EncodedImage> {
        let picture = image::RgbaImage::from_fn(width, height, |x, _| image::Rgba([(x * 40) as u8, 10, 20, 255]));
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        Arc::new(EncodedImage { mime: "image/png".to_owned(), bytes: bytes.into_inner() })
    }

    #[test]
    fn a_picture_gets_all_its_halves_once() {
        let mut drapes = Drapes::new(true);
        let shared = png(5, 2);
        assert_eq!(
            (drapes.number(Some(&shared)), drapes.number(Some(&shared)), drapes.number(None)),
            (Some(0), Some(0), None)
        );
        let drape = &drapes.drapes[0];
        // 5 x 2, 2 x 1, 1 x 1.
        assert_eq!((drape.levels, drape.bytes()), (3, (10 + 2 + 1) * 4));
        // The means of 0, 40 and of 80, 120.
        assert_eq!((drape.rgba[40], drape.rgba[44], drape.rgba[48]), (20, 100, 60));
    }

    #[test]
    fn a_damaged_picture_is_told_and_left_out() {
        let mut drapes = Drapes::new(false);
        let damaged = Arc::new(EncodedImage { mime: "image/jpeg".to_owned(), bytes: vec![0xFF, 0xD8, 0xFF, 0, 1] });
        assert_eq!(drapes.number(Some(&damaged)), None);
        assert_eq!(drapes.problems.len(), 1);
        let huge = png(MOST_PIXELS + 1, 1);
        assert_eq!(drapes.number(Some(&huge)), None);
        assert_eq!(drapes.problems.len(), 2);
    }
}
