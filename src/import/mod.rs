//! Sources of every kind to one city package: importers, footprints to solids, the tiler.

pub mod demo;
