//! The bound properties of objects that somebody may know, and what was observed of them.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::{About, Audience, Fact, SceneChannel};
use crate::city::Value;
use crate::live::{NotObserved, PastQuery, ValueState};
use crate::quantity::Timestamp;
use crate::scenario::wire::OwnValue;
use crate::service::Service;

/// How long an observation that was handed over is waited for until it holds.
const PATIENCE: Duration = Duration::from_secs(5);

/// A property of an object to which something is bound.
#[derive(Clone)]
pub(in crate::service) struct Stream {
    /// Its scene.
    pub scene: Arc<StreamScene>,
    /// Its object.
    pub object: Arc<About>,
    /// Row of the object in the whole city.
    row: u32,
    /// Number of the property in the scene's hello.
    property: u16,
    /// Number of the binding that brought the latest value, or that waits for one.
    binding: u16,
    /// The latest value; `None` where there was none yet.
    pub latest: Option<(Timestamp, Value)>,
}

/// What the streams of a scene have in common.
pub(in crate::service) struct StreamScene {
    /// Name in addresses.
    pub name: String,
    channel: Arc<SceneChannel>,
    /// Name and unit by number.
    properties: Vec<(String, String)>,
    /// By number of the binding: the source that brings its values, where it can be only one and its name may be known.
    sources: Vec<Option<String>>,
}

impl Service {
    /// The streams that who asks may know of, by scene, object and property: of one scene or of all, those that are `wanted` by
    /// object and property.
    pub(in crate::service) fn streams(
        &self,
        scene: Option<&str>,
        wanted: &dyn Fn(&str, &str, &str) -> bool,
    ) -> Vec<Stream> {
        let mut streams = Vec::new();
        let scenes = self.live_scenes().into_iter();
        for (name, seen) in scenes.filter(|(name, _)| scene.is_none_or(|scene| scene == name)) {
            let tells = |name: &String| seen.sight.as_ref().is_some_and(|sight| sight.mentions(name));
            let sources = seen.channel.about.sources.iter().map(|name| name.clone().filter(|name| !tells(name)));
            let sources: Vec<Option<String>> = sources.collect();
            let audience = Audience::of(seen.sight);
            let begin = streams.len();
            seen.channel.read(|board| {
                let properties = board.hello().properties.clone();
                let scene = Arc::new(StreamScene { name, properties, sources, channel: seen.channel.clone() });
                for fact in board.values() {
                    let Fact::Value(value) = fact else { continue };
                    let (Some(own), Some(object)) = (&value.own, board.about(value.row)) else { continue };
                    let Some((property, _)) = scene.properties.get(usize::from(value.property)) else { continue };
                    if !wanted(&scene.name, &object.id, property) || !audience.admits(fact, board) {
                        continue;
                    }
                    let latest = (own.state != ValueState::Missing).then(|| (own.time, own.value.clone()));
                    streams.push(Stream {
                        scene: Arc::clone(&scene),
                        object: Arc::clone(object),
                        row: value.row,
                        property: value.property,
                        binding: own.binding,
                        latest,
                    });
                }
            });
            // What a variant adds comes after the rows of the package.
            let of_scene = streams.get_mut(begin..).unwrap_or_default();
            of_scene.sort_by(|a, b| (&a.object.id, a.property()).cmp(&(&b.object.id, b.property())));
        }
        streams
    }
}

impl Stream {
    /// Name of the property.
    pub fn property(&self) -> &str {
        self.described().0
    }

    /// UCUM unit; empty where it has none.
    pub fn unit(&self) -> &str {
        self.described().1
    }

    fn described(&self) -> (&str, &str) {
        let described = self.scene.properties.get(usize::from(self.property));
        described.map_or(("", ""), |(name, unit)| (name, unit))
    }

    /// Name of the source that brings its values; `None` where any may.
    pub fn source(&self) -> Option<&str> {
        self.scene.sources.get(usize::from(self.binding))?.as_deref()
    }

    /// What was observed, in the order that is asked for. The latest value is always known; those before it as far as the
    /// scene remembers them.
    pub fn observations(&self, asked: &PastQuery) -> Vec<(Timestamp, Value)> {
        let Some((last, value)) = &self.latest else { return Vec::new() };
        let latest = ((asked.from..asked.before).contains(last) && asked.most > 0).then(|| (*last, value.clone()));
        let mut found: Vec<_> = latest.iter().filter(|_| asked.newest_first).cloned().collect();
        let rest = PastQuery { before: asked.before.min(*last), most: asked.most - found.len(), ..*asked };
        if let Some(memory) = self.scene.channel.about.memory.as_ref().filter(|_| rest.most > 0) {
            found.extend(memory.past(self.row, self.property, &rest));
        }
        if !asked.newest_first && found.len() < asked.most {
            found.extend(latest);
        }
        found
    }

    /// Hands over an observation and waits until it, or a later one, is the latest; `false` where that does not come about.
    pub async fn observe(&self, time: Timestamp, value: Value) -> Result<bool, NotObserved> {
        let channel = &self.scene.channel;
        let mut head = channel.head.subscribe();
        let memory = channel.about.memory.clone().ok_or(NotObserved::Play)?;
        let (row, property, wanted) = (self.row, self.property, value.clone());
        // The stage may be busy for a while.
        let handed_over = tokio::task::spawn_blocking(move || memory.observe(row, property, time, value));
        handed_over.await.unwrap_or(Err(NotObserved::TooMany))?;
        let is_it = |own: &OwnValue| own.time > time || (own.time == time && own.value == wanted);
        let holds = head.wait_for(|_| channel.read(|board| board.own(row, property).is_some_and(is_it)));
        Ok(matches!(timeout(PATIENCE, holds).await, Ok(Ok(_))))
    }
}
