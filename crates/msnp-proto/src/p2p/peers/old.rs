//! Files in the way of Messenger 5 and before, where direct links are allowed: agreed on by invitations in a
//! conversation, and carried by [`msnftp`](crate::p2p::msnftp). The one who sends listens; there is no other
//! way for them.
//!
//! ```text
//! Application-Name: File Transfer               Invitation-Command: ACCEPT
//! Application-GUID: {5D3E02AB-…}                Invitation-Cookie: 33267
//! Invitation-Command: INVITE                    IP-Address: 203.0.113.9
//! Invitation-Cookie: 33267                      Port: 6891
//! Application-File: autoexec.bat                AuthCookie: 93301
//! Application-FileSize: 187
//! ```

mod links;

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddrV4,
    time::Instant,
};

use super::{PEER_LIMIT, Peers, TRANSFERS_LIMIT, direct::LINKS_LIMIT};
use crate::{
    msg::{Body, Invitation},
    p2p::{
        FileContext, PeerEvent, TransferError, TransferId,
        direct::{DirectAction, DirectId},
        msnftp::Exchange,
        transfer::{ANSWER, DECISION, STALL},
    },
    session::ChatId,
};

/// The files of an account.
#[derive(Debug, Default)]
pub(super) struct OldFiles {
    files: BTreeMap<TransferId, OldFile>,
    /// Last words of connections whose file is over, and how long they may take.
    closing: BTreeMap<DirectId, (Vec<u8>, Instant)>,
    said: VecDeque<(ChatId, Vec<u8>)>,
}

#[derive(Debug)]
struct OldFile {
    chat: ChatId,
    account: String,
    cookie: String,
    file: FileContext,
    stage: Stage,
    deadline: Instant,
    tries: BTreeMap<DirectId, Exchange>,
}

#[derive(Debug, PartialEq, Eq)]
enum Stage {
    /// The application decides.
    Offered,
    /// The peer does.
    Invited,
    /// The peer is to say where to connect to.
    Accepted,
    /// The peer is to connect.
    Listening { at: DirectId },
    /// One connection is tried, or carries the bytes; the application was asked for some.
    Connected { asked: bool },
}

impl OldFiles {
    pub(super) fn has(&self, id: TransferId) -> bool {
        self.files.contains_key(&id)
    }

    pub(super) fn waiting(&self) -> impl Iterator<Item = &ChatId> {
        self.said.iter().map(|(chat, _)| chat)
    }

    pub(super) fn deadlines(&self) -> impl Iterator<Item = Instant> {
        let closing = self.closing.values().map(|(_, deadline)| *deadline);
        self.files.values().map(|it| it.deadline).chain(closing)
    }

    pub(super) fn chats(&mut self) -> impl Iterator<Item = &mut ChatId> {
        let said = self.said.iter_mut().map(|(chat, _)| chat);
        self.files.values_mut().map(|it| &mut it.chat).chain(said)
    }

    /// Gives the files that end with a conversation: those that are being agreed on in it. What was to be
    /// said in it is said no more.
    pub(super) fn cut(&mut self, chat: &ChatId, account: Option<&str>) -> Vec<TransferId> {
        if account.is_none() {
            self.said.retain(|(of, _)| of != chat);
        }
        let stays = |it: &OldFile| matches!(it.stage, Stage::Offered | Stage::Connected { .. });
        let hers = |it: &OldFile| account.is_none_or(|account| it.account == account);
        let cut = self.files.iter().filter(|(_, it)| it.chat == *chat && hers(it) && !stays(it));
        cut.map(|(id, _)| *id).collect()
    }

    /// Counts the files that have connections, or listen for them.
    fn connected(&self) -> usize {
        let connected =
            |it: &&OldFile| matches!(it.stage, Stage::Listening { .. } | Stage::Connected { .. });
        self.files.values().filter(connected).count()
    }

    fn of(&self, connection: DirectId) -> Option<TransferId> {
        let found = self.files.iter().find(|(_, it)| it.tries.contains_key(&connection));
        found.map(|(id, _)| *id)
    }

    fn listening(&self, id: DirectId) -> Option<TransferId> {
        let found = self.files.iter().find(|(_, it)| it.stage == Stage::Listening { at: id });
        found.map(|(id, _)| *id)
    }

    fn say(&mut self, id: TransferId, lines: &[(&str, String)]) {
        let Some(it) = self.files.get(&id) else {
            return;
        };
        let cookie = ("Invitation-Cookie", it.cookie.clone());
        let lines: String = lines
            .iter()
            .chain([&cookie])
            .map(|(name, value)| format!("{name}: {}\r\n", value.replace(['\r', '\n'], " ")))
            .collect();
        let kind = "text/x-msmsgsinvite; charset=UTF-8";
        let text = format!("MIME-Version: 1.0\r\nContent-Type: {kind}\r\n\r\n{lines}\r\n");
        self.said.push_back((it.chat.clone(), text.into_bytes()));
    }
}

impl Peers {
    /// Offers a file in the way of before MSNP9; false where nobody could fetch it, for want of an address.
    ///
    /// # Errors
    /// [`TransferError::Busy`], [`TransferError::Unavailable`] without an address.
    pub fn offer_old(
        &mut self,
        now: Instant,
        id: TransferId,
        chat: &ChatId,
        account: &str,
        file: FileContext,
    ) -> Result<(), TransferError> {
        if self.direct.address().is_none() {
            return Err(TransferError::Unavailable);
        }
        if self.old.files.len() >= TRANSFERS_LIMIT {
            return Err(TransferError::Busy);
        }
        let cookie = (self.draw_number() >> 1).to_string();
        let (name, size) = (file.name.clone(), file.size.to_string());
        let (chat, account, deadline) = (chat.clone(), account.to_lowercase(), now + DECISION);
        let (stage, tries) = (Stage::Invited, BTreeMap::new());
        let it = OldFile { chat, account, cookie, file, stage, deadline, tries };
        self.old.files.insert(id, it);
        self.old.say(
            id,
            &[
                ("Application-Name", "File Transfer".to_owned()),
                ("Application-GUID", format!("{{{}}}", Invitation::FILE)),
                ("Invitation-Command", "INVITE".to_owned()),
                ("Application-File", name),
                ("Application-FileSize", size),
            ],
        );
        Ok(())
    }

    /// Takes an invitation, or what is said about one; false when it is about no file that is taken this way.
    pub fn handle_invitation(
        &mut self,
        now: Instant,
        chat: &ChatId,
        sender: &str,
        body: &Body<'_>,
    ) -> bool {
        if !self.direct.is_allowed() {
            return false;
        }
        let inner = Body::read_headers(body.content());
        let text = |name| inner.header(name).unwrap_or_default();
        let (cookie, sender) = (text("Invitation-Cookie"), sender.to_lowercase());
        let command = text("Invitation-Command").to_ascii_uppercase();
        if command == "INVITE" {
            let program = text("Application-GUID").trim_matches(['{', '}']);
            let size = text("Application-FileSize").parse();
            let begun = self.old.files.values().filter(|it| it.account == sender).count();
            let (true, Ok(size)) = (program.eq_ignore_ascii_case(Invitation::FILE), size) else {
                return false;
            };
            let known = self.old.files.values();
            let known = known.filter(|it| it.account == sender).any(|it| it.cookie == cookie);
            if known {
                return true; // asked again: the answer is on its way
            }
            if begun >= PEER_LIMIT || self.old.files.len() >= TRANSFERS_LIMIT {
                return false;
            }
            let name = text("Application-File").to_owned();
            let file = FileContext { size, name, preview: Vec::new() };
            let (id, told) = (self.new_id(), file.clone());
            let (cookie, deadline) = (cookie.to_owned(), now + DECISION);
            let (account, stage, tries) = (sender.clone(), Stage::Offered, BTreeMap::new());
            let chat = chat.clone();
            let event =
                PeerEvent::Offered { transfer: id, chat: chat.clone(), from: sender, file: told };
            let it = OldFile { chat, account, cookie, file, stage, deadline, tries };
            self.old.files.insert(id, it);
            self.events.push_back(event);
            return true;
        }
        let about = |(_, it): &(&TransferId, &OldFile)| it.account == sender && it.cookie == cookie;
        let Some((id, it)) = self.old.files.iter().find(about) else {
            return false;
        };
        let (id, connected) = (*id, self.old.connected());
        match (command.as_str(), &it.stage) {
            ("ACCEPT", Stage::Invited | Stage::Accepted) if connected >= LINKS_LIMIT => {
                self.cancel_old(id, TransferError::Busy);
            }
            ("ACCEPT", Stage::Invited) => {
                let at = self.direct.new_id();
                self.direct.act(DirectAction::Listen(at));
                if let Some(it) = self.old.files.get_mut(&id) {
                    (it.stage, it.deadline) = (Stage::Listening { at }, now + ANSWER);
                }
                self.events.push_back(PeerEvent::Accepted { transfer: id });
            }
            ("ACCEPT", Stage::Accepted) => {
                let address = text("IP-Address").parse().ok().zip(text("Port").parse().ok());
                let address = address.filter(|(ip, port)| self.direct.allows(*ip) && *port != 0);
                let Some((ip, port)) = address else {
                    self.old.say(id, &cancelled("FTTIMEOUT"));
                    self.end_old(id, Err(TransferError::NotReached));
                    return true;
                };
                let connection = self.direct.new_id();
                let address = SocketAddrV4::new(ip, port);
                self.direct.act(DirectAction::Connect(connection, address));
                let own = self.own.account.clone();
                if let Some(it) = self.old.files.get_mut(&id) {
                    let exchange = Exchange::new(false, &own, text("AuthCookie"), it.file.size);
                    it.tries.insert(connection, exchange);
                    (it.stage, it.deadline) = (Stage::Connected { asked: false }, now + ANSWER);
                }
            }
            ("CANCEL", Stage::Invited) => self.end_old(id, Err(TransferError::Declined)),
            ("CANCEL", _) => self.end_old(id, Err(TransferError::Cancelled)),
            _ => {}
        }
        true
    }

    /// Gives the next invitation, or answer to one, that is to be said in a conversation.
    pub fn poll_invitation(&mut self, chat: &ChatId) -> Option<Vec<u8>> {
        let at = self.old.said.iter().position(|(of, _)| of == chat)?;
        self.old.said.remove(at).map(|(_, text)| text)
    }

    pub(super) fn accept_old(&mut self, now: Instant, id: TransferId) -> Result<(), TransferError> {
        let offered = self.old.files.get_mut(&id).filter(|it| it.stage == Stage::Offered);
        let it = offered.ok_or(TransferError::Unknown)?;
        (it.stage, it.deadline) = (Stage::Accepted, now + ANSWER);
        self.old.say(
            id,
            &[
                ("Invitation-Command", "ACCEPT".to_owned()),
                ("Launch-Application", "FALSE".to_owned()),
                ("Request-Data", "IP-Address:".to_owned()),
            ],
        );
        Ok(())
    }

    pub(super) fn cancel_old(&mut self, id: TransferId, error: TransferError) {
        let stage = self.old.files.get(&id).map(|it| &it.stage);
        let code = match (stage, error) {
            (Some(Stage::Offered), TransferError::Cancelled) => "REJECT",
            (_, TransferError::Cancelled) => "OUTBANDCANCEL",
            _ => "TIMEOUT",
        };
        self.old.say(id, &cancelled(code));
        self.end_old(id, Err(error));
    }

    pub(super) fn feed_old(
        &mut self,
        now: Instant,
        id: TransferId,
        bytes: &[u8],
    ) -> Result<(), TransferError> {
        let it = self.old.files.get_mut(&id).ok_or(TransferError::Unknown)?;
        let given = it.tries.values_mut().next().is_some_and(|exchange| exchange.give(bytes));
        if !given {
            return Err(TransferError::Unknown);
        }
        (it.stage, it.deadline) = (Stage::Connected { asked: false }, now + STALL);
        Ok(())
    }

    pub(super) fn old_timeout(&mut self, now: Instant) {
        let late = self.old.files.iter().filter(|(_, it)| it.deadline <= now);
        for id in late.map(|(id, _)| *id).collect::<Vec<_>>() {
            let connected = |it: &OldFile| matches!(it.stage, Stage::Connected { .. });
            let error = match self.old.files.get(&id).is_some_and(connected) {
                true => TransferError::Stalled,
                false => TransferError::NoAnswer,
            };
            self.cancel_old(id, error);
        }
        let late = self.old.closing.extract_if(.., |_, (_, deadline)| *deadline <= now);
        for (id, _) in late {
            self.direct.act(DirectAction::Close(id));
        }
    }

    /// Ends everything at once.
    pub(super) fn old_closed(&mut self) {
        for id in self.old.files.keys().copied().collect::<Vec<_>>() {
            self.end_old(id, Err(TransferError::Interrupted));
        }
        self.old.said.clear();
        for id in std::mem::take(&mut self.old.closing).into_keys() {
            self.direct.act(DirectAction::Close(id));
        }
    }

    pub(super) fn end_old(&mut self, id: TransferId, outcome: Result<(), TransferError>) {
        let Some(it) = self.old.files.remove(&id) else {
            return;
        };
        if let Stage::Listening { at } = it.stage {
            self.direct.act(DirectAction::Close(at));
        }
        for (connection, mut exchange) in it.tries {
            match exchange.poll().filter(|_| outcome.is_ok()) {
                Some(last) => {
                    self.old.closing.insert(connection, (last, it.deadline));
                }
                None => self.direct.act(DirectAction::Close(connection)),
            }
        }
        self.events.push_back(PeerEvent::Ended { transfer: id, outcome });
    }
}

fn cancelled(code: &str) -> [(&'static str, String); 2] {
    [("Invitation-Command", "CANCEL".to_owned()), ("Cancel-Code", code.to_owned())]
}
