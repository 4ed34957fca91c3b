//! Where a package is written to.

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
