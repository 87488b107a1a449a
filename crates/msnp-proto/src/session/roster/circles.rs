//! Circles, from MSNP18, and temporary groups, from MSNP21: which there are, and who is there.
//!
//! ```text
//! S: NLN NLN 1:bob@example.com;via=9:00000000-0000-0000-0009-000000000001@live.com Bob 2788999228:0
//! ```
//! A member is not a contact: what is told of her through a circle stays with the circle.

use std::collections::{BTreeMap, BTreeSet};

use super::Roster;
use crate::{
    command::{Presence, Status, Whose},
    datagram::{CIRCLE_NETWORK, GROUP_NETWORK},
    session::types::ChatId,
    soap::circles::{BookCircle, BookStanding, CircleInvitation},
};

/// Most circles of an address book that are kept.
const CIRCLES_LIMIT: usize = 256;
/// Most circles that are kept though no book has them, and most temporary groups.
const OTHERS_LIMIT: usize = 64;
/// Most members of one that are kept.
const MEMBERS_LIMIT: usize = 1024;
/// Longest address of a circle or a member that is kept, in bytes.
const ADDRESS_LIMIT: usize = 129;

/// A circle or a temporary group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Circle {
    /// Its address: a GUID, then a host.
    pub id: String,
    /// Its name, where it is told; temporary groups have none.
    pub name: String,
    /// Whether its members stay members: that is a circle. Else it is a temporary group.
    pub lasts: bool,
    /// Whether it is there.
    pub online: bool,
    /// How the account stands to it.
    pub standing: CircleStanding,
    /// Whether this place is in it: its words come and go.
    pub entered: bool,
    /// The others who are there, by address in lower case.
    pub members: BTreeMap<String, CircleMember>,
}

/// Somebody in a circle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CircleMember {
    /// Her name; empty where it is not told.
    pub name: String,
    /// Her status.
    pub status: Status,
}

/// How the account stands to a circle or a temporary group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CircleStanding {
    /// It is asked in, and has not answered.
    Asked(CircleInvitation),
    /// The server spoke of it; the account is no member.
    #[default]
    Heard,
    /// It is a member.
    Member {
        /// Whether it may ask others in.
        is_admin: bool,
    },
}

/// What came of a change to a circle.
#[derive(Debug)]
pub(in crate::session) struct CircleNews {
    pub(in crate::session) chat: ChatId,
    /// Who came, where this place is in it: address and name.
    pub(in crate::session) came: Vec<(String, String)>,
    /// Who went, likewise.
    pub(in crate::session) went: Vec<String>,
}

/// What a circle's own words are about: the circle, or somebody seen through it.
pub(in crate::session) fn circle_of<'a>(whose: &Whose<'a>) -> Option<(ChatId, Option<&'a str>)> {
    let is_several = |whose: &Whose<'_>| matches!(whose.network, CIRCLE_NETWORK | GROUP_NETWORK);
    if is_several(whose) {
        return Some((ChatId::of_several(whose.network, whose.account), None));
    }
    let via = Whose::from_text(whose.via?);
    let chat = is_several(&via).then(|| ChatId::of_several(via.network, via.account))?;
    Some((chat, Some(whose.account)))
}

impl Circle {
    /// Names the conversation in it.
    pub fn chat(&self) -> ChatId {
        ChatId::of_several(if self.lasts { CIRCLE_NETWORK } else { GROUP_NETWORK }, &self.id)
    }

    /// Tells whether the account is a member.
    pub fn is_member(&self) -> bool {
        matches!(self.standing, CircleStanding::Member { .. })
    }

    /// Tells whether the account is asked in and has not answered.
    pub fn is_asked(&self) -> bool {
        matches!(self.standing, CircleStanding::Asked(_))
    }

    /// Puts somebody in, or changes her; tells whether anything is new, and whether she is.
    fn put(&mut self, account: &str, member: CircleMember) -> (bool, bool) {
        let account = account.to_lowercase();
        let full = self.members.len() >= MEMBERS_LIMIT && !self.members.contains_key(&account);
        if full || account.len() > ADDRESS_LIMIT {
            return (false, false);
        }
        let before = self.members.insert(account.clone(), member);
        (before.as_ref() != self.members.get(&account), before.is_none())
    }

    fn news(&self, came: Vec<(String, String)>, went: Vec<String>) -> CircleNews {
        let (came, went) = if self.entered { (came, went) } else { (Vec::new(), Vec::new()) };
        CircleNews { chat: self.chat(), came, went }
    }
}

impl Roster {
    /// Gives the circles and temporary groups that are known, circles first.
    pub fn circles(&self) -> impl Iterator<Item = &Circle> {
        let (last, others): (Vec<&Circle>, Vec<&Circle>) =
            self.circles.values().partition(|circle| circle.lasts);
        last.into_iter().chain(others)
    }

    /// Finds a circle or a temporary group by the name of its conversation.
    pub fn circle(&self, chat: &ChatId) -> Option<&Circle> {
        self.circles.get(chat)
    }

    /// Takes a presence of a circle, or of somebody through one; gives what is new.
    pub(in crate::session) fn set_circle_presence(
        &mut self,
        (chat, member): (&ChatId, Option<&str>),
        presence: &Presence<'_>,
    ) -> Option<CircleNews> {
        let (name, status) = (presence.name.clone().into_owned(), presence.status);
        let circle = self.heard_of(chat)?;
        match member {
            None => {
                let online = status != Status::Offline;
                let same = circle.online == online && (name.is_empty() || circle.name == name);
                circle.online = online;
                if !name.is_empty() {
                    circle.name = name;
                }
                (!same).then(|| circle.news(Vec::new(), Vec::new()))
            }
            Some(account) if status == Status::Offline => {
                let account = account.to_lowercase();
                circle.members.remove(&account)?;
                Some(circle.news(Vec::new(), vec![account]))
            }
            Some(account) => {
                let known = CircleMember { name: name.clone(), status };
                let (changed, came) = circle.put(account, known);
                let came = came.then(|| (account.to_lowercase(), name));
                changed.then(|| circle.news(came.into_iter().collect(), Vec::new()))
            }
        }
    }

    /// Notes that a circle, or somebody in it, is gone; gives what is new.
    pub(in crate::session) fn leave_circle(
        &mut self,
        (chat, member): (&ChatId, Option<&str>),
    ) -> Option<CircleNews> {
        let circle = self.circles.get_mut(chat)?;
        let went = match member {
            None => {
                let was = std::mem::replace(&mut circle.online, false);
                let went: Vec<String> = std::mem::take(&mut circle.members).into_keys().collect();
                if !was && went.is_empty() {
                    return None;
                }
                went
            }
            Some(account) => {
                let account = account.to_lowercase();
                circle.members.remove(&account)?;
                vec![account]
            }
        };
        Some(circle.news(Vec::new(), went))
    }

    /// Takes a list of others who are in a circle now; names and statuses that are known stay.
    pub(in crate::session) fn list_circle(
        &mut self,
        chat: &ChatId,
        accounts: impl Iterator<Item = String>,
    ) -> Option<CircleNews> {
        let circle = self.heard_of(chat)?;
        let was = std::mem::replace(&mut circle.online, true);
        let mut came = Vec::new();
        for account in accounts.map(|account| account.to_lowercase()) {
            if !circle.members.contains_key(&account) {
                let member = CircleMember { name: String::new(), status: Status::Online };
                if circle.put(&account, member).1 {
                    came.push((account, String::new()));
                }
            }
        }
        (!was || !came.is_empty()).then(|| circle.news(came, Vec::new()))
    }

    /// Notes that this place is in a circle, or a temporary group, now.
    pub(in crate::session) fn enter_circle(&mut self, chat: &ChatId) -> Option<&Circle> {
        let circle = self.heard_of(chat)?;
        (circle.entered, circle.online) = (true, true);
        if !circle.lasts {
            circle.standing = CircleStanding::Member { is_admin: true };
        }
        Some(circle)
    }

    /// Notes that this place is out of a circle; a temporary group is forgotten. Tells whether it was in.
    pub(in crate::session) fn step_out(&mut self, chat: &ChatId) -> bool {
        let Some(circle) = self.circles.get_mut(chat) else {
            return false;
        };
        let was = std::mem::replace(&mut circle.entered, false);
        circle.members.clear();
        if !circle.lasts {
            self.circles.remove(chat);
        }
        was
    }

    /// Forgets a circle; gives it as it was.
    pub(in crate::session) fn forget_circle(&mut self, chat: &ChatId) -> Option<Circle> {
        self.circles.remove(chat)
    }

    /// Takes the circles of an address book; those that went are named by their ids or say so.
    pub(super) fn take_circles(&mut self, found: Vec<BookCircle>, gone: &BTreeSet<&str>) {
        self.circles.retain(|_, circle| {
            let id = circle.id.split('@').next().unwrap_or_default();
            !circle.lasts || !gone.contains(id)
        });
        for BookCircle { id: _, address, name, is_admin, standing } in found {
            let chat = ChatId::of_several(CIRCLE_NETWORK, &address);
            let standing = match standing {
                BookStanding::Asked(invitation) => CircleStanding::Asked(invitation),
                BookStanding::Gone => {
                    self.circles.remove(&chat);
                    continue;
                }
                BookStanding::Member => CircleStanding::Member { is_admin },
            };
            if self.circles.len() < CIRCLES_LIMIT || self.circles.contains_key(&chat) {
                let circle = self.circles.entry(chat).or_default();
                (circle.id, circle.lasts) = (address, true);
                (circle.name, circle.standing) = (name, standing);
            }
        }
    }

    /// Keeps what a book does not tell of circles: who is there, and those that no book has.
    pub(super) fn keep_circles(&mut self, old: &Self) {
        for (chat, before) in &old.circles {
            match self.circles.get_mut(chat) {
                Some(circle) => {
                    (circle.entered, circle.online) = (before.entered, before.online);
                    circle.members.clone_from(&before.members);
                }
                None if before.lasts && before.standing != CircleStanding::Heard => {}
                None => drop(self.circles.insert(chat.clone(), before.clone())),
            }
        }
    }

    /// Gives a circle that the server speaks of, made where there is room for one more.
    fn heard_of(&mut self, chat: &ChatId) -> Option<&mut Circle> {
        let (network, id) = chat.several()?;
        let others = || {
            let heard =
                |circle: &&Circle| !circle.lasts || circle.standing == CircleStanding::Heard;
            self.circles.values().filter(heard).count()
        };
        if !self.circles.contains_key(chat)
            && (id.len() > ADDRESS_LIMIT || others() >= OTHERS_LIMIT)
        {
            return None;
        }
        let lasts = network == CIRCLE_NETWORK;
        let circle = || Circle { id: id.to_owned(), lasts, ..Circle::default() };
        Some(self.circles.entry(chat.clone()).or_insert_with(circle))
    }
}
