//! Storage engines of the bridge.
//!
//! [`DiskStore`] is the one that keeps things, with the files of an [`Engine`]: sled, or redb where
//! that is built in. Whichever it is, one thread owns the files, commits are grouped, and each durable
//! answer comes after a sync. sled is held to more, for what is known to break there: one tree holds
//! everything, and a commit rests on an `fdatasync` of our own journal, because sled's flush does not
//! sync on Linux. The long explanation is the storage chapter of the book.

mod backup;
mod disk_store;
mod engine;
mod files;
mod group;
mod journal;
mod migrate;
mod open;
#[cfg(feature = "redb")]
mod redb_files;
mod rescue;
mod schema;
mod sled_files;
mod swap;

pub use self::{
    backup::{BackupError, Restored, restore, verify},
    disk_store::DiskStore,
    engine::{Engine, StoreOptions},
    migrate::{Migrated, migrate},
    open::OpenError,
    rescue::{Opened, Rescued, backups, compact, new_backup, open, prune_backups},
    schema::SCHEMA,
};
