//! What a server spends on a message that it passes from one account to another.

use std::fs;

use msnp::{ChatId, Config, Event, Protocol, Text, Version};
use tokio::{runtime::Builder, task::JoinSet};

/// Messages that are looked at.
const MESSAGES: usize = 5_000;

/// Lets the first of two accounts write to the second, so many at once, and prints the microseconds of a message that a
/// server's process spent, and how many arrived.
pub(crate) fn run(
    ns: &str,
    login: &str,
    process: &str,
    accounts: [&str; 2],
    password: &str,
    at_once: usize,
) {
    let runtime = Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let sign_in = async |account: &str| {
            let mut config = Config::new(ns, account, password.to_owned().into());
            config.protocol = Protocol::Exactly(Version::Msnp11);
            config.login_url = Some(login.to_owned());
            msnp::connect(config).await.expect("it signs in")
        };
        let [from, to] = accounts;
        let (writer, mut events) = sign_in(from).await;
        let listening = tokio::spawn(async move { while events.next().await.is_some() {} });
        let (_reader, mut heard) = sign_in(to).await;
        let counting = tokio::spawn(async move {
            let mut count = 0;
            while let Some(event) = heard.next().await {
                if let Event::Message { .. } = event {
                    count += 1;
                    if count == MESSAGES + 1 {
                        break;
                    }
                }
            }
            count
        });
        let chat = ChatId::with(to);
        writer.send_text(&chat, Text::plain("first")).await.expect("it arrives");
        let before = spent(process);
        let mut sending = JoinSet::new();
        let mut refused = 0;
        for number in 0..MESSAGES {
            if sending.len() >= at_once {
                refused += usize::from(!matches!(sending.join_next().await, Some(Ok(true))));
            }
            let (writer, chat) = (writer.clone(), chat.clone());
            sending.spawn(async move {
                writer.send_text(&chat, Text::plain(format!("message {number}"))).await.is_ok()
            });
        }
        while let Some(sent) = sending.join_next().await {
            refused += usize::from(!matches!(sent, Ok(true)));
        }
        let each = (spent(process) - before) * 1e6 / MESSAGES as f64;
        counting.abort();
        listening.abort();
        println!("{each:.1} microseconds a message, {refused} refused or in doubt");
    });
}

/// Seconds that a process was on a processor.
fn spent(process: &str) -> f64 {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).expect("the server runs here");
    let nanoseconds = tasks.filter_map(|task| {
        let text = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    });
    nanoseconds.sum::<f64>() / 1e9
}
