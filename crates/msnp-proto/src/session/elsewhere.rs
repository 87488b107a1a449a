//! Past the switchboard, from MSNP14: words to and from people of other networks, and which network knows
//! an address.
//!
//! ```text
//! C: UUM 15 eve@example.org 32 1 67⏎MIME-Version: 1.0⏎…      (no answer but an error)
//! S: UBM eve@example.org 32 ada@example.com 1 1 67⏎…
//! C: FQY 16 56⏎<ml><d n="example.org"><c n="eve"/></d></ml>
//! ```

use std::time::Instant;

use super::{
    Session,
    types::{ChatId, Command, Event, RequestError, RequestId},
};
use crate::{
    command::{ClientCommand, PASSPORT_NETWORK, Whose},
    listing,
    msg::{self, Said},
};

/// Words, as `UUM` and `UBM` number what they carry.
const TEXT: u32 = 1;
const TYPING: u32 = 2;
const NUDGE: u32 = 3;

impl Session {
    /// Says what is meant for somebody of another network; gives back what is not.
    pub(super) fn converse_elsewhere(
        &mut self,
        now: Instant,
        request: RequestId,
        command: Command,
    ) -> Option<Command> {
        let (Command::SendNudge { chat }
        | Command::SendText { chat, .. }
        | Command::SendTyping { chat }) = &command
        else {
            return Some(command);
        };
        let contact = self.roster.contact(chat.as_str());
        let network = contact.map_or(PASSPORT_NETWORK, |contact| contact.network);
        if network == PASSPORT_NETWORK || !self.version.has_messages_elsewhere() {
            return Some(command);
        }
        let to = (chat, network);
        match &command {
            Command::SendText { text, .. } => {
                for part in msg::split(text.clone()) {
                    self.say_elsewhere(now, Some(request), to, TEXT, &part.write());
                }
            }
            Command::SendNudge { .. } => {
                self.say_elsewhere(now, Some(request), to, NUDGE, &msg::write_nudge());
            }
            _ => {
                let payload = msg::write_typing(&self.config.account);
                self.say_elsewhere(now, None, to, TYPING, &payload);
                self.complete(request, Ok(()));
            }
        }
        None
    }

    fn say_elsewhere(
        &mut self,
        now: Instant,
        request: Option<RequestId>,
        (to, network): (&ChatId, u32),
        kind: u32,
        payload: &[u8],
    ) {
        let trid = match request {
            Some(request) => self.request_without_answer(now, request),
            None => self.notification.trid(),
        };
        let to = to.as_str();
        self.say(&ClientCommand::MessageElsewhere { trid, to, network, kind, payload });
    }

    /// Takes words that came past the switchboard.
    pub(super) fn heard_elsewhere(&mut self, from: &Whose<'_>, payload: &[u8]) {
        let Some(link) = self.notification.link else {
            return;
        };
        let by = self.speaker(ChatId::with(from.account), from.account);
        if let Err(what) = self.heard(link, by, Said::read(payload)) {
            self.odd(what);
        }
    }

    /// Asks which networks know an address.
    pub(super) fn ask_networks(&mut self, now: Instant, request: RequestId, account: &str) {
        if !self.version.has_network_query() {
            let text = format!("{} knows one network alone", self.version);
            return self.complete(request, Err(RequestError::Service(text)));
        }
        let payload = listing::write_question(&account.trim().to_lowercase());
        let trid = self.request(now, request);
        self.say(&ClientCommand::AskNetworks { trid, payload: &payload });
    }

    /// Takes the answer: a line for each network that does.
    pub(super) fn networks_came(&mut self, trid: u32, payload: &[u8]) {
        let Some((people, _)) = listing::read(payload) else {
            return self.answered(Some(trid), Err(RequestError::Unconfirmed));
        };
        for listed in people {
            let account = listed.account.to_lowercase();
            self.events.push_back(Event::OnNetwork { account, network: listed.network });
        }
        self.answered(Some(trid), Ok(()));
    }
}
