//! Commands given, buttons pressed, forms filled in: what the bot was asked, and what it answered.

use std::{collections::VecDeque, time::Instant};

use serde_json::Value;

/// Most that are remembered.
const KEPT: usize = 1000;

/// What the bot was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    Autocomplete,
    Command,
    Component,
    /// A form, opened by a component or not.
    Modal {
        of_component: bool,
        /// What was asked when it was opened.
        of: u64,
    },
}

impl Question {
    pub(crate) fn code(self) -> u64 {
        match self {
            Self::Command => 2,
            Self::Component => 3,
            Self::Autocomplete => 4,
            Self::Modal { .. } => 5,
        }
    }
}

/// What the bot answered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    Choices(Vec<Value>),
    /// A message comes later; with these flags.
    Deferred(u64),
    /// The message it was asked under stays, or is edited later.
    Kept,
    Message,
    Modal(Value),
    /// The message it was asked under was changed.
    Updated,
}

#[derive(Clone, Debug)]
pub(crate) struct Interaction {
    pub(crate) id: u64,
    pub(crate) token: String,
    pub(crate) question: Question,
    pub(crate) user: u64,
    pub(crate) channel: u64,
    /// The message it was asked under.
    pub(crate) under: Option<u64>,
    pub(crate) made: Instant,
    pub(crate) answer: Option<Answer>,
    /// The message that answers.
    pub(crate) original: Option<u64>,
    /// Those after it.
    pub(crate) follow_ups: Vec<u64>,
}

#[derive(Debug, Default)]
pub(crate) struct Interactions(VecDeque<Interaction>);

impl Interactions {
    pub(crate) fn add(&mut self, interaction: Interaction) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(interaction);
    }

    pub(crate) fn get(&self, id: u64) -> Option<&Interaction> {
        self.0.iter().find(|one| one.id == id)
    }

    pub(crate) fn by_id(&mut self, id: u64) -> Option<&mut Interaction> {
        self.0.iter_mut().find(|one| one.id == id)
    }

    pub(crate) fn by_token(&mut self, token: &str) -> Option<&mut Interaction> {
        self.0.iter_mut().find(|one| one.token == token)
    }
}
