//! What was said, as an event, whatever carried it.

use super::{
    Session,
    types::{ChatId, Event, LinkId},
};
use crate::msg::Said;

/// Who said something, and in which conversation.
pub(super) struct Speaker {
    pub(super) chat: ChatId,
    /// Her address, in lower case.
    pub(super) from: String,
    pub(super) name: String,
}

impl Session {
    /// Names somebody as the roster has her, or by her address.
    pub(super) fn speaker(&self, chat: ChatId, account: &str) -> Speaker {
        let from = account.to_lowercase();
        let known = self.roster.contact(&from).map(|contact| contact.shown_name().to_owned());
        Speaker { chat, name: known.unwrap_or_else(|| from.clone()), from }
    }

    /// Tells what was said.
    ///
    /// # Errors
    /// Says what it is where it cannot be told.
    pub(super) fn heard(&mut self, link: LinkId, by: Speaker, said: Said) -> Result<(), String> {
        let Speaker { chat, from, name } = by;
        let event = match said {
            Said::Extra(extra) => {
                let number = self.count_message(link);
                Event::Extra { chat, from, name, extra, link, number }
            }
            Said::Nudge => {
                let number = self.count_message(link);
                Event::Nudge { chat, from, name, link, number }
            }
            Said::Other { content_type } => {
                let short: String = content_type.chars().take(64).collect();
                return Err(format!("a message of type {short}"));
            }
            Said::Text(text) => {
                let number = self.count_message(link);
                Event::Message { chat, from, name, text, link, number }
            }
            Said::Typing => Event::Typing { chat, from, name },
        };
        self.events.push_back(event);
        Ok(())
    }

    /// Numbers a message among those that its link brought.
    fn count_message(&mut self, link: LinkId) -> u64 {
        match self.boards.get_mut(&link) {
            Some(board) => board.count_message(),
            None => self.notification.count_message(),
        }
    }
}
