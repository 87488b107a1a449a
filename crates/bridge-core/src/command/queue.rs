//! Commands about messages: those that wait, those that did not arrive, sent again or given up.

use std::time::Duration;

use futures_util::FutureExt as _;

use super::{
    ArgumentKind, ArgumentSpec, Arguments, Caller, CommandSpec, Role, Run, answer, portal,
};
use crate::{
    adapter::Reply,
    id::{MessageId, PortalId, RowId},
    model::{DeliveryState, EventKind, UserId},
    portal::{
        Change, ChangeError, change,
        fate::{self, Failed},
    },
    record::{Leg, LogRow, RowOf, get_row, row_of_key},
    shown,
    store::{StoreError, Table},
    texts,
};

const ID: ArgumentSpec = ArgumentSpec::needed("ID", ArgumentKind::Word);

/// Fewest letters of an id that name something.
const ID_LEAST: usize = 4;
/// Most waiting messages that are looked through in one conversation.
const LOOK: u64 = 10_000;
/// Most that are listed.
const LIST: usize = 50;

pub(super) const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "queue",
        aliases: &["queue list"],
        arguments: &[],
        help: "lists messages that wait or did not arrive, for how long, and why.",
        role: Role::User,
        run: Run::Always(|caller, _| list(caller).boxed()),
    },
    CommandSpec {
        name: "queue retry",
        aliases: &[],
        arguments: &[ArgumentSpec { optional: true, ..ID }],
        help: "sends a message that did not arrive again, or all of them.",
        role: Role::User,
        run: Run::Always(|caller, arguments| {
            let id = arguments.given("ID").map(str::to_owned);
            async move { retry_some(caller, id.as_deref()).await }.boxed()
        }),
    },
    CommandSpec {
        name: "queue drop",
        aliases: &[],
        arguments: &[ID],
        help: "gives up a message that waits, which its sender is told, or forgets one that did not arrive.",
        role: Role::User,
        run: Run::Always(|caller, arguments| withdraw(caller, arguments).boxed()),
    },
    CommandSpec {
        name: "retry",
        aliases: &[],
        arguments: &[ArgumentSpec { optional: true, ..ID }],
        help: "sends your last message in this room that did not arrive again, or the one you name.",
        role: Role::Relay,
        run: Run::Person(|caller, user, arguments| {
            let id = arguments.given("ID").map(str::to_owned);
            async move { retry_here(caller, user, id.as_deref()).await }.boxed()
        }),
    },
];

/// A message that waits for some leg.
struct Waiting {
    portal: PortalId,
    number: u64,
    row: LogRow,
    /// What it waits for, for people.
    places: Vec<String>,
}

/// Reads the messages that wait in a conversation, at most so many.
async fn waiting(
    caller: &Caller<'_>,
    portal: PortalId,
    most: u64,
) -> Result<Vec<Waiting>, StoreError> {
    let (numbers, legs) = {
        let index = caller.shared.index();
        let Some(found) = index.portals.get(&portal) else { return Ok(Vec::new()) };
        let legs = found.record.legs.iter().cloned();
        let legs = legs.zip(found.legs.iter().map(|now| now.cursor)).zip(0_u16..);
        let legs = legs.filter(|((leg, _), _)| !matches!(leg, Leg::Closed));
        let passed = found.passed();
        (passed..found.head.min(passed.saturating_add(most)), legs.collect::<Vec<_>>())
    };
    let mut all = Vec::new();
    for number in numbers {
        let Some(row) = get_row(&*caller.shared.store, portal, number).await? else { continue };
        let waits = legs.iter().filter(|((_, cursor), leg)| {
            *cursor <= number
                && row.origin != Some(*leg)
                && row.only.is_none_or(|only| only == *leg)
        });
        let places: Vec<String> = waits.map(|((leg, _), _)| portal::place(leg)).collect();
        let is_fate = matches!(row.event.kind, EventKind::Delivery { .. });
        if !places.is_empty() && !is_fate {
            all.push(Waiting { portal, number, row, places });
        }
    }
    Ok(all)
}

/// Lists the messages that failed, of those the caller may see: in her conversations, or her own.
async fn failed(caller: &Caller<'_>) -> Result<Vec<Failed>, StoreError> {
    let mut all = fate::list(&*caller.shared.store, None).await?;
    all.retain(|failed| caller.user == Some(&failed.fate.sender) || caller.owns(failed.portal));
    all.sort_by_key(|failed| failed.row);
    Ok(all)
}

async fn list(caller: &Caller<'_>) -> Reply {
    let now = caller.shared.clock.now();
    let mut rows = Vec::new();
    for id in portal::own(caller) {
        let most = u64::try_from(LIST).unwrap_or(u64::MAX);
        let found = match waiting(caller, id, most).await {
            Ok(found) => found,
            Err(error) => return store_failed(&error),
        };
        rows.extend(found.into_iter().map(|Waiting { row, places, .. }| {
            let age = now.0.saturating_sub(row.accepted.0);
            let from = row.event.sender.shown_name();
            vec![
                row.row.short(),
                "waits".to_owned(),
                from.to_owned(),
                places.join(", "),
                ago(age),
                String::new(),
            ]
        }));
        if rows.len() > LIST {
            break;
        }
    }
    let failed = match failed(caller).await {
        Ok(failed) => failed,
        Err(error) => return store_failed(&error),
    };
    rows.extend(failed.iter().map(|Failed { portal: id, row, leg, fate }| {
        let index = caller.shared.index();
        let place = index.leg(*id, *leg).map(portal::place).unwrap_or_default();
        let (state, why) = match &fate.state {
            DeliveryState::Failed { tell_user, .. } => ("failed", tell_user.as_str()),
            DeliveryState::Unknown { tell_user } => ("unknown", tell_user.as_str()),
            DeliveryState::Delivered { .. } => ("delivered", ""),
            DeliveryState::Waiting => ("waits", ""),
        };
        vec![
            row.short(),
            state.to_owned(),
            fate.sender.to_string(),
            place,
            ago(now.0.saturating_sub(fate.at.0)),
            why.to_owned(),
        ]
    }));
    if rows.is_empty() {
        return answer::text(texts::queue::NOTHING_WAITS_AND_NOTHING_FAILED);
    }
    answer::table("Messages", &["id", "state", "from", "for", "since", "why"], rows)
}

/// Says how long ago something was.
fn ago(millis: u64) -> String {
    let seconds = Duration::from_millis(millis).as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}

fn is_called(row: RowId, id: &str) -> bool {
    id.len() >= ID_LEAST && row.to_string().ends_with(&id.to_lowercase())
}

async fn retry_some(caller: &Caller<'_>, id: Option<&str>) -> Reply {
    let mut wanted = match failed(caller).await {
        Ok(wanted) => wanted,
        Err(error) => return store_failed(&error),
    };
    wanted.retain(|failed| id.is_none_or(|id| is_called(failed.row, id)));
    if wanted.is_empty() {
        return answer::text(texts::queue::NO_MESSAGE_THAT_FAILED_IS_CALLED);
    }
    let mut again = 0;
    for failed in &wanted {
        match retry(caller, failed).await {
            Ok(()) => again += 1,
            Err(ChangeError::Gone) => {}
            Err(error) => return Reply::Text(texts::room::that_did_not_work(&error)),
        }
    }
    match (again, wanted.len()) {
        (0, _) => answer::text(texts::queue::THE_PLACE_IT_WAS_FOR_IS_NOT_THERE),
        (1, 1) => answer::text(texts::queue::IT_IS_SENT_AGAIN),
        (again, all) => Reply::Text(texts::queue::some_are_sent_again(again, all)),
    }
}

async fn retry(caller: &Caller<'_>, failed: &Failed) -> Result<(), ChangeError> {
    let Failed { portal, row, leg, .. } = *failed;
    change(caller.shared, Change::Retry { portal, row, leg }).await.map(drop)
}

/// Finds the row of a message of somebody's, by what the message is called in her room or in `queue`.
async fn row_called(
    caller: &Caller<'_>,
    user: &UserId,
    own: &[Failed],
    id: &str,
) -> Result<Option<RowId>, StoreError> {
    let key = row_of_key(&user.network, &MessageId::new(id));
    let named: Option<RowOf> = Table::get(&*caller.shared.store, &key).await?;
    let row = named.map(|named| named.row);
    let found = own.iter().find(|failed| Some(failed.row) == row || is_called(failed.row, id));
    Ok(found.map(|failed| failed.row))
}

async fn retry_here(caller: &Caller<'_>, user: &UserId, id: Option<&str>) -> Reply {
    let Some(portal) = caller.portal() else {
        return answer::text(texts::general::SAY_THAT_IN_THE_ROOM);
    };
    let own = match fate::list(&*caller.shared.store, Some(portal)).await {
        Ok(all) => all.into_iter().filter(|failed| failed.fate.sender == *user),
        Err(error) => return store_failed(&error),
    };
    let own: Vec<Failed> = own.collect();
    let wanted = match id {
        None => Ok(own.iter().map(|failed| failed.row).max()),
        Some(id) => row_called(caller, user, &own, id).await,
    };
    let last = match wanted {
        Ok(Some(row)) => row,
        Ok(None) if id.is_some() => return answer::text(texts::queue::THAT_MESSAGE_DID_NOT_FAIL),
        Ok(None) => return answer::text(texts::queue::NO_MESSAGE_OF_YOURS_FAILED_HERE),
        Err(error) => return store_failed(&error),
    };
    let mut again = false;
    for failed in own.iter().filter(|failed| failed.row == last) {
        match retry(caller, failed).await {
            Ok(()) => again = true,
            Err(ChangeError::Gone) => {}
            Err(error) => return Reply::Text(texts::room::that_did_not_work(&error)),
        }
    }
    answer::text(match again {
        true => texts::queue::YOUR_MESSAGE_IS_SENT_AGAIN,
        false => texts::queue::THE_PLACE_IT_WAS_FOR_IS_NOT_THERE,
    })
}

async fn withdraw(caller: &Caller<'_>, arguments: Arguments) -> Reply {
    let id = arguments.text("ID");
    for portal in portal::own(caller) {
        let found = match waiting(caller, portal, LOOK).await {
            Ok(found) => found.into_iter().find(|waiting| is_called(waiting.row.row, id)),
            Err(error) => return store_failed(&error),
        };
        if let Some(Waiting { portal, number, row, .. }) = found {
            let from = shown::name(row.event.sender.shown_name());
            return match change(caller.shared, Change::Withdraw { portal, number }).await {
                Ok(_) => Reply::Text(texts::queue::it_is_given_up(&from)),
                Err(ChangeError::Gone) => answer::text(texts::queue::DELIVERED_JUST_NOW),
                Err(error) => Reply::Text(texts::room::that_did_not_work(&error)),
            };
        }
    }
    let failed = match failed(caller).await {
        Ok(failed) => failed.into_iter().find(|failed| is_called(failed.row, id)),
        Err(error) => return store_failed(&error),
    };
    let Some(failed) = failed else {
        return answer::text(texts::queue::NO_MESSAGE_IS_CALLED_SO);
    };
    match fate::forget(&*caller.shared.store, &failed).await {
        Ok(()) => answer::text(texts::queue::IT_IS_FORGOTTEN),
        Err(error) => store_failed(&error),
    }
}

fn store_failed(error: &StoreError) -> Reply {
    Reply::Text(texts::queue::the_bridge_could_not_look_it_up(error))
}
