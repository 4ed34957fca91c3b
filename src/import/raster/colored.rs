//! Heights that are written as colours.

use super::{Damage, Level, Pixels, RasterKind, RasterTiles};
use crate::import::ImportError;

/// A picture whose colours are heights in metres.
pub struct ColoredHeights<T> {
    picture: T,
    kind: RasterKind,
}

impl<T> ColoredHeights<T> {
    /// Of a picture in a known encoding.
    pub fn new(picture: T, kind: RasterKind) -> Self {
        Self { picture, kind }
    }
}

/// The height that a colour is; NaN where it is transparent, and for kinds that are no colours.
pub fn height_m(kind: RasterKind, color: [u8; 4]) -> f32 {
    let [red, green, blue, alpha] = color.map(f64::from);
    let height = match kind {
        _ if alpha == 0.0 => f64::NAN,
        RasterKind::Terrarium => red * 256.0 + green + blue / 256.0 - 32_768.0,
        RasterKind::TerrainRgb => (red * 65_536.0 + green * 256.0 + blue) * 0.1 - 10_000.0,
        RasterKind::Elevation | RasterKind::Image => f64::NAN,
    };
    height as f32
}

/// Which heights the colours of some tiles are, if they are. Heights lie where earth has them, and are mostly near those beside
/// them, in all of the tiles; and in one at least the finest of the three bytes takes many values, which it does not in pictures that
/// happen to have so little red.
pub fn encoding_of(tiles: &[Pixels<[u8; 4]>]) -> Option<RasterKind> {
    [RasterKind::Terrarium, RasterKind::TerrainRgb].into_iter().find(|kind| {
        let seen: Option<Vec<bool>> = tiles.iter().map(|tile| shows(tile, *kind)).collect();
        seen.is_some_and(|seen| seen.contains(&true))
    })
}

/// Whether a tile shows that it holds heights of a kind; `None` where it cannot.
fn shows(tile: &Pixels<[u8; 4]>, kind: RasterKind) -> Option<bool> {
    let mut finest = [false; 256];
    let (mut count, mut steps, mut steep) = (0_usize, 0_usize, 0_usize);
    for row in 0..tile.height {
        let mut before = f32::NAN;
        for color in tile.row(row) {
            let height = height_m(kind, *color);
            if !height.is_nan() && !(-11_100.0..=8_900.0).contains(&height) {
                return None;
            }
            if height.is_finite() {
                finest[usize::from(color[2])] = true;
                count += 1;
            }
            if height.is_finite() && before.is_finite() {
                steps += 1;
                steep += usize::from((height - before).abs() > 600.0);
            }
            before = height;
        }
    }
    let values = finest.iter().filter(|seen| **seen).count();
    (steep * 100 <= steps).then_some(count >= 256 && values >= 64)
}

impl<T: RasterTiles<[u8; 4]>> RasterTiles<f32> for ColoredHeights<T> {
    fn levels(&self) -> &[Level] {
        self.picture.levels()
    }

    fn tile(&self, level: usize, column: u64, row: u64) -> Result<Option<Pixels<f32>>, ImportError> {
        let heights = |tile: Pixels<[u8; 4]>| Pixels {
            width: tile.width,
            height: tile.height,
            values: tile.values.into_iter().map(|color| height_m(self.kind, color)).collect(),
        };
        Ok(self.picture.tile(level, column, row)?.map(heights))
    }

    fn continues_in_coarser(&self) -> bool {
        self.picture.continues_in_coarser()
    }

    fn damage(&self) -> Damage {
        self.picture.damage()
    }

    fn look_everywhere(&self) -> Result<Damage, ImportError> {
        self.picture.look_everywhere()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The formulas' own examples: sea level, and one step of each byte.
    #[test]
    fn colours_are_heights() {
        for (kind, color, expected) in [
            (RasterKind::Terrarium, [128, 0, 0, 255], 0.0),
            (RasterKind::Terrarium, [128, 1, 128, 255], 1.5),
            (RasterKind::TerrainRgb, [1, 134, 160, 255], 0.0),
            (RasterKind::TerrainRgb, [1, 134, 161, 255], 0.1),
        ] {
            assert!((height_m(kind, color) - expected).abs() < 1e-4, "{kind:?} {color:?}");
        }
        assert!(height_m(RasterKind::Terrarium, [128, 0, 0, 0]).is_nan());
    }

    #[test]
    fn an_encoding_shows_in_the_colours_and_a_picture_is_none() {
        let slope = |kind: RasterKind| {
            let color = |i: usize| {
                let height = 200.0 + (i % 64) as f64 * 1.7 + (i / 64) as f64 * 0.37;
                let value = match kind {
                    RasterKind::Terrarium => ((height + 32_768.0) * 256.0) as u32,
                    _ => ((height + 10_000.0) * 10.0) as u32,
                };
                [(value >> 16) as u8, (value >> 8) as u8, value as u8, 255]
            };
            Pixels { width: 64, height: 64, values: (0..4096).map(color).collect() }
        };
        let sea = |color: [u8; 4]| Pixels { width: 64, height: 64, values: vec![color; 4096] };
        let with_sea = [sea([128, 0, 0, 255]), slope(RasterKind::Terrarium)];
        assert_eq!(encoding_of(&with_sea), Some(RasterKind::Terrarium));
        assert_eq!(encoding_of(&[slope(RasterKind::TerrainRgb)]), Some(RasterKind::TerrainRgb));
        assert_eq!(encoding_of(&[slope(RasterKind::TerrainRgb), sea([200, 0, 0, 255])]), None);
        assert_eq!(encoding_of(&[sea([128, 0, 0, 255])]), None);
        let noise = |i: usize| [(i * 7 % 256) as u8, (i * 13 % 256) as u8, (i * 31 % 256) as u8, 255];
        assert_eq!(encoding_of(&[Pixels { width: 64, height: 64, values: (0..4096).map(noise).collect() }]), None);
        let reddish = |i: usize| [1, (i * 13 % 256) as u8, (i * 31 % 256) as u8, 255];
        assert_eq!(encoding_of(&[Pixels { width: 64, height: 64, values: (0..4096).map(reddish).collect() }]), None);
    }
}
