//! Matrix messages as neutral content.

use bridge_core::{
    id::{MediaId, MessageId},
    model::{Attachment, AttachmentKind, Content, Quote, Span, Style},
};
use ruma::{
    OwnedEventId, OwnedUserId, UInt,
    events::room::{
        MediaSource,
        message::{FormattedBody, MessageFormat, MessageType, Relation, RoomMessageEventContent},
    },
};

use super::{
    html::{self, Read},
    odd,
};
use crate::texts::Untaken;

/// What a message is to the bridge.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// Something to pass on.
    Content(Content),
    /// An earlier message reads otherwise now.
    Edit {
        /// The message.
        target: OwnedEventId,
        /// How it reads.
        content: Content,
    },
    /// A file.
    File(Attachment),
    /// Nothing for people, or a notice: bots talk so, and the bridge does not answer them.
    Nothing,
    /// Something the other side cannot take, by its name for people.
    Untaken(Untaken),
}

/// Reads a message. `font` is the font it names beside its words; `name_of` gives the name of somebody
/// whom the words name by her id alone.
pub(crate) fn read(
    content: RoomMessageEventContent,
    font: Option<String>,
    name_of: &dyn Fn(&OwnedUserId) -> Option<String>,
) -> Said {
    let (message, edited, answered) = match content.relates_to {
        Some(Relation::Replacement(replacement)) => {
            (replacement.new_content.msgtype, Some(replacement.event_id), None)
        }
        Some(Relation::Reply(reply)) => (content.msgtype, None, Some(reply.in_reply_to.event_id)),
        // Clients that know no threads are told the message before as if it were answered.
        Some(Relation::Thread(thread)) if !thread.is_falling_back => {
            (content.msgtype, None, thread.in_reply_to.map(|answered| answered.event_id))
        }
        _ => (content.msgtype, None, None),
    };
    let (body, formatted, emote) = match message {
        MessageType::Text(text) => (text.body, text.formatted, false),
        MessageType::Emote(text) => (text.body, text.formatted, true),
        MessageType::Location(at) => (odd::place(&at.body, &at.geo_uri), None, false),
        // Bots and servers talk so, and clients that compare their keys.
        MessageType::Notice(_)
        | MessageType::ServerNotice(_)
        | MessageType::VerificationRequest(_) => return Said::Nothing,
        message @ (MessageType::Audio(_)
        | MessageType::File(_)
        | MessageType::Image(_)
        | MessageType::Video(_)) => {
            return match edited {
                Some(_) => Said::Untaken(Untaken::FileChanges),
                None => file(message),
            };
        }
        // A kind that others made up says what it is in its plain words.
        other if !other.body().trim().is_empty() => (other.body().to_owned(), None, false),
        _ => return Said::Untaken(Untaken::Other),
    };
    let mut content = content_of(&body, formatted, name_of);
    content.emote = emote;
    if let Some(font) = font {
        let end = u32::try_from(content.text.plain.len()).unwrap_or(u32::MAX);
        content.text.spans.insert(0, Span { start: 0, end, style: Style::Font(font) });
    }
    content.reply_to = answered.map(|answered| Quote {
        message: MessageId::new(answered.as_str()),
        sender: None,
        excerpt: None,
    });
    match edited {
        Some(target) => Said::Edit { target, content },
        None => Said::Content(content),
    }
}

/// Takes the words from the HTML where there is any, so that their looks fit them.
fn content_of(
    body: &str,
    formatted: Option<FormattedBody>,
    name_of: &dyn Fn(&OwnedUserId) -> Option<String>,
) -> Content {
    let formatted = formatted.filter(|formatted| formatted.format == MessageFormat::Html);
    let read = formatted.map(|formatted| html::read(&formatted.body, name_of));
    match read.filter(|read| !read.text.plain.is_empty()) {
        Some(Read { text, mentions }) => Content { text, mentions, ..Content::default() },
        None => Content::plain(without_reply_fallback(body)),
    }
}

/// Reads a file's message.
fn file(message: MessageType) -> Said {
    // Four forms with the same parts, and no trait over them.
    macro_rules! parts {
        ($file:ident, $kind:ident) => {{
            let facts = $file.info.as_deref().map(|info| (info.mimetype.clone(), info.size));
            let (mime, size) = facts.unwrap_or_default();
            let name = $file.filename().to_owned();
            let caption = $file.caption().map(str::to_owned);
            ($file.source, AttachmentKind::$kind, name, caption, mime, size)
        }};
    }
    let (source, kind, name, caption, mime, size) = match message {
        MessageType::Audio(audio) if audio.voice.is_some() => parts!(audio, Voice),
        MessageType::Audio(audio) => parts!(audio, File),
        MessageType::File(file) => parts!(file, File),
        MessageType::Image(image) => parts!(image, Picture),
        MessageType::Video(video) => parts!(video, File),
        _ => return Said::Untaken(Untaken::Other),
    };
    let MediaSource::Plain(address) = source else {
        return Said::Untaken(Untaken::EncryptedFiles);
    };
    Said::File(Attachment {
        media: MediaId::new(address.as_str()),
        name,
        kind,
        mime,
        size: size.map(|size: UInt| size.into()),
        caption,
        link: None,
    })
}

/// Leaves out the quotation that old clients put before a reply.
pub(crate) fn without_reply_fallback(text: &str) -> &str {
    if !text.starts_with("> <") {
        return text;
    }
    let mut rest = text;
    while let Some(line) = rest.strip_prefix('>') {
        rest = line.split_once('\n').map_or("", |(_, rest)| rest);
    }
    let rest = rest.strip_prefix('\n').unwrap_or(rest);
    if rest.is_empty() { text } else { rest }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_emotes_and_edits_pass_and_notices_do_not() {
        let read = |content| read(content, None, &|_| None);
        let text = read(RoomMessageEventContent::text_plain("hello"));
        assert_eq!(text, Said::Content(Content::plain("hello")));
        let Said::Content(emote) = read(RoomMessageEventContent::emote_plain("waves")) else {
            panic!("an emote passes");
        };
        assert!(emote.emote);
        assert_eq!(read(RoomMessageEventContent::notice_plain("beep")), Said::Nothing);
    }

    fn sent(value: serde_json::Value) -> Said {
        read(serde_json::from_value(value).unwrap(), None, &|_| None)
    }

    fn words(said: Said) -> Content {
        match said {
            Said::Content(content) => content,
            said => panic!("{said:?}"),
        }
    }

    #[test]
    fn the_words_are_those_of_the_html_and_have_its_looks() {
        let said = words(sent(serde_json::json!({
            "msgtype": "m.text", "body": "**hi** you", "format": "org.matrix.custom.html",
            "formatted_body": "<strong>hi</strong> you",
        })));
        assert_eq!(said.text.plain, "hi you");
        assert_eq!(said.text.spans, [Span { start: 0, end: 2, style: Style::Bold }]);
        for (format, html) in [("org.matrix.custom.html", "<b></b>"), ("x.other", "<b>no</b>")] {
            let said = words(sent(serde_json::json!({
                "msgtype": "m.text", "body": "hi", "format": format, "formatted_body": html,
            })));
            assert_eq!(said, Content::plain("hi"), "{format}");
        }
    }

    #[test]
    fn an_answer_names_what_it_answers_and_a_thread_does_not() {
        let reply = |relation| {
            words(sent(serde_json::json!({
                "msgtype": "m.text", "body": "yes", "m.relates_to": relation,
            })))
        };
        let to = serde_json::json!({ "event_id": "$a" });
        let answered = reply(serde_json::json!({ "m.in_reply_to": to })).reply_to;
        assert_eq!(answered.map(|quote| quote.message), Some(MessageId::new("$a")));
        let thread = |falls_back: bool| {
            serde_json::json!({
                "rel_type": "m.thread", "event_id": "$r", "m.in_reply_to": to,
                "is_falling_back": falls_back,
            })
        };
        assert_eq!(reply(thread(true)).reply_to, None);
        assert!(reply(thread(false)).reply_to.is_some());
    }

    #[test]
    fn an_edit_has_the_looks_of_its_new_words() {
        let said = sent(serde_json::json!({
            "msgtype": "m.text", "body": "* hallo",
            "m.new_content": {
                "msgtype": "m.text", "body": "hallo", "format": "org.matrix.custom.html",
                "formatted_body": "<em>hallo</em>",
            },
            "m.relates_to": { "rel_type": "m.replace", "event_id": "$a" },
        }));
        let Said::Edit { target, content } = said else { panic!("{said:?}") };
        assert_eq!((target.as_str(), content.text.plain.as_str()), ("$a", "hallo"));
        assert_eq!(content.text.spans.len(), 1);
    }

    #[test]
    fn kinds_that_others_made_up_say_their_plain_words() {
        let made_up = serde_json::json!({ "msgtype": "org.example.dice", "body": "rolled 6" });
        assert_eq!(words(sent(made_up)).text.plain, "rolled 6");
        let at =
            serde_json::json!({ "msgtype": "m.location", "body": "Home", "geo_uri": "geo:1,2" });
        assert!(words(sent(at)).text.plain.starts_with("Place: Home (1, 2) https://"));
    }

    #[test]
    fn files_keep_their_name_and_what_is_said_of_them() {
        let said = sent(serde_json::json!({
            "msgtype": "m.image", "body": "look", "filename": "cat.png",
            "url": "mxc://example.org/abc", "info": { "mimetype": "image/png", "size": 2000 },
        }));
        let wanted = Attachment {
            media: MediaId::new("mxc://example.org/abc"),
            name: "cat.png".to_owned(),
            kind: AttachmentKind::Picture,
            mime: Some("image/png".to_owned()),
            size: Some(2000),
            caption: Some("look".to_owned()),
            link: None,
        };
        assert_eq!(said, Said::File(wanted));
        for (kind, name) in [("m.file", "a.txt"), ("m.audio", "a.ogg"), ("m.video", "a.mp4")] {
            let value =
                serde_json::json!({ "msgtype": kind, "body": name, "url": "mxc://e.org/a" });
            let Said::File(file) = sent(value) else { panic!("{kind}") };
            assert_eq!((file.name.as_str(), file.caption), (name, None));
        }
        let encrypted = serde_json::json!({
            "msgtype": "m.file", "body": "a", "file": {
                "url": "mxc://e.org/a", "v": "v2", "iv": "AAAAAAAAAAAAAAAAAAAAAA",
                "hashes": { "sha256": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" },
                "key": { "kty": "oct", "key_ops": ["encrypt", "decrypt"], "alg": "A256CTR", "ext": true,
                         "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" },
            },
        });
        assert_eq!(sent(encrypted), Said::Untaken(Untaken::EncryptedFiles));
    }

    #[test]
    fn a_quotation_before_a_reply_is_left_out() {
        assert_eq!(without_reply_fallback("> <@ada:example.org> hi\n> you\n\nhello"), "hello");
        assert_eq!(without_reply_fallback("> a quotation of mine"), "> a quotation of mine");
        assert_eq!(
            without_reply_fallback("> <@ada:example.org> only this"),
            "> <@ada:example.org> only this"
        );
    }
}
