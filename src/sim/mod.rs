//! Simulations that publish frames: the seam, the recording, and the kinds (surface flooding first).
//!
//! A [`Simulation`] is advanced in time and publishes [`SimFrame`]s; viewers draw frames and never ask where they came
//! from. `recording` keeps frames in a file and hands them out again as a [`RecordedSimulation`], which is a simulation
//! too, so a scenario plays a computed and a recorded one through the same path. [`KINDS`] lists what can be computed.

pub mod flood;
mod frame;
mod recording;

pub use frame::{SimFrame, SimGrid, SimStatistics};
pub use recording::{RecordedSimulation, Recording, RecordingHeader, RecordingWriter};

/// Something computed over time.
///
/// ```
/// use veduta::sim::{SimFrame, SimGrid, Simulation, SimulationError};
/// struct Tide(SimGrid, f64);
/// impl Simulation for Tide {
///     fn kind(&self) -> &str { "tide" }
///     fn grid(&self) -> &SimGrid { &self.0 }
///     fn advance_to(&mut self, time_s: f64) -> Result<(), SimulationError> { self.1 = time_s; Ok(()) }
///     fn publish(&self) -> SimFrame {
///         SimFrame::new(self.1, vec![(self.1 / 3600.0) as f32; self.0.cells()], Default::default())
///     }
/// }
/// let mut tide: Box<dyn Simulation> = Box::new(Tide(SimGrid::flat(2, 2, 10.0), 0.0));
/// tide.advance_to(1800.0).unwrap();
/// assert_eq!(tide.publish().depth_m[0], 0.5);
/// ```
pub trait Simulation: Send {
    /// Name of the kind, as in [`KINDS`].
    fn kind(&self) -> &str;

    /// Where the cells of its frames lie.
    fn grid(&self) -> &SimGrid;

    /// Goes on to `time_s`, seconds after its start. The state depends on the time alone, not on the calls that led there:
    /// a simulation stops at its last own step that is not after `time_s`. Going back is refused where it would need a new run.
    fn advance_to(&mut self, time_s: f64) -> Result<(), SimulationError>;

    /// The state as plain data.
    fn publish(&self) -> SimFrame;
}

/// A kind of simulation, as people choose it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SimulationKind {
    /// As scenarios and the command line call it.
    pub name: &'static str,
    /// As people call it.
    pub title: &'static str,
    /// What the city must have.
    pub needs: &'static str,
    /// What it computes, by which method, and what it leaves out.
    pub about: &'static str,
}

/// All kinds.
pub const KINDS: &[SimulationKind] = &[SimulationKind {
    name: "flood",
    title: "Surface flooding by rain",
    needs: "terrain; buildings stand in the way where there are any",
    about: "Shallow water on a square grid by the local inertial scheme (Bates, Horritt and Fewtrell 2010). Rain on roofs \
            runs to the nearest ground. No sewers, no infiltration, no wind; not for dam breaks at the dam itself.",
}];

/// Why a simulation did not go on.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SimulationError {
    /// The input makes no sense.
    #[error("{0}")]
    Input(String),
    /// Asked to go back.
    #[error("cannot go back from {from_s} s to {to_s} s: run it again or play its recording")]
    Backwards {
        /// Where it is.
        from_s: f64,
        /// Where it was to go.
        to_s: f64,
    },
    /// The computed water is not the water that came and went.
    #[error("water is not conserved: {relative:e} of it is lost at {time_s} s")]
    MassLost {
        /// When it was noticed.
        time_s: f64,
        /// Difference by all water that there was.
        relative: f64,
    },
    /// Numbers ran away.
    #[error("the computation became unstable at {time_s} s")]
    Unstable {
        /// When it was noticed.
        time_s: f64,
    },
    /// A recording that cannot be read.
    #[error("not a recording that can be read: {0}")]
    Recording(String),
}

#[cfg(test)]
mod tests {
    #[test]
    fn scenarios_know_the_same_kinds() {
        let names: Vec<&str> = super::KINDS.iter().map(|kind| kind.name).collect();
        assert_eq!(names, crate::scene::SIMULATION_KINDS);
    }
}
