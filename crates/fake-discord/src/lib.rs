//! Discord on the loopback: as much of its REST and gateway as a bridge meets, for tests.
//!
//! One state behind two fronts. Plain HTTP and WebSocket serve the gateway; a TLS front for
//! `discord.com`, which is an HTTP proxy as well, serves REST, so that a client's own rate limiter
//! and URLs stay as they are. What Discord refuses is refused with its codes: names, lengths,
//! permissions, intents, rates. Tests script faults for each route and steer the gateway.
//!
//! - [`FakeDiscord`]: the server, the people on it, and what a test may do to both.
//! - [`Fault`]: what a route does instead of its work.
//! - [`File`]: what hangs on a message.
//! - [`Message`]: what stands in a channel.

mod fault;
mod front;
mod gateway;
mod limit;
mod refusal;
mod rest;
mod server;
mod session;
mod webhook;
mod world;

pub use self::{
    fault::Fault,
    server::{Bucket, FakeDiscord},
    world::{File, Message, Webhook, permissions},
};
