//! Documents: within the limits, never larger than what came, and the same after writing them. The
//! documents of payloads too: lists (`ADL`, `RML`, `FQY`) and places (`UBX`, `UUX`).
#![no_main]

use libfuzzer_sys::fuzz_target;
use msnp_proto::{
    Version, listing,
    listing::Listed,
    msg::{Endpoint, read_endpoints},
    xml::{self, Element, escaped},
};

/// Counts elements and characters, and finds how deep they lie.
fn measure(element: &Element, depth: usize) -> (usize, usize, usize) {
    let own = (1, element.name().len() + element.whole_text().len(), depth);
    element.children().iter().fold(own, |(count, length, deepest), child| {
        let (more, longer, deeper) = measure(child, depth + 1);
        (count + more, length + longer, deepest.max(deeper))
    })
}

/// Writes the form and the texts of a document. Names may hold what only stands in names.
fn write(element: &Element, out: &mut String) {
    out.push_str("<e>");
    out.push_str(&escaped(element.whole_text()));
    element.children().iter().for_each(|child| write(child, out));
    out.push_str("</e>");
}

fn again(element: &Element) -> Element {
    let mut out = String::new();
    write(element, &mut out);
    xml::parse(out.as_bytes()).expect("what we write is a document")
}

fn lists_again(people: &[Listed], version: Version) -> Vec<Listed> {
    let mut read = Vec::new();
    for payload in listing::write(people, false, version) {
        let (some, initial) = listing::read(&payload).expect("what we write is a list");
        assert!(some.len() <= 150 && !initial);
        read.extend(some);
    }
    read.sort_by(|one, other| one.account.cmp(&other.account));
    read
}

fn places_again(places: &[Endpoint]) -> Vec<Endpoint> {
    let written: String = places
        .iter()
        .map(|place| format!("{}{}", place.write_public(true), place.write_private(true)))
        .collect();
    read_endpoints(format!("<Data>{written}</Data>").as_bytes())
}

fuzz_target!(|data: &[u8]| {
    if let Ok(document) = xml::parse(data) {
        let (count, length, depth) = measure(&document, 1);
        assert!(depth <= 66, "the limit of depth does not hold");
        assert!(count <= data.len() / 3 && length <= data.len(), "it is larger than what came");
        let once = again(&document);
        assert_eq!(again(&once), once);
        assert_eq!(document.descendants(document.name()).next(), Some(&document));
    }
    if let Some((people, _)) = listing::read(data) {
        assert!(people.len() <= 10_000);
        for version in [Version::Msnp13, Version::Msnp21] {
            // What XML cannot hold goes first; then an empty domain may go with its `@`.
            let settled = lists_again(&lists_again(&people, version), version);
            assert_eq!(lists_again(&settled, version), settled);
        }
        for listed in people.iter().take(4) {
            assert!(listing::read(&listing::write_push(listed)).is_some());
            assert!(listing::read(&listing::write_networks(listed)).is_some());
            assert!(xml::parse(&listing::write_question(&listed.account)).is_ok());
        }
    }
    let places = read_endpoints(data);
    assert!(places.len() <= 64);
    let once = places_again(&places);
    assert_eq!(places_again(&once), once);
    if let Ok(text) = str::from_utf8(data) {
        let written = format!("<a b=\"{0}\">{0}</a>", escaped(text));
        let read = xml::parse(written.as_bytes()).expect("an escaped text is one");
        assert!(read.children().is_empty());
        let plain = |c: char| c.is_ascii_graphic() || c == ' ';
        if text.chars().all(plain) {
            assert_eq!((read.whole_text(), read.attribute("b")), (text, Some(text)));
        }
    }
});
