//! The shell with a window: the mouse turns, pans and zooms, a click picks, keys play.

use bevy::input::mouse::{AccumulatedMouseMotion, AccumulatedMouseScroll};
use bevy::log::LogPlugin;
use bevy::prelude::*;
use bevy::window::{MonitorSelection, PrimaryWindow, WindowMode};

use super::city_picture::{overview, show_city};
use super::graphics::{Adapter, GraphicsError};
use crate::engine::city_material::ObjectFlags;
use crate::engine::overlay::{ObjectPanel, Overlay};
use crate::engine::picking::{Pick, pick};
use crate::engine::{
    CameraView, CityStream, EnginePlugins, EngineSystems, Flight, ObjectChange, ObjectChanges, SiteCamera,
    camera_bundle,
};
use crate::quantity::Timestamp;

/// What the keys ask of a play.
#[derive(Message, Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlayKey {
    /// Space: pause or go on.
    Pause,
    /// `+`: twice as fast.
    Faster,
    /// `-`: half as fast.
    Slower,
    /// Arrow right: one step on.
    Forward,
    /// Arrow left: one step back.
    Back,
}

/// What the window shows at first.
pub struct DesktopSettings {
    /// Words in the title.
    pub title: String,
    /// Whole screen and no pointer: for a wall.
    pub kiosk: bool,
    /// The first view; the whole city where nothing is said.
    pub camera: Option<CameraView>,
    /// The moment shown; a clear afternoon where nothing is said.
    pub time: Option<Timestamp>,
}

/// Where Home flies to.
#[derive(Resource)]
struct HomeView(CameraView);

/// Opens a window on a city and runs until it is closed. `prepare` adds what else shall run: a play, live data.
pub fn run(stream: CityStream, settings: DesktopSettings, prepare: impl FnOnce(&mut App)) -> Result<(), GraphicsError> {
    let quality = Adapter::find()?.quality();
    let mode =
        if settings.kiosk { WindowMode::BorderlessFullscreen(MonitorSelection::Current) } else { WindowMode::Windowed };
    let window = Window { title: settings.title, mode, ..default() };
    let mut app = App::new();
    app.insert_resource(quality)
        .add_plugins(
            DefaultPlugins.set(WindowPlugin { primary_window: Some(window), ..default() }).disable::<LogPlugin>(),
        )
        .add_plugins(EnginePlugins)
        .add_message::<PlayKey>()
        .add_systems(Update, (turn_and_pan, zoom, keys, pick_clicked).in_set(EngineSystems::Camera));
    show_city(app.world_mut(), stream, settings.time);
    let view = settings.camera.unwrap_or_else(|| overview(app.world()));
    app.insert_resource(HomeView(view));
    app.world_mut().spawn(camera_bundle(view, &quality));
    prepare(&mut app);
    app.run();
    Ok(())
}

/// Where the ray through the pointer meets the level of the city's foot: what turns and zooms go about.
fn pivot(view: &CameraView, ray_in_site: glam::DVec3) -> glam::DVec3 {
    let down = -ray_in_site.z;
    let reach = if down > 0.02 { view.place_in_site.z.max(20.0) / down } else { 2000.0 };
    view.place_in_site + ray_in_site * reach.clamp(5.0, 20_000.0)
}

fn pointer_ray(window: &Window, view: &CameraView) -> Option<glam::DVec3> {
    let at = window.cursor_position()?;
    let (x, y) = (f64::from(at.x / window.width()) * 2.0 - 1.0, 1.0 - f64::from(at.y / window.height()) * 2.0);
    Some(view.ray_in_site(x, y, f64::from(window.width() / window.height())))
}

fn turn_and_pan(
    buttons: Res<ButtonInput<MouseButton>>,
    motion: Res<AccumulatedMouseMotion>,
    windows: Query<&Window, With<PrimaryWindow>>,
    mut commands: Commands,
    mut cameras: Query<(Entity, &mut SiteCamera)>,
) {
    let (Ok(window), Ok((entity, mut camera))) = (windows.single(), cameras.single_mut()) else { return };
    let moved = motion.delta.as_dvec2() / f64::from(window.height());
    if moved.length_squared() == 0.0 || !buttons.any_pressed([MouseButton::Left, MouseButton::Right]) {
        return;
    }
    commands.entity(entity).remove::<Flight>();
    let view = camera.view;
    let center = pivot(&view, view.forward_in_site());
    if buttons.pressed(MouseButton::Right) {
        camera.view = view.orbited(center, moved.x * 3.0, -moved.y * 3.0);
        return;
    }
    let scale = view.place_in_site.distance(center) * 2.0 * (view.vertical_field_of_view_rad * 0.5).tan();
    let ahead = glam::DVec3::new(view.heading_rad.sin(), view.heading_rad.cos(), 0.0);
    camera.view.place_in_site += (ahead * moved.y - view.right_in_site() * moved.x) * scale;
}

fn zoom(
    scroll: Res<AccumulatedMouseScroll>,
    windows: Query<&Window, With<PrimaryWindow>>,
    mut cameras: Query<&mut SiteCamera>,
) {
    let (Ok(window), Ok(mut camera)) = (windows.single(), cameras.single_mut()) else { return };
    if scroll.delta.y == 0.0 {
        return;
    }
    let view = camera.view;
    let target = pivot(&view, pointer_ray(window, &view).unwrap_or_else(|| view.forward_in_site()));
    let nearer = 0.85_f64.powf(f64::from(scroll.delta.y.clamp(-4.0, 4.0)));
    camera.view.place_in_site = target + (view.place_in_site - target) * nearer;
}

fn keys(
    pressed: Res<ButtonInput<KeyCode>>,
    home: Res<HomeView>,
    mut commands: Commands,
    mut play: MessageWriter<PlayKey>,
    mut exit: MessageWriter<AppExit>,
    mut windows: Query<&mut Window, With<PrimaryWindow>>,
    cameras: Query<(Entity, &SiteCamera)>,
) {
    for key in pressed.get_just_pressed() {
        match key {
            KeyCode::Space => drop(play.write(PlayKey::Pause)),
            KeyCode::Equal | KeyCode::NumpadAdd => drop(play.write(PlayKey::Faster)),
            KeyCode::Minus | KeyCode::NumpadSubtract => drop(play.write(PlayKey::Slower)),
            KeyCode::ArrowRight => drop(play.write(PlayKey::Forward)),
            KeyCode::ArrowLeft => drop(play.write(PlayKey::Back)),
            KeyCode::Escape => drop(exit.write(AppExit::Success)),
            KeyCode::Home => {
                for (entity, camera) in &cameras {
                    commands.entity(entity).insert(Flight::new(camera.view, home.0));
                }
            }
            KeyCode::F11 => {
                for mut window in &mut windows {
                    window.mode = match window.mode {
                        WindowMode::Windowed => WindowMode::BorderlessFullscreen(MonitorSelection::Current),
                        _ => WindowMode::Windowed,
                    };
                }
            }
            _ => {}
        }
    }
}

/// A click is a press and a release in one place.
fn pick_clicked(world: &mut World, mut pressed_at: Local<Option<Vec2>>) {
    let Ok(window) = world.query_filtered::<&Window, With<PrimaryWindow>>().single(world).cloned() else { return };
    let Some(at) = window.cursor_position() else { return };
    let buttons = world.resource::<ButtonInput<MouseButton>>();
    if buttons.just_pressed(MouseButton::Left) {
        *pressed_at = Some(at);
    }
    if !buttons.just_released(MouseButton::Left) || pressed_at.take().is_none_or(|from| from.distance(at) > 3.0) {
        return;
    }
    let Ok(view) = world.query::<&SiteCamera>().single(world).map(|camera| camera.view) else { return };
    let Some(ray) = pointer_ray(&window, &view) else { return };
    let picked = pick(world, view.place_in_site, ray, false);
    show_pick(world, picked.as_ref());
}

/// Highlights what was picked and shows its attributes; nothing takes both away.
pub fn show_pick(world: &mut World, picked: Option<&Pick>) {
    let highlight = ObjectChange { flags: ObjectFlags::HIGHLIGHT, ..ObjectChange::default() };
    let layer = picked.map(|p| (p.row, highlight)).into_iter().collect();
    world.resource_mut::<ObjectChanges>().set_layer("pick", layer);
    world.resource_mut::<Overlay>().panel = picked.map(|p| {
        let value = |name: &str| p.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let rest = p.attributes.iter().filter(|(key, _)| !["id", "class", "name"].contains(&key.as_str()));
        ObjectPanel {
            title: value("name").or_else(|| value("id")).unwrap_or_else(|| p.row.to_string()),
            subtitle: value("class").unwrap_or_default(),
            rows: rest.take(14).cloned().collect(),
        }
    });
}
