//! A person on Matrix, through a client that others wrote.

mod raw;

use std::{
    collections::HashMap,
    io::Cursor,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use matrix_sdk::{
    Client, Room, RoomState,
    config::SyncSettings,
    deserialized_responses::VerificationState,
    event_handler::RawEvent,
    media::{MediaFormat, MediaRequestParameters},
    ruma::{
        OwnedEventId, OwnedMxcUri, OwnedRoomId, OwnedUserId, UInt, UserId,
        api::client::{
            filter::FilterDefinition,
            room::create_room::v3::{Request as CreateRoom, RoomPreset},
            sync::sync_events::v3::Filter,
        },
        events::{
            AnySyncTimelineEvent, InitialStateEvent,
            presence::PresenceEvent,
            room::{
                EncryptedFile, ImageInfo, MediaSource,
                encryption::RoomEncryptionEventContent,
                member::StrippedRoomMemberEvent,
                message::{
                    ImageMessageEventContent, MessageType, OriginalSyncRoomMessageEvent,
                    RoomMessageEventContent,
                },
                redaction::SyncRoomRedactionEvent,
            },
            typing::SyncTypingEvent,
        },
    },
};
use tokio::task::JoinHandle;

use crate::wait::wait_until;

/// Something a person saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A message.
    Message {
        /// The room.
        room: OwnedRoomId,
        /// The event.
        event: OwnedEventId,
        /// Who wrote it.
        sender: OwnedUserId,
        /// Her name in the room at that moment.
        name: Option<String>,
        /// The words.
        body: String,
        /// Whether it is a notice.
        notice: bool,
    },
    /// A file came; its message is seen beside.
    File {
        /// The message.
        event: OwnedEventId,
        /// Its name.
        name: String,
        /// What it is said to be.
        mime: Option<String>,
        /// Where its bytes are.
        address: OwnedMxcUri,
    },
    /// How available somebody is.
    Presence {
        /// Who.
        user: OwnedUserId,
        /// `online`, `unavailable` or `offline`.
        state: String,
        /// What stands beside it.
        words: Option<String>,
    },
    /// A message was removed.
    Redacted {
        /// The message.
        event: OwnedEventId,
    },
    /// What became of a message, as a bridge says it.
    Status {
        /// The message.
        of: String,
        /// All that is said of it.
        content: serde_json::Value,
    },
    /// Who writes now.
    Typing {
        /// The room.
        room: OwnedRoomId,
        /// The writers.
        users: Vec<OwnedUserId>,
    },
}

type FileKeys = Arc<Mutex<HashMap<OwnedMxcUri, EncryptedFile>>>;

/// A signed-in person, who follows every invitation.
pub struct MatrixUser {
    client: Client,
    seen: Arc<Mutex<Vec<Seen>>>,
    /// What opens encrypted files, by where these are.
    keys: FileKeys,
    sync: JoinHandle<()>,
}

impl MatrixUser {
    /// Signs in and begins to listen.
    ///
    /// # Errors
    /// What the client says.
    pub async fn sign_in(url: &str, name: &str, password: &str) -> Result<Self, matrix_sdk::Error> {
        let built = Client::builder().homeserver_url(url).build().await;
        let client = built.map_err(|error| matrix_sdk::Error::UnknownError(Box::new(error)))?;
        client.matrix_auth().login_username(name, password).send().await?;
        let seen = Arc::new(Mutex::new(Vec::new()));
        let keys = FileKeys::default();
        listen(&client, &seen, &keys);
        let syncing = client.clone();
        let sync = tokio::spawn(async move {
            // A client sees only the last few events of a burst unless it asks for more.
            let mut filter = FilterDefinition::default();
            filter.room.timeline.limit = Some(UInt::from(1000_u32));
            let settings = SyncSettings::default()
                .timeout(Duration::from_secs(10))
                .filter(Filter::FilterDefinition(filter));
            // It ends with the test, whose homeserver goes first.
            let _ = syncing.sync(settings).await;
        });
        Ok(Self { client, seen, keys, sync })
    }

    /// Opens a room with somebody alone.
    ///
    /// # Errors
    /// What the client says.
    pub async fn direct_chat_with(&self, user: &UserId) -> Result<OwnedRoomId, matrix_sdk::Error> {
        let mut request = CreateRoom::new();
        request.preset = Some(RoomPreset::TrustedPrivateChat);
        request.is_direct = true;
        request.invite = vec![user.to_owned()];
        Ok(self.client.create_room(request).await?.room_id().to_owned())
    }

    /// Opens an encrypted room with somebody alone.
    ///
    /// # Errors
    /// What the client says.
    pub async fn encrypted_chat_with(
        &self,
        user: &UserId,
    ) -> Result<OwnedRoomId, matrix_sdk::Error> {
        let mut request = CreateRoom::new();
        request.preset = Some(RoomPreset::TrustedPrivateChat);
        request.is_direct = true;
        request.invite = vec![user.to_owned()];
        let encrypted = RoomEncryptionEventContent::with_recommended_defaults();
        request.initial_state =
            vec![InitialStateEvent::with_empty_state_key(encrypted).to_raw_any()];
        Ok(self.client.create_room(request).await?.room_id().to_owned())
    }

    /// Turns a room's encryption on.
    ///
    /// # Errors
    /// What the client says.
    pub async fn encrypt(&self, room: &OwnedRoomId) -> Result<(), matrix_sdk::Error> {
        self.room(room).await.enable_encryption().await
    }

    /// Says what comes next in a room with a new key.
    ///
    /// # Errors
    /// What the client says.
    pub async fn change_key(&self, room: &OwnedRoomId) -> Result<(), matrix_sdk::Error> {
        self.room(room).await.discard_room_key().await
    }

    /// Opens a room with a name, where she is alone.
    ///
    /// # Errors
    /// What the client says.
    pub async fn new_room(&self, name: &str) -> Result<OwnedRoomId, matrix_sdk::Error> {
        let mut request = CreateRoom::new();
        request.preset = Some(RoomPreset::PrivateChat);
        request.name = Some(name.to_owned());
        Ok(self.client.create_room(request).await?.room_id().to_owned())
    }

    /// Invites somebody into a room.
    ///
    /// # Errors
    /// What the client says.
    pub async fn invite(&self, room: &OwnedRoomId, user: &UserId) -> Result<(), matrix_sdk::Error> {
        self.room(room).await.invite_user_by_id(user).await
    }

    /// Says something.
    ///
    /// # Errors
    /// What the client says.
    pub async fn say(
        &self,
        room: &OwnedRoomId,
        text: &str,
    ) -> Result<OwnedEventId, matrix_sdk::Error> {
        let content = RoomMessageEventContent::text_plain(text);
        Ok(self.room(room).await.send(content).await?.response.event_id)
    }

    /// Puts a sign under a message.
    ///
    /// # Errors
    /// What the client says.
    pub async fn react(
        &self,
        room: &OwnedRoomId,
        to: &str,
        sign: &str,
    ) -> Result<OwnedEventId, matrix_sdk::Error> {
        let relation =
            serde_json::json!({ "rel_type": "m.annotation", "event_id": to, "key": sign });
        let content = serde_json::json!({ "m.relates_to": relation });
        self.send(room, "m.reaction", content).await
    }

    /// Takes a message back.
    ///
    /// # Errors
    /// What the client says.
    pub async fn redact(
        &self,
        room: &OwnedRoomId,
        event: &OwnedEventId,
    ) -> Result<(), matrix_sdk::HttpError> {
        self.room(room).await.redact(event, None, None).await.map(drop)
    }

    /// Sends a picture, with words under it.
    ///
    /// # Errors
    /// What the client says.
    ///
    /// # Panics
    /// When the homeserver does not take its bytes.
    pub async fn send_picture(
        &self,
        room: &OwnedRoomId,
        name: &str,
        bytes: &[u8],
        caption: Option<&str>,
    ) -> Result<OwnedEventId, matrix_sdk::Error> {
        let address = self.upload(bytes).await;
        let mut image = ImageMessageEventContent::plain(caption.unwrap_or(name).into(), address);
        image.filename = Some(name.to_owned());
        let mut info = ImageInfo::new();
        info.mimetype = Some("image/png".to_owned());
        info.size = u32::try_from(bytes.len()).ok().map(UInt::from);
        image.info = Some(Box::new(info));
        let content = RoomMessageEventContent::new(MessageType::Image(image));
        Ok(self.room(room).await.send(content).await?.response.event_id)
    }

    /// Shows a picture of herself.
    ///
    /// # Errors
    /// What the client says.
    ///
    /// # Panics
    /// When the homeserver does not take its bytes.
    pub async fn show_face(&self, bytes: &[u8]) -> Result<(), matrix_sdk::Error> {
        let address = self.upload(bytes).await;
        self.client.account().set_avatar_url(Some(&address)).await
    }

    /// Sends a picture that is encrypted, as in encrypted rooms all are.
    ///
    /// # Errors
    /// What the client says.
    pub async fn send_encrypted_picture(
        &self,
        room: &OwnedRoomId,
        name: &str,
        bytes: &[u8],
    ) -> Result<OwnedEventId, matrix_sdk::Error> {
        let file = self.client.upload_encrypted_file(&mut Cursor::new(bytes)).await?;
        let mut image = ImageMessageEventContent::encrypted(name.into(), file);
        image.filename = Some(name.to_owned());
        let content = RoomMessageEventContent::new(MessageType::Image(image));
        Ok(self.room(room).await.send(content).await?.response.event_id)
    }

    async fn upload(&self, bytes: &[u8]) -> OwnedMxcUri {
        let request = reqwest::Client::new()
            .post(self.at("/_matrix/media/v3/upload"))
            .bearer_auth(self.client.access_token().unwrap_or_default())
            .header("content-type", "image/png")
            .body(bytes.to_vec());
        let response = request.send().await.expect("the homeserver answers");
        let uploaded: serde_json::Value = response.json().await.expect("it is read");
        let address = uploaded.get("content_uri").and_then(|address| address.as_str());
        OwnedMxcUri::from(address.expect("it takes the bytes"))
    }

    /// Tells how far it is certain who wrote a message, which is what makes a client show a shield; none when
    /// it is not encrypted.
    pub async fn certainty_of(
        &self,
        room: &OwnedRoomId,
        event: &OwnedEventId,
    ) -> Option<VerificationState> {
        let event = self.room(room).await.event(event, None).await.ok()?;
        event.encryption_info().map(|encrypted| encrypted.verification_state.clone())
    }

    /// Tells whether a file that came is encrypted.
    pub fn is_encrypted(&self, address: &OwnedMxcUri) -> bool {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).contains_key(address)
    }

    /// Fetches the bytes of a file.
    ///
    /// # Panics
    /// When the homeserver does not give them.
    pub async fn fetch(&self, address: &OwnedMxcUri) -> Vec<u8> {
        let file = self.keys.lock().unwrap_or_else(PoisonError::into_inner).get(address).cloned();
        if let Some(file) = file {
            let source = MediaSource::Encrypted(Box::new(file));
            let request = MediaRequestParameters { source, format: MediaFormat::File };
            return self.client.media().get_media_content(&request, false).await.expect("it opens");
        }
        let place = address.as_str().trim_start_matches("mxc://");
        let request = reqwest::Client::new()
            .get(self.at(&format!("/_matrix/client/v1/media/download/{place}")))
            .bearer_auth(self.client.access_token().unwrap_or_default());
        let response = request.send().await.expect("the homeserver answers");
        assert!(response.status().is_success(), "{}", response.status());
        response.bytes().await.expect("all of them come").to_vec()
    }

    /// Asks for the picture that a user shows; none where she shows none.
    pub async fn face_of(&self, user: &UserId) -> Option<OwnedMxcUri> {
        let request = reqwest::Client::new()
            .get(self.at(&format!("/_matrix/client/v3/profile/{user}/avatar_url")))
            .bearer_auth(self.client.access_token().unwrap_or_default());
        let answer: serde_json::Value = request.send().await.ok()?.json().await.ok()?;
        answer.get("avatar_url")?.as_str().map(OwnedMxcUri::from)
    }

    /// Names her; none before she is signed in.
    pub fn user_id(&self) -> Option<&UserId> {
        self.client.user_id()
    }

    /// Gives the token of her session.
    pub fn token(&self) -> String {
        self.client.access_token().unwrap_or_default()
    }

    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.client.homeserver().as_str().trim_end_matches('/'))
    }

    /// Shows that she writes, or stopped.
    ///
    /// # Errors
    /// What the client says.
    pub async fn typing(&self, room: &OwnedRoomId, on: bool) -> Result<(), matrix_sdk::Error> {
        self.room(room).await.typing_notice(on).await
    }

    /// Waits until she saw something; gives the first of its kind.
    ///
    /// # Panics
    /// After the deadline, with everything she saw.
    pub async fn sees<T>(
        &self,
        deadline: Duration,
        what: &str,
        wanted: impl Fn(&Seen) -> Option<T>,
    ) -> T {
        let what = || format!("{what}; seen: {:#?}", self.all());
        let end = tokio::time::Instant::now() + deadline;
        loop {
            if let Some(found) = self.seen().iter().find_map(&wanted) {
                return found;
            }
            assert!(tokio::time::Instant::now() < end, "after {deadline:?} still not: {}", what());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits for an answer that holds some words.
    ///
    /// # Panics
    /// As [`sees`](Self::sees).
    pub async fn hears(&self, words: &str) -> Seen {
        self.hears_within(Duration::from_secs(30), words).await
    }

    /// The same, where it may take another time.
    ///
    /// # Panics
    /// As [`sees`](Self::sees).
    pub async fn hears_within(&self, deadline: Duration, words: &str) -> Seen {
        let holds = |seen: &Seen| match seen {
            Seen::Message { body, .. } if body.contains(words) => Some(seen.clone()),
            _ => None,
        };
        self.sees(deadline, &format!("{words:?}"), holds).await
    }

    /// Gives everything she saw.
    pub fn all(&self) -> Vec<Seen> {
        self.seen().clone()
    }

    /// Forgets what she saw.
    pub fn forget(&self) {
        self.seen().clear();
    }

    fn seen(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn room(&self, room: &OwnedRoomId) -> Room {
        wait_until(Duration::from_secs(10), "the room is known", || {
            let found = self.client.get_room(room).filter(|room| room.state() == RoomState::Joined);
            async move { found }
        })
        .await
    }
}

impl Drop for MatrixUser {
    fn drop(&mut self) {
        self.sync.abort();
    }
}

/// Gives the file of a message that is one.
fn file_of(event: &OriginalSyncRoomMessageEvent, keys: &FileKeys) -> Option<Seen> {
    let (name, source, mime) = match &event.content.msgtype {
        MessageType::Image(image) => {
            let mime = image.info.as_ref().and_then(|info| info.mimetype.clone());
            (image.filename(), &image.source, mime)
        }
        MessageType::File(file) => {
            let mime = file.info.as_ref().and_then(|info| info.mimetype.clone());
            (file.filename(), &file.source, mime)
        }
        _ => return None,
    };
    let address = match source {
        MediaSource::Plain(address) => address.clone(),
        MediaSource::Encrypted(file) => {
            let mut keys = keys.lock().unwrap_or_else(PoisonError::into_inner);
            keys.insert(file.url.clone(), (**file).clone());
            file.url.clone()
        }
    };
    let (event, name) = (event.event_id.clone(), name.to_owned());
    Some(Seen::File { event, name, mime, address })
}

fn listen(client: &Client, seen: &Arc<Mutex<Vec<Seen>>>, keys: &FileKeys) {
    let note = |seen: &Arc<Mutex<Vec<Seen>>>, what: Seen| {
        seen.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    };
    let (list, keys) = (Arc::clone(seen), Arc::clone(keys));
    client.add_event_handler(move |event: OriginalSyncRoomMessageEvent, room: Room| {
        let (list, keys) = (Arc::clone(&list), Arc::clone(&keys));
        async move {
            let member = room.get_member_no_sync(&event.sender).await.ok().flatten();
            let name = member.and_then(|member| member.display_name().map(str::to_owned));
            let notice = matches!(event.content.msgtype, MessageType::Notice(_));
            if let Some(file) = file_of(&event, &keys) {
                note(&list, file);
            }
            note(
                &list,
                Seen::Message {
                    room: room.room_id().to_owned(),
                    event: event.event_id,
                    sender: event.sender,
                    name,
                    body: event.content.body().to_owned(),
                    notice,
                },
            );
        }
    });
    let list = Arc::clone(seen);
    client.add_event_handler(move |event: SyncRoomRedactionEvent| {
        let list = Arc::clone(&list);
        async move {
            if let SyncRoomRedactionEvent::Original(event) = event
                && let Some(target) = event.redacts.or(event.content.redacts)
            {
                note(&list, Seen::Redacted { event: target });
            }
        }
    });
    let list = Arc::clone(seen);
    client.add_event_handler(move |event: PresenceEvent| {
        let list = Arc::clone(&list);
        async move {
            let (user, words) = (event.sender, event.content.status_msg);
            let state = event.content.presence.to_string();
            note(&list, Seen::Presence { user, state, words });
        }
    });
    let list = Arc::clone(seen);
    client.add_event_handler(move |event: SyncTypingEvent, room: Room| {
        let list = Arc::clone(&list);
        async move {
            let room = room.room_id().to_owned();
            note(&list, Seen::Typing { room, users: event.content.user_ids });
        }
    });
    let list = Arc::clone(seen);
    client.add_event_handler(move |_: AnySyncTimelineEvent, raw: RawEvent| {
        let list = Arc::clone(&list);
        async move {
            let event: serde_json::Value = serde_json::from_str(raw.get()).unwrap_or_default();
            let kind = event.get("type").and_then(|kind| kind.as_str());
            let content = event.get("content").cloned().unwrap_or_default();
            let of = content.pointer("/m.relates_to/event_id").and_then(|of| of.as_str());
            if kind == Some("com.beeper.message_send_status")
                && let Some(of) = of.map(str::to_owned)
            {
                note(&list, Seen::Status { of, content });
            }
        }
    });
    let me = client.user_id().map(ToOwned::to_owned);
    client.add_event_handler(move |event: StrippedRoomMemberEvent, room: Room| {
        let mine = me.as_ref().is_some_and(|me| event.state_key == *me);
        async move {
            if mine {
                // Invited twice, the second time finds her there.
                let _ = room.join().await;
            }
        }
    });
}
