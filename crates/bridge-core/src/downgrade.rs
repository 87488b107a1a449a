//! What a place cannot show, said in words it can.

use crate::model::{Capabilities, Content, Event, EventKind};

/// Makes an event fit a place; none when there is nothing to show there.
pub fn downgrade(event: &Event, to: Capabilities) -> Option<Event> {
    match &event.kind {
        EventKind::Nudge if !to.nudge => {
            let mut content = Content::plain("sent a nudge");
            content.emote = true;
            Some(Event { kind: EventKind::Message(content), ..event.clone() })
        }
        EventKind::Delivery { .. } if !to.delivery_state => None,
        EventKind::Command(_) => None,
        EventKind::Delivery { .. } | EventKind::Message(_) | EventKind::Nudge => {
            Some(event.clone())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        id::{NetworkId, PersonaId, RoomId, SourceId, Timestamp},
        model::{CommandLine, DeliveryState, Persona, Scope},
    };

    const NONE: Capabilities = Capabilities {
        delivery_state: false,
        idempotent: false,
        nudge: false,
        presence: false,
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
        assert_eq!(downgrade(&event(message()), NONE), Some(event(message())));
        assert_eq!(downgrade(&event(delivered()), NONE), None);
        let shows = Capabilities { delivery_state: true, ..NONE };
        assert_eq!(downgrade(&event(delivered()), shows), Some(event(delivered())));
        let words = Some(("sent a nudge".to_owned(), true));
        assert_eq!(nudged(downgrade(&event(EventKind::Nudge), NONE)), words);
        let nudges = Capabilities { nudge: true, ..NONE };
        assert_eq!(downgrade(&event(EventKind::Nudge), nudges), Some(event(EventKind::Nudge)));
        let command = EventKind::Command(CommandLine("login".to_owned()));
        assert_eq!(downgrade(&event(command), shows), None);
    }
}
