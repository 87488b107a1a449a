//! The smallest complete adapter: rooms on a terminal.
//!
//! One person, rooms named after their conversations, every happening handed out as a [`Happening`]
//! to whoever shows it. The demonstration runs on it, and it is the example to read before writing
//! an adapter for another platform.

mod adapter;
mod happening;

pub use self::{
    adapter::{ConsoleAdapter, NETWORK},
    happening::Happening,
};
