//! The Discord side through serenity's real code, against a Discord on the loopback.

mod support;

use std::time::Duration;

use bridge_core::{
    Adapter as _, AdapterExit,
    id::MessageId,
    model::{Content, EventKind, Quote},
};
use fake_discord::{Fault, permissions};
use support::{World, bob};

const ONE_MESSAGE: &str = "GET /channels/{}/messages/{}";
const EXECUTE: &str = "POST /webhooks/{}/{}";

#[tokio::test]
async fn lines_cross_both_ways_by_name_and_no_echo_comes_back() {
    let mut world = World::new().await;
    world.discord.nickname(world.grace, "Amazing Grace");
    world.grace_says("hello **Bob**");
    world.msn_hears(&["Amazing Grace: hello Bob"]).await;
    // The echo comes before the answer to the request, as it does on Discord, then long after it.
    world.bob_says("hi Grace").await;
    world.discord.echo_after(Duration::from_millis(300));
    world.bob_says("how are you?").await;
    world.until("both are shown", |world| world.shown().len() == 2).await;
    assert_eq!(world.shown()[0], ("Bob ☃".to_owned(), "hi Grace".to_owned()));
    world.grace_says("fine");
    world.msn_hears(&["Amazing Grace: hello Bob", "Amazing Grace: fine"]).await;
    world.end().await;
}

#[tokio::test]
async fn a_restart_finds_the_webhook_and_what_was_said_meanwhile() {
    let mut world = World::new().await;
    world.bob_says("one").await;
    world.discord_shows(&["one"]).await;
    world.stop().await;
    world.discord.nickname(world.grace, "Gr");
    for number in 0..150 {
        world.grace_says(&format!("{number}"));
    }
    world.start().await;
    world.bob_says("two").await;
    world.discord_shows(&["one", "two"]).await;
    world.until("all is read back", |world| world.msn.said().len() >= 150).await;
    world.grace_says("live");
    let mut wanted: Vec<String> = (0..150).map(|number| format!("Gr: {number}")).collect();
    wanted.push("Gr: live".to_owned());
    world.until("and what is said now", |world| world.msn.said().len() > 150).await;
    assert_eq!(world.msn.said(), wanted);
    assert_eq!(world.discord.webhooks(world.channel).len(), 1);
    assert_eq!(world.discord.requests("POST /channels/{}/webhooks"), 1);
    world.end().await;
}

#[tokio::test]
async fn a_deleted_webhook_is_made_again_once_and_a_surplus_one_goes() {
    let mut world = World::new().await;
    world.bob_says("one").await;
    world.discord_shows(&["one"]).await;
    let hook = world.discord.webhooks(world.channel).pop().expect("one");
    world.discord.delete_webhook(hook.id);
    world.bob_says("two").await;
    world.discord_shows(&["one", "two"]).await;
    let hooks = world.discord.webhooks(world.channel);
    assert!(hooks.len() == 1 && hooks[0].id != hook.id);
    assert_eq!(world.discord.requests("POST /channels/{}/webhooks"), 2);
    world.end().await;
}

#[tokio::test]
async fn others_webhooks_and_bots_cross_and_ours_do_not() {
    let mut world = World::new().await;
    let news = world.discord.foreign_webhook(world.channel, "News");
    world.discord.say_through(&news, "a story");
    world.msn_hears(&["News: a story"]).await;
    world.bob_says("nice").await;
    world.until("it is shown", |world| world.shown_words().contains(&"nice".to_owned())).await;
    world.discord.say_through(&news, "the end");
    world.msn_hears(&["News: a story", "News: the end"]).await;
    world.end().await;
}

#[tokio::test]
async fn a_burst_arrives_in_order_without_one_refusal() {
    let mut world = World::new().await;
    let words: Vec<String> = (0..12).map(|number| format!("{number:02}")).collect();
    for word in &words {
        world.bob_says(word).await;
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    world.discord_shows(&words).await;
    assert_eq!(world.discord.limited(), 0);
    world.end().await;
}

#[tokio::test]
async fn whatever_discord_answers_each_line_is_shown_once_and_in_order() {
    let mut world = World::new().await;
    let wait = Duration::from_millis(400);
    for fault in [
        Fault::limited(Some(wait), false),
        Fault::limited(Some(wait), true),
        Fault::bad_gateway(),
        Fault::error(500, 0, "500: Internal Server Error"),
        Fault::Cut,
        Fault::Hang,
        Fault::Delay(Duration::from_secs(5)),
    ] {
        world.discord.fault(EXECUTE, fault);
        world.bob_says("before").await;
        world.bob_says("after").await;
        world.discord_shows(&["before", "after"]).await;
        // The next one begins with an empty channel.
        let mut fresh = World::new().await;
        std::mem::swap(&mut world, &mut fresh);
        fresh.end().await;
    }
    world.end().await;
}

#[tokio::test]
async fn a_limit_that_does_not_say_how_long_is_waited_out() {
    let mut world = World::new().await;
    world.discord.fault(EXECUTE, Fault::limited(None, false));
    world.bob_says("patience").await;
    world.discord_shows(&["patience"]).await;
    world.end().await;
}

#[tokio::test]
async fn a_line_in_parts_goes_on_where_it_was_cut() {
    let mut world = World::new().await;
    let paragraph = |letter: &str| letter.repeat(1500);
    let long = [paragraph("a"), paragraph("b"), paragraph("c")].join("\n\n");
    world.bob_says("first").await;
    world.discord_shows(&["first"]).await;
    // The first part passes, the second passes and its answer is lost.
    world.discord.fault(EXECUTE, Fault::Delay(Duration::ZERO));
    world.discord.fault(EXECUTE, Fault::Cut);
    world.bob_says(&long).await;
    world.discord_shows(&["first", &paragraph("a"), &paragraph("b"), &paragraph("c")]).await;
    // The same words again are another message.
    world.discord.fault(EXECUTE, Fault::bad_gateway());
    world.bob_says("first").await;
    world.until("it is shown again", |world| world.shown().len() == 5).await;
    world.end().await;
}

#[tokio::test]
async fn names_that_discord_refuses_are_disguised_and_nobody_is_called() {
    let mut world = World::new().await;
    for name in ["Discord fan", "everyone", "clyde"] {
        world.contact_says(bob(name), "@everyone <@1> *look*").await;
    }
    world.until("all are shown", |world| world.shown().len() == 3).await;
    for message in world.discord.messages(world.channel) {
        assert!(!message.mention_everyone && message.mentions.is_empty(), "{message:?}");
    }
    assert_eq!(world.shown_words()[0], "@everyone \\<@1> \\*look\\*");
    assert_eq!(world.shown()[0].0, "Disсord fan");
    // One it refuses for reasons of its own is said plainly.
    let body = r#"{"code":50035,"message":"Invalid Form Body","errors":{"username":{"_errors":[{"code":"X","message":"no"}]}}}"#;
    let refusal = Fault::Answer { status: 400, headers: Vec::new(), body: body.to_owned() };
    world.discord.fault(EXECUTE, refusal);
    world.contact_says(bob("B#b"), "plain").await;
    world.until("it is shown", |world| world.shown().len() == 4).await;
    assert_eq!(world.shown()[3].0, "B b");
    world.end().await;
}

#[tokio::test]
async fn without_the_permission_for_webhooks_the_bot_says_who_speaks() {
    let mut world = World::new().await;
    world.discord.deny(world.channel, permissions::MANAGE_WEBHOOKS);
    world.bob_says("hello").await;
    world.discord_shows(&["**Bob ☃**: hello"]).await;
    // Its answer is lost: the same number makes it one message.
    world.discord.fault("POST /channels/{}/messages", Fault::Cut);
    world.bob_says("again").await;
    world.discord_shows(&["**Bob ☃**: hello", "**Bob ☃**: again"]).await;
    let asked = world.discord.requests("GET /channels/{}/webhooks");
    assert_eq!(asked, 1, "what is forbidden is not asked for each time");
    let outlook = world.adapter().outlook().await.expect("Discord answers");
    assert!(outlook.problems()[0].contains("#lounge: the bot's role lacks \"Manage Webhooks\""));
    world.discord.deny(world.channel, permissions::SEND_MESSAGES | permissions::MANAGE_WEBHOOKS);
    world.bob_says("lost").await;
    world.until("Bob is told", |world| !world.msn.said().is_empty()).await;
    assert!(world.msn.said()[0].contains("The bridge may not do that on Discord"));
    world.end().await;
}

#[tokio::test]
async fn what_may_have_arrived_and_cannot_be_looked_for_is_said_again() {
    let mut world = World::new().await;
    world.discord.deny(world.channel, permissions::READ_MESSAGE_HISTORY);
    world.discord.fault(EXECUTE, Fault::bad_gateway());
    world.bob_says("hello").await;
    world.discord_shows(&["hello"]).await;
    world.end().await;
}

#[tokio::test]
async fn a_deleted_channel_is_told_to_who_spoke() {
    let mut world = World::new().await;
    world.discord.delete_channel(world.channel);
    world.bob_says("anybody?").await;
    world.until("Bob is told", |world| !world.msn.said().is_empty()).await;
    assert!(world.msn.said()[0].contains("gone"), "{:?}", world.msn.said());
    let outlook = world.adapter().outlook().await.expect("Discord answers");
    assert!(!outlook.channels[0].usable && outlook.problems()[0].contains("there is none"));
    world.end().await;
}

#[tokio::test]
async fn what_did_not_arrive_is_told_once_in_words_and_then_by_a_mark() {
    let world = World::new().await;
    world.msn.refuse(3);
    let ids: Vec<u64> = (0..3).map(|number| world.grace_says(&format!("{number}"))).collect();
    world
        .until("all are told", |world| {
            let messages = world.discord.messages(world.channel);
            let told = |id: &u64| {
                messages.iter().any(|message| {
                    message.reply_to == Some(*id)
                        || message.id == *id && message.reactions == ["❌"]
                })
            };
            ids.iter().all(told)
        })
        .await;
    assert_eq!(world.shown_words(), ["Not delivered: Bob is not online."]);
    world.end().await;
}

#[tokio::test]
async fn typing_is_shown_both_ways() {
    let world = World::new().await;
    world.discord.writes(world.channel, world.grace);
    world.until("Bob sees Grace write", |world| world.msn.typing() == 1).await;
    let scope = bridge_core::model::Scope::Chat {
        login: bridge_core::id::LoginId::new("msn:bridge"),
        chat: bridge_core::id::ChatId::new("bob"),
    };
    let on = bridge_core::model::Signal::Typing { on: true };
    let network = bridge_core::id::NetworkId::new("msn");
    world.core().inbox().signal(&network, scope, bob("Bob ☃"), on);
    world
        .until("Grace sees the bot write", |world| world.discord.typing_shown(world.channel) == 1)
        .await;
    world.end().await;
}

#[tokio::test]
async fn a_direct_message_is_a_command_and_no_password_is_taken() {
    let world = World::new().await;
    let answer = async |line: &str, wanted: &str| {
        let channel = world.discord.whisper(world.grace, line);
        let bot = world.discord.bot();
        let mut last = String::new();
        world
            .until(wanted, |world| {
                let messages = world.discord.messages(channel);
                last = messages
                    .last()
                    .filter(|last| last.author == bot)
                    .map_or_else(String::new, |last| last.content.clone());
                last.contains(wanted)
            })
            .await;
        last
    };
    answer("help", "`status`").await;
    answer("help login", "`login").await;
    let refused = answer("login", "I take no passwords on Discord").await;
    assert!(!refused.contains("delete your message"), "{refused}");
    answer("hunter2", "delete your message now").await;
    answer("login bob@example.com hunter2", "delete your message now").await;
    answer("status", "msn:bridge").await;
    world.end().await;
}

#[tokio::test]
async fn a_gateway_that_stops_answering_is_left_and_nothing_is_lost() {
    let world = World::new().await;
    world.discord.hang_upgrades(true);
    world.discord.cut();
    world.until("it is noticed", |world| !world.adapter().is_ready()).await;
    world.grace_says("said meanwhile");
    world.discord.hang_upgrades(false);
    world.until("it is back", |world| world.adapter().is_ready()).await;
    world.grace_says("said after");
    world.msn_hears(&["grace: said meanwhile", "grace: said after"]).await;
    world.end().await;
}

#[tokio::test]
async fn a_session_that_falls_silent_is_left() {
    let world = World::new().await;
    let before = world.discord.sessions().0;
    world.discord.hold_chunks(true);
    world.until("another begins", |world| world.discord.sessions().0 > before).await;
    world.discord.hold_chunks(false);
    world.grace_says("still there?");
    world.msn_hears(&["grace: still there?"]).await;
    world.end().await;
}

#[tokio::test]
async fn a_session_resumed_or_begun_anew_loses_and_doubles_nothing() {
    let world = World::new().await;
    world.discord.close(4000);
    world.grace_says("one");
    world.msn_hears(&["grace: one"]).await;
    assert_eq!(world.discord.sessions().1, 1, "it was resumed");
    world.discord.refuse_resume(true);
    world.discord.cut();
    world.grace_says("two");
    world.until("it is read back", |world| world.msn.said().len() == 2).await;
    world.discord.refuse_resume(false);
    world.grace_says("three");
    world.msn_hears(&["grace: one", "grace: two", "grace: three"]).await;
    world.end().await;
}

#[tokio::test]
async fn without_the_intent_messages_come_blank_and_that_is_said_once() {
    let mut world = World::prepared().await;
    world.discord.message_content(false);
    world.start().await;
    world.until("it is connected", |world| world.adapter().is_ready()).await;
    let mut tries = 0;
    world
        .until("it is said", |world| {
            if tries % 25 == 0 {
                world.grace_says("can you hear me?");
            }
            tries += 1;
            world.shown_words().iter().any(|words| words.contains("Message Content Intent"))
        })
        .await;
    world.grace_says("no?");
    world.bob_says("I can speak").await;
    world
        .until("the other way works", |world| {
            world.shown_words().contains(&"I can speak".to_owned())
        })
        .await;
    assert_eq!(world.shown().len(), 2);
    let outlook = world.adapter().outlook().await.expect("Discord answers");
    assert!(outlook.problems()[0].contains("Message Content Intent"));
    world.end().await;
}

#[tokio::test]
async fn an_intent_taken_away_in_the_middle_leaves_the_rest_working() {
    let mut world = World::new().await;
    world.discord.message_content(false);
    world.discord.refuse_resume(true);
    world.discord.close(4014);
    let before = world.discord.sessions().0;
    world.until("a session without it begins", |world| world.discord.sessions().0 > before).await;
    world.bob_says("still here").await;
    world.discord_shows(&["still here"]).await;
    world.end().await;
}

#[tokio::test]
async fn a_refused_token_is_said_at_the_start_and_waited_out_later() {
    let world = World::new().await;
    world.discord.change_token("another");
    world.discord.refuse_resume(true);
    world.discord.close(4004);
    world.until("it is off", |world| !world.adapter().is_ready()).await;
    world.discord.change_token(support::TOKEN);
    world.until("it is back", |world| world.adapter().is_ready()).await;
    world.end().await;

    let mut world = World::prepared().await;
    world.discord.change_token("another");
    world.start().await;
    let exit = world.core().failed().await;
    let wanted = "discord: Discord does not accept the bot's token";
    assert!(matches!(&exit, AdapterExit::Refused(reason) if reason.contains(wanted)), "{exit:?}");
    world.stop().await;
}

#[tokio::test]
async fn an_event_that_cannot_be_read_is_read_back_and_new_kinds_are_passed_over() {
    let mut world = World::new().await;
    let channel = world.channel.to_string();
    world.discord.tell("SOMETHING_NEW", &serenity::json::json!({ "x": 1 }));
    let before = world.adapter().unreadable_events();
    world
        .discord
        .tell("MESSAGE_CREATE", &serenity::json::json!({ "channel_id": channel, "id": 7 }));
    world.until("it is counted", |world| world.adapter().unreadable_events() == before + 1).await;
    world.discord.tell("MESSAGE_CREATE", &serenity::json::json!([1, 2, 3]));
    world.grace_says("after the broken ones");
    world.msn_hears(&["grace: after the broken ones"]).await;
    world.stop().await;
}

#[tokio::test]
async fn a_discord_that_is_away_at_the_start_is_waited_for() {
    let mut world = World::prepared().await;
    for _ in 0..3 {
        world.discord.fault("GET /oauth2/applications/@me", Fault::bad_gateway());
    }
    world.start().await;
    world.until("it is connected", |world| world.adapter().is_ready()).await;
    world.end().await;
}

#[tokio::test]
async fn what_becomes_of_a_line_on_discord_is_told_on_msn() {
    let world = World::new().await;
    let line = world.grace_says("helo");
    world.msn_hears(&["grace: helo"]).await;
    // Discord does not answer at once; of two edits the last one is told.
    world.discord.fault(ONE_MESSAGE, Fault::bad_gateway());
    let grace = world.discord.by(world.grace);
    grace.edits(world.channel, line, "hell");
    grace.edits(world.channel, line, "hello");
    let mut heard = vec!["grace: helo", "grace: * hello"];
    world.msn_hears(&heard).await;
    grace.reacts(world.channel, line, "👍");
    heard.push("grace reacted with 👍");
    world.msn_hears(&heard).await;
    grace.deletes(world.channel, line);
    heard.push("grace took a message back");
    world.msn_hears(&heard).await;
    world.end().await;
}

#[tokio::test]
async fn what_becomes_of_a_line_elsewhere_is_shown_on_discord() {
    let mut world = World::new().await;
    world.bob_says("helo").await;
    world.discord_shows(&["helo"]).await;
    let line = world.said_last();
    let target = || MessageId::new("elsewhere");
    let edit = EventKind::Edit { target: target(), content: Content::plain("hello") };
    world.becomes(line, edit).await;
    world.discord_shows(&["hello"]).await;
    world.becomes(line, EventKind::React { target: target(), key: "👍".to_owned() }).await;
    assert_eq!(world.discord.requests("PUT /channels/{}/messages/{}/reactions/{}/@me"), 1);
    let quote = Quote { message: target(), sender: Some("Bob".to_owned()), excerpt: None };
    let answer = Content { reply_to: Some(quote), ..Content::plain("yes") };
    world.becomes(line, EventKind::Message(answer)).await;
    world.until("the answer is shown", |world| world.shown().len() == 2).await;
    let answer = world.shown_words().pop().unwrap_or_default();
    let (head, words) = answer.split_once('\n').expect("a line about it, then the answer");
    assert!(head.starts_with("> **Bob**: hello [↗](<https://discord.com/channels/"), "{head}");
    assert!(head.contains(&line.to_string()) && words == "yes", "{answer}");
    world.becomes(line, EventKind::Redact { target: target() }).await;
    world.until("it is gone", |world| world.shown().len() == 1).await;
    world.end().await;
}
