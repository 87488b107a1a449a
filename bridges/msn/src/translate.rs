//! Between MSN's words and the core's.

use crate::{files, texts, words};
use bridge_core::{
    DeliverError, PuppetContext,
    model::{
        Attachment, AttachmentKind, CallNotice, Colour, Content, CurrentMedia, EventKind, Presence,
        PresenceState, Reject, Span, Style, StyledText,
    },
};
use msnp::{Contact, Extra, Format, Ink, Invitation, RequestError, Status, Text};

/// What a drawing is called, which has no name of its own.
const DRAWING: &str = "drawing.gif";

/// Makes a neutral text of an MSN one: its one look spans all its words. `own` are the shortcuts that its
/// sender has pictures of her own for.
pub(crate) fn content(text: &Text, own: &[String]) -> Content {
    let Text { words, format, .. } = text;
    let StyledText { plain, spans: parts } = words::read(words, own);
    let end = u32::try_from(plain.len()).unwrap_or(u32::MAX);
    let looks = [
        (format.bold, Style::Bold),
        (format.italic, Style::Italic),
        (format.underline, Style::Underline),
        (format.strike, Style::Strike),
    ];
    let mut spans: Vec<Span> = looks
        .into_iter()
        .filter(|(on, _)| *on)
        .map(|(_, style)| Span { start: 0, end, style })
        .collect();
    let msnp::Colour { red, green, blue } = format.colour;
    // Black is what every client writes when nobody chose a colour.
    if (red, green, blue) != (0, 0, 0) {
        let style = Style::Colour(Colour { red, green, blue });
        spans.push(Span { start: 0, end, style });
    }
    spans.extend(parts);
    Content { text: StyledText { plain, spans }, ..Content::default() }
}

/// Makes a neutral event of what is neither words nor an attention call; none where there is nothing to tell
/// yet. A drawing is kept first, for it comes once.
pub(crate) async fn extra(cx: &PuppetContext, extra: Extra) -> Option<EventKind> {
    let does = |words: &str| {
        EventKind::Message(Content { emote: true, ..Content::plain(words.to_owned()) })
    };
    Some(match extra {
        Extra::Action(words) => does(&words::shown(&words)),
        // These are fetched first.
        Extra::Emoticons(_) | Extra::Voice(_) | Extra::Wink(_) => return None,
        Extra::Ink(Ink::Gif(bytes)) => {
            let size = u64::try_from(bytes.len()).ok();
            match files::keep(cx, DRAWING, bytes).await {
                Ok(media) => EventKind::File(Attachment {
                    media,
                    name: DRAWING.to_owned(),
                    kind: AttachmentKind::Ink,
                    mime: Some("image/gif".to_owned()),
                    size,
                    caption: None,
                    link: None,
                }),
                Err(_) => does(texts::SENT_A_DRAWING),
            }
        }
        Extra::Invitation(invitation) => {
            EventKind::CallNotice(match invitation.application.as_str() {
                Invitation::CALL => CallNotice::Audio,
                _ => CallNotice::Activity,
            })
        }
        _ => does(texts::SENT_A_DRAWING),
    })
}

/// Makes an MSN text of a neutral one, with shortcuts for emoji that have one; a look is kept where it spans all the words.
pub(crate) fn text(content: &Content, maybe_double: bool) -> Text {
    let plain = &content.text.plain;
    let whole = |span: &&Span| {
        span.start == 0 && usize::try_from(span.end).is_ok_and(|end| end >= plain.len())
    };
    let mut format = Format::default();
    for span in content.text.spans.iter().filter(whole) {
        match &span.style {
            Style::Bold => format.bold = true,
            Style::Italic => format.italic = true,
            Style::Underline => format.underline = true,
            Style::Strike => format.strike = true,
            Style::Font(font) => format.font.clone_from(font),
            Style::Colour(Colour { red, green, blue }) => {
                format.colour = msnp::Colour { red: *red, green: *green, blue: *blue };
            }
            _ => {}
        }
    }
    let mut words = words::written(plain);
    if content.emote {
        words.insert_str(0, "* ");
    }
    if maybe_double {
        words.push_str(texts::MAYBE_SAID_BEFORE);
    }
    Text { words, format, shown_as: None }
}

pub(crate) fn presence(contact: &Contact) -> Presence {
    let text = words::shown(&contact.personal.text);
    Presence {
        state: state(contact.status),
        status_text: (!text.is_empty()).then_some(text),
        media: contact
            .media()
            .map(|media| CurrentMedia { text: words::shown(&media.shown()), kind: media.kind }),
    }
}

/// Names a state as MSN does; there unseen where it is to be offline.
pub(crate) fn status(state: PresenceState) -> Status {
    match state {
        PresenceState::Away => Status::Away,
        PresenceState::BeRightBack => Status::BeRightBack,
        PresenceState::Busy => Status::Busy,
        PresenceState::Idle => Status::Idle,
        PresenceState::Offline => Status::Hidden,
        PresenceState::OnThePhone => Status::OnThePhone,
        PresenceState::OutToLunch => Status::OutToLunch,
        _ => Status::Online,
    }
}

fn state(status: Status) -> PresenceState {
    match status {
        Status::Away => PresenceState::Away,
        Status::BeRightBack => PresenceState::BeRightBack,
        Status::Busy => PresenceState::Busy,
        Status::Hidden | Status::Offline => PresenceState::Offline,
        Status::Idle => PresenceState::Idle,
        Status::Online => PresenceState::Online,
        Status::OutToLunch => PresenceState::OutToLunch,
        Status::OnThePhone => PresenceState::OnThePhone,
    }
}

/// Says what a failed request means for a message.
pub(crate) fn refusal(error: RequestError, name: &str) -> DeliverError {
    let reject = |reason, tell_user: String| DeliverError::Reject { reason, tell_user };
    match error {
        RequestError::Unconfirmed => {
            DeliverError::Ambiguous("the server did not acknowledge it".into())
        }
        RequestError::Busy | RequestError::NotOpened(_) | RequestError::NotSignedIn => {
            DeliverError::retry(error.to_string())
        }
        RequestError::Refused(code) if code.is_temporary() => DeliverError::retry(code.to_string()),
        RequestError::NotOnline => reject(Reject::Offline, texts::is_not_online_and_messages(name)),
        RequestError::NoAnswer => reject(Reject::Offline, texts::seems_to_be_online_but_did(name)),
        RequestError::Blocked => {
            reject(Reject::Forbidden, texts::does_not_take_messages_from_you(name))
        }
        RequestError::ChatOver => {
            reject(Reject::UnknownRecipient, texts::THAT_CONVERSATION_IS_OVER.to_owned())
        }
        error => reject(Reject::Offline, texts::could_not_be_reached(name, &error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_over_all_words_survives_both_ways() {
        let mut said = Text::plain("Hello");
        said.format.bold = true;
        said.format.colour = msnp::Colour { red: 255, green: 0, blue: 1 };
        let there = content(&said, &[]);
        assert_eq!(there.text.spans.len(), 2);
        assert_eq!(text(&there, false), said);
    }

    #[test]
    fn a_look_for_a_part_lies_within_that_for_all() {
        let mut said = Text::plain("[i](y)[/i] yes");
        said.format.bold = true;
        let there = content(&said, &[]).text;
        let span = |end, style| Span { start: 0, end, style };
        assert_eq!(there.spans, [span(8, Style::Bold), span(4, Style::Italic)]);
        assert_eq!(there.plain, "👍 yes");
    }

    #[test]
    fn a_repetition_is_marked_and_an_emote_has_its_star() {
        let mut said = Content::plain("waves");
        said.emote = true;
        assert_eq!(text(&said, true).words, "* waves (maybe said before)");
    }
}
