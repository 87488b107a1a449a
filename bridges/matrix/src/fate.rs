//! What became of messages, shown to who wrote them.

use bridge_core::{
    DeliverError,
    id::MessageId,
    model::{Delivery, DeliveryState},
};
use ruma::{
    OwnedEventId, OwnedRoomId,
    api::client::receipt::create_receipt::{self, v3::ReceiptType},
    events::{
        relation::Reply,
        room::message::{Relation, RoomMessageEventContent},
    },
};

use crate::{adapter::MatrixAdapter, texts};

impl MatrixAdapter {
    /// Shows what became of a message: a receipt of the one who has it, or a notice.
    pub(crate) async fn show_fate(
        &self,
        room: &OwnedRoomId,
        item: &Delivery,
        target: Option<&MessageId>,
        state: &DeliveryState,
    ) -> Result<(), DeliverError> {
        let target = target.and_then(|target| OwnedEventId::try_from(target.as_str()).ok());
        let text = match state {
            DeliveryState::Delivered { .. } => {
                let Some(target) = target else { return Ok(()) };
                let ghost = self.ghost_in(room, &item.event.sender).await?;
                let kind = ReceiptType::Read;
                let request = create_receipt::v3::Request::new(room.clone(), kind, target);
                self.intent.send(&ghost, request).await?;
                return Ok(());
            }
            DeliveryState::Failed { tell_user, .. } => texts::not_delivered(tell_user),
            DeliveryState::Unknown { tell_user } => texts::perhaps_not_delivered(tell_user),
            _ => return Ok(()),
        };
        let mut content = RoomMessageEventContent::notice_plain(text);
        if let Some(target) = target {
            content.relates_to = Some(Relation::Reply(Reply::with_event_id(target)));
        }
        self.say(&self.names.bot.clone(), room, &item.key.to_string(), &content, None).await?;
        Ok(())
    }
}
