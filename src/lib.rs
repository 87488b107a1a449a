//! The application: wires the store, the core, the networks and the command line together.
//!
//! No protocol is known here. The long explanation is the architecture chapter of the book.

pub mod app;
pub mod cli;
pub mod config;
#[cfg(feature = "demo")]
mod demo;
mod failure;
mod http;
mod telemetry;

pub use self::failure::Failure;
