//! Events, their ways and their fates.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroize as _;

use super::{
    Attachment, CallNotice, ContactDelta, Content, MembershipChange, Persona, Presence,
    ProfilePatch, Progress, RoomPatch, UserId, Wink,
};
use crate::{
    id::{
        ChatId, IdempotencyKey, LoginId, MessageId, NetworkId, PersonaId, RoomId, RowId, SourceId,
        Timestamp,
    },
    media::Media,
};

/// Something that happened on a network and must not be lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Where it happened.
    pub network: NetworkId,
    /// What makes it the same event when it is told twice.
    pub source: SourceId,
    /// The message's own name on its network, where later events may point to it.
    pub message: Option<MessageId>,
    /// When it happened, by the network's clock where there is one.
    pub at: Timestamp,
    /// The conversation it belongs to, as its network knows it.
    pub scope: Scope,
    /// Who did it, as known at that moment.
    pub sender: Persona,
    /// What was done.
    pub kind: EventKind,
}

/// What an event belongs to, in the words of its own network; the core finds the portal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Scope {
    /// A conversation of a signed-in account.
    Chat {
        /// The account.
        login: LoginId,
        /// The conversation.
        chat: ChatId,
    },
    /// A signed-in account as a whole.
    Login(LoginId),
    /// A room of an adapter.
    Room(RoomId),
}

/// The durable lane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum EventKind {
    /// Somebody calls by means the bridge has not.
    CallNotice(CallNotice),
    /// A line said to the bridge itself. Stored sealed, since it may hold a password.
    Command(CommandLine),
    /// An account's contact list changed.
    ContactDelta(ContactDelta),
    /// What became of an earlier message; made by the core, travels back to the message's origin.
    Delivery {
        /// The message on its own network.
        target: Option<MessageId>,
        /// What became of it.
        state: DeliveryState,
    },
    /// An earlier message reads otherwise now.
    Edit {
        /// The message on its own network.
        target: MessageId,
        /// How it reads now.
        content: Content,
    },
    /// A file.
    File(Attachment),
    /// Somebody came or went.
    Membership(MembershipChange),
    /// Text.
    Message(Content),
    /// An attention call without words.
    Nudge,
    /// Somebody's name, words or picture changed.
    Profile(ProfilePatch),
    /// A sign under an earlier message.
    React {
        /// The message on its own network.
        target: MessageId,
        /// The sign: an emoji.
        key: String,
    },
    /// An earlier message is taken back.
    Redact {
        /// The message on its own network.
        target: MessageId,
    },
    /// The room's own facts changed.
    RoomPatch(RoomPatch),
    /// A sign under an earlier message is taken away.
    Unreact {
        /// The message on its own network.
        target: MessageId,
        /// The sign.
        key: String,
    },
    /// An animation.
    Wink(Wink),
}

impl EventKind {
    /// Tells whether it is something said, and not a change of what was.
    pub(crate) fn says_something(&self) -> bool {
        matches!(self, Self::File(_) | Self::Message(_) | Self::Nudge | Self::Wink(_))
    }

    /// Gives the earlier message it is about, as the event's own network names it.
    pub fn target(&self) -> Option<&MessageId> {
        match self {
            Self::Delivery { target, .. } => target.as_ref(),
            Self::Edit { target, .. }
            | Self::React { target, .. }
            | Self::Redact { target }
            | Self::Unreact { target, .. } => Some(target),
            Self::Message(content) => content.reply_to.as_ref().map(|quote| &quote.message),
            _ => None,
        }
    }
}

/// A line said to the bridge; prints redacted and is wiped when it goes, since it may be a password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommandLine(pub String);

impl fmt::Debug for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CommandLine(redacted)")
    }
}

impl Drop for CommandLine {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// What became of a message. Never overwritten by an earlier one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum DeliveryState {
    /// The target network took it.
    Delivered {
        /// Who has it, as the network confirmed; nobody where it only took it, to keep it for later.
        to: Vec<PersonaId>,
    },
    /// It will not arrive.
    Failed {
        /// Why, for programs.
        reason: Reject,
        /// Why and what to do, for the person who wrote it.
        tell_user: String,
    },
    /// It may or may not have arrived.
    Unknown {
        /// Why and what to do, for the person who wrote it.
        tell_user: String,
    },
    /// It is still on its way, longer than usual: its place is out of reach. Another state follows.
    Waiting,
}

/// Why a network will not take a message, now or ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Reject {
    /// The recipient blocks us or we may not speak there.
    Forbidden,
    /// The recipient is not signed in and the network keeps nothing for later.
    Offline,
    /// It waited longer than the bridge keeps trying.
    TooOld,
    /// The network has no such recipient or room.
    UnknownRecipient,
    /// The network cannot carry this.
    Unsupported,
    /// Somebody took it back before it was sent.
    Withdrawn,
}

/// The ephemeral lane: latest wins for each person and kind; never stored, never retried.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signal {
    /// How available somebody is.
    Presence(Presence),
    /// Somebody takes a file, and it needs a while.
    Progress(Progress),
    /// Somebody has read a conversation up to a message.
    Read {
        /// The message on its own network.
        up_to: MessageId,
    },
    /// Somebody writes, or stopped writing.
    Typing {
        /// Whether she writes now.
        on: bool,
    },
}

/// One event on its way to one leg.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The same at each attempt.
    pub key: IdempotencyKey,
    /// The accepted event's name.
    pub row: RowId,
    /// When it was accepted.
    pub accepted: Timestamp,
    /// The last message the leg's network is known to have taken from us before this one.
    pub after: Option<MessageId>,
    /// The event.
    pub event: Event,
    /// The earlier message it is about, as this leg's network names its parts; empty where there is
    /// none, or it is not known here.
    pub about: Vec<MessageId>,
    /// The file itself, where the event is one; it is here, and kept as long as this.
    pub media: Option<Media>,
    /// The pictures of the emoticons in its words, in their order; they are here, as the file is.
    pub pictures: Vec<Media>,
    /// Whose room it is shown in, where it is somebody's.
    pub owner: Option<UserId>,
    /// The user of this leg's platform who said it, at another place of her account: the platform may
    /// show it as her own words.
    pub spoken_by: Option<UserId>,
    /// Whether an earlier attempt may have arrived: a target without idempotent sending marks the
    /// repetition for its reader.
    pub maybe_double: bool,
}

impl Delivery {
    /// Something the bridge itself says in a chat, outside of any portal's log.
    pub(crate) fn of_the_bridge(login: LoginId, chat: ChatId, kind: EventKind) -> Self {
        let row = RowId::new();
        let network = NetworkId::new("bridge");
        let event = Event {
            network: network.clone(),
            source: SourceId::new(row.to_string()),
            message: None,
            at: Timestamp::now(),
            scope: Scope::Chat { login, chat },
            sender: Persona { network, id: PersonaId::new("bridge"), name: None },
            kind,
        };
        Self {
            key: IdempotencyKey { row, leg: 0 },
            row,
            accepted: event.at,
            after: None,
            event,
            about: Vec::new(),
            media: None,
            pictures: Vec::new(),
            owner: None,
            spoken_by: None,
            maybe_double: false,
        }
    }
}

/// The target network took a delivery.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// Names the target gave it, one for each part it was split into.
    pub messages: Vec<MessageId>,
    /// People the network says have it; empty where it only took it.
    pub delivered_to: Vec<PersonaId>,
    /// Names the [`EventKind::Delivery`] that is yet to tell what becomes of it, as a file that waits to be
    /// taken. Should the bridge end before it is told, the sender is told that nobody knows.
    pub told_by: Option<SourceId>,
}
