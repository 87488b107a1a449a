//! Accounts and their conversations: signed out, moved to another address, deleted.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    Change, ChangeError, change,
    delete::{after, commit, delete, remove_all},
    fate,
};
use crate::{
    adapter::CloseReason,
    id::{LoginId, NetworkId, PortalId},
    logins,
    model::{Scope, UserId},
    record::{
        AuditRecord, CommandRecord, Leg, LoginRecord, NoticeRecord, UnderwayRecord, user_key,
    },
    shared::{OnLogout, Shared},
    store::{Batch, Key, KeyBuilder, KeyRange, StoreError, Table, TableId, scan_all},
};

/// Entries looked at in one go.
const PAGE: usize = 1000;

/// What is stored of a person.
#[derive(Clone, Debug, Default)]
pub(crate) struct Holdings {
    pub(crate) logins: Vec<LoginId>,
    pub(crate) portals: Vec<PortalId>,
    pub(crate) waiting: u64,
}

/// Lists what is stored of a person.
pub(crate) async fn holdings(shared: &Shared, user: &UserId) -> Result<Holdings, StoreError> {
    let all = scan_all(&*shared.store, KeyBuilder::new(TableId::Login).prefix()).await?;
    let mut own: BTreeSet<LoginId> =
        shared.puppets.of(user).into_iter().map(|(login, _)| login).collect();
    for (key, value) in all {
        let record = Table::<LoginRecord>::decode(&value)?;
        if record.owner == *user
            && let Some(login) = logins::login_of(key.as_bytes())
        {
            own.insert(login);
        }
    }
    let logins: Vec<LoginId> = own.into_iter().collect();
    let index = shared.index();
    let portals = index.portals.iter().filter(|(_, portal)| {
        portal.record.relay.is_none()
            && portal.record.legs.iter().any(|leg| match leg {
                Leg::Chat { login, .. } => logins.contains(login),
                Leg::Room { owner, .. } => owner.as_ref() == Some(user),
                Leg::Closed => false,
            })
    });
    let (mut found, mut waiting) = (Vec::new(), 0);
    for (id, portal) in portals {
        found.push(*id);
        waiting += portal.waiting();
    }
    found.sort();
    drop(index);
    Ok(Holdings { logins, portals: found, waiting })
}

/// Lists the personal portals of an account.
pub(crate) fn portals_of(shared: &Shared, login: &LoginId) -> Vec<PortalId> {
    let index = shared.index();
    let portals = index.portals.iter().filter(|(_, portal)| {
        portal.record.relay.is_none()
            && portal
                .record
                .legs
                .iter()
                .any(|leg| matches!(leg, Leg::Chat { login: of, .. } if of == login))
    });
    let mut portals: Vec<PortalId> = portals.map(|(id, _)| *id).collect();
    portals.sort();
    portals
}

/// Signs an account out and forgets it; what becomes of its conversations is the policy's.
pub(crate) async fn log_out(
    shared: &Arc<Shared>,
    login: &LoginId,
    policy: OnLogout,
) -> Result<(), ChangeError> {
    let portals = portals_of(shared, login);
    logins::remove(shared, login).await?;
    match policy {
        OnLogout::Keep => {}
        OnLogout::Leave => {
            for portal in portals {
                leave_rooms(shared, portal).await?;
            }
        }
        OnLogout::Delete => {
            for portal in portals {
                match delete(shared, portal, CloseReason::Deleted).await {
                    Ok(_) | Err(ChangeError::Gone) => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }
    Ok(())
}

/// Takes the bridge out of a personal portal's rooms; the next message makes a new one.
pub(crate) async fn leave_rooms(shared: &Arc<Shared>, portal: PortalId) -> Result<(), ChangeError> {
    let rooms: Vec<(u16, NetworkId, crate::id::RoomId)> = {
        let index = shared.index();
        let legs = index.portals.get(&portal).map(|found| found.record.legs.as_slice());
        let rooms = (0..).zip(legs.unwrap_or_default()).filter_map(|(number, leg)| match leg {
            Leg::Room { network, room: Some(room), owner: Some(_) } => {
                Some((number, network.clone(), room.clone()))
            }
            _ => None,
        });
        rooms.collect()
    };
    for (at, (leg, network, room)) in rooms.into_iter().enumerate() {
        let wanted = match at {
            0 => Change::Room { portal, leg, room: None },
            // One room is enough for what comes.
            _ => Change::Close { portal, leg },
        };
        match change(shared, wanted).await {
            Ok(_) | Err(ChangeError::Gone) => {}
            Err(error) => return Err(error),
        }
        super::delete::close_room(shared, &network, &room, CloseReason::Moved).await;
    }
    Ok(())
}

/// What came of moving an account's conversations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moved {
    /// Conversations that are the other account's now.
    pub(crate) moved: usize,
    /// Those that stay, for the other account has one with the same person in which messages wait.
    pub(crate) stayed: usize,
}

/// Gives the conversations of one account to another of the same person; the first is forgotten when
/// none stays with it.
pub(crate) async fn move_account(
    shared: &Arc<Shared>,
    from: &LoginId,
    to: &LoginId,
) -> Result<Moved, ChangeError> {
    let mut moved = Moved::default();
    for portal in portals_of(shared, from) {
        let wanted = || Change::Account { portal, from: from.clone(), to: to.clone() };
        let outcome = match change(shared, wanted()).await {
            // The older one has the history.
            Err(ChangeError::Taken(newer)) if is_idle(shared, newer) => {
                match delete(shared, newer, CloseReason::Moved).await {
                    Ok(_) | Err(ChangeError::Gone) => change(shared, wanted()).await,
                    Err(error) => Err(error),
                }
            }
            outcome => outcome,
        };
        match outcome {
            Ok(_) => moved.moved += 1,
            Err(ChangeError::Taken(_)) => moved.stayed += 1,
            Err(ChangeError::Gone) => {}
            Err(error) => return Err(error),
        }
    }
    if moved.stayed == 0 {
        logins::remove(shared, from).await?;
    }
    Ok(moved)
}

fn is_idle(shared: &Shared, portal: PortalId) -> bool {
    let index = shared.index();
    index
        .portals
        .get(&portal)
        .is_some_and(|portal| portal.record.relay.is_none() && portal.waiting() == 0)
}

/// Deletes a person: her accounts, her conversations, and every note of her.
pub(crate) async fn delete_person(
    shared: &Arc<Shared>,
    user: &UserId,
) -> Result<Holdings, ChangeError> {
    let held = holdings(shared, user).await?;
    for login in &held.logins {
        logins::remove(shared, login).await?;
    }
    for portal in &held.portals {
        match delete(shared, *portal, CloseReason::Deleted).await {
            Ok(_) | Err(ChangeError::Gone) => {}
            Err(error) => return Err(error),
        }
    }
    forget(shared, user, &held.logins).await?;
    Ok(held)
}

/// Removes notes of a person outside of her portals.
async fn forget(shared: &Shared, user: &UserId, logins: &[LoginId]) -> Result<(), StoreError> {
    let store = &*shared.store;
    for portal in shared.index().portals.values_mut() {
        portal.told.remove(user);
    }
    // Notes whose keys end with her.
    let end = KeyBuilder::new(TableId::Meta).text(user.network.as_str()).text(user.id.as_str());
    let end = end.build().as_bytes().get(1..).unwrap_or_default().to_vec();
    remove_where(shared, KeyBuilder::new(TableId::Told).prefix(), |key, _| key.ends_with(&end))
        .await?;
    // Where she is answered.
    let cursors = KeyBuilder::new(TableId::Cursor).text(user.network.as_str()).prefix();
    let id = KeyBuilder::new(TableId::Meta).text(&format!(" {}", user.id)).build();
    let id = id.as_bytes().get(1..).unwrap_or_default().to_vec();
    remove_where(shared, cursors, |key, _| key.ends_with(&id)).await?;
    remove_where(shared, KeyBuilder::new(TableId::Command).prefix(), |_, value| {
        Table::<CommandRecord>::decode(value).is_ok_and(|record| record.user == *user)
    })
    .await?;
    remove_where(shared, KeyBuilder::new(TableId::Audit).prefix(), |_, value| {
        Table::<AuditRecord>::decode(value)
            .is_ok_and(|record| record.whom == *user || record.who.as_ref() == Some(user))
    })
    .await?;
    remove_where(shared, KeyBuilder::new(TableId::Notice).prefix(), |_, value| {
        Table::<NoticeRecord>::decode(value).is_ok_and(|record| logins.contains(&record.login))
    })
    .await?;
    remove_where(shared, KeyBuilder::new(TableId::Underway).prefix(), |_, value| {
        let record = Table::<UnderwayRecord>::decode(value);
        record.is_ok_and(|UnderwayRecord(event)| match event.scope {
            Scope::Chat { login, .. } => logins.contains(&login),
            _ => false,
        })
    })
    .await?;
    let mut options = Batch::new();
    options.remove(user_key(user));
    commit(store, options).await?;
    for failed in fate::list(store, None).await? {
        if failed.fate.sender == *user {
            commit(store, fate::removal(store, &failed).await?).await?;
        }
    }
    // Events of her accounts are named after them.
    for login in logins {
        for table in [
            TableId::Appearance,
            TableId::Picture,
            TableId::Request,
            TableId::Standing,
            TableId::Watch,
        ] {
            remove_all(store, KeyBuilder::new(table).text(login.as_str()).prefix()).await?;
        }
        let network = login.as_str().split(':').next().unwrap_or_default();
        for table in [TableId::Dedupe, TableId::Cursor] {
            let begin = KeyBuilder::new(table).text(network).prefix().start;
            let begin = [begin.as_bytes(), login.as_str().as_bytes()].concat();
            for after in [&b"/"[..], &b"\0"[..]] {
                remove_all(store, beginning_with([&begin, after].concat())).await?;
            }
        }
    }
    Ok(())
}

fn beginning_with(bytes: Vec<u8>) -> KeyRange {
    let mut end = bytes.clone();
    // The bytes above end with one that is not the highest.
    if let Some(last) = end.last_mut() {
        *last = last.saturating_add(1);
    }
    KeyRange { start: Key::from_bytes(bytes), end: Some(Key::from_bytes(end)) }
}

async fn remove_where(
    shared: &Shared,
    range: KeyRange,
    wanted: impl Fn(&[u8], &[u8]) -> bool,
) -> Result<(), StoreError> {
    let store = &*shared.store;
    let mut from = range;
    loop {
        let page = store.scan(from.clone(), PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        let next = after(last);
        let mut batch = Batch::new();
        for (key, value) in page {
            if wanted(key.as_bytes(), &value) {
                batch.remove(key);
            }
        }
        if !batch.is_empty() {
            commit(store, batch).await?;
        }
        from = from.starting_at(next);
    }
}
