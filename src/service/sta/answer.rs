//! Answers (18-088, 9.3): entities and sets of them as JSON, with what `$expand` asks for, a page at a time.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::entity::{Entity, Kind, LinkTo};
use super::observations::Observations;
use super::options::{MOST, Options, Order};
use super::path::{Part, Target, missing};
use crate::quantity::Timestamp;
use crate::service::live::Stream;
use crate::service::reading::{Stop, too_slow};
use crate::service::{Problem, ProblemKind};

/// Entities of a link that are expanded; a link leads to the rest.
const MOST_OF_A_LINK: usize = 100;
/// Entities that are looked at for one answer.
const MOST_SCANNED: usize = 500_000;
/// Every instant.
const ALWAYS: (Timestamp, Timestamp) = (Timestamp(i64::MIN), Timestamp(i64::MAX));

/// An entity set as far as it is sent.
pub(super) struct Page {
    /// `value`, and `@iot.count` where it is asked for.
    pub body: Map<String, Json>,
    /// How many to pass over for the next page; `None` where this is the last.
    pub next: Option<usize>,
}

/// One entity with what is expanded, and how many entities that are.
pub(super) fn one(entity: &Entity<'_>, all: &[Stream], options: &Options, base: &str) -> (Map<String, Json>, usize) {
    let mut json = entity.json(base);
    if let Some(select) = &options.select {
        json.retain(|name, _| select.contains(name));
    }
    let mut count = 1;
    for link in &options.expand {
        json.remove(&format!("{}@iot.navigationLink", link.name()));
        count += expand(entity, *link, all, base, &mut json);
    }
    (json, count)
}

/// Puts what a link leads to into an entity; how many that are.
fn expand(entity: &Entity<'_>, link: LinkTo, all: &[Stream], base: &str, into: &mut Map<String, Json>) -> usize {
    let name = link.name();
    if !link.many {
        let linked = Entity::of(link.kind, entity.stream);
        into.insert(name.to_owned(), linked.map(|linked| linked.json(base)).into());
        return 1;
    }
    let order = match link.kind {
        Kind::Observations => Order::Time { newest_first: true },
        _ => Order::Id { descending: false },
    };
    let mut linked = entities(link.kind, streams_of(entity, all), order, ALWAYS);
    let shown: Vec<Json> = linked.by_ref().take(MOST_OF_A_LINK).map(|linked| linked.json(base).into()).collect();
    let count = shown.len();
    if linked.next().is_some() {
        let next = format!("{}/{name}?$skip={count}", entity.address(base));
        into.insert(format!("{name}@iot.nextLink"), next.into());
    }
    into.insert(name.to_owned(), shown.into());
    count
}

/// The streams of an entity among all that there are, which are in the order of scenes and objects.
fn streams_of<'s>(entity: &Entity<'s>, all: &'s [Stream]) -> Box<dyn Iterator<Item = &'s Stream> + 's> {
    fn object_of(stream: &Stream) -> (&str, &str) {
        (&stream.scene.name, &stream.object.id)
    }
    let own = entity.stream;
    match entity.kind {
        Kind::Datastreams | Kind::Observations => Box::new(std::iter::once(own)),
        Kind::Things | Kind::Locations | Kind::FeaturesOfInterest => {
            let begin = all.partition_point(|stream| object_of(stream) < object_of(own));
            let behind = all.get(begin..).unwrap_or_default();
            Box::new(behind.iter().take_while(move |stream| object_of(stream) == object_of(own)))
        }
        kind @ (Kind::Sensors | Kind::ObservedProperties) => {
            let key = move |stream: &'s Stream| Entity::of(kind, stream).map(|entity| key(&entity));
            let wanted = key(own);
            Box::new(all.iter().filter(move |stream| key(stream) == wanted))
        }
    }
}

/// What tells entities of a kind apart, without the object.
fn key(entity: &Entity<'_>) -> (String, String) {
    (entity.stream.scene.name.clone(), entity.name())
}

/// The entities of a kind that streams belong to, each once.
fn entities<'s>(
    kind: Kind,
    streams: impl Iterator<Item = &'s Stream> + 's,
    order: Order,
    instants: (Timestamp, Timestamp),
) -> Box<dyn Iterator<Item = Entity<'s>> + 's> {
    let each = |streams: &mut dyn Iterator<Item = &'s Stream>| -> Vec<Entity<'s>> {
        streams.filter_map(|stream| Entity::of(kind, stream)).collect()
    };
    let mut streams = streams;
    let found: Vec<Entity<'s>> = match kind {
        Kind::Observations => return Box::new(Observations::of(streams, order, instants)),
        Kind::Datastreams => each(&mut streams),
        Kind::Things | Kind::Locations | Kind::FeaturesOfInterest => {
            let mut found = each(&mut streams);
            found.dedup_by(|a, b| {
                a.stream.scene.name == b.stream.scene.name && a.stream.object.id == b.stream.object.id
            });
            found
        }
        Kind::Sensors | Kind::ObservedProperties => {
            let named: BTreeMap<_, _> = each(&mut streams).into_iter().map(|entity| (key(&entity), entity)).collect();
            named.into_values().collect()
        }
    };
    match order {
        Order::Id { descending: true } => Box::new(found.into_iter().rev()),
        _ => Box::new(found.into_iter()),
    }
}

/// The part of a set that options ask for.
pub(super) fn many(target: &Target, options: &Options, base: &str, stop: &Stop) -> Result<Page, Problem> {
    let instants = options.filter.as_ref().map_or(ALWAYS, |filter| filter.instants());
    let (mut shown, mut passed, mut sent) = (Vec::new(), 0_usize, 0_usize);
    let mut is_last = true;
    for (scanned, entity) in entities(target.kind, target.streams.iter(), options.order, instants).enumerate() {
        if scanned >= MOST_SCANNED {
            let words = format!("more than {MOST_SCANNED} entities to look at: ask one Datastream, or a time");
            return Err(Problem::new(ProblemKind::TooCostly, words));
        }
        if stop.is_set() {
            return Err(too_slow());
        }
        if !options.filter.as_ref().is_none_or(|filter| filter.passes(&entity)) {
            continue;
        }
        passed += 1;
        if passed <= options.skip {
            continue;
        }
        if is_last && shown.len() < options.top && sent < MOST {
            let (json, count) = match target.part {
                Part::References => (Map::from_iter([("@iot.selfLink".to_owned(), entity.address(base).into())]), 1),
                _ => one(&entity, &target.streams, options, base),
            };
            shown.push(Json::Object(json));
            sent += count;
        } else {
            is_last = false;
            if !options.count {
                break;
            }
        }
    }
    let next = (!is_last && !shown.is_empty()).then(|| options.skip + shown.len());
    let mut body = Map::new();
    if options.count {
        body.insert("@iot.count".to_owned(), passed.into());
    }
    body.insert("value".to_owned(), shown.into());
    Ok(Page { body, next })
}

/// A property of an entity; `None` where it is null.
pub(super) fn property(target: &Target, name: &str, base: &str) -> Result<Option<Json>, Problem> {
    let entity = target.entity().ok_or_else(missing)?;
    Ok(entity.property(name, base).filter(|value| !value.is_null()))
}

/// A property under its name (18-088, 9.2.4).
pub(super) fn named(name: &str, value: &Json) -> Json {
    json!({ name: value })
}
