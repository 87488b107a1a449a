//! Texts between peers: what they agree on, and how a transfer begins and ends.

use std::time::{Duration, Instant};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{PEER_LIMIT, Peers, TRANSFERS_LIMIT};
use crate::{
    escape::lossy,
    msg::Object,
    p2p::{
        FileContext, PeerEvent, Place, TransferError, TransferId, feature,
        slp::{Slp, Start, content},
        transfer::{DECISION, SILENCE, STALL, State, Transfer, What},
    },
    session::ChatId,
};

impl Peers {
    #[expect(clippy::too_many_arguments, reason = "an invitation is made of so many things")]
    pub(super) fn invite(
        &mut self,
        id: TransferId,
        (now, patience): (Instant, Duration),
        chat: &ChatId,
        place: Place,
        what: What,
        feature: &str,
        kind: u32,
        context: &[u8],
    ) -> Result<(), TransferError> {
        if self.transfers.len() >= TRANSFERS_LIMIT {
            return Err(TransferError::Busy);
        }
        let (call, branch) = (self.new_guid(), self.new_guid());
        let session = (self.draw_number() & 0x7FFF_FFFF).max(1);
        let flags = if kind == 2 { 16 } else { 18 };
        let lines = [
            ("EUF-GUID", format!("{{{feature}}}")),
            ("SessionID", session.to_string()),
            ("AppID", kind.to_string()),
            ("RequestFlags", flags.to_string()),
            ("Context", STANDARD.encode(context)),
        ];
        let body = lines.map(|(name, value)| (name.to_owned(), value)).into();
        let text = self.request("INVITE", &place, branch, call.clone(), content::SESSION, body);
        self.say(chat, &place, &text);
        let (chat, state, deadline) = (chat.clone(), State::Inviting, now + patience);
        let mut transfer = Transfer::new(chat, place, (session, call), what, state, deadline);
        transfer.again = Some((now + SILENCE, Box::new(text)));
        self.transfers.insert(id, transfer);
        Ok(())
    }

    /// Says invitations again that met with silence.
    pub(super) fn invite_again(&mut self, now: Instant) {
        let due = self.transfers.values_mut().filter_map(|it| {
            let (_, text) = it.again.take_if(|(at, _)| *at <= now)?;
            Some((it.chat.clone(), it.place.clone(), text))
        });
        for (chat, place, text) in due.collect::<Vec<_>>() {
            self.say(&chat, &place, &text);
        }
    }

    /// Notes that a peer is not silent.
    pub(super) fn heard(&mut self, from: &Place) {
        for heard in self.transfers.values_mut().filter(|it| it.place == *from) {
            heard.again = None;
        }
    }

    /// Makes a request to a peer.
    pub(super) fn request(
        &self,
        method: &str,
        place: &Place,
        branch: String,
        call: String,
        content_type: &str,
        body: Vec<(String, String)>,
    ) -> Slp {
        Slp {
            start: Start::Request(method.to_owned()),
            to: place.clone(),
            from: self.own_for(place),
            branch,
            sequence: 0,
            call,
            content_type: content_type.to_owned(),
            body,
        }
    }

    fn own_for(&self, place: &Place) -> Place {
        let id = self.own.id.clone().filter(|_| place.id.is_some());
        Place { account: self.own.account.clone(), id }
    }

    pub(super) fn say(&mut self, chat: &ChatId, place: &Place, text: &Slp) {
        let (text, key) = (text.write(), self.draw_number());
        if let Some(line) = self.way_to(chat, place) {
            line.send_text(&text, key);
        }
    }

    /// Answers a file that was offered.
    pub(super) fn answer(&mut self, id: TransferId, code: u16) {
        let Some(transfer) = self.transfers.get(&id) else {
            return;
        };
        let State::Offered { invitation } = &transfer.state else {
            return;
        };
        let (chat, place) = (transfer.chat.clone(), transfer.place.clone());
        let answer = session_answer(invitation, code);
        self.say(&chat, &place, &answer);
    }

    pub(super) fn say_bye(&mut self, id: TransferId) {
        if let Some(it) = self.transfers.get(&id) {
            let (chat, place, call) = (it.chat.clone(), it.place.clone(), it.call.clone());
            self.say_goodbye(&chat, &place, &call, it.session);
        }
    }

    pub(super) fn say_goodbye(&mut self, chat: &ChatId, place: &Place, call: &str, session: u32) {
        let branch = self.new_guid();
        let body = vec![("SessionID".to_owned(), session.to_string())];
        let text = self.request("BYE", place, branch, call.to_owned(), content::CLOSE, body);
        self.say(chat, place, &text);
    }

    pub(super) fn text_came(&mut self, now: Instant, chat: &ChatId, from: &Place, text: Slp) {
        match &text.start {
            Start::Request(method) if method == "INVITE" => self.invited(now, chat, from, text),
            Start::Request(method) if method == "BYE" => self.bye_came(from, &text),
            Start::Request(_) => {}
            Start::Status(code) => self.status_came(now, from, &text, *code),
        }
    }

    fn status_came(&mut self, now: Instant, from: &Place, text: &Slp, code: u16) {
        if self.transport_answered(now, from, text, code) {
            return;
        }
        let asked = |it: &Transfer| {
            it.place == *from
                && it.call.eq_ignore_ascii_case(&text.call)
                && matches!(it.state, State::Inviting)
        };
        let Some(id) = self.find(asked) else {
            return;
        };
        match code {
            200 => self.started(now, id),
            603 => {
                let is_file =
                    self.transfers.get(&id).is_some_and(|it| matches!(it.what, What::File(_)));
                let error =
                    if is_file { TransferError::Declined } else { TransferError::Unavailable };
                self.end(id, Err(error));
            }
            _ => self.end(id, Err(TransferError::Unavailable)),
        }
    }

    fn bye_came(&mut self, from: &Place, text: &Slp) {
        if self.farewell_came(from, text) {
            return;
        }
        let about = |it: &Transfer| {
            it.place == *from
                && (it.call.eq_ignore_ascii_case(&text.call) || Some(it.session) == text.session())
        };
        let Some(id) = self.find(about) else {
            return;
        };
        let state = self.transfers.get(&id).map(|it| &it.state);
        // Some say goodbye before they acknowledge the last byte.
        let outcome = match state {
            Some(State::Sent(_)) => Ok(()),
            Some(State::Inviting) => Err(TransferError::Declined),
            _ => Err(TransferError::Cancelled),
        };
        self.end(id, outcome);
    }

    fn invited(&mut self, now: Instant, chat: &ChatId, from: &Place, text: Slp) {
        if text.content_type == content::TRANSPORT {
            return self.transport_asked(now, chat, from, text);
        }
        let known = |it: &Transfer| it.place == *from && it.call.eq_ignore_ascii_case(&text.call);
        if self.find(known).is_some() {
            return; // asked again: the answer is on its way
        }
        let session = text.session().unwrap_or_default();
        let begun = self.transfers.values().filter(|it| it.place.account == from.account).count();
        let busy = begun >= PEER_LIMIT || self.transfers.len() >= TRANSFERS_LIMIT;
        let used = self.find(|it| it.place == *from && it.session == session).is_some();
        let feature = text.line("EUF-GUID").unwrap_or_default();
        let feature = feature.trim_matches(['{', '}']).to_ascii_uppercase();
        let context = text.line("Context").unwrap_or_default();
        let context = STANDARD.decode(context).unwrap_or_default();
        if text.to.account != self.own.account {
            return self.say(chat, from, &session_answer(&text, 404));
        }
        if session == 0 || busy || used {
            return self.say(chat, from, &session_answer(&text, 603));
        }
        match feature.as_str() {
            feature::OBJECT => self.object_asked(now, chat, from, &text, session, &context),
            feature::FILE => match FileContext::decode(&context) {
                Some(file) => self.file_offered(now, chat, from, text, session, file),
                None => self.say(chat, from, &text.answer(500, content::FAILURE, Vec::new())),
            },
            _ => {
                self.say(chat, from, &session_answer(&text, 603));
                let (chat, from) = (chat.clone(), from.account.clone());
                let feature = feature.chars().take(36).collect();
                self.events.push_back(PeerEvent::Unsupported { chat, from, feature });
            }
        }
    }

    fn object_asked(
        &mut self,
        now: Instant,
        chat: &ChatId,
        from: &Place,
        text: &Slp,
        session: u32,
        context: &[u8],
    ) {
        let description = lossy(context);
        let asked = Object::read(description.trim_end_matches('\0'));
        let served = asked.and_then(|asked| self.served.get(&asked.hash)).cloned();
        let Some((object, bytes)) = served else {
            return self.say(chat, from, &session_answer(text, 603));
        };
        self.say(chat, from, &session_answer(text, 200));
        let kind = text.line("AppID").and_then(|kind| kind.parse().ok()).unwrap_or(1);
        let key = self.draw_number();
        if let Some(line) = self.way_to(chat, from) {
            line.send_preparation(session, kind, key);
        }
        let total = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let (what, state) = (What::Object(object), State::Inviting);
        let id = self.note(chat, from, &text.call, (session, now + STALL), what, state);
        self.send(id, chat, from, total, bytes.to_vec());
    }

    /// Notes a transfer that a peer begins.
    fn note(
        &mut self,
        chat: &ChatId,
        place: &Place,
        call: &str,
        (session, deadline): (u32, Instant),
        what: What,
        state: State,
    ) -> TransferId {
        let id = self.new_id();
        let (chat, place, call) = (chat.clone(), place.clone(), call.to_owned());
        let transfer = Transfer::new(chat, place, (session, call), what, state, deadline);
        self.transfers.insert(id, transfer);
        id
    }

    fn file_offered(
        &mut self,
        now: Instant,
        chat: &ChatId,
        from: &Place,
        text: Slp,
        session: u32,
        file: FileContext,
    ) {
        let told = file.clone();
        let what = What::File(FileContext { preview: Vec::new(), ..file });
        let call = text.call.clone();
        let state = State::Offered { invitation: Box::new(text) };
        let id = self.note(chat, from, &call, (session, now + DECISION), what, state);
        let (chat, from) = (chat.clone(), from.account.clone());
        self.events.push_back(PeerEvent::Offered { transfer: id, chat, from, file: told });
    }
}

fn session_answer(invitation: &Slp, code: u16) -> Slp {
    let session = invitation.session().unwrap_or_default().to_string();
    invitation.answer(code, content::SESSION, vec![("SessionID".to_owned(), session)])
}
