//! The shell with a window: the mouse turns, pans and zooms, a click picks, keys play.

use bevy::input::mouse::{AccumulatedMouseMotion, AccumulatedMouseScroll};
use bevy::log::LogPlugin;
use bevy::prelude::*;
use bevy::window::{MonitorSelection, PrimaryWindow, WindowMode};

use super::city_picture::{overview, show_city};
use super::graphics::Adapter;
use super::stage::SharedStage;
use super::stage_view::{cue_target, put_on, select, show_stage};
use crate::engine::picking::pick;
use crate::engine::{
    CameraView, CityStream, EnginePlugins, EngineSystems, Environment, Flight, SiteCamera, camera_bundle,
};
use crate::platform::transport::wall_clock;
use crate::scenario::{CameraCue, LivePart, Playback};

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
    /// Page down: a twentieth of the play on.
    JumpForward,
    /// Page up: a twentieth of the play back.
    JumpBack,
    /// Backspace: to the start.
    Start,
    /// `L`: begin again at the end, or not.
    Loop,
}

/// What the window shows at first.
pub struct DesktopSettings {
    /// Words in the title.
    pub title: String,
    /// Whole screen and no pointer: for a wall.
    pub kiosk: bool,
    /// The first view; the whole city where nothing is said.
    pub camera: Option<CameraView>,
}

/// Where Home flies to.
#[derive(Resource)]
struct HomeView(CameraView);

/// Opens a window on a city and its stage, and runs until it is closed.
pub fn run(stream: CityStream, settings: DesktopSettings, stage: &SharedStage) -> anyhow::Result<()> {
    let adapter = Adapter::find()?;
    let quality = adapter.quality();
    let mode =
        if settings.kiosk { WindowMode::BorderlessFullscreen(MonitorSelection::Current) } else { WindowMode::Windowed };
    let window = Window { title: settings.title, mode, ..default() };
    let mut app = App::new();
    app.insert_resource(quality)
        .add_plugins(
            DefaultPlugins
                .set(WindowPlugin { primary_window: Some(window), ..default() })
                .set(adapter.render_plugin(false))
                .disable::<LogPlugin>(),
        )
        .add_plugins(EnginePlugins)
        .add_message::<PlayKey>()
        .add_systems(Update, (turn_and_pan, zoom, keys, pick_clicked).in_set(EngineSystems::Camera))
        .add_systems(Update, play_stage.after(EngineSystems::Camera).before(EngineSystems::Stream));
    show_city(app.world_mut(), stream, None);
    let view = settings.camera.unwrap_or_else(|| overview(app.world()));
    app.insert_resource(HomeView(view));
    app.world_mut().spawn(camera_bundle(view, &quality));
    app.insert_resource(Staged { stage: stage.clone(), cue: stage.lock().state().camera.clone() });
    put_on(app.world_mut(), stage)?;
    app.run();
    Ok(())
}

/// The stage, and the last flight that was begun for it.
#[derive(Resource)]
struct Staged {
    stage: SharedStage,
    cue: Option<CameraCue>,
}

/// Lets the keys and the time act on the stage, and shows it.
fn play_stage(world: &mut World) {
    let keys: Vec<PlayKey> = world.resource_mut::<Messages<PlayKey>>().drain().collect();
    let dt = world.resource::<Time<Real>>().delta_secs_f64();
    if let Some(mut environment) = world.get_resource_mut::<Environment>() {
        // Single precision of a shader keeps its steps fine for an hour.
        environment.effect_seconds = (environment.effect_seconds + dt) % 3600.0;
    }
    let shared = world.resource::<Staged>().stage.clone();
    let mut stage = shared.lock();
    if let Some(play) = stage.play() {
        keys.into_iter().for_each(|key| key.act_on(play));
    }
    for happening in stage.advance(dt, wall_clock()) {
        tracing::info!(time = %happening.time, "{:?}", happening.kind);
    }
    let cue = stage.state().camera.clone();
    let flight = cue.as_ref().filter(|cue| world.resource::<Staged>().cue.as_ref() != Some(*cue)).and_then(|cue| {
        let to = cue_target(&stage, cue)?;
        let speed = stage.play().map_or(1.0, |play| play.speed());
        Some((to, (cue.flight_s / speed).clamp(SHORTEST_FLIGHT_S, LONGEST_FLIGHT_S)))
    });
    drop(stage);
    world.resource_mut::<Staged>().cue = cue;
    if let Some((to, duration_s)) = flight {
        let cameras: Vec<(Entity, SiteCamera)> =
            world.query::<(Entity, &SiteCamera)>().iter(world).map(|(entity, camera)| (entity, *camera)).collect();
        for (entity, camera) in cameras {
            world.entity_mut(entity).insert(Flight { duration_s, ..Flight::new(camera.view, to) });
        }
    }
    show_stage(world);
}

/// A flight to a camera of the play, on the screen, seconds: what is faster makes dizzy, what is slower is no flight.
const SHORTEST_FLIGHT_S: f64 = 1.5;
const LONGEST_FLIGHT_S: f64 = 8.0;

impl PlayKey {
    fn act_on(self, play: &mut Playback<LivePart>) {
        let part = play.timeline().last_step() as i64 / 20;
        match self {
            Self::Pause if play.is_playing() => play.pause(),
            Self::Pause => play.play(),
            Self::Faster => play.set_speed(play.speed() * 2.0),
            Self::Slower => play.set_speed(play.speed() * 0.5),
            Self::Forward => play.step_by(1),
            Self::Back => play.step_by(-1),
            Self::JumpForward => seek_by(play, part),
            Self::JumpBack => seek_by(play, -part),
            Self::Start => play.seek(play.timeline().start()),
            Self::Loop => play.set_looping(!play.is_looping()),
        }
    }
}

/// Goes on or back without pausing.
fn seek_by(play: &mut Playback<LivePart>, steps: i64) {
    let step = play.step_number().saturating_add_signed(steps).min(play.timeline().last_step());
    play.seek(play.timeline().time_of(step));
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
            KeyCode::PageDown => drop(play.write(PlayKey::JumpForward)),
            KeyCode::PageUp => drop(play.write(PlayKey::JumpBack)),
            KeyCode::Backspace => drop(play.write(PlayKey::Start)),
            KeyCode::KeyL => drop(play.write(PlayKey::Loop)),
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
    let picked = pick(world, view.place_in_site, ray, false).map(|picked| picked.row);
    let stage = world.resource::<Staged>().stage.clone();
    select(world, &stage.lock(), picked);
}
