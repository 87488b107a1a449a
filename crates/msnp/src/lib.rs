//! An MSN Messenger client on tokio.
//!
//! [`connect`] signs in; a [`Handle`] asks for things and [`Events`] tells what happens. The
//! protocol itself lives in `msnp-proto`; here bytes are moved and nothing is decided.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let config = msnp::Config::new("127.0.0.1:1863", "ada@example.com", "secret".to_owned().into());
//! let (handle, mut events) = msnp::connect(config).await?;
//! handle.send_text(&msnp::ChatId::with("bob@example.com"), msnp::Text::plain("Hello")).await?;
//! while let Some(event) = events.next().await {
//!     println!("{event:?}");
//! }
//! # Ok(())
//! # }
//! ```

mod config;
pub mod ctt;
mod dial;
mod direct;
mod driver;
mod gateway;
mod handle;
mod http;
mod link;
mod trace;
pub mod traffic;

pub use msnp_proto::{
    ErrorCode, Version,
    command::{Capabilities, GroupChange, List, Lists, Status},
    mail::Mail,
    msg::{
        Colour, Emoticon, Endpoint, Extra, Format, Ink, Invitation, Look, Media, Object,
        PersonalMessage, Text,
    },
    oim::{OfflineMessage, time as written_time},
    p2p::{FileContext, OBJECT_LIMIT, PeerEvent, TransferError, TransferId, feature},
    session::{
        ChatId, Circle, CircleMember, CircleStanding, CloseReason, Contact, ContactChange,
        Deadlines, Event, Group, Invalid, LinkId, Pace, Privacy, RequestError, Roster,
    },
    soap::{circles::CircleInvitation, storage::RoamingProfile},
    text, wink,
};

pub use self::{
    config::{Config, Direct, Protocol, UnknownProtocol},
    dial::{Dial, Stream, TcpDial},
    gateway::GatewayDial,
    handle::{ConnectError, Events, Handle, connect, connect_with},
    trace::TraceSwitch,
};
