//! People to write to, and the rooms with them.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use bridge_core::{DeskError, desk::Found, id::PersonaId};

use super::{
    Call, Outcome, answer,
    failure::Failure,
    forms::{Capabilities, Contacts, Resolved, Resolving, Results, Search},
};
use crate::adapter::MatrixAdapter;

#[expect(clippy::unused_async, reason = "all routes are alike")]
pub(super) async fn capabilities() -> Outcome {
    answer(
        StatusCode::OK,
        &Capabilities {
            resolve_identifier: Resolving {
                create_dm: true,
                lookup_phone: false,
                lookup_email: true,
                lookup_username: false,
                any_phone: false,
                contact_list: true,
                search: true,
            },
            group_creation: BTreeMap::new(),
        },
    )
}

pub(super) async fn contacts(call: Call) -> Outcome {
    let found = call.desk.contacts(&call.user, call.login().as_ref()).await?;
    let contacts = found.into_iter().map(|found| resolved(&call.adapter, found)).collect();
    answer(StatusCode::OK, &Contacts { contacts })
}

pub(super) async fn search(call: Call) -> Outcome {
    let Search { query } = call.read()?;
    let found = call.desk.search(&call.user, call.login().as_ref(), &query).await?;
    let results = found.into_iter().map(|found| resolved(&call.adapter, found)).collect();
    answer(StatusCode::OK, &Results { results })
}

pub(super) async fn resolve(call: Call) -> Outcome {
    let person = person(&call);
    let found = call.desk.resolve(&call.user, call.login().as_ref(), &person).await;
    answer(StatusCode::OK, &resolved(&call.adapter, found.map_err(nobody)?))
}

pub(super) async fn create_dm(call: Call) -> Outcome {
    let person = person(&call);
    let opened = call.desk.open_chat(&call.user, call.login().as_ref(), &person).await;
    let (found, made) = opened.map_err(nobody)?;
    let status = if made { StatusCode::CREATED } else { StatusCode::OK };
    answer(status, &resolved(&call.adapter, found))
}

#[expect(clippy::unused_async, reason = "all routes are alike")]
pub(super) async fn create_group() -> Outcome {
    Err(Failure::NotSupported("groups are made by inviting people into a room"))
}

/// Reads whom an identifier means: an address, with its scheme or without, or a ghost.
fn person(call: &Call) -> PersonaId {
    let said = call.part("identifier").trim();
    let address = call.adapter.names.address_of(said);
    let plain = ["mailto:", "msnim:", "msn:"].iter().find_map(|scheme| said.strip_prefix(scheme));
    PersonaId::new(address.as_deref().or(plain).unwrap_or(said))
}

/// Whom no network knows is not found.
fn nobody(error: DeskError) -> Failure {
    match error {
        DeskError::Refused(text) => Failure::NotFound(text),
        error => error.into(),
    }
}

fn resolved(adapter: &MatrixAdapter, found: Found) -> Resolved {
    let Found { persona, room } = found;
    Resolved {
        mxid: adapter.names.ghost(&persona).map(|ghost| ghost.to_string()),
        identifiers: vec![format!("mailto:{}", persona.id)],
        id: persona.id.to_string(),
        name: persona.name,
        dm_room_mxid: room.map(|room| room.to_string()),
    }
}
