//! `GDAL_METADATA`: what GDAL writes of the bands, in a little XML of its own.

use std::collections::BTreeMap;

/// What it says of the bands, each by its number.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BandMetadata {
    /// The value is `scale * sample + offset`.
    pub scales: BTreeMap<u16, f64>,
    /// See `scales`.
    pub offsets: BTreeMap<u16, f64>,
    /// Metres in one unit of the values.
    pub units_m: BTreeMap<u16, f64>,
    /// `red`, `green`, `blue`, `alpha`, `gray`.
    pub colors: BTreeMap<u16, String>,
    /// What the band is: `geoid_undulation`.
    pub descriptions: BTreeMap<u16, String>,
}

impl BandMetadata {
    /// Reads the items of `<Item name="SCALE" sample="0" role="scale">0.1</Item>`; what is not of this form is left out.
    pub fn read(text: &str) -> Self {
        let mut found = Self::default();
        for item in text.split("<Item").skip(1) {
            let Some((attributes, rest)) = item.split_once('>') else { continue };
            let value = rest.split('<').next().unwrap_or_default().trim();
            let attribute = |name: &str| {
                let (_, rest) = attributes.split_once(&format!("{name}=\""))?;
                rest.split('"').next()
            };
            let Some(band) = attribute("sample").and_then(|band| band.parse().ok()) else { continue };
            let number = || value.parse().ok().filter(|number: &f64| number.is_finite());
            match attribute("role") {
                Some("scale") => drop(number().map(|number| found.scales.insert(band, number))),
                Some("offset") => drop(number().map(|number| found.offsets.insert(band, number))),
                Some("unittype") => drop(unit_m(value).map(|metres| found.units_m.insert(band, metres))),
                Some("colorinterp") => drop(found.colors.insert(band, value.to_ascii_lowercase())),
                Some("description") => drop(found.descriptions.insert(band, value.to_owned())),
                _ => {}
            }
        }
        found
    }

    /// The value of a sample of a band.
    pub fn value(&self, band: u16, sample: f64) -> f64 {
        let (scale, offset) = (self.scales.get(&band).unwrap_or(&1.0), self.offsets.get(&band).unwrap_or(&0.0));
        sample * scale + offset
    }
}

fn unit_m(words: &str) -> Option<f64> {
    match words.to_ascii_lowercase().as_str() {
        "m" | "metre" | "metres" | "meter" | "meters" => Some(1.0),
        "cm" | "centimetre" | "centimeter" => Some(0.01),
        "ft" | "foot" | "feet" => Some(0.3048),
        "us survey foot" | "us-ft" | "us_ft" | "us survey feet" | "ftus" => Some(1200.0 / 3937.0),
        "km" => Some(1000.0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_of_bands_are_read_and_others_left_out() {
        let text = "<GDALMetadata><Item name=\"TYPE\">X</Item><Item name=\"SCALE\" sample=\"1\" role=\"scale\">0.1</Item>\
            <Item name=\"OFFSET\" sample=\"1\" role=\"offset\">-5</Item><Item sample=\"0\" role=\"unittype\">ft</Item>\
            <Item sample=\"3\" role=\"colorinterp\">Alpha</Item><Item sample=\"x\" role=\"scale\">9</Item><Item";
        let found = BandMetadata::read(text);
        assert_eq!((found.value(1, 100.0), found.value(0, 100.0)), (5.0, 100.0));
        assert_eq!((found.units_m.get(&0), found.colors.get(&3).map(String::as_str)), (Some(&0.3048), Some("alpha")));
    }
}
