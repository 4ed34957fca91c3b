//! Between the page and the engine, once a frame: what the page has asked for is done, and what has happened it is told.

use bevy::prelude::*;
use js_sys::Function;
use wasm_bindgen::JsValue;

use super::canvas::PictureWanted;
use super::mailbox::{Mailbox, PageCamera, Request};
use super::scene_view::{Picked, Waters};
use super::shell::controls::{Clicked, ControlSystems};
use super::shell::water::Water;
use crate::engine::city_material::ObjectFlags;
use crate::engine::faces::{Faces, add_face};
use crate::engine::picking::{Pick, pick};
use crate::engine::tiles::{AddedObjects, HeldBytes, NO_OBJECT, PartObjects};
use crate::engine::{CityStream, EngineSystems, Environment, Flight, ObjectChange, ObjectChanges, SiteCamera};
use crate::formats::Column;

/// The page's callback; called with the name of an event and what it says, as JSON.
#[derive(Clone)]
pub(super) struct Listener(pub(super) Function);

impl Listener {
    pub(super) fn tell(&self, event: &str, what: &serde_json::Value) {
        // What the page's own code throws is its own affair.
        let _ = self.0.call2(&JsValue::NULL, &event.into(), &what.to_string().into());
    }
}

/// Tells the page when everything is gone: the event `ended`, the last one.
pub(super) struct Ending(pub(super) Function);

impl Drop for Ending {
    fn drop(&mut self) {
        // What the page's own code throws is its own affair.
        let _ = self.0.call1(&JsValue::NULL, &"ended".into());
    }
}

/// Heeds the page that asks through this mailbox, and tells its [`Listener`].
pub(super) struct PagePlugin(pub(super) Mailbox);

impl Plugin for PagePlugin {
    fn build(&self, app: &mut App) {
        app.insert_resource(self.0.clone())
            .init_resource::<Wanted>()
            .add_systems(
                Update,
                (heed_page, pick_asked, select_wanted).chain().before(ControlSystems).in_set(EngineSystems::Camera),
            )
            .add_systems(Update, tell_page.after(EngineSystems::Stream));
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

/// Does what the page has asked for.
fn heed_page(
    mailbox: Res<Mailbox>,
    stream: Res<CityStream>,
    time: Res<Time<Real>>,
    mut environment: ResMut<Environment>,
    mut wanted: ResMut<Wanted>,
    mut waters: ResMut<Waters>,
    picture: Res<PictureWanted>,
    mut cameras: Query<(Entity, &mut SiteCamera)>,
    mut commands: Commands,
    mut exit: MessageWriter<AppExit>,
) {
    environment.effect_seconds = time.elapsed_secs_f64() % 3600.0;
    for request in mailbox.take() {
        match request {
            Request::Fly(camera, seconds) => {
                let to = camera.view(&stream.site());
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
            Request::Picture => picture.ask(),
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
        let in_degrees = || PageCamera::of(&stream.site(), &camera.view);
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
