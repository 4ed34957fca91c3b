//! Values rolled up the tree, indicators with targets and thresholds, alarms with hysteresis.
