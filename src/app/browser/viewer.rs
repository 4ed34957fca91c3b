//! The engine on a canvas.

use std::sync::Arc;

use bevy::prelude::*;
use bevy::render::view::screenshot::{Screenshot, ScreenshotCaptured};
use js_sys::Function;
use serde::Deserialize;
use wasm_bindgen::prelude::*;

use super::mailbox::{Mailbox, PageCamera, Request};
use super::remote_package::{RemotePackage, WorkerDecoder};
use super::scene_view::{Picked, SceneViewPlugin, Waters};
use super::shell::controls::{Clicked, ControlSystems, ControlsPlugin};
use super::shell::surroundings::{overview, show_city};
use super::shell::tour::{Tour, TourPlugin};
use super::shell::water::Water;
use super::viewed::Viewed;
use crate::engine::city_material::ObjectFlags;
use crate::engine::faces::{Faces, add_face};
use crate::engine::picking::{Pick, pick};
use crate::engine::tiles::{AddedObjects, HeldBytes, NO_OBJECT, PartObjects};
use crate::engine::{
    CameraView, CityStream, EnginePlugins, EngineSystems, Environment, Flight, ObjectChange, ObjectChanges, Quality,
    SiteCamera, Tier, camera_bundle,
};
use crate::formats::Column;
use crate::geodesy::{Geodetic, SiteFrame};
use crate::platform::web::WEBGPU;
use crate::quantity::Timestamp;
use crate::scenario::{AddedContent, Run, SceneForViewers};
use crate::sim::Recording;
use crate::streaming::SessionSettings;

/// What a page says when it mounts a viewer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Options {
    /// Hard limit for tile data, MiB.
    memory: u64,
    /// Whether the card is really the processor: effects that cost much are left away.
    software: bool,
    /// The first view; the whole city where nothing is said.
    camera: Option<PageCamera>,
    /// Who asks for tiles; nothing where a cookie says it or nobody need say it.
    token: Option<String>,
    /// When the sun shines (RFC 3339); an afternoon where nothing is said.
    time: Option<String>,
    /// How the city looks, as `/api/scenes/...` answers; as its package tells where nothing is said.
    scene: Option<SceneForViewers>,
    /// Whether what is selected has its panel on the picture.
    panel: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { memory: 384, software: false, camera: None, token: None, time: None, scene: None, panel: true }
    }
}

/// The page's callback; called with the name of an event and what it says, as JSON.
struct Listener(Function);

impl Listener {
    fn tell(&self, event: &str, what: &serde_json::Value) {
        // What the page's own code throws is its own affair.
        let _ = self.0.call2(&JsValue::NULL, &event.into(), &what.to_string().into());
    }
}

thread_local! {
    /// Whom a panic is told: it ends the engine, and the page begins another one.
    static FAULT: std::cell::RefCell<Option<Function>> = const { std::cell::RefCell::new(None) };
}

fn tell_fault(words: &str) {
    web_sys::console::error_1(&words.into());
    if let Some(listener) = FAULT.take() {
        // What the page's own code throws is its own affair.
        let _ = listener.call2(&JsValue::NULL, &"fault".into(), &words.into());
    }
}

/// A page's handle on its viewer.
#[wasm_bindgen]
pub struct Viewer {
    mailbox: Mailbox,
    viewed: Viewed,
}

#[wasm_bindgen]
impl Viewer {
    /// Flies to a camera (JSON: longitude, latitude, height, heading, pitch) in so many seconds.
    #[wasm_bindgen(js_name = flyTo)]
    pub fn fly_to(&self, camera: &str, seconds: f64) -> Result<(), JsError> {
        let camera: PageCamera = serde_json::from_str(camera).map_err(|error| JsError::new(&error.to_string()))?;
        self.mailbox.ask(Request::Fly(camera, seconds.max(0.0)));
        Ok(())
    }

    /// Selects the object of an identifier as soon as it is drawn; none where nothing is given.
    pub fn select(&self, id: Option<String>) {
        self.mailbox.ask(Request::Select(id));
    }

    /// Picks what is under a point of the picture, from -1 (left, lower) to 1, as a click does. The event `picked` brings the
    /// answer, with the same number.
    pub fn pick(&self, x: f64, y: f64, number: u32) {
        self.mailbox.ask(Request::Pick { x, y, number });
    }

    /// Takes one more face (OpenType) for signs that the event `signs` has told of.
    #[wasm_bindgen(js_name = addFace)]
    pub fn add_face(&self, bytes: Vec<u8>) {
        self.mailbox.ask(Request::Face(bytes));
    }

    /// Draws what the variant of the scene adds, as `/api/scenes/.../added` has it.
    #[wasm_bindgen(js_name = addObjects)]
    pub fn add_objects(&self, bytes: &[u8]) -> Result<(), JsError> {
        self.mailbox.ask(Request::Added(AddedContent::decode(bytes)?));
        Ok(())
    }

    /// Draws the water of a simulation that begins at an instant (RFC 3339), as `/api/scenes/.../runs/...` has it.
    #[wasm_bindgen(js_name = addRun)]
    pub fn add_run(&self, name: String, start: &str, bytes: Vec<u8>) -> Result<(), JsError> {
        let (start, recording) = (Timestamp::parse(start)?, Arc::new(Recording::open(bytes.into())?));
        self.mailbox.ask(Request::Run(Run { name, start, recording }));
        Ok(())
    }

    /// Asks for the picture: the event `screenshot` brings it.
    pub fn screenshot(&self) {
        self.mailbox.ask(Request::Screenshot);
    }

    /// Takes a message of `/api/live` in. What it says comes back as JSON (`null` where it says nothing), and the name of
    /// another scene where an operator wants it on this screen.
    pub fn live(&self, bytes: &[u8]) -> Result<String, JsError> {
        let taken = self.viewed.take(bytes)?;
        if let Some((camera, seconds)) = taken.look {
            self.mailbox.ask(Request::Fly(camera, seconds));
        }
        Ok(serde_json::json!({ "live": taken.told, "scene": taken.scene }).to_string())
    }

    /// Everything that holds, as the messages of [`Self::live`] tell it (JSON); `null` while it is not known.
    pub fn known(&self) -> String {
        self.viewed.lock().known().to_string()
    }

    /// Tells why what is shown is old; nothing where it is not.
    pub fn trouble(&self, words: Option<String>) {
        self.viewed.set_trouble(words);
    }

    /// Shows the city by other layers (JSON: a list, as in scenes).
    #[wasm_bindgen(js_name = setStyle)]
    pub fn set_style(&self, layers: &str) -> Result<(), JsError> {
        let layers = serde_json::from_str(layers).map_err(|error| JsError::new(&format!("layers: {error}")))?;
        self.viewed.set_layers(layers)?;
        Ok(())
    }

    /// Where the camera is, as [`Self::fly_to`] takes it; empty before the first frame.
    pub fn camera(&self) -> String {
        self.mailbox.camera().and_then(|camera| serde_json::to_string(&camera).ok()).unwrap_or_default()
    }

    /// Figures of streaming and drawing, as JSON; empty before the first frame.
    pub fn stats(&self) -> String {
        self.mailbox.stats()
    }

    /// Bytes of memory that the program has.
    pub fn memory(&self) -> f64 {
        const PAGE: f64 = 65_536.0;
        core::arch::wasm32::memory_size(0) as f64 * PAGE
    }

    /// Ends the viewer and gives back what it holds.
    pub fn dispose(&self) {
        self.mailbox.ask(Request::Dispose);
    }
}

/// Shows the package under `address` on the canvas that the CSS selector `canvas` finds. `options` is JSON; `listener` is
/// called with the name of an event and its JSON; `decode` hands tiles to workers, without it they are decoded between frames.
#[wasm_bindgen]
pub async fn mount(
    canvas: String,
    address: String,
    options: String,
    listener: Function,
    decode: Option<Function>,
) -> Result<Viewer, JsError> {
    FAULT.set(Some(listener.clone()));
    std::panic::set_hook(Box::new(|panic| tell_fault(&panic.to_string())));
    let options: Options =
        serde_json::from_str(&options).map_err(|error| JsError::new(&format!("options: {error}")))?;
    let package = RemotePackage::new(&address, options.token.as_deref());
    let first = package.first_files().await?;
    let budget_bytes = options.memory.clamp(16, 1 << 20) << 20;
    let settings = SessionSettings { budget_bytes, ..SessionSettings::default() };
    let stream = CityStream::fetched_by(Arc::new(package), &first, settings)?;
    let stream = match decode {
        Some(decode) => stream.decoded_by(Arc::new(WorkerDecoder::new(decode))),
        None => stream,
    };
    let viewed = Viewed::new(options.scene.clone().unwrap_or_default(), options.camera.is_some())?;
    viewed.lock().panel = options.panel;
    let mailbox = Mailbox::default();
    let viewer = Viewer { mailbox: mailbox.clone(), viewed: viewed.clone() };
    start(canvas, stream, &options, viewer, Listener(listener));
    Ok(Viewer { mailbox, viewed })
}

fn start(canvas: String, stream: CityStream, options: &Options, viewer: Viewer, listener: Listener) {
    let quality = Quality::of(if WEBGPU { Tier::WebGpu } else { Tier::WebGl2 }, options.software);
    let site = stream.site();
    let window = Window { canvas: Some(canvas), fit_canvas_to_parent: true, ..default() };
    let mut app = App::new();
    app.insert_resource(quality)
        .add_plugins(DefaultPlugins.set(WindowPlugin { primary_window: Some(window), ..default() }))
        .add_plugins((EnginePlugins, ControlsPlugin, TourPlugin))
        .add_plugins(SceneViewPlugin(viewer.viewed.clone()))
        .insert_resource(viewer.mailbox)
        .init_resource::<Wanted>()
        .insert_non_send(listener)
        .add_systems(
            Update,
            (heed_page, pick_asked, select_wanted).chain().before(ControlSystems).in_set(EngineSystems::Camera),
        )
        .add_systems(Update, tell_page.after(EngineSystems::Stream));
    let stated = options.time.clone().or_else(|| viewer.viewed.lock().scene.document().sun.clone());
    let time = stated.and_then(|text| Timestamp::parse(&text).ok());
    show_city(app.world_mut(), stream, time);
    let (first, tour) = {
        let inner = viewer.viewed.lock();
        let document = inner.scene.document();
        let stop = |name: &str| Some(view_of(&site, &inner.camera(name)?));
        let tour = document.tour.as_ref().and_then(|tour| Tour::new(tour, stop));
        let camera = document.cameras.first().and_then(|camera| stop(&camera.name));
        (tour.as_ref().map(Tour::first_view).or(camera), tour)
    };
    let asked = options.camera.map(|camera| view_of(&site, &camera));
    let view = asked.or(first).unwrap_or_else(|| overview(app.world()));
    app.world_mut().spawn(camera_bundle(view, &quality));
    if let Some(tour) = tour {
        app.insert_resource(tour);
    }
    // The browser calls every frame from now on.
    app.run();
}

fn view_of(site: &SiteFrame, camera: &PageCamera) -> CameraView {
    let place = Geodetic::from_degrees(camera.longitude, camera.latitude, camera.height);
    CameraView {
        place_in_site: site.from_geodetic(place).0,
        heading_rad: camera.heading.to_radians(),
        pitch_rad: camera.pitch.clamp(-89.0, 89.0).to_radians(),
        vertical_field_of_view_rad: camera
            .field_of_view
            .map_or(CameraView::default().vertical_field_of_view_rad, f64::to_radians),
    }
}

fn in_degrees(site: &SiteFrame, view: &CameraView) -> PageCamera {
    let place = site.to_geodetic(crate::geodesy::SitePoint(view.place_in_site));
    PageCamera {
        longitude: place.longitude_rad.to_degrees(),
        latitude: place.latitude_rad.to_degrees(),
        height: place.ellipsoid_height_m,
        heading: view.heading_rad.to_degrees().rem_euclid(360.0),
        pitch: view.pitch_rad.to_degrees(),
        field_of_view: (view.vertical_field_of_view_rad != CameraView::default().vertical_field_of_view_rad)
            .then(|| view.vertical_field_of_view_rad.to_degrees()),
    }
}

/// The object that the page wants selected and that has not been seen yet; `Some(None)` where it wants none.
#[derive(Resource, Default)]
struct Wanted(Option<Option<String>>);

/// Selects what the page has asked for, as soon as a tile has it.
fn select_wanted(
    mut wanted: ResMut<Wanted>,
    parts: Query<&PartObjects>,
    new: Query<(), Added<PartObjects>>,
    mut clicks: MessageWriter<Clicked>,
) {
    if wanted.0.is_none() || !(wanted.is_changed() || !new.is_empty()) {
        return;
    }
    let found = match wanted.bypass_change_detection().0.as_ref().and_then(Option::as_ref) {
        None => None,
        Some(id) => match parts.iter().find_map(|part| picked_in(part, id)) {
            None => return,
            found => found,
        },
    };
    wanted.bypass_change_detection().0 = None;
    clicks.write(Clicked(found));
}

fn picked_in(part: &PartObjects, id: &str) -> Option<Pick> {
    let Some(Column::Text(ids)) = part.features.column("id") else { return None };
    let feature = (0..part.features.count).find(|feature| ids.get(*feature) == Some(id))?;
    let row = *part.rows.get(feature).filter(|row| **row != NO_OBJECT)?;
    Some(part.pick(feature, row, part.site_from_content.translation, 0.0))
}

/// A point of the picture that the page wants picked, and the number of its question.
#[derive(Component, Clone, Copy)]
struct PickAt {
    x: f64,
    y: f64,
    number: u32,
}

/// Picks where the page has asked for it.
fn pick_asked(world: &mut World) {
    let asked: Vec<(Entity, PickAt)> =
        world.query::<(Entity, &PickAt)>().iter(world).map(|(entity, at)| (entity, *at)).collect();
    for (entity, PickAt { x, y, number }) in asked {
        world.despawn(entity);
        let mut cameras = world.query::<(&SiteCamera, &Camera)>();
        let Some((camera, target)) = cameras.iter(world).next() else { continue };
        let size = target.physical_target_size().unwrap_or(UVec2::ONE).max(UVec2::ONE).as_dvec2();
        let (view, ray) = (camera.view, camera.view.ray_in_site(x, y, size.x / size.y));
        let picked = pick(world, view.place_in_site, ray, false);
        let what = picked.as_ref().map(|picked| told(world.resource::<CityStream>(), picked));
        world.non_send::<Listener>().tell("picked", &serde_json::json!({ "number": number, "what": what }));
        world.write_message(Clicked(picked));
    }
}

/// Gives the page the picture: width, height and the bytes of its pixels, red, green, blue, alpha.
fn show_picture(captured: On<ScreenshotCaptured>, listener: NonSend<Listener>) {
    let Ok(image) = captured.image.clone().try_into_dynamic() else { return };
    let image = image.to_rgba8();
    let what = js_sys::Array::of3(
        &image.width().into(),
        &image.height().into(),
        &js_sys::Uint8ClampedArray::from(image.as_raw().as_slice()).into(),
    );
    // What the page's own code throws is its own affair.
    let _ = listener.0.call2(&JsValue::NULL, &"screenshot".into(), &what.into());
}

/// Does what the page has asked for.
fn heed_page(
    mailbox: Res<Mailbox>,
    stream: Res<CityStream>,
    time: Res<Time<Real>>,
    mut environment: ResMut<Environment>,
    mut wanted: ResMut<Wanted>,
    mut waters: ResMut<Waters>,
    mut cameras: Query<(Entity, &mut SiteCamera)>,
    mut commands: Commands,
    mut exit: MessageWriter<AppExit>,
) {
    environment.effect_seconds = time.elapsed_secs_f64() % 3600.0;
    for request in mailbox.take() {
        match request {
            Request::Fly(camera, seconds) => {
                let to = view_of(&stream.site(), &camera);
                for (entity, mut camera) in &mut cameras {
                    if seconds > 0.0 {
                        commands.entity(entity).insert(Flight { duration_s: seconds, ..Flight::new(camera.view, to) });
                    } else {
                        commands.entity(entity).remove::<Flight>();
                        camera.view = to;
                    }
                }
            }
            Request::Select(id) => wanted.0 = Some(id),
            Request::Pick { x, y, number } => drop(commands.spawn(PickAt { x, y, number })),
            Request::Face(bytes) => {
                commands.queue(|world: &mut World| {
                    // What is no face changes nothing.
                    add_face(world, bytes);
                });
            }
            Request::Added(added) => {
                commands.queue(|world: &mut World| world.resource_mut::<AddedObjects>().set(added));
            }
            Request::Run(run) => {
                commands.spawn(HeldBytes(run.recording.bytes().len() + run.recording.grid().cells() * 8));
                waters.add(Water::new(run, &stream.site()));
            }
            Request::Screenshot => drop(commands.spawn(Screenshot::primary_window()).observe(show_picture)),
            Request::Dispose => drop(exit.write(AppExit::Success)),
        }
    }
}

fn highlight(changes: &mut ObjectChanges, row: Option<u32>) {
    let change = ObjectChange { flags: ObjectFlags::HIGHLIGHT, ..ObjectChange::default() };
    changes.set_layer("pick", row.map(|row| (row, change)).into_iter().collect());
}

/// A pick as the page is told it.
fn told(stream: &CityStream, picked: &Pick) -> serde_json::Value {
    let place = stream.site().to_geodetic(crate::geodesy::SitePoint(picked.place_in_site));
    let attributes: serde_json::Map<String, serde_json::Value> =
        picked.attributes.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    let at = [place.longitude_rad.to_degrees(), place.latitude_rad.to_degrees(), place.ellipsoid_height_m];
    serde_json::json!({ "row": picked.row, "place": at, "attributes": attributes })
}

/// Tells the page what has happened: clicks, moves of the camera, and when everything in sight is there.
fn tell_page(
    mailbox: Res<Mailbox>,
    stream: Res<CityStream>,
    listener: NonSend<Listener>,
    mut clicks: MessageReader<Clicked>,
    mut changes: ResMut<ObjectChanges>,
    mut picked: ResMut<Picked>,
    mut faces: ResMut<Faces>,
    cameras: Query<&SiteCamera>,
    mut frames: Local<u64>,
    mut complete: Local<bool>,
) {
    *frames += 1;
    for Clicked(clicked) in clicks.read() {
        highlight(&mut changes, clicked.as_ref().map(|clicked| clicked.row));
        listener.tell("pick", &clicked.as_ref().map_or(serde_json::Value::Null, |clicked| told(&stream, clicked)));
        picked.0 = clicked.clone();
    }
    let missing: Vec<u32> = faces.bypass_change_detection().take_missing().into_iter().map(u32::from).collect();
    if !missing.is_empty() {
        listener.tell("signs", &serde_json::json!(missing));
    }
    for camera in &cameras {
        let in_degrees = || in_degrees(&stream.site(), &camera.view);
        if mailbox.set_view(camera.view, in_degrees) {
            listener.tell("camera", &serde_json::json!(mailbox.camera()));
        }
    }
    let stats = stream.stats();
    let figures = serde_json::json!({
        "frames": *frames, "tiles": stats.shown, "usedBytes": stats.used_bytes, "peakBytes": stats.peak_bytes,
        "failures": stats.failures, "complete": stream.is_complete(), "problems": stream.problems(),
    });
    mailbox.set_stats(figures.to_string());
    if stream.is_complete() != *complete {
        *complete = stream.is_complete();
        listener.tell(if *complete { "complete" } else { "loading" }, &figures);
    }
}
