//! How somebody's words look in a chat, where she wished it so and says nothing else with them.

use super::Pump;
use crate::{
    downgrade::Voice,
    model::{Capabilities, Event, EventKind, Span, Style, Styles, UserId},
    options,
    record::Leg,
};

impl Pump {
    /// Gives somebody's words the font and colour she chose, where they go from her own account to a
    /// place that has one look for a whole message.
    pub(super) async fn with_look(
        &self,
        mut event: Event,
        leg: &Leg,
        to: Capabilities,
        voice: Voice,
    ) -> Event {
        let shown =
            voice == Voice::Own && to.styles == Styles::Message && matches!(leg, Leg::Chat { .. });
        let EventKind::Message(content) = &mut event.kind else { return event };
        if !shown {
            return event;
        }
        let user = UserId { network: event.sender.network.clone(), id: event.sender.id.clone() };
        let end = u32::try_from(content.text.plain.len()).unwrap_or(u32::MAX);
        for style in options::look(&self.shared, &user).await {
            let spans = &mut content.text.spans;
            if !spans.iter().any(|span| is_alike(&span.style, &style)) {
                spans.push(Span { start: 0, end, style });
            }
        }
        event
    }
}

fn is_alike(one: &Style, other: &Style) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other)
}
