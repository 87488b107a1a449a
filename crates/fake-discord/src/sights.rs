//! What there is to see: the server's state, and what the bot asked of it.

use serde_json::Value;

use crate::{
    FakeDiscord,
    session::Session,
    world::{Channel, Kind, Message, Webhook},
};

impl FakeDiscord {
    /// The bot's user id.
    pub fn bot(&self) -> u64 {
        self.shared.state().world.bot
    }

    /// The application's id.
    pub fn application(&self) -> u64 {
        self.shared.state().world.application
    }

    /// The server's id, which is that of everybody's role as well.
    pub fn guild(&self) -> u64 {
        self.shared.state().world.guild
    }

    /// The id of the bot's own role.
    pub fn bot_role(&self) -> u64 {
        self.shared.state().world.role
    }

    /// What stands in a channel for all to see, oldest first.
    pub fn messages(&self, channel: u64) -> Vec<Message> {
        let state = self.shared.state();
        let all = state.world.messages.get(&channel).into_iter().flatten();
        all.filter(|message| message.only_for.is_none()).cloned().collect()
    }

    /// One message, if it is there.
    pub fn message(&self, channel: u64, id: u64) -> Option<Message> {
        self.shared.state().world.message(channel, id).cloned()
    }

    /// What is pinned in a channel, oldest first.
    pub fn pins(&self, channel: u64) -> Vec<Message> {
        self.messages(channel).into_iter().filter(|message| message.pinned).collect()
    }

    /// A channel, thread or category, if it is there.
    pub fn look(&self, channel: u64) -> Option<Channel> {
        self.shared.state().world.channels.get(&channel).cloned()
    }

    /// All channels and threads of the server.
    pub fn channels(&self) -> Vec<Channel> {
        let state = self.shared.state();
        let all = state.world.channels.values().filter(|one| one.kind != Kind::Direct);
        all.cloned().collect()
    }

    /// The channel, thread or category of this name.
    pub fn named(&self, name: &str) -> Option<Channel> {
        self.channels().into_iter().find(|channel| channel.name == name)
    }

    /// The threads of a channel, the posts of a forum.
    pub fn threads(&self, parent: u64) -> Vec<Channel> {
        let all = self.channels().into_iter();
        all.filter(|one| one.kind.is_thread() && one.parent == Some(parent)).collect()
    }

    /// What a post is tagged with.
    pub fn tags(&self, post: u64) -> Vec<String> {
        let Some(post) = self.look(post) else { return Vec::new() };
        let forum = post.parent.and_then(|forum| self.look(forum));
        let tags = forum.map(|forum| forum.tags).unwrap_or_default();
        let name = |id: &u64| Some(tags.iter().find(|tag| tag.id == *id)?.name.clone());
        post.applied.iter().filter_map(name).collect()
    }

    /// The webhooks of a channel.
    pub fn webhooks(&self, channel: u64) -> Vec<Webhook> {
        let state = self.shared.state();
        state.world.webhooks.values().filter(|hook| hook.channel == channel).cloned().collect()
    }

    /// The application's commands as they were set, those of the server and those of all.
    pub fn commands(&self) -> Vec<Value> {
        let state = self.shared.state();
        state.world.commands.iter().map(|(_, command)| command.clone()).collect()
    }

    /// The bot's name on the server, if it has one of its own.
    pub fn bot_nickname(&self) -> Option<String> {
        let state = self.shared.state();
        state.world.users.get(&state.world.bot)?.nick.clone()
    }

    /// What the bot last said of itself over the gateway: its status, and its first activity's words.
    pub fn bot_presence(&self) -> Option<(String, Option<String>)> {
        let state = self.shared.state();
        let presence = state.presence.as_ref()?;
        let status = presence.get("status")?.as_str()?.to_owned();
        let activity = presence.pointer("/activities/0");
        let words = activity.and_then(|one| one.get("state").or(one.get("name"))?.as_str());
        Some((status, words.map(str::to_owned)))
    }

    /// How often the bot was shown as writing in a channel.
    pub fn typing_shown(&self, channel: u64) -> u64 {
        self.shared.state().typing.get(&channel).copied().unwrap_or_default()
    }

    /// How many requests were one too many for their buckets.
    pub fn limited(&self) -> u64 {
        self.shared.state().limits.refused
    }

    /// How many requests were refused with 401, 403 or 429: too many of them, and Discord bans.
    pub fn invalid_requests(&self) -> u64 {
        self.shared.state().limits.invalid
    }

    /// How many requests a route had, such as `POST /channels/{}/messages`.
    pub fn requests(&self, route: &str) -> u64 {
        self.shared.state().requests.get(route).copied().unwrap_or_default()
    }

    /// How many requests there were in all.
    pub fn all_requests(&self) -> u64 {
        self.shared.state().requests.values().sum()
    }

    /// How many sessions began, and how many were resumed.
    pub fn sessions(&self) -> (u64, u64) {
        let state = self.shared.state();
        (state.identified, state.resumed)
    }

    /// Whether a client is connected.
    pub fn is_connected(&self) -> bool {
        self.shared.state().sessions.iter().any(Session::is_connected)
    }

    /// Whether the server itself told an event of this name; those of [`tell`](Self::tell) do not
    /// count. What a client then cannot read is a fault of this crate, or of that client.
    pub fn has_told(&self, name: &str) -> bool {
        self.shared.state().names.contains(name)
    }
}
