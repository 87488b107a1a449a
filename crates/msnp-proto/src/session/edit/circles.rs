//! Steps of requests about circles, from MSNP18: calls of the web services.
//!
//! ```text
//! POST CreateCircle Gardeners                      200 00000000-0000-0000-0009-000000000001
//! POST CreateContact bob@example.com               200 an id in the circle's book
//! POST ManageWLConnection that id, "come in"       200
//! ```
//! What changed is read from the address book afterwards, and with it the ticket that opens circles anew.

use std::time::Instant;

use super::{INVITATION_LIMIT, Step, check_name, is_address};
use crate::{
    datagram::CIRCLE_NETWORK,
    session::{
        Circle, CircleStanding, Session,
        http::HttpReply,
        types::{ChatId, Command, Event, Invalid, RequestError},
        web::failure,
    },
    soap::{Answer, Call, circles},
};

/// One call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CircleStep {
    /// `ManageWLConnection` of the account.
    Answer { circle: ChatId, accept: bool },
    /// `ManageWLConnection` of whoever the step before wrote down.
    Ask { circle: ChatId, words: String },
    /// `CreateCircle`.
    Create { name: String },
    /// `ABFindContactsPaged` of the circle, for the account's own id there.
    FindSelf { circle: ChatId },
    /// `CreateContact`.
    Name { circle: ChatId, account: String },
    /// `BreakConnection`.
    Quit { circle: ChatId },
}

impl Session {
    /// Finds the steps of a request about circles.
    pub(super) fn plan_circle(&self, command: Command) -> Result<Vec<Step>, Invalid> {
        if !self.version.has_circles() {
            return Err(Invalid::NoCircles);
        }
        let known = |circle: &ChatId| self.roster.circle(circle).filter(|known| known.lasts);
        let own = |circle: &ChatId| {
            known(circle).filter(|known| known.is_member()).ok_or(Invalid::UnknownCircle)
        };
        let steps = match command {
            Command::AnswerCircle { circle, accept } => {
                if !known(&circle).is_some_and(Circle::is_asked) {
                    return Err(Invalid::NotAsked);
                }
                vec![CircleStep::Answer { circle, accept }]
            }
            Command::InviteToCircle { circle, account, words } => {
                if own(&circle)?.standing != (CircleStanding::Member { is_admin: true }) {
                    return Err(Invalid::NotAdmin);
                }
                let account = account.trim().to_lowercase();
                if !is_address(&account) {
                    return Err(Invalid::Address);
                }
                if self.is_own(&account) {
                    return Err(Invalid::Oneself);
                }
                let words = words.chars().take(INVITATION_LIMIT).collect();
                let name = CircleStep::Name { circle: circle.clone(), account };
                vec![name, CircleStep::Ask { circle, words }]
            }
            Command::LeaveCircle { circle } => {
                own(&circle)?;
                vec![CircleStep::FindSelf { circle: circle.clone() }, CircleStep::Quit { circle }]
            }
            Command::MakeCircle { name } => {
                check_name(&name)?;
                vec![CircleStep::Create { name }]
            }
            _ => Vec::new(),
        };
        Ok(steps.into_iter().map(Step::Circle).collect())
    }

    /// Makes the call of a step; none where the step before did not say whom it is about.
    pub(super) fn call_of_circle(&self, step: &CircleStep) -> Option<Call> {
        let caller = self.caller();
        let found = || self.edits.active.as_ref()?.added.as_deref();
        Some(match step {
            CircleStep::Answer { circle, accept } => {
                circles::answer(&caller, id_of(circle), *accept)
            }
            CircleStep::Ask { circle, words } => {
                circles::ask_member(&caller, id_of(circle), found()?, words)
            }
            CircleStep::Create { name } => circles::create(&caller, name, &self.notification.name),
            CircleStep::FindSelf { circle } => circles::find_members(&caller, id_of(circle)),
            CircleStep::Name { circle, account } => {
                circles::name_member(&caller, id_of(circle), account)
            }
            CircleStep::Quit { circle } => circles::leave(&caller, id_of(circle), found()?),
        })
    }

    /// Takes the answer to a step.
    pub(super) fn circle_reply(&mut self, now: Instant, step: CircleStep, reply: &HttpReply) {
        let answer = match self.answer(reply) {
            Ok(answer) => answer,
            Err(error) => {
                return self.circle_edit_fails(now, failure("service of circles", reply, &error));
            }
        };
        if let Some(why) = circles::read_refusal(&answer) {
            return self.circle_edit_fails(now, format!("the service of circles refused: {why}"));
        }
        if let Err(why) = self.circle_answered(now, step, &answer) {
            self.circle_edit_fails(now, why.to_owned());
        }
    }

    fn circle_answered(
        &mut self,
        now: Instant,
        step: CircleStep,
        answer: &Answer,
    ) -> Result<(), &'static str> {
        let found = match step {
            CircleStep::Create { .. } => {
                let id = circles::read_created(answer);
                let id = id.ok_or("the service of circles did not name the circle")?;
                let circle = ChatId::of_several(CIRCLE_NETWORK, &circles::address_of(&id));
                let request = self.edits.active.as_ref().and_then(|active| active.request);
                if let Some(request) = request {
                    self.events.push_back(Event::Made { request, chat: circle.clone() });
                }
                self.edit_goes_on_in_circle(now, circle);
                return Ok(());
            }
            CircleStep::Answer { circle, accept: true } => {
                self.edit_goes_on_in_circle(now, circle);
                return Ok(());
            }
            CircleStep::Answer { circle, accept: false } | CircleStep::Quit { circle } => {
                self.is_out(&circle);
                self.forget_circle(&circle);
                self.resynchronize(now);
                None
            }
            CircleStep::Name { .. } => {
                let id = circles::read_named(answer);
                Some(id.ok_or("the service of circles did not say whom it wrote down")?)
            }
            CircleStep::FindSelf { .. } => {
                let id = circles::read_member(answer, &self.config.account);
                Some(id.ok_or("the account is in no list of the circle's members")?)
            }
            CircleStep::Ask { .. } => None,
        };
        if let Some(active) = &mut self.edits.active {
            active.added = found;
        }
        self.step_follows(now);
        Ok(())
    }

    /// Reads the lists again; the request is done when this place is in the circle.
    fn edit_goes_on_in_circle(&mut self, now: Instant, circle: ChatId) {
        let active = self.edits.active.take();
        if let Some(request) = active.and_then(|active| active.request) {
            self.await_circle(now, circle, request);
        }
        self.resynchronize(now);
        self.edit_next(now);
    }

    fn circle_edit_fails(&mut self, now: Instant, why: String) {
        self.edit_ends(now, Err(RequestError::Service(why)));
    }
}

/// Gives the id by which the services know a circle.
fn id_of(circle: &ChatId) -> &str {
    let address = circle.several().map(|(_, address)| address).unwrap_or_default();
    address.split('@').next().unwrap_or_default()
}
