//! Double precision to the last pixel.

use glam::DVec3;
use veduta::engine::CameraView;

use crate::blocks::Town;
use crate::golden::{check, difference, offscreen};

/// The same town drawn at the site's zero and 3 958 km away from it gives the same picture, bit for bit.
#[test]
fn far_from_the_origin_is_the_same_as_near() {
    let town = Town::new(12);
    let draw = |place: DVec3| {
        let mut shell = offscreen();
        town.spawn(shell.world_mut(), place);
        shell.look(CameraView::looking_at(
            place + DVec3::new(-260.0, -420.0, 150.0),
            place + DVec3::new(0.0, 0.0, 20.0),
        ));
        shell.picture().unwrap()
    };
    let near = draw(DVec3::ZERO);
    let far = draw(DVec3::new(3_958_000.0, -1_250_000.0, 0.0));
    assert_eq!(difference(&near.rgba, &far.rgba), (0.0, 0.0));
    assert_eq!(near, far);
    check("blocks_near", &near);
}

/// When the camera has flown from one town to another over several origins, the picture is as if it had started there.
#[test]
fn a_moved_origin_leaves_no_trace() {
    let town = Town::new(8);
    let there = DVec3::new(7_000.0, 5_000.0, 0.0);
    let view = |place: DVec3| CameraView::looking_at(place + DVec3::new(-200.0, -300.0, 120.0), place);
    let mut shell = offscreen();
    town.spawn(shell.world_mut(), there);
    shell.look(view(DVec3::ZERO));
    shell.picture().unwrap();
    shell.look(view(there));
    let travelled = shell.picture().unwrap();
    let mut fresh = offscreen();
    town.spawn(fresh.world_mut(), there);
    fresh.look(view(there));
    assert_eq!(travelled, fresh.picture().unwrap());
}
