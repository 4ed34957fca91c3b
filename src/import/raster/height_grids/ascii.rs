//! ESRI ASCII grids: a header of words and numbers, then heights row by row from the north.

use std::sync::Arc;

use glam::DVec2;

use super::Grid;
use crate::import::raster::{Held, Pixels, RasterTransform, crs_beside};
use crate::import::{ImportError, SourceFiles};

/// Heights of the largest grid.
const MOST_HEIGHTS: u64 = 1 << 26;
/// Bytes of the largest file: sixteen a height.
const MOST_BYTES: u64 = 1 << 30;
/// Bytes that hold the header.
const HEAD_BYTES: usize = 1024;

/// Whether a file is one by its name and first word.
pub(super) fn is_grid(files: &dyn SourceFiles, name: &str) -> bool {
    let is_named = name.rsplit_once('.').is_some_and(|(_, extension)| extension.eq_ignore_ascii_case("asc"));
    let starts = |head: Vec<u8>| head.to_ascii_lowercase().trim_ascii_start().starts_with(b"ncols");
    is_named && files.head(name, 64).is_ok_and(starts)
}

#[derive(Default)]
struct Header {
    columns: u64,
    rows: u64,
    corner: [Option<f64>; 2],
    is_center: [bool; 2],
    cell: [f64; 2],
    nodata: Option<f64>,
}

/// Opens a grid; it is read whole.
pub(super) fn open(files: &dyn SourceFiles, name: &str) -> Result<Grid, ImportError> {
    let path = files.path_of(name);
    let invalid = |cause: String| ImportError::Invalid { expected: "an ESRI ASCII grid", cause, path: path.clone() };
    if files.size(name)? > MOST_BYTES {
        return Err(invalid("it is larger than 1 GiB; make a GeoTIFF of it".to_owned()));
    }
    let head = String::from_utf8_lossy(&files.head(name, HEAD_BYTES)?).into_owned();
    let header = header(&head).map_err(invalid)?;
    let count = header.columns.saturating_mul(header.rows);
    if count == 0 || count > MOST_HEIGHTS {
        return Err(invalid(format!("it claims {} x {} heights", header.columns, header.rows)));
    }
    let bytes = files.read(name)?;
    let words = bytes.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let is_number = |word: &[u8]| word.first().is_some_and(|byte| !byte.is_ascii_alphabetic());
    // The header's words come in pairs; numbers that follow no word are heights.
    let mut values = Vec::with_capacity((count as usize).min(bytes.len() / 2 + 1));
    let mut after_word = false;
    for word in words {
        if !is_number(word) && values.is_empty() && !word.eq_ignore_ascii_case(b"nan") {
            after_word = true;
            continue;
        }
        if std::mem::take(&mut after_word) {
            continue;
        }
        let text = std::str::from_utf8(word).unwrap_or_default();
        let value: f64 = text.replace(',', ".").parse().map_err(|_| {
            let place = values.len() as u64;
            invalid(format!(
                "'{text}' in row {}, column {} is no number",
                place / header.columns,
                place % header.columns
            ))
        })?;
        let is_known = value.is_finite() && header.nodata != Some(value);
        values.push(if is_known { value as f32 } else { f32::NAN });
    }
    if values.len() as u64 != count {
        return Err(invalid(format!(
            "it has {} heights, not {count}: it is cut off, or its header is false",
            values.len()
        )));
    }
    let transform = header.transform().ok_or_else(|| invalid("its header does not say where it lies".to_owned()))?;
    let pixels = Pixels { width: header.columns as usize, height: header.rows as usize, values };
    let (raster, size) = (Arc::new(Held::new(pixels)), [header.columns, header.rows]);
    let stated = crs_beside(files, name).map(|crs| (crs, "its .prj"));
    Ok(Grid { raster, transform, size, nodata: header.nodata, stated })
}

fn header(text: &str) -> Result<Header, String> {
    let mut found = Header::default();
    let mut words = text.split_whitespace();
    while let Some(key) = words.next().filter(|word| word.starts_with(|c: char| c.is_ascii_alphabetic())) {
        let value = words.next().unwrap_or_default().replace(',', ".");
        let number: f64 = value.parse().map_err(|_| format!("{key} is '{value}'"))?;
        match key.to_ascii_lowercase().as_str() {
            "ncols" => found.columns = number as u64,
            "nrows" => found.rows = number as u64,
            "xllcorner" => found.corner[0] = Some(number),
            "yllcorner" => found.corner[1] = Some(number),
            "xllcenter" => (found.corner[0], found.is_center[0]) = (Some(number), true),
            "yllcenter" => (found.corner[1], found.is_center[1]) = (Some(number), true),
            "cellsize" => found.cell = [number; 2],
            "dx" => found.cell[0] = number,
            "dy" => found.cell[1] = number,
            "nodata_value" | "nodata" => found.nodata = Some(number),
            other => return Err(format!("its header has '{other}'")),
        }
    }
    Ok(found)
}

impl Header {
    fn transform(&self) -> Option<RasterTransform> {
        let side = |axis: usize| {
            let half = if self.is_center[axis] { self.cell[axis] / 2.0 } else { 0.0 };
            self.corner[axis].map(|corner| corner - half)
        };
        let north = side(1)? + self.rows as f64 * self.cell[1];
        RasterTransform::north_up(DVec2::new(side(0)?, north), DVec2::from_array(self.cell))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::MemoryFiles;

    fn read(text: &str) -> Result<Grid, ImportError> {
        let files = MemoryFiles::new("a.asc", [("a.asc".to_owned(), text.as_bytes().to_vec())]);
        assert!(is_grid(&files, "a.asc"), "{text}");
        open(&files, "a.asc")
    }

    #[test]
    fn corners_centres_and_nodata() {
        let grid = read(
            "ncols 3\nnrows 2\nxllcorner 100\nyllcorner 50.5\ncellsize 10\nNODATA_value -9999\n1 2 3\n4 -9999 6\n",
        );
        let grid = grid.unwrap();
        let tile = grid.raster.tile(0, 0, 0).unwrap().unwrap();
        assert!(tile.at(0, 0) == 1.0 && tile.at(2, 1) == 6.0 && tile.at(1, 1).is_nan());
        assert_eq!(grid.transform.crs_from_pixel.transform_point2(DVec2::ZERO), DVec2::new(100.0, 70.5));
        let center = read("NCOLS 1\r\nNROWS 1\r\nXLLCENTER 5\r\nYLLCENTER 5\r\nCELLSIZE 2\r\n7,5\r\n").unwrap();
        assert_eq!(center.transform.crs_from_pixel.transform_point2(DVec2::splat(0.5)), DVec2::splat(5.0));
        assert_eq!(center.raster.tile(0, 0, 0).unwrap().unwrap().at(0, 0), 7.5);
    }

    #[test]
    fn false_headers_are_told() {
        for (text, words) in [
            ("ncols 3\nnrows 2\nxllcorner 0\nyllcorner 0\ncellsize 1\n1 2 3\n4 5\n", "has 5 heights, not 6"),
            ("ncols 3\nnrows 2\ncellsize 1\n1 2 3 4 5 6", "where it lies"),
            ("ncols 1e9\nnrows 1e9\nxllcorner 0\nyllcorner 0\ncellsize 1\n1", "claims"),
            ("ncols x\n", "ncols is 'x'"),
            ("ncols 1\nnrows 1\nxllcorner 0\nyllcorner 0\ncellsize 1\n1x", "no number"),
            ("ncols 1\nnrows 1\nxllcorner 0\nyllcorner 0\ncellsize 0\n1", "where it lies"),
            ("ncols 1\nfoo 1\n1", "'foo'"),
        ] {
            let error = read(text).err().unwrap().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
