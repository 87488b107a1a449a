//! What there is on a server, as values a test reads.

use std::{collections::BTreeSet, fmt};

use serde_json::{Map, Value};

/// Something that was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its id.
    pub id: u64,
    /// Where.
    pub channel: u64,
    /// Who, as shown.
    pub name: String,
    /// The user, or the webhook.
    pub author: u64,
    /// The picture a webhook was told to show.
    pub avatar: Option<String>,
    /// The webhook it came through; for an answer to a command, the application.
    pub webhook: Option<u64>,
    /// The words.
    pub content: String,
    /// Whether everybody was called.
    pub mention_everyone: bool,
    /// Who was called.
    pub mentions: BTreeSet<u64>,
    /// Which roles were called.
    pub mention_roles: BTreeSet<u64>,
    /// The message it answers.
    pub reply_to: Option<u64>,
    /// Its files.
    pub files: Vec<File>,
    /// Its embeds, as they were sent.
    pub embeds: Vec<Value>,
    /// Its rows of buttons and menus, as they were sent.
    pub components: Vec<Value>,
    /// The bot's reactions under it.
    pub reactions: Vec<String>,
    /// Everybody else's: what, and who.
    pub others_reactions: Vec<(String, u64)>,
    /// Whether it is pinned.
    pub pinned: bool,
    /// When it was edited, in milliseconds since 1970.
    pub edited: Option<u64>,
    /// The only person who sees it.
    pub only_for: Option<u64>,
    /// Discord's flags.
    pub flags: u64,
    /// Discord's kind of message, where it is not a usual one: 6 tells of a pin, 18 of a thread.
    pub kind: u64,
    /// What it holds beside: stickers, a poll, a forwarded message.
    pub(crate) more: Map<String, Value>,
    pub(crate) nonce: Option<String>,
    pub(crate) bot: bool,
}

impl Message {
    /// One that says nothing yet.
    pub(crate) fn new(id: u64, channel: u64, author: u64, name: &str) -> Self {
        Self {
            id,
            channel,
            name: name.to_owned(),
            author,
            avatar: None,
            webhook: None,
            content: String::new(),
            mention_everyone: false,
            mentions: BTreeSet::new(),
            mention_roles: BTreeSet::new(),
            reply_to: None,
            files: Vec::new(),
            embeds: Vec::new(),
            components: Vec::new(),
            reactions: Vec::new(),
            others_reactions: Vec::new(),
            pinned: false,
            edited: None,
            only_for: None,
            flags: 0,
            kind: 0,
            more: Map::new(),
            nonce: None,
            bot: false,
        }
    }

    /// The button, menu or field that is called so, by its `custom_id` or its label.
    pub fn component(&self, called: &str) -> Option<&Value> {
        let said = |part: &&Value, name: &str| part.get(name).is_some_and(|said| said == called);
        let rows = self.components.iter().filter_map(|row| row.get("components")?.as_array());
        let mut parts = rows.flatten();
        parts.find(|part| said(part, "custom_id") || said(part, "label"))
    }
}

/// A file that hangs on a message.
#[derive(Clone, PartialEq, Eq)]
pub struct File {
    /// Its id.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// What it is said to show.
    pub description: Option<String>,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.name, self.bytes.len())
    }
}

/// A webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Its id.
    pub id: u64,
    /// Where it speaks.
    pub channel: u64,
    /// Its own name.
    pub name: String,
    /// Its own picture, by its hash.
    pub avatar: Option<String>,
    /// Its secret.
    pub token: String,
    /// Whether the bot made it.
    pub ours: bool,
}

/// What a channel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Told to many servers.
    Announcement,
    /// Holds channels.
    Category,
    /// Between a person and the bot.
    Direct,
    /// Holds posts.
    Forum,
    /// A thread by invitation.
    PrivateThread,
    /// For words.
    Text,
    /// A thread, or a forum's post.
    Thread,
    /// For talk.
    Voice,
}

impl Kind {
    const CODES: [(Self, u64); 8] = [
        (Self::Text, 0),
        (Self::Direct, 1),
        (Self::Voice, 2),
        (Self::Category, 4),
        (Self::Announcement, 5),
        (Self::Thread, 11),
        (Self::PrivateThread, 12),
        (Self::Forum, 15),
    ];

    pub(crate) fn of_code(code: u64) -> Option<Self> {
        Self::CODES.iter().find(|(_, number)| *number == code).map(|(kind, _)| *kind)
    }

    pub(crate) fn code(self) -> u64 {
        let found = Self::CODES.iter().find(|(kind, _)| *kind == self);
        found.map(|(_, code)| *code).unwrap_or_default()
    }

    pub(crate) fn is_thread(self) -> bool {
        matches!(self, Self::PrivateThread | Self::Thread)
    }

    /// Whether messages stand in it.
    pub(crate) fn holds_messages(self) -> bool {
        !matches!(self, Self::Category | Self::Forum)
    }
}

/// A channel, a thread, a category.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Its id.
    pub id: u64,
    /// What it is.
    pub kind: Kind,
    /// Its name; a post's title.
    pub name: String,
    /// What it is about.
    pub topic: Option<String>,
    /// The category of a channel, the channel of a thread.
    pub parent: Option<u64>,
    /// Where it stands among others.
    pub position: u64,
    /// Who may do what other than on the rest of the server.
    pub overwrites: Vec<Overwrite>,
    /// The tags a forum has.
    pub tags: Vec<Tag>,
    /// The tags a post bears, by their ids.
    pub applied: Vec<u64>,
    /// Whether a thread is put away.
    pub archived: bool,
    /// Whether a thread is closed.
    pub locked: bool,
    /// Who began a thread.
    pub owner: Option<u64>,
    /// Who is in a thread.
    pub members: BTreeSet<u64>,
    /// The person at the other end of a direct channel.
    pub with: Option<u64>,
    /// Minutes until a thread is put away by itself.
    pub archive_after: u64,
    /// Discord's flags: 2 for a post that is pinned, 16 for a forum that wants tags.
    pub flags: u64,
    pub(crate) slow: u64,
    pub(crate) nsfw: bool,
}

impl Channel {
    pub(crate) fn new(id: u64, kind: Kind, name: &str) -> Self {
        Self {
            id,
            kind,
            name: name.to_owned(),
            topic: None,
            parent: None,
            position: 0,
            overwrites: Vec::new(),
            tags: Vec::new(),
            applied: Vec::new(),
            archived: false,
            locked: false,
            owner: None,
            members: BTreeSet::new(),
            with: None,
            archive_after: 4320,
            flags: 0,
            slow: 0,
            nsfw: false,
        }
    }
}

/// What a role or a member may do in a channel, other than elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overwrite {
    /// The role, or the member; the server's own id is everybody's role.
    pub id: u64,
    /// Whether it is a member's.
    pub member: bool,
    /// What may be done.
    pub allow: u64,
    /// What may not be done.
    pub deny: u64,
}

/// A tag of a forum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Its id.
    pub id: u64,
    /// What it says.
    pub name: String,
    /// The emoji before it.
    pub emoji: Option<String>,
    /// Whether only those who manage threads may give it.
    pub moderated: bool,
}

/// A role.
#[derive(Clone, Debug)]
pub(crate) struct Role {
    pub(crate) name: String,
    pub(crate) permissions: u64,
    pub(crate) managed: bool,
}

/// A picture: its hash, and its bytes.
#[derive(Clone)]
pub(crate) struct Picture {
    pub(crate) hash: String,
    pub(crate) bytes: Vec<u8>,
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hash)
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) global_name: Option<String>,
    pub(crate) nick: Option<String>,
    pub(crate) bot: bool,
    pub(crate) avatar: Option<Picture>,
    pub(crate) roles: BTreeSet<u64>,
    /// Whether she left the server.
    pub(crate) gone: bool,
    /// Whether she takes no direct messages.
    pub(crate) closed: bool,
    /// As she looks: the status, and what she says of herself.
    pub(crate) presence: Option<(String, String)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Emoji {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) sticker: bool,
}
