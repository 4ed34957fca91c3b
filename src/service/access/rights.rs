//! Rights: what of a package a role sees.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;

use super::restricted::restricted;
use super::role::Role;
use crate::city::{Expression, ExpressionError, did_you_mean};
use crate::package::{ALIASES, PackageError, Query, QueryError, Selection};
use crate::service::{Catalogue, Published};

/// `[[right]]`: what is withheld from a role. Several for one role withhold together; without any it sees everything.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RightDocument {
    /// Whom it is about: this role, not those above it.
    pub role: Role,
    /// Packages by name; all where none is named.
    #[serde(default)]
    pub cities: Vec<String>,
    /// Objects that stay: those for which this is true. What cannot be told is withheld.
    #[serde(default, rename = "where")]
    pub filter: Option<String>,
    /// Classes that are withheld.
    #[serde(default)]
    pub hide_classes: Vec<String>,
    /// Attributes that are withheld.
    #[serde(default)]
    pub hide: Vec<String>,
    /// Whether the packages are not there at all.
    #[serde(default)]
    pub closed: bool,
}

/// Why rights cannot be applied.
#[derive(Debug, thiserror::Error)]
pub enum RightsError {
    /// The filter is no expression.
    #[error("{cause}: where = '{filter}'")]
    Filter {
        /// What is wrong.
        cause: ExpressionError,
        /// As written.
        filter: String,
    },
    /// The filter does not fit a package.
    #[error("{cause}: where = '{filter}' for {city}")]
    Query {
        /// What is wrong.
        cause: QueryError,
        /// As written.
        filter: String,
        /// The package.
        city: String,
    },
    /// It says nothing.
    #[error("a right of '{0}' withholds nothing: it needs 'where', 'hide', 'hide_classes' or 'closed'")]
    Empty(&'static str),
    /// What it withholds is nowhere.
    #[error("{key} = '{name}': no {what} of what is served is called so{hint}")]
    Unknown {
        /// The key of the right.
        key: &'static str,
        /// What it names.
        what: &'static str,
        /// As written.
        name: String,
        /// What may have been meant.
        hint: String,
    },
    /// There is no package of that name.
    #[error("no package is called '{0}'")]
    UnknownCity(String),
    /// A package cannot be written without what is withheld.
    #[error("{cause}: {city}")]
    Package {
        /// What is wrong.
        cause: PackageError,
        /// The package.
        city: String,
    },
}

/// Tells a right that withholds nothing that is there: a mistake in it would open what it is to close. `live` are the names of
/// what scenes know of objects besides their attributes.
pub fn check_rights(whole: &Catalogue, rights: &[RightDocument], live: &BTreeSet<String>) -> Result<(), RightsError> {
    for right in rights {
        let about = |city: &&Arc<Published>| right.cities.is_empty() || right.cities.contains(&city.name);
        let cities: Vec<&Arc<Published>> = whole.cities.values().filter(about).collect();
        if right.filter.is_none() && right.hide.is_empty() && right.hide_classes.is_empty() && !right.closed {
            return Err(RightsError::Empty(right.role.name()));
        }
        let attributes = cities.iter().flat_map(|city| city.city.manifest().attributes.keys());
        let aliases = ALIASES.iter().flat_map(|(alias, own)| [alias.to_string(), own.to_string()]);
        let named = ["name".to_owned()];
        let known: Vec<String> = attributes.cloned().chain(live.iter().cloned()).chain(aliases).chain(named).collect();
        check_known("hide", "attribute or live property", &right.hide, &known)?;
        let classes = cities.iter().flat_map(|city| city.city.manifest().counts.keys().cloned());
        check_known("hide_classes", "class", &right.hide_classes, &classes.collect::<Vec<_>>())?;
    }
    Ok(())
}

fn check_known(key: &'static str, what: &'static str, said: &[String], known: &[String]) -> Result<(), RightsError> {
    let unknown = |name: &&String| !known.contains(name);
    said.iter().find(unknown).map_or(Ok(()), |name| {
        let hint = did_you_mean(name, known);
        Err(RightsError::Unknown { key, what, name: name.clone(), hint })
    })
}

/// What `role` sees of everything that is served. Packages of which nothing is withheld are the same as in `whole`.
pub fn visible(whole: &Catalogue, rights: &[RightDocument], role: Role) -> Result<Catalogue, RightsError> {
    if let Some(name) = rights.iter().flat_map(|right| &right.cities).find(|name| !whole.cities.contains_key(*name)) {
        return Err(RightsError::UnknownCity(name.clone()));
    }
    let mut cities = BTreeMap::new();
    for (name, city) in &whole.cities {
        let about =
            |right: &&RightDocument| right.role == role && (right.cities.is_empty() || right.cities.contains(name));
        let own: Vec<&RightDocument> = rights.iter().filter(about).collect();
        if own.iter().any(|right| right.closed) {
            continue;
        }
        let seen = if own.is_empty() { Arc::clone(city) } else { Arc::new(part(city, &own)?) };
        cities.insert(name.clone(), seen);
    }
    Ok(Catalogue { cities })
}

fn part(whole: &Published, rights: &[&RightDocument]) -> Result<Published, RightsError> {
    let failed = |cause| RightsError::Package { cause, city: whole.name.clone() };
    let table = whole.city.table();
    let mut rows: Vec<u32> = (0..table.rows()).collect();
    for filter in rights.iter().filter_map(|right| right.filter.as_deref()) {
        let parsed = Expression::parse(filter).map_err(|cause| RightsError::Filter { cause, filter: filter.into() })?;
        let kept = whole.city.query(&Query { filter: Some(parsed), ..Query::default() });
        let kept =
            kept.map_err(|cause| RightsError::Query { cause, filter: filter.to_owned(), city: whole.name.clone() })?;
        rows.retain(|row| kept.binary_search(row).is_ok());
    }
    let classes: BTreeSet<&str> = rights.iter().flat_map(|right| &right.hide_classes).map(String::as_str).collect();
    let mut shown = Vec::with_capacity(rows.len());
    for row in rows {
        if !classes.contains(table.class(row).map_err(failed)?) {
            shown.push(row);
        }
    }
    let hidden = rights.iter().flat_map(|right| &right.hide).flat_map(|name| both_names(name)).collect();
    restricted(whole, Selection { rows: shown, hidden }).map_err(failed)
}

/// An attribute and what it is also called: hiding `height` hides `measuredHeight`.
fn both_names(name: &str) -> Vec<String> {
    let of =
        |(alias, own): &(&str, &str)| (*alias == name || *own == name).then(|| [alias.to_string(), own.to_string()]);
    ALIASES.iter().find_map(of).map_or_else(|| vec![name.to_owned()], Vec::from)
}
