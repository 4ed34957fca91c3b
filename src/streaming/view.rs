//! Where is looked from.

use glam::DVec3;

use super::Volume;

/// A perspective camera in the site frame. A wall of screens or a shadow pass is several views at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// Eye, metres.
    pub position_in_site: DVec3,
    /// Where it looks; any length above 0.
    pub direction_in_site: DVec3,
    /// Roughly up; not along the direction.
    pub up_in_site: DVec3,
    /// Vertical opening, radians, above 0 and below pi.
    pub vertical_fov_rad: f64,
    /// Width over height, above 0.
    pub aspect: f64,
    /// Height of the picture, pixels, above 0.
    pub viewport_height_px: f64,
}

impl View {
    /// Pixels that an error of one metre covers at one metre.
    pub(super) fn pixels_at_one_metre(&self) -> f64 {
        self.viewport_height_px / (2.0 * (self.vertical_fov_rad * 0.5).tan())
    }

    /// Inward unit normals of the planes through the eye: left, right, bottom, top, behind.
    pub(super) fn planes(&self) -> [DVec3; 5] {
        let forward = self.direction_in_site.normalize_or(DVec3::Y);
        let right = forward.cross(self.up_in_site).normalize_or(forward.any_orthonormal_vector());
        let up = right.cross(forward);
        let half = (self.vertical_fov_rad * 0.5).tan();
        let (sideways, upwards) = (forward * half * self.aspect, forward * half);
        [sideways + right, sideways - right, upwards + up, upwards - up, forward].map(|n| n.normalize_or(forward))
    }

    /// Nearness to the middle of the picture: cosine of the angle off the axis, -1 to 1.
    pub(super) fn fovea(&self, volume: &Volume) -> f64 {
        let towards = (volume.center_in_site() - self.position_in_site).normalize_or(self.direction_in_site);
        towards.dot(self.direction_in_site.normalize_or(DVec3::Y))
    }
}
