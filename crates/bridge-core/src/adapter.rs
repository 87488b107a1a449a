//! A platform that shows rooms: Matrix, Discord, a terminal.

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use crate::{
    error::DeliverError,
    id::{IdempotencyKey, MediaId, MessageId, NetworkId, PortalId, RoomId},
    inbox::Inbox,
    media::MediaStream,
    model::{
        Capabilities, ContactList, Delivery, Membership, Persona, Receipt, Rediscovered, Reject,
        RoomSpec, Signal, UserId,
    },
    store::Namespace,
    texts,
};

/// Translates between the neutral model and one platform, and nothing else.
///
/// Methods may be called at the same time for different rooms; for one room the core calls
/// [`deliver`](Self::deliver) one at a time, in order. Each call ends within a deadline of the
/// adapter's own.
#[async_trait]
pub trait Adapter: Send + Sync + 'static {
    /// Names the platform.
    fn network(&self) -> NetworkId;

    /// Tells what a room can show.
    fn capabilities(&self) -> Capabilities;

    /// Tells whether the platform is reached now, both ways as far as that is known.
    fn is_ready(&self) -> bool;

    /// Takes events in and hands them to the inbox until it cannot or `cx.cancel` fires.
    async fn run(self: Arc<Self>, cx: AdapterContext) -> AdapterExit;

    /// Makes the room of a portal and invites its users.
    ///
    /// Personas named in the spec are shown with their names before anybody sees them.
    async fn create_room(&self, spec: &RoomSpec) -> Result<RoomId, DeliverError>;

    /// Looks for a room that [`create_room`](Self::create_room) made for this portal and whose id
    /// was lost in a crash.
    async fn find_room(&self, portal: PortalId) -> Result<Option<RoomId>, DeliverError>;

    /// Reads from the platform's own rooms what a store that was lost knew of them. A platform whose
    /// rooms do not say gives nothing.
    ///
    /// `shown` are the rooms that show conversations already: none of them is for commands only.
    async fn rediscover(&self, shown: &[RoomId]) -> Result<Rediscovered, DeliverError> {
        let _ = shown;
        Ok(Rediscovered::default())
    }

    /// Invites a user of the bridge into a room, unless she is in it.
    async fn invite(&self, room: &RoomId, user: &UserId) -> Result<(), DeliverError>;

    /// Tells whether a room that somebody names may show a conversation; asked before it is joined to a
    /// portal. A platform whose rooms are chosen in the configuration refuses all.
    ///
    /// # Errors
    /// [`DeliverError::Reject`] with the reason, for people.
    async fn may_show(&self, room: &RoomId) -> Result<(), DeliverError> {
        let _ = room;
        Err(DeliverError::Reject {
            reason: Reject::Unsupported,
            tell_user: texts::delivery::HERE_THE_BRIDGES_OPERATOR_CHOOSES.to_owned(),
        })
    }

    /// Looks whether a room is there and can be written in; what was remembered of who is in it is
    /// forgotten. A platform that does not look takes rooms for being there.
    async fn look_at(&self, room: &RoomId) -> Result<RoomCondition, DeliverError> {
        let _ = room;
        Ok(RoomCondition::Here)
    }

    /// Takes the bridge out of a room that shows no portal any more. A room that is not there, or that is
    /// for other things, is left as it is; so is each on a platform where the bridge enters none.
    async fn close_room(&self, room: &RoomId, why: CloseReason) -> Result<(), DeliverError> {
        let _ = (room, why);
        Ok(())
    }

    /// Lets a persona of another network enter or leave a room.
    async fn set_membership(
        &self,
        room: &RoomId,
        persona: &Persona,
        membership: Membership,
    ) -> Result<(), DeliverError>;

    /// Shows a durable event in a room.
    async fn deliver(&self, room: &RoomId, item: &Delivery) -> Result<Receipt, DeliverError>;

    /// Finds the picture that a user of the bridge shows of herself here, for
    /// [`open_media`](Self::open_media); none when she shows none.
    ///
    /// # Errors
    /// [`DeliverError::Reject`] on a platform whose people are not looked at.
    async fn face_of(&self, user: &UserId) -> Result<Option<MediaId>, DeliverError> {
        let _ = user;
        Err(DeliverError::Reject {
            reason: Reject::Unsupported,
            tell_user: texts::delivery::YOUR_PICTURE_IS_NOT_SEEN_HERE.to_owned(),
        })
    }

    /// Opens the bytes of a file that an event of this platform told of; they come in pieces, and
    /// nothing of them is held.
    ///
    /// # Errors
    /// [`DeliverError::Gone`] when the file is not there any more.
    async fn open_media(&self, _: &MediaId) -> Result<MediaStream, DeliverError> {
        Err(DeliverError::Gone(texts::delivery::THIS_PLATFORM_HAS_NO_FILES.into()))
    }

    /// Lets the bridge speak as a user of the platform, by a token of her own that is checked first.
    ///
    /// # Errors
    /// [`DeliverError::Reject`] with the reason, for people; always on a platform where there is no such
    /// thing.
    async fn adopt_account(&self, user: &UserId, token: SecretString) -> Result<(), DeliverError> {
        let _ = (user, token);
        Err(no_tokens())
    }

    /// Forgets such a token; tells whether there was one.
    ///
    /// # Errors
    /// As [`adopt_account`](Self::adopt_account).
    async fn drop_account(&self, user: &UserId) -> Result<bool, DeliverError> {
        let _ = user;
        Err(no_tokens())
    }

    /// Tells whether [`adopt_account`](Self::adopt_account) can do anything here.
    fn takes_tokens(&self) -> bool {
        false
    }

    /// Shows something ephemeral in a room.
    async fn signal(
        &self,
        room: &RoomId,
        from: &Persona,
        signal: &Signal,
    ) -> Result<(), DeliverError>;

    /// Shows an account's contact list to its owner, as far as she wishes: how available her contacts
    /// are, and the list itself. Called for each account at the start, and whenever something of its list
    /// changed, with the whole of it: one call at a time for each account, a second or more apart. Asked
    /// only where [`Capabilities::contact_lists`] says so.
    ///
    /// # Errors
    /// What may pass is tried again with the list that is true then; a [`DeliverError::Reject`] is not.
    async fn show_contacts(&self, list: &ContactList) -> Result<(), DeliverError> {
        let _ = list;
        Ok(())
    }

    /// Answers a command where it was given.
    ///
    /// `key` makes a repeated answer after a crash the same answer where the platform can.
    async fn reply(
        &self,
        to: &CommandOrigin,
        reply: &Reply,
        key: IdempotencyKey,
    ) -> Result<(), DeliverError>;

    /// Says why nobody may type a password here, and what to do instead; none where
    /// [`conceal`](Self::conceal) can remove one.
    fn takes_no_passwords(&self) -> Option<&'static str> {
        None
    }

    /// Removes a command line that held a secret from where others could read it.
    async fn conceal(&self, origin: &CommandOrigin) -> Result<(), DeliverError>;
}

fn no_tokens() -> DeliverError {
    DeliverError::Reject {
        reason: Reject::Unsupported,
        tell_user: texts::delivery::NOBODY_IS_SPOKEN_AS_HERE.to_owned(),
    }
}

/// What an adapter is given to run.
#[derive(Clone)]
pub struct AdapterContext {
    /// Where events go.
    pub inbox: Arc<dyn Inbox>,
    /// Fires when the adapter must end.
    pub cancel: CancellationToken,
    /// A corner of the store for the adapter's own facts.
    pub store: Namespace,
}

/// Why an adapter ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdapterExit {
    /// It was told to.
    Cancelled,
    /// It cannot work; the text says why and what to do.
    Failed(String),
    /// The platform does not accept the bridge's token; the text says which and what to do.
    Refused(String),
}

/// How a room is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoomCondition {
    /// It is gone, or the bridge is out of it and cannot come back by itself.
    Gone,
    /// It is there.
    Here,
}

/// Why a room shows no portal any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The conversation is deleted.
    Deleted,
    /// Its owner left it.
    Left,
    /// The conversation is shown in another room, or in a new one when somebody speaks.
    Moved,
    /// Somebody took the room out of the conversation; the bridge may stay to hear commands.
    Unlinked,
}

/// Where a command came from, so that its answer finds the way back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandOrigin {
    /// Who gave it.
    pub user: UserId,
    /// Where it was given.
    pub room: RoomId,
    /// The line's own name there.
    pub message: Option<MessageId>,
}

/// An answer of the bridge to a person.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reply {
    /// Words, and what can be said next.
    Buttons {
        /// The words; may be several lines.
        text: String,
        /// What can be pressed, in order.
        buttons: Vec<Button>,
    },
    /// Rows under a heading.
    Table {
        /// What the rows are.
        title: String,
        /// Names of the columns.
        columns: Vec<String>,
        /// Cells, as many as columns in each row.
        rows: Vec<Vec<String>>,
    },
    /// Words; may hold several lines.
    Text(String),
}

/// Something that can be pressed, or said where nothing can be pressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Button {
    /// What is written on it.
    pub label: String,
    /// The command that pressing it gives.
    pub line: String,
    /// A picture letter that says what it does, where pressing is reacting.
    pub sign: Option<&'static str>,
}

impl Button {
    /// Writes it as a line of text: `Accept: say \`contacts accept bob@example.com\``.
    pub fn as_text(&self) -> String {
        format!("{}: say `{}`", self.label, self.line)
    }
}

impl Reply {
    /// Writes words with their buttons as lines below them.
    pub fn with_buttons_as_text(text: &str, buttons: &[Button]) -> String {
        let lines = std::iter::once(text.to_owned()).chain(buttons.iter().map(Button::as_text));
        lines.collect::<Vec<_>>().join("\n")
    }
}
