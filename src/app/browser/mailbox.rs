//! What the page asks of the engine, and what it may read back without waiting.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::engine::CameraView;
use crate::geodesy::{Geodetic, SiteFrame, SitePoint};
use crate::scenario::{AddedContent, Run};

/// A camera as pages and links write it: degrees, metres above the ellipsoid.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageCamera {
    /// East positive.
    pub longitude: f64,
    /// North positive.
    pub latitude: f64,
    /// Metres above the ellipsoid.
    pub height: f64,
    /// Clockwise from north.
    pub heading: f64,
    /// Above the horizon.
    pub pitch: f64,
    /// From the lower to the upper edge of the picture; as it is where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field_of_view: Option<f64>,
}

impl PageCamera {
    /// As the engine has it.
    pub fn view(&self, site: &SiteFrame) -> CameraView {
        let place = Geodetic::from_degrees(self.longitude, self.latitude, self.height);
        CameraView {
            place_in_site: site.from_geodetic(place).0,
            heading_rad: self.heading.to_radians(),
            pitch_rad: self.pitch.clamp(-89.0, 89.0).to_radians(),
            vertical_field_of_view_rad: self
                .field_of_view
                .map_or(CameraView::default().vertical_field_of_view_rad, f64::to_radians),
        }
    }

    /// As the page has it.
    pub fn of(site: &SiteFrame, view: &CameraView) -> Self {
        let place = site.to_geodetic(SitePoint(view.place_in_site));
        Self {
            longitude: place.longitude_rad.to_degrees(),
            latitude: place.latitude_rad.to_degrees(),
            height: place.ellipsoid_height_m,
            heading: view.heading_rad.to_degrees().rem_euclid(360.0),
            pitch: view.pitch_rad.to_degrees(),
            field_of_view: (view.vertical_field_of_view_rad != CameraView::default().vertical_field_of_view_rad)
                .then(|| view.vertical_field_of_view_rad.to_degrees()),
        }
    }
}

/// One thing that the page asks for.
#[derive(Debug)]
pub enum Request {
    /// Fly there in so many seconds; at once with 0.
    Fly(PageCamera, f64),
    /// Select the object of an identifier as soon as it is drawn, or none.
    Select(Option<String>),
    /// Pick what is under a point of the picture, each from -1 (left, lower) to 1; the answer has the same number.
    Pick { x: f64, y: f64, number: u32 },
    /// Tell when the picture is in the canvas.
    Picture,
    /// Take one more face for signs that were missing.
    Face(Vec<u8>),
    /// Draw what the variant adds.
    Added(Vec<AddedContent>),
    /// Draw the water of a simulation.
    Run(Run),
    /// End, and give everything back.
    Dispose,
}

/// Requests that wait at most: a page that asks faster than frames come loses the oldest.
const MOST_REQUESTS: usize = 256;

#[derive(Debug, Default)]
struct Mail {
    requests: Vec<Request>,
    camera: Option<PageCamera>,
    view: Option<CameraView>,
    stats: String,
}

/// Shared by the page's handle and the engine.
#[derive(Debug, Clone, Default, bevy::prelude::Resource)]
pub struct Mailbox(Arc<Mutex<Mail>>);

impl Mailbox {
    fn lock(&self) -> MutexGuard<'_, Mail> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for something.
    pub fn ask(&self, request: Request) {
        let mut mail = self.lock();
        if mail.requests.len() == MOST_REQUESTS {
            mail.requests.remove(0);
        }
        mail.requests.push(request);
    }

    /// Everything asked since the last call.
    pub fn take(&self) -> Vec<Request> {
        std::mem::take(&mut self.lock().requests)
    }

    /// Tells where the camera is, if it has moved: `in_degrees` is asked only then.
    pub fn set_view(&self, view: CameraView, in_degrees: impl FnOnce() -> PageCamera) -> bool {
        let mut mail = self.lock();
        if mail.view == Some(view) {
            return false;
        }
        mail.view = Some(view);
        mail.camera = Some(in_degrees());
        true
    }

    /// Where the camera is.
    pub fn camera(&self) -> Option<PageCamera> {
        self.lock().camera
    }

    /// Puts the figures there for the page, as JSON.
    pub fn set_stats(&self, stats: String) {
        self.lock().stats = stats;
    }

    /// The figures.
    pub fn stats(&self) -> String {
        self.lock().stats.clone()
    }
}
