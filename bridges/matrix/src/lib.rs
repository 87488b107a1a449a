//! The Matrix side of the bridge: an application service.
//!
//! Ghosts and the bot act through one HTTP client with asserted identities (ruma's requests); events
//! come in as pushed transactions, stored before they are acknowledged. Nothing here decides where
//! a message goes: that is the core's.

mod adapter;
mod appservice;
mod buddies;
mod buttons;
mod closing;
mod config;
mod convert;
mod crypto;
mod double;
mod errand;
mod face;
mod fate;
mod ghost;
mod intake;
mod intent;
mod invitation;
mod management;
mod media;
mod members;
mod mention;
mod moving;
mod nameplate;
mod names;
mod nudge;
mod pack;
mod pictures;
mod presence;
mod profile;
mod progress;
mod provision;
mod quoted;
mod reactions;
mod registration;
mod room;
mod say;
mod setup;
mod signal;
mod space;
mod structured;
mod texts;
mod thirdparty;
mod topic;
mod words;

pub use self::{
    adapter::{CAPABILITIES, MatrixAdapter, MatrixError, NETWORK},
    config::{MatrixConfig, PresenceRefresh, Problem, is_room_id},
    crypto::{DeviceTrust, EncryptionConfig, EncryptionMode, GhostDevices, KeyHome, keys_of},
    provision::openapi,
    registration::{DoublePuppets, Registration, generate_token},
};
