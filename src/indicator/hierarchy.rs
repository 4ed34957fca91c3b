//! The tree of objects, in an order in which everything inside of an object stands together.

use std::ops::Range;

/// What indicators need to know of the city's objects; an object is its row in the object table.
///
/// ```
/// use veduta::indicator::{Hierarchy, ObjectTree};
/// struct TwoRooms;
/// impl ObjectTree for TwoRooms {
///     fn row_count(&self) -> u32 { 3 }
///     fn parent(&self, row: u32) -> Option<u32> { (row > 0).then_some(0) }
///     fn class(&self, row: u32) -> &str { if row > 0 { "BuildingRoom" } else { "Building" } }
///     fn rows_in(&self, _area: &[[f64; 2]]) -> Vec<u32> { Vec::new() }
///     fn matching(&self, _filter: &str) -> Result<Vec<u32>, String> { Err("no attributes here".into()) }
/// }
/// assert_eq!(Hierarchy::new(&TwoRooms).span(0), 0..3);
/// ```
pub trait ObjectTree {
    /// How many objects there are.
    fn row_count(&self) -> u32;
    /// The object that this one is part of.
    fn parent(&self, row: u32) -> Option<u32>;
    /// Whether it is there at all: what a variant takes away keeps its row and counts in nothing.
    fn is_there(&self, _row: u32) -> bool {
        true
    }
    /// Its class.
    fn class(&self, row: u32) -> &str;
    /// The objects in a polygon, [longitude, latitude] in degrees.
    fn rows_in(&self, area: &[[f64; 2]]) -> Vec<u32>;
    /// The objects for which an expression over their attributes is true. The error says what is wrong with it.
    fn matching(&self, filter: &str) -> Result<Vec<u32>, String>;
}

const NONE: u32 = u32::MAX;

/// Parents, and the place of every object in a depth-first order: what is inside of an object, itself first, is one span.
/// An object whose parents run in a circle is treated as one without parent.
#[derive(Debug, Clone, Default)]
pub struct Hierarchy {
    parents: Vec<u32>,
    /// By row: first place of its span and the place after its last.
    spans: Vec<(u32, u32)>,
}

impl Hierarchy {
    /// The hierarchy of a city's objects.
    pub fn new(tree: &dyn ObjectTree) -> Self {
        let count = tree.row_count();
        let valid = |row: u32| tree.parent(row).filter(|parent| *parent < count && *parent != row).unwrap_or(NONE);
        let mut parents: Vec<u32> = (0..count).map(valid).collect();
        cut_circles(&mut parents);
        let mut first_child = vec![NONE; parents.len()];
        let mut next_sibling = vec![NONE; parents.len()];
        // Backwards, so that the children of one parent come in the order of their rows.
        for row in (0..count).rev() {
            let parent = parents[row as usize];
            if parent != NONE {
                next_sibling[row as usize] = first_child[parent as usize];
                first_child[parent as usize] = row;
            }
        }
        let mut spans = vec![(0, 0); parents.len()];
        let mut place = 0;
        for root in (0..count).filter(|row| parents[*row as usize] == NONE) {
            walk(root, &first_child, &next_sibling, &parents, &mut spans, &mut place);
        }
        Self { parents, spans }
    }

    /// The object that this one is part of.
    pub fn parent(&self, row: u32) -> Option<u32> {
        self.parents.get(row as usize).copied().filter(|parent| *parent != NONE)
    }

    /// The object and all that it is part of, upwards.
    pub fn with_ancestors(&self, row: u32) -> impl Iterator<Item = u32> {
        std::iter::successors(((row as usize) < self.parents.len()).then_some(row), |row| self.parent(*row))
    }

    /// The places of an object and all that is in it, in the depth-first order.
    pub fn span(&self, row: u32) -> Range<u32> {
        self.spans.get(row as usize).map_or(0..0, |(start, end)| *start..*end)
    }
}

/// Takes one parent out of every circle, so that what is left is a forest.
fn cut_circles(parents: &mut [u32]) {
    let mut seen_from = vec![NONE; parents.len()];
    for start in 0..parents.len() as u32 {
        let mut row = start;
        while row != NONE && seen_from[row as usize] == NONE {
            seen_from[row as usize] = start;
            row = parents[row as usize];
        }
        if row != NONE && seen_from[row as usize] == start {
            parents[row as usize] = NONE;
        }
    }
}

/// Gives places to a root and all that is in it; a loop instead of a recursion, for any depth.
fn walk(root: u32, first_child: &[u32], next: &[u32], parents: &[u32], spans: &mut [(u32, u32)], place: &mut u32) {
    let mut row = root;
    loop {
        spans[row as usize].0 = *place;
        *place += 1;
        if first_child[row as usize] != NONE {
            row = first_child[row as usize];
            continue;
        }
        loop {
            spans[row as usize].1 = *place;
            if row == root {
                return;
            }
            if next[row as usize] != NONE {
                row = next[row as usize];
                break;
            }
            row = parents[row as usize];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Parents(Vec<Option<u32>>);

    impl ObjectTree for Parents {
        fn row_count(&self) -> u32 {
            self.0.len() as u32
        }
        fn parent(&self, row: u32) -> Option<u32> {
            self.0[row as usize]
        }
        fn class(&self, _: u32) -> &str {
            ""
        }
        fn rows_in(&self, _: &[[f64; 2]]) -> Vec<u32> {
            Vec::new()
        }
        fn matching(&self, _: &str) -> Result<Vec<u32>, String> {
            Ok(Vec::new())
        }
    }

    proptest::proptest! {
        /// Any parents, circles and dangling ones too: spans are those of a forest, and every ancestor's holds its
        /// descendants'.
        #[test]
        fn spans_nest(parents in proptest::collection::vec(proptest::option::of(0_u32..45), 1..40)) {
            let count = parents.len() as u32;
            let hierarchy = Hierarchy::new(&Parents(parents));
            let mut starts: Vec<u32> = (0..count).map(|row| hierarchy.span(row).start).collect();
            starts.sort_unstable();
            proptest::prop_assert_eq!(starts, (0..count).collect::<Vec<_>>());
            for row in 0..count {
                let inside = (0..count).filter(|other| hierarchy.with_ancestors(*other).any(|a| a == row)).count();
                proptest::prop_assert_eq!(hierarchy.span(row).len(), inside);
                for ancestor in hierarchy.with_ancestors(row) {
                    let (inner, outer) = (hierarchy.span(row), hierarchy.span(ancestor));
                    proptest::prop_assert!(outer.start <= inner.start && inner.end <= outer.end);
                }
            }
        }
    }
}
