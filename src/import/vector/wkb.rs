//! Well-known binary (OGC 06-103r4 clause 8, ISO/IEC 13249-3), with the flags of EWKB: bytes to a geometry.

use glam::DVec3;

use super::{Geometry, arc_points};
use crate::import::SourcePolygon;

/// Collections in collections, curves in curve polygons.
const DEEPEST: usize = 16;

/// Reads one geometry. The error says what is wrong with it.
pub(in crate::import) fn geometry(bytes: &[u8]) -> Result<Geometry, String> {
    let mut found = Geometry::default();
    Reader { bytes, at: 0 }.geometry(&mut found, 0)?;
    Ok(found)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// The head of a geometry.
#[derive(Clone, Copy)]
struct Head {
    code: u32,
    little: bool,
    has_z: bool,
    /// Numbers of a point.
    numbers: usize,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let end = self.at.saturating_add(N);
        let found = self.bytes.get(self.at..end).and_then(|bytes| bytes.try_into().ok());
        self.at = end;
        found.ok_or_else(|| format!("it ends at byte {} of {end}", self.bytes.len()))
    }

    fn u32(&mut self, little: bool) -> Result<u32, String> {
        let bytes = self.take()?;
        Ok(if little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }

    fn f64(&mut self, little: bool) -> Result<f64, String> {
        let bytes = self.take()?;
        Ok(if little { f64::from_le_bytes(bytes) } else { f64::from_be_bytes(bytes) })
    }

    fn head(&mut self) -> Result<Head, String> {
        let [order] = self.take()?;
        let little = match order {
            0 => false,
            1 => true,
            other => return Err(format!("byte order {other}")),
        };
        let kind = self.u32(little)?;
        if kind & 0x2000_0000 != 0 {
            self.u32(little)?;
        }
        let (code, dimension) = ((kind & 0x0fff_ffff) % 1000, (kind & 0x0fff_ffff) / 1000);
        let has_z = kind & 0x8000_0000 != 0 || dimension == 1 || dimension == 3;
        let has_m = kind & 0x4000_0000 != 0 || dimension == 2 || dimension == 3;
        if dimension > 3 {
            return Err(format!("geometry type {kind}"));
        }
        Ok(Head { code, little, has_z, numbers: 2 + usize::from(has_z) + usize::from(has_m) })
    }

    /// A count of things of which each has at least `least` bytes: no more than there are bytes for.
    fn count(&mut self, head: Head, least: usize) -> Result<usize, String> {
        let count = self.u32(head.little)? as usize;
        let most = self.bytes.len().saturating_sub(self.at) / least.max(1);
        if count > most { Err(format!("it counts {count} where there is room for {most}")) } else { Ok(count) }
    }

    fn point(&mut self, head: Head) -> Result<DVec3, String> {
        let mut numbers = [f64::NAN; 4];
        for number in numbers.iter_mut().take(head.numbers) {
            *number = self.f64(head.little)?;
        }
        Ok(DVec3::new(numbers[0], numbers[1], if head.has_z { numbers[2] } else { f64::NAN }))
    }

    fn points(&mut self, head: Head) -> Result<Vec<DVec3>, String> {
        let count = self.count(head, head.numbers * 8)?;
        (0..count).map(|_| self.point(head)).collect()
    }

    fn rings(&mut self, head: Head) -> Result<SourcePolygon, String> {
        let count = self.count(head, 4)?;
        (0..count).map(|_| self.points(head)).collect()
    }

    /// A line of straight pieces and arcs.
    fn curve(&mut self, depth: usize) -> Result<Vec<DVec3>, String> {
        let head = self.head()?;
        match head.code {
            2 => self.points(head),
            8 => Ok(arc_points(&self.points(head)?)),
            9 if depth < DEEPEST => {
                let mut line: Vec<DVec3> = Vec::new();
                for _ in 0..self.count(head, 9)? {
                    let part = self.curve(depth + 1)?;
                    let joined = usize::from(line.last().is_some_and(|last| Some(last) == part.first()));
                    line.extend(part.into_iter().skip(joined));
                }
                Ok(line)
            }
            other => Err(format!("geometry type {other} in a curve")),
        }
    }

    fn geometry(&mut self, found: &mut Geometry, depth: usize) -> Result<(), String> {
        let start = self.at;
        let head = self.head()?;
        match head.code {
            // An empty point has no coordinates.
            1 => found.points.extend(Some(self.point(head)?).filter(|p| !p.truncate().is_nan())),
            2 => found.lines.extend(Some(self.points(head)?).filter(|line| !line.is_empty())),
            3 => found.polygons.extend(Some(self.rings(head)?).filter(|rings| !rings.is_empty())),
            17 => found.faces.extend(Some(self.rings(head)?).filter(|rings| !rings.is_empty())),
            8 | 9 => {
                self.at = start;
                found.lines.extend(Some(self.curve(depth)?).filter(|line| !line.is_empty()));
            }
            10 => {
                let count = self.count(head, 9)?;
                let rings: SourcePolygon = (0..count).map(|_| self.curve(depth)).collect::<Result<_, _>>()?;
                found.polygons.extend(Some(rings).filter(|rings| !rings.is_empty()));
            }
            4..=7 | 11 | 12 | 15 | 16 if depth < DEEPEST => {
                let mut parts = Geometry::default();
                for _ in 0..self.count(head, 5)? {
                    self.geometry(&mut parts, depth + 1)?;
                }
                // The polygons of a polyhedral surface and of a TIN stand in space.
                if matches!(head.code, 15 | 16) {
                    parts.faces.append(&mut parts.polygons);
                }
                found.append(parts);
            }
            other => return Err(format!("geometry type {other}")),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
    }

    /// A little-endian geometry of a type with these counts and numbers.
    fn of(kind: u32, counts: &[u32], numbers: &[f64]) -> Vec<u8> {
        let mut bytes = vec![1];
        bytes.extend(kind.to_le_bytes());
        bytes.extend(counts.iter().flat_map(|n| n.to_le_bytes()));
        bytes.extend(numbers.iter().flat_map(|n| n.to_le_bytes()));
        bytes
    }

    #[test]
    fn all_kinds_of_all_dimensions() {
        // PostGIS: SELECT ST_AsEWKB('SRID=4326;POINT(1 2)'::geometry), and the same big-endian with Z.
        let point = geometry(&hex("0101000020E6100000000000000000F03F0000000000000040")).unwrap();
        assert!(point.points[0].truncate() == glam::DVec2::new(1.0, 2.0) && point.points[0].z.is_nan());
        let raised = geometry(&hex("00000003E93FF000000000000040000000000000004008000000000000")).unwrap();
        assert_eq!(raised.points, [DVec3::new(1.0, 2.0, 3.0)]);
        assert!(geometry(&of(1, &[], &[f64::NAN, f64::NAN])).unwrap().is_empty());
        let measured = geometry(&of(2002, &[2], &[0.0, 0.0, 9.0, 1.0, 0.0, 9.0])).unwrap();
        assert_eq!((measured.lines[0].len(), measured.lines[0][1].z.is_nan()), (2, true));
        let triangle = [0.0, 0.0, 5.0, 1.0, 0.0, 5.0, 0.0, 1.0, 5.0, 0.0, 0.0, 5.0];
        assert_eq!(geometry(&of(1003, &[1, 4], &triangle)).unwrap().polygons[0][0][2].z, 5.0);
        let mut tin = of(1016, &[1], &[]);
        tin.extend(of(1017, &[1, 4], &triangle));
        assert_eq!(geometry(&tin).unwrap().faces.len(), 1);
        let mut curved = of(10, &[1], &[]);
        curved.extend(of(9, &[2], &[]));
        curved.extend(of(8, &[3], &[0.0, 0.0, 1.0, 1.0, 2.0, 0.0]));
        curved.extend(of(2, &[2], &[2.0, 0.0, 0.0, 0.0]));
        let ring = &geometry(&curved).unwrap().polygons[0][0];
        assert!(ring.len() > 30 && ring.first().map(|p| p.truncate()) == ring.last().map(|p| p.truncate()));
        let mut collection = of(7, &[2], &[]);
        collection.extend(of(1, &[], &[1.0, 2.0]));
        collection.extend(of(2, &[2], &[0.0, 0.0, 1.0, 1.0]));
        let both = geometry(&collection).unwrap();
        assert_eq!((both.points.len(), both.lines.len()), (1, 1));
    }

    #[test]
    fn hostile_bytes_end_in_words() {
        let mut collection = of(7, &[2], &[]);
        collection.extend(of(3, &[1, 4], &[0.0; 8]));
        collection.extend(of(8, &[3], &[0.0, 0.0, 1.0, 1.0, 2.0, 0.0]));
        assert!(geometry(&collection).is_ok());
        for length in 0..collection.len() {
            assert!(geometry(&collection[..length]).is_err(), "{length}");
        }
        assert!(geometry(&of(2, &[u32::MAX], &[])).unwrap_err().contains("room for 0"));
        assert!(geometry(&of(3, &[1 << 20], &[])).is_err());
        let nested: Vec<u8> = (0..10_000).flat_map(|_| of(7, &[1], &[])).collect();
        assert!(geometry(&nested).is_err());
        let mut seed = 1_u64;
        for _ in 0..20_000 {
            let mut bytes = collection.clone();
            for _ in 0..3 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let place = (seed >> 33) as usize % bytes.len();
                bytes[place] = (seed >> 20) as u8;
            }
            let _ = geometry(&bytes);
        }
    }
}
