//! What every shell shows a city in: the sun of its place, a plain ground around it, the first view.

use bevy::prelude::*;
use glam::DVec3;

use crate::engine::city_material::{CityAssets, mesh_gpu_bytes};
use crate::engine::tiles::{HeldBytes, plain_ground};
use crate::engine::{CameraView, CityPart, CityStream, Environment};
use crate::quantity::Timestamp;

/// Puts a city into an engine's world: its stream, the place and the time of its sun, and a plain ground: under a city
/// without terrain, and around a terrain, so that the world does not end where the terrain does.
pub fn show_city(world: &mut World, stream: CityStream, time: Option<Timestamp>) {
    let anchor = stream.site().anchor();
    let bounds = stream.focus_in_site();
    let time = time.unwrap_or_else(|| afternoon(anchor.longitude_rad));
    if let Some(mut environment) = world.get_resource_mut::<Environment>() {
        environment.anchor = anchor;
        environment.time = time;
    }
    if let Some(height_m) = stream.foot_m() {
        let ground = plain_ground(&stream.site(), bounds.center().truncate(), height_m);
        // The system takes nothing that could be missing.
        let _ = world.run_system_cached_with(spawn_ground, ground);
    }
    world.insert_resource(stream);
}

/// Half past three in the afternoon of the 10th of June 2026 by the sun of the place.
fn afternoon(longitude_rad: f64) -> Timestamp {
    let midnight_utc = 1_781_049_600.0;
    Timestamp::from_seconds(midnight_utc + 15.5 * 3600.0 - longitude_rad.to_degrees() * 240.0)
}

/// Width over height of the picture that the first view is for.
const ASPECT: f64 = 16.0 / 9.0;

/// The whole city from the south-west.
pub fn overview(world: &World) -> CameraView {
    let bounds = world.get_resource::<CityStream>().map(CityStream::focus_in_site).filter(|b| !b.is_empty());
    let Some(bounds) = bounds else { return CameraView::default() };
    CameraView::looking_at(DVec3::new(-0.5, -0.78, 0.42), DVec3::ZERO).containing(bounds, ASPECT)
}

type Ground = (crate::geometry::Mesh, Vec<crate::engine::ObjectLook>, glam::DAffine3);

fn spawn_ground(In((mesh, looks, site_from_content)): In<Ground>, mut assets: CityAssets) {
    let ground = assets.spawn(&mesh, looks, None, site_from_content);
    let held = HeldBytes(mesh_gpu_bytes(&mesh));
    assets.commands.entity(ground).insert((bevy::light::NotShadowCaster, held)).remove::<CityPart>();
}
