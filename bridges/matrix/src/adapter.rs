//! The adapter: the core's hands on a homeserver.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use axum::Router;
use bridge_core::{
    Adapter, AdapterContext, AdapterExit, DeliverError, Inbox, Media, MediaStream,
    adapter::{CloseReason, CommandOrigin, Reply as Answer, RoomCondition},
    id::{IdempotencyKey, MediaId, MessageId, NetworkId, PersonaId, PortalId, RoomId, Timestamp},
    model::{
        Capabilities, Delivery, DeliveryState, EventKind, Membership, Persona, PresenceState,
        Receipt, Rediscovered, Reject, RoomSpec, ShownFates, Signal, Styles, UserId,
    },
    redact::Redacted,
    store::Namespace,
};
use ruma::{
    MilliSecondsSinceUnixEpoch, OwnedEventId, OwnedRoomId, OwnedTransactionId, OwnedUserId, UInt,
    api::client::{
        account::whoami,
        appservice::request_ping,
        membership::join_room_by_id,
        message::send_message_event,
        presence::set_presence,
        profile::{get_profile_field, set_display_name},
        receipt::create_receipt::{self, v3::ReceiptType},
        redact::redact_event,
        typing::create_typing_event::{
            self,
            v3::{Typing, TypingInfo},
        },
    },
    events::{
        relation::Reply,
        room::message::{Relation, RoomMessageEventContent},
    },
    presence::PresenceState as MatrixPresence,
    profile::{ProfileFieldName, ProfileFieldValue},
};
use secrecy::SecretString;
use tokio::time::{sleep, timeout};
use tokio_util::task::TaskTracker;

use crate::{
    MatrixConfig, appservice, closing,
    convert::to_matrix,
    ghost::{self, Ghosts},
    intent::{Intent, IntentError},
    media::{self, Uploads},
    members::Members,
    names::Names,
    registration, room,
    texts::{self, Untaken},
};

/// The network's name.
pub const NETWORK: &str = "matrix";

/// How long a ghost seems to write unless told again.
const TYPING: Duration = Duration::from_secs(8);
/// How often the homeserver is asked whether it reaches us.
const PING_EVERY: Duration = Duration::from_secs(60);
/// How long errands may take at the end.
const ERRANDS_END: Duration = Duration::from_secs(3);
/// Wait before a homeserver that cannot be reached is tried again.
const SETUP_RETRY: Duration = Duration::from_secs(2);

/// What a room of Matrix can show.
pub const CAPABILITIES: Capabilities = Capabilities {
    fates: ShownFates::All,
    files: true,
    idempotent: true,
    presence: true,
    profiles: true,
    speakers: true,
    styles: Styles::Parts,
    typing: true,
    ..Capabilities::NONE
};

/// Why an adapter cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MatrixError {
    /// A name makes no user id; checking the configuration says which.
    #[error("bot_localpart and domain make no user id")]
    Names,
    /// No HTTP client can be made.
    #[error("the HTTP client cannot be made: {0}")]
    Http(#[from] reqwest::Error),
}

/// The Matrix side of a bridge.
pub struct MatrixAdapter {
    pub(crate) names: Names,
    pub(crate) hs_token: SecretString,
    command_prefix: String,
    homeserver: String,
    url: String,
    intent: Intent,
    ghosts: Ghosts,
    pub(crate) members: Members,
    context: OnceLock<AdapterContext>,
    ready: AtomicBool,
    uploads: Uploads,
    /// Largest file the homeserver takes, in bytes; none (0) until it said.
    upload_limit: AtomicU64,
    /// Small errands that must not hold up a transaction.
    tasks: TaskTracker,
    /// Who writes in each room, as the homeserver last told.
    writers: Mutex<HashMap<OwnedRoomId, HashSet<String>>>,
}

impl MatrixAdapter {
    /// Makes an adapter and the routes the homeserver pushes to; serve them before it runs.
    ///
    /// # Errors
    /// [`MatrixError`] for names that make no user ids.
    pub fn new(
        config: MatrixConfig,
        as_token: SecretString,
        hs_token: SecretString,
    ) -> Result<(Arc<Self>, Router), MatrixError> {
        let adapter = Arc::new(Self {
            names: Names::new(&config).ok_or(MatrixError::Names)?,
            hs_token,
            url: config.public_url(),
            command_prefix: config.command_prefix,
            intent: Intent::new(&config.homeserver, as_token)?,
            homeserver: config.homeserver,
            ghosts: Ghosts::default(),
            members: Members::default(),
            context: OnceLock::new(),
            ready: AtomicBool::new(false),
            uploads: Uploads::default(),
            upload_limit: AtomicU64::new(0),
            tasks: TaskTracker::new(),
            writers: Mutex::default(),
        });
        let router = appservice::router(Arc::clone(&adapter));
        Ok((adapter, router))
    }

    pub(crate) fn inbox(&self) -> Option<&Arc<dyn Inbox>> {
        self.context.get().map(|cx| &cx.inbox)
    }

    /// Gives the command a message in a room is, if it is one.
    pub(crate) async fn command_in(&self, room: &OwnedRoomId, text: &str) -> Option<String> {
        let prefixed = text.strip_prefix(&self.command_prefix);
        if let Some(rest) = prefixed.filter(|rest| rest.is_empty() || rest.starts_with(' ')) {
            return Some(rest.trim().to_owned());
        }
        self.is_management(room).await.ok()?.then(|| text.to_owned())
    }

    /// Tells whether a room is for commands only.
    async fn is_management(&self, room: &OwnedRoomId) -> Result<bool, DeliverError> {
        let found = self.store()?.get(&format!("management {room}")).await;
        Ok(found.map_err(|error| DeliverError::retry(error.to_string()))?.is_some())
    }

    /// Names somebody as the people in a room see her.
    pub(crate) async fn persona(&self, room: &OwnedRoomId, user: &ruma::UserId) -> Persona {
        let name = self.members.name(&self.intent, &self.names.bot, room, user).await;
        Persona {
            network: NetworkId::new(NETWORK),
            id: PersonaId::new(user.as_str()),
            name: Some(name.unwrap_or_else(|| user.localpart().to_owned())),
        }
    }

    /// Says that something does not cross yet, as an answer to it.
    pub(crate) fn explain_untaken(
        self: &Arc<Self>,
        room: OwnedRoomId,
        event: OwnedEventId,
        what: Untaken,
    ) {
        let text = texts::untaken(what);
        let transaction = format!("untaken-{event}");
        let adapter = Arc::clone(self);
        // The homeserver waits for the transaction's answer, and this must not hold it up; the
        // request has a deadline of its own.
        self.tasks.spawn(async move {
            let content = RoomMessageEventContent::notice_plain(text);
            let bot = adapter.names.bot.clone();
            if let Err(error) = adapter.say(&bot, &room, &transaction, &content, None).await {
                tracing::debug!(%error, "a notice was not delivered");
            }
        });
    }

    /// Follows an invitation of the bot: a direct chat becomes one to give commands in.
    pub(crate) fn invited(self: &Arc<Self>, room: OwnedRoomId, by: OwnedUserId, direct: bool) {
        let adapter = Arc::clone(self);
        // As above.
        self.tasks.spawn(async move {
            if let Err(error) = adapter.enter(&room, direct).await {
                tracing::warn!(by = %Redacted(&by), %error, "the bot could not follow an invitation");
            }
        });
    }

    /// Notes who writes in a room; gives who wrote before.
    pub(crate) fn remember_writers(
        &self,
        room: &OwnedRoomId,
        writers: &HashSet<String>,
    ) -> HashSet<String> {
        let mut all = self.writers();
        let before = all.remove(room).unwrap_or_default();
        if !writers.is_empty() {
            all.insert(room.clone(), writers.clone());
        }
        before
    }

    async fn enter(&self, room: &OwnedRoomId, direct: bool) -> Result<(), DeliverError> {
        let bot = &self.names.bot;
        self.intent.send(bot, join_room_by_id::v3::Request::new(room.clone())).await?;
        let text = if direct {
            let noted = self.store()?.put(&format!("management {room}"), "").await;
            noted.map_err(|error| DeliverError::retry(error.to_string()))?;
            texts::HELLO.to_owned()
        } else {
            texts::hello_among_others(&self.command_prefix)
        };
        let content = to_matrix::words(&text);
        self.say(bot, room, &format!("hello-{room}"), &content, None).await?;
        Ok(())
    }

    fn writers(&self) -> MutexGuard<'_, HashMap<OwnedRoomId, HashSet<String>>> {
        self.writers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn store(&self) -> Result<&Namespace, DeliverError> {
        let cx = self.context.get();
        cx.map(|cx| &cx.store).ok_or_else(|| DeliverError::retry("the adapter is starting"))
    }

    /// Makes the bot, checks what the configuration says, and sees whether the homeserver reaches
    /// us. `Err` is final; what may pass is tried again.
    async fn set_up(&self) -> Result<(), AdapterExit> {
        loop {
            match self.introduce().await {
                Ok(()) => return Ok(()),
                Err(error) if may_pass(&error) => {
                    tracing::warn!(%error, homeserver = %self.homeserver, "the homeserver is not there yet");
                    sleep(SETUP_RETRY).await;
                }
                Err(error) if error.is_about_tokens() => {
                    return Err(AdapterExit::Refused(self.explain(&error)));
                }
                Err(error) => return Err(AdapterExit::Failed(self.explain(&error))),
            }
        }
    }

    /// Asks the homeserver whether it takes our token; works before the adapter runs.
    ///
    /// # Errors
    /// [`AdapterExit::Refused`] when it does not, [`AdapterExit::Failed`] when it cannot be asked; the
    /// text says what to do.
    pub async fn check(&self) -> Result<(), AdapterExit> {
        // Before the bridge first runs, its bot is no user yet.
        let asked = match ghost::register(&self.intent, &self.names.bot).await {
            Ok(_) => self.intent.send(&self.names.bot, whoami::v3::Request::new()).await,
            Err(error) => Err(error),
        };
        asked.map(drop).map_err(|error| match error {
            error if error.is_about_tokens() => AdapterExit::Refused(self.explain(&error)),
            error @ IntentError::Unreachable(_) => {
                AdapterExit::Failed(format!("{error}. Is `matrix.homeserver` right, and is it up?"))
            }
            error => AdapterExit::Failed(self.explain(&error)),
        })
    }

    /// Asks the homeserver to reach the bridge, which must listen while it does.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub async fn check_reach(&self) -> Result<(), AdapterExit> {
        self.ping().await.map_err(|error| match error {
            IntentError::Unreachable(_) => AdapterExit::Failed(error.to_string()),
            error => AdapterExit::Refused(self.explain(&error)),
        })
    }

    async fn introduce(&self) -> Result<(), IntentError> {
        let bot = &self.names.bot;
        ghost::register(&self.intent, bot).await?;
        self.intent.send(bot, whoami::v3::Request::new()).await?;
        #[expect(deprecated, reason = "its path is the same on every server")]
        let name = set_display_name::v3::Request::new(bot.clone(), Some(texts::BOT.to_owned()));
        self.intent.send(bot, name).await?;
        let limit = media::upload_limit(&self.intent, bot).await.unwrap_or_default();
        self.upload_limit.store(limit, Ordering::Relaxed);
        self.ping().await
    }

    /// Asks the homeserver to reach us; after a pause it also begins to push again at once.
    async fn ping(&self) -> Result<(), IntentError> {
        let request = request_ping::v1::Request::new(registration::ID.to_owned());
        self.intent.send(&self.names.bot, request).await.map(drop)
    }

    /// Says which key is wrong.
    fn explain(&self, error: &IntentError) -> String {
        let words = error.in_full();
        let hint = match error {
            IntentError::Refused { errcode, .. } => match errcode.as_str() {
                "M_UNKNOWN_TOKEN" | "M_MISSING_TOKEN" => {
                    "it does not know our as_token: put the file that `msn-bridge registration` \
                     prints into its app_service_config_files, and restart it"
                }
                "M_EXCLUSIVE" | "M_FORBIDDEN" => {
                    "the registration it has is not for matrix.bot_localpart and matrix.domain: make \
                     it again with `msn-bridge registration`, and restart the homeserver"
                }
                "M_BAD_STATUS" => {
                    "it reaches us but we refuse it: the hs_token of its registration is not ours; \
                     make the registration again"
                }
                "M_CONNECTION_FAILED" | "M_CONNECTION_TIMED_OUT" | "M_URL_NOT_SET" => {
                    return format!(
                        "the homeserver cannot reach the bridge at {} ({words}): set matrix.url to an \
                         address it can reach, make the registration again, and restart it",
                        self.url
                    );
                }
                _ => "see the homeserver's log",
            },
            _ => "see the homeserver's log",
        };
        format!("{words}; {hint}")
    }

    /// Sends an event as one of our users; the same transaction is the same event.
    async fn say(
        &self,
        user: &OwnedUserId,
        room: &OwnedRoomId,
        transaction: &str,
        content: &RoomMessageEventContent,
        at: Option<Timestamp>,
    ) -> Result<OwnedEventId, DeliverError> {
        let mut request = send_message_event::v3::Request::new(
            room.clone(),
            OwnedTransactionId::from(transaction),
            content,
        )
        .map_err(|error| DeliverError::retry(error.to_string()))?;
        request.timestamp =
            at.and_then(|at| UInt::try_from(at.0).ok()).map(MilliSecondsSinceUnixEpoch);
        Ok(self.intent.send(user, request).await?.event_id)
    }

    /// Gives the ghost of a persona, with her name.
    async fn ghost(&self, persona: &Persona) -> Result<OwnedUserId, DeliverError> {
        self.ghosts.ensure(&self.intent, &self.names, self.store()?, persona).await
    }

    /// Gives the ghost of a persona, and sees to it that it is in a room.
    async fn ghost_in(
        &self,
        room: &OwnedRoomId,
        persona: &Persona,
    ) -> Result<OwnedUserId, DeliverError> {
        let ghost = self.ghost(persona).await?;
        self.ghosts.ensure_joined(&self.intent, &self.names, room, &ghost).await?;
        Ok(ghost)
    }

    /// Sends what a person said as her ghost, putting the ghost into the room first if it must be.
    async fn say_as_ghost(
        &self,
        room: &OwnedRoomId,
        item: &Delivery,
        content: &RoomMessageEventContent,
    ) -> Result<OwnedEventId, DeliverError> {
        let ghost = self.ghost_in(room, &item.event.sender).await?;
        let transaction = item.key.to_string();
        let said = self.say(&ghost, room, &transaction, content, Some(item.event.at)).await;
        match said {
            Err(DeliverError::Reject { reason: Reject::Forbidden, .. }) => {
                // Somebody put it out of the room meanwhile.
                self.ghosts.forget(room, &ghost);
                self.ghosts.ensure_joined(&self.intent, &self.names, room, &ghost).await?;
                self.say(&ghost, room, &transaction, content, Some(item.event.at)).await
            }
            said => said,
        }
    }

    /// Gives a contact's ghost her picture, unless it has it.
    async fn show_face(&self, item: &Delivery, media: &Media) -> Result<(), DeliverError> {
        let ghost = self.ghost(&item.event.sender).await?;
        let store = self.store()?;
        if self.ghosts.has_face(store, &ghost, media).await? {
            return Ok(());
        }
        let bot = &self.names.bot;
        let address = self.uploads.ensure(&self.intent, bot, item.key, media).await?;
        self.ghosts.show_face(&self.intent, store, &ghost, media, address).await?;
        self.uploads.done(item.key);
        Ok(())
    }

    /// Shows what became of a message: a receipt of the one who has it, or a notice.
    async fn show_fate(
        &self,
        room: &OwnedRoomId,
        item: &Delivery,
        target: Option<&MessageId>,
        state: &DeliveryState,
    ) -> Result<(), DeliverError> {
        let target = target.and_then(|target| OwnedEventId::try_from(target.as_str()).ok());
        let text = match state {
            DeliveryState::Delivered { .. } => {
                let Some(target) = target else { return Ok(()) };
                let ghost = self.ghost_in(room, &item.event.sender).await?;
                let kind = ReceiptType::Read;
                let request = create_receipt::v3::Request::new(room.clone(), kind, target);
                self.intent.send(&ghost, request).await?;
                return Ok(());
            }
            DeliveryState::Failed { tell_user, .. } => texts::not_delivered(tell_user),
            DeliveryState::Unknown { tell_user } => texts::perhaps_not_delivered(tell_user),
            _ => return Ok(()),
        };
        let mut content = RoomMessageEventContent::notice_plain(text);
        if let Some(target) = target {
            content.relates_to = Some(Relation::Reply(Reply::with_event_id(target)));
        }
        self.say(&self.names.bot.clone(), room, &item.key.to_string(), &content, None).await?;
        Ok(())
    }
}

#[async_trait]
impl Adapter for MatrixAdapter {
    fn network(&self) -> NetworkId {
        NetworkId::new(NETWORK)
    }

    fn capabilities(&self) -> Capabilities {
        let limit = self.upload_limit.load(Ordering::Relaxed);
        Capabilities { max_file: (limit > 0).then_some(limit), ..CAPABILITIES }
    }

    fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }

    async fn run(self: Arc<Self>, cx: AdapterContext) -> AdapterExit {
        let cancel = cx.cancel.clone();
        if self.context.set(cx).is_err() {
            return AdapterExit::Failed("the adapter runs once only".to_owned());
        }
        tokio::select! {
            done = self.set_up() => if let Err(exit) = done {
                return exit;
            },
            () = cancel.cancelled() => return AdapterExit::Cancelled,
        }
        self.ready.store(true, Ordering::Relaxed);
        tracing::info!(homeserver = %self.homeserver, bot = %self.names.bot, "connected to the homeserver");
        loop {
            tokio::select! {
                () = sleep(PING_EVERY) => {}
                () = cancel.cancelled() => {
                    self.tasks.close();
                    if timeout(ERRANDS_END, self.tasks.wait()).await.is_err() {
                        tracing::debug!("an errand did not end in time");
                    }
                    return AdapterExit::Cancelled;
                }
            }
            let reached = self.ping().await;
            if let Err(error) = &reached {
                tracing::warn!(%error, "the homeserver does not reach us");
            }
            self.ready.store(reached.is_ok(), Ordering::Relaxed);
        }
    }

    async fn create_room(&self, spec: &RoomSpec) -> Result<RoomId, DeliverError> {
        let mut ghosts = Vec::new();
        for persona in &spec.personas {
            ghosts.push(self.ghost(persona).await?);
        }
        let room = room::create(&self.intent, &self.names, spec, &ghosts).await?;
        for ghost in &ghosts {
            self.ghosts.ensure_joined(&self.intent, &self.names, &room, ghost).await?;
        }
        Ok(RoomId::new(room.as_str()))
    }

    async fn find_room(&self, portal: PortalId) -> Result<Option<RoomId>, DeliverError> {
        let found = room::find(&self.intent, &self.names, portal).await?;
        Ok(found.map(|room| RoomId::new(room.as_str())))
    }

    async fn rediscover(&self, shown: &[RoomId]) -> Result<Rediscovered, DeliverError> {
        let store = self.store()?;
        if !self.is_ready() {
            return Err(DeliverError::retry("the homeserver is not reached yet"));
        }
        let mut found = room::rediscover(&self.intent, &self.names).await?;
        found.talks.retain(|(_, room)| !shown.contains(room));
        for (_, room) in &found.talks {
            let noted = store.put(&format!("management {room}"), "").await;
            noted.map_err(|error| DeliverError::retry(error.to_string()))?;
        }
        Ok(found)
    }

    async fn invite(&self, room: &RoomId, user: &UserId) -> Result<(), DeliverError> {
        let user = OwnedUserId::try_from(user.id.as_str()).map_err(|_| no_such("user"))?;
        Ok(ghost::invite(&self.intent, &self.names.bot, &room_id(room)?, &user).await?)
    }

    async fn may_show(&self, room: &RoomId) -> Result<(), DeliverError> {
        let room = room_id(room)?;
        if self.is_management(&room).await? {
            return Err(DeliverError::Reject {
                reason: Reject::Unsupported,
                tell_user: format!(
                    "This room is for commands. Invite me to another room, and say it there with `{}` \
                     before it.",
                    self.command_prefix
                ),
            });
        }
        Ok(())
    }

    async fn look_at(&self, room: &RoomId) -> Result<RoomCondition, DeliverError> {
        let room = room_id(room)?;
        self.ghosts.forget_room(&room);
        let here = closing::is_here(&self.intent, &self.names, &room).await?;
        Ok(if here { RoomCondition::Here } else { RoomCondition::Gone })
    }

    async fn close_room(&self, room: &RoomId, why: CloseReason) -> Result<(), DeliverError> {
        let room = room_id(room)?;
        if self.is_management(&room).await? {
            return Ok(());
        }
        self.ghosts.forget_room(&room);
        Ok(closing::close(&self.intent, &self.names, &room, why).await?)
    }

    async fn set_membership(
        &self,
        room: &RoomId,
        persona: &Persona,
        membership: Membership,
    ) -> Result<(), DeliverError> {
        let room = room_id(room)?;
        let ghost = self.ghost(persona).await?;
        match membership {
            Membership::Join => {
                self.ghosts.ensure_joined(&self.intent, &self.names, &room, &ghost).await
            }
            Membership::Leave => self.ghosts.leave(&self.intent, &room, &ghost).await,
        }
    }

    async fn deliver(&self, room: &RoomId, item: &Delivery) -> Result<Receipt, DeliverError> {
        let room = room_id(room)?;
        let messages = match &item.event.kind {
            EventKind::Message(content) => {
                let content = to_matrix::message(content);
                let event = self.say_as_ghost(&room, item, &content).await?;
                vec![MessageId::new(event.as_str())]
            }
            EventKind::File(file) => {
                let media = item.media.as_ref();
                let media = media.ok_or_else(|| DeliverError::retry("the file is not here"))?;
                let bot = &self.names.bot;
                let address = self.uploads.ensure(&self.intent, bot, item.key, media).await?;
                let content = to_matrix::file(file, media, address);
                let event = self.say_as_ghost(&room, item, &content).await?;
                self.uploads.done(item.key);
                vec![MessageId::new(event.as_str())]
            }
            EventKind::Profile(_) => {
                match &item.media {
                    Some(media) => self.show_face(item, media).await?,
                    None => drop(self.ghost(&item.event.sender).await?),
                }
                Vec::new()
            }
            EventKind::Delivery { target, state } => {
                self.show_fate(&room, item, target.as_ref(), state).await?;
                Vec::new()
            }
            _ => {
                return Err(DeliverError::Reject {
                    reason: Reject::Unsupported,
                    tell_user: texts::UNSUPPORTED.to_owned(),
                });
            }
        };
        Ok(Receipt { messages, ..Receipt::default() })
    }

    async fn face_of(&self, user: &UserId) -> Result<Option<MediaId>, DeliverError> {
        let Ok(user) = OwnedUserId::try_from(user.id.as_str()) else {
            return Ok(None);
        };
        let request = get_profile_field::v3::Request::new(user, ProfileFieldName::AvatarUrl);
        match self.intent.send(&self.names.bot, request).await {
            Ok(shown) => Ok(match shown.value {
                Some(ProfileFieldValue::AvatarUrl(address)) => Some(MediaId::new(address.as_str())),
                _ => None,
            }),
            Err(error) if error.is("M_NOT_FOUND") => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn open_media(&self, id: &MediaId) -> Result<MediaStream, DeliverError> {
        media::open(&self.intent, &self.names.bot, id).await
    }

    async fn signal(
        &self,
        room: &RoomId,
        from: &Persona,
        signal: &Signal,
    ) -> Result<(), DeliverError> {
        let room = room_id(room)?;
        let ghost = self.ghost(from).await?;
        match signal {
            Signal::Typing { on } => {
                self.ghosts.ensure_joined(&self.intent, &self.names, &room, &ghost).await?;
                let typing = if *on { Typing::Yes(TypingInfo::new(TYPING)) } else { Typing::No };
                let request = create_typing_event::v3::Request::new(ghost.clone(), room, typing);
                self.intent.send(&ghost, request).await?;
            }
            Signal::Presence(presence) => {
                let state = match presence.state {
                    PresenceState::Offline => MatrixPresence::Offline,
                    PresenceState::Online => MatrixPresence::Online,
                    _ => MatrixPresence::Unavailable,
                };
                let mut request = set_presence::v3::Request::new(ghost.clone(), state);
                request.status_msg.clone_from(&presence.status_text);
                self.intent.send(&ghost, request).await?;
            }
            _ => {}
        }
        Ok(())
    }

    async fn reply(
        &self,
        to: &CommandOrigin,
        reply: &Answer,
        key: IdempotencyKey,
    ) -> Result<(), DeliverError> {
        let content = to_matrix::notice(reply);
        let bot = self.names.bot.clone();
        self.say(&bot, &room_id(&to.room)?, &key.to_string(), &content, None).await?;
        Ok(())
    }

    async fn conceal(&self, origin: &CommandOrigin) -> Result<(), DeliverError> {
        let event =
            origin.message.as_ref().and_then(|name| OwnedEventId::try_from(name.as_str()).ok());
        let Some(event) = event else { return Ok(()) };
        let transaction = OwnedTransactionId::from(format!("conceal-{event}"));
        let mut request =
            redact_event::v3::Request::new(room_id(&origin.room)?, event, transaction);
        request.reason = Some(texts::HELD_A_PASSWORD.to_owned());
        self.intent.send(&self.names.bot, request).await?;
        Ok(())
    }
}

fn room_id(room: &RoomId) -> Result<OwnedRoomId, DeliverError> {
    OwnedRoomId::try_from(room.as_str()).map_err(|_| no_such("room"))
}

fn no_such(what: &str) -> DeliverError {
    DeliverError::Gone(format!("the stored {what} id is none").into())
}

/// Tells whether an error while setting up may pass by itself.
fn may_pass(error: &IntentError) -> bool {
    match error {
        IntentError::Limited { .. } | IntentError::Unreachable(_) => true,
        IntentError::Refused { status, errcode, .. } => {
            *status >= 500 && !errcode.starts_with("M_CONNECTION") && errcode != "M_BAD_STATUS"
        }
        IntentError::Unreadable(_) => false,
    }
}
