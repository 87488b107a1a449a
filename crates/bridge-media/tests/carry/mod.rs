//! What a core makes of files: fetched once, in order, made to fit, or reported.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bridge_core::{
    Adapter, AdapterContext, AdapterExit, Core, CoreConfig, DeliverError, MediaStream, Parts,
    Relay, SealKey, Spool,
    adapter::{CommandOrigin, Reply},
    id::{
        IdempotencyKey, MediaId, MessageId, NetworkId, PersonaId, PortalId, RoomId, SourceId,
        Timestamp,
    },
    media::PictureBounds,
    model::{
        Attachment, AttachmentKind, Capabilities, Content, CustomEmoticon, Delivery, DeliveryState,
        Event, EventKind, Membership, Persona, Receipt, RoomSpec, Scope, ShownFates, Signal,
        UserId,
    },
    store::MemoryStore,
};
use bridge_media::{FileSpool, Signer};
use tempfile::TempDir;

use crate::support::{LIMITS, stream_of, until};

/// A platform that has one file and notes what it is given.
struct Place {
    network: &'static str,
    capabilities: Capabilities,
    file: Vec<u8>,
    /// What the next attempts to open the file end in.
    errors: Mutex<VecDeque<DeliverError>>,
    opened: AtomicUsize,
    given: Mutex<Vec<String>>,
    taken: Mutex<Vec<Vec<u8>>>,
}

impl Place {
    fn new(network: &'static str, capabilities: Capabilities, file: &[u8]) -> Arc<Self> {
        Arc::new(Self {
            network,
            capabilities,
            file: file.to_vec(),
            errors: Mutex::default(),
            opened: AtomicUsize::new(0),
            given: Mutex::default(),
            taken: Mutex::default(),
        })
    }

    fn given(&self) -> Vec<String> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn fails_with(&self, error: DeliverError) {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner).push_back(error);
    }
}

#[async_trait]
impl Adapter for Place {
    fn network(&self) -> NetworkId {
        NetworkId::new(self.network)
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn is_ready(&self) -> bool {
        true
    }

    async fn run(self: Arc<Self>, cx: AdapterContext) -> AdapterExit {
        cx.cancel.cancelled().await;
        AdapterExit::Cancelled
    }

    async fn create_room(&self, spec: &RoomSpec) -> Result<RoomId, DeliverError> {
        Ok(RoomId::new(spec.portal.to_string()))
    }

    async fn find_room(&self, _: PortalId) -> Result<Option<RoomId>, DeliverError> {
        Ok(None)
    }

    async fn invite(&self, _: &RoomId, _: &UserId) -> Result<(), DeliverError> {
        Ok(())
    }

    async fn set_membership(
        &self,
        _: &RoomId,
        _: &Persona,
        _: Membership,
    ) -> Result<(), DeliverError> {
        Ok(())
    }

    async fn deliver(&self, _: &RoomId, item: &Delivery) -> Result<Receipt, DeliverError> {
        let words = match &item.event.kind {
            EventKind::File(_) => {
                let media = item.media.as_ref().expect("the file comes with its event");
                let bytes = media.open().await?.read_all(u64::MAX).await?;
                self.taken.lock().unwrap_or_else(PoisonError::into_inner).push(bytes);
                format!("{} ({})", media.name, media.mime)
            }
            EventKind::Message(content) => {
                assert_eq!(content.emoticons.len(), item.pictures.len(), "each has its picture");
                for picture in &item.pictures {
                    let bytes = picture.open().await?.read_all(u64::MAX).await?;
                    self.taken.lock().unwrap_or_else(PoisonError::into_inner).push(bytes);
                }
                content.text.plain.clone()
            }
            EventKind::Delivery { state: DeliveryState::Failed { tell_user, .. }, .. } => {
                format!("failed: {tell_user}")
            }
            kind => format!("{kind:?}"),
        };
        self.given.lock().unwrap_or_else(PoisonError::into_inner).push(words);
        Ok(Receipt { messages: vec![MessageId::new(item.key.to_string())], ..Receipt::default() })
    }

    async fn open_media(&self, _: &MediaId) -> Result<MediaStream, DeliverError> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        let error = self.errors.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        error.map_or_else(|| Ok(stream_of(&self.file, 1000)), Err)
    }

    async fn signal(&self, _: &RoomId, _: &Persona, _: &Signal) -> Result<(), DeliverError> {
        Ok(())
    }

    async fn reply(
        &self,
        _: &CommandOrigin,
        _: &Reply,
        _: IdempotencyKey,
    ) -> Result<(), DeliverError> {
        Ok(())
    }

    async fn conceal(&self, _: &CommandOrigin) -> Result<(), DeliverError> {
        Ok(())
    }
}

const FILES: Capabilities = Capabilities {
    fates: ShownFates::All,
    files: true,
    idempotent: true,
    speakers: true,
    ..Capabilities::NONE
};
const WORDS: Capabilities = Capabilities { files: false, ..FILES };

/// A core with one conversation of several places.
struct World {
    core: Core,
    said: AtomicUsize,
    _home: TempDir,
}

impl World {
    async fn of(places: &[&Arc<Place>], public: bool) -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let life = Duration::from_secs(3600);
        let signer = public.then(|| Signer::new(&[7; 32], "https://b.example", life));
        let spool = FileSpool::open(home.path(), LIMITS, signer).expect("it opens");
        let spool: Arc<dyn Spool> = Arc::new(spool);
        let room = |place: &&Arc<Place>| (NetworkId::new(place.network), RoomId::new("room"));
        let parts = Parts {
            adapters: places.iter().map(|&place| -> Arc<dyn Adapter> { place.clone() }).collect(),
            relays: vec![Relay {
                name: "lounge".to_owned(),
                chats: Vec::new(),
                rooms: places.iter().map(room).collect(),
            }],
            media: Some(spool),
            ..Parts::default()
        };
        let config = CoreConfig {
            retry: (Duration::from_millis(20), Duration::from_millis(100)),
            ..CoreConfig::default()
        };
        let key = SealKey::from_bytes(&[7; 32]).expect("32 bytes");
        let core = Core::open(Arc::new(MemoryStore::default()), key, config, parts).await;
        let mut core = core.expect("it opens");
        core.start().await.expect("it starts");
        Self { core, said: AtomicUsize::new(0), _home: home }
    }

    async fn says(&self, kind: EventKind) {
        let id = self.said.fetch_add(1, Ordering::Relaxed).to_string();
        let network = NetworkId::new("here");
        let event = Event {
            network: network.clone(),
            source: SourceId::new(id.as_str()),
            message: Some(MessageId::new(id)),
            at: Timestamp::now(),
            scope: Scope::Room(RoomId::new("room")),
            sender: Persona { network, id: PersonaId::new("ada"), name: Some("Ada".to_owned()) },
            kind,
        };
        self.core.inbox().accept_all(vec![event], None).await.expect("it is accepted");
    }

    async fn sends(&self, name: &str, size: Option<u64>) {
        self.says(EventKind::File(Attachment {
            media: MediaId::new(name),
            name: name.to_owned(),
            kind: AttachmentKind::Picture,
            mime: Some("text/html".to_owned()),
            size,
            caption: None,
            link: None,
        }))
        .await;
    }

    async fn writes(&self, words: &str) {
        self.says(EventKind::Message(Content::plain(words))).await;
    }

    /// Writes words in which letters stand for pictures.
    async fn draws(&self, words: &str, pictures: usize) {
        let mut content = Content::plain(words);
        let named = (0..pictures).map(|number| CustomEmoticon {
            shortcut: format!(":{number}:"),
            media: MediaId::new(format!("picture {number}")),
        });
        content.emoticons = named.collect();
        self.says(EventKind::Message(content)).await;
    }

    async fn settles(&self) {
        until("all rows pass", || self.core.status().waiting_rows == 0).await;
    }
}

const GIF: &[u8] = b"GIF89a\x01\0\x01\0\0\0\0;";

#[tokio::test]
async fn a_file_is_fetched_once_for_all_and_keeps_its_place_among_the_words() {
    let here = Place::new("here", FILES, GIF);
    let (there, third) = (Place::new("there", FILES, b""), Place::new("third", FILES, b""));
    let world = World::of(&[&here, &there, &third], false).await;
    here.fails_with(DeliverError::retry("not now"));
    here.fails_with(DeliverError::Ambiguous("perhaps".into()));
    world.writes("before").await;
    world.sends("cat.gif", None).await;
    world.writes("after").await;
    world.settles().await;
    for place in [&there, &third] {
        assert_eq!(place.given(), ["before", "cat.gif (image/gif)", "after"]);
        assert_eq!(place.taken.lock().unwrap().as_slice(), [GIF]);
    }
    assert_eq!(here.opened.load(Ordering::Relaxed), 3, "two failures and one success");
    assert!(here.given().is_empty());
}

#[tokio::test]
async fn where_no_files_go_an_address_does_or_the_sender_is_told() {
    let (here, there) = (Place::new("here", FILES, GIF), Place::new("there", WORDS, b""));
    let world = World::of(&[&here, &there], true).await;
    world.sends("cat.gif", Some(14)).await;
    world.settles().await;
    let given = there.given();
    let wanted = "sent a picture: cat.gif, 14 bytes, until 20";
    assert!(given[0].starts_with(wanted) && given[0].contains(" at https://b.example/media/"));
    assert!(here.given().is_empty());

    let (here, there) = (Place::new("here", FILES, GIF), Place::new("there", WORDS, b""));
    let world = World::of(&[&here, &there], false).await;
    world.sends("cat.gif", Some(14)).await;
    until("Ada is told", || !here.given().is_empty()).await;
    assert_eq!(there.given(), ["sent a picture: cat.gif, 14 bytes"]);
    assert!(here.given()[0].starts_with("failed: Only the file's name arrived"));
    assert_eq!(here.opened.load(Ordering::Relaxed), 0, "nothing is fetched that goes nowhere");
}

#[tokio::test]
async fn a_file_that_cannot_be_had_is_reported_and_what_follows_goes_on() {
    let (here, there) = (Place::new("here", FILES, GIF), Place::new("there", FILES, b""));
    let world = World::of(&[&here, &there], true).await;
    here.fails_with(DeliverError::Gone("it was deleted".into()));
    world.sends("gone.gif", None).await;
    world.sends("large.gif", Some(LIMITS.max_size + 1)).await;
    world.writes("after").await;
    until("both are told", || here.given().len() == 2).await;
    world.settles().await;
    assert_eq!(there.given(), ["after"]);
    let told = here.given();
    assert!(told[0].contains("not there any more: it was deleted"), "{told:?}");
    assert!(told[1].contains("too large: the bridge carries at most 1 MiB"), "{told:?}");
}

#[tokio::test]
async fn a_picture_too_large_for_a_place_is_made_smaller_and_another_file_gets_an_address() {
    let picture = image::RgbImage::from_fn(400, 400, |x, y| {
        image::Rgb([x.wrapping_mul(y).to_le_bytes()[0], y.to_le_bytes()[0], x.to_le_bytes()[0]])
    });
    let mut png = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut png, image::ImageFormat::Png).unwrap();
    let png = png.into_inner();
    assert!(png.len() > 20_000);
    let small = Capabilities { max_file: Some(20_000), ..FILES };
    let (here, there) = (Place::new("here", FILES, &png), Place::new("there", small, b""));
    let world = World::of(&[&here, &there], true).await;
    world.sends("noise.png", None).await;
    world.settles().await;
    assert_eq!(there.given(), ["noise.jpg (image/jpeg)"]);
    assert!(there.taken.lock().unwrap()[0].len() <= 20_000);

    let words = vec![b'a'; 30_000];
    let (here, there) = (Place::new("here", FILES, &words), Place::new("there", small, b""));
    let world = World::of(&[&here, &there], true).await;
    world.sends("words.txt", None).await;
    world.settles().await;
    assert!(there.given()[0].contains("words.txt, until"), "{:?}", there.given());
}

const DRAWS: Capabilities =
    Capabilities { emoticons: Some(PictureBounds { side: 50, bytes: 20_000 }), ..FILES };

fn square() -> Vec<u8> {
    let mut png = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(19, 19).write_to(&mut png, image::ImageFormat::Png).expect("it works");
    png.into_inner()
}

#[tokio::test]
async fn pictures_come_with_their_words_where_they_are_shown_and_only_so_many() {
    let picture = square();
    let here = Place::new("here", FILES, &picture);
    let (there, third) = (Place::new("there", DRAWS, b""), Place::new("third", FILES, b""));
    let world = World::of(&[&here, &there, &third], false).await;
    world.draws("two", 2).await;
    world.settles().await;
    assert_eq!(there.taken.lock().unwrap().as_slice(), [picture.clone(), picture]);
    assert_eq!((third.given(), third.taken.lock().unwrap().len()), (vec!["two".to_owned()], 0));
    assert_eq!(here.opened.load(Ordering::Relaxed), 2, "nothing is fetched that is not shown");
    world.draws("a hundred", 100).await;
    world.settles().await;
    assert_eq!(there.taken.lock().unwrap().len(), 2 + 20);
}

#[tokio::test]
async fn words_come_without_pictures_that_cannot_be_had_or_are_none() {
    // Not there, not there now, not a picture, and larger than any emoticon although it said nothing.
    let (here, there) = (Place::new("here", FILES, b"<svg/>"), Place::new("there", DRAWS, b""));
    let world = World::of(&[&here, &there], false).await;
    here.fails_with(DeliverError::Gone("it was deleted".into()));
    here.fails_with(DeliverError::retry("not now"));
    world.draws("letters", 3).await;
    let large = [square(), vec![0; 3 << 20]].concat();
    let (liar, elsewhere) = (Place::new("here", FILES, &large), Place::new("there", DRAWS, b""));
    let other = World::of(&[&liar, &elsewhere], false).await;
    other.draws("letters", 1).await;
    for (world, place) in [(&world, &there), (&other, &elsewhere)] {
        world.settles().await;
        assert_eq!(place.given(), ["letters"]);
        assert!(place.taken.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn one_at_a_time_fetches_a_picture_that_events_name() {
    let here = Place::new("here", FILES, b"");
    let world = World::of(&[&here], false).await;
    let (inbox, network) = (world.core.inbox(), NetworkId::new("elsewhere"));
    let picture = MediaId::new("sha1:x");
    let expect = || inbox.expect_picture(&network, &picture);
    let first = expect().await.expect("it is not here");
    assert!(expect().await.is_none(), "it is on its way");
    drop(first);
    let second = expect().await.expect("it did not come");
    second.keep(square()).await.expect("there is room");
    assert!(expect().await.is_none(), "it is here");
}
