//! Captures of a session: a file of what was said and heard, secrets and words left out.
//!
//! The session's task hands lines to a thread of the capture's own, which writes them. When it is
//! behind, lines are left out and counted: a slow disk holds up no conversation.

use std::{
    collections::VecDeque,
    fs::{File, OpenOptions},
    io::{self, BufWriter, Write as _},
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use msnp_proto::{Direction, LinkKind, Version, redact::Capture};

/// Most lines that wait to be written; past it they are left out.
const WAITING_LIMIT: usize = 4096;
/// Longest file, in bytes.
const FILE_LIMIT: u64 = 16 * 1024 * 1024;

/// Most pieces of what went over the links that are remembered for a report.
const PIECES: usize = 64;
/// Most bytes of them.
const PIECES_LIMIT: usize = 4096;
/// Most bytes of one of them; the rest of a longer one is left out.
const PIECE_LIMIT: usize = 1024;

/// Turns captures of sessions on and off; cheap to clone, all clones are one.
///
/// It belongs to an account, not to a session: a capture goes on over a new sign-in until its time is
/// over. Captured or not, the last few pieces are remembered for a report.
#[derive(Clone, Default)]
pub struct TraceSwitch(Arc<Switch>);

#[derive(Default)]
struct Switch {
    active: Mutex<Option<Active>>,
    recent: Mutex<Recent>,
}

/// What went over the links last, as it was: it is shown redacted only.
#[derive(Default)]
struct Recent {
    pieces: VecDeque<Piece>,
    size: usize,
}

struct Piece {
    link: u64,
    kind: LinkKind,
    direction: Direction,
    version: Version,
    /// Whether a frame begins with it.
    whole: bool,
    bytes: Box<[u8]>,
    /// How many bytes followed that are not kept.
    left_out: usize,
}

struct Active {
    capture: Capture,
    lines: SyncSender<String>,
    began: Instant,
    ends: Instant,
    /// Lines that were left out and not counted in the file yet.
    left_out: u64,
    room: u64,
}

impl TraceSwitch {
    /// Begins a capture; one that is under way ends. Addresses and names become short hashes, unless
    /// `names` are to be shown.
    ///
    /// # Errors
    /// The file must not be there yet; it is made for nobody else to read.
    pub fn start(&self, file: &Path, time: Duration, names: bool) -> io::Result<()> {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(io::Error::other)?;
        let file = create(file)?;
        let (lines, taken) = sync_channel::<String>(WAITING_LIMIT);
        thread::Builder::new().name("msnp-trace".to_owned()).spawn(move || {
            let mut file = BufWriter::new(file);
            // Ends when the capture does: its sender is gone then.
            while let Ok(line) = taken.recv() {
                let written = writeln!(file, "{line}")
                    .and_then(|()| taken.try_iter().try_for_each(|line| writeln!(file, "{line}")));
                if written.and_then(|()| file.flush()).is_err() {
                    return;
                }
            }
        })?;
        let began = Instant::now();
        let ends = began + time;
        let capture = Capture::new(salt, names);
        *self.active() =
            Some(Active { capture, lines, began, ends, left_out: 0, room: FILE_LIMIT });
        Ok(())
    }

    /// Ends the capture that is under way, if any.
    pub fn stop(&self) {
        *self.active() = None;
    }

    /// Tells whether one is under way.
    pub fn is_on(&self) -> bool {
        self.active().as_ref().is_some_and(|active| active.ends > Instant::now())
    }

    /// Notes bytes of a link. Bytes from the middle of a frame wait for the next one to begin.
    pub(crate) fn bytes(
        &self,
        link: u64,
        kind: LinkKind,
        direction: Direction,
        version: Version,
        whole: bool,
        bytes: &[u8],
    ) {
        let (kept, rest) = bytes.split_at(bytes.len().min(PIECE_LIMIT));
        let left_out = rest.len();
        let piece = Piece { link, kind, direction, version, whole, bytes: kept.into(), left_out };
        self.recent().add(piece);
        self.with(|active| {
            if whole || active.capture.knows(link, direction) {
                let place = place(link, kind);
                for line in active.capture.take(link, kind, direction, version, bytes) {
                    active.write(&format!("{place} {line}"));
                }
            }
        });
    }

    /// Lists the last commands that went over the account's links, oldest first: at most 64, of at most
    /// 4 KiB, each redacted as a capture is. For a report of what went wrong.
    pub fn last_lines(&self) -> Vec<String> {
        let mut salt = [0; 16];
        // Without randomness the hashes of two reports are alike; they stay hashes.
        let _ = getrandom::fill(&mut salt);
        self.recent().lines(Capture::new(salt, false))
    }

    /// Notes something that happened.
    pub(crate) fn note(&self, what: impl FnOnce() -> String) {
        self.with(|active| active.write(&format!("- {}", what())));
    }

    /// Notes that a link ended.
    pub(crate) fn closed(&self, link: u64) {
        self.with(|active| {
            active.capture.forget(link);
            active.write(&format!("- link {link} ended"));
        });
    }

    fn with(&self, write: impl FnOnce(&mut Active)) {
        let mut active = self.active();
        if let Some(found) = active.as_mut() {
            if found.ends <= Instant::now() || found.room == 0 {
                *active = None;
            } else {
                write(found);
            }
        }
    }

    fn active(&self) -> MutexGuard<'_, Option<Active>> {
        self.0.active.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.0.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recent {
    fn add(&mut self, piece: Piece) {
        let before = self.pieces.iter_mut().rev();
        let mut before =
            before.filter(|it| it.link == piece.link && it.direction == piece.direction);
        // What follows on what is not kept is not kept either, so that one flood leaves the rest here.
        if let Some(before) = before.next().filter(|it| it.left_out > 0 && !piece.whole) {
            before.left_out += piece.bytes.len() + piece.left_out;
            return;
        }
        self.size += piece.bytes.len();
        self.pieces.push_back(piece);
        while self.pieces.len() > PIECES || self.size > PIECES_LIMIT {
            self.size -= self.pieces.pop_front().map_or(0, |piece| piece.bytes.len());
        }
    }

    fn lines(&self, mut capture: Capture) -> Vec<String> {
        let mut lines = VecDeque::new();
        for Piece { link, kind, direction, version, whole, bytes, left_out } in &self.pieces {
            if *whole {
                // What is left of a piece that was cut belongs to nothing.
                capture.forget_side(*link, *direction);
            } else if !capture.knows(*link, *direction) {
                continue;
            }
            let place = place(*link, *kind);
            let taken = capture.take(*link, *kind, *direction, *version, bytes);
            lines.extend(taken.into_iter().map(|line| format!("{place} {line}")));
            if *left_out > 0 {
                lines.push_back(format!("{place} ({left_out} bytes more)"));
            }
            while lines.len() > PIECES {
                lines.pop_front();
            }
        }
        lines.into()
    }
}

impl Active {
    fn write(&mut self, line: &str) {
        let at = self.began.elapsed();
        let line = match self.left_out {
            0 => format!("{:>5}.{:03} {line}", at.as_secs(), at.subsec_millis()),
            some => format!("- {some} lines were left out\n{:>5} {line}", at.as_secs()),
        };
        self.room = self.room.saturating_sub(u64::try_from(line.len()).unwrap_or(u64::MAX));
        match self.lines.try_send(line) {
            Ok(()) => self.left_out = 0,
            Err(TrySendError::Full(_)) => self.left_out += 1,
            // The disk is full or gone: nothing more is kept.
            Err(TrySendError::Disconnected(_)) => self.room = 0,
        }
    }
}

fn place(link: u64, kind: LinkKind) -> String {
    match kind {
        LinkKind::Notification => format!("NS{link}"),
        LinkKind::Switchboard => format!("SB{link}"),
    }
}

fn create(file: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;

        options.mode(0o600);
    }
    options.open(file)
}

impl std::fmt::Debug for TraceSwitch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TraceSwitch").field("on", &self.is_on()).finish()
    }
}
