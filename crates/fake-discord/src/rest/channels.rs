//! Channels: shown, changed, removed; and who may do what in them.

use serde_json::Value;

use super::{Asked, DONE, Outcome, guild, id_of, needs, threads};
use crate::{
    permissions::{MANAGE_CHANNELS, MANAGE_ROLES, MANAGE_THREADS},
    refusal::{self, Refusal},
    state::State,
    world::{Channel, Kind, Overwrite, Tag},
};

/// Most tags of a forum.
const TAGS: usize = 20;
/// Longest topic, of a forum and elsewhere.
const TOPIC: (usize, usize) = (4096, 1024);

pub(super) fn work(state: &mut State, asked: Asked<'_>, channel: u64) -> Outcome {
    match asked.route {
        "GET /channels/{}" => Ok((200, state.world.channel_json(channel))),
        "PATCH /channels/{}" => change(state, asked, channel),
        "DELETE /channels/{}" => {
            let Some(place) = state.world.channels.get(&channel) else {
                return Err(refusal::unknown_channel());
            };
            if place.kind != Kind::Direct {
                let thread = place.kind.is_thread();
                needs(state, channel, if thread { MANAGE_THREADS } else { MANAGE_CHANNELS })?;
                let gone = state.world.channel_json(channel);
                state.delete_channel(channel);
                return Ok((200, gone));
            }
            // A direct channel is only put out of sight.
            Ok((200, state.world.channel_json(channel)))
        }
        route => {
            needs(state, channel, MANAGE_ROLES)?;
            let id = asked.id(1);
            let mut place = taken(state, channel)?;
            let before = place.overwrites.len();
            place.overwrites.retain(|one| one.id != id);
            if route.starts_with("PUT") {
                let one = overwrite(&asked.body.json, Some(id))?;
                may_give(state, &[one], &[])?;
                place.overwrites.push(one);
            } else if place.overwrites.len() == before {
                return Err(refusal::unknown_overwrite());
            }
            state.world.channels.insert(channel, place);
            state.channel_changed(channel);
            DONE
        }
    }
}

fn taken(state: &State, channel: u64) -> Result<Channel, Refusal> {
    state.world.channels.get(&channel).cloned().ok_or_else(refusal::unknown_channel)
}

/// Reads one overwrite; its id is in it unless it is known.
fn overwrite(value: &Value, id: Option<u64>) -> Result<Overwrite, Refusal> {
    let bits = |name: &str| match value.get(name) {
        None | Some(Value::Null) => Ok(0),
        Some(bits) => id_of(bits).ok_or_else(|| refusal::bad_choice(name)),
    };
    let id = id.or_else(|| value.get("id").and_then(id_of));
    let id = id.ok_or_else(|| refusal::required("permission_overwrites.0.id"))?;
    let member = match value.get("type").and_then(Value::as_u64) {
        Some(kind @ (0 | 1)) => kind == 1,
        _ => return Err(refusal::bad_choice("type")),
    };
    Ok(Overwrite { id, member, allow: bits("allow")?, deny: bits("deny")? })
}

pub(super) fn overwrites(value: &Value) -> Result<Vec<Overwrite>, Refusal> {
    value.as_array().into_iter().flatten().map(|one| overwrite(one, None)).collect()
}

/// Nobody gives or takes what she does not have; what was there before stays as it was.
pub(super) fn may_give(
    state: &State,
    given: &[Overwrite],
    before: &[Overwrite],
) -> Result<(), Refusal> {
    let held = state.world.base(state.world.bot);
    for one in given {
        let there = before.iter().find(|other| other.id == one.id);
        let old = there.map(|other| (other.allow, other.deny)).unwrap_or_default();
        if ((one.allow ^ old.0) | (one.deny ^ old.1)) & !held != 0 {
            return Err(refusal::missing_permissions());
        }
        let known = if one.member {
            state.world.users.contains_key(&one.id)
        } else {
            state.world.roles.contains_key(&one.id)
        };
        if !known {
            return Err(refusal::unknown_overwrite());
        }
    }
    Ok(())
}

/// Reads the tags of a forum; those that were there keep their ids.
pub(super) fn tags(state: &mut State, value: &Value) -> Result<Vec<Tag>, Refusal> {
    let asked = value.as_array().map(Vec::as_slice).unwrap_or_default();
    if asked.len() > TAGS {
        let text = "Must be 20 or fewer in length.";
        return Err(refusal::invalid_form("available_tags", "BASE_TYPE_MAX_LENGTH", text));
    }
    let mut tags: Vec<Tag> = Vec::new();
    for (at, one) in asked.iter().enumerate() {
        let name = super::text_of(one, "name").unwrap_or_default();
        guild::valid_length(&format!("available_tags.{at}.name"), name, 1, 20)?;
        if tags.iter().any(|tag| tag.name == name) {
            let text = "Tag names must be unique";
            let field = "available_tags";
            return Err(refusal::invalid_form(field, "CHANNEL_TAG_NAMES_MUST_BE_UNIQUE", text));
        }
        let id = one.get("id").and_then(id_of).filter(|id| *id > 0);
        tags.push(Tag {
            id: id.unwrap_or_else(|| state.world.id()),
            name: name.to_owned(),
            emoji: super::text_of(one, "emoji_name").map(str::to_owned),
            moderated: one.get("moderated") == Some(&Value::Bool(true)),
        });
    }
    Ok(tags)
}

/// Puts what a request says into a channel that is new or changed.
pub(super) fn fill(
    state: &mut State,
    asked: Asked<'_>,
    mut place: Channel,
) -> Result<Channel, Refusal> {
    if let Some(name) = asked.text("name") {
        guild::valid_length("name", name, 1, 100)?;
        place.name = guild::normal_name(place.kind, name);
    }
    if let Some(topic) = asked.field("topic") {
        let topic = topic.as_str().unwrap_or_default();
        let most = if place.kind == Kind::Forum { TOPIC.0 } else { TOPIC.1 };
        guild::valid_length("topic", topic, 0, most)?;
        place.topic = (!topic.is_empty()).then(|| topic.to_owned());
    }
    if let Some(parent) = asked.field("parent_id") {
        place.parent = id_of(parent);
        guild::valid_parent(state, place.id, place.parent)?;
    }
    if let Some(given) = asked.field("permission_overwrites") {
        let given = overwrites(given)?;
        may_give(state, &given, &place.overwrites)?;
        place.overwrites = given;
    }
    if let Some(wanted) = asked.field("available_tags") {
        place.tags = tags(state, wanted)?;
    }
    let number = |name: &str| asked.field(name).and_then(Value::as_u64);
    place.position = number("position").unwrap_or(place.position);
    place.slow = number("rate_limit_per_user").unwrap_or(place.slow);
    place.flags = number("flags").unwrap_or(place.flags);
    place.nsfw = asked.field("nsfw").and_then(Value::as_bool).unwrap_or(place.nsfw);
    Ok(place)
}

fn change(state: &mut State, asked: Asked<'_>, channel: u64) -> Outcome {
    let before = taken(state, channel)?;
    let place = match before.kind {
        Kind::Direct => return Err(refusal::not_in_direct()),
        kind if kind.is_thread() => change_thread(state, asked, before.clone())?,
        _ => {
            needs(state, channel, MANAGE_CHANNELS)?;
            if asked.field("permission_overwrites").is_some() {
                needs(state, channel, MANAGE_ROLES)?;
            }
            fill(state, asked, before.clone())?
        }
    };
    let renamed = place.name != before.name || place.topic != before.topic;
    if let Some(wait) = renamed.then(|| state.limits.rename(channel)).flatten() {
        return Err(refusal::too_often(wait));
    }
    state.world.channels.insert(channel, place.clone());
    if place != before {
        state.channel_changed(channel);
    }
    Ok((200, state.world.channel_json(channel)))
}

fn change_thread(state: &State, asked: Asked<'_>, mut thread: Channel) -> Result<Channel, Refusal> {
    let own = thread.owner == Some(state.world.bot);
    let manages = state.world.may(thread.id, MANAGE_THREADS);
    let locks = asked.field("locked").is_some() || asked.field("flags").is_some();
    if !manages && (locks || !own || thread.locked) {
        return Err(refusal::missing_permissions());
    }
    // What is put away is only taken out, or taken out and changed.
    let archived = asked.field("archived").and_then(Value::as_bool);
    if thread.archived && archived != Some(false) && asked.field("locked").is_none() {
        return Err(refusal::archived_thread());
    }
    thread.archived = archived.unwrap_or(thread.archived);
    thread.locked = asked.field("locked").and_then(Value::as_bool).unwrap_or(thread.locked);
    if let Some(name) = asked.text("name") {
        guild::valid_length("name", name, 1, 100)?;
        name.clone_into(&mut thread.name);
    }
    if let Some(tags) = asked.field("applied_tags") {
        let forum = thread.parent.unwrap_or_default();
        thread.applied = threads::tags(state, forum, Some(tags), false)?;
    }
    let number = |name: &str| asked.field(name).and_then(Value::as_u64);
    thread.archive_after = number("auto_archive_duration").unwrap_or(thread.archive_after);
    thread.flags = number("flags").unwrap_or(thread.flags);
    thread.slow = number("rate_limit_per_user").unwrap_or(thread.slow);
    Ok(thread)
}
