//! The memory of a served scene: its stage, as requests ask it for the past and hand observations to it.

use super::stage::SharedStage;
use crate::city::Value;
use crate::live::{NotObserved, PastQuery};
use crate::quantity::Timestamp;
use crate::service::live::Memory;

/// A stage that remembers.
pub struct StageMemory(SharedStage);

impl StageMemory {
    /// Lets a stage remember past values in so many bytes.
    pub fn of(stage: SharedStage, budget: usize) -> Self {
        stage.lock().keep_history(budget);
        Self(stage)
    }
}

impl Memory for StageMemory {
    fn past(&self, row: u32, property: u16, asked: &PastQuery) -> Vec<(Timestamp, Value)> {
        self.0.lock().live().latest().past(row, property, asked)
    }

    fn observe(&self, row: u32, property: u16, time: Timestamp, value: Value) -> Result<(), NotObserved> {
        self.0.lock().observe(row, property, time, value)
    }
}
