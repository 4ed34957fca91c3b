//! The camera in the site frame, in double precision: where it stands, where it looks, how it flies.

use bevy::prelude::*;
use glam::DVec3;

use crate::geometry::Bounds;

use super::EngineSystems;

/// A view: place, direction and lens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CameraView {
    /// The eye in the site frame, metres.
    pub place_in_site: DVec3,
    /// Clockwise from north, radians.
    pub heading_rad: f64,
    /// Above the horizon, radians; -pi/2 looks straight down.
    pub pitch_rad: f64,
    /// Between the upper and the lower border of the picture, radians.
    pub vertical_field_of_view_rad: f64,
}

/// The steepest pitch: straight up and down have no heading.
const STEEPEST_PITCH_RAD: f64 = 1.5533;

impl Default for CameraView {
    fn default() -> Self {
        Self {
            place_in_site: DVec3::new(0.0, -800.0, 500.0),
            heading_rad: 0.0,
            pitch_rad: -0.5,
            vertical_field_of_view_rad: 0.8,
        }
    }
}

/// Where the eye is along an axis of the picture, so that corners (in axes of the picture, the last one into it) reach as far
/// to one side of its middle as to the other, seen from so far behind.
fn middle(corners: &[DVec3; 8], axis: usize, behind: f64) -> f64 {
    let ends = |of: &dyn Fn(&DVec3) -> f64| {
        let values = corners.iter().map(of);
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
    };
    let (mut low, mut high) = ends(&|corner| corner[axis]);
    // The farther the eye goes that way, the farther the other way everything seems: halved until nothing is left.
    for _ in 0..64 {
        let half = (low + high) * 0.5;
        let (left, right) = ends(&|corner| (corner[axis] - half) / (corner.z + behind));
        if left + right > 0.0 { low = half } else { high = half }
    }
    (low + high) * 0.5
}

impl CameraView {
    /// A view from `eye` towards `target`, both in the site frame, with the default lens.
    pub fn looking_at(eye_in_site: DVec3, target_in_site: DVec3) -> Self {
        let along = target_in_site - eye_in_site;
        let pitch = along.z.atan2(along.truncate().length());
        Self {
            place_in_site: eye_in_site,
            heading_rad: along.x.atan2(along.y),
            pitch_rad: pitch.clamp(-STEEPEST_PITCH_RAD, STEEPEST_PITCH_RAD),
            ..Self::default()
        }
    }

    /// This view moved so that a box just fits into a picture of so many times its height in width, heading and pitch as
    /// they are.
    pub fn containing(&self, bounds_in_site: Bounds, aspect: f64) -> Self {
        let tan = (self.vertical_field_of_view_rad * 0.5).tan() * 0.94;
        let (low, high) = (bounds_in_site.min, bounds_in_site.max);
        let (right, up, forward) = (self.right_in_site(), self.up_in_site(), self.forward_in_site());
        let corners: [DVec3; 8] = std::array::from_fn(|i| {
            let pick = |bit: usize, a: f64, b: f64| if i >> bit & 1 == 0 { a } else { b };
            let corner = DVec3::new(pick(0, low.x, high.x), pick(1, low.y, high.y), pick(2, low.z, high.z));
            DVec3::new(corner.dot(right), corner.dot(up), corner.dot(forward))
        });
        // Each corner keeps the eye behind four planes; where two opposite ones meet is as near as they let it.
        let nearest = |axis: usize, tan: f64| {
            let side = |sign: f64| corners.iter().map(|c| sign * c[axis] / tan - c.z).fold(f64::NEG_INFINITY, f64::max);
            (side(1.0) + side(-1.0)) * 0.5
        };
        let behind = nearest(0, tan * aspect).max(nearest(1, tan)) + 20.0;
        let (x, y) = (middle(&corners, 0, behind), middle(&corners, 1, behind));
        Self { place_in_site: right * x + up * y - forward * behind, ..*self }
    }

    /// Unit vector into the picture, site axes.
    pub fn forward_in_site(&self) -> DVec3 {
        let (sin_heading, cos_heading) = self.heading_rad.sin_cos();
        let (sin_pitch, cos_pitch) = self.pitch_rad.sin_cos();
        DVec3::new(sin_heading * cos_pitch, cos_heading * cos_pitch, sin_pitch)
    }

    /// Unit vector to the upper border, site axes.
    pub fn up_in_site(&self) -> DVec3 {
        let (sin_heading, cos_heading) = self.heading_rad.sin_cos();
        let (sin_pitch, cos_pitch) = self.pitch_rad.sin_cos();
        DVec3::new(-sin_heading * sin_pitch, -cos_heading * sin_pitch, cos_pitch)
    }

    /// Unit vector to the right border, site axes.
    pub fn right_in_site(&self) -> DVec3 {
        self.forward_in_site().cross(self.up_in_site())
    }

    /// The ray through a point of the picture: `x` and `y` from -1 (left, lower) to 1; unit length, site axes.
    pub fn ray_in_site(&self, x: f64, y: f64, aspect: f64) -> DVec3 {
        let half = (self.vertical_field_of_view_rad * 0.5).tan();
        (self.forward_in_site() + self.right_in_site() * (x * half * aspect) + self.up_in_site() * (y * half))
            .normalize()
    }

    /// Whether a place is in the picture, or a little beside it; for pictures up to twice as wide as high.
    pub fn sees(&self, place_in_site: DVec3) -> bool {
        let arm = place_in_site - self.place_in_site;
        let reach = arm.dot(self.forward_in_site()) * (self.vertical_field_of_view_rad * 0.5).tan();
        reach > 0.0 && arm.dot(self.up_in_site()).abs() < reach && arm.dot(self.right_in_site()).abs() < 2.0 * reach
    }

    /// This view turned about a pivot: the pivot stays where it is in the picture.
    pub fn orbited(&self, pivot_in_site: DVec3, heading_step_rad: f64, pitch_step_rad: f64) -> Self {
        let pitch = (self.pitch_rad + pitch_step_rad).clamp(-STEEPEST_PITCH_RAD, STEEPEST_PITCH_RAD);
        let turned = Self { heading_rad: self.heading_rad + heading_step_rad, pitch_rad: pitch, ..*self };
        let arm = self.place_in_site - pivot_in_site;
        let in_view =
            DVec3::new(arm.dot(self.right_in_site()), arm.dot(self.up_in_site()), arm.dot(self.forward_in_site()));
        let arm =
            turned.right_in_site() * in_view.x + turned.up_in_site() * in_view.y + turned.forward_in_site() * in_view.z;
        Self { place_in_site: pivot_in_site + arm, ..turned }
    }

    /// A view on the way from `self` (0) to `other` (1): heading along the shorter turn, height in a slight arc on long
    /// ways, so that the ground between stays in sight.
    pub fn between(&self, other: &Self, fraction: f64) -> Self {
        let turn = (other.heading_rad - self.heading_rad + std::f64::consts::PI).rem_euclid(std::f64::consts::TAU)
            - std::f64::consts::PI;
        let mix = |a: f64, b: f64| a + (b - a) * fraction;
        let way = (other.place_in_site - self.place_in_site).truncate().length();
        let arc = way * 0.15 * 4.0 * fraction * (1.0 - fraction);
        Self {
            place_in_site: self.place_in_site.lerp(other.place_in_site, fraction) + DVec3::Z * arc,
            heading_rad: self.heading_rad + turn * fraction,
            pitch_rad: mix(self.pitch_rad, other.pitch_rad),
            vertical_field_of_view_rad: mix(self.vertical_field_of_view_rad, other.vertical_field_of_view_rad),
        }
    }
}

/// The camera that draws the city.
#[derive(Component, Debug, Clone, Copy, PartialEq, Default)]
pub struct SiteCamera {
    /// What it sees now.
    pub view: CameraView,
}

/// Makes the camera beside it fly; taken away on arrival.
#[derive(Component, Debug, Clone, Copy, PartialEq)]
pub struct Flight {
    /// Where it started.
    pub from: CameraView,
    /// Where it goes.
    pub to: CameraView,
    /// How long the whole flight takes, seconds.
    pub duration_s: f64,
    /// How long it has lasted, seconds.
    pub elapsed_s: f64,
}

impl Flight {
    /// A flight of a length that suits the way: from 0.8 s next door to 4 s across the city.
    pub fn new(from: CameraView, to: CameraView) -> Self {
        let way = from.place_in_site.distance(to.place_in_site);
        Self { from, to, duration_s: (0.8 + way.sqrt() * 0.04).min(4.0), elapsed_s: 0.0 }
    }

    /// The view now: smootherstep, so that start and end are still (Perlin 2002).
    pub fn view(&self) -> CameraView {
        let t = (self.elapsed_s / self.duration_s).clamp(0.0, 1.0);
        self.from.between(&self.to, t * t * t * (t * (t * 6.0 - 15.0) + 10.0))
    }
}

pub(super) struct CameraPlugin;

impl Plugin for CameraPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(Update, fly.in_set(EngineSystems::Camera));
    }
}

fn fly(time: Res<Time>, mut commands: Commands, mut cameras: Query<(Entity, &mut SiteCamera, &mut Flight)>) {
    for (entity, mut camera, mut flight) in &mut cameras {
        flight.elapsed_s += time.delta_secs_f64();
        camera.view = flight.view();
        if flight.elapsed_s >= flight.duration_s {
            camera.view = flight.to;
            commands.entity(entity).remove::<Flight>();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_where_it_is_told() {
        let view = CameraView::looking_at(DVec3::new(10.0, 10.0, 10.0), DVec3::new(20.0, 10.0, 10.0));
        assert!(view.forward_in_site().distance(DVec3::X) < 1e-12);
        assert!(view.up_in_site().distance(DVec3::Z) < 1e-12);
        assert!(view.right_in_site().distance(-DVec3::Y) < 1e-12);
    }

    #[test]
    fn an_orbit_keeps_the_pivot_where_it_is_in_the_picture() {
        let view = CameraView::looking_at(DVec3::new(0.0, -100.0, 50.0), DVec3::new(3.0, 2.0, 0.0));
        let pivot = DVec3::new(5.0, 8.0, 2.0);
        let turned = view.orbited(pivot, 0.4, -0.1);
        for axis in [CameraView::right_in_site, CameraView::up_in_site, CameraView::forward_in_site] {
            let before = (pivot - view.place_in_site).dot(axis(&view));
            let after = (pivot - turned.place_in_site).dot(axis(&turned));
            assert!((before - after).abs() < 1e-9);
        }
    }

    #[test]
    fn a_flight_ends_exactly_and_turns_the_short_way() {
        let from = CameraView { heading_rad: 6.2, ..CameraView::default() };
        let to = CameraView { heading_rad: 0.1, place_in_site: DVec3::new(500.0, 0.0, 90.0), ..from };
        let mut flight = Flight::new(from, to);
        flight.elapsed_s = flight.duration_s;
        assert!(flight.view().place_in_site.distance(to.place_in_site) < 1e-9);
        let middle = from.between(&to, 0.5).heading_rad;
        assert!((middle - 6.29).abs() < 0.01, "{middle}");
    }

    /// All of the box is in the picture, and it touches two opposite borders of it.
    #[test]
    fn a_box_just_fits() {
        let boxes = [
            (DVec3::new(-8000.0, -14000.0, -40.0), DVec3::new(9000.0, 12000.0, 330.0)),
            (DVec3::ZERO, DVec3::splat(30.0)),
        ];
        for (min, max) in boxes {
            let view = CameraView { heading_rad: 0.6, pitch_rad: -0.4, ..CameraView::default() };
            let view = view.containing(Bounds { min, max }, 1.6);
            let tan = (view.vertical_field_of_view_rad * 0.5).tan();
            let (mut reach, mut upper, mut lower) = ([0.0_f64; 2], 0.0_f64, 0.0_f64);
            for i in 0..8 {
                let pick = |bit: u32, axis: usize| if i >> bit & 1 == 0 { min[axis] } else { max[axis] };
                let arm = DVec3::new(pick(0, 0), pick(1, 1), pick(2, 2)) - view.place_in_site;
                let depth = arm.dot(view.forward_in_site());
                assert!(depth > 1.0);
                reach[0] = reach[0].max(arm.dot(view.right_in_site()).abs() / (depth * tan * 1.6));
                let y = arm.dot(view.up_in_site()) / (depth * tan);
                reach[1] = reach[1].max(y.abs());
                (upper, lower) = (upper.max(y), lower.min(y));
            }
            let most = reach[0].max(reach[1]);
            assert!(most < 1.0 && most > 0.4, "{reach:?}");
            assert!((upper + lower).abs() < 1e-6, "as much above as below: {upper} {lower}");
        }
    }
}
