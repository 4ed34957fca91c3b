//! What every shell shares, in a window, offscreen and in a browser: what a city stands in, what is written beside it, what
//! pointer and fingers do, the water of simulations, and the tour that flies where nobody steers.

pub mod controls;
pub mod legend;
pub mod screen_words;
pub mod surroundings;
pub mod tour;
pub mod water;
