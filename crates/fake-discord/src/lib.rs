//! Discord on the loopback: as much of its REST and gateway as a bridge meets, for tests.
//!
//! One state behind two fronts. Plain HTTP and WebSocket serve the gateway; a TLS front for
//! `discord.com`, which is an HTTP proxy as well, serves REST and files, so that a client's own rate
//! limiter and URLs stay as they are. What Discord refuses is refused with its codes: names, lengths,
//! permissions (computed from roles and overwrites), intents, rates.
//!
//! A test says what people do, and looks at what becomes of it:
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use fake_discord::{FakeDiscord, Fault, Words, permissions};
//!
//! let discord = FakeDiscord::start("a-bots.token").await?;
//! let (lounge, grace) = (discord.channel("lounge"), discord.person("grace"));
//! let forum = discord.forum("contacts", &["Online", "Offline"]);
//! // … the bot connects; then people do what people do:
//! let by = discord.by(grace);
//! let hello = by.says(lounge, Words::new("hello").file("cat.png", b"bytes"));
//! by.edits(lounge, hello, "hello, Bob");
//! by.reacts(lounge, hello, "👍");
//!
//! // A command, the form its answer's button opens, and what comes of it. Each waits for the bot.
//! let shown = by.commands_bot(lounge, "/msn add address:bob@example.com").shows().await;
//! assert_eq!(shown.only_for, Some(grace));
//! let form = by.presses(&shown, "Log in").opens().await;
//! by.submits(&form, &[("Password", "secret")]).shows().await;
//!
//! // What the bot made of it, and what it is told when things go wrong.
//! let post = discord.until("a post for Bob", |d| d.threads(forum).pop()).await;
//! assert_eq!(discord.tags(post.id), ["Online"]);
//! discord.deny(lounge, permissions::MANAGE_WEBHOOKS);
//! discord.fault("POST /channels/{}/messages", Fault::bad_gateway());
//! discord.cut();
//! # Ok(())
//! # }
//! ```
//!
//! - [`FakeDiscord`]: the server. `people` do (through [`Person`]), moderators do (`channel`, `forum`,
//!   `role`, `overwrite`, `delete_webhook`, `kick_bot`, …), things go wrong (`fault`, `bucket`,
//!   `cut`, `hang_upgrades`, `spoil`, …), and a test looks (`messages`, `threads`, `tags`,
//!   `webhooks`, `commands`, `requests`, …). A route is written as in [`fault`](FakeDiscord::fault).
//! - [`Person`]: says, edits, reacts, types, looks, gives commands, presses, chooses, fills in forms.
//!   What she may not do, or her client would not send, fails the test.
//! - [`Given`]: what she asked of the bot; `shows`, `opens` and `offers` wait for its answer.
//! - [`Words`]: what she says, with what hangs on it: an answer, files, stickers, a poll, a forward.
//! - [`Fault`]: what a route does instead of its work.
//!
//! Everything is told over the gateway as Discord tells it: before the answer to the request that
//! caused it, and only to sessions whose intents and whose bot's permissions let them hear it.
//! serenity passes over an event it cannot read without a word: a harness should look at
//! `Event::Unknown` and fail when [`FakeDiscord::has_told`] knows its name.
//!
//! Left out: voice, stages, events, bans, invitations, audit logs, shards, moderation rules; what is
//! put off to be said later shows no "is thinking" meanwhile.

mod fault;
mod faults;
mod front;
mod gateway;
mod interactions;
mod limit;
mod line;
mod moderate;
mod people;
pub mod permissions;
mod refusal;
mod rest;
mod server;
mod session;
mod sights;
mod state;
mod time;
mod world;
mod zlib;

pub use self::{
    fault::Fault,
    limit::Bucket,
    people::{Given, Modal, Person, Words},
    server::FakeDiscord,
    world::{Channel, File, Kind, Message, Overwrite, Tag, Webhook},
};
