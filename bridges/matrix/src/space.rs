//! Spaces: one for each account with the rooms of its contacts, and in it one for each group of contacts.
//!
//! A room stands in the spaces of its contact's groups, or where there are none in the account's own. Each
//! space is made when it has something to show. Who moves a room from one group's space to another's moves
//! the contact.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bridge_core::{DeliverError, id::LoginId, model::ContactList};
use ruma::{
    OwnedEventId, OwnedRoomId, OwnedUserId,
    api::client::{
        membership::leave_room,
        room::create_room::{self, v3::RoomPreset},
    },
    serde::Raw,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Mutex as TurnMutex;

use crate::{adapter::MatrixAdapter, double::user_id, errand::Errand, room, texts};

/// Most spaces of one account: as many groups as MSN has, and more.
const LIMIT: usize = 1000;
/// Most rooms in one space.
const CHILDREN: usize = 10_000;

/// What is remembered of spaces; what must last is in the store.
#[derive(Default)]
pub(crate) struct Spaces {
    /// The spaces of one account are changed by one at a time.
    turn: TurnMutex<()>,
    /// The list each account's spaces show.
    shown: Mutex<HashMap<LoginId, ContactList>>,
}

/// Whose a space is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Whose {
    login: LoginId,
    owner: String,
    group: Option<String>,
}

impl Spaces {
    fn shown(&self) -> MutexGuard<'_, HashMap<LoginId, ContactList>> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A space's child, as somebody put it in or took it out.
struct Child {
    event: OwnedEventId,
    space: OwnedRoomId,
    room: OwnedRoomId,
    sender: OwnedUserId,
    on: bool,
}

/// Reads the event that puts a room into a space or takes it out; one that takes it out holds nothing.
fn child<T>(raw: &Raw<T>) -> Option<Child> {
    if !raw.json().get().contains("m.space.child") {
        return None;
    }
    if raw.get_field::<String>("type").ok().flatten()? != "m.space.child" {
        return None;
    }
    let content = raw.get_field::<Value>("content").ok().flatten()?;
    let via = content.get("via").and_then(Value::as_array);
    Some(Child {
        event: raw.get_field("event_id").ok().flatten()?,
        space: raw.get_field("room_id").ok().flatten()?,
        room: raw.get_field("state_key").ok().flatten()?,
        sender: raw.get_field("sender").ok().flatten()?,
        on: via.is_some_and(|via| !via.is_empty()),
    })
}

impl MatrixAdapter {
    /// Follows an event that changes a space; tells whether it is one.
    pub(crate) async fn space_changed<T>(self: &Arc<Self>, raw: &Raw<T>) -> bool {
        let Some(child) = child(raw) else { return false };
        if !self.names.is_own(child.sender.as_str())
            && let Err(error) = self.child_changed(child).await
        {
            tracing::warn!(%error, "a change of a space is not followed");
        }
        true
    }

    async fn child_changed(self: &Arc<Self>, child: Child) -> Result<(), DeliverError> {
        let Child { event, space, room, sender, on } = child;
        let Some(whose) = self.fact(&whose_fact(&space)).await? else { return Ok(()) };
        let Ok(Whose { login, owner, group: Some(group) }) = serde_json::from_str(&whose) else {
            return Ok(());
        };
        let shown = self.shown_in(&room);
        let chats = shown.map(|shown| shown.chats).unwrap_or_default();
        let chat = chats.into_iter().find(|chat| chat.login == login);
        let (true, Some(chat)) = (owner == sender.as_str(), chat) else { return Ok(()) };
        let fact = child_fact(&space, &room);
        if on == self.fact(&fact).await?.is_some() {
            return Ok(());
        }
        self.set_fact(&fact, on.then_some("")).await?;
        let person = chat.peer.id;
        let errand = Errand::Regroup { user: sender, login, person, group, on };
        self.take_errand(&event, errand).await;
        Ok(())
    }

    /// Shows a list's rooms in spaces.
    pub(crate) async fn show_spaces(&self, list: &ContactList) -> Result<(), DeliverError> {
        if !self.with_spaces {
            return Ok(());
        }
        let _one_at_a_time = self.spaces.turn.lock().await;
        if list.own.is_none() {
            self.spaces.shown().remove(&list.login);
            return self.dismantle(&list.login).await;
        }
        // Nobody is listed while the account is not connected.
        if list.entries.is_empty() {
            return Ok(());
        }
        self.arrange(list).await?;
        self.spaces.shown().insert(list.login.clone(), list.clone());
        Ok(())
    }

    /// Shows an account's spaces as they were, where somebody changed them in vain.
    pub(crate) async fn show_spaces_again(&self, login: &LoginId) {
        let list = self.spaces.shown().get(login).cloned();
        if let Some(list) = list
            && let Err(error) = self.show_spaces(&list).await
        {
            tracing::debug!(%error, "spaces are not as they should be until the list changes");
        }
    }

    async fn arrange(&self, list: &ContactList) -> Result<(), DeliverError> {
        let mut known = self.spaces_of(&list.login).await?;
        self.follow_renamed(list, &mut known).await?;
        // What shall be in which space.
        let mut wanted: BTreeMap<Option<String>, BTreeSet<OwnedRoomId>> = BTreeMap::new();
        for entry in &list.entries {
            let room = entry.room.as_ref().map(|room| OwnedRoomId::try_from(room.as_str()));
            let Some(Ok(room)) = room else { continue };
            let groups = entry.contact.groups.iter().filter(|group| list.groups.contains(group));
            let mut groups: Vec<Option<String>> = groups.cloned().map(Some).collect();
            if groups.is_empty() {
                groups.push(None);
            }
            for group in groups {
                wanted.entry(group).or_default().insert(room.clone());
            }
        }
        if wanted.is_empty() && known.is_empty() {
            return Ok(());
        }
        self.ensure_space(list, &mut known, None).await?;
        for group in wanted.keys().flatten().cloned().collect::<Vec<_>>() {
            self.ensure_space(list, &mut known, Some(group)).await?;
        }
        let gone: Vec<String> =
            known.keys().flatten().filter(|group| !list.groups.contains(group)).cloned().collect();
        for group in gone {
            if let Some(space) = known.remove(&Some(group.clone())) {
                self.give_up(&list.login, Some(&group), &space).await?;
            }
        }
        for (group, space) in &known {
            let mut rooms = wanted.remove(group).unwrap_or_default();
            if group.is_none() {
                rooms.extend(
                    known.iter().filter(|(of, _)| of.is_some()).map(|(_, sub)| sub.clone()),
                );
            }
            self.set_children(space, &rooms).await?;
        }
        Ok(())
    }

    /// Takes one group that went and one that came for the same under another name.
    async fn follow_renamed(
        &self,
        list: &ContactList,
        known: &mut BTreeMap<Option<String>, OwnedRoomId>,
    ) -> Result<(), DeliverError> {
        let went: Vec<String> =
            known.keys().flatten().filter(|name| !list.groups.contains(name)).cloned().collect();
        let before = self.spaces.shown().get(&list.login).map(|list| list.groups.clone());
        let Some(before) = before else { return Ok(()) };
        let came: Vec<&String> = list.groups.iter().filter(|name| !before.contains(name)).collect();
        let ([from], [to]) = (&went[..], &came[..]) else { return Ok(()) };
        let Some(space) = known.remove(&Some(from.clone())) else { return Ok(()) };
        self.put_state(&space, "m.room.name", "", &json!({ "name": to })).await?;
        self.set_fact(&space_fact(&list.login, Some(from)), None).await?;
        self.note_space(list, Some((*to).clone()), &space).await?;
        known.insert(Some((*to).clone()), space);
        Ok(())
    }

    async fn ensure_space(
        &self,
        list: &ContactList,
        known: &mut BTreeMap<Option<String>, OwnedRoomId>,
        group: Option<String>,
    ) -> Result<OwnedRoomId, DeliverError> {
        if let Some(space) = known.get(&group) {
            return Ok(space.clone());
        }
        let owner = user_id(&list.owner)?;
        let account = list.own.as_ref().map(|own| own.persona.id.to_string()).unwrap_or_default();
        let name = group.clone().unwrap_or_else(|| texts::space_of(&account));
        let mut request = create_room::v3::Request::new();
        request.preset = Some(RoomPreset::PrivateChat);
        request.name = Some(name);
        request.invite = vec![owner.clone()];
        let creation = json!({ "type": "m.space", "m.federate": self.federate });
        request.creation_content = room::raw(&creation);
        // She puts rooms in and takes them out; nobody speaks there.
        request.power_level_content_override = room::raw(&json!({
            "events_default": 100, "invite": 50, "events": { "m.space.child": 0 },
        }));
        let space = self.intent.send(&self.names.bot, request).await?.room_id;
        self.note_space(list, group.clone(), &space).await?;
        self.enter_as(&space, &owner).await;
        known.insert(group, space.clone());
        Ok(space)
    }

    async fn note_space(
        &self,
        list: &ContactList,
        group: Option<String>,
        space: &OwnedRoomId,
    ) -> Result<(), DeliverError> {
        self.set_fact(&space_fact(&list.login, group.as_deref()), Some(space.as_str())).await?;
        let owner = list.owner.id.to_string();
        let whose = Whose { login: list.login.clone(), owner, group };
        let form = serde_json::to_string(&whose);
        let form = form.map_err(|error| DeliverError::retry(error.to_string()))?;
        self.set_fact(&whose_fact(space), Some(&form)).await
    }

    async fn set_children(
        &self,
        space: &OwnedRoomId,
        wanted: &BTreeSet<OwnedRoomId>,
    ) -> Result<(), DeliverError> {
        let there = self.children_of(space).await?;
        for room in wanted.difference(&there) {
            let content = json!({ "via": [self.names.bot.server_name()] });
            if self.put_state(space, "m.space.child", room.as_str(), &content).await? {
                self.set_fact(&child_fact(space, room), Some("")).await?;
            }
        }
        for room in there.difference(wanted) {
            self.put_state(space, "m.space.child", room.as_str(), &json!({})).await?;
            self.set_fact(&child_fact(space, room), None).await?;
        }
        Ok(())
    }

    /// Gives up all spaces of an account that is signed out for good.
    async fn dismantle(&self, login: &LoginId) -> Result<(), DeliverError> {
        for (group, space) in self.spaces_of(login).await? {
            self.give_up(login, group.as_deref(), &space).await?;
        }
        Ok(())
    }

    async fn give_up(
        &self,
        login: &LoginId,
        group: Option<&str>,
        space: &OwnedRoomId,
    ) -> Result<(), DeliverError> {
        self.set_children(space, &BTreeSet::new()).await?;
        match self.intent.send(&self.names.bot, leave_room::v3::Request::new(space.clone())).await {
            Err(error) if !error.is_forbidden() => return Err(error.into()),
            _ => {}
        }
        self.set_fact(&whose_fact(space), None).await?;
        self.set_fact(&space_fact(login, group), None).await
    }

    async fn spaces_of(
        &self,
        login: &LoginId,
    ) -> Result<BTreeMap<Option<String>, OwnedRoomId>, DeliverError> {
        let prefix = space_fact(login, None);
        let found = self.store()?.list(&prefix, LIMIT).await;
        let found = found.map_err(|error| DeliverError::retry(error.to_string()))?;
        let spaces = found.into_iter().filter_map(|(name, space)| {
            let group = match name.strip_prefix(&prefix)? {
                "" => None,
                rest => Some(rest.strip_prefix(' ')?.to_owned()),
            };
            Some((group, OwnedRoomId::try_from(space).ok()?))
        });
        Ok(spaces.collect())
    }

    async fn children_of(
        &self,
        space: &OwnedRoomId,
    ) -> Result<BTreeSet<OwnedRoomId>, DeliverError> {
        let prefix = format!("child {space} ");
        let found = self.store()?.list(&prefix, CHILDREN).await;
        let found = found.map_err(|error| DeliverError::retry(error.to_string()))?;
        let rooms = found.iter().filter_map(|(name, _)| name.strip_prefix(&prefix));
        Ok(rooms.filter_map(|room| OwnedRoomId::try_from(room).ok()).collect())
    }

    /// Reads a fact of the store.
    pub(crate) async fn fact(&self, name: &str) -> Result<Option<String>, DeliverError> {
        let found = self.store()?.get(name).await;
        found.map_err(|error| DeliverError::retry(error.to_string()))
    }

    /// Sets a fact of the store, or removes it.
    pub(crate) async fn set_fact(
        &self,
        name: &str,
        value: Option<&str>,
    ) -> Result<(), DeliverError> {
        let store = self.store()?;
        let set = match value {
            Some(value) => store.put(name, value).await,
            None => store.remove(name).await,
        };
        set.map_err(|error| DeliverError::retry(error.to_string()))
    }
}

fn space_fact(login: &LoginId, group: Option<&str>) -> String {
    match group {
        Some(group) => format!("space {login} {group}"),
        None => format!("space {login}"),
    }
}

fn whose_fact(space: &OwnedRoomId) -> String {
    format!("whose {space}")
}

fn child_fact(space: &OwnedRoomId, room: &OwnedRoomId) -> String {
    format!("child {space} {room}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_is_put_in_or_taken_out_and_other_events_are_none_of_ours() {
        let event = |kind: &str, content: Value| {
            let event = json!({
                "type": kind, "event_id": "$e", "room_id": "!space:hs", "state_key": "!room:hs",
                "sender": "@ada:hs", "content": content,
            });
            child::<Value>(&Raw::from_json_string(event.to_string()).unwrap())
        };
        assert!(event("m.space.child", json!({ "via": ["hs"] })).unwrap().on);
        assert!(!event("m.space.child", json!({})).unwrap().on);
        assert!(!event("m.space.child", json!({ "via": 7 })).unwrap().on);
        assert!(event("m.room.message", json!({ "body": "m.space.child" })).is_none());
    }

    #[test]
    fn a_group_has_a_space_of_its_own_whatever_it_is_called() {
        let login = LoginId::new("msn:ada@example.com");
        let prefix = space_fact(&login, None);
        let named = space_fact(&login, Some("my  friends"));
        assert_eq!(named.strip_prefix(&prefix), Some(" my  friends"));
    }
}
