//! REST: messages, reactions, pins, channels, webhooks, files; and what is refused.

use std::collections::HashMap;

use fake_discord::{Fault, Overwrite, Words, permissions};
use serenity::{
    Error,
    all::{
        ChannelType, CreateAllowedMentions, CreateAttachment, CreateChannel, EditChannel,
        EditMessage, GetMessages, GuildId, PermissionOverwrite, PermissionOverwriteType,
        Permissions, ReactionType, RoleId, UserId,
    },
    builder::{CreateMessage, EditWebhookMessage, ExecuteWebhook},
    http::Http,
    model::{id::ChannelId, webhook::Webhook},
};

use crate::support::{code, discord, refusal};

async fn webhook(http: &Http, channel: ChannelId, name: &str) -> Result<Webhook, Error> {
    http.create_webhook(channel, &HashMap::from([("name", name)]), None).await
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
    assert_eq!(refusal(elsewhere.messages(&http, GetMessages::new()).await).0, 10003);
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

#[tokio::test]
async fn what_people_said_is_read_and_what_the_bot_may_do_about_it_is_done() {
    let (discord, http, channel) = discord().await;
    let here = channel.get();
    let (grace, ada) = (discord.person("grace"), discord.person("ada"));
    discord.emoji("wave", b"picture");
    let ids: Vec<u64> =
        (0..5).map(|number| discord.say(here, grace, &number.to_string())).collect();
    let page = async |wanted: GetMessages| -> Vec<String> {
        let page = channel.messages(&http, wanted).await.expect("they are read");
        page.into_iter().map(|message| message.content).collect()
    };
    assert_eq!(page(GetMessages::new().after(ids[1]).limit(2)).await, ["3", "2"]);
    assert_eq!(page(GetMessages::new().before(ids[2])).await, ["1", "0"]);
    assert_eq!(page(GetMessages::new().around(ids[2]).limit(3)).await, ["3", "2", "1"]);

    // An answer with everything that may hang on it.
    let poll = discord.by(ada).says(here, Words::new("").poll("Tea?", &["yes", "no"]));
    discord.sticker("hello", b"sticker");
    let rich = Words::new("hi <@1>").reply(ids[0]).sticker("hello").file("a b.png", b"png");
    let rich = discord.by(ada).says(here, rich);
    let voice = discord.by(ada).says(here, Words::new("").voice(b"ogg"));
    let forward = discord.by(ada).says(here, Words::new("").forward(here, ids[3]));
    let read = async |id: u64| channel.message(&http, id).await.expect("it is read");
    let said = read(rich).await;
    assert_eq!(said.referenced_message.expect("what it answers").content, "0");
    assert_eq!(said.mentions.len(), 2, "the one it names and the one it answers");
    assert_eq!(said.sticker_items[0].name, "hello");
    assert_eq!(said.attachments[0].filename, "a_b.png");
    assert_eq!(said.attachments[0].content_type.as_deref(), Some("image/png"));
    assert_eq!(read(poll).await.poll.expect("a poll").answers.len(), 2);
    assert!(read(voice).await.flags.expect("flags").bits() & 1 << 13 != 0);
    assert_eq!(read(forward).await.message_snapshots[0].content, "3");

    // Reactions.
    let wave = ReactionType::Unicode("👋".to_owned());
    http.create_reaction(channel, ids[0].into(), &wave).await.expect("it is put");
    discord.by(ada).reacts(here, ids[0], "👋");
    let counted = read(ids[0]).await.reactions;
    assert_eq!((counted[0].count, counted[0].me), (2, true));
    let none = ReactionType::Unicode("hand".to_owned());
    assert_eq!(code(http.create_reaction(channel, ids[0].into(), &none).await), 10014);
    http.delete_reaction_me(channel, ids[0].into(), &wave).await.expect("it is taken away");
    let shown = discord.message(here, ids[0]).expect("it is there");
    assert_eq!((shown.reactions.len(), shown.others_reactions.len()), (0, 1));

    // Pins, and what is removed.
    http.pin_message(channel, ids[4].into(), None).await.expect("it is pinned");
    assert_eq!(http.get_pins(channel).await.expect("they are read")[0].content, "4");
    assert_eq!(discord.pins(here).len(), 1);
    let edit = EditMessage::new().content("no");
    assert_eq!(code(channel.edit_message(&http, ids[0], edit).await), 50005);
    let old: Vec<_> = ids[..2].iter().map(|id| serenity::all::MessageId::new(*id)).collect();
    channel.delete_messages(&http, old).await.expect("they are removed");
    assert!(discord.message(here, ids[1]).is_none());
    discord.deny(here, permissions::MANAGE_MESSAGES);
    discord.set_role(discord.guild(), permissions::USUAL);
    assert_eq!(code(channel.delete_message(&http, ids[2]).await), 50013);
}

#[tokio::test]
async fn channels_are_made_with_who_may_see_them_and_changed_as_often_as_allowed() {
    let (discord, http, _) = discord().await;
    let guild = GuildId::new(discord.guild());
    let ada = discord.person("ada");
    let stranger = discord.person("eve");
    let category = CreateChannel::new("MSN").kind(ChannelType::Category);
    let category = guild.create_channel(&http, category).await.expect("it is made");
    let one = |kind, allow, deny| PermissionOverwrite { allow, deny, kind };
    let hidden = [
        one(
            PermissionOverwriteType::Role(RoleId::new(discord.guild())),
            Permissions::empty(),
            Permissions::VIEW_CHANNEL,
        ),
        one(
            PermissionOverwriteType::Member(UserId::new(ada)),
            Permissions::VIEW_CHANNEL,
            Permissions::empty(),
        ),
        one(
            PermissionOverwriteType::Member(UserId::new(discord.bot())),
            Permissions::VIEW_CHANNEL,
            Permissions::empty(),
        ),
    ];
    let wanted = CreateChannel::new("Bob  Smith").category(category.id).permissions(hidden);
    let mut made = guild.create_channel(&http, wanted).await.expect("it is made");
    let id = made.id.get();
    assert_eq!((made.name.as_str(), made.parent_id), ("bob-smith", Some(category.id)));
    assert!(discord.by(ada).sees(id) && !discord.by(stranger).sees(id));
    assert_eq!(discord.named("bob-smith").expect("it is there").overwrites.len(), 3);

    // Twice in ten minutes its name changes; other things as often as one likes.
    for name in ["bob-2", "bob-3"] {
        made.edit(&http, EditChannel::new().name(name)).await.expect("it is renamed");
    }
    discord.fault("PATCH /channels/{}", Fault::Delay(std::time::Duration::ZERO));
    made.edit(&http, EditChannel::new().position(7)).await.expect("it is moved");
    let before = discord.limited();
    let third = made.edit(&http, EditChannel::new().name("bob-4"));
    let late = tokio::time::timeout(std::time::Duration::from_millis(500), third).await;
    assert!(late.is_err() && discord.limited() > before, "serenity waits as long as it is told");

    // What the bot has not, it cannot give; what it may not do, it is told.
    let more = one(
        PermissionOverwriteType::Member(UserId::new(ada)),
        Permissions::BAN_MEMBERS,
        Permissions::empty(),
    );
    assert_eq!(code(made.id.create_permission(&http, more).await), 50013);
    discord.room_for(3, 1000);
    assert_eq!(code(guild.create_channel(&http, CreateChannel::new("x")).await), 30013);
    discord.set_role(discord.bot_role(), permissions::USUAL);
    assert_eq!(code(guild.create_channel(&http, CreateChannel::new("x")).await), 50013);
    assert_eq!(code(made.id.delete(&http).await), 50013);
    let everybody = discord.guild();
    let bot = discord.bot();
    discord.overwrite(
        id,
        Overwrite { id: bot, member: true, allow: 0, deny: permissions::VIEW_CHANNEL },
    );
    assert_eq!(code(http.get_channel(made.id).await), 50001);
    discord.overwrite(id, Overwrite { id: bot, member: true, allow: 0, deny: 0 });
    assert!(
        discord.look(id).expect("it is there").overwrites.iter().any(|one| one.id == everybody)
    );
    let title = http.get_channels(guild).await.expect("they are listed");
    assert_eq!(title.len(), 3);
    let forbidden = discord.invalid_requests();
    assert!(forbidden >= 4, "refusals are counted: {forbidden}");
}

#[tokio::test]
async fn files_open_as_long_as_their_addresses_say() {
    let (discord, http, channel) = discord().await;
    let grace = discord.person("grace");
    discord.by(grace).shows_picture(b"her face");
    let emoji = discord.emoji("wave", b"a wave");
    let said = discord.say_with(channel.get(), grace, "", &[("a.txt", b"abc")]);
    let said = channel.message(&http, said).await.expect("it is read");
    let authority = reqwest012::Certificate::from_pem(discord.authority().as_bytes());
    let web = reqwest012::Client::builder()
        .resolve("cdn.discordapp.com", discord.front())
        .add_root_certificate(authority.expect("a certificate"))
        .no_proxy()
        .build()
        .expect("a client");
    let fetch = async |address: String| {
        let answer = web.get(address).send().await.expect("it answers");
        (answer.status().as_u16(), answer.text().await.expect("all of it"))
    };
    let address = said.attachments[0].url.clone();
    assert_eq!(fetch(address.clone()).await, (200, "abc".to_owned()));
    assert_eq!(fetch(address.replace("hm=", "hm=0")).await.0, 404);
    let face = said.author.avatar_url().expect("a picture");
    assert_eq!(fetch(face).await, (200, "her face".to_owned()));
    let wave = format!("https://cdn.discordapp.com/emojis/{emoji}.png");
    assert_eq!(fetch(wave).await.1, "a wave");
    discord.link_life(std::time::Duration::ZERO);
    let again = channel.message(&http, said.id).await.expect("it is read");
    assert_eq!(fetch(again.attachments[0].url.clone()).await.0, 404, "it is over at once");
    discord.file_limit(3);
    let large = CreateAttachment::bytes(b"abcd".as_slice(), "large");
    assert_eq!(
        code(channel.send_message(&http, CreateMessage::new().add_file(large)).await),
        40005
    );
}

#[tokio::test]
async fn a_direct_message_arrives_unless_she_wants_none() {
    let (discord, http, _) = discord().await;
    let grace = discord.person("grace");
    let direct = UserId::new(grace).create_dm_channel(&http).await.expect("it is opened");
    direct.id.say(&http, "hello").await.expect("it is said");
    assert_eq!(discord.by(grace).reads(direct.id.get())[0].content, "hello");
    discord.by(grace).closes_direct_messages(true);
    assert_eq!(code(direct.id.say(&http, "hello?").await), 50007);
}
