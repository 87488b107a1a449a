//! What a place cannot show, said in words it can.

use crate::model::{
    Attachment, AttachmentKind, CallNotice, Capabilities, Content, Event, EventKind, Membership,
    Quote, Span, Style, StyledText, Styles, size_in_words,
};
use crate::texts;

/// Longest name put before somebody's words, in characters.
const NAME_LIMIT: usize = 64;
/// Longest excerpt of a message that is answered, in characters.
const EXCERPT_LIMIT: usize = 80;

/// Who speaks through a place, as the people there see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// Somebody else than the one whose account it is.
    Anothers,
    /// The one whose account it is.
    Own,
}

/// Makes an event fit a place; none when there is nothing to show there.
///
/// `known` tells whether the place knows the earlier message the event is about: one it does not know
/// cannot be changed there, only spoken of.
pub fn downgrade(event: &Event, to: Capabilities, voice: Voice, known: bool) -> Option<Event> {
    let named = voice == Voice::Anothers && !to.speakers;
    let kind = match in_words(&event.kind, to, named, known)? {
        EventKind::Message(content) => {
            let content = plainer(content, to, known);
            let content =
                if named { spoken_by(event.sender.shown_name(), content) } else { content };
            EventKind::Message(content)
        }
        EventKind::Edit { target, content } => {
            EventKind::Edit { target, content: plainer(content, to, true) }
        }
        kind => kind,
    };
    Some(Event { kind, ..event.clone() })
}

/// Says as a message what the place has no form of its own for.
fn in_words(kind: &EventKind, to: Capabilities, named: bool, known: bool) -> Option<EventKind> {
    let kept = match kind {
        EventKind::Message(_) => true,
        EventKind::Edit { .. } => to.edits && known,
        EventKind::Redact { .. } => to.redactions && known,
        EventKind::React { .. } | EventKind::Unreact { .. } => to.reactions && known,
        EventKind::File(_) => to.files,
        EventKind::Membership(_) => to.membership,
        // A call without words would come from the wrong person.
        EventKind::Nudge => to.nudge && !named,
        EventKind::Profile(_) => to.profiles,
        EventKind::RoomPatch(_) => to.room_facts,
        EventKind::Wink(_) => to.winks && !named,
        EventKind::Delivery { state, .. } => to.fates.show(state),
        EventKind::CallNotice(_) | EventKind::Command(_) | EventKind::ContactDelta(_) => false,
    };
    if kept {
        return Some(kind.clone());
    }
    let does = |words: String| {
        let mut content = Content::plain(words);
        content.emote = true;
        Some(EventKind::Message(content))
    };
    match kind {
        EventKind::CallNotice(call) => does(
            match call {
                CallNotice::Activity => texts::delivery::WANTS_TO_SHARE_A_GAME_OR_A_PROGRAM,
                CallNotice::Audio => texts::delivery::IS_CALLING,
                CallNotice::Video => texts::delivery::WANTS_TO_SHOW_A_CAMERA,
            }
            .to_owned(),
        ),
        EventKind::Edit { content, .. } => {
            let mut content = content.clone();
            shift(&mut content, "* ");
            content.text.plain.insert_str(0, "* ");
            Some(EventKind::Message(content))
        }
        EventKind::File(file) => does(described(file)),
        EventKind::Membership(change) => does(match change.membership {
            Membership::Join => texts::delivery::sees_person_come_in(change.person.shown_name()),
            Membership::Leave => texts::delivery::sees_person_leave(change.person.shown_name()),
        }),
        EventKind::Nudge => does(texts::delivery::SENT_A_NUDGE.to_owned()),
        EventKind::React { key, .. } => does(texts::delivery::reacted_with_key(key)),
        EventKind::Redact { .. } => does(texts::delivery::TOOK_A_MESSAGE_BACK.to_owned()),
        EventKind::Wink(wink) => does(texts::delivery::sent_a_wink(&wink.name)),
        _ => None,
    }
}

fn described(file: &Attachment) -> String {
    let what = match file.kind {
        AttachmentKind::Ink => texts::delivery::SOMETHING_WRITTEN_BY_HAND,
        AttachmentKind::Picture => texts::delivery::A_PICTURE,
        AttachmentKind::Voice => texts::delivery::A_SPOKEN_MESSAGE,
        AttachmentKind::File => texts::delivery::A_FILE,
    };
    let size = file.size.map(|size| format!(", {}", size_in_words(size))).unwrap_or_default();
    let mut words = format!("sent {what}: {}{size}", file.shown_name());
    if let Some(link) = &file.link {
        // The address goes last: some clients take what follows it for a part of it.
        words.push_str(&texts::delivery::until_date_at_address(link.until.date(), &link.address));
    }
    if let Some(caption) = &file.caption {
        words.push_str(&format!("\n{caption}"));
    }
    words
}

/// Takes the looks away that the place does not have, and says in words what it does not show.
fn plainer(content: Content, to: Capabilities, known: bool) -> Content {
    let Content { text, emote, reply_to, mentions, emoticons } = content;
    let (native, spoken) = match reply_to {
        Some(quote) if to.replies && known => (Some(quote), None),
        quote => (None, quote.and_then(|quote| quotation(&quote))),
    };
    let text = match to.styles {
        Styles::Parts => text,
        Styles::Message => {
            let end = length_of(&text.plain);
            let whole = |span: &Span| span.start == 0 && span.end >= end;
            with_links_in_words(text, whole)
        }
        Styles::None => with_links_in_words(text, |_| false),
    };
    let emoticons = if to.emoticons.is_some() { emoticons } else { Vec::new() };
    // Places within the words move with them; where words were added, names in them are not marked.
    let mentions = if to.styles == Styles::Parts { mentions } else { Vec::new() };
    let mut content = Content { text, emote, reply_to: native, mentions, emoticons };
    if let Some(head) = spoken {
        shift(&mut content, &head);
        content.text.plain.insert_str(0, &head);
    }
    content
}

/// The line before an answer: who is answered, and how her message began.
fn quotation(quote: &Quote) -> Option<String> {
    let excerpt = quote.excerpt.as_deref().map(|excerpt| {
        let line = excerpt.lines().next().unwrap_or_default();
        let cut: String = line.chars().take(EXCERPT_LIMIT).collect();
        if cut.len() < excerpt.len() { format!("{cut}…") } else { cut }
    });
    match (&quote.sender, excerpt) {
        (Some(sender), Some(excerpt)) => Some(format!("[to {sender}: {excerpt}] ")),
        (Some(sender), None) => Some(format!("[to {sender}] ")),
        (None, Some(excerpt)) => Some(format!("[to: {excerpt}] ")),
        (None, None) => None,
    }
}

/// Keeps some looks, and writes the address of each link behind its words.
fn with_links_in_words(text: StyledText, keep: impl Fn(&Span) -> bool) -> StyledText {
    let StyledText { mut plain, spans } = text;
    let (links, looks): (Vec<Span>, Vec<Span>) =
        spans.into_iter().partition(|span| matches!(span.style, Style::Link(_)));
    let mut spans: Vec<Span> = looks.into_iter().filter(|span| keep(span)).collect();
    for link in links.into_iter().rev() {
        let place = usize::try_from(link.end).unwrap_or(usize::MAX);
        if let Style::Link(address) = link.style
            && plain.is_char_boundary(place)
            && !plain.contains(&address)
        {
            plain.insert_str(place, &format!(" ({address})"));
        }
    }
    let end = length_of(&plain);
    for span in &mut spans {
        span.end = end;
    }
    StyledText { plain, spans }
}

/// Puts a speaker's name before her words; a look of all the words is one of her name too, so that a
/// place with one look for a whole message keeps it.
fn spoken_by(name: &str, mut content: Content) -> Content {
    let name: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let name: String = name.trim().chars().take(NAME_LIMIT).collect();
    let head = if content.emote { format!("{name} ") } else { format!("{name}: ") };
    shift(&mut content, &head);
    content.text.plain.insert_str(0, &head);
    content
}

/// Moves the places in the words for something put before them; a look of all stays one of all.
fn shift(content: &mut Content, head: &str) {
    let by = length_of(head);
    let end = length_of(&content.text.plain);
    for span in &mut content.text.spans {
        if span.start > 0 || span.end < end {
            span.start = span.start.saturating_add(by);
        }
        span.end = span.end.saturating_add(by);
    }
    for mention in &mut content.mentions {
        mention.start = mention.start.saturating_add(by);
        mention.end = mention.end.saturating_add(by);
    }
}

fn length_of(text: &str) -> u32 {
    u32::try_from(text.len()).unwrap_or(u32::MAX)
}

/// Writes, for the book, what becomes of each kind of event in each of several places.
pub fn downgrade_table(places: &[(&str, Capabilities)]) -> String {
    let mut out = String::from("| |");
    places.iter().for_each(|(name, _)| out.push_str(&format!(" {name} |")));
    out.push_str("\n| --- |");
    places.iter().for_each(|_| out.push_str(" --- |"));
    out.push('\n');
    for (name, kind) in samples::all() {
        out.push_str(&format!("| {name} |"));
        for (_, to) in places {
            let event = samples::event(kind.clone());
            let cell = match downgrade(&event, *to, Voice::Own, true) {
                None => "left out".to_owned(),
                Some(shown) if shown.kind == kind => "as it is".to_owned(),
                Some(shown) => match shown.kind {
                    EventKind::Message(content) => {
                        let star = if content.emote { "\\* Ada " } else { "" };
                        let words = content.text.plain.replace('*', "\\*").replace('\n', "<br>");
                        format!("{star}{words}")
                    }
                    _ => "simpler".to_owned(),
                },
            };
            out.push_str(&format!(" {cell} |"));
        }
        out.push('\n');
    }
    out
}

/// One event of each kind, for the table and its tests.
mod samples {
    use crate::{
        id::{MediaId, MessageId, NetworkId, PersonaId, RoomId, SourceId, Timestamp},
        model::{
            Attachment, AttachmentKind, CallNotice, Content, CustomEmoticon, DeliveryState, Event,
            EventKind, Link, Membership, MembershipChange, Persona, ProfilePatch, Quote, Reject,
            RoomPatch, Scope, Span, Style, Wink,
        },
    };

    pub(super) fn event(kind: EventKind) -> Event {
        let network = NetworkId::new("test");
        Event {
            network: network.clone(),
            source: SourceId::new("1"),
            message: None,
            at: Timestamp(0),
            scope: Scope::Room(RoomId::new("room")),
            sender: Persona { network, id: PersonaId::new("ada"), name: None },
            kind,
        }
    }

    fn styled(plain: &str, start: u32, end: u32, style: Style) -> EventKind {
        let mut content = Content::plain(plain);
        content.text.spans.push(Span { start, end, style });
        EventKind::Message(content)
    }

    fn file(kind: AttachmentKind, name: &str) -> EventKind {
        let (media, name) = (MediaId::new("m"), name.to_owned());
        let (mime, size) = (None, Some(2000));
        EventKind::File(Attachment { media, name, kind, mime, size, caption: None, link: None })
    }

    fn linked() -> EventKind {
        EventKind::File(Attachment {
            media: MediaId::new("m"),
            name: "film.mp4".to_owned(),
            kind: AttachmentKind::File,
            mime: None,
            size: Some(20_971_520),
            caption: Some("look".to_owned()),
            link: Some(Link {
                address: "https://example.org/media/…".to_owned(),
                until: Timestamp(1_709_251_200_000),
            }),
        })
    }

    pub(super) fn all() -> Vec<(&'static str, EventKind)> {
        let target = || MessageId::new("earlier");
        let mut reply = Content::plain("yes");
        reply.reply_to = Some(Quote {
            message: target(),
            sender: Some("Bob".to_owned()),
            excerpt: Some("shall we?".to_owned()),
        });
        let mut emoticon = Content::plain("hi :cat:");
        let picture = CustomEmoticon { shortcut: ":cat:".to_owned(), media: MediaId::new("m") };
        emoticon.emoticons.push(picture);
        let carol = Persona {
            network: NetworkId::new("test"),
            id: PersonaId::new("carol"),
            name: Some("Carol".to_owned()),
        };
        let failed = DeliveryState::Failed { reason: Reject::Offline, tell_user: String::new() };
        let delivered = DeliveryState::Delivered { to: Vec::new() };
        let fate = |state| EventKind::Delivery { target: Some(target()), state };
        let membership = Membership::Join;
        let link = Style::Link("https://example.org".to_owned());
        vec![
            ("plain words", EventKind::Message(Content::plain("hello"))),
            ("one look for all", styled("hello", 0, 5, Style::Bold)),
            ("a look for a part", styled("hello you", 6, 9, Style::Bold)),
            ("a link", styled("look here", 5, 9, link)),
            ("an answer", EventKind::Message(reply)),
            ("a custom emoticon", EventKind::Message(emoticon)),
            ("an edit", EventKind::Edit { target: target(), content: Content::plain("hallo") }),
            ("a removal", EventKind::Redact { target: target() }),
            ("a reaction", EventKind::React { target: target(), key: "👍".to_owned() }),
            ("its end", EventKind::Unreact { target: target(), key: "👍".to_owned() }),
            ("a file", file(AttachmentKind::File, "notes.txt")),
            ("a picture", file(AttachmentKind::Picture, "cat.png")),
            ("a file with an address", linked()),
            ("a spoken message", file(AttachmentKind::Voice, "voice.wav")),
            ("handwriting", file(AttachmentKind::Ink, "ink.gif")),
            ("a nudge", EventKind::Nudge),
            ("a wink", EventKind::Wink(Wink { name: "Bouncy".to_owned(), media: None })),
            ("a call", EventKind::CallNotice(CallNotice::Audio)),
            (
                "somebody comes",
                EventKind::Membership(MembershipChange { person: carol, membership }),
            ),
            ("a new name", EventKind::Profile(ProfilePatch::default())),
            ("a room's new name", EventKind::RoomPatch(RoomPatch::default())),
            ("a delivery", fate(delivered)),
            ("a failure", fate(failed)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::PictureBounds;
    use crate::model::{CommandLine, DeliveryState, ShownFates};

    const NONE: Capabilities = Capabilities { speakers: true, ..Capabilities::NONE };

    fn words(event: &Event, to: Capabilities, voice: Voice) -> Content {
        match downgrade(event, to, voice, true).unwrap().kind {
            EventKind::Message(content) => content,
            kind => panic!("{kind:?}"),
        }
    }

    fn message(content: Content) -> Event {
        samples::event(EventKind::Message(content))
    }

    /// Each kind either stays as it is where the place has it, or becomes words, or goes quietly.
    #[test]
    fn each_kind_has_its_place_or_its_words() {
        let everything = Capabilities {
            contact_lists: true,
            edits: true,
            emoticons: Some(PictureBounds { side: 1, bytes: 1 }),
            fates: ShownFates::All,
            files: true,
            idempotent: true,
            max_file: None,
            membership: true,
            nudge: true,
            presence: true,
            probes: true,
            profiles: true,
            room_facts: true,
            reactions: true,
            redactions: true,
            replies: true,
            speakers: true,
            styles: Styles::Parts,
            typing: true,
            winks: true,
        };
        for (name, kind) in samples::all() {
            let event = samples::event(kind.clone());
            let all = downgrade(&event, everything, Voice::Own, true).map(|event| event.kind);
            let spoken = matches!(kind, EventKind::CallNotice(_));
            assert_eq!(all == Some(kind), !spoken, "{name}");
            if let Some(event) = downgrade(&event, NONE, Voice::Own, true) {
                let EventKind::Message(content) = event.kind else { panic!("{name}") };
                assert!(content.text.spans.is_empty() && content.emoticons.is_empty(), "{name}");
            }
        }
        let command = samples::event(EventKind::Command(CommandLine("login".to_owned())));
        assert_eq!(downgrade(&command, everything, Voice::Own, true), None);
    }

    #[test]
    fn what_a_place_does_not_know_cannot_be_changed_there() {
        let to = Capabilities { edits: true, redactions: true, replies: true, ..NONE };
        for (name, kind) in samples::all() {
            let event = samples::event(kind);
            let about = event.kind.target().is_some();
            let shown = downgrade(&event, to, Voice::Own, false);
            let says = shown.is_none_or(|event| event.kind.target().is_none());
            assert!(!about || says, "{name}");
        }
    }

    #[test]
    fn failures_alone_are_shown_where_only_they_are_wanted() {
        let to = Capabilities { fates: ShownFates::Failures, ..NONE };
        let fate = |state| samples::event(EventKind::Delivery { target: None, state });
        let delivered = fate(DeliveryState::Delivered { to: Vec::new() });
        let unknown = fate(DeliveryState::Unknown { tell_user: String::new() });
        assert_eq!(downgrade(&delivered, to, Voice::Own, false), None);
        assert!(downgrade(&unknown, to, Voice::Own, false).is_some());
    }

    #[test]
    fn anothers_words_have_her_name_before_them_where_speakers_are_not_shown() {
        let to = Capabilities {
            speakers: false,
            nudge: true,
            styles: Styles::Parts,
            ..Capabilities::NONE
        };
        let mut content = Content::plain("hi there");
        content.text.spans.push(Span { start: 0, end: 8, style: Style::Bold });
        content.text.spans.push(Span { start: 3, end: 8, style: Style::Italic });
        let mut said = message(content);
        said.sender.name = Some("Ada\n L".to_owned());
        let shown = words(&said, to, Voice::Anothers);
        assert_eq!(shown.text.plain, "Ada  L: hi there");
        let places: Vec<_> = shown.text.spans.iter().map(|span| (span.start, span.end)).collect();
        assert_eq!(places, [(0, 16), (11, 16)]);
        assert_eq!(words(&said, to, Voice::Own).text.plain, "hi there");
        let nudge = samples::event(EventKind::Nudge);
        let nudged = words(&nudge, to, Voice::Anothers);
        assert_eq!((nudged.text.plain.as_str(), nudged.emote), ("ada sent a nudge", true));
        assert_eq!(downgrade(&nudge, to, Voice::Own, false), Some(nudge));
    }

    #[test]
    fn links_and_answers_are_said_in_words_where_they_are_not_shown() {
        let mut content = Content::plain("see this and that");
        let link = |start, end, to: &str| Span { start, end, style: Style::Link(to.to_owned()) };
        content.text.spans = vec![link(4, 8, "https://a.org"), link(13, 17, "https://b.org")];
        content.reply_to = Some(Quote {
            message: crate::id::MessageId::new("m"),
            sender: Some("Bob".to_owned()),
            excerpt: Some("x".repeat(200)),
        });
        let shown = words(&message(content), NONE, Voice::Own).text.plain;
        let wanted = format!(
            "[to Bob: {}…] see this (https://a.org) and that (https://b.org)",
            "x".repeat(EXCERPT_LIMIT)
        );
        assert_eq!(shown, wanted);
    }
}
