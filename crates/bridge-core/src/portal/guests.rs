//! Whose words a portal carries: a personal one its owner's, and those of others where she wishes so.

use crate::{
    command::Role,
    id::PortalId,
    model::{Persona, UserId},
    record::{Leg, Told},
    shared::Shared,
    supervisor::Owner,
};

/// Most people remembered in one portal; past it nobody new is told anything.
const TOLD_LIMIT: usize = 10_000;

/// What is done with somebody's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Admission {
    pub(crate) carried: bool,
    /// What she is to be told first.
    pub(crate) tell: Option<Told>,
}

const SILENT: Admission = Admission { carried: true, tell: None };

/// Judges somebody who speaks at a leg of a portal.
pub(crate) fn admit(shared: &Shared, portal: PortalId, origin: u16, sender: &Persona) -> Admission {
    let person = UserId { network: sender.network.clone(), id: sender.id.clone() };
    let (leg, chats, relayed, mode, told, crowded) = {
        let mut index = shared.index();
        let Some(now) = index.leg_now(portal, origin) else { return SILENT };
        let mode = now.mode;
        let Some(found) = index.portals.get(&portal) else { return SILENT };
        let Some(leg) = found.record.legs.get(usize::from(origin)).cloned() else { return SILENT };
        let chats = found.record.legs.iter().filter_map(|leg| match leg {
            Leg::Chat { login, .. } => Some(login.clone()),
            Leg::Closed | Leg::Room { .. } => None,
        });
        let told = found.told.get(&person).copied();
        let crowded = found.told.len() >= TOLD_LIMIT;
        let relayed = found.record.relay.is_some();
        (leg, chats.collect::<Vec<_>>(), relayed, mode, told, crowded)
    };
    let tell = |what| Some(what).filter(|what| !crowded && told != Some(*what));
    let notice = tell(Told::Carried).filter(|_| shared.config.relay_notice);
    let owner = match (&leg, relayed) {
        (_, true) => return Admission { carried: true, tell: notice },
        (Leg::Room { owner, .. }, false) => owner,
        (Leg::Chat { .. } | Leg::Closed, false) => return SILENT,
    };
    let accounts = || chats.iter().filter_map(|login| shared.puppets.owner(login));
    if owner.as_ref() == Some(&person) || accounts().any(|own| own == Owner::Person(person.clone()))
    {
        return SILENT;
    }
    if mode.relay && shared.role(&person) >= Role::Relay {
        return Admission { carried: true, tell: notice };
    }
    Admission { carried: false, tell: tell(Told::NotCarried) }
}
