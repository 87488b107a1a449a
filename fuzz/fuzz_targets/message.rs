//! Bodies are read without complaint; texts split into parts that fit.
#![no_main]

use libfuzzer_sys::fuzz_target;
use msnp_proto::{
    auth::passport,
    msg::{PAYLOAD_LIMIT, PersonalMessage, Said, Text, split},
};

fuzz_target!(|data: &[u8]| {
    let _ = PersonalMessage::read(data);
    if let Said::Text(text) = Said::read(data) {
        let words = Text::plain(text.words);
        for part in split(words) {
            assert!(part.write().len() <= PAYLOAD_LIMIT);
        }
    }
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = passport::login_url(text);
        let _ = passport::read_authorization(text);
        let _ = passport::read_login(200, |_| Some(text));
    }
});
