//! What became of messages, shown to who wrote them: by a status that clients of bridges draw under the
//! message, by receipts, and where something went wrong by a notice with the next step.

use bridge_core::{
    DeliverError,
    id::{MessageId, PersonaId},
    model::{Delivery, DeliveryState, Persona, Reject},
};
use ruma::{
    OwnedEventId, OwnedRoomId, OwnedUserId,
    api::client::receipt::create_receipt::{self, v3::ReceiptType},
    events::{
        MessageLikeEventContent, MessageLikeEventType,
        relation::{Reference, Reply},
        room::message::{Relation, RoomMessageEventContent},
    },
};
use serde::Serialize;

use crate::{adapter::MatrixAdapter, convert::to_matrix::quiet, texts};

/// A status, in the form that bridges and their clients agree on.
#[derive(Debug, Serialize)]
struct Status {
    #[serde(rename = "m.relates_to")]
    relates_to: Reference,
    network: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// Who has it. Its absence says that nobody will ever be known to have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    delivered_to_users: Option<Vec<OwnedUserId>>,
}

impl MessageLikeEventContent for Status {
    fn event_type(&self) -> MessageLikeEventType {
        MessageLikeEventType::from("com.beeper.message_send_status")
    }
}

impl MatrixAdapter {
    /// Shows what became of a message.
    pub(crate) async fn show_fate(
        &self,
        room: &OwnedRoomId,
        item: &Delivery,
        target: Option<&MessageId>,
        state: &DeliveryState,
    ) -> Result<(), DeliverError> {
        let target = target.and_then(|target| OwnedEventId::try_from(target.as_str()).ok());
        if let Some(target) = &target {
            self.show_status(room, item, target, state).await?;
        }
        let (text, again) = match state {
            DeliveryState::Delivered { to } => {
                let Some(target) = target else { return Ok(()) };
                return self.show_receipts(room, item, &target, to).await;
            }
            DeliveryState::Failed { tell_user, reason } => {
                (texts::not_delivered(tell_user), may_help(*reason))
            }
            DeliveryState::Unknown { tell_user } => (texts::perhaps_not_delivered(tell_user), true),
            _ => return Ok(()),
        };
        let text = if again && target.is_some() { texts::with_next_step(&text) } else { text };
        let mut content = quiet(RoomMessageEventContent::notice_plain(text));
        if let Some(target) = target {
            content.relates_to = Some(Relation::Reply(Reply::with_event_id(target)));
        }
        self.say(&self.names.bot.clone(), room, &item.key.to_string(), &content, None).await?;
        Ok(())
    }

    /// The one who has it has read it, as far as anybody knows; the bridge has done its part.
    async fn show_receipts(
        &self,
        room: &OwnedRoomId,
        item: &Delivery,
        target: &OwnedEventId,
        to: &[PersonaId],
    ) -> Result<(), DeliverError> {
        let receipt =
            || create_receipt::v3::Request::new(room.clone(), ReceiptType::Read, target.clone());
        self.intent.send(&self.names.bot, receipt()).await?;
        if !to.is_empty() {
            let ghost = self.ghost_in(room, &item.event.sender).await?;
            self.intent.send(&ghost, receipt()).await?;
        }
        Ok(())
    }

    async fn show_status(
        &self,
        room: &OwnedRoomId,
        item: &Delivery,
        target: &OwnedEventId,
        state: &DeliveryState,
    ) -> Result<(), DeliverError> {
        if !self.message_status {
            return Ok(());
        }
        let network = &item.event.sender.network;
        let mut status = Status {
            relates_to: Reference::new(target.clone()),
            network: network.to_string(),
            status: "SUCCESS",
            reason: None,
            message: None,
            delivered_to_users: None,
        };
        match state {
            DeliveryState::Delivered { to } => {
                let ghosts = to.iter().filter_map(|id| {
                    let (network, id) = (network.clone(), id.clone());
                    self.names.ghost(&Persona { network, id, name: None })
                });
                status.delivered_to_users = Some(ghosts.collect());
            }
            DeliveryState::Failed { reason, tell_user } => {
                let again = may_help(*reason);
                status.status = if again { "FAIL_RETRIABLE" } else { "FAIL_PERMANENT" };
                status.reason = Some(reason_of(*reason));
                status.message = Some(tell_user.clone());
            }
            DeliveryState::Unknown { tell_user } => {
                status.status = "FAIL_RETRIABLE";
                status.reason = Some("m.foreign_network_error");
                status.message = Some(tell_user.clone());
            }
            DeliveryState::Waiting => {
                status.status = "PENDING";
                status.delivered_to_users = Some(Vec::new());
            }
            _ => return Ok(()),
        }
        let transaction = format!("{}-status", item.key);
        self.say(&self.names.bot.clone(), room, &transaction, &status, None).await?;
        Ok(())
    }
}

/// Tells whether the same message may arrive another time.
fn may_help(reason: Reject) -> bool {
    matches!(reason, Reject::Offline | Reject::TooOld | Reject::UnknownRecipient)
}

/// Names a reason as clients of bridges know it.
fn reason_of(reason: Reject) -> &'static str {
    match reason {
        Reject::Forbidden => "m.no_permission",
        Reject::Offline => "m.foreign_network_error",
        Reject::TooOld => "m.event_too_old",
        Reject::Unsupported => "com.beeper.unsupported_event",
        _ => "m.event_not_handled",
    }
}
