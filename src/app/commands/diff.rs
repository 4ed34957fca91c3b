//! `veduta diff`: what has become of a city's objects.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;

use super::open_city;
use crate::app::cli::DiffArgs;
use crate::city::Value;
use crate::package::{Change, DiffCounts, Difference, PackageError, SinkError, diff};

pub fn run(arguments: &DiffArgs) -> Result<ExitCode> {
    let (old, new) = (open_city(&arguments.old)?, open_city(&arguments.new)?);
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let (mut told, mut refused) = (0, None);
    let counts = diff(&old, &new, &mut |difference| {
        told += 1;
        if arguments.limit.is_some_and(|limit| told > limit) {
            return Ok(());
        }
        let line = if arguments.json { json(&difference).to_string() } else { words(&difference) };
        writeln!(out, "{line}").map_err(|error| {
            let told = SinkError { cause: error.to_string(), name: "stdout".to_owned() };
            refused = Some(error);
            PackageError::Write(told)
        })
    });
    if let Some(error) = refused {
        return Err(error.into());
    }
    let counts = counts?;
    let DiffCounts { added, removed, changed, geometry, attributes, same } = counts;
    if arguments.json {
        let counts = serde_json::json!({ "added": added, "removed": removed, "changed": changed, "geometry": geometry,
            "attributes": attributes, "same": same });
        writeln!(out, "{}", serde_json::json!({ "counts": counts }))?;
    } else {
        writeln!(
            out,
            "{added} added, {removed} removed, {changed} changed ({geometry} in geometry, {attributes} in attributes), \
             {same} the same"
        )?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// `+ id class`, `- id class`, `~ id class: geometry, name old -> new`.
fn words(difference: &Difference) -> String {
    let Difference { id, class, change } = difference;
    match change {
        Change::Added => format!("+ {id} {class}"),
        Change::Removed => format!("- {id} {class}"),
        Change::Changed { geometry, attributes } => {
            let value = |value: &Value| if value.is_null() { "nothing".to_owned() } else { value.to_string() };
            let of_attribute =
                |(name, old, new): &(String, Value, Value)| format!("{name} {} -> {}", value(old), value(new));
            let parts = geometry.then(|| "geometry".to_owned()).into_iter().chain(attributes.iter().map(of_attribute));
            format!("~ {id} {class}: {}", parts.collect::<Vec<_>>().join(", "))
        }
    }
}

fn json(difference: &Difference) -> serde_json::Value {
    let Difference { id, class, change } = difference;
    match change {
        Change::Added => serde_json::json!({ "id": id, "class": class, "change": "added" }),
        Change::Removed => serde_json::json!({ "id": id, "class": class, "change": "removed" }),
        Change::Changed { geometry, attributes } => {
            let pair = |(name, old, new): &(String, Value, Value)| {
                (name.clone(), serde_json::json!([serde_json::Value::from(old), serde_json::Value::from(new)]))
            };
            let attributes: serde_json::Map<String, serde_json::Value> = attributes.iter().map(pair).collect();
            serde_json::json!({ "id": id, "class": class, "change": "changed", "geometry": geometry, "attributes": attributes })
        }
    }
}
