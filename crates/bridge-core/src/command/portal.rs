//! Commands about conversations: where they lead, and whether all is well with them.

use std::time::Duration;

use futures_util::FutureExt as _;

use super::{
    Account, ArgumentKind, ArgumentSpec, Arguments, Caller, CommandSpec, Role, Run, answer, room,
};
use crate::{
    adapter::Reply,
    id::PortalId,
    portal::{link, repair},
    record::{Leg, get_row},
    shown, texts,
};

const ADDRESS: ArgumentSpec = ArgumentSpec::needed("ADDRESS", ArgumentKind::Address);
const ID: ArgumentSpec = ArgumentSpec::needed("ID", ArgumentKind::Word);

/// Fewest letters of an id that name something.
const ID_LEAST: usize = 4;

pub(super) const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "chat",
        aliases: &["chat start"],
        arguments: &[ADDRESS],
        help: "opens a room with somebody.",
        role: Role::User,
        run: Run::Login(|caller, account, arguments| chat(caller, account, arguments).boxed()),
    },
    CommandSpec {
        name: "portal",
        aliases: &["portal id"],
        arguments: &[],
        help: "shows where this conversation leads, and what waits in it.",
        role: Role::User,
        run: Run::Portal(|caller, portal, _| {
            let reply = this_one(caller, portal);
            async move { reply }.boxed()
        }),
    },
    CommandSpec {
        name: "portals",
        aliases: &[],
        arguments: &[],
        help: "lists the conversations and where each leads.",
        role: Role::Admin,
        run: Run::Always(|caller, _| {
            let reply = portals(caller);
            async move { reply }.boxed()
        }),
    },
    CommandSpec {
        name: "portals show",
        aliases: &[],
        arguments: &[ID],
        help: "shows where a conversation leads, and what waits in it.",
        role: Role::User,
        run: Run::Always(|caller, arguments| {
            let reply = match meant(caller, arguments.text("ID")) {
                Ok(portal) => this_one(caller, portal),
                Err(reply) => reply,
            };
            async move { reply }.boxed()
        }),
    },
    CommandSpec {
        name: "portals repair",
        aliases: &["repair"],
        arguments: &[ArgumentSpec { optional: true, ..ID }],
        help: "looks whether a conversation's rooms are there and everybody in them, and mends that.",
        role: Role::User,
        run: Run::Always(|caller, arguments| {
            let id = arguments.given("ID").map(str::to_owned);
            async move { repair_all(caller, id.as_deref()).await }.boxed()
        }),
    },
];

/// Opens the portal with somebody, and its room.
async fn chat(caller: &Caller<'_>, account: Account, arguments: Arguments) -> Reply {
    let Account { login, puppet } = account;
    let person = arguments.person("ADDRESS");
    match link::open_chat(caller.shared, &login, &*puppet, &person).await {
        Ok(peer) => {
            let name = shown::name(peer.shown_name());
            Reply::Text(texts::portal::the_room_with_name_is_open(&name))
        }
        Err(error) => room::refusal(&error),
    }
}

/// Finds the conversation that somebody means by its id or the end of it.
pub(super) fn meant(caller: &Caller<'_>, id: &str) -> Result<PortalId, Reply> {
    let id = id.to_lowercase();
    let all: Vec<PortalId> = caller.shared.index().portals.keys().copied().collect();
    let mut named = all.into_iter().filter(|portal| portal.to_string().ends_with(&id));
    match (named.next(), named.next()) {
        (Some(portal), None) if id.len() >= ID_LEAST && caller.owns(portal) => Ok(portal),
        _ => Err(answer::text(texts::portal::NO_CONVERSATION_OF_YOURS)),
    }
}

async fn repair_all(caller: &Caller<'_>, id: Option<&str>) -> Reply {
    let portals = match id.map(|id| meant(caller, id)) {
        Some(Ok(portal)) => vec![portal],
        Some(Err(reply)) => return reply,
        None => own(caller),
    };
    let mut found = Vec::new();
    for portal in &portals {
        found.extend(repair::repair(caller.shared, *portal).await);
    }
    match found.as_slice() {
        [] => Reply::Text(texts::portal::looked_at_portals_conversations(portals.len())),
        found => Reply::Text(found.join("\n")),
    }
}

/// Lists the conversations of whoever asks, the oldest first; all of them for an admin.
pub(super) fn own(caller: &Caller<'_>) -> Vec<PortalId> {
    let mut portals: Vec<PortalId> = caller.shared.index().portals.keys().copied().collect();
    portals.retain(|portal| caller.owns(*portal));
    portals.sort();
    portals
}

/// Where a leg leads, for people.
pub(super) fn place(leg: &Leg) -> String {
    match leg {
        Leg::Chat { login, chat, .. } => format!("{login} with {chat}"),
        Leg::Closed => "closed".to_owned(),
        Leg::Room { network, room: Some(room), .. } => format!("{network} {room}"),
        Leg::Room { network, room: None, .. } => texts::portal::no_room_yet(network),
    }
}

fn this_one(caller: &Caller<'_>, id: PortalId) -> Reply {
    let index = caller.shared.index();
    let Some(portal) = index.portals.get(&id) else {
        return answer::text(texts::portal::CLOSED_JUST_NOW);
    };
    let legs = portal.record.legs.iter().zip(&portal.legs).enumerate();
    let open = legs.filter(|(_, (leg, _))| !matches!(leg, Leg::Closed));
    let rows = open.map(|(number, (leg, now))| {
        let waiting = portal.head.saturating_sub(now.cursor);
        let relay = portal.record.relay.is_some() || now.mode.relay;
        let mode = match leg {
            Leg::Room { .. } if relay => "everybody",
            Leg::Room { .. } => texts::portal::ITS_OWNER,
            Leg::Chat { .. } | Leg::Closed => "",
        };
        vec![number.to_string(), place(leg), mode.to_owned(), waiting.to_string()]
    });
    let title = format!("Conversation {id}");
    answer::table(&title, &["leg", texts::portal::LEADS_TO, "carries", "waiting"], rows.collect())
}

fn portals(caller: &Caller<'_>) -> Reply {
    let mut rows: Vec<Vec<String>> = {
        let index = caller.shared.index();
        let portals = index.portals.iter().map(|(id, portal)| {
            let open = portal.record.legs.iter().filter(|leg| !matches!(leg, Leg::Closed));
            let legs: Vec<String> = open.map(place).collect();
            let kind = portal.record.relay.as_ref().map(|name| format!("relay {name}"));
            let kind = kind.unwrap_or_else(|| "personal".to_owned());
            vec![id.to_string(), kind, legs.join(" ⇄ "), portal.waiting().to_string()]
        });
        portals.collect()
    };
    rows.sort();
    answer::table("Conversations", &["id", "kind", texts::portal::LEADS_TO, "waiting"], rows)
}

/// A leg that is behind.
pub(super) struct Behind {
    portal: PortalId,
    pub(super) place: String,
    cursor: u64,
    pub(super) waiting: u64,
}

/// Lists the legs that are behind.
pub(super) fn behind(caller: &Caller<'_>) -> Vec<Behind> {
    let index = caller.shared.index();
    let legs = index.portals.iter().flat_map(|(id, portal)| {
        let legs = portal.record.legs.iter().zip(&portal.legs);
        let behind =
            legs.filter(|(leg, now)| !matches!(leg, Leg::Closed) && now.cursor < portal.head);
        behind.map(|(leg, now)| Behind {
            portal: *id,
            place: place(leg),
            cursor: now.cursor,
            waiting: portal.head - now.cursor,
        })
    });
    legs.collect()
}

/// Tells how long the first row of a leg has waited.
pub(super) async fn oldest(caller: &Caller<'_>, behind: &Behind) -> Option<Duration> {
    let row = get_row(&*caller.shared.store, behind.portal, behind.cursor).await.ok().flatten()?;
    Some(Duration::from_millis(caller.shared.clock.age(row.accepted)))
}
