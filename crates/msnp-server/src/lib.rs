//! An embedded MSN network: notification, switchboards and sign-in, for tests, demonstrations and
//! clients that others wrote.
//!
//! [`Network::bind`] starts one on free ports of the loopback. Who exists, who knows whom and who
//! talks to whom comes from a [`Directory`]; [`MemoryDirectory`] keeps it in memory and runs the
//! scripted contacts. It speaks MSNP 2 to 21, with Passport sign-in over plain HTTP, and answers as
//! Microsoft's servers did.

mod calls;
mod circle;
mod datagrams;
mod directory;
mod fault;
mod gateway;
mod http;
mod link;
mod memory;
mod network;
mod notification;
mod offline;
mod script;
mod services;
mod soap;
mod storage;
mod switchboard;
mod users;

pub use self::{
    circle::{Circle, CircleError, CircleId, CircleMember, CircleNews, Standing},
    datagrams::{Datagrams, Heard},
    directory::{
        CallError, ChatPush, Directory, EditError, Entry, Group, GroupEdit, Keep, Kept, ListEdit,
        Member, Picture, PresenceOf, Privacy, Profile, Push, SessionId, Shown, Stored, TalkId,
    },
    fault::{Faults, HttpFault, Lost, Misdeed},
    memory::MemoryDirectory,
    network::{Addresses, BindError, Network, Options},
    script::Script,
    users::{User, UsersError},
};
