//! How two peers agree on a direct link: who asks, who listens, where.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::{Attempt, Try, Way};
use crate::{
    p2p::{
        Peers, Place, TransferId,
        direct::{Answer, DirectAction, DirectId, Handshake, Keys, Nonce, Proof, Request},
        slp::{Slp, content},
        transfer::{State, Transfer, What},
    },
    session::ChatId,
};

/// How long the one who connects waits for a link, from asking for it on; clients wait 5 to 17 seconds.
const CONNECT: Duration = Duration::from_secs(10);
/// How long the one who listens does.
const LISTEN: Duration = Duration::from_secs(20);

impl Peers {
    /// Asks for a link for a file that the peer took, where that is of use; false when its bytes are to go
    /// at once.
    pub(in crate::p2p::peers) fn ask_for_link(&mut self, now: Instant, id: TransferId) -> bool {
        let (own, branch) = (self.draw_nonce(), self.new_guid());
        let Some(it) = self.transfers.get_mut(&id) else {
            return false;
        };
        let linked = self.direct.link_to(&it.place).is_some();
        let allowed = self.direct.rules.is_some() && self.direct.has_room();
        if !allowed || linked || it.size() == 0 {
            return false;
        }
        it.state = State::Linking;
        let (chat, place) = (it.chat.clone(), it.place.clone());
        let body = Request::write(it.session, own.hashed(), place.id.is_some());
        let (call, way) = (it.call.clone(), Way::Asked { branch: branch.clone() });
        let attempt = Attempt { deadline: now + CONNECT, way, own, tries: BTreeMap::new() };
        self.direct.attempts.insert(id, attempt);
        let text = self.request("INVITE", &place, branch, call, content::TRANSPORT, body);
        self.say(&chat, &place, &text);
        true
    }

    /// Takes the answer to a request for a link; false when it is none.
    pub(in crate::p2p::peers) fn transport_answered(
        &mut self,
        now: Instant,
        from: &Place,
        text: &Slp,
        code: u16,
    ) -> bool {
        let about = |(id, attempt): &(&TransferId, &mut Attempt)| {
            let Way::Asked { branch } = &attempt.way else {
                return false;
            };
            let same = branch.eq_ignore_ascii_case(&text.branch)
                || text.content_type == content::TRANSPORT_ANSWER;
            let hers =
                |it: &Transfer| it.place == *from && it.call.eq_ignore_ascii_case(&text.call);
            same && self.transfers.get(id).is_some_and(hers)
        };
        let Some((id, attempt)) = self.direct.attempts.iter_mut().find(about) else {
            return false;
        };
        let (id, second) = (*id, from.id.is_some());
        let rules = self.direct.rules.clone().unwrap_or_default();
        let answer = Answer::read(text, &rules);
        let proof = match answer.keys {
            Some(Keys(Proof::Plain(nonce) | Proof::Hashed(nonce))) if nonce.is_none() => None,
            keys => keys.map(|keys| keys.0),
        };
        let Some(proof) = proof.filter(|_| code == 200 && !answer.addresses.is_empty()) else {
            self.give_up(now, id);
            return true;
        };
        if let Proof::Plain(nonce) = proof {
            attempt.own = nonce;
        }
        attempt.way = Way::Connecting;
        for address in answer.addresses {
            self.direct.last += 1;
            let connection = DirectId(self.direct.last);
            let handshake = Handshake::new(true, second, attempt.own, proof);
            attempt.tries.insert(connection, Try { handshake, outgoing: Vec::new() });
            self.direct.actions.push_back(DirectAction::Connect(connection, address));
        }
        true
    }

    /// A peer asks for a link: an answer is owed, each time.
    pub(in crate::p2p::peers) fn transport_asked(
        &mut self,
        now: Instant,
        chat: &ChatId,
        from: &Place,
        text: Slp,
    ) {
        let request = Request::read(&text);
        let wanted = self.find(|it| {
            let is_new = matches!(it.state, State::Receiving { got: 0, .. });
            let is_file = matches!(it.what, What::File(_));
            let hers = it.place == *from && it.call.eq_ignore_ascii_case(&text.call);
            hers && is_file && is_new
        });
        if let Some(id) = wanted {
            self.direct.abandon(id);
        }
        let rules = self.direct.rules.as_ref();
        let listens = rules.is_some_and(|rules| !rules.addresses.is_empty()) && request.tcp;
        let linked = self.direct.link_to(from).is_some();
        let may = listens && !linked && self.direct.has_room();
        let Some(id) = wanted.filter(|_| may) else {
            return self.say_transport(chat, from, &text, Answer::none(&text));
        };
        let own = self.draw_nonce();
        let proof = match request.keys {
            Some(Keys(Proof::Hashed(hash))) => Proof::Hashed(hash),
            _ => Proof::Plain(own),
        };
        let at = self.direct.new_id();
        let way = Way::Listening { at, request: Box::new(text), proof };
        let attempt = Attempt { deadline: now + LISTEN, way, own, tries: BTreeMap::new() };
        self.direct.attempts.insert(id, attempt);
        self.direct.actions.push_back(DirectAction::Listen(at));
    }

    /// Tells the peer where to connect to.
    pub(super) fn listening(&mut self, id: DirectId, port: u16) {
        let Some((transfer, request)) = self.listened_for(id) else {
            return;
        };
        let (Some(attempt), Some(rules), Some(it)) = (
            self.direct.attempts.get(&transfer),
            &self.direct.rules,
            self.transfers.get(&transfer),
        ) else {
            return;
        };
        let keys = match request.line("Hashed-Nonce") {
            Some(_) => Keys(Proof::Hashed(attempt.own.hashed())),
            None => Keys(Proof::Plain(attempt.own)),
        };
        let (chat, place) = (it.chat.clone(), it.place.clone());
        let body = Answer::listening(&rules.addresses, port, keys);
        self.say_transport(&chat, &place, &request, body);
    }

    pub(super) fn not_listening(&mut self, id: DirectId) {
        let Some((transfer, request)) = self.listened_for(id) else {
            return;
        };
        self.direct.abandon(transfer);
        if let Some(it) = self.transfers.get(&transfer) {
            let (chat, place) = (it.chat.clone(), it.place.clone());
            self.say_transport(&chat, &place, &request, Answer::none(&request));
        }
    }

    fn listened_for(&self, id: DirectId) -> Option<(TransferId, Slp)> {
        self.direct.attempts.iter().find_map(|(transfer, attempt)| match &attempt.way {
            Way::Listening { at, request, .. } if *at == id => {
                Some((*transfer, Slp::clone(request)))
            }
            _ => None,
        })
    }

    fn say_transport(
        &mut self,
        chat: &ChatId,
        place: &Place,
        request: &Slp,
        mut body: Vec<(String, String)>,
    ) {
        if let Some(session) = request.session() {
            body.push(("SessionID".to_owned(), session.to_string()));
        }
        let answer = request.answer(200, content::TRANSPORT_ANSWER, body);
        self.say(chat, place, &answer);
    }

    /// Gives a nonce that nobody can guess who does not know the session's entropy.
    fn draw_nonce(&mut self) -> Nonce {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = self.draw_for(b"direct links");
        Nonce([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p])
    }
}
