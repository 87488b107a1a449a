//! A chat with one of the bridge's own accounts, where commands are given too.
//!
//! Whoever has a line of her own in the permissions writes to such an account as to anybody; where the
//! account's conversation with her is a relay's, a line for the bridge begins with a word. Such a chat
//! is noted as a room whose name is the account and the conversation. Nothing secret is taken here: all
//! of it passes through the network's servers, and nobody can take a message back.

use secrecy::SecretString;

use super::Role;
use crate::{
    adapter::{CommandOrigin, Reply},
    error::DeliverError,
    id::{ChatId, LoginId, RoomId},
    model::{Content, Delivery, Event, EventKind, UserId},
    shared::Shared,
    supervisor::Owner,
    texts,
};

/// What a line for the bridge begins with where a relay carries all others.
const PREFIX: &str = "!msn";
/// Most rows or lines of one answer; messages of a chat are short.
const LINES: usize = 24;
/// Most letters of one answer.
const LETTERS: usize = 2000;

/// Names a chat as the place of a command.
pub(crate) fn place(login: &LoginId, chat: &ChatId) -> RoomId {
    RoomId::new(format!("{login}\n{chat}"))
}

/// Gives the chat that a place of a command is; none where it is a room. No room's name has two lines.
pub(crate) fn chat(room: &RoomId) -> Option<(LoginId, ChatId)> {
    let (login, chat) = room.as_str().split_once('\n')?;
    Some((LoginId::new(login), ChatId::new(chat)))
}

/// Gives the line for the bridge that an event in a chat is, if it is one.
pub(crate) fn line(
    shared: &Shared,
    login: &LoginId,
    event: &Event,
    in_relay: bool,
) -> Option<SecretString> {
    let EventKind::Message(content) = &event.kind else { return None };
    if shared.puppets.owner(login) != Some(Owner::Bridge) {
        return None;
    }
    let user = UserId { network: event.network.clone(), id: event.sender.id.clone() };
    if shared.role_by_name(&user) == Role::None {
        return None;
    }
    let words = content.text.plain.trim();
    let rest = match words.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) => Some(rest),
        _ => None,
    };
    let rest = rest.filter(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace));
    match rest {
        Some(rest) => Some(SecretString::from(rest.trim_start())),
        None => (!in_relay).then(|| SecretString::from(words)),
    }
}

/// Answers in a chat.
///
/// # Errors
/// As [`Puppet::deliver`](crate::Puppet::deliver); [`DeliverError::Retry`] while the account is away.
pub(super) async fn answer(
    shared: &Shared,
    origin: &CommandOrigin,
    reply: &Reply,
) -> Result<(), DeliverError> {
    let Some((login, chat)) = chat(&origin.room) else {
        return Err(DeliverError::retry("the network is switched off"));
    };
    let puppet = shared.puppets.online(&login);
    let puppet = puppet.ok_or_else(|| DeliverError::retry("the account is not connected"))?;
    let kind = EventKind::Message(Content::plain(words(reply)));
    let item = Delivery::of_the_bridge(login, chat.clone(), kind);
    puppet.deliver(&chat, &item).await.map(drop)
}

/// Writes an answer as a chat shows it: plain, and shortened with a word about what is left out.
fn words(reply: &Reply) -> String {
    let text = match reply {
        Reply::Buttons { text, buttons } => Reply::with_buttons_as_text(text, buttons),
        Reply::Table { title, rows, .. } => {
            let row = |cells: &Vec<String>| {
                let cells = cells.iter().filter(|cell| !cell.is_empty()).cloned();
                cells.collect::<Vec<_>>().join(" · ")
            };
            std::iter::once(title.clone())
                .chain(rows.iter().map(row))
                .collect::<Vec<_>>()
                .join("\n")
        }
        Reply::Text(text) => text.clone(),
    };
    let mut short = String::new();
    let mut letters = 0;
    let mut lines = text.lines();
    for line in lines.by_ref().take(LINES) {
        letters += line.chars().count() + 1;
        if letters > LETTERS {
            return texts::general::more_does_not_fit_here(&short);
        }
        if !short.is_empty() {
            short.push('\n');
        }
        short.push_str(line);
    }
    match lines.count() {
        0 => short,
        more => texts::general::more_more_lines_do_not_fit_here(&short, more),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_its_chat_and_a_room_is_none() {
        let (login, with) =
            (LoginId::new("msn:bridge@example.com"), ChatId::new("ada@example.com"));
        assert_eq!(chat(&place(&login, &with)), Some((login, with)));
        assert_eq!(chat(&RoomId::new("!room:example.com")), None);
    }

    #[test]
    fn long_answers_are_shortened_and_say_so() {
        let rows = (0..60).map(|number| vec![number.to_string(), String::new(), "x".to_owned()]);
        let table =
            Reply::Table { title: "Numbers".to_owned(), columns: Vec::new(), rows: rows.collect() };
        let said = words(&table);
        assert!(said.starts_with("Numbers\n0 · x\n1 · x\n"));
        assert!(said.ends_with("(37 more lines do not fit here.)"), "{said}");
        let long = words(&Reply::Text(format!("one\n{}", "x".repeat(5000))));
        assert_eq!(long, "one\n(More does not fit here.)");
        assert_eq!(words(&Reply::Text("short".to_owned())), "short");
    }
}
