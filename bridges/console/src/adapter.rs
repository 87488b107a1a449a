//! The adapter itself.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use bridge_core::{
    AcceptError, Adapter, AdapterContext, AdapterExit, DeliverError, Inbox,
    adapter::{CloseReason, CommandOrigin, Reply},
    id::{
        IdempotencyKey, MessageId, NetworkId, PersonaId, PortalId, RoomId, RowId, SourceId,
        Timestamp,
    },
    model::{
        Capabilities, CommandLine, Content, Delivery, DeliveryState, Event, EventKind, Membership,
        Persona, Receipt, Reject, RoomSpec, Scope, ShownFates, Signal, UserId,
    },
};
use tokio::sync::mpsc;

use crate::Happening;

/// The network's name.
pub const NETWORK: &str = "console";

/// The room where the person speaks to the bridge itself.
const BRIDGE_ROOM: &str = "bridge";

/// Rooms on a terminal.
///
/// A room's id is made from its portal, so making it twice makes it once.
pub struct ConsoleAdapter {
    user: Persona,
    screen: mpsc::Sender<Happening>,
    inbox: OnceLock<Arc<dyn Inbox>>,
}

impl ConsoleAdapter {
    /// Makes an adapter for one person, and the stream of what she sees.
    ///
    /// The stream holds 256 happenings; while it is full, deliveries wait and signals are dropped.
    pub fn new(user: &str) -> (Arc<Self>, mpsc::Receiver<Happening>) {
        let (screen, seen) = mpsc::channel(256);
        let user = Persona {
            network: NetworkId::new(NETWORK),
            id: PersonaId::new(user),
            name: Some(user.to_owned()),
        };
        (Arc::new(Self { user, screen, inbox: OnceLock::new() }), seen)
    }

    /// Gives the person, as the core knows her.
    pub fn user(&self) -> UserId {
        UserId { network: NetworkId::new(NETWORK), id: self.user.id.clone() }
    }

    /// Says something in a room.
    ///
    /// # Errors
    /// As [`Inbox::accept_all`]; [`AcceptError::Closed`] before the adapter runs.
    pub async fn say(&self, room: &str, text: &str) -> Result<(), AcceptError> {
        self.accept(room, EventKind::Message(Content::plain(text))).await
    }

    /// Gives the bridge a command; its answer comes as [`Happening::Answer`].
    ///
    /// # Errors
    /// As [`say`](Self::say).
    pub async fn command(&self, line: &str) -> Result<(), AcceptError> {
        self.accept(BRIDGE_ROOM, EventKind::Command(CommandLine(line.to_owned()))).await
    }

    /// Lets the others in a room see that the person writes.
    pub fn typing(&self, room: &str, on: bool) {
        if let Some(inbox) = self.inbox.get() {
            let scope = Scope::Room(RoomId::new(room));
            inbox.signal(&self.network(), scope, self.user.clone(), Signal::Typing { on });
        }
    }

    async fn accept(&self, room: &str, kind: EventKind) -> Result<(), AcceptError> {
        let inbox = self.inbox.get().ok_or(AcceptError::Closed)?;
        let name = RowId::new().to_string();
        let event = Event {
            network: self.network(),
            source: SourceId::new(name.as_str()),
            message: Some(MessageId::new(name)),
            at: Timestamp::now(),
            scope: Scope::Room(RoomId::new(room)),
            sender: self.user.clone(),
            kind,
        };
        inbox.accept_all(vec![event], None).await
    }

    async fn show(&self, happening: Happening) -> Result<(), DeliverError> {
        let sent = self.screen.send(happening).await;
        sent.map_err(|_| DeliverError::retry("nobody looks at the terminal"))
    }
}

#[async_trait]
impl Adapter for ConsoleAdapter {
    fn network(&self) -> NetworkId {
        NetworkId::new(NETWORK)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            fates: ShownFates::All,
            presence: true,
            speakers: true,
            typing: true,
            ..Capabilities::NONE
        }
    }

    fn is_ready(&self) -> bool {
        self.inbox.get().is_some()
    }

    async fn run(self: Arc<Self>, cx: AdapterContext) -> AdapterExit {
        if self.inbox.set(cx.inbox).is_err() {
            return AdapterExit::Failed("the console adapter runs once only".to_owned());
        }
        cx.cancel.cancelled().await;
        AdapterExit::Cancelled
    }

    async fn create_room(&self, spec: &RoomSpec) -> Result<RoomId, DeliverError> {
        let names = || spec.personas.iter().map(Persona::shown_name).collect::<Vec<_>>().join(", ");
        let name = spec.name.clone().unwrap_or_else(names);
        let room = spec.portal.to_string();
        self.show(Happening::Room { room: room.clone(), name }).await?;
        Ok(RoomId::new(room))
    }

    async fn find_room(&self, portal: PortalId) -> Result<Option<RoomId>, DeliverError> {
        Ok(Some(RoomId::new(portal.to_string())))
    }

    async fn invite(&self, _room: &RoomId, _user: &UserId) -> Result<(), DeliverError> {
        Ok(())
    }

    async fn may_show(&self, room: &RoomId) -> Result<(), DeliverError> {
        if room.as_str() != BRIDGE_ROOM {
            return Ok(());
        }
        Err(DeliverError::Reject {
            reason: Reject::Unsupported,
            tell_user: "This room is for commands.".to_owned(),
        })
    }

    async fn close_room(&self, room: &RoomId, why: CloseReason) -> Result<(), DeliverError> {
        let text = match why {
            CloseReason::Deleted => "the conversation was deleted",
            CloseReason::Moved => "the conversation goes on in another room",
            CloseReason::Left | CloseReason::Unlinked => {
                "the conversation is not shown here any more"
            }
        };
        self.show(Happening::Closed { room: room.to_string(), text: text.to_owned() }).await
    }

    async fn set_membership(
        &self,
        _room: &RoomId,
        _persona: &Persona,
        _membership: Membership,
    ) -> Result<(), DeliverError> {
        Ok(())
    }

    async fn deliver(&self, room: &RoomId, item: &Delivery) -> Result<Receipt, DeliverError> {
        let room = room.to_string();
        let from = item.event.sender.shown_name().to_owned();
        let happening = match &item.event.kind {
            EventKind::Message(content) => {
                let again = if item.maybe_double { " (maybe said before)" } else { "" };
                let text = format!("{}{again}", content.text.plain);
                Happening::Message { room, from, text }
            }
            EventKind::Delivery { state, .. } => Happening::Fate { room, text: fate(state) },
            _ => return Err(unsupported()),
        };
        self.show(happening).await?;
        Ok(Receipt { messages: vec![MessageId::new(item.key.to_string())], ..Receipt::default() })
    }

    async fn signal(
        &self,
        room: &RoomId,
        from: &Persona,
        signal: &Signal,
    ) -> Result<(), DeliverError> {
        let room = room.to_string();
        let who = from.shown_name().to_owned();
        let happening = match signal {
            Signal::Presence(presence) => {
                Happening::Presence { room, who, state: presence.state.to_string() }
            }
            Signal::Typing { on } => Happening::Typing { room, who, on: *on },
            _ => return Ok(()),
        };
        let sent = self.screen.try_send(happening);
        sent.map_err(|_| DeliverError::retry("the terminal is busy"))
    }

    async fn reply(
        &self,
        _to: &CommandOrigin,
        reply: &Reply,
        _key: IdempotencyKey,
    ) -> Result<(), DeliverError> {
        self.show(Happening::Answer { text: words(reply) }).await
    }

    async fn conceal(&self, _origin: &CommandOrigin) -> Result<(), DeliverError> {
        Ok(()) // a terminal keeps what was typed; nobody else reads it
    }
}

fn fate(state: &DeliveryState) -> String {
    match state {
        DeliveryState::Delivered { to } => {
            let names: Vec<&str> = to.iter().map(PersonaId::as_str).collect();
            format!("delivered to {}", names.join(", "))
        }
        DeliveryState::Failed { tell_user, .. } => format!("not delivered: {tell_user}"),
        DeliveryState::Unknown { tell_user } => format!("perhaps not delivered: {tell_user}"),
        _ => "its fate has no words here".to_owned(),
    }
}

fn words(reply: &Reply) -> String {
    match reply {
        Reply::Buttons { text, buttons } => Reply::with_buttons_as_text(text, buttons),
        Reply::Text(text) => text.clone(),
        Reply::Table { title, columns, rows } => {
            let lines = std::iter::once(columns).chain(rows).map(|row| row.join("  "));
            std::iter::once(title.clone()).chain(lines).collect::<Vec<_>>().join("\n")
        }
        _ => "the answer has no words here".to_owned(),
    }
}

fn unsupported() -> DeliverError {
    DeliverError::Reject {
        reason: Reject::Unsupported,
        tell_user: "a terminal cannot show this".to_owned(),
    }
}
