//! Limits of rates: buckets, the whole, and the ban.

use std::time::{Duration, Instant};

use fake_discord::{Bucket, Fault};
use serenity::all::CreateMessage;

use crate::support::{code, discord};

#[tokio::test]
async fn who_listens_to_the_buckets_waits_and_is_not_refused() {
    let (discord, http, channel) = discord().await;
    let bucket = Bucket { limit: 2, window: Duration::from_millis(400) };
    discord.bucket_of("POST /channels/{}/messages", bucket);
    let began = Instant::now();
    for number in 0..5 {
        let words = CreateMessage::new().content(number.to_string());
        channel.send_message(&http, words).await.expect("it is taken");
    }
    assert!(began.elapsed() >= bucket.window * 2, "two, two, and one");
    assert_eq!((discord.limited(), discord.messages(channel.get()).len()), (0, 5));
}

#[tokio::test]
async fn one_too_many_is_told_how_long_to_wait() {
    let (discord, http, channel) = discord().await;
    let all = Bucket { limit: 1, window: Duration::from_millis(300) };
    discord.global_bucket(all);
    let began = Instant::now();
    for _ in 0..3 {
        http.get_channel(channel).await.expect("it is answered in the end");
    }
    assert!(began.elapsed() >= all.window * 2 && discord.limited() >= 2);
    assert_eq!(discord.invalid_requests(), discord.limited());
    // A refusal that names no time is an error at once.
    discord.global_bucket(Bucket { limit: 50, window: Duration::from_secs(1) });
    discord.fault("GET /channels/{}", Fault::limited(None, false));
    assert_eq!(code(http.get_channel(channel).await), 0);
}

#[tokio::test]
async fn who_does_not_listen_is_banned() {
    let (discord, http, channel) = discord().await;
    discord.ban_after(3);
    for _ in 0..3 {
        discord.change_token("another");
        assert_eq!(code(http.get_channel(channel).await), 0);
    }
    discord.change_token(crate::support::TOKEN);
    assert_eq!(discord.invalid_requests(), 3);
    assert!(http.get_channel(channel).await.is_err(), "the right token does not help");
}
