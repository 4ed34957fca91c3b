//! The scenes of a server on their stages, and what becomes of them when everything is read again: a scene stays as it is,
//! with its play and its values, unless its documents or its package are others.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};

use super::serve::{name_of, scenes};
use crate::app::documents::Documents;
use crate::app::serve_stage::ServedStage;
use crate::app::stage::Stage;
use crate::service::live::Live;
use crate::service::{Catalogue, ServeDocument};

/// A scene on its stage.
pub struct StagedScene {
    /// Its stage, which is published until this is dropped.
    #[cfg_attr(not(feature = "viewer"), expect(dead_code, reason = "only pictures look at it"))]
    pub served: ServedStage,
    /// What it was opened from.
    pub documents: Documents,
    /// The package, as it was.
    version: String,
}

/// All of them by the names of their files; clones are the same.
#[derive(Clone, Default)]
pub struct Stages(Arc<Mutex<BTreeMap<String, Arc<StagedScene>>>>);

/// A scene that is ready to be put on stage.
struct Ready {
    documents: Documents,
    city: String,
    version: String,
    stage: Stage,
}

/// What the documents say now: what is new, by name, and which scenes stay.
pub struct Changes {
    new: BTreeMap<String, Ready>,
    stay: Vec<String>,
}

impl Stages {
    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Arc<StagedScene>>> {
        // Nothing that panics happens while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The scene of a name.
    pub fn get(&self, name: &str) -> Option<Arc<StagedScene>> {
        self.all().get(name).cloned()
    }

    /// Opens the scenes that are new, over the packages of `catalogue`. What is on stage is not touched.
    pub fn prepare(&self, document: &ServeDocument, catalogue: &Catalogue) -> Result<Changes> {
        let mut changes = Changes { new: BTreeMap::new(), stay: Vec::new() };
        for (name, path) in scenes(document)? {
            let documents = Documents::open(path)?;
            let city = name_of(&documents.package()?);
            let version = catalogue.cities.get(&city).map(|city| city.version.clone()).unwrap_or_default();
            let same =
                |staged: &Arc<StagedScene>| staged.documents.texts == documents.texts && staged.version == version;
            if self.get(&name).as_ref().is_some_and(same) {
                changes.stay.push(name);
                continue;
            }
            let stage = Stage::open(documents.clone(), None).with_context(|| path.display().to_string())?;
            stage.warnings.iter().for_each(|text| tracing::warn!("{text}"));
            changes.new.insert(name, Ready { documents, city, version, stage });
        }
        Ok(changes)
    }

    /// Puts them on stage in the place of those of the same name, and takes away what is served no longer.
    pub fn apply(&self, changes: Changes, live: &Live) -> Result<()> {
        let gone: Vec<String> = {
            let all = self.all();
            let kept = |name: &&String| changes.stay.contains(name) || changes.new.contains_key(*name);
            all.keys().filter(|name| !kept(name)).cloned().collect()
        };
        for name in gone {
            live.close(&name);
            // Its thread ends with the last who draws it.
            let old = self.all().remove(&name);
            drop(old);
        }
        for (name, Ready { documents, city, version, stage }) in changes.new {
            let served = ServedStage::start(&name, &city, stage, live)?;
            if documents.scenario.as_ref().is_some_and(|scenario| !scenario.simulations.is_empty()) {
                served.compute_runs(documents.clone())?;
            }
            let old = self.all().insert(name, Arc::new(StagedScene { served, documents, version }));
            drop(old);
        }
        Ok(())
    }
}
