//! Forums, threads, and webhooks that speak in them.

use std::collections::HashMap;

use fake_discord::{Kind, permissions};
use serenity::{
    all::{
        AutoArchiveDuration, ChannelType, CreateChannel, CreateForumPost, CreateForumTag,
        CreateMessage, CreateThread, EditChannel, EditThread, EditWebhookMessage, ExecuteWebhook,
        GuildId,
    },
    builder::CreateWebhook,
};

use crate::support::{code, discord, refusal};

#[tokio::test]
async fn a_forum_takes_posts_with_tags_and_nothing_else() {
    let (discord, http, _) = discord().await;
    let guild = GuildId::new(discord.guild());
    let tags = ["Online", "Offline"].map(CreateForumTag::new);
    let forum = CreateChannel::new("MSN contacts").kind(ChannelType::Forum);
    let mut forum = guild.create_channel(&http, forum).await.expect("it is made");
    let tags = EditChannel::new().available_tags(tags);
    forum.edit(&http, tags).await.expect("it has tags");
    assert_eq!(forum.available_tags.len(), 2);
    let (online, offline) = (forum.available_tags[0].id, forum.available_tags[1].id);
    let first = || CreateMessage::new().content("hello");
    assert_eq!(code(forum.id.send_message(&http, first()).await), 50008);

    let post = CreateForumPost::new("Bob ☃", first()).add_applied_tag(online);
    let mut post = forum.id.create_forum_post(&http, post).await.expect("it is made");
    assert_eq!(discord.tags(post.id.get()), ["Online"]);
    assert_eq!(discord.messages(post.id.get())[0].content, "hello");
    let away = EditThread::new().name("Bob (away)").applied_tags([offline]).archived(true);
    post.edit_thread(&http, away).await.expect("it is changed");
    let seen = discord.look(post.id.get()).expect("it is there");
    assert!(seen.archived && seen.name == "Bob (away)");
    assert_eq!(discord.tags(post.id.get()), ["Offline"]);
    let active = || guild.get_active_threads(&http);
    assert_eq!(active().await.expect("they are listed").threads.len(), 0);

    // What is put away cannot be changed, and comes back when somebody writes.
    let grace = discord.person("grace");
    assert_eq!(code(post.edit_thread(&http, EditThread::new().name("x")).await), 50083);
    discord.by(grace).says(post.id.get(), "there?");
    assert!(!discord.look(post.id.get()).expect("it is there").archived);
    assert_eq!(active().await.expect("they are listed").threads.len(), 1);

    // Too many tags, unknown ones, too many posts.
    let tagged = |tags: Vec<u64>| {
        let tags = tags.into_iter().map(serenity::all::ForumTagId::new);
        CreateForumPost::new("x", first()).set_applied_tags(tags)
    };
    let six = tagged((1..=6).collect());
    let refused = refusal(forum.id.create_forum_post(&http, six).await);
    assert_eq!(refused, (50035, vec!["applied_tags".to_owned()]));
    assert_eq!(code(forum.id.create_forum_post(&http, tagged(vec![7])).await), 50035);
    discord.room_for(500, 1);
    assert_eq!(code(forum.id.create_forum_post(&http, tagged(vec![])).await), 160_006);
    let many = (0..21).map(|number| CreateForumTag::new(number.to_string()));
    let many = EditChannel::new().available_tags(many);
    assert_eq!(refusal(forum.edit(&http, many).await).1, ["available_tags"]);
}

#[tokio::test]
async fn a_webhook_of_a_forum_speaks_in_its_posts() {
    let (discord, http, lounge) = discord().await;
    let forum = discord.forum("contacts", &["Online"]);
    let tag = discord.look(forum).expect("it is there").tags[0].id;
    let place = serenity::all::ChannelId::new(forum);
    let hook = place.create_webhook(&http, CreateWebhook::new("bridge")).await.expect("it is made");
    let words = || ExecuteWebhook::new().username("Bob").content("hi");
    assert_eq!(code(hook.execute(&http, true, words()).await), 220_001);
    let new = words().thread_name("Bob ☃".to_owned()).applied_tags(vec![tag.into()]);
    let new = new.avatar_url("https://example.com/bob.png");
    let said = hook.execute(&http, true, new).await.expect("it is taken").expect("a message");
    let post = &discord.threads(forum)[0];
    assert_eq!((post.id, post.name.as_str()), (said.channel_id.get(), "Bob ☃"));
    assert_eq!(discord.tags(post.id), ["Online"]);
    let shown = &discord.messages(post.id)[0];
    assert_eq!(shown.avatar.as_deref(), Some("https://example.com/bob.png"));
    let in_post = || words().in_thread(said.channel_id);
    let next = hook.execute(&http, true, in_post()).await.expect("it is taken").expect("one");
    let edit = EditWebhookMessage::new().content("hi there").in_thread(said.channel_id);
    hook.edit_message(&http, next.id, edit).await.expect("it is edited");
    assert_eq!(discord.messages(post.id)[1].content, "hi there");
    hook.delete_message(&http, Some(said.channel_id), next.id).await.expect("it is removed");
    let both = in_post().thread_name("x".to_owned());
    assert_eq!(code(hook.execute(&http, true, both).await), 220_002);
    assert_eq!(code(hook.execute(&http, true, words().in_thread(lounge)).await), 10003);
    discord.change_channel(post.id, |post| post.locked = true);
    assert_eq!(code(hook.execute(&http, true, in_post()).await), 160_005);
    // Elsewhere it begins no threads.
    let hook =
        lounge.create_webhook(&http, CreateWebhook::new("bridge")).await.expect("it is made");
    let thread = words().thread_name("x".to_owned());
    assert_eq!(code(hook.execute(&http, true, thread).await), 220_003);
}

#[tokio::test]
async fn threads_begin_in_a_channel_and_at_a_message() {
    let (discord, http, channel) = discord().await;
    let grace = discord.person("grace");
    let said = discord.say(channel.get(), grace, "hello");
    let new =
        || CreateThread::new("about hello").auto_archive_duration(AutoArchiveDuration::OneDay);
    let thread = channel.create_thread_from_message(&http, said, new()).await.expect("it begins");
    assert_eq!(thread.id.get(), said);
    assert_eq!(code(channel.create_thread_from_message(&http, said, new()).await), 160_004);
    let private = channel.create_thread(&http, new().kind(ChannelType::PrivateThread)).await;
    let private = private.expect("it begins").id;
    http.add_thread_channel_member(private, grace.into()).await.expect("she is let in");
    let seen = discord.look(private.get()).expect("it is there");
    assert_eq!((seen.kind, seen.archive_after), (Kind::PrivateThread, 1440));
    assert!(seen.members.contains(&grace) && seen.members.contains(&discord.bot()));
    http.leave_thread_channel(private).await.expect("it leaves");
    http.join_thread_channel(private).await.expect("it joins");
    assert_eq!(http.get_channel_thread_members(private).await.expect("they are listed").len(), 2);
    discord.deny(channel.get(), permissions::SEND_MESSAGES_IN_THREADS);
    let role = discord.guild();
    let words = CreateMessage::new().content("x");
    assert_eq!(code(private.send_message(&http, words).await), 50013, "{role}");
    private.delete(&http).await.expect("it is deleted");
    assert!(discord.look(private.get()).is_none());
}

#[tokio::test]
async fn webhooks_are_listed_changed_and_told_apart() {
    let (discord, http, channel) = discord().await;
    let theirs = discord.foreign_webhook(channel.get(), "News");
    let ours = channel.create_webhook(&http, CreateWebhook::new("bridge")).await.expect("made");
    let all = channel.webhooks(&http).await.expect("they are listed");
    let known = |id: u64| all.iter().find(|hook| hook.id.get() == id).expect("it is listed");
    let application = Some(discord.application().into());
    assert_eq!(known(ours.id.get()).application_id, application);
    assert!(known(theirs.id).token.is_none() && known(theirs.id).application_id.is_none());
    let elsewhere = discord.channel("elsewhere");
    let change = serenity::json::json!({ "name": "moved", "channel_id": elsewhere.to_string() });
    http.edit_webhook(ours.id, &change, None).await.expect("it is moved");
    assert_eq!(discord.webhooks(elsewhere)[0].name, "moved");
    let map = serenity::json::json!({ "name": "by its secret" });
    let secret = discord.webhooks(elsewhere)[0].token.clone();
    http.edit_webhook_with_token(ours.id, &secret, &map, None).await.expect("it is renamed");
    let wrong = http.get_webhook_with_token(ours.id, "wrong").await;
    assert_eq!(code(wrong), 50027);
    let body = HashMap::from([("name", "Clyde")]);
    assert_eq!(code(http.edit_webhook(ours.id, &body, None).await), 50035);
    ours.delete(&http).await.expect("it is deleted");
    assert_eq!(code(http.get_webhook(ours.id).await), 10015);
}
