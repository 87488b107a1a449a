//! Tickets for the web services, and when they end.

use std::time::{Duration, Instant};

use secrecy::{ExposeSecret as _, SecretString};

use crate::{
    auth::security_token::{Site, Ticket},
    clock,
    session::Session,
    xml::escaped,
};

/// The site of tickets for the address book.
const CONTACTS: &str = "contacts.msn.com";
/// The site of tickets that read offline messages.
const INBOX: &str = "messenger.msn.com";
/// The site of tickets that leave offline messages.
const OUTBOX: &str = "messengersecure.live.com";
/// The site of tickets for the roaming profile.
const STORAGE: &str = "storage.msn.com";
/// The sites whose tickets the web services want; what signs in is asked for beside them.
pub(in crate::session) const SITES: [Site<'static>; 4] = [
    Site { address: CONTACTS, policy: "MBI" },
    Site { address: INBOX, policy: "?id=507" },
    Site { address: OUTBOX, policy: "MBI_SSL" },
    Site { address: STORAGE, policy: "MBI" },
];
/// How long before its end a ticket is taken to be none any more.
const MARGIN: Duration = Duration::from_secs(60);

/// Tickets for the web services.
#[derive(Clone, Debug, Default)]
pub(in crate::session) struct Tickets {
    sites: Vec<Ticket>,
    /// Used where a site gave none of its own.
    fallback: SecretString,
    /// When the first of them ends, where that is known.
    until: Option<Instant>,
    /// How often they were renewed.
    generation: u32,
    /// Those before the last renewal.
    former: Option<Box<Self>>,
    /// Whether renewing them is of no use.
    stays: bool,
}

impl Tickets {
    /// Gives the ticket for the address book and the sharing service.
    pub(in crate::session) fn contacts(&self) -> SecretString {
        self.of(CONTACTS)
    }

    /// Gives the ticket that reads offline messages.
    pub(in crate::session) fn inbox(&self) -> SecretString {
        self.of(INBOX)
    }

    /// Gives the ticket that leaves offline messages.
    pub(in crate::session) fn outbox(&self) -> SecretString {
        self.of(OUTBOX)
    }

    /// Gives the ticket for the roaming profile.
    pub(in crate::session) fn storage(&self) -> SecretString {
        self.of(STORAGE)
    }

    fn of(&self, address: &str) -> SecretString {
        let found = self.sites.iter().find(|ticket| ticket.address == address);
        found.map_or_else(|| self.fallback.clone(), |ticket| ticket.ticket.clone())
    }

    /// Tells whether they ended, as far as that is known.
    pub(in crate::session) fn have_ended(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    pub(in crate::session) fn are_as_new_as(&self, others: &Self) -> bool {
        self.generation >= others.generation
    }

    pub(in crate::session) fn may_be_renewed(&self) -> bool {
        !self.stays
    }

    /// Notes that renewing them is of no use.
    pub(in crate::session) fn stay(&mut self) {
        self.stays = true;
    }

    /// Takes those before the last renewal back, for good; tells whether there are any.
    pub(in crate::session) fn take_former_back(&mut self) -> bool {
        let generation = self.generation + 1;
        match self.former.take() {
            Some(former) => {
                *self = Self { generation, stays: true, ..*former };
                true
            }
            None => false,
        }
    }

    /// Writes them into a request in the places of others.
    pub(in crate::session) fn put_into(&self, body: &SecretString, others: &Self) -> SecretString {
        let mut text = body.expose_secret().to_owned();
        let mut put = |old: SecretString, new: SecretString| {
            let (old, new) = (old.expose_secret(), new.expose_secret());
            if !old.is_empty() && old != new {
                text = text.replace(&escaped(old), &escaped(new));
                // One service wants the two parts of a ticket in elements of their own.
                for (old, new) in
                    [(part(old, "t="), part(new, "t=")), (part(old, "p="), part(new, "p="))]
                {
                    if !old.is_empty() {
                        text = text.replace(
                            &format!(">{}<", escaped(old)),
                            &format!(">{}<", escaped(new)),
                        );
                    }
                }
            }
        };
        for site in &SITES {
            put(others.of(site.address), self.of(site.address));
        }
        text.into()
    }
}

/// One part of a ticket, such as `t=…&p=…`.
fn part<'t>(ticket: &'t str, name: &str) -> &'t str {
    ticket.split('&').find_map(|part| part.strip_prefix(name)).unwrap_or_default()
}

impl Session {
    /// Takes the tickets that came with the sign-in's own.
    pub(super) fn take_tickets(&mut self, now: Instant, tickets: Vec<Ticket>, own: SecretString) {
        let sites: Vec<Ticket> = tickets.into_iter().filter(is_for_services).collect();
        let until = self.end_of(now, &sites);
        self.tickets = Tickets { sites, fallback: own, until, ..Tickets::default() };
    }

    /// Takes the one ticket of a sign-in before there were more: it cannot be renewed.
    pub(super) fn take_only_ticket(&mut self, ticket: SecretString) {
        self.tickets = Tickets { fallback: ticket, stays: true, ..Tickets::default() };
    }

    /// Takes tickets in the place of those that ended; tells whether what is needed is among them.
    pub(in crate::session) fn take_renewed(&mut self, now: Instant, tickets: &[Ticket]) -> bool {
        let sites: Vec<Ticket> = tickets.iter().filter(|t| is_for_services(t)).cloned().collect();
        let until = self.end_of(now, &sites);
        if sites.is_empty() {
            return false;
        }
        let former = Tickets { former: None, ..std::mem::take(&mut self.tickets) };
        self.tickets = Tickets {
            sites,
            fallback: former.fallback.clone(),
            until,
            generation: former.generation + 1,
            former: Some(Box::new(former)),
            stays: false,
        };
        true
    }

    /// Finds out when the first of some tickets ends. A clock that is wrong by more than their whole
    /// life tells nothing.
    fn end_of(&self, now: Instant, tickets: &[Ticket]) -> Option<Instant> {
        let clock = self.wall_clock(now);
        let ends = tickets.iter().filter_map(|ticket| clock::seconds(&ticket.expires));
        let left = ends.min()?.checked_sub(clock).map(Duration::from_secs)?;
        now.checked_add(left.saturating_sub(MARGIN))
    }
}

fn is_for_services(ticket: &Ticket) -> bool {
    let is_asked_for = SITES.iter().any(|site| site.address == ticket.address);
    is_asked_for && !ticket.ticket.expose_secret().is_empty()
}
