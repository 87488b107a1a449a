//! The scripted contacts: what they show, give and take.

use msnp::{ChatId, Event, Events, Extra, FileContext, Handle, PeerEvent, Protocol, Text, Version};
use msnp_server::{Script, User};

use crate::{
    ADA, World, seen, text_of,
    transfers::{offered, receive, send},
};

const PERFORMER: &str = "Performer@example.com";

async fn fetched(ada: &Handle, events: &mut Events, description: &str) -> Vec<u8> {
    ada.fetch_object(&ChatId::with(PERFORMER), PERFORMER, description).await.expect("it goes on");
    let object = |event: &Event| match event {
        Event::Transfer(PeerEvent::Object { bytes, .. }) => Some(bytes.clone()),
        _ => None,
    };
    seen(events, object).await
}

async fn told(ada: &Handle, words: &str) {
    ada.send_text(&ChatId::with(PERFORMER), Text::plain(words)).await.expect("it goes on");
}

#[tokio::test]
async fn a_performer_shows_gives_and_takes_in_each_version() {
    let performer = User::new(PERFORMER, "x", "Performer", &[ADA]);
    let world = World::of(vec![performer.with_script(Script::Performer)]).await;
    for version in [Version::Msnp9, Version::Msnp12, Version::Msnp15, Version::Msnp18] {
        let (ada, mut events) =
            msnp::connect(world.config(ADA, Protocol::Exactly(version))).await.unwrap();
        let shown = || ada.contact(PERFORMER).and_then(|performer| performer.object);
        let description = match shown() {
            Some(description) => description,
            None => seen(&mut events, |_| shown()).await,
        };
        let picture = fetched(&ada, &mut events, &description).await;
        assert!(picture.starts_with(b"\x89PNG") && picture.len() > 9000, "{version}");

        told(&ada, "Nudge").await;
        let nudges = |event: &Event| matches!(event, Event::Nudge { .. }).then_some(());
        seen(&mut events, nudges).await;

        told(&ada, "emoticon").await;
        let emoticons = seen(&mut events, |event| match event {
            Event::Extra { extra: Extra::Emoticons(list), .. } => Some(list.clone()),
            _ => None,
        });
        let emoticons = emoticons.await;
        let words = seen(&mut events, text_of).await.1;
        assert!(words.contains(&emoticons[0].shortcut), "{version}: {words}");
        let emoticon = fetched(&ada, &mut events, &emoticons[0].description).await;
        assert!(emoticon.starts_with(b"\x89PNG"), "{version}");

        for (word, begins) in [("voice", b"RIFF"), ("wink", b"MSCF")] {
            told(&ada, word).await;
            let description = seen(&mut events, |event| match event {
                Event::Extra {
                    extra: Extra::Voice(description) | Extra::Wink(description),
                    ..
                } => Some(description.clone()),
                _ => None,
            });
            let description = description.await;
            let clip = fetched(&ada, &mut events, &description).await;
            assert!(clip.starts_with(begins), "{version}: {word}");
        }

        told(&ada, "file").await;
        let (transfer, file) = seen(&mut events, offered).await;
        assert_eq!((file.name.as_str(), file.size), ("numbers.txt", 23_893));
        ada.accept_file(transfer).await.unwrap();
        let numbers: String = (1..=5000).map(|number| format!("{number}\n")).collect();
        let came = receive(&mut events, transfer).await;
        assert_eq!(came, Ok(numbers.into_bytes()), "{version}");
        assert_eq!(seen(&mut events, text_of).await.1, "You have numbers.txt now.");

        told(&ada, "file").await;
        let (transfer, _) = seen(&mut events, offered).await;
        ada.cancel_transfer(transfer).await.unwrap();
        let words = seen(&mut events, text_of).await.1;
        assert_eq!(
            words, "I do not know that you have numbers.txt: the other side declined.",
            "{version}"
        );
        ada.sign_out().await;
        events.finish().await;
    }
    world.network.shutdown().await;
}

#[tokio::test]
async fn every_script_takes_files_and_says_what_came() {
    for script in [Script::Echo, Script::Greeter, Script::Nudger, Script::Performer] {
        let performer = User::new(PERFORMER, "x", "Performer", &[ADA]).with_script(script);
        let world = World::of(vec![performer]).await;
        for version in [Version::Msnp15, Version::Msnp18] {
            let (ada, mut events) =
                msnp::connect(world.config(ADA, Protocol::Exactly(version))).await.unwrap();
            // Both hashes are known from elsewhere.
            for (bytes, hash) in [
                (
                    b"abc".to_vec(),
                    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                ),
                (
                    vec![b'a'; 1_000_000],
                    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
                ),
            ] {
                let size = u64::try_from(bytes.len()).unwrap();
                let name = "..\\a.txt".to_owned();
                let file = FileContext { size, name, preview: Vec::new() };
                let chat = ChatId::with(PERFORMER);
                let own = ada.offer_file(&chat, PERFORMER, file).await.unwrap();
                assert_eq!(send(&ada, &mut events, own, &bytes).await, Ok(()), "{script:?}");
                let wanted = format!("a.txt: {size} bytes, SHA-256 {hash}");
                let says = |event: &Event| text_of(event).filter(|(_, words)| *words == wanted);
                seen(&mut events, says).await;
            }
            ada.sign_out().await;
            events.finish().await;
        }
        world.network.shutdown().await;
    }
}
