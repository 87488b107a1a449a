//! A directory in memory.

mod account;
mod circles;
mod datagrams;
mod lists;
mod talks;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use msnp_proto::{
    auth::md5_hash,
    command::{Capabilities, List, Status},
    msg::Endpoint,
};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::{sync::mpsc, task::JoinSet};

use self::circles::Gathering;
use crate::{
    circle::CircleId,
    directory::{
        CallError, ChatPush, Directory, EditError, Entry, Group, GroupEdit, Keep, Kept, ListEdit,
        Member, Picture, PresenceOf, Privacy, Profile, Push, SessionId, Shown, Stored, TalkId,
    },
    script,
    users::{self, User, UsersError},
};

/// Users, lists and conversations in memory; cheap to clone, all clones are one.
#[derive(Clone, Default)]
pub struct MemoryDirectory(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    accounts: BTreeMap<String, Account>,
    circles: BTreeMap<CircleId, Gathering>,
    talks: BTreeMap<TalkId, BTreeMap<String, mpsc::Sender<ChatPush>>>,
    last_id: u64,
}

struct Account {
    user: User,
    status: Status,
    capabilities: Capabilities,
    object: Option<String>,
    personal: Arc<[u8]>,
    entries: BTreeMap<String, Entry>,
    groups: Vec<Group>,
    /// Who is on no list any more; the last ones.
    gone: VecDeque<Entry>,
    /// Groups that are no more; the last ones.
    gone_groups: VecDeque<Group>,
    privacy: Privacy,
    /// What others wrote when they asked, by their addresses.
    invitations: BTreeMap<String, String>,
    attached: Vec<Attached>,
    /// What was said to it while it was away.
    offline: Vec<Stored>,
    kept: Kept,
}

/// Most messages kept for one account.
const OFFLINE_LIMIT: usize = 200;

/// One client of an account.
struct Attached {
    session: SessionId,
    /// The place it is at, from MSNP16.
    place: Option<Endpoint>,
    /// What it said of the account, and when: the larger the later.
    shown: Option<(u64, Shown)>,
    /// Whether it takes datagrams, and is in no conversations.
    takes_datagrams: bool,
    pushes: mpsc::Sender<Push>,
}

impl MemoryDirectory {
    /// Makes a directory of users.
    pub fn new(users: Vec<User>) -> Self {
        let directory = Self::default();
        for user in users {
            directory.add(user);
        }
        directory
    }

    /// Reads users from a TOML file.
    ///
    /// # Errors
    /// [`UsersError`] names the file or the line.
    pub fn load(path: &Path) -> Result<Self, UsersError> {
        users::load(path).map(Self::new)
    }

    /// Reads users from TOML text.
    ///
    /// # Errors
    /// [`UsersError`] names the line.
    pub fn parse(text: &str) -> Result<Self, UsersError> {
        users::parse(text).map(Self::new)
    }

    /// Adds a user, and puts her on the lists of those she names or who name her.
    pub fn add(&self, mut user: User) {
        if user.name.is_empty() {
            user.name.clone_from(&user.address);
        }
        let mut inner = self.inner();
        let key = key(&user.address);
        let personal = personal_of(&user.status_message);
        let kept = Kept { message: user.status_message.clone(), picture: None };
        let contacts: BTreeSet<String> =
            user.contacts.iter().map(|contact| self::key(contact)).collect();
        inner.accounts.insert(
            key.clone(),
            Account {
                user,
                status: Status::Offline,
                capabilities: Capabilities::default(),
                object: None,
                personal,
                entries: BTreeMap::new(),
                groups: Vec::new(),
                gone: VecDeque::new(),
                gone_groups: VecDeque::new(),
                privacy: Privacy::default(),
                invitations: BTreeMap::new(),
                attached: Vec::new(),
                offline: Vec::new(),
                kept,
            },
        );
        for contact in contacts {
            inner.befriend(&key, &contact);
        }
        let others: Vec<String> = inner.accounts.keys().cloned().collect();
        for other in others {
            let names =
                |account: &Account| account.user.contacts.iter().any(|name| self::key(name) == key);
            if other != key && inner.accounts.get(&other).is_some_and(names) {
                inner.befriend(&other, &key);
            }
        }
    }

    /// Signs an account out, as its operator might.
    pub fn kick(&self, account: &str) {
        let inner = self.inner();
        if let Some(found) = inner.accounts.get(&key(account)) {
            found.tell(&Push::Kicked);
        }
    }

    /// Tells whether an account is attached and shows it.
    pub fn is_present(&self, account: &str) -> bool {
        self.inner().accounts.get(&key(account)).is_some_and(Account::is_shown)
    }

    /// Starts the scripted users; they run until the set is dropped.
    pub(crate) fn start_scripts(&self, tasks: &mut JoinSet<()>) {
        let inner = self.inner();
        for account in inner.accounts.values() {
            if let Some(script) = account.user.script {
                let directory: Arc<dyn Directory> = Arc::new(self.clone());
                tasks.spawn(script::play(script, account.user.address.clone(), directory));
            }
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Directory for MemoryDirectory {
    async fn authenticate(&self, account: &str, password: &SecretString) -> Option<Profile> {
        let inner = self.inner();
        let found = inner.accounts.get(&key(account))?;
        let right = found.user.password.expose_secret() == password.expose_secret();
        right.then(|| found.profile())
    }

    async fn verify_hash(&self, account: &str, challenge: &str, hash: &str) -> Option<Profile> {
        let inner = self.inner();
        let found = inner.accounts.get(&key(account))?;
        let wanted = md5_hash::answer(challenge, &found.user.password);
        (wanted.expose_secret() == hash).then(|| found.profile())
    }

    async fn profile(&self, account: &str) -> Option<Profile> {
        self.inner().accounts.get(&key(account)).map(Account::profile)
    }

    async fn attach(
        &self,
        account: &str,
        place: Option<String>,
        pushes: mpsc::Sender<Push>,
    ) -> SessionId {
        let mut inner = self.inner();
        let session = SessionId(inner.id());
        if let Some(found) = inner.accounts.get_mut(&key(account)) {
            let place = place.map(|id| Endpoint { id, ..Endpoint::default() });
            // Clients at places with names stay beside each other; all others take each other's place.
            let (stay, go): (Vec<Attached>, Vec<Attached>) =
                found.attached.drain(..).partition(|before| match (&before.place, &place) {
                    (Some(before), Some(place)) => before.id != place.id,
                    _ => false,
                });
            for before in go {
                // Its link may be gone already.
                let _ = before.pushes.try_send(Push::SignedInElsewhere);
            }
            found.attached = stay;
            found.show_latest();
            found.attached.push(Attached {
                session,
                place,
                shown: None,
                takes_datagrams: false,
                pushes,
            });
        }
        session
    }

    async fn detach(&self, account: &str, session: SessionId) {
        let mut inner = self.inner();
        let key = key(account);
        inner.leave_circles(&key, session);
        let Some(found) = inner.accounts.get_mut(&key) else {
            return;
        };
        if !found.attached.iter().any(|client| client.session == session) {
            return;
        }
        let was_shown = found.is_shown();
        found.attached.retain(|client| client.session != session);
        let before = found.presence();
        found.show_latest();
        let (now, is_left) = (found.presence(), !found.attached.is_empty());
        let differs = (now.status, &now.object) != (before.status, &before.object);
        if was_shown && (differs || !is_left) {
            inner.tell_watchers(&key, &Push::Presence(now));
        }
        if is_left {
            inner.tell_places(&key);
        }
    }

    async fn roster(&self, account: &str) -> (Vec<Entry>, Vec<Group>) {
        let inner = self.inner();
        let Some(found) = inner.accounts.get(&key(account)) else {
            return (Vec::new(), Vec::new());
        };
        let entry = |(who, entry): (&String, &Entry)| {
            let invitation = found.invitations.get(who).cloned();
            Entry { invitation, ..entry.clone() }
        };
        (found.entries.iter().map(entry).collect(), found.groups.clone())
    }

    async fn gone(&self, account: &str) -> (Vec<Entry>, Vec<Group>) {
        let inner = self.inner();
        let Some(found) = inner.accounts.get(&key(account)) else {
            return (Vec::new(), Vec::new());
        };
        (found.gone.iter().cloned().collect(), found.gone_groups.iter().cloned().collect())
    }

    async fn invite(&self, from: &str, to: &str, words: &str) {
        let (mut inner, from) = (self.inner(), key(from));
        if let Some(found) = inner.accounts.get_mut(&key(to)) {
            found.invitations.insert(from, words.to_owned());
        }
    }

    async fn edit(&self, account: &str, edit: ListEdit) -> Result<Entry, EditError> {
        let mut inner = self.inner();
        let key = key(account);
        let done = inner.edit(&key, &edit)?;
        inner.tell_lists_changed(&key);
        Ok(done)
    }

    async fn edit_group(&self, account: &str, edit: GroupEdit) -> Result<Group, EditError> {
        let mut inner = self.inner();
        let key = key(account);
        let done = inner.edit_group(&key, edit)?;
        inner.tell_lists_changed(&key);
        Ok(done)
    }

    async fn rename_contact(&self, account: &str, who: &str, name: &str) -> Result<(), EditError> {
        let mut inner = self.inner();
        let key = key(account);
        inner.rename_contact(&key, who, name)?;
        inner.tell_lists_changed(&key);
        Ok(())
    }

    async fn privacy(&self, account: &str) -> Privacy {
        let inner = self.inner();
        inner.accounts.get(&key(account)).map(|found| found.privacy).unwrap_or_default()
    }

    async fn set_privacy(&self, account: &str, privacy: Privacy) {
        let mut inner = self.inner();
        let key = key(account);
        inner.set_privacy(&key, privacy);
        inner.tell_lists_changed(&key);
    }

    async fn set_presence(&self, account: &str, session: SessionId, shown: Shown) {
        let mut inner = self.inner();
        let (key, order) = (key(account), inner.id());
        let Some(found) = inner.accounts.get_mut(&key) else {
            return;
        };
        let was_shown = found.is_shown();
        if let Some(client) = found.attached.iter_mut().find(|client| client.session == session) {
            if let Some(place) = &mut client.place {
                place.status = Some(shown.status);
            }
            client.shown = Some((order, shown));
        }
        found.show_latest();
        let (is_shown, presence) = (found.is_shown(), found.presence());
        if is_shown || was_shown {
            inner.tell_watchers(&key, &Push::Presence(presence.clone()));
        }
        inner.tell_own(&key);
        if is_shown && !was_shown {
            inner.tell_watchers(&key, &Push::Personal(presence));
        }
    }

    async fn set_place(&self, account: &str, session: SessionId, place: Endpoint) {
        let mut inner = self.inner();
        let key = key(account);
        let found = inner.accounts.get_mut(&key);
        let mut clients = found.into_iter().flat_map(|found| &mut found.attached);
        let Some(client) = clients.find(|client| client.session == session) else {
            return;
        };
        let Some(known) = &mut client.place else {
            return;
        };
        // What others may know comes apart from what only the account may.
        if place.client_type.is_empty() {
            known.capabilities = place.capabilities;
        } else {
            *known = Endpoint {
                id: std::mem::take(&mut known.id),
                capabilities: known.capabilities,
                status: place.status.or(known.status),
                ..place
            };
        }
        inner.tell_places(&key);
    }

    async fn notify(&self, from: &str, to: &str, place: Option<&str>, push: Push) -> bool {
        let inner = self.inner();
        let (from, to) = (key(from), key(to));
        let Some(found) = inner.accounts.get(&to) else {
            return false;
        };
        if from != to && (!found.is_shown() || found.blocks(&from)) {
            return false;
        }
        let at = |client: &&Attached| place.is_none_or(|wanted| client.is_at(wanted));
        let told = found.attached.iter().filter(at);
        told.filter(|client| client.pushes.try_send(push.clone()).is_ok()).count() > 0
    }

    async fn set_personal(&self, account: &str, personal: Arc<[u8]>) {
        let mut inner = self.inner();
        let key = key(account);
        let Some(found) = inner.accounts.get_mut(&key) else {
            return;
        };
        found.personal = personal;
        inner.tell_places(&key);
    }

    async fn set_name(&self, account: &str, name: &str) {
        let mut inner = self.inner();
        let key = key(account);
        let Some(found) = inner.accounts.get_mut(&key) else {
            return;
        };
        name.clone_into(&mut found.user.name);
        if found.is_shown() {
            let push = Push::Presence(found.presence());
            inner.tell_watchers(&key, &push);
        }
    }

    async fn store_offline(&self, from: &str, to: &str, content: &str) -> Result<(), CallError> {
        let mut inner = self.inner();
        let (from, to) = (key(from), key(to));
        let sender = inner.accounts.get(&from).map(Account::profile).ok_or(CallError::NotOnline)?;
        // One known client ends over an id that is no GUID.
        let id = format!("00000000-0000-4000-a000-{:012x}", inner.id());
        let found = inner.accounts.get_mut(&to).filter(|found| !found.blocks(&from));
        let found = found.filter(|found| found.offline.len() < OFFLINE_LIMIT);
        let found = found.ok_or(CallError::NotOnline)?;
        let sent = std::time::UNIX_EPOCH.elapsed().map_or(0, |passed| passed.as_secs());
        let stored = Stored { id, from: sender, content: content.to_owned(), sent };
        found.tell(&Push::Offline(stored.clone()));
        found.offline.push(stored);
        Ok(())
    }

    async fn offline(&self, account: &str) -> Vec<Stored> {
        let inner = self.inner();
        inner.accounts.get(&key(account)).map(|found| found.offline.clone()).unwrap_or_default()
    }

    async fn delete_offline(&self, account: &str, ids: &[String]) {
        if let Some(found) = self.inner().accounts.get_mut(&key(account)) {
            found.offline.retain(|stored| !ids.contains(&stored.id.to_lowercase()));
        }
    }

    async fn kept(&self, account: &str) -> Kept {
        let inner = self.inner();
        inner.accounts.get(&key(account)).map(|found| found.kept.clone()).unwrap_or_default()
    }

    async fn keep(&self, account: &str, change: Keep) {
        let mut inner = self.inner();
        let Some(found) = inner.accounts.get_mut(&key(account)) else {
            return;
        };
        match change {
            Keep::Name(name) => found.user.name = name,
            Keep::Message(message) => found.kept.message = message,
            Keep::Picture(picture) => found.kept.picture = Some(picture),
        }
    }

    async fn picture(&self, id: &str) -> Option<Picture> {
        let inner = self.inner();
        let mut kept = inner.accounts.values().filter_map(|account| account.kept.picture.as_ref());
        kept.find(|picture| picture.id == id).cloned()
    }

    async fn contacts_present(&self, account: &str) -> Vec<PresenceOf> {
        let inner = self.inner();
        let key = key(account);
        let Some(found) = inner.accounts.get(&key) else {
            return Vec::new();
        };
        let contacts = found.entries.iter().filter(|(_, entry)| entry.lists.has(List::Forward));
        contacts
            .filter_map(|(contact, _)| inner.accounts.get(contact))
            .filter(|contact| contact.is_shown() && !contact.blocks(&key))
            .map(Account::presence)
            .collect()
    }

    async fn open_talk(&self) -> TalkId {
        self.inner().open_talk()
    }

    async fn call(&self, talk: TalkId, caller: &str, callee: &str) -> Result<(), CallError> {
        self.inner().call(talk, caller, callee)
    }

    async fn join(
        &self,
        talk: TalkId,
        account: &str,
        pushes: mpsc::Sender<ChatPush>,
    ) -> Vec<Member> {
        self.inner().join(talk, account, pushes)
    }

    async fn say(&self, talk: TalkId, from: &str, payload: Arc<[u8]>) -> bool {
        let saying = self.inner().say(talk, from, &payload);
        saying.finish().await
    }

    async fn leave(&self, talk: TalkId, account: &str) {
        self.inner().leave(talk, account);
    }
}

/// Accounts are compared without regard to case.
fn key(account: &str) -> String {
    account.to_lowercase()
}

fn personal_of(status_message: &str) -> Arc<[u8]> {
    let text = status_message.to_owned();
    msnp_proto::msg::PersonalMessage { text, media: String::new() }.write().into()
}
