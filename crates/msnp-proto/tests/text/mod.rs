//! What is inside of words: emoticons, codes, charsets, and how long words are split.

use std::{fs, path::Path};

use msnp_proto::{
    msg::{Colour, PAYLOAD_LIMIT, Said, Text, split},
    text::{
        emoticon::{self, replaced},
        plus::{self, Effect, Run},
    },
};
use proptest::prelude::*;
use serde_json::Value;

fn cases(name: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name);
    let document: Value =
        serde_json::from_str(&fs::read_to_string(path).expect("it is there")).expect("it is JSON");
    document.get("cases").and_then(Value::as_array).expect("cases").clone()
}

fn shown(words: &str) -> String {
    replaced(words, &emoticon::shortcuts(words, &[]))
}

fn sent(words: &str) -> String {
    replaced(words, &emoticon::emoji(words))
}

#[test]
fn every_shortcut_becomes_its_emoji_and_every_emoji_its_first_shortcut() {
    let mut sent_as = std::collections::BTreeMap::new();
    for case in cases("msg-emoticons.json") {
        let emoji = case["emoji"].as_str().expect("an emoji");
        for shortcut in case["shortcuts"].as_array().expect("shortcuts") {
            let shortcut = shortcut.as_str().expect("a shortcut");
            assert_eq!(shown(shortcut), emoji, "{shortcut}");
            assert_eq!(shown(&shortcut.to_uppercase()), emoji, "{shortcut}");
            assert_eq!(
                shown(&format!("so {shortcut}, {shortcut}")),
                format!("so {emoji}, {emoji}")
            );
            // Two emoticons look alike: what is sent is the first one's.
            let first = sent_as.entry(emoji.to_owned()).or_insert(shortcut.to_owned());
            assert_eq!(sent(&format!("so {emoji}")), format!("so {first}"));
        }
    }
    assert_eq!(sent_as.len(), 80);
}

#[test]
fn the_book_has_the_same_table() {
    let book = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/protocol/src/emoticons.md");
    let book = fs::read_to_string(book).expect("it is there").replace("\\|", "\u{1}");
    let rows = book.lines().filter_map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        Some((*cells.get(2)?, *cells.get(3)?))
    });
    let mut found = 0;
    for (shortcuts, emoji) in rows.filter(|(shortcuts, _)| shortcuts.starts_with('`')) {
        for shortcut in shortcuts.split(' ') {
            let shortcut = shortcut.trim_matches('`').replace('\u{1}', "|");
            assert_eq!(shown(&shortcut), emoji, "{shortcut}");
        }
        found += 1;
    }
    assert_eq!(found, 81);
}

#[test]
fn words_and_addresses_keep_their_letters() {
    for words in [
        "f(x)",
        "f(a)(b)",
        "(a)nd",
        "x=f(x):g",
        "Vec::<u8>",
        "key:pass",
        "10:30:So",
        "(s)he",
        "$5:$6",
        "http://a.b/(x)",
        "https://a.b/:)",
        "www.a.b/:D",
        "MAILTO:a@b.c:)",
        "see ftp://h/(l)(k)",
        "18-)",
        "array[0] :[1]",
        "(xyz)",
        "( x )",
        ":- )",
        "(x\u{301})",
        "a :)\u{301}",
    ] {
        assert_eq!(shown(words), words);
    }
}

#[test]
fn shortcuts_beside_each_other_and_behind_words_are_pictures() {
    for (words, expected) in [
        ("fine:)", "fine🙂"),
        ("(b)(b):P", "🍺🍺😛"),
        (":-#:-*", "🤐🤫"),
        ("<:o) :o)", "🥳 😮)"),
        ("(http://a.b) (L)", "(http://a.b) ❤\u{FE0F}"),
        ("(see (l))", "(see ❤\u{FE0F})"),
        ("Ну:(", "Ну🙁"),
    ] {
        assert_eq!(shown(words), expected);
    }
}

#[test]
fn a_senders_own_shortcuts_stay_letters() {
    let own = ["(x)".to_owned(), ":)x".to_owned(), String::new()];
    let words = "(x) (X) :)x :)";
    assert_eq!(replaced(words, &emoticon::shortcuts(words, &own)), "(x) 👧 :)x 🙂");
}

#[test]
fn an_emoji_is_sent_as_it_is_where_its_shortcut_would_be_read_otherwise() {
    for words in [
        "👍🏽",
        "❤\u{FE0F}\u{200D}🔥",
        "❤",
        "http://a.b/🙂",
        "😃x",
        "x🌙",
        ":😇",
        "👨\u{200D}👩\u{200D}👧",
        "🦀",
    ] {
        assert_eq!(sent(words), words);
    }
    assert_eq!(sent("haha🙂 👍"), "haha:) (Y)");
    assert_eq!(sent("😬😬"), "😬8o|");
}

proptest! {
    #[test]
    fn what_is_sent_for_an_emoji_is_read_as_it(words in "([a-c:;()|8ox ]|[🙂😇😬🤗😐❤☀]|\u{FE0F}|://){0,24}") {
        let found = emoticon::emoji(&words);
        let written = replaced(&words, &found);
        let read = emoticon::shortcuts(&written, &[]);
        let mut grown = 0_isize;
        for one in &found {
            let start = one.range.start.checked_add_signed(grown).expect("inside");
            let there = start..start + one.with.len();
            let back = read.iter().find(|shortcut| shortcut.range == there);
            prop_assert_eq!(back.map(|back| back.with), words.get(one.range.clone()));
            grown += isize::try_from(one.with.len()).expect("short");
            grown -= isize::try_from(one.range.len()).expect("short");
        }
        if shown(&words) == words {
            prop_assert_eq!(shown(&written), words);
        }
    }

    #[test]
    fn nothing_but_shortcuts_changes(words in "\\PC{0,60}|[:;()|8oxDdLl<^+*'-]{0,30}") {
        let mut rest = shown(&words);
        for one in emoticon::shortcuts(&words, &[]).iter().rev() {
            prop_assert!(words.get(one.range.clone()).is_some_and(str::is_ascii));
            rest = rest.replacen(one.with, "", 1);
        }
        prop_assert!(rest.len() <= words.len());
    }

    #[test]
    fn parts_are_cut_between_characters(words in "(👨\u{200D}👩\u{200D}👧|🇩🇪|e\u{301}|각|[a ]){0,700}") {
        use unicode_segmentation::UnicodeSegmentation as _;
        let clusters = |text: &str| {
            let clusters = text.graphemes(true).filter(|cluster| *cluster != " ");
            clusters.map(str::to_owned).collect::<Vec<_>>()
        };
        let parts = split(Text::plain(words.clone()));
        let said: Vec<String> = parts.iter().flat_map(|part| clusters(&part.words)).collect();
        prop_assert_eq!(said, clusters(&words));
    }
}

#[test]
fn a_character_longer_than_a_part_is_cut_and_lost_nothing_of() {
    let tower = format!("a{}", "\u{301}".repeat(3000));
    let parts = split(Text::plain(tower.clone()));
    assert!(parts.iter().all(|part| part.write().len() <= PAYLOAD_LIMIT));
    assert_eq!(parts.iter().map(|part| part.words.as_str()).collect::<String>(), tower);
}

#[test]
fn a_shortcut_is_not_cut() {
    let parts = split(Text::plain("(brb)".repeat(1000)));
    assert!(parts.len() > 2);
    for part in parts {
        assert_eq!(part.words.len() % "(brb)".len(), 0);
        assert!(part.write().len() <= PAYLOAD_LIMIT);
    }
}

#[test]
fn a_font_longer_than_a_part_does_not_go() {
    let mut text = Text::plain("x".repeat(2000));
    text.format.font = "é".repeat(1000);
    let parts = split(text);
    assert!(parts.iter().all(|part| part.write().len() <= PAYLOAD_LIMIT));
    assert!(parts.len() < 4);
}

#[test]
fn a_text_is_read_in_the_charset_it_names_or_its_font() {
    let read = |head: &str, bytes: &[u8]| {
        let payload = [format!("MIME-Version: 1.0\r\n{head}\r\n\r\n").as_bytes(), bytes].concat();
        match Said::read(&payload) {
            Said::Text(text) => text.words,
            other => panic!("{other:?}"),
        }
    };
    let privet = b"\xCF\xF0\xE8\xE2\xE5\xF2\r\n:)";
    assert_eq!(read("Content-Type: text/plain; Charset=\"windows-1251\"", privet), "Привет\n:)");
    let font = "Content-Type: text/plain\r\nX-MMS-IM-Format: FN=Tahoma; EF=; CO=0; CS=CC; PF=22";
    assert_eq!(read(font, privet), "Привет\n:)");
    assert_eq!(read("Content-Type: text/plain", b"caf\xE9"), "café");
    assert_eq!(read("Content-Type: text/plain; charset=UTF-8", b"caf\xE9!"), "caf\u{FFFD}!");
}

#[test]
fn codes_of_the_add_on_are_taken_out_as_others_do() {
    let mut checked = 0;
    for case in cases("msg-plus-strip.json") {
        let (input, expected) = (case["input"].as_str(), case["expected"].as_str());
        assert_eq!(Some(plus::strip(input.expect("an input")).as_str()), expected);
        checked += 1;
    }
    assert!(checked > 30);
}

#[test]
fn codes_become_looks_where_they_are_sure() {
    let colour = |red, green, blue| Effect::Colour(Colour { red, green, blue });
    let run = |start, end, effect| Run { range: start..end, effect };
    for (text, words, runs) in [
        ("[b]a[i]b[/b]c[/i]", "abc", vec![run(0, 2, Effect::Bold), run(1, 3, Effect::Italic)]),
        ("x[c=4]é[/c=12]", "xé", vec![run(1, 3, colour(255, 0, 0))]),
        (
            "[C=#f0a]a[/C][c=Teal]b[/c]",
            "ab",
            vec![run(0, 1, colour(255, 0, 170)), run(1, 2, colour(0, 0x93, 0x93))],
        ),
        ("[a=3][c=40]x[/c][/a] [u][/u]", "x ", vec![]),
        (
            "·#a·$4,1b·@c·0d",
            "abcd",
            vec![
                run(0, 3, Effect::Bold),
                run(1, 3, colour(255, 0, 0)),
                run(2, 3, Effect::Underline),
            ],
        ),
        (
            "·$(001,02,3)a·$,5b·$#010203c",
            "abc",
            vec![run(0, 2, colour(1, 2, 3)), run(2, 3, colour(1, 2, 3))],
        ),
        (
            "\u{2}a\u{3}4,5b\u{3}c\u{4}zd\u{f}e\u{7}\tf",
            "abcde\tf",
            vec![run(0, 4, Effect::Bold), run(1, 2, colour(255, 0, 0))],
        ),
    ] {
        let styled = plus::read(text);
        assert_eq!((styled.words.as_str(), styled.runs), (words, runs), "{text}");
    }
}

#[test]
fn what_is_no_code_stays() {
    for text in
        ["3·0 = 0", "a·b ·x ·", "·$ ·$x ·$#12345x", "[b=3]x[/b=3]", "[c]x[/c]", "[c=#12]x[/c]"]
    {
        assert_eq!(plus::strip(text), text);
    }
    assert_eq!(plus::strip("·#3·0 x"), "3 x");
}

proptest! {
    #[test]
    fn looks_lie_within_the_words_and_are_bounded(text in "(\\[/?[bicua](=[0-9#a]{1,4})?\\]|·[#&@'$0-9]|\\PC|\u{3}){0,90}") {
        let styled = plus::read(&text.repeat(9));
        prop_assert!(styled.words.len() <= text.len() * 9 && styled.runs.len() <= 256);
        for run in &styled.runs {
            prop_assert!(styled.words.get(run.range.clone()).is_some_and(|part| !part.is_empty()));
        }
        prop_assert!(styled.runs.is_sorted_by_key(|run| run.range.start));
    }
}
