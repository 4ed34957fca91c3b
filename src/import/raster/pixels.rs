//! Pixels in memory.

/// What a pixel is: a height, or a colour.
pub trait Pixel: Copy + Default + PartialEq + Send + Sync + std::fmt::Debug + 'static {
    /// Nothing is known of the place.
    const UNKNOWN: Self;

    /// Whether anything is known of the place.
    fn is_known(self) -> bool;

    /// The mean of pixels with their weights; unknown ones count nothing, and where the known ones weigh less than half of
    /// all, nothing is known of heights.
    fn mean(weighed: impl Iterator<Item = (Self, f32)>) -> Self;
}

/// A height in the unit of its source; NaN where not known.
impl Pixel for f32 {
    const UNKNOWN: Self = f32::NAN;

    fn is_known(self) -> bool {
        !self.is_nan()
    }

    fn mean(weighed: impl Iterator<Item = (Self, f32)>) -> Self {
        let (mut sum, mut known, mut all) = (0.0, 0.0, 0.0);
        for (value, weight) in weighed {
            all += f64::from(weight);
            if value.is_known() {
                sum += f64::from(value) * f64::from(weight);
                known += f64::from(weight);
            }
        }
        if known > 0.0 && known * 2.0 >= all { (sum / known) as f32 } else { Self::UNKNOWN }
    }
}

/// Red, green, blue and alpha, 8 bits each, not premultiplied; alpha 0 where there is no picture.
impl Pixel for [u8; 4] {
    const UNKNOWN: Self = [0; 4];

    fn is_known(self) -> bool {
        self[3] > 0
    }

    fn mean(weighed: impl Iterator<Item = (Self, f32)>) -> Self {
        let (mut sum, mut cover, mut all) = ([0.0_f32; 3], 0.0, 0.0);
        for (color, weight) in weighed {
            let share = f32::from(color[3]) / 255.0 * weight;
            for (total, channel) in sum.iter_mut().zip(color) {
                *total += share * f32::from(channel);
            }
            cover += share;
            all += weight;
        }
        if cover <= 0.0 {
            return Self::UNKNOWN;
        }
        let [red, green, blue] = sum.map(|total| (total / cover).round().clamp(0.0, 255.0) as u8);
        [red, green, blue, (cover / all * 255.0).round().clamp(0.0, 255.0) as u8]
    }
}

/// A rectangle of pixels, the upper left one first, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Pixels<P> {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `width * height` of them.
    pub values: Vec<P>,
}

impl<P: Pixel> Pixels<P> {
    /// So many pixels of which nothing is known.
    pub fn unknown(width: usize, height: usize) -> Self {
        Self { width, height, values: vec![P::UNKNOWN; width * height] }
    }

    /// A pixel; unknown outside.
    pub fn at(&self, column: usize, row: usize) -> P {
        if column >= self.width {
            return P::UNKNOWN;
        }
        self.values.get(row * self.width + column).copied().unwrap_or(P::UNKNOWN)
    }

    /// One row; empty below the last.
    pub fn row(&self, row: usize) -> &[P] {
        self.values.get(row * self.width..(row + 1) * self.width).unwrap_or_default()
    }

    /// The mean of the four pixels around a place in pixel coordinates, by how near their middles are; places outside of the
    /// middles of the outermost pixels are moved to them.
    pub fn between(&self, x: f64, y: f64) -> P {
        let (x, y) = (
            (x - 0.5).clamp(0.0, (self.width.max(1) - 1) as f64),
            (y - 0.5).clamp(0.0, (self.height.max(1) - 1) as f64),
        );
        let (column, row) = (x.floor(), y.floor());
        let (fx, fy) = ((x - column) as f32, (y - row) as f32);
        let (column, row) = (column as usize, row as usize);
        let (east, south) = ((column + 1).min(self.width.max(1) - 1), (row + 1).min(self.height.max(1) - 1));
        let corners = [
            (self.at(column, row), (1.0 - fx) * (1.0 - fy)),
            (self.at(east, row), fx * (1.0 - fy)),
            (self.at(column, south), (1.0 - fx) * fy),
            (self.at(east, south), fx * fy),
        ];
        P::mean(corners.into_iter())
    }

    /// Copies the part of `from`, whose upper left pixel lies at (`left`, `top`) here, that is inside.
    pub fn paste(&mut self, from: &Self, left: i64, top: i64) {
        let first_column = left.max(0);
        let last_column = (left + from.width as i64).min(self.width as i64);
        if first_column >= last_column {
            return;
        }
        for row in top.max(0)..(top + from.height as i64).min(self.height as i64) {
            let source = from.row((row - top) as usize);
            let source = source.get((first_column - left) as usize..(last_column - left) as usize);
            let start = row as usize * self.width;
            let target = self.values.get_mut(start + first_column as usize..start + last_column as usize);
            if let (Some(source), Some(target)) = (source, target) {
                target.copy_from_slice(source);
            }
        }
    }

    /// Each pixel the mean of `factor` x `factor` of this.
    pub fn reduced(&self, factor: usize) -> Self {
        let factor = factor.max(1);
        if factor == 1 {
            return self.clone();
        }
        let (width, height) = (self.width.div_ceil(factor), self.height.div_ceil(factor));
        let mut values = Vec::with_capacity(width * height);
        for row in 0..height {
            for column in 0..width {
                let rows = row * factor..((row + 1) * factor).min(self.height);
                let columns = column * factor..((column + 1) * factor).min(self.width);
                let below = rows.flat_map(|r| columns.clone().map(move |c| (r, c)));
                values.push(P::mean(below.map(|(r, c)| (self.at(c, r), 1.0))));
            }
        }
        Self { width, height, values }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_pixels_count_nothing() {
        let heights = Pixels { width: 2, height: 2, values: vec![1.0, 3.0, f32::NAN, 5.0] };
        assert_eq!(heights.reduced(2).values, [3.0]);
        assert_eq!(heights.between(1.0, 0.5), 2.0);
        assert!(heights.between(0.6, 1.4).is_nan(), "nearest is unknown");
        assert_eq!(heights.between(-7.0, -7.0), 1.0);
        let holes = Pixels { width: 2, height: 2, values: vec![1.0, f32::NAN, f32::NAN, f32::NAN] };
        assert!(holes.reduced(2).values[0].is_nan());
        let colors = Pixels { width: 2, height: 1, values: vec![[200, 100, 0, 255], [9, 9, 9, 0]] };
        assert_eq!(colors.reduced(2).values, [[200, 100, 0, 128]]);
    }

    #[test]
    fn what_is_pasted_over_the_edge_is_cut() {
        let mut all = Pixels::<f32>::unknown(3, 3);
        let four = Pixels { width: 2, height: 2, values: vec![1.0, 2.0, 3.0, 4.0] };
        all.paste(&four, -1, -1);
        all.paste(&four, 2, 2);
        all.paste(&four, 7, 7);
        assert_eq!((all.at(0, 0), all.at(2, 2)), (4.0, 1.0));
        assert_eq!(all.values.iter().filter(|value| value.is_known()).count(), 2);
    }
}
