//! A city on disk, as bytes: manifest, object table, spatial index, tile addresses. No files are touched here.
