//! The Bevy engine: draws the city, the same in a window, offscreen and in the browser.
