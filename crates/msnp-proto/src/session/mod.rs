//! A whole signed-in client: one notification link and any number of conversations.
//!
//! Inputs are `handle_*` and [`Session::command`]; outputs are `poll_*`. After each input drain
//! [`Session::poll_effect`], then [`Session::poll_event`], then ask [`Session::poll_timeout`] when
//! to call [`Session::handle_timeout`] at the latest. Nothing else moves a session.
//!
//! - Every request has a [`RequestId`], a deadline, and exactly one [`Event::Completed`].
//! - Every step of the sign-in and of a switchboard has a deadline.
//! - What breaks one conversation closes its link and leaves the session.

mod board;
mod boards;
mod chat;
mod circles;
mod direct;
mod edit;
mod elsewhere;
mod endpoints;
mod heard;
mod http;
mod notification;
mod offline;
mod online;
mod pace;
mod past_boards;
mod peer;
mod renewal;
mod resync;
mod roaming;
mod roster;
mod services;
mod sign_in;
mod types;
mod web;

use std::{
    collections::{BTreeMap, VecDeque},
    time::Instant,
};

use self::{
    board::Board,
    boards::Boards,
    chat::Chat,
    circles::Circles,
    edit::Edits,
    notification::{Notification, Waiting},
    offline::Offline,
    pace::Pacer,
    renewal::{Pending, Renewal},
    resync::{Newcomer, Resync},
    roaming::Roaming,
    sign_in::Tickets,
    web::Since,
};
pub use self::{
    http::{HttpReply, HttpRequest},
    roster::{Circle, CircleMember, CircleStanding, Contact, Group, Privacy, Roster},
    services::Services,
    types::{
        ChatId, CloseReason, Command, ContactChange, Deadlines, Effect, Event, HttpId, Invalid,
        LinkChange, LinkId, Pace, RequestError, RequestId, SessionConfig, Traffic,
    },
};
use crate::{
    msg::{chunk::Reassembly, plain_id},
    p2p::{Peers, Place},
    version::Version,
};

/// The client's side of one sign-in, from the first connection to the last word.
///
/// A session is used once: after [`Event::Closed`] make another.
#[derive(Debug)]
pub struct Session {
    config: SessionConfig,
    version: Version,
    started: Instant,
    tickets: Tickets,
    /// Calls of web services that are under way.
    calls: BTreeMap<HttpId, Pending>,
    /// New tickets that are being asked for.
    renewal: Option<Renewal>,
    /// What the web services want to hear again with each call.
    cache_key: Option<String>,
    /// When the lists changed last, where the services tell changes.
    since: Option<Since>,
    /// Whether the services may be asked for changes only.
    tells_changes: bool,
    notification: Notification,
    roster: Roster,
    chats: BTreeMap<ChatId, Chat>,
    boards: Boards,
    /// Circles and temporary groups.
    circles: Circles,
    /// Switchboards asked for, by transaction.
    transfers: BTreeMap<u32, (ChatId, Instant)>,
    /// What is asked for in its turn.
    pacer: Pacer,
    /// Changes of lists, one after the other.
    edits: Edits,
    /// The lists asked for again.
    resync: Option<Resync>,
    /// Messages that wait for the account, and those it leaves for others.
    offline: Offline,
    /// What the account keeps for all its places.
    roaming: Roaming,
    /// Those who put the account on their lists and are told of after the lists are read.
    newcomers: Vec<Newcomer>,
    /// Changes of the account itself asked for, by transaction.
    requests: BTreeMap<u32, Waiting>,
    /// Transfers from peer to peer.
    peers: Peers,
    /// Packets past the switchboards that the server has not taken yet.
    in_flight: BTreeMap<u32, Instant>,
    /// Messages of which not all parts came yet.
    reassembly: Reassembly,
    effects: VecDeque<Effect>,
    events: VecDeque<Event>,
    last_id: u64,
    traffic: Traffic,
    closed: bool,
}

impl Session {
    /// Makes a session that begins to connect at once.
    pub fn new(config: SessionConfig, now: Instant) -> Self {
        let version = config.versions.first().copied().unwrap_or(Version::Msnp12);
        let mut session = Self {
            notification: Notification::new(now + config.deadlines.step),
            pacer: Pacer::new(config.pace, now),
            in_flight: BTreeMap::new(),
            reassembly: Reassembly::default(),
            peers: Peers::new(own_place(&config), config.entropy),
            config,
            version,
            started: now,
            tickets: Tickets::default(),
            calls: BTreeMap::new(),
            renewal: None,
            cache_key: None,
            since: None,
            tells_changes: true,
            roster: Roster::default(),
            chats: BTreeMap::new(),
            boards: Boards::default(),
            circles: Circles::default(),
            transfers: BTreeMap::new(),
            edits: Edits::default(),
            resync: None,
            offline: Offline::default(),
            roaming: Roaming::default(),
            newcomers: Vec::new(),
            requests: BTreeMap::new(),
            effects: VecDeque::new(),
            events: VecDeque::new(),
            last_id: 0,
            traffic: Traffic::default(),
            closed: false,
        };
        session.open_notification(now, session.config.server.clone());
        session
    }

    /// Gives the contacts as they are now.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// Gives the version agreed upon; the best offered one before that.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Counts what went over all links so far.
    pub fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// Tells whether the next byte of a link begins a frame; so it is for one that is not there.
    pub fn is_between_frames(&self, link: LinkId) -> bool {
        if self.notification.link == Some(link) {
            return self.notification.framer.is_between_frames();
        }
        self.boards.get(&link).is_none_or(Board::is_between_frames)
    }

    /// Tells whether the session is over.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Takes the news that a link opened, failed to, or closed.
    pub fn handle_link(&mut self, now: Instant, link: LinkId, change: LinkChange) {
        if self.closed {
            return;
        }
        if self.notification.link == Some(link) {
            self.notification_changed(now, change);
        } else if self.boards.contains_key(&link) {
            self.board_changed(now, link, change);
            self.peers_move(now);
        }
    }

    /// Takes bytes that a link brought.
    pub fn handle_bytes(&mut self, now: Instant, link: LinkId, bytes: &[u8]) {
        if self.closed {
            return;
        }
        if self.notification.link == Some(link) {
            self.notification_bytes(now, bytes);
        } else if self.boards.contains_key(&link) {
            self.board_bytes(now, link, bytes);
            self.peers_move(now);
        }
    }

    /// Takes the answer to an [`Effect::Http`].
    pub fn handle_http(&mut self, now: Instant, id: HttpId, reply: HttpReply) {
        if self.closed {
            return;
        }
        if let Some(reply) = self.renewal_reply(now, id, reply) {
            self.take_http(now, id, reply);
        }
    }

    /// Takes an answer for whoever waits for it.
    fn take_http(&mut self, now: Instant, id: HttpId, reply: HttpReply) {
        if let Some(reply) = self.sign_in_http(now, id, reply)
            && let Some(reply) = self.resync_reply(now, id, reply)
            && let Some(reply) = self.offline_reply(now, id, reply)
            && let Some(reply) = self.roaming_reply(now, id, reply)
        {
            self.edit_reply(now, id, &reply);
        }
    }

    /// Does what is due by now.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.closed {
            return;
        }
        self.notification_timeout(now);
        self.pace_timeout(now);
        self.renewal_timeout(now);
        self.requests_timeout(now);
        self.edits_timeout(now);
        self.circles_timeout(now);
        self.offline_timeout(now);
        self.roaming_timeout(now);
        self.boards_timeout(now);
        self.datagrams_timeout(now);
        self.parts_timeout(now);
        self.peers.handle_timeout(now);
        self.peers_move(now);
    }

    /// Asks for something; [`Event::Completed`] with the id given tells how it went.
    pub fn command(&mut self, now: Instant, command: Command) -> RequestId {
        let request = RequestId(self.next_id());
        if self.closed {
            self.complete(request, Err(RequestError::NotSignedIn));
            return request;
        }
        match command {
            Command::SignOut => {
                self.complete(request, Ok(()));
                self.sign_out();
            }
            command if !self.notification.is_online() => {
                drop(command);
                self.complete(request, Err(RequestError::NotSignedIn));
            }
            command => self.paced_command(now, request, command),
        }
        self.peers_move(now);
        request
    }

    /// Gives the next thing the driver must do.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Gives the next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.roster.begin_round();
        self.events.pop_front()
    }

    /// Tells when [`handle_timeout`](Self::handle_timeout) is due at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.closed {
            return None;
        }
        let transfers = self.transfers.values().map(|(_, deadline)| *deadline);
        let requests = self.requests.values().map(|waiting| waiting.deadline);
        let renewal = self.renewal.as_ref().map(Renewal::deadline);
        let lists =
            self.edits.deadline().into_iter().chain(self.resync.as_ref().map(Resync::deadline));
        let links = transfers.chain(self.boards.deadline()).chain(self.notification.deadline());
        links
            .chain(requests)
            .chain(lists)
            .chain(renewal)
            .chain(self.pacer.deadline())
            .chain(self.circles.deadline())
            .chain(self.offline.deadline())
            .chain(self.roaming.deadline())
            .chain(self.peers.poll_timeout())
            .chain(self.in_flight.values().copied())
            .chain(self.reassembly.deadline())
            .min()
    }

    /// Ends the session for a reason; everything under way is completed first.
    fn close(&mut self, reason: CloseReason) {
        if std::mem::replace(&mut self.closed, true) {
            return;
        }
        self.transfers.clear();
        let mut asked: Vec<RequestId> =
            std::mem::take(&mut self.requests).into_values().map(Waiting::request).collect();
        asked.dedup();
        let now = self.started;
        let pacer = std::mem::replace(&mut self.pacer, Pacer::new(self.config.pace, now));
        for request in pacer.into_unasked() {
            self.complete(request, Err(RequestError::NotSignedIn));
        }
        for request in asked {
            self.complete(request, Err(RequestError::Unconfirmed));
        }
        (self.resync, self.renewal) = (None, None);
        self.calls.clear();
        let circles = std::mem::take(&mut self.circles).into_unanswered();
        for (request, error) in std::mem::take(&mut self.edits).into_unanswered().chain(circles) {
            self.complete(request, Err(error));
        }
        let offline = std::mem::take(&mut self.offline).into_unsent();
        for request in offline.into_iter().chain(std::mem::take(&mut self.roaming).into_unsent()) {
            self.complete(request, Err(RequestError::NotSignedIn));
        }
        for board in std::mem::take(&mut self.boards).into_values() {
            self.effects.push_back(Effect::Close { link: board.link });
            for request in board.unanswered() {
                self.complete(request, Err(RequestError::Unconfirmed));
            }
        }
        for chat in std::mem::take(&mut self.chats).into_values() {
            for request in chat.unsent() {
                self.complete(request, Err(RequestError::NotSignedIn));
            }
        }
        if let Some(link) = self.notification.link.take() {
            self.effects.push_back(Effect::Close { link });
        }
        self.peers.handle_closed();
        while let Some(event) = self.peers.poll_event() {
            self.events.push_back(Event::Transfer(event));
        }
        self.direct_effects();
        self.events.push_back(Event::Closed { reason });
    }

    fn complete(&mut self, request: RequestId, outcome: Result<(), RequestError>) {
        self.events.push_back(Event::Completed { request, outcome });
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
}

/// Where the account is itself.
fn own_place(config: &SessionConfig) -> Place {
    Place { account: config.account.to_lowercase(), id: Some(plain_id(&config.machine_id)) }
}
