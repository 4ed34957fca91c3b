//! Header and features of FlatGeobuf (header.fbs, feature.fbs of version 3).

use std::sync::Arc;

use glam::DVec3;

use super::flatbuffer::Table;
use crate::city::Value;
use crate::geodesy::{CrsId, GeodesyError};
use crate::import::vector::{Feature, Geometry, arc_points};

/// Bytes of a node of the spatial index.
const NODE_BYTES: u64 = 40;
/// Collections in collections.
const DEEPEST: usize = 16;

/// A column.
#[derive(Debug, Clone)]
pub(super) struct Column {
    name: Arc<str>,
    kind: u8,
}

/// What is to be known before the features.
#[derive(Debug)]
pub(super) struct Header {
    /// The geometry type of all features; 0 where each has its own.
    kind: u8,
    pub columns: Vec<Column>,
    /// 0 where it is not known.
    pub features: u64,
    pub index_bytes: u64,
    /// The CRS; `None` where the header has none.
    pub crs: Option<Result<CrsId, GeodesyError>>,
}

impl Header {
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let table = Table::root(bytes)?;
        let features = table.u64(8).unwrap_or_default();
        let crs = table.table(10).map(|crs| read_crs(&crs));
        Some(Self {
            kind: table.u8(2).unwrap_or_default(),
            columns: columns(&table, 7),
            features,
            index_bytes: index_bytes(features, u64::from(table.u16(9).unwrap_or(16)))?,
            crs,
        })
    }

    /// A feature; the error says what is wrong with it.
    pub fn feature(&self, bytes: &[u8]) -> Result<Feature, String> {
        let table = Table::root(bytes).ok_or("it is no feature")?;
        let own = columns(&table, 2);
        let columns = if own.is_empty() { &self.columns } else { &own };
        let mut geometry = Geometry::default();
        if let Some(shape) = table.table(0) {
            read_geometry(&shape, self.kind, &mut geometry, 0)?;
        }
        Ok(Feature { attributes: attributes(table.vector(1, 1), columns)?, geometry, ..Feature::default() })
    }
}

fn columns(table: &Table<'_>, slot: usize) -> Vec<Column> {
    // A column without a name keeps its place, by which features refer to it.
    let column = |column: Table<'_>| Column {
        name: column.text(0).unwrap_or_default().into(),
        kind: column.u8(1).unwrap_or_default(),
    };
    table.tables(slot).map(column).collect()
}

/// By its code, else by its definition.
fn read_crs(crs: &Table<'_>) -> Result<CrsId, GeodesyError> {
    let epsg = crs.text(0).is_none_or(|organization| organization.eq_ignore_ascii_case("EPSG"));
    match (crs.i32(1).and_then(|code| u32::try_from(code).ok()), crs.text(4), crs.text(5)) {
        (Some(code @ 1..), ..) if epsg => Ok(CrsId::epsg(code)),
        (_, Some(wkt), _) => CrsId::from_wkt(wkt),
        (_, None, Some(code)) => format!("{}:{code}", crs.text(0).unwrap_or("EPSG")).parse(),
        _ => Err(GeodesyError::NotACrs { text: crs.text(2).unwrap_or_default().to_owned() }),
    }
}

/// Bytes of a packed Hilbert R-tree over so many features; `None` where no file is so large.
fn index_bytes(features: u64, node_size: u64) -> Option<u64> {
    if features == 0 || node_size == 0 {
        return Some(0);
    }
    let node_size = node_size.max(2);
    let (mut level, mut nodes) = (features, features);
    loop {
        level = level.div_ceil(node_size);
        nodes = nodes.checked_add(level)?;
        if level == 1 {
            return nodes.checked_mul(NODE_BYTES);
        }
    }
}

fn attributes(bytes: &[u8], columns: &[Column]) -> Result<Vec<(Arc<str>, Value)>, String> {
    let mut rest = bytes;
    let mut found = Vec::new();
    // Some writers leave a byte over.
    while rest.len() >= 2 {
        let [column] = numbers(&mut rest, u16::from_le_bytes)?;
        let column = columns.get(usize::from(column)).ok_or_else(|| format!("there is no column {column}"))?;
        let value = read_value(&mut rest, column.kind)?;
        if !value.is_null() {
            found.push((Arc::clone(&column.name), value));
        }
    }
    Ok(found)
}

/// The next number of the bytes, taken off.
fn numbers<T, const N: usize>(rest: &mut &[u8], of: fn([u8; N]) -> T) -> Result<[T; 1], String> {
    let (first, after) = rest.split_first_chunk::<N>().ok_or("its properties end within a value")?;
    *rest = after;
    Ok([of(*first)])
}

fn read_value(rest: &mut &[u8], kind: u8) -> Result<Value, String> {
    let int = |[number]: [i64; 1]| Value::Int(number);
    Ok(match kind {
        0 => int(numbers(rest, |b| i64::from(i8::from_le_bytes(b)))?),
        1 => int(numbers(rest, |b: [u8; 1]| i64::from(b[0]))?),
        2 => Value::Bool(numbers(rest, |b: [u8; 1]| b[0] != 0)?[0]),
        3 => int(numbers(rest, |b| i64::from(i16::from_le_bytes(b)))?),
        4 => int(numbers(rest, |b| i64::from(u16::from_le_bytes(b)))?),
        5 => int(numbers(rest, |b| i64::from(i32::from_le_bytes(b)))?),
        6 => int(numbers(rest, |b| i64::from(u32::from_le_bytes(b)))?),
        7 => int(numbers(rest, i64::from_le_bytes)?),
        8 => {
            let [number] = numbers(rest, u64::from_le_bytes)?;
            i64::try_from(number).map_or(Value::from(number as f64), Value::Int)
        }
        // As short as it can be written, so that 1.1 stays 1.1.
        9 => {
            let [number] = numbers(rest, f32::from_le_bytes)?;
            number.to_string().parse::<f64>().map_or(Value::Null, Value::from)
        }
        10 => Value::from(numbers(rest, f64::from_le_bytes)?[0]),
        11..=14 => {
            let [length] = numbers(rest, u32::from_le_bytes)?;
            let bytes = rest.get(..length as usize).ok_or("its properties end within a text")?;
            *rest = rest.get(length as usize..).unwrap_or_default();
            if kind == 14 { Value::Null } else { Value::Text(String::from_utf8_lossy(bytes).into_owned()) }
        }
        other => return Err(format!("there is no column type {other}")),
    })
}

fn read_geometry(shape: &Table<'_>, kind: u8, found: &mut Geometry, depth: usize) -> Result<(), String> {
    let kind = if kind == 0 { shape.u8(6).unwrap_or_default() } else { kind };
    if depth > DEEPEST {
        return Err(format!("geometries are nested deeper than {DEEPEST}"));
    }
    let each = |found: &mut Geometry, kind: u8| {
        shape.tables(7).try_for_each(|part| read_geometry(&part, kind, found, depth + 1))
    };
    match kind {
        1 | 4 => found.points.extend(points(shape)),
        2 => found.lines.push(points(shape)),
        3 => found.polygons.push(rings(shape)),
        5 => found.lines.extend(rings(shape)),
        6 if shape.tables(7).next().is_none() => found.polygons.push(rings(shape)),
        6 => each(found, 3)?,
        7 | 11 | 12 => each(found, 0)?,
        8 | 9 => found.lines.push(curve(shape, kind, depth)?),
        10 => {
            let rings = shape.tables(7).map(|ring| curve(&ring, 0, depth + 1)).collect::<Result<Vec<_>, _>>()?;
            found.polygons.push(rings);
        }
        15 => {
            let mut faces = Geometry::default();
            each(&mut faces, 3)?;
            found.faces.extend(faces.polygons);
        }
        16 => found.faces.extend(rings(shape).into_iter().map(|ring| vec![ring])),
        17 => found.faces.push(rings(shape)),
        other => return Err(format!("geometry type {other}")),
    }
    found.lines.retain(|line| !line.is_empty());
    found.polygons.retain(|polygon| !polygon.is_empty());
    Ok(())
}

fn points(shape: &Table<'_>) -> Vec<DVec3> {
    let mut numbers = shape.numbers(1);
    let mut heights = shape.numbers(2);
    let point = || Some(DVec3::new(numbers.next()?, numbers.next()?, heights.next().unwrap_or(f64::NAN)));
    std::iter::from_fn(point).collect()
}

/// The points parted at their ends; all together where there are none.
fn rings(shape: &Table<'_>) -> Vec<Vec<DVec3>> {
    let points = points(shape);
    let mut start = 0;
    let mut found: Vec<Vec<DVec3>> = shape
        .counts(0)
        .filter_map(|end| {
            let ring = points.get(start..end)?.to_vec();
            start = end;
            Some(ring)
        })
        .collect();
    if found.is_empty() && !points.is_empty() {
        found.push(points);
    }
    found
}

fn curve(shape: &Table<'_>, kind: u8, depth: usize) -> Result<Vec<DVec3>, String> {
    let kind = if kind == 0 { shape.u8(6).unwrap_or_default() } else { kind };
    match kind {
        0 | 2 => Ok(points(shape)),
        8 => Ok(arc_points(&points(shape))),
        9 if depth <= DEEPEST => {
            let mut line: Vec<DVec3> = Vec::new();
            for part in shape.tables(7) {
                let part = curve(&part, 0, depth + 1)?;
                let joined = usize::from(line.last().is_some_and(|last| Some(last) == part.first()));
                line.extend(part.into_iter().skip(joined));
            }
            Ok(line)
        }
        other => Err(format!("geometry type {other} in a curve")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_is_as_large_as_its_nodes() {
        assert_eq!(index_bytes(0, 16), Some(0));
        assert_eq!(index_bytes(1, 16), Some(80));
        assert_eq!(index_bytes(179, 16), Some((179 + 12 + 1) * 40));
        assert_eq!(index_bytes(9, 0), Some(0));
        assert_eq!(index_bytes(u64::MAX, 2), None);
    }
}
