//! Commands on their way: in order for each person, each person by herself.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use secrecy::{ExposeSecret as _, SecretString};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep},
};

use super::{Caller, CommandSpec, Role, adopt, execute, front, is_known, table};
use crate::{
    adapter::{CommandOrigin, Reply},
    connector::{LoginError, LoginProcess, LoginStep},
    error::DeliverError,
    id::{IdempotencyKey, NetworkId, PersonaId, RoomId, RowId},
    logins,
    model::UserId,
    record::{CommandRecord, Position, command_key, cursor_key},
    shared::Shared,
    shown,
    store::{Batch, Durability, Key, KeyBuilder, StoreError, Table, TableId, scan_all},
    texts,
};

/// How long a dialogue waits for its next answer.
const DIALOGUE_END: Duration = Duration::from_secs(600);
/// What the names of streams begin with that are rooms where people talk to the bridge.
const MANAGEMENT: &str = "management ";
/// How often an answer is tried before it is given up.
const REPLY_ATTEMPTS: u32 = 5;

/// A command taken in and not answered yet.
pub(crate) struct Queued {
    pub(crate) row: RowId,
    pub(crate) origin: CommandOrigin,
    pub(crate) line: SecretString,
    /// Whether a former process took it in.
    pub(crate) again: bool,
}

/// What the next line may belong to.
struct Dialogue {
    about: About,
    ends: Instant,
}

enum About {
    /// A sign-in was refused, for the place takes no passwords; some type them all the same.
    Refusal,
    /// A sign-in under way.
    SignIn {
        process: Box<dyn LoginProcess>,
        /// Whether the answer it waits for must be concealed.
        secret: bool,
    },
    /// A token of her own account is awaited.
    Token,
}

impl Dialogue {
    fn new(about: About) -> Self {
        Self { about, ends: Instant::now() + DIALOGUE_END }
    }

    fn waits_for_a_secret(&self) -> bool {
        matches!(self.about, About::SignIn { secret: true, .. } | About::Token)
    }
}

/// One person's commands and her dialogue.
#[derive(Default)]
struct Person {
    waiting: VecDeque<Queued>,
    busy: bool,
    dialogue: Option<Dialogue>,
}

/// Serves commands until the core ends.
pub(crate) async fn run(shared: Arc<Shared>, mut commands: mpsc::Receiver<Queued>) {
    let mut people: HashMap<UserId, Person> = HashMap::new();
    let mut working: JoinSet<(UserId, Option<Dialogue>)> = JoinSet::new();
    loop {
        let user = tokio::select! {
            queued = commands.recv() => match queued {
                Some(queued) => {
                    let user = queued.origin.user.clone();
                    people.entry(user.clone()).or_default().waiting.push_back(queued);
                    user
                }
                None => return,
            },
            Some(done) = working.join_next() => match done {
                Ok((user, dialogue)) => {
                    if let Some(person) = people.get_mut(&user) {
                        person.busy = false;
                        person.dialogue = dialogue;
                    }
                    user
                }
                Err(error) => {
                    tracing::error!(%error, "a command panicked");
                    continue;
                }
            },
            () = shared.cancel.cancelled() => return working.shutdown().await,
        };
        let Some(person) = people.get_mut(&user).filter(|person| !person.busy) else {
            continue;
        };
        match person.waiting.pop_front() {
            Some(queued) => {
                person.busy = true;
                let dialogue = person.dialogue.take();
                let shared = Arc::clone(&shared);
                working.spawn(async move {
                    let dialogue = serve(&shared, queued, dialogue).await;
                    (user, dialogue)
                });
            }
            None if person.dialogue.is_none() => drop(people.remove(&user)),
            None => {}
        }
    }
}

/// Puts the commands that a former process left unanswered in line again.
pub(crate) async fn resume(shared: &Shared) -> Result<(), StoreError> {
    let all = KeyBuilder::new(TableId::Command).prefix();
    let rows = Table::<CommandRecord>::scan(&*shared.store, all, 1000).await?;
    for (key, record) in rows {
        let Ok(line) = shared.key.open(key.as_bytes(), &record.sealed) else {
            tracing::warn!("a stored command does not open with this key and is left out");
            continue;
        };
        let row = key.as_bytes().get(1..).and_then(|bytes| uuid::Uuid::from_slice(bytes).ok());
        let Some(row) = row.map(RowId) else { continue };
        let origin =
            CommandOrigin { user: record.user, room: record.room, message: record.message };
        if shared.commands.send(Queued { row, origin, line, again: true }).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// Says something to a person in the room she last gave a command in.
pub(crate) async fn tell_owner(shared: &Shared, owner: &UserId, reply: &Reply) {
    match management_room(shared, owner).await {
        Ok(Some(origin)) => {
            answer(shared, &origin, &shown::reply(reply.clone()), RowId::new()).await
        }
        Ok(None) => {}
        Err(error) => tracing::warn!(%error, "the owner could not be told"),
    }
}

/// Says something to every admin who has a room for it.
pub(crate) async fn tell_admins(shared: &Shared, text: &str) -> Result<(), StoreError> {
    let networks: Vec<NetworkId> = shared.adapters.keys().cloned().collect();
    for network in networks {
        let all = KeyBuilder::new(TableId::Cursor).text(network.as_str()).prefix();
        let head = all.start.as_bytes().len();
        for (key, _) in scan_all(&*shared.store, all).await? {
            let stream = key.as_bytes().get(head..).and_then(|name| name.strip_suffix(&[0, 0]));
            let stream = stream.and_then(|name| str::from_utf8(name).ok());
            let Some(id) = stream.and_then(|stream| stream.strip_prefix(MANAGEMENT)) else {
                continue;
            };
            let user = UserId { network: network.clone(), id: PersonaId::new(id) };
            if shared.role(&user) == Role::Admin {
                tell_owner(shared, &user, &Reply::Text(text.to_owned())).await;
            }
        }
    }
    Ok(())
}

/// Finds the room a person last gave a command in.
pub(crate) async fn management_room(
    shared: &Shared,
    user: &UserId,
) -> Result<Option<CommandOrigin>, StoreError> {
    let key = management_key(user);
    let found = Table::<Position>::get(&*shared.store, &key).await?;
    Ok(found.map(|Position(room)| CommandOrigin {
        user: user.clone(),
        room: RoomId::new(room),
        message: None,
    }))
}

/// The key under which it is remembered in which room somebody talks to the bridge.
pub(crate) fn management_key(user: &UserId) -> Key {
    cursor_key(&user.network, &format!("{MANAGEMENT}{}", user.id))
}

/// Tells whether a word asks to sign in.
fn is_login(word: &str) -> bool {
    let names = table().filter(|spec| spec.name == "login").flat_map(CommandSpec::names);
    names.into_iter().any(|name| word.eq_ignore_ascii_case(name))
}

/// Does one command, answers it, and forgets it.
async fn serve(
    shared: &Arc<Shared>,
    queued: Queued,
    dialogue: Option<Dialogue>,
) -> Option<Dialogue> {
    let Queued { row, origin, line, again } = queued;
    let role = shared.role(&origin.user);
    let mut dialogue = dialogue.filter(|dialogue| dialogue.ends > Instant::now());
    let words = line.expose_secret().trim();
    let (first, rest) = words.split_once(char::is_whitespace).unwrap_or((words, ""));
    let asked = is_login(first);
    let secret = dialogue.as_ref().is_some_and(Dialogue::waits_for_a_secret);
    let stray = again && !is_known(words);
    // What follows `login` may be a password, though nobody asked for it here.
    let lent = first.eq_ignore_ascii_case(adopt::LOGIN);
    let spilled = (asked || lent) && !rest.is_empty();
    let may_sign_in = role >= Role::User;
    let adapter = shared.adapters.get(&origin.user.network);
    let refusal = match front::chat(&origin.room) {
        Some(_) => Some(texts::general::NO_PASSWORDS_HERE),
        None => adapter.and_then(|adapter| adapter.takes_no_passwords()),
    };
    if refusal.is_none() && (secret || stray || spilled) {
        conceal(shared, &origin).await;
    }
    // Before the command is done: it may be the one that forgets her.
    remember_room(shared, &origin).await;
    let reply = if role == Role::None {
        Reply::Text(texts::general::YOU_MAY_NOT_USE_THIS_BRIDGE.to_owned())
    } else if stray {
        Reply::Text(texts::general::THE_BRIDGE_RESTARTED_IN_BETWEEN.to_owned())
    } else if words.eq_ignore_ascii_case("cancel") {
        let text = match dialogue.take() {
            Some(Dialogue { about: About::SignIn { .. } | About::Token, .. }) => "Cancelled.",
            _ => texts::general::THERE_IS_NOTHING_TO_CANCEL,
        };
        Reply::Text(text.to_owned())
    } else if (asked || lent) && !may_sign_in {
        Reply::Text(texts::general::YOU_MAY_NOT_SIGN_IN_HERE.to_owned())
    } else if let Some(refusal) = refusal.filter(|_| asked) {
        dialogue = Some(Dialogue::new(About::Refusal));
        let warning = if spilled { texts::general::DELETE_A_PASSWORD } else { "" };
        Reply::Text(format!("{refusal}{warning}"))
    } else if asked {
        let (reply, next) = begin_login(shared, &origin.user).await;
        dialogue = next;
        reply
    } else if lent {
        match adapter.filter(|adapter| adapter.takes_tokens()) {
            None => Reply::Text(texts::delivery::NOBODY_IS_SPOKEN_AS_HERE.to_owned()),
            Some(_) if rest.is_empty() => {
                dialogue = Some(Dialogue::new(About::Token));
                Reply::Text(texts::account::WHICH_TOKEN.to_owned())
            }
            Some(adapter) => adopt::adopt(&**adapter, &origin.user, rest.trim().into()).await,
        }
    } else {
        match dialogue.take() {
            Some(Dialogue { about: About::Token, .. }) => match adapter {
                Some(adapter) => adopt::adopt(&**adapter, &origin.user, words.into()).await,
                None => Reply::Text(texts::delivery::NOBODY_IS_SPOKEN_AS_HERE.to_owned()),
            },
            Some(Dialogue { about: About::SignIn { process, .. }, .. }) => {
                let (reply, next) = go_on(shared, &origin.user, process, Some(line.clone())).await;
                dialogue = next;
                reply
            }
            refused @ Some(_) if !is_known(words) => {
                dialogue = refused;
                Reply::Text(texts::general::DELETE_A_PASSWORD.trim_start().to_owned())
            }
            refused => {
                dialogue = refused;
                let (user, origin) = (Some(&origin.user), Some(&origin));
                execute(&Caller { shared, user, role, origin }, words).await
            }
        }
    };
    answer(shared, &origin, &reply, row).await;
    let mut batch = Batch::new();
    batch.remove(command_key(row));
    if let Err(error) = shared.store.commit(batch, Durability::Relaxed).await {
        tracing::warn!(%error, "an answered command is kept");
    }
    dialogue
}

async fn begin_login(shared: &Arc<Shared>, user: &UserId) -> (Reply, Option<Dialogue>) {
    match shared.connectors.values().next() {
        Some(connector) => go_on(shared, user, connector.start_login(), None).await,
        None => (Reply::Text(texts::general::THERE_IS_NO_NETWORK_TO_SIGN_IN_TO.to_owned()), None),
    }
}

/// Takes a dialogue one step on.
async fn go_on(
    shared: &Arc<Shared>,
    user: &UserId,
    mut process: Box<dyn LoginProcess>,
    answer: Option<SecretString>,
) -> (Reply, Option<Dialogue>) {
    match process.next(answer).await {
        Ok(LoginStep::Ask { prompt, secret }) => {
            (Reply::Text(prompt), Some(Dialogue::new(About::SignIn { process, secret })))
        }
        Ok(LoginStep::Done(login)) => {
            let name = login.persona.id.clone();
            let reply = match logins::add(shared, user, login).await {
                Ok(()) => texts::general::signed_in_as_name_rooms_appear(&name),
                Err(error) => texts::general::the_sign_in_could_not_be_kept(&error),
            };
            (Reply::Text(reply), None)
        }
        Err(LoginError::Invalid(text)) => {
            // The same question is still open.
            (Reply::Text(text), Some(Dialogue::new(About::SignIn { process, secret: false })))
        }
        Err(error) => (Reply::Text(texts::general::say_login_to_try_again(&error)), None),
    }
}

async fn remember_room(shared: &Shared, origin: &CommandOrigin) {
    let key = management_key(&origin.user);
    let mut batch = Batch::new();
    let record = Position(origin.room.as_str().to_owned());
    let put = Table::put(&mut batch, key, &record);
    let stored = match put {
        Ok(()) => {
            shared.store.commit(batch, Durability::Relaxed).await.map_err(|error| error.to_string())
        }
        Err(error) => Err(error.to_string()),
    };
    if let Err(error) = stored {
        tracing::warn!(%error, "the room for notices could not be noted");
    }
    // What could not be told for want of a room may be told now.
    shared.notices.wake();
}

async fn conceal(shared: &Shared, origin: &CommandOrigin) {
    let Some(adapter) = shared.adapters.get(&origin.user.network) else {
        return;
    };
    if let Err(error) = adapter.conceal(origin).await {
        tracing::warn!(%error, "a password could not be removed from its room");
        let text = texts::general::I_COULD_NOT_REMOVE_YOUR_LAST;
        answer(shared, origin, &Reply::Text(text.to_owned()), RowId::new()).await;
    }
}

async fn answer(shared: &Shared, origin: &CommandOrigin, reply: &Reply, row: RowId) {
    let adapter = shared.adapters.get(&origin.user.network);
    let key = IdempotencyKey { row, leg: 0 };
    for attempt in 1..=REPLY_ATTEMPTS {
        let answered = match adapter {
            Some(adapter) => adapter.reply(origin, reply, key).await,
            None => front::answer(shared, origin, reply).await,
        };
        match answered {
            Ok(()) => return,
            Err(DeliverError::Retry { after, .. }) if attempt < REPLY_ATTEMPTS => {
                sleep(after.unwrap_or(shared.config.retry.0)).await;
            }
            Err(error) => return tracing::warn!(%error, "an answer was not delivered"),
        }
    }
}
