//! What happens when: time line, edits, variants, playback with exact seek.
