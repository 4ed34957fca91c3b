//! Where f64 becomes f32, and the only place where axes change.
//!
//! The world is the site frame in double precision; the graphics card gets single precision relative to a render origin on
//! a 1 km lattice that follows the camera. Render axes are Bevy's: x east, y up, z south (render = x, z, -y of the site).

use bevy::prelude::*;
use glam::{DAffine3, DQuat, DVec3};

use super::EngineSystems;
use super::camera::SiteCamera;

/// Spacing of the lattice on which render origins lie, metres.
pub const ORIGIN_LATTICE_M: f64 = 1000.0;

/// Where a thing stands: the transform from its local axes to the site frame. The `Transform` beside it is derived from
/// this one every time the origin moves, and is never read back.
#[derive(Component, Debug, Clone, Copy, PartialEq)]
#[require(Transform, Visibility)]
pub struct SiteTransform {
    /// From the thing's local axes (east, north, up, metres) to the site frame.
    pub site_from_local: DAffine3,
}

impl SiteTransform {
    /// A thing whose axes are those of the site, at a place.
    pub fn at(place_in_site: DVec3) -> Self {
        Self { site_from_local: DAffine3::from_translation(place_in_site) }
    }
}

/// The point of the site that is the zero of render space: a multiple of 1 km on each axis.
#[derive(Resource, Debug, Clone, Copy, PartialEq, Default)]
pub struct RenderOrigin {
    in_site: DVec3,
}

/// Told when the render origin has moved; whoever keeps render-space numbers across frames must listen.
#[derive(Message, Debug, Clone, Copy, PartialEq)]
pub struct OriginMoved {
    /// Add this to an old render-space place to get the new one.
    pub shift_in_render: Vec3,
}

impl RenderOrigin {
    /// The origin that belongs to a camera at `place_in_site` when no origin was there before.
    pub fn nearest(place_in_site: DVec3) -> Self {
        Self { in_site: (place_in_site / ORIGIN_LATTICE_M).round() * ORIGIN_LATTICE_M }
    }

    /// The origin in the site frame, metres.
    pub fn in_site(&self) -> DVec3 {
        self.in_site
    }

    /// A place of the site in render space.
    pub fn render_from_site(&self, place_in_site: DVec3) -> Vec3 {
        render_from_site_direction(place_in_site - self.in_site)
    }

    /// A place of render space in the site.
    pub fn site_from_render(&self, place_in_render: Vec3) -> DVec3 {
        site_from_render_direction(place_in_render) + self.in_site
    }

    /// The render-space transform of a thing: rotation, scale and the axis change, with the origin taken off in f64.
    pub fn transform(&self, site_from_local: &DAffine3) -> Transform {
        let (scale, rotation, place) = site_from_local.to_scale_rotation_translation();
        Transform {
            translation: self.render_from_site(place),
            rotation: (RENDER_FROM_SITE * rotation).as_quat(),
            scale: scale.as_vec3(),
        }
    }

    /// Whether a camera has gone so far that the origin should follow. More than half a lattice step of play, so that a
    /// camera on the border between two origins does not go back and forth.
    fn is_far(&self, place_in_site: DVec3) -> bool {
        (place_in_site - self.in_site).abs().max_element() > ORIGIN_LATTICE_M
    }
}

/// A quarter turn about east: north becomes -z, up becomes y.
const RENDER_FROM_SITE: DQuat =
    DQuat::from_xyzw(-std::f64::consts::FRAC_1_SQRT_2, 0.0, 0.0, std::f64::consts::FRAC_1_SQRT_2);

/// A direction of the site in render axes.
pub fn render_from_site_direction(direction_in_site: DVec3) -> Vec3 {
    DVec3::new(direction_in_site.x, direction_in_site.z, -direction_in_site.y).as_vec3()
}

/// A direction of render space in the site's axes.
pub fn site_from_render_direction(direction_in_render: Vec3) -> DVec3 {
    let d = direction_in_render.as_dvec3();
    DVec3::new(d.x, -d.z, d.y)
}

pub(super) struct OriginPlugin;

impl Plugin for OriginPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<RenderOrigin>().add_message::<OriginMoved>().add_systems(
            PostUpdate,
            (follow_camera, place_things, place_cameras)
                .chain()
                .in_set(EngineSystems::Origin)
                .before(bevy::transform::TransformSystems::Propagate),
        );
    }
}

fn follow_camera(
    cameras: Query<&SiteCamera>,
    mut origin: ResMut<RenderOrigin>,
    mut moved: MessageWriter<OriginMoved>,
    mut placed: Local<bool>,
) {
    let Some(camera) = cameras.iter().next() else { return };
    let place = camera.view.place_in_site;
    if *placed && !origin.is_far(place) {
        return;
    }
    *placed = true;
    let next = RenderOrigin::nearest(place);
    if next != *origin {
        moved.write(OriginMoved { shift_in_render: next.render_from_site(origin.in_site) });
        *origin = next;
    }
}

fn place_things(origin: Res<RenderOrigin>, mut things: Query<(Ref<SiteTransform>, &mut Transform)>) {
    let all = origin.is_changed();
    for (thing, mut transform) in &mut things {
        if all || thing.is_changed() {
            *transform = origin.transform(&thing.site_from_local);
        }
    }
}

fn place_cameras(origin: Res<RenderOrigin>, mut cameras: Query<(&SiteCamera, &mut Transform, &mut Projection)>) {
    for (camera, mut transform, mut projection) in &mut cameras {
        let view = &camera.view;
        let wanted = Transform::from_translation(origin.render_from_site(view.place_in_site)).looking_to(
            render_from_site_direction(view.forward_in_site()),
            render_from_site_direction(view.up_in_site()),
        );
        transform.set_if_neq(wanted);
        if let Projection::Perspective(lens) = &mut *projection {
            lens.fov = view.vertical_field_of_view_rad as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_change_and_come_back() {
        let origin = RenderOrigin::nearest(DVec3::new(3_958_300.0, -1_499.0, 40.0));
        assert_eq!(origin.in_site(), DVec3::new(3_958_000.0, -1000.0, 0.0));
        let place = DVec3::new(3_958_301.25, -1_500.5, 12.0);
        assert_eq!(origin.render_from_site(place), Vec3::new(301.25, 12.0, 500.5));
        assert_eq!(origin.site_from_render(origin.render_from_site(place)), place);
    }

    #[test]
    fn a_transform_is_the_same_step_as_a_point() {
        let origin = RenderOrigin::nearest(DVec3::new(5_200.0, 0.0, 0.0));
        let turn = DQuat::from_rotation_z(0.7);
        let site_from_local = DAffine3::from_rotation_translation(turn, DVec3::new(5_100.0, 20.0, 3.0));
        let point = DVec3::new(4.0, -2.0, 9.0);
        let straight = origin.render_from_site(site_from_local.transform_point3(point));
        let derived = origin.transform(&site_from_local).transform_point(point.as_vec3());
        assert!(straight.distance(derived) < 1e-4, "{straight} {derived}");
    }
}
