//! Matrix messages as neutral content.

use bridge_core::{
    id::MediaId,
    model::{Attachment, AttachmentKind, Content},
};
use ruma::{
    OwnedEventId, UInt,
    events::room::{
        MediaSource,
        message::{MessageType, Relation, RoomMessageEventContent},
    },
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
    /// A notice: bots talk so, and the bridge does not answer them.
    Nothing,
    /// Something the other side cannot take yet, by its name for people.
    Untaken(Untaken),
}

/// Reads a message.
pub(crate) fn read(content: RoomMessageEventContent) -> Said {
    let (message, edited) = match content.relates_to {
        Some(Relation::Replacement(replacement)) => {
            (replacement.new_content.msgtype, Some(replacement.event_id))
        }
        _ => (content.msgtype, None),
    };
    let (text, emote) = match message {
        MessageType::Text(text) => (text.body, false),
        MessageType::Emote(text) => (text.body, true),
        MessageType::Notice(_) => return Said::Nothing,
        MessageType::Location(_) => return Said::Untaken(Untaken::Places),
        message @ (MessageType::Audio(_)
        | MessageType::File(_)
        | MessageType::Image(_)
        | MessageType::Video(_)) => {
            return match edited {
                Some(_) => Said::Untaken(Untaken::FileChanges),
                None => file(message),
            };
        }
        _ => return Said::Untaken(Untaken::Other),
    };
    let mut content = Content::plain(without_reply_fallback(&text));
    content.emote = emote;
    match edited {
        Some(target) => Said::Edit { target, content },
        None => Said::Content(content),
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
fn without_reply_fallback(text: &str) -> &str {
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
        let text = read(RoomMessageEventContent::text_plain("hello"));
        assert_eq!(text, Said::Content(Content::plain("hello")));
        let Said::Content(emote) = read(RoomMessageEventContent::emote_plain("waves")) else {
            panic!("an emote passes");
        };
        assert!(emote.emote);
        assert_eq!(read(RoomMessageEventContent::notice_plain("beep")), Said::Nothing);
    }

    fn sent(value: serde_json::Value) -> Said {
        read(serde_json::from_value(value).unwrap())
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
