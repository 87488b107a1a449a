//! What a place cannot show, said in words it can.

use crate::model::{Capabilities, Content, Event, EventKind, StyledText};

/// Longest name put before somebody's words, in characters.
const NAME_LIMIT: usize = 64;

/// Who speaks through a place, as the people there see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// Somebody else than the one whose account it is.
    Anothers,
    /// The one whose account it is.
    Own,
}

/// Makes an event fit a place; none when there is nothing to show there.
pub fn downgrade(event: &Event, to: Capabilities, voice: Voice) -> Option<Event> {
    let named = voice == Voice::Anothers && !to.speakers;
    let kind = match &event.kind {
        EventKind::Nudge if !to.nudge || named => {
            let mut content = Content::plain("sent a nudge");
            content.emote = true;
            EventKind::Message(content)
        }
        EventKind::Delivery { state, .. } if !to.fates.show(state) => return None,
        EventKind::Command(_) => return None,
        kind => kind.clone(),
    };
    let kind = match kind {
        EventKind::Message(content) if named => {
            EventKind::Message(spoken_by(event.sender.shown_name(), content))
        }
        kind => kind,
    };
    Some(Event { kind, ..event.clone() })
}

/// Puts a speaker's name before her words; a look of all the words is one of her name too, so that a
/// place with one look for a whole message keeps it.
fn spoken_by(name: &str, content: Content) -> Content {
    let name: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let name: String = name.trim().chars().take(NAME_LIMIT).collect();
    let head = if content.emote { format!("{name} ") } else { format!("{name}: ") };
    let shift = u32::try_from(head.len()).unwrap_or(u32::MAX);
    let end = u32::try_from(content.text.plain.len()).unwrap_or(u32::MAX);
    let mut spans = content.text.spans;
    for span in &mut spans {
        if span.start > 0 || span.end < end {
            span.start = span.start.saturating_add(shift);
        }
        span.end = span.end.saturating_add(shift);
    }
    let text = StyledText { plain: head + &content.text.plain, spans };
    Content { text, ..content }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        id::{NetworkId, PersonaId, RoomId, SourceId, Timestamp},
        model::{CommandLine, DeliveryState, Persona, Scope, ShownFates, Span, Style},
    };

    const NONE: Capabilities = Capabilities {
        fates: ShownFates::Nothing,
        idempotent: false,
        nudge: false,
        presence: false,
        speakers: true,
        typing: false,
    };

    fn event(kind: EventKind) -> Event {
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

    #[test]
    fn each_feature_has_its_place_or_its_words() {
        let delivered = || EventKind::Delivery {
            target: None,
            state: DeliveryState::Delivered { to: Vec::new() },
        };
        let message = || EventKind::Message(Content::plain("hello"));
        let nudged = |event: Option<Event>| match event?.kind {
            EventKind::Message(content) => Some((content.text.plain, content.emote)),
            _ => None,
        };
        assert_eq!(downgrade(&event(message()), NONE, Voice::Own), Some(event(message())));
        assert_eq!(downgrade(&event(delivered()), NONE, Voice::Own), None);
        let shows = Capabilities { fates: ShownFates::All, ..NONE };
        assert_eq!(downgrade(&event(delivered()), shows, Voice::Own), Some(event(delivered())));
        let words = Some(("sent a nudge".to_owned(), true));
        assert_eq!(nudged(downgrade(&event(EventKind::Nudge), NONE, Voice::Own)), words);
        let nudges = Capabilities { nudge: true, ..NONE };
        assert_eq!(
            downgrade(&event(EventKind::Nudge), nudges, Voice::Own),
            Some(event(EventKind::Nudge))
        );
        let command = EventKind::Command(CommandLine("login".to_owned()));
        assert_eq!(downgrade(&event(command), shows, Voice::Own), None);
    }

    #[test]
    fn failures_alone_are_shown_where_only_they_are_wanted() {
        let to = Capabilities { fates: ShownFates::Failures, ..NONE };
        let fate = |state| event(EventKind::Delivery { target: None, state });
        let delivered = fate(DeliveryState::Delivered { to: Vec::new() });
        let unknown = fate(DeliveryState::Unknown { tell_user: String::new() });
        assert_eq!(downgrade(&delivered, to, Voice::Own), None);
        assert!(downgrade(&unknown, to, Voice::Own).is_some());
    }

    #[test]
    fn anothers_words_have_her_name_before_them_where_speakers_are_not_shown() {
        let to = Capabilities { speakers: false, nudge: true, ..NONE };
        let words = |event: Event, voice| match downgrade(&event, to, voice).unwrap().kind {
            EventKind::Message(content) => content,
            kind => panic!("{kind:?}"),
        };
        let mut said = event(EventKind::Message(Content::plain("hi there")));
        said.sender.name = Some("Ada\n L".to_owned());
        let EventKind::Message(content) = &mut said.kind else { panic!("a message") };
        content.text.spans.push(Span { start: 0, end: 8, style: Style::Bold });
        content.text.spans.push(Span { start: 3, end: 8, style: Style::Italic });
        let shown = words(said.clone(), Voice::Anothers);
        assert_eq!(shown.text.plain, "Ada  L: hi there");
        let places: Vec<_> = shown.text.spans.iter().map(|span| (span.start, span.end)).collect();
        assert_eq!(places, [(0, 16), (11, 16)]);
        assert_eq!(words(said, Voice::Own).text.plain, "hi there");
        let nudged = words(event(EventKind::Nudge), Voice::Anothers);
        assert_eq!((nudged.text.plain.as_str(), nudged.emote), ("ada sent a nudge", true));
        let own = downgrade(&event(EventKind::Nudge), to, Voice::Own).unwrap();
        assert_eq!(own.kind, EventKind::Nudge);
    }
}
