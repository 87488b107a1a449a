//! What happens on the server is told, in a form serenity reads, to those who asked for it.

use fake_discord::{Words, permissions};
use serenity::all::{CreateMessage, Event, GatewayIntents, ReactionType};

use crate::support::{Bot, discord};

/// The names of all events until a message of these words.
async fn until_said(bot: &mut Bot, words: &str) -> Vec<String> {
    let mut names = Vec::new();
    bot.hears(words, |event| {
        if let Event::MessageCreate(said) = event
            && said.message.content == words
        {
            return Some(());
        }
        names.extend(event.name());
        None
    })
    .await;
    names
}

#[tokio::test]
async fn everything_that_happens_is_told_in_order() {
    let (discord, _, channel) = discord().await;
    discord.people_intents(true);
    let mut bot = Bot::start(&discord, GatewayIntents::all()).await;
    let here = channel.get();
    let grace = discord.person("grace");
    let by = discord.by(grace);
    by.is_called("Amazing Grace");
    by.looks("idle", "having tea");
    by.types(here);
    let hello = by.says(here, Words::new("hello").file("a.png", b"png"));
    by.edits(here, hello, "hello again");
    by.reacts(here, hello, "👍");
    let wave = discord.emoji("wave", b"");
    by.reacts(here, hello, &format!("wave:{wave}"));
    by.unreacts(here, hello, "👍");
    discord.clear_reactions(here, hello);
    discord.preview(here, hello, "A page", "https://example.com");
    discord.pin(here, hello, true);
    by.deletes(here, hello);
    let two = [by.says(here, "one"), by.says(here, "two")];
    discord.delete_messages(here, &two);
    let forum = discord.forum("contacts", &["Online"]);
    let post = by.begins_thread(forum, "Bob", "the first");
    discord.change_channel(post, |post| post.archived = true);
    discord.delete_channel(post);
    discord.change_channel(forum, |forum| forum.topic = Some("people".to_owned()));
    discord.delete_channel(forum);
    let role = discord.role("friends", permissions::USUAL);
    discord.give_role(grace, role, true);
    discord.set_role(role, 0);
    discord.delete_role(role);
    let hook = discord.foreign_webhook(here, "News");
    discord.say_through(&hook, "a story");
    discord.delete_webhook(hook.id);
    by.leaves();
    by.joins();
    discord.outage(true);
    discord.outage(false);
    by.says(here, "the end");
    let names = until_said(&mut bot, "the end").await;
    let wanted = [
        "GUILD_MEMBER_ADD",
        "GUILD_MEMBER_UPDATE",
        "PRESENCE_UPDATE",
        "TYPING_START",
        "MESSAGE_CREATE",
        "MESSAGE_UPDATE",
        "MESSAGE_REACTION_ADD",
        "GUILD_EMOJIS_UPDATE",
        "MESSAGE_REACTION_ADD",
        "MESSAGE_REACTION_REMOVE",
        "MESSAGE_REACTION_REMOVE_ALL",
        "MESSAGE_UPDATE",
        "MESSAGE_UPDATE",
        "CHANNEL_PINS_UPDATE",
        "MESSAGE_CREATE",
        "MESSAGE_DELETE",
        "MESSAGE_CREATE",
        "MESSAGE_CREATE",
        "MESSAGE_DELETE_BULK",
        "CHANNEL_CREATE",
        "THREAD_CREATE",
        "MESSAGE_CREATE",
        "THREAD_UPDATE",
        "THREAD_DELETE",
        "CHANNEL_UPDATE",
        "CHANNEL_DELETE",
        "GUILD_ROLE_CREATE",
        "GUILD_MEMBER_UPDATE",
        "GUILD_ROLE_UPDATE",
        "GUILD_ROLE_DELETE",
        "WEBHOOKS_UPDATE",
        "MESSAGE_CREATE",
        "WEBHOOKS_UPDATE",
        "GUILD_MEMBER_REMOVE",
        "GUILD_MEMBER_ADD",
        "GUILD_DELETE",
        "GUILD_CREATE",
    ];
    assert_eq!(names, wanted);
    discord.kick_bot();
    bot.hears_of("GUILD_DELETE").await;
    bot.leave();
}

#[tokio::test]
async fn what_was_not_asked_for_is_not_told() {
    let (discord, _, channel) = discord().await;
    let intents =
        GatewayIntents::GUILDS | GatewayIntents::GUILD_MESSAGES | GatewayIntents::DIRECT_MESSAGES;
    let mut bot = Bot::start(&discord, intents).await;
    let here = channel.get();
    let grace = discord.person("grace");
    let by = discord.by(grace);
    by.looks("dnd", "");
    by.types(here);
    let blank = by.says(here, Words::new("secret").file("a.png", b"png"));
    by.reacts(here, blank, "👍");
    let called = by.says(here, format!("hello <@{}>", discord.bot()));
    let direct = discord.whisper(grace, "in private");
    let mut said = Vec::new();
    let names = {
        let mut names = Vec::new();
        bot.hears("the last", |event| {
            names.extend(event.name());
            let Event::MessageCreate(event) = event else { return None };
            said.push((event.message.id.get(), event.message.content.clone()));
            (event.message.channel_id.get() == direct).then_some(())
        })
        .await;
        names
    };
    assert_eq!(names, ["MESSAGE_CREATE"; 3]);
    assert_eq!((said[0].0, said[0].1.as_str()), (blank, ""), "without the intent it is blank");
    assert_eq!((said[1].0, said[1].1.contains("hello")), (called, true), "it is for the bot");
    assert_eq!(said[2].1, "in private");
    // Of a channel it does not see it hears nothing.
    discord.deny(here, permissions::VIEW_CHANNEL);
    by.says(here, "behind its back");
    discord.whisper(grace, "the end");
    let names = until_said(&mut bot, "the end").await;
    assert_eq!(names, ["CHANNEL_UPDATE"]);
    bot.leave();
}

#[tokio::test]
async fn an_echo_comes_before_its_answer_or_as_late_as_is_wished() {
    let (discord, _, channel) = discord().await;
    let mut bot = Bot::start(&discord, GatewayIntents::non_privileged()).await;
    let http = std::sync::Arc::clone(&bot.http);
    let said = channel.send_message(&http, CreateMessage::new().content("one")).await;
    let said = said.expect("it is taken").id;
    bot.hears("its own words", |event| match event {
        Event::MessageCreate(event) => (event.message.id == said).then_some(()),
        _ => None,
    })
    .await;
    let wave = ReactionType::Unicode("👋".to_owned());
    http.create_reaction(channel, said, &wave).await.expect("it is put");
    bot.hears_of("MESSAGE_REACTION_ADD").await;
    discord.echo_after(std::time::Duration::from_millis(100));
    let said = channel.send_message(&http, CreateMessage::new().content("two")).await;
    assert_eq!(said.expect("it is taken").content, "two");
    bot.hears("its own words", |event| match event {
        Event::MessageCreate(event) => (event.message.content == "two").then_some(()),
        _ => None,
    })
    .await;
    bot.leave();
}
