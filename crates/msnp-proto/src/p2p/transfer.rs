//! One transfer: an object or a file, on its way to a peer or from it.

use std::time::{Duration, Instant};

use super::{FileContext, Place, direct::DirectId, pieces::Pieces, slp::Slp};
use crate::{msg::Object, session::ChatId};

/// Largest object that is fetched, in bytes; original clients' pictures have some 25 KB.
pub const OBJECT_LIMIT: u64 = 1024 * 1024;
/// How long a transfer may stand still.
pub(super) const STALL: Duration = Duration::from_secs(60);
/// How long the answer to an object's invitation may take.
pub(super) const ANSWER: Duration = Duration::from_secs(30);
/// How long a peer may be silent to an invitation before it is said again, once.
pub(super) const SILENCE: Duration = Duration::from_secs(5);
/// How long people may think about a file.
pub(super) const DECISION: Duration = Duration::from_secs(600);
/// Bytes of a transfer that went over a direct link and are kept, for nobody says how many of them arrived
/// when the link breaks: more than the buffers of both ends hold.
pub(super) const KEPT: usize = 1024 * 1024;
/// Bytes of a file that are asked for at once.
pub(super) const FEED: usize = 64 * 1024;
/// The same where they go over a direct link, which is faster than those who give them are asked.
const LINK_FEED: usize = 256 * 1024;

/// Names a transfer in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransferId(pub u64);

/// What happened to a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each variant's line says what its fields are")]
pub enum PeerEvent {
    /// The peer takes the file that was offered.
    Accepted { transfer: TransferId },
    /// Bytes of a file, in order.
    Data { transfer: TransferId, bytes: Vec<u8> },
    /// The transfer is over; the last event of each.
    Ended { transfer: TransferId, outcome: Result<(), TransferError> },
    /// Somebody offers a file: accept or decline it.
    Offered { transfer: TransferId, chat: ChatId, from: String, file: FileContext },
    /// An object came whole, and its bytes are what its description says.
    Object { transfer: TransferId, from: String, object: Object, bytes: Vec<u8> },
    /// Somebody invites to what is not supported, by its id; she was told so.
    Unsupported { chat: ChatId, from: String, feature: String },
    /// Bytes of a file are wanted, at most so many; none more are wanted after the last.
    Wants { transfer: TransferId, most: usize },
}

/// Why a transfer did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// Too many transfers are under way.
    #[error("too many transfers are under way")]
    Busy,
    /// One of the two gave it up.
    #[error("the transfer was cancelled")]
    Cancelled,
    /// What came is not what was promised.
    #[error("what came is not what was promised")]
    Corrupt,
    /// The peer does not want it.
    #[error("the other side declined")]
    Declined,
    /// The conversation that carried it ended.
    #[error("the conversation ended before the transfer did")]
    Interrupted,
    /// Nobody answered in time.
    #[error("the other side did not answer in time")]
    NoAnswer,
    /// No conversation could be opened.
    #[error("no conversation could be opened for it")]
    NotReached,
    /// It stood still for too long.
    #[error("the transfer stood still for too long")]
    Stalled,
    /// It is larger than what is taken.
    #[error("it is too large")]
    TooLarge,
    /// The peer does not have it, or did not understand.
    #[error("the other side does not have it")]
    Unavailable,
    /// All bytes went, and nothing tells whether the peer has them.
    #[error("all of it was sent, and nothing tells whether it arrived")]
    Unconfirmed,
    /// There is no such transfer, or it is in another state.
    #[error("there is no such transfer")]
    Unknown,
}

#[derive(Debug)]
pub(super) struct Transfer {
    pub(super) chat: ChatId,
    pub(super) place: Place,
    pub(super) session: u32,
    pub(super) call: String,
    pub(super) what: What,
    pub(super) state: State,
    pub(super) deadline: Instant,
    /// Bytes of a file that the peer's offsets do not count.
    pub(super) uncounted: u64,
    /// The direct link its bytes go over.
    pub(super) link: Option<DirectId>,
    /// Whether bytes of it came over a direct link, and may come again or be missing when that breaks.
    pub(super) linked: bool,
    /// Whether a direct link was lost behind the last byte.
    pub(super) unsure: bool,
    /// The own invitation, and when it is said again: a client that has just come may not listen yet.
    pub(super) again: Option<(Instant, Box<Slp>)>,
}

#[derive(Debug)]
pub(super) enum What {
    /// With the description as it was sent.
    Object(Object),
    File(FileContext),
}

#[derive(Debug)]
pub(super) enum State {
    /// Our invitation waits for an answer.
    Inviting,
    /// The peer took the file; whether its bytes go over a direct link is not settled.
    Linking,
    /// A peer's invitation waits for the application: this is what to answer.
    Offered { invitation: Box<Slp> },
    /// Bytes come; an object's are kept until all are there.
    Receiving { got: u64, object: Vec<u8> },
    /// Bytes go.
    Sending(Source),
    /// All bytes went; the peer has not said yet that it took them.
    Sent(Source),
}

/// Bytes on their way out.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) total: u64,
    pub(super) sent: u64,
    pub(super) bytes: Pieces,
    /// Whether the application was asked for more.
    pub(super) asked: bool,
    pub(super) message: u32,
    pub(super) key: u32,
}

impl Source {
    pub(super) fn new(total: u64, bytes: Vec<u8>, message: u32, key: u32) -> Self {
        let mut pieces = Pieces::default();
        pieces.add(bytes, 0);
        Self { total, sent: 0, bytes: pieces, asked: false, message, key }
    }

    /// Adds bytes to send, and lets those go that went out, but for the last of them.
    pub(super) fn add(&mut self, bytes: Vec<u8>, kept: usize) {
        self.bytes.add(bytes, kept);
        self.asked = false;
    }

    /// Goes back as far as bytes are kept.
    pub(super) fn rewind(&mut self) {
        let kept = u64::try_from(self.bytes.rewind()).unwrap_or(u64::MAX);
        self.sent = self.sent.saturating_sub(kept);
    }

    /// Tells how many bytes the application is to be asked for, when it is time to.
    pub(super) fn wants(&mut self, linked: bool) -> Option<usize> {
        let (most, few) = if linked { (LINK_FEED, LINK_FEED) } else { (FEED, FEED / 2) };
        let missing = self.missing();
        if missing == 0 || self.asked || self.bytes.waiting() >= few {
            return None;
        }
        self.asked = true;
        Some(usize::try_from(missing).unwrap_or(most).min(most))
    }

    /// Bytes that the application has not given yet.
    pub(super) fn missing(&self) -> u64 {
        let waiting = u64::try_from(self.bytes.waiting()).unwrap_or(u64::MAX);
        self.total.saturating_sub(self.sent).saturating_sub(waiting)
    }
}

impl Transfer {
    pub(super) fn new(
        chat: ChatId,
        place: Place,
        (session, call): (u32, String),
        what: What,
        state: State,
        deadline: Instant,
    ) -> Self {
        Self {
            chat,
            place,
            session,
            call,
            what,
            state,
            deadline,
            uncounted: 0,
            link: None,
            linked: false,
            unsure: false,
            again: None,
        }
    }

    pub(super) fn size(&self) -> u64 {
        match &self.what {
            What::Object(object) => object.size,
            What::File(file) => file.size,
        }
    }

    /// What became of it when it can go on no more. A known client leaves as soon as it has a file, without
    /// a word about it.
    pub(super) fn cut_off(&self, error: TransferError) -> TransferError {
        if matches!(self.state, State::Sent(_)) { TransferError::Unconfirmed } else { error }
    }

    /// Whether bytes that come are taken: an object's may come before the yes to it.
    pub(super) fn takes_bytes(&self) -> bool {
        let is_object = matches!(self.what, What::Object(_));
        matches!(self.state, State::Receiving { .. })
            || is_object && matches!(self.state, State::Inviting)
    }

    /// Whether bytes go or come just now.
    pub(super) fn is_running(&self) -> bool {
        !matches!(self.state, State::Offered { .. })
    }
}
