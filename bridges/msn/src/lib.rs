//! The MSN side of the bridge: accounts signed in to an MSN network, as puppets of the core.
//!
//! Translation and nothing else: the protocol is spoken by the crate `msnp`.

mod clips;
mod config;
mod connector;
mod contacts;
mod credentials;
mod emoticons;
mod faces;
mod files;
mod login;
mod objects;
mod preset;
mod puppet;
mod texts;
mod translate;
mod words;

pub use self::{
    config::{MsnConfig, MsnServer},
    connector::{MsnConnector, NETWORK, OwnAccount},
    login::is_address,
    preset::Preset,
    puppet::CAPABILITIES,
};
