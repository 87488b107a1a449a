//! Presence and words as documents (`PUT`, `DEL`, `NFY`, `SDG`): within the limits, and the same after
//! writing them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use msnp_proto::{
    Version,
    datagram::{Datagram, read_roster},
    msg::Said,
    publication::{Document, UserPresence},
};

const HEADERS_LIMIT: usize = 64;
const PLACES_LIMIT: usize = 64;

fn presence(body: &[u8]) {
    let Some(user) = UserPresence::read(body) else { return };
    assert!(user.endpoints.len() <= PLACES_LIMIT);
    for with_ids in [true, false] {
        // What XML cannot hold, and words without the part they stand in, go at the first writing.
        let once = UserPresence::read(&user.write(with_ids)).expect("what we write reads");
        let twice = UserPresence::read(&once.write(with_ids)).expect("what we write reads");
        assert_eq!(twice, once);
        assert_eq!(once.status, user.status);
    }
}

fuzz_target!(|data: &[u8]| {
    presence(data);
    let _ = read_roster(data);
    if let Some(datagram) = Datagram::read(data) {
        assert!(datagram.packets().concat().len() <= data.len() * 64);
        for version in [Version::Msnp18, Version::Msnp21] {
            let once = Datagram::read(&datagram.write(version)).expect("what we write reads");
            assert_eq!(Datagram::read(&once.write(version)), Some(once));
        }
    }
    let Some(document) = Document::read(data) else { return };
    assert!(document.headers.len() <= HEADERS_LIMIT && document.body.len() <= data.len());
    if let Some(from) = document.from() {
        assert!(!from.account.contains(';'));
    }
    presence(&document.body);
    let _ = read_roster(&document.body);
    let _ = Said::read(&document.body);

    let headers: Vec<(&str, &str)> = document
        .headers
        .iter()
        .map(|(_, value)| ("X-Value", value.as_str()))
        .take(HEADERS_LIMIT - 3)
        .collect();
    let to = document.header("To").unwrap_or_default();
    let from = document.header("From").unwrap_or_default();
    let written = Document::write("Publication", to, from, &headers, &document.body);
    let again = Document::read(&written).expect("what we write is a document");
    assert_eq!((again.kind.as_str(), &again.body), ("Publication", &document.body));
    let values = again.headers.iter().filter(|(name, _)| name == "X-Value");
    let values: Vec<&str> = values.map(|(_, value)| value.as_str()).collect();
    let wanted = headers.iter().map(|(_, value)| value.replace('\r', ""));
    assert_eq!(values, wanted.map(|value| value.trim().to_owned()).collect::<Vec<_>>());
});
