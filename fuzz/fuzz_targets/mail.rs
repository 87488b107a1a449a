//! Offline messages and notices of letters: the lists, and the mail itself. Nothing is longer than its
//! limit, and what is written to be stored reads back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use msnp_proto::{
    mail::Mail,
    oim::{self, Listed, OfflineMessage, Waiting},
    xml,
};

const LISTED_LIMIT: usize = 100;
const TEXT_LIMIT: usize = 16 * 1024;

fn check(message: &OfflineMessage) {
    assert!(message.text.chars().count() <= TEXT_LIMIT && !message.text.contains('\r'));
    assert!(message.name.as_ref().is_none_or(|name| !name.is_empty()));
}

fn check_list(listed: &[Listed]) {
    assert!(listed.len() <= LISTED_LIMIT);
    assert!(listed.iter().all(|listed| !listed.id.is_empty()));
}

fuzz_target!(|data: &[u8]| {
    if let Some(Waiting::Listed(listed)) = oim::read_notice(data) {
        check_list(&listed);
    }
    if let Some(Mail::Came { name, address, subject }) = Mail::read(data) {
        assert!(!address.is_empty());
        for field in [name, address, subject] {
            assert!(field.chars().count() <= 512 && !field.chars().any(char::is_control));
        }
    }
    if let Ok(document) = xml::parse(data) {
        check_list(&oim::read_list(&document));
    }
    let Ok(text) = str::from_utf8(data) else { return };
    let listed = Listed { id: "MSG1".to_owned(), from: String::new(), sent: None };
    let mut messages = Vec::new();
    for part in text.split("\u{1e}").take(8) {
        messages.extend(oim::read_message(&listed, part));
    }
    messages.iter().for_each(check);
    oim::sort(&mut messages);
    let sorted = messages.clone();
    oim::sort(&mut messages);
    assert_eq!(messages, sorted);

    let mail = oim::write_message(text, "6B29FC40-CA47-1067-B31D-00DD010662DA", 3);
    assert!(mail.lines().all(|line| line.len() <= 76));
    let read = oim::read_message(&listed, &mail).expect("what we write is mail");
    let wanted = text.replace("\r\n", "\n").replace('\r', "\n");
    let wanted: String = wanted.trim_end_matches('\n').chars().take(TEXT_LIMIT).collect();
    assert_eq!((read.text, read.number), (wanted, 3));
    assert!(oim::encoded_name(text).is_ascii());
});
