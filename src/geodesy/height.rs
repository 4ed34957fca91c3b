//! What heights are above, and how far that lies from the ellipsoid.

use std::sync::Arc;

use glam::DVec2;

use super::GeodesyError;

/// What the heights of a source are above. They become heights above the WGS 84 ellipsoid at import.
#[derive(Debug, Clone, PartialEq)]
pub enum HeightReference {
    /// The ellipsoid.
    Ellipsoidal,
    /// A geoid or national levelling (`H`); the ellipsoid height is `h = H + N`.
    Orthometric(Separation),
    /// The ground, which the importer knows; see [`super::SiteConversion`].
    AboveGround,
}

/// `N`: the height of the geoid (or levelling datum) above the ellipsoid.
#[derive(Debug, Clone, PartialEq)]
pub enum Separation {
    /// The same everywhere, metres: good to a decimetre or two over a city.
    Constant(f64),
    /// By a geoid model.
    Model(Arc<GeoidModel>),
}

impl Separation {
    /// `N` in metres at a place in degrees; NaN where the model has none.
    pub fn at(&self, longitude_deg: f64, latitude_deg: f64) -> f64 {
        match self {
            Self::Constant(metres) => *metres,
            Self::Model(model) => model.separation_m(longitude_deg, latitude_deg),
        }
    }
}

/// A geoid model on a regular grid of longitude and latitude.
#[derive(Debug, Clone, PartialEq)]
pub struct GeoidModel {
    south_deg: f64,
    west_deg: f64,
    step_lon_deg: f64,
    step_lat_deg: f64,
    columns: usize,
    /// South to north, west to east, metres.
    rows: Vec<Vec<f32>>,
}

const EGM96_COLUMNS: usize = 1440;
const EGM96_ROWS: usize = 721;

impl GeoidModel {
    /// From nodes: the longitude and latitude of the south-western one in degrees, the steps between them to the east and to
    /// the north, and rows of metres from the south, NaN where not known.
    pub fn new(south_west_deg: DVec2, step_deg: DVec2, rows: Vec<Vec<f32>>) -> Result<Self, GeodesyError> {
        let columns = rows.first().map_or(0, Vec::len);
        let sound = south_west_deg.is_finite() && step_deg.is_finite() && step_deg.cmpgt(DVec2::ZERO).all();
        if !sound || columns < 2 || rows.len() < 2 || rows.iter().any(|row| row.len() != columns) {
            let cause = "it has no grid of nodes, or they have no place".to_owned();
            return Err(GeodesyError::BadGeoid { format: "grid", cause });
        }
        let (west_deg, south_deg) = (south_west_deg.x, south_west_deg.y);
        Ok(Self { south_deg, west_deg, step_lon_deg: step_deg.x, step_lat_deg: step_deg.y, columns, rows })
    }

    /// `WW15MGH.DAC`: EGM96 at 15 minutes (NGA), big-endian centimetres from 90 N southwards, from 0 E eastwards.
    pub fn from_egm96(bytes: &[u8]) -> Result<Self, GeodesyError> {
        if bytes.len() != EGM96_COLUMNS * EGM96_ROWS * 2 {
            let cause = format!("it has {} bytes, not {}", bytes.len(), EGM96_COLUMNS * EGM96_ROWS * 2);
            return Err(GeodesyError::BadGeoid { format: "WW15MGH.DAC", cause });
        }
        let row =
            |line: &[u8]| line.chunks_exact(2).map(|b| f32::from(i16::from_be_bytes([b[0], b[1]])) / 100.0).collect();
        let mut rows: Vec<Vec<f32>> = bytes.chunks_exact(EGM96_COLUMNS * 2).map(row).collect();
        rows.reverse();
        let (south_deg, west_deg, step) = (-90.0, 0.0, 0.25);
        Ok(Self { south_deg, west_deg, step_lon_deg: step, step_lat_deg: step, columns: EGM96_COLUMNS, rows })
    }

    /// A NOAA/PROJ `.gtx` grid: big-endian south, west, steps (f64), rows and columns (i32), then f32 metres from the south.
    pub fn from_gtx(bytes: &[u8]) -> Result<Self, GeodesyError> {
        let bad = |cause: &str| GeodesyError::BadGeoid { format: "GTX", cause: cause.to_owned() };
        let (header, body) = bytes.split_at_checked(40).ok_or_else(|| bad("its header is cut off"))?;
        let number =
            |at: usize| header.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(f64::NAN, f64::from_be_bytes);
        let count = |at: usize| header.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(-1, i32::from_be_bytes);
        let (south_deg, west_deg, step_lat_deg, step_lon_deg) = (number(0), number(8), number(16), number(24));
        let (Ok(row_count), Ok(columns)) = (usize::try_from(count(32)), usize::try_from(count(36))) else {
            return Err(bad("its size is negative"));
        };
        let sound = step_lat_deg > 0.0 && step_lon_deg > 0.0 && south_deg.is_finite() && west_deg.is_finite();
        if !sound || row_count < 2 || columns < 2 || row_count.checked_mul(columns) != Some(body.len() / 4) {
            return Err(bad("its header does not fit its length"));
        }
        let value = |b: &[u8]| {
            let metres = f32::from_be_bytes([b[0], b[1], b[2], b[3]]);
            if metres > -88.88 && metres < -88.87 || !metres.is_finite() { f32::NAN } else { metres }
        };
        let rows = body.chunks_exact(columns * 4).map(|line| line.chunks_exact(4).map(value).collect()).collect();
        Ok(Self { south_deg, west_deg, step_lon_deg, step_lat_deg, columns, rows })
    }

    /// Height of the geoid above the ellipsoid by bilinear interpolation, metres; NaN outside the model.
    pub fn separation_m(&self, longitude_deg: f64, latitude_deg: f64) -> f64 {
        let around = (self.columns as f64 * self.step_lon_deg - 360.0).abs() < 1e-6;
        let mut x = (longitude_deg - self.west_deg).rem_euclid(360.0) / self.step_lon_deg;
        let y = (latitude_deg - self.south_deg) / self.step_lat_deg;
        let (last_column, last_row) = (self.columns as f64 - 1.0, self.rows.len() as f64 - 1.0);
        // A place on the western border may come out a rounding error below 360 degrees.
        if !around && x > last_column && 360.0 / self.step_lon_deg - x < 1e-6 {
            x = 0.0;
        }
        let inside = y >= 0.0 && y <= last_row && (around || x <= last_column);
        if !inside {
            return f64::NAN;
        }
        let (column, row) = (x.floor(), y.floor().min(last_row - 1.0));
        let (fx, fy) = (x - column, y - row);
        let east = |c: usize| if around { c % self.columns } else { c.min(self.columns - 1) };
        let node =
            |c: usize, r: usize| self.rows.get(r).and_then(|row| row.get(east(c))).map_or(f64::NAN, |n| f64::from(*n));
        let (c, r) = (column as usize, row as usize);
        let south = node(c, r) * (1.0 - fx) + node(c + 1, r) * fx;
        let north = node(c, r + 1) * (1.0 - fx) + node(c + 1, r + 1) * fx;
        south * (1.0 - fy) + north * fy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gtx(rows: i32, columns: i32, nodes: &[f32]) -> Vec<u8> {
        let mut bytes: Vec<u8> = [10.0, 20.0, 1.0, 0.5].iter().flat_map(|v: &f64| v.to_be_bytes()).collect();
        bytes.extend([rows, columns].iter().flat_map(|v| v.to_be_bytes()));
        bytes.extend(nodes.iter().flat_map(|v| v.to_be_bytes()));
        bytes
    }

    #[test]
    fn gtx_is_interpolated_and_checked() {
        let model = GeoidModel::from_gtx(&gtx(2, 3, &[0.0, 1.0, 2.0, 10.0, 11.0, 12.0])).unwrap();
        assert_eq!(model.separation_m(20.25, 10.5), 5.5);
        assert_eq!((model.separation_m(21.0, 11.0), model.separation_m(20.0, 10.0)), (12.0, 0.0));
        assert!(model.separation_m(19.9, 10.5).is_nan() && model.separation_m(20.5, 11.5).is_nan());
        for bytes in [gtx(2, 4, &[0.0; 6]), gtx(-1, -1, &[]), gtx(i32::MAX, i32::MAX, &[0.0; 4]), vec![0; 39]] {
            assert!(GeoidModel::from_gtx(&bytes).is_err());
        }
        assert!(GeoidModel::from_egm96(&[0; 10]).is_err());
    }
}
