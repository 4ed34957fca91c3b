//! Cross-sections of SWMM's links (user's manual, appendix D, [XSECTIONS]): what is drawn of them, in metres.

use std::collections::HashMap;

use super::inp::{Inp, Row};

/// Shapes that are open above.
const OPEN: &[&str] = &["RECT_OPEN", "TRAPEZOIDAL", "TRIANGULAR", "PARABOLIC", "POWER", "IRREGULAR", "STREET"];
/// Closed shapes of which the height says all.
const BY_HEIGHT: &[&str] = &[
    "CIRCULAR",
    "FORCE_MAIN",
    "FILLED_CIRCULAR",
    "EGG",
    "HORSESHOE",
    "GOTHIC",
    "CATENARY",
    "SEMIELLIPTICAL",
    "BASKETHANDLE",
    "SEMICIRCULAR",
    "CUSTOM",
];

/// The section of a link.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct CrossSection {
    /// From the invert to the top, metres.
    pub(super) height_m: f64,
    /// The largest width of a closed section, the one at the top of an open one; metres.
    pub(super) width_m: f64,
    pub(super) is_open: bool,
}

impl CrossSection {
    /// The round pipe of the same height times width, metres.
    pub(super) fn diameter_m(self) -> f64 {
        (self.height_m * self.width_m).sqrt()
    }
}

/// Widths and heights of natural and street sections by name, metres.
pub(super) type Profiles = HashMap<String, [f64; 2]>;

/// The section that a row of `[XSECTIONS]` tells; `None` for dummies and where its numbers are missing.
pub(super) fn cross_section(row: &Row<'_>, profiles: &Profiles, length_m: f64) -> Option<CrossSection> {
    let shape = row.word(1).to_ascii_uppercase();
    let size = |index: usize| row.number(index).unwrap_or_default() * length_m;
    let is_open = OPEN.contains(&shape.as_str());
    if matches!(shape.as_str(), "IRREGULAR" | "STREET") {
        let [width_m, height_m] = *profiles.get(&row.word(2).to_ascii_lowercase())?;
        return Some(CrossSection { height_m, width_m, is_open });
    }
    let height_m = size(2);
    let width_m = match shape.as_str() {
        "TRAPEZOIDAL" => {
            // Side slopes run so far for each unit that they rise.
            let slopes = [4, 5].map(|index| row.number(index).unwrap_or_default()).iter().sum::<f64>();
            size(3) + height_m * slopes
        }
        shape if BY_HEIGHT.contains(&shape) => height_m,
        _ if size(3) > 0.0 => size(3),
        _ => height_m,
    };
    (height_m > 0.0 && shape != "DUMMY").then_some(CrossSection { height_m, width_m, is_open })
}

/// Sections that are given apart: `[TRANSECTS]` in the format of HEC-2 and `[STREETS]`.
pub(super) fn profiles(inp: &Inp<'_>, length_m: f64) -> Profiles {
    let mut profiles = Profiles::new();
    let mut name = None;
    let mut extent = [f64::INFINITY, f64::NEG_INFINITY, f64::INFINITY, f64::NEG_INFINITY];
    for row in inp.rows("TRANSECTS") {
        match row.word(0).to_ascii_uppercase().as_str() {
            "X1" => {
                name = Some(row.word(1).to_ascii_lowercase());
                extent = [f64::INFINITY, f64::NEG_INFINITY, f64::INFINITY, f64::NEG_INFINITY];
            }
            // Pairs of elevation and station.
            "GR" => {
                for pair in row.words.get(1..).unwrap_or_default().chunks(2) {
                    let [elevation, station] = pair else { continue };
                    let number = |word: &str| super::inp::number(word);
                    let (Some(elevation), Some(station)) = (number(elevation), number(station)) else { continue };
                    let [left, right, low, high] = extent;
                    extent = [left.min(station), right.max(station), low.min(elevation), high.max(elevation)];
                }
            }
            _ => {}
        }
        let [left, right, low, high] = extent;
        if let Some(name) = name.as_ref().filter(|_| right > left && high > low) {
            profiles.insert(name.clone(), [(right - left) * length_m, (high - low) * length_m]);
        }
    }
    for row in inp.rows("STREETS") {
        // Crown to curb, height of the curb, cross slope in per cent, then sides and the backing behind the curb.
        let size = |index: usize| row.number(index).unwrap_or_default();
        let (crown, curb, slope, backing) = (size(1), size(2), size(3) / 100.0, size(8));
        let sides = row.number(7).unwrap_or(2.0).clamp(1.0, 2.0);
        let (width, height) = ((crown + backing) * sides, curb.max(crown * slope));
        if width > 0.0 && height > 0.0 {
            profiles.insert(row.word(0).to_ascii_lowercase(), [width * length_m, height * length_m]);
        }
    }
    profiles
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_in_feet() {
        let inp = Inp::parse(
            "[XSECTIONS]\na CIRCULAR 2 0\nb RECT_CLOSED 2 8\nc TRAPEZOIDAL 3 4 1 2\nd DUMMY 0\ne IRREGULAR Bed\nf STREET main\ng EGG 2\nh IRREGULAR none\n\
             [TRANSECTS]\nNC 0.1 0.1 0.1\nX1 bed 3 0 0\nGR 5 -10 1 0\nGR 4 20\n[STREETS]\nMain 10 0.5 4 0.016 0 0 2 2 4 0.1\n",
        );
        let profiles = profiles(&inp, 0.5);
        let found: Vec<_> = inp.rows("XSECTIONS").map(|row| cross_section(row, &profiles, 0.5)).collect();
        let made = |height_m, width_m, is_open| Some(CrossSection { height_m, width_m, is_open });
        let expected = [
            made(1.0, 1.0, false),
            made(1.0, 4.0, false),
            made(1.5, 2.0 + 4.5, true),
            None,
            made(2.0, 15.0, true),
            made(0.25, 12.0, true),
            made(1.0, 1.0, false),
            None,
        ];
        assert_eq!(found, expected);
        assert_eq!(found[1].map(CrossSection::diameter_m), Some(2.0));
    }
}
