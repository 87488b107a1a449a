//! What there is on the server: people, one guild, channels, messages, webhooks.

mod guild;
mod message;
mod model;
mod standing;

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use serde_json::Value;

pub use self::model::{Channel, File, Kind, Message, Overwrite, Tag, Webhook};
pub(crate) use self::{
    guild::with,
    message::reaction_json,
    model::{Emoji, Picture, Role, User},
};
use crate::{permissions, time};

/// Limits and times that tests change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Knobs {
    /// Largest file, in bytes.
    pub(crate) file_limit: usize,
    /// How long addresses of files open, in seconds.
    pub(crate) link_life: u64,
    /// How soon an interaction must be answered, and how long its token counts.
    pub(crate) answer_within: Duration,
    pub(crate) token_life: Duration,
    /// Most channels of the server, and most threads that are not put away.
    pub(crate) channels: usize,
    pub(crate) threads: usize,
}

/// Everything.
#[derive(Debug)]
pub(crate) struct World {
    last_id: u64,
    pub(crate) token: String,
    pub(crate) bot: u64,
    pub(crate) application: u64,
    pub(crate) flags: u64,
    pub(crate) guild: u64,
    pub(crate) owner: u64,
    /// The bot's role.
    pub(crate) role: u64,
    pub(crate) roles: BTreeMap<u64, Role>,
    pub(crate) users: BTreeMap<u64, User>,
    pub(crate) channels: BTreeMap<u64, Channel>,
    pub(crate) messages: BTreeMap<u64, Vec<Message>>,
    pub(crate) webhooks: BTreeMap<u64, Webhook>,
    pub(crate) emojis: BTreeMap<u64, Emoji>,
    /// The application's commands: of which guild, if not of all, and what was said of each.
    pub(crate) commands: Vec<(Option<u64>, Value)>,
    /// Files that came with commands.
    pub(crate) given: Vec<(u64, File)>,
    pub(crate) nonces: HashMap<(u64, String), u64>,
    /// Whether the bot was sent away.
    pub(crate) left: bool,
    pub(crate) knobs: Knobs,
}

impl World {
    pub(crate) fn new(token: &str) -> Self {
        let mut world = Self {
            last_id: 0,
            token: token.to_owned(),
            bot: 0,
            application: 0,
            // The message content intent, for bots in few servers.
            flags: 1 << 19,
            guild: 0,
            owner: 1,
            role: 0,
            roles: BTreeMap::new(),
            users: BTreeMap::new(),
            channels: BTreeMap::new(),
            messages: BTreeMap::new(),
            webhooks: BTreeMap::new(),
            emojis: BTreeMap::new(),
            commands: Vec::new(),
            given: Vec::new(),
            nonces: HashMap::new(),
            left: false,
            knobs: Knobs {
                file_limit: 10 * 1024 * 1024,
                link_life: 24 * 3600,
                answer_within: Duration::from_secs(3),
                token_life: Duration::from_secs(15 * 60),
                channels: 500,
                threads: 1000,
            },
        };
        world.application = world.id();
        world.bot = world.id();
        world.guild = world.id();
        world.role = world.id();
        let role =
            |name: &str, permissions, managed| Role { name: name.to_owned(), permissions, managed };
        world.roles.insert(world.guild, role("@everyone", permissions::USUAL, false));
        world.roles.insert(world.role, role("msn-bridge", permissions::ALL, true));
        let roles = [world.role].into();
        let bot = User { name: "msn-bridge".to_owned(), bot: true, roles, ..User::default() };
        world.users.insert(world.bot, bot);
        world
    }

    /// Makes an id, later than all before.
    pub(crate) fn id(&mut self) -> u64 {
        self.last_id = time::id_at(time::now()).max(self.last_id + 1);
        self.last_id
    }

    /// Adds a channel of the server.
    pub(crate) fn add_channel(&mut self, kind: Kind, name: &str) -> &mut Channel {
        let id = self.id();
        let position = self.channels.values().filter(|other| other.kind == kind).count();
        let mut channel = Channel::new(id, kind, name);
        channel.position = u64::try_from(position).unwrap_or_default();
        self.channels.entry(id).or_insert(channel)
    }

    /// The channel a thread belongs to; another channel itself.
    pub(crate) fn root(&self, channel: u64) -> u64 {
        match self.channels.get(&channel) {
            Some(Channel { kind, parent: Some(parent), .. }) if kind.is_thread() => *parent,
            _ => channel,
        }
    }

    pub(crate) fn is_direct(&self, channel: u64) -> bool {
        self.channels.get(&channel).is_some_and(|channel| channel.kind == Kind::Direct)
    }

    pub(crate) fn message(&self, channel: u64, id: u64) -> Option<&Message> {
        self.messages.get(&channel)?.iter().find(|message| message.id == id)
    }

    pub(crate) fn message_mut(&mut self, channel: u64, id: u64) -> Option<&mut Message> {
        self.messages.get_mut(&channel)?.iter_mut().find(|message| message.id == id)
    }

    /// A person's name as the server shows it.
    pub(crate) fn shown_name(&self, user: u64) -> String {
        let shown = self.users.get(&user).map(|user| {
            user.nick.as_ref().or(user.global_name.as_ref()).unwrap_or(&user.name).clone()
        });
        shown.unwrap_or_default()
    }

    /// Gives files their ids, and their names as Discord writes them.
    pub(crate) fn files<'a>(
        &mut self,
        files: impl IntoIterator<Item = (&'a str, Vec<u8>)>,
    ) -> Vec<File> {
        let plain = |c: char| if c.is_alphanumeric() || "-._".contains(c) { c } else { '_' };
        let files = files.into_iter().map(|(name, bytes)| File {
            id: self.id(),
            name: name.chars().map(plain).collect(),
            description: None,
            bytes,
        });
        files.collect()
    }

    /// Threads that are not put away.
    pub(crate) fn active_threads(&self) -> impl Iterator<Item = &Channel> {
        self.channels.values().filter(|channel| channel.kind.is_thread() && !channel.archived)
    }
}

/// A hash of bytes, for names of pictures.
pub(crate) fn hash(bytes: &[u8]) -> String {
    let start = 0xcbf2_9ce4_8422_2325_u64;
    let step = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let sum = bytes.iter().fold(start, step);
    format!("{sum:016x}{:016x}", sum.rotate_left(29))
}
