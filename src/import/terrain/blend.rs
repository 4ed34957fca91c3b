//! Layers of heights over each other, the edges of each blended into the one below.

/// Nodes over which the edge of a layer is blended.
pub(super) const CELLS: usize = 8;

/// One layer of several that lie over each other on the same nodes, the first on top, rows `wide` nodes long; NaN where none
/// knows a height. Within [`CELLS`] of where a layer ends, the nearer the more is taken of those below.
pub(super) fn over_each_other(layers: &[Vec<f64>], wide: usize) -> Vec<f64> {
    let Some((first, below)) = layers.split_first() else { return Vec::new() };
    if below.is_empty() {
        return first.clone();
    }
    let count = first.len();
    let (mut sum, mut weight, mut left) = (vec![0.0; count], vec![0.0; count], vec![1.0; count]);
    for layer in layers {
        let shares = shares(layer, wide);
        for index in 0..count {
            let share = left[index] * shares[index];
            if share > 0.0 {
                sum[index] += share * layer[index];
                weight[index] += share;
                left[index] -= share;
            }
        }
    }
    (0..count).map(|i| if weight[i] > 0.0 { sum[i] / weight[i] } else { f64::NAN }).collect()
}

/// How much of a layer is taken at each node: 1 well inside, less towards where it ends, 0 where it knows nothing.
fn shares(layer: &[f64], wide: usize) -> Vec<f64> {
    let (straight, diagonal, most) = (1.0, std::f64::consts::SQRT_2, CELLS as f64);
    let mut distance: Vec<f64> = layer.iter().map(|height| if height.is_nan() { 0.0 } else { most }).collect();
    let wide = wide.max(1);
    let rows = layer.len() / wide;
    // A chamfer: from the nodes before, then from those behind.
    let mut relax = |row: usize, column: usize, back: bool| {
        let at = row * wide + column;
        let beside = if back { (column + 1 < wide).then(|| at + 1) } else { (column > 0).then(|| at - 1) };
        let line = if back { (row + 1 < rows).then(|| at + wide) } else { (row > 0).then(|| at - wide) };
        let mut least = distance[at];
        if let Some(other) = beside {
            least = least.min(distance[other] + straight);
        }
        if let Some(other) = line {
            least = least.min(distance[other] + straight);
            if column > 0 {
                least = least.min(distance[other - 1] + diagonal);
            }
            if column + 1 < wide {
                least = least.min(distance[other + 1] + diagonal);
            }
        }
        distance[at] = least;
    };
    for row in 0..rows {
        (0..wide).for_each(|column| relax(row, column, false));
    }
    for row in (0..rows).rev() {
        (0..wide).rev().for_each(|column| relax(row, column, true));
    }
    distance.into_iter().map(|distance| (distance / most).min(1.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDE: usize = 64;

    fn layer(known: impl Fn(usize, usize) -> bool, height: f64) -> Vec<f64> {
        (0..WIDE * WIDE).map(|i| if known(i % WIDE, i / WIDE) { height } else { f64::NAN }).collect()
    }

    #[test]
    fn edges_are_slopes_and_the_rest_is_untouched() {
        let (top, below) = (layer(|x, _| x < 32, 10.0), layer(|_, _| true, 20.0));
        let found = over_each_other(&[top.clone(), below], WIDE);
        let row = &found[20 * WIDE..21 * WIDE];
        assert!(row[..=32 - CELLS].iter().all(|height| *height == 10.0), "{row:?}");
        assert!(row[32..].iter().all(|height| *height == 20.0));
        assert!(row.windows(2).all(|pair| pair[1] >= pair[0] && pair[1] - pair[0] <= 10.0 / CELLS as f64 + 1e-9));
        // Where nothing is below, nothing is blended.
        let alone = over_each_other(&[top.clone(), layer(|_, _| false, 0.0)], WIDE);
        assert!(alone.iter().zip(&top).all(|(a, b)| a == b || a.is_nan() && b.is_nan()));
    }

    #[test]
    fn holes_are_filled_from_below() {
        let top = layer(|x, y| !(28..36).contains(&x) || !(28..36).contains(&y), 10.0);
        let found = over_each_other(&[top, layer(|_, _| true, 20.0)], WIDE);
        assert_eq!((found[32 * WIDE + 32], found[32 * WIDE + 10]), (20.0, 10.0));
        let beside = found[32 * WIDE + 26];
        assert!(beside > 10.0 && beside < 20.0, "{beside}");
        assert!(over_each_other(&[], WIDE).is_empty());
    }
}
