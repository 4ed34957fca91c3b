//! Places as people type them: degrees, longitude first.

use anyhow::{Context, Result, bail};

/// Exactly `N` numbers, by commas.
pub fn numbers<const N: usize>(text: &str, form: &str) -> Result<[f64; N]> {
    let parsed: Result<Vec<f64>, _> = text.split(',').map(|part| part.trim().parse::<f64>()).collect();
    let values = parsed.ok().filter(|values| values.iter().all(|v| v.is_finite()));
    let values = values.with_context(|| format!("'{text}' is not {form}"))?;
    <[f64; N]>::try_from(values).ok().with_context(|| format!("'{text}' is not {form}"))
}

/// Longitude and latitude, degrees.
pub fn longitude_latitude(text: &str) -> Result<[f64; 2]> {
    let [longitude, latitude] = numbers(text, "LON,LAT in degrees")?;
    if longitude.abs() > 180.0 || latitude.abs() > 90.0 {
        bail!("'{text}' is not on the earth: longitude comes first, then latitude");
    }
    Ok([longitude, latitude])
}

/// West, south, east, north, degrees.
pub fn west_south_east_north(text: &str) -> Result<[f64; 4]> {
    let bounds: [f64; 4] = numbers(text, "W,S,E,N in degrees")?;
    let [west, south, east, north] = bounds;
    if west > east || south > north || west < -180.0 || east > 180.0 || south < -90.0 || north > 90.0 {
        bail!("'{text}' is no box on the earth: west, south, east, north in degrees");
    }
    Ok(bounds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(longitude_latitude(" 139.7, 35.6").unwrap(), [139.7, 35.6]);
        for wrong in ["", "1", "1,2,3", "a,b", "NaN,1", "35.6,139.7"] {
            assert!(longitude_latitude(wrong).is_err(), "{wrong}");
        }
        assert!(west_south_east_north("2,0,1,1").is_err());
    }
}
