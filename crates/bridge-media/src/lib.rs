//! Files between networks.
//!
//! - [`FileSpool`]: files on this disk, named by the SHA-256 of their bytes, with a quota and an age.
//! - [`router`]: `/media/…`, signed addresses that expire.
//! - [`MediaConfig`]: the `[media]` section of the configuration.
//!
//! What a file is is told by its bytes ([`kind`]); what the sender says of it is for people only.

mod config;
mod emoticon;
pub mod kind;
mod name;
mod picture;
mod route;
mod sign;
mod spool;
mod write;

pub use self::{
    config::MediaConfig,
    route::router,
    sign::{Refused, Signer},
    spool::{FileSpool, Limits},
};
