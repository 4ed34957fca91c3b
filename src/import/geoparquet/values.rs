//! What a value of a column means.

use super::column::Datum;
use super::footer::{Leaf, Meaning, Physical};
use crate::city::Value;
use crate::quantity::Timestamp;

/// Microseconds of a day, and in a second.
const DAY: i64 = 86_400_000_000;
const SECOND: i64 = 1_000_000;
/// The Julian day of 1970-01-01.
const EPOCH: i64 = 2_440_588;

/// The attribute's value: dates and times as ISO 8601 has them; bytes that are no text are nothing.
pub(super) fn value(leaf: &Leaf, datum: Datum<'_>) -> Value {
    match (leaf.meaning, datum) {
        (_, Datum::Bool(truth)) => Value::Bool(truth),
        (_, Datum::Float(number)) => Value::from(number),
        (Meaning::Decimal(scale), Datum::Int(number)) => decimal(i128::from(number), scale),
        (Meaning::Decimal(scale), Datum::Bytes(bytes)) => decimal(whole(bytes), scale),
        (Meaning::Date, Datum::Int(days)) => {
            let midnight = Timestamp(days.saturating_mul(DAY)).to_string();
            Value::Text(midnight.split('T').next().unwrap_or_default().to_owned())
        }
        (Meaning::Time(parts), Datum::Int(number)) => {
            let micros = i128::from(number) * i128::from(SECOND) / i128::from(parts);
            Value::Text(Timestamp(i64::try_from(micros).unwrap_or(i64::MAX)).to_string())
        }
        (Meaning::Unsigned, Datum::Int(number)) if number < 0 => match leaf.physical {
            Physical::Int32 => Value::Int(i64::from(number as i32 as u32)),
            _ => Value::from(number as u64 as f64),
        },
        (_, Datum::Int(number)) => Value::Int(number),
        (_, Datum::Bytes(bytes)) if leaf.physical == Physical::Int96 => old_time(bytes),
        (Meaning::Text, Datum::Bytes(bytes)) => Value::Text(String::from_utf8_lossy(bytes).into_owned()),
        // Some writers do not say that their bytes are text.
        (_, Datum::Bytes(bytes)) => std::str::from_utf8(bytes).map_or(Value::Null, Value::from),
    }
}

fn decimal(number: i128, scale: u32) -> Value {
    match (scale, i64::try_from(number)) {
        (0, Ok(number)) => Value::Int(number),
        _ => Value::from(number as f64 / 10_f64.powi(scale as i32)),
    }
}

/// A whole number of so many bytes, the highest first, with a sign.
fn whole(bytes: &[u8]) -> i128 {
    let start = if bytes.first().is_some_and(|byte| *byte >= 0x80) { -1 } else { 0 };
    bytes.iter().take(16).fold(start, |number: i128, byte| (number << 8) | i128::from(*byte))
}

/// Nanoseconds of the day and the Julian day, as Impala writes times.
fn old_time(bytes: &[u8]) -> Value {
    let (Some(nanos), Some(day)) = (bytes.first_chunk().map(|b| i64::from_le_bytes(*b)), bytes.last_chunk()) else {
        return Value::Null;
    };
    let days = i64::from(i32::from_le_bytes(*day)) - EPOCH;
    Value::Text(Timestamp(days.saturating_mul(DAY).saturating_add(nanos / 1000)).to_string())
}
