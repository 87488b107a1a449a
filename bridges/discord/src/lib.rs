//! The Discord side of the bridge: one bot, and webhooks as the voices of contacts.
//!
//! serenity speaks with Discord; its rate limiter stays as it is, and what it cannot do for itself is
//! done here: one request under way for each webhook, a watch over the gateway, a look back over what
//! was missed, echoes told by id. Nothing here decides where a message goes: that is the core's.

mod adapter;
mod changes;
mod config;
mod convert;
mod error;
mod gateway;
mod intake;
mod interact;
mod lock;
mod media;
mod mend;
mod nicknames;
mod outlook;
mod pause;
mod speak;
mod texts;
mod webhook;

pub use self::{
    adapter::{CAPABILITIES, DiscordAdapter, DiscordError, Patience},
    config::{DiscordConfig, is_id},
    outlook::{ChannelOutlook, Outlook},
};

/// The network's name.
pub const NETWORK: &str = "discord";
