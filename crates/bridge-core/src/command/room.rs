//! Commands about the rooms of conversations: joined, let go, deleted, and who is carried in them.

use futures_util::FutureExt as _;

use super::{
    Account, ArgumentKind, ArgumentSpec, Arguments, Caller, CommandSpec, Role, Run, answer, portal,
};
use crate::{
    adapter::{CloseReason, Reply},
    error::DeliverError,
    id::{NetworkId, PersonaId, PortalId, RoomId},
    model::UserId,
    portal::{
        ChangeError, delete,
        link::{self, Join, LinkError},
        person, repair,
    },
    record::{Endpoint, Leg},
    shown, texts,
};

const ADDRESS: ArgumentSpec = ArgumentSpec::needed("ADDRESS", ArgumentKind::Address);
const SOMEBODY: ArgumentSpec = ArgumentSpec::optional("ADDRESS", ArgumentKind::Address);
const STATE: ArgumentSpec = ArgumentSpec::optional("STATE", ArgumentKind::Choice(&["on", "off"]));
const USER: ArgumentSpec = ArgumentSpec::optional("USER", ArgumentKind::Word);

pub(super) const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "bridge",
        aliases: &["link"],
        arguments: &[ADDRESS],
        help: "makes this room the one of your conversation with somebody.",
        role: Role::User,
        run: Run::Login(|caller, account, arguments| {
            bridge(caller, account, arguments, Join::Instead).boxed()
        }),
    },
    CommandSpec {
        name: "bridge add",
        aliases: &["link add"],
        arguments: &[ADDRESS],
        help: "shows your conversation with somebody in this room too.",
        role: Role::User,
        run: Run::Login(|caller, account, arguments| {
            bridge(caller, account, arguments, Join::Also).boxed()
        }),
    },
    CommandSpec {
        name: "unbridge",
        aliases: &["unlink"],
        arguments: &[],
        help: "takes this room out of its conversation.",
        role: Role::User,
        run: Run::Portal(|caller, portal, _| unbridge(caller, portal).boxed()),
    },
    CommandSpec {
        name: "relay",
        aliases: &[],
        arguments: &[STATE],
        help: "lets what others say in this room go out from your account, under their names, or not.",
        role: Role::User,
        run: Run::Portal(|caller, portal, arguments| relay(caller, portal, arguments).boxed()),
    },
    CommandSpec {
        name: "invite",
        aliases: &[],
        arguments: &[USER],
        help: "invites you, or somebody, into the conversation's room.",
        role: Role::User,
        run: Run::Portal(|caller, portal, arguments| invite(caller, portal, arguments).boxed()),
    },
    CommandSpec {
        name: "chat list",
        aliases: &["chats"],
        arguments: &[],
        help: "lists your conversations and their rooms.",
        role: Role::User,
        run: Run::Always(|caller, _| {
            let reply = list(caller);
            async move { reply }.boxed()
        }),
    },
    CommandSpec {
        name: "chat close",
        aliases: &[],
        arguments: &[SOMEBODY],
        help: "leaves the room of this conversation, or of the one with somebody; what is said next makes \
               a new one.",
        role: Role::User,
        run: Run::Login(|caller, account, arguments| close(caller, account, arguments).boxed()),
    },
    CommandSpec {
        name: "sync",
        aliases: &[],
        arguments: &[],
        help: "shows everybody in your rooms under the name of now, and brings in who is missing.",
        role: Role::User,
        run: Run::Always(|caller, _| sync(caller, portal::own(caller)).boxed()),
    },
    CommandSpec {
        name: "portal sync",
        aliases: &[],
        arguments: &[],
        help: "does that for this conversation.",
        role: Role::User,
        run: Run::Portal(|caller, portal, _| sync(caller, vec![portal]).boxed()),
    },
    CommandSpec {
        name: "portal delete",
        aliases: &[],
        arguments: &[],
        help: "deletes this conversation: I leave its rooms and forget it.",
        role: Role::User,
        run: Run::Portal(|caller, portal, _| remove(caller, portal).boxed()),
    },
];

/// Says why a room was not joined or let go.
pub(super) fn refusal(error: &LinkError) -> Reply {
    Reply::Text(match error {
        LinkError::Change(ChangeError::Gone) => texts::room::IT_IS_NOT_THERE_ANY_MORE.to_owned(),
        LinkError::Change(error) => texts::room::that_did_not_work(error),
        LinkError::Configured => texts::room::THIS_CONVERSATION_IS_A_RELAY.to_owned(),
        LinkError::Network(DeliverError::Reject { tell_user, .. }) => tell_user.clone(),
        LinkError::Network(error) => texts::room::that_did_not_work(error.for_people()),
        LinkError::Same => texts::room::THIS_ROOM_SHOWS_THAT_CONVERSATION.to_owned(),
        LinkError::SignedOut => texts::room::THE_ACCOUNT_WAS_SIGNED_OUT.to_owned(),
        LinkError::Taken => texts::room::THIS_ROOM_SHOWS_ANOTHER.to_owned(),
    })
}

async fn bridge(caller: &Caller<'_>, account: Account, arguments: Arguments, how: Join) -> Reply {
    let Some(origin) = caller.origin else {
        return answer::text(texts::room::SAY_THAT_IN_THE_ROOM_THAT_SHALL);
    };
    let Account { login, puppet } = account;
    let person = arguments.person("ADDRESS");
    let joined =
        link::link(caller.shared, &origin.user, &login, &*puppet, &person, &origin.room, how);
    match joined.await {
        Ok(peer) => Reply::Text(texts::room::this_room_shows_your_conversation(shown::name(
            peer.shown_name(),
        ))),
        Err(error) => refusal(&error),
    }
}

/// The room that a command was said in, with its network.
fn here(caller: &Caller<'_>) -> Option<(NetworkId, RoomId)> {
    caller.origin.map(|origin| (origin.user.network.clone(), origin.room.clone()))
}

async fn unbridge(caller: &Caller<'_>, portal: PortalId) -> Reply {
    let Some((network, room)) = here(caller) else { return not_here() };
    let why = CloseReason::Unlinked;
    match link::unlink(caller.shared, portal, &network, &room, why).await {
        Ok(0) => answer::text(texts::room::THIS_ROOM_IS_OUT),
        Ok(waited) => Reply::Text(texts::room::this_room_is_out(waited)),
        Err(error) => refusal(&error),
    }
}

async fn relay(caller: &Caller<'_>, portal: PortalId, arguments: Arguments) -> Reply {
    let Some((network, room)) = here(caller) else { return not_here() };
    let Some(state) = arguments.given("STATE") else {
        let found = {
            let endpoint = Endpoint::Room(network, room);
            let mut index = caller.shared.index();
            let found = index.find(&endpoint);
            found.and_then(|(portal, leg)| index.leg_now(portal, leg)).map(|now| now.mode.relay)
        };
        return answer::text(match found {
            Some(true) => texts::room::OTHERS_ARE_CARRIED,
            _ => texts::room::OTHERS_ARE_NOT_CARRIED,
        });
    };
    let on = state == "on";
    match link::set_relay(caller.shared, portal, &network, &room, on).await {
        Ok(()) if on => answer::text(texts::room::OTHERS_ARE_CARRIED_FROM_NOW_ON),
        Ok(()) => answer::text(texts::room::OTHERS_ARE_NOT_CARRIED_ANY_MORE),
        Err(error) => refusal(&error),
    }
}

async fn invite(caller: &Caller<'_>, portal: PortalId, arguments: Arguments) -> Reply {
    let (Some(user), Some((network, room))) = (caller.user, here(caller)) else {
        return not_here();
    };
    let whom = match arguments.given("USER") {
        Some(id) => UserId { network: network.clone(), id: PersonaId::new(id) },
        None => user.clone(),
    };
    let Some(adapter) = caller.shared.adapters.get(&network) else { return not_here() };
    let _ = portal;
    answer::outcome(adapter.invite(&room, &whom).await, || {
        texts::room::is_invited(shown::name(whom.id.as_str()))
    })
}

fn list(caller: &Caller<'_>) -> Reply {
    let own = portal::own(caller);
    let index = caller.shared.index();
    let rows = own.iter().filter_map(|id| {
        let portal = index.portals.get(id)?;
        let with = portal.record.legs.iter().filter_map(|leg| match leg {
            Leg::Chat { peer, .. } => Some(format!("{} ({})", peer.shown_name(), peer.id)),
            Leg::Closed | Leg::Room { .. } => None,
        });
        let rooms = portal.record.legs.iter().filter(|leg| matches!(leg, Leg::Room { .. }));
        let with = with.collect::<Vec<_>>().join(", ");
        let rooms = rooms.map(portal::place).collect::<Vec<_>>().join(", ");
        Some(vec![with, rooms, portal.waiting().to_string(), id.to_string()])
    });
    let rows: Vec<Vec<String>> = rows.collect();
    drop(index);
    if rows.is_empty() {
        return answer::text(texts::room::THERE_IS_NO_CONVERSATION_YET);
    }
    answer::table("Conversations", &["with", texts::room::SHOWN_IN, "waiting", "id"], rows)
}

async fn close(caller: &Caller<'_>, account: Account, arguments: Arguments) -> Reply {
    let portal = match arguments.given("ADDRESS") {
        Some(_) => {
            let person = arguments.person("ADDRESS");
            match account.puppet.chat_with(&person).await {
                Ok((chat, _)) => {
                    let endpoint = Endpoint::Chat(account.login, chat);
                    caller.shared.index().endpoints.get(&endpoint).copied()
                }
                Err(error) => return answer::failure(&error),
            }
        }
        None => caller.portal().filter(|portal| caller.owns(*portal)),
    };
    let relay = |portal: PortalId| {
        let index = caller.shared.index();
        index.portals.get(&portal).is_some_and(|found| found.record.relay.is_some())
    };
    match portal {
        None => answer::text(texts::room::THERE_IS_NO_SUCH_CONVERSATION),
        Some(portal) if relay(portal) => refusal(&LinkError::Configured),
        Some(portal) => match person::leave_rooms(caller.shared, portal).await {
            Ok(()) => answer::text(texts::room::THE_ROOM_IS_CLOSED),
            Err(error) => refusal(&LinkError::Change(error)),
        },
    }
}

async fn sync(caller: &Caller<'_>, portals: Vec<PortalId>) -> Reply {
    let mut failed = Vec::new();
    for portal in &portals {
        if let Err(error) = repair::sync(caller.shared, *portal).await {
            failed.push(format!("{portal}: {}.", error.for_people()));
        }
    }
    match failed.as_slice() {
        [] => Reply::Text(texts::room::conversations_are_as_they_should(portals.len())),
        failed => Reply::Text(failed.join("\n")),
    }
}

async fn remove(caller: &Caller<'_>, portal: PortalId) -> Reply {
    let relay = {
        let index = caller.shared.index();
        index.portals.get(&portal).is_some_and(|found| found.record.relay.is_some())
    };
    if relay {
        return refusal(&LinkError::Configured);
    }
    match delete::delete(caller.shared, portal, CloseReason::Deleted).await {
        Ok(0) => answer::text(texts::room::THE_CONVERSATION_IS_DELETED),
        Ok(waited) => Reply::Text(texts::room::the_conversation_is_deleted(waited)),
        Err(error) => refusal(&LinkError::Change(error)),
    }
}

fn not_here() -> Reply {
    answer::text(texts::general::SAY_THAT_IN_THE_ROOM)
}
