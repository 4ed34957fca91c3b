//! What drives a flood: rain and inflow over time.

/// Rain by time, constant from each entry to the next and zero before the first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Hyetograph(Vec<(f64, f64)>);

/// Discharge by time, linear between entries, constant beyond the ends.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Hydrograph(Vec<(f64, f64)>);

impl Hyetograph {
    /// From [seconds after the start, mm/h], in rising order of time (it is put in order).
    pub fn from_mm_h(entries: &[[f64; 2]]) -> Self {
        let mut rates: Vec<(f64, f64)> = entries.iter().map(|[s, rate]| (*s, rate.max(0.0) / 3.6e6)).collect();
        rates.sort_by(|a, b| a.0.total_cmp(&b.0));
        Self(rates)
    }

    /// Metres of rain a second at an instant.
    pub fn rate_m_s(&self, time_s: f64) -> f64 {
        let next = self.0.partition_point(|(at, _)| *at <= time_s);
        next.checked_sub(1).and_then(|i| self.0.get(i)).map_or(0.0, |(_, rate)| *rate)
    }

    /// The first change after an instant.
    pub fn next_change_s(&self, time_s: f64) -> Option<f64> {
        self.0.get(self.0.partition_point(|(at, _)| *at <= time_s)).map(|(at, _)| *at)
    }
}

impl Hydrograph {
    /// From (seconds after the start, m3/s) (put in order of time).
    pub fn new(mut entries: Vec<(f64, f64)>) -> Self {
        entries.sort_by(|a, b| a.0.total_cmp(&b.0));
        Self(entries)
    }

    /// m3/s at an instant.
    pub fn discharge_m3_s(&self, time_s: f64) -> f64 {
        let next = self.0.partition_point(|(at, _)| *at <= time_s);
        let before = next.checked_sub(1).and_then(|i| self.0.get(i));
        match (before, self.0.get(next)) {
            (Some((t0, q0)), Some((t1, q1))) => q0 + (q1 - q0) * (time_s - t0) / (t1 - t0),
            (Some((_, q)), None) | (None, Some((_, q))) => *q,
            (None, None) => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rain_holds_until_the_next_entry_and_inflow_is_linear() {
        let rain = Hyetograph::from_mm_h(&[[0.0, 36.0], [600.0, 0.0]]);
        assert_eq!([rain.rate_m_s(0.0), rain.rate_m_s(599.0), rain.rate_m_s(600.0)], [1e-5, 1e-5, 0.0]);
        assert_eq!((rain.next_change_s(0.0), rain.next_change_s(600.0)), (Some(600.0), None));
        let flow = Hydrograph::new(vec![(600.0, 3000.0), (0.0, 0.0), (1200.0, 3000.0), (6000.0, 0.0)]);
        assert_eq!(flow.discharge_m3_s(300.0), 1500.0);
        assert_eq!(flow.discharge_m3_s(900.0), 3000.0);
        assert_eq!(flow.discharge_m3_s(1e5), 0.0);
    }
}
