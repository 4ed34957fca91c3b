//! The tour of a scene: from camera to camera, as long as nobody else moves the camera.

use bevy::prelude::*;

use super::controls::ControlSystems;
use crate::engine::overlay::Overlay;
use crate::engine::{CameraView, EngineSystems, Flight, SiteCamera};
use crate::scene::TourDocument;

/// So long nobody else has moved the camera before the tour goes on, seconds.
const UNTOUCHED_S: f64 = 60.0;
/// A flight takes so long at least, seconds: one of no time has no middle.
const SHORTEST_FLIGHT_S: f64 = 0.01;

/// The views of a tour, and where on its way the camera is.
#[derive(Resource, Debug, Clone, PartialEq)]
pub struct Tour {
    stops: Vec<CameraView>,
    hold_s: f64,
    flight_s: f64,
    /// The stop that the camera stands at or flies to.
    stop: usize,
    /// How long the camera has not moved, seconds.
    still_s: f64,
    /// Where the camera was last.
    seen: CameraView,
    is_off: bool,
}

impl Tour {
    /// A tour of the cameras that `view_of` knows by name; `None` where it knows none of them.
    pub fn new(document: &TourDocument, view_of: impl Fn(&str) -> Option<CameraView>) -> Option<Self> {
        let stops: Vec<CameraView> = document.cameras.iter().filter_map(|name| view_of(name)).collect();
        let seen = *stops.first()?;
        let (hold_s, flight_s) = (document.hold_s, document.flight_s.max(SHORTEST_FLIGHT_S));
        Some(Self { stops, hold_s, flight_s, stop: 0, still_s: 0.0, seen, is_off: false })
    }

    /// Where it begins.
    pub fn first_view(&self) -> CameraView {
        self.stops[0]
    }

    /// Ends it, or goes on at once.
    fn switch(&mut self) {
        self.is_off = !self.is_off;
        self.still_s = UNTOUCHED_S;
    }

    /// What `dt_s` seconds have brought: the next flight where one is due. A camera that is where the tour has not brought it
    /// was moved by somebody else, and is left alone for a minute.
    fn step(&mut self, view: CameraView, flies_to: Option<CameraView>, dt_s: f64) -> Option<Flight> {
        let is_still = flies_to.is_none() && view == self.seen;
        self.seen = view;
        self.still_s = if is_still { self.still_s + dt_s } else { 0.0 };
        let is_at_stop = view == self.stops[self.stop];
        if !is_still || self.still_s < if is_at_stop { self.hold_s } else { UNTOUCHED_S } {
            return None;
        }
        if is_at_stop {
            self.stop = (self.stop + 1) % self.stops.len();
        }
        let to = self.stops[self.stop];
        (to != view).then_some(Flight { from: view, to, duration_s: self.flight_s, elapsed_s: 0.0 })
    }
}

/// Flies a [`Tour`] where the world has one. What is selected is being read: the tour waits. `T` ends it and begins it again.
pub struct TourPlugin;

impl Plugin for TourPlugin {
    fn build(&self, app: &mut App) {
        let tour = tour.run_if(resource_exists::<Tour>).after(ControlSystems);
        app.add_systems(Update, tour.in_set(EngineSystems::Camera));
    }
}

fn tour(
    time: Res<Time>,
    overlay: Res<Overlay>,
    keys: Res<ButtonInput<KeyCode>>,
    mut tour: ResMut<Tour>,
    mut commands: Commands,
    cameras: Query<(Entity, &SiteCamera, Option<&Flight>)>,
) {
    let Ok((entity, camera, flight)) = cameras.single() else { return };
    if tour.is_off || overlay.panel.is_some() {
        (tour.seen, tour.still_s) = (camera.view, 0.0);
    }
    if keys.just_pressed(KeyCode::KeyT) {
        tour.switch();
    }
    if tour.is_off || overlay.panel.is_some() {
        return;
    }
    if let Some(flight) = tour.step(camera.view, flight.map(|flight| flight.to), time.delta_secs_f64()) {
        commands.entity(entity).insert(flight);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(east: f64) -> CameraView {
        CameraView { place_in_site: glam::DVec3::new(east, 0.0, 100.0), ..CameraView::default() }
    }

    fn tour() -> Tour {
        let document =
            TourDocument { cameras: vec!["a".into(), "nowhere".into(), "b".into()], hold_s: 10.0, flight_s: 4.0 };
        let views = |name: &str| match name {
            "a" => Some(view(0.0)),
            "b" => Some(view(500.0)),
            _ => None,
        };
        Tour::new(&document, views).unwrap()
    }

    /// Half seconds until the next flight, with the camera still; none within two minutes.
    fn wait(tour: &mut Tour, at: CameraView) -> Option<(f64, Flight)> {
        (1..240).find_map(|half| Some((f64::from(half) * 0.5, tour.step(at, None, 0.5)?)))
    }

    #[test]
    fn a_tour_holds_flies_and_comes_round() {
        let mut tour = tour();
        for to in [view(500.0), view(0.0), view(500.0)] {
            let at = tour.stops[tour.stop];
            let (held_s, flight) = wait(&mut tour, at).unwrap();
            assert_eq!((flight.from, flight.to, flight.duration_s), (at, to, 4.0));
            assert!((10.0..11.0).contains(&held_s), "{held_s}");
            assert_eq!(tour.step(at.between(&to, 0.5), Some(to), 0.5), None);
        }
    }

    #[test]
    fn a_tour_that_holds_nowhere_goes_on_from_each_stop() {
        let mut tour = Tour { hold_s: 0.0, ..tour() };
        let mut at = view(0.0);
        for to in [view(500.0), view(0.0), view(500.0)] {
            assert_eq!(wait(&mut tour, at).unwrap().1.to, to);
            // It has arrived, and the flight is still to be taken away.
            assert_eq!(tour.step(to, Some(to), 0.5), None);
            at = to;
        }
    }

    #[test]
    fn whoever_moves_the_camera_has_it_for_a_minute() {
        let mut tour = tour();
        for east in 0..100 {
            assert_eq!(tour.step(view(7.0 + f64::from(east)), None, 5.0), None);
        }
        let (waited_s, flight) = wait(&mut tour, view(300.0)).unwrap();
        assert_eq!(flight.to, view(0.0));
        assert!((60.0..61.0).contains(&waited_s), "{waited_s}");
    }

    #[test]
    fn a_tour_of_one_camera_stays_there_and_one_of_none_is_none() {
        let mut one = Tour { stops: vec![view(0.0)], ..tour() };
        assert_eq!(wait(&mut one, view(0.0)), None);
        assert_eq!(Tour::new(&TourDocument::default(), |_| Some(view(0.0))), None);
    }
}
