//! The Matrix side of the bridge: an application service.
