//! Storage engines of the bridge.
