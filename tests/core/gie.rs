//! PROJ's format of test vectors (`gie`, the Geospatial Integrity Investigation Environment): read, and run through the seam.

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use glam::{DVec3, Vec2Swizzles};
use veduta::geodesy::CoordinateOperation;

/// What a file asks to be done: `operation`, or `crs_src` and `crs_dst`.
#[derive(Debug, Clone, PartialEq)]
pub enum Definition {
    /// Words `key=value` without the plus.
    Words(Vec<String>),
    /// Two CRS in the order of axes of their authority.
    Between(String, String),
}

impl Definition {
    /// The `+proj=` of its last step, or the two CRS.
    pub fn method(&self) -> String {
        match self {
            Self::Words(words) => {
                words.iter().rev().find_map(|word| word.strip_prefix("proj=")).unwrap_or("").to_owned()
            }
            Self::Between(source, target) => format!("{source} to {target}"),
        }
    }
}

/// One `expect` or `roundtrip` with what stands before it.
#[derive(Debug)]
pub struct Case {
    pub line: usize,
    pub definition: Rc<Definition>,
    pub inverse: bool,
    pub needs_grid: bool,
    pub accept: Vec<f64>,
    pub asked: Asked,
    pub tolerance_m: f64,
}

#[derive(Debug, PartialEq)]
pub enum Asked {
    Coordinates(Vec<f64>),
    Failure,
    Roundtrips(usize),
}

/// Both directions of an operation.
pub struct Ways {
    pub there: Box<dyn CoordinateOperation>,
    pub back: Option<Box<dyn CoordinateOperation>>,
    /// Radians in one unit of the file, for a source and target that are angles.
    pub radians: [Option<f64>; 2],
    /// What one unit of the file is in the operation's source and target.
    pub units: [f64; 2],
    /// Whether the file has north first on either side.
    pub north_first: [bool; 2],
    /// Whether heights take part.
    pub heights: bool,
}

pub enum Made {
    Ways(Ways),
    Refused,
    OutOfScope(&'static str),
}

/// How the cases of one file came out.
#[derive(Debug, Default)]
pub struct Tally {
    pub cases: usize,
    pub passed: usize,
    /// Line and by how much.
    pub differ: Vec<String>,
    /// How many do, by method.
    pub differ_by_method: BTreeMap<String, usize>,
    pub out_of_scope: BTreeMap<&'static str, usize>,
}

/// The cases of a file. Panics where it cannot be understood.
pub fn read(path: &Path) -> Vec<Case> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut reader = Reader::default();
    let mut inside = false;
    let mut lines = text.lines().enumerate().peekable();
    while let Some((number, line)) = lines.next() {
        let mut statement = without_comment(line);
        match statement.trim() {
            "<gie>" | "<gie-strict>" => inside = true,
            "</gie>" | "</gie-strict>" => inside = false,
            _ if !inside => {}
            _ => {
                // A backslash joins lines; after `operation` the non-strict form needs none.
                while let Some((_, next)) = lines.peek() {
                    let next = without_comment(next);
                    let joined = statement.trim_end().ends_with('\\')
                        || (statement.starts_with("operation") && next.trim_start().starts_with('+'));
                    if !joined {
                        break;
                    }
                    statement = format!("{} {next}", statement.trim_end().trim_end_matches('\\'));
                    lines.next();
                }
                reader.statement(number + 1, statement.trim());
            }
        }
    }
    reader.cases
}

fn without_comment(line: &str) -> String {
    line.split('#').next().unwrap_or_default().to_owned()
}

#[derive(Default)]
struct Reader {
    cases: Vec<Case>,
    definition: Option<Rc<Definition>>,
    crs_source: String,
    inverse: bool,
    needs_grid: bool,
    accept: Vec<f64>,
    tolerance_m: f64,
}

impl Reader {
    fn statement(&mut self, line: usize, statement: &str) {
        let (key, rest) = statement.split_once(char::is_whitespace).unwrap_or((statement, ""));
        let rest = rest.trim();
        match key {
            "operation" => self.begin(Definition::Words(words(rest))),
            "crs_src" => self.crs_source = rest.to_owned(),
            "crs_dst" => self.begin(Definition::Between(self.crs_source.clone(), rest.to_owned())),
            "require_grid" => self.needs_grid = true,
            "tolerance" => self.tolerance_m = length(rest),
            "direction" => self.inverse = rest.starts_with(['i', 'r']),
            "accept" => self.accept = numbers(rest),
            "expect" if rest.starts_with("failure") => self.case(line, Asked::Failure, None),
            "expect" => self.case(line, Asked::Coordinates(numbers(rest)), None),
            "roundtrip" => {
                let (times, tolerance) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
                let tolerance = (!tolerance.trim().is_empty()).then(|| length(tolerance.trim()));
                self.case(line, Asked::Roundtrips(times.parse().unwrap()), tolerance);
            }
            // Errors by name, banners, rules for `init`, and one word that is there to be passed over.
            _ => {}
        }
    }

    fn begin(&mut self, definition: Definition) {
        self.definition = Some(Rc::new(definition));
        // What was accepted last stays, as in `gie`.
        (self.inverse, self.needs_grid, self.tolerance_m) = (false, false, 0.5e-3);
    }

    fn case(&mut self, line: usize, asked: Asked, tolerance_m: Option<f64>) {
        self.cases.push(Case {
            line,
            definition: Rc::clone(self.definition.as_ref().unwrap()),
            inverse: self.inverse,
            needs_grid: self.needs_grid,
            accept: self.accept.clone(),
            asked,
            tolerance_m: tolerance_m.unwrap_or(self.tolerance_m),
        });
    }
}

/// `proj = utm , zone=32` and `+proj=utm +zone=32` alike.
fn words(text: &str) -> Vec<String> {
    let mut text = text.to_owned();
    for tight in ["=", ","] {
        text = text.split(tight).map(str::trim).collect::<Vec<_>>().join(tight);
    }
    text.split_whitespace().map(|word| word.trim_start_matches('+').to_owned()).collect()
}

fn numbers(text: &str) -> Vec<f64> {
    let number = |word: &str| match word {
        "HUGE_VAL" | "*" => f64::INFINITY,
        word => word.replace('_', "").parse().unwrap_or_else(|_| degrees(word)),
    };
    text.split_whitespace().map(number).collect()
}

/// `83d10'30"W`.
fn degrees(text: &str) -> f64 {
    let number = text.trim_end_matches(['N', 'E', 'S', 'W']);
    let sign = if text.ends_with(['S', 'W']) || text.starts_with('-') { -1.0 } else { 1.0 };
    let parts = number.trim_start_matches('-').split(['d', '\'', '"']).filter(|part| !part.is_empty());
    let part = |part: &str| part.parse::<f64>().unwrap_or_else(|_| panic!("no number: {text}"));
    sign * parts.zip([1.0, 60.0, 3600.0]).map(|(degrees, unit)| part(degrees) / unit).sum::<f64>()
}

fn length(text: &str) -> f64 {
    let end = text.find(|c: char| c.is_alphabetic() && c != 'e').unwrap_or(text.len());
    let unit = match text[end..].trim() {
        "" | "m" => 1.0,
        "cm" => 1e-2,
        "mm" => 1e-3,
        "um" => 1e-6,
        "nm" => 1e-9,
        other => panic!("unit {other}"),
    };
    text[..end].trim().parse::<f64>().unwrap() * unit
}

/// Runs the cases of a file through what `make` makes of their definitions. Coordinates beyond the second must be zero on
/// both sides: heights and epochs do not go through the libraries.
pub fn run(path: &Path, make: &dyn Fn(&Definition) -> Made) -> Tally {
    let mut tally = Tally::default();
    let mut last: Option<(Rc<Definition>, Made)> = None;
    for case in read(path) {
        tally.cases += 1;
        if last.as_ref().is_none_or(|(definition, _)| !Rc::ptr_eq(definition, &case.definition)) {
            last = Some((Rc::clone(&case.definition), make(&case.definition)));
        }
        let Some((_, made)) = &last else { continue };
        let beyond = |numbers: &[f64]| numbers.iter().skip(2).any(|n| *n != 0.0);
        let outcome = match (made, &case.asked) {
            _ if case.needs_grid => Err("grid not there"),
            (Made::OutOfScope(reason), _) => Err(*reason),
            (Made::Refused, Asked::Failure) => Ok(None),
            (Made::Ways(ways), asked) if ways.heights => ways.judge(&case, asked),
            _ if beyond(&case.accept) => Err("heights and epochs"),
            (_, Asked::Coordinates(numbers)) if beyond(numbers) => Err("heights and epochs"),
            (Made::Refused, _) => Ok(Some("refused".to_owned())),
            (Made::Ways(ways), asked) => ways.judge(&case, asked),
        };
        match outcome {
            Ok(None) => tally.passed += 1,
            Ok(Some(problem)) => {
                let method = case.definition.method();
                tally.differ.push(format!("{}: {method}: {problem}", case.line));
                *tally.differ_by_method.entry(method).or_default() += 1;
            }
            Err(reason) => *tally.out_of_scope.entry(reason).or_default() += 1,
        }
    }
    tally
}

impl Ways {
    /// `None` where the case passes, else by how much it does not; an error names why it was not run.
    fn judge(&self, case: &Case, asked: &Asked) -> Result<Option<String>, &'static str> {
        let (source, target) = if case.inverse { (1, 0) } else { (0, 1) };
        let start = point(&case.accept);
        let (mut place, mut side) = (start, source);
        let steps = if let Asked::Roundtrips(times) = asked { times * 2 } else { 1 };
        for _ in 0..steps {
            let way = if side == 0 { Some(&self.there) } else { self.back.as_ref() };
            let Some(way) = way else { return Err("no way back") };
            let mut points = [self.to_operation(place, side)];
            let done = way.convert(&mut points);
            side = 1 - side;
            place = if done.is_ok() { self.to_file(points[0], side) } else { DVec3::NAN };
        }
        let expected = match asked {
            Asked::Failure => return Ok((!place.is_nan()).then(|| format!("{place}, not a failure"))),
            Asked::Coordinates(numbers) => point(numbers),
            Asked::Roundtrips(_) => start,
        };
        if place.is_nan() && !expected.is_finite() {
            return Ok(None);
        }
        let end = if matches!(asked, Asked::Roundtrips(_)) { source } else { target };
        let distance = match self.radians[end] {
            Some(radians) => (arc_m(place, expected, radians, self.north_first[end]) * radius_m(&case.definition))
                .hypot(place.z - expected.z),
            None => (place - expected).length(),
        };
        let passes = distance <= case.tolerance_m;
        Ok((!passes).then(|| format!("{distance:.3e} m off, {} allowed: {place}, not {expected}", case.tolerance_m)))
    }

    fn to_operation(&self, place: DVec3, side: usize) -> DVec3 {
        let place = if self.north_first[side] { DVec3::new(place.y, place.x, place.z) } else { place };
        (place.truncate() * self.units[side]).extend(place.z)
    }

    fn to_file(&self, place: DVec3, side: usize) -> DVec3 {
        let place = (place.truncate() / self.units[side]).extend(place.z);
        if self.north_first[side] { DVec3::new(place.y, place.x, place.z) } else { place }
    }
}

fn point(numbers: &[f64]) -> DVec3 {
    let [x, y, z] = [0, 1, 2].map(|i| numbers.get(i).copied().unwrap_or_default());
    DVec3::new(x, y, z)
}

/// Between two close places on the unit sphere.
fn arc_m(a: DVec3, b: DVec3, radians: f64, north_first: bool) -> f64 {
    let (a, b) = if north_first { (a.truncate().yx(), b.truncate().yx()) } else { (a.truncate(), b.truncate()) };
    let across = (a.x - b.x) * radians;
    let across = across - (across / std::f64::consts::TAU).round() * std::f64::consts::TAU;
    (across * (b.y * radians).cos()).hypot((a.y - b.y) * radians)
}

fn radius_m(definition: &Definition) -> f64 {
    let Definition::Words(words) = definition else { return 6_378_137.0 };
    let value = |key: &str| words.iter().find_map(|word| word.strip_prefix(key)?.parse().ok());
    value("R=").or_else(|| value("a=")).unwrap_or(6_378_137.0)
}
