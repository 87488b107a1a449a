//! Pictures, files and conversations of three, between two clients on the embedded network.

mod direct;

use std::sync::Arc;

use msnp::{
    ChatId, Emoticon, Event, Events, Extra, FileContext, Handle, Ink, Invitation, Object,
    PeerEvent, Protocol, Text, TransferError, TransferId, Version,
};

use crate::{ADA, BOB, ECHO, World, seen, text_of};

pub(crate) fn noise(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at * 31 % 251).unwrap_or_default()).collect()
}

/// Answers what is wanted of a file until it is over.
pub(crate) async fn send(
    handle: &Handle,
    events: &mut Events,
    own: TransferId,
    bytes: &[u8],
) -> Result<(), TransferError> {
    let mut sent = 0;
    loop {
        let event = seen(events, |event| match event {
            Event::Transfer(event) => Some(event.clone()),
            _ => None,
        });
        match event.await {
            PeerEvent::Wants { transfer, most } => {
                let end = (sent + most).min(bytes.len());
                let part = bytes.get(sent..end).unwrap_or_default().to_vec();
                handle.feed_file(transfer, part).await.expect("it goes on");
                sent = end;
            }
            PeerEvent::Ended { transfer, outcome } if transfer == own => return outcome,
            _ => {}
        }
    }
}

/// Takes a file whole.
pub(crate) async fn receive(
    events: &mut Events,
    wanted: TransferId,
) -> Result<Vec<u8>, TransferError> {
    let mut file = Vec::new();
    loop {
        let event = seen(events, |event| match event {
            Event::Transfer(event) => Some(event.clone()),
            _ => None,
        });
        match event.await {
            PeerEvent::Data { transfer, bytes } if transfer == wanted => file.extend(bytes),
            PeerEvent::Ended { transfer, outcome } if transfer == wanted => {
                return outcome.map(|()| file);
            }
            _ => {}
        }
    }
}

pub(crate) fn offered(event: &Event) -> Option<(TransferId, FileContext)> {
    match event {
        Event::Transfer(PeerEvent::Offered { transfer, file, .. }) => {
            Some((*transfer, file.clone()))
        }
        _ => None,
    }
}

#[tokio::test]
async fn pictures_and_files_travel_between_any_two_versions() {
    let world = World::new().await;
    let versions: Vec<Version> =
        Version::ALL.into_iter().filter(|version| version.has_objects()).collect();
    // Each with its own kind, and each with the oldest.
    let pairs =
        versions.iter().flat_map(|version| [(*version, *version), (*version, Version::Msnp9)]);
    // Those past the switchboards reach each other only.
    let meet = |(hers, his): &(Version, Version)| hers.has_switchboards() || hers == his;
    for (hers, his) in pairs.filter(meet) {
        let (ada, mut ada_events) =
            msnp::connect(world.config(ADA, Protocol::Exactly(hers))).await.unwrap();
        let (bob, mut bob_events) =
            msnp::connect(world.config(BOB, Protocol::Exactly(his))).await.unwrap();

        let image = noise(25_620);
        let picture = Object::describing(BOB, 3, "TFR1.tmp", &image);
        bob.serve_object(picture.clone(), Arc::from(image.as_slice())).await.unwrap();
        bob.set_picture(Some(picture)).await.unwrap();
        let shown = || ada.contact(BOB).and_then(|bob| bob.object);
        let description = match shown() {
            Some(description) => description,
            None => seen(&mut ada_events, |_| shown()).await,
        };
        ada.fetch_object(&ChatId::with(BOB), BOB, &description).await.unwrap();
        let came = seen(&mut ada_events, |event| match event {
            Event::Transfer(PeerEvent::Object { from, bytes, .. }) => {
                Some((from.clone(), bytes.clone()))
            }
            _ => None,
        });
        assert_eq!(came.await, (BOB.to_owned(), image), "{hers} and {his}");

        let bytes = noise(200_000);
        let file = FileContext {
            size: 200_000,
            name: "Käse & Brot.bin".to_owned(),
            preview: vec![1; 2000],
        };
        let own = ada.offer_file(&ChatId::with(BOB), BOB, file.clone()).await.unwrap();
        let (transfer, told) = seen(&mut bob_events, offered).await;
        assert_eq!(told, file, "{hers} and {his}");
        bob.accept_file(transfer).await.unwrap();
        let (sent, received) = tokio::join!(
            send(&ada, &mut ada_events, own, &bytes),
            receive(&mut bob_events, transfer)
        );
        assert_eq!((sent, received), (Ok(()), Ok(bytes)), "{hers} and {his}");
        // Words go on in the same conversation.
        bob.send_text(&ChatId::with(ADA), Text::plain("thank you")).await.unwrap();
        assert_eq!(seen(&mut ada_events, text_of).await.1, "thank you");

        ada.sign_out().await;
        bob.sign_out().await;
        tokio::join!(ada_events.finish(), bob_events.finish());
    }
    world.network.shutdown().await;
}

#[tokio::test]
async fn a_file_is_declined_and_one_under_way_is_given_up() {
    let world = World::new().await;
    let (ada, mut ada_events) = world.connect(ADA).await;
    let (bob, mut bob_events) = world.connect(BOB).await;
    let file = FileContext { size: 1_000_000, name: "a.bin".to_owned(), preview: Vec::new() };
    ada.offer_file(&ChatId::with(BOB), BOB, file.clone()).await.unwrap();
    let (transfer, _) = seen(&mut bob_events, offered).await;
    bob.cancel_transfer(transfer).await.unwrap();
    let ended = |event: &Event| match event {
        Event::Transfer(PeerEvent::Ended { outcome, .. }) => Some(*outcome),
        _ => None,
    };
    assert_eq!(seen(&mut ada_events, ended).await, Err(TransferError::Declined));

    let own = ada.offer_file(&ChatId::with(BOB), BOB, file).await.unwrap();
    let (transfer, _) = seen(&mut bob_events, offered).await;
    bob.accept_file(transfer).await.unwrap();
    let wants =
        |event: &Event| matches!(event, Event::Transfer(PeerEvent::Wants { .. })).then_some(());
    seen(&mut ada_events, wants).await;
    ada.feed_file(own, noise(50_000)).await.unwrap();
    let data =
        |event: &Event| matches!(event, Event::Transfer(PeerEvent::Data { .. })).then_some(());
    seen(&mut bob_events, data).await;
    ada.cancel_transfer(own).await.unwrap();
    let his = |event: &Event| match event {
        Event::Transfer(PeerEvent::Ended { transfer: over, outcome }) if *over == transfer => {
            Some(*outcome)
        }
        _ => None,
    };
    assert_eq!(seen(&mut bob_events, his).await, Err(TransferError::Cancelled));
    world.network.shutdown().await;
}

#[tokio::test]
async fn drawings_winks_actions_and_emoticons_arrive_as_they_were_sent() {
    let world = World::new().await;
    let (ada, mut ada_events) = world.connect(ADA).await;
    let (bob, _bob_events) = world.connect(BOB).await;
    let cat = Object::describing(BOB, 2, "cat.png", b"a cat");
    let emoticon =
        Emoticon { shortcut: ":cat:".to_owned(), description: cat.write(), moves: false };
    for extra in [
        Extra::Action("waves ☃".to_owned()),
        Extra::Emoticons(vec![emoticon]),
        Extra::Ink(Ink::Gif(noise(20_000))),
        Extra::Ink(Ink::Strokes(noise(10))),
        Extra::Voice(Object::describing(BOB, 11, "voice.wav", b"a word").write()),
        Extra::Wink(Object::describing(BOB, 8, "wink.cab", b"a wink").write()),
    ] {
        bob.send_extra(&ChatId::with(ADA), extra.clone()).await.unwrap();
        let came = seen(&mut ada_events, |event| match event {
            Event::Extra { from, extra, .. } => Some((from.clone(), extra.clone())),
            _ => None,
        });
        assert_eq!(came.await, (BOB.to_owned(), extra));
    }
    // What they describe is fetched as any picture, and one that lies about its bytes is not taken.
    let voice = Object::describing(BOB, Object::VOICE, "voice.wav", &noise(40_000));
    let wink = Object::describing(BOB, Object::WINK, "wink.cab", &noise(90_000));
    for (object, bytes) in [(cat, b"a cat".to_vec()), (voice, noise(40_000)), (wink, noise(90_000))]
    {
        bob.serve_object(object.clone(), Arc::from(bytes.as_slice())).await.unwrap();
        ada.fetch_object(&ChatId::with(BOB), BOB, &object.write()).await.unwrap();
        let came = seen(&mut ada_events, |event| match event {
            Event::Transfer(PeerEvent::Object { bytes, .. }) => Some(bytes.clone()),
            _ => None,
        });
        assert!(came.await == bytes, "{}", object.location);
    }
    let liar = Object::describing(BOB, Object::VOICE, "voice.wav", b"what was promised");
    bob.serve_object(liar.clone(), Arc::from(&b"something else..."[..])).await.unwrap();
    ada.fetch_object(&ChatId::with(BOB), BOB, &liar.write()).await.unwrap();
    let outcome = seen(&mut ada_events, |event| match event {
        Event::Transfer(PeerEvent::Ended { outcome: Err(error), .. }) => Some(*error),
        _ => None,
    });
    assert_eq!(outcome.await, TransferError::Corrupt);
    // An invitation is told of, and answered by itself.
    let call = Invitation {
        command: "INVITE".to_owned(),
        cookie: "77".to_owned(),
        application: Invitation::CALL.to_owned(),
        name: "a call".to_owned(),
        reason: None,
    };
    bob.send_extra(&ChatId::with(ADA), Extra::Invitation(call.clone())).await.unwrap();
    let came = seen(&mut ada_events, |event| match event {
        Event::Extra { extra: Extra::Invitation(invitation), .. } => Some(invitation.clone()),
        _ => None,
    });
    assert_eq!(came.await, call);
    world.network.shutdown().await;
}

#[tokio::test]
async fn three_talk_in_one_conversation() {
    let world = World::new().await;
    for version in [Version::Msnp9, Version::Msnp12, Version::Msnp15, Version::Msnp18] {
        let (ada, mut ada_events) =
            msnp::connect(world.config(ADA, Protocol::Exactly(version))).await.unwrap();
        let (bob, mut bob_events) =
            msnp::connect(world.config(BOB, Protocol::Exactly(version))).await.unwrap();
        ada.invite_to_chat(&ChatId::with(BOB), ECHO).await.unwrap();
        let joined = |wanted: &'static str| {
            move |event: &Event| match event {
                Event::Joined { chat, account, .. } if account == wanted => Some(chat.clone()),
                _ => None,
            }
        };
        let group = seen(&mut ada_events, joined(ECHO)).await;
        assert!(group.is_group(), "{version}");
        ada.send_text(&group, Text::plain("all of you")).await.unwrap();
        assert_eq!(seen(&mut bob_events, text_of).await, (ADA.to_owned(), "all of you".to_owned()));
        assert_eq!(seen(&mut bob_events, text_of).await.0, ECHO, "{version}");
        assert_eq!(seen(&mut ada_events, text_of).await.0, ECHO, "{version}");
        bob.sign_out().await;
        let left = seen(&mut ada_events, |event| match event {
            Event::Left { account, .. } => Some(account.clone()),
            _ => None,
        });
        assert_eq!(left.await, BOB, "{version}");
        ada.sign_out().await;
        tokio::join!(ada_events.finish(), bob_events.finish());
    }
    world.network.shutdown().await;
}
