//! One client's connection: frames in, commands out, misdeeds on demand.

use std::time::Duration;

use bytes::BytesMut;
use msnp_proto::{
    ClientCommand, Direction, ErrorCode, Framer, Limits, LinkKind, ServerCommand, Version,
    command::TransactionId,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    sync::mpsc,
    time::{Instant, sleep, sleep_until, timeout},
};

use crate::fault::{Faults, Misdeed};

/// How long a client may take to say who it is.
pub(crate) const GREETING_DEADLINE: Duration = Duration::from_secs(60);
/// How long a write may wait for the client to read.
const WRITE_DEADLINE: Duration = Duration::from_secs(30);

/// Commands that one thing to be told becomes at most.
const ROOM: usize = 8;

/// Reads one client's frames.
pub(crate) struct Reader {
    stream: Box<dyn AsyncRead + Send + Unpin>,
    buffer: BytesMut,
    pub(crate) framer: Framer,
}

/// Says things to one client; its writes happen in a task of their own.
#[derive(Clone)]
pub(crate) struct Speaker {
    outgoing: mpsc::Sender<Vec<u8>>,
    kind: LinkKind,
    pub(crate) version: Version,
}

/// The link cannot go on: the client left, broke the framing, or does not read.
#[derive(Debug)]
pub(crate) struct Ended;

pub(crate) fn split(
    reading: Box<dyn AsyncRead + Send + Unpin>,
    writing: Box<dyn AsyncWrite + Send + Unpin>,
    kind: LinkKind,
    faults: Faults,
) -> (Reader, Speaker, Writing) {
    // A client that lets this much wait does not read, and is cut off.
    let (outgoing, taken) = mpsc::channel(4096);
    let framer = Framer::new(kind, Direction::ToServer, Limits::default());
    let reader = Reader { stream: reading, buffer: BytesMut::new(), framer };
    let speaker = Speaker { outgoing, kind, version: Version::Msnp8 };
    (reader, speaker, Writing { stream: writing, taken, faults })
}

impl Reader {
    /// Takes more bytes into the framer.
    pub(crate) async fn fill(&mut self) -> Result<(), Ended> {
        self.buffer.clear();
        self.buffer.reserve(8 * 1024);
        match self.stream.read_buf(&mut self.buffer).await {
            Ok(0) | Err(_) => Err(Ended),
            Ok(_) => {
                self.framer.push(&self.buffer);
                Ok(())
            }
        }
    }
}

impl Speaker {
    pub(crate) fn say(&self, command: &ServerCommand<'_>) -> Result<(), Ended> {
        let mut bytes = Vec::new();
        command.encode(self.version, self.kind, &mut bytes);
        self.write(bytes)
    }

    pub(crate) fn refuse(&self, trid: TransactionId, code: ErrorCode) -> Result<(), Ended> {
        self.say(&ServerCommand::Error { trid: Some(trid), code, payload: &[] })
    }

    /// Does the misdeed asked for when a client said a verb, if any.
    ///
    /// `Ok(true)` means that the command is not to be handled.
    pub(crate) fn misbehave(
        &self,
        misdeed: Option<Misdeed>,
        command: &ClientCommand<'_>,
    ) -> Result<bool, Ended> {
        match misdeed {
            None => return Ok(false),
            Some(Misdeed::Drop) => return Err(Ended),
            Some(Misdeed::Error(code)) => self.refuse(trid_of(command), ErrorCode(code))?,
            Some(Misdeed::EndlessLine) => self.write(vec![b'A'; 128 * 1024])?,
            Some(Misdeed::LyingLength) => {
                self.write(b"MSG Hotmail Hotmail 99999999999999999999\r\n".to_vec())?;
            }
            Some(Misdeed::Silence) => {}
        }
        Ok(true)
    }

    /// Waits until a few commands more may wait for the client to read.
    pub(crate) async fn ready(&self) -> Result<(), Ended> {
        self.outgoing.reserve_many(ROOM).await.map(drop).map_err(|_| Ended)
    }

    fn write(&self, bytes: Vec<u8>) -> Result<(), Ended> {
        self.outgoing.try_send(bytes).map_err(|_| Ended)
    }
}

/// The writing half of a link.
pub(crate) struct Writing {
    stream: Box<dyn AsyncWrite + Send + Unpin>,
    taken: mpsc::Receiver<Vec<u8>>,
    faults: Faults,
}

impl Writing {
    /// Writes what was said until nobody can say more.
    pub(crate) async fn run(mut self) {
        while let Some(bytes) = self.taken.recv().await {
            let (split, delay) = self.faults.writing();
            if let Some(delay) = delay {
                sleep(delay).await;
            }
            for piece in bytes.chunks(split.unwrap_or(bytes.len()).max(1)) {
                match timeout(WRITE_DEADLINE, self.stream.write_all(piece)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) | Err(_) => return,
                }
            }
        }
        // Closing is a courtesy: the last words are written already.
        let _ = self.stream.shutdown().await;
    }
}

/// Waits until something is due; for ever, where nothing is.
pub(crate) async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// The number a refusal of a command carries.
fn trid_of(command: &ClientCommand<'_>) -> TransactionId {
    match command {
        ClientCommand::Answer { trid, .. }
        | ClientCommand::AskNetworks { trid, .. }
        | ClientCommand::AskSchemes { trid }
        | ClientCommand::AuthenticateCircles { trid, .. }
        | ClientCommand::Datagram { trid, .. }
        | ClientCommand::Publish { trid, .. }
        | ClientCommand::TellLists { trid, .. }
        | ClientCommand::UserNotice { trid, .. }
        | ClientCommand::AuthenticateAs { trid, .. }
        | ClientCommand::AuthenticateWith { trid, .. }
        | ClientCommand::Call { trid, .. }
        | ClientCommand::ChallengeAnswer { trid, .. }
        | ClientCommand::ChangeStatus { trid, .. }
        | ClientCommand::ClientVersion { trid, .. }
        | ClientCommand::ContactProperty { trid, .. }
        | ClientCommand::EditList { trid, .. }
        | ClientCommand::EditGroup { trid, .. }
        | ClientCommand::Enter { trid, .. }
        | ClientCommand::Message { trid, .. }
        | ClientCommand::Privacy { trid, .. }
        | ClientCommand::Property { trid, .. }
        | ClientCommand::Rename { trid, .. }
        | ClientCommand::RequestSwitchboard { trid }
        | ClientCommand::SetPersonalMessage { trid, .. }
        | ClientCommand::Synchronize { trid, .. }
        | ClientCommand::Url { trid, .. }
        | ClientCommand::Version { trid, .. } => *trid,
        _ => 0,
    }
}
