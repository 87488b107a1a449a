//! Gateway sessions: what each was told, so that it can be told again.

use std::collections::VecDeque;

use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

/// Most events kept for a session that resumes.
const KEPT: usize = 1000;

/// Whom an event is for: the intents of which one must be held; none is for everybody.
pub(crate) mod intents {
    pub(crate) const EVERYBODY: u64 = 0;
    pub(crate) const GUILDS: u64 = 1;
    pub(crate) const GUILD_MEMBERS: u64 = 1 << 1;
    pub(crate) const GUILD_EXPRESSIONS: u64 = 1 << 3;
    pub(crate) const GUILD_WEBHOOKS: u64 = 1 << 5;
    pub(crate) const GUILD_PRESENCES: u64 = 1 << 8;
    pub(crate) const GUILD_MESSAGES: u64 = 1 << 9;
    pub(crate) const GUILD_REACTIONS: u64 = 1 << 10;
    pub(crate) const GUILD_TYPING: u64 = 1 << 11;
    pub(crate) const DIRECT_MESSAGES: u64 = 1 << 12;
    pub(crate) const DIRECT_REACTIONS: u64 = 1 << 13;
    pub(crate) const DIRECT_TYPING: u64 = 1 << 14;
    pub(crate) const MESSAGE_CONTENT: u64 = 1 << 15;
    /// The highest there is (direct polls).
    pub(crate) const HIGHEST: u64 = 1 << 25;
}

/// What a connection is told to do.
#[derive(Debug)]
pub(crate) enum Order {
    /// End with this close code.
    Close(u16),
    /// End without a word.
    Drop,
    /// End with a reset.
    Reset,
    /// Write this, which has no number.
    Say(String),
    /// Write this, then note the number.
    Write(u64, String),
}

/// A session, connected or not.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) intents: u64,
    last: u64,
    log: VecDeque<(u64, String)>,
    connection: Option<Connection>,
}

#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(crate) orders: mpsc::Sender<Order>,
    /// The last number written.
    pub(crate) written: watch::Receiver<u64>,
}

impl Session {
    pub(crate) fn new(id: String, intents: u64, connection: Connection) -> Self {
        Self { id, intents, last: 0, log: VecDeque::new(), connection: Some(connection) }
    }

    /// Whether it wants events of these intents.
    pub(crate) fn wants(&self, wanted: u64) -> bool {
        wanted == intents::EVERYBODY || self.intents & wanted != 0
    }

    /// Whether it is this connection's.
    pub(crate) fn is_of(&self, connection: &Connection) -> bool {
        self.connection.as_ref().is_some_and(|own| own.orders.same_channel(&connection.orders))
    }

    /// Tells an event, if it is for this session; gives what to wait on until it is written.
    pub(crate) fn tell(
        &mut self,
        name: &str,
        data: &Value,
        wanted: u64,
    ) -> Option<(watch::Receiver<u64>, u64)> {
        if !self.wants(wanted) {
            return None;
        }
        self.last += 1;
        let text = json!({ "op": 0, "s": self.last, "t": name, "d": data }).to_string();
        if self.log.len() == KEPT {
            self.log.pop_front();
        }
        self.log.push_back((self.last, text.clone()));
        let connection = self.connection.as_ref()?;
        // A connection too slow for a thousand events has lost them; it may resume.
        connection.orders.try_send(Order::Write(self.last, text)).ok()?;
        Some((connection.written.clone(), self.last))
    }

    /// Takes the session up again after what the client saw last; false when that is too long ago.
    pub(crate) fn resume(&mut self, seen: u64, connection: Connection) -> bool {
        let first = self.log.front().map_or(self.last + 1, |(number, _)| *number);
        if seen + 1 < first || seen > self.last {
            return false;
        }
        for (number, text) in self.log.iter().filter(|(number, _)| *number > seen) {
            drop(connection.orders.try_send(Order::Write(*number, text.clone())));
        }
        self.connection = Some(connection);
        self.tell("RESUMED", &json!({}), intents::EVERYBODY);
        true
    }

    /// Has the connection end.
    pub(crate) fn order(&mut self, order: Order) {
        if let Some(connection) = self.connection.take() {
            // One that is gone already has ended as it was told to.
            drop(connection.orders.try_send(order));
        }
    }

    /// Says something beside the events.
    pub(crate) fn say(&mut self, said: &Value) {
        if let Some(connection) = &self.connection {
            // One that is gone hears nothing more.
            drop(connection.orders.try_send(Order::Say(said.to_string())));
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| !connection.orders.is_closed())
    }
}
