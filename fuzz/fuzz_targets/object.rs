//! The small texts in presence and names: objects, what is playing, looks, capabilities, addresses,
//! versions, escapes; the cabinets of winks. What reads is the same after writing it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use msnp_proto::{
    Version,
    command::{Capabilities, Status, Whose},
    escape,
    msg::{Format, Look, Media, Object, PersonalMessage, plain_id},
    wink,
};

fuzz_target!(|data: &[u8]| {
    let personal = PersonalMessage::read(data);
    // Line ends become spaces, and the first tag counts wherever it stands.
    let once = PersonalMessage::read(&personal.write());
    assert_eq!(PersonalMessage::read(&once.write()), once);
    let look = Look::read(data);
    for version in [Version::Msnp15, Version::Msnp16, Version::Msnp18] {
        let written = once.write_as(version, "{x}", &look);
        assert!(!written.contains(&b'\n') && !written.contains(&b'\r'));
        assert_eq!(PersonalMessage::read(&written), once);
        let again = Look::read(&written);
        assert!(again == Look::default() || again.sound.len() == look.sound.len());
    }

    let decoded = escape::decode(data).into_owned();
    assert_eq!(escape::decode(escape::encode(&decoded).as_bytes()), decoded);

    if let Some(picture) = wink::thumbnail(data) {
        assert!(picture.len() <= 4 << 20);
    }

    let Ok(text) = str::from_utf8(data) else { return };
    assert_eq!(escape::decode(escape::encode(text).as_bytes()), text);
    if let Some(object) = Object::read(text) {
        // What XML cannot hold is left out at the first writing.
        if let Some(once) = Object::read(&object.write()) {
            assert_eq!(Object::read(&once.write()), Some(once));
        }
    }
    if let Some(media) = Media::read(text) {
        let once = Media::read(&media.write());
        assert_eq!(once.as_ref(), Some(&media));
        let words: usize = media.words.iter().map(String::len).sum();
        assert!(media.shown().len() <= media.format.len() + words);
    }
    if let Ok(capabilities) = text.parse::<Capabilities>() {
        assert_eq!(capabilities.to_string().parse(), Ok(capabilities));
        assert!(capabilities.generation() < 16 && capabilities.names().count() < 60);
    }
    if let Ok(version) = text.parse::<Version>() {
        assert_eq!(version.to_string().parse(), Ok(version));
    }
    if let Some(status) = Status::from_code(data) {
        assert_eq!(status.code(), text);
    }
    let whose = Whose::from_text(text);
    assert!(text.contains(whose.account) && !whose.account.contains(';'));
    let _ = Format::read(text);
    assert_eq!(plain_id(&plain_id(text)), plain_id(text));
});
