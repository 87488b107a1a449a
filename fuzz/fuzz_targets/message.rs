//! The bodies of messages are read without complaint; what is written reads back, and long words are
//! split into parts that fit and lose nothing but white space. What is inside of words is bounded: codes of
//! an add-on and emoticons.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::time::Instant;

use msnp_proto::{
    msg::{
        PAYLOAD_LIMIT, Said, Text,
        chunk::{self, Pushed, Reassembly},
        split,
    },
    text::{
        emoticon::{self, moved, replaced},
        plus,
    },
};

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

/// Words come out of their codes and shortcuts no longer than these could make them, and an emoji that is
/// sent as a shortcut is read as itself.
fn words_are_read(words: &str) {
    let styled = plus::read(words);
    assert!(styled.words.len() <= words.len() && styled.runs.len() <= 256);
    let within =
        |run: &plus::Run| styled.words.get(run.range.clone()).is_some_and(|part| !part.is_empty());
    assert!(styled.runs.iter().all(within));
    let own = styled.words.get(..3).map(str::to_owned);
    let pictures = emoticon::shortcuts(&styled.words, own.as_slice());
    let shown = replaced(&styled.words, &pictures);
    assert!(shown.len() <= 3 * styled.words.len());
    assert!(styled.runs.iter().all(|run| shown.is_char_boundary(moved(run.range.end, &pictures))));
    let emoji = emoticon::emoji(&shown);
    let written = replaced(&shown, &emoji);
    let read = emoticon::shortcuts(&written, &[]);
    let read = |at| read.iter().find(|shortcut| shortcut.range.start == at).map(|it| it.with);
    for one in &emoji {
        assert_eq!(read(moved(one.range.start, &emoji)), shown.get(one.range.clone()));
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
    words_are_read(&text.words);
    parts_fit(&text);
    // Long texts are rare among short inputs.
    let times = 4000 / (text.words.len() + 1);
    parts_fit(&Text { words: text.words.repeat(times), ..text });
});
