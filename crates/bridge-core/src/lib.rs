//! The neutral heart of the bridge: what a message is, how networks plug in, and how nothing is
//! lost between them.
//!
//! - [`model`]: events, content, people and rooms, without a word of any network.
//! - [`adapter`] and [`connector`]: the traits a network implements. An [`Adapter`] shows rooms
//!   (Matrix, Discord, a terminal); a [`Connector`] makes [`Puppet`]s, signed-in accounts (MSN).
//! - [`inbox`]: the one way in.
//! - [`config`]: lengths of time and amounts of bytes, as every section of a configuration writes them.
//! - [`media`]: files, and the trait of the place where they rest.
//! - [`redact`]: what a log may say of people.
//! - [`store`]: the trait storage engines implement, the tables above it and the memory engine.
//!
//! - [`desk`]: what a program does for a person outside of a chat.
//! - [`Core`]: what is accepted is stored, then delivered in order, or reported.
//!
//! The crate knows no network and no storage engine. The long explanation is the architecture
//! chapter of the book.

pub mod adapter;
mod appearance;
mod backoff;
mod clock;
mod comings;
pub mod command;
pub mod config;
pub mod connector;
mod core;
pub mod desk;
mod door;
mod downgrade;
mod echo;
pub mod error;
mod follow;
pub mod id;
pub mod inbox;
mod index;
mod ingest;
mod leg;
mod logins;
mod loop_guard;
pub mod measures;
pub mod media;
pub mod model;
mod notice;
mod options;
mod outward;
mod portal;
mod record;
pub mod redact;
mod rediscover;
mod relay;
mod roster;
mod seal;
mod shared;
pub mod shown;
mod signals;
pub mod store;
mod supervisor;
mod texts;
mod tidy;
mod underway;

pub use self::{
    adapter::{Adapter, AdapterContext, AdapterExit},
    connector::{Connector, Puppet, PuppetContext, PuppetExit},
    core::{Core, Host, Parts, Status},
    desk::{Desk, DeskError},
    downgrade::{Voice, downgrade, downgrade_table},
    error::DeliverError,
    inbox::{AcceptError, Inbox},
    media::{Media, MediaError, MediaStream, Spool},
    rediscover::Recovery,
    relay::Relay,
    seal::{SealError, SealKey, private_key},
    shared::{CoreConfig, OnAmbiguous, OnLogout, Retention},
    supervisor::{LoginState, LoginStatus},
};
