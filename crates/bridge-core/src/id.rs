//! Names of things, each minted only by the network that owns it and opaque to everybody else.
//!
//! `Display` is for people. `Debug` is for logs: there an id that may hold an address prints as its hash
//! ([`redact`](crate::redact)).

use std::{fmt, sync::Arc, time::SystemTime};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::redact::Redacted;

macro_rules! text_id {
    ($($(#[$doc:meta])* $name:ident $printed:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes the owner's spelling as it is.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// Gives back the owner's spelling.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                text_id!(@$printed self.0, f)
            }
        }
    )+};
    (@open $text:expr, $f:ident) => { $f.write_str(&$text) };
    (@redacted $text:expr, $f:ident) => { fmt::Display::fmt(&Redacted(&*$text), $f) };
}

text_id! {
    /// A conversation on a network people sign in to: on MSN the peer's address, or a group's id.
    ChatId redacted;
    /// A signed-in account of a network, unique in this bridge, such as `msn:ada@example.com`.
    LoginId redacted;
    /// A picture, sound or file, as the network that holds it names it.
    MediaId open;
    /// A message as its own network names it: an event id on Matrix.
    MessageId open;
    /// A network: `msn`, `matrix`, `console`.
    NetworkId open;
    /// A person as the network that knows her names her: an MSN address, a Matrix user id.
    PersonaId redacted;
    /// A place where an [`Adapter`](crate::Adapter) shows a conversation: a Matrix room.
    RoomId redacted;
    /// What makes an event the same event when its network tells it twice.
    ///
    /// Kept for seven days beside the name of the network to drop repetitions.
    SourceId redacted;
}

/// A conversation of this bridge: a log and its legs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PortalId(pub Uuid);

/// One accepted event; ordered by time. The name of a message across all networks and logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RowId(pub Uuid);

macro_rules! row_id {
    ($($name:ident),+) => {$(
        impl $name {
            /// Mints a new one; later ones sort after earlier ones.
            #[expect(clippy::new_without_default, reason = "each call gives another value")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_simple().fmt(f)
            }
        }
    )+};
}

row_id!(PortalId, RowId);

/// A moment of the wall clock, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Reads the wall clock.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// Names one delivery of one event to one leg: the same at each attempt.
///
/// A network with idempotent sending (Matrix transaction ids) uses it as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IdempotencyKey {
    /// The event.
    pub row: RowId,
    /// The leg it goes to.
    pub leg: u16,
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.row, self.leg)
    }
}
