//! A scene on stage: its city, what is live in it, the play that changes it. Knows nothing of how it is drawn; every
//! shell holds one, advances it and asks it what to show.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::documents::Documents;
use super::feeds::{LiveFeeds, recorded_feeds};
use super::losses::Losses;
use crate::city::Value;
use crate::geodesy::{Geodetic, SiteFrame};
use crate::geometry::HeightGrid;
use crate::indicator::{Alarms, RaisedAlarm};
use crate::live::NotObserved;
use crate::package::{City, HEIGHT_GRID_FILE, decode_height_grid};
use crate::platform::FolderSource;
use crate::quantity::Timestamp;
use crate::scenario::{
    Appearance, CityEdits, CityLive, CityState, Happening, LivePart, Playback, Run, Timeline, VariantCity,
    VariantEdits, filled,
};
use crate::scene::{CameraDocument, DocumentError, ObjectStyle, ScenarioDocument, SceneDocument};
use crate::streaming::ByteSource;

/// What moves a stage on.
pub enum Course {
    /// A scenario: its own time.
    Play(Box<Playback<LivePart>>),
    /// The present: live connections and the wall clock.
    Live(Box<LiveFeeds>),
}

/// A scene, ready to be shown.
pub struct Stage {
    /// The scene.
    pub scene: SceneDocument,
    /// What happens in it.
    pub scenario: Option<ScenarioDocument>,
    /// Folder of the package.
    pub package: PathBuf,
    /// The package.
    pub city: Arc<City>,
    /// What the variant changes.
    pub edits: CityEdits,
    /// The objects of the variant.
    pub objects: Arc<VariantCity>,
    /// How objects look.
    pub appearance: Appearance,
    /// What moves it on.
    pub course: Course,
    /// What was computed, by name.
    pub runs: Vec<Run>,
    /// Files of the scenario are relative to this.
    pub scenario_folder: PathBuf,
    /// Seconds by which the city's clocks are ahead of UTC.
    pub zone_s: i32,
    /// The instant whose sun shines, where it is not the one that is shown.
    pub sun: Option<Timestamp>,
    quiet: CityState,
    /// What the documents say of the city that it does not have, a line each: it is shown as if they had not said so.
    pub warnings: Vec<String>,
    /// What was told of observations that are shown nowhere.
    pub losses: Losses,
    /// The second in which ages were last looked at.
    aged_to_s: f64,
    /// Changed rows that are still to be shown.
    to_show: BTreeSet<u32>,
    /// Changed rows that are still to be published; `None` where nobody publishes.
    to_publish: Option<BTreeSet<u32>>,
}

/// A stage that a shell shares with what draws it.
#[derive(Clone)]
pub struct SharedStage(Arc<Mutex<Stage>>);

impl SharedStage {
    /// Shares a stage.
    pub fn new(stage: Stage) -> Self {
        Self(Arc::new(Mutex::new(stage)))
    }

    /// The stage; nobody else has it meanwhile.
    pub fn lock(&self) -> MutexGuard<'_, Stage> {
        // A panic elsewhere leaves a state that can still be shown.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stage {
    /// Opens everything that the documents name. `variant` of the scenario, the first one where none is named.
    pub fn open(documents: Documents, variant: Option<&str>) -> Result<Self> {
        let package = documents.package()?;
        let source: Arc<dyn ByteSource> = Arc::new(
            FolderSource::new(&package).with_context(|| format!("cannot open the package {}", package.display()))?,
        );
        let city = Arc::new(City::open(source.clone()).with_context(|| package.display().to_string())?);
        let against = documents.against(&city);
        let Documents { mut scene, scene_folder, scenario, scenario_folder, shown, .. } = documents;
        if scene.name.is_empty() {
            scene.name = city.manifest().name.clone();
        }
        let site = city.manifest().site();
        let edits = match (&scenario, variant) {
            (None, Some(name)) => bail!("'{name}' is a variant of a scenario, and this is none: {shown}"),
            (None, None) => CityEdits::default(),
            (Some(scenario), variant) => {
                let chosen = VariantEdits::of(scenario, variant).with_context(|| shown.clone())?;
                chosen.carry_out(&site, ground(&*source)?.as_ref()).with_context(|| shown.clone())?
            }
        };
        if let Some(scenario) = &scenario {
            refuse_unknown(scenario, &scene, &edits, &city).with_context(|| shown.clone())?;
        }
        let objects = Arc::new(VariantCity::new(city.clone(), &edits).with_context(|| package.display().to_string())?);
        let appearance = Appearance::compile(&scene).with_context(|| shown.clone())?;
        let written = [scenario.as_ref().and_then(|play| play.time.start.as_deref()), scene.time.start.as_deref()];
        let zone_s = zone_s(written.into_iter().flatten(), city.manifest().anchor[0]);
        let course = match &scenario {
            Some(scenario) => played(scenario, &scenario_folder, &scene, &scene_folder, &objects, zone_s),
            None => LiveFeeds::start(&scene, &scene_folder, objects.clone(), zone_s)
                .map(|feeds| Course::Live(Box::new(feeds))),
        };
        let course = course.with_context(|| shown.clone())?;
        let quiet = CityState::default();
        let runs = Vec::new();
        let losses = Losses::of(&scene, scenario.as_ref());
        let lines = |error: &DocumentError| error.to_string().lines().map(str::to_owned).collect::<Vec<_>>();
        let mut stage = Self {
            warnings: against.iter().flat_map(lines).collect(),
            scene,
            scenario,
            package,
            city,
            edits,
            objects,
            appearance,
            course,
            runs,
            scenario_folder,
            zone_s,
            sun: None,
            quiet,
            losses,
            aged_to_s: f64::NAN,
            to_show: BTreeSet::new(),
            to_publish: None,
        };
        stage.warnings.extend(cameras_nowhere(&stage));
        Ok(stage)
    }

    /// Frame of the city.
    pub fn site(&self) -> SiteFrame {
        self.city.manifest().site()
    }

    /// The ground of the package, where it has one.
    pub fn ground(&self) -> Result<Option<HeightGrid>> {
        ground(&FolderSource::new(&self.package)?)
    }

    /// The live values.
    pub fn live(&self) -> &CityLive {
        match &self.course {
            Course::Play(play) => play.live().city(),
            Course::Live(feeds) => feeds.city(),
        }
    }

    /// What events have made of the city.
    pub fn state(&self) -> &CityState {
        match &self.course {
            Course::Play(play) => play.state(),
            Course::Live(_) => &self.quiet,
        }
    }

    /// The play, where there is one.
    pub fn play(&mut self) -> Option<&mut Playback<LivePart>> {
        match &mut self.course {
            Course::Play(play) => Some(play),
            Course::Live(_) => None,
        }
    }

    /// The instant that is shown.
    pub fn time(&self) -> Timestamp {
        match &self.course {
            Course::Play(play) => play.shown_time(),
            Course::Live(feeds) => feeds.city().latest().now(),
        }
    }

    /// Remembers past values in so many bytes. A play that goes back forgets what lies after, and one that jumps ahead leaves out
    /// what it has not played.
    pub fn keep_history(&mut self, budget: usize) {
        match &mut self.course {
            Course::Play(play) => play.live_mut().city_mut().keep_history(budget),
            Course::Live(feeds) => feeds.city_mut().keep_history(budget),
        }
    }

    /// Hands over an observation of a property that is bound, see [`LiveFeeds::observe`].
    pub fn observe(&mut self, row: u32, property: u16, time: Timestamp, value: Value) -> Result<(), NotObserved> {
        match &mut self.course {
            Course::Play(_) => Err(NotObserved::Play),
            Course::Live(feeds) => feeds.observe(row, property, time, value),
        }
    }

    /// A line for each connection that is down.
    pub fn troubles(&self) -> Vec<String> {
        match &self.course {
            Course::Play(_) => Vec::new(),
            Course::Live(feeds) => feeds.troubles(),
        }
    }

    /// Observations that have come and wait to be applied.
    pub fn waiting(&self) -> usize {
        match &self.course {
            Course::Play(_) => 0,
            Course::Live(feeds) => feeds.waiting(),
        }
    }

    /// Goes to an instant: a play to any. In the present the sun of that instant shines; feeds of our own go there too, and
    /// connections stay in the present, which is all that they tell of.
    pub fn seek(&mut self, time: Timestamp) {
        match &mut self.course {
            Course::Play(play) => play.seek(time),
            Course::Live(feeds) => {
                self.sun = Some(time);
                if !feeds.has_connections() {
                    feeds.jump(time);
                }
            }
        }
        self.tell_losses();
    }

    /// Waits so long for the first values of connections. What is simulated or recorded has its own at once: those of `now`,
    /// where no other instant was sought.
    pub fn settle(&mut self, wait: Duration, now: &dyn Fn() -> Timestamp) {
        let Course::Live(feeds) = &mut self.course else { return };
        if feeds.has_connections() || (self.sun.is_none() && !feeds.is_empty()) {
            feeds.settle(wait, now);
        }
        self.tell_losses();
    }

    /// Warns of observations that came and are shown nowhere; what was told is told again when it has grown tenfold.
    pub fn tell_losses(&mut self) {
        let city = match &self.course {
            Course::Play(play) => play.live().city(),
            Course::Live(feeds) => feeds.city(),
        };
        self.losses.tell(city.latest().tallies());
    }

    /// Lets real time go by, seconds; `now` is the wall clock's. Hands over what happened.
    pub fn advance(&mut self, wall_dt_s: f64, now: Timestamp) -> Vec<Happening> {
        let happenings = match &mut self.course {
            Course::Play(play) => {
                play.advance(wall_dt_s);
                play.take_happenings()
            }
            Course::Live(feeds) => feeds.advance(now),
        };
        self.tell_losses();
        happenings
    }

    /// Rows whose look may have changed since the last call: by what came, and each second by growing old.
    pub fn take_changed_rows(&mut self) -> BTreeSet<u32> {
        let mut rows = self.newly_changed_rows();
        if let Some(to_publish) = &mut self.to_publish {
            to_publish.extend(&rows);
        }
        // Whoever is told of values knows by itself how old they grow.
        let second = self.time().seconds().floor();
        if std::mem::replace(&mut self.aged_to_s, second) != second {
            rows.extend(self.aging_rows());
        }
        rows.append(&mut self.to_show);
        rows
    }

    /// Rows of which something may have changed since the last call of this, whoever draws them.
    pub fn take_rows_to_publish(&mut self) -> BTreeSet<u32> {
        let mut rows = self.newly_changed_rows();
        self.to_show.extend(&rows);
        rows.append(self.to_publish.get_or_insert_default());
        rows
    }

    /// Rows with a value whose effects tell its age.
    fn aging_rows(&self) -> BTreeSet<u32> {
        let aging: Vec<bool> = (0..self.scene.bindings.len() as u16).map(|b| self.appearance.follows_age(b)).collect();
        if !aging.contains(&true) {
            return BTreeSet::new();
        }
        let latest = self.live().latest();
        let readings = (0..latest.slot_count()).filter_map(|slot| latest.reading(slot));
        readings.filter(|reading| aging.get(usize::from(reading.binding)) == Some(&true)).map(|r| r.row).collect()
    }

    fn newly_changed_rows(&mut self) -> BTreeSet<u32> {
        match &mut self.course {
            Course::Play(play) => play.live_mut().city_mut().take_changed_rows(),
            Course::Live(feeds) => feeds.city_mut().take_changed_rows(),
        }
    }

    /// How an object looks now.
    pub fn style(&self, row: u32) -> ObjectStyle {
        self.appearance.style(row, self.live(), self.state())
    }

    /// What an alarm says, and whether nobody knows any more that it is so.
    pub fn words_of_alarm(&self, alarm: &RaisedAlarm<'_>) -> String {
        let mut words = filled(&alarm.rule.document.message, &|name: &str| match name {
            "value" => Value::from(alarm.value),
            _ if alarm.row == Alarms::CITY => Value::Null,
            _ => self.objects.attribute_in_words(alarm.row, name),
        });
        if !alarm.current {
            words.push_str(" (last known value)");
        }
        words
    }

    /// A camera of the scene by its name.
    pub fn camera(&self, name: &str) -> Option<&CameraDocument> {
        self.scene.cameras.iter().find(|camera| camera.name == name)
    }
}

/// The course of a scenario, at its start.
fn played(
    scenario: &ScenarioDocument,
    scenario_folder: &Path,
    scene: &SceneDocument,
    scene_folder: &Path,
    objects: &Arc<VariantCity>,
    zone_s: i32,
) -> Result<Course> {
    let timeline = Timeline::new(scenario)?;
    let before = timeline.start().plus_seconds(-1.0);
    let (names, feeds) = recorded_feeds(scene, scene_folder, scenario, scenario_folder, objects, zone_s)?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let live = CityLive::new(scene, &names, objects.clone(), before)?;
    Ok(Course::Play(Box::new(Playback::new(timeline, feeds.announced(live)))))
}

/// Edits and events are about objects that are there, in the city or by an edit of some variant.
fn refuse_unknown(scenario: &ScenarioDocument, scene: &SceneDocument, edits: &CityEdits, city: &City) -> Result<()> {
    let stored = |id: &str| city.table().row(id).is_some();
    if let Some(id) = edits.removed.iter().find(|id| !stored(id)) {
        bail!("an edit removes '{id}', which the city does not have");
    }
    for event in &scenario.events {
        let Some(id) = event.action.object().filter(|id| !stored(id)) else { continue };
        if !event.action.means_layer(id, scene) && scenario.added().all(|added| added != id) {
            bail!("the event at {} is about '{id}', which the city does not have", event.at);
        }
    }
    Ok(())
}

fn ground(source: &dyn ByteSource) -> Result<Option<HeightGrid>> {
    if source.size(HEIGHT_GRID_FILE).is_err() {
        return Ok(None);
    }
    let bytes = source.read(HEIGHT_GRID_FILE, None)?;
    Ok(Some(decode_height_grid(&bytes).context(HEIGHT_GRID_FILE)?))
}

/// The offset that the first of these times is written with; where there is none that of the place's sun, in whole hours.
fn zone_s<'t>(mut written: impl Iterator<Item = &'t str>, longitude: f64) -> i32 {
    let by_sun = (longitude / 15.0).round() as i32 * 3600;
    written.find_map(Timestamp::zone_s).unwrap_or(by_sun)
}

/// Where a document's camera looks from: the eye, and the place of what it looks at where it names one.
pub fn place_of(objects: &VariantCity, camera: &CameraDocument, site: &SiteFrame) -> Option<(glam::DVec3, bool)> {
    use crate::live::ObjectDirectory;
    let at = |[longitude, latitude, height]: [f64; 3]| {
        site.from_geodetic(Geodetic::from_degrees(longitude, latitude, height)).0
    };
    if let Some(place) = camera.place {
        return Some((at(place), false));
    }
    let target = match (&camera.object, camera.target) {
        (Some(id), _) => {
            let bounds = objects.bounds(objects.row_of(id)?);
            (!bounds.is_empty()).then(|| bounds.center())?
        }
        (None, Some(target)) => at(target),
        (None, None) => return None,
    };
    let (heading, pitch) = (camera.heading.to_radians(), camera.pitch.to_radians());
    let forward = glam::DVec3::new(heading.sin() * pitch.cos(), heading.cos() * pitch.cos(), pitch.sin());
    Some((target - forward * camera.distance_m.unwrap_or(500.0), true))
}

/// What to say of the scene's cameras that look at an object that is nowhere: it has no place, or the variant has taken it away.
pub fn cameras_nowhere(stage: &Stage) -> Vec<String> {
    let site = stage.site();
    let nowhere = stage.scene.cameras.iter().filter(|camera| place_of(&stage.objects, camera, &site).is_none());
    let told = |camera: &CameraDocument| {
        let object = camera.object.as_deref().unwrap_or_default();
        format!("camera '{}' looks at '{object}', which is nowhere: it is not flown to", camera.name)
    };
    nowhere.map(told).collect()
}

/// Files that a pattern with `*` in its last part means, sorted; `folder` is what it is relative to.
pub fn files_of(folder: &Path, pattern: &str) -> Result<Vec<PathBuf>> {
    let path = folder.join(pattern);
    let shown = path.display().to_string();
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let Some((before, after)) = name.split_once('*') else {
        return Ok(vec![path]);
    };
    let parent = path.parent().unwrap_or(Path::new(""));
    let mut found = Vec::new();
    for entry in std::fs::read_dir(parent).with_context(|| format!("cannot look for {shown}"))? {
        let entry = entry?.file_name().to_string_lossy().into_owned();
        let long = entry.len() >= before.len() + after.len();
        if long && entry.starts_with(before) && entry.ends_with(after) {
            found.push(parent.join(entry));
        }
    }
    found.sort();
    if found.is_empty() {
        bail!("no file is called like that: {shown}");
    }
    Ok(found)
}
