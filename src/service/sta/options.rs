//! Query options (18-088, 9.3.3): read strictly, what is not done here is refused.

use serde::Deserialize;
use utoipa::IntoParams;

use super::entity::{Kind, LinkTo};
use super::filter::Filter;
use crate::service::parameters::{count, from_zero};
use crate::service::{Problem, ProblemKind};

/// Entities in an answer where no number is asked for, and at most; those that are expanded count.
const USUAL: usize = 100;
pub(super) const MOST: usize = 1000;

/// What stands after `?`.
#[derive(Debug, Default, PartialEq, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct OptionsAsked {
    /// Entities in the answer, 100 where it is not given, never more than 1000.
    #[serde(default, rename = "$top", deserialize_with = "count")]
    #[param(rename = "$top", schema_with = from_zero)]
    top: Option<usize>,
    /// Entities to pass over.
    #[serde(default, rename = "$skip", deserialize_with = "count")]
    #[param(rename = "$skip", schema_with = from_zero)]
    skip: Option<usize>,
    /// Whether to say how many there are in all.
    #[serde(rename = "$count")]
    #[param(rename = "$count", example = true)]
    count: Option<bool>,
    /// Properties and links in the answer, by commas.
    #[serde(rename = "$select")]
    #[param(rename = "$select", example = "id,name")]
    select: Option<String>,
    /// `phenomenonTime` (of Observations) or `id`, then `asc` or `desc`.
    #[serde(rename = "$orderby")]
    #[param(rename = "$orderby", example = "id desc")]
    orderby: Option<String>,
    /// Links to follow, by commas: one level.
    #[serde(rename = "$expand")]
    #[param(rename = "$expand", example = "Datastreams")]
    expand: Option<String>,
    /// Comparisons (`eq ne gt ge lt le`) of `id`, `name`, `result`, `phenomenonTime`, joined by `and`, `or`, `not`.
    #[serde(rename = "$filter")]
    #[param(rename = "$filter", example = "id ne 'demo:air-01'")]
    filter: Option<String>,
}

/// Query options for entities of a kind.
#[derive(Debug, PartialEq)]
pub(super) struct Options {
    pub top: usize,
    pub skip: usize,
    pub count: bool,
    /// Names to keep, with `@iot.id` for `id`; everything where `None`.
    pub select: Option<Vec<String>>,
    pub order: Order,
    pub expand: Vec<LinkTo>,
    pub filter: Option<Filter>,
}

/// In which order entities come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Observations by their instant.
    Time { newest_first: bool },
    /// By the parts of the identifier; Observations by Datastream, then instant.
    Id { descending: bool },
}

fn wrong(cause: impl Into<String>) -> Problem {
    Problem::new(ProblemKind::BadRequest, cause)
}

impl OptionsAsked {
    /// Where there can be none: at the address of a property.
    pub fn none(&self) -> Result<(), Problem> {
        if *self == Self::default() { Ok(()) } else { Err(wrong("a property takes no query options")) }
    }

    /// For one entity: only `$select` and `$expand` mean something.
    pub fn for_one(self, kind: Kind) -> Result<Options, Problem> {
        let only = Self { select: None, expand: None, ..self };
        if only != Self::default() {
            return Err(wrong("one entity takes $select and $expand"));
        }
        Self { select: self.select, expand: self.expand, ..Self::default() }.for_many(kind)
    }

    /// For an entity set.
    pub fn for_many(self, kind: Kind) -> Result<Options, Problem> {
        let filter = self.filter.map(|text| Filter::parse(&text, kind)).transpose();
        Ok(Options {
            top: self.top.unwrap_or(USUAL).min(MOST),
            skip: self.skip.unwrap_or(0),
            count: self.count.unwrap_or(false),
            select: self.select.map(|text| select(&text, kind)).transpose()?,
            order: order(self.orderby.as_deref(), kind)?,
            expand: self.expand.map_or(Ok(Vec::new()), |text| expand(&text, kind))?,
            filter: filter.map_err(|cause| wrong(format!("$filter: {cause}")))?,
        })
    }
}

fn select(text: &str, kind: Kind) -> Result<Vec<String>, Problem> {
    let name = |name: &str| match name.trim() {
        "id" | "@iot.id" => Ok("@iot.id".to_owned()),
        name if kind.properties().contains(&name) => Ok(name.to_owned()),
        name if kind.link(name).is_some() => Ok(format!("{name}@iot.navigationLink")),
        name => Err(wrong(format!("$select: {} have no '{name}'", kind.set()))),
    };
    text.split(',').map(name).collect()
}

fn expand(text: &str, kind: Kind) -> Result<Vec<LinkTo>, Problem> {
    let mut links: Vec<LinkTo> = Vec::new();
    for name in text.split(',').map(str::trim) {
        if name.contains(['/', '(']) {
            return Err(wrong("$expand: one level, without options of its own"));
        }
        let link = kind.link(name).ok_or_else(|| wrong(format!("$expand: {} have no link '{name}'", kind.set())))?;
        if !links.contains(&link) {
            links.push(link);
        }
    }
    Ok(links)
}

fn order(text: Option<&str>, kind: Kind) -> Result<Order, Problem> {
    let observations = kind == Kind::Observations;
    let Some(text) = text else {
        return Ok(if observations { Order::Time { newest_first: true } } else { Order::Id { descending: false } });
    };
    let mut words = text.split_whitespace();
    let (name, direction) = (words.next(), words.next());
    let descending = match direction {
        None | Some("asc") => false,
        Some("desc") => true,
        Some(_) => return Err(wrong("$orderby: one property, then asc or desc")),
    };
    match (name, words.next()) {
        (Some("id" | "@iot.id"), None) => Ok(Order::Id { descending }),
        (Some("phenomenonTime"), None) if observations => Ok(Order::Time { newest_first: descending }),
        _ => Err(wrong("$orderby: 'id', or 'phenomenonTime' of Observations; one of them")),
    }
}
