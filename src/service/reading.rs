//! Reading a city for a request: off the threads that answer, a few at a time, no longer than allowed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::{Problem, ProblemKind};

/// Those who read, and how long each may take.
#[derive(Clone)]
pub struct Readers {
    permits: Arc<Semaphore>,
    longest: Duration,
}

impl Default for Readers {
    /// Eight at once, five seconds each.
    fn default() -> Self {
        Self::new(8, Duration::from_secs(5))
    }
}

/// Set when nobody waits for the answer any more; whoever reads looks at it now and then.
#[derive(Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Whether to stop.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Sets the stop when the request is answered, out of time, or gone.
struct OnEnd(Stop);

impl Drop for OnEnd {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

impl Readers {
    /// At most `at_once` that read, and as many seconds for each to wait and to read.
    pub fn new(at_once: usize, longest: Duration) -> Self {
        Self { permits: Arc::new(Semaphore::new(at_once)), longest }
    }

    /// The result of `work` on a thread that may wait for files. A place is kept until the work has really ended, so that
    /// requests that were given up cannot pile up.
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Stop) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let busy = || Problem::new(ProblemKind::Unavailable, "too many questions at once: ask again later");
        let permit = timeout(self.longest, Arc::clone(&self.permits).acquire_owned()).await;
        let permit = permit.map_err(|_| busy())?.map_err(|_| busy())?;
        let stop = Stop::default();
        let _on_end = OnEnd(stop.clone());
        let task = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work(&stop)
        });
        match timeout(self.longest, task).await {
            Ok(Ok(result)) => result,
            Ok(Err(fault)) => Err(Problem::internal(&fault)),
            Err(_) => Err(too_slow()),
        }
    }
}

/// The question took too long.
pub(super) fn too_slow() -> Problem {
    Problem::new(ProblemKind::TooCostly, "it takes too long: ask for a smaller area, a class, or less in the filter")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_long_question_is_stopped_and_keeps_its_place_until_it_has() {
        let readers = Readers::new(1, Duration::from_millis(100));
        let long = readers.read(|stop| {
            while !stop.is_set() {
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok(())
        });
        assert_eq!(long.await.unwrap_err(), too_slow());
        assert_eq!(readers.read(|_| Ok(7)).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn a_fault_in_the_work_is_a_problem() {
        let problem = Readers::default().read::<()>(|_| panic!("on purpose")).await.unwrap_err();
        assert_eq!(problem, Problem::new(ProblemKind::Internal, ""));
    }
}
