//! What an account's owner must be told, and is told: in the room where she commands the bridge.
//!
//! An event of an account as a whole becomes a notice in the commit that accepts it, and the notice
//! goes when the room has it. Until she has such a room it waits. Somebody's question to be a contact
//! is told once, however often her network tells of it, until it is answered or taken back.

use std::{collections::HashSet, time::Duration};

use tokio::{sync::Notify, time::sleep};

use crate::{
    adapter::{Button, Reply},
    command::{is_address, management_room},
    connector::Puppet,
    error::DeliverError,
    id::{IdempotencyKey, LoginId, PersonaId, RowId},
    model::{ContactChange, ContactDelta, Content, Event, EventKind, Persona, Scope, UserId},
    record::{NoticeRecord, RequestRecord, dedupe_key, notice_key, request_key},
    shared::Shared,
    shown,
    store::{Batch, CommitError, Durability, Key, KeyBuilder, StoreError, Table, TableId},
    supervisor::Owner,
    texts,
};

/// Most notices looked at in one pass.
const PAGE: usize = 256;
/// Most letters of what a notice says in a network's words.
const WORDS: usize = 1000;
/// How often rooms that did not take a notice are tried again.
const AGAIN: Duration = Duration::from_secs(30);

/// Wakes whoever passes notices on.
#[derive(Default)]
pub(crate) struct Notices(Notify);

impl Notices {
    pub(crate) fn wake(&self) {
        self.0.notify_one();
    }
}

/// The key that says an event was seen: a question is the same question however often it is told.
pub(crate) fn seen_key(event: &Event) -> Key {
    match (&event.scope, &event.kind) {
        (
            Scope::Login(login),
            EventKind::ContactDelta(ContactDelta { person, change: ContactChange::AddedUs }),
        ) => request_key(login, &person.id),
        _ => dedupe_key(&event.network, &event.source),
    }
}

/// Adds a notice of an event of an account as a whole to the commit that accepts it; tells whether
/// there is one.
pub(crate) fn stage(
    shared: &Shared,
    batch: &mut Batch,
    login: &LoginId,
    event: &Event,
) -> Result<bool, StoreError> {
    let Some(owner) = shared.puppets.owner(login) else {
        return Ok(false); // signed out meanwhile
    };
    let kind = match &event.kind {
        EventKind::ContactDelta(ContactDelta { person, change }) => {
            let name = person.name.as_deref().map(shown::name);
            let person = Persona { name, ..person.clone() };
            EventKind::ContactDelta(ContactDelta { person, change: change.clone() })
        }
        EventKind::Message(content) => {
            EventKind::Message(Content::plain(shown::cut(&content.text.plain, WORDS)))
        }
        _ => {
            tracing::debug!(?login, "an event of an account as a whole has nothing to tell");
            return Ok(false);
        }
    };
    if let EventKind::ContactDelta(ContactDelta { person, change: ContactChange::RemovedUs }) =
        &kind
    {
        batch.remove(request_key(login, &person.id));
        return Ok(false);
    }
    let key = seen_key(event);
    batch.expect_absent(key.clone());
    if matches!(key.as_bytes().first(), Some(table) if *table == TableId::Request.byte()) {
        let record = RequestRecord { since: shared.clock.now(), declined: false };
        Table::put(batch, key, &record)?;
    } else {
        Table::put(batch, key, &crate::record::Seen(shared.clock.now()))?;
    }
    let Owner::Person(owner) = owner else {
        tracing::info!(
            ?login,
            "an account of the bridge's own is told something that is for a person"
        );
        return Ok(false);
    };
    let record = NoticeRecord { owner, login: login.clone(), at: shared.clock.now(), kind };
    Table::put(batch, notice_key(RowId::new()), &record)?;
    Ok(true)
}

/// Passes notices on until the core ends.
pub(crate) async fn run(shared: std::sync::Arc<Shared>) {
    loop {
        let left = match pass_on(&shared).await {
            Ok(left) => left,
            Err(error) => {
                tracing::error!(%error, "notices cannot be read; trying again");
                true
            }
        };
        let again = async {
            if left {
                sleep(AGAIN).await;
            } else {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = shared.notices.0.notified() => {}
            () = again => {}
            () = shared.cancel.cancelled() => return,
        }
    }
}

/// Passes on what can be; tells whether something is left that may go later by itself.
async fn pass_on(shared: &Shared) -> Result<bool, StoreError> {
    let all = KeyBuilder::new(TableId::Notice).prefix();
    let rows = Table::<NoticeRecord>::scan(&*shared.store, all, PAGE).await?;
    let mut left = rows.len() >= PAGE;
    // Whose earlier notice could not be told waits with the later ones.
    let mut waiting: HashSet<UserId> = HashSet::new();
    for (key, record) in rows {
        if waiting.contains(&record.owner) {
            continue;
        }
        let row = key.as_bytes().get(1..).and_then(|bytes| uuid::Uuid::from_slice(bytes).ok());
        let Some(row) = row.map(RowId) else { continue };
        if told(shared, &record, row).await? {
            let mut batch = Batch::new();
            batch.remove(key);
            match shared.store.commit(batch, Durability::Relaxed).await {
                Ok(()) => {}
                Err(CommitError::Store(error)) => return Err(error),
                Err(error) => return Err(StoreError::Engine(error.to_string())),
            }
        } else {
            left = true;
            waiting.insert(record.owner);
        }
    }
    Ok(left)
}

/// Tells one notice; tells whether it is done with.
async fn told(shared: &Shared, record: &NoticeRecord, row: RowId) -> Result<bool, StoreError> {
    if shared.puppets.owner(&record.login) != Some(Owner::Person(record.owner.clone())) {
        return Ok(true); // it was about an account that is signed out
    }
    let Some(origin) = management_room(shared, &record.owner).await? else {
        return Ok(false);
    };
    let Some(adapter) = shared.adapters.get(&record.owner.network) else {
        return Ok(false);
    };
    let key = IdempotencyKey { row, leg: 0 };
    match adapter.reply(&origin, &shown::reply(words(record)), key).await {
        Ok(()) => Ok(true),
        Err(DeliverError::Reject { tell_user, .. }) => {
            tracing::warn!(login = ?record.login, why = %tell_user, "a notice was refused");
            Ok(true)
        }
        Err(error) => {
            tracing::debug!(login = ?record.login, %error, "a notice waits");
            Ok(false)
        }
    }
}

/// Says a notice.
fn words(record: &NoticeRecord) -> Reply {
    let ContactDelta { person, change } = match &record.kind {
        EventKind::ContactDelta(delta) => delta,
        EventKind::Message(content) => return Reply::Text(content.text.plain.clone()),
        _ => return Reply::Text(texts::notice::SOMETHING_HAPPENED_THAT_THIS.to_owned()),
    };
    let id = shown::name(person.id.as_str());
    let who = match person.name.as_deref().map(shown::name) {
        Some(name) if name != id => format!("{name} ({id})"),
        _ => id,
    };
    let text = match change {
        ContactChange::Added => texts::notice::is_on_your_contact_list_now(&who),
        ContactChange::AddedUs => texts::notice::asks_to_be_a_contact_of_login(&who, &record.login),
        ContactChange::Blocked => texts::notice::is_blocked_now(&who),
        ContactChange::Removed => texts::notice::is_off_your_contact_list(&who),
        ContactChange::RemovedUs => texts::notice::took_you_off_the_contact_list(&who),
        ContactChange::Unblocked => texts::notice::is_not_blocked_any_more(&who),
    };
    // Whatever is pressed is said: only what is plainly an address may stand in a command.
    if *change != ContactChange::AddedUs || !is_address(person.id.as_str()) {
        return Reply::Text(text);
    }
    let button = |label: &str, word: &str, sign| Button {
        label: label.to_owned(),
        line: format!("contacts {word} {} --account {}", person.id, record.login),
        sign: Some(sign),
    };
    let buttons = vec![
        button("Accept", "accept", "✅"),
        button("Decline", "decline", "❌"),
        button("Block", "block", "🚫"),
    ];
    Reply::Buttons { text, buttons }
}

/// Notes that a question was answered; with a no that the network does not keep, that it is kept here.
pub(crate) async fn answered(
    shared: &Shared,
    login: &LoginId,
    person: &PersonaId,
    declined: bool,
) -> Result<(), CommitError> {
    let key = request_key(login, person);
    let mut batch = Batch::new();
    if declined {
        let record = RequestRecord { since: shared.clock.now(), declined };
        Table::put(&mut batch, key, &record).map_err(CommitError::Store)?;
    } else {
        batch.remove(key);
    }
    shared.store.commit(batch, Durability::Durable).await
}

/// Tells whether somebody's question was answered with a no that the network does not keep.
pub(crate) async fn is_declined(shared: &Shared, login: &LoginId, person: &PersonaId) -> bool {
    let record = Table::<RequestRecord>::get(&*shared.store, &request_key(login, person)).await;
    matches!(record, Ok(Some(RequestRecord { declined: true, .. })))
}

/// Forgets the questions that nobody asks any more, so that they are told when they are asked again.
pub(crate) async fn forget_withdrawn(shared: &Shared, login: &LoginId, puppet: &dyn Puppet) {
    let known = KeyBuilder::new(TableId::Request).text(login.as_str()).prefix();
    let known = match Table::<RequestRecord>::scan(&*shared.store, known, 100_000).await {
        Ok(known) => known,
        Err(error) => return tracing::warn!(?login, %error, "questions could not be read"),
    };
    let asking = puppet.requests().await;
    let asking: HashSet<Key> = asking.iter().map(|person| request_key(login, &person.id)).collect();
    let mut batch = Batch::new();
    for (key, _) in known.into_iter().filter(|(key, _)| !asking.contains(key)) {
        batch.remove(key);
    }
    if !batch.is_empty()
        && let Err(error) = shared.store.commit(batch, Durability::Relaxed).await
    {
        tracing::warn!(?login, %error, "withdrawn questions are kept");
    }
}

/// Adds to a batch that everything here of an account is forgotten.
pub(crate) async fn forget_account(
    shared: &Shared,
    batch: &mut Batch,
    login: &LoginId,
) -> Result<(), StoreError> {
    for table in [TableId::Request, TableId::Watch] {
        let all = KeyBuilder::new(table).text(login.as_str()).prefix();
        for (key, _) in shared.store.scan(all, 100_000).await? {
            batch.remove(key);
        }
    }
    let all = KeyBuilder::new(TableId::Notice).prefix();
    for (key, record) in Table::<NoticeRecord>::scan(&*shared.store, all, 100_000).await? {
        if record.login == *login {
            batch.remove(key);
        }
    }
    Ok(())
}
