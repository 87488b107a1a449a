//! The bodies of messages are read without complaint; what is written reads back, and long words are
//! split into parts that fit and lose nothing but white space.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::time::Instant;

use msnp_proto::msg::{
    PAYLOAD_LIMIT, Said, Text,
    chunk::{self, Pushed, Reassembly},
    split,
};

/// The longest font and name with which every text can be split.
const LONGEST: usize = 100;

fn bare(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

fn parts_fit(text: &Text) {
    let parts = split(text.clone());
    assert!(!parts.is_empty(), "nothing is left of a text");
    let said: String = parts.iter().map(|part| bare(&part.words)).collect();
    assert_eq!(said, bare(&text.words));
    for part in parts {
        assert!(part.write().len() <= PAYLOAD_LIMIT, "a part is too long");
    }
}

/// What is cut comes together again.
fn parts_join(payload: &[u8]) {
    let (now, mut reassembly) = (Instant::now(), Reassembly::default());
    let parts = chunk::cut(payload.to_vec(), "8E3BC08A-4FE4-6AD5-FF69-F9E98B4E8FA1", 64);
    let count = parts.len();
    for (number, part) in parts.into_iter().enumerate() {
        match reassembly.push(now, "a", &part) {
            Pushed::Waiting => assert!(number + 1 < count),
            Pushed::Complete(whole) => {
                assert_eq!(number + 1, count);
                assert_eq!(Said::read(&whole), Said::read(payload));
            }
            Pushed::Alone | Pushed::Dropped => return,
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let text = match Said::read(data) {
        Said::Text(text) => text,
        Said::Extra(extra) => {
            let Said::Extra(once) = Said::read(&extra.write()) else { return };
            if let Said::Extra(twice) = Said::read(&once.write()) {
                assert_eq!(twice, once);
            }
            return parts_join(&once.write());
        }
        _ => return,
    };
    assert!(!text.words.contains('\r'));
    let Said::Text(once) = Said::read(&text.write()) else { panic!("a text is none any more") };
    assert_eq!(once.words, text.words.strip_suffix('\n').unwrap_or(&text.words));
    // Each writing leaves a line end at the end out.
    let trimmed = Text { words: once.words.trim_end_matches('\n').to_owned(), ..once };
    assert_eq!(Said::read(&trimmed.write()), Said::Text(trimmed));
    let shown = text.shown_as.as_deref().unwrap_or_default();
    if text.format.font.len() <= LONGEST && shown.len() <= LONGEST {
        parts_fit(&text);
        // Long texts are rare among short inputs.
        let times = 4000 / (text.words.len() + 1);
        parts_fit(&Text { words: text.words.repeat(times), ..text });
    }
});
