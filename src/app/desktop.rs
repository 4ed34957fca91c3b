//! The shell with a window: a click selects, keys play.

use bevy::prelude::*;
use bevy::window::{Monitor, MonitorSelection, PrimaryMonitor, PrimaryWindow, WindowMode, WindowPosition};

use super::graphics::Adapter;
use super::shell::controls::{Clicked, ControlSystems, ControlsPlugin, on_screen_s};
use super::shell::surroundings::{overview, show_city};
use super::shell::tour::{Tour, TourPlugin};
use super::stage::SharedStage;
use super::stage_view::{cue_target, put_on, select, show_stage};
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
    /// Where the camera flies while nobody moves it.
    pub tour: Option<Tour>,
}

/// Where Home flies to.
#[derive(Resource)]
struct HomeView(CameraView);

/// Frames in which a window manager, where there is one, makes a window as large as the screen.
const FRAMES_TO_GROW: u32 = 20;

/// On a bare screen, as walls have it, nobody makes a window as large as the screen: it does so itself.
fn fill_screen(
    monitors: Query<(&Monitor, Has<PrimaryMonitor>)>,
    mut windows: Query<&mut Window>,
    mut frames: Local<u32>,
) {
    *frames += 1;
    let Some((monitor, _)) = monitors.iter().max_by_key(|(_, primary)| *primary) else { return };
    let size = UVec2::new(monitor.physical_width, monitor.physical_height);
    for mut window in windows.iter_mut().filter(|_| *frames == FRAMES_TO_GROW) {
        if window.resolution.physical_size() != size {
            window.position = WindowPosition::At(monitor.physical_position);
            window.resolution.set_physical_resolution(size.x, size.y);
        }
    }
}

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
                .set(adapter.render_plugin(false)),
        )
        .add_plugins((EnginePlugins, ControlsPlugin, TourPlugin))
        .add_message::<PlayKey>()
        .add_systems(Update, (keys, select_clicked.after(ControlSystems)).in_set(EngineSystems::Camera))
        .add_systems(Update, play_stage.after(EngineSystems::Camera).before(EngineSystems::Stream));
    if settings.kiosk {
        app.add_systems(Update, fill_screen);
    }
    show_city(app.world_mut(), stream, None);
    let view = settings.camera.unwrap_or_else(|| overview(app.world()));
    app.insert_resource(HomeView(view));
    app.world_mut().spawn(camera_bundle(view, &quality));
    if let Some(tour) = settings.tour {
        app.insert_resource(tour);
    }
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
        Some((to, on_screen_s(cue.flight_s, speed)))
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

/// Selects what a click was on.
fn select_clicked(world: &mut World) {
    let clicks: Vec<Clicked> = world.resource_mut::<Messages<Clicked>>().drain().collect();
    let Some(Clicked(picked)) = clicks.into_iter().next_back() else { return };
    let stage = world.resource::<Staged>().stage.clone();
    select(world, &stage.lock(), picked.map(|picked| picked.row));
}
