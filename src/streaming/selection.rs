//! Which tiles to draw and which to load: a pure function of views, tree and residency.
//!
//! The rules: a parent is drawn until its children cover it; a tile that is not there yet is stood in for by whatever
//! of its descendants is there (zoom-out keeps detail); beside a refined tile's visible children their siblings
//! are loaded as well, so turning or widening the view opens no hole.

use glam::DVec3;

use super::{Refine, TileId, TileShape, TileTree, View};

/// How much a load matters; the greater goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Out of sight, wanted so that turning opens no hole.
    Sibling,
    /// In sight, more detail.
    Detail,
    /// In sight where nothing can be drawn.
    Hole,
}

/// What of a tile is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The file that tells its contents and children.
    Subtree,
    /// A content by number.
    Content(u16),
}

/// Something to load or keep.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Want {
    /// The tile.
    pub tile: TileId,
    /// All its contents, or its subtree file when `subtree`.
    pub subtree: bool,
    /// Class of priority.
    pub urgency: Urgency,
    /// Order within the class: screen-space error in pixels weighted by nearness to the middle of the picture.
    pub score: f64,
}

/// What one selection met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SelectionCounters {
    /// Tiles looked at.
    pub visited: u64,
    /// Of these, outside all frusta.
    pub culled: u64,
    /// Tiles chosen to be drawn.
    pub drawn: u64,
    /// Tiles in view that wait for content or a subtree.
    pub waiting: u64,
    /// Coarser or finer tiles drawn in place of the right ones.
    pub standing_in: u64,
}

/// The answer of [`select`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Selection {
    /// Tiles to draw, each with all its contents.
    pub draw: Vec<TileId>,
    /// What must be loaded, or kept where it is loaded, unordered.
    pub want: Vec<Want>,
    /// Tiles that were refined: not needed, but the last to be evicted.
    pub ancestors: Vec<TileId>,
    /// Counts.
    pub counters: SelectionCounters,
}

/// Chooses tiles of one tree. `threshold_px` is the greatest screen-space error allowed, pixels, above 0;
/// `is_ready` says whether all contents of a tile (so many) can be drawn.
pub fn select(
    tree: &dyn TileTree,
    views: &[View],
    threshold_px: f64,
    is_ready: &dyn Fn(TileId, u16) -> bool,
) -> Selection {
    let planes = views.iter().map(|view| (*view, view.planes())).collect();
    let mut walk = Walk { tree, planes, threshold_px, is_ready, out: Selection::default() };
    walk.visit(tree.root());
    walk.out.counters.drawn = walk.out.draw.len() as u64;
    walk.out
}

struct Walk<'a> {
    tree: &'a dyn TileTree,
    planes: Vec<(View, [DVec3; 5])>,
    threshold_px: f64,
    is_ready: &'a dyn Fn(TileId, u16) -> bool,
    out: Selection,
}

/// Screen-space error over the views that see a tile, and its load score.
struct Sight {
    error_px: f64,
    score: f64,
}

impl Walk<'_> {
    fn sight(&self, shape: &TileShape) -> Option<Sight> {
        let mut best: Option<Sight> = None;
        for (view, planes) in &self.planes {
            let offset = shape.volume.center_in_site() - view.position_in_site;
            if planes.iter().any(|normal| normal.dot(offset) + shape.volume.reach_m(*normal) < 0.0) {
                continue;
            }
            let distance = shape.volume.distance_m(view.position_in_site).max(1e-3);
            let error_px = shape.geometric_error_m * view.pixels_at_one_metre() / distance;
            // Leaves have no error: their nearness stands for it.
            let score = (error_px + 1.0 / distance) * (1.5 + view.fovea(&shape.volume));
            let best = best.get_or_insert(Sight { error_px, score });
            best.error_px = best.error_px.max(error_px);
            best.score = best.score.max(score);
        }
        best
    }

    fn ready(&self, tile: TileId, shape: &TileShape) -> bool {
        shape.contents == 0 || (self.is_ready)(tile, shape.contents)
    }

    fn want(&mut self, tile: TileId, subtree: bool, urgency: Urgency, score: f64) {
        self.out.want.push(Want { tile, subtree, urgency, score });
    }

    fn draw(&mut self, tile: TileId, shape: &TileShape) {
        if shape.contents > 0 {
            self.out.draw.push(tile);
        }
    }

    /// Visits a tile; true when the space it stands for is covered by what is drawn.
    fn visit(&mut self, tile: TileId) -> bool {
        self.out.counters.visited += 1;
        let Some(shape) = self.tree.shape(tile) else { return true };
        let Some(sight) = self.sight(&shape) else {
            self.out.counters.culled += 1;
            return self.unseen(tile, &shape);
        };
        if self.tree.awaited(tile).is_some() {
            self.out.counters.waiting += 1;
            self.want(tile, true, Urgency::Detail, sight.score);
            return false;
        }
        // A grafted file was needed to get here, so it is kept as long as what is below it.
        self.want(tile, true, Urgency::Detail, sight.score);
        let mut children = Vec::new();
        self.tree.children(tile, &mut children);
        if children.is_empty() || sight.error_px <= self.threshold_px {
            return self.rest(tile, &shape, sight.score);
        }
        match shape.refine {
            Refine::Add => self.refine_adding(tile, &shape, sight.score, &children),
            Refine::Replace => self.refine_replacing(tile, &shape, sight.score, &children),
        }
    }

    fn unseen(&mut self, tile: TileId, shape: &TileShape) -> bool {
        let awaited = self.tree.awaited(tile).is_some();
        self.want(tile, true, Urgency::Sibling, 0.0);
        if shape.contents > 0 {
            self.want(tile, false, Urgency::Sibling, 0.0);
        }
        !awaited && self.ready(tile, shape)
    }

    /// The tile is fine enough.
    fn rest(&mut self, tile: TileId, shape: &TileShape, score: f64) -> bool {
        if self.ready(tile, shape) {
            self.want(tile, false, Urgency::Detail, score);
            self.draw(tile, shape);
            return true;
        }
        self.out.counters.waiting += 1;
        let before = self.out.draw.len();
        // Children that only add to their parent cannot stand in for it.
        let covered = shape.refine == Refine::Replace && self.stand_in(tile, 0);
        self.out.counters.standing_in += (self.out.draw.len() - before) as u64;
        let urgency = if covered { Urgency::Detail } else { Urgency::Hole };
        self.want(tile, false, urgency, score);
        covered
    }

    /// Draws what is ready below a tile that is not; true when it covers the tile.
    fn stand_in(&mut self, tile: TileId, depth: u32) -> bool {
        const DEEPEST: u32 = 4;
        let mut children = Vec::new();
        self.tree.children(tile, &mut children);
        if children.is_empty() || depth == DEEPEST {
            return false;
        }
        if self.tree.awaited(tile).is_none() {
            self.want(tile, true, Urgency::Sibling, 0.0);
        }
        let mut covered = true;
        for child in children {
            let Some(shape) = self.tree.shape(child) else { continue };
            self.out.counters.visited += 1;
            if shape.contents > 0 && self.ready(child, &shape) {
                self.want(child, false, Urgency::Sibling, 0.0);
                self.draw(child, &shape);
            } else {
                covered &= self.stand_in(child, depth + 1);
            }
        }
        covered
    }

    fn refine_adding(&mut self, tile: TileId, shape: &TileShape, score: f64, children: &[TileId]) -> bool {
        let ready = self.ready(tile, shape);
        let urgency = if ready { Urgency::Detail } else { Urgency::Hole };
        self.want(tile, false, urgency, score);
        if ready {
            self.draw(tile, shape);
        } else {
            self.out.counters.waiting += 1;
        }
        for child in children {
            // Children only add: one out of sight leaves no hole, so it is not loaded.
            let seen = self.tree.shape(*child).is_some_and(|shape| self.sight(&shape).is_some());
            if seen {
                self.visit(*child);
            } else {
                self.out.counters.visited += 1;
                self.out.counters.culled += 1;
            }
        }
        ready
    }

    fn refine_replacing(&mut self, tile: TileId, shape: &TileShape, score: f64, children: &[TileId]) -> bool {
        let before = self.out.draw.len();
        let mut covered = true;
        for child in children {
            covered &= self.visit(*child);
        }
        if covered {
            self.out.ancestors.push(tile);
            return true;
        }
        if shape.contents > 0 && self.ready(tile, shape) {
            self.out.draw.truncate(before);
            self.draw(tile, shape);
            self.out.counters.standing_in += 1;
            self.want(tile, false, Urgency::Hole, score);
            return true;
        }
        if shape.contents > 0 {
            self.want(tile, false, Urgency::Hole, score);
        }
        false
    }
}
