//! How far a file is that a contact takes: one notice below it, changed as it goes.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bridge_core::{
    DeliverError,
    model::{Persona, Progress, Stage},
    shown,
};
use ruma::{
    OwnedEventId, OwnedRoomId,
    events::{
        relation::Reply,
        room::message::{Relation, ReplacementMetadata, RoomMessageEventContent},
    },
};

use crate::{adapter::MatrixAdapter, texts};

/// Most files whose notices are remembered; past it the others get new ones.
const REMEMBERED: usize = 256;

/// The notices below files under way, by room and file.
#[derive(Default)]
pub(crate) struct Notices(Mutex<HashMap<(OwnedRoomId, OwnedEventId), OwnedEventId>>);

impl Notices {
    fn known(&self) -> MutexGuard<'_, HashMap<(OwnedRoomId, OwnedEventId), OwnedEventId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MatrixAdapter {
    /// Shows how far a file is.
    pub(crate) async fn show_progress(
        &self,
        room: &OwnedRoomId,
        from: &Persona,
        progress: &Progress,
    ) -> Result<(), DeliverError> {
        let Ok(file) = OwnedEventId::try_from(progress.target.as_str()) else {
            return Ok(());
        };
        let place = (room.clone(), file.clone());
        let before = self.progress.known().get(&place).cloned();
        let running = progress.stage == Stage::Running;
        if before.is_none() && !running {
            return Ok(());
        }
        let content = notice(&shown::name(from.shown_name()), progress, &file, before.as_ref());
        let transaction = format!("progress-{file}-{}-{:?}", progress.done, progress.stage);
        let bot = self.names.bot.clone();
        let said = self.say(&bot, room, &transaction, &content, None).await?;
        let mut known = self.progress.known();
        if !running {
            known.remove(&place);
        } else if before.is_none() {
            if known.len() >= REMEMBERED {
                known.clear();
            }
            known.insert(place, said);
        }
        Ok(())
    }
}

/// Writes the notice, or the change of the one there is.
fn notice(
    name: &str,
    progress: &Progress,
    file: &OwnedEventId,
    before: Option<&OwnedEventId>,
) -> RoomMessageEventContent {
    let words = texts::takes_a_file(name, &progress.name, progress.percent(), progress.stage);
    let mut content = RoomMessageEventContent::notice_plain(words);
    match before {
        Some(before) => content.make_replacement(ReplacementMetadata::new(before.clone(), None)),
        None => {
            content.relates_to = Some(Relation::Reply(Reply::with_event_id(file.clone())));
            content
        }
    }
}

#[cfg(test)]
mod tests {
    use bridge_core::id::MessageId;

    use super::*;

    #[test]
    fn the_first_word_answers_the_file_and_the_others_change_it() {
        let event = |id: &str| OwnedEventId::try_from(id).unwrap();
        let (target, name) = (MessageId::new("$file"), "film.mkv".to_owned());
        let progress = Progress { target, name, done: 45, size: 100, stage: Stage::Running };
        let said = |progress: &Progress, before: Option<&OwnedEventId>| {
            let content = notice("Bob", progress, &event("$file"), before);
            serde_json::to_value(content).unwrap()
        };
        let first = said(&progress, None);
        assert_eq!(first["body"], "Bob is taking film.mkv: 45 %");
        assert_eq!(first["m.relates_to"]["m.in_reply_to"]["event_id"], "$file");
        let done = Progress { done: 100, stage: Stage::Taken, ..progress.clone() };
        let last = said(&done, Some(&event("$notice")));
        assert_eq!(last["m.new_content"]["body"], "Bob has film.mkv.");
        assert_eq!(last["m.relates_to"]["event_id"], "$notice");
        let cut = Progress { stage: Stage::Stopped, ..progress };
        let last = said(&cut, Some(&event("$notice")));
        assert_eq!(last["m.new_content"]["body"], "Bob took 45 % of film.mkv.");
    }
}
