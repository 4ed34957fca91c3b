//! What city models say of the looks of polygons: colours, pictures beside the file, places in these for each corner.

use glam::{DVec3, Vec2};

/// The colour of what a picture alone tells.
pub(super) const WHITE: [u8; 4] = [u8::MAX; 4];

/// A part of a colour as X3D has it (sRGB, 0 to 1) as a linear byte.
pub(super) fn linear_byte(part: f64) -> u8 {
    let part = part.clamp(0.0, 1.0);
    let linear = if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) };
    (linear * 255.0).round() as u8
}

/// The name among the source's files of what a file calls by a relative path; `None` for addresses on the web, absolute
/// paths, and what is outside of the source.
pub(super) fn picture_name(file: &str, written: &str) -> Option<String> {
    let written = written.trim().replace('\\', "/");
    if written.is_empty() || written.contains("://") || written.starts_with('/') || written.contains(":/") {
        return None;
    }
    let (climbed, name) = beside(file, &percent_decoded(&written));
    (climbed == 0).then_some(name)
}

/// A path relative to a file, without `.` and `..`; how many folders it climbs above the source comes first.
pub(super) fn beside(file: &str, relative: &str) -> (usize, String) {
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    let mut climbed = 0;
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.pop().is_some() => {}
            ".." => climbed += 1,
            part => parts.push(part),
        }
    }
    (climbed, parts.join("/"))
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let code = behind.get(..2).filter(|_| first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = behind.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(first);
                rest = behind;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// A ring without its closing point and without repeated points, and the places in its picture that are left then: none
/// where there is not one for each point.
pub(super) fn opened(ring: Vec<DVec3>, places: &[Vec2]) -> (Vec<DVec3>, Vec<Vec2>) {
    let closing = usize::from(ring.len() > 1 && ring.first() == ring.last());
    if places.len() != ring.len() && places.len() + closing != ring.len() {
        return (opened_alone(ring), Vec::new());
    }
    let (mut kept, mut kept_places) = (Vec::with_capacity(ring.len()), Vec::with_capacity(ring.len()));
    let count = ring.len() - closing;
    for (point, place) in ring.into_iter().zip(places).take(count) {
        if kept.last() != Some(&point) {
            kept.push(point);
            kept_places.push(*place);
        }
    }
    (kept, kept_places)
}

fn opened_alone(mut ring: Vec<DVec3>) -> Vec<DVec3> {
    ring.dedup();
    if ring.len() > 1 && ring.first() == ring.last() {
        ring.pop();
    }
    ring
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_lie_inside_the_source() {
        assert_eq!(picture_name("udx/bldg/a.gml", "../x/./p.jpg").as_deref(), Some("udx/x/p.jpg"));
        assert_eq!(picture_name("a.gml", "p%zz.jpg").as_deref(), Some("p%zz.jpg"));
        for outside in ["../p.jpg", "/etc/passwd", "http://example.org/p.jpg", "C:/p.jpg", ""] {
            assert_eq!(picture_name("a.gml", outside), None, "{outside}");
        }
    }

    #[test]
    fn colours_become_linear() {
        assert_eq!([0.0, 0.5, 1.0, 7.0].map(linear_byte), [0, 55, 255, 255]);
    }
}
