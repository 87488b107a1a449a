//! Portals while they run: rooms joined to them and let go, what did not arrive, what is deleted.
//!
//! Each change is made by the task that takes events in (see `ingest`), which alone writes portals:
//! order and index stay right whatever is under way. What the networks must do about it (ghosts, a
//! goodbye) follows when the change is durable.

mod change;
pub(crate) mod delete;
pub(crate) mod fate;
pub(crate) mod guests;
pub(crate) mod link;
pub(crate) mod person;
mod recall;
pub(crate) mod repair;
mod told;

pub(crate) use self::{
    change::{Change, ChangeError, Changed, apply, change},
    recall::recall,
    told::{Newcomer, tell},
};
