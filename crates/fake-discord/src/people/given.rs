//! What a person asked of the bot, and what she sees of its answer.

use std::{sync::Arc, time::Duration};

use serde_json::Value;
use tokio::time::Instant;

use crate::{
    interactions::{Answer, Interaction},
    server::Shared,
    state::State,
    world::Message,
};

/// How long an answer that was put off may take.
const LATER: Duration = Duration::from_secs(30);

/// A command given, a button pressed, a choice made or a form sent.
#[derive(Clone)]
pub struct Given {
    pub(super) shared: Arc<Shared>,
    pub(super) id: u64,
}

/// A form the bot opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Modal {
    /// What the bot calls it.
    pub custom_id: String,
    /// What stands above it.
    pub title: String,
    /// Its fields, as they were sent.
    pub fields: Vec<Value>,
    /// What was asked when it was opened.
    pub(super) of: u64,
}

impl Modal {
    /// Its fields' names to the bot, and what people see of them.
    pub fn labels(&self) -> Vec<(String, String)> {
        let text = |field: &Value, name: &str| {
            field.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        self.fields.iter().map(|field| (text(field, "custom_id"), text(field, "label"))).collect()
    }
}

impl Given {
    fn look<T>(&self, look: impl FnOnce(&State, &Interaction) -> T) -> Option<T> {
        let state = self.shared.state();
        state.interactions.get(self.id).map(|one| look(&state, one))
    }

    /// Waits for the first answer; none means that the person sees "The application did not respond".
    async fn answer(&self) -> Option<Answer> {
        let within = self
            .look(|state, one| state.world.knobs.answer_within.saturating_sub(one.made.elapsed()));
        // Whatever came within the time was taken; a moment more is for its way here.
        let end = Instant::now() + within.unwrap_or_default() + Duration::from_millis(20);
        let answered = |_: &Shared| self.look(|_, one| one.answer.clone()).flatten();
        self.shared.until(end, answered).await
    }

    /// What the person sees in answer: a message, also one that was put off, or the changed message
    /// she pressed a button of.
    ///
    /// # Panics
    /// When the bot answers something else, or nothing in time.
    pub async fn shows(&self) -> Message {
        match self.answer().await {
            Some(Answer::Message | Answer::Updated | Answer::Deferred(_)) => {}
            Some(other) => panic!("the bot shows no message, but {other:?}"),
            None => panic!("The application did not respond"),
        }
        let original = |_: &Shared| {
            self.look(|state, one| state.world.message(one.channel, one.original?).cloned())
        };
        let shown = self.shared.until(Instant::now() + LATER, |one| original(one).flatten()).await;
        shown.unwrap_or_else(|| panic!("the bot keeps thinking"))
    }

    /// The form that opens.
    ///
    /// # Panics
    /// When none does.
    pub async fn opens(&self) -> Modal {
        let modal = match self.answer().await {
            Some(Answer::Modal(modal)) => modal,
            other => panic!("the bot opens no form, but {other:?}"),
        };
        let text =
            |name: &str| modal.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let rows = modal.get("components").and_then(Value::as_array).into_iter().flatten();
        let fields = rows.filter_map(|row| row.get("components")?.as_array()).flatten();
        Modal {
            custom_id: text("custom_id"),
            title: text("title"),
            fields: fields.cloned().collect(),
            of: self.id,
        }
    }

    /// What is offered while she writes: names and values.
    ///
    /// # Panics
    /// When nothing comes.
    pub async fn offers(&self) -> Vec<(String, Value)> {
        let choices = match self.answer().await {
            Some(Answer::Choices(choices)) => choices,
            other => panic!("the bot offers no choices, but {other:?}"),
        };
        let name = |choice: &Value| {
            choice.get("name").and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let value = |choice: &Value| choice.get("value").cloned().unwrap_or_default();
        choices.iter().map(|choice| (name(choice), value(choice))).collect()
    }

    /// Waits until the bot said that it heard; false when it did not in time.
    pub async fn is_heard(&self) -> bool {
        self.answer().await.is_some()
    }

    /// What the bot said after its first answer.
    pub fn follow_ups(&self) -> Vec<Message> {
        let said = self.look(|state, one| {
            let ids = one.follow_ups.iter();
            ids.filter_map(|id| state.world.message(one.channel, *id).cloned()).collect()
        });
        said.unwrap_or_default()
    }

    /// The message that answers as it stands now, if it does.
    pub fn shown(&self) -> Option<Message> {
        self.look(|state, one| state.world.message(one.channel, one.original?).cloned()).flatten()
    }
}
