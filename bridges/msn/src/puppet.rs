//! One account, signed in.

mod appear;
mod listen;
mod several;
mod typing;

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use self::{several::Several, typing::Writing};
use crate::{
    connector::NETWORK,
    contacts,
    emoticons::{self, Shown},
    files::{Incoming, Outgoing},
    login::is_address,
    objects::Objects,
    texts, translate, words,
};
use async_trait::async_trait;
use bridge_core::{
    DeliverError, Inbox, Puppet, PuppetContext, PuppetExit,
    connector::{ContactEdit, GroupEdit, SelfPatch, TraceRequest},
    id::{ChatId, LoginId, NetworkId, PersonaId},
    model::{
        Capabilities, ChatFacts, Contact, Delivery, DeliveryState, EventKind, Persona, Receipt,
        Reject, Scope, ShownFates, Signal, Styles,
    },
    shown,
};
use msnp::{CloseReason, ConnectError, Handle, RequestError};

/// What a conversation of MSN can show, whoever's account it is.
pub const CAPABILITIES: Capabilities = Capabilities {
    emoticons: Some(emoticons::BOUNDS),
    nudge: true,
    styles: Styles::Message,
    typing: true,
    ..Capabilities::NONE
};

/// An account and, while it is online, the way to its session.
pub(crate) struct MsnPuppet {
    login: LoginId,
    config: msnp::Config,
    /// Of an account of the bridge's own: who must be on its list, so that she can be spoken to. None
    /// for somebody's account.
    keeps: Option<Vec<String>>,
    session: Mutex<Option<Handle>>,
    /// How it was last told to appear.
    wishes: Mutex<SelfPatch>,
    /// Files on their way to contacts.
    outgoing: Outgoing,
    /// What contacts' clients offer, on its way.
    pub(crate) objects: Objects,
    /// Pictures for letters that are served.
    pub(crate) shown: Shown,
    /// Conversations of several.
    several: Several,
    /// Where events go, once it ran.
    inbox: OnceLock<Arc<dyn Inbox>>,
    /// The chats its owner writes in.
    writing: Writing,
    /// When the session began, which tells its links and transfers from those of others.
    began: Mutex<u64>,
}

impl MsnPuppet {
    pub(crate) fn new(login: LoginId, config: msnp::Config, keeps: Option<Vec<String>>) -> Self {
        Self {
            login,
            config,
            keeps,
            session: Mutex::new(None),
            wishes: Mutex::default(),
            outgoing: Outgoing::new(),
            objects: Objects::default(),
            shown: Shown::default(),
            several: Several::default(),
            inbox: OnceLock::new(),
            writing: Writing::default(),
            began: Mutex::default(),
        }
    }

    fn session(&self) -> MutexGuard<'_, Option<Handle>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn handle(&self) -> Result<Handle, DeliverError> {
        let handle = self.session().clone();
        handle.ok_or_else(|| DeliverError::retry("the account is not signed in"))
    }

    fn roster(&self) -> Option<msnp::Roster> {
        self.session().as_ref().map(Handle::roster)
    }

    /// The session, for a wish that does not wait for one.
    fn online(&self) -> Result<Handle, DeliverError> {
        self.session().clone().ok_or_else(|| unwilling(RequestError::NotSignedIn))
    }

    /// Finds a contact as she is now; none while the account is not signed in.
    pub(crate) fn contact(&self, account: &str) -> Option<msnp::Contact> {
        self.session().as_ref()?.contact(account)
    }

    /// Names somebody as her own record has her, or as she came.
    pub(crate) fn persona(&self, account: &str, name: Option<&str>) -> Persona {
        let contact = self.contact(account);
        // A list may know only the address of somebody who was put on it without having been seen.
        let known = contact.as_ref().map(msnp::Contact::shown_name).filter(|name| *name != account);
        let name = known.or(name).map(words::shown).filter(|name| !name.is_empty());
        Persona {
            network: NetworkId::new(NETWORK),
            id: PersonaId::new(account.to_lowercase()),
            name,
        }
    }

    fn scope(&self, chat: &msnp::ChatId) -> Scope {
        Scope::Chat { login: self.login.clone(), chat: ChatId::new(chat.as_str()) }
    }

    /// Passes on something ephemeral of a conversation.
    pub(crate) fn signal_in(
        &self,
        cx: &PuppetContext,
        chat: &msnp::ChatId,
        from: Persona,
        signal: Signal,
    ) {
        cx.inbox.signal(&NetworkId::new(NETWORK), self.scope(chat), from, signal);
    }

    /// Makes the account appear as it shall, and puts those on its list who must be there and are not.
    async fn settle_in(&self, handle: &Handle) -> Infallible {
        self.appear_again(handle).await;
        for account in self.keeps.iter().flatten() {
            let listed = handle.contact(account).is_some_and(|contact| contact.is_contact());
            if listed {
                continue;
            }
            if let Err(error) = handle.add_contact(account, None).await {
                tracing::warn!(login = ?self.login, %error, "a contact of a relay was not added");
            }
        }
        std::future::pending().await
    }

    /// Leaves words for somebody who is away, where the server keeps them.
    async fn leave(&self, handle: &Handle, chat: &ChatId, words: &str) -> Result<(), RequestError> {
        match handle.leave_offline(chat.as_str(), words).await {
            Err(RequestError::Invalid(_)) => Err(RequestError::NotOnline),
            left => left,
        }
    }
}

#[async_trait]
impl Puppet for MsnPuppet {
    fn login(&self) -> &LoginId {
        &self.login
    }

    fn capabilities(&self) -> Capabilities {
        // Somebody's account says nothing that she did not say; the bridge's own may.
        let fates = if self.keeps.is_some() { ShownFates::Failures } else { ShownFates::Nothing };
        // A relay's contacts are called together by nobody.
        Capabilities { fates, membership: self.keeps.is_none(), ..CAPABILITIES }
    }

    fn capabilities_in(&self, chat: &ChatId) -> Capabilities {
        // Clients of generation 0 know no transfers, and for those of the bridge's own accounts there are
        // several people in one chat.
        let takes_files = |contact: msnp::Contact| {
            contact.capabilities.generation() > 0 && contact.status != msnp::Status::Offline
        };
        let files = self.keeps.is_none() && self.contact(chat.as_str()).is_some_and(takes_files);
        Capabilities { files, ..self.capabilities() }
    }

    fn server(&self) -> String {
        self.config.server.clone()
    }

    fn heard(&self) -> Option<u64> {
        self.session().as_ref().map(Handle::heard)
    }

    fn last_lines(&self) -> Vec<String> {
        self.config.trace.last_lines()
    }

    async fn run(self: Arc<Self>, cx: PuppetContext) -> PuppetExit {
        let connected = tokio::select! {
            connected = msnp::connect(self.config.clone()) => connected,
            () = cx.cancel.cancelled() => return PuppetExit::Cancelled,
        };
        self.inbox.get_or_init(|| Arc::clone(&cx.inbox));
        let (handle, mut events) = match connected {
            Ok(connected) => connected,
            Err(ConnectError::Ended(reason)) => return exit(reason),
            Err(error) => return PuppetExit::ProtocolBug(error.to_string()),
        };
        *self.session() = Some(handle.clone());
        self.shown.forget();
        cx.online.send_replace(true);
        let mut incoming = Incoming::default();
        let ended = tokio::select! {
            ended = self.listen(&cx, &mut events, &mut incoming) => ended,
            never = self.outgoing.tell(&self, &cx) => match never {},
            never = self.settle_in(&handle) => match never {},
        };
        cx.online.send_replace(false);
        *self.session() = None;
        self.writing.end_all();
        self.outgoing.interrupt();
        self.objects.interrupt();
        self.several.forget();
        incoming.finish().await;
        handle.sign_out().await;
        events.finish().await;
        ended
    }

    async fn deliver(&self, chat: &ChatId, item: &Delivery) -> Result<Receipt, DeliverError> {
        let handle = self.handle()?;
        let to = msnp::ChatId::from_text(chat.as_str());
        let sent = match &item.event.kind {
            EventKind::Message(content) => {
                self.writing.end(chat);
                let text = translate::text(content, item.maybe_double);
                let words = text.words.clone();
                if !item.pictures.is_empty() {
                    emoticons::show(self, &handle, &to, content, &item.pictures).await;
                }
                match handle.send_text(&to, text).await {
                    // Kept for her, which is not delivered yet.
                    Err(RequestError::NotOnline) => match self.leave(&handle, chat, &words).await {
                        Ok(()) => return Ok(Receipt::default()),
                        left => left,
                    },
                    sent => sent,
                }
            }
            EventKind::File(file) if item.media.is_some() => {
                let source = |transfer| self.source_of_transfer(transfer);
                let offered = self.outgoing.offer(&handle, &to, file, item, source).await;
                return offered.map_err(|error| {
                    let peer = self.persona(chat.as_str(), None);
                    translate::refusal(error, &shown::name(peer.shown_name()))
                });
            }
            EventKind::Membership(change) => {
                return self.change_people(&handle, chat, change).await;
            }
            EventKind::Nudge => handle.send_nudge(&to).await,
            EventKind::Delivery {
                state:
                    DeliveryState::Failed { tell_user, .. } | DeliveryState::Unknown { tell_user },
                ..
            } => {
                let notice = texts::not_everybody_got_your_last(tell_user);
                handle.send_text(&to, msnp::Text::plain(notice)).await
            }
            _ => {
                return Err(DeliverError::Reject {
                    reason: Reject::Unsupported,
                    tell_user: texts::MSN_CANNOT_CARRY_THIS.to_owned(),
                });
            }
        };
        let peer = self.persona(chat.as_str(), None);
        match sent {
            Ok(()) => Ok(Receipt { delivered_to: vec![peer.id], ..Receipt::default() }),
            Err(error) => Err(translate::refusal(error, &shown::name(peer.shown_name()))),
        }
    }

    async fn signal(&self, chat: &ChatId, signal: &Signal) -> Result<(), DeliverError> {
        match signal {
            Signal::Typing { on: true } => {
                let said = self.writing.begin(self.handle()?, chat).await;
                said.map_err(|error| translate::refusal(error, chat.as_str()))
            }
            // MSN has no word for having stopped: it lapses.
            Signal::Typing { on: false } => {
                self.writing.end(chat);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn chat_with(&self, person: &PersonaId) -> Result<(ChatId, Persona), DeliverError> {
        if !is_address(person.as_str()) {
            return Err(DeliverError::Reject {
                reason: Reject::UnknownRecipient,
                tell_user: texts::THAT_IS_NO_ADDRESS.to_owned(),
            });
        }
        let chat = msnp::ChatId::with(person.as_str());
        Ok((ChatId::new(chat.as_str()), self.persona(person.as_str(), None)))
    }

    fn facts_of(&self, chat: &ChatId) -> Option<ChatFacts> {
        Some(self.facts(chat))
    }

    async fn leave_chat(&self, chat: &ChatId) -> Result<(), DeliverError> {
        self.leave_several(chat).await
    }

    async fn contacts(&self) -> Vec<Contact> {
        let Some(roster) = self.roster() else {
            return Vec::new();
        };
        let contacts = roster.contacts().filter(|contact| contact.is_contact());
        contacts
            .map(|contact| Contact {
                persona: self.persona(&contact.account, None),
                presence: translate::presence(contact),
                groups: roster.group_names(contact),
                blocked: contact.lists.has(msnp::List::Block),
            })
            .collect()
    }

    async fn requests(&self) -> Vec<Persona> {
        let Some(roster) = self.roster() else {
            return Vec::new();
        };
        roster.requests().map(|asking| self.persona(&asking.account, None)).collect()
    }

    async fn groups(&self) -> Vec<String> {
        let groups = self.roster().map(|roster| roster.groups().map(|group| group.name).collect());
        groups.unwrap_or_default()
    }

    async fn open_to_everybody(&self) -> Option<bool> {
        self.roster()?.privacy().everybody
    }

    async fn troubles(&self) -> Vec<String> {
        self.roster().map(|roster| contacts::troubles(&roster)).unwrap_or_default()
    }

    async fn edit_contact(
        &self,
        person: &PersonaId,
        edit: ContactEdit,
    ) -> Result<(), DeliverError> {
        let account = person.as_str();
        if !is_address(account) {
            return Err(DeliverError::Reject {
                reason: Reject::UnknownRecipient,
                tell_user: texts::THAT_IS_NO_ADDRESS.to_owned(),
            });
        }
        contacts::edit(&self.online()?, account, edit).await
    }

    async fn edit_group(&self, edit: GroupEdit) -> Result<(), DeliverError> {
        contacts::edit_group(&self.online()?, edit).await
    }

    async fn set_open_to_everybody(&self, open: bool) -> Result<(), DeliverError> {
        self.online()?.set_privacy(open).await.map_err(unwilling)
    }

    async fn export_contacts(&self) -> Result<String, DeliverError> {
        let roster = self.online()?.roster();
        let contacts = roster.contacts().filter(|contact| contact.is_contact());
        Ok(msnp::ctt::write(contacts.map(|contact| contact.account.as_str())))
    }

    fn read_contacts(&self, text: &str) -> Result<Vec<PersonaId>, DeliverError> {
        contacts::read(text)
    }

    fn trace(&self, request: Option<TraceRequest>) -> Result<(), DeliverError> {
        let Some(TraceRequest { file, time, names }) = request else {
            self.config.trace.stop();
            return Ok(());
        };
        self.config.trace.start(&file, time, names).map_err(|error| DeliverError::Reject {
            reason: Reject::Forbidden,
            tell_user: texts::cannot_be_written(file.display(), &error),
        })
    }

    async fn set_self(&self, patch: SelfPatch) -> Result<(), DeliverError> {
        self.appear(patch).await.map_err(unwilling)
    }
}

/// Says why the account's own wish was not done.
pub(crate) fn unwilling(error: RequestError) -> DeliverError {
    match error {
        RequestError::NotSignedIn => DeliverError::Reject {
            reason: Reject::Offline,
            tell_user: texts::THE_ACCOUNT_IS_NOT_CONNECTED_NOW.to_owned(),
        },
        RequestError::Invalid(invalid) => {
            let mut words = invalid.to_string();
            if let Some(first) = words.get_mut(..1) {
                first.make_ascii_uppercase();
            }
            DeliverError::Reject { reason: Reject::Unsupported, tell_user: format!("{words}.") }
        }
        error => DeliverError::Reject {
            reason: Reject::Unsupported,
            tell_user: texts::msn_did_not_do_it(&error),
        },
    }
}

/// Says what the end of a session means for what comes next.
fn exit(reason: CloseReason) -> PuppetExit {
    match reason {
        CloseReason::AuthRejected => {
            PuppetExit::AuthRejected(texts::THE_SERVER_REFUSED_THE_ADDRESS.to_owned())
        }
        CloseReason::TermsOfUse => PuppetExit::AuthRejected(
            texts::THE_SERVER_WANTS_ITS_TERMS_OF_USE
                .to_owned(),
        ),
        CloseReason::SignedInElsewhere => PuppetExit::KickedElsewhere,
        CloseReason::ServerDown => PuppetExit::ServerDraining,
        CloseReason::SignedOut => PuppetExit::Cancelled,
        CloseReason::NoCommonVersion => PuppetExit::ProtocolBug(
            "the server speaks none of the protocols offered: `protocol` in its [[msn.server]] block \
             says which"
                .to_owned(),
        ),
        CloseReason::Protocol(_) => PuppetExit::ProtocolBug(reason.to_string()),
        reason => {
            let after = match reason {
                CloseReason::ComeBackLater { minutes } => {
                    Some(Duration::from_secs(60 * u64::from(minutes)))
                }
                CloseReason::Moved => Some(Duration::from_secs(1)),
                _ => None,
            };
            PuppetExit::Transient { reason: reason.to_string(), after }
        }
    }
}
