//! Commands by `/msn`, through serenity's real code, against a Discord on the loopback.

#[expect(dead_code, reason = "shared with the other tests")]
mod support;

use support::World;

#[tokio::test]
async fn a_slash_command_is_answered_where_only_she_sees_it_and_registered_once() {
    let mut world = World::new().await;
    let asked = world.discord.by(world.grace).commands_bot(world.channel, "/msn whoami");
    let shown = asked.shows().await;
    assert_eq!(shown.only_for, Some(world.grace));
    assert!(shown.content.contains("your role is admin"), "{}", shown.content);
    let whole = world.discord.by(world.grace).commands_bot(world.channel, "/msn do line:ping");
    assert_eq!(whole.shows().await.only_for, Some(world.grace));
    // A long answer goes on below the first, and nobody else sees that either.
    let long = world.discord.by(world.grace).commands_bot(world.channel, "/msn help");
    assert_eq!(long.shows().await.only_for, Some(world.grace));
    world.until("it goes on", |_| !long.follow_ups().is_empty()).await;
    assert!(long.follow_ups().iter().all(|more| more.only_for == Some(world.grace)));
    world.stop().await;
    world.start().await;
    world
        .until("it is connected again", |world| bridge_core::Adapter::is_ready(&**world.adapter()))
        .await;
    assert_eq!(world.discord.requests("PUT /applications/{}/commands"), 1);
    world.end().await;
}
