//! Where a package is written to.

use xxhash_rust::xxh3::Xxh3;

/// Takes the files of a package, each once, in any order. Nothing is visible to readers until the host commits it.
///
/// ```
/// use veduta::package::PackageSink;
/// let mut files = std::collections::BTreeMap::<String, Vec<u8>>::new();
/// files.write("city.toml", b"format_version = 1\n").unwrap();
/// assert_eq!(files["city.toml"], b"format_version = 1\n");
/// ```
pub trait PackageSink {
    /// Keeps `bytes` under `name`.
    fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), SinkError>;
}

/// Why bytes were not kept: disk full, folder read-only.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot write: {cause}: {name}")]
pub struct SinkError {
    /// What the store said.
    pub cause: String,
    /// What was written.
    pub name: String,
}

impl PackageSink for std::collections::BTreeMap<String, Vec<u8>> {
    fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), SinkError> {
        self.insert(name.to_owned(), bytes.to_vec());
        Ok(())
    }
}

/// A sink that knows at the end what has been written: the sum (modulo 2^128) of XXH3-128 of each file's name and bytes, so
/// that the order of writing does not matter and nothing of a million files has to be kept.
pub struct HashedSink<'s> {
    sink: &'s mut dyn PackageSink,
    sum: u128,
}

impl<'s> HashedSink<'s> {
    /// Writes to another sink.
    pub fn new(sink: &'s mut dyn PackageSink) -> Self {
        Self { sink, sum: 0 }
    }

    /// What has been written until now, hexadecimal.
    pub fn content(&self) -> String {
        format!("{:032x}", self.sum)
    }
}

impl PackageSink for HashedSink<'_> {
    fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), SinkError> {
        let mut hash = Xxh3::new();
        hash.update(name.as_bytes());
        // A zero is in no name.
        hash.update(&[0]);
        hash.update(bytes);
        self.sum = self.sum.wrapping_add(hash.digest128());
        self.sink.write(name, bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn other_bytes_are_another_content_and_another_order_is_not() {
        let content = |files: &[(&str, &[u8])]| {
            let mut kept = BTreeMap::new();
            let mut sink = HashedSink::new(&mut kept);
            files.iter().for_each(|(name, bytes)| sink.write(name, bytes).unwrap());
            let content = sink.content();
            assert_eq!(kept.len(), files.len());
            content
        };
        let two = content(&[("a", b"1"), ("b", b"2")]);
        assert_eq!(two, content(&[("b", b"2"), ("a", b"1")]));
        let others =
            [vec![("a", &b"1"[..])], vec![("a", b"2"), ("b", b"1")], vec![("a1", b""), ("b", b"2")], Vec::new()];
        assert!(others.iter().all(|files| content(files) != two));
    }
}
