//! Circles and temporary groups in memory: who belongs to them, and who is in them now.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{Account, Inner, key};
use crate::{
    circle::{Circle, CircleError, CircleId, CircleMember, CircleNews, Standing},
    directory::{Profile, Push, SessionId},
};

/// Most circles and groups that one account may be in.
const CIRCLES_LIMIT: usize = 32;
/// Most members of one.
const MEMBERS_LIMIT: usize = 150;

/// A circle, or a temporary group.
#[derive(Default)]
pub(super) struct Gathering {
    name: String,
    seats: BTreeMap<String, Seat>,
}

struct Seat {
    is_admin: bool,
    standing: Standing,
    invitation: Option<(Profile, String)>,
    /// The clients that came in.
    here: BTreeSet<SessionId>,
}

impl Seat {
    fn new(is_admin: bool, standing: Standing) -> Self {
        Self { is_admin, standing, invitation: None, here: BTreeSet::new() }
    }
}

impl Gathering {
    fn seat(&mut self, account: &str) -> Result<&mut Seat, CircleError> {
        self.seats.get_mut(account).ok_or(CircleError::NotThere)
    }

    fn is_empty(&self) -> bool {
        self.seats.values().all(|seat| seat.here.is_empty())
    }
}

impl Inner {
    pub(super) fn make_circle(
        &mut self,
        account: &str,
        name: Option<&str>,
    ) -> Result<CircleId, CircleError> {
        let account = key(account);
        if !self.accounts.contains_key(&account) {
            return Err(CircleError::Unknown);
        }
        // One known client makes its first call twice.
        let same = self.circles.iter().find(|(id, known)| {
            let is_own = known.seats.get(&account).is_some_and(|seat| seat.is_admin);
            id.lasts() && is_own && name == Some(&known.name)
        });
        if let Some((id, _)) = same {
            return Ok(id.clone());
        }
        if self.seats_of(&account) >= CIRCLES_LIMIT {
            return Err(CircleError::Full);
        }
        let id = CircleId::numbered(name.is_some(), self.id());
        let mut made =
            Gathering { name: name.unwrap_or_default().to_owned(), ..Gathering::default() };
        made.seats.insert(account, Seat::new(true, Standing::Accepted));
        self.circles.insert(id.clone(), made);
        Ok(id)
    }

    pub(super) fn circles_of(&self, account: &str) -> Vec<Circle> {
        let account = key(account);
        let own = self.circles.iter().filter(|(_, circle)| circle.seats.contains_key(&account));
        own.map(|(id, circle)| {
            let member = |(who, seat): (&String, &Seat)| {
                Some(CircleMember {
                    presence: self.accounts.get(who)?.presence(),
                    is_admin: seat.is_admin,
                    standing: seat.standing,
                    invitation: seat.invitation.clone(),
                })
            };
            let members = circle.seats.iter().filter_map(member).collect();
            Circle { id: id.clone(), name: circle.name.clone(), members }
        })
        .collect()
    }

    pub(super) fn name_member(
        &mut self,
        id: &CircleId,
        by: &str,
        who: &str,
    ) -> Result<(), CircleError> {
        let (by, who) = (key(by), key(who));
        if !self.accounts.contains_key(&who) {
            return Err(CircleError::Unknown);
        }
        let full = self.seats_of(&who) >= CIRCLES_LIMIT;
        let circle = self.circle(id)?;
        if !circle.seats.get(&by).is_some_and(|seat| seat.is_admin) {
            return Err(CircleError::NotAllowed);
        }
        match circle.seats.get(&who).map(|seat| seat.standing) {
            Some(Standing::Named) => Ok(()),
            Some(_) => Err(CircleError::AlreadyThere),
            None if full || circle.seats.len() >= MEMBERS_LIMIT => Err(CircleError::Full),
            None => {
                circle.seats.insert(who, Seat::new(false, Standing::Named));
                Ok(())
            }
        }
    }

    pub(super) fn invite_member(
        &mut self,
        id: &CircleId,
        by: &str,
        who: &str,
        words: &str,
    ) -> Result<(), CircleError> {
        let (by, who) = (key(by), key(who));
        let inviter = self.accounts.get(&by).map(Account::profile).ok_or(CircleError::Unknown)?;
        let invited = self.accounts.get(&who).ok_or(CircleError::Unknown)?;
        if !id.lasts() {
            let can_come = invited.attached.iter().any(|client| client.takes_datagrams);
            if !can_come || !invited.is_shown() || invited.blocks(&by) {
                return Err(CircleError::Unknown);
            }
        }
        let full = self.seats_of(&who) >= CIRCLES_LIMIT;
        let circle = self.circle(id)?;
        let may = |seat: &Seat| if id.lasts() { seat.is_admin } else { !seat.here.is_empty() };
        if !circle.seats.get(&by).is_some_and(may) {
            return Err(CircleError::NotAllowed);
        }
        if !id.lasts() && !circle.seats.contains_key(&who) {
            if full || circle.seats.len() >= MEMBERS_LIMIT {
                return Err(CircleError::Full);
            }
            circle.seats.insert(who.clone(), Seat::new(false, Standing::Named));
        }
        let seat = circle.seat(&who)?;
        if seat.standing == Standing::Accepted {
            return Err(CircleError::AlreadyThere);
        }
        seat.standing = Standing::Invited;
        seat.invitation = Some((inviter, words.to_owned()));
        if id.lasts() {
            self.tell_changed(id);
            if let Some(invited) = self.accounts.get(&who) {
                invited.tell(&Push::ListsChanged);
            }
        } else {
            self.tell_roster(id, Some(&who));
        }
        Ok(())
    }

    pub(super) fn answer_invitation(
        &mut self,
        id: &CircleId,
        account: &str,
        accept: bool,
    ) -> Result<(), CircleError> {
        let account = key(account);
        let circle = self.circle(id)?;
        let seat = circle.seat(&account)?;
        match seat.standing {
            Standing::Accepted => return Err(CircleError::AlreadyThere),
            Standing::Named => return Err(CircleError::NotThere),
            Standing::Invited if accept => seat.standing = Standing::Accepted,
            Standing::Invited => drop(circle.seats.remove(&account)),
        }
        self.tell_changed(id);
        Ok(())
    }

    pub(super) fn quit_circle(&mut self, id: &CircleId, account: &str) -> Result<(), CircleError> {
        let account = key(account);
        let circle = self.circle(id)?;
        let seat = circle.seats.remove(&account).ok_or(CircleError::NotThere)?;
        if !seat.here.is_empty() {
            self.tell_here(id, &CircleNews::Left(account.clone()), |_| true);
        }
        if let Some(quitter) = self.accounts.get(&account) {
            quitter.tell(&Push::ListsChanged);
        }
        self.tell_changed(id);
        let is_left = |seat: &Seat| seat.standing == Standing::Accepted;
        if !self.circles.get(id).is_some_and(|circle| circle.seats.values().any(is_left)) {
            self.circles.remove(id);
        }
        Ok(())
    }

    pub(super) fn enter_circle(
        &mut self,
        id: &CircleId,
        account: &str,
        session: SessionId,
    ) -> Result<(), CircleError> {
        let account = key(account);
        let circle = self.circle(id)?;
        let seat = circle.seat(&account)?;
        if seat.standing == Standing::Invited && !id.lasts() {
            seat.standing = Standing::Accepted;
        }
        if seat.standing != Standing::Accepted {
            return Err(CircleError::NotThere);
        }
        seat.here.insert(session);
        if id.lasts() {
            if let Some(newcomer) = self.accounts.get(&account) {
                let presence = newcomer.presence();
                self.tell_here(id, &CircleNews::Presence(presence), |_| true);
            }
            let others: Vec<String> = self.here(id).map(|(who, _)| who.clone()).collect();
            let others = others.iter().filter(|who| **who != account);
            for presence in others.filter_map(|who| self.accounts.get(who)).map(Account::presence) {
                self.tell_here(id, &CircleNews::Presence(presence), |to| to == session);
            }
        }
        self.tell_roster(id, None);
        Ok(())
    }

    pub(super) fn step_out(
        &mut self,
        id: &CircleId,
        account: &str,
        session: SessionId,
    ) -> Result<(), CircleError> {
        let account = key(account);
        let circle = self.circle(id)?;
        let seat = circle.seat(&account)?;
        if !seat.here.remove(&session) {
            return Err(CircleError::NotThere);
        }
        if !seat.here.is_empty() {
            return Ok(());
        }
        if !id.lasts() {
            circle.seats.remove(&account);
            if circle.is_empty() {
                self.circles.remove(id);
                return Ok(());
            }
        }
        self.tell_here(id, &CircleNews::Left(account), |_| true);
        Ok(())
    }

    pub(super) fn say_to_circle(
        &self,
        id: &CircleId,
        account: &str,
        session: SessionId,
        payload: Arc<[u8]>,
    ) -> Result<(), CircleError> {
        let circle = self.circles.get(id).ok_or(CircleError::NotThere)?;
        let seat = circle.seats.get(&key(account)).ok_or(CircleError::NotThere)?;
        if !seat.here.contains(&session) {
            return Err(CircleError::NotThere);
        }
        let push = Push::Datagram(payload);
        self.push_here(id, &push, |to| to != session);
        Ok(())
    }

    /// Takes a client that is gone out of everything; an account without clients leaves the temporary
    /// groups it is asked to.
    pub(super) fn leave_circles(&mut self, account: &str, session: SessionId) {
        let ids: Vec<CircleId> = self.circles.keys().cloned().collect();
        let attached = self.accounts.get(account).map(|found| &found.attached);
        let is_gone = attached.is_none_or(|all| all.iter().all(|client| client.session == session));
        for id in ids {
            // It was in a few of them at most.
            let _ = self.step_out(&id, account, session);
            let Some(circle) = self.circles.get_mut(&id).filter(|_| is_gone && !id.lasts()) else {
                continue;
            };
            if circle.seats.remove(account).is_some() && circle.is_empty() {
                self.circles.remove(&id);
            }
        }
    }

    /// Tells how somebody is to the others in the circles she is in.
    pub(super) fn tell_circles(&self, account: &str) {
        let Some(found) = self.accounts.get(account) else {
            return;
        };
        for (id, circle) in self.circles.iter().filter(|(id, _)| id.lasts()) {
            if let Some(seat) = circle.seats.get(account).filter(|seat| !seat.here.is_empty()) {
                let news = CircleNews::Presence(found.presence());
                self.tell_here(id, &news, |to| !seat.here.contains(&to));
            }
        }
    }

    fn circle(&mut self, id: &CircleId) -> Result<&mut Gathering, CircleError> {
        self.circles.get_mut(id).ok_or(CircleError::NotThere)
    }

    fn seats_of(&self, account: &str) -> usize {
        self.circles.values().filter(|circle| circle.seats.contains_key(account)).count()
    }

    fn here(&self, id: &CircleId) -> impl Iterator<Item = (&String, &Seat)> {
        let seats = self.circles.get(id).into_iter().flat_map(|circle| &circle.seats);
        seats.filter(|(_, seat)| !seat.here.is_empty())
    }

    fn tell_here(&self, id: &CircleId, news: &CircleNews, to: impl Fn(SessionId) -> bool) {
        self.push_here(id, &Push::Circle(id.clone(), news.clone()), to);
    }

    fn push_here(&self, id: &CircleId, push: &Push, to: impl Fn(SessionId) -> bool) {
        for (who, seat) in self.here(id) {
            let clients = self.accounts.get(who).into_iter().flat_map(|found| &found.attached);
            for client in clients {
                if seat.here.contains(&client.session) && to(client.session) {
                    // Whoever does not take what is pushed is cut off by its own link.
                    let _ = client.pushes.try_send(push.clone());
                }
            }
        }
    }

    /// Tells who is there to all who are, and to one more who is asked.
    fn tell_roster(&self, id: &CircleId, asked: Option<&str>) {
        let seats = self.circles.get(id).into_iter().flat_map(|circle| &circle.seats);
        let listed = seats.filter_map(|(who, seat)| {
            let is_asked = seat.standing == Standing::Invited && !id.lasts();
            (is_asked || !seat.here.is_empty()).then(|| (who.clone(), is_asked))
        });
        let news = CircleNews::Roster(listed.collect());
        self.tell_here(id, &news, |_| true);
        let asked = asked.and_then(|who| self.accounts.get(who));
        let clients = asked.into_iter().flat_map(|found| &found.attached);
        for client in clients.filter(|client| client.takes_datagrams) {
            // Whoever does not take what is pushed is cut off by its own link.
            let _ = client.pushes.try_send(Push::Circle(id.clone(), news.clone()));
        }
    }

    /// Tells all members that who belongs to it changed.
    fn tell_changed(&self, id: &CircleId) {
        let seats = self.circles.get(id).into_iter().flat_map(|circle| &circle.seats);
        let members = seats.filter(|(_, seat)| seat.standing == Standing::Accepted);
        for member in members.filter_map(|(who, _)| self.accounts.get(who)) {
            member.tell(&Push::Circle(id.clone(), CircleNews::Changed));
        }
    }
}
