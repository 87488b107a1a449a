//! Discord on the loopback: as much of its REST and gateway as a bridge meets, for tests.

mod fault;
mod faults;
mod front;
mod gateway;
mod interactions;
mod limit;
mod line;
mod moderate;
mod people;
pub mod permissions;
mod refusal;
mod rest;
mod server;
mod session;
mod sights;
mod state;
mod time;
mod world;
mod zlib;

pub use self::{
    fault::Fault,
    limit::Bucket,
    people::{Given, Modal, Person, Words},
    server::FakeDiscord,
    world::{Channel, File, Kind, Message, Overwrite, Tag, Webhook},
};
