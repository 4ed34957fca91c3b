//! Axis-aligned boxes.

use glam::{DVec2, DVec3};
use serde::{Deserialize, Serialize};

/// An axis-aligned box in the site frame, metres. Empty until the first point is added.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bounds {
    /// Least east, north and up.
    pub min: DVec3,
    /// Greatest east, north and up.
    pub max: DVec3,
}

impl Bounds {
    /// The box that holds nothing and grows to whatever is added.
    pub const EMPTY: Self = Self { min: DVec3::INFINITY, max: DVec3::NEG_INFINITY };

    /// The least box around some points.
    pub fn around(points: impl IntoIterator<Item = DVec3>) -> Self {
        points.into_iter().fold(Self::EMPTY, Self::with)
    }

    /// This box grown to hold `point`.
    pub fn with(self, point: DVec3) -> Self {
        Self { min: self.min.min(point), max: self.max.max(point) }
    }

    /// The least box around both.
    pub fn union(self, other: Self) -> Self {
        Self { min: self.min.min(other.min), max: self.max.max(other.max) }
    }

    /// Whether nothing was added.
    pub fn is_empty(self) -> bool {
        !self.min.cmple(self.max).all()
    }

    /// Middle of the box.
    pub fn center(self) -> DVec3 {
        (self.min + self.max) * 0.5
    }

    /// Edge lengths, metres.
    pub fn size(self) -> DVec3 {
        self.max - self.min
    }

    /// Whether the two share a point (touching counts).
    pub fn intersects(self, other: Self) -> bool {
        self.min.cmple(other.max).all() && other.min.cmple(self.max).all()
    }

    /// Whether `point` is inside or on the border.
    pub fn contains(self, point: DVec3) -> bool {
        self.min.cmple(point).all() && point.cmple(self.max).all()
    }

    /// Distance in plan from `point` to the nearest point of the box, 0 inside, metres.
    pub fn distance_in_plan(self, point: DVec2) -> f64 {
        point.distance(point.clamp(self.min.truncate(), self.max.truncate()))
    }

    /// Distance from `point` to the nearest point of the box, 0 inside, metres.
    pub fn distance(self, point: DVec3) -> f64 {
        point.distance(point.clamp(self.min, self.max))
    }
}
