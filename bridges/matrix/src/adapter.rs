//! The adapter: the core's hands on a homeserver.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use axum::Router;
use bridge_core::{
    Adapter, AdapterContext, AdapterExit, DeliverError, Inbox, MediaStream,
    adapter::{CloseReason, CommandOrigin, Reply, RoomCondition},
    id::{IdempotencyKey, MediaId, MessageId, NetworkId, PersonaId, PortalId, RoomId},
    media::PictureBounds,
    model::{
        Capabilities, ContactList, Delivery, DeliveryState, EventKind, Membership, Persona,
        Receipt, Rediscovered, Reject, RoomSpec, ShownFates, Signal, Styles, UserId,
    },
    store::Namespace,
};
use ruma::{OwnedEventId, OwnedRoomId, OwnedTransactionId, api::client::redact::redact_event};
use secrecy::SecretString;
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};
use tokio_util::task::TaskTracker;

use crate::{
    MatrixConfig, appservice,
    buddies::Buddies,
    buttons::{Pressable, with_signs},
    closing,
    convert::{self, media::spoken, to_matrix},
    crypto::{Crypto, KeyHome},
    double::{Doubles, user_id},
    ghost::{self, Ghosts},
    intent::Intent,
    invitation::Asked,
    media::Uploads,
    members::Members,
    names::Names,
    nudge::Nudges,
    pack::Packs,
    presence::PresencePath,
    progress,
    provision::{Guard, Provisioning, push_states},
    quoted::Lately,
    room,
    space::Spaces,
    texts,
    topic::Topics,
};

/// The network's name.
pub const NETWORK: &str = "matrix";

/// How often the homeserver is asked whether it reaches us.
const PING_EVERY: Duration = Duration::from_secs(60);
/// How long errands may take at the end.
const ERRANDS_END: Duration = Duration::from_secs(3);

/// What a room of Matrix can show.
pub const CAPABILITIES: Capabilities = Capabilities {
    edits: true,
    emoticons: Some(PictureBounds { side: 256, bytes: 512 * 1024 }),
    contact_lists: true,
    fates: ShownFates::All,
    files: true,
    idempotent: true,
    membership: true,
    nudge: true,
    presence: true,
    profiles: true,
    reactions: true,
    redactions: true,
    replies: true,
    speakers: true,
    styles: Styles::Parts,
    typing: true,
    winks: true,
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
    /// Itself, for what goes on beside a call.
    pub(crate) this: Weak<Self>,
    pub(crate) names: Names,
    pub(crate) hs_token: SecretString,
    pub(crate) command_prefix: String,
    /// Whether the state of messages is said by events of its own.
    pub(crate) message_status: bool,
    pub(crate) homeserver: String,
    pub(crate) url: String,
    pub(crate) intent: Intent,
    pub(crate) ghosts: Ghosts,
    pub(crate) members: Members,
    pub(crate) doubles: Doubles,
    pub(crate) asked: Asked,
    pub(crate) spaces: Spaces,
    pub(crate) topics: Topics,
    /// Whether accounts have spaces, and rooms their contacts' words as topics.
    pub(crate) with_spaces: bool,
    pub(crate) with_topics: bool,
    /// Whether rooms may have members of other homeservers.
    pub(crate) federate: bool,
    /// None where encryption is off.
    pub(crate) crypto: Option<Crypto>,
    pub(crate) lately: Lately,
    pub(crate) context: OnceLock<AdapterContext>,
    /// Whether the homeserver is reached, both ways.
    pub(crate) ready: watch::Sender<bool>,
    pub(crate) uploads: Uploads,
    pub(crate) packs: Packs,
    pub(crate) nudges: Nudges,
    pub(crate) progress: progress::Notices,
    pub(crate) presence: PresencePath,
    pub(crate) buddies: Buddies,
    /// Largest file the homeserver takes, in bytes; none (0) until it said.
    pub(crate) upload_limit: AtomicU64,
    /// Small errands that must not hold up a transaction.
    pub(crate) tasks: TaskTracker,
    /// Who writes in each room, as the homeserver last told.
    pub(crate) writers: Mutex<HashMap<OwnedRoomId, HashSet<String>>>,
    /// Until when each of our ghosts seems to write.
    pub(crate) writing_ghosts: Mutex<HashMap<(OwnedRoomId, ruma::OwnedUserId), Instant>>,
    /// Answers that can be pressed.
    pub(crate) pressable: Pressable,
    /// What programs may do for people.
    pub(crate) provisioning: Provisioning,
    /// Where it is told how accounts are doing.
    status_url: Option<String>,
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
        Self::with_keys(config, as_token, hs_token, None)
    }

    /// Makes one that has a place for keys, and reads and writes in encrypted rooms where the
    /// configuration says so.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_keys(
        config: MatrixConfig,
        as_token: SecretString,
        hs_token: SecretString,
        keys: Option<KeyHome>,
    ) -> Result<(Arc<Self>, Router), MatrixError> {
        let intent = Intent::new(&config.homeserver, as_token)?;
        let names = Names::new(&config).ok_or(MatrixError::Names)?;
        let url = config.public_url();
        let adapter = Arc::new_cyclic(|this| Self {
            this: Weak::clone(this),
            doubles: Doubles::new(&intent, config.double_puppet_token),
            asked: Asked::default(),
            spaces: Spaces::default(),
            topics: Topics::default(),
            with_spaces: config.spaces,
            with_topics: config.topics,
            federate: config.federate,
            names,
            hs_token,
            url,
            command_prefix: config.command_prefix,
            intent,
            message_status: config.message_status,
            homeserver: config.homeserver,
            ghosts: Ghosts::default(),
            members: Members::default(),
            crypto: keys.and_then(|home| Crypto::new(config.encryption, home)),
            lately: Lately::default(),
            context: OnceLock::new(),
            ready: watch::Sender::new(false),
            uploads: Uploads::default(),
            packs: Packs::default(),
            nudges: Nudges::default(),
            progress: progress::Notices::default(),
            buddies: Buddies::default(),
            presence: PresencePath::new(config.presence_refresh),
            upload_limit: AtomicU64::new(0),
            tasks: TaskTracker::new(),
            writers: Mutex::default(),
            writing_ghosts: Mutex::default(),
            pressable: Pressable::default(),
            provisioning: Provisioning {
                on: config.provisioning,
                desk: OnceLock::new(),
                guard: Guard::new(config.provisioning_secret),
            },
            status_url: config.status_url,
        });
        let router = appservice::router(Arc::clone(&adapter));
        Ok((adapter, router))
    }

    pub(crate) fn inbox(&self) -> Option<&Arc<dyn Inbox>> {
        self.context.get().map(|cx| &cx.inbox)
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

    fn writers(&self) -> MutexGuard<'_, HashMap<OwnedRoomId, HashSet<String>>> {
        self.writers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn store(&self) -> Result<&Namespace, DeliverError> {
        let cx = self.context.get();
        cx.map(|cx| &cx.store).ok_or_else(|| DeliverError::retry("the adapter is starting"))
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
        *self.ready.borrow()
    }

    async fn run(self: Arc<Self>, cx: AdapterContext) -> AdapterExit {
        let cancel = cx.cancel.clone();
        if let (Some(url), Some(desk)) = (&self.status_url, self.provisioning.desk.get()) {
            let push = push_states(Arc::clone(&self), desk.clone(), url.clone(), cancel.clone());
            self.tasks.spawn(push);
        }
        if self.context.set(cx).is_err() {
            return AdapterExit::Failed("the adapter runs once only".to_owned());
        }
        tokio::select! {
            done = self.set_up() => if let Err(exit) = done {
                return exit;
            },
            () = cancel.cancelled() => return AdapterExit::Cancelled,
        }
        let left = async {
            self.load_doubles().await?;
            self.resume_errands().await
        };
        if let Err(error) = left.await {
            tracing::warn!(%error, "what was left to do is not known");
        }
        self.go_on_encrypting(&cancel);
        self.ready.send_replace(true);
        self.tasks.spawn(Arc::clone(&self).keep_presence(cancel.clone()));
        self.tasks.spawn(Arc::clone(&self).keep_buddies(cancel.clone()));
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
            if let Some(crypto) = &self.crypto {
                if reached.is_err() {
                    crypto.forget_people();
                }
                crypto.close_idle(&self.names.bot);
            }
            self.ready.send_replace(reached.is_ok());
            self.look_for_doubles().await;
        }
    }

    async fn create_room(&self, spec: &RoomSpec) -> Result<RoomId, DeliverError> {
        let mut ghosts = Vec::new();
        for persona in &spec.personas {
            ghosts.push(self.ghost(persona).await?);
        }
        let encryption = self.encryption();
        let making = room::Making { federate: self.federate, encryption };
        let room = room::create(&self.intent, &self.names, spec, &ghosts, making).await?;
        for ghost in &ghosts {
            self.ghosts.ensure_joined(&self.intent, &self.names, &room, ghost).await?;
        }
        self.settle(spec, &room, &ghosts).await?;
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
        let (user, room) = (user_id(user)?, room_id(room)?);
        ghost::invite(&self.intent, &self.names.bot, &room, &user).await?;
        self.enter_as(&room, &user).await;
        Ok(())
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
        self.let_go(&room, why).await?;
        self.say_goodbye(&room, why).await;
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
                self.ghosts.ensure_joined(&self.intent, &self.names, &room, &ghost).await?;
                self.renew_nameplate(&room).await
            }
            Membership::Leave => self.ghosts.leave(&self.intent, &room, &ghost).await,
        }
    }

    async fn deliver(&self, room: &RoomId, item: &Delivery) -> Result<Receipt, DeliverError> {
        let room = room_id(room)?;
        let messages = match &item.event.kind {
            EventKind::Message(content) => self.say_words(&room, item, content).await?,
            EventKind::Edit { content, .. } => self.change_words(&room, item, content).await?,
            EventKind::React { key, .. } => self.react(&room, item, key).await?,
            EventKind::Unreact { key, .. } => {
                self.unreact(&room, item, key).await?;
                Vec::new()
            }
            EventKind::Redact { .. } => {
                self.take_back(&room, item).await?;
                Vec::new()
            }
            EventKind::File(file) => {
                let media = item.media.as_ref();
                let media = media.ok_or_else(|| DeliverError::retry("the file is not here"))?;
                let uploaded = self.upload_for(&room, item.key, media).await?;
                let content = to_matrix::file(file, media, uploaded.address.clone());
                let mut content = spoken(content, file.kind);
                uploaded.lock(&mut content);
                let event = self.say_as_ghost(&room, item, &content).await?;
                self.uploaded(item.key);
                vec![MessageId::new(event.as_str())]
            }
            EventKind::Nudge => {
                vec![MessageId::new(self.nudge(&room, item).await?.as_str())]
            }
            EventKind::Wink(wink) => {
                let shown = match &item.media {
                    Some(media) => Some((media, self.upload_for(&room, item.key, media).await?)),
                    None => None,
                };
                let address = shown.as_ref().map(|(media, file)| (*media, file.address.clone()));
                let mut content = convert::media::wink(wink, address);
                if let Some((_, file)) = shown {
                    file.lock(&mut content);
                }
                let event = self.say_as_ghost(&room, item, &content).await?;
                self.uploaded(item.key);
                vec![MessageId::new(event.as_str())]
            }
            EventKind::Profile(_) => {
                match &item.media {
                    Some(media) => self.show_face(item, media).await?,
                    None => drop(self.ghost(&item.event.sender).await?),
                }
                self.renew_nameplate(&room).await?;
                Vec::new()
            }
            EventKind::Membership(change) => {
                let id = RoomId::new(room.as_str());
                self.set_membership(&id, &change.person, change.membership).await?;
                Vec::new()
            }
            EventKind::Delivery { target, state } => {
                if !matches!(state, DeliveryState::Delivered { .. }) {
                    self.did_not_come(target.as_ref()).await;
                }
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
        self.face_shown_by(user).await
    }

    async fn open_media(&self, id: &MediaId) -> Result<MediaStream, DeliverError> {
        self.open_file(id).await
    }

    async fn adopt_account(&self, user: &UserId, token: SecretString) -> Result<(), DeliverError> {
        self.adopt(user, token).await
    }

    async fn drop_account(&self, user: &UserId) -> Result<bool, DeliverError> {
        self.disown(user).await
    }

    fn takes_tokens(&self) -> bool {
        true
    }

    async fn show_contacts(&self, list: &ContactList) -> Result<(), DeliverError> {
        self.contacts_are(list);
        self.buddies_are(list);
        self.look_at_owner(&list.owner).await;
        self.show_spaces(list).await?;
        match self.this.upgrade() {
            Some(this) => this.show_topics(list).await,
            None => Ok(()),
        }
    }

    async fn signal(
        &self,
        room: &RoomId,
        from: &Persona,
        signal: &Signal,
    ) -> Result<(), DeliverError> {
        self.show_signal(&room_id(room)?, from, signal).await
    }

    async fn reply(
        &self,
        to: &CommandOrigin,
        reply: &Reply,
        key: IdempotencyKey,
    ) -> Result<(), DeliverError> {
        let (bot, room, transaction) =
            (self.names.bot.clone(), room_id(&to.room)?, key.to_string());
        let Reply::Buttons { text, buttons } = reply else {
            self.say(&bot, &room, &transaction, &to_matrix::notice(reply), None).await?;
            return Ok(());
        };
        let shown = Reply::Buttons { text: text.clone(), buttons: with_signs(buttons) };
        let said = self.say(&bot, &room, &transaction, &to_matrix::notice(&shown), None).await?;
        self.show_buttons(&room, &said, &transaction, buttons).await
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
