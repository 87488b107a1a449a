//! Every sentence of the core that people read, but for what commands are for, which is in the command
//! table itself.
//!
//! A translation is a second set of the same names: make a module for each language with these consts
//! and functions, and choose among them where they are used, by the reader's choice. What differs with
//! a number or a name is a function, so that a language may say it in its own order. What goes to logs
//! and to programs is not here.

pub(crate) mod account;
pub(crate) mod contact;
pub(crate) mod delivery;
pub(crate) mod general;
pub(crate) mod notice;
pub(crate) mod operate;
pub(crate) mod person;
pub(crate) mod portal;
pub(crate) mod queue;
pub(crate) mod room;
pub(crate) mod trace;
