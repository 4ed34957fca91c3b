//! Parameters of a request, read strictly: one that is unknown, twice there, or not UTF-8 is a problem.

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use utoipa::openapi::schema::Type;
use utoipa::openapi::{Object, ObjectBuilder};

use super::{Problem, ProblemKind};

/// What stands after `?`.
pub(super) struct Asked<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        if !is_utf8(parts.uri.query().unwrap_or_default()) {
            return Err(Problem::new(ProblemKind::BadRequest, "the parameters are not UTF-8"));
        }
        let read = Query::<T>::try_from_uri(&parts.uri);
        let Query(asked) = read.map_err(|refused| {
            let cause = refused.body_text();
            let cause = cause.strip_prefix("Failed to deserialize query string: ").unwrap_or(&cause);
            Problem::new(ProblemKind::BadRequest, cause)
        })?;
        Ok(Self(asked))
    }
}

/// For [`Asked`] where no parameter is known.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// The parts of the address that stand for names.
pub(super) struct Named<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = Path::<T>::from_request_parts(parts, state).await;
        let Path(named) = read.map_err(|_| Problem::new(ProblemKind::BadRequest, "the address is not UTF-8"))?;
        Ok(Self(named))
    }
}

/// Whether percent-encoded text is UTF-8 when it is decoded.
fn is_utf8(encoded: &str) -> bool {
    let mut bytes = encoded.bytes();
    let mut decoded = Vec::with_capacity(encoded.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(bytes.next()), digit(bytes.next())) else { return false };
        decoded.push((high * 16 + low) as u8);
    }
    std::str::from_utf8(&decoded).is_ok()
}

/// A count of any length: more than can be counted is as much as can be counted.
pub(super) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(serde::de::Error::custom("not a whole number from 0"));
    }
    Ok(Some(text.parse().unwrap_or(usize::MAX)))
}

/// In the description: a whole number from 1, of any length.
pub(super) fn from_one() -> Object {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).build()
}

/// In the description: a whole number from 0, of any length.
pub(super) fn from_zero() -> Object {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).build()
}

/// Numbers by commas, as many as `N` says, finite.
pub(super) fn numbers<const N: usize>(name: &str, text: &str, form: &str) -> Result<[f64; N], Problem> {
    let numbers: Option<Vec<f64>> = text.split(',').map(number).collect();
    let numbers = numbers.and_then(|numbers| <[f64; N]>::try_from(numbers).ok());
    numbers.ok_or_else(|| Problem::new(ProblemKind::BadRequest, format!("{name}: not {form}")))
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse::<f64>().ok().filter(|number| number.is_finite())
}

/// Longitude and latitude, degrees.
pub(super) fn on_earth(name: &str, longitude: f64, latitude: f64) -> Result<(), Problem> {
    if longitude.abs() > 180.0 || latitude.abs() > 90.0 {
        let cause = format!("{name}: not on the earth: longitude comes first, then latitude, in degrees");
        return Err(Problem::new(ProblemKind::BadRequest, cause));
    }
    Ok(())
}

/// A box: west, south, east, north in degrees, and the lowest and highest metres above the ellipsoid where they are given.
pub(super) struct AskedBox {
    pub degrees: [f64; 4],
    pub heights: Option<[f64; 2]>,
}

impl AskedBox {
    /// Reads `W,S,E,N` or `W,S,LOW,E,N,HIGH` (OGC 17-069r4, 7.15.3). West may be greater than east: the box goes over the
    /// antimeridian then.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let form = "four numbers (west, south, east, north) or six (west, south, lowest, east, north, highest)";
        let (degrees, heights) = if text.split(',').count() == 6 {
            let [west, south, low, east, north, high] = numbers("bbox", text, form)?;
            ([west, south, east, north], Some([low, high]))
        } else {
            (numbers("bbox", text, form)?, None)
        };
        let [west, south, east, north] = degrees;
        on_earth("bbox", west, south)?;
        on_earth("bbox", east, north)?;
        if south > north || heights.is_some_and(|[low, high]| low > high) {
            return Err(Problem::new(
                ProblemKind::BadRequest,
                "bbox: south is north of north, or lowest above highest",
            ));
        }
        Ok(Self { degrees, heights })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_text_is_utf8_or_not() {
        assert!(is_utf8("where=a%20%3e%201&text=%E6%9D%B1") && is_utf8(""));
        for wrong in ["a=%ff", "a=%e6%9d", "a=%", "a=%4", "a=%zz", "a=%c0%af"] {
            assert!(!is_utf8(wrong), "{wrong}");
        }
    }

    #[test]
    fn boxes_have_four_or_six_finite_numbers() {
        assert_eq!(AskedBox::parse("170,-20,-170,-10").ok().map(|b| b.degrees), Some([170.0, -20.0, -170.0, -10.0]));
        assert_eq!(AskedBox::parse("1,2,-5,3,4,90").ok().and_then(|b| b.heights), Some([-5.0, 90.0]));
        for wrong in
            ["", "1,2,3", "1,2,3,4,5", "1,2,NaN,4", "1,2,1e999,4", "1,4,3,2", "1,91,3,92", "1,2,9,3,4,8", "a,b,c,d"]
        {
            assert!(AskedBox::parse(wrong).is_err(), "{wrong}");
        }
    }
}
