//! Circles, from MSNP18: who of their members is there.
//!
//! ```text
//! S: NLN NLN 1:bob@example.com;via=9:00000000-0000-0000-0009-000000000001@live.com Bob 2788999228:0
//! ```
//! A member is not a contact: what is told of her through a circle stays with the circle.

use std::collections::BTreeMap;

use super::Roster;
use crate::{
    command::{Presence, Status, Whose},
    datagram::CIRCLE_NETWORK,
};

/// Most circles, and most members of one, that are kept.
const CIRCLES_LIMIT: usize = 256;
const MEMBERS_LIMIT: usize = 1024;

/// A circle, as presence tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Circle {
    /// Its address: a GUID, then a host.
    pub id: String,
    /// Its name, where it is told.
    pub name: String,
    /// Whether it is there.
    pub online: bool,
    /// Members who are there, by address in lower case.
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

/// What a circle's own words are about.
pub(in crate::session) fn circle_of<'a>(whose: &Whose<'a>) -> Option<(&'a str, Option<&'a str>)> {
    if whose.network == CIRCLE_NETWORK {
        return Some((whose.account, None));
    }
    let via = Whose::from_text(whose.via?);
    (via.network == CIRCLE_NETWORK).then_some((via.account, Some(whose.account)))
}

impl Roster {
    /// Gives the circles that were heard of, by address.
    pub fn circles(&self) -> impl Iterator<Item = &Circle> {
        self.circles.values()
    }

    /// Takes a presence of a circle, or of somebody through one; gives the circle's address where that is
    /// news.
    pub(in crate::session) fn set_circle_presence(
        &mut self,
        (id, member): (&str, Option<&str>),
        presence: &Presence<'_>,
    ) -> Option<String> {
        let (name, status) = (presence.name.clone().into_owned(), presence.status);
        let circle = self.circle(id)?;
        let before = circle.clone();
        match member {
            None => {
                circle.online = status != Status::Offline;
                circle.name = name;
            }
            Some(account) if status == Status::Offline => {
                circle.members.remove(&account.to_lowercase());
            }
            Some(account) => circle.put(account, CircleMember { name, status }),
        }
        (*circle != before).then(|| circle.id.clone())
    }

    /// Notes that a circle, or somebody in it, is gone.
    pub(in crate::session) fn leave_circle(
        &mut self,
        (id, member): (&str, Option<&str>),
    ) -> Option<String> {
        let circle = self.circles.get_mut(&id.to_lowercase())?;
        let before = circle.clone();
        match member {
            None => {
                circle.online = false;
                circle.members.clear();
            }
            Some(account) => drop(circle.members.remove(&account.to_lowercase())),
        }
        (*circle != before).then(|| circle.id.clone())
    }

    /// Takes a list of who is in a circle now; names and statuses that are known stay.
    pub(in crate::session) fn enter_circle(
        &mut self,
        id: &str,
        accounts: impl Iterator<Item = String>,
    ) -> Option<String> {
        let circle = self.circle(id)?;
        let before = circle.clone();
        circle.online = true;
        for account in accounts {
            if !circle.members.contains_key(&account.to_lowercase()) {
                let member = CircleMember { name: String::new(), status: Status::Online };
                circle.put(&account, member);
            }
        }
        (*circle != before).then(|| circle.id.clone())
    }

    fn circle(&mut self, id: &str) -> Option<&mut Circle> {
        let id = id.to_lowercase();
        let full = self.circles.len() >= CIRCLES_LIMIT && !self.circles.contains_key(&id);
        let circle = || Circle { id: id.clone(), ..Circle::default() };
        (!full).then(|| self.circles.entry(id.clone()).or_insert_with(circle))
    }
}

impl Circle {
    fn put(&mut self, account: &str, member: CircleMember) {
        let account = account.to_lowercase();
        if self.members.len() < MEMBERS_LIMIT || self.members.contains_key(&account) {
            self.members.insert(account, member);
        }
    }
}
