//! Pictures that stand for letters in words.
//!
//! ```text
//! <img data-mx-emoticon src="mxc://example.org/abc" alt=":cat:" title=":cat:" height="32">
//! ```
//! MSN's words hold the letters; they are looked for in the message's HTML when everything else in it is
//! written, so that looks and pictures need not know of each other.

use bridge_core::{
    id::MediaId,
    model::{Content, CustomEmoticon},
};
use ruma::{
    OwnedMxcUri,
    events::room::message::{
        FormattedBody, MessageFormat, MessageType, Relation, RoomMessageEventContent,
    },
};

use super::{
    tags::{Token, Tokens},
    to_matrix::escape,
};

/// Most that pictures may make a message longer, in bytes: an event has at most 64 KiB.
const ADDED: usize = 16 * 1024;

/// Most pictures that are read from one message.
const PICTURES: usize = 20;
/// Longest letters of a picture, in bytes.
const LETTERS: usize = 64;

/// Adds to words the pictures that their message shows for letters in them.
pub(crate) fn in_words(mut content: Content, pictures: Vec<CustomEmoticon>) -> Content {
    let there = |picture: &CustomEmoticon| content.text.plain.contains(&picture.shortcut);
    content.emoticons = pictures.into_iter().filter(there).collect();
    content
}

/// Reads the pictures that a message shows for letters.
///
/// Letters are between colons, as clients write them: others could be any word of the message.
pub(crate) fn read(content: &RoomMessageEventContent) -> Vec<CustomEmoticon> {
    let message = match &content.relates_to {
        Some(Relation::Replacement(replacement)) => &replacement.new_content.msgtype,
        _ => &content.msgtype,
    };
    let formatted = match message {
        MessageType::Text(text) => &text.formatted,
        MessageType::Emote(text) => &text.formatted,
        _ => return Vec::new(),
    };
    let html = formatted.as_ref().filter(|formatted| formatted.format == MessageFormat::Html);
    let mut found: Vec<CustomEmoticon> = Vec::new();
    for token in Tokens::of(html.map_or("", |formatted| formatted.body.as_str())) {
        if let Token::Open { name, attributes } = token
            && name == "img"
            && let Some(picture) = picture(&attributes)
            && found.len() < PICTURES
            && found.iter().all(|known| known.shortcut != picture.shortcut)
        {
            found.push(picture);
        }
    }
    found
}

/// Reads the tag of a picture.
fn picture(attributes: &[(String, String)]) -> Option<CustomEmoticon> {
    let said = |name: &str| {
        attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    };
    said("data-mx-emoticon")?;
    let address = said("src").filter(|source| source.starts_with("mxc://"))?;
    let letters = said("alt").or(said("title"))?;
    let inner = letters.strip_prefix(':')?.strip_suffix(':')?;
    let odd = |c: char| c.is_control() || c.is_whitespace();
    let tame = !inner.is_empty() && letters.len() <= LETTERS && !inner.contains(odd);
    tame.then(|| CustomEmoticon { media: MediaId::new(address), shortcut: letters.to_owned() })
}

/// A picture on the homeserver, and the letters it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) letters: String,
    pub(crate) address: OwnedMxcUri,
}

/// Shows pictures in a message where their letters stand.
pub(crate) fn show(
    mut content: RoomMessageEventContent,
    pictures: &[Picture],
) -> RoomMessageEventContent {
    let (body, formatted) = match &mut content.msgtype {
        MessageType::Text(text) => (&text.body, &mut text.formatted),
        MessageType::Emote(text) => (&text.body, &mut text.formatted),
        _ => return content,
    };
    let html = match formatted {
        Some(formatted) => formatted.body.clone(),
        None => escape(body).replace('\n', "<br>"),
    };
    if let Some(html) = with_pictures(&html, pictures) {
        *formatted = Some(FormattedBody::html(html));
    }
    content
}

/// Puts pictures into HTML that we wrote; none where there is no place for any.
fn with_pictures(html: &str, pictures: &[Picture]) -> Option<String> {
    let mut tags: Vec<(String, String)> = pictures
        .iter()
        .filter(|picture| !picture.letters.is_empty())
        .map(|Picture { letters, address }| {
            let (letters, address) = (escape(letters), escape(address.as_str()));
            let tag = format!(
                "<img data-mx-emoticon src=\"{address}\" alt=\"{letters}\" title=\"{letters}\" \
                 height=\"32\">"
            );
            (letters, tag)
        })
        .collect();
    // Of two that begin alike the longer one is meant.
    tags.sort_by_key(|(letters, _)| std::cmp::Reverse(letters.len()));
    let mut page = Page { out: String::with_capacity(html.len()), tags, added: 0 };
    let (mut rest, mut as_it_is) = (html, 0_usize);
    while !rest.is_empty() {
        let end = if rest.starts_with('<') {
            rest.find('>').map_or(rest.len(), |end| end + 1)
        } else {
            rest.find('<').unwrap_or(rest.len())
        };
        let (piece, after) = rest.split_at(end);
        rest = after;
        if piece.starts_with('<') {
            // What leads somewhere, and what is shown letter by letter, stays letters.
            let is = |marks: &[&str]| marks.iter().any(|mark| piece.starts_with(mark));
            if is(&["<a ", "<code", "<pre"]) {
                as_it_is += 1;
            } else if is(&["</a>", "</code", "</pre"]) {
                as_it_is = as_it_is.saturating_sub(1);
            }
            page.out.push_str(piece);
        } else if as_it_is > 0 {
            page.out.push_str(piece);
        } else {
            page.words(piece);
        }
    }
    (page.added > 0).then_some(page.out)
}

/// HTML as far as it is written.
struct Page {
    out: String,
    /// Letters as they stand in HTML, and what is shown instead.
    tags: Vec<(String, String)>,
    added: usize,
}

impl Page {
    /// Writes words, with pictures; an address in them stays one.
    fn words(&mut self, words: &str) {
        for word in words.split_inclusive(char::is_whitespace) {
            if word.contains("://") {
                self.out.push_str(word);
            } else {
                self.word(word);
            }
        }
    }

    fn word(&mut self, mut rest: &str) {
        while let Some(first) = rest.chars().next() {
            let found = self.tags.iter().find(|(letters, tag)| {
                rest.starts_with(letters.as_str()) && self.added + tag.len() <= ADDED
            });
            let length = if let Some((letters, tag)) = found {
                self.out.push_str(tag);
                self.added += tag.len();
                letters.len()
            } else {
                // What stands for one sign is passed over whole: letters of its name are none of the words.
                let entity = rest.starts_with('&').then(|| rest.find(';').map(|end| end + 1));
                let length = entity.flatten().unwrap_or(first.len_utf8());
                self.out.push_str(rest.get(..length).unwrap_or_default());
                length
            };
            rest = rest.get(length..).unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(letters: &str) -> Picture {
        Picture { letters: letters.to_owned(), address: OwnedMxcUri::from("mxc://hs/a") }
    }

    fn tag(letters: &str) -> String {
        format!(
            "<img data-mx-emoticon src=\"mxc://hs/a\" alt=\"{letters}\" title=\"{letters}\" height=\"32\">"
        )
    }

    #[test]
    fn pictures_stand_where_their_letters_stood_and_the_body_keeps_those() {
        let pictures = [picture(":cat:"), picture(":ca")];
        let content = RoomMessageEventContent::text_plain("a :cat: & :ca\n:Cat:");
        let shown = serde_json::to_value(show(content, &pictures)).unwrap();
        let html = format!("a {} &amp; {}<br>:Cat:", tag(":cat:"), tag(":ca"));
        assert_eq!(shown["formatted_body"], html);
        assert_eq!(
            (&shown["body"], &shown["msgtype"]),
            (&"a :cat: & :ca\n:Cat:".into(), &"m.text".into())
        );
        let none = show(RoomMessageEventContent::text_plain("no <b>"), &pictures);
        assert!(serde_json::to_value(none).unwrap().get("formatted_body").is_none());
    }

    #[test]
    fn looks_stay_and_tags_addresses_and_code_are_left_alone() {
        let html =
            "<strong>hi</strong> <a href=\"http://hi.org\">hi</a> <code>hi</code> http://hi/hi hi";
        let content = RoomMessageEventContent::emote_html("x", html);
        let shown = serde_json::to_value(show(content, &[picture("hi")])).unwrap();
        let wanted = format!(
            "<strong>{0}</strong> <a href=\"http://hi.org\">hi</a> <code>hi</code> http://hi/hi {0}",
            tag("hi")
        );
        assert_eq!(shown["formatted_body"], wanted);
    }

    #[test]
    fn letters_that_look_like_html_are_no_html() {
        let evil = "\"><script>";
        let content = RoomMessageEventContent::text_plain(format!("see {evil} amp; & lt"));
        let pictures = [picture(evil), picture("amp"), picture("lt"), picture(";"), picture("")];
        let shown = serde_json::to_value(show(content, &pictures)).unwrap();
        let html = shown["formatted_body"].as_str().unwrap();
        assert!(
            !html.contains("<script") && html.contains("alt=\"&quot;&gt;&lt;script&gt;\""),
            "{html}"
        );
        assert!(
            html.contains(&format!("{}{} &amp; {}", tag("amp"), tag(";"), tag("lt"))),
            "{html}"
        );
    }

    #[test]
    fn pictures_are_read_by_their_mark_and_their_letters_are_between_colons() {
        let tag = |rest: &str| format!("<IMG data-mx-emoticon src='mxc://hs/a' {rest}/>");
        let html = [
            tag("alt=\":cat:\" title=\":x:\""),
            tag("title=:dog: height=32"),
            tag("alt=\":cat:\""),
            tag("alt=\"e\""),
            tag("alt=\": :\""),
            tag("alt=\"::\""),
            "<img src=\"mxc://hs/a\" alt=\":plain:\">".to_owned(),
            "<img data-mx-emoticon src=\"https://hs/a\" alt=\":far:\">".to_owned(),
            "<img data-mx-emoticon src=\"mxc://hs/a\" alt=\":open:\"".to_owned(),
        ];
        let content = RoomMessageEventContent::text_html("", html.concat());
        let letters = |found: &[CustomEmoticon]| -> Vec<String> {
            found.iter().map(|picture| picture.shortcut.clone()).collect()
        };
        let found = read(&content);
        assert_eq!(letters(&found), [":cat:", ":dog:"]);
        assert_eq!(found[0].media.as_str(), "mxc://hs/a");
        let content = in_words(Content::plain("a :dog:"), found);
        assert_eq!(letters(&content.emoticons), [":dog:"]);
        let many: String = (0..100).map(|at| tag(&format!("alt=':{at}:'"))).collect();
        assert_eq!(read(&RoomMessageEventContent::text_html("", many)).len(), PICTURES);
    }

    #[test]
    fn a_message_of_nothing_but_pictures_fits_into_an_event() {
        let content = RoomMessageEventContent::text_plain("ab".repeat(10_000));
        let shown = serde_json::to_string(&show(content, &[picture("ab")])).unwrap();
        assert!(shown.len() < 65_000 && shown.contains("<img"), "{}", shown.len());
    }
}
