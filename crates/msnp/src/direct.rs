//! Direct links with peers: listening, connecting, carrying bytes. Whether and with whom is decided elsewhere.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use futures_util::{
    StreamExt as _,
    future::{AbortHandle, Abortable, BoxFuture},
    stream::FuturesUnordered,
};
use msnp_proto::{
    p2p::direct::{DirectAction, DirectId, DirectNews},
    session::Session,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf},
    sync::mpsc,
    time::{Duration, sleep, timeout},
};

use crate::{
    config::Direct,
    dial::{Dial, Stream, listen_direct},
    link::WRITE_DEADLINE,
};

/// Bytes that a connection is given to write at once, and that it reads.
const PIECE: usize = 128 * 1024;
/// Pieces that a connection may have to write: the next is made while one is written. With what the system
/// holds of them it is less than is kept to be sent again.
const WRITES: usize = 2;
/// News that may wait to be taken. Each piece that came waits there: when the application is behind, reading
/// pauses, and TCP holds the peers back.
const NEWS: usize = 4;
/// Buffers that are kept to be used again.
const SPARE: usize = 4;

/// What the tasks of direct links tell the driver.
pub(crate) enum DirectTold {
    Accepted(DirectId, Box<dyn Stream>),
    Bytes(DirectId, Vec<u8>),
    Closed(DirectId),
    Listening(DirectId, u16),
    Opened(DirectId),
    /// A piece that it was given is written.
    Wrote(DirectId),
}

/// The direct links of a session. When they are dropped, all are closed.
pub(crate) struct DirectLinks {
    config: Direct,
    dial: Arc<dyn Dial>,
    news: mpsc::Receiver<DirectTold>,
    teller: mpsc::Sender<DirectTold>,
    open: HashMap<DirectId, Open>,
    /// They run inside the session's task, so that no piece waits for another task.
    carried: FuturesUnordered<Abortable<BoxFuture<'static, ()>>>,
    spare: Spare,
}

/// Buffers that are used again. As many as one link needs are kept as long as links are allowed.
#[derive(Clone, Default)]
struct Spare(Arc<Mutex<Vec<Vec<u8>>>>);

impl Spare {
    fn take(&self) -> Vec<u8> {
        let spare = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        spare.unwrap_or_else(|| Vec::with_capacity(PIECE))
    }

    fn give(&self, mut buffer: Vec<u8>) {
        let mut spare = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < SPARE {
            buffer.clear();
            spare.push(buffer);
        }
    }

    fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

struct Open {
    task: AbortHandle,
    /// What it is to write; none where it listens.
    outgoing: Option<mpsc::Sender<Vec<u8>>>,
    /// Pieces that it has not written yet.
    writes: usize,
}

impl DirectLinks {
    pub(crate) fn new(config: Direct, dial: Arc<dyn Dial>) -> Self {
        let (teller, news) = mpsc::channel(NEWS);
        let (open, carried) = (HashMap::new(), FuturesUnordered::new());
        Self { config, dial, news, teller, open, carried, spare: Spare::default() }
    }

    /// Carries the connections' bytes until they tell something that may be taken. Cancel safe.
    pub(crate) async fn told(&mut self, takes: bool) -> Option<DirectTold> {
        loop {
            tokio::select! {
                biased;
                Some(_) = self.carried.next() => {}
                told = self.news.recv(), if takes => return told,
                else => return None,
            }
        }
    }

    pub(crate) fn perform(&mut self, action: DirectAction) {
        match action {
            DirectAction::Close(id) => {
                if let Some(open) = self.open.remove(&id) {
                    open.task.abort();
                    self.closed();
                }
            }
            DirectAction::Connect(id, address) => {
                let dial = Arc::clone(&self.dial);
                self.carry(id, async move {
                    let opened = dial.dial_direct(address).await;
                    opened.inspect_err(|error| tracing::debug!(%error, "no direct connection")).ok()
                });
            }
            DirectAction::Listen(id) => {
                let task = self.run(Box::pin(listen(id, self.config.clone(), self.teller.clone())));
                self.open.insert(id, Open { task, outgoing: None, writes: 0 });
            }
            action => tracing::debug!(?action, "not known what to do"),
        }
    }

    pub(crate) fn take(&mut self, session: &mut Session, now: Instant, told: DirectTold) {
        match told {
            DirectTold::Accepted(listening, stream) => {
                // Without a name nobody waits for it, and it is closed.
                if let Some(id) = session.handle_accepted(listening) {
                    self.carry(id, async move { Some(stream) });
                }
            }
            DirectTold::Bytes(id, bytes) if self.open.contains_key(&id) => {
                session.handle_direct(now, DirectNews::Bytes(id, &bytes));
                self.spare.give(bytes);
            }
            DirectTold::Closed(id) => {
                self.open.remove(&id);
                self.closed();
                session.handle_direct(now, DirectNews::Closed(id));
            }
            DirectTold::Listening(id, port) => {
                session.handle_direct(now, DirectNews::Listening(id, port));
            }
            DirectTold::Opened(id) => session.handle_direct(now, DirectNews::Opened(id)),
            DirectTold::Wrote(id) => {
                if let Some(open) = self.open.get_mut(&id) {
                    open.writes = open.writes.saturating_sub(1);
                }
            }
            DirectTold::Bytes(..) => {}
        }
    }

    /// Gives each connection that has written everything what there is for it; true when there was something.
    pub(crate) fn write(&mut self, session: &mut Session, now: Instant) -> bool {
        let mut given = false;
        for (id, open) in self.open.iter_mut().filter(|(_, open)| open.writes < WRITES) {
            let Some(outgoing) = &open.outgoing else {
                continue;
            };
            let mut bytes = self.spare.take();
            if session.poll_direct(now, *id, PIECE, &mut bytes) {
                // A connection that has just ended says so.
                open.writes += usize::from(outgoing.try_send(bytes).is_ok());
                given = true;
            } else {
                self.spare.give(bytes);
            }
        }
        given
    }

    fn carry(
        &mut self,
        id: DirectId,
        stream: impl Future<Output = Option<Box<dyn Stream>>> + Send + 'static,
    ) {
        let (outgoing, taken) = mpsc::channel(WRITES);
        let carried = carry(id, stream, taken, self.teller.clone(), self.spare.clone());
        let task = self.run(Box::pin(carried));
        self.open.insert(id, Open { task, outgoing: Some(outgoing), writes: 0 });
    }

    fn run(&self, carried: BoxFuture<'static, ()>) -> AbortHandle {
        let (task, registration) = AbortHandle::new_pair();
        self.carried.push(Abortable::new(carried, registration));
        task
    }

    /// Gives memory back when there are no more links.
    fn closed(&mut self) {
        if self.open.is_empty() {
            self.spare.clear();
        }
    }
}

/// Listens until it is aborted; there is a deadline for that in the session.
async fn listen(id: DirectId, config: Direct, news: mpsc::Sender<DirectTold>) {
    let listener = listen_direct(config.listen, config.ports);
    let port = listener.as_ref().ok().and_then(|listener| Some(listener.local_addr().ok()?.port()));
    let (Ok(listener), Some(port)) = (listener, port) else {
        tracing::debug!("no port to listen at for a direct link");
        return told(&news, DirectTold::Closed(id)).await;
    };
    told(&news, DirectTold::Listening(id, port)).await;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let _ = stream.set_nodelay(true); // it is only faster with it
                told(&news, DirectTold::Accepted(id, Box::new(stream))).await;
            }
            // Too many files are open, or the connection is gone already.
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn carry(
    id: DirectId,
    stream: impl Future<Output = Option<Box<dyn Stream>>>,
    mut outgoing: mpsc::Receiver<Vec<u8>>,
    news: mpsc::Sender<DirectTold>,
    spare: Spare,
) {
    if let Some(stream) = stream.await {
        told(&news, DirectTold::Opened(id)).await;
        let (mut reader, mut writer) = tokio::io::split(stream);
        tokio::select! {
            () = read(id, &mut reader, &news, &spare) => {}
            () = write(id, &mut writer, &mut outgoing, &news, &spare) => {}
        }
    }
    told(&news, DirectTold::Closed(id)).await;
}

async fn read(
    id: DirectId,
    reader: &mut ReadHalf<Box<dyn Stream>>,
    news: &mpsc::Sender<DirectTold>,
    spare: &Spare,
) {
    loop {
        let mut buffer = spare.take();
        match reader.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(_) => told(news, DirectTold::Bytes(id, buffer)).await,
        }
    }
}

async fn write(
    id: DirectId,
    writer: &mut WriteHalf<Box<dyn Stream>>,
    outgoing: &mut mpsc::Receiver<Vec<u8>>,
    news: &mpsc::Sender<DirectTold>,
    spare: &Spare,
) {
    while let Some(bytes) = outgoing.recv().await {
        match timeout(WRITE_DEADLINE, writer.write_all(&bytes)).await {
            Ok(Ok(())) => {
                spare.give(bytes);
                told(news, DirectTold::Wrote(id)).await;
            }
            Ok(Err(_)) | Err(_) => return,
        }
    }
}

async fn told(news: &mpsc::Sender<DirectTold>, what: DirectTold) {
    // The driver may be gone already; then nobody wants to know.
    let _ = news.send(what).await;
}
