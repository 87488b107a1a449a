//! Doing something in somebody's name, and the record of it.

use super::{Arguments, Caller, Role, answer, execute, find, parse};
use crate::{
    adapter::Reply,
    id::{NetworkId, PersonaId, RowId},
    model::UserId,
    record::{AuditRecord, audit_key},
    shown,
    store::{Batch, Durability, KeyBuilder, StoreError, Table, TableId},
    texts,
};

/// Does a command as another person: with her accounts and with what she may.
pub(super) async fn sudo(caller: &Caller<'_>, arguments: Arguments) -> Reply {
    let (name, line) = (arguments.text("USER"), arguments.text("COMMAND"));
    let user = match meant(caller, name) {
        Ok(user) => user,
        Err(text) => return Reply::Text(text),
    };
    let role = caller.shared.role(&user);
    if role == Role::None {
        return Reply::Text(texts::operate::may_not_use_this_bridge(shown::name(name)));
    }
    let words = parse::words(line).unwrap_or_default();
    let command = match find(&words).map(|(spec, _)| spec.name) {
        Some("sudo") => return answer::text(texts::operate::ONE_NAME_AT_A_TIME),
        found => found.unwrap_or(texts::operate::AN_UNKNOWN_COMMAND),
    };
    if let Err(error) = note(caller, &user, command).await {
        return Reply::Text(texts::operate::it_could_not_be_recorded(&error));
    }
    let as_her = Caller { shared: caller.shared, user: Some(&user), role, origin: caller.origin };
    execute(&as_her, line).await
}

/// Finds whom a name means: `NETWORK:ID`, or the id alone of somebody who is signed in, or of
/// somebody on the network the caller speaks from.
fn meant(caller: &Caller<'_>, name: &str) -> Result<UserId, String> {
    let networks: Vec<&NetworkId> =
        caller.shared.adapters.keys().chain(caller.shared.connectors.keys()).collect();
    let user =
        |network: &NetworkId, id: &str| UserId { network: network.clone(), id: PersonaId::new(id) };
    if let Some((network, id)) = name.split_once(':')
        && let Some(network) = networks.iter().find(|known| known.as_str() == network)
    {
        return Ok(user(network, id));
    }
    let mut owners = caller.shared.puppets.owners();
    owners.retain(|owner| owner.id.as_str() == name);
    owners.dedup();
    match (owners.pop(), caller.user, networks.as_slice()) {
        (Some(owner), ..) if owners.is_empty() => Ok(owner),
        (None, Some(caller), _) => Ok(user(&caller.network, name)),
        (None, None, [only]) => Ok(user(only, name)),
        _ => Err(texts::operate::on_which_network(shown::short(name))),
    }
}

async fn note(caller: &Caller<'_>, whom: &UserId, command: &str) -> Result<(), StoreError> {
    let record = AuditRecord {
        at: caller.shared.clock.now(),
        who: caller.user.cloned(),
        whom: whom.clone(),
        command: command.to_owned(),
    };
    let mut batch = Batch::new();
    Table::put(&mut batch, audit_key(RowId::new()), &record)?;
    let stored = caller.shared.store.commit(batch, Durability::Durable).await;
    stored.map_err(|error| StoreError::Engine(error.to_string()))
}

/// Lists what was done in others' names, the latest first.
pub(super) async fn audit(caller: &Caller<'_>) -> Reply {
    let all = KeyBuilder::new(TableId::Audit).prefix();
    let rows = match Table::<AuditRecord>::scan(&*caller.shared.store, all, 100_000).await {
        Ok(rows) => rows,
        Err(error) => return Reply::Text(texts::operate::the_record_cannot_be_read(&error)),
    };
    if rows.is_empty() {
        return answer::text(texts::operate::NOBODY_DID_ANYTHING_IN_ANOTHERS);
    }
    let row = |record: AuditRecord| {
        let age = caller.shared.clock.age(record.at) / 1000;
        let who = record
            .who
            .map_or_else(|| texts::operate::THE_OPERATOR.to_owned(), |who| who.to_string());
        vec![format!("{age} s ago"), who, record.whom.to_string(), record.command]
    };
    let rows = rows.into_iter().rev().map(|(_, record)| row(record)).collect();
    answer::table(texts::operate::DONE_IN_OTHERS_NAMES, &["when", "by", "as", "command"], rows)
}
