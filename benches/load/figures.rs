//! What came, how long it took, and what it cost.

use std::{
    fmt, fs,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crate::{Size, workers::micros};

/// How long after the last message nothing more is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// One end of all chats: what came there.
pub(crate) struct Side {
    size: Size,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// The number each chat waits for.
    next: Vec<usize>,
    waits: Vec<u64>,
    doubled: usize,
    misplaced: usize,
    /// How often words bore the mark of a repetition.
    marked: usize,
}

/// What one end has to say in the end.
pub(crate) struct Summary {
    lost: usize,
    doubled: usize,
    misplaced: usize,
    marked: usize,
    waits: Vec<u64>,
}

impl Side {
    pub(crate) fn new(size: Size) -> Self {
        let inner = Inner { next: vec![0; size.chats()], ..Inner::default() };
        Self { size, inner: Mutex::new(inner) }
    }

    /// Takes a message: `[who: ]NUMBER MICROSECONDS[ mark]`.
    pub(crate) fn take(&self, chat: usize, words: &str) {
        let now = micros();
        let words = words.rsplit_once(": ").map_or(words, |(_, words)| words);
        let mut words = words.split_whitespace();
        let mut number = || words.next().and_then(|word| word.parse::<u64>().ok());
        let (Some(number), Some(said)) = (number(), number()) else { return };
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.marked += usize::from(words.next().is_some());
        let Some(next) = inner.next.get_mut(chat) else { return };
        match number.cmp(next) {
            std::cmp::Ordering::Less => inner.doubled += 1,
            std::cmp::Ordering::Equal => {
                *next += 1;
                inner.waits.push(now.saturating_sub(said));
            }
            std::cmp::Ordering::Greater => inner.misplaced += 1,
        }
    }

    /// Waits until everything came, or nothing more comes; gives what did.
    pub(crate) async fn end(&self) -> Summary {
        let many = || self.inner.lock().unwrap_or_else(PoisonError::into_inner).waits.len();
        let mut last = (many(), Instant::now());
        while last.0 < self.size.chats() * self.size.rounds() && last.1.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(20)).await;
            if many() != last.0 {
                last = (many(), Instant::now());
            }
        }
        self.summary()
    }

    pub(crate) fn summary(&self) -> Summary {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let mut waits = inner.waits.clone();
        waits.sort_unstable();
        let lost = self.size.chats() * self.size.rounds() - waits.len();
        let Inner { doubled, misplaced, marked, .. } = *inner;
        Summary { lost, doubled, misplaced, marked, waits }
    }
}

impl Summary {
    pub(crate) fn is_whole(&self) -> bool {
        self.lost + self.doubled + self.misplaced == 0
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |share: usize| {
            let wait = self.waits.get(self.waits.len() * share / 1000);
            Duration::from_micros(wait.copied().unwrap_or_default()).as_secs_f64() * 1000.0
        };
        write!(
            f,
            "{} lost, {} doubled, {} out of order, {} marked as perhaps said before; half within {:.1} ms, \
             99 of 100 within {:.1} ms",
            self.lost,
            self.doubled,
            self.misplaced,
            self.marked,
            at(500),
            at(990),
        )
    }
}

/// What this process holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    kibibytes: u32,
    pub(crate) descriptors: usize,
}

impl Memory {
    pub(crate) fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        let descriptors = fs::read_dir("/proc/self/fd").map(Iterator::count).unwrap_or_default();
        Self { kibibytes: kibibytes.unwrap_or_default(), descriptors }
    }

    pub(crate) fn kibibytes_above(&self, other: &Self) -> f64 {
        f64::from(self.kibibytes) - f64::from(other.kibibytes)
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} MiB", f64::from(self.kibibytes) / 1024.0)
    }
}

/// Looks at the memory all the time, in a thread of its own.
pub(crate) struct Watch {
    end: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Memory>>,
}

pub(crate) fn watch() -> Watch {
    let end = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&end);
    let thread = std::thread::spawn(move || {
        let mut samples = Vec::new();
        while !seen.load(Ordering::Relaxed) {
            samples.push(Memory::now());
            std::thread::sleep(Duration::from_millis(200));
        }
        samples
    });
    Watch { end, thread }
}

impl Watch {
    /// Ends it; gives the most there was, and how much more there was at the end than half way, in KiB.
    pub(crate) fn end(self) -> (Memory, f64) {
        self.end.store(true, Ordering::Relaxed);
        let samples = self.thread.join().expect("it only looks");
        let peak = samples.iter().max_by_key(|memory| memory.kibibytes).copied();
        let (early, late) = samples.split_at(samples.len() / 2);
        // The median of a tenth at each end tells more than one look.
        let median = |samples: &[Memory]| {
            let mut sizes: Vec<u32> = samples.iter().map(|memory| memory.kibibytes).collect();
            sizes.sort_unstable();
            f64::from(sizes.get(sizes.len() / 2).copied().unwrap_or_default())
        };
        let few = (samples.len() / 10).max(1);
        let half_way = early.get(early.len().saturating_sub(few)..).unwrap_or_default();
        let end = late.get(late.len().saturating_sub(few)..).unwrap_or_default();
        (peak.unwrap_or_else(Memory::now), median(end) - median(half_way))
    }
}

pub(crate) fn number(many: usize) -> f64 {
    f64::from(u32::try_from(many).unwrap_or(u32::MAX))
}
