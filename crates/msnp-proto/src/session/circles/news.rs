//! What happens in circles and temporary groups: who comes and goes, and being put into one.

use std::time::Instant;

use super::{Step, lasts};
use crate::{
    command::Presence,
    datagram::{RosterMember, member_of_uri, read_roster},
    session::{
        Session,
        roster::CircleNews,
        types::{ChatId, Event},
    },
};

impl Session {
    /// Takes a presence of a circle, or of somebody seen through one.
    pub(in crate::session) fn circle_presence(
        &mut self,
        (chat, member): (&ChatId, Option<&str>),
        presence: &Presence<'_>,
    ) {
        // Nobody is seen through a temporary group that this place is not in.
        let (known, is_circle) = (self.roster.circle(chat).is_some(), lasts(chat));
        if (known || is_circle) && !member.is_some_and(|member| self.is_own(member)) {
            let news = self.roster.set_circle_presence((chat, member), presence);
            self.tell_circle_news(news);
        }
    }

    /// Takes the word that a circle, or somebody seen through one, is gone.
    pub(in crate::session) fn circle_gone(&mut self, chat: &ChatId, member: Option<&str>) {
        if !member.is_some_and(|member| self.is_own(member)) {
            let news = self.roster.leave_circle((chat, member));
            self.tell_circle_news(news);
        }
    }

    /// Takes what a circle or a temporary group tells of itself: who is in it, and who left.
    pub(in crate::session) fn circle_publication(
        &mut self,
        now: Instant,
        add: bool,
        chat: &ChatId,
        uri: &str,
        body: &[u8],
    ) {
        if !add {
            return match member_of_uri(uri) {
                Some(member) if self.is_own(&member.account) => self.is_out(chat),
                member => self.circle_gone(chat, member.as_ref().map(|it| it.account.as_str())),
            };
        }
        let members = read_roster(body).unwrap_or_default();
        let entered = self.roster.circle(chat).is_some_and(|circle| circle.entered);
        if !entered
            && !lasts(chat)
            && !self.is_coming(chat)
            && !self.group_calls(now, chat, &members)
        {
            return;
        }
        let there = members.into_iter().filter(|member| !member.is_pending);
        let there = there.map(|member| member.address.account);
        let own = self.config.account.clone();
        let others = there.filter(|account| !account.eq_ignore_ascii_case(&own));
        let news = self.roster.list_circle(chat, others);
        self.tell_circle_news(news);
    }

    /// Whether this place is coming into a circle or a temporary group.
    pub(super) fn is_coming(&self, chat: &ChatId) -> bool {
        self.circles.steps.values().any(|(step, _)| step.is_about(chat))
    }

    /// Takes the roster of a temporary group that this place is not in: it comes where it is called. Tells
    /// whether it does.
    fn group_calls(&mut self, now: Instant, chat: &ChatId, members: &[RosterMember]) -> bool {
        let is_own = |member: &&RosterMember| member.address.is_of(&self.config.account);
        let called = members.iter().find(is_own).is_some_and(|own| own.is_pending);
        if !called || !self.version.has_temporary_groups() {
            self.odd("a temporary group that nobody called the account into".to_owned());
            return false;
        }
        let calls = self.circles.steps.values();
        let calls = calls.filter(|(step, _)| matches!(step, Step::Enter { .. })).count();
        if calls >= super::WAITING_LIMIT {
            self.odd("too many calls into temporary groups".to_owned());
            return false;
        }
        self.enter_circle(now, chat.clone(), None);
        true
    }

    /// Finds out whether words in a circle may be somebody's; whoever speaks is there.
    ///
    /// # Errors
    /// Says what is odd about it.
    pub(in crate::session) fn speaks_in_circle(
        &mut self,
        chat: &ChatId,
        account: &str,
    ) -> Result<String, &'static str> {
        let circle = self.roster.circle(chat);
        let is_in = circle.is_some_and(|circle| circle.entered || circle.is_member());
        if !is_in && !self.is_coming(chat) {
            return Err("words in a circle that the account is not in");
        }
        let news = self.roster.list_circle(chat, std::iter::once(account.to_owned()));
        self.tell_circle_news(news);
        let member = self.roster.circle(chat).and_then(|circle| circle.members.get(account));
        let member = member.ok_or("words of somebody in a circle that is full")?;
        Ok(member.name.clone())
    }

    fn tell_circle_news(&mut self, news: Option<CircleNews>) {
        let Some(CircleNews { chat, came, went }) = news else {
            return;
        };
        came.into_iter().for_each(|who| self.came(&chat, who));
        for account in went {
            self.peers.handle_left(&chat, &account);
            self.events.push_back(Event::Left { chat: chat.clone(), account });
        }
        if let Some((_, circle)) = chat.several() {
            self.events.push_back(Event::CircleChanged { circle: circle.to_owned() });
        }
    }

    /// Tells that somebody is in a circle.
    pub(super) fn came(&mut self, chat: &ChatId, (account, name): (String, String)) {
        let name = match name.is_empty() {
            true => self.speaker(chat.clone(), &account).name,
            false => name,
        };
        self.joined(chat.clone(), &account, &name);
    }
}
