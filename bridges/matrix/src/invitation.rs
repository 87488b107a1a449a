//! Ghosts that are asked into rooms: a conversation begins there, or somebody more is called into one.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bridge_core::{
    DeliverError,
    id::{MessageId, NetworkId, RoomId, SourceId, Timestamp},
    model::{Event, EventKind, Membership, MembershipChange, RoomKind, Scope},
};
use ruma::{
    OwnedEventId, OwnedRoomId, OwnedUserId, UserId,
    api::client::membership::{join_room_by_id, leave_room},
    events::room::member::{MembershipState, OriginalRoomMemberEvent},
};

use crate::{
    adapter::{MatrixAdapter, NETWORK},
    double::bridge_user,
    errand::Errand,
    ghost, texts,
};

/// Most questions remembered; past it the oldest answers leave ghosts as they are.
const LIMIT: usize = 256;

/// Ghosts that were asked into conversations and of whom it is not known yet whether they come.
#[derive(Default)]
pub(crate) struct Asked(Mutex<HashMap<OwnedEventId, (OwnedRoomId, OwnedUserId)>>);

impl Asked {
    fn questions(&self) -> MutexGuard<'_, HashMap<OwnedEventId, (OwnedRoomId, OwnedUserId)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, event: &OwnedEventId, room: &OwnedRoomId, ghost: OwnedUserId) {
        let mut questions = self.questions();
        if questions.len() >= LIMIT {
            questions.clear();
        }
        questions.insert(event.clone(), (room.clone(), ghost));
    }
}

impl MatrixAdapter {
    /// Follows what became of somebody in a room; gives what is for the core.
    pub(crate) async fn member_changed(
        self: &Arc<Self>,
        event: OriginalRoomMemberEvent,
    ) -> Option<Event> {
        let OriginalRoomMemberEvent { room_id: room, event_id, sender, state_key: who, .. } =
            &event;
        let bot = who == &self.names.bot;
        match event.content.membership {
            MembershipState::Invite if bot => {
                let direct = event.content.is_direct.unwrap_or_default();
                self.invited(room.clone(), sender.clone(), direct);
                None
            }
            MembershipState::Invite if self.names.is_own(who.as_str()) => {
                self.ghost_invited(&event).await
            }
            MembershipState::Leave | MembershipState::Ban if self.names.is_own(who.as_str()) => {
                self.ghosts.forget(room, who);
                None
            }
            MembershipState::Leave if who == sender => {
                let shown = self.shown_in(room)?;
                if shown.owner == Some(bridge_user(who)) {
                    let errand = Errand::Left { room: room.clone(), user: who.clone() };
                    self.take_errand(event_id, errand).await;
                }
                None
            }
            _ => None,
        }
    }

    async fn ghost_invited(self: &Arc<Self>, event: &OriginalRoomMemberEvent) -> Option<Event> {
        let OriginalRoomMemberEvent { room_id: room, event_id, sender, state_key: ghost, .. } =
            event;
        let (room, ghost, by) = (room.clone(), ghost.clone(), sender.clone());
        let Some(shown) = self.shown_in(&room) else {
            self.take_errand(event_id, Errand::Begin { room, ghost, by }).await;
            return None;
        };
        let is_owner = shown.owner == Some(bridge_user(sender));
        let Some(person) = self.names.person(&ghost).filter(|_| is_owner) else {
            let why = match is_owner {
                true => texts::NOBODY_OF_THAT_NAME,
                false => texts::ONLY_ITS_OWNER_ASKS_SOMEBODY_IN,
            };
            let why = why.to_owned();
            self.take_errand(event_id, Errand::Decline { room, ghost, by, why }).await;
            return None;
        };
        let known = shown.chats.iter().any(|chat| chat.peer.id == person.id);
        if known && shown.kind == RoomKind::Direct {
            // Somebody put out comes back by herself when she speaks; asked back, at once.
            self.take_errand(event_id, Errand::Begin { room, ghost, by }).await;
            return None;
        }
        self.asked.note(event_id, &room, ghost);
        let change = MembershipChange { person, membership: Membership::Join };
        Some(Event {
            network: NetworkId::new(NETWORK),
            source: SourceId::new(event_id.as_str()),
            message: Some(MessageId::new(event_id.as_str())),
            at: Timestamp(event.origin_server_ts.0.into()),
            scope: Scope::Room(RoomId::new(room.as_str())),
            sender: self.persona(&room, sender).await,
            kind: EventKind::Membership(change),
        })
    }

    /// Lets a ghost that did not come say so, if the question is known by its event.
    pub(crate) async fn did_not_come(&self, question: Option<&MessageId>) {
        let event = question.and_then(|name| OwnedEventId::try_from(name.as_str()).ok());
        let asked = event.and_then(|event| self.asked.questions().remove(&event));
        let Some((room, ghost)) = asked else { return };
        if let Err(error) = self.turn_down(&room, &ghost, texts::DID_NOT_COME).await {
            tracing::debug!(%error, "a ghost stays invited");
        }
    }

    /// Begins the conversation with the person of a ghost in the room it was asked into.
    pub(crate) async fn begin_chat(
        &self,
        room: &OwnedRoomId,
        ghost: &OwnedUserId,
        by: &OwnedUserId,
    ) -> Result<(), DeliverError> {
        let inbox = self.inbox().ok_or_else(|| DeliverError::retry("the adapter is starting"))?;
        if let Some(shown) = self.shown_in(room) {
            let person = self.names.person(ghost);
            if shown
                .chats
                .iter()
                .any(|chat| Some(&chat.peer.id) == person.as_ref().map(|it| &it.id))
            {
                self.ghosts.forget(room, ghost);
                return self.ghosts.ensure_joined(&self.intent, &self.names, room, ghost).await;
            }
        }
        let Some(person) = self.names.person(ghost) else {
            return self.decline(room, ghost, by, texts::NOBODY_OF_THAT_NAME).await;
        };
        let begun = inbox.begin_chat(&bridge_user(by), &person, &RoomId::new(room.as_str())).await;
        let peer = match begun {
            Ok(peer) => peer,
            Err(DeliverError::Reject { tell_user, .. }) => {
                return self.decline(room, ghost, by, &tell_user).await;
            }
            Err(error) => return Err(error),
        };
        let ghost = self.ghost_in(room, &peer).await?;
        let brought = self.bring_bot(room, &ghost).await;
        if let Err(error) = brought {
            tracing::info!(%error, "the bot is not in a room that shows a conversation");
            inbox.tell(&bridge_user(by), &texts::ask_me_in_too(&self.names.bot)).await;
        }
        self.list_as_direct(by, &ghost, room, true).await;
        self.renew_nameplate(room).await
    }

    /// Lets a ghost ask the bot in, which sees what is said there and tells what goes wrong.
    async fn bring_bot(&self, room: &OwnedRoomId, ghost: &UserId) -> Result<(), DeliverError> {
        let bot = &self.names.bot;
        let join = || join_room_by_id::v3::Request::new(room.clone());
        match self.intent.send(bot, join()).await {
            Err(error) if error.is_forbidden() => {
                ghost::invite(&self.intent, ghost, room, bot).await?;
                self.intent.send(bot, join()).await?;
            }
            Err(error) => return Err(error.into()),
            Ok(_) => {}
        }
        Ok(())
    }

    /// Lets a ghost decline, and tells whoever asked why.
    pub(crate) async fn decline(
        &self,
        room: &OwnedRoomId,
        ghost: &OwnedUserId,
        by: &OwnedUserId,
        why: &str,
    ) -> Result<(), DeliverError> {
        self.turn_down(room, ghost, why).await?;
        if let Some(inbox) = self.inbox() {
            inbox.tell(&bridge_user(by), why).await;
        }
        Ok(())
    }

    async fn turn_down(
        &self,
        room: &OwnedRoomId,
        ghost: &OwnedUserId,
        why: &str,
    ) -> Result<(), DeliverError> {
        // A user that is not there yet can be invited all the same.
        ghost::register(&self.intent, ghost).await?;
        let mut request = leave_room::v3::Request::new(room.clone());
        request.reason = Some(why.to_owned());
        match self.intent.send(ghost, request).await {
            Err(error) if !error.is_forbidden() => Err(error.into()),
            _ => Ok(()),
        }
    }
}
