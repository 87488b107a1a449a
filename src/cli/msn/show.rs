//! What happens in a session, in words or as one JSON object a line.

use std::path::Path;

use msnp::{
    Circle, CircleStanding, Contact, Event, Extra, GroupChange, Handle, Ink, Mail, OfflineMessage,
    PeerEvent, Roster,
};
use serde_json::{Value, json};

/// Shows what happens, in words or as JSON.
pub(super) struct Show {
    pub(super) json: bool,
}

impl Show {
    pub(super) fn value(&self, value: &Value) {
        if self.json {
            println!("{value}");
        }
    }

    pub(super) fn contact(&self, contact: &Contact, handle: &Handle) {
        let roster = handle.roster();
        let groups = roster.group_names(contact);
        let status = contact.status.code();
        if self.json {
            println!("{}", contact_json(contact, &roster));
        } else {
            let groups = match groups.as_slice() {
                [] => String::new(),
                groups => format!("  [{}]", groups.join(", ")),
            };
            println!("{status}  {}  <{}>{groups}", contact.shown_name(), contact.account);
        }
    }

    pub(super) fn circle(&self, circle: &Circle) {
        if self.json {
            println!("{}", circle_json(circle));
            return;
        }
        let asked = match &circle.standing {
            CircleStanding::Asked(invitation) => {
                format!("  {} asks you in: {}", invitation.by, invitation.words)
            }
            _ => String::new(),
        };
        println!("{}  {}  [{}]{asked}", circle.chat(), circle.name, standing_word(circle));
    }

    /// Shows what was said while the account was away; else than whole, its first line.
    pub(super) fn offline(&self, message: &OfflineMessage, whole: bool) {
        let first = message.text.lines().next().unwrap_or_default();
        let text = if whole { &message.text } else { first };
        let sent = message.sent.map(msnp::written_time);
        if self.json {
            println!("{}", offline_json(message, sent.as_deref(), text));
        } else {
            let name = message.name.as_deref().unwrap_or(&message.from);
            println!("{}  {}  {name}: {text}", message.id, sent.unwrap_or_default());
        }
    }

    /// Says where a capture is.
    pub(super) fn trace(&self, file: &Path) {
        self.value(&json!({ "event": "trace", "file": file }));
        if !self.json {
            println!("{}", file.display());
        }
    }

    pub(super) fn event(&self, handle: &Handle, event: &Event) {
        if self.json {
            if let Some(value) = event_json(handle, event) {
                println!("{value}");
            }
        } else if let Some(words) = event_words(handle, event) {
            println!("{words}");
        }
    }
}

fn contact_json(contact: &Contact, roster: &Roster) -> Value {
    json!({
        "event": "contact", "address": contact.account, "name": contact.shown_name(),
        "lists": contact.lists.0, "groups": roster.group_names(contact),
        "status": contact.status.code(), "network": contact.network, "asks": contact.asks,
        "invitation": contact.invitation,
    })
}

fn circle_json(circle: &Circle) -> Value {
    let members = circle.members.iter().map(|(address, member)| {
        json!({ "address": address, "name": member.name, "status": member.status.code() })
    });
    let (by, words) = match &circle.standing {
        CircleStanding::Asked(asked) => (Some(&asked.by), Some(&asked.words)),
        _ => (None, None),
    };
    json!({
        "event": "circle", "circle": circle.id, "chat": circle.chat().as_str(),
        "name": circle.name, "online": circle.online, "standing": standing_word(circle),
        "by": by, "invitation": words, "entered": circle.entered,
        "members": members.collect::<Vec<_>>(),
    })
}

fn standing_word(circle: &Circle) -> &'static str {
    match circle.standing {
        CircleStanding::Asked(_) => "asked",
        CircleStanding::Member { is_admin: true } => "admin",
        CircleStanding::Member { is_admin: false } => "member",
        _ => "heard",
    }
}

fn offline_json(message: &OfflineMessage, sent: Option<&str>, text: &str) -> Value {
    json!({
        "event": "oim", "id": message.id, "from": message.from, "name": message.name,
        "sent": sent, "text": text,
    })
}

fn event_json(handle: &Handle, event: &Event) -> Option<Value> {
    Some(match event {
        Event::Connected { server, version } => {
            json!({ "event": "connected", "server": server, "protocol": version.to_string() })
        }
        Event::Online { account, name } => {
            json!({ "event": "online", "account": account, "name": name })
        }
        Event::Presence { account } => {
            let contact = handle.contact(account)?;
            json!({
                "event": "presence", "address": account, "status": contact.status.code(),
                "name": contact.shown_name(), "psm": contact.personal.text,
                "media": contact.media().map(|media| media.shown()),
                "picture": contact.picture().map(|picture| picture.hash),
                "capabilities": contact.capabilities.names().collect::<Vec<_>>(),
            })
        }
        Event::Message { chat, from, text, .. } => {
            let format = &text.format;
            json!({
                "event": "message", "chat": chat.as_str(), "from": from, "text": text.words,
                "format": {
                    "font": format.font, "bold": format.bold, "italic": format.italic,
                    "underline": format.underline, "strike": format.strike,
                    "colour": format!("#{:02x}{:02x}{:02x}", format.colour.red, format.colour.green, format.colour.blue),
                },
            })
        }
        Event::Typing { chat, from, .. } => {
            json!({ "event": "typing", "chat": chat.as_str(), "from": from })
        }
        Event::Nudge { chat, from, .. } => {
            json!({ "event": "nudge", "chat": chat.as_str(), "from": from })
        }
        Event::Joined { chat, account, .. } => {
            json!({ "event": "joined", "chat": chat.as_str(), "who": account })
        }
        Event::Left { chat, account } => {
            json!({ "event": "left", "chat": chat.as_str(), "who": account })
        }
        Event::ContactChanged { account, .. } => {
            let roster = handle.roster();
            match roster.contact(account) {
                Some(contact) => contact_json(contact, &roster),
                None => json!({ "event": "contact", "address": account, "lists": 0 }),
            }
        }
        Event::AddedBy { account, name } => {
            let words = handle.contact(account).and_then(|contact| contact.invitation);
            json!({ "event": "asked", "address": account, "name": name, "invitation": words })
        }
        Event::CircleChanged { circle } => {
            let roster = handle.roster();
            let circle = roster.circles().find(|known| known.id == *circle)?;
            circle_json(circle)
        }
        Event::CircleEntered { chat, name } => {
            json!({ "event": "circle_entered", "chat": chat.as_str(), "name": name })
        }
        Event::CircleInvited { chat, circle, by, words, .. } => json!({
            "event": "circle_invited", "chat": chat.as_str(), "name": circle, "by": by,
            "invitation": words,
        }),
        Event::CircleLeft { chat } => json!({ "event": "circle_left", "chat": chat.as_str() }),
        Event::CircleNotEntered { chat, why } => json!({
            "event": "circle_not_entered", "chat": chat.as_str(), "reason": why.to_string(),
        }),
        Event::GroupChanged { name, change, .. } => {
            json!({ "event": "group", "name": name, "change": change_word(*change) })
        }
        Event::OfflineMessage { message } => {
            let sent = message.sent.map(msnp::written_time);
            offline_json(message, sent.as_deref(), &message.text)
        }
        Event::Mail { mail: Mail::Unread { inbox, folders } } => {
            json!({ "event": "mail_unread", "inbox": inbox, "folders": folders })
        }
        Event::Mail { mail: Mail::Came { name, address, subject } } => {
            json!({ "event": "mail", "name": name, "address": address, "subject": subject })
        }
        Event::ProfileRead { profile } => json!({
            "event": "profile", "name": profile.name, "psm": profile.message,
            "picture": profile.picture.is_some(),
        }),
        Event::ProfileSkipped { why } => json!({ "event": "profile_skipped", "reason": why }),
        Event::OnNetwork { account, network } => {
            json!({ "event": "network", "address": account, "network": network })
        }
        Event::PrivacyChanged => {
            let privacy = handle.roster().privacy();
            json!({ "event": "privacy", "everybody": privacy.everybody, "asks": privacy.asks })
        }
        Event::RemovedBy { account } => json!({ "event": "removed_by", "address": account }),
        Event::Extra { chat, from, extra, .. } => {
            let (what, value) = extra_json(extra);
            json!({ "event": "extra", "chat": chat.as_str(), "from": from, "kind": what, "value": value })
        }
        Event::Transfer(PeerEvent::Offered { transfer, chat, from, file }) => json!({
            "event": "file_offered", "transfer": transfer.0, "chat": chat.as_str(), "from": from,
            "name": file.safe_name(), "size": file.size,
        }),
        Event::Transfer(PeerEvent::Ended { transfer, outcome }) => json!({
            "event": "transfer_ended", "transfer": transfer.0,
            "error": outcome.err().map(|error| error.to_string()),
        }),
        Event::Closed { reason } => json!({ "event": "closed", "reason": reason.to_string() }),
        _ => return None,
    })
}

fn event_words(handle: &Handle, event: &Event) -> Option<String> {
    Some(match event {
        Event::Connected { server, version } => format!("connected to {server}, {version}"),
        Event::Online { account, name } => format!("signed in as {name} <{account}>"),
        Event::Presence { account } => {
            let contact = handle.contact(account)?;
            format!(
                "{}  {}  {}",
                contact.status.code(),
                contact.shown_name(),
                contact.personal.text
            )
        }
        Event::Message { name, text, .. } => format!("{name}: {}", text.words),
        Event::Typing { name, .. } => format!("{name} is writing…"),
        Event::Nudge { name, .. } => format!("{name} sent a nudge"),
        Event::Joined { name, .. } => format!("{name} came"),
        Event::Left { account, .. } => format!("{account} left"),
        Event::AddedBy { account, name } => {
            match handle.contact(account).and_then(|contact| contact.invitation) {
                Some(words) => format!("{name} <{account}> added you: {words}"),
                None => format!("{name} <{account}> added you"),
            }
        }
        Event::CircleEntered { name, .. } if !name.is_empty() => format!("you are in {name}"),
        Event::CircleInvited { circle, by, words, .. } => {
            format!("{by} asks you into {circle}: {words}")
        }
        Event::CircleLeft { chat } => format!("you are out of {chat}"),
        Event::CircleNotEntered { chat, why } => format!("you are not in {chat}: {why}"),
        Event::GroupChanged { name, change, .. } => {
            format!("group {name}: {}", change_word(*change))
        }
        Event::OfflineMessage { message } => {
            let name = message.name.as_deref().unwrap_or(&message.from);
            let sent = message.sent.map(msnp::written_time).unwrap_or_default();
            format!("{name} said while you were away, {sent}: {}", message.text)
        }
        Event::Mail { mail: Mail::Unread { inbox, folders } } => {
            format!("unread letters: {inbox}, and {folders} in folders")
        }
        Event::Mail { mail: Mail::Came { name, address, subject } } => {
            format!("a letter came from {name} <{address}>: {subject}")
        }
        Event::OnNetwork { account, network } => format!("{account} is on network {network}"),
        Event::RemovedBy { account } => format!("{account} removed you"),
        Event::Extra { name, extra, .. } => format!("{name} {}", extra_words(extra)),
        Event::Transfer(PeerEvent::Offered { from, file, .. }) => {
            format!("{from} offers a file: {}, {} bytes", file.safe_name(), file.size)
        }
        Event::Closed { reason } => format!("closed: {reason}"),
        _ => return None,
    })
}

fn extra_json(extra: &Extra) -> (&'static str, Value) {
    match extra {
        Extra::Action(words) => ("action", json!(words)),
        Extra::Emoticons(list) => {
            let shortcuts: Vec<&str> = list.iter().map(|one| one.shortcut.as_str()).collect();
            ("emoticons", json!(shortcuts))
        }
        Extra::Ink(Ink::Gif(bytes)) => ("ink", json!({ "size": bytes.len() })),
        Extra::Invitation(invitation) => ("invitation", json!(invitation.name)),
        Extra::Voice(_) => ("voice", Value::Null),
        Extra::Wink(_) => ("wink", Value::Null),
        _ => ("ink", Value::Null),
    }
}

fn extra_words(extra: &Extra) -> String {
    match extra {
        Extra::Action(words) => words.clone(),
        Extra::Emoticons(list) => format!("uses {} pictures for letters", list.len()),
        Extra::Invitation(invitation) => format!("wants to share {}", invitation.name),
        Extra::Voice(_) => "sent a voice clip".to_owned(),
        Extra::Wink(_) => "sent a wink".to_owned(),
        _ => "sent a drawing".to_owned(),
    }
}

fn change_word(change: GroupChange) -> &'static str {
    match change {
        GroupChange::Add => "added",
        GroupChange::Remove => "removed",
        GroupChange::Rename => "renamed",
    }
}
