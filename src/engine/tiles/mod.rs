//! A streamed city: `streaming::Session` decides, this plugin reads, decodes on task threads, uploads, shows and hides.
//!
//! A shell opens a [`CityStream`] on a byte source and inserts it as a resource. Every frame the cameras become views, the
//! session answers with commands, and what came back from the tasks goes to it as events. Bytes are counted by the session
//! against its hard budget; every command's limit is obeyed here.

mod added;
mod decode;
mod drape;
mod ground;
mod style;
mod tasks;
mod tileset;

pub use added::AddedObjects;
pub use decode::{NO_OBJECT, PartObjects};
pub use ground::plain_ground;
pub use style::{DrawnObject, ObjectChange, ObjectChanges, ObjectLooks};
pub use tasks::{DecodeHere, FetchFailure, TileDecoder, TileFetcher};

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, mpsc};

use bevy::prelude::*;
use bevy::tasks::{AsyncComputeTaskPool, IoTaskPool};
use glam::DAffine3;

use super::city_material::{CityAssets, mesh_box};
use super::{EngineSystems, SiteCamera};
use crate::geodesy::{Geodetic, SiteFrame};
use crate::geometry::Bounds;
use crate::package::Manifest;
use crate::streaming::{
    ByteSource, Command, Event, Graft, Part, ResourceId, Session, SessionSettings, SessionStats, View,
};
use decode::DecodedTile;

/// Why a city cannot be streamed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StreamError {
    /// A file is missing or cannot be read.
    #[error(transparent)]
    Source(#[from] crate::streaming::ByteSourceError),
    /// The manifest is wrong.
    #[error("{0}: city.toml")]
    Manifest(String),
    /// A tileset is wrong.
    #[error("{cause}: {name}")]
    Tileset {
        /// What is wrong.
        cause: String,
        /// Which file.
        name: String,
    },
    /// Its tree alone passes the budget.
    #[error(transparent)]
    Session(#[from] crate::streaming::SessionError),
}

enum Answer {
    Fetched(ResourceId, Vec<u8>),
    TooLarge(ResourceId, u64),
    FetchFailed(ResourceId, String),
    Decoded(ResourceId, Box<DecodedTile>),
    Grafted(ResourceId, Graft),
    DecodeFailed(ResourceId, String),
}

enum Held {
    Bytes(Arc<Vec<u8>>, String),
    Entities(Vec<Entity>),
}

struct Tree {
    site_from_tile: DAffine3,
    subtree_levels: u32,
    ground: bool,
}

/// A city being streamed.
#[derive(Resource)]
pub struct CityStream {
    session: Session,
    fetcher: Arc<dyn TileFetcher>,
    decoder: Arc<dyn TileDecoder>,
    trees: Vec<Tree>,
    held: BTreeMap<ResourceId, (usize, Held)>,
    /// Tree and name of what is being fetched.
    fetches: BTreeMap<ResourceId, (usize, String)>,
    sender: mpsc::Sender<Answer>,
    answers: Mutex<mpsc::Receiver<Answer>>,
    manifest: Manifest,
    problems: Vec<String>,
    still_frames: usize,
}

/// On an entity that is no tile: bytes that it takes, which the city's budget counts too.
#[derive(Component, Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldBytes(pub usize);

/// Frames without anything under way after which all is loaded.
const STILL_FRAMES: usize = 3;

impl CityStream {
    /// Opens a package: reads its manifest and its tilesets' roots.
    pub fn open(source: Arc<dyn ByteSource>, settings: SessionSettings) -> Result<Self, StreamError> {
        Self::fetched_by(Arc::new(tasks::FromSource(source.clone())), &*source, settings)
    }

    /// Opens a package whose first files (`city.toml`, `tileset.json`, `terrain/tileset.json`) are in `first`, and whose others
    /// a fetcher brings.
    pub fn fetched_by(
        fetcher: Arc<dyn TileFetcher>,
        first: &dyn ByteSource,
        settings: SessionSettings,
    ) -> Result<Self, StreamError> {
        let text = first.read(Manifest::NAME, None)?;
        let text = String::from_utf8_lossy(&text);
        let manifest = Manifest::read(&text).map_err(|e| StreamError::Manifest(e.to_string()))?;
        let (sender, answers) = mpsc::channel();
        let mut stream = Self {
            session: Session::new(settings),
            fetcher,
            decoder: Arc::new(DecodeHere),
            trees: Vec::new(),
            held: BTreeMap::new(),
            fetches: BTreeMap::new(),
            sender,
            answers: Mutex::new(answers),
            manifest,
            problems: Vec::new(),
            still_frames: 0,
        };
        stream.add_tileset(first, "", false)?;
        if stream.manifest.terrain {
            stream.add_tileset(first, "terrain/", true)?;
        }
        Ok(stream)
    }

    /// The same city, its tiles decoded by somebody else.
    pub fn decoded_by(self, decoder: Arc<dyn TileDecoder>) -> Self {
        Self { decoder, ..self }
    }

    fn add_tileset(&mut self, first: &dyn ByteSource, folder: &str, ground: bool) -> Result<(), StreamError> {
        let bytes = first.read(&format!("{folder}tileset.json"), None)?;
        let set = tileset::read(&bytes, folder, &self.site())?;
        self.session.add_tree(set.tree)?;
        self.trees.push(Tree { site_from_tile: set.site_from_tile, subtree_levels: set.subtree_levels, ground });
        Ok(())
    }

    /// What the package says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The site frame of the package.
    pub fn site(&self) -> SiteFrame {
        self.manifest.site()
    }

    /// The box around most of the city, or around its terrain where it has no objects, site frame; empty where the package
    /// does not say.
    pub fn focus_in_site(&self) -> Bounds {
        let said = self.manifest.focus.or(self.manifest.extent).or(self.manifest.ground);
        let Some([west, south, east, north, low, high]) = said else { return Bounds::EMPTY };
        let site = self.site();
        let corner =
            |longitude, latitude, height| site.from_geodetic(Geodetic::from_degrees(longitude, latitude, height)).0;
        let sides = [(west, south), (east, south), (east, north), (west, north)];
        Bounds::around(sides.iter().flat_map(|&(lon, lat)| [corner(lon, lat, low), corner(lon, lat, high)]))
    }

    /// Where a plain ground lies: below every point of the terrain, or at the feet of the city where there is none, metres
    /// above the ellipsoid; `None` where the package does not say.
    pub fn foot_m(&self) -> Option<f64> {
        self.manifest.ground.or(self.manifest.focus).or(self.manifest.extent).map(|extent| extent[4])
    }

    /// Figures of the session now.
    pub fn stats(&self) -> SessionStats {
        self.session.stats()
    }

    /// What could not be read or decoded, in words.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Whether nothing that the views want is missing.
    pub fn is_complete(&self) -> bool {
        self.still_frames >= STILL_FRAMES
    }

    /// Forgets that everything was there: views or the city have changed, and what is missing now is not known yet.
    pub fn begin_anew(&mut self) {
        self.still_frames = 0;
    }

    fn run(&mut self, command: Command, commands: &mut Commands) {
        match command {
            Command::Fetch { resource, tree, name, max_bytes } => {
                self.fetches.insert(resource, (tree, name.clone()));
                let (bytes, sender) = (self.fetcher.fetch(name, max_bytes), self.sender.clone());
                let answer = async move {
                    match bytes.await {
                        Ok(bytes) => Answer::Fetched(resource, bytes),
                        Err(FetchFailure::TooLarge(size)) => Answer::TooLarge(resource, size),
                        Err(FetchFailure::Failed(cause)) => Answer::FetchFailed(resource, cause),
                    }
                };
                IoTaskPool::get().spawn(async move { drop(sender.send(answer.await)) }).detach();
            }
            Command::Decode { resource, part, max_bytes } => self.decode(resource, part, max_bytes),
            Command::Show(resource) => self.set_visible(resource, Visibility::Inherited, commands),
            Command::Hide(resource) => self.set_visible(resource, Visibility::Hidden, commands),
            Command::CancelFetch(resource) | Command::Release(resource) => {
                self.fetches.remove(&resource);
                if let Some((_, Held::Entities(entities))) = self.held.remove(&resource) {
                    entities.into_iter().for_each(|entity| commands.entity(entity).despawn());
                }
            }
        }
    }

    fn set_visible(&self, resource: ResourceId, visibility: Visibility, commands: &mut Commands) {
        if let Some((_, Held::Entities(entities))) = self.held.get(&resource) {
            for entity in entities {
                commands.entity(*entity).insert(visibility);
            }
        }
    }

    fn decode(&mut self, resource: ResourceId, part: Part, max_bytes: u64) {
        let Some((number, Held::Bytes(bytes, name))) = self.held.get(&resource) else { return };
        let failed = {
            let name = name.clone();
            move |cause: String| Answer::DecodeFailed(resource, format!("{cause}: {name}"))
        };
        let (bytes, sender, decoder) = (bytes.clone(), self.sender.clone(), self.decoder.clone());
        let Some(tree) = self.trees.get(*number) else { return };
        let (site_from_tile, levels, ground) = (tree.site_from_tile, tree.subtree_levels, tree.ground);
        let task = async move {
            let answer = match part {
                Part::Content(_) => match decoder.decode(bytes).await {
                    Ok(content) => {
                        let tile = decode::with_looks(content, site_from_tile, ground);
                        match tile.bytes() {
                            bytes if bytes > max_bytes => Answer::TooLarge(resource, bytes),
                            _ => Answer::Decoded(resource, Box::new(tile)),
                        }
                    }
                    Err(cause) => failed(cause),
                },
                _ => match subtree(&bytes, levels) {
                    Ok(graft) if graft.bytes() > max_bytes => Answer::TooLarge(resource, graft.bytes()),
                    Ok(graft) => Answer::Grafted(resource, graft),
                    Err(cause) => failed(cause),
                },
            };
            drop(sender.send(answer));
        };
        AsyncComputeTaskPool::get().spawn(task).detach();
    }

    fn answers(&self) -> Vec<Answer> {
        self.answers.lock().map(|receiver| receiver.try_iter().collect()).unwrap_or_default()
    }

    fn handle(&mut self, event: Event) {
        if let Err(error) = self.session.handle(event) {
            self.problems.push(error.to_string());
        }
    }
}

fn subtree(bytes: &[u8], levels: u32) -> Result<Graft, String> {
    use crate::formats::tiles3d;
    let read = tiles3d::Subtree::decode(bytes, levels).map_err(|e| e.to_string())?;
    let bits = |from: &tiles3d::Availability, count: usize| {
        let mut packed = vec![0_u8; count.div_ceil(8)];
        from.indices().for_each(|i| packed[i / 8] |= 1 << (i % 8));
        crate::streaming::Availability::Bits(packed)
    };
    let cells = tiles3d::cells(levels);
    Ok(Graft::Implicit(crate::streaming::SubtreeAvailability {
        tiles: bits(&read.tiles, cells),
        contents: vec![bits(&read.contents, cells)],
        child_subtrees: bits(&read.children, 1 << (2 * levels)),
    }))
}

pub(super) struct TilesPlugin;

impl Plugin for TilesPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<AddedObjects>()
            .init_resource::<ObjectChanges>()
            .init_resource::<style::RowPlaces>()
            .add_observer(style::forget)
            .add_systems(
                Update,
                (added::draw_added, stream_city.run_if(resource_exists::<CityStream>), style::apply_changes)
                    .chain()
                    .in_set(EngineSystems::Stream),
            );
    }
}

fn stream_city(
    time: Res<Time<Real>>,
    mut stream: ResMut<CityStream>,
    cameras: Query<(&SiteCamera, &Camera)>,
    others: Query<&HeldBytes>,
    mut assets: CityAssets,
) {
    let views: Vec<View> = cameras.iter().map(|(camera, target)| view_of(camera, target)).collect();
    let stream = &mut *stream;
    stream.session.set_held_by_host(others.iter().map(|held| held.0 as u64).sum());
    let answers = stream.answers();
    let mut busy = !answers.is_empty();
    for answer in answers {
        match answer {
            Answer::Fetched(id, bytes) => {
                let Some((tree, name)) = stream.fetches.remove(&id) else { continue };
                let size = bytes.len() as u64;
                stream.held.insert(id, (tree, Held::Bytes(Arc::new(bytes), name)));
                stream.handle(Event::Fetched(id, size));
            }
            Answer::TooLarge(id, size) => stream.handle(Event::TooLarge(id, size)),
            Answer::FetchFailed(id, cause) => {
                stream.problems.push(cause);
                stream.handle(Event::FetchFailed(id));
            }
            Answer::DecodeFailed(id, cause) => {
                stream.problems.push(cause);
                stream.handle(Event::DecodeFailed(id));
            }
            Answer::Grafted(id, graft) => {
                stream.held.remove(&id);
                stream.handle(Event::Grafted(id, graft));
            }
            Answer::Decoded(id, tile) => {
                let Some((tree, _)) = stream.held.remove(&id) else { continue };
                let (decoded, resident) = (tile.bytes(), tile.resident_bytes());
                stream.problems.extend_from_slice(&tile.problems);
                let entities = upload(*tile, &mut assets);
                stream.held.insert(id, (tree, Held::Entities(entities)));
                stream.handle(Event::Decoded(id, decoded));
                stream.handle(Event::Uploaded(id, resident));
            }
        }
    }
    let todo = stream.session.update(&views, time.elapsed_secs_f64());
    busy |= !todo.is_empty();
    for command in todo {
        stream.run(command, &mut assets.commands);
    }
    let stats = stream.session.stats();
    busy |= stats.fetching + stats.decoding > 0;
    stream.still_frames = if busy { 0 } else { stream.still_frames + 1 };
}

fn view_of(camera: &SiteCamera, target: &Camera) -> View {
    let size = target.physical_target_size().unwrap_or(UVec2::new(1280, 720)).max(UVec2::ONE).as_dvec2();
    View {
        position_in_site: camera.view.place_in_site,
        direction_in_site: camera.view.forward_in_site(),
        up_in_site: camera.view.up_in_site(),
        vertical_fov_rad: camera.view.vertical_field_of_view_rad,
        aspect: size.x / size.y,
        viewport_height_px: size.y,
    }
}

fn upload(tile: DecodedTile, assets: &mut CityAssets) -> Vec<Entity> {
    let site_from_content = tile.site_from_content;
    let drapes: Vec<Handle<Image>> = tile.drapes.into_iter().map(|drape| assets.add_image(drape.image())).collect();
    let mut entities = Vec::with_capacity(tile.parts.len());
    for part in tile.parts {
        let drape = part.drape.and_then(|number| drapes.get(number).cloned());
        let entity = assets.spawn(&part.mesh, part.looks.clone(), drape, site_from_content);
        let bounds = mesh_box(&part.mesh);
        assets.commands.entity(entity).insert((
            PartObjects {
                features: tile.features.clone(),
                low: bounds.min().into(),
                high: bounds.max().into(),
                rows: Arc::new(part.objects),
                plain: Arc::new(part.looks),
                mesh: Arc::new(part.mesh),
                site_from_content,
            },
            Visibility::Hidden,
        ));
        entities.push(entity);
    }
    entities
}
