//! What the tests and the demonstration need: real parts, prepared by themselves.
//!
//! - [`Synapse`]: a real homeserver on the loopback, in a virtual environment made on first use.
//! - [`MatrixUser`]: a real client on it (matrix-sdk), with what it saw.
//! - [`FaultyLink`]: a TCP link between two programs that goes wrong on demand.
//! - [`Port`]: a port for a program that must be told one.
//! - [`Program`]: a program of ours as a process, to be stopped or killed.
//! - [`wait_until`]: waiting for a condition, with a deadline.

#![recursion_limit = "256"]

mod ask;
mod environment;
mod port;
mod presence;
mod program;
mod proxy;
mod synapse;
mod user;
mod wait;

pub use matrix_sdk::{
    deserialized_responses::{VerificationLevel, VerificationState},
    ruma::{OwnedMxcUri as MxcUri, OwnedRoomId as RoomId},
};

pub use self::{
    port::Port,
    program::{Program, tail},
    proxy::{End, FaultyLink, LinkFault, Place, Way},
    synapse::{Synapse, SynapseError},
    user::{MatrixUser, Seen},
    wait::{answers_well, wait_until},
};

/// Chooses the cryptography of TLS once for a test's process.
pub fn install_tls() {
    // A second call finds it installed, which is what is wanted.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}
