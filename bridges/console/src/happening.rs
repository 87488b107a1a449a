//! What is to be seen on the terminal.

use std::fmt;

use serde::Serialize;

/// Something a person at the terminal sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Happening {
    /// The bridge answered a command.
    Answer {
        /// Its words.
        text: String,
    },
    /// A room shows nothing any more.
    Closed {
        /// The room.
        room: String,
        /// Why, in words.
        text: String,
    },
    /// What became of an earlier message.
    Fate {
        /// The room it was said in.
        room: String,
        /// What became of it, in words.
        text: String,
    },
    /// Somebody said something.
    Message {
        /// The room.
        room: String,
        /// Who, by shown name.
        from: String,
        /// What.
        text: String,
    },
    /// Somebody is more or less available than before.
    Presence {
        /// The room.
        room: String,
        /// Who, by shown name.
        who: String,
        /// How available.
        state: String,
    },
    /// A room came to be.
    Room {
        /// Its id.
        room: String,
        /// Its name.
        name: String,
    },
    /// Somebody writes, or stopped.
    Typing {
        /// The room.
        room: String,
        /// Who, by shown name.
        who: String,
        /// Whether she writes now.
        on: bool,
    },
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer { text } => write!(f, "bridge: {text}"),
            Self::Closed { room, text } => write!(f, "[{room}] closed: {text}"),
            Self::Fate { room, text } => write!(f, "[{room}] ({text})"),
            Self::Message { room, from, text } => write!(f, "[{room}] {from}: {text}"),
            Self::Presence { room, who, state } => write!(f, "[{room}] {who} is {state}"),
            Self::Room { room, name } => write!(f, "[{room}] a new room: {name}"),
            Self::Typing { room, who, on: true } => write!(f, "[{room}] {who} is writing…"),
            Self::Typing { room, who, on: false } => write!(f, "[{room}] {who} stopped writing"),
        }
    }
}
