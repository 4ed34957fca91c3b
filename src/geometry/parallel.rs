//! Data-parallel loops: the one place that knows rayon. Where there are no threads (wasm) rayon runs them in turn.

use rayon::prelude::*;

/// `f` of every item, in the order of the items, computed in parallel. The result does not depend on the number of threads.
///
/// ```
/// assert_eq!(veduta::geometry::parallel::map(vec![1, 2, 3], |x| x * x), [1, 4, 9]);
/// ```
pub fn map<T: Send, R: Send>(items: Vec<T>, f: impl Fn(T) -> R + Sync + Send) -> Vec<R> {
    items.into_par_iter().map(f).collect()
}
