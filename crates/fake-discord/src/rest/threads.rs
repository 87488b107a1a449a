//! Threads: begun from a channel, from a message, as a forum's post; and who is in them.

use serde_json::{Value, json};

use super::{Asked, DONE, Outcome, forms, guild, id_of, messages, needs, text_of};
use crate::{
    permissions::{
        ATTACH_FILES, CREATE_PRIVATE_THREADS, CREATE_PUBLIC_THREADS, MANAGE_THREADS,
        READ_MESSAGE_HISTORY, SEND_MESSAGES,
    },
    refusal::{self, Refusal},
    session::intents,
    state::State,
    time,
    world::{Channel, Kind, Message},
};

/// Minutes after which a thread may be put away.
const DURATIONS: [u64; 4] = [60, 1440, 4320, 10_080];
/// Most tags of a post.
pub(super) const TAGS: usize = 5;
/// The flag of a message that a thread began at.
const HAS_THREAD: u64 = 1 << 5;
/// The flag of a forum whose posts need tags.
const NEEDS_TAG: u64 = 1 << 4;

pub(super) fn work(state: &mut State, asked: Asked<'_>, channel: u64) -> Outcome {
    match asked.route {
        "POST /channels/{}/messages/{}/threads" => from_message(state, asked, channel),
        "POST /channels/{}/threads" => begin(state, asked, channel),
        "GET /channels/{}/threads/archived/public" => {
            needs(state, channel, READ_MESSAGE_HISTORY)?;
            let here = state.world.channels.values().filter(|thread| {
                thread.parent == Some(channel) && thread.kind == Kind::Thread && thread.archived
            });
            let found: Vec<Value> = here.map(|one| state.world.channel_json(one.id)).collect();
            Ok((200, json!({ "threads": found, "members": [], "has_more": false })))
        }
        _ => members(state, asked, channel),
    }
}

fn members(state: &mut State, asked: Asked<'_>, channel: u64) -> Outcome {
    let thread = state.world.channels.get(&channel).filter(|place| place.kind.is_thread());
    let thread = thread.ok_or_else(refusal::wrong_channel_type)?.clone();
    if asked.route.starts_with("GET") {
        let members = thread.members.iter().map(|user| member_json(channel, *user));
        return Ok((200, Value::Array(members.collect())));
    }
    messages::not_archived(state, channel)?;
    let own = asked.route.ends_with("@me");
    let user = if own { state.world.bot } else { asked.id(1) };
    let on = asked.route.starts_with("PUT");
    if !on && !own {
        needs(state, channel, MANAGE_THREADS)?;
    }
    if on && !state.world.members().any(|member| member == user) {
        return Err(refusal::unknown_member());
    }
    state.thread_member(channel, user, on);
    DONE
}

fn member_json(thread: u64, user: u64) -> Value {
    json!({ "id": thread.to_string(), "user_id": user.to_string(), "flags": 1,
            "join_timestamp": time::timestamp(time::now()) })
}

fn name_of(value: &Value) -> Result<String, Refusal> {
    let name = text_of(value, "name").unwrap_or_default();
    guild::valid_length("name", name, 1, 100)?;
    Ok(name.to_owned())
}

fn duration(body: &Value) -> Result<u64, Refusal> {
    match body.get("auto_archive_duration").and_then(Value::as_u64) {
        Some(minutes) if !DURATIONS.contains(&minutes) => {
            Err(refusal::bad_choice("auto_archive_duration"))
        }
        minutes => Ok(minutes.unwrap_or(4320)),
    }
}

fn from_message(state: &mut State, asked: Asked<'_>, channel: u64) -> Outcome {
    let kind = state.world.channels.get(&channel).map(|channel| channel.kind);
    if !matches!(kind, Some(Kind::Announcement | Kind::Text)) {
        return Err(refusal::wrong_channel_type());
    }
    needs(state, channel, CREATE_PUBLIC_THREADS)?;
    let message = messages::found(state, channel, asked.id(1))?;
    let (name, minutes) = (name_of(&asked.body.json)?, duration(&asked.body.json)?);
    if state.world.channels.contains_key(&message.id) {
        return Err(refusal::thread_exists());
    }
    let mut message = message;
    message.flags |= HAS_THREAD;
    let id = message.id;
    if let Some(place) = state.world.message_mut(channel, id) {
        message.clone_into(place);
    }
    let bot = state.world.bot;
    let thread = Channel { archive_after: minutes, ..Channel::new(id, Kind::Thread, &name) };
    state.begin_thread(channel, thread, bot)?;
    state.changed(&message);
    Ok((201, state.world.channel_json(id)))
}

fn begin(state: &mut State, asked: Asked<'_>, channel: u64) -> Outcome {
    let body = &asked.body.json;
    let (name, minutes) = (name_of(body)?, duration(body)?);
    let kind = state.world.channels.get(&channel).map(|channel| channel.kind);
    let (id, bot) = (state.world.id(), state.world.bot);
    let new = |kind| Channel { archive_after: minutes, ..Channel::new(id, kind, &name) };
    match kind {
        Some(Kind::Forum) => {
            // Who posts in a forum writes there.
            needs(state, channel, SEND_MESSAGES)?;
            if !asked.body.files.is_empty() {
                needs(state, channel, ATTACH_FILES)?;
            }
            let message = body.get("message").filter(|message| message.is_object());
            let message = message.ok_or_else(|| refusal::required("message"))?;
            let applied = tags(state, channel, body.get("applied_tags"), false)?;
            let form = super::Body { json: message.clone(), files: asked.body.files.clone() };
            let first = Message { bot: true, ..Message::new(id, id, bot, "msn-bridge") };
            let first = forms::fill(state, &form, first)?;
            let thread = Channel { applied, ..new(Kind::Thread) };
            state.begin_thread(channel, thread, bot)?;
            state.say(first.clone());
            let mut shown = state.world.channel_json(id);
            if let Some(fields) = shown.as_object_mut() {
                fields.insert("message".to_owned(), state.world.message_json(&first));
            }
            Ok((201, shown))
        }
        Some(Kind::Announcement | Kind::Text) => {
            let code = body.get("type").and_then(Value::as_u64).unwrap_or(12);
            let (kind, wanted) = match Kind::of_code(code) {
                Some(kind @ Kind::Thread) => (kind, CREATE_PUBLIC_THREADS),
                Some(kind @ Kind::PrivateThread) => (kind, CREATE_PRIVATE_THREADS),
                _ => return Err(refusal::bad_choice("type")),
            };
            needs(state, channel, wanted)?;
            state.begin_thread(channel, new(kind), bot)?;
            Ok((201, state.world.channel_json(id)))
        }
        _ => Err(refusal::wrong_channel_type()),
    }
}

/// Reads the tags for a post of a forum.
pub(super) fn tags(
    state: &State,
    forum: u64,
    asked: Option<&Value>,
    by_webhook: bool,
) -> Result<Vec<u64>, Refusal> {
    let Some(place) = state.world.channels.get(&forum) else {
        return Err(refusal::unknown_channel());
    };
    let ids = asked.and_then(Value::as_array).into_iter().flatten();
    let ids: Vec<u64> = ids.filter_map(id_of).collect();
    if ids.len() > TAGS {
        let text = "Must be 5 or fewer in length.";
        return Err(refusal::invalid_form("applied_tags", "BASE_TYPE_MAX_LENGTH", text));
    }
    if ids.is_empty() && place.flags & NEEDS_TAG != 0 {
        return Err(refusal::tag_needed());
    }
    for id in &ids {
        let Some(tag) = place.tags.iter().find(|tag| tag.id == *id) else {
            return Err(refusal::invalid_form("applied_tags", "UNKNOWN_TAG", "Unknown tag"));
        };
        if tag.moderated && (by_webhook || !state.world.may(forum, MANAGE_THREADS)) {
            return Err(refusal::missing_permissions());
        }
    }
    Ok(ids)
}

impl State {
    /// Begins a thread below a channel, with its maker in it.
    pub(super) fn begin_thread(
        &mut self,
        parent: u64,
        thread: Channel,
        maker: u64,
    ) -> Result<(), Refusal> {
        if self.world.active_threads().count() >= self.world.knobs.threads {
            return Err(refusal::too_many_threads());
        }
        let id = thread.id;
        let mut thread = Channel { parent: Some(parent), owner: Some(maker), ..thread };
        if self.world.users.contains_key(&maker) {
            thread.members.insert(maker);
        }
        self.world.channels.insert(id, thread);
        self.channel_made(id);
        Ok(())
    }

    /// Has somebody join a thread, or leave it.
    pub(crate) fn thread_member(&mut self, thread: u64, user: u64, on: bool) {
        let Some(place) = self.world.channels.get_mut(&thread) else { return };
        let changed = if on { place.members.insert(user) } else { place.members.remove(&user) };
        if !changed {
            return;
        }
        let count = place.members.len();
        let mut added = Vec::new();
        if on {
            let mut member = member_json(thread, user);
            if let Some(fields) = member.as_object_mut() {
                let mut whole = self.world.whole_member_json(user);
                if let Some(whole) = whole.as_object_mut() {
                    whole.insert("guild_id".to_owned(), json!(self.world.guild.to_string()));
                }
                fields.insert("member".to_owned(), whole);
                fields.insert("presence".to_owned(), Value::Null);
            }
            added.push(member);
        }
        let removed = if on { Vec::new() } else { vec![user.to_string()] };
        let event = json!({
            "id": thread.to_string(), "member_count": count, "added_members": added,
            "removed_member_ids": removed,
        });
        // Of others it is told to those who may know who is there.
        let own = user == self.world.bot;
        let wanted = if own { intents::GUILDS } else { intents::GUILD_MEMBERS };
        self.tell_in(thread, "THREAD_MEMBERS_UPDATE", &event, (wanted, wanted));
    }
}
