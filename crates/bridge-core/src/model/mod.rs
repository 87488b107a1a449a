//! What happens in conversations, in words every network understands.
//!
//! Two lanes: [`EventKind`] is durable, stored before its source is told that we have it, and
//! delivered in order or reported; [`Signal`] is ephemeral, the latest wins, never stored.

mod capability;
mod content;
mod event;
mod person;
mod room;

pub use self::{
    capability::{Capabilities, ShownFates},
    content::{Colour, Content, Span, Style, StyledText},
    event::{
        CommandLine, Delivery, DeliveryState, Event, EventKind, Receipt, Reject, Scope, Signal,
    },
    person::{Contact, Persona, Presence, PresenceState, UserId},
    room::{Membership, RoomKind, RoomSpec},
};
