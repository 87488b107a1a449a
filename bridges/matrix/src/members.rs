//! Who is in a room, by the names people see there.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use ruma::{
    OwnedRoomId, OwnedUserId, UserId,
    api::client::membership::joined_members,
    events::room::member::{MembershipState, RoomMemberEventContent},
};

use crate::intent::Intent;

/// Most rooms remembered; past it all are asked for again.
const ROOMS_LIMIT: usize = 1000;

/// Names by room, asked for once and then kept by what the homeserver pushes.
#[derive(Default)]
pub(crate) struct Members(Mutex<HashMap<OwnedRoomId, HashMap<OwnedUserId, String>>>);

impl Members {
    /// Gives the name somebody has in a room; none when she has set none or it cannot be known.
    pub(crate) async fn name(
        &self,
        intent: &Intent,
        bot: &UserId,
        room: &OwnedRoomId,
        user: &UserId,
    ) -> Option<String> {
        if let Some(names) = self.rooms().get(room) {
            return names.get(user).cloned();
        }
        let names = match intent.send(bot, joined_members::v3::Request::new(room.clone())).await {
            Ok(members) => members
                .joined
                .into_iter()
                .filter_map(|(user, member)| Some((user, member.display_name?)))
                .collect(),
            Err(error) => {
                tracing::debug!(%error, "who is in a room is not known");
                return None;
            }
        };
        let mut rooms = self.rooms();
        if rooms.len() >= ROOMS_LIMIT {
            rooms.clear();
        }
        let names: &HashMap<_, _> = rooms.entry(room.clone()).or_insert(names);
        names.get(user).cloned()
    }

    /// Gives the name somebody has in a room, as far as that is known without asking.
    pub(crate) fn known(&self, room: &OwnedRoomId, user: &UserId) -> Option<String> {
        self.rooms().get(room)?.get(user).cloned()
    }

    /// Lists those in a room with the names they have there; nobody where they are too many, or cannot be
    /// known.
    pub(crate) async fn people(
        &self,
        intent: &Intent,
        bot: &UserId,
        room: &OwnedRoomId,
        most: usize,
    ) -> Vec<(OwnedUserId, Option<String>)> {
        // Asks for them where they are not known yet.
        self.name(intent, bot, room, bot).await;
        let rooms = self.rooms();
        let names = rooms.get(room).filter(|names| names.len() <= most);
        let people = names.into_iter().flatten();
        people.map(|(user, name)| (user.clone(), Some(name.clone()))).collect()
    }

    /// Notes what became of somebody in a room.
    pub(crate) fn changed(&self, room: &OwnedRoomId, user: &str, content: &RoomMemberEventContent) {
        let (mut rooms, user) = (self.rooms(), UserId::parse(user));
        let (Some(names), Ok(user)) = (rooms.get_mut(room), user) else {
            return;
        };
        match (&content.membership, &content.displayname) {
            (MembershipState::Join, Some(name)) => names.insert(user, name.clone()),
            _ => names.remove(&user),
        };
    }

    fn rooms(&self) -> MutexGuard<'_, HashMap<OwnedRoomId, HashMap<OwnedUserId, String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
