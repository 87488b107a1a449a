//! Commands that change how an account is, and whom it knows.

use std::{
    future::{Ready, ready},
    sync::Arc,
};

use super::Caller;
use crate::{
    adapter::Reply,
    connector::{ContactEdit, Puppet, SelfPatch},
    error::DeliverError,
    id::{LoginId, PersonaId},
    model::{Delivery, EventKind, PresenceState},
};

pub(super) async fn edit_contact(
    caller: &Caller<'_>,
    arguments: Vec<String>,
    edit: ContactEdit,
) -> Reply {
    let Some((_, puppet)) = account(caller) else { return nobody() };
    let person = PersonaId::new(arguments.first().map(String::as_str).unwrap_or_default());
    answer(puppet.edit_contact(&person, edit).await, || match edit {
        ContactEdit::Add => format!("{person} is on your list now."),
        ContactEdit::Block => format!("{person} neither sees you nor writes to you any more."),
        ContactEdit::Remove => format!("{person} is off your list; she may still write to you."),
        ContactEdit::Unblock => format!("{person} may see you and write to you again."),
    })
}

pub(super) async fn nudge(caller: &Caller<'_>, arguments: Vec<String>) -> Reply {
    let Some((login, puppet)) = account(caller) else { return nobody() };
    let person = PersonaId::new(arguments.first().map(String::as_str).unwrap_or_default());
    let (chat, peer) = match puppet.chat_with(&person).await {
        Ok(found) => found,
        Err(error) => return answer(Err(error), String::new),
    };
    let item = Delivery::of_the_bridge(login, chat.clone(), EventKind::Nudge);
    let sent = puppet.deliver(&chat, &item).await;
    answer(sent.map(drop), || format!("{} was nudged.", peer.shown_name()))
}

pub(super) async fn presence(caller: &Caller<'_>, arguments: Vec<String>) -> Reply {
    let word = arguments.first().map(|word| word.to_lowercase()).unwrap_or_default();
    let state = match word.as_str() {
        "away" => PresenceState::Away,
        "brb" => PresenceState::BeRightBack,
        "busy" => PresenceState::Busy,
        "hidden" => PresenceState::Offline,
        "idle" => PresenceState::Idle,
        "lunch" => PresenceState::OutToLunch,
        "online" => PresenceState::Online,
        "phone" => PresenceState::OnThePhone,
        _ => {
            let text = "Say one of: online, away, busy, brb, phone, lunch, idle, hidden.";
            return Reply::Text(text.to_owned());
        }
    };
    let patch = SelfPatch { state: Some(state), ..SelfPatch::default() };
    set_self(caller, patch, || format!("You appear as {word} now.")).await
}

pub(super) async fn status_text(caller: &Caller<'_>, arguments: Vec<String>) -> Reply {
    let patch = SelfPatch { status_text: Some(arguments.join(" ")), ..SelfPatch::default() };
    set_self(caller, patch, || "Your own words are changed.".to_owned()).await
}

pub(super) async fn name(caller: &Caller<'_>, arguments: Vec<String>) -> Reply {
    let patch = SelfPatch { name: Some(arguments.join(" ")), ..SelfPatch::default() };
    set_self(caller, patch, || "Your name is changed.".to_owned()).await
}

pub(super) fn relogin(caller: &Caller<'_>, arguments: Vec<String>) -> Ready<Reply> {
    let Some(user) = caller.user else { return ready(nobody()) };
    let own = caller.shared.puppets.of(user).into_iter().map(|(login, _)| login);
    let meant = own.filter(|login| {
        arguments.first().is_none_or(|name| login.as_str().ends_with(name.as_str()))
    });
    let meant: Vec<LoginId> = meant.collect();
    if meant.is_empty() {
        return ready(nobody());
    }
    for login in &meant {
        caller.shared.puppets.begin_anew(login);
    }
    ready(Reply::Text("Signing in again; `status` shows how it goes.".to_owned()))
}

async fn set_self(caller: &Caller<'_>, patch: SelfPatch, done: impl FnOnce() -> String) -> Reply {
    let Some((_, puppet)) = account(caller) else { return nobody() };
    answer(puppet.set_self(patch).await, done)
}

fn account(caller: &Caller<'_>) -> Option<(LoginId, Arc<dyn Puppet>)> {
    caller.shared.puppets.of(caller.user?).into_iter().next()
}

fn nobody() -> Reply {
    Reply::Text("You are not signed in. Say `login` to sign in.".to_owned())
}

fn answer(outcome: Result<(), DeliverError>, done: impl FnOnce() -> String) -> Reply {
    Reply::Text(match outcome {
        Ok(()) => done(),
        Err(DeliverError::Reject { tell_user, .. }) => tell_user,
        Err(error) => format!("That did not work: {error}."),
    })
}
