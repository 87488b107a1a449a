//! The roaming profile, from MSNP15: read once the account is online, changed when name, personal message
//! or picture change.
//!
//! A server need not have it: the first call that fails says why, and nothing more is asked for.

use std::{collections::VecDeque, time::Instant};

use super::{
    Session,
    http::{HttpReply, HttpRequest},
    types::{Command, Event, HttpId, Invalid, RequestError, RequestId, is_due},
    web::failure,
};
use crate::soap::{
    self, SoapError,
    storage::{self, Hold, PICTURE_LIMIT, RoamingProfile, media_type},
};

/// Most calls that wait.
const WAITING_LIMIT: usize = 64;

/// What is done about the roaming profile.
#[derive(Debug, Default)]
pub(super) struct Roaming {
    /// The account's id, which names the profile.
    cid: Option<String>,
    profile: Option<RoamingProfile>,
    /// Whether the application chose a name in this session: what the sign-in says is not kept.
    has_name: bool,
    /// Whether it chose a personal message: the profile's is taken where it did not.
    has_message: bool,
    active: Option<(HttpId, Task, Instant)>,
    waiting: VecDeque<Task>,
    /// Why there is no profile.
    without: Option<String>,
}

#[derive(Debug)]
enum Task {
    Read { request: Option<RequestId> },
    Keep { name: Option<String>, message: Option<String> },
    Fetch { request: RequestId },
    Picture { request: RequestId, image: Vec<u8>, step: PictureStep },
}

/// What is done next about a new picture.
#[derive(Debug)]
enum PictureStep {
    LetGo,
    LetGoShown,
    Create,
    Show { id: String },
}

impl Task {
    fn request(&self) -> Option<RequestId> {
        match self {
            Self::Fetch { request } | Self::Picture { request, .. } => Some(*request),
            Self::Read { request } => *request,
            Self::Keep { .. } => None,
        }
    }
}

impl Roaming {
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.active.as_ref().map(|(_, _, deadline)| *deadline)
    }

    /// Lets the call under way take so long, where there is one.
    pub(super) fn wait_until(&mut self, until: Instant) {
        if let Some((_, _, deadline)) = &mut self.active {
            *deadline = until;
        }
    }

    /// Gives the requests that nothing came of.
    pub(super) fn into_unsent(self) -> Vec<RequestId> {
        let active = self.active.map(|(_, task, _)| task);
        active.into_iter().chain(self.waiting).filter_map(|task| task.request()).collect()
    }

    /// Takes the account's id, which the address book tells.
    pub(super) fn know(&mut self, cid: Option<String>) {
        self.cid = cid;
    }

    /// Notes that the application chose a name.
    pub(super) fn has_name(&mut self) {
        self.has_name = true;
    }

    /// Notes that the application chose a personal message.
    pub(super) fn has_message(&mut self) {
        self.has_message = true;
    }
}

impl Session {
    /// Asks for the profile, where the version has one.
    pub(super) fn read_roaming(&mut self, now: Instant) {
        if self.version.has_profile() {
            self.roaming_task(now, Task::Read { request: None });
        }
    }

    /// Keeps the own name and personal message, as far as the application chose them and the server took
    /// them.
    pub(super) fn keep_roaming(&mut self, now: Instant) {
        // Where there is no profile, it was told why.
        let chosen = self.roaming.has_name || self.roaming.has_message;
        if self.version.has_profile() && chosen && self.roaming.without.is_none() {
            let name = self.roaming.has_name.then(|| self.notification.name.clone());
            let message = self.roaming.has_message.then(|| self.notification.personal.text.clone());
            self.roaming_task(now, Task::Keep { name, message });
        }
    }

    /// Does what the application asks about the profile; gives back what is not about it.
    pub(super) fn roaming_command(
        &mut self,
        now: Instant,
        request: RequestId,
        command: Command,
    ) -> Option<Command> {
        let task = match command {
            Command::ReadProfile => Task::Read { request: Some(request) },
            Command::FetchKeptPicture => Task::Fetch { request },
            Command::KeepPicture { image } => {
                if media_type(&image).is_none() || image.len() > PICTURE_LIMIT {
                    self.complete(request, Err(Invalid::Picture.into()));
                    return None;
                }
                Task::Picture { request, image, step: PictureStep::LetGo }
            }
            command => return Some(command),
        };
        if self.version.has_profile() {
            self.roaming_task(now, task);
        } else {
            self.complete(request, Err(Invalid::NoProfile.into()));
        }
        None
    }

    fn roaming_task(&mut self, now: Instant, task: Task) {
        if self.roaming.waiting.len() >= WAITING_LIMIT {
            return self.roaming_failed(&task, RequestError::Busy);
        }
        self.roaming.waiting.push_back(task);
        self.next_roaming_task(now);
    }

    fn next_roaming_task(&mut self, now: Instant) {
        while self.roaming.active.is_none() {
            let Some(mut task) = self.roaming.waiting.pop_front() else {
                return;
            };
            if let (Task::Keep { name, message }, Some(profile)) =
                (&mut task, &self.roaming.profile)
            {
                let kept = profile.message.as_deref().unwrap_or_default();
                name.take_if(|name| profile.name.as_deref() == Some(name));
                message.take_if(|message| message == kept);
                if name.is_none() && message.is_none() {
                    continue;
                }
            }
            match self.roaming_call(&mut task) {
                Ok(http) => {
                    let deadline = now + self.config.deadlines.step;
                    self.roaming.active = Some((http, task, deadline));
                }
                Err(error) => self.roaming_failed(&task, error),
            }
        }
    }

    /// Makes the next call of a task.
    fn roaming_call(&mut self, task: &mut Task) -> Result<HttpId, RequestError> {
        if let Some(why) = &self.roaming.without {
            return Err(RequestError::Service(why.clone()));
        }
        let ticket = self.tickets.storage();
        let Some(cid) = self.roaming.cid.clone() else {
            let why = "the address book does not tell the account's id".to_owned();
            return Err(self.without_roaming(why));
        };
        if let Task::Read { .. } = task {
            return Ok(self.call(storage::get_profile(&ticket, &cid)));
        }
        let Some(profile) = &self.roaming.profile else {
            return Err(RequestError::Service("the profile was not read yet".to_owned()));
        };
        let call = match task {
            Task::Read { .. } => storage::get_profile(&ticket, &cid),
            Task::Keep { name, message } => {
                storage::update_profile(&ticket, profile, name.as_deref(), message.as_deref())
            }
            Task::Fetch { .. } => {
                let picture = profile.picture.as_ref();
                let picture = picture.ok_or_else(|| told("the profile has no picture"))?;
                let url = picture_url(&self.config.services.storage, &picture.url);
                let url = url.ok_or_else(|| told("the picture's address cannot be used"))?;
                let limit = PICTURE_LIMIT;
                return Ok(self.ask(HttpRequest { limit, ..HttpRequest::get(url) }));
            }
            Task::Picture { image, step, .. } => {
                let old = profile.picture.as_ref().filter(|picture| !picture.id.is_empty());
                let shown = profile.expression.as_deref().unwrap_or(&profile.id);
                if let (PictureStep::LetGo | PictureStep::LetGoShown, None) = (&*step, old) {
                    *step = PictureStep::Create;
                }
                match (&*step, old) {
                    (PictureStep::LetGo, Some(old)) => {
                        storage::delete_relationship(&ticket, Hold::Pictures(&cid), &old.id)
                    }
                    (PictureStep::LetGoShown, Some(old)) => {
                        storage::delete_relationship(&ticket, Hold::Shown(shown), &old.id)
                    }
                    (PictureStep::Show { id }, _) => {
                        storage::create_relationship(&ticket, shown, id)
                    }
                    (_, _) => {
                        let media_type = media_type(image).unwrap_or("image/png");
                        storage::create_document(&ticket, &cid, media_type, image)
                    }
                }
            }
        };
        Ok(self.call(call))
    }

    /// Takes the answer to a call; gives back what is none.
    pub(super) fn roaming_reply(
        &mut self,
        now: Instant,
        id: HttpId,
        reply: HttpReply,
    ) -> Option<HttpReply> {
        let Some((_, task, _)) = self.roaming.active.take_if(|(http, ..)| *http == id) else {
            return Some(reply);
        };
        self.roaming_answered(task, &reply);
        self.next_roaming_task(now);
        None
    }

    fn roaming_answered(&mut self, task: Task, reply: &HttpReply) {
        if let Task::Fetch { request } = task {
            return self.picture_came(request, reply);
        }
        let answer = match soap::read_answer(reply.status, &reply.body) {
            Ok(answer) => answer,
            Err(error) => {
                let why = failure("roaming profile", reply, &error);
                let error = match &task {
                    Task::Read { .. } => self.without_roaming(why),
                    _ => RequestError::Service(why),
                };
                return self.roaming_failed(&task, error);
            }
        };
        match task {
            Task::Fetch { .. } => {}
            Task::Read { request } => match storage::read_profile(&answer) {
                Some(profile) => {
                    self.take_profile(profile);
                    self.roaming_done(request);
                }
                None => {
                    let error = SoapError::Unreadable(reply.status);
                    let error = self.without_roaming(failure("roaming profile", reply, &error));
                    self.roaming_failed(&Task::Read { request }, error);
                }
            },
            Task::Keep { name, message } => {
                if let Some(profile) = &mut self.roaming.profile {
                    profile.name = name.or(profile.name.take());
                    profile.message = message.or(profile.message.take());
                }
            }
            Task::Picture { request, image, step } => {
                let next = match step {
                    PictureStep::LetGo => PictureStep::LetGoShown,
                    PictureStep::LetGoShown => PictureStep::Create,
                    PictureStep::Create => match storage::read_created(&answer) {
                        Some(id) => PictureStep::Show { id },
                        None => {
                            let error = told("the service does not say that it kept the picture");
                            return self.complete(request, Err(error));
                        }
                    },
                    // What is there now is asked for, and then it is done.
                    PictureStep::Show { .. } => {
                        let read = Task::Read { request: Some(request) };
                        return self.roaming.waiting.push_front(read);
                    }
                };
                self.roaming.waiting.push_front(Task::Picture { request, image, step: next });
            }
        }
    }

    /// Takes what the profile says: name and personal message are the account's where it has none.
    fn take_profile(&mut self, profile: RoamingProfile) {
        let is_first = self.roaming.profile.is_none();
        let message = profile.message.clone().filter(|_| is_first && !self.roaming.has_message);
        let name = profile.name.clone().filter(|name| {
            let named = self.notification.name != self.config.account;
            is_first && !named && super::edit::check_name(name).is_ok()
        });
        self.roaming.profile = Some(profile.clone());
        self.events.push_back(Event::ProfileRead { profile });
        if let Some(message) = message {
            self.notification.personal.text = message;
            let trid = self.notification.trid();
            self.say_personal(trid);
        }
        if let Some(name) = name {
            let trid = self.notification.trid();
            self.say_name(trid, &name);
        }
    }

    fn picture_came(&mut self, request: RequestId, reply: &HttpReply) {
        match (reply.status, media_type(&reply.body)) {
            (200, Some(_)) => {
                let image = reply.body.clone();
                self.events.push_back(Event::KeptPicture { image });
                self.complete(request, Ok(()));
            }
            (200, None) => self.complete(request, Err(told("what is kept is no picture"))),
            (status, _) => {
                let why = failure("picture", reply, &SoapError::Unreadable(status));
                self.complete(request, Err(RequestError::Service(why)));
            }
        }
    }

    /// Notes that there is no profile.
    fn without_roaming(&mut self, why: String) -> RequestError {
        self.events.push_back(Event::ProfileSkipped { why: why.clone() });
        self.roaming.without = Some(why.clone());
        RequestError::Service(why)
    }

    fn roaming_done(&mut self, request: Option<RequestId>) {
        if let Some(request) = request {
            self.complete(request, Ok(()));
        }
    }

    fn roaming_failed(&mut self, task: &Task, error: RequestError) {
        match task {
            Task::Keep { .. } => {
                self.events.push_back(Event::ProfileSkipped { why: error.to_string() })
            }
            task => {
                if let Some(request) = task.request() {
                    self.complete(request, Err(error));
                }
            }
        }
    }

    pub(super) fn roaming_timeout(&mut self, now: Instant) {
        let late = self.roaming.active.take_if(|(_, _, deadline)| is_due(Some(*deadline), now));
        let Some((_, task, _)) = late else {
            return;
        };
        match &task {
            Task::Read { .. } => {
                let error = self.without_roaming("the roaming profile did not come in time".into());
                self.roaming_failed(&task, error);
            }
            _ => self.roaming_failed(&task, RequestError::Unconfirmed),
        }
        self.next_roaming_task(now);
    }
}

fn told(why: &str) -> RequestError {
    RequestError::Service(why.to_owned())
}

/// Gives the address of a picture: its own, or a path at the service's host.
fn picture_url(service: &str, url: &str) -> Option<String> {
    if url.starts_with("http://") || url.starts_with("https://") {
        return Some(url.to_owned());
    }
    let host = service.find("://").map(|at| at + 3)?;
    let end = service[host..].find('/').map_or(service.len(), |at| host + at);
    url.starts_with('/').then(|| format!("{}{url}", &service[..end]))
}
