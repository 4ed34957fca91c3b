//! Pointer to camera, the same in a window and in the browser: the left button drags the city, the right one turns about
//! what is in the middle, the wheel goes to what is under the pointer, a click picks.

use bevy::input::mouse::{AccumulatedMouseMotion, AccumulatedMouseScroll};
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

/// Lets the pointer move the camera and tells of clicks.
pub struct ControlsPlugin;

impl Plugin for ControlsPlugin {
    fn build(&self, app: &mut App) {
        let systems = (turn_and_pan, zoom, click).in_set(ControlSystems).in_set(EngineSystems::Camera);
        app.add_message::<Clicked>().add_systems(Update, systems);
    }
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

/// A click is a press and a release in one place.
fn click(world: &mut World, mut pressed_at: Local<Option<Vec2>>) {
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
    world.write_message(Clicked(picked));
}
