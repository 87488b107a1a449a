//! The gateway: sessions that begin, end, are taken up again, and go wrong.

use std::time::Duration;

use serenity::{
    Error,
    all::{ActivityData, ChunkGuildFilter, Event, GatewayIntents, GuildId, OnlineStatus, ShardId},
    gateway::GatewayError,
};

use crate::support::{Bot, discord};

const INTENTS: GatewayIntents = GatewayIntents::non_privileged();

async fn hears_words(bot: &mut Bot, words: &str) {
    bot.hears(words, |event| match event {
        Event::MessageCreate(event) => (event.message.content == words).then_some(()),
        _ => None,
    })
    .await;
}

#[tokio::test]
async fn a_session_that_breaks_is_taken_up_where_it_was() {
    let (discord, _, channel) = discord().await;
    let grace = discord.person("grace");
    let mut bot = Bot::start(&discord, INTENTS | GatewayIntents::MESSAGE_CONTENT).await;
    let breaks: [(&str, &dyn Fn()); 5] = [
        ("cut", &|| discord.cut()),
        ("reset", &|| discord.reset()),
        ("closed", &|| discord.close(4000)),
        ("asked to reconnect", &|| discord.ask_to_reconnect()),
        ("invalid, to be resumed", &|| discord.invalidate(true)),
    ];
    for (number, (what, how)) in (1..).zip(breaks) {
        how();
        discord.say(channel.get(), grace, what);
        hears_words(&mut bot, what).await;
        discord.until(what, |discord| (discord.sessions() == (1, number)).then_some(())).await;
    }
    bot.leave();
}

#[tokio::test]
async fn compressed_frames_are_read_and_what_comes_twice_or_late_is_told_so() {
    let (discord, _, channel) = discord().await;
    discord.compress(true);
    let grace = discord.person("grace");
    let mut bot = Bot::start(&discord, INTENTS | GatewayIntents::MESSAGE_CONTENT).await;
    let long = "x".repeat(1990);
    discord.say(channel.get(), grace, &long);
    hears_words(&mut bot, &long).await;
    discord.tell_twice(true);
    discord.say(channel.get(), grace, "twice");
    hears_words(&mut bot, "twice").await;
    hears_words(&mut bot, "twice").await;
    discord.tell_twice(false);
    discord.hold_events();
    for words in ["one", "two"] {
        discord.say(channel.get(), grace, words);
    }
    discord.release_events(|events| events.reverse());
    hears_words(&mut bot, "two").await;
    hears_words(&mut bot, "one").await;
    bot.leave();
}

#[tokio::test]
async fn an_event_that_lacks_a_field_is_seen_by_the_harness() {
    let (discord, _, channel) = discord().await;
    let grace = discord.person("grace");
    let mut bot = Bot::start(&discord, INTENTS).await;
    discord.spoil("MESSAGE_CREATE", "author");
    discord.say(channel.get(), grace, "unreadable");
    discord.tell("SOMETHING_NEW", &serenity::json::json!({ "x": 1 }));
    discord.tell("MESSAGE_CREATE", &serenity::json::json!([1, 2, 3]));
    let unread = bot.hears_unreadable(2).await;
    assert_eq!(unread, ["MESSAGE_CREATE"; 2], "of a new kind it need know nothing");
    bot.leave();
}

#[tokio::test]
async fn members_are_told_to_who_asks_and_presence_is_taken() {
    let (discord, _, _) = discord().await;
    discord.people_intents(true);
    let grace = discord.person("grace");
    let eve = discord.person("eve");
    discord.by(grace).looks("online", "hi");
    discord.by(eve).leaves();
    let mut bot = Bot::start(&discord, GatewayIntents::all()).await;
    let runners = bot.shards.runners.lock().await;
    let shard = runners.get(&ShardId(0)).expect("it runs").runner_tx.clone();
    drop(runners);
    let guild = GuildId::new(discord.guild());
    let ask = |filter, nonce: &str| {
        shard.chunk_guild(guild, None, true, filter, Some(nonce.to_owned()));
    };
    ask(ChunkGuildFilter::UserIds(vec![grace.into(), eve.into()]), "two");
    let Event::GuildMembersChunk(chunk) = bot.hears_of("GUILD_MEMBERS_CHUNK").await else {
        panic!("no chunk")
    };
    assert_eq!((chunk.members.len(), chunk.nonce.as_deref()), (1, Some("two")));
    assert_eq!(chunk.presences.expect("how they look").len(), 1);
    ask(ChunkGuildFilter::None, "all");
    let Event::GuildMembersChunk(chunk) = bot.hears_of("GUILD_MEMBERS_CHUNK").await else {
        panic!("no chunk")
    };
    assert_eq!(chunk.members.len(), 2, "grace and the bot");
    shard.set_presence(Some(ActivityData::custom("2 of 3 online")), OnlineStatus::Idle);
    let wanted = Some(("idle".to_owned(), Some("2 of 3 online".to_owned())));
    discord.until("it looks so", |discord| (discord.bot_presence() == wanted).then_some(())).await;
    bot.leave();
}

#[tokio::test]
async fn who_may_not_is_sent_away_with_the_reason() {
    let (discord, _, _) = discord().await;
    let mut bot = Bot::connecting(&discord, GatewayIntents::all()).await;
    let wanted =
        |ended| matches!(ended, Err(Error::Gateway(GatewayError::DisallowedGatewayIntents)));
    assert!(wanted(bot.ended().await));
    let mut bot = Bot::start(&discord, INTENTS).await;
    discord.message_content(false);
    discord.change_token("another");
    discord.refuse_resume(true);
    discord.close(4004);
    let ended = bot.ended().await;
    assert!(matches!(ended, Err(Error::Gateway(GatewayError::InvalidAuthentication))), "{ended:?}");
}

#[tokio::test]
async fn a_session_that_is_refused_begins_anew() {
    let (discord, _, channel) = discord().await;
    let grace = discord.person("grace");
    let mut bot = Bot::start(&discord, INTENTS | GatewayIntents::MESSAGE_CONTENT).await;
    discord.refuse_resume(true);
    discord.cut();
    discord.say(channel.get(), grace, "lost");
    bot.hears_of("READY").await;
    discord.refuse_resume(false);
    discord.say(channel.get(), grace, "heard");
    hears_words(&mut bot, "heard").await;
    assert_eq!(discord.sessions(), (2, 0));
    bot.leave();
    let hung = discord.sessions();
    discord.hang_upgrades(true);
    let mut bot = Bot::connecting(&discord, INTENTS).await;
    let nothing = tokio::time::timeout(Duration::from_millis(500), bot.ended()).await;
    assert!(nothing.is_err() && discord.sessions() == hung, "it waits for ever");
}
