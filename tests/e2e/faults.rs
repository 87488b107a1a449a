//! The links of the whole program go wrong, one way after the other, while people talk over them.
//! Afterwards everything that was accepted is where it belongs, in order: once where a repetition can
//! be told, marked where it cannot.

mod channel;
mod matrix;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use msnp::{ChatId, Event, Events, Handle, Text};
use testkit::{LinkFault, wait_until};
use tokio::{task::JoinHandle, time::timeout};

use crate::support::numbers;

/// How long it may take until a dead link is noticed, waits are over and all that waited is there.
const LONG: Duration = Duration::from_secs(180);
/// What a repetition is marked with.
const MARK: &str = "(maybe said before)";

/// Somebody on MSN who talks in numbered lines and remembers what she heard.
struct Talker {
    client: Handle,
    heard: Arc<Mutex<Vec<String>>>,
    listening: JoinHandle<()>,
    partner: &'static str,
    /// How many lines were tried.
    tried: u32,
    /// The lines the network took.
    taken: Vec<u32>,
}

impl Talker {
    fn new((client, mut events): (Handle, Events), partner: &'static str) -> Self {
        let heard = Arc::<Mutex<Vec<String>>>::default();
        let kept = Arc::clone(&heard);
        let listening = tokio::spawn(async move {
            while let Some(event) = events.next().await {
                if let Event::Message { text, .. } = event {
                    kept.lock().unwrap_or_else(PoisonError::into_inner).push(text.words);
                }
            }
        });
        Self { client, heard, listening, partner, tried: 0, taken: Vec::new() }
    }

    /// Says the next line; gives its number when the network took it.
    async fn says(&mut self) -> Option<u32> {
        self.tried += 1;
        let text = Text::plain(format!("bob {}", self.tried));
        let taken = self.client.send_text(&ChatId::with(self.partner), text).await.is_ok();
        if taken {
            self.taken.push(self.tried);
        }
        taken.then_some(self.tried)
    }

    /// Says the next line, and does not wait for long: whose partner is away hears of it late, and
    /// the line may come all the same.
    async fn tries_to_say(&mut self) {
        let _ = timeout(Duration::from_secs(3), self.says()).await;
    }

    /// Says lines until one arrives: as a person does whose partner seems away.
    async fn gets_through(&mut self, arrived: impl AsyncFn(u32)) {
        let until_one_does = async {
            loop {
                if let Some(number) = self.says().await
                    && timeout(Duration::from_secs(10), arrived(number)).await.is_ok()
                {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        timeout(LONG, until_one_does).await.expect("one of them arrives");
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn hears(&self, words: &str) {
        wait_until(LONG, &format!("somebody on MSN hears {words:?}"), || async {
            self.heard().iter().any(|line| line.contains(words)).then_some(())
        })
        .await;
    }

    /// All of the lines `prefix 1` to `prefix count` were heard in order, and no repetition without
    /// its mark; gives how many repetitions there were.
    fn heard_all(&self, prefix: &str, count: u32) -> usize {
        let heard: Vec<String> =
            self.heard().into_iter().filter(|line| line.starts_with(prefix)).collect();
        let marked = heard.iter().filter(|line| line.contains(MARK)).count();
        let mut came = numbers(heard.iter().cloned(), prefix);
        let all = came.len();
        assert!(came.is_sorted(), "in order: {heard:?}");
        came.dedup();
        assert_eq!(came, (1..=count).collect::<Vec<_>>(), "{heard:?}");
        assert!(marked >= all - came.len(), "{marked} of {} marked: {heard:?}", all - came.len());
        all - came.len()
    }
}

impl Drop for Talker {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// A name for a fault, for those who read a failure.
fn named(fault: &LinkFault) -> String {
    match fault {
        LinkFault::Answer(answer) => {
            String::from_utf8_lossy(answer).lines().next().unwrap_or_default().to_owned()
        }
        other => format!("{other:?}"),
    }
}
