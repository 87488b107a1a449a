//! The MSN Messenger protocol without I/O.
//!
//! Bytes and times come in as arguments; effects and events are handed back. Nothing here opens a
//! socket, reads a clock or starts a task.
//!
//! - [`frame`]: bytes to lines with payloads, however the network cut them.
//! - [`command`]: lines to typed commands and back, both directions, both kinds of link.
//! - [`datagram`]: words past the switchboard, and who is in circles and groups.
//! - [`listing`]: lists as documents, told to the server.
//! - [`msg`]: what people say inside `MSG` payloads.
//! - [`auth`]: the sign-ins of each age, and challenges.
//! - [`p2p`]: pictures and files from peer to peer.
//! - [`publication`]: presence as documents, from MSNP21.
//! - [`redact`]: what may be shown of all that, for captures.
//! - [`text`]: what is inside of words: charsets, emoticons, the codes of an add-on.
//! - [`xml`]: the documents of web services and payloads.
//! - [`session`]: a whole signed-in client: one notification link and any number of conversations.
//! - [`soap`]: the web services of MSNP13 and later.

pub mod arg;
pub mod auth;
mod clock;
pub mod command;
pub mod datagram;
pub mod error_code;
pub mod escape;
pub mod frame;
pub mod listing;
pub mod mail;
pub mod msg;
pub mod oim;
pub mod p2p;
pub mod payload;
pub mod publication;
pub mod redact;
pub mod session;
pub mod soap;
pub mod text;
mod verb;
pub mod version;
pub mod wink;
pub mod xml;

pub use self::{
    command::{ClientCommand, ServerCommand},
    error_code::ErrorCode,
    frame::{Frame, FrameError, Framer, Limits},
    payload::{Direction, LinkKind},
    version::Version,
};
