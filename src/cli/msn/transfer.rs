//! `msn file`, `msn avatar`: what goes from peer to peer.

use std::{
    fs::{self, OpenOptions},
    io::{self, IsTerminal as _, Read as _, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clap::{Args, Subcommand};
use msnp::{
    ChatId, Event, Events, FileContext, Handle, OBJECT_LIMIT, Object, PeerEvent, TransferError,
    TransferId,
};
use serde_json::json;
use tokio::time::timeout;

use super::{Show, connect_failure, end_after, own::done};
use crate::Failure;

/// How long a contact may take to show a picture.
const SHOWN: Duration = Duration::from_secs(15);
/// Bytes between two lines about the progress.
const STEP: u64 = 1024 * 1024;

/// What is waited for, and where it goes.
#[derive(Args, Debug)]
pub(super) struct Wanted {
    /// The directory to write it to, under the name it has.
    #[arg(long, value_name = "DIRECTORY", default_value = ".")]
    pub(super) into: PathBuf,
    /// Only what comes from this address.
    #[arg(long, value_name = "ADDRESS")]
    pub(super) from: Option<String>,
    /// Wait no longer than so many seconds.
    #[arg(long)]
    pub(super) seconds: Option<u64>,
}

#[derive(Debug, Subcommand)]
pub(super) enum File {
    /// Wait for a file, take it, write it to a new file.
    Receive(Wanted),
    /// Offer a file, and send it when it is taken.
    Send {
        /// Whom to send it to.
        to: String,
        /// The file.
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Avatar {
    /// Fetch a contact's picture to a new file.
    Get {
        /// Her address.
        who: String,
        /// The file.
        file: PathBuf,
    },
    /// Show a picture as long as the session lasts, and send it to whoever asks.
    Set {
        /// The file: PNG, JPEG or GIF.
        file: PathBuf,
        /// Stay so many seconds; until stopped when it is left out.
        #[arg(long)]
        seconds: Option<u64>,
    },
}

pub(super) async fn file(
    show: &Show,
    handle: &Handle,
    events: &mut Events,
    action: File,
) -> Result<(), Failure> {
    match action {
        File::Send { to, file } => send(show, handle, events, &to, &file).await,
        File::Receive(Wanted { into, from, seconds }) => {
            tokio::select! {
                received = receive(show, handle, events, &into, from.as_deref()) => received,
                () = end_after(seconds) => {
                    Err(Failure::Temporary("no file came in time".to_owned()))
                }
            }
        }
    }
}

pub(super) async fn avatar(
    show: &Show,
    handle: &Handle,
    events: &mut Events,
    account: &str,
    action: Avatar,
) -> Result<(), Failure> {
    match action {
        Avatar::Get { who, file } => fetch(show, handle, events, &who, &file).await,
        Avatar::Set { file, seconds } => {
            let image = image(&file)?;
            let picture = Object::describing(account, Object::PICTURE, "TFR1.tmp", &image);
            show.value(&json!({ "event": "picture", "hash": picture.hash }));
            done(handle.serve_object(picture.clone(), Arc::from(image)).await)?;
            done(handle.set_picture(Some(picture)).await)?;
            tokio::select! {
                outcome = super::watch(show, handle, events) => outcome,
                () = end_after(seconds) => Ok(()),
            }
        }
    }
}

/// Reads a picture that peers can be given.
pub(super) fn image(file: &Path) -> Result<Vec<u8>, Failure> {
    let image = fs::read(file).map_err(|error| unusable(file, &error))?;
    let fits = u64::try_from(image.len()).is_ok_and(|length| length <= OBJECT_LIMIT);
    if ending_of(&image).is_none() || !fits {
        let text = "not a PNG, JPEG or GIF of at most 1 MiB";
        return Err(Failure::Usage(format!("{}: {text}", file.display())));
    }
    Ok(image)
}

/// Gives what a picture's file is called after its name; none where it is no picture.
pub(super) fn ending_of(image: &[u8]) -> Option<&'static str> {
    let known: [(&[u8], _); 3] = [(b"\x89PNG", "png"), (b"\xFF\xD8\xFF", "jpg"), (b"GIF8", "gif")];
    known.iter().find(|(head, _)| image.starts_with(head)).map(|(_, ending)| *ending)
}

pub(super) fn unusable(file: &Path, error: &io::Error) -> Failure {
    Failure::Usage(format!("{}: {error}", file.display()))
}

fn failed(error: TransferError) -> Failure {
    match error {
        TransferError::Busy
        | TransferError::Interrupted
        | TransferError::NoAnswer
        | TransferError::NotReached
        | TransferError::Stalled
        | TransferError::Unconfirmed => Failure::Temporary(error.to_string()),
        error => Failure::Failed(error.to_string()),
    }
}

/// Gives the next event of a transfer.
async fn next(show: &Show, handle: &Handle, events: &mut Events) -> Result<PeerEvent, Failure> {
    while let Some(event) = events.next().await {
        match event {
            Event::Transfer(event) => return Ok(event),
            Event::Closed { reason } => return Err(connect_failure(&reason.into())),
            event => show.event(handle, &event),
        }
    }
    Err(Failure::Temporary("the session ended".to_owned()))
}

async fn send(
    show: &Show,
    handle: &Handle,
    events: &mut Events,
    to: &str,
    path: &Path,
) -> Result<(), Failure> {
    let mut file = fs::File::open(path).map_err(|error| unusable(path, &error))?;
    let size = file.metadata().map_err(|error| unusable(path, &error))?.len();
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut progress = Progress::new(show, &name, size);
    let offer = FileContext { size, name, preview: Vec::new() };
    let chat = ChatId::with(to);
    let offered = handle.offer_file(&chat, chat.as_str(), offer).await;
    let own = offered.map_err(|error| Failure::Failed(format!("{to}: {error}")))?;
    show.value(&json!({ "event": "file_sending", "transfer": own.0, "size": size }));
    loop {
        match next(show, handle, events).await? {
            PeerEvent::Wants { transfer, most } if transfer == own => {
                let mut bytes = Vec::new();
                let mut part = io::Read::by_ref(&mut file).take(u64::try_from(most).unwrap_or(0));
                part.read_to_end(&mut bytes).map_err(|error| unusable(path, &error))?;
                if bytes.is_empty() {
                    done(handle.cancel_transfer(own).await)?;
                    let text = "it is shorter than it was";
                    return Err(Failure::Failed(format!("{}: {text}", path.display())));
                }
                progress.add(bytes.len());
                // It may be over by now, and then its last event says why.
                let _ = handle.feed_file(own, bytes).await;
            }
            PeerEvent::Ended { transfer, outcome } if transfer == own => {
                progress.end();
                outcome.map_err(failed)?;
                show.value(&json!({ "event": "file_sent", "transfer": own.0, "size": size }));
                return Ok(());
            }
            _ => {}
        }
    }
}

async fn receive(
    show: &Show,
    handle: &Handle,
    events: &mut Events,
    into: &Path,
    wanted: Option<&str>,
) -> Result<(), Failure> {
    loop {
        let event = next(show, handle, events).await?;
        let shown = Event::Transfer(event.clone());
        let PeerEvent::Offered { transfer, from, file, .. } = event else {
            continue;
        };
        if wanted.is_some_and(|wanted| !wanted.eq_ignore_ascii_case(&from)) {
            continue;
        }
        show.event(handle, &shown);
        let (path, made) = new_file(into, &file.safe_name())?;
        let written = take(show, handle, events, transfer, &file, (&path, made)).await;
        if written.is_err() {
            // Half of a file is none.
            let _ = fs::remove_file(&path);
        }
        written?;
        show.value(&json!({
            "event": "file_received", "transfer": transfer.0, "file": path, "size": file.size,
        }));
        if !show.json {
            println!("{}", path.display());
        }
        return Ok(());
    }
}

async fn take(
    show: &Show,
    handle: &Handle,
    events: &mut Events,
    own: TransferId,
    file: &FileContext,
    (path, mut made): (&Path, fs::File),
) -> Result<(), Failure> {
    let mut progress = Progress::new(show, &file.safe_name(), file.size);
    done(handle.accept_file(own).await)?;
    loop {
        match next(show, handle, events).await? {
            PeerEvent::Data { transfer, bytes } if transfer == own => {
                if let Err(error) = made.write_all(&bytes) {
                    done(handle.cancel_transfer(own).await)?;
                    return Err(Failure::Failed(format!("{}: {error}", path.display())));
                }
                progress.add(bytes.len());
            }
            PeerEvent::Ended { transfer, outcome } if transfer == own => {
                progress.end();
                outcome.map_err(failed)?;
                return made.sync_all().map_err(|error| unusable(path, &error));
            }
            _ => {}
        }
    }
}

/// Writes what somebody sent to a new file, under a name that is safe.
pub(super) fn write(into: &Path, name: String, bytes: &[u8]) -> Result<PathBuf, Failure> {
    let name = FileContext { size: 0, name, preview: Vec::new() }.safe_name();
    let (path, mut made) = new_file(into, &name)?;
    made.write_all(bytes).map_err(|error| unusable(&path, &error))?;
    Ok(path)
}

/// Makes a file that was not there, under another name where there is one.
fn new_file(into: &Path, name: &str) -> Result<(PathBuf, fs::File), Failure> {
    let (stem, ending) = match name.rsplit_once('.') {
        Some((stem, ending)) => (stem, format!(".{ending}")),
        None => (name, String::new()),
    };
    for number in 1..1000 {
        let name = match number {
            1 => name.to_owned(),
            number => format!("{stem} ({number}){ending}"),
        };
        let path = into.join(name);
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(unusable(&path, &error)),
        }
    }
    Err(Failure::Usage(format!("{}: too many files called {name}", into.display())))
}

async fn fetch(
    show: &Show,
    handle: &Handle,
    events: &mut Events,
    who: &str,
    path: &Path,
) -> Result<(), Failure> {
    let made = OpenOptions::new().write(true).create_new(true).open(path);
    let mut made = made.map_err(|error| unusable(path, &error))?;
    let picture = fetched(show, handle, events, who).await;
    let written = picture.and_then(|picture| {
        made.write_all(&picture).map_err(|error| unusable(path, &error))?;
        Ok(picture.len())
    });
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    show.value(&json!({ "event": "picture", "file": path, "size": written? }));
    Ok(())
}

async fn fetched(
    show: &Show,
    handle: &Handle,
    events: &mut Events,
    who: &str,
) -> Result<Vec<u8>, Failure> {
    let shown = async {
        loop {
            if let Some(description) = handle.contact(who).and_then(|contact| contact.object) {
                return description;
            }
            if events.next().await.is_none() {
                std::future::pending::<()>().await;
            }
        }
    };
    let description = timeout(SHOWN, shown).await;
    let description =
        description.map_err(|_| Failure::Failed(format!("{who} shows no picture")))?;
    object(show, handle, events, &ChatId::with(who), who, &description).await
}

/// Fetches what somebody in a conversation describes.
pub(super) async fn object(
    show: &Show,
    handle: &Handle,
    events: &mut Events,
    chat: &ChatId,
    who: &str,
    description: &str,
) -> Result<Vec<u8>, Failure> {
    let asked = handle.fetch_object(chat, who, description).await;
    let own = asked.map_err(|error| Failure::Failed(format!("{who}: {error}")))?;
    let mut picture = Vec::new();
    loop {
        match next(show, handle, events).await? {
            PeerEvent::Object { transfer, bytes, .. } if transfer == own => picture = bytes,
            PeerEvent::Ended { transfer, outcome } if transfer == own => {
                return outcome.map(|()| picture).map_err(failed);
            }
            _ => {}
        }
    }
}

/// How much of a file went: a line that changes on a terminal, a JSON object now and then elsewhere.
struct Progress<'s> {
    show: &'s Show,
    name: String,
    size: u64,
    gone: u64,
    told: u64,
    terminal: bool,
}

impl<'s> Progress<'s> {
    fn new(show: &'s Show, name: &str, size: u64) -> Self {
        let terminal = !show.json && io::stderr().is_terminal();
        Self { show, name: name.to_owned(), size, gone: 0, told: 0, terminal }
    }

    fn add(&mut self, bytes: usize) {
        self.gone += u64::try_from(bytes).unwrap_or(u64::MAX);
        let step = if self.terminal { (self.size / 100).min(STEP) } else { STEP };
        if self.gone - self.told < step && self.gone < self.size {
            return;
        }
        self.told = self.gone;
        if self.terminal {
            const WIDTH: u64 = 30;
            let done = self.gone.saturating_mul(WIDTH).checked_div(self.size).unwrap_or(WIDTH);
            let bar: String = (0..WIDTH).map(|at| if at < done { '#' } else { '.' }).collect();
            let percent = self.gone.saturating_mul(100).checked_div(self.size).unwrap_or(100);
            eprint!("\r{}  [{bar}] {percent:3} %", self.name);
        }
        self.show.value(&json!({ "event": "progress", "bytes": self.gone, "size": self.size }));
    }

    fn end(&self) {
        if self.terminal {
            eprintln!();
        }
    }
}
