//! The bits of permissions that count here (Discord's documentation, permissions).

/// Give and take permissions; includes all others.
pub const ADMINISTRATOR: u64 = 1 << 3;
/// Make, change and delete channels.
pub const MANAGE_CHANNELS: u64 = 1 << 4;
/// Change the server.
pub const MANAGE_GUILD: u64 = 1 << 5;
/// Put reactions under messages.
pub const ADD_REACTIONS: u64 = 1 << 6;
/// See a channel.
pub const VIEW_CHANNEL: u64 = 1 << 10;
/// Write.
pub const SEND_MESSAGES: u64 = 1 << 11;
/// Remove and pin what others said.
pub const MANAGE_MESSAGES: u64 = 1 << 13;
/// Have links and embeds shown.
pub const EMBED_LINKS: u64 = 1 << 14;
/// Send files.
pub const ATTACH_FILES: u64 = 1 << 15;
/// Read what was said before.
pub const READ_MESSAGE_HISTORY: u64 = 1 << 16;
/// Call everybody.
pub const MENTION_EVERYONE: u64 = 1 << 17;
/// Change one's own nickname.
pub const CHANGE_NICKNAME: u64 = 1 << 26;
/// Make roles, and set permissions of channels.
pub const MANAGE_ROLES: u64 = 1 << 28;
/// Make webhooks.
pub const MANAGE_WEBHOOKS: u64 = 1 << 29;
/// Give commands of applications.
pub const USE_APPLICATION_COMMANDS: u64 = 1 << 31;
/// Archive, lock and delete threads of others.
pub const MANAGE_THREADS: u64 = 1 << 34;
/// Begin threads that everybody sees.
pub const CREATE_PUBLIC_THREADS: u64 = 1 << 35;
/// Begin threads by invitation.
pub const CREATE_PRIVATE_THREADS: u64 = 1 << 36;
/// Write in threads.
pub const SEND_MESSAGES_IN_THREADS: u64 = 1 << 38;

/// What everybody has on a new server.
pub const USUAL: u64 = ADD_REACTIONS
    | VIEW_CHANNEL
    | SEND_MESSAGES
    | EMBED_LINKS
    | ATTACH_FILES
    | READ_MESSAGE_HISTORY
    | CHANGE_NICKNAME
    | USE_APPLICATION_COMMANDS
    | CREATE_PUBLIC_THREADS
    | CREATE_PRIVATE_THREADS
    | SEND_MESSAGES_IN_THREADS;

/// What a bridge asks for, that is everything short of ruling the server.
pub const ALL: u64 = USUAL
    | MANAGE_CHANNELS
    | MANAGE_MESSAGES
    | MENTION_EVERYONE
    | MANAGE_ROLES
    | MANAGE_WEBHOOKS
    | MANAGE_THREADS;

/// What cannot be done without leave to write.
pub(crate) const WRITING: u64 = MENTION_EVERYONE | ATTACH_FILES | EMBED_LINKS;
