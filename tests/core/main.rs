//! Tests of everything below the engine: one binary, because linking is what costs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on should stop")]

mod cli;
mod cli_bad_input;
mod cli_batch;
mod cli_packages;
mod cli_rasters;
mod demo;
mod docs_formats;
mod docs_scenes;
mod flood;
mod geodesy;
mod geodesy_gie;
#[cfg(feature = "proj")]
mod geodesy_gie_proj;
#[cfg(feature = "proj")]
mod geodesy_proj;
mod geodesy_wkt;
mod geotiff;
mod gie;
mod glb;
mod gltf_model;
mod import_citygml;
mod import_citygml_cases;
mod import_cityjson;
mod import_flatgeobuf;
mod import_geojson;
mod import_geopackage;
mod import_geoparquet;
mod import_kml;
mod import_map_services;
mod import_mvt;
mod import_network;
mod import_osm;
mod import_placement;
mod import_rasters;
mod import_recipe;
mod import_shapefile;
mod import_zip;
mod indicator;
mod installed;
mod live;
mod live_feeds;
mod live_month;
mod live_sources;
mod mqtt;
mod package;
mod platform_files;
mod play;
mod playback;
mod rasters;
mod scene;
#[cfg(feature = "server")]
mod service_access;
#[cfg(feature = "server")]
mod service_besides;
#[cfg(feature = "server")]
mod service_description;
#[cfg(feature = "server")]
mod service_fuzz;
#[cfg(feature = "server")]
mod service_history;
#[cfg(feature = "server")]
mod service_issuer;
#[cfg(feature = "server")]
mod service_live;
#[cfg(feature = "server")]
mod service_live_mqtt;
#[cfg(feature = "server")]
mod service_ogc;
#[cfg(feature = "server")]
mod service_operations;
#[cfg(feature = "server")]
mod service_queries;
#[cfg(feature = "server")]
mod service_reload;
#[cfg(feature = "server")]
mod service_sta;
#[cfg(feature = "server")]
mod service_store;
#[cfg(feature = "server")]
mod service_tiles;
#[cfg(feature = "server")]
mod service_tls;
#[cfg(feature = "server")]
mod service_viewer;
#[cfg(feature = "server")]
mod service_withheld;
#[cfg(feature = "server")]
mod service_world;
mod shared_data;
mod streaming;
mod terrain;
mod tiler;
mod tiles_check;
mod vector_files;
