//! What is wrong with a `serve.toml`: everything that `veduta serve` would fail with when it starts, and what each role
//! would see.

use std::path::Path;

use anyhow::{Context, Result};
use tokio::runtime::Runtime;

use super::check::Problem;
use super::check_documents::document;
use super::serve::{LISTEN, catalogue, live_names, read_config, scenes};
use super::serve_access;
use crate::service::access::{AccessError, Role, check_rights, visible};
use crate::service::{Catalogue, ServeDocument};

/// Whether a document is a server's configuration: no other has such keys.
pub fn is_config(path: &Path) -> bool {
    let table = std::fs::read_to_string(path).ok().and_then(|text| toml::from_str::<toml::Table>(&text).ok());
    let own = ["listen", "paths", "limits", "token", "oidc", "right", "tls", "audit"];
    let named = path.file_name().is_some_and(|name| name == "serve.toml");
    named || table.is_some_and(|table| own.iter().any(|key| table.contains_key(*key)))
}

/// The problems of a `serve.toml` and of the scenes that it names.
pub fn check_config(path: &Path) -> Result<Vec<Problem>> {
    std::fs::metadata(path).with_context(|| path.display().to_string())?;
    let served = match read_config(path) {
        Ok(served) => served,
        Err(error) => return Ok(format!("{error:#}").lines().map(Problem::error).collect()),
    };
    let folder = serve_access::folder_of(Some(&path.to_owned()));
    let mut problems = Vec::new();
    let in_words = |error: anyhow::Error| match error.downcast_ref() {
        // Whoever starts the server may say so.
        Some(AccessError::Unprotected(_)) => Problem::warning(format!("{error:#}")),
        _ => Problem::error(format!("{error:#}")),
    };
    let listen = served.listen.as_deref().unwrap_or(LISTEN);
    problems.extend(serve_access::check(&served, &folder, listen).err().map(in_words));
    problems.extend(serve_access::certificate(&served, &folder).err().map(in_words));
    if served.paths.is_empty() {
        problems.push(Problem::warning("it serves nothing but what the command line names ('paths')"));
    }
    let mut of_scenes = Vec::new();
    match scenes(&served) {
        Ok(scenes) => {
            for path in scenes.values() {
                of_scenes.extend(document(path)?);
            }
        }
        Err(error) => of_scenes.push(in_words(error)),
    }
    let unsound = of_scenes.iter().any(Problem::is_error);
    problems.extend(of_scenes);
    if unsound {
        return Ok(problems);
    }
    let runtime = Runtime::new().context("cannot start threads")?;
    let seen = catalogue(&served, &Catalogue::default(), runtime.handle()).and_then(|whole| seen(&whole, &served));
    match seen {
        Ok(notes) => problems.extend(notes.into_iter().map(Problem::note)),
        Err(error) => problems.push(in_words(error)),
    }
    Ok(problems)
}

/// What each role sees of each package.
fn seen(whole: &Catalogue, served: &ServeDocument) -> Result<Vec<String>> {
    check_rights(whole, &served.rights, &live_names(served)?)?;
    let mut notes = Vec::new();
    for role in Role::ALL {
        let seen = visible(whole, &served.rights, role)?;
        for (name, city) in &whole.cities {
            let Some(part) = seen.cities.get(name) else {
                notes.push(format!("{} sees nothing of {name}", role.name()));
                continue;
            };
            let all = city.city.table().rows();
            let Some(selection) = &part.selection else {
                notes.push(format!("{} sees all {all} objects of {name}", role.name()));
                continue;
            };
            let hidden: Vec<&str> = selection.hidden.iter().map(String::as_str).collect();
            let without = if hidden.is_empty() { String::new() } else { format!(", without {}", hidden.join(", ")) };
            notes.push(format!("{} sees {} of {all} objects of {name}{without}", role.name(), selection.rows.len()));
        }
    }
    Ok(notes)
}
