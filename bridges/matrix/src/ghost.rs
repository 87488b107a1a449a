//! Ghosts: users that stand for people of other networks.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use bridge_core::{DeliverError, Media, model::Persona, store::Namespace};
use ruma::{
    OwnedMxcUri, OwnedRoomId, OwnedUserId, UserId,
    api::client::{
        account::register,
        membership::{invite_user, join_room_by_id, leave_room},
        profile::{set_avatar_url, set_display_name},
    },
};

use crate::{
    intent::{Intent, IntentError},
    names::Names,
    profile,
};

/// What is known of ghosts, so that nothing is asked twice.
#[derive(Default)]
pub(crate) struct Ghosts {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// The name each ghost shows.
    shown: HashMap<OwnedUserId, String>,
    joined: HashSet<(OwnedRoomId, OwnedUserId)>,
}

impl Ghosts {
    /// Sees to it that a persona has a ghost with her name; gives the ghost.
    ///
    /// A homeserver names a new user by her id, so the name is set before she is in any room.
    pub(crate) async fn ensure(
        &self,
        intent: &Intent,
        names: &Names,
        store: &Namespace,
        persona: &Persona,
    ) -> Result<OwnedUserId, DeliverError> {
        let ghost = names
            .ghost(persona)
            .ok_or_else(|| DeliverError::retry(format!("{} makes no user id", persona.network)))?;
        let name = persona.shown_name();
        // Whoever knows no name of hers takes none away.
        let good_enough = |shown: &str| shown == name || persona.name.is_none();
        if self.known().shown.get(&ghost).is_some_and(|shown| good_enough(shown)) {
            return Ok(ghost);
        }
        let fact = format!("ghost {ghost}");
        let stored =
            store.get(&fact).await.map_err(|error| DeliverError::retry(error.to_string()))?;
        if !stored.as_deref().is_some_and(good_enough) {
            if stored.is_none() {
                register(intent, &ghost).await?;
            }
            #[expect(deprecated, reason = "its path is the same on every server")]
            let request = set_display_name::v3::Request::new(ghost.clone(), Some(name.to_owned()));
            match intent.send(&ghost, request).await {
                Ok(_) => {}
                // Under a name it does not take, she is shown by her id; her words come all the same.
                Err(error @ IntentError::Refused { status: 400 | 413, .. }) => {
                    tracing::warn!(%error, "the homeserver does not take a contact's name");
                }
                Err(error) => return Err(error.into()),
            }
            if stored.is_none() {
                profile::describe(intent, &ghost, persona).await;
            }
            store.put(&fact, name).await.map_err(|error| DeliverError::retry(error.to_string()))?;
        }
        let shown = stored.filter(|_| persona.name.is_none()).unwrap_or_else(|| name.to_owned());
        self.known().shown.insert(ghost.clone(), shown);
        Ok(ghost)
    }

    /// Gives the name a ghost shows, as far as that is known without asking.
    pub(crate) fn name_of(&self, ghost: &UserId) -> Option<String> {
        self.known().shown.get(ghost).cloned()
    }

    /// Tells whether a ghost shows a picture.
    pub(crate) async fn has_face(
        &self,
        store: &Namespace,
        ghost: &UserId,
        media: &Media,
    ) -> Result<bool, DeliverError> {
        let shown = store.get(&face_of(ghost)).await;
        let shown = shown.map_err(|error| DeliverError::retry(error.to_string()))?;
        Ok(shown == Some(media.hash.to_string()))
    }

    /// Gives a ghost a picture that is on the homeserver.
    pub(crate) async fn show_face(
        &self,
        intent: &Intent,
        store: &Namespace,
        ghost: &UserId,
        media: &Media,
        address: OwnedMxcUri,
    ) -> Result<(), DeliverError> {
        #[expect(deprecated, reason = "its path is the same on every server")]
        let request = set_avatar_url::v3::Request::new(ghost.to_owned(), Some(address.clone()));
        intent.send(ghost, request).await?;
        let noted = store.put(&picture_of(ghost), address.as_str()).await;
        noted.map_err(|error| DeliverError::retry(error.to_string()))?;
        let noted = store.put(&face_of(ghost), &media.hash.to_string()).await;
        noted.map_err(|error| DeliverError::retry(error.to_string()))
    }

    /// Sees to it that a ghost is in a room: the bot invites it, and it joins.
    pub(crate) async fn ensure_joined(
        &self,
        intent: &Intent,
        names: &Names,
        room: &OwnedRoomId,
        ghost: &OwnedUserId,
    ) -> Result<(), DeliverError> {
        let place = (room.clone(), ghost.clone());
        if self.known().joined.contains(&place) {
            return Ok(());
        }
        let join = || join_room_by_id::v3::Request::new(room.clone());
        match intent.send(ghost, join()).await {
            Ok(_) => {}
            Err(error) if error.is_forbidden() => {
                invite(intent, &names.bot, room, ghost).await?;
                intent.send(ghost, join()).await?;
            }
            Err(error) => return Err(error.into()),
        }
        self.known().joined.insert(place);
        Ok(())
    }

    /// Takes a ghost out of a room.
    pub(crate) async fn leave(
        &self,
        intent: &Intent,
        room: &OwnedRoomId,
        ghost: &OwnedUserId,
    ) -> Result<(), DeliverError> {
        self.forget(room, ghost);
        match intent.send(ghost, leave_room::v3::Request::new(room.clone())).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_forbidden() => Ok(()), // it is not there
            Err(error) => Err(error.into()),
        }
    }

    /// Forgets that a ghost is in a room: somebody may have put it out.
    pub(crate) fn forget(&self, room: &OwnedRoomId, ghost: &OwnedUserId) {
        self.known().joined.remove(&(room.clone(), ghost.clone()));
    }

    /// Forgets who of ours is in a room.
    pub(crate) fn forget_room(&self, room: &OwnedRoomId) {
        self.known().joined.retain(|(of, _)| of != room);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a user of ours; one who is there already is as good.
pub(crate) async fn register(intent: &Intent, user: &UserId) -> Result<(), IntentError> {
    let mut request = register::v3::Request::new();
    request.username = Some(Names::localpart(user));
    request.login_type = Some(register::LoginType::ApplicationService);
    request.inhibit_login = true;
    match intent.send(user, request).await {
        Ok(_) => Ok(()),
        Err(error) if error.is("M_USER_IN_USE") => Ok(()),
        Err(error) => Err(error),
    }
}

/// Invites somebody as the bot; one who is invited or there already is as good.
pub(crate) async fn invite(
    intent: &Intent,
    bot: &UserId,
    room: &OwnedRoomId,
    user: &OwnedUserId,
) -> Result<(), IntentError> {
    let recipient = invite_user::v3::InvitationRecipient::from(invite_user::v3::InviteUserId::new(
        user.clone(),
    ));
    match intent.send(bot, invite_user::v3::Request::new(room.clone(), recipient)).await {
        Ok(_) => Ok(()),
        Err(error) if error.is_forbidden() && already_there(&error) => Ok(()),
        Err(error) => Err(error),
    }
}

fn already_there(error: &IntentError) -> bool {
    matches!(error, IntentError::Refused { error, .. } if error.contains("already in the room"))
}

/// Where it is noted at which address a ghost's picture is.
pub(crate) fn picture_of(ghost: &UserId) -> String {
    format!("picture {ghost}")
}

/// Where the picture is noted that a ghost shows.
fn face_of(ghost: &UserId) -> String {
    format!("face {ghost}")
}
