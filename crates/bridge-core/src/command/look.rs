//! Commands that look at the bridge and change nothing.

use std::{
    future::{Ready, ready},
    time::Duration,
};

use super::{Caller, Role, builtin::columns};
use crate::{
    adapter::Reply,
    id::PortalId,
    record::{Leg, get_row},
    supervisor::LoginState,
};

/// How long `drain` waits.
const DRAIN: Duration = Duration::from_secs(50);
/// Rows of an answer that may be long.
const ROWS: usize = 50;

pub(super) fn ping(caller: &Caller<'_>) -> Ready<Reply> {
    let adapters = caller.shared.adapters.iter();
    let reached: Vec<String> = adapters
        .map(|(network, adapter)| {
            let state = if adapter.is_ready() { "reached" } else { "not reached" };
            format!("{network} is {state}")
        })
        .collect();
    ready(Reply::Text(format!("Pong. {}.", reached.join(", "))))
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

pub(super) fn portals(caller: &Caller<'_>) -> Ready<Reply> {
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
    ready(table("Conversations", &["id", "kind", "leads to", "waiting"], rows))
}

/// A leg that is behind.
struct Behind {
    portal: PortalId,
    leg: usize,
    place: String,
    cursor: u64,
    waiting: u64,
}

fn behind(caller: &Caller<'_>) -> Vec<Behind> {
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

async fn oldest(caller: &Caller<'_>, behind: &Behind) -> Option<Duration> {
    let row = get_row(&*caller.shared.store, behind.portal, behind.cursor).await.ok().flatten()?;
    Some(Duration::from_millis(caller.shared.clock.age(row.accepted)))
}

pub(super) async fn queue(caller: &Caller<'_>) -> Reply {
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
        return Reply::Text("Nothing waits.".to_owned());
    }
    table("What waits", &["conversation", "leg", "for", "messages", "oldest"], rows)
}

pub(super) async fn stats(caller: &Caller<'_>) -> Reply {
    let (portals, waiting) = {
        let index = caller.shared.index();
        (index.portals.len(), index.waiting())
    };
    let mut rows = vec![
        vec!["accounts".to_owned(), caller.shared.puppets.status().len().to_string()],
        vec!["conversations".to_owned(), portals.to_string()],
        vec!["messages waiting".to_owned(), waiting.to_string()],
    ];
    if let Ok(stats) = caller.shared.store.stats().await {
        rows.push(vec!["KiB on disk".to_owned(), (stats.disk_bytes / 1024).to_string()]);
        rows.push(vec!["commits since the start".to_owned(), stats.commits.to_string()]);
        rows.push(vec!["syncs since the start".to_owned(), stats.syncs.to_string()]);
    }
    table("What there is", &["what", "how many"], rows)
}

pub(super) fn permissions(caller: &Caller<'_>) -> Ready<Reply> {
    let rows = caller.shared.patterns().into_iter().map(|(pattern, role)| {
        let role = match role {
            Role::None => "none",
            Role::User => "user",
            Role::Admin => "admin",
        };
        vec![pattern, role.to_owned()]
    });
    ready(table("Who may do what", &["who", "role"], rows.collect()))
}

pub(super) async fn drain(caller: &Caller<'_>) -> Reply {
    let waiting = || caller.shared.index().waiting();
    let end = tokio::time::Instant::now() + DRAIN;
    while waiting() > 0 && tokio::time::Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Reply::Text(match waiting() {
        0 => "Nothing waits any more.".to_owned(),
        left => format!("{left} messages still wait; `queue` says where."),
    })
}

/// Says what is wrong, each with what can be done.
pub(super) async fn doctor(caller: &Caller<'_>) -> Reply {
    let mut found = Vec::new();
    for (network, adapter) in &caller.shared.adapters {
        if !adapter.is_ready() {
            found.push(format!("{network} is not reached: the log says why, and I keep trying."));
        }
    }
    let own = |owner: &str| caller.user.is_none_or(|user| owner == user.to_string());
    let all = caller.role == Role::Admin;
    let logins = caller.shared.puppets.status();
    let seen: Vec<_> = logins.iter().filter(|login| all || own(&login.owner)).collect();
    if seen.is_empty() && caller.user.is_some() {
        found.push("You are not signed in: say `login`.".to_owned());
    }
    for login in seen {
        let why = login.reason.clone().unwrap_or_else(|| login.state.to_string());
        let mend = match login.state {
            LoginState::Connected => continue,
            LoginState::BadCredentials => "say `login` and give the password again",
            LoginState::Kicked => "sign the account out elsewhere, then say `relogin`",
            LoginState::LoggedOut => "say `login` when it shall come back",
            _ => "I keep trying; `relogin` tries at once",
        };
        found.push(format!("{} is not connected ({why}): {mend}.", login.login));
    }
    if all {
        for leg in behind(caller) {
            let age = oldest(caller, &leg).await.unwrap_or_default();
            if age > Duration::from_secs(60) {
                found.push(format!(
                    "{} messages for {} wait since {} s: `queue` shows them all.",
                    leg.waiting,
                    leg.place,
                    age.as_secs()
                ));
            }
        }
    }
    if found.is_empty() {
        return Reply::Text("All is well.".to_owned());
    }
    Reply::Text(found.join("\n"))
}

fn table(title: &str, names: &[&str], mut rows: Vec<Vec<String>>) -> Reply {
    let left_out = rows.len().saturating_sub(ROWS);
    rows.truncate(ROWS);
    let title = match left_out {
        0 => title.to_owned(),
        more => format!("{title} ({more} more)"),
    };
    Reply::Table { title, columns: columns(names), rows }
}
