//! Who may do what where, computed as Discord does (documentation, permission overwrites).

use super::{World, model::Channel};
use crate::permissions::{
    ADMINISTRATOR, SEND_MESSAGES, SEND_MESSAGES_IN_THREADS, VIEW_CHANNEL, WRITING,
};

impl World {
    /// What a member may do on the server.
    pub(crate) fn base(&self, user: u64) -> u64 {
        let of = |role: &u64| self.roles.get(role).map(|role| role.permissions).unwrap_or_default();
        let held = self.users.get(&user).map(|user| &user.roles);
        let base = held.into_iter().flatten().fold(of(&self.guild), |sum, role| sum | of(role));
        if user == self.owner || base & ADMINISTRATOR != 0 { u64::MAX } else { base }
    }

    /// What a member may do in a channel.
    pub(crate) fn held(&self, user: u64, channel: u64) -> u64 {
        let (base, root) = (self.base(user), self.root(channel));
        let Some(place) = self.channels.get(&root) else { return 0 };
        let Some(member) = self.users.get(&user).filter(|user| !user.gone) else { return 0 };
        if base == u64::MAX {
            return base;
        }
        let named = |wanted: &dyn Fn(u64) -> bool, own: bool| {
            let fitting = place.overwrites.iter().filter(|one| one.member == own && wanted(one.id));
            fitting.fold((0, 0), |(allow, deny), one| (allow | one.allow, deny | one.deny))
        };
        let steps = [
            named(&|id| id == self.guild, false),
            named(&|id| member.roles.contains(&id), false),
            named(&|id| id == user, true),
        ];
        let held = steps.iter().fold(base, |held, (allow, deny)| held & !deny | allow);
        self.implied(held, channel)
    }

    /// What is left without leave to see or to write.
    fn implied(&self, held: u64, channel: u64) -> u64 {
        let thread = self.channels.get(&channel).is_some_and(|found| found.kind.is_thread());
        let writing = if thread { SEND_MESSAGES_IN_THREADS } else { SEND_MESSAGES };
        match held {
            held if held & VIEW_CHANNEL == 0 => 0,
            held if held & writing == 0 => held & !WRITING,
            held => held,
        }
    }

    /// Whether somebody may do all this in a channel.
    pub(crate) fn allows(&self, user: u64, channel: u64, wanted: u64) -> bool {
        match self.channels.get(&channel) {
            Some(Channel { with: Some(with), .. }) => user == *with || user == self.bot,
            Some(_) => self.held(user, channel) & wanted == wanted,
            None => false,
        }
    }

    /// Whether the bot may do all this in a channel.
    pub(crate) fn may(&self, channel: u64, wanted: u64) -> bool {
        self.allows(self.bot, channel, wanted)
    }

    /// The permission to write in a channel.
    pub(crate) fn writing(&self, channel: u64) -> u64 {
        let thread = self.channels.get(&channel).is_some_and(|found| found.kind.is_thread());
        if thread { SEND_MESSAGES_IN_THREADS } else { SEND_MESSAGES }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Kind, Overwrite, User};
    use super::*;
    use crate::permissions::ATTACH_FILES;

    #[test]
    fn a_members_overwrite_counts_more_than_a_roles_and_that_more_than_everybodys() {
        let mut world = World::new("token");
        let ada = world.id();
        world.users.insert(ada, User::default());
        let (guild, bot, role) = (world.guild, world.bot, world.role);
        let channel = world.add_channel(Kind::Text, "private");
        let id = channel.id;
        let one = |id, member, allow, deny| Overwrite { id, member, allow, deny };
        channel.overwrites =
            vec![one(guild, false, 0, VIEW_CHANNEL), one(role, false, VIEW_CHANNEL, SEND_MESSAGES)];
        assert_eq!(world.held(ada, id), 0, "who cannot see it can do nothing");
        assert!(world.allows(bot, id, VIEW_CHANNEL) && !world.allows(bot, id, SEND_MESSAGES));
        assert!(!world.allows(bot, id, ATTACH_FILES), "it needs leave to write");
        let place = world.channels.get_mut(&id).expect("it is there");
        place.overwrites.push(one(bot, true, SEND_MESSAGES, 0));
        assert!(world.allows(bot, id, SEND_MESSAGES | ATTACH_FILES));
    }
}
