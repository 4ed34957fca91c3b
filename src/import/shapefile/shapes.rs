//! One record of a `.shp` to a geometry: all fourteen types, measures left out.

use glam::DVec3;

use super::rings;
use crate::import::vector::Geometry;

/// Heights below this mean that there is none (white paper, page 2).
const NO_DATA: f64 = -1e38;

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// The shape of a record's content; nothing for the null shape.
pub(super) fn shape(bytes: &[u8]) -> Result<Geometry, String> {
    let mut reader = Reader { bytes, at: 0 };
    let kind = reader.u32()?;
    let mut found = Geometry::default();
    match kind {
        0 => {}
        1 | 11 | 21 => found.points.push(reader.point(kind == 11)?),
        8 | 18 | 28 => {
            reader.skip(32);
            let count = reader.count(16)?;
            found.points = reader.points(count, kind == 18)?;
        }
        3 | 13 | 23 => found.lines = reader.parts(kind == 13, false)?.into_iter().map(|(_, line)| line).collect(),
        5 | 15 | 25 => {
            let parts = reader.parts(kind == 15, false)?;
            found.polygons = rings::polygons(parts.into_iter().map(|(_, ring)| ring).collect());
        }
        31 => patches(reader.parts(true, true)?, &mut found),
        other => return Err(format!("there is no shape type {other}")),
    }
    Ok(found)
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let end = self.at.saturating_add(N);
        let found = self.bytes.get(self.at..end).and_then(|bytes| bytes.try_into().ok());
        self.at = end;
        found.ok_or_else(|| format!("it has {} bytes and needs {end}", self.bytes.len()))
    }

    fn skip(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes);
    }

    fn u32(&mut self) -> Result<u32, String> {
        self.take().map(u32::from_le_bytes)
    }

    fn f64(&mut self) -> Result<f64, String> {
        self.take().map(f64::from_le_bytes)
    }

    /// A count of things of so many bytes: no more than there is room for.
    fn count(&mut self, bytes: usize) -> Result<usize, String> {
        let count = self.u32()? as usize;
        let most = self.bytes.len().saturating_sub(self.at) / bytes;
        if count > most { Err(format!("it counts {count} where there is room for {most}")) } else { Ok(count) }
    }

    fn point(&mut self, has_z: bool) -> Result<DVec3, String> {
        let (x, y) = (self.f64()?, self.f64()?);
        let z = if has_z { height(self.f64()?) } else { f64::NAN };
        Ok(DVec3::new(x, y, z))
    }

    /// Points, and after all of them their heights.
    fn points(&mut self, count: usize, has_z: bool) -> Result<Vec<DVec3>, String> {
        let mut points: Vec<DVec3> = (0..count).map(|_| self.point(false)).collect::<Result<_, _>>()?;
        if has_z {
            self.skip(16);
            for point in &mut points {
                point.z = height(self.f64()?);
            }
        }
        Ok(points)
    }

    /// Parts with their types, which only patches have.
    fn parts(&mut self, has_z: bool, typed: bool) -> Result<Vec<(u32, Vec<DVec3>)>, String> {
        self.skip(32);
        let parts = self.count(4)?;
        let count = self.count(16)?;
        let starts: Vec<u32> = (0..parts).map(|_| self.u32()).collect::<Result<_, _>>()?;
        let types: Vec<u32> =
            if typed { (0..parts).map(|_| self.u32()).collect::<Result<_, _>>()? } else { vec![0; parts] };
        let points = self.points(count, has_z)?;
        let ends = starts.iter().skip(1).copied().chain([count as u32]);
        let part = |((start, end), kind): ((&u32, u32), u32)| {
            let points = points.get(*start as usize..end as usize);
            points.map(|points| (kind, points.to_vec())).ok_or_else(|| format!("a part has points {start} to {end}"))
        };
        starts.iter().zip(ends).zip(types).map(part).collect()
    }
}

fn height(z: f64) -> f64 {
    if z.is_finite() && z > NO_DATA { z } else { f64::NAN }
}

/// The parts of a multipatch: strips and fans of triangles, rings.
fn patches(parts: Vec<(u32, Vec<DVec3>)>, found: &mut Geometry) {
    for (kind, points) in parts {
        match kind {
            0 => found.faces.extend(points.windows(3).map(|triangle| vec![triangle.to_vec()])),
            1 => {
                let Some((center, rim)) = points.split_first() else { continue };
                found.faces.extend(
                    rim.windows(2).map(|edge| vec![[*center].into_iter().chain(edge.iter().copied()).collect()]),
                );
            }
            // An inner ring belongs to the outer one before it.
            3 => match found.faces.last_mut() {
                Some(outer) => outer.push(points),
                None => found.faces.push(vec![points]),
            },
            _ => found.faces.push(vec![points]),
        }
    }
    // Triangles repeat no point; rings end where they begin.
    for ring in found.faces.iter_mut().flatten() {
        if ring.first() != ring.last() {
            ring.extend(ring.first().copied());
        }
    }
}
