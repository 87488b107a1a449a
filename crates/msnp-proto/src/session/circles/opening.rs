//! How this place comes into the circles of the account: the ticket is shown, each is told of and entered.

use std::{collections::BTreeSet, time::Instant};

use super::{CIRCLES, Opened, People, Step};
use crate::{
    command::{ClientCommand, Lists, Secret},
    datagram::{Address, CIRCLE_NETWORK, RosterMember, write_roster},
    listing::{self, Listed},
    publication::Document,
    session::{
        Circle, Session,
        types::{ChatId, RequestError},
    },
};

/// Most steps under way at once; what comes after them waits for their answers.
const AT_ONCE: usize = 8;
/// On the lists of a circle that is told of: forward and allow.
const MEMBER_LISTS: Lists = Lists(3);

impl Session {
    /// Shows the ticket of the circles, where there is one.
    pub(in crate::session) fn open_circles(&mut self, now: Instant, ticket: Option<String>) {
        self.circles.ticket = ticket;
        (self.circles.opened, self.circles.failed) = (Opened::No, BTreeSet::new());
        if let Some(ticket) = self.circles.ticket.clone() {
            let trid = self.circle_step(now, Step::Open);
            self.say(&ClientCommand::AuthenticateCircles { trid, ticket: Secret(&ticket) });
        }
    }

    /// Takes what lists that were read again say of circles.
    pub(in crate::session) fn circles_read(&mut self, now: Instant, ticket: Option<String>) {
        if ticket.is_some() && ticket != self.circles.ticket {
            // A step of opening that is under way is for the ticket before.
            self.circles.steps.retain(|_, (step, _)| !matches!(step, Step::Open));
            self.open_circles(now, ticket);
        }
        self.circles_go_on(now);
    }

    /// Reads another ticket where the last one opened nothing.
    pub(super) fn open_again(&mut self, now: Instant) {
        if matches!(self.circles.opened, Opened::Refused(_)) {
            (self.circles.opened, self.circles.ticket) = (Opened::No, None);
            self.resynchronize(now);
        }
    }

    /// Does what is next for this place to come into the circles of the account.
    pub(in crate::session) fn circles_go_on(&mut self, now: Instant) {
        if !self.notification.is_online() || !self.version.has_circles() {
            return;
        }
        let missed = self.roster.circles().filter(|circle| self.is_missed(circle));
        let missed = missed.map(Circle::chat).filter(|chat| {
            let mut steps = self.circles.steps.values();
            !steps.any(|(step, _)| step.is_about(chat))
        });
        let missed: Vec<ChatId> = missed.collect();
        let why = match &self.circles.opened {
            Opened::Yes => None,
            Opened::Refused(why) => Some(why.clone()),
            Opened::No if self.circles.ticket.is_some() => return,
            Opened::No => Some(RequestError::Service("the address book opens no circles".into())),
        };
        if let Some(why) = why {
            // Lists that are being read bring another ticket.
            if self.resync.is_none() {
                missed.iter().for_each(|chat| self.circle_failed(chat, why.clone()));
            }
            return;
        }
        let room = AT_ONCE.saturating_sub(self.circles.steps.len());
        for chat in missed.into_iter().take(room) {
            if self.circles.told.contains(&chat) {
                self.enter_circle(now, chat, None);
            } else {
                self.tell_circle(now, chat);
            }
        }
    }

    /// Whether this place is not in a circle, and is to be.
    pub(super) fn is_missed(&self, circle: &Circle) -> bool {
        let chat = circle.chat();
        let is_done = self.circles.left.contains(&chat) || self.circles.failed.contains(&chat);
        circle.lasts && circle.is_member() && !circle.entered && !is_done
    }

    fn tell_circle(&mut self, now: Instant, chat: ChatId) {
        let Some((_, id)) = chat.several() else {
            return;
        };
        let listed = Listed { network: CIRCLE_NETWORK, ..Listed::on(id, MEMBER_LISTS) };
        for payload in listing::write(&[listed], true, self.version) {
            let trid = self.circle_step(now, Step::Tell { chat: chat.clone() });
            self.say(&ClientCommand::TellLists { trid, add: true, payload: &payload });
        }
    }

    pub(super) fn enter_circle(&mut self, now: Instant, chat: ChatId, people: Option<People>) {
        let (to, own) = (chat.to_string(), self.config.account.clone());
        let trid = self.circle_step(now, Step::Enter { chat, people });
        self.put_member(trid, &to, CIRCLES, &own);
    }

    pub(super) fn put_member(&mut self, trid: u32, to: &str, content: &str, account: &str) {
        let member = RosterMember { address: Address::passport(account), is_pending: false };
        self.publish_to_circle(trid, true, to, ("/circle", content), &write_roster(&[member]));
    }

    pub(super) fn publish_to_circle(
        &mut self,
        trid: u32,
        add: bool,
        to: &str,
        (uri, content): (&str, &str),
        body: &[u8],
    ) {
        let from = Address::at(&self.config.account, &self.config.machine_id).to_string();
        let headers = [("Uri", uri), ("Content-Type", content)];
        let payload = Document::write("Publication", to, &from, &headers, body);
        self.say(&ClientCommand::Publish { trid, add, payload: &payload });
    }
}
