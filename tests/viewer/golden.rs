//! Golden pictures: what may differ, and where they are kept.

use std::path::PathBuf;

use veduta::app::offscreen::{Offscreen, OffscreenSettings, Picture};

/// The one tolerance: another driver may round differently, but no eye may see it.
const GREATEST_MEAN_DIFFERENCE: f64 = 0.6;
const GREATEST_SHARE_OF_CHANGED_PIXELS: f64 = 0.004;
const A_PIXEL_IS_CHANGED_ABOVE: u8 = 24;
/// Without ripples, clouds, grain and the sun's glint a city looks a little different, and no more; of 255.
pub const A_PLAIN_PICTURE_DIFFERS_BELOW: f64 = 8.0;

pub const WIDTH: u32 = 320;
pub const HEIGHT: u32 = 180;

/// An engine that draws small pictures.
pub fn offscreen() -> Offscreen {
    Offscreen::new(OffscreenSettings { width: WIDTH, height: HEIGHT, ..Default::default() }).unwrap()
}

/// Compares with `tests/goldens/NAME.png`; `VEDUTA_UPDATE_GOLDENS=1` writes it anew. The picture that was drawn is kept in
/// the temporary folder of the build, to be looked at.
pub fn check(name: &str, picture: &Picture) {
    let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/goldens").join(format!("{name}.png"));
    if std::env::var("VEDUTA_UPDATE_GOLDENS").is_ok_and(|v| v == "1") {
        picture.save(&golden).unwrap();
        return;
    }
    let drawn = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.png"));
    picture.save(&drawn).unwrap();
    let wanted = image::open(&golden)
        .unwrap_or_else(|e| panic!("{e}: {} (VEDUTA_UPDATE_GOLDENS=1 writes it)", golden.display()))
        .to_rgba8();
    assert_eq!((wanted.width(), wanted.height()), (picture.width, picture.height), "{name}");
    let (mean, changed) = difference(&picture.rgba, wanted.as_raw());
    assert!(
        mean <= GREATEST_MEAN_DIFFERENCE && changed <= GREATEST_SHARE_OF_CHANGED_PIXELS,
        "{name}: mean difference {mean:.3}, changed pixels {:.3} %: {} is not {}",
        changed * 100.0,
        drawn.display(),
        golden.display()
    );
}

/// Mean difference of a channel, and the share of pixels in which one differs clearly.
pub fn difference(a: &[u8], b: &[u8]) -> (f64, f64) {
    let sum: u64 = a.iter().zip(b).map(|(x, y)| u64::from(x.abs_diff(*y))).sum();
    let changed = a
        .chunks_exact(4)
        .zip(b.chunks_exact(4))
        .filter(|(p, q)| p.iter().zip(*q).any(|(x, y)| x.abs_diff(*y) > A_PIXEL_IS_CHANGED_ABOVE))
        .count();
    (sum as f64 / a.len() as f64, changed as f64 * 4.0 / a.len() as f64)
}

/// Mean of red, green and blue over a picture, 0 to 255.
pub fn brightness(picture: &Picture) -> f64 {
    let sum: u64 = picture.rgba.chunks_exact(4).flat_map(|p| &p[..3]).map(|v| u64::from(*v)).sum();
    sum as f64 / (f64::from(picture.width * picture.height) * 3.0)
}

#[test]
fn the_comparison_notices_a_moved_edge() {
    let picture = |edge: u32| -> Vec<u8> {
        (0..HEIGHT).flat_map(|_| (0..WIDTH).flat_map(move |x| [if x < edge { 200 } else { 90 }, 0, 0, 255])).collect()
    };
    assert_eq!(difference(&picture(100), &picture(100)), (0.0, 0.0));
    let (_, changed) = difference(&picture(100), &picture(102));
    assert!(changed > GREATEST_SHARE_OF_CHANGED_PIXELS);
}
