//! Observations from outside bound to city objects: mapping, latest value, age, stale, missing, out of range.
