//! What can be typed. Each command is a struct with the words of its help; `commands/` does what it says.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::import::demo::DemoSize;
use crate::import::{IMPORTERS, Importer};

/// Veduta: loads a city, draws it, binds live data to it and plays what may happen to it.
#[derive(Debug, Parser)]
#[command(name = "veduta", version, about, long_about = None, max_term_width = 110)]
#[command(
    after_help = "`veduta` alone makes and opens the demo city.\nExample: veduta import buildings.city.json -o city.city && veduta info city.city"
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    /// More words on stderr: -v progress of each part, -vv everything
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,
    /// How log lines on stderr are written
    #[arg(long, value_enum, default_value = "text", global = true, env = "VEDUTA_LOG_FORMAT")]
    pub log_format: LogFormat,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make the demo city and open it
    #[command(after_help = "Example: veduta demo --headless --size city -o out")]
    Demo(DemoArgs),
    /// Bring sources into one city package
    #[command(after_help = "Example: veduta import buildings.geojson dem.tif image.tif -o town.city --crs EPSG:4547")]
    Import(ImportArgs),
    /// Say what a package, source or scene holds
    #[command(after_help = "Example: veduta info tokyo.city --json")]
    Info(InfoArgs),
    /// Join the parts that `import --partition` made
    #[command(after_help = "Example: veduta merge part-1 part-2 -o city.city")]
    Merge(MergeArgs),
    /// Say which objects were added, removed or changed from one package to another
    #[command(after_help = "Example: veduta diff city-2025.city city-2026.city --limit 20")]
    Diff(DiffArgs),
    /// Validate a source, package, scene, scenario or serve.toml; exit code 1 where there is an error
    #[command(after_help = "Example: veduta check tokyo.city")]
    Check(CheckArgs),
    /// Find objects by id, place, attribute or words
    #[command(
        after_help = "Example: veduta query tokyo.city --bbox 139.74,35.67,139.76,35.69 --where \"height > 100 and class = 'Building'\""
    )]
    Query(QueryArgs),
    /// Draw a picture of a scene or package without a window
    #[command(
        after_help = "Example: veduta render tokyo.city -o tokyo.png --size 1280x720 --at 2026-07-01T18:30:00+09:00"
    )]
    Render(RenderArgs),
    /// Open a scene or package in a window
    #[command(after_help = "Example: veduta view tokyo.city --memory 1024")]
    View(ViewArgs),
    /// Serve packages and scenes over HTTP and WebSocket, with the browser viewer
    #[command(after_help = "Example: veduta serve tokyo.city --listen 127.0.0.1:8080")]
    Serve(ServeArgs),
    /// Play a scenario in a window, or write its frames, figures and event log
    #[command(after_help = "Example: veduta play scenes/demo.scenario.toml --headless --out run")]
    Play(PlayArgs),
    /// Run a simulation of a scenario to a recording
    #[command(after_help = "Example: veduta simulate scenes/demo.scenario.toml -o storm.run")]
    Simulate(SimulateArgs),
    /// Measure this machine with the product's own benchmarks; JSON out
    #[command(after_help = "Example: veduta bench live")]
    Bench(BenchArgs),
}

#[derive(Debug, Args, Default)]
pub struct DemoArgs {
    /// Draw a picture instead of opening a window
    #[arg(long)]
    pub headless: bool,
    /// Same seed, same city
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// small (about 2 000 buildings), city (50 000) or metro (1 000 000)
    #[arg(long, value_parser = demo_size, default_value = "small")]
    pub size: DemoSize,
    /// Folder for the package and the picture [default: a cache folder, and the picture here]
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
}

fn demo_size(name: &str) -> Result<DemoSize, String> {
    DemoSize::from_name(name).ok_or_else(|| format!("expected one of {}", DemoSize::ALL.map(|(n, _)| n).join(", ")))
}

#[derive(Debug, Args)]
pub struct ImportArgs {
    #[arg(required_unless_present = "recipe", value_name = "SOURCE", help = sources())]
    pub sources: Vec<PathBuf>,
    /// The package to write (a folder)
    #[arg(short, long, value_name = "CITY")]
    pub output: PathBuf,
    /// CRS of sources that do not say it, as EPSG:N
    #[arg(long, value_name = "EPSG:N")]
    pub crs: Option<String>,
    /// Geoid model (GTX, GeoTIFF, WW15MGH.DAC) for heights above the sea, of sources whose recipe names none
    #[arg(long, value_name = "FILE")]
    pub geoid: Option<PathBuf>,
    /// What to know about sources that they do not say themselves: CRS, heights, attributes (docs/import.md)
    #[arg(long, value_name = "import.toml")]
    pub recipe: Option<PathBuf>,
    /// Do nothing where the package was made of the same sources with the same settings
    #[arg(long)]
    pub update: bool,
    /// Name of the city [default: the package's file name]
    #[arg(long)]
    pub name: Option<String>,
    /// Make only part I of N, to be joined by `veduta merge`: the same command on several machines
    #[arg(long, value_name = "I/N", value_parser = partition, requires = "name")]
    pub partition: Option<Partition>,
    /// Print the summary as JSON
    #[arg(long)]
    pub json: bool,
}

/// What can be imported, from the table of importers.
fn sources() -> String {
    let of = |importer: &&dyn Importer| format!("{} ({})", importer.title(), importer.patterns().join(" "));
    format!("Files or folders:\n{}", IMPORTERS.iter().map(of).collect::<Vec<_>>().join(",\n"))
}

#[derive(Debug, Args)]
pub struct InfoArgs {
    /// Package, source, scene or recorded simulation
    pub path: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// A part of a whole, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    pub number: u32,
    pub of: u32,
}

fn partition(text: &str) -> Result<Partition, String> {
    let wrong = || format!("expected I/N with I from 1 to N, such as 1/4, not '{text}'");
    let (number, of) = text.split_once('/').ok_or_else(wrong)?;
    let (number, of): (u32, u32) = (number.parse().map_err(|_| wrong())?, of.parse().map_err(|_| wrong())?);
    if (1..=of).contains(&number) { Ok(Partition { number: number - 1, of }) } else { Err(wrong()) }
}

#[derive(Debug, Args)]
pub struct MergeArgs {
    /// Folders that `import --partition` made, all of them
    #[arg(required = true, value_name = "PART")]
    pub parts: Vec<PathBuf>,
    /// The package to write (a folder)
    #[arg(short, long, value_name = "CITY")]
    pub output: PathBuf,
}

#[derive(Debug, Args)]
pub struct DiffArgs {
    /// The package as it was
    pub old: PathBuf,
    /// The package as it is
    pub new: PathBuf,
    /// Tell of so many objects at most; all are counted
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Print a line of JSON an object, and one with the counts
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Source, package, scene, scenario, recorded simulation, serve.toml or audit log
    pub path: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// How query results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum QueryFormat {
    /// One JSON document: rows with id, class, name, attributes
    Json,
    /// GeoJSON FeatureCollection with footprints
    Geojson,
    /// Comma-separated, one row an object
    Csv,
}

#[derive(Debug, Args)]
pub struct QueryArgs {
    /// City package
    pub city: PathBuf,
    /// The object with this id
    #[arg(long)]
    pub id: Vec<String>,
    /// Objects at a point
    #[arg(long, value_name = "LON,LAT", allow_hyphen_values = true)]
    pub at: Option<String>,
    /// Objects that touch a box
    #[arg(long, value_name = "W,S,E,N", allow_hyphen_values = true)]
    pub bbox: Option<String>,
    /// Objects that touch the polygons of a GeoJSON file
    #[arg(long, value_name = "FILE.geojson")]
    pub within: Option<PathBuf>,
    /// Objects around a point, with --radius
    #[arg(long, value_name = "LON,LAT", requires = "radius", allow_hyphen_values = true)]
    pub near: Option<String>,
    /// Metres around --near
    #[arg(long, value_name = "M", requires = "near")]
    pub radius: Option<f64>,
    /// Objects whose box a ray meets, nearest first; heading clockwise from north, pitch up, degrees
    #[arg(long, value_name = "LON,LAT,H,HEADING,PITCH", allow_hyphen_values = true)]
    pub ray: Option<String>,
    /// Objects for which an expression over attributes is true
    #[arg(long = "where", value_name = "EXPR")]
    pub filter: Option<String>,
    /// Objects with these words in name, id or attributes
    #[arg(long, value_name = "WORDS")]
    pub text: Option<String>,
    /// Objects of a class
    #[arg(long, value_name = "C")]
    pub class: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// How results are written
    #[arg(long, value_enum, default_value = "json")]
    pub format: QueryFormat,
}

/// What the commands that draw have in common.
#[derive(Debug, Clone, Args)]
pub struct SceneArgs {
    /// Variant of a scenario
    #[arg(long, value_name = "NAME")]
    pub variant: Option<String>,
    /// Hard limit for tile data, CPU and GPU together, MiB
    #[arg(long, value_name = "MIB", default_value_t = 1024, value_parser = clap::value_parser!(u64).range(16..=1 << 20))]
    pub memory: u64,
}

#[derive(Debug, Args)]
pub struct RenderArgs {
    /// Scene, scenario or package
    pub path: PathBuf,
    #[command(flatten)]
    pub scene: SceneArgs,
    /// The picture to write
    #[arg(short, long, value_name = "OUT.png", value_parser = png_path)]
    pub output: PathBuf,
    /// Width and height in pixels
    #[arg(long, value_name = "WxH", default_value = "1280x720", value_parser = picture_size)]
    pub size: (u32, u32),
    /// Name of a camera of the scene, or longitude, latitude, height above the ellipsoid, heading and pitch
    #[arg(long, value_name = "NAME|LON,LAT,H,HEADING,PITCH", allow_hyphen_values = true)]
    pub camera: Option<String>,
    /// Sun and play of this time (RFC 3339); what comes from connections is of now
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Highlight an object and show its attributes
    #[arg(long, value_name = "ID")]
    pub select: Option<String>,
    /// Write counters (tiles, bytes, frames, milliseconds) as JSON
    #[arg(long, value_name = "FILE.json")]
    pub stats: Option<PathBuf>,
}

/// Where a picture is written.
fn png_path(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match path.extension() {
        Some(extension) if extension.eq_ignore_ascii_case("png") => Ok(path),
        _ => Err("pictures are PNG: write a name that ends with .png".to_owned()),
    }
}

/// Pixels of a picture, `1280x720`.
pub fn picture_size(text: &str) -> Result<(u32, u32), String> {
    let sizes = text.split_once(['x', 'X']).and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
    match sizes {
        Some((w @ 16..=16_384, h @ 16..=16_384)) => Ok((w, h)),
        _ => Err("expected WIDTHxHEIGHT between 16x16 and 16384x16384".to_owned()),
    }
}

#[derive(Debug, Args)]
pub struct ViewArgs {
    /// Scene, scenario or package
    pub path: PathBuf,
    #[command(flatten)]
    pub scene: SceneArgs,
    /// Full screen, without panels that need a mouse
    #[arg(long)]
    pub kiosk: bool,
}

#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// Packages, scenes and scenarios; s3://BUCKET/PREFIX for a package in an object store
    #[arg(required_unless_present_any = ["config", "hash_token"], value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Address and port [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR", env = "VEDUTA_LISTEN")]
    pub listen: Option<String>,
    /// A serve.toml; read again on SIGHUP
    #[arg(long, value_name = "FILE", env = "VEDUTA_SERVE_CONFIG")]
    pub config: Option<PathBuf>,
    /// Folder of the viewer's page [default: web/dist here, or beside the program]
    #[arg(long, value_name = "DIR", env = "VEDUTA_PAGE")]
    pub page: Option<PathBuf>,
    /// Let anybody in the network look without saying who they are, for open data
    #[arg(long)]
    pub insecure_public: bool,
    /// Read a token from the standard input and print its hash for serve.toml; nothing is served
    #[arg(long)]
    pub hash_token: bool,
}

#[derive(Debug, Args)]
pub struct PlayArgs {
    /// Scenario
    pub path: PathBuf,
    #[command(flatten)]
    pub scene: SceneArgs,
    /// Played seconds in a second, 0.1 to 1000; without a window, played seconds between two pictures
    #[arg(long, value_name = "X", value_parser = speed)]
    pub speed: Option<f64>,
    /// Write frames, figures and the event log into --out instead of opening a window
    #[arg(long, requires = "out")]
    pub headless: bool,
    /// Folder for --headless
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Width and height of the frames
    #[arg(long, value_name = "WxH", default_value = "1280x720", value_parser = picture_size)]
    pub size: (u32, u32),
}

fn speed(text: &str) -> Result<f64, String> {
    let speed = text.parse().ok().filter(|speed: &f64| (0.1..=1e6).contains(speed));
    speed.ok_or_else(|| "expected a number from 0.1 on".to_owned())
}

#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// Scenario
    pub scenario: PathBuf,
    /// Which simulation of it, where it has several
    #[arg(long)]
    pub name: Option<String>,
    /// Variant of the scenario
    #[arg(long, value_name = "NAME")]
    pub variant: Option<String>,
    /// The recording to write
    #[arg(short, long, value_name = "RUN")]
    pub output: PathBuf,
    /// Print the facts as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Which; all that need no package where left out
    #[arg(value_parser = ["live", "flood", "tiler", "query"])]
    pub name: Option<String>,
    /// City package that `query` asks
    #[arg(required_if_eq("name", "query"))]
    pub city: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_grammar_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        for command in Cli::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains(&format!("veduta {}", command.get_name())), "{}", command.get_name());
        }
    }
}
