//! A contact list as one message: groups as headings, a row for each contact.

use bridge_core::model::{Contact, ContactList, Listed, OwnAccount, PresenceState};
use ruma::{OwnedMxcUri, OwnedRoomId, ServerName, events::room::message::RoomMessageEventContent};

use crate::{convert::to_matrix::escape, presence, texts};

/// How many bytes of an event the page may fill, both its forms together: an event is 65,536 at most,
/// and holds more than its words.
const BUDGET: usize = 50_000;
/// Most groups shown; contacts of others are among those in none.
const GROUPS: usize = 200;

/// A list as words and as HTML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) plain: String,
    pub(super) html: String,
}

impl Page {
    /// Makes a message of it.
    pub(super) fn notice(&self) -> RoomMessageEventContent {
        RoomMessageEventContent::notice_html(&self.plain, &self.html)
    }
}

/// One contact in one group.
struct Row<'a> {
    contact: &'a Contact,
    plain: String,
    html: String,
    shown: bool,
}

impl Row<'_> {
    fn is_there(&self) -> bool {
        self.contact.presence.state != PresenceState::Offline
    }

    fn size(&self) -> usize {
        size(&self.plain) + size(&self.html)
    }
}

/// Writes a list. `face` gives the picture that somebody's ghost has; `via` is where its rooms are.
pub(super) fn page(
    list: &ContactList,
    own: &OwnAccount,
    via: &ServerName,
    face: impl Fn(&Contact) -> Option<OwnedMxcUri>,
) -> Page {
    let mut page = head(own);
    let mut groups = grouped(list, via, face);
    let mut left = BUDGET.saturating_sub(size(&page.plain) + size(&page.html));
    for (name, _) in &groups {
        // A heading is written twice, with numbers and what is left out.
        left = left.saturating_sub(2 * size(name) + 400);
    }
    // Who is there goes before who is not, whatever her group.
    for there in [true, false] {
        for row in groups.iter_mut().flat_map(|(_, rows)| rows) {
            if row.is_there() == there && row.size() <= left {
                left -= row.size();
                row.shown = true;
            }
        }
    }
    for (name, rows) in &groups {
        let there = rows.iter().filter(|row| row.is_there()).count();
        let heading = texts::group_heading(name, there, rows.len());
        page.plain.push_str(&format!("\n\n{heading}"));
        page.html.push_str(&format!("<h4>{}</h4><table><tbody>", escape(&heading)));
        for row in rows.iter().filter(|row| row.shown) {
            page.plain.push_str(&row.plain);
            page.html.push_str(&row.html);
        }
        page.html.push_str("</tbody></table>");
        let hidden = rows.iter().filter(|row| !row.shown).count();
        if hidden > 0 {
            let more = texts::and_more(hidden);
            page.plain.push_str(&format!("\n{more}"));
            page.html.push_str(&format!("<p>{}</p>", escape(&more)));
        }
    }
    page
}

fn head(own: &OwnAccount) -> Page {
    let name = own.persona.shown_name();
    let connected = own.state == bridge_core::LoginState::Connected;
    let state = match connected {
        true => {
            let presence = &own.presence;
            let hidden = presence.state == PresenceState::Offline;
            let state = if hidden { texts::HIDDEN.to_owned() } else { presence.state.to_string() };
            let words = presence.status_text.iter().map(String::as_str);
            std::iter::once(state.as_str()).chain(words).collect::<Vec<_>>().join(" · ")
        }
        false => texts::list_is_not_there(own.state),
    };
    let plain = format!("{name}: {state}");
    let html = format!("<p><strong>{}</strong>: {}</p>", escape(name), escape(&state));
    Page { plain, html }
}

/// Sorts contacts into their groups, who is there first.
fn grouped<'a>(
    list: &'a ContactList,
    via: &ServerName,
    face: impl Fn(&Contact) -> Option<OwnedMxcUri>,
) -> Vec<(String, Vec<Row<'a>>)> {
    let names: Vec<&String> = list.groups.iter().take(GROUPS).collect();
    let mut groups: Vec<(String, Vec<Row<'a>>)> =
        names.iter().map(|name| ((*name).clone(), Vec::new())).collect();
    let mut others = Vec::new();
    for entry in &list.entries {
        let mut in_none = true;
        for (name, rows) in &mut groups {
            if entry.contact.groups.contains(name) {
                rows.push(row(entry, via, face(&entry.contact)));
                in_none = false;
            }
        }
        if in_none {
            others.push(row(entry, via, face(&entry.contact)));
        }
    }
    let name = if names.is_empty() { texts::CONTACTS } else { texts::OTHER_CONTACTS };
    groups.push((name.to_owned(), others));
    groups.retain(|(_, rows)| !rows.is_empty());
    for (_, rows) in &mut groups {
        rows.sort_by_key(|row| rank(row.contact.presence.state));
    }
    groups
}

fn rank(state: PresenceState) -> u8 {
    match state {
        PresenceState::Online => 0,
        PresenceState::Offline => 2,
        _ => 1,
    }
}

fn row<'a>(entry: &'a Listed, via: &ServerName, face: Option<OwnedMxcUri>) -> Row<'a> {
    let Listed { contact, room } = entry;
    let name = contact.persona.shown_name();
    let sign = match (contact.blocked, contact.presence.state) {
        (true, _) => "🚫",
        (_, PresenceState::Online) => "🟢",
        (_, PresenceState::Busy | PresenceState::OnThePhone) => "🔴",
        (_, PresenceState::Offline) => "⚪",
        _ => "🟡",
    };
    let words = presence::words(&contact.presence).unwrap_or_default();
    let room = room.as_ref().and_then(|room| OwnedRoomId::try_from(room.as_str()).ok());
    let linked = match room {
        Some(room) => {
            let link = room.matrix_to_uri_via([via.to_owned()]).to_string();
            format!("<a href=\"{}\">{}</a>", escape(&link), escape(name))
        }
        None => escape(name),
    };
    let face = face.filter(|face| face.is_valid()).map(|face| {
        format!("<img src=\"{}\" width=\"24\" height=\"24\" alt=\"\">", escape(face.as_str()))
    });
    let html = format!(
        "<tr><td>{}</td><td>{sign}</td><td>{linked}</td><td>{}</td></tr>",
        face.unwrap_or_default(),
        escape(&words),
    );
    let after = if words.is_empty() { String::new() } else { format!(" · {words}") };
    Row { contact, plain: format!("\n{sign} {name}{after}"), html, shown: false }
}

/// How many bytes a text fills in an event.
fn size(text: &str) -> usize {
    let escaped = text.bytes().filter(|byte| matches!(byte, b'"' | b'\\' | b'\n')).count();
    text.len() + escaped
}

#[cfg(test)]
mod tests {
    use bridge_core::{
        LoginState,
        id::{LoginId, NetworkId, PersonaId, RoomId},
        model::{Persona, Presence, UserId},
    };

    use super::*;

    fn persona(id: &str, name: &str) -> Persona {
        let (network, id) = (NetworkId::new("msn"), PersonaId::new(id));
        Persona { network, id, name: Some(name.to_owned()) }
    }

    fn list() -> ContactList {
        let owner =
            UserId { network: NetworkId::new("matrix"), id: PersonaId::new("@ada:example.test") };
        ContactList::of(owner, LoginId::new("msn:ada@example.com"))
    }

    fn own() -> OwnAccount {
        let presence = Presence { state: PresenceState::Online, ..Presence::default() };
        OwnAccount {
            persona: persona("ada@example.com", "Ada"),
            state: LoginState::Connected,
            presence,
        }
    }

    fn entry(name: &str, state: PresenceState, groups: &[&str]) -> Listed {
        let contact = Contact {
            persona: persona(&format!("{name}@example.com"), name),
            presence: Presence { state, ..Presence::default() },
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            blocked: false,
        };
        Listed { contact, room: None }
    }

    fn written(list: &ContactList) -> Page {
        let via = ruma::OwnedServerName::try_from("example.test").unwrap();
        page(list, &own(), &via, |contact| {
            let known = contact.persona.id.as_str() == "Bob@example.com";
            known.then(|| OwnedMxcUri::from("mxc://example.test/bob"))
        })
    }

    #[test]
    fn contacts_stand_in_their_groups_who_is_there_first() {
        let mut list = list();
        list.groups = vec!["Friends".to_owned(), "Empty".to_owned()];
        let mut bob = entry("Bob", PresenceState::Busy, &["Friends"]);
        bob.contact.presence.status_text = Some("at work".to_owned());
        bob.room = Some(RoomId::new("!room:example.test"));
        let mut eve = entry("Eve", PresenceState::Online, &[]);
        eve.contact.blocked = true;
        list.entries = vec![entry("Al", PresenceState::Offline, &["Friends"]), bob, eve];
        let Page { plain, html } = written(&list);
        assert_eq!(
            plain,
            "Ada: online\n\nFriends (1/2)\n🔴 Bob · Busy · at work\n⚪ Al\n\nOther contacts (1/1)\n🚫 Eve"
        );
        for wanted in [
            "<h4>Friends (1/2)</h4><table><tbody><tr><td><img src=\"mxc://example.test/bob\"",
            "<a href=\"https://matrix.to/#/!room:example.test?via=example.test\">Bob</a>",
            "<td>Busy · at work</td></tr><tr><td></td><td>⚪</td><td>Al</td>",
        ] {
            assert!(html.contains(wanted), "{wanted} in {html}");
        }
    }

    #[test]
    fn hostile_names_make_no_html() {
        let mut list = list();
        list.groups = vec!["<h1>".to_owned()];
        let mut evil = entry("<img src=x onerror=\"x\">", PresenceState::Online, &["<h1>"]);
        evil.contact.presence.status_text = Some("</td><script>".to_owned());
        evil.room = Some(RoomId::new("!\"><b>:example.test"));
        list.entries = vec![evil];
        let Page { html, .. } = written(&list);
        for bad in ["<img src=x", "<script>", "</td><sc", "<h1>", "<b>"] {
            assert!(!html.contains(bad), "{bad} in {html}");
        }
    }

    #[test]
    fn a_list_too_long_for_an_event_is_cut_and_says_so_and_shows_who_is_there() {
        let mut list = list();
        list.groups = (0..300).map(|number| format!("\"{number}\"")).collect();
        for number in 0..3000 {
            let there = number >= 2950;
            let state = if there { PresenceState::Away } else { PresenceState::Offline };
            let group = format!("\"{}\"", number % 3);
            let mut entry = entry(&format!("C\"{number}\""), state, &[group.as_str()]);
            entry.contact.presence.status_text = Some("\"".repeat(100));
            list.entries.push(entry);
        }
        let page = written(&list);
        let event = serde_json::to_string(&page.notice()).unwrap();
        assert!((30_000..62_000).contains(&event.len()), "{}", event.len());
        assert!(page.plain.contains("C\"2999\"") && page.plain.contains("more"), "{}", page.plain);
    }

    #[test]
    fn an_account_that_is_away_says_so() {
        let via = ruma::OwnedServerName::try_from("example.test").unwrap();
        let own = OwnAccount { state: LoginState::Kicked, ..own() };
        let Page { plain, .. } = page(&list(), &own, &via, |_| None);
        assert!(plain.contains("signed in somewhere else"), "{plain}");
    }
}
