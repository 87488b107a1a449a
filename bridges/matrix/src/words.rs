//! Words said in a room, changed and taken back there, as the ghost of whoever did so elsewhere.

use bridge_core::{
    DeliverError,
    id::MessageId,
    model::{Content, Delivery},
};
use ruma::{
    OwnedEventId, OwnedRoomId, OwnedTransactionId,
    api::client::redact::redact_event,
    events::{relation::Reply, room::message::Relation},
};

use crate::{
    adapter::MatrixAdapter,
    convert::{emoticons, split, to_matrix},
    intent::IntentError,
    reactions::first_of,
};

impl MatrixAdapter {
    /// Says something, in several events where one does not hold it.
    pub(crate) async fn say_words(
        &self,
        room: &OwnedRoomId,
        item: &Delivery,
        content: &Content,
    ) -> Result<Vec<MessageId>, DeliverError> {
        let answered = content.reply_to.as_ref().and_then(|_| first_of(item));
        let pictures = self.pictures(content, item).await;
        let mut names = Vec::new();
        for (number, part) in split::parts(content, split::MESSAGE).into_iter().enumerate() {
            let mut said = to_matrix::message(&part, &self.pills(room, &part).await);
            said.message = emoticons::show(said.message, &pictures);
            if number == 0
                && let Some(answered) = &answered
            {
                said.message.relates_to =
                    Some(Relation::Reply(Reply::with_event_id(answered.clone())));
            }
            names.push(self.say_part(room, item, number, &part, &said).await?);
        }
        self.add_to_pack(room, &item.event.sender, &pictures).await;
        Ok(names)
    }

    /// Says how an earlier message reads now; what one event does not hold is said after it.
    pub(crate) async fn change_words(
        &self,
        room: &OwnedRoomId,
        item: &Delivery,
        content: &Content,
    ) -> Result<Vec<MessageId>, DeliverError> {
        let Some(target) = first_of(item) else { return Ok(Vec::new()) };
        let mut names = Vec::new();
        for (number, part) in split::parts(content, split::EDIT).into_iter().enumerate() {
            let pills = self.pills(room, &part).await;
            let said = match number {
                0 => to_matrix::edit(&part, &pills, target.clone()),
                _ => to_matrix::message(&part, &pills),
            };
            names.push(self.say_part(room, item, number, &part, &said).await?);
        }
        Ok(names)
    }

    async fn say_part(
        &self,
        room: &OwnedRoomId,
        item: &Delivery,
        number: usize,
        part: &Content,
        said: &to_matrix::Worded,
    ) -> Result<MessageId, DeliverError> {
        let transaction = match number {
            0 => item.key.to_string(),
            number => format!("{}-{number}", item.key),
        };
        let event = self.say_part_as_ghost(room, item, &transaction, said).await?;
        let name = MessageId::new(event.as_str());
        self.lately.note(event, item.event.sender.shown_name(), &part.text.plain);
        Ok(name)
    }

    /// Takes an earlier message back, all its parts.
    pub(crate) async fn take_back(
        &self,
        room: &OwnedRoomId,
        item: &Delivery,
    ) -> Result<(), DeliverError> {
        let ghost = self.ghost(&item.event.sender).await?;
        let parts = item.about.iter().filter_map(|name| OwnedEventId::try_from(name.as_str()).ok());
        for (number, event) in parts.enumerate() {
            let request = |by: &str| {
                let transaction = format!("{}-{number}{by}", item.key);
                let transaction = OwnedTransactionId::from(transaction);
                redact_event::v3::Request::new(room.clone(), event.clone(), transaction)
            };
            match self.intent.send(&ghost, request("")).await {
                Ok(_) => {}
                // Whoever keeps order elsewhere takes back what others said; here the bot does it for her.
                Err(error) if error.is_forbidden() => {
                    self.intent.send(&self.names.bot, request("-bot")).await?;
                }
                Err(IntentError::Refused { status: 404, .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
