//! Matrix messages as neutral content.

use bridge_core::model::Content;
use ruma::{
    OwnedEventId,
    events::room::message::{MessageType, Relation, RoomMessageEventContent},
};

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
    /// A notice: bots talk so, and the bridge does not answer them.
    Nothing,
    /// Something the other side cannot take yet, by its name for people.
    Untaken(&'static str),
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
        MessageType::Audio(_) => return Said::Untaken("audio"),
        MessageType::File(_) => return Said::Untaken("files"),
        MessageType::Image(_) => return Said::Untaken("pictures"),
        MessageType::Location(_) => return Said::Untaken("places"),
        MessageType::Video(_) => return Said::Untaken("videos"),
        _ => return Said::Untaken("messages of this kind"),
    };
    let mut content = Content::plain(without_reply_fallback(&text));
    content.emote = emote;
    match edited {
        Some(target) => Said::Edit { target, content },
        None => Said::Content(content),
    }
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
