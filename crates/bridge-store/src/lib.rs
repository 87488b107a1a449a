//! Storage engines of the bridge.
//!
//! [`SledStore`] is the one that keeps things. It holds sled to a discipline that avoids what is
//! known to break there: one thread owns the database, one tree holds everything, commits are
//! grouped, and each durable answer comes after an `fdatasync` of our own journal, because sled's
//! flush does not sync on Linux. The long explanation is the storage chapter of the book.

mod backup;
mod group;
mod journal;
mod open;
mod rescue;
mod schema;
mod sled_store;

pub use self::{
    backup::{BackupError, restore, verify},
    open::OpenError,
    rescue::{Opened, Rescued, backups, new_backup, open, prune_backups},
    schema::SCHEMA,
    sled_store::{SledOptions, SledStore},
};
