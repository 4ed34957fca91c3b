//! Simulations that publish frames: the seam, the recording, and the kinds (surface flooding first).
