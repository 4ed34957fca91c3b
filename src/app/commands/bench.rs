//! `veduta bench`: what this machine does in a second, as JSON.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;

use crate::app::cli::BenchArgs;
use crate::import::tiler::bench_tiler;
use crate::live::bench_live;
use crate::package::bench_queries;
use crate::platform::FileScratch;
use crate::scenario::bench_city_live;
use crate::sim::flood::bench_flood;

/// Objects and updates of the live benchmark.
const LIVE: (u32, u32) = (100_000, 1_000_000);

/// Buildings of the tiler's benchmark: as many as the sample of Tokyo has.
const BUILDINGS: usize = 300_000;

/// Cells along an edge, and steps, of the flood benchmark.
const FLOOD: (usize, u64) = (1024, 200);

pub fn run(arguments: &BenchArgs) -> Result<ExitCode> {
    let begin = Instant::now();
    let clock = || begin.elapsed().as_secs_f64();
    let wanted = |name: &str| arguments.name.as_deref().is_none_or(|only| only == name);
    let mut facts = serde_json::Map::new();
    if wanted("live") {
        facts.insert("live".to_owned(), serde_json::to_value(bench_live(LIVE.0, LIVE.1, &clock)?)?);
        facts.insert("city_live".to_owned(), serde_json::to_value(bench_city_live(LIVE.0, LIVE.1, &clock)?)?);
    }
    if wanted("flood") {
        facts.insert("flood".to_owned(), serde_json::to_value(bench_flood(FLOOD.0, FLOOD.1, &clock)?)?);
    }
    if wanted("tiler") {
        let scratch = Box::new(FileScratch::beside(&std::env::temp_dir().join("bench.city"))?);
        facts.insert("tiler".to_owned(), serde_json::to_value(bench_tiler(BUILDINGS, scratch, &clock)?)?);
    }
    if let Some(path) = &arguments.city {
        let start = clock();
        let city = super::open_city(path)?;
        facts.insert("open_ms".to_owned(), ((clock() - start) * 1e3).into());
        facts.insert("query".to_owned(), serde_json::to_value(bench_queries(&city, &clock)?)?);
    }
    say!("{}", serde_json::to_string_pretty(&facts)?);
    Ok(ExitCode::SUCCESS)
}
