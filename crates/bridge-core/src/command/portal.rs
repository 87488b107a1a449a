//! Commands about conversations: where they lead, and what waits in them.

use std::time::Duration;

use futures_util::FutureExt as _;

use super::{
    Account, ArgumentKind, ArgumentSpec, Arguments, Caller, CommandSpec, Role, Run, answer, shown,
};
use crate::{
    adapter::Reply,
    id::PortalId,
    ingest::Request,
    record::{Endpoint, Leg, get_row},
};

const ADDRESS: ArgumentSpec = ArgumentSpec::needed("ADDRESS", ArgumentKind::Address);

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
        name: "queue",
        aliases: &["queue list"],
        arguments: &[],
        help: "lists what waits, where, and for how long.",
        role: Role::Admin,
        run: Run::Always(|caller, _| queue(caller).boxed()),
    },
];

/// Opens the portal with somebody, and its room.
async fn chat(caller: &Caller<'_>, account: Account, arguments: Arguments) -> Reply {
    let Account { login, puppet } = account;
    let (chat, peer) = match puppet.chat_with(&arguments.person("ADDRESS")).await {
        Ok(found) => found,
        Err(error) => return answer::failure(&error),
    };
    let name = shown::name(peer.shown_name());
    let Some(record) = caller.shared.portal_of_chat(&login, &chat, peer) else {
        return answer::text("The account was signed out.");
    };
    let (answer, answered) = tokio::sync::oneshot::channel();
    let request = Request::Open { endpoint: Endpoint::Chat(login, chat), record, answer };
    let asked = caller.shared.ingest.send(request).await;
    let opened = match (asked, answered.await) {
        (Ok(()), Ok(Ok(portal))) => crate::leg::open_rooms(caller.shared, portal).await,
        _ => return answer::text("The bridge could not store the room; try again."),
    };
    match opened {
        Ok(()) => Reply::Text(format!("The room with {name} is open; you are invited.")),
        Err(error) => {
            Reply::Text(format!("The room could not be made: {}. Try again.", error.for_people()))
        }
    }
}

/// Where a leg leads, for people.
fn place(leg: &Leg) -> String {
    match leg {
        Leg::Chat { login, chat, .. } => format!("{login} with {chat}"),
        Leg::Closed => "closed".to_owned(),
        Leg::Room { network, room: Some(room), .. } => format!("{network} {room}"),
        Leg::Room { network, room: None, .. } => format!("{network}, no room yet"),
    }
}

fn this_one(caller: &Caller<'_>, id: PortalId) -> Reply {
    let index = caller.shared.index();
    let Some(portal) = index.portals.get(&id) else {
        return answer::text("This conversation was closed just now.");
    };
    let legs = portal.record.legs.iter().zip(&portal.legs).enumerate();
    let open = legs.filter(|(_, (leg, _))| !matches!(leg, Leg::Closed));
    let rows = open.map(|(number, (leg, now))| {
        let waiting = portal.head.saturating_sub(now.cursor);
        vec![number.to_string(), place(leg), waiting.to_string()]
    });
    let title = format!("Conversation {id}");
    answer::table(&title, &["leg", "leads to", "waiting"], rows.collect())
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
    answer::table("Conversations", &["id", "kind", "leads to", "waiting"], rows)
}

/// A leg that is behind.
pub(super) struct Behind {
    portal: PortalId,
    leg: usize,
    pub(super) place: String,
    cursor: u64,
    pub(super) waiting: u64,
}

/// Lists the legs that are behind.
pub(super) fn behind(caller: &Caller<'_>) -> Vec<Behind> {
    let index = caller.shared.index();
    let legs = index.portals.iter().flat_map(|(id, portal)| {
        let legs = portal.record.legs.iter().zip(&portal.legs).enumerate();
        let behind =
            legs.filter(|(_, (leg, now))| !matches!(leg, Leg::Closed) && now.cursor < portal.head);
        behind.map(|(number, (leg, now))| Behind {
            portal: *id,
            leg: number,
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

async fn queue(caller: &Caller<'_>) -> Reply {
    let mut rows = Vec::new();
    for leg in behind(caller) {
        let age = oldest(caller, &leg).await.map(|age| format!("{} s", age.as_secs()));
        rows.push(vec![
            leg.portal.to_string(),
            leg.leg.to_string(),
            leg.place,
            leg.waiting.to_string(),
            age.unwrap_or_default(),
        ]);
    }
    if rows.is_empty() {
        return answer::text("Nothing waits.");
    }
    answer::table("What waits", &["conversation", "leg", "for", "messages", "oldest"], rows)
}
