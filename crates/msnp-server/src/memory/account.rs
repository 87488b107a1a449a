//! An account as it is now, and who is told of it.

use std::sync::Arc;

use msnp_proto::command::{List, Status};

use super::{Account, Attached, Inner};
use crate::directory::{Entry, Member, PresenceOf, Profile, Push};

impl Attached {
    /// Whether it is at a place.
    pub(super) fn is_at(&self, place: &str) -> bool {
        self.place.as_ref().is_some_and(|own| own.id == place)
    }
}

impl Account {
    pub(super) fn profile(&self) -> Profile {
        Profile { account: self.user.address.clone(), name: self.user.name.clone() }
    }

    pub(super) fn member(&self) -> Member {
        let mut places = self.attached.iter().filter_map(|client| client.place.as_ref());
        Member {
            profile: self.profile(),
            capabilities: self.capabilities,
            place: places.next().map(|place| place.id.clone()),
        }
    }

    pub(super) fn is_shown(&self) -> bool {
        !self.attached.is_empty() && !matches!(self.status, Status::Hidden | Status::Offline)
    }

    /// Takes what the client shows that spoke last, of those who are there.
    pub(super) fn show_latest(&mut self) {
        let told = self.attached.iter().filter_map(|client| client.shown.as_ref());
        let latest = told.max_by_key(|(order, _)| *order).map(|(_, shown)| shown.clone());
        match latest {
            Some(shown) => {
                (self.status, self.capabilities) = (shown.status, shown.capabilities);
                self.object = shown.object;
            }
            None => self.status = Status::Offline,
        }
    }

    pub(super) fn presence(&self) -> PresenceOf {
        PresenceOf {
            profile: self.profile(),
            status: if self.is_shown() { self.status } else { Status::Offline },
            capabilities: self.capabilities,
            endpoints: self.attached.iter().filter_map(|client| client.place.clone()).collect(),
            object: self.object.clone(),
            personal: Arc::clone(&self.personal),
        }
    }

    /// Tells something to all clients of the account.
    pub(super) fn tell(&self, push: &Push) {
        for client in &self.attached {
            // Whoever does not take what is pushed is cut off by its own link.
            let _ = client.pushes.try_send(push.clone());
        }
    }

    /// Whether somebody may neither see the account nor write to it.
    pub(super) fn blocks(&self, other: &str) -> bool {
        let lists = self.entries.get(other).map(|entry| entry.lists).unwrap_or_default();
        lists.has(List::Block) || !(self.privacy.everybody || lists.has(List::Allow))
    }
}

impl Inner {
    pub(super) fn id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Those who have the account as a contact, are there, and are not blocked by it.
    pub(super) fn watchers(&self, account: &str) -> Vec<&Account> {
        let Some(watched) = self.accounts.get(account) else {
            return Vec::new();
        };
        let all = self.accounts.iter().filter(|(key, _)| !watched.blocks(key));
        let knows = |entry: &Entry| entry.lists.has(List::Forward);
        all.filter(|(_, other)| other.entries.get(account).is_some_and(knows))
            .map(|(_, other)| other)
            .collect()
    }

    /// Tells an account that is at several places that its lists changed at one of them.
    pub(super) fn tell_lists_changed(&self, account: &str) {
        // Who is at one place alone knows what was changed there.
        if let Some(found) = self.accounts.get(account).filter(|found| found.attached.len() > 1) {
            found.tell(&Push::ListsChanged);
        }
    }

    /// Tells the account itself how it is.
    pub(super) fn tell_own(&self, account: &str) {
        if let Some(found) = self.accounts.get(account) {
            found.tell(&Push::Own(found.presence()));
        }
    }

    /// Tells what an account shows beside its presence.
    pub(super) fn tell_places(&self, account: &str) {
        let Some(found) = self.accounts.get(account) else {
            return;
        };
        if found.is_shown() {
            self.tell_watchers(account, &Push::Personal(found.presence()));
        }
        self.tell_own(account);
    }

    pub(super) fn tell_watchers(&self, account: &str, push: &Push) {
        for watcher in self.watchers(account) {
            watcher.tell(push);
        }
        self.tell_circles(account);
    }
}
