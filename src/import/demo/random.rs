//! Randomness that depends on where, not on when: the same place draws the same numbers whatever was made before it.

/// A stream of numbers for one place (SplitMix64: Steele, Lea, Flood 2014, OOPSLA).
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    /// The stream of `place` in the city of `seed`; `topic` keeps different uses of one place apart.
    pub fn at(seed: u64, topic: &str, place: &[i64]) -> Self {
        let mut state = Self(seed ^ 0x5bd1_e995_9e37_79b9);
        for byte in topic.bytes() {
            state.mix(u64::from(byte));
        }
        for &coordinate in place {
            state.mix(coordinate as u64);
        }
        state
    }

    fn mix(&mut self, value: u64) {
        self.0 ^= value.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = self.next();
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Evenly from [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Evenly from [low, high).
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Evenly from low..=high.
    pub fn whole(&mut self, low: i64, high: i64) -> i64 {
        low + (self.unit() * (high - low + 1) as f64) as i64
    }

    /// True with this chance.
    pub fn chance(&mut self, share: f64) -> bool {
        self.unit() < share
    }

    /// One of a list, if it has any.
    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        list.get((self.unit() * list.len() as f64) as usize)
    }
}

/// Smooth noise in [-1, 1] with features of size 1: values at the corners of a lattice, mixed by Perlin's fade curve.
pub(super) fn noise(seed: u64, x: f64, y: f64) -> f64 {
    let corner = |i: f64, j: f64| Random::at(seed, "noise", &[i as i64, j as i64]).between(-1.0, 1.0);
    let (i, j) = (x.floor(), y.floor());
    let fade = |t: f64| t * t * t * (t * (t * 6.0 - 15.0) + 10.0);
    let (s, t) = (fade(x - i), fade(y - j));
    let south = corner(i, j) * (1.0 - s) + corner(i + 1.0, j) * s;
    let north = corner(i, j + 1.0) * (1.0 - s) + corner(i + 1.0, j + 1.0) * s;
    south * (1.0 - t) + north * t
}

/// 0 below `from`, 1 above `to`, smooth between.
pub(super) fn smoothstep(from: f64, to: f64, x: f64) -> f64 {
    let t = ((x - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_draws_the_same_numbers_and_places_differ() {
        let draw = |place: &[i64]| Random::at(7, "block", place).unit();
        assert_eq!(draw(&[3, 4]), draw(&[3, 4]));
        assert_ne!(draw(&[3, 4]), draw(&[4, 3]));
        let mean = (0..10_000).map(|i| draw(&[i, 0])).sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.02, "{mean}");
    }
}
