//! Points in time.

use serde::{Deserialize, Serialize};

/// A point in time: microseconds since 1970-01-01T00:00:00Z (UTC, leap seconds not counted, as POSIX).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Timestamp(pub i64);

/// Why a text is not a point in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a date and time: '{0}' (write it like 2026-07-01T06:00:00+08:00)")]
pub struct TimeError(pub String);

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

impl Timestamp {
    /// The point `seconds` (fractions kept to the microsecond) after the epoch.
    pub fn from_seconds(seconds: f64) -> Self {
        Self((seconds * MICROS_PER_SECOND as f64).round() as i64)
    }

    /// Seconds since the epoch.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / MICROS_PER_SECOND as f64
    }

    /// Seconds from `earlier` to this point; negative where this one is earlier.
    pub fn seconds_since(self, earlier: Self) -> f64 {
        self.0.saturating_sub(earlier.0) as f64 / MICROS_PER_SECOND as f64
    }

    /// The point `seconds` later (earlier where negative); saturates at the ends of time.
    pub fn plus_seconds(self, seconds: f64) -> Self {
        Self(self.0.saturating_add((seconds * MICROS_PER_SECOND as f64).round() as i64))
    }

    /// Reads RFC 3339 (`2026-07-01T06:00:00.25+08:00`); a space for `T`, missing seconds, a missing zone (UTC) and a bare
    /// date (midnight UTC) are accepted, because recorded observations are written so.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        parse(text.trim()).ok_or_else(|| TimeError(text.to_owned()))
    }

    /// Seconds by which the clocks are ahead of UTC that a text accepted by [`Self::parse`] is written by.
    pub fn zone_s(text: &str) -> Option<i32> {
        let text = text.trim();
        Self::parse(text).ok()?;
        let (_, ahead_s) = split_zone(text.get(10..).unwrap_or_default())?;
        i32::try_from(ahead_s).ok()
    }

    /// Proleptic Gregorian (year, month 1-12, day 1-31) in UTC.
    pub fn date_utc(self) -> (i64, u32, u32) {
        civil_from_days(self.0.div_euclid(MICROS_PER_SECOND * SECONDS_PER_DAY))
    }

    /// Seconds since midnight UTC, [0, 86400).
    pub fn seconds_of_day_utc(self) -> f64 {
        self.0.rem_euclid(MICROS_PER_SECOND * SECONDS_PER_DAY) as f64 / MICROS_PER_SECOND as f64
    }
}

impl std::fmt::Display for Timestamp {
    /// RFC 3339 in UTC; microseconds only where there are any.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (year, month, day) = self.date_utc();
        let micros = self.0.rem_euclid(MICROS_PER_SECOND * SECONDS_PER_DAY);
        let second = micros / MICROS_PER_SECOND;
        write!(f, "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)?;
        match micros % MICROS_PER_SECOND {
            0 => write!(f, "Z"),
            rest => write!(f, ".{rest:06}Z"),
        }
    }
}

fn parse(text: &str) -> Option<Timestamp> {
    let (date, rest) = text.split_at_checked(10)?;
    let mut fields = date.split('-');
    let year: i64 = digits(fields.next()?)?;
    let (month, day) = (digits(fields.next()?)?, digits(fields.next()?)?);
    if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return None;
    }
    let days = days_from_civil(year, month, day);
    if rest.is_empty() {
        return Some(Timestamp(days * SECONDS_PER_DAY * MICROS_PER_SECOND));
    }
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (clock, offset_seconds) = split_zone(rest)?;
    let (whole, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut fields = whole.split(':');
    let (hour, minute) = (digits(fields.next()?)?, digits(fields.next()?)?);
    let second = fields.next().map_or(Some(0), digits)?;
    if hour > 23 || minute > 59 || second > 60 || fields.next().is_some() {
        return None;
    }
    let micros = match fraction.len() {
        0 => 0,
        n => digits(fraction.get(..n.min(6))?)? * 10_i64.pow(6 - n.min(6) as u32),
    };
    let seconds = days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second - offset_seconds;
    Some(Timestamp(seconds * MICROS_PER_SECOND + micros))
}

/// Splits `06:00:00+08:00` into the clock and the seconds east of UTC.
fn split_zone(text: &str) -> Option<(&str, i64)> {
    if let Some(clock) = text.strip_suffix(['Z', 'z']) {
        return Some((clock, 0));
    }
    let Some(at) = text.rfind(['+', '-']) else { return Some((text, 0)) };
    let (clock, zone) = text.split_at_checked(at)?;
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let zone: String = zone.get(1..)?.chars().filter(|c| *c != ':').collect();
    let hours = digits(zone.get(..2)?)?;
    let minutes = if zone.len() > 2 { digits(zone.get(2..4)?)? } else { 0 };
    (hours <= 18 && minutes < 60 && zone.len() <= 4).then_some((clock, sign * (hours * 3600 + minutes * 60)))
}

fn digits(text: &str) -> Option<i64> {
    (!text.is_empty() && text.len() <= 9 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a proleptic Gregorian date (H. Hinnant, "chrono-compatible low-level date algorithms").
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y.rem_euclid(400);
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month as u32, day as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_rfc_3339() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
            ("2026-07-01T06:00:00+08:00", "2026-06-30T22:00:00Z"),
            ("2026-07-01 06:00", "2026-07-01T06:00:00Z"),
            ("2024-02-29", "2024-02-29T00:00:00Z"),
            ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.500000Z"),
        ] {
            assert_eq!(Timestamp::parse(text).unwrap().to_string(), expected);
        }
    }

    #[test]
    fn a_time_says_by_which_clocks_it_is() {
        let zones = ["2026-07-01T06:00:00+02:00", "2026-07-01 06:00 ", "2026-01-01T00:00-03:30", "2026-01-01Z", "soon"];
        let expected = [Some(7200), Some(0), Some(-12_600), None, None];
        assert_eq!(zones.map(Timestamp::zone_s), expected);
    }

    #[test]
    fn refuses_what_is_no_date() {
        for text in
            ["", "now", "2026-13-01", "2025-02-29", "2026-07-01T25:00", "2026-07-01T06:00+99:00", "２０２６-07-01"]
        {
            assert!(Timestamp::parse(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn round_trips(micros in -60_000_000_000_000_000_i64..200_000_000_000_000_000) {
            let time = Timestamp(micros);
            proptest::prop_assert_eq!(Timestamp::parse(&time.to_string()).unwrap(), time);
        }
    }
}
