//! What is said in a conversation, and what became of what we said.

use std::time::Instant;

use crate::{
    command::{AckMode, ClientCommand},
    msg::{Body, Extra, Invitation, Said, chunk::Pushed},
    p2p::Envelope,
    session::{
        Session,
        heard::Speaker,
        types::{Event, LinkId, RequestError},
    },
};

impl Session {
    pub(super) fn message_came(
        &mut self,
        now: Instant,
        link: LinkId,
        sender: &str,
        name: &str,
        payload: &[u8],
    ) {
        let Some(board) = self.boards.get_mut(&link) else {
            return;
        };
        let chat = board.chat.clone();
        let body = Body::read(payload);
        if body.content_type() == Envelope::CONTENT_TYPE {
            return self.peers.handle_payload(now, &chat, sender, &body);
        }
        let pushed = self.reassembly.push(now, sender, payload);
        self.tell_given_up();
        let whole = match pushed {
            Pushed::Alone => None,
            Pushed::Complete(whole) => Some(whole),
            Pushed::Waiting => return,
            Pushed::Dropped => {
                return self.odd("a part of a message without the others".to_owned());
            }
        };
        let payload = whole.as_deref().unwrap_or(payload);
        let said = Said::read(payload);
        if let Said::Extra(Extra::Invitation(invitation)) = &said {
            if self.peers.handle_invitation(now, &chat, sender, &Body::read(payload)) {
                return;
            }
            if invitation.command != "INVITE" {
                return; // about one that was declined
            }
            self.decline_invitation(link, invitation);
        }
        let by = Speaker { chat, from: sender.to_lowercase(), name: name.to_owned() };
        if let Err(what) = self.heard(link, by, said) {
            self.events.push_back(Event::Odd { what });
        }
    }

    /// Gives up messages whose other parts do not come.
    pub(in crate::session) fn parts_timeout(&mut self, now: Instant) {
        self.reassembly.handle_timeout(now);
        self.tell_given_up();
    }

    fn tell_given_up(&mut self) {
        match self.reassembly.take_given_up() {
            0 => {}
            count => self.odd(format!("messages without their last parts: {count}")),
        }
    }

    /// Answers an invitation to share a program: there is none here.
    fn decline_invitation(&mut self, link: LinkId, invitation: &Invitation) {
        let Some(board) = self.boards.get_mut(&link) else {
            return;
        };
        let trid = board.trid();
        let payload = Extra::Invitation(invitation.decline()).write();
        self.say_on(link, &ClientCommand::Message { trid, ack: AckMode::Never, payload: &payload });
    }

    pub(super) fn message_answered(&mut self, link: LinkId, trid: u32, failed: bool) {
        let Some(board) = self.boards.get_mut(&link) else {
            return;
        };
        if board.in_flight.remove(&trid).is_some() {
            return; // whether it arrived is for the peer to say
        }
        let Some(awaiting) = board.awaiting.remove(&trid) else {
            return;
        };
        let Some(sent) = board.sent.get_mut(&awaiting.sent) else {
            return;
        };
        sent.left = sent.left.saturating_sub(1);
        sent.failed |= failed;
        if sent.left > 0 {
            return;
        }
        if let Some(sent) = board.sent.remove(&awaiting.sent) {
            let outcome = if sent.failed { Err(RequestError::NotOnline) } else { Ok(()) };
            self.complete(sent.request, outcome);
        }
    }
}
