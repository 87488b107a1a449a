//! What a client that others wrote gets from the loopback's Discord, and what it is refused.

use std::collections::HashMap;

use fake_discord::{FakeDiscord, Fault};
use serenity::{
    Error,
    all::{CreateAllowedMentions, CreateAttachment},
    builder::{CreateMessage, EditWebhookMessage, ExecuteWebhook},
    http::{Http, HttpBuilder, HttpError},
    model::{id::ChannelId, webhook::Webhook},
};

const TOKEN: &str = "a-bots.token";

async fn discord() -> (FakeDiscord, Http, ChannelId) {
    let discord = FakeDiscord::start(TOKEN).await.expect("the loopback is free");
    let authority = reqwest012::Certificate::from_pem(discord.authority().as_bytes());
    let client = reqwest012::Client::builder()
        .resolve("discord.com", discord.front())
        .add_root_certificate(authority.expect("a certificate"))
        .no_proxy()
        .build()
        .expect("a client");
    let channel = ChannelId::new(discord.channel("lounge"));
    (discord, HttpBuilder::new(TOKEN).client(client).build(), channel)
}

async fn webhook(http: &Http, channel: ChannelId, name: &str) -> Result<Webhook, Error> {
    http.create_webhook(channel, &HashMap::from([("name", name)]), None).await
}

/// The code and the fields of a refusal.
fn refusal<T: std::fmt::Debug>(outcome: Result<T, Error>) -> (isize, Vec<String>) {
    match outcome {
        Err(Error::Http(HttpError::UnsuccessfulRequest(answer))) => {
            let fields = answer.error.errors.iter().map(|error| error.path.clone());
            (answer.error.code, fields.collect())
        }
        outcome => panic!("no refusal: {outcome:?}"),
    }
}

#[tokio::test]
async fn messages_with_files_are_said_edited_and_removed() {
    let (discord, http, channel) = discord().await;
    let hook = webhook(&http, channel, "hook").await.expect("it is made");
    let words = ExecuteWebhook::new()
        .username("Bob")
        .content("look")
        .add_file(CreateAttachment::bytes(b"abc".as_slice(), "a.txt"));
    let said = hook.execute(&http, true, words).await.expect("it is taken").expect("a message");
    assert_eq!(said.attachments[0].filename, "a.txt");
    let edit = EditWebhookMessage::new().content("look again");
    hook.edit_message(&http, said.id, edit).await.expect("it is edited");
    let shown = discord.messages(channel.get());
    assert_eq!((shown[0].name.as_str(), shown[0].content.as_str()), ("Bob", "look again"));
    hook.delete_message(&http, None, said.id).await.expect("it is removed");
    assert!(discord.messages(channel.get()).is_empty());
}

#[tokio::test]
async fn what_discord_refuses_is_refused_with_its_code() {
    let (discord, http, channel) = discord().await;
    let hook = webhook(&http, channel, "hook").await.expect("it is made");
    let say = async |name: &str, words: &str| {
        refusal(
            hook.execute(&http, true, ExecuteWebhook::new().username(name).content(words)).await,
        )
    };
    for name in ["Discord", "xclydex", "everyone", "Here", &"x".repeat(81)] {
        assert_eq!(say(name, "hi").await, (50035, vec!["username".to_owned()]), "{name}");
    }
    assert_eq!(say("Bob", "  ").await.0, 50006);
    assert_eq!(refusal(webhook(&http, channel, "clyde").await), (50035, vec!["name".to_owned()]));
    let elsewhere = ChannelId::new(17);
    assert_eq!(
        refusal(elsewhere.messages(&http, serenity::all::GetMessages::new()).await).0,
        10003
    );
    discord.delete_webhook(hook.id.get());
    assert_eq!(say("Bob", "hi").await.0, 10015);
    for number in 0..15 {
        webhook(&http, channel, &format!("hook {number}")).await.expect("there is room");
    }
    assert_eq!(refusal(webhook(&http, channel, "one too many").await).0, 30007);
}

#[tokio::test]
async fn only_allowed_mentions_call_anybody() {
    let (discord, http, channel) = discord().await;
    let grace = discord.person("grace");
    let text = format!("@everyone <@{grace}>");
    let open = CreateMessage::new().content(&text);
    let closed = CreateMessage::new().content(&text).allowed_mentions(CreateAllowedMentions::new());
    for message in [open, closed] {
        channel.send_message(&http, message).await.expect("it is taken");
    }
    let called = discord.messages(channel.get()).into_iter();
    let called: Vec<_> =
        called.map(|message| (message.mention_everyone, message.mentions.len())).collect();
    assert_eq!(called, [(true, 1), (false, 0)]);
}

#[tokio::test]
async fn a_scripted_fault_comes_once() {
    let (discord, http, _) = discord().await;
    discord.fault("GET /users/@me", Fault::error(403, 50013, "Missing Permissions"));
    assert_eq!(refusal(http.get_current_user().await).0, 50013);
    assert_eq!(http.get_current_user().await.expect("it is answered").id.get(), discord.bot());
    assert_eq!(discord.requests("GET /users/@me"), 2);
}
