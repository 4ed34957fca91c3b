//! The mesh of one terrain tile.

use glam::{DVec2, DVec3, Vec2, Vec3};

use crate::geodesy::{SiteFrame, SitePoint};
use crate::geometry::{Bounds, HeightGrid, Mesh};

/// Cells along the edge of a tile.
pub(super) const TILE_CELLS: usize = 64;

/// A square part of the grid at one resolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Patch {
    /// Least column and row.
    pub column: usize,
    /// Least row.
    pub row: usize,
    /// Grid cells between two vertices.
    pub stride: usize,
}

impl Patch {
    /// The grid node of a vertex. Vertices beyond the grid fall on its last node, so that the outermost tiles end where the
    /// grid ends.
    pub fn node(self, grid: &HeightGrid, i: usize, j: usize) -> (usize, usize) {
        let column = (self.column + i * self.stride).min(grid.columns - 1);
        (column, (self.row + j * self.stride).min(grid.rows - 1))
    }

    /// South-west and north-east corner in the site's plane, metres.
    pub fn extent(self, grid: &HeightGrid) -> (DVec2, DVec2) {
        let place = |node: (usize, usize)| grid.origin_in_site + DVec2::new(node.0 as f64, node.1 as f64) * grid.cell_m;
        (place(self.node(grid, 0, 0)), place(self.node(grid, TILE_CELLS, TILE_CELLS)))
    }

    /// Largest distance between the grid's heights and this patch's bilinear surface, metres.
    pub fn error_m(self, grid: &HeightGrid) -> f64 {
        if self.stride == 1 {
            return 0.0;
        }
        let last = self.node(grid, TILE_CELLS, TILE_CELLS);
        let mut worst = 0.0_f64;
        for row in self.row..=last.1 {
            for column in self.column..=last.0 {
                let Some(height) = grid.node(column, row) else { continue };
                let Some(coarse) = self.height(grid, column, row) else { continue };
                worst = worst.max((f64::from(height) - coarse).abs());
            }
        }
        worst
    }

    /// Height of the patch's surface at a grid node; `None` at a hole of it.
    fn height(self, grid: &HeightGrid, column: usize, row: usize) -> Option<f64> {
        let (i, j) = ((column - self.column) / self.stride, (row - self.row) / self.stride);
        let (west, south) = self.node(grid, i, j);
        let (east, north) = self.node(grid, i + 1, j + 1);
        let share = |at: usize, from: usize, to: usize| {
            if to > from { (at - from) as f64 / (to - from) as f64 } else { 0.0 }
        };
        let (fx, fy) = (share(column, west, east), share(row, south, north));
        let corner = |c, r| grid.node(c, r).map(f64::from);
        let lower = corner(west, south)? * (1.0 - fx) + corner(east, south)? * fx;
        let upper = corner(west, north)? * (1.0 - fx) + corner(east, north)? * fx;
        Some(lower * (1.0 - fy) + upper * fy)
    }
}

/// A place of the site's plane at a height above the ellipsoid.
pub(super) fn place(site: &SiteFrame, plane: DVec2, height_m: f64) -> DVec3 {
    let flat = plane.extend(0.0);
    // Up at the anchor and up here differ by the angle between them, whose cosine is 1 to a millionth at 9 km.
    flat.with_z(height_m - site.to_geodetic(SitePoint(flat)).ellipsoid_height_m)
}

/// The triangles of a patch with skirts `skirt_m` deep, relative to `center`; `None` where the patch has no whole cell.
pub(super) fn build(grid: &HeightGrid, site: &SiteFrame, patch: Patch, skirt_m: f64) -> Option<(DVec3, Bounds, Mesh)> {
    let side = TILE_CELLS + 1;
    let points: Vec<Option<DVec3>> = (0..side * side)
        .map(|index| {
            let (column, row) = patch.node(grid, index % side, index / side);
            let plane = grid.origin_in_site + DVec2::new(column as f64, row as f64) * grid.cell_m;
            grid.node(column, row).map(|height| place(site, plane, f64::from(height)))
        })
        .collect();
    let bounds = Bounds::around(points.iter().flatten().copied());
    if bounds.is_empty() {
        return None;
    }
    let (south_west, north_east) = patch.extent(grid);
    let size = north_east - south_west;
    let mut tile = Builder {
        points: &points,
        center: bounds.center(),
        south_west,
        size,
        number: vec![None; side * side],
        mesh: Mesh::default(),
    };
    for j in 0..TILE_CELLS {
        for i in 0..TILE_CELLS {
            tile.cell(i, j);
        }
    }
    if tile.mesh.indices.is_empty() {
        return None;
    }
    for k in 0..TILE_CELLS {
        // Counter-clockwise around the tile, so that the walls face outwards.
        tile.wall((k, 0), (k + 1, 0), skirt_m);
        tile.wall((TILE_CELLS, k), (TILE_CELLS, k + 1), skirt_m);
        tile.wall((k + 1, TILE_CELLS), (k, TILE_CELLS), skirt_m);
        tile.wall((0, k + 1), (0, k), skirt_m);
    }
    let all = bounds.with(bounds.min - DVec3::Z * skirt_m);
    Some((tile.center, all, tile.mesh))
}

struct Builder<'a> {
    points: &'a [Option<DVec3>],
    center: DVec3,
    /// Corner and edges of the tile in the site's plane, which its picture fills.
    south_west: DVec2,
    size: DVec2,
    /// Number of the vertex of a node, once it has one.
    number: Vec<Option<u32>>,
    mesh: Mesh,
}

impl Builder<'_> {
    fn at(&self, i: usize, j: usize) -> Option<DVec3> {
        if i > TILE_CELLS || j > TILE_CELLS {
            return None;
        }
        self.points.get(j * (TILE_CELLS + 1) + i).copied().flatten()
    }

    fn cell(&mut self, i: usize, j: usize) {
        let corners = [(i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1)];
        let [Some(a), Some(b), Some(_), Some(d)] = corners.map(|(i, j)| self.at(i, j)) else { return };
        // Cells beyond the grid's edge have no width.
        if b.x <= a.x || d.y <= a.y {
            return;
        }
        let [a, b, c, d] = corners.map(|(i, j)| self.vertex(i, j));
        self.mesh.indices.extend([a, b, c, a, c, d]);
    }

    fn vertex(&mut self, i: usize, j: usize) -> u32 {
        let slot = j * (TILE_CELLS + 1) + i;
        if let Some(number) = self.number.get(slot).copied().flatten() {
            return number;
        }
        let point = self.at(i, j).unwrap_or(self.center);
        let number = self.push(point, self.normal(i, j));
        if let Some(entry) = self.number.get_mut(slot) {
            *entry = Some(number);
        }
        number
    }

    fn push(&mut self, point: DVec3, normal: Vec3) -> u32 {
        let number = self.mesh.positions.len() as u32;
        self.mesh.positions.push((point - self.center).as_vec3());
        self.mesh.normals.push(normal);
        let at = (point.truncate() - self.south_west) / self.size;
        self.mesh.texture_coordinates.push(Vec2::new(at.x as f32, 1.0 - at.y as f32));
        number
    }

    /// By the slopes between the neighbours that are known.
    fn normal(&self, i: usize, j: usize) -> Vec3 {
        let Some(here) = self.at(i, j) else { return Vec3::Z };
        let slope = |before: Option<DVec3>, after: Option<DVec3>, axis: usize| {
            let (a, b) = (before.unwrap_or(here), after.unwrap_or(here));
            let run = b[axis] - a[axis];
            if run > 0.0 { (b.z - a.z) / run } else { 0.0 }
        };
        let east = slope(i.checked_sub(1).and_then(|i| self.at(i, j)), self.at(i + 1, j), 0);
        let north = slope(j.checked_sub(1).and_then(|j| self.at(i, j)), self.at(i, j + 1), 1);
        DVec3::new(-east, -north, 1.0).normalize().as_vec3()
    }

    /// A wall under an edge of the tile, where both ends are in the mesh.
    fn wall(&mut self, from: (usize, usize), to: (usize, usize), depth_m: f64) {
        let number = |this: &Self, (i, j): (usize, usize)| this.number.get(j * (TILE_CELLS + 1) + i).copied().flatten();
        let (Some(a), Some(b)) = (number(self, from), number(self, to)) else { return };
        let (Some(top_a), Some(top_b)) = (self.at(from.0, from.1), self.at(to.0, to.1)) else { return };
        if top_a.truncate() == top_b.truncate() {
            return;
        }
        // The walls take the ground's normals: they should look like ground where they show.
        let low_a = self.push(top_a - DVec3::Z * depth_m, self.normal(from.0, from.1));
        let low_b = self.push(top_b - DVec3::Z * depth_m, self.normal(to.0, to.1));
        self.mesh.indices.extend([a, low_a, low_b, a, low_b, b]);
    }
}
