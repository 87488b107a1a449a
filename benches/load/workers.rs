//! Who says what when: 64 messages under way, those of one chat one after another.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::{
    sync::{Mutex, mpsc},
    time::timeout,
};

use crate::Size;

/// Messages under way each way.
const WORKERS: usize = 64;
/// How long one message may take; what takes longer is lost.
const LOST: Duration = Duration::from_secs(60);

pub(crate) struct Workers {
    size: Size,
    heard: Vec<(mpsc::Sender<usize>, Mutex<mpsc::Receiver<usize>>)>,
}

impl Workers {
    pub(crate) fn new(size: Size) -> Self {
        let channel = || {
            let (sender, receiver) = mpsc::channel(64);
            (sender, Mutex::new(receiver))
        };
        Self { size, heard: std::iter::repeat_with(channel).take(WORKERS).collect() }
    }

    /// Notes that the other end has a chat's next message.
    pub(crate) fn heard(&self, chat: usize) {
        if let Some((sender, _)) = self.heard.get(chat % WORKERS) {
            // One that comes twice is counted where it came.
            let _ = sender.try_send(chat);
        }
    }

    /// Says all messages, each chat's one after another.
    pub(crate) async fn run(self: &Arc<Self>, say: impl AsyncFn(usize, usize)) {
        let work = (0..WORKERS).map(|worker| {
            let (workers, say) = (Arc::clone(self), &say);
            async move {
                let Some((_, heard)) = workers.heard.get(worker) else { return };
                let mut heard = heard.lock().await;
                for number in 0..workers.size.rounds() {
                    for chat in (worker..workers.size.chats()).step_by(WORKERS) {
                        say(chat, number).await;
                        let answer = async { while heard.recv().await != Some(chat) {} };
                        // What is lost is seen by the other end, which knows the last one it has.
                        let _ = timeout(LOST, answer).await;
                    }
                }
            }
        });
        futures_util::future::join_all(work).await;
    }
}

/// A message's words: its number in its chat, and when it is said.
pub(crate) fn line(number: usize) -> String {
    format!("{number} {}", micros())
}

/// Microseconds of the machine's clock, the same in both processes.
pub(crate) fn micros() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
