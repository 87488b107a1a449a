//! The server, its people, and who the bot is.

use serde_json::{Value, json};

use super::{Asked, Outcome, channels, id_of, webhooks};
use crate::{
    permissions::{CHANGE_NICKNAME, MANAGE_CHANNELS, MANAGE_ROLES},
    refusal::{self, Refusal},
    state::State,
    world::{Channel, Kind},
};

/// Most channels of a category.
const IN_CATEGORY: usize = 50;
/// The flags of an application that may see who is there.
const SEES_MEMBERS: u64 = 1 << 14 | 1 << 15;

pub(super) fn work(state: &mut State, asked: Asked<'_>) -> Outcome {
    let world = &state.world;
    match asked.route {
        "GET /users/@me" => Ok((200, world.user_json(world.bot))),
        "GET /users/{}" if world.users.contains_key(&asked.id(0)) => {
            Ok((200, world.user_json(asked.id(0))))
        }
        "GET /users/{}" => Err(refusal::unknown_user()),
        "GET /oauth2/applications/@me" | "GET /applications/@me" => {
            Ok((200, world.application_json()))
        }
        "PATCH /applications/@me" => {
            // Intents of bots in few servers are the only flags it may set.
            let settable = 1 << 13 | 1 << 15 | 1 << 19;
            if let Some(flags) = asked.field("flags").and_then(Value::as_u64) {
                state.world.flags = state.world.flags & !settable | flags & settable;
            }
            Ok((200, state.world.application_json()))
        }
        "POST /users/@me/channels" => {
            let user = asked.field("recipient_id").and_then(id_of);
            let known = user.filter(|user| world.users.contains_key(user));
            let user = known.ok_or_else(refusal::unknown_user)?;
            let channel = state.direct_channel(user);
            Ok((200, state.world.channel_json(channel)))
        }
        _ if asked.id(0) != world.guild => Err(refusal::unknown_guild()),
        _ if world.left => Err(refusal::missing_access()),
        _ => in_guild(state, asked),
    }
}

fn in_guild(state: &mut State, asked: Asked<'_>) -> Outcome {
    let world = &state.world;
    match asked.route {
        "GET /guilds/{}" => Ok((200, world.partial_guild_json())),
        "GET /guilds/{}/roles" => Ok((200, world.roles_json())),
        "GET /guilds/{}/emojis" => Ok((200, world.emojis_json())),
        "GET /guilds/{}/channels" => Ok((200, Value::Array(world.guild_channels_json()))),
        "GET /guilds/{}/threads/active" => {
            let threads = world.threads_json();
            let own = threads.iter().filter_map(|thread| thread.get("member").cloned());
            let members: Vec<Value> = own.collect();
            Ok((200, json!({ "threads": threads, "members": members, "has_more": false })))
        }
        "GET /guilds/{}/webhooks" => webhooks::list(state, None),
        "GET /guilds/{}/members" => {
            if world.flags & SEES_MEMBERS == 0 {
                return Err(refusal::missing_access());
            }
            let after = asked.number("after").unwrap_or_default();
            let limit = asked.number("limit").unwrap_or(1).clamp(1, 1000);
            let limit = usize::try_from(limit).unwrap_or(1);
            let members = world.members().filter(|id| *id > after).take(limit);
            Ok((200, members.map(|id| world.whole_member_json(id)).collect()))
        }
        "GET /guilds/{}/members/{}" => {
            if !world.members().any(|id| id == asked.id(1)) {
                return Err(refusal::unknown_member());
            }
            Ok((200, world.whole_member_json(asked.id(1))))
        }
        "PATCH /guilds/{}/members/@me" => {
            let bot = world.bot;
            if world.base(bot) & CHANGE_NICKNAME == 0 {
                return Err(refusal::missing_permissions());
            }
            let nick = asked.text("nick").unwrap_or_default().to_owned();
            valid_length("nick", &nick, 0, 32)?;
            if let Some(user) = state.world.users.get_mut(&bot) {
                user.nick = (!nick.is_empty()).then_some(nick);
            }
            state.member_changed(bot);
            Ok((200, state.world.whole_member_json(bot)))
        }
        _ => make_channel(state, asked),
    }
}

fn make_channel(state: &mut State, asked: Asked<'_>) -> Outcome {
    let held = state.world.base(state.world.bot);
    let overwritten = asked.field("permission_overwrites").and_then(Value::as_array);
    let rules = overwritten.is_some_and(|list| !list.is_empty());
    if held & MANAGE_CHANNELS == 0 || rules && held & MANAGE_ROLES == 0 {
        return Err(refusal::missing_permissions());
    }
    let there = state.world.channels.values();
    let there = there.filter(|one| one.with.is_none() && !one.kind.is_thread()).count();
    if there >= state.world.knobs.channels {
        return Err(refusal::too_many_channels());
    }
    let kind = asked.field("type").and_then(Value::as_u64).unwrap_or_default();
    let kind = Kind::of_code(kind).filter(|kind| !kind.is_thread() && *kind != Kind::Direct);
    let kind = kind.ok_or_else(|| refusal::bad_choice("type"))?;
    if asked.text("name").is_none() {
        return Err(refusal::required("name"));
    }
    let id = state.world.id();
    let mut place = Channel::new(id, kind, "");
    let same = state.world.channels.values().filter(|other| other.kind == kind).count();
    place.position = u64::try_from(same).unwrap_or_default();
    let mut place = channels::fill(state, asked, place)?;
    // A channel begins with what its category says of permissions.
    let parent = place.parent.and_then(|parent| state.world.channels.get(&parent));
    if let Some(parent) = parent.filter(|_| overwritten.is_none()) {
        place.overwrites.clone_from(&parent.overwrites);
    }
    state.world.channels.insert(id, place);
    state.channel_made(id);
    Ok((201, state.world.channel_json(id)))
}

/// A name as channels of a kind have it: text channels know neither capitals nor spaces.
pub(crate) fn normal_name(kind: Kind, name: &str) -> String {
    if !matches!(kind, Kind::Announcement | Kind::Forum | Kind::Text) {
        return name.to_owned();
    }
    let words: Vec<String> = name.split_whitespace().map(str::to_lowercase).collect();
    words.join("-")
}

pub(super) fn valid_length(
    field: &str,
    text: &str,
    least: usize,
    most: usize,
) -> Result<(), Refusal> {
    let long = text.chars().count();
    if (least..=most).contains(&long) {
        return Ok(());
    }
    Err(refusal::bad_length(field, least, most))
}

/// Refuses what is no category, or one that is full.
pub(super) fn valid_parent(state: &State, own: u64, parent: Option<u64>) -> Result<(), Refusal> {
    let Some(parent) = parent else { return Ok(()) };
    let found = state.world.channels.get(&parent);
    if found.is_none_or(|found| found.kind != Kind::Category) {
        let text = "Category does not exist";
        return Err(refusal::invalid_form("parent_id", "CHANNEL_PARENT_INVALID", text));
    }
    let inside = state.world.channels.values();
    let inside = inside.filter(|one| one.parent == Some(parent) && one.id != own).count();
    if inside >= IN_CATEGORY {
        let text = "Maximum number of channels in category reached (50)";
        return Err(refusal::invalid_form("parent_id", "CHANNEL_PARENT_MAX_CHANNELS", text));
    }
    Ok(())
}
