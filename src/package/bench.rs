//! What questions to an opened city cost: `veduta bench query CITY`.

use serde::Serialize;

use super::column::Column;
use super::object_table::{CLASS, PARENT};
use super::query::{City, Query, QueryError};
use super::{Area, Ray};
use crate::city::Expression;
use glam::{DVec2, DVec3};

/// Different places, or repeats, of each question.
const PLACES: u32 = 60;

/// The time of one kind of question.
#[derive(Debug, Clone, Serialize)]
pub struct QueryTime {
    /// What was asked.
    pub question: String,
    /// The first time, when parts of the package may have to be read, milliseconds.
    pub first_ms: f64,
    /// In the middle of the others, milliseconds.
    pub median_ms: f64,
    /// The longest of the others, milliseconds.
    pub worst_ms: f64,
    /// Rows found on average.
    pub mean_rows: f64,
}

/// The times of all kinds of questions to one city.
#[derive(Debug, Clone, Serialize)]
pub struct QueryBench {
    /// Objects in it.
    pub objects: u32,
    /// By kind of question, in the order in which they were asked.
    pub questions: Vec<QueryTime>,
}

/// Asks questions of every kind about places spread evenly over the table. `now` tells seconds.
pub fn bench_queries(city: &City, now: &dyn Fn() -> f64) -> Result<QueryBench, QueryError> {
    let rows = city.table().rows();
    let places: Vec<u32> = (0..PLACES).map(|i| (u64::from(i) * u64::from(rows) / u64::from(PLACES)) as u32).collect();
    let of_area = |area: Area| city.query(&Query { area: Some(area), ..Query::default() }).map(|found| found.len());
    let center = |row: u32| city.table().bounds().get(row as usize).map_or(DVec3::ZERO, |bounds| bounds.center());
    let around = |row: u32, half: f64| {
        let middle = center(row).truncate();
        let corner = |x: f64, y: f64| middle + DVec2::new(x, y) * half;
        Area::Polygon(vec![corner(-1.0, -1.0), corner(1.0, -1.0), corner(1.0, 1.0), corner(-1.0, 1.0)])
    };
    let ray = |row: u32| Ray {
        origin_in_site: center(row) + DVec3::new(300.0, 300.0, 300.0),
        direction_in_site: DVec3::new(-1.0, -1.0, -1.0),
    };
    let words = |text: &str| city.query(&Query { text: Some(text.to_owned()), ..Query::default() }).map(|f| f.len());
    let classes = city.table().column(CLASS)?;
    let class = classes.text(0).unwrap_or_default().to_owned();
    let filter = scan(city)?;
    let question = filter.as_ref().map(Expression::to_string).unwrap_or_default();
    let all = Query { filter, ..Query::default() };
    let questions = vec![
        time("point", &places, now, &|row| of_area(Area::Point(center(row).truncate())))?,
        time("box of 1 km", &places, now, &|row| of_area(around(row, 500.0)))?,
        time("radius of 500 m", &places, now, &|row| {
            of_area(Area::Circle { center: center(row).truncate(), radius_m: 500.0 })
        })?,
        time("ray", &places, now, &|row| Ok(city.along(&ray(row)).len()))?,
        time("nearest", &places, now, &|row| {
            Ok(usize::from(city.nearest(center(row) + DVec3::splat(30.0), None, 1000.0)?.is_some()))
        })?,
        time("id", &places, now, &|row| Ok(usize::from(city.table().row(city.table().id(row)).is_some())))?,
        time("object with its attributes", &places, now, &|row| Ok(usize::from(city.object(row)?.is_some())))?,
        time(&format!("where {question}"), &places, now, &|_| Ok(city.query(&all)?.len()))?,
        time("words of an id", &places, now, &|row| words(city.table().id(row)))?,
        time(&format!("word {class}"), &places, now, &|_| words(&class))?,
    ];
    Ok(QueryBench { objects: rows, questions })
}

/// A filter over two columns: the class and the first one of numbers, with the number of the row in the middle.
fn scan(city: &City) -> Result<Option<Expression>, QueryError> {
    let middle = city.table().rows() / 2;
    let mut text = String::from("class != 'no such class'");
    for (number, name) in city.table().columns().iter().enumerate().skip(PARENT + 1) {
        let column = city.table().column(number)?;
        let plain = name.chars().all(|c| c.is_ascii_alphanumeric()) && !name.is_empty();
        if let (Column::Float(_) | Column::Int(_), true, Some(value)) =
            (column, plain, column.get(middle as usize).number())
        {
            text = format!("{name} > {value} and {text}");
            break;
        }
    }
    // A column called as an operator is left alone.
    Ok(Expression::parse(&text).ok())
}

fn time(
    question: &str,
    places: &[u32],
    now: &dyn Fn() -> f64,
    ask: &dyn Fn(u32) -> Result<usize, QueryError>,
) -> Result<QueryTime, QueryError> {
    let (mut times, mut found) = (Vec::new(), 0);
    for place in places {
        let start = now();
        found += ask(*place)?;
        times.push((now() - start) * 1e3);
    }
    let first_ms = if times.is_empty() { 0.0 } else { times.remove(0) };
    times.sort_by(f64::total_cmp);
    Ok(QueryTime {
        question: question.to_owned(),
        first_ms,
        median_ms: times.get(times.len() / 2).copied().unwrap_or_default(),
        worst_ms: times.last().copied().unwrap_or_default(),
        mean_rows: found as f64 / places.len().max(1) as f64,
    })
}
