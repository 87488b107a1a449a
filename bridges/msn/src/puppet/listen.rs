//! What a session tells, on its way into the core.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
    time::Duration,
};

use bridge_core::{
    AcceptError, Puppet as _, PuppetContext, PuppetExit,
    id::{ChatId, NetworkId, RowId, SourceId, Timestamp},
    model::{
        ContactChange, ContactDelta, Event, EventKind, Membership, MembershipChange, Persona,
        Scope, Signal,
    },
};
use msnp::{CloseReason, Events, Extra, OfflineMessage};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

use super::{MsnPuppet, exit};
use crate::{
    clips::{self, Clip, Shown},
    connector::NETWORK,
    emoticons::{self, OwnShortcuts},
    faces::Faces,
    files::Incoming,
    translate, words,
};

/// How long somebody counts as writing after she said so (docs: protocol, typing).
const TYPING_LAPSES: Duration = Duration::from_secs(6);
/// How long to wait before a full inbox is tried again.
const INBOX_RETRY: Duration = Duration::from_millis(500);

impl MsnPuppet {
    /// Names a file's transfer among all events of the account.
    pub(crate) fn source_of_transfer(&self, transfer: msnp::TransferId) -> String {
        let began = *self.began.lock().unwrap_or_else(PoisonError::into_inner);
        format!("{}/{began}/transfer/{}", self.login, transfer.0)
    }

    /// Takes events in until the session ends.
    pub(super) async fn listen(
        self: &Arc<Self>,
        cx: &PuppetContext,
        events: &mut Events,
        incoming: &mut Incoming,
    ) -> PuppetExit {
        let network = NetworkId::new(NETWORK);
        let began = Timestamp::now().0;
        *self.began.lock().unwrap_or_else(PoisonError::into_inner) = began;
        let mut acknowledged = JoinSet::new();
        let mut faces = Faces::default();
        let mut own_shortcuts = OwnShortcuts::default();
        let mut typing: HashMap<msnp::ChatId, (Persona, Instant)> = HashMap::new();
        loop {
            let lapse = typing.values().map(|(_, end)| *end).min();
            let lapsed = async {
                match lapse {
                    Some(end) => sleep_until(end).await,
                    None => std::future::pending().await,
                }
            };
            let event = tokio::select! {
                event = events.next() => event,
                () = lapsed => {
                    let now = Instant::now();
                    typing.retain(|chat, (from, end)| {
                        let writes = *end > now;
                        if !writes {
                            let off = Signal::Typing { on: false };
                            cx.inbox.signal(&network, self.scope(chat), from.clone(), off);
                        }
                        writes
                    });
                    continue;
                }
                () = cx.cancel.cancelled() => return PuppetExit::Cancelled,
            };
            match event {
                Some(msnp::Event::Message { chat, from, name, text, link, number }) => {
                    typing.remove(&chat);
                    let own = own_shortcuts.take(&chat, &from);
                    let letters: Vec<String> =
                        own.iter().map(|picture| picture.shortcut.clone()).collect();
                    let mut content = translate::content(&text, &letters);
                    let (whose, words) = ((&chat, from.as_str()), &content.text.plain);
                    content.emoticons =
                        emoticons::named(self, cx, whose, own, words, &mut incoming.kept).await;
                    let kind = EventKind::Message(content);
                    let source = format!("{}/{began}/{}/{number}", self.login, link.0);
                    self.accept(cx, &chat, self.speaker(&from, &name), source, kind).await;
                    faces.look(self, &chat, &from);
                }
                Some(msnp::Event::Nudge { chat, from, name, link, number }) => {
                    let source = format!("{}/{began}/{}/{number}", self.login, link.0);
                    let from = self.speaker(&from, &name);
                    self.accept(cx, &chat, from, source, EventKind::Nudge).await;
                }
                Some(msnp::Event::Extra { chat, from, extra: Extra::Emoticons(list), .. }) => {
                    own_shortcuts.remember(&chat, &from, list);
                }
                Some(msnp::Event::Extra { chat, from, name, extra, link, number }) => {
                    let source = format!("{}/{began}/{}/{number}", self.login, link.0);
                    let from = self.speaker(&from, &name);
                    let clip = match &extra {
                        Extra::Voice(description) => Some(Clip::Voice(description.clone())),
                        Extra::Wink(description) => Some(Clip::Wink(description.clone())),
                        _ => None,
                    };
                    if let Some(clip) = clip {
                        let shown = Shown { chat, sender: from, source, at: Timestamp::now() };
                        let (puppet, cx) = (Arc::clone(self), cx.clone());
                        incoming.kept.spawn(clips::tell(puppet, cx, clip, shown));
                    } else if let Some(kind) = translate::extra(cx, extra).await {
                        self.accept(cx, &chat, from, source, kind).await;
                    }
                }
                // The account itself writes, at another place.
                Some(msnp::Event::Typing { from, .. }) if self.is_oneself(&from) => {}
                Some(msnp::Event::Typing { chat, from, name }) => {
                    let from = self.persona(&from, Some(&name));
                    let on = Signal::Typing { on: true };
                    cx.inbox.signal(&network, self.scope(&chat), from.clone(), on);
                    typing.insert(chat, (from, Instant::now() + TYPING_LAPSES));
                }
                Some(msnp::Event::Grew { from, chat }) => {
                    if self.several.grew(&from) {
                        self.tell_grown(cx, &from, &chat).await;
                    }
                }
                Some(msnp::Event::Joined { chat, account, name }) if chat.is_group() => {
                    self.several.joined(&chat, &account, &name);
                    let person = self.persona(&account, Some(&name));
                    self.tell_membership(cx, &chat, person, Membership::Join).await;
                }
                Some(msnp::Event::Left { chat, account }) if chat.is_group() => {
                    self.several.left(&chat, &account);
                    let person = self.persona(&account, None);
                    self.tell_membership(cx, &chat, person, Membership::Leave).await;
                }
                Some(msnp::Event::Presence { account }) => {
                    faces.look_again(self, &account);
                    if let Some(contact) = self.contact(&account) {
                        let scope = self.scope(&msnp::ChatId::with(&account));
                        let presence = Signal::Presence(translate::presence(&contact));
                        cx.inbox.signal(&network, scope, self.persona(&account, None), presence);
                    }
                }
                Some(msnp::Event::ContactChanged { .. } | msnp::Event::GroupChanged { .. }) => {
                    cx.inbox.contacts_changed(&self.login);
                }
                Some(msnp::Event::AddedBy { account, name }) => {
                    if self.contact(&account).is_some_and(|contact| contact.asks) {
                        let person = self.persona(&account, Some(&name));
                        self.tell_delta(cx, person, ContactChange::AddedUs).await;
                    }
                }
                Some(msnp::Event::RemovedBy { account }) => {
                    let person = self.persona(&account, None);
                    self.tell_delta(cx, person, ContactChange::RemovedUs).await;
                }
                Some(msnp::Event::OfflineMessage { message }) => {
                    let id = message.id.clone();
                    if self.accept_offline(cx, message).await
                        && let Ok(handle) = self.handle()
                    {
                        // Where it fails, the message comes again and is known by its name.
                        acknowledged.spawn(async move {
                            let deleted = handle.acknowledge_offline(vec![id]).await;
                            if let Err(error) = deleted {
                                tracing::warn!(%error, "an offline message stays at the server");
                            }
                        });
                        while acknowledged.try_join_next().is_some() {}
                    }
                }
                Some(msnp::Event::Transfer(event)) => {
                    incoming.take(self, cx, &event).await;
                    let event = self.objects.take(event);
                    if let Some(event) = event.and_then(|event| faces.take(self, cx, event)) {
                        self.outgoing.take(event);
                    }
                }
                Some(msnp::Event::Online { .. }) => self.tell_requests(cx).await,
                Some(msnp::Event::Closed { reason }) => return exit(reason),
                Some(_) => {}
                None => return exit(CloseReason::LinkLost("the session ended".to_owned())),
            }
        }
    }

    fn is_oneself(&self, account: &str) -> bool {
        self.config.account.eq_ignore_ascii_case(account)
    }

    /// Names who says something: a contact, or the account itself at another of its places.
    fn speaker(&self, account: &str, name: &str) -> Persona {
        match self.is_oneself(account) {
            true => Persona { name: Some(words::shown(name)), ..self.oneself() },
            false => self.persona(account, Some(name)),
        }
    }

    /// Tells the core that a conversation the account asked somebody into is another one now.
    async fn tell_grown(&self, cx: &PuppetContext, from: &msnp::ChatId, to: &msnp::ChatId) {
        let (from, to) = (ChatId::new(from.as_str()), ChatId::new(to.as_str()));
        loop {
            match cx.inbox.chat_grew(&self.login, &from, &to).await {
                Ok(()) => return,
                Err(error @ (AcceptError::Busy | AcceptError::Store(_))) => {
                    tracing::warn!(login = ?self.login, %error, "a change waits to be stored");
                }
                Err(_) => return,
            }
            tokio::select! {
                () = sleep(INBOX_RETRY) => {}
                () = cx.cancel.cancelled() => return,
            }
        }
    }

    async fn tell_membership(
        &self,
        cx: &PuppetContext,
        chat: &msnp::ChatId,
        person: Persona,
        membership: Membership,
    ) {
        let source = format!("{}/people/{}", self.login, RowId::new());
        let change = MembershipChange { person: person.clone(), membership };
        self.accept(cx, chat, person, source, EventKind::Membership(change)).await;
    }

    /// Tells the core who asks to be a contact; it knows whom it was told of before.
    async fn tell_requests(&self, cx: &PuppetContext) {
        for person in self.requests().await {
            self.tell_delta(cx, person, ContactChange::AddedUs).await;
        }
    }

    async fn tell_delta(&self, cx: &PuppetContext, person: Persona, change: ContactChange) {
        let source = format!("{}/lists/{}", self.login, person.id);
        let kind = EventKind::ContactDelta(ContactDelta { person: person.clone(), change });
        let (scope, at) = (Scope::Login(self.login.clone()), Timestamp::now());
        self.accept_in(cx, scope, person, source, at, kind).await;
    }

    pub(crate) async fn accept(
        &self,
        cx: &PuppetContext,
        chat: &msnp::ChatId,
        sender: Persona,
        source: String,
        kind: EventKind,
    ) {
        self.accept_at(cx, chat, sender, source, Timestamp::now(), kind).await;
    }

    /// As [`accept`](Self::accept), of what happened a while ago.
    pub(crate) async fn accept_at(
        &self,
        cx: &PuppetContext,
        chat: &msnp::ChatId,
        sender: Persona,
        source: String,
        at: Timestamp,
        kind: EventKind,
    ) {
        self.accept_in(cx, self.scope(chat), sender, source, at, kind).await;
    }

    /// Takes in what was said while the account was away; tells whether it is stored.
    async fn accept_offline(&self, cx: &PuppetContext, message: OfflineMessage) -> bool {
        let scope = self.scope(&msnp::ChatId::with(&message.from));
        let sender = self.persona(&message.from, message.name.as_deref());
        let source = format!("{}/offline/{}", self.login, message.id);
        let now = Timestamp::now();
        // A clock that is wrong makes nobody speak in days to come.
        let at = message.sent.map(|sent| Timestamp(sent.saturating_mul(1000)));
        let at = at.filter(|at| *at <= now).unwrap_or(now);
        let text = msnp::Text::plain(message.text);
        let kind = EventKind::Message(translate::content(&text, &[]));
        self.accept_in(cx, scope, sender, source, at, kind).await
    }

    /// Hands an event to the inbox, again and again until it is stored: nobody says it twice here. Tells
    /// whether it is.
    async fn accept_in(
        &self,
        cx: &PuppetContext,
        scope: Scope,
        sender: Persona,
        source: String,
        at: Timestamp,
        kind: EventKind,
    ) -> bool {
        let event = Event {
            network: NetworkId::new(NETWORK),
            source: SourceId::new(source),
            message: None,
            at,
            scope,
            sender,
            kind,
        };
        loop {
            match cx.inbox.accept_all(vec![event.clone()], None).await {
                Ok(()) => return true,
                Err(error @ (AcceptError::Busy | AcceptError::Store(_))) => {
                    tracing::warn!(login = ?self.login, %error, "an event waits to be stored");
                }
                Err(error) => {
                    tracing::warn!(login = ?self.login, %error, "an event was not accepted");
                    return false;
                }
            }
            tokio::select! {
                () = sleep(INBOX_RETRY) => {}
                () = cx.cancel.cancelled() => {
                    tracing::warn!(login = ?self.login, "an event was not accepted before the end");
                    return false;
                }
            }
        }
    }
}
