//! Twelve lines at once into one Discord channel, against the time its rate limit allows.
//!
//! Beside it, what twelve requests at once through serenity alone come to.

mod shared;
#[path = "../bridges/discord/tests/support/mod.rs"]
#[allow(dead_code, reason = "the benchmark uses its part")]
mod support;

use std::time::{Duration, Instant};

use fake_discord::Bucket;
use serenity::{
    builder::ExecuteWebhook,
    http::{Http, HttpBuilder},
    model::id::WebhookId,
};
use tokio::task::JoinSet;

use shared::{median, ratio, report};
use support::{TOKEN, World, client};

const LINES: usize = 12;
const BUCKET: Bucket = Bucket { limit: 5, window: Duration::from_secs(1) };
const ROUNDS: usize = 5;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime").block_on(run());
}

async fn run() {
    let mut world = World::new().await;
    world.discord.bucket(BUCKET);
    world.bob_says("warm").await;
    world.discord_shows(&["warm"]).await;
    // Five at once, five when the window is over, two when the next is.
    let allowed = BUCKET.window * 2;
    let mut rounds = Vec::new();
    for round in 0..ROUNDS {
        tokio::time::sleep(BUCKET.window * 2).await;
        let before = world.shown().len();
        let began = Instant::now();
        for number in 0..LINES {
            world.bob_says(&format!("{round} {number:02}")).await;
        }
        world.until("all are shown", |world| world.shown().len() == before + LINES).await;
        rounds.push(ratio(began.elapsed(), allowed));
        let shown = world.shown_words().split_off(before);
        assert!(shown.is_sorted(), "in order: {shown:?}");
        world.settle().await;
    }
    assert_eq!(world.discord.limited(), 0, "no request was one too many");
    report("burst_of_twelve", median(rounds), 1.1);
    alone(&world).await;
    world.end().await;
}

/// Sends as many at once through serenity alone.
async fn alone(world: &World) {
    let hook = world.discord.foreign_webhook(world.channel, "alone");
    let http = HttpBuilder::new(TOKEN).client(client(&world.discord)).build();
    let http: &'static Http = Box::leak(Box::new(http));
    let before = world.shown().len();
    let began = Instant::now();
    let mut sending = JoinSet::new();
    for number in 0..LINES {
        let token = hook.token.clone();
        sending.spawn(async move {
            let words = ExecuteWebhook::new().content(format!("{number:02}"));
            let id = WebhookId::new(hook.id);
            http.execute_webhook(id, None, &token, true, Vec::new(), &words).await.is_ok()
        });
    }
    let sent = sending.join_all().await.into_iter().filter(|sent| *sent).count();
    let shown = world.shown_words().split_off(before);
    println!(
        "serenity alone: {sent} sent in {:.2} x the time allowed, {} requests too many, {}",
        ratio(began.elapsed(), BUCKET.window * 2),
        world.discord.limited(),
        if shown.is_sorted() { "in order" } else { "out of order" },
    );
}
