//! What an account shows: its status at each place, its picture, its look, what is playing.

use msnp::{Events, Handle, Look, Media, Object, PersonalMessage, Protocol, Status, Version};

use crate::{ADA, BOB, World, seen};

fn picture() -> Object {
    Object {
        creator: ADA.to_owned(),
        size: 22_731,
        kind: 3,
        location: "TFR2C.tmp".to_owned(),
        friendly: "AAA=".to_owned(),
        hash: "0jm94Gjt9FXmrvBZO3zCGyjH0zA=".to_owned(),
        checksum: Some("3o/lBEMsIdvTbHfd0fArbKZo5AY=".to_owned()),
    }
}

/// Waits until somebody sees Ada as wanted.
async fn sees(by: &Handle, events: &mut Events, wanted: impl Fn(&msnp::Contact) -> bool) {
    let found = || by.roster().contact(ADA).is_some_and(&wanted).then_some(());
    if found().is_none() {
        seen(events, |_| found()).await;
    }
}

#[tokio::test]
async fn picture_look_and_music_are_shown_in_each_version_that_has_them() {
    let world = World::new().await;
    for version in Version::ALL.into_iter().filter(|version| version.has_objects()) {
        let (ada, ada_events) =
            msnp::connect(world.config(ADA, Protocol::Exactly(version))).await.unwrap();
        let (bob, mut events) =
            msnp::connect(world.config(BOB, Protocol::Exactly(version))).await.unwrap();
        ada.set_picture(Some(picture())).await.unwrap();
        sees(&bob, &mut events, |ada| ada.picture() == Some(picture())).await;
        // Another status does not take it away.
        ada.set_status(Status::Busy).await.unwrap();
        sees(&bob, &mut events, |ada| ada.status == Status::Busy).await;
        assert_eq!(bob.roster().contact(ADA).unwrap().picture(), Some(picture()), "{version}");
        let words = ["Song & dance", "Artist"].map(str::to_owned).to_vec();
        let (kind, format) = ("Music".to_owned(), "{0} - {1}".to_owned());
        let media = Media { program: String::new(), kind, format, words };
        let message = PersonalMessage { text: "in the <garden>".to_owned(), media: media.write() };
        ada.set_personal_message(message).await.unwrap();
        if version.has_personal_messages() {
            sees(&bob, &mut events, |ada| {
                let playing = ada.media().map(|media| media.shown());
                playing.as_deref() == Some("Song & dance - Artist")
                    && ada.personal.text == "in the <garden>"
            })
            .await;
        }
        let scene = "<msnobj Type=\"16\"/>".to_owned();
        let look = Look {
            sound: "a sound".to_owned(),
            scene,
            colours: "-3".to_owned(),
            ..Look::default()
        };
        ada.set_look(look.clone()).await.unwrap();
        if version.has_scenes() && !version.has_publications() {
            sees(&bob, &mut events, |ada| ada.look == look).await;
            assert_eq!(bob.roster().contact(ADA).unwrap().personal.text, "in the <garden>");
        } else if version.has_signature_sound() && !version.has_publications() {
            sees(&bob, &mut events, |ada| ada.look.sound == "a sound").await;
        }
        ada.set_picture(None).await.unwrap();
        sees(&bob, &mut events, |ada| ada.picture().is_none()).await;
        ada.sign_out().await;
        bob.sign_out().await;
        ada_events.finish().await;
        events.finish().await;
    }
}

#[tokio::test]
async fn each_place_has_its_status_and_the_last_word_counts_while_it_is_there() {
    let world = World::new().await;
    let config = world.config(ADA, Protocol::Exactly(Version::Msnp18));
    let mut other = config.clone();
    other.machine_id = "00000000-0000-4000-8000-000000000002".to_owned();
    let (bob, mut events) = world.connect(BOB).await;
    let (desk, mut desk_events) = msnp::connect(config).await.unwrap();
    let (sofa, sofa_events) = msnp::connect(other).await.unwrap();
    desk.set_picture(Some(picture())).await.unwrap();
    desk.set_status(Status::Busy).await.unwrap();
    sees(&bob, &mut events, |ada| ada.status == Status::Busy && ada.picture().is_some()).await;
    sofa.set_status(Status::Away).await.unwrap();
    sees(&bob, &mut events, |ada| ada.status == Status::Away).await;
    let statuses = || {
        let roster = desk.roster();
        let mut all: Vec<_> = roster.endpoints().iter().map(|place| place.status).collect();
        all.sort_unstable_by_key(|status| status.map(Status::code));
        (all == [Some(Status::Away), Some(Status::Busy)]).then_some(())
    };
    if statuses().is_none() {
        seen(&mut desk_events, |_| statuses()).await;
    }
    sofa.sign_out().await;
    sofa_events.finish().await;
    sees(&bob, &mut events, |ada| ada.status == Status::Busy && ada.picture().is_some()).await;
}

#[tokio::test]
async fn an_invitation_is_read_by_whom_it_is_for() {
    for version in Version::ALL.into_iter().filter(|version| version.has_web_lists()) {
        let world = World::new().await;
        world.directory.add(msnp_server::User::new("carol@example.com", "hunter2", "Carol", &[]));
        let (ada, mut events) =
            msnp::connect(world.config(ADA, Protocol::Exactly(version))).await.unwrap();
        let config = world.config("carol@example.com", Protocol::Exactly(version));
        let (carol, _events) = msnp::connect(config).await.unwrap();
        let words = "Hi Ada, <Carol> & you know me";
        carol.invite_contact(ADA, None, words).await.unwrap();
        let asked = seen(&mut events, |event| match event {
            msnp::Event::AddedBy { account, .. } => ada.roster().contact(account).cloned(),
            _ => None,
        });
        let asked = asked.await;
        assert!(asked.asks, "{version}");
        assert_eq!(asked.invitation.as_deref(), Some(words), "{version}");
    }
}
