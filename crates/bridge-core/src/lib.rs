//! The neutral model, the adapter traits and the durable router of the bridge.
