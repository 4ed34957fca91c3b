//! The engine on a canvas.

use std::sync::Arc;

use bevy::pbr::PbrPlugin;
use bevy::prelude::*;
use bevy::render::batching::gpu_preprocessing::{GpuPreprocessingMode, GpuPreprocessingSupport};
use bevy::render::settings::{RenderCreation, RenderResources};
use bevy::render::{RenderApp, RenderPlugin, RenderStartup, init_gpu_resource};
use js_sys::Function;
use serde::Deserialize;
use wasm_bindgen::prelude::*;

use super::canvas::{self, PicturePlugin, draw_directly};
use super::mailbox::{Mailbox, PageCamera, Request};
use super::page::{Ending, Listener, PagePlugin};
use super::remote_package::{RemotePackage, WorkerDecoder};
use super::scene_view::SceneViewPlugin;
use super::shell::controls::ControlsPlugin;
use super::shell::surroundings::{overview, show_city};
use super::shell::tour::{Tour, TourPlugin};
use super::viewed::Viewed;
use crate::engine::{CityStream, EnginePlugins, Quality, Tier, camera_bundle};
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

    /// Asks for the picture: the event `drawn` tells when it is in the canvas, and only as long as its listener runs.
    pub fn picture(&self) {
        self.mailbox.ask(Request::Picture);
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

/// Shows the package under `address` on the canvas that the CSS `selector` finds. `options` is JSON; `listener` is
/// called with the name of an event and its JSON; `decode` hands tiles to workers, without it they are decoded between frames.
#[wasm_bindgen]
pub async fn mount(
    selector: String,
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
    let (device, surface) = canvas::open(&selector).await.map_err(|error| JsError::new(&error))?;
    let quality = Quality::of(if WEBGPU { Tier::WebGpu } else { Tier::WebGl2 }, options.software);
    let quality = Quality { encoded: quality.plain, ..quality };
    let mut app = engine(selector, device, quality);
    if quality.encoded {
        draw_directly(&mut app, surface);
    }
    start(app, stream, &options, viewer, Listener(listener));
    Ok(Viewer { mailbox, viewed })
}

/// Bevy with this device, for the canvas of a selector.
fn engine(canvas: String, device: RenderResources, quality: Quality) -> App {
    let window = Window { canvas: Some(canvas), fit_canvas_to_parent: true, ..default() };
    let window = WindowPlugin { primary_window: Some(window), ..default() };
    let render = RenderPlugin { render_creation: RenderCreation::Manual(device), ..default() };
    let mut app = App::new();
    // A few dozen parts are brought into order faster than a card that is really the processor is asked to, and WebGL 2 cannot
    // be asked.
    let by_card = WEBGPU && !quality.plain;
    let parts = PbrPlugin { use_gpu_instance_buffer_builder: by_card, ..default() };
    app.insert_resource(quality).add_plugins(DefaultPlugins.set(window).set(render).set(parts));
    if !by_card {
        let known = init_gpu_resource::<GpuPreprocessingSupport>;
        app.sub_app_mut(RenderApp).add_systems(RenderStartup, ask_nothing.after(known));
    }
    app
}

/// Phases are laid out by what the card could be asked to do, also where it is not asked: its parts would be drawn nowhere.
fn ask_nothing(mut support: ResMut<GpuPreprocessingSupport>) {
    support.max_supported_mode = GpuPreprocessingMode::None;
}

fn start(mut app: App, stream: CityStream, options: &Options, viewer: Viewer, listener: Listener) {
    let (site, quality) = (stream.site(), *app.world().resource::<Quality>());
    app.add_plugins((EnginePlugins, ControlsPlugin, TourPlugin, PicturePlugin))
        .add_plugins(SceneViewPlugin(viewer.viewed.clone()))
        .add_plugins(PagePlugin(viewer.mailbox));
    app.sub_app_mut(RenderApp).world_mut().insert_non_send(listener.clone());
    app.insert_non_send(Ending(listener.0.clone())).insert_non_send(listener);
    let stated = options.time.clone().or_else(|| viewer.viewed.lock().scene.document().sun.clone());
    let time = stated.and_then(|text| Timestamp::parse(&text).ok());
    show_city(app.world_mut(), stream, time);
    let (first, tour) = {
        let inner = viewer.viewed.lock();
        let document = inner.scene.document();
        let stop = |name: &str| Some(inner.camera(name)?.view(&site));
        let tour = document.tour.as_ref().and_then(|tour| Tour::new(tour, stop));
        let camera = document.cameras.first().and_then(|camera| stop(&camera.name));
        (tour.as_ref().map(Tour::first_view).or(camera), tour)
    };
    let asked = options.camera.map(|camera| camera.view(&site));
    let view = asked.or(first).unwrap_or_else(|| overview(app.world()));
    app.world_mut().spawn(camera_bundle(view, &quality));
    if let Some(tour) = tour {
        app.insert_resource(tour);
    }
    // The browser calls every frame from now on.
    app.run();
}
