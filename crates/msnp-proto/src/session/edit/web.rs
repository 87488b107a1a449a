//! Steps of requests by web service, from MSNP13: a call, then the server is told.
//!
//! ```text
//! POST AddMember Block bob@example.com      200
//! C: ADL 12 64⏎<ml><d n="example.com"><c n="bob" l="4" t="1"/></d></ml>      S: ADL 12 OK
//! ```

use std::time::Instant;

use super::Step;
use crate::{
    command::{ClientCommand, GroupChange, List, Lists},
    listing::{self, Listed},
    session::{
        Session,
        http::HttpReply,
        types::{Event, HttpId, RequestError},
        web::failure,
    },
    soap::{
        Call, SoapError,
        address_book::{self, read_added},
        sharing::{self, MemberKind},
    },
};

impl Session {
    /// Makes the call of the step that is due.
    pub(super) fn call_step(&mut self, now: Instant) {
        let step = self.edits.active.as_ref().and_then(|active| active.steps.front().cloned());
        let Some(step) = step else {
            return;
        };
        let Some(call) = self.call_of(&step) else {
            // Somebody the services do not know by an id: the lists are not what they were.
            let text = "the contact list changed meanwhile; try again".to_owned();
            self.edit_ends(now, Err(RequestError::Service(text)));
            return self.resynchronize(now);
        };
        let http = self.call(call);
        let deadline = now + self.config.deadlines.step;
        if let Some(active) = &mut self.edits.active {
            (active.trid, active.http, active.deadline) = (0, Some(http), deadline);
        }
    }

    fn call_of(&self, step: &Step) -> Option<Call> {
        let caller = self.caller();
        let id_of = |account: &str| self.roster.contact(account).and_then(|known| known.id.clone());
        Some(match step {
            Step::Circle(step) => return self.call_of_circle(step),
            Step::AddGroup { name } => address_book::add_group(&caller, name),
            Step::RemoveGroup { group } => address_book::delete_group(&caller, group),
            Step::RenameGroup { group, name } => address_book::rename_group(&caller, group, name),
            Step::Group { account, group, add: true } => {
                address_book::add_to_group(&caller, &id_of(account)?, group)
            }
            Step::Group { account, group, add: false } => {
                address_book::take_from_group(&caller, &id_of(account)?, group)
            }
            Step::Rename { account, name } => {
                address_book::rename_contact(&caller, &id_of(account)?, name)
            }
            Step::Privacy { verb, value } => {
                let privacy = self.roster.privacy();
                let everybody = privacy.everybody.unwrap_or(true);
                let asks = privacy.asks.unwrap_or(true);
                match *verb {
                    "BLP" => address_book::set_privacy(&caller, *value == "AL", asks),
                    _ => address_book::set_privacy(&caller, everybody, *value == "A"),
                }
            }
            Step::List { account, list: List::Forward, add: true } => {
                let active = self.edits.active.as_ref();
                let words = active.map_or("", |active| active.invitation.as_str());
                address_book::add_contact(&caller, account, &self.notification.name, words)
            }
            Step::List { account, list: List::Forward, add: false } => {
                address_book::delete_contact(&caller, &id_of(account)?)
            }
            Step::List { account, list, add: true } => {
                sharing::add_member(&caller, *list, MemberKind::Passport, account)
            }
            Step::List { account, list, add: false } => {
                let id = self.roster.member_id(account, *list);
                sharing::delete_member(&caller, *list, MemberKind::Passport, account, id)
            }
        })
    }

    /// Takes the answer to a call of a step.
    pub(in crate::session) fn edit_reply(&mut self, now: Instant, id: HttpId, reply: &HttpReply) {
        let active = self.edits.active.as_mut();
        let Some(active) = active.filter(|active| active.http == Some(id)) else {
            return;
        };
        active.http = None;
        let Some(step) = active.steps.front().cloned() else {
            return;
        };
        let step = match step {
            Step::Circle(step) => return self.circle_reply(now, step, reply),
            step => step,
        };
        let adds = matches!(
            step,
            Step::AddGroup { .. } | Step::List { list: List::Forward, add: true, .. }
        );
        let added = match self.answer(reply) {
            Ok(answer) => read_added(&answer).filter(|_| adds),
            Err(SoapError::AlreadyThere(id)) if !matches!(step, Step::AddGroup { .. }) => {
                id.filter(|_| adds)
            }
            Err(SoapError::NotThere) if matches!(step, Step::List { add: false, .. }) => None,
            Err(error) => {
                let strikes =
                    matches!(step, Step::List { list: List::Pending | List::Reverse, .. });
                if strikes {
                    // Whether the question is struck off is the server's business.
                    return self.step_follows(now);
                }
                let text = failure("contact list", reply, &error);
                return self.edit_ends(now, Err(RequestError::Service(text)));
            }
        };
        if let Some(active) = &mut self.edits.active {
            active.added.clone_from(&added);
        }
        self.tell_step(now, &step, added);
    }

    /// Tells the server what a call changed, where it wants to know.
    fn tell_step(&mut self, now: Instant, step: &Step, added: Option<String>) {
        let told = match step {
            Step::List { account, list, add } if !matches!(list, List::Pending | List::Reverse) => {
                let network = self.roster.contact(account).map(|contact| contact.network);
                let mut listed = Listed::on(account, Lists(list.bit()));
                listed.network = network.unwrap_or(listed.network);
                let mut payloads = listing::write(&[listed], false, self.version);
                payloads.pop().map(|payload| (*add, payload))
            }
            _ => None,
        };
        let trid = self.notification.trid();
        if let Some(active) = &mut self.edits.active {
            active.trid = trid;
        }
        match (told, step) {
            (Some((add, payload)), _) => {
                self.say(&ClientCommand::TellLists { trid, add, payload: &payload });
            }
            (None, Step::Privacy { verb: "BLP", value }) => {
                self.say(&ClientCommand::Privacy { trid, verb: "BLP", value });
            }
            (None, Step::AddGroup { name }) => {
                let (name, change) = (name.clone(), GroupChange::Add);
                match added {
                    Some(group) => {
                        self.roster.add_group(&group, &name);
                        self.events.push_back(Event::GroupChanged { group, name, change });
                    }
                    None => self.resynchronize(now),
                }
                self.step_follows(now);
            }
            (None, _) => self.step_done(now, trid),
        }
    }
}
