//! Pointer, fingers and keys to camera, the same in a window and in the browser: the left button or one finger drags the
//! city, the right one turns about what is in the middle, the wheel goes to what is under the pointer, a click or a tap
//! picks. Two fingers zoom, turn and tilt. `W` `A` `S` `D` move, `Q` `E` turn, `R` `F` tilt, `I` `O` go nearer and farther.

use bevy::input::mouse::{AccumulatedMouseMotion, AccumulatedMouseScroll};
use bevy::input::touch::Touch;
use bevy::prelude::*;
use bevy::window::PrimaryWindow;

use crate::engine::picking::{Pick, pick};
use crate::engine::{CameraView, EngineSystems, Flight, SiteCamera};

/// A click, and what it was on.
#[derive(Message, Debug, Clone)]
pub struct Clicked(pub Option<Pick>);

/// The systems of the pointer.
#[derive(SystemSet, Debug, Clone, PartialEq, Eq, Hash)]
pub struct ControlSystems;

/// A flight to a camera of the play, on the screen, seconds: what is faster makes dizzy, what is slower is no flight.
const SHORTEST_FLIGHT_S: f64 = 1.5;
const LONGEST_FLIGHT_S: f64 = 8.0;

/// How long a flight takes on the screen that takes `flight_s` in a play of which `speed` seconds pass in a second.
pub fn on_screen_s(flight_s: f64, speed: f64) -> f64 {
    (flight_s / speed).clamp(SHORTEST_FLIGHT_S, LONGEST_FLIGHT_S)
}

/// Lets the pointer move the camera and tells of clicks.
pub struct ControlsPlugin;

impl Plugin for ControlsPlugin {
    fn build(&self, app: &mut App) {
        let systems =
            (turn_and_pan, zoom, fingers, held_keys, click).in_set(ControlSystems).in_set(EngineSystems::Camera);
        app.add_message::<Clicked>().add_systems(Update, systems);
    }
}

/// Where the ray through the pointer meets the level of the city's foot: what turns and zooms go about.
fn pivot(view: &CameraView, ray_in_site: glam::DVec3) -> glam::DVec3 {
    let down = -ray_in_site.z;
    let reach = if down > 0.02 { view.place_in_site.z.max(20.0) / down } else { 2000.0 };
    view.place_in_site + ray_in_site * reach.clamp(5.0, 20_000.0)
}

/// The ray through a point of a window, logical pixels from its upper left corner.
fn ray_at(window: &Window, view: &CameraView, at: Vec2) -> glam::DVec3 {
    let (x, y) = (f64::from(at.x / window.width()) * 2.0 - 1.0, 1.0 - f64::from(at.y / window.height()) * 2.0);
    view.ray_in_site(x, y, f64::from(window.width() / window.height()))
}

/// The view after the city was dragged by so many heights of the window, right and down.
fn dragged(view: &CameraView, moved: glam::DVec2) -> CameraView {
    let center = pivot(view, view.forward_in_site());
    let scale = view.place_in_site.distance(center) * 2.0 * (view.vertical_field_of_view_rad * 0.5).tan();
    let ahead = glam::DVec3::new(view.heading_rad.sin(), view.heading_rad.cos(), 0.0);
    let step = (ahead * moved.y - view.right_in_site() * moved.x) * scale;
    CameraView { place_in_site: view.place_in_site + step, ..*view }
}

/// The view `nearer` times as far from what a ray meets.
fn zoomed(view: &CameraView, ray_in_site: glam::DVec3, nearer: f64) -> CameraView {
    let target = pivot(view, ray_in_site);
    CameraView { place_in_site: target + (view.place_in_site - target) * nearer, ..*view }
}

/// Where turning leaves the eye at least, over the level of the city's foot, metres.
const LOWEST_EYE_M: f64 = 2.0;
/// From so little below the horizon on the ground in the middle of the picture is too far to turn about, radians.
const FAR_PITCH_RAD: f64 = -0.05;

/// The view turned about what is in the middle of the picture: the city, or the eye itself where that is the sky, or where it
/// would come under the ground.
fn turned(view: &CameraView, heading_step_rad: f64, pitch_step_rad: f64) -> CameraView {
    let about = |center: glam::DVec3| view.orbited(center, heading_step_rad, pitch_step_rad);
    let around = about(pivot(view, view.forward_in_site()));
    let (before_m, after_m) = (view.place_in_site.z, around.place_in_site.z);
    let too_low = after_m < LOWEST_EYE_M && after_m < before_m;
    if too_low || view.pitch_rad > FAR_PITCH_RAD { about(view.place_in_site) } else { around }
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
    camera.view = if buttons.pressed(MouseButton::Right) {
        turned(&view, moved.x * 3.0, -moved.y * 3.0)
    } else {
        dragged(&view, moved)
    };
}

/// Of keys that are held, each a second: heights of the picture, radians, and how many times as near.
const KEY_MOVE: f64 = 0.8;
const KEY_TURN_RAD: f64 = 0.9;
const KEY_NEARER: f64 = 0.45;

fn held_keys(
    keys: Res<ButtonInput<KeyCode>>,
    time: Res<Time<Real>>,
    mut commands: Commands,
    mut cameras: Query<(Entity, &mut SiteCamera)>,
) {
    use KeyCode as Key;
    let Ok((entity, mut camera)) = cameras.single_mut() else { return };
    // With these a key is the browser's, or the desktop's.
    if keys.any_pressed([Key::ControlLeft, Key::ControlRight, Key::AltLeft, Key::SuperLeft, Key::SuperRight]) {
        return;
    }
    let axis = |less: Key, more: Key| f64::from(i8::from(keys.pressed(more)) - i8::from(keys.pressed(less)));
    // As if the city were dragged: to go east it goes west.
    let moved = glam::DVec2::new(axis(Key::KeyD, Key::KeyA), axis(Key::KeyS, Key::KeyW));
    let (around, tilted) = (axis(Key::KeyQ, Key::KeyE), axis(Key::KeyR, Key::KeyF));
    let nearer = axis(Key::KeyO, Key::KeyI);
    if moved == glam::DVec2::ZERO && [around, tilted, nearer].iter().all(|by| *by == 0.0) {
        return;
    }
    commands.entity(entity).remove::<Flight>();
    // After a frame that took long the city is not somewhere else.
    let dt = time.delta_secs_f64().min(0.2);
    let view = dragged(&camera.view, moved * (KEY_MOVE * dt));
    let view = zoomed(&view, view.forward_in_site(), KEY_NEARER.powf(nearer * dt));
    camera.view = turned(&view, around * KEY_TURN_RAD * dt, tilted * KEY_TURN_RAD * 0.6 * dt);
}

fn fingers(
    touches: Res<Touches>,
    windows: Query<&Window, With<PrimaryWindow>>,
    mut commands: Commands,
    mut cameras: Query<(Entity, &mut SiteCamera)>,
) {
    let (Ok(window), Ok((entity, mut camera))) = (windows.single(), cameras.single_mut()) else { return };
    let down: Vec<&Touch> = touches.iter().collect();
    if down.iter().all(|finger| finger.delta() == Vec2::ZERO) {
        return;
    }
    commands.entity(entity).remove::<Flight>();
    let height = f64::from(window.height());
    match down.as_slice() {
        [one] => camera.view = dragged(&camera.view, one.delta().as_dvec2() / height),
        [one, two, ..] => camera.view = pinched(window, &camera.view, one, two),
        [] => {}
    }
}

/// The view after two fingers have moved: what is between them comes nearer as they part, turns as they turn, and tilts as
/// both go up or down.
fn pinched(window: &Window, view: &CameraView, one: &Touch, two: &Touch) -> CameraView {
    let before = two.previous_position() - one.previous_position();
    let now = two.position() - one.position();
    let nearer = f64::from((before.length() / now.length().max(1.0)).clamp(0.5, 2.0));
    let middle = (one.position() + two.position()) * 0.5;
    let moved = (one.delta() + two.delta()).as_dvec2() * 0.5 / f64::from(window.height());
    let view = zoomed(view, ray_at(window, view, middle), nearer);
    turned(&view, -f64::from(before.angle_to(now)), -moved.y * 3.0)
}

fn zoom(
    scroll: Res<AccumulatedMouseScroll>,
    windows: Query<&Window, With<PrimaryWindow>>,
    mut commands: Commands,
    mut cameras: Query<(Entity, &mut SiteCamera)>,
) {
    let (Ok(window), Ok((entity, mut camera))) = (windows.single(), cameras.single_mut()) else { return };
    if scroll.delta.y == 0.0 {
        return;
    }
    commands.entity(entity).remove::<Flight>();
    let view = camera.view;
    let ray = window.cursor_position().map_or(view.forward_in_site(), |at| ray_at(window, &view, at));
    camera.view = zoomed(&view, ray, 0.85_f64.powf(f64::from(scroll.delta.y.clamp(-4.0, 4.0))));
}

/// How far a pointer or a finger may go between press and release for a click, logical pixels.
const CLICK_PX: [f32; 2] = [3.0, 12.0];

/// A click is a press and a release in one place; a tap is one by a single finger.
fn click(world: &mut World, mut pressed_at: Local<Option<Vec2>>) {
    let Ok(window) = world.query_filtered::<&Window, With<PrimaryWindow>>().single(world).cloned() else { return };
    let touches = world.resource::<Touches>();
    let alone = touches.iter().next().is_none() && touches.iter_just_released().count() == 1;
    let tap = touches.iter_just_released().next().filter(|_| alone);
    let tap = tap.filter(|finger| finger.distance().length() <= CLICK_PX[1]).map(Touch::position);
    let buttons = world.resource::<ButtonInput<MouseButton>>();
    let at = window.cursor_position();
    if buttons.just_pressed(MouseButton::Left) {
        *pressed_at = at;
    }
    let released = buttons.just_released(MouseButton::Left).then(|| pressed_at.take()).flatten();
    let clicked = released.zip(at).filter(|(from, at)| from.distance(*at) <= CLICK_PX[0]).map(|(_, at)| at);
    let Some(at) = tap.or(clicked) else { return };
    let Ok(view) = world.query::<&SiteCamera>().single(world).map(|camera| camera.view) else { return };
    let picked = pick(world, view.place_in_site, ray_at(&window, &view, at), false);
    world.write_message(Clicked(picked));
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::DVec3;

    #[test]
    fn nobody_turns_under_the_ground() {
        for eye in [DVec3::new(0.0, -300.0, 120.0), DVec3::new(40.0, 10.0, 3.0), DVec3::new(-2000.0, 900.0, 4000.0)] {
            let mut view = CameraView::looking_at(eye, DVec3::new(20.0, 60.0, 0.0));
            for step in 0..400 {
                view = turned(&view, 0.03, 0.02);
                assert!(view.place_in_site.z >= LOWEST_EYE_M, "{eye}, step {step}: {}", view.place_in_site);
            }
            assert!(view.pitch_rad > 0.0, "but up it looks: {}", view.pitch_rad);
        }
    }

    /// Who stands under the ground, in a tunnel, gets out of it.
    #[test]
    fn who_is_under_the_ground_may_turn() {
        let view = CameraView::looking_at(DVec3::new(0.0, 0.0, -20.0), DVec3::new(30.0, 0.0, -25.0));
        let after = turned(&view, 0.4, 0.0);
        assert!((after.heading_rad - view.heading_rad).abs() > 0.1 && after.place_in_site.is_finite());
    }
}
