//! What can go wrong between two coordinate reference systems.

/// Why coordinates could not be brought from one CRS to another.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GeodesyError {
    /// The text names no CRS.
    #[error(
        "'{text}' is no coordinate reference system; write {}, OGC:CRS84, GCJ02, BD09 or the name of a city CRS",
        epsg(text)
    )]
    NotACrs {
        /// What was given.
        text: String,
    },
    /// A definition (WKT, PROJJSON) that gives no CRS.
    #[error("its definition of a coordinate reference system cannot be used: {cause}; give one with --crs ({text})")]
    BadDefinition {
        /// What is wrong with it.
        cause: String,
        /// Its beginning.
        text: String,
    },
    /// The CRS is well written but neither the registry nor the backend knows it.
    #[error(
        "the coordinate reference system {crs} is not known here; give one that is with --crs, or describe it as a city CRS, \
         [crs.NAME] of an import recipe{known}"
    )]
    UnknownCrs {
        /// The CRS.
        crs: String,
        /// City CRS that are known, as the end of the sentence; empty where there are none.
        known: String,
    },
    /// PROJ is there without a database that it can read.
    #[error(
        "PROJ cannot read its database proj.db, so it knows no EPSG code: unset PROJ_DATA and PROJ_LIB to use the one that is \
         built in, or set PROJ_DATA to the folder of PROJ 9.6 or later ({cause})"
    )]
    NoDatabase {
        /// What PROJ said.
        cause: String,
    },
    /// Both are known, but not the way between them.
    #[error("there is no coordinate operation from {from} to {to}: {cause}")]
    NoOperation {
        /// Source CRS.
        from: String,
        /// Target CRS.
        to: String,
        /// What the backend said.
        cause: String,
    },
    /// The parameters of a city CRS make no sense.
    #[error("the city CRS '{name}' cannot be used: {cause}")]
    BadCityCrs {
        /// Its name.
        name: String,
        /// What is wrong with it.
        cause: String,
    },
    /// A geoid model could not be read.
    #[error("this is no {format} geoid model: {cause}")]
    BadGeoid {
        /// The format that was expected.
        format: &'static str,
        /// What is wrong with it.
        cause: String,
    },
}

/// How an EPSG code is written: that of a bare number, where that is what was given.
fn epsg(text: &str) -> String {
    let is_code = !text.is_empty() && text.len() <= 6 && text.bytes().all(|b| b.is_ascii_digit());
    format!("EPSG:{}", if is_code { text } else { "CODE" })
}
