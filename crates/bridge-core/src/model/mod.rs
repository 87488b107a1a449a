//! What happens in conversations, in words every network understands.
//!
//! Two lanes: [`EventKind`] is durable, stored before its source is told that we have it, and
//! delivered in order or reported; [`Signal`] is ephemeral, the latest wins, never stored.

mod capability;
mod change;
mod content;
mod event;
mod list;
mod media;
mod person;
mod room;

pub use self::{
    capability::{Capabilities, ShownFates, Styles},
    change::{CallNotice, ContactChange, ContactDelta, MembershipChange, ProfilePatch, RoomPatch},
    content::{Colour, Content, Mention, Quote, Span, Style, StyledText},
    event::{
        CommandLine, Delivery, DeliveryState, Event, EventKind, Receipt, Reject, Scope, Signal,
    },
    list::{ContactList, ListWishes, Listed, OwnAccount},
    media::{
        Attachment, AttachmentKind, CustomEmoticon, Link, Progress, Stage, Wink, shown_file_name,
        size_in_words,
    },
    person::{Contact, CurrentMedia, Persona, Presence, PresenceState, UserId},
    room::{
        ChatFacts, Membership, Rediscovered, RoomChange, RoomChat, RoomHint, RoomKind, RoomSpec,
        ShownRoom,
    },
};
