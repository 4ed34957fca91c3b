//! Compressed bodies: which one a client takes, and making them (RFC 9110 section 12.5.3).

use std::io::Write;

use axum::http::{HeaderMap, header};

/// How a body is compressed, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
    /// RFC 1952.
    Gzip,
}

/// Shorter bodies are not worth it.
const LEAST_BYTES: usize = 256;
/// Longer ones hold a core for too long.
const MOST_BYTES: usize = 32 << 20;
/// Compression that saves less than this part is left out: clients would work for nothing.
const LEAST_GAIN: f64 = 0.05;

impl Encoding {
    const ALL: [Self; 3] = [Self::Brotli, Self::Zstd, Self::Gzip];

    /// As `Content-Encoding` calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }

    /// The encoding that the client likes best; ours among those that it likes as much. `None`: as the file is.
    pub fn accepted(headers: &HeaderMap) -> Option<Self> {
        let lines = headers.get_all(header::ACCEPT_ENCODING).iter();
        let text: Vec<&str> = lines.filter_map(|line| line.to_str().ok()).collect();
        let liking = |name: &str| {
            let mut any = 0.0;
            for (coding, quality) in text.iter().flat_map(|line| line.split(',')).map(weighted) {
                if coding.eq_ignore_ascii_case(name) || (name == "gzip" && coding.eq_ignore_ascii_case("x-gzip")) {
                    return quality;
                }
                if coding == "*" {
                    any = quality;
                }
            }
            any
        };
        let mut best = (None, 0.0);
        for encoding in Self::ALL {
            let liked = liking(encoding.name());
            if liked > best.1 {
                best = (Some(encoding), liked);
            }
        }
        best.0
    }

    /// The bytes compressed; `None` where that gains too little.
    pub fn compressed(self, bytes: &[u8]) -> std::io::Result<Option<Vec<u8>>> {
        if !(LEAST_BYTES..=MOST_BYTES).contains(&bytes.len()) {
            return Ok(None);
        }
        // Each file is compressed once: levels that take a moment and not a minute.
        let made = match self {
            Self::Brotli => {
                let parameters = brotli::enc::BrotliEncoderParams { quality: 6, ..Default::default() };
                let mut made = Vec::new();
                brotli::BrotliCompress(&mut &*bytes, &mut made, &parameters)?;
                made
            }
            Self::Zstd => zstd::bulk::compress(bytes, 9)?,
            Self::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
                encoder.write_all(bytes)?;
                encoder.finish()?
            }
        };
        let gains = made.len() as f64 <= bytes.len() as f64 * (1.0 - LEAST_GAIN);
        Ok(gains.then_some(made))
    }
}

/// `gzip;q=0.5`: a coding and how much it is liked; 1 where it does not say, 0 where that cannot be read.
fn weighted(part: &str) -> (&str, f64) {
    let (coding, parameters) = part.split_once(';').unwrap_or((part, ""));
    let quality = parameters.trim().strip_prefix("q=").map_or(1.0, |q| q.trim().parse().unwrap_or(0.0));
    (coding.trim(), quality)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(text: &str) -> Option<&'static str> {
        let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, text.parse().unwrap())]);
        Encoding::accepted(&headers).map(Encoding::name)
    }

    #[test]
    fn the_clients_wish_counts() {
        assert_eq!(accepted("gzip, deflate, br, zstd"), Some("br"));
        assert_eq!(accepted("gzip;q=1.0, br;q=0.2"), Some("gzip"));
        assert_eq!(accepted("br;q=0, *"), Some("zstd"));
        assert_eq!(accepted("*;q=0"), None);
        assert_eq!(accepted("identity"), None);
        assert_eq!(accepted("deflate"), None);
        assert_eq!(accepted("BR"), Some("br"));
        assert_eq!(accepted("br;q=x, gzip;q=NaN"), None);
        assert_eq!(Encoding::accepted(&HeaderMap::new()), None);
    }

    #[test]
    fn only_what_gains_is_compressed() {
        let mut seed = 1_u64;
        let mut next = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 56) as u8
        };
        let random: Vec<u8> = (0..4_000).map(|_| next()).collect();
        for encoding in Encoding::ALL {
            assert_eq!(encoding.compressed(&random).unwrap(), None, "{}", encoding.name());
            assert!(encoding.compressed(&[b' '; 4_000]).unwrap().is_some_and(|made| made.len() < 100));
            assert_eq!(encoding.compressed(&[b' '; 100]).unwrap(), None);
        }
    }
}
