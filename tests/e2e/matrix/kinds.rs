//! What is neither words nor a plain file: pictures for letters, calls, stickers, clips, old messages.

use std::sync::Arc;

use msnp::{ChatId, Emoticon, Event, Events, Extra, Handle, Ink, Object, PeerEvent, Text};
use msnp_server::Directory as _;
use serde_json::{Value, json};
use testkit::{MxcUri, RoomId, Seen, wait_until};
use tokio::time::timeout;

use super::{ACCOUNT, BOB, World, bob_is_online_for_ada};
use crate::support::{SOON, hears};

/// A picture of one pixel that could move.
const GIF: &[u8] = &[
    b'G', b'I', b'F', b'8', b'9', b'a', 1, 0, 1, 0, 0x80, 0, 0, 0xFF, 0, 0, 0, 0, 0, 0x21, 0xF9, 4,
    0, 10, 0, 0, 0, 0x2C, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0, 0x3B,
];

/// Two sides that know each other, and the room they talk in.
struct Scene {
    world: World,
    room: RoomId,
    bob: Handle,
    events: Events,
}

impl Scene {
    async fn new() -> Self {
        let world = World::new().await;
        let management = world.log_in().await;
        // One that can leave words for who is away.
        let server = world.network.addresses().notification.to_string();
        let mut config = msnp::Config::new(server, BOB, "hunter2".to_owned().into());
        config.services_url = Some(world.network.services_url());
        let (bob, events) = msnp::connect(config).await.expect("he signs in");
        bob_is_online_for_ada(&world.ada, &management).await;
        say(&bob, "hello").await;
        let Seen::Message { room, .. } = world.ada.hears("hello").await else {
            panic!("a message")
        };
        Self { world, room, bob, events }
    }

    /// Waits for a message of the other side, and gives it as the homeserver has it.
    async fn whole(&self, words: &str) -> Value {
        let Seen::Message { event, .. } = self.world.ada.hears(words).await else {
            panic!("a message")
        };
        self.world.ada.event(&self.room, &event).await
    }

    async fn next(&mut self) -> Event {
        let next = timeout(SOON, self.events.next()).await.expect("something happens");
        next.expect("the session goes on")
    }

    /// Fetches something that the account of the bridge shows.
    async fn fetch(&mut self, description: &str) -> Vec<u8> {
        let chat = ChatId::with(ACCOUNT);
        self.bob.fetch_object(&chat, ACCOUNT, description).await.expect("it is asked for");
        loop {
            match self.next().await {
                Event::Transfer(PeerEvent::Object { bytes, .. }) => return bytes,
                Event::Transfer(PeerEvent::Ended { outcome, .. }) => outcome.expect("it comes"),
                _ => {}
            }
        }
    }
}

async fn say(bob: &Handle, words: &str) {
    bob.send_text(&ChatId::with(ACCOUNT), Text::plain(words)).await.expect("it is said");
}

async fn show(bob: &Handle, extra: Extra) {
    bob.send_extra(&ChatId::with(ACCOUNT), extra).await.expect("it is shown");
}

/// Describes a picture for letters that Bob has, or only says he has.
fn emoticon(letters: &str, picture: &[u8]) -> (Object, Emoticon) {
    let object = Object::describing(BOB, Object::EMOTICON, "cat.gif", picture);
    let description = object.write();
    (object, Emoticon { shortcut: letters.to_owned(), description, moves: true })
}

fn text(value: &Value, path: &str) -> String {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn custom_emoticons_are_pictures_on_both_sides() {
    let mut scene = Scene::new().await;
    let (object, cat) = emoticon(":cat:", GIF);
    scene.bob.serve_object(object, Arc::from(GIF)).await.expect("there is room");
    show(&scene.bob, Extra::Emoticons(vec![cat.clone()])).await;
    say(&scene.bob, "look, a :cat: <b> :cat:").await;
    let seen = scene.whole("look, a").await;
    let html = text(&seen, "/content/formatted_body");
    let source = html.split_once("src=\"").and_then(|(_, rest)| rest.split_once('"'));
    let address = MxcUri::from(source.unwrap_or_else(|| panic!("a picture in {html:?}")).0);
    let tag = format!(
        "<img data-mx-emoticon src=\"{address}\" alt=\":cat:\" title=\":cat:\" height=\"32\">"
    );
    assert_eq!(html, format!("look, a {tag} &lt;b&gt; {tag}"));
    assert_eq!(text(&seen, "/content/body"), "look, a :cat: <b> :cat:");
    assert_eq!(scene.world.ada.fetch(&address).await, GIF);

    // It is in the contact's pack, and not uploaded again when he shows it again.
    let key = "msn_bob.smith=40example.com";
    let ada = &scene.world.ada;
    let pack = || ada.state(&scene.room, "im.ponies.room_emotes", key);
    let pack = wait_until(SOON, "there is a pack", pack).await;
    assert_eq!(text(&pack, "/images/cat/url"), address.as_str(), "{pack}");
    assert_eq!(text(&pack, "/pack/display_name"), "Emoticons of Bob ☃ Smith");
    show(&scene.bob, Extra::Emoticons(vec![cat])).await;
    say(&scene.bob, "again :cat:").await;
    let again = scene.whole("again").await;
    assert!(text(&again, "/content/formatted_body").contains(address.as_str()), "{again}");

    // Pictures that never come, a hundred of them, letters that look like HTML: the words come.
    let missing: Vec<Emoticon> = (0..50)
        .map(|number| emoticon(&format!("<{number}>"), format!("never {number}").as_bytes()).1)
        .collect();
    show(&scene.bob, Extra::Emoticons(missing)).await;
    let words: String = (0..50).map(|number| format!("<{number}>")).collect();
    say(&scene.bob, &words).await;
    let seen = scene.whole(&words).await;
    assert_eq!(text(&seen, "/content/formatted_body"), "", "{seen}");

    // And back: the picture is shown before the words, and given to who asks.
    let own = scene.world.ada.put(GIF).await;
    let html = format!("my <img data-mx-emoticon src=\"{own}\" alt=\":own:\" height=\"32\"> too");
    scene.world.ada.say_html(&scene.room, "my :own: too", &html).await.expect("it is said");
    let (told, words) = loop {
        if let Event::Extra { extra: Extra::Emoticons(told), .. } = scene.next().await {
            let Event::Message { text, .. } = hears(&mut scene.events, "my").await else {
                panic!("words")
            };
            break (told, text.words);
        }
    };
    assert_eq!(
        (told.len(), told[0].shortcut.as_str(), words.as_str()),
        (1, ":own:", "my :own: too")
    );
    let picture = scene.fetch(&told[0].description).await;
    assert_eq!(picture, GIF, "and what it is said to be, for it was fetched");

    // What is no picture stays letters.
    let own = scene.world.ada.put(b"\x89PNG\r\n\x1a\nno picture at all").await;
    let html = format!("no <img data-mx-emoticon src=\"{own}\" alt=\":own:\"> picture");
    scene.world.ada.say_html(&scene.room, "no :own: picture", &html).await.expect("it is said");
    loop {
        match scene.next().await {
            Event::Extra { extra, .. } => panic!("{extra:?}"),
            Event::Message { text, .. } if text.words == "no :own: picture" => break,
            _ => {}
        }
    }
    scene.world.network.shutdown().await;
}

#[tokio::test]
async fn calls_ring_a_finger_calls_back_and_old_words_keep_their_time() {
    let mut scene = Scene::new().await;
    let chat = ChatId::with(ACCOUNT);
    for _ in 0..2 {
        scene.bob.send_nudge(&chat).await.expect("it is sent");
    }
    let calls = |seen: &[Seen]| -> Vec<_> {
        let calls = seen.iter().filter_map(|seen| match seen {
            Seen::Message { body, event, .. } if body == "sent a nudge" => Some(event.clone()),
            _ => None,
        });
        calls.collect()
    };
    let both = || async { Some(calls(&scene.world.ada.all())).filter(|calls| calls.len() == 2) };
    let both = wait_until(SOON, "both calls are shown", both).await;
    let mut rang = Vec::new();
    for event in &both {
        let call = scene.world.ada.event(&scene.room, event).await;
        assert_eq!(call.pointer("/content/net.msnbridge.nudge"), Some(&json!(true)), "{call}");
        assert_eq!(text(&call, "/content/msgtype"), "m.emote");
        rang.push(text(&call, "/content/m.mentions/user_ids/0"));
    }
    assert_eq!(rang, ["@ada:example.test", ""]);

    let finger = json!({ "m.relates_to": {
        "rel_type": "m.annotation", "event_id": both.first(), "key": "👉🏽",
    }});
    scene.world.ada.send(&scene.room, "m.reaction", finger).await.expect("it is sent");
    while !matches!(scene.next().await, Event::Nudge { .. }) {}

    // What was said while she was away was said then, not when she is back.
    assert!(scene.world.bridge.take().expect("it runs").stop().await);
    wait_until(SOON, "the words are kept for Ada", || async {
        scene.bob.leave_offline(ACCOUNT, "in those days").await.ok()
    })
    .await;
    let kept = scene.world.people.offline(ACCOUNT).await;
    let at = kept.first().expect("it is kept").sent;
    scene.world.start_bridge().await;
    let seen = scene.whole("in those days").await;
    assert_eq!(seen.pointer("/origin_server_ts"), Some(&json!(at * 1000)), "{seen}");
    scene.world.network.shutdown().await;
}

/// A sound in the container of MSN's clients, in a codec of their own or another.
fn sound(tag: u16) -> Vec<u8> {
    let mut sound = b"RIFF\x40\0\0\0WAVEfmt \x10\0\0\0".to_vec();
    sound.extend(tag.to_le_bytes());
    sound.extend([1, 0, 0x80, 0x3E, 0, 0, 0, 0x7D, 0, 0, 2, 0, 16, 0]);
    sound.extend_from_slice(b"data\x20\0\0\0");
    sound.extend([7; 32]);
    sound
}

/// A wink: a cabinet that holds a picture, as it is.
fn wink(picture: &[u8]) -> Vec<u8> {
    let size = u32::try_from(picture.len()).expect("it is small");
    let mut cabinet = b"MSCF\0\0\0\0".to_vec();
    for word in [0, 0, 44, 0] {
        cabinet.extend(u32::to_le_bytes(word));
    }
    cabinet.extend([3, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    cabinet.extend(u32::to_le_bytes(67));
    cabinet.extend([1, 0, 0, 0]);
    cabinet.extend(size.to_le_bytes());
    cabinet.extend([0; 12]);
    cabinet.extend_from_slice(b"a.gif\0\0");
    cabinet.extend([0; 4]);
    let half = u16::try_from(size).expect("it is small").to_le_bytes();
    cabinet.extend([half, half].concat());
    cabinet.extend_from_slice(picture);
    cabinet
}

#[tokio::test]
async fn clips_winks_drawings_and_stickers_cross_as_what_the_other_side_can_show() {
    let mut scene = Scene::new().await;
    let own = "A voice clip in Messenger's own codec";
    for (tag, kind, body) in [(1, "m.audio", "voice.wav"), (0x028E, "m.file", own)] {
        let clip = sound(tag);
        let object = Object::describing(BOB, Object::VOICE, "voice.wav", &clip);
        let description = object.write();
        scene.bob.serve_object(object, Arc::from(clip.as_slice())).await.expect("there is room");
        show(&scene.bob, Extra::Voice(description)).await;
        let seen = scene.whole(body).await;
        let told = (text(&seen, "/content/msgtype"), text(&seen, "/content/filename"));
        assert_eq!(told, (kind.to_owned(), "voice.wav".to_owned()), "{seen}");
        let address = MxcUri::from(text(&seen, "/content/url"));
        assert_eq!(scene.world.ada.fetch(&address).await, clip);
        let spoken = seen.pointer("/content/org.matrix.msc3245.voice").is_some();
        assert_eq!(spoken, kind == "m.audio", "{seen}");
    }

    // One that its client does not have any more.
    let gone = Object::describing(BOB, Object::VOICE, "voice.wav", b"gone").write();
    show(&scene.bob, Extra::Voice(gone)).await;
    scene.world.ada.hears("sent a voice clip, which did not arrive").await;

    let animation = wink(GIF);
    let mut object = Object::describing(BOB, Object::WINK, "0", &animation);
    object.friendly = "QgBvAG8AAAA=".to_owned(); // Boo
    let description = object.write();
    scene.bob.serve_object(object, Arc::from(animation)).await.expect("there is room");
    show(&scene.bob, Extra::Wink(description)).await;
    let seen = scene.whole("sent a wink: Boo").await;
    assert_eq!(text(&seen, "/content/msgtype"), "m.image", "{seen}");
    let address = MxcUri::from(text(&seen, "/content/url"));
    assert!(!scene.world.ada.fetch(&address).await.is_empty());
    let gone = Object::describing(BOB, Object::WINK, "0", b"gone").write();
    show(&scene.bob, Extra::Wink(gone)).await;
    let seen = scene.whole("sent a wink: a wink").await;
    assert_eq!(text(&seen, "/content/msgtype"), "m.emote", "{seen}");

    // Handwriting is the picture it is, byte for byte; strokes are told of.
    show(&scene.bob, Extra::Ink(Ink::Gif(GIF.to_vec()))).await;
    let seen = scene.whole("drawing.gif").await;
    assert_eq!(text(&seen, "/content/msgtype"), "m.image", "{seen}");
    let address = MxcUri::from(text(&seen, "/content/url"));
    assert_eq!(scene.world.ada.fetch(&address).await, GIF);
    show(&scene.bob, Extra::Ink(Ink::Strokes(vec![1; 100]))).await;
    scene.whole("sent a drawing that cannot be shown here").await;

    let address = scene.world.ada.put(GIF).await;
    let sticker = json!({
        "body": "A waving cat", "url": address,
        "info": { "mimetype": "image/gif", "size": GIF.len(), "w": 1, "h": 1 },
    });
    scene.world.ada.send(&scene.room, "m.sticker", sticker).await.expect("it is sent");
    let (transfer, told) = loop {
        if let Event::Transfer(PeerEvent::Offered { transfer, file, .. }) = scene.next().await {
            break (transfer, file);
        }
    };
    assert_eq!(told.name, "A waving cat.gif");
    scene.bob.accept_file(transfer).await.expect("it is offered");
    let mut received = Vec::new();
    loop {
        match scene.next().await {
            Event::Transfer(PeerEvent::Data { bytes, .. }) => received.extend(bytes),
            Event::Transfer(PeerEvent::Ended { outcome, .. }) => {
                assert_eq!(outcome, Ok(()));
                break;
            }
            _ => {}
        }
    }
    assert_eq!(received, GIF);
    scene.world.network.shutdown().await;
}
